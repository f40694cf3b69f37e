"""The close of a month through the queue: every store evaluates itself, then the group compares."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from dramatiq import Worker
from dramatiq.asyncio import get_event_loop_thread
from prometheus_client import CollectorRegistry
from sqlalchemy import select

from forecourt.clock import SetClock
from forecourt.domain.benchmark import actions
from forecourt.domain.benchmark.model import BenchmarkRun, BenchmarkShare, BenchmarkStore, MonthClose, StoreStat
from forecourt.domain.evaluation import actions as evaluation
from forecourt.domain.work import Platform
from forecourt.errors import Forbidden, Invalid
from forecourt.jobs import audit as audit_jobs
from forecourt.jobs import evaluation as evaluation_jobs
from forecourt.jobs import interchange as interchange_jobs
from forecourt.jobs.broker import PostgresBroker, make_broker
from forecourt.jobs.context import JobContext
from forecourt.jobs.middleware import JobMetrics, job_middleware
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.names import CONTROL
from forecourt.tenancy.session import store_session
from tests.conftest import World
from tests.shop import EXPECTED, LATER, Harmony, Shop, group_work, harmony_files

pytestmark = pytest.mark.anyio

MONTH = "2026-09"


@contextmanager
def working(harmony: Harmony, *, retries: int = 0) -> Iterator[PostgresBroker]:
    """A worker of the product's jobs in this process."""
    database = harmony.database
    engines = Engines(database.server, database.settings)
    broker = make_broker(
        database.settings,
        database.server.conninfo(CONTROL),
        middleware=job_middleware(
            lambda group_id, store_id: None,
            metrics=JobMetrics(CollectorRegistry()),
            max_retries=retries,
            min_backoff_ms=10,
            max_backoff_ms=20,
        ),
    )
    context = JobContext(Platform(engines, SetClock(LATER)))
    for module in (audit_jobs, evaluation_jobs, interchange_jobs):
        module.register(broker, context)
    broker.queue.open()
    worker = Worker(broker, worker_threads=4, worker_timeout=100)
    broker.emit_after("process_boot")
    worker.start()
    try:
        yield broker
    finally:
        broker.stop_taking()
        for thread in worker.workers:
            thread.stop()
        for thread in worker.workers:
            thread.join(5)
        loop = get_event_loop_thread()
        assert loop is not None
        loop.run_coroutine(engines.aclose())
        worker.stop(timeout=5_000)
        broker.close()


async def until(shop: Shop, query: str, wanted: object, *, seconds: float = 60) -> None:
    """Wait for the database to say so."""
    end = asyncio.get_running_loop().time() + seconds
    while (found := shop.one(query)) != wanted:
        assert asyncio.get_running_loop().time() < end, (query, found)
        await asyncio.sleep(0.05)


async def start(harmony: Harmony, engines: Engines, **options: Any) -> MonthClose:
    async with group_work(engines, harmony.group) as work:
        return await actions.start_close(work, MONTH, **options)


def clear(shop: Shop) -> None:
    tables = "job, dead_job, benchmark_share, benchmark_store, benchmark_run, store_stat, store_close, month_close"
    shop.sql("truncate " + ", ".join(f"control.{table}" for table in tables.split(", ")))


@pytest.fixture
def shop(harmony: Harmony, engines: Engines) -> Iterator[Shop]:
    """Any store of the group, the queue and the benchmark being empty."""
    shop = harmony.shop(engines, "HX01")
    clear(shop)
    yield shop
    clear(shop)


def done(close: MonthClose) -> str:
    return f"select state from control.month_close where id = '{close.id}'"


def runs(number: int) -> str:
    return f"select count(*) = 3 from control.benchmark_run where number = {number}"


def agrees(found: Any, wanted: Any, path: str = "") -> None:
    """Equal where exact; limits and intervals to 1e-9, what the model gives to 1e-6."""
    if isinstance(wanted, dict):
        for key, value in wanted.items():
            agrees(found[key], value, f"{path}/{key}")
    elif isinstance(wanted, list):
        assert len(found) == len(wanted), path
        for at, (one, other) in enumerate(zip(found, wanted, strict=True)):
            agrees(one, other, f"{path}/{at}")
    elif isinstance(wanted, float):
        model = path.rpartition("/")[2] in ("eb", "m", "theta", "tau", "a", "b")
        tolerance = 1e-6 * max(1.0, abs(wanted)) if model else 1e-9
        assert abs(found - wanted) <= tolerance, (path, found, wanted)
    else:
        assert found == wanted, path


async def reports(harmony: Harmony, engines: Engines) -> dict[str, Any]:
    async with group_work(engines, harmony.group) as work:
        found = await work.session.scalars(select(BenchmarkRun).where(BenchmarkRun.state == "PUBLISHED"))
        return {run.kpi: run.report for run in found}


def expected_benchmark() -> dict[str, Any]:
    found = EXPECTED["benchmark"]
    return {one["kpi"]: one for one in found} if isinstance(found, list) else dict(found)


async def test_the_close_of_harmony_equals_the_expected_benchmark(
    harmony: Harmony, engines: Engines, shop: Shop
) -> None:
    close = await start(harmony, engines)
    with working(harmony):
        await until(shop, done(close), "DONE")
    found, wanted = await reports(harmony, engines), expected_benchmark()
    assert found.keys() == wanted.keys()
    agrees(found, wanted)
    assert all(report["missing"] == [{"store": "HX09", "reason": "NO_EXPORT"}] for report in found.values())
    assert shop.one("select count(*) from control.dead_job") == 0
    lines = shop.sql("select missing, n from control.benchmark_store where missing is not null")
    assert lines == [("NO_EXPORT", None)] * 3


async def test_each_store_sees_its_own_share_and_nothing_else(
    world: World, harmony: Harmony, engines: Engines, shop: Shop
) -> None:
    close = await start(harmony, engines)
    with working(harmony):
        await until(shop, done(close), "DONE")
    for code in ("HX01", "HX09"):
        store = harmony.stores[code]
        async with store_session(engines, store) as session:
            shares = (await session.scalars(select(BenchmarkShare))).all()
            assert {share.store_id for share in shares} == {store.id}
            assert len(shares) == 3
            assert all((share.view["own"] is None) == (code == "HX09") for share in shares)
    text = str(shop.sql("select view from control.benchmark_share"))
    assert "HX0" not in text
    assert all(store.name not in text for store in harmony.stores.values())
    for model in (BenchmarkRun, BenchmarkStore, BenchmarkShare, StoreStat, MonthClose):
        async with group_work(engines, world.groups["b"]) as work:
            assert (await work.session.scalars(select(model))).all() == []


async def test_a_failing_store_is_listed_and_a_late_success_gives_a_new_number(
    harmony: Harmony, engines: Engines, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, real = harmony.stores["HX03"].id, evaluation.evaluate_month

    async def sick(work: Any, month: str) -> Any:
        if work.store.id == broken:
            raise RuntimeError("disk full")
        return await real(work, month)

    with monkeypatch.context() as patched:
        patched.setattr(evaluation, "evaluate_month", sick)
        close = await start(harmony, engines)
        with working(harmony, retries=2):
            await until(shop, done(close), "DONE")
            await until(shop, "select count(*) from control.dead_job", 1)
    found = await reports(harmony, engines)
    assert [one["reason"] for one in found["S01"]["missing"]] == ["FAILED", "NO_EXPORT"]
    assert "HX03" not in found["S01"]["cohort"]
    # It failed three times, and that is one comparison.
    assert shop.one("select max(number) from control.benchmark_run") == 1
    shop.sql(
        """insert into control.job (id, group_id, store_id, queue, actor, args, run_at)
           select job_id, group_id, store_id, queue, actor, args, now() from control.dead_job"""
    )
    with working(harmony):
        await until(shop, runs(2), True)
    agrees(await reports(harmony, engines), expected_benchmark())


async def test_the_deadline_ends_the_waiting(harmony: Harmony, engines: Engines, shop: Shop) -> None:
    close = await start(harmony, engines, deadline=timedelta(0))
    shop.sql("update control.job set run_at = now() + interval '1 hour' where store_id = %s", harmony.stores["HX02"].id)
    shop.sql("update control.job set run_at = now() + interval '2 s' where actor = 'benchmark.deadline'")
    with working(harmony):
        await until(shop, done(close), "DONE")
        missing = (await reports(harmony, engines))["S01"]["missing"]
        late = {"store": "HX02", "reason": "TIMEOUT"}
        assert late in missing
        shop.sql("update control.job set run_at = now()")
        await until(
            shop,
            "select count(*) from control.benchmark_run where state = 'PUBLISHED' and report::text not like '%TIMEOUT%'",
            3,
        )


async def test_two_closes_at_once_are_one(harmony: Harmony, engines: Engines, shop: Shop) -> None:
    one, other = await asyncio.gather(start(harmony, engines), start(harmony, engines))
    assert one.id == other.id
    assert shop.one("select count(*) from control.job where actor = 'evaluation.close_store'") == len(harmony.stores)


async def test_a_store_late_for_an_older_close_does_not_replace_the_newer_benchmark(
    harmony: Harmony, engines: Engines, shop: Shop
) -> None:
    first = await start(harmony, engines)
    shop.sql("update control.month_close set state = 'DONE' where id = %s", first.id)
    second = await start(harmony, engines)
    assert (second.number, second.id != first.id) == (2, True)
    shop.sql(f"update control.job set run_at = now() + interval '1 hour' where args->>'close_id' = '{first.id}'")
    with working(harmony):
        await until(shop, done(second), "DONE")
        shop.sql("update control.job set run_at = now() where actor = 'evaluation.close_store'")
        await until(shop, "select count(*) from control.job where actor <> 'benchmark.deadline'", 0)
    assert shop.one("select max(number) from control.benchmark_run") == 1
    assert shop.sql("select distinct close_id from control.benchmark_run") == [(second.id,)]


@pytest.mark.parametrize("status", ["SUSPENDED", "CLOSING"])
async def test_a_store_that_does_not_trade_is_evaluated_and_not_compared(
    harmony: Harmony, engines: Engines, shop: Shop, status: str
) -> None:
    store_id = harmony.stores["HX04"].id
    shop.sql("update control.store set status = %s where id = %s", status, store_id)
    try:
        close = await start(harmony, engines)
        with working(harmony):
            await until(shop, done(close), "DONE")
    finally:
        shop.sql("update control.store set status = 'ACTIVE' where id = %s", store_id)
    report = (await reports(harmony, engines))["S01"]
    assert "HX04" not in report["cohort"]
    assert "HX04" not in [one["store"] for one in report["missing"]]
    assert shop.one("select state from control.store_close where store_id = %s", store_id) == "DONE"
    assert harmony.shop(engines, "HX04").one("select count(*) > 0 from {s}.evaluation_run where month = '2026-09'")


async def test_a_store_whose_only_batch_was_refused_is_missing_for_it(
    harmony: Harmony, engines: Engines, shop: Shop
) -> None:
    other = harmony.shop(engines, "HX09")
    files = harmony_files("HX06")
    del files["calls.csv"]
    assert (await other.bring(files))["result"] == "REFUSED"
    shop.sql("delete from control.job")
    try:
        close = await start(harmony, engines)
        with working(harmony):
            await until(shop, done(close), "DONE")
    finally:
        other.sql("truncate {s}.import_batch cascade")
    assert {"store": "HX09", "reason": "REFUSED"} in (await reports(harmony, engines))["S01"]["missing"]


async def test_a_close_needs_the_permission_and_a_month_that_began(
    harmony: Harmony, engines: Engines, shop: Shop
) -> None:
    nobody = replace(shop.person("STORE_GM"), memberships=())
    with pytest.raises(Forbidden):
        async with group_work(engines, harmony.group, actor=nobody) as work:
            await actions.start_close(work, MONTH)
    for month in ("2127-01", "2026-9", "x"):
        with pytest.raises(Invalid):
            async with group_work(engines, harmony.group) as work:
                await actions.start_close(work, month)


async def test_an_import_job_delivered_twice_has_its_effect_once(
    world: World, harmony: Harmony, engines: Engines, shop: Shop
) -> None:
    world.truncate("a2")
    other = Shop(shop.server, shop.platform, world.stores["a2"])
    await other.receive(harmony_files("HX06"))
    keep: Callable[[], list[tuple[Any, ...]]] = lambda: other.sql(  # noqa: E731  (a view of the store, twice)
        "select entity, event, count(*) from {s}.change_event group by 1, 2 order by 1, 2"
    )
    job: list[tuple[UUID, Any]] = shop.sql("select id, to_jsonb(j) from control.job j where actor like 'interchange%'")
    with working(harmony):
        await until(other, "select state from {s}.import_batch", "MERGED")
        await until(shop, "select count(*) from control.job", 0)
        before = keep()
        shop.sql(
            """insert into control.job (id, group_id, store_id, queue, actor, args, run_at)
               select %s, group_id, id, 'default', 'interchange.import_batch',
                 jsonb_build_object('batch_id', (select id from {s}.import_batch)::text), now()
               from control.store where id = %s""".replace("{s}", other.store.schema),
            job[0][0],
            other.store.id,
        )
        await until(shop, "select count(*) from control.job", 0)
    assert keep() == before
    assert shop.one("select count(*) from control.dead_job") == 0

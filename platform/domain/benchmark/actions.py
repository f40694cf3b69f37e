"""Closing a month of a group: ask every store, collect what they publish, compare, publish (domain section 3.11).

One store that fails or is late never blocks the others: it is listed as missing, not as zero.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from ...errors import Invalid, NotFound
from ...tenancy.control import Store
from ...tenancy.ids import new_id
from ..evaluation.calendar_rules import Month
from ..work import GroupWork
from .model import BenchmarkRun, BenchmarkShare, BenchmarkStore, MonthClose, StoreClose, StoreStat
from .rules import Benchmark, Missing, StoreCount, StoreView, benchmark, benchmark_report, published
from .rules import StoreStat as Standing

#: What stores are compared by (docs/interchange.md section 9).
BENCHMARK_KPIS = ("S01", "S02", "S03_SERVICE")
#: How long a close waits for its slowest store.
DEADLINE = timedelta(minutes=30)
FINISHED = ("DONE", "FAILED", "MISSING")


@dataclass(frozen=True, slots=True)
class Figure:
    """A KPI's counts that a store publishes; `x` is None where the KPI is not a share."""

    kpi: str
    x: int | None
    n: int


async def start_close(work: GroupWork, month: str, *, deadline: timedelta = DEADLINE) -> MonthClose:
    """Begin the close of a month: one evaluation job per store, and the comparison when all are done or time is up.

    A close of the same month that is still running is returned instead of a second one.

    Raises:
        Invalid: the month is not YYYY-MM, or has not begun in the group's time zone.
    """
    work.require("evaluation:month:close")
    when = Month.parse(month)
    if work.now.date() < when.first_day - timedelta(days=1):
        raise Invalid("this month has not begun", path=("month",), month=month)
    await _lock_month(work, month)
    newest = await _newest_close(work, month)
    if newest is not None and newest.state == "RUNNING":
        return newest
    close = MonthClose(
        id=new_id(),
        group_id=work.group.id,
        month=month,
        number=newest.number + 1 if newest else 1,
        state="RUNNING",
        requested_by=work.actor.key,
        started_at=work.now,
        deadline=work.now + deadline,
    )
    work.session.add(close)
    await work.session.flush()
    stores = (await work.session.scalars(select(Store).where(Store.state != "DELETED").order_by(Store.code))).all()
    for store in stores:
        open_now = store.state == "ACTIVE"
        work.session.add(
            StoreClose(
                id=new_id(),
                group_id=work.group.id,
                close_id=close.id,
                store_id=store.id,
                state="WAITING" if open_now else "MISSING",
                reason=None if open_now else store.state,
                finished_at=None if open_now else work.now,
            )
        )
        if open_now:
            work.enqueue("evaluation.close_store", store_id=store.id, month=month, close_id=str(close.id))
    work.enqueue("benchmark.deadline", close_id=str(close.id), run_at=close.deadline)
    work.tell_of_closes()
    work.audit("benchmark.start_close", "MonthClose", close.id, after={"month": month, "number": close.number})
    await work.session.flush()
    await _compare_when_finished(work, close.id)
    return close


async def _lock_month(work: GroupWork, month: str) -> None:
    await work.session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"close/{work.group.id}/{month}"))))


async def _newest_close(work: GroupWork, month: str) -> MonthClose | None:
    query = select(MonthClose).where(MonthClose.month == month).order_by(MonthClose.number.desc()).limit(1)
    return (await work.session.scalars(query)).first()


async def publish_figures(
    work: GroupWork,
    close_id: UUID,
    store_id: UUID,
    *,
    month: str,
    run_id: UUID,
    run_number: int,
    provisional: bool,
    figures: Iterable[Figure],
) -> None:
    """Take a store's aggregates of a month into the group's rows; the newest run replaces what an older one published."""
    work.require("evaluation:month:close")
    rows = [
        {
            "id": new_id(),
            "group_id": work.group.id,
            "store_id": store_id,
            "month": month,
            "kpi": figure.kpi,
            "x": figure.x,
            "n": figure.n,
            "run_id": run_id,
            "run_number": run_number,
            "provisional": provisional,
            "published_at": work.now,
        }
        for figure in figures
    ]
    statement = pg_insert(StoreStat).values(rows)
    replaced = ("x", "n", "run_id", "run_number", "provisional", "published_at")
    await work.session.execute(
        statement.on_conflict_do_update(
            index_elements=["store_id", "month", "kpi"],
            set_={name: statement.excluded[name] for name in replaced},
            where=StoreStat.run_number <= statement.excluded.run_number,
        )
    )
    work.audit("benchmark.take_figures", "Store", store_id, after={"month": month, "run": str(run_id)})
    await finish_store(work, close_id, store_id, state="DONE", run_id=run_id)


async def finish_store(
    work: GroupWork,
    close_id: UUID,
    store_id: UUID,
    *,
    state: str,
    reason: str | None = None,
    run_id: UUID | None = None,
) -> None:
    """Note how a store's part of a close ended; the last one to end sets the comparison going.

    A job that fails again, or does again what it did, says nothing new and starts no comparison. A store that has
    figures after all (it was late, or failed at first) gives a new one.
    """
    work.require("evaluation:month:close")
    outcome = (StoreClose.state.is_distinct_from(state), StoreClose.run_id.is_distinct_from(run_id))
    changed = await work.session.scalars(
        update(StoreClose)
        .where(StoreClose.close_id == close_id, StoreClose.store_id == store_id, or_(*outcome))
        # A job delivered twice may fail where its first delivery succeeded: what it published stays.
        .where(or_(StoreClose.state != "DONE", literal(state == "DONE")))
        .values(state=state, reason=reason, run_id=run_id, finished_at=work.now)
        .returning(StoreClose.id)
    )
    if changed.all():
        work.tell_of_closes()
        if state != "DONE":
            after = {"close": str(close_id), "state": state, "why": reason}
            work.audit("benchmark.miss_store", "Store", store_id, after=after)
        await _compare_when_finished(work, close_id)


async def _compare_when_finished(work: GroupWork, close_id: UUID) -> None:
    # Two last stores at once: the lock lets one see the other's row.
    await work.session.scalars(select(MonthClose.id).where(MonthClose.id == close_id).with_for_update())
    waiting = select(StoreClose.id).where(StoreClose.close_id == close_id, StoreClose.state.not_in(FINISHED)).limit(1)
    if (await work.session.scalars(waiting)).first() is None:
        work.enqueue("benchmark.compare", close_id=str(close_id), dedupe_key=f"compare/{close_id}")


async def end_waiting(work: GroupWork, close_id: UUID) -> None:
    """The deadline: stores that have not ended are missing, and the comparison goes without them."""
    work.require("evaluation:month:close")
    late = await work.session.scalars(
        update(StoreClose)
        .where(StoreClose.close_id == close_id, StoreClose.state.not_in(FINISHED))
        .values(state="MISSING", reason="TIMEOUT", finished_at=work.now)
        .returning(StoreClose.id)
    )
    if count := len(late.all()):
        work.tell_of_closes()
        work.audit("benchmark.end_waiting", "MonthClose", close_id, after={"late": count})
        await _compare_when_finished(work, close_id)


async def compare(work: GroupWork, close_id: UUID) -> Sequence[BenchmarkRun]:
    """Compare the stores of a close by each KPI and publish: to HQ by name, to each store anonymised.

    The newest close of a month speaks for it: a store that comes late to an older one changes nothing any more.

    Raises:
        NotFound: no such close.
    """
    work.require("evaluation:month:close")
    close = await work.session.get(MonthClose, close_id, with_for_update=True)
    if close is None:
        raise NotFound("no such close")
    await _lock_month(work, close.month)
    newest = await _newest_close(work, close.month)
    if newest is not None and newest.number > close.number:
        close.state, close.finished_at = "DONE", close.finished_at or work.now
        work.tell_of_closes()
        return []
    cohort, missing = await _cohort(work, close)
    runs = []
    for kpi in BENCHMARK_KPIS:
        counts = await _counts(work, close.month, kpi, cohort)
        result = benchmark(kpi, close.month, work.group.code, counts, missing)
        runs.append(await _publish(work, close, result, {**cohort, **await _ids(work, missing)}))
    close.state, close.finished_at = "DONE", work.now
    work.tell_of_closes()
    work.enqueue("audit.anchor", dedupe_key=f"audit:anchor:{close.id}")
    work.audit("benchmark.publish", "MonthClose", close.id, after={"month": close.month, "stores": len(cohort)})
    return runs


async def _cohort(work: GroupWork, close: MonthClose) -> tuple[dict[str, UUID], list[Missing]]:
    """Code → id of the stores that are compared, and the missing ones. Only stores that trade are either."""
    query = (
        select(Store.code, Store.id, StoreClose.state, StoreClose.reason)
        .join(StoreClose, StoreClose.store_id == Store.id)
        .where(StoreClose.close_id == close.id, Store.status == "ACTIVE")
    )
    cohort: dict[str, UUID] = {}
    missing = []
    for code, store_id, state, reason in await work.session.execute(query):
        if state == "DONE":
            cohort[code] = store_id
        else:
            # What went wrong inside a store is its operator's matter, not the group's.
            missing.append(Missing(code, state if state == "FAILED" else reason or state))
    return cohort, missing


async def _ids(work: GroupWork, missing: Sequence[Missing]) -> dict[str, UUID]:
    codes = [gone.store for gone in missing]
    rows = await work.session.execute(select(Store.code, Store.id).where(Store.code.in_(codes)))
    return {row.code: row.id for row in rows}


async def _counts(work: GroupWork, month: str, kpi: str, cohort: Mapping[str, UUID]) -> list[StoreCount]:
    codes = {store_id: code for code, store_id in cohort.items()}
    query = select(StoreStat.store_id, StoreStat.x, StoreStat.n).where(
        StoreStat.month == month, StoreStat.kpi == kpi, StoreStat.store_id.in_(codes)
    )
    found = {
        codes[store_id]: StoreCount(codes[store_id], x or 0, n) for store_id, x, n in await work.session.execute(query)
    }
    return [found.get(code, StoreCount(code, 0, 0)) for code in cohort]


async def _publish(work: GroupWork, close: MonthClose, result: Benchmark, ids: Mapping[str, UUID]) -> BenchmarkRun:
    earlier = (
        BenchmarkRun.group_id == work.group.id,
        BenchmarkRun.month == close.month,
        BenchmarkRun.kpi == result.kpi,
    )
    number = (await work.session.scalar(select(func.max(BenchmarkRun.number)).where(*earlier))) or 0
    await work.session.execute(update(BenchmarkRun).where(*earlier).values(state="SUPERSEDED"))
    totals = result.totals
    run = BenchmarkRun(
        id=new_id(),
        group_id=work.group.id,
        close_id=close.id,
        month=close.month,
        kpi=result.kpi,
        number=number + 1,
        state="PUBLISHED",
        computed=totals is not None,
        x=totals.x if totals else 0,
        n=totals.n if totals else 0,
        pooled=totals.pooled if totals else None,
        m=totals.model.m if totals else None,
        theta=totals.model.theta if totals else None,
        tau=totals.model.tau if totals else None,
        phi=totals.phi if totals else None,
        report=benchmark_report(result),
        published_at=work.now,
    )
    work.session.add(run)
    await work.session.flush()
    work.session.add_all(_line(work, run, stat, ids[stat.store]) for stat in result.stores)
    for gone in result.missing:
        line = {"group_id": work.group.id, "run_id": run.id, "store_id": ids[gone.store]}
        work.session.add(BenchmarkStore(id=new_id(), missing=gone.reason, **line))
    await work.session.execute(
        delete(BenchmarkShare).where(BenchmarkShare.month == close.month, BenchmarkShare.kpi == result.kpi)
    )
    for code, store_id in ids.items():
        work.session.add(
            BenchmarkShare(
                id=new_id(),
                group_id=work.group.id,
                run_id=run.id,
                store_id=store_id,
                month=close.month,
                kpi=result.kpi,
                view=share_json(published(result, code)),
            )
        )
    await work.session.flush()
    return run


def _line(work: GroupWork, run: BenchmarkRun, stat: Standing, store_id: UUID) -> BenchmarkStore:
    limits, interval, rank = stat.limits, stat.interval, stat.rank
    return BenchmarkStore(
        id=new_id(),
        group_id=work.group.id,
        run_id=run.id,
        store_id=store_id,
        n=stat.n,
        x=stat.x,
        value=stat.value,
        lo=interval.lo if interval else None,
        hi=interval.hi if interval else None,
        eb=stat.eb,
        verdict=stat.verdict.value if stat.verdict else None,
        lo998=limits.lo998 if limits else None,
        lo95=limits.lo95 if limits else None,
        hi95=limits.hi95 if limits else None,
        hi998=limits.hi998 if limits else None,
        suppressed=stat.suppressed,
        rankable=stat.rankable,
        rank=rank.rank if rank else None,
        rank_lo=rank.lo if rank else None,
        rank_hi=rank.hi if rank else None,
        gap=stat.gap,
    )


def share_json(view: StoreView) -> dict[str, Any]:
    """What one store sees, as it is kept for it."""
    own = view.own
    return {
        "computed": view.computed,
        "stores_with_data": view.stores_with_data,
        "missing": view.missing,
        "distribution": list(view.distribution),
        "withheld": view.withheld,
        "pooled": view.pooled,
        "own": own
        and {
            "n": own.n,
            "value": own.value,
            "lo": own.interval.lo if own.interval else None,
            "hi": own.interval.hi if own.interval else None,
            "eb": own.eb,
            "verdict": own.verdict.value if own.verdict else None,
            "rank": own.rank.rank if own.rank else None,
            "rank_lo": own.rank.lo if own.rank else None,
            "rank_hi": own.rank.hi if own.rank else None,
            "of": own.rank.of if own.rank else None,
            "gap": own.gap,
        },
    }

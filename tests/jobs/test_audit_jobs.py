"""The daily round of the audit: every chain is anchored, then checked; a broken one is told in log, metric and audit."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from forecourt.domain.audit import reads
from forecourt.domain.work import open_group_work
from forecourt.errors import NotFound
from forecourt.jobs import audit, context
from forecourt.jobs.broker import PostgresBroker
from forecourt.jobs.context import JobContext
from forecourt.jobs.middleware import RunningJob
from forecourt.telemetry import AUDIT_CHECKS
from forecourt.tenancy.ids import new_id
from forecourt.tenancy.provision import owner_connection, resume_store, suspend_store
from tests.domain.audit.scene import Scene, scene

__all__ = ["scene"]
pytestmark = pytest.mark.anyio

Actors = dict[str, Callable[..., Awaitable[None]]]


@pytest.fixture
async def actors(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Actors]:
    """The actors' functions by name, as a worker has them; the queue is empty before and after."""
    found: Actors = {}

    def declare(_: object, name: str, function: Callable[..., Awaitable[None]], **options: object) -> None:
        found[name] = function

    monkeypatch.setattr(audit, "declare", declare)
    audit.register(cast(PostgresBroker, None), JobContext(scene.platform))
    scene.tamper("delete from control.job")
    yield found
    scene.tamper("delete from control.job")


async def run_all(scene: Scene, actors: Actors, monkeypatch: pytest.MonkeyPatch, first: str) -> list[str]:
    """A job and what it sets going, each delivered twice."""
    waiting: list[tuple[str, dict[str, Any]]] = [(first, {})]
    done = []
    while waiting:
        name, args = waiting.pop(0)
        running = RunningJob(new_id(), name, scene.group.id, None, 0)
        monkeypatch.setattr(context, "running_job", lambda job=running: job)
        for _ in range(2):
            await actors[name](group_id=str(scene.group.id), **args)
        done.append(name)
        with owner_connection(scene.world.server) as connection:
            waiting += connection.execute("delete from control.job returning actor, args").fetchall()
    return done


def counted(outcome: str) -> float:
    return float(AUDIT_CHECKS.labels(outcome)._value.get())


async def test_a_day_anchors_and_checks_every_chain_once(
    scene: Scene, actors: Actors, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.act("a", "b")
    await scene.act("a", store=scene.world.stores["a2"])
    await scene.act_in_group("x")
    before = counted("ok")
    done = await run_all(scene, actors, monkeypatch, "audit.daily")
    assert done == ["audit.daily", *["audit.verify"] * 3]
    async with open_group_work(scene.platform, scene.group, scene.system) as work:
        anchors = {row.store_id: row.seq for row in await reads.newest_anchors(work.session, scene.group.id)}
        checks = {row.store_id: row for row in await reads.last_verifications(work.session, scene.group.id)}
    stores = (scene.store.id, scene.world.stores["a2"].id)
    assert anchors == {None: 1, stores[0]: 2, stores[1]: 1}
    assert {one: (row.rows, row.fault_count) for one, row in checks.items()} == {
        None: (2, 0),  # the round of anchors is an event itself
        stores[0]: (2, 0),
        stores[1]: (1, 0),
    }
    assert counted("ok") >= before + 3
    assert scene.tamper("select count(*) from control.audit_anchor where group_id = '{g}'") == [(3,)]


async def test_a_broken_chain_is_told_in_log_metric_and_audit(
    scene: Scene, actors: Actors, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.act("a", "b", "c")
    scene.tamper("delete from {s}.audit_event where seq = 2")
    before = counted("broken")
    with capture_logs() as logs:
        await run_all(scene, actors, monkeypatch, "audit.daily")
    assert [line for line in logs if line["log_level"] == "error" and line["first"] == 2]
    anchor = [line for line in logs if line["event"] == "anchor of an audit chain"]
    assert anchor and {"chain", "seq", "hash"} <= set(anchor[0])
    assert counted("broken") > before
    events = scene.tamper(
        "select entity_id, after->>'first_bad' from control.audit_event where action = 'audit.broken'"
    )
    assert events == [(scene.store.id, "2")]


async def test_a_suspended_store_is_checked_too(scene: Scene, actors: Actors, monkeypatch: pytest.MonkeyPatch) -> None:
    await scene.act("a")
    with owner_connection(scene.world.server) as connection:
        suspend_store(connection, scene.store.id)
        try:
            await run_all(scene, actors, monkeypatch, "audit.daily")
        finally:
            resume_store(connection, scene.store.id)
    assert scene.tamper("select store_id, rows from control.audit_verification where store_id is not null") == [
        (scene.store.id, 1)
    ]


async def test_a_close_anchors_and_another_groups_chain_is_not_found(
    scene: Scene, actors: Actors, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.act("a")
    assert await run_all(scene, actors, monkeypatch, "audit.anchor") == ["audit.anchor"]
    with pytest.raises(NotFound):
        await actors["audit.verify"](group_id=str(scene.group.id), chain=str(scene.world.stores["b1"].id))


async def test_the_schedule_is_daily_in_the_groups_zone(scene: Scene) -> None:
    schedule = audit.schedule_of(scene.group)
    assert (schedule.actor, schedule.time_zone, schedule.group_id) == ("audit.daily", "Asia/Shanghai", scene.group.id)

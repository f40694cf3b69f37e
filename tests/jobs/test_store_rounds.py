"""Daily work of every store of a group: asked for once per active store, done twice as once, of no other group."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import pytest

from forecourt.jobs import changes, context, idempotency
from forecourt.jobs.broker import PostgresBroker
from forecourt.jobs.context import JobContext
from forecourt.jobs.middleware import RunningJob
from forecourt.tenancy.ids import new_id
from forecourt.tenancy.provision import owner_connection, resume_store, suspend_store
from tests.domain.audit.scene import Scene, scene

__all__ = ["scene"]
pytestmark = pytest.mark.anyio

Actors = dict[str, Callable[..., Awaitable[None]]]
STORES = ("a1", "a2", "b1")


@pytest.fixture
async def actors(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Actors]:
    """The actors' functions by name, as a worker has them; queue, feeds and kept answers are empty before and after."""
    found: Actors = {}

    def declare(_: object, name: str, function: Callable[..., Awaitable[None]], **options: object) -> None:
        found[name] = function

    def empty() -> None:
        scene.tamper(
            "delete from control.job", "delete from control.kept_answer", "delete from control.idempotency_key"
        )
        for code in STORES:
            schema = scene.world.stores[code].schema
            scene.tamper(*(f"delete from {schema}.{table}" for table in ("change_event", "feed_state", "kept_answer")))

    for module in (changes, idempotency):
        monkeypatch.setattr(module, "declare", declare)
        module.register(cast(PostgresBroker, None), JobContext(scene.platform))
    empty()
    yield found
    empty()


async def run_all(scene: Scene, actors: Actors, monkeypatch: pytest.MonkeyPatch, first: str) -> list[tuple[str, UUID]]:
    """A job of the group and what it sets going, each delivered twice; the jobs of stores."""
    group, done = str(scene.group.id), []
    waiting: list[tuple[str, UUID | None]] = [(first, None)]
    while waiting:
        name, store = waiting.pop(0)
        running = RunningJob(new_id(), name, scene.group.id, store, 0)
        monkeypatch.setattr(context, "running_job", lambda job=running: job)
        place: dict[str, Any] = {"group_id": group} | ({} if store is None else {"store_id": str(store)})
        for _ in range(2):
            await actors[name](**place)
        if store is not None:
            done.append((name, store))
        with owner_connection(scene.world.server) as connection:
            waiting += connection.execute("delete from control.job returning actor, store_id").fetchall()
    return done


def of_stores(scene: Scene, name: str, *codes: str) -> set[tuple[str, UUID]]:
    return {(name, scene.world.stores[code].id) for code in codes}


def count(scene: Scene, code: str, table: str) -> int:
    [(found,)] = scene.tamper(f"select count(*) from {scene.world.stores[code].schema}.{table}")
    return int(found)


async def test_feeds_are_cut_where_they_are_too_old(
    scene: Scene, actors: Actors, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = scene.platform.settings.feed_days
    for code in STORES:
        for age in (timedelta(days=days, seconds=1), timedelta(days=days - 1)):
            scene.tamper(
                f"""insert into {scene.world.stores[code].schema}.change_event
                    (id, at, event, entity, entity_id, actor)
                    values ('{new_id()}', '{(scene.clock.now() - age).isoformat()}', 'x', 'Thing', '{new_id()}', 'y')"""
            )
    done = await run_all(scene, actors, monkeypatch, changes.DAILY)
    assert set(done) == of_stores(scene, changes.TRIM, "a1", "a2") and len(done) == 2
    assert [count(scene, code, "change_event") for code in STORES] == [1, 1, 2]
    assert [count(scene, code, "feed_state") for code in STORES] == [1, 1, 0]


async def test_kept_answers_end_with_their_key(scene: Scene, actors: Actors, monkeypatch: pytest.MonkeyPatch) -> None:
    now = scene.clock.now()
    for code in STORES:
        for moment in (now - timedelta(seconds=1), now + timedelta(hours=1)):
            scene.tamper(
                f"""insert into {scene.world.stores[code].schema}.kept_answer (id, answer, expires_at)
                    values ('{new_id()}', 'x', '{moment.isoformat()}')"""
            )
    done = await run_all(scene, actors, monkeypatch, idempotency.OF_STORES)
    assert set(done) == of_stores(scene, idempotency.OF_STORE, "a1", "a2") and len(done) == 2
    assert [count(scene, code, "kept_answer") for code in STORES] == [1, 1, 2]


async def test_a_store_that_is_away_is_not_asked(scene: Scene, actors: Actors, monkeypatch: pytest.MonkeyPatch) -> None:
    away = scene.world.stores["a2"].id
    with owner_connection(scene.world.server) as connection:
        suspend_store(connection, away)
        try:
            done = await run_all(scene, actors, monkeypatch, changes.DAILY)
        finally:
            resume_store(connection, away)
    assert set(done) == of_stores(scene, changes.TRIM, "a1")

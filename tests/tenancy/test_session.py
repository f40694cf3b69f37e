"""Sessions: the right role and schema, one commit, nothing without a tenant, faults told apart."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import text

from forecourt.errors import NotFound, Unavailable, WrongState
from forecourt.settings import Settings
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.session import (
    control_session,
    group_session,
    resolve_group,
    resolve_public,
    resolve_store,
    store_session,
    stores_of,
)
from tests.conftest import World

pytestmark = pytest.mark.anyio


async def test_a_store_session_is_that_stores_role_for_one_transaction(world: World, engines: Engines) -> None:
    store = world.stores["a1"]
    async with store_session(engines, store) as session:
        row = (await session.execute(text("select current_user, session_user, current_setting('search_path')"))).one()
    assert row == (store.schema, f"g_{store.group_id.hex}", "")
    async with engines.group(store.group_id).connect() as connection:
        left = (await connection.execute(text("select current_user = session_user"))).scalar_one()
    assert left is True


async def test_a_store_session_commits_once_at_the_end_and_not_after_an_error(world: World, engines: Engines) -> None:
    store = world.stores["a1"]
    insert = text(f"insert into {store.schema}.probe values (:id, 'mine')")
    async with store_session(engines, store) as session:
        await session.execute(insert, {"id": 10})
    with pytest.raises(ZeroDivisionError):
        async with store_session(engines, store) as session:
            await session.execute(insert, {"id": 11})
            raise ZeroDivisionError
    async with store_session(engines, store) as session:
        ids = (await session.execute(text(f"select id from {store.schema}.probe where body = 'mine'"))).scalars().all()
        await session.execute(text(f"delete from {store.schema}.probe where body = 'mine'"))
    assert ids == [10]


async def test_a_forgotten_schema_is_an_error(world: World, engines: Engines) -> None:
    with pytest.raises(Exception, match='relation "probe" does not exist'):
        async with store_session(engines, world.stores["a1"]) as session:
            await session.execute(text("select * from probe"))


async def test_a_read_only_session_sees_one_snapshot_and_cannot_write(world: World, engines: Engines) -> None:
    store = world.stores["a1"]
    count = text(f"select count(*) from {store.schema}.probe")
    async with store_session(engines, store, read_only=True) as reading:
        before = (await reading.execute(count)).scalar_one()
        async with store_session(engines, store) as writing:
            await writing.execute(text(f"insert into {store.schema}.probe values (20, 'late')"))
        assert (await reading.execute(count)).scalar_one() == before
    async with store_session(engines, store) as writing:
        await writing.execute(text(f"delete from {store.schema}.probe where id = 20"))
    with pytest.raises(Exception, match="read-only transaction"):
        async with store_session(engines, store, read_only=True) as reading:
            await reading.execute(text(f"delete from {store.schema}.probe"))


@pytest.mark.parametrize(
    ("state", "read_only", "error"),
    [
        ("ARCHIVED", False, WrongState),
        ("SUSPENDED", False, WrongState),
        ("CLOSING", False, WrongState),
        ("PROVISIONING", True, Unavailable),
        ("FAILED", True, Unavailable),
        ("DELETED", True, NotFound),
        ("ARCHIVED", True, None),
        ("SUSPENDED", True, None),
        ("ACTIVE", False, None),
    ],
)
async def test_the_stores_state_decides(
    world: World, engines: Engines, state: str, read_only: bool, error: type[Exception] | None
) -> None:
    store = replace(world.stores["a1"], state=state)

    async def attempt() -> int:
        async with store_session(engines, store, read_only=read_only) as session:
            return int((await session.execute(text("select 1"))).scalar_one())

    if error is None:
        assert await attempt() == 1
    else:
        with pytest.raises(error):
            await attempt()


async def test_a_store_of_another_group_cannot_be_opened_by_mistake(world: World, engines: Engines) -> None:
    crossed = replace(world.stores["b1"], group_id=world.groups["a"].id)
    with pytest.raises(Exception, match="permission denied to set role"):
        async with store_session(engines, crossed) as session:
            await session.execute(text("select 1"))


async def test_a_store_whose_role_is_gone_is_not_found(world: World, engines: Engines) -> None:
    gone = replace(world.stores["a1"], id=uuid4())
    with pytest.raises(NotFound):
        async with store_session(engines, gone) as session:
            await session.execute(text("select 1"))


async def test_a_lock_that_is_not_freed_is_unavailable(world: World, engines: Engines) -> None:
    quick = Engines(world.server, Settings(home=world.database.settings.home, statement_timeout_ms=300))
    store = world.stores["a1"]
    statement = text(f"update {store.schema}.probe set body = body where id = 1")
    try:
        async with store_session(engines, store) as holding:
            await holding.execute(statement)
            with pytest.raises(Unavailable):
                async with store_session(quick, store) as waiting:
                    await waiting.execute(statement)
            with pytest.raises(Unavailable):
                async with store_session(quick, store) as slow:
                    await slow.execute(text("select pg_sleep(5)"))
    finally:
        await quick.aclose()


async def test_a_killed_connection_is_unavailable_and_the_next_one_works(world: World, engines: Engines) -> None:
    store = world.stores["a1"]
    with pytest.raises(Unavailable):
        async with store_session(engines, store) as session:
            pid = (await session.execute(text("select pg_backend_pid()"))).scalar_one()
            assert world.server.administrator
            with psycopg.connect(world.server.administrator, autocommit=True) as administrator:
                administrator.execute("select pg_terminate_backend(%s)", (pid,))
            await asyncio.sleep(0.1)
            await session.execute(text("select 1"))
    async with store_session(engines, store) as session:
        assert (await session.execute(text("select 1"))).scalar_one() == 1


async def test_a_group_session_sees_its_groups_rows_only(world: World, engines: Engines) -> None:
    for letter, other in (("a", "b"), ("b", "a")):
        async with group_session(engines, world.groups[letter]) as session:
            assert {store.code for store in await stores_of(session, world.groups[letter].id)} == {
                f"{letter}1",
                f"{letter}2",
            }
            assert await stores_of(session, world.groups[other].id) == []
            with pytest.raises(NotFound):
                await resolve_group(session, world.groups[other].id)
            with pytest.raises(NotFound):
                await resolve_store(session, world.groups[other].id, world.stores[f"{other}1"].id)


async def test_stores_are_resolved_within_their_group(world: World, engines: Engines) -> None:
    store = world.stores["a1"]
    async with control_session(engines) as session:
        assert await resolve_store(session, store.group_id, store.id) == store
        assert await resolve_public(session, store.public_id) == store
        assert (await resolve_group(session, store.group_id)).code == "SECRET-A"
        with pytest.raises(NotFound):
            await resolve_store(session, world.groups["b"].id, store.id)
        with pytest.raises(NotFound):
            await resolve_public(session, "nothing")


async def test_pools_of_groups_not_used_lately_are_closed(world: World) -> None:
    pools = Engines(world.server, world.database.settings, max_groups=1)
    try:
        for letter in "abab":
            async with group_session(pools, world.groups[letter]) as session:
                await session.execute(text("select 1"))
            async with group_session(pools, world.groups[letter], read_only=True) as session:
                await session.execute(text("select 1"))
            assert len(pools._engines) <= 2
    finally:
        await pools.aclose()

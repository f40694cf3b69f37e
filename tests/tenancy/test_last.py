"""Statements sent together, and with the commit: all of them or none, and the connection is good for the next."""

import asyncio

import psycopg
import pytest
from sqlalchemy import text

from forecourt.errors import Unavailable, WrongState
from forecourt.settings import Settings
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.lane import SCHEMA, Statement
from forecourt.tenancy.provision import owner_connection
from forecourt.tenancy.session import (
    ResolvedStore,
    at_commit,
    follow,
    followed,
    read_in,
    send_first,
    send_in,
    store_session,
)
from tests.conftest import World

pytestmark = pytest.mark.anyio

INSERT = f"insert into {SCHEMA}.probe values ($1, 'last')"
LOCK = Statement(f"select body from {SCHEMA}.probe where id = 1 for update")


async def kept(engines: Engines, store: ResolvedStore) -> list[int]:
    """The rows that were committed; they are removed."""
    async with store_session(engines, store) as session:
        removed = text(f"delete from {store.schema}.probe where body = 'last' returning id")
        return sorted((await session.execute(removed)).scalars().all())


@pytest.mark.parametrize("pooling", [False, True])
async def test_the_last_statements_are_committed_with_what_came_before(world: World, pooling: bool) -> None:
    store = world.stores["a1"]
    engines = Engines(world.server, Settings(transaction_pooling=pooling))
    try:
        async with store_session(engines, store) as session:
            await session.execute(text(f"insert into {store.schema}.probe values (50, 'last')"))
            assert await send_in(session, [Statement(INSERT, [51]), Statement("select 1, $1::text", ["x"])]) == [
                [],
                [(1, "x")],
            ]
            at_commit(session, [Statement(INSERT, [52]), Statement(INSERT, [53])])
        async with engines.group(store.group_id).connect() as connection:
            assert (await connection.execute(text("select current_user = session_user"))).scalar_one()
        assert await kept(engines, store) == [50, 51, 52, 53]
    finally:
        await engines.aclose()


async def test_an_error_in_the_last_statement_leaves_nothing(world: World, engines: Engines) -> None:
    store = world.stores["a1"]
    with pytest.raises(psycopg.errors.UniqueViolation):
        async with store_session(engines, store) as session:
            await session.execute(text(f"insert into {store.schema}.probe values (50, 'last')"))
            at_commit(session, [Statement(INSERT, [51]), Statement(INSERT, [51]), Statement(INSERT, [52])])
    assert await kept(engines, store) == []


async def test_an_error_before_the_commit_drops_what_waits_for_it(world: World, engines: Engines) -> None:
    store = world.stores["a1"]
    with pytest.raises(ZeroDivisionError):
        async with store_session(engines, store) as session:
            at_commit(session, [Statement(INSERT, [51])])
            raise ZeroDivisionError
    with pytest.raises(psycopg.errors.DivisionByZero):
        async with store_session(engines, store) as session:
            await send_in(session, [Statement(INSERT, [51]), Statement("select 1 / $1::int", [0]), LOCK])
    assert await kept(engines, store) == []


@pytest.mark.parametrize("how", ["killed", "cancelled", "too long"])
async def test_whoever_is_stopped_while_waiting_writes_nothing(world: World, how: str) -> None:
    store, errors = (
        world.stores["a1"],
        {"killed": Unavailable, "cancelled": asyncio.CancelledError, "too long": Unavailable},
    )
    engines = Engines(world.server, Settings(pool_size=2, statement_timeout_ms=1_500 if how == "too long" else 30_000))

    async def waits() -> None:
        async with store_session(engines, store) as session:
            await send_in(session, [Statement(INSERT, [51]), LOCK, Statement(INSERT, [52])])

    try:
        async with store_session(engines, store) as holder:
            await send_in(holder, [LOCK])
            waiting = asyncio.ensure_future(waits())
            await asyncio.sleep(0.3)
            if how == "cancelled":
                waiting.cancel()
            if how == "killed":
                assert world.server.administrator
                with psycopg.connect(world.server.administrator, autocommit=True) as administrator:
                    administrator.execute("select pg_terminate_backend(pid) from pg_locks where not granted")
            with pytest.raises(errors[how]):
                await waiting
        assert await kept(engines, store) == []
        assert await kept(engines, store) == []
    finally:
        await engines.aclose()


async def test_what_waits_or_follows_travels_with_the_next_message_in_its_order(world: World, engines: Engines) -> None:
    store, ids = world.stores["a1"], Statement(f"select id from {SCHEMA}.probe where body = 'last' order by id")
    async with store_session(engines, store) as session:
        send_first(session, [Statement(INSERT, [51])])
        follow(session, [Statement(INSERT, [52]), ids])
        assert await send_in(session, [ids]) == [[(51,)]]
        assert await followed(session) == [[], [(51,), (52,)]]
        follow(session, [ids])
        assert await followed(session) == [[(51,), (52,)]]
        send_first(session, [Statement(INSERT, [53])])
        by_sqlalchemy = text(f"select count(*) from {store.schema}.probe where body = 'last'")
        assert (await session.execute(by_sqlalchemy)).scalar_one() == 3
        send_first(session, [Statement(INSERT, [54])])
    assert await kept(engines, store) == [51, 52, 53, 54]


async def test_an_error_that_was_passed_over_is_told_at_the_commit(world: World, engines: Engines) -> None:
    store = world.stores["a1"]
    with pytest.raises(psycopg.errors.InFailedSqlTransaction):
        async with store_session(engines, store) as session:
            await send_in(session, [Statement(INSERT, [51])])
            with pytest.raises(psycopg.errors.DivisionByZero):
                await send_in(session, [Statement("select 1 / $1::int", [0])])
    assert await kept(engines, store) == []


async def test_a_transaction_that_has_ended_sends_nothing_more(world: World, engines: Engines) -> None:
    store = world.stores["a1"]
    async with store_session(engines, store) as session:
        await send_in(session, [Statement(INSERT, [51])])
        await session.rollback()
        with pytest.raises(psycopg.errors.InvalidTransactionState):
            await send_in(session, [Statement(INSERT, [52])])
    with pytest.raises(psycopg.errors.InvalidTransactionState):
        await session.execute(text("select 1"))
    assert await kept(engines, store) == []


async def test_a_long_message_is_sent_while_its_answers_are_read(world: World, engines: Engines) -> None:
    """More than the buffers of a socket hold, both ways."""
    long = [Statement("select $1::text", ["x" * 100_000]) for _ in range(100)]
    async with store_session(engines, world.stores["a1"]) as session:
        rows = await send_in(session, long)
    assert [len(value) for [(value,)] in rows] == [100_000] * 100


async def test_a_transaction_reads_its_own_store_only(world: World, engines: Engines) -> None:
    async with store_session(engines, world.stores["a1"]) as session:
        with pytest.raises(ValueError, match="another store"):
            await read_in(session, world.stores["a2"], [LOCK])


async def test_a_unit_of_one_message_writes_nothing_in_a_store_that_is_not_active_any_more(
    world: World, engines: Engines
) -> None:
    """What resolved the store may be some seconds old: nothing is committed before the server was asked."""
    store = world.stores["a1"]
    set_state = "update control.store set state = %s where id = %s"
    with owner_connection(world.server) as connection:
        connection.execute(set_state, ("SUSPENDED", store.id))
    try:
        for of_unit in (at_commit, send_first):
            with pytest.raises(WrongState):
                async with store_session(engines, store) as session:
                    of_unit(session, [Statement(INSERT, [60])])
    finally:
        with owner_connection(world.server) as connection:
            connection.execute(set_state, ("ACTIVE", store.id))
    assert await kept(engines, store) == []

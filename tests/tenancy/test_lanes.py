"""Reads in one round trip: the role and the snapshot of a store for one Sync, nothing left behind, also after an error."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace

import psycopg
import pytest

from forecourt.errors import NotFound, Unavailable
from forecourt.settings import Settings
from forecourt.tenancy import lane as lane_module
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.lanes import Lanes, Statement
from forecourt.tenancy.names import group_reader
from forecourt.tenancy.session import store_pipeline
from tests.conftest import World

pytestmark = pytest.mark.anyio

WHO = Statement("select current_user::text, session_user::text, current_setting('role')")


async def test_the_statements_are_the_stores_role_in_one_read_only_snapshot(world: World, engines: Engines) -> None:
    store = world.stores["a1"]
    asked = "select current_user::text, session_user::text, current_setting('transaction_isolation'), "
    asked += "current_setting('transaction_read_only'), current_setting('search_path'), pg_current_snapshot()::text"
    one, two = await store_pipeline(engines, store, [Statement(asked), Statement(asked)])
    assert one == two
    assert one[0][:5] == (store.schema, f"r_{store.group_id.hex}", "repeatable read", "on", "")


async def test_the_role_ends_with_the_round_trip_also_after_an_error(world: World, engines: Engines) -> None:
    lanes = single(engines, world)
    store, other = world.stores["a1"], world.stores["a2"]
    login = f"r_{store.group_id.hex}"
    plain = [[(login, login, "none")]]
    for _ in range(7):  # beyond the point where statements become prepared ones
        assert await lanes.run(store.schema, [WHO]) == [[(store.schema, login, store.schema)]]
        assert await _outside(lanes) == plain
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await lanes.run(store.schema, [WHO, Statement(f"select id from {other.schema}.customer limit $1", (1,))])
        assert await _outside(lanes) == plain
        with pytest.raises(psycopg.errors.DivisionByZero):
            await lanes.run(store.schema, [Statement("select 1 / $1::int", (0,)), WHO])
        assert await _outside(lanes) == plain
    assert lanes.open == 1  # all of it on one connection
    await lanes.aclose()


async def test_another_groups_store_cannot_be_become_or_read(world: World, engines: Engines) -> None:
    store, foreign = world.stores["a1"], world.stores["b1"]
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied to set role"):
        await engines.lanes(store.group_id).run(foreign.schema, [WHO])
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await store_pipeline(engines, store, [Statement(f"select id from {foreign.schema}.customer")])
    with pytest.raises(psycopg.errors.InsufficientPrivilege):  # having become the store, nobody else can be become
        await store_pipeline(engines, store, [Statement("select set_config('role', $1, true)", (foreign.schema,))])


async def test_nothing_can_be_written(world: World, engines: Engines) -> None:
    store = world.stores["a1"]
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        await store_pipeline(engines, store, [Statement(f"delete from {store.schema}.customer")])


@pytest.mark.parametrize(
    ("state", "error"), [("PROVISIONING", Unavailable), ("FAILED", Unavailable), ("DELETED", NotFound)]
)
async def test_a_store_that_cannot_be_read_is_refused_as_in_a_session(
    world: World, engines: Engines, state: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await store_pipeline(engines, replace(world.stores["a1"], state=state), [WHO])


@pytest.mark.parametrize("state", ["SUSPENDED", "CLOSING", "ARCHIVED"])
async def test_a_store_that_may_only_be_read_is_read(world: World, engines: Engines, state: str) -> None:
    found = await store_pipeline(engines, replace(world.stores["a1"], state=state), [Statement("select 1")])
    assert found == [[(1,)]]


async def test_a_statement_that_takes_too_long_ends_as_unavailable_and_the_connection_stays(world: World) -> None:
    settings = world.database.settings.model_copy(update={"statement_timeout_ms": 150, "pool_size": 1})
    async with opened(world, settings) as engines:
        for _ in range(2):
            with pytest.raises(Unavailable) as raised:
                await store_pipeline(engines, world.stores["a1"], [Statement("select pg_sleep(5)"), WHO])
            assert raised.value.data["reason"] == "QueryCanceled"
            assert (await store_pipeline(engines, world.stores["a1"], [WHO]))[0][0][0] == world.stores["a1"].schema


async def test_whoever_waits_too_long_for_a_connection_is_told_so_and_the_rest_are_served_in_turn(world: World) -> None:
    settings = world.database.settings.model_copy(update={"pool_size": 1})
    async with opened(world, settings) as engines:
        lanes = single(engines, world, timeout=0.2)
        slow = asyncio.ensure_future(lanes.run(world.stores["a1"].schema, [Statement("select pg_sleep(0.6)")]))
        await asyncio.sleep(0.1)
        with pytest.raises(TimeoutError):
            await lanes.run(world.stores["a1"].schema, [WHO])
        await slow
        lanes.timeout = 5
        many = await asyncio.gather(*(lanes.run(world.stores["a1"].schema, [WHO]) for _ in range(20)))
        assert len(many) == 20 and lanes.open == 1
        await lanes.aclose()


async def test_a_request_that_is_given_up_ends_its_statement_and_gives_its_connection_back(
    world: World, engines: Engines
) -> None:
    lanes = single(engines, world)
    schema = world.stores["a1"].schema
    for _ in range(3):
        running = asyncio.ensure_future(lanes.run(schema, [Statement("select pg_sleep(30)")]))
        await asyncio.sleep(0.1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        async with asyncio.timeout(4):  # the next in turn is served as soon as the server has stopped
            assert (await lanes.run(schema, [WHO]))[0][0][0] == schema
    assert lanes.busy == 0 and lanes.open == 1
    await lanes.aclose()


async def test_a_connection_that_the_server_ended_is_replaced(world: World, engines: Engines) -> None:
    lanes = single(engines, world)
    schema = world.stores["a1"].schema
    ((pid,),) = (await lanes.run(schema, [Statement("select pg_backend_pid()")]))[0]
    running = asyncio.ensure_future(lanes.run(schema, [Statement("select pg_sleep(30)")]))
    await asyncio.sleep(0.1)
    with psycopg.connect(world.server.administrator or "", autocommit=True) as other:
        other.execute("select pg_terminate_backend(%s)", (pid,))
    with pytest.raises(psycopg.OperationalError):
        await running
    ((next_,),) = (await lanes.run(schema, [Statement("select pg_backend_pid()")]))[0]
    assert next_ != pid and lanes.open == 1
    await lanes.aclose()


async def test_a_store_keeps_the_connection_that_has_its_statements(world: World, engines: Engines) -> None:
    lanes = Lanes(single(engines, world).parameters, 2, 5)
    who = [Statement("select pg_backend_pid(), current_user::text")]
    one, two = (world.stores[code].schema for code in ("a1", "a2"))
    await asyncio.gather(lanes.run(one, who), lanes.run(two, who))
    seen = {role: {(await lanes.run(role, who))[0][0][0] for _ in range(5)} for role in (one, two)}
    assert len(seen[one]) == len(seen[two]) == 1 and seen[one] != seen[two]
    # a slow request holds up nobody for long: the other connection takes over, and has the store from then on
    slow = asyncio.ensure_future(lanes.run(one, [Statement("select pg_sleep(0.5)")]))
    await asyncio.sleep(0.05)
    began = asyncio.get_running_loop().time()
    assert {(await lanes.run(one, who))[0][0][0]} == seen[two]
    assert asyncio.get_running_loop().time() - began < 0.3
    await slow
    await lanes.aclose()


async def test_statements_become_prepared_and_old_ones_are_let_go(
    world: World, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forecourt.tenancy.lane.PREPARED", 3)
    lanes = single(engines, world)
    schema = world.stores["a1"].schema
    for number in range(8):
        for _ in range(6):
            assert await lanes.run(schema, [Statement(f"select {number} + $1::int", (1,))]) == [[(number + 1,)]]
    ((count,),) = (await lanes.run(schema, [Statement("select count(*)::int from pg_prepared_statements")]))[0]
    assert 1 <= count <= 4
    await lanes.aclose()


async def test_nothing_is_prepared_through_a_transaction_pooler(world: World) -> None:
    settings = world.database.settings.model_copy(update={"transaction_pooling": True})
    async with opened(world, settings) as engines:
        for _ in range(8):
            await store_pipeline(engines, world.stores["a1"], [WHO])
        found = await store_pipeline(
            engines, world.stores["a1"], [Statement("select count(*)::int from pg_prepared_statements")]
        )
        assert found == [[(0,)]]


async def test_one_round_trip_however_many_statements(world: World, engines: Engines) -> None:
    """Counted on the wire, by a proxy: after the log-in, one burst from the client and one Sync per run."""
    with counting(world) as (wire, parameters):
        lanes = Lanes({**parameters, **engines._arguments()}, 1, 5)
        schema = world.stores["a1"].schema
        await lanes.run(schema, [WHO])
        for statements in (1, 5, 20):
            for _ in range(7):
                wire.sent.clear()
                await lanes.run(schema, [Statement("select $1::int", (n,)) for n in range(statements)])
                assert wire.syncs() == 1, statements
                assert wire.answered_before_the_last_message() == 0, statements
        await lanes.aclose()


async def test_requests_of_one_store_travel_one_behind_the_other_and_fail_alone(world: World, engines: Engines) -> None:
    lanes = single(engines, world)
    schema = world.stores["a1"].schema
    await lanes.run(schema, [WHO])
    snapshot = Statement("select pg_current_snapshot()::text, current_user::text")
    answers = await asyncio.gather(
        lanes.run(schema, [snapshot]),
        lanes.run(schema, [Statement("select 1 / $1::int", (0,)), WHO]),
        lanes.run(world.stores["a2"].schema, [snapshot, WHO]),
        lanes.run(world.stores["b1"].schema, [WHO]),
        lanes.run(schema, [Statement("select $1::int", (n,)) for n in range(3)]),
        return_exceptions=True,
    )
    assert lanes.open == 1
    one, wrong, other, foreign, three = answers
    assert not isinstance(one, BaseException) and one[0][0][1] == schema
    assert isinstance(wrong, psycopg.errors.DivisionByZero)
    assert not isinstance(other, BaseException) and other[0][0][1] == world.stores["a2"].schema
    assert isinstance(foreign, psycopg.errors.InsufficientPrivilege)
    assert three == [[(0,)], [(1,)], [(2,)]]
    await lanes.aclose()


async def test_whoever_was_sent_behind_a_request_that_is_given_up_has_their_answer(
    world: World, engines: Engines
) -> None:
    """Also where the server stops them in the other's place, which only time decides."""
    lanes = single(engines, world, timeout=30)
    schema = world.stores["a1"].schema
    for number in range(20):
        given_up = asyncio.ensure_future(lanes.run(schema, [Statement("select pg_sleep(30)")]))
        behind = [
            asyncio.ensure_future(lanes.run(schema, [Statement("select $1::int, pg_sleep(0.003)::text", (n,))]))
            for n in range(4)
        ]
        await asyncio.sleep(0.005 * (number % 3))
        given_up.cancel()
        found = await asyncio.gather(*behind)
        assert [rows[0][0][0] for rows in found] == [0, 1, 2, 3]
    assert lanes.open == 1
    await lanes.aclose()
    assert lanes.busy == 0


async def test_what_the_server_stopped_in_anothers_place_is_asked_again(world: World, engines: Engines) -> None:
    lanes = single(engines, world)
    schema = world.stores["a1"].schema
    await lanes.run(schema, [WHO])
    asked = asyncio.ensure_future(lanes.run(schema, [Statement("select $1::int, pg_sleep(0.3)::text", (7,))]))
    await asyncio.sleep(0.05)
    lane = lanes._lanes[0]
    lane.sent[0].exposed = True  # as if it had stood behind one that is being stopped
    sleeping = "select pid from pg_stat_activity where query like 'select $1::int, pg_sleep(0.3)%'"
    pid = await _elsewhere(world, sleeping)
    await _elsewhere(world, f"select pg_cancel_backend({pid})")
    assert (await asked)[0][0][0] == 7
    await lanes.aclose()


async def test_whoever_waits_behind_a_slow_request_is_answered_by_an_idle_connection(
    world: World, engines: Engines
) -> None:
    lanes = Lanes(single(engines, world).parameters, 2, 5)
    one, two = (world.stores[code].schema for code in ("a1", "a2"))
    who = [Statement("select pg_backend_pid(), current_user::text")]
    await asyncio.gather(lanes.run(one, who), lanes.run(two, who))
    began = asyncio.get_running_loop().time()
    slow = asyncio.ensure_future(lanes.run(one, [Statement("select pg_sleep(1.5)")]))
    behind = [asyncio.ensure_future(lanes.run(one, who)) for _ in range(3)]  # at once: nobody knows yet that it is slow
    found = await asyncio.gather(*behind)
    assert asyncio.get_running_loop().time() - began < 1
    assert {rows[0][0][1] for rows in found} == {one} and not slow.done()
    await slow
    assert (await lanes.run(one, who))[0][0][1] == one
    await lanes.aclose()


async def test_whoever_waits_behind_a_slow_request_too_long_is_told_so(world: World, engines: Engines) -> None:
    lanes = single(engines, world, timeout=0.2)
    schema = world.stores["a1"].schema
    slow = asyncio.ensure_future(lanes.run(schema, [Statement("select pg_sleep(0.6)")]))
    behind = asyncio.ensure_future(lanes.run(schema, [WHO]))
    with pytest.raises(TimeoutError):
        await behind
    assert not slow.done()
    await slow
    assert (await lanes.run(schema, [WHO]))[0][0][0] == schema
    await lanes.aclose()


async def test_the_loss_of_a_connection_is_told_to_all_whose_requests_were_on_it(
    world: World, engines: Engines
) -> None:
    lanes = single(engines, world)
    schema = world.stores["a1"].schema
    ((pid,),) = (await lanes.run(schema, [Statement("select pg_backend_pid()")]))[0]
    all_ = [asyncio.ensure_future(lanes.run(schema, [Statement("select pg_sleep(5)")])) for _ in range(3)]
    await asyncio.sleep(0.05)
    await _elsewhere(world, f"select pg_terminate_backend({pid})")
    answers = await asyncio.gather(*all_, return_exceptions=True)
    assert all(isinstance(answer, psycopg.OperationalError) for answer in answers)
    assert (await lanes.run(schema, [WHO]))[0][0][0] == schema and lanes.open == 1
    await lanes.aclose()


# --- help ------------------------------------------------------------------------------------------------------------


def single(engines: Engines, world: World, timeout: float = 5) -> Lanes:
    """One connection of group a's reader."""
    login = group_reader(world.stores["a1"].group_id)
    return Lanes({**world.server.parameters(login), **engines._arguments()}, 1, timeout)


async def _elsewhere(world: World, query: str) -> object:
    """The first value of an administrator's query, or None."""

    def asked() -> object:
        with psycopg.connect(world.server.administrator or "", autocommit=True) as other:
            row = other.execute(query.encode()).fetchone()
            return row and row[0]

    return await asyncio.to_thread(asked)


async def _outside(lanes: Lanes) -> list[list[tuple[object, ...]]]:
    """Who the idle connection is between two runs."""
    lane = lanes._lanes[0]
    monkeyed, lane_module.TAKE_ROLE = lane_module.TAKE_ROLE, "select $1::text"
    try:
        return lane_module.rows_of(await lane.send("", [WHO]))
    finally:
        lane_module.TAKE_ROLE = monkeyed


@asynccontextmanager
async def opened(world: World, settings: Settings) -> AsyncIterator[Engines]:
    made = Engines(world.server, settings)
    try:
        yield made
    finally:
        await made.aclose()


@dataclass
class Wire:
    """What went over the wire, in order: ("client" or "server", bytes)."""

    sent: list[tuple[str, bytes]] = field(default_factory=list)

    def syncs(self) -> int:
        """Sync messages of the client: type byte S and a length of 4."""
        return b"".join(data for who, data in self.sent if who == "client").count(b"S\x00\x00\x00\x04")

    def answered_before_the_last_message(self) -> int:
        """How often the server had to speak before the client went on."""
        last = max(place for place, (who, _) in enumerate(self.sent) if who == "client")
        return sum(who == "server" for who, _ in self.sent[:last])


@contextmanager
def counting(world: World) -> Iterator[tuple[Wire, dict[str, str]]]:
    """A proxy before the server that holds the server's answers back for a moment, so that only a client which waits for
    one is seen to wait."""
    parameters = world.server.parameters(group_reader(world.stores["a1"].group_id))
    wire = Wire()
    listener = socket.create_server(("127.0.0.1", 0))
    sockets = [listener]

    def target() -> socket.socket:
        host, port = parameters["host"], parameters["port"]
        if host.startswith("/"):
            made = socket.socket(socket.AF_UNIX)
            made.connect(f"{host}/.s.PGSQL.{port}")
            return made
        return socket.create_connection((host, int(port)))

    def pump(source: socket.socket, sink: socket.socket, who: str) -> None:
        try:
            while data := source.recv(65536):
                if who == "server":
                    threading.Event().wait(0.02)
                wire.sent.append((who, data))
                sink.sendall(data)
        except OSError:
            pass
        finally:
            for end in (source, sink):
                end.close()

    def serve() -> None:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        server = target()
        sockets.extend((client, server))
        back = threading.Thread(target=pump, args=(server, client, "server"), daemon=True)
        back.start()
        pump(client, server, "client")
        back.join(5)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield wire, {**parameters, "host": "127.0.0.1", "port": str(listener.getsockname()[1]), "sslmode": "disable"}
    finally:
        for one in sockets:
            one.close()
        thread.join(5)

"""Nobody reaches another group; one injected statement reaches no other store of the same group either."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import pytest

from forecourt.tenancy.names import CONTROL, GROUP_ROLE, group_login, group_reader
from forecourt.tenancy.provision import owner_connection
from forecourt.tenancy.session import ResolvedStore
from tests.conftest import World
from tests.tenancy.attacks import ALLOWED, COPIES, SCRIPTS, SINGLE

Pool = dict[str, psycopg.Connection[Any]]
Attempt = Callable[[psycopg.Connection[Any]], list[Any]]


@pytest.fixture
def pool() -> Iterator[Pool]:
    """Connections of one test by login, used again for the next attempt."""
    connections: Pool = {}
    yield connections
    for connection in connections.values():
        connection.close()


@contextmanager
def standing(world: World, place: str, store: ResolvedStore, pool: Pool) -> Iterator[psycopg.Connection[Any]]:
    """An open transaction in one of the places from which an attacker might start."""
    login, role = {
        "store": (group_login(store.group_id), store.schema),
        "store, reading": (group_reader(store.group_id), store.schema),
        "group login": (group_login(store.group_id), None),
        "group": (group_login(store.group_id), GROUP_ROLE),
        "group, reading": (group_reader(store.group_id), GROUP_ROLE),
        "control": (CONTROL, None),
    }[place]
    connection = pool.get(login)
    if connection is None or connection.closed:
        options = "-c statement_timeout=3s -c lock_timeout=1s"
        connection = pool[login] = psycopg.connect(world.server.conninfo(login, options=options), autocommit=True)
        connection.prepare_threshold = None  # `discard all` below would surprise the driver
    connection.execute("begin")
    if role:
        connection.execute(f"set local role {role}".encode())
    try:
        yield connection
    finally:
        if not connection.closed:
            connection.rollback()
            connection.execute("discard all")


def answers(cursor: psycopg.Cursor[Any]) -> list[Any]:
    """Every row of every result."""
    rows: list[Any] = []
    while True:
        if cursor.description:
            rows += cursor.fetchall()
        if not cursor.nextset():
            return rows


def single(sql: str) -> Attempt:
    """One statement by the extended protocol."""
    return lambda connection: answers(connection.execute(sql.encode(), (1,)))


def script(sql: str) -> Attempt:
    return lambda connection: answers(connection.execute(sql.encode()))


def copy(sql: str) -> Attempt:
    def attempt(connection: psycopg.Connection[Any]) -> list[Any]:
        with connection.cursor().copy(sql.encode()) as rows:
            return [bytes(row) for row in rows]

    return attempt


def leak(
    world: World,
    place: str,
    attacker: ResolvedStore,
    victim: ResolvedStore,
    sql: str,
    kind: Callable[[str], Attempt],
    pool: Pool,
) -> str | None:
    """What an attempt gave away, or None."""
    names = {
        "v": victim.schema,
        "g": str(victim.group_id),
        "s": str(victim.id),
        "code": victim.code,
        "gh": victim.group_id.hex,
        "mine": str(attacker.group_id),
        "mineschema": attacker.schema,
    }
    with standing(world, place, attacker, pool) as connection:
        try:
            rows = kind(sql.format(**names))(connection)
        except psycopg.errors.DivisionByZero:
            return f"{place}: {sql}: divided by zero on a hidden row"
        except psycopg.Error:
            rows = []
        with suppress(psycopg.Error):
            # What an attempt prepared (a role taken, say) shows in the next statement of the transaction.
            rows += answers(connection.execute(f"select body from {victim.schema}.probe".encode()))
        with suppress(psycopg.Error):
            connection.execute("commit")  # what was changed is looked for afterwards
    marks: tuple[str, ...] = (f"SECRET-{victim.code}", "SCRAM-SHA-256")
    if victim.group_id != attacker.group_id:
        marks += ("SECRET-" + victim.code[0].upper(),)
    return f"{place}: {sql}: {rows}" if any(mark in str(rows) for mark in marks) else None


def state_of(world: World) -> list[Any]:
    """Everything of everybody that an attempt might change."""
    with owner_connection(world.server) as connection:
        found: list[Any] = connection.execute("select * from control.store order by id").fetchall()
        found += connection.execute("select * from control.dealer_group order by id").fetchall()
        found += connection.execute("select * from control.config_setting order by id").fetchall()
        for store in world.stores.values():
            found += connection.execute(f"select * from {store.schema}.probe order by id".encode()).fetchall()
            found += connection.execute(f"select last_value from {store.schema}.probe_seq".encode()).fetchall()
        found += connection.execute(
            """select rolname, rolsuper, rolcreaterole, rolcanlogin, rolconfig from pg_roles
               where rolname ~ '^(forecourt|[sgr])_' order by 1"""
        ).fetchall()
        found += connection.execute(
            "select nspname, nspacl::text from pg_namespace where nspname !~ '^pg_(toast_)?temp' order by 1"
        ).fetchall()
        found += connection.execute(
            """select relname, relacl::text, relrowsecurity from pg_class c join pg_namespace n on n.oid = relnamespace
               where nspname = 'control' or nspname ~ '^s_' order by 1, 2"""
        ).fetchall()
        return found


PLACES = ("store", "store, reading", "group login", "group", "group, reading", "control")


@pytest.mark.parametrize("place", PLACES)
def test_no_attempt_reaches_another_group(world: World, place: str, pool: Pool) -> None:
    attacker, victim = world.stores["a1"], world.stores["b1"]
    before = state_of(world)
    leaks = [
        leak(world, place, attacker, victim, sql, kind, pool)
        for kind, attempts in ((single, SINGLE), (script, SCRIPTS), (copy, COPIES))
        for sql in attempts
        # forecourt_control resolves groups and stores: their names are its business, their rows are not.
        if not (place == "control" and ("control.store" in sql or "control.dealer_group" in sql))
    ]
    assert [found for found in leaks if found] == []
    assert state_of(world) == before


@pytest.mark.parametrize("place", ["store", "store, reading"])
def test_no_single_statement_reaches_another_store_of_the_group(world: World, place: str, pool: Pool) -> None:
    attacker, victim = world.stores["a1"], world.stores["a2"]
    before = state_of(world)
    own_rows = ("control.store", "control.dealer_group")  # a store may know its sisters' names
    leaks = [
        leak(world, place, attacker, victim, sql, kind, pool)
        for kind, attempts in ((single, SINGLE), (copy, COPIES))
        for sql in attempts
        if not any(table in sql for table in own_rows)
    ]
    assert [found for found in leaks if found] == []
    assert state_of(world) == before


def test_the_attempts_do_reach_the_server(world: World, pool: Pool) -> None:
    store = world.stores["a1"]
    with standing(world, "store", store, pool) as connection:
        rows = single(ALLOWED.format(mineschema=store.schema))(connection)
    assert rows == [("SECRET-a1",), ("SECRET-a1",)]
    # And the detector works: an attacker who is the victim is found.
    assert leak(world, "store", store, store, SINGLE[0], single, pool)


def test_a_reader_cannot_write_even_when_it_lifts_its_default(world: World) -> None:
    group = world.groups["a"].id
    with psycopg.connect(world.server.conninfo(group_reader(group)), autocommit=True) as connection:
        connection.execute("begin read write")
        connection.execute(f"set local role {GROUP_ROLE}".encode())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(
                """insert into control.config_setting (id, group_id, key, value, valid_from, created_by)
                   values (gen_random_uuid(), %s, 'x', '1', '2026-01-01', 'x')""",
                (group,),
            )


def test_a_notice_reaches_everybody_and_so_carries_nothing(world: World) -> None:
    """LISTEN cannot be forbidden: this documents why nothing but a wake-up may be sent."""
    with (
        psycopg.connect(world.server.conninfo(group_login(world.groups["a"].id)), autocommit=True) as listening,
        psycopg.connect(world.server.conninfo(group_login(world.groups["b"].id)), autocommit=True) as sending,
    ):
        listening.execute("listen everybody")
        sending.execute("notify everybody, 'heard'")
        assert [notice.payload for notice in listening.notifies(timeout=2, stop_after=1)] == ["heard"]


def test_a_store_reads_its_groups_settings_and_its_own(world: World, pool: Pool) -> None:
    with standing(world, "store", world.stores["a1"], pool) as connection:
        rows = connection.execute("select value from control.config_setting where key = 'secret'").fetchall()
    assert rows == [("SECRET-a1",)]

"""Whoever is killed in the middle of a unit of work leaves all of it or nothing: never a row without its event, audit and job."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from forecourt.domain.audit.verify import verify_store
from forecourt.tenancy.provision import owner_connection
from tests.conftest import World
from tests.domain.desk import Desk
from tests.domain.killed_unit import APPLICATION, JOB

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]


@contextmanager
def running(world: World, point: str, module: str = "tests.domain.killed_unit") -> Iterator["subprocess.Popen[str]"]:
    """The process, killed at the end of the block."""
    store = world.stores["a1"]
    process = subprocess.Popen(
        [
            sys.executable, "-W", "error", "-m", module,
            str(world.database.settings.home), str(store.group_id), str(store.id), point,
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / ".links")])},
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@contextmanager
def administrator(world: World) -> Iterator["psycopg.Connection[tuple[int, ...]]"]:
    assert world.server.administrator is not None
    database = psycopg.conninfo.make_conninfo(world.server.administrator, dbname=world.server.address.dbname)
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


def until(world: World, query: str, found: Callable[[int], bool]) -> None:
    """Wait until a count is as it shall be."""
    deadline = time.monotonic() + 60
    with administrator(world) as connection:
        while not found((connection.execute(query.encode()).fetchone() or (0,))[0]):
            assert time.monotonic() < deadline, query
            time.sleep(0.02)


def until_gone(world: World) -> None:
    until(world, f"select count(*) from pg_stat_activity where application_name = '{APPLICATION}'", lambda n: n == 0)


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def left(world: World) -> list[int]:
    """Complaints, events of the feed, events of the audit, its last number, jobs."""
    schema = world.stores["a1"].schema
    counts = [f"(select count(*) from {schema}.{name})" for name in ("complaint", "change_event", "audit_event")]
    query = f"""select {", ".join(counts)}, coalesce((select seq from {schema}.audit_head), 0),
                       (select count(*) from control.job where actor = '{JOB}')"""
    with owner_connection(world.server) as connection:
        return list(connection.execute(query.encode()).fetchone() or ())


@pytest.fixture
def counted(world: World, desk: Desk) -> Iterator[list[int]]:
    """What there is before; the jobs that are left are removed."""
    yield left(world)
    with owner_connection(world.server) as connection:
        connection.execute("delete from control.job where actor = %s", (JOB,))


async def test_killed_before_the_last_message_a_unit_leaves_nothing(
    world: World, desk: Desk, counted: list[int]
) -> None:
    with running(world, "before") as process:
        assert said(process) == "held"
        assert left(world) == counted
    until_gone(world)
    assert left(world) == counted
    async with desk.work() as work:  # the head of the chain is not locked any more
        work.audit("test", "Test")


async def test_killed_after_the_last_message_a_unit_leaves_all_of_it(
    world: World, desk: Desk, counted: list[int]
) -> None:
    with running(world, "sent") as process:
        assert said(process) == "held"
    until_gone(world)
    assert left(world) == [one + 1 for one in counted]
    assert (await verify_store(desk.platform, desk.group, desk.store)).ok


@pytest.mark.proof
async def test_killed_while_the_server_is_at_the_last_message_a_unit_leaves_all_of_it(
    world: World, desk: Desk, counted: list[int]
) -> None:
    """The server has the COMMIT already, and waits for a table that somebody else has locked."""
    with owner_connection(world.server) as holder, holder.transaction():
        holder.execute(f"lock table {world.stores['a1'].schema}.audit_event in share mode".encode())
        with running(world, "sent") as process:
            assert said(process) == "held"
            until(world, "select count(*) from pg_locks where not granted", lambda n: n > 0)
    until_gone(world)
    assert left(world) == [one + 1 for one in counted]
    assert (await verify_store(desk.platform, desk.group, desk.store)).ok


@pytest.mark.proof
async def test_killed_anywhere_units_leave_no_part_of_one(world: World, desk: Desk, counted: list[int]) -> None:
    for round_ in range(8):
        before = left(world)
        with running(world, "never") as process:
            for _ in range(1 + 7 * round_ % 20):
                last = int(said(process))
            process.send_signal(signal.SIGKILL)
        until_gone(world)
        made = [now - then for now, then in zip(left(world), before, strict=True)]
        assert len(set(made)) == 1, made
        assert made[0] >= last, "what was said to be committed is there"
    assert (await verify_store(desk.platform, desk.group, desk.store)).ok

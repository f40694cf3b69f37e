"""Migrations over many stores: canary, locks, kill -9 and resume, one line per failed store."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from forecourt.errors import Misconfigured, Unavailable
from forecourt.tenancy.migrate import behind, migrate
from forecourt.tenancy.names import CONTROL, store_schema
from forecourt.tenancy.provision import NewStore, create_group, create_store, owner_connection
from tests.conftest import Database
from tests.tenancy.catalog import catalog
from tests.tenancy.sample import ADD_NOTE, ADD_RANK, BROKEN, head, tree


@pytest.fixture
def fleet(database: Database, tmp_path: Path) -> Iterator["Fleet"]:
    """A group of its own whose stores have the sample schema."""
    made = Fleet(database, tmp_path)
    yield made
    made.remove()


class Fleet:
    """Stores of the sample schema, made on demand and removed afterwards."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.folder, self.ids = database, folder, list[UUID]()
        with owner_connection(database.server) as connection:
            self.group = create_group(
                connection, database.server.secrets, code=f"F{time.time_ns()}", name="Fleet", time_zone="UTC"
            )
            # The run's other stores stand at revisions of another tree: they are put aside.
            self.aside = connection.execute(
                "update control.store set state = 'PROVISIONING' where state = 'ACTIVE' returning id"
            ).fetchall()

    def grow(self, count: int) -> None:
        with owner_connection(self.database.server) as connection:
            for _ in range(count):
                new = NewStore(f"S{len(self.ids) + 1}", "Store", "HX", "UTC")
                self.ids.append(create_store(connection, self.group, new, head=head()))

    def revisions(self) -> dict[UUID, str]:
        with owner_connection(self.database.server) as connection:
            rows = connection.execute("select id, revision from control.store where id = any(%s)", (self.ids,))
            return {row[0]: row[1] for row in rows}

    def touched(self) -> dict[UUID, Any]:
        """When each store's row changed last."""
        with owner_connection(self.database.server) as connection:
            rows = connection.execute("select id, xmin::text from control.store where id = any(%s)", (self.ids,))
            return {row[0]: row[1] for row in rows}

    def remove(self) -> None:
        with owner_connection(self.database.server) as connection:
            for store in self.ids:
                name = store_schema(store)
                connection.execute(f"drop schema if exists {name} cascade; drop role if exists {name}".encode())
            connection.execute("update control.store set state = 'DELETED' where id = any(%s)", (self.ids,))
            connection.execute(
                "update control.store set state = 'ACTIVE' where id = any(%s)", ([row[0] for row in self.aside],)
            )


def test_every_store_is_brought_to_the_head_and_a_second_run_touches_none(fleet: Fleet) -> None:
    fleet.grow(3)
    seen: list[tuple[int, int, str, str | None]] = []
    steps = tree(fleet.folder, ADD_NOTE, ADD_RANK)
    outcome = migrate(fleet.database.server, tenant=steps, progress=lambda *one: seen.append(one))
    assert set(outcome.migrated) == set(fleet.ids) and outcome.failed == [] and outcome.head == "0003"
    assert [one[:2] for one in seen] == [(1, 3), (2, 3), (3, 3)]
    assert set(fleet.revisions().values()) == {"0003"}
    before = fleet.touched()
    assert migrate(fleet.database.server, tenant=steps).migrated == []
    assert fleet.touched() == before
    with psycopg.connect(fleet.database.server.conninfo(CONTROL)) as connection:
        assert behind(connection, "0003") == 0
        assert behind(connection, "0004") == 3


def test_the_whole_script_equals_the_steps(fleet: Fleet) -> None:
    fleet.grow(1)
    migrate(fleet.database.server, tenant=tree(fleet.folder, ADD_NOTE, ADD_RANK))
    with owner_connection(fleet.database.server) as connection:
        new = NewStore("WHOLE", "Store", "HX", "UTC")
        whole = create_store(connection, fleet.group, new, head=head(revision="0003", note=True, slow=True))
        fleet.ids.append(whole)
        stepwise, whole_facts = (catalog(connection, store_schema(store)) for store in fleet.ids)
        assert stepwise == whole_facts
        assert any("100% store" in fact and "the tenant of :this" in fact for fact in whole_facts)
        lesser = create_store(connection, fleet.group, NewStore("LESS", "Store", "HX", "UTC"), head=head())
        fleet.ids.append(lesser)
        assert catalog(connection, store_schema(lesser)) != whole_facts  # the comparison sees a difference


def test_a_failing_canary_stops_the_run(fleet: Fleet) -> None:
    fleet.grow(3)
    outcome = migrate(fleet.database.server, tenant=tree(fleet.folder, BROKEN))
    assert len(outcome.failed) == 1 and outcome.untried == 2 and outcome.migrated == []
    assert "S1" in str(outcome.failed[0]) and "nowhere" in str(outcome.failed[0]) and "\n" not in str(outcome.failed[0])
    assert set(fleet.revisions().values()) == {"0001"}


def test_a_failing_store_keeps_what_it_had_and_the_others_go_on(fleet: Fleet) -> None:
    fleet.grow(4)
    odd = fleet.ids[2]
    with owner_connection(fleet.database.server) as connection:
        connection.execute(f"alter table {store_schema(odd)}.person add column rank integer".encode())
    outcome = migrate(fleet.database.server, tenant=tree(fleet.folder, ADD_NOTE, ADD_RANK))
    assert [failure.store_id for failure in outcome.failed] == [odd]
    assert fleet.revisions() == {store: "0001" if store == odd else "0003" for store in fleet.ids}
    with owner_connection(fleet.database.server) as connection:
        assert not any("'note'" in fact for fact in catalog(connection, store_schema(odd)))


def test_a_locked_table_is_waited_for_in_turns(fleet: Fleet) -> None:
    fleet.grow(2)
    held = fleet.ids[1]
    with psycopg.connect(fleet.database.server.administrator or "", dbname="forecourt") as holder:
        holder.execute(f"lock table {store_schema(held)}.person in access share mode".encode())
        release = threading.Timer(1.2, holder.rollback)
        release.start()
        outcome = migrate(fleet.database.server, tenant=tree(fleet.folder, ADD_NOTE))
        release.join()
    assert outcome.failed == [] and outcome.lock_retries >= 1


def test_two_migrations_at_once_are_refused(fleet: Fleet) -> None:
    with owner_connection(fleet.database.server) as other:
        other.execute("select pg_advisory_lock(hashtext('forecourt migrate'))")
        with pytest.raises(Unavailable, match="another migration"):
            migrate(fleet.database.server, tenant=tree(fleet.folder))


def test_a_database_newer_than_the_program_is_refused(fleet: Fleet) -> None:
    fleet.grow(1)
    steps = tree(fleet.folder)
    with owner_connection(fleet.database.server) as connection:
        connection.execute("update control.store set revision = '9999' where id = %s", (fleet.ids[0],))
    outcome = migrate(fleet.database.server, tenant=steps)
    assert "newer than this program" in outcome.failed[0].reason
    with pytest.raises(Misconfigured):
        steps.after("9999")


KILLED = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from forecourt.settings import Settings
    from forecourt.tenancy.migrate import migrate
    from forecourt.tenancy.render import Tree
    from forecourt.tenancy.server import open_server
    home, folder = sys.argv[1:]
    migrate(open_server(Settings(home=Path(home))), tenant=Tree(Path(folder)), workers=2,
            progress=lambda done, *_: print(done, flush=True))
    """
)


@pytest.mark.parametrize("count", [10, pytest.param(200, marks=pytest.mark.proof)])
def test_killed_in_the_middle_the_next_run_touches_exactly_the_rest(fleet: Fleet, count: int) -> None:
    fleet.grow(count)
    steps = tree(fleet.folder, ADD_NOTE, ADD_RANK)
    command = [sys.executable, "-c", KILLED, str(fleet.database.settings.home), str(fleet.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ}) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= count * 2 // 5:
                process.send_signal(signal.SIGKILL)
                break
    deadline = time.monotonic() + 10
    with owner_connection(fleet.database.server) as connection:  # the server notices that the client is gone
        busy = "select count(*) from pg_stat_activity where usename = 'forecourt_owner' and pid <> pg_backend_pid()"
        while connection.execute(busy.encode()).fetchone() != (0,) and time.monotonic() < deadline:
            time.sleep(0.05)
    before, touched = fleet.revisions(), fleet.touched()
    done = {store for store, revision in before.items() if revision == "0003"}
    assert set(before.values()) == {"0001", "0003"} and count * 2 // 5 <= len(done) < count
    outcome = migrate(fleet.database.server, tenant=steps)
    assert set(outcome.migrated) == set(fleet.ids) - done and outcome.failed == []
    assert {store for store, mark in fleet.touched().items() if touched[store] == mark} == done
    with owner_connection(fleet.database.server) as connection:
        assert len({tuple(catalog(connection, store_schema(store))) for store in fleet.ids}) == 1

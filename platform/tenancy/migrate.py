"""`forecourt db migrate`: the control schema first, then every store, each in a transaction of its own.

A store's steps and its revision change in one transaction, guarded by the revision it had, so killing the run at any
moment loses nothing and running again touches exactly the rest. The first store is the canary: when it fails, nothing
else is tried.
"""

import os
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from psycopg import Connection

from ..errors import ForecourtError, Misconfigured, Unavailable
from .names import OWNER, store_schema
from .provision import owner_connection
from .raw import run_script
from .render import BASE, Tree, control_tree, for_store, newest, tenant_tree
from .server import Server

LOCK_TIMEOUT_MS = 500  # how long a step may wait for a lock, and so hold up the queries queued behind it
LOCK_ATTEMPTS = 10
MIGRATED_STATES = ("ACTIVE", "SUSPENDED", "CLOSING", "ARCHIVED")

#: Called after each store: how many are done, how many there are, the store's code, why it failed (None when it did
#: not).
Progress = Callable[[int, int, str, str | None], None]


@dataclass(frozen=True)
class Failure:
    """A store that did not migrate; it still has the revision and the schema it had."""

    store_id: UUID
    code: str
    reason: str

    def __str__(self) -> str:
        return f"store {self.code} ({self.store_id}): {self.reason}"


@dataclass
class Outcome:
    """What a run did. ``untried`` counts the stores left alone because the canary failed."""

    control: tuple[str, ...] = ()
    head: str = BASE
    migrated: list[UUID] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    untried: int = 0
    lock_retries: int = 0


@dataclass(frozen=True)
class _Todo:
    store_id: UUID
    code: str
    revision: str


def migrate(
    server: Server,
    *,
    control: Tree | None = None,
    tenant: Tree | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Bring the control schema and every store to the head of their trees.

    Raises:
        Misconfigured: the database is newer than this program, or there is no owner's password.
        Unavailable: another migration is running, or the control schema could not be migrated.
    """
    control, tenant = control or control_tree(), tenant or tenant_tree()
    with owner_connection(server) as connection, _alone(connection):
        outcome = Outcome(control=_migrate_control(connection, control), head=tenant.head)
        todo = _todo(connection, tenant.head)
        _Run(server, tenant, outcome, progress, len(todo)).all(todo, workers or os.cpu_count() or 1)
        _record(connection, "tenant", tenant.head)
    return outcome


def is_current(server: Server) -> bool:
    """Whether the database was bootstrapped and everything in it is at the newest revision; a quick look, as the owner."""
    try:
        with psycopg.connect(server.conninfo(OWNER), autocommit=True, connect_timeout=5) as connection:
            rows = connection.execute("select tree, revision from control.schema_revision").fetchall()
            known = {tree: newest(tree) for tree in ("control", "tenant")}
            return dict(rows) == known and behind(connection, known["tenant"]) == 0
    except (psycopg.OperationalError, psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName, Misconfigured):
        return False


def behind(connection: Connection[Any], head: str) -> int:
    """How many live stores are not at ``head``; visible to forecourt_control too."""
    row = connection.execute(
        "select count(*) from control.store where state = any(%s) and revision <> %s", (list(MIGRATED_STATES), head)
    ).fetchone()
    return int(row[0]) if row else 0


class _Run:
    """One run over the stores: a queue, workers with a connection each, and what came of it."""

    def __init__(self, server: Server, tree: Tree, outcome: Outcome, progress: Progress | None, total: int) -> None:
        self._server, self._tree, self._outcome, self._progress, self._total = server, tree, outcome, progress, total
        self._lock = threading.Lock()
        self._done = 0

    def all(self, todo: list[_Todo], workers: int) -> None:
        if not todo:
            return
        canary = _queue(todo[:1])
        self._work(canary)
        self._give_up(canary)
        if self._outcome.failed:
            self._outcome.untried = len(todo) - 1
            return
        rest = _queue(todo[1:])
        threads = [threading.Thread(target=self._work, args=(rest,)) for _ in range(min(workers, rest.qsize()))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._give_up(rest)

    def _give_up(self, waiting: "queue.SimpleQueue[_Todo]") -> None:
        """List what no worker could take: every worker lost its connection."""
        while not waiting.empty():
            self._report(waiting.get_nowait(), "no connection to the database; run again")

    def _work(self, waiting: "queue.SimpleQueue[_Todo]") -> None:
        try:
            with owner_connection(self._server) as connection:
                while True:
                    try:
                        one = waiting.get_nowait()
                    except queue.Empty:
                        return
                    try:
                        self._migrate(connection, one)
                        self._report(one, None)
                    except (psycopg.Error, ForecourtError) as error:
                        self._report(one, " ".join(str(error).split())[:300])
                        if connection.closed:
                            return
        except ForecourtError:
            return  # no connection: what is still queued is for the other workers, or given up

    def _migrate(self, connection: Connection[Any], one: _Todo) -> None:
        schema = store_schema(one.store_id)
        script = "\n".join(for_store(step.sql, schema) for step in self._tree.after(one.revision))
        for attempt in range(LOCK_ATTEMPTS):
            try:
                with connection.transaction():
                    run_script(connection, f"set local lock_timeout = {LOCK_TIMEOUT_MS};\n{script}")
                    done = connection.execute(
                        """update control.store set revision = %s, updated_at = now()
                           where id = %s and revision = %s and state = any(%s)""",
                        (self._tree.head, one.store_id, one.revision, list(MIGRATED_STATES)),
                    )
                    if done.rowcount != 1:
                        raise Unavailable("its revision or state changed meanwhile; run again")
                return
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
                if attempt == LOCK_ATTEMPTS - 1:
                    raise
                with self._lock:
                    self._outcome.lock_retries += 1
                # Longer and longer, and never in step with the other workers.
                time.sleep(random.uniform(0.05, 0.2) * (attempt + 1))  # noqa: S311  (jitter)

    def _report(self, one: _Todo, error: str | None) -> None:
        with self._lock:
            self._done += 1
            if error is None:
                self._outcome.migrated.append(one.store_id)
            else:
                self._outcome.failed.append(Failure(one.store_id, one.code, error))
            if self._progress is not None:
                self._progress(self._done, self._total, one.code, error)


def _queue(items: list[_Todo]) -> "queue.SimpleQueue[_Todo]":
    waiting: queue.SimpleQueue[_Todo] = queue.SimpleQueue()
    for item in items:
        waiting.put(item)
    return waiting


@contextmanager
def _alone(connection: Connection[Any]) -> Iterator[None]:
    """One migration at a time; the lock goes with the connection, also when the process is killed."""
    row = connection.execute("select pg_try_advisory_lock(hashtext('forecourt migrate'))").fetchone()
    if row != (True,):
        raise Unavailable("another migration is running")
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("select pg_advisory_unlock(hashtext('forecourt migrate'))")


def _migrate_control(connection: Connection[Any], tree: Tree) -> tuple[str, ...]:
    """Apply what the control schema lacks, one transaction per step. Returns the revisions applied."""
    exists = connection.execute("select to_regclass('control.schema_revision') is not null").fetchone() == (True,)
    current = BASE
    if exists:
        row = connection.execute("select revision from control.schema_revision where tree = 'control'").fetchone()
        current = row[0] if row else BASE
    applied = []
    for step in tree.after(current):
        try:
            with connection.transaction():
                run_script(connection, f"set local lock_timeout = '5s';\n{step.sql}")
                _record(connection, "control", step.revision)
        except psycopg.Error as error:
            raise Unavailable(f"control migration {step.revision} failed: {error}") from error
        applied.append(step.revision)
    return tuple(applied)


def _record(connection: Connection[Any], tree: str, revision: str) -> None:
    connection.execute(
        """insert into control.schema_revision (tree, revision) values (%s, %s)
           on conflict (tree) do update set revision = excluded.revision, updated_at = now()""",
        (tree, revision),
    )


def _todo(connection: Connection[Any], head: str) -> list[_Todo]:
    rows = connection.execute(
        "select id, code, revision from control.store where state = any(%s) and revision <> %s order by id",
        (list(MIGRATED_STATES), head),
    )
    return [_Todo(*row) for row in rows]

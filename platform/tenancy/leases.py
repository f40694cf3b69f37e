"""The job queue, seen by the workers: lease, renew, acknowledge, retry, bury, release.

A lease is a token and a moment. Whoever holds the token settles the job; when the moment passes (the worker was
killed, the network broke) the job returns to the queue and the old token settles nothing any more. A job whose workers
die again and again is buried, so that it cannot take all of them down.

Synchronous, because the consumers are threads. Connects as `forecourt_control`. Every failure of the database is
`Unavailable`.
"""

import os
import socket
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self
from uuid import UUID

import psycopg
from psycopg.sql import SQL, Identifier
from psycopg_pool import ConnectionPool, PoolTimeout

from ..errors import Unavailable
from . import queue as jobs
from .ids import new_id
from .queue import DeadJob, Job, WorkerSeen

LEASE = """
with due as (
    select id from control.job
    where queue = %(queue)s and state = 'QUEUED' and run_at <= now()
    order by run_at, id limit %(limit)s for update skip locked
)
update control.job j
set state = 'LEASED', lease_until = now() + make_interval(secs => %(lease)s), token = gen_random_uuid(),
    deliveries = deliveries + 1
from due where j.id = due.id
returning j.id, j.token, j.group_id, j.store_id, j.queue, j.actor, j.args, j.traceparent, j.attempts, j.crashes,
    j.run_at, j.created_at
"""

RENEW = """
update control.job set lease_until = now() + make_interval(secs => %(lease)s)
where id = any(%(ids)s) and token = any(%(tokens)s)
"""

ACKNOWLEDGE = "delete from control.job where id = %(id)s and token = %(token)s"

RETRY = """
update control.job
set state = 'QUEUED', lease_until = null, token = null, attempts = attempts + 1, last_error = %(error)s,
    run_at = now() + make_interval(secs => %(delay)s)
where id = %(id)s and token = %(token)s
"""

BURY = """
with gone as (delete from control.job where id = %(id)s and token = %(token)s returning *)
insert into control.dead_job
    (job_id, group_id, store_id, queue, actor, args, traceparent, attempts, error, created_at)
select id, group_id, store_id, queue, actor, args, traceparent, attempts + 1, %(error)s, created_at from gone
"""

RELEASE = """
with back as (
    update control.job set state = 'QUEUED', lease_until = null, token = null
    where id = any(%(ids)s) and token = any(%(tokens)s) returning id
)
select count(*), pg_notify(%(channel)s, '') from back
"""

# A job that outlived its worker waits longer each time: the innocent, which were only waiting in the same worker,
# are done meanwhile, and the one that kills workers ends up alone.
RECLAIM = """
with expired as (
    select id, crashes + 1 >= %(max_crashes)s as hopeless from control.job
    where state = 'LEASED' and lease_until < now()
    order by lease_until limit 500 for update skip locked
), back as (
    update control.job j
    set state = 'QUEUED', lease_until = null, token = null, crashes = crashes + 1,
        run_at = now() + make_interval(secs => least(300, (power(2, j.crashes) - 1) * %(lease)s))
    from expired e where j.id = e.id and not e.hopeless returning j.id
), gone as (
    delete from control.job j using expired e where j.id = e.id and e.hopeless returning j.*
), buried as (
    insert into control.dead_job
        (job_id, group_id, store_id, queue, actor, args, traceparent, attempts, error, created_at)
    select id, group_id, store_id, queue, actor, args, traceparent, attempts,
        'WORKER_LOST: the worker was lost ' || (crashes + 1) || ' times while it held this job', created_at
    from gone
)
select (select count(*) from back), (select count(*) from gone)
"""

COUNTS = """
select queue, case when state = 'LEASED' then 'LEASED' when run_at > now() then 'DELAYED' else 'READY' end, count(*)
from control.job group by 1, 2
union all
select queue, 'DEAD', count(*) from control.dead_job where replayed_at is null group by 1
"""

PURGE_DEAD = """
delete from control.dead_job where id in (
    select id from control.dead_job where coalesce(replayed_at, died_at) < %(before)s limit %(limit)s)
"""

BEAT = """
insert into control.worker (id, host, pid, queues, state) values (%(id)s, %(host)s, %(pid)s, %(queues)s, %(state)s)
on conflict (id) do update set state = excluded.state, queues = excluded.queues, seen_at = now()
"""

FORGET = "delete from control.worker where id = %(id)s or seen_at < now() - interval '1 day'"

State = Literal["READY", "DELAYED", "LEASED", "DEAD"]


@dataclass(frozen=True, slots=True)
class Lease:
    """A job somebody holds: `token` proves it. `attempts` failed before, `crashes` workers were lost with it."""

    id: UUID
    token: UUID
    group_id: UUID | None
    store_id: UUID | None
    queue: str
    actor: str
    args: dict[str, Any]
    traceparent: str | None
    attempts: int
    crashes: int
    run_at: datetime
    created_at: datetime


@dataclass(slots=True)
class Heartbeat:
    """What a worker process says of itself."""

    queues: list[str]
    state: Literal["RUNNING", "STOPPING"] = "RUNNING"
    id: UUID = field(default_factory=new_id)
    host: str = field(default_factory=socket.gethostname)
    pid: int = field(default_factory=os.getpid)


class JobQueue:
    """The workers' side of the queue.

    Args:
        conninfo: how to connect as `forecourt_control`.
        lease_seconds: how long a lease lasts without renewal.
        listen: wake up by LISTEN; False = poll only (behind a transaction pooler, which cannot carry LISTEN).
        prepare: let psycopg prepare statements; False behind a transaction pooler.
        max_crashes: how many workers may be lost with one job before it is buried.
    """

    def __init__(
        self,
        conninfo: str,
        *,
        lease_seconds: float = 30.0,
        pool_size: int = 5,
        listen: bool = True,
        prepare: bool = True,
        max_crashes: int = 10,
        connect_timeout: float = 5.0,
    ) -> None:
        self.lease_seconds = lease_seconds
        self.listen = listen
        self.max_crashes = max_crashes
        self._conninfo = conninfo
        self._options: dict[str, Any] = {"autocommit": True, "connect_timeout": max(1, round(connect_timeout))}
        if not prepare:
            self._options["prepare_threshold"] = None
        self._pool: ConnectionPool[psycopg.Connection[Any]] = ConnectionPool(
            conninfo,
            kwargs=self._options,
            min_size=1,
            max_size=pool_size,
            timeout=connect_timeout,
            open=False,
            name="forecourt-jobs",
        )

    def open(self) -> Self:
        """Start connecting; a database that is not there yet is waited for when it is needed."""
        self._pool.open(wait=False)
        return self

    def close(self) -> None:
        """Close every connection of the pool."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # -- adding and looking ------------------------------------------------------------------------------------------

    def add(self, new: Iterable[Job], *, trace: str | None = None) -> None:
        """Add jobs in a transaction of their own (those of a unit of work use `queue.enqueue`)."""
        trace = trace or jobs.current_trace()
        for batch in jobs.batches(new):
            self._run(jobs.ADD, jobs.add_parameters(batch, trace))

    def list_dead(self, *, group_id: UUID | None, limit: int = 50, before: DeadJob | None = None) -> list[DeadJob]:
        """Dead jobs, newest first; see `queue.list_dead`."""
        rows, _ = self._run(jobs.LIST_DEAD, jobs.dead_parameters(group_id, limit, before))
        return [DeadJob(*row) for row in rows]

    def replay_dead(self, *, group_id: UUID | None, ids: Sequence[UUID] | None = None) -> int:
        """Put dead jobs back; see `queue.replay_dead`."""
        rows, _ = self._run(jobs.REPLAY_DEAD, jobs.replay_parameters(group_id, ids))
        return int(rows[0][0])

    def purge_dead(self, *, before: datetime, limit: int = jobs.MAX_BATCH) -> int:
        """Delete records of jobs that died, or were replayed, before a moment. Returns how many (at most ``limit``)."""
        return self._run(PURGE_DEAD, {"before": before, "limit": limit})[1]

    def counts(self) -> dict[tuple[str, State], int]:
        """How many jobs, by queue and state."""
        return {(queue, state): n for queue, state, n in self._run(COUNTS, {})[0]}

    def workers_alive(self, *, within: float = 30.0) -> list[WorkerSeen]:
        """Workers heard of during the last ``within`` seconds."""
        return [WorkerSeen(*row) for row in self._run(jobs.WORKERS, {"within": within, "limit": jobs.MAX_PAGE})[0]]

    # -- leases ------------------------------------------------------------------------------------------------------

    def lease(self, queue: str, limit: int) -> list[Lease]:
        """Take up to ``limit`` due jobs, those that waited longest first, past those that others are taking."""
        rows, _ = self._run(LEASE, {"queue": queue, "limit": limit, "lease": self.lease_seconds})
        return sorted((Lease(*row) for row in rows), key=lambda lease: (lease.run_at, lease.id))

    def renew(self, held: Sequence[Lease]) -> int:
        """Extend leases from now. Returns how many are still held."""
        return self._run(RENEW, {**_keys(held), "lease": self.lease_seconds})[1] if held else 0

    def acknowledge(self, lease: Lease) -> bool:
        """The job is done. False: the lease was lost, and somebody else will do it again."""
        return self._settle(ACKNOWLEDGE, lease)

    def retry(self, lease: Lease, *, delay: float, error: str) -> bool:
        """The job failed: same message id, again in ``delay`` seconds. False: the lease was lost."""
        return self._settle(RETRY, lease, delay=delay, error=error)

    def bury(self, lease: Lease, *, error: str) -> bool:
        """The job is given up: a dead letter. False: the lease was lost."""
        return self._settle(BURY, lease, error=error)

    def release(self, held: Sequence[Lease]) -> int:
        """Give jobs back untouched. Returns how many were still held."""
        return int(self._run(RELEASE, {**_keys(held), "channel": jobs.CHANNEL})[0][0][0]) if held else 0

    def reclaim(self) -> tuple[int, int]:
        """Return expired leases to the queue. Returns (returned, buried because too many workers were lost)."""
        rows, _ = self._run(RECLAIM, {"max_crashes": self.max_crashes, "lease": self.lease_seconds})
        returned, buried = rows[0]
        return returned, buried

    # -- heartbeat ---------------------------------------------------------------------------------------------------

    def beat(self, worker: Heartbeat) -> None:
        """Say that a worker lives."""
        self._run(
            BEAT,
            {
                "id": worker.id,
                "host": worker.host,
                "pid": worker.pid,
                "queues": worker.queues,
                "state": worker.state,
            },
        )

    def forget(self, worker: Heartbeat) -> None:
        """A worker has ended; those that vanished a day ago are forgotten too."""
        self._run(FORGET, {"id": worker.id})

    # -- the database ------------------------------------------------------------------------------------------------

    def waker(self) -> "Waker":
        """Something to wait with until work may have come."""
        return Waker(self._conninfo if self.listen else None, self._options)

    @contextmanager
    def transaction(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection in a transaction of its own, for what takes more than one statement (the scheduler)."""
        try:
            with self._pool.connection() as connection, connection.transaction():
                yield connection
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise Unavailable("the database does not answer") from error

    def _settle(self, sql: str, lease: Lease, **parameters: Any) -> bool:
        return self._run(sql, {"id": lease.id, "token": lease.token, **parameters})[1] == 1

    def _run(self, sql: str, parameters: dict[str, Any]) -> tuple[list[tuple[Any, ...]], int]:
        """Rows and row count of one statement, which is its own transaction.

        After a restart of the server every pooled connection is dead and only finds out when used, so a failure is
        tried once more on checked connections. Every statement here may run twice: tokens make the second one a no-op.
        """
        try:
            return self._run_once(sql, parameters)
        except PoolTimeout as error:
            raise Unavailable("the database does not answer") from error
        except (psycopg.OperationalError, psycopg.InterfaceError):
            self._pool.check()
        try:
            return self._run_once(sql, parameters)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise Unavailable("the database does not answer") from error

    def _run_once(self, sql: str, parameters: dict[str, Any]) -> tuple[list[tuple[Any, ...]], int]:
        with self._pool.connection() as connection:
            cursor = connection.execute(sql, parameters)
            return (cursor.fetchall() if cursor.description else []), cursor.rowcount


class Waker:
    """Waits on a connection of its own until a producer says "look", or until time is up.

    LISTEN must not go through a transaction pooler, so this connection never comes from the pool.
    """

    def __init__(self, conninfo: str | None, options: dict[str, Any]) -> None:
        self._connection: psycopg.Connection[Any] | None = None
        self._never = threading.Event()
        if conninfo is None:
            return
        try:
            self._connection = psycopg.connect(conninfo, **options)
            self._connection.execute(SQL("listen {}").format(Identifier(jobs.CHANNEL)))
        except psycopg.OperationalError as error:
            self.close()
            raise Unavailable("the database does not answer") from error

    def wait(self, seconds: float) -> None:
        """Return when work may have come, at the latest after ``seconds``."""
        if self._connection is None:
            self._never.wait(seconds)
            return
        try:
            for _ in self._connection.notifies(timeout=seconds, stop_after=1):
                pass
            for _ in self._connection.notifies(timeout=0):  # many cries, one look
                pass
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise Unavailable("the database does not answer") from error

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()


def _keys(held: Sequence[Lease]) -> dict[str, Any]:
    return {"ids": [lease.id for lease in held], "tokens": [lease.token for lease in held]}

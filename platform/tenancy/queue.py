"""The job queue, seen by those who add work and by those who look after what died.

An enqueue is **part of the caller's transaction**: a rollback leaves no job, a commit cannot lose one. It works as a
store's role, which may INSERT and nothing else, so it neither returns nor reads rows, and the NOTIFY that wakes the
workers carries no data. The workers' side (lease, renew, acknowledge) is `tenancy/leases.py`.

Knows neither dramatiq nor GraphQL. A relay to another broker would read the same rows.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from typing import Any, TypeAlias
from uuid import UUID

import psycopg
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from sqlalchemy import CursorResult, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from .ids import new_id
from .lane import Statement
from .queue_tables import SECURITY_SQL as SECURITY_SQL

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"
Connection: TypeAlias = AsyncSession | AsyncConnection | psycopg.AsyncConnection[Any]

#: The channel workers listen on. Any role may LISTEN, so nothing is ever said on it but "look".
CHANNEL = "forecourt_job"

#: Longest list a caller may ask for, and most jobs in one statement.
MAX_PAGE = 200
MAX_BATCH = 1000
#: Arguments are ids and dates; whoever needs more than this is sending rows.
MAX_ARGS_BYTES = 8192

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9._-]{0,99}")
_RESERVED = frozenset({"group_id", "store_id"})
_PARAMETER = re.compile(r"%\((\w+)\)s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Work to be done later, at least once.

    Attributes:
        actor: name of the actor that does it.
        group_id: the dealer group; None only for a job of the platform itself.
        store_id: the store, where the job is one store's.
        args: keyword arguments of the actor besides `group_id` and `store_id`: ids and dates, never rows.
        queue: which workers take it.
        run_at: not before this moment; None = at once.
        dedupe_key: while an undelivered job of the same store (or group) has this key, another is silently dropped.
        id: the message id. It stays the same through every retry and replay, so it is the key of an inbox row.
    """

    actor: str
    group_id: UUID | None
    store_id: UUID | None = None
    args: Mapping[str, JSON] = field(default_factory=dict)
    queue: str = "default"
    run_at: datetime | None = None
    dedupe_key: str | None = None
    id: UUID = field(default_factory=new_id)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.actor) or not _NAME.fullmatch(self.queue):
            raise ValueError(f"not a name of an actor or a queue: {self.actor!r}, {self.queue!r}")
        if self.store_id is not None and self.group_id is None:
            raise ValueError("a store's job names its group too")
        if _RESERVED & self.args.keys():
            raise ValueError("group_id and store_id are fields of the job, not arguments")
        if self.run_at is not None and self.run_at.tzinfo is None:
            raise ValueError("run_at needs a time zone")
        if self.dedupe_key is not None and not 0 < len(self.dedupe_key) <= 200:
            raise ValueError("a dedupe key has 1 to 200 characters")
        if len(json.dumps(self.args).encode()) > MAX_ARGS_BYTES:
            raise ValueError(f"arguments of a job are ids: at most {MAX_ARGS_BYTES} bytes")


@dataclass(frozen=True, slots=True)
class DeadJob:
    """A job that was given up. `id` is the record's, `job_id` the message's."""

    id: UUID
    job_id: UUID
    group_id: UUID | None
    store_id: UUID | None
    queue: str
    actor: str
    args: dict[str, Any]
    attempts: int
    error: str
    created_at: datetime
    died_at: datetime
    replayed_at: datetime | None


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """A worker process and when it was last heard of."""

    id: UUID
    host: str
    pid: int
    queues: list[str]
    state: str
    started_at: datetime
    seen_at: datetime


# `on conflict` names no index: naming one would need SELECT, which a store's role does not have.
# Sorted by key, so that two transactions with the same keys wait for one another instead of dead-locking.
ADD = """
with added as (
    insert into control.job (id, group_id, store_id, queue, actor, args, run_at, dedupe_key, traceparent)
    select id, group_id, store_id, queue, actor, args, coalesce(run_at, now()), dedupe_key, traceparent
    from jsonb_to_recordset(cast(%(jobs)s as jsonb)) as job (
        id uuid, group_id uuid, store_id uuid, queue text, actor text, args jsonb,
        run_at timestamptz, dedupe_key text, traceparent text)
    order by dedupe_key, id
    on conflict do nothing
)
select pg_notify(%(channel)s, '') where %(wake)s
"""

_ADD_NAMES = tuple(dict.fromkeys(_PARAMETER.findall(ADD)))
_ADD_NUMBERED = _PARAMETER.sub(lambda found: f"${_ADD_NAMES.index(found[1]) + 1}", ADD)

LIST_DEAD = """
select id, job_id, group_id, store_id, queue, actor, args, attempts, error, created_at, died_at, replayed_at
from control.dead_job
where (cast(%(group_id)s as uuid) is null or group_id = %(group_id)s)
  and (cast(%(before_at)s as timestamptz) is null
       or (died_at, id) < (cast(%(before_at)s as timestamptz), cast(%(before_id)s as uuid)))
order by died_at desc, id desc
limit %(limit)s
"""

REPLAY_DEAD = """
with picked as (
    update control.dead_job set replayed_at = now()
    where id in (
        select id from control.dead_job
        where replayed_at is null
          and (cast(%(group_id)s as uuid) is null or group_id = %(group_id)s)
          and (cast(%(ids)s as uuid[]) is null or id = any(%(ids)s))
        order by died_at limit %(limit)s for update skip locked)
    returning job_id, group_id, store_id, queue, actor, args, traceparent
), added as (
    insert into control.job (id, group_id, store_id, queue, actor, args, run_at, traceparent)
    select job_id, group_id, store_id, queue, actor, args, now(), traceparent from picked
    on conflict do nothing
)
select count(*), pg_notify(%(channel)s, '') from picked
"""

WORKERS = """
select id, host, pid, queues, state, started_at, seen_at from control.worker
where seen_at > now() - make_interval(secs => %(within)s)
order by started_at limit %(limit)s
"""


def current_trace() -> str | None:
    """The `traceparent` (W3C Trace Context) of the span that is open now, or None."""
    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent")


def add_parameters(jobs: Sequence[Job], trace: str | None) -> dict[str, Any]:
    """Parameters of `ADD` for at most `MAX_BATCH` jobs."""
    now = datetime.now(UTC)
    rows = [
        {
            "id": str(job.id),
            "group_id": job.group_id and str(job.group_id),
            "store_id": job.store_id and str(job.store_id),
            "queue": job.queue,
            "actor": job.actor,
            "args": dict(job.args),
            "run_at": job.run_at and job.run_at.isoformat(),
            "dedupe_key": job.dedupe_key,
            "traceparent": trace,
        }
        for job in jobs
    ]
    wake = any(job.run_at is None or job.run_at <= now for job in jobs)
    return {"jobs": json.dumps(rows), "channel": CHANNEL, "wake": wake}


def batches(jobs: Iterable[Job]) -> Iterable[list[Job]]:
    """The jobs in lists that fit one statement."""
    rest = iter(jobs)
    while batch := list(islice(rest, MAX_BATCH)):
        yield batch


async def enqueue(connection: Connection, jobs: Iterable[Job], *, trace: str | None = None) -> None:
    """Add jobs inside the caller's transaction; they exist when it commits.

    Works as a store's role, a group's (`forecourt_group`) or the control login; row-level security refuses a job of
    somebody else. One round trip per 1,000 jobs.

    Args:
        trace: `traceparent` of the producer; default = the span that is open now.
    """
    trace = trace or current_trace()
    for batch in batches(jobs):
        await run_statement(connection, ADD, add_parameters(batch, trace))


def additions(jobs: Iterable[Job], *, trace: str | None = None) -> list[Statement]:
    """`enqueue` as statements, for whoever sends them with others (`session.send_in`)."""
    if not jobs:
        return []
    trace = trace or current_trace()
    given = (add_parameters(batch, trace) for batch in batches(jobs))
    return [Statement(_ADD_NUMBERED, [values[name] for name in _ADD_NAMES]) for values in given]


def enqueue_sync(connection: psycopg.Connection[Any], jobs: Iterable[Job], *, trace: str | None = None) -> None:
    """`enqueue` for a synchronous psycopg connection."""
    trace = trace or current_trace()
    for batch in batches(jobs):
        connection.execute(ADD, add_parameters(batch, trace))


async def list_dead(
    connection: Connection, *, group_id: UUID | None, limit: int = 50, before: DeadJob | None = None
) -> list[DeadJob]:
    """Dead jobs, newest first, at most `MAX_PAGE`; ``before`` is the last one of the previous page."""
    rows = await run_statement(connection, LIST_DEAD, dead_parameters(group_id, limit, before))
    return [DeadJob(*row) for row in rows]


async def replay_dead(connection: Connection, *, group_id: UUID | None, ids: Sequence[UUID] | None = None) -> int:
    """Put dead jobs back under their old message ids: those named, or all of the group. Returns how many.

    A job is replayed once per death; at most `MAX_BATCH` in one call, oldest first.
    """
    rows = await run_statement(connection, REPLAY_DEAD, replay_parameters(group_id, ids))
    return int(rows[0][0])


async def workers_alive(connection: Connection, *, within: float = 30.0) -> list[WorkerSeen]:
    """Workers heard of during the last ``within`` seconds; empty = nobody does the jobs."""
    rows = await run_statement(connection, WORKERS, {"within": within, "limit": MAX_PAGE})
    return [WorkerSeen(*row) for row in rows]


def dead_parameters(group_id: UUID | None, limit: int, before: DeadJob | None) -> dict[str, Any]:
    """Parameters of `LIST_DEAD`."""
    return {
        "group_id": group_id,
        "limit": max(1, min(limit, MAX_PAGE)),
        "before_at": before and before.died_at,
        "before_id": before and before.id,
    }


def replay_parameters(group_id: UUID | None, ids: Sequence[UUID] | None) -> dict[str, Any]:
    """Parameters of `REPLAY_DEAD`."""
    return {
        "group_id": group_id,
        "ids": None if ids is None else list(ids),
        "limit": MAX_BATCH,
        "channel": CHANNEL,
    }


@lru_cache(maxsize=32)
def _clause(sql: str) -> TextClause:
    return text(_PARAMETER.sub(r":\1", sql))


async def run_statement(connection: Connection, sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Rows of one statement with `%(name)s` parameters, on any kind of connection a caller may have."""
    if isinstance(connection, psycopg.AsyncConnection):
        cursor = await connection.execute(sql, parameters)
        return await cursor.fetchall() if cursor.description else []
    result = await connection.execute(_clause(sql), parameters)
    return [tuple(row) for row in result] if isinstance(result, CursorResult) and result.returns_rows else []

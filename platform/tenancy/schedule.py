"""Recurring jobs: `control.schedule`, claimed so that any number of schedulers may run.

In one transaction a scheduler takes the due rows nobody else is taking, adds their jobs and moves them to the next
moment in the future. Runs missed while nothing ran are made up **once**; the actor learns from `due` which moment it
stands for, and decides by its data what else is missing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog

from ..clock import SYSTEM_CLOCK, Clock
from ..errors import Invalid
from .ids import new_id
from .leases import JobQueue
from .queue import JSON, Connection, Job, enqueue_sync, run_statement
from .schedule_rules import Daily, Monthly, Rule, as_json, from_json, next_run

log = structlog.get_logger(__name__)

# Saying the same again (at every start, say) must not skip a run that is already due.
PUT = """
insert into control.schedule (id, group_id, name, queue, actor, args, rule, time_zone, next_run_at, enabled)
values (%(id)s, %(group_id)s, %(name)s, %(queue)s, %(actor)s, cast(%(args)s as jsonb), cast(%(rule)s as jsonb),
    %(time_zone)s, %(next_run_at)s, %(enabled)s)
on conflict (coalesce(group_id, '00000000-0000-0000-0000-000000000000'::uuid), name) do update
set queue = excluded.queue, actor = excluded.actor, args = excluded.args, rule = excluded.rule,
    time_zone = excluded.time_zone, enabled = excluded.enabled,
    next_run_at = case
        when schedule.rule = excluded.rule and schedule.time_zone = excluded.time_zone and schedule.enabled
        then schedule.next_run_at else excluded.next_run_at end
"""

DUE = """
select id, group_id, name, queue, actor, args, rule, time_zone, next_run_at from control.schedule
where enabled and next_run_at <= %(now)s
order by next_run_at limit %(limit)s for update skip locked
"""

MOVE = """
update control.schedule set next_run_at = %(next)s, last_run_at = coalesce(%(ran)s, last_run_at) where id = %(id)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A recurring job.

    Attributes:
        name: unique within the group; putting the same name again changes the schedule.
        actor: its actor; it also receives `due`, the moment it stands for (ISO 8601, UTC).
        group_id: the group; None = of the platform.
        time_zone: IANA name of the group's zone, in which `rule` is read.
    """

    name: str
    actor: str
    rule: Rule
    group_id: UUID | None
    time_zone: str = "UTC"
    args: Mapping[str, JSON] = field(default_factory=dict)
    queue: str = "default"
    enabled: bool = True


async def put_schedule(connection: Connection, schedule: Schedule, *, now: datetime) -> None:
    """Create or change a schedule in the caller's transaction (as a group's role, or the control login).

    Raises:
        Invalid: the zone does not exist.
    """
    await run_statement(connection, PUT, _parameters(schedule, now))


def run_due(queue: JobQueue, *, clock: Clock = SYSTEM_CLOCK, limit: int = 100) -> int:
    """Add the jobs of at most ``limit`` due schedules and move them on, in one transaction. Returns how many."""
    now = clock.now()
    with queue.transaction() as connection:
        due = connection.execute(DUE, {"now": now, "limit": limit}).fetchall()
        jobs = []
        for row in due:
            try:
                job, following = _job(row, now)
            except (Invalid, ValueError) as error:
                # A row somebody broke by hand must not stop the others, nor be forgotten.
                log.error("schedule.broken", schedule=str(row[0]), reason=str(error))
                _park(connection, row[0], now)
                continue
            jobs.append(job)
            connection.execute(MOVE, {"id": row[0], "next": following, "ran": now})
        enqueue_sync(connection, jobs)
    return len(jobs)


def _park(connection: Any, schedule_id: UUID, now: datetime) -> None:
    """Look at a broken schedule again in an hour."""
    connection.execute(MOVE, {"id": schedule_id, "next": now + timedelta(hours=1), "ran": None})


def _job(row: tuple[Any, ...], now: datetime) -> tuple[Job, datetime]:
    schedule_id, group_id, _name, queue, actor, args, stored, time_zone, due = row
    rule = from_json(stored)
    # A month or a day that is still waiting must not swallow the next one; a tick may.
    stands_for = due.astimezone(UTC).isoformat()
    key = f"schedule:{schedule_id}:{stands_for if isinstance(rule, Monthly | Daily) else ''}"
    job = Job(
        actor=actor,
        group_id=group_id,
        args={**args, "due": stands_for},
        queue=queue,
        dedupe_key=key,
    )
    return job, next_run(rule, now, _zone(time_zone))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise Invalid("no such time zone", path=("timeZone",)) from error


def _parameters(schedule: Schedule, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "group_id": schedule.group_id,
        "name": schedule.name,
        "queue": schedule.queue,
        "actor": schedule.actor,
        "args": json.dumps(dict(schedule.args)),
        "rule": json.dumps(as_json(schedule.rule)),
        "time_zone": schedule.time_zone,
        "next_run_at": next_run(schedule.rule, now, _zone(schedule.time_zone)),
        "enabled": schedule.enabled,
    }

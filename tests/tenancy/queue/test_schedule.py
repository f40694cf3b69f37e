"""Schedules: claimed once, made up once, moved into the future in the transaction that adds the job."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta

import psycopg
import pytest

from forecourt.clock import SetClock
from forecourt.errors import Invalid
from forecourt.tenancy.leases import JobQueue
from forecourt.tenancy.names import GROUP_ROLE
from forecourt.tenancy.schedule import Schedule, put_schedule, run_due
from forecourt.tenancy.schedule_rules import Every, Monthly
from tests.jobs.database import TENANTS, QueueDatabase

OCTOBER = datetime(2026, 10, 20, 4, tzinfo=UTC)
MONTHLY = Schedule(
    name="evaluation",
    actor="evaluate_month",
    rule=Monthly(1, time(2)),
    group_id=TENANTS.group,
    time_zone="Asia/Shanghai",
    args={"step": "freeze"},
)
TICK = Schedule(name="tick", actor="tick", rule=Every(10), group_id=None)


@pytest.fixture
def queue(queue_db: QueueDatabase) -> Iterator[JobQueue]:
    with JobQueue(queue_db.control) as queue:
        yield queue


def put(conninfo: str, schedule: Schedule, now: datetime, role: str | None = None) -> None:
    async def do() -> None:
        async with await psycopg.AsyncConnection.connect(conninfo) as connection:
            if role:
                await connection.execute(f"set local role {role}".encode())
            await put_schedule(connection, schedule, now=now)

    asyncio.run(do())


def test_due_schedule_adds_its_job_and_moves_on(queue: JobQueue, queue_db: QueueDatabase) -> None:
    put(queue_db.control, MONTHLY, OCTOBER)
    clock = SetClock(OCTOBER)
    assert run_due(queue, clock=clock) == 0
    due = datetime(2026, 10, 31, 18, tzinfo=UTC)
    clock.at = due + timedelta(seconds=3)
    assert run_due(queue, clock=clock) == 1
    assert run_due(queue, clock=clock) == 0
    (lease,) = queue.lease("default", 10)
    assert (lease.actor, lease.group_id, lease.store_id) == ("evaluate_month", TENANTS.group, None)
    assert lease.args == {"step": "freeze", "due": due.isoformat()}
    assert queue_db.sql("select next_run_at, last_run_at from control.schedule") == [
        (datetime(2026, 11, 30, 18, tzinfo=UTC), clock.at)
    ]


def test_missed_runs_are_made_up_once(queue: JobQueue, queue_db: QueueDatabase) -> None:
    put(queue_db.control, TICK, OCTOBER)
    clock = SetClock(OCTOBER + timedelta(days=3))
    assert run_due(queue, clock=clock) == 1
    assert run_due(queue, clock=clock) == 0
    assert queue_db.one("select next_run_at from control.schedule") > clock.at


def test_ticks_do_not_pile_up_but_months_do(queue: JobQueue, queue_db: QueueDatabase) -> None:
    put(queue_db.control, TICK, OCTOBER)
    put(queue_db.control, MONTHLY, OCTOBER)
    for days in (15, 45):
        run_due(queue, clock=SetClock(OCTOBER + timedelta(days=days)))
    assert sorted(lease.actor for lease in queue.lease("default", 10)) == ["evaluate_month", "evaluate_month", "tick"]


def test_many_schedulers_add_each_job_once(queue: JobQueue, queue_db: QueueDatabase) -> None:
    for number in range(30):
        put(queue_db.control, Schedule(name=f"s{number}", actor="tick", rule=Every(10), group_id=None), OCTOBER)
    clock = SetClock(OCTOBER + timedelta(hours=1))
    with ThreadPoolExecutor(4) as pool:
        done = sum(pool.map(lambda _: run_due(queue, clock=clock, limit=5), range(12)))
    assert done == 30
    assert len(queue.lease("default", 100)) == 30


def test_putting_the_same_again_does_not_skip_a_due_run(queue: JobQueue, queue_db: QueueDatabase) -> None:
    put(queue_db.control, TICK, OCTOBER)
    later = OCTOBER + timedelta(hours=1)
    put(queue_db.control, TICK, later)
    assert run_due(queue, clock=SetClock(later)) == 1
    changed = Schedule(name="tick", actor="tick", rule=Every(30), group_id=None)
    put(queue_db.control, changed, later)
    assert queue_db.sql("select next_run_at, rule from control.schedule") == [
        (later + timedelta(minutes=30), {"kind": "every", "minutes": 30})
    ]


def test_disabled_schedule_rests(queue: JobQueue, queue_db: QueueDatabase) -> None:
    put(queue_db.control, Schedule(name="t", actor="t", rule=Every(1), group_id=None, enabled=False), OCTOBER)
    assert run_due(queue, clock=SetClock(OCTOBER + timedelta(days=1))) == 0


def test_broken_row_does_not_stop_the_others(queue: JobQueue, queue_db: QueueDatabase) -> None:
    put(queue_db.control, MONTHLY, OCTOBER)
    put(queue_db.control, TICK, OCTOBER)
    queue_db.sql("update control.schedule set rule = '{}' where name = 'evaluation'")
    assert run_due(queue, clock=SetClock(OCTOBER + timedelta(days=20))) == 1
    assert queue_db.one("select next_run_at from control.schedule where name = 'evaluation'") > OCTOBER


def test_group_keeps_its_own_schedules_only(queue: JobQueue, queue_db: QueueDatabase) -> None:
    login = queue_db.as_group(TENANTS.group)
    put(login, MONTHLY, OCTOBER, GROUP_ROLE)
    put(login, MONTHLY, OCTOBER, GROUP_ROLE)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        put(login, TICK, OCTOBER, GROUP_ROLE)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        other = Schedule(name="x", actor="x", rule=Every(5), group_id=TENANTS.groups[1])
        put(login, other, OCTOBER, GROUP_ROLE)
    assert queue_db.one("select count(*) from control.schedule") == 1


def test_unknown_zone_is_refused(queue_db: QueueDatabase) -> None:
    wrong = Schedule(name="x", actor="x", rule=Every(5), group_id=None, time_zone="Asia/Nowhere")
    with pytest.raises(Invalid):
        put(queue_db.control, wrong, OCTOBER)

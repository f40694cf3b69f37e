"""Leases: who holds the token settles the job, and nobody else."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from forecourt.errors import Unavailable
from forecourt.tenancy.leases import Heartbeat, JobQueue
from forecourt.tenancy.queue import Job
from tests.jobs.database import TENANTS, QueueDatabase


@pytest.fixture
def queue(queue_db: QueueDatabase) -> Iterator[JobQueue]:
    with JobQueue(queue_db.control, lease_seconds=0.3, max_crashes=3) as queue:
        yield queue


def job(number: int = 0, **more: object) -> Job:
    return Job(**{"actor": "effect", "group_id": TENANTS.group, "args": {"number": number}, **more})  # type: ignore[arg-type]  # keywords of the test


def test_oldest_due_job_comes_first_and_only_from_its_queue(queue: JobQueue) -> None:
    now = datetime.now(UTC)
    queue.add([job(1, run_at=now - timedelta(minutes=1)), job(2, run_at=now - timedelta(minutes=2))])
    queue.add([job(3, run_at=now + timedelta(hours=1)), job(4, queue="reports")])
    assert [lease.args["number"] for lease in queue.lease("default", 10)] == [2, 1]
    assert queue.lease("default", 10) == []
    assert queue.counts() == {("default", "LEASED"): 2, ("default", "DELAYED"): 1, ("reports", "READY"): 1}


def test_two_workers_never_lease_the_same_job(queue: JobQueue) -> None:
    queue.add([job(n) for n in range(10)])
    first, second = queue.lease("default", 6), queue.lease("default", 6)
    assert len(first) == 6 and len(second) == 4
    assert not {lease.id for lease in first} & {lease.id for lease in second}


def test_acknowledged_job_is_gone(queue: JobQueue) -> None:
    queue.add([job()])
    (lease,) = queue.lease("default", 1)
    assert queue.acknowledge(lease)
    assert not queue.acknowledge(lease)
    assert queue.counts() == {}


def test_retry_keeps_the_message_id_and_waits(queue: JobQueue, queue_db: QueueDatabase) -> None:
    queue.add([job()])
    (lease,) = queue.lease("default", 1)
    assert queue.retry(lease, delay=0.2, error="UNAVAILABLE: later")
    assert queue.lease("default", 1) == []
    assert queue_db.one("select last_error from control.job") == "UNAVAILABLE: later"
    time.sleep(0.25)
    (again,) = queue.lease("default", 1)
    assert (again.id, again.attempts) == (lease.id, 1)
    assert not queue.acknowledge(lease)
    assert queue.acknowledge(again)


def test_lost_lease_returns_and_the_old_token_settles_nothing(queue: JobQueue) -> None:
    queue.add([job()])
    (lost,) = queue.lease("default", 1)
    assert queue.reclaim() == (0, 0)
    time.sleep(0.35)
    assert queue.reclaim() == (1, 0)
    (again,) = queue.lease("default", 1)
    assert (again.id, again.attempts, again.crashes) == (lost.id, 0, 1)
    assert not queue.acknowledge(lost)
    assert not queue.retry(lost, delay=0, error="E")
    assert not queue.bury(lost, error="E")
    assert queue.release([lost]) == 0
    assert queue.renew([lost]) == 0
    assert queue.acknowledge(again)


def test_renewed_lease_does_not_run_out(queue: JobQueue) -> None:
    queue.add([job()])
    leases = queue.lease("default", 1)
    for _ in range(4):
        time.sleep(0.15)
        assert queue.renew(leases) == 1
        assert queue.reclaim() == (0, 0)


def test_released_job_is_as_if_it_had_never_been_taken(queue: JobQueue) -> None:
    queue.add([job()])
    assert queue.release(queue.lease("default", 1)) == 1
    (again,) = queue.lease("default", 1)
    assert (again.attempts, again.crashes) == (0, 0)


def test_job_that_takes_its_workers_along_is_buried(queue: JobQueue, queue_db: QueueDatabase) -> None:
    queue.add([job()])
    for expected in [(1, 0), (1, 0), (0, 1)]:
        queue_db.sql("update control.job set run_at = now()")
        assert len(queue.lease("default", 1)) == 1
        queue_db.sql("update control.job set lease_until = now() - interval '1 second'")
        assert queue.reclaim() == expected
    (dead,) = queue.list_dead(group_id=TENANTS.group)
    assert dead.error.startswith("WORKER_LOST: the worker was lost 3 times")


def test_dead_jobs_are_listed_by_group_in_pages_and_replayed_by_id(queue: JobQueue) -> None:
    queue.add([job(n) for n in range(5)])
    queue.add([Job(actor="effect", group_id=TENANTS.groups[1])])
    for lease in queue.lease("default", 10):
        assert queue.bury(lease, error="E")
    first = queue.list_dead(group_id=TENANTS.group, limit=3)
    rest = queue.list_dead(group_id=TENANTS.group, limit=3, before=first[-1])
    assert [dead.args["number"] for dead in first + rest] == [4, 3, 2, 1, 0]
    assert queue.replay_dead(group_id=TENANTS.groups[1], ids=[first[0].id]) == 0
    assert queue.replay_dead(group_id=TENANTS.group, ids=[first[0].id]) == 1
    (lease,) = queue.lease("default", 10)
    assert (lease.id, lease.attempts) == (first[0].job_id, 0)
    assert queue.counts()["default", "DEAD"] == 5
    assert queue.purge_dead(before=datetime.now(UTC) + timedelta(seconds=1)) == 6
    assert queue.list_dead(group_id=None) == []


def test_heartbeat_tells_who_is_alive(queue: JobQueue, queue_db: QueueDatabase) -> None:
    worker = Heartbeat(queues=["default"])
    queue.beat(worker)
    worker.state = "STOPPING"
    queue.beat(worker)
    (seen,) = queue.workers_alive(within=10)
    assert (seen.id, seen.queues, seen.state) == (worker.id, ["default"], "STOPPING")
    queue_db.sql("update control.worker set seen_at = now() - interval '1 minute'")
    assert queue.workers_alive(within=10) == []
    queue.forget(worker)
    assert queue_db.one("select count(*) from control.worker") == 0


def test_broken_connections_are_replaced_without_an_error(queue: JobQueue, queue_db: QueueDatabase) -> None:
    queue.add([job()])
    queue_db.sql(
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'forecourt_control'"
        " and datname = current_database()"
    )
    assert len(queue.lease("default", 1)) == 1


def test_database_that_is_away_is_unavailable() -> None:
    with JobQueue("host=127.0.0.1 port=1 dbname=none user=none", connect_timeout=1) as queue:
        with pytest.raises(Unavailable):
            queue.lease("default", 1)
        with pytest.raises(Unavailable):
            queue.waker()


@pytest.mark.parametrize("listen", [True, False])
def test_waker_waits_until_a_job_or_the_time(queue_db: QueueDatabase, listen: bool) -> None:
    with JobQueue(queue_db.control, listen=listen) as queue:
        waker = queue.waker()
        queue.add([job()])
        began = time.monotonic()
        waker.wait(0.5)
        assert (time.monotonic() - began < 0.4) is listen
        began = time.monotonic()
        waker.wait(0.2)
        assert time.monotonic() - began >= 0.15
        waker.close()

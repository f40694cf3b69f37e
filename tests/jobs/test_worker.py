"""The worker process: killed, stopped, restarted under load; nothing lost, nothing doubled."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from forecourt.tenancy.leases import JobQueue
from tests.cluster import private_cluster
from tests.jobs.database import QueueDatabase, scratch_database
from tests.jobs.running import job, until

ROOT = Path(__file__).parents[2]


@contextmanager
def worker(database: QueueDatabase, **config: object) -> Iterator[subprocess.Popen[bytes]]:
    """A worker in a process group of its own."""
    settings = json.dumps({"control": database.control, "admin": database.admin, **config})
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tests.jobs.worker_process", settings],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / ".links")])},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def everything_once(database: QueueDatabase, jobs: int) -> None:
    """Every job had its effect, exactly once, and none is left."""
    assert database.one("select count(*) from witness_effect") == jobs
    assert database.one("select count(distinct number) from witness_effect") == jobs
    assert database.one("select count(*) from control.job") == 0
    assert database.one("select count(*) from control.dead_job") == 0


def kill_between_effect_and_acknowledgement(database: QueueDatabase, kills: int) -> None:
    jobs = kills * 4
    with JobQueue(database.control) as queue:
        for number in range(0, jobs, 4):
            database.sql("insert into kill_after values (%s)", number)
        queue.add([job("effect", number=number) for number in range(jobs)])
        with worker(database, restart=True, threads=2, lease=0.5) as process:
            until(lambda: queue.counts() == {}, 20 + kills * 3)
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
    assert database.one("select count(*) from kill_after") == 0
    assert database.one("select count(distinct pid) from witness_run") > kills
    assert database.one("select count(*) from witness_run") >= jobs + kills
    everything_once(database, jobs)


def test_worker_killed_after_the_effect_loses_and_doubles_nothing(queue_db: QueueDatabase) -> None:
    kill_between_effect_and_acknowledgement(queue_db, 5)


@pytest.mark.proof
def test_worker_killed_a_hundred_times_loses_and_doubles_nothing(queue_db: QueueDatabase) -> None:
    kill_between_effect_and_acknowledgement(queue_db, 100)


def test_stopping_the_process_group_ends_cleanly_and_loses_nothing(queue_db: QueueDatabase) -> None:
    with JobQueue(queue_db.control) as queue:
        queue.add([job("slow", args={"number": n, "seconds": 0.2}) for n in range(40)])
        with worker(queue_db) as process:
            until(lambda: queue_db.one("select count(*) from witness_effect") >= 4)
            began = time.monotonic()
            os.killpg(process.pid, signal.SIGTERM)
            assert process.wait(10) == 0
            assert time.monotonic() - began < 4
        left = queue_db.one("select count(*) from control.job where state = 'QUEUED' and crashes = 0")
        done = queue_db.one("select count(*) from witness_effect")
        assert 0 < left == 40 - done
        assert queue_db.one("select count(*) from witness_run") == done
        assert queue_db.one("select count(*) from control.worker") == 0
        with worker(queue_db):
            until(lambda: queue.counts() == {})
    everything_once(queue_db, 40)


@pytest.mark.parametrize("actor", ["slow", "stubborn"])
def test_job_that_outlasts_the_grace_time_is_given_back(queue_db: QueueDatabase, actor: str) -> None:
    with JobQueue(queue_db.control) as queue:
        queue.add([job(actor, args={"number": 1, "seconds": 60})])
        with worker(queue_db, grace=0.3, lease=30) as process:
            until(lambda: queue_db.one("select count(*) from witness_run") == 1)
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            assert process.wait(15) == 0
            assert time.monotonic() - began < 10
        assert queue_db.sql("select state, attempts, crashes from control.job") == [("QUEUED", 0, 0)]
        assert queue_db.one("select count(*) from witness_effect") == 0


def test_second_signal_exits_at_once(queue_db: QueueDatabase) -> None:
    with JobQueue(queue_db.control) as queue, worker(queue_db, grace=60) as process:
        queue.add([job("stubborn", args={"number": 1, "seconds": 60})])
        until(lambda: queue_db.one("select count(*) from witness_run") == 1)
        process.send_signal(signal.SIGTERM)
        until(lambda: queue_db.sql("select state from control.worker") == [("STOPPING",)])
        process.send_signal(signal.SIGTERM)
        assert process.wait(2) == 1


def test_worker_is_seen_alive_and_runs_the_schedules(queue_db: QueueDatabase) -> None:
    queue_db.sql(
        "insert into control.schedule (id, name, actor, args, rule, time_zone, next_run_at)"
        " values (gen_random_uuid(), 'tick', 'platform_job', '{}', '{\"kind\": \"hourly\", \"minute\": 0}',"
        " 'UTC', now() - interval '1 day')"
    )
    with JobQueue(queue_db.control) as queue, worker(queue_db):
        until(lambda: len(queue.workers_alive(within=5)) == 1)
        until(lambda: queue_db.one("select count(*) from control.schedule where next_run_at > now()") == 1)
        until(lambda: queue_db.one("select count(*) from control.dead_job") == 1)
    # `platform_job` takes no `due`: the wrong arguments are a failure like any other.


@pytest.mark.proof
@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_database_restarted_under_load_loses_and_doubles_nothing(mode: str) -> None:
    jobs = 400
    with private_cluster(durable=True) as cluster, scratch_database(cluster.conninfo) as database:
        with JobQueue(database.control) as queue:
            queue.add([job("slow", args={"number": n, "seconds": 0.05}) for n in range(jobs)])
        with worker(database, lease=2.0) as process:
            for restart in (1, 2):
                until(lambda: database.one("select count(*) from witness_effect") > 60 * restart)  # noqa: B023  # at once
                cluster.restart(mode)
            until(lambda: _left(database) == 0, 90)
            process.send_signal(signal.SIGTERM)
            assert process.wait(15) == 0
        everything_once(database, jobs)


def _left(database: QueueDatabase) -> int:
    try:
        return int(database.one("select count(*) from control.job"))
    except psycopg.OperationalError:
        return -1

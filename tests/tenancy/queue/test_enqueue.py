"""Adding jobs: part of the caller's transaction, as a role that may insert and nothing else."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

from forecourt.tenancy.leases import JobQueue
from forecourt.tenancy.names import GROUP_ROLE, store_role
from forecourt.tenancy.queue import CHANNEL, Job, enqueue, enqueue_sync, list_dead, replay_dead
from tests.jobs.database import TENANTS, QueueDatabase


def store_job(**more: object) -> Job:
    return Job(**{"actor": "effect", "group_id": TENANTS.group, "store_id": TENANTS.store, **more})  # type: ignore[arg-type]  # keywords of the test


def as_store(queue_db: QueueDatabase) -> psycopg.Connection[tuple[object, ...]]:
    connection = psycopg.connect(queue_db.as_group(TENANTS.group))
    connection.execute(f"set local role {store_role(TENANTS.store)}".encode())
    return connection


def test_job_exists_when_the_store_commits(queue_db: QueueDatabase) -> None:
    job = store_job(args={"number": 1})
    with as_store(queue_db) as connection:
        enqueue_sync(connection, [job])
        assert queue_db.one("select count(*) from control.job") == 0
    row = queue_db.sql("select id, group_id, store_id, actor, args, state, deliveries from control.job")
    assert row == [(job.id, TENANTS.group, TENANTS.store, "effect", {"number": 1}, "QUEUED", 0)]


def test_rollback_leaves_no_job(queue_db: QueueDatabase) -> None:
    with as_store(queue_db) as connection:
        enqueue_sync(connection, [store_job()])
        connection.rollback()
    assert queue_db.one("select count(*) from control.job") == 0


async def _with_session(queue_db: QueueDatabase, job: Job, *, commit: bool) -> None:
    url = f"postgresql+psycopg://?{'&'.join(queue_db.as_group(TENANTS.group).split())}"
    engine = create_async_engine(url, poolclass=NullPool)
    async with AsyncSession(engine) as session:
        await session.execute(text(f"set local role {store_role(TENANTS.store)}"))
        await enqueue(session, [job])
        await (session.commit() if commit else session.rollback())
    await engine.dispose()


@pytest.mark.parametrize("commit", [True, False])
def test_session_of_a_unit_of_work_carries_the_job(queue_db: QueueDatabase, commit: bool) -> None:
    import asyncio

    asyncio.run(_with_session(queue_db, store_job(), commit=commit))
    assert queue_db.one("select count(*) from control.job") == int(commit)


def test_store_cannot_read_what_it_added(queue_db: QueueDatabase) -> None:
    with as_store(queue_db) as connection:
        enqueue_sync(connection, [store_job()])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select id from control.job")


@pytest.mark.parametrize(
    ("group_id", "store_id"),
    [
        (TENANTS.group, TENANTS.stores[0][1]),
        (TENANTS.groups[1], TENANTS.stores[1][0]),
        (TENANTS.groups[1], TENANTS.store),
        (TENANTS.group, None),
        (None, None),
    ],
    ids=["sister-store", "other-group", "own-store-other-group", "group-job", "platform-job"],
)
def test_store_adds_only_jobs_of_its_own(queue_db: QueueDatabase, group_id: object, store_id: object) -> None:
    with as_store(queue_db) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        enqueue_sync(connection, [store_job(group_id=group_id, store_id=store_id)])


def test_store_cannot_fill_the_columns_of_the_consumer(queue_db: QueueDatabase) -> None:
    with as_store(queue_db) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(
            "insert into control.job (id, group_id, store_id, queue, actor, args, attempts)"
            " values (%s, %s, %s, 'default', 'effect', '{}', 99)",
            (uuid4(), TENANTS.group, TENANTS.store),
        )


def test_login_without_a_role_taken_adds_nothing(queue_db: QueueDatabase) -> None:
    with psycopg.connect(queue_db.as_group(TENANTS.group)) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            enqueue_sync(connection, [store_job()])
        connection.rollback()


def test_group_sees_and_adds_its_own_jobs_only(queue_db: QueueDatabase) -> None:
    other = Job(actor="effect", group_id=TENANTS.groups[1])
    with JobQueue(queue_db.control) as queue:
        queue.add([store_job(), other])
    with psycopg.connect(queue_db.as_group(TENANTS.group)) as connection:
        connection.execute(f"set local role {GROUP_ROLE}".encode())
        enqueue_sync(connection, [Job(actor="roll_up", group_id=TENANTS.group)])
        assert connection.execute("select actor from control.job order by actor").fetchall() == [
            ("effect",),
            ("roll_up",),
        ]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            enqueue_sync(connection, [other])
        connection.rollback()


def test_group_lists_and_replays_its_own_dead_jobs(queue_db: QueueDatabase) -> None:
    import asyncio

    ours, theirs = store_job(args={"number": 1}), Job(actor="effect", group_id=TENANTS.groups[1])
    with JobQueue(queue_db.control) as queue:
        queue.add([ours, theirs])
        for lease in queue.lease("default", 10):
            assert queue.bury(lease, error="INVALID: no")

    async def replay() -> None:
        async with await psycopg.AsyncConnection.connect(queue_db.as_group(TENANTS.group)) as connection:
            await connection.execute(f"set local role {GROUP_ROLE}".encode())
            dead = await list_dead(connection, group_id=None)
            assert [(job.job_id, job.error, job.attempts) for job in dead] == [(ours.id, "INVALID: no", 1)]
            assert await replay_dead(connection, group_id=None) == 1
            assert await replay_dead(connection, group_id=None) == 0

    asyncio.run(replay())
    assert queue_db.sql("select id, attempts, args from control.job") == [(ours.id, 0, {"number": 1})]
    assert queue_db.one("select count(*) from control.dead_job where replayed_at is null") == 1


def test_second_job_of_a_key_is_dropped_while_the_first_waits(queue_db: QueueDatabase) -> None:
    key = "evaluate:2026-10"
    with as_store(queue_db) as connection:
        enqueue_sync(connection, [store_job(dedupe_key=key), store_job(dedupe_key=key), store_job(dedupe_key="b")])
        enqueue_sync(connection, [store_job(dedupe_key=key)])
    with JobQueue(queue_db.control) as queue:
        queue.add([store_job(dedupe_key=key, store_id=TENANTS.stores[0][1])])
        leases = queue.lease("default", 10)
        assert len(leases) == 3  # per key one, per store one
        # Once delivered it may have read old data: the next one counts again, and the first may come back beside it.
        queue.add([store_job(dedupe_key=key)])
        assert all(queue.retry(lease, delay=0, error="E") for lease in leases)
        assert len(queue.lease("default", 10)) == 4


def test_wake_up_carries_no_data_and_only_for_due_jobs(queue_db: QueueDatabase) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    with psycopg.connect(queue_db.admin, autocommit=True) as listener:
        listener.execute(f"listen {CHANNEL}".encode())
        with as_store(queue_db) as connection:
            enqueue_sync(connection, [store_job(run_at=later)])
        assert list(listener.notifies(timeout=0.1)) == []
        with as_store(queue_db) as connection:
            enqueue_sync(connection, [store_job(), store_job()])
        assert [notice.payload for notice in listener.notifies(timeout=2, stop_after=1)] == [""]


def test_many_jobs_fit(queue_db: QueueDatabase) -> None:
    with as_store(queue_db) as connection:
        enqueue_sync(connection, (store_job(args={"number": n}) for n in range(2500)))
    assert queue_db.one("select count(distinct id) from control.job") == 2500


@pytest.mark.parametrize(
    "wrong",
    [
        {"actor": "no; drop"},
        {"queue": ""},
        {"group_id": None},
        {"args": {"store_id": "x"}},
        {"run_at": datetime(2026, 1, 1)},  # noqa: DTZ001  # that is the point
        {"dedupe_key": "x" * 201},
        {"args": {"rows": "x" * 9000}},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_job_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        store_job(**wrong)

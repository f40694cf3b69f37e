"""The broker and its middleware, with a real worker and a real database."""

import time
from collections.abc import Iterator
from uuid import UUID, uuid4

import dramatiq
import psycopg
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from forecourt.errors import Forbidden, Misconfigured, NotFound, Unavailable, WrongState
from forecourt.jobs.broker import describe, job_of, make_broker
from forecourt.jobs.middleware import JobMetrics, running_job
from forecourt.settings import Settings
from forecourt.tenancy.queue import Job, enqueue_sync
from tests.jobs import actors
from tests.jobs.database import TENANTS, QueueDatabase
from tests.jobs.running import job, new_broker, until, working


def effects(database: QueueDatabase) -> list[int]:
    return [number for (number,) in database.sql("select number from witness_effect order by 1")]


def test_jobs_are_done_and_leave_no_row(queue_db: QueueDatabase) -> None:
    with working(new_broker(queue_db), queue_db) as broker:
        broker.queue.add([job("effect", number=n) for n in range(40)])
        until(lambda: broker.queue.counts() == {})
    assert effects(queue_db) == list(range(40))


def test_job_wakes_an_idle_worker_or_is_found_by_looking(queue_db: QueueDatabase) -> None:
    for number, listen in enumerate([True, False]):
        with working(new_broker(queue_db, listen=listen), queue_db) as broker:
            time.sleep(0.2)
            broker.queue.add([job("effect", number=number)])
            until(lambda: broker.queue.counts() == {}, 5)
    assert effects(queue_db) == [0, 1]


def test_actor_can_be_sent_a_message_directly(queue_db: QueueDatabase) -> None:
    with working(new_broker(queue_db), queue_db) as broker:
        actor = broker.get_actor("effect")
        actor.send_with_options(
            kwargs={"group_id": str(TENANTS.group), "store_id": str(TENANTS.store), "number": 7}, delay=100
        )
        broker.join("default", timeout=5_000)
        assert effects(queue_db) == [7]
        with pytest.raises(ValueError):
            actor.send(7)


def test_poisoned_job_dies_alone(queue_db: QueueDatabase) -> None:
    with working(new_broker(queue_db), queue_db) as broker:
        poison = job("poison")
        broker.queue.add([poison, *(job("effect", number=n) for n in range(10))])
        until(lambda: broker.queue.counts() == {("default", "DEAD"): 1})
        (dead,) = broker.queue.list_dead(group_id=TENANTS.group)
    assert effects(queue_db) == list(range(10))
    assert (dead.job_id, dead.actor, dead.attempts) == (poison.id, "poison", 3)
    assert dead.error.startswith("RuntimeError at actors.py:") and " poison < " in dead.error
    assert "138" not in dead.error


def test_back_off_keeps_the_message_id_and_grows(queue_db: QueueDatabase) -> None:
    broker = new_broker(queue_db)

    @dramatiq.actor(broker=broker, actor_name="patient", min_backoff=1000, max_backoff=60_000)
    def patient(*, group_id: str) -> None:
        raise RuntimeError

    with working(broker, queue_db):
        waiting = Job(actor="patient", group_id=TENANTS.group)
        broker.queue.add([waiting])
        for attempts in (1, 2, 3):
            until(lambda: queue_db.one("select attempts from control.job") == attempts)  # noqa: B023  # used at once
            (row,) = queue_db.sql("select id, extract(epoch from run_at - now())::float, last_error from control.job")
            assert row[0] == waiting.id
            assert 2 ** (attempts - 1) * 0.5 <= row[1] <= 2**attempts
            queue_db.sql("update control.job set run_at = now()")


def test_refusal_is_a_dead_letter_at_once_and_can_be_replayed(queue_db: QueueDatabase) -> None:
    with working(new_broker(queue_db), queue_db) as broker:
        broker.queue.add([job("refused")])
        until(lambda: broker.queue.counts() == {("default", "DEAD"): 1})
        (dead,) = broker.queue.list_dead(group_id=TENANTS.group)
        assert (dead.attempts, dead.error) == (1, "INVALID: no such month")
        assert broker.queue.replay_dead(group_id=TENANTS.group) == 1
        until(lambda: len(broker.queue.list_dead(group_id=TENANTS.group)) == 2)
        assert {again.job_id for again in broker.queue.list_dead(group_id=TENANTS.group)} == {dead.job_id}


@pytest.mark.parametrize("kind", ["stale", "throttled", "database"])
def test_passing_trouble_is_tried_again(queue_db: QueueDatabase, kind: str) -> None:
    with working(new_broker(queue_db), queue_db) as broker:
        broker.queue.add([job("flaky", store_id=None, args={"number": 1, "kind": kind})])
        until(lambda: broker.queue.counts() == {})
    assert effects(queue_db) == [1]


def test_replayed_effect_happens_once(queue_db: QueueDatabase) -> None:
    with working(new_broker(queue_db), queue_db) as broker:
        done = job("effect", number=1)
        for _ in range(2):
            broker.queue.add([done])
            until(lambda: broker.queue.counts() == {})
    assert effects(queue_db) == [1]
    assert queue_db.one("select count(*) from witness_run") == 2


def test_slow_job_keeps_its_lease(queue_db: QueueDatabase) -> None:
    with working(new_broker(queue_db, lease_seconds=0.5), queue_db) as broker:
        broker.queue.add([job("slow", args={"number": 1, "seconds": 1.8})])
        until(lambda: broker.queue.counts() == {})
    assert queue_db.one("select count(*) from witness_run") == 1


def test_unknown_actor_is_a_dead_letter(queue_db: QueueDatabase) -> None:
    registry = CollectorRegistry()
    with working(new_broker(queue_db, metrics=JobMetrics(registry)), queue_db) as broker:
        broker.queue.add([job("nobody")])
        until(lambda: broker.queue.counts() == {("default", "DEAD"): 1})
        assert broker.queue.list_dead(group_id=TENANTS.group)[0].error == "ActorNotFound: nobody"
        until(lambda: registry.get_sample_value("forecourt_jobs_dead_total", {"actor": "nobody"}) == 1)


def test_queue_survives_the_loss_of_every_connection(queue_db: QueueDatabase) -> None:
    with working(new_broker(queue_db), queue_db) as broker:
        broker.queue.add([job("effect", number=1)])
        until(lambda: broker.queue.counts() == {})
        queue_db.sql(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where usename = 'forecourt_control' and datname = current_database()"
        )
        broker.queue.add([job("effect", number=2)])
        until(lambda: broker.queue.counts() == {}, 10)
    assert effects(queue_db) == [1, 2]


# -- tenancy ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (job("effect", number=1, store_id=None), "RefusedMessage: the message names no store"),
        (job("effect", number=1, group_id=uuid4()), "RefusedMessage: NOT_FOUND: group"),
        (job("effect", number=1, store_id=TENANTS.stores[1][0]), "RefusedMessage: NOT_FOUND: store"),
        (job("flaky", group_id=None, store_id=None), "RefusedMessage: the message names no group"),
        (job("platform_job"), "RefusedMessage: a job of the platform names no group"),
    ],
    ids=["no-store", "unknown-group", "store-of-another-group", "no-group", "platform-with-group"],
)
def test_message_of_the_wrong_tenant_is_never_run(queue_db: QueueDatabase, bad: Job, error: str) -> None:
    with working(new_broker(queue_db), queue_db) as broker:
        broker.queue.add([bad])
        until(lambda: broker.queue.counts() == {("default", "DEAD"): 1})
        (dead,) = broker.queue.list_dead(group_id=None)
    assert dead.error == error
    assert queue_db.one("select count(*) from witness_run") == 0


@pytest.mark.parametrize("trouble", [WrongState("suspended"), Forbidden("no")], ids=lambda trouble: trouble.code)
def test_store_that_is_not_active_is_refused(queue_db: QueueDatabase, trouble: Exception) -> None:
    def resolve(group_id: UUID, store_id: UUID | None) -> None:
        raise trouble

    with working(new_broker(queue_db, resolve=resolve), queue_db) as broker:
        broker.queue.add([job("effect", number=1)])
        until(lambda: broker.queue.counts() == {("default", "DEAD"): 1})
    assert queue_db.one("select count(*) from witness_run") == 0


@pytest.mark.parametrize("trouble", [Unavailable("away"), KeyError("defect")], ids=["unavailable", "defect"])
def test_check_that_cannot_answer_lets_nothing_through(queue_db: QueueDatabase, trouble: Exception) -> None:
    answers: Iterator[Exception | None] = iter([trouble, trouble, None])

    def resolve(group_id: UUID, store_id: UUID | None) -> None:
        if (answer := next(answers)) is not None:
            raise answer

    with working(new_broker(queue_db, resolve=resolve), queue_db) as broker:
        broker.queue.add([job("effect", number=1)])
        until(lambda: broker.queue.counts() == {})
    assert effects(queue_db) == [1]
    assert queue_db.one("select count(*) from witness_run") == 1


def test_platform_job_belongs_to_no_group(queue_db: QueueDatabase) -> None:
    with working(new_broker(queue_db), queue_db) as broker:
        broker.queue.add([Job(actor="platform_job", group_id=None)])
        until(lambda: broker.queue.counts() == {})


# -- telemetry -------------------------------------------------------------------------------------------------------


def test_trace_flows_from_producer_to_consumer(queue_db: QueueDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(actors, "TRACER", provider.get_tracer("tests"))
    with working(new_broker(queue_db, tracer_provider=provider), queue_db) as broker:
        with provider.get_tracer("tests").start_as_current_span("request") as request:
            with psycopg.connect(queue_db.admin) as connection:
                enqueue_sync(connection, [job("flaky", store_id=None, args={"number": 1, "kind": "stale"})])
            broker.get_actor("effect").send(group_id=str(TENANTS.group), store_id=str(TENANTS.store), number=2)
        until(lambda: broker.queue.counts() == {})
    spans = exporter.get_finished_spans()
    assert {span.context.trace_id for span in spans} == {request.get_span_context().trace_id}
    names = {span.context.span_id: span.name for span in spans}
    edges = sorted((span.name, names[span.parent.span_id]) for span in spans if span.parent)
    assert edges == [
        ("attempt 0", "process flaky"),
        ("attempt 1", "process flaky"),
        ("attempt 2", "process flaky"),
        ("process effect", "publish effect"),
        ("process flaky", "request"),
        ("process flaky", "request"),
        ("process flaky", "request"),
        ("publish effect", "request"),
    ]
    effect = next(span for span in spans if span.name == "process effect")
    assert dict(effect.attributes or {}) == {
        "messaging.destination.name": "default",
        "messaging.message.id": effect.attributes and effect.attributes["messaging.message.id"],
        "forecourt.job": "effect",
        "forecourt.attempt": 0,
        "forecourt.group": str(TENANTS.group),
        "forecourt.store": str(TENANTS.store),
        "forecourt.outcome": "done",
    }


def test_jobs_are_timed_by_outcome(queue_db: QueueDatabase) -> None:
    registry = CollectorRegistry()
    metrics = JobMetrics(registry)
    with working(new_broker(queue_db, metrics=metrics), queue_db) as broker:
        broker.queue.add([job("poison"), job("effect", number=1)])
        until(lambda: broker.queue.counts() == {("default", "DEAD"): 1})
        metrics.observe_depth(broker.queue.counts())
    counted = {
        (actor, outcome): registry.get_sample_value("forecourt_job_seconds_count", {"actor": actor, "outcome": outcome})
        for actor, outcome in [("poison", "retried"), ("poison", "dead"), ("effect", "done")]
    }
    assert counted == {("poison", "retried"): 2, ("poison", "dead"): 1, ("effect", "done"): 1}
    assert registry.get_sample_value("forecourt_queue_jobs", {"queue": "default", "state": "DEAD"}) == 1


def test_no_job_runs_outside_an_actor() -> None:
    with pytest.raises(RuntimeError):
        running_job()


# -- without a database ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["rabbitmq", "redis"])
def test_other_brokers_say_what_to_do(name: str) -> None:
    with pytest.raises(Misconfigured, match="FORECOURT_BROKER=postgresql"):
        make_broker(Settings(broker=name), "")  # type: ignore[arg-type]  # a word of the setting


def test_settings_reach_the_queue() -> None:
    broker = make_broker(Settings(lease_seconds=7, transaction_pooling=True), "host=127.0.0.1")
    assert (broker.queue.lease_seconds, broker.queue.listen) == (7, False)


def test_message_becomes_a_job() -> None:
    group, store = uuid4(), uuid4()
    kwargs = {"group_id": str(group), "store_id": str(store), "month": "2026-10"}
    message: dramatiq.Message[None] = dramatiq.Message("q", "a", (), kwargs, {"dedupe_key": "k"})
    made = job_of(message)
    assert (made.id, made.group_id, made.store_id) == (UUID(message.message_id), group, store)
    assert (made.args, made.queue, made.actor, made.dedupe_key) == ({"month": "2026-10"}, "q", "a", "k")


def test_error_of_ours_is_written_down_and_a_strangers_text_is_not() -> None:
    assert describe(NotFound("store")) == "NOT_FOUND: store"
    assert describe(ValueError("张三 138")) == "ValueError at "

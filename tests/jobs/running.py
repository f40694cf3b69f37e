"""A worker inside the test process, and ways to wait for it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

from dramatiq import Worker
from opentelemetry.trace import TracerProvider
from prometheus_client import CollectorRegistry

from forecourt.errors import NotFound
from forecourt.jobs.broker import PostgresBroker
from forecourt.jobs.middleware import JobMetrics, Resolve, job_middleware
from forecourt.tenancy.leases import JobQueue
from forecourt.tenancy.queue import Job
from tests.jobs.actors import registering
from tests.jobs.database import TENANTS, QueueDatabase


def resolve_known(group_id: UUID, store_id: UUID | None) -> None:
    """Only the four stores of the tests exist."""
    if group_id not in TENANTS.groups:
        raise NotFound("group")
    if store_id is not None and store_id not in TENANTS.stores[TENANTS.groups.index(group_id)]:
        raise NotFound("store")


def resolve_any(group_id: UUID, store_id: UUID | None) -> None:
    """Every tenant exists (the ids of another process's tests)."""


def job(actor: str, *, number: int | None = None, **more: object) -> Job:
    """A job of the first store."""
    args = {} if number is None else {"number": number}
    fields = {"actor": actor, "group_id": TENANTS.group, "store_id": TENANTS.store, "args": args}
    return Job(**{**fields, **more})  # type: ignore[arg-type]  # keywords of the test


def new_broker(
    database: QueueDatabase,
    *,
    resolve: Resolve = resolve_known,
    metrics: JobMetrics | None = None,
    tracer_provider: TracerProvider | None = None,
    lease_seconds: float = 2.0,
    listen: bool = True,
) -> PostgresBroker:
    """A broker with the product's middleware."""
    queue = JobQueue(database.control, lease_seconds=lease_seconds, listen=listen)
    metrics = metrics or JobMetrics(CollectorRegistry())
    middleware = job_middleware(resolve, metrics=metrics, tracer_provider=tracer_provider)
    return PostgresBroker(queue, middleware=middleware)


@contextmanager
def working(broker: PostgresBroker, database: QueueDatabase) -> Iterator[PostgresBroker]:
    """A worker with two threads, stopped at the end."""
    registering(database.admin)(broker)
    broker.queue.open()
    worker = Worker(broker, worker_threads=2, worker_timeout=50)
    worker.start()
    try:
        yield broker
    finally:
        broker.stop_taking()
        worker.stop(timeout=10_000)
        broker.close()


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until something holds.

    Raises:
        AssertionError: it does not hold in time.
    """
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.03)

"""The broker: dramatiq on top of `tenancy/queue.py` and `tenancy/leases.py`.

dramatiq decides what happens to a message (done, again, dead) in hooks whose errors it logs and swallows. So here the
hooks only *decide*, on the message itself; the decision is carried out when dramatiq settles the message, where a
failing database is tried again until it answers. Nothing is lost between the two: until it is settled, the job is
leased, and a lease that nobody renews runs out.
"""

import json
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import dramatiq
import structlog
from dramatiq.broker import Broker, Consumer, MessageProxy
from dramatiq.common import q_name
from dramatiq.errors import BrokerConnectionError, ConnectionClosed, QueueJoinTimeout, QueueNotFound
from dramatiq.middleware import Middleware

from ..errors import ForecourtError, Misconfigured, Unavailable
from ..settings import Settings
from ..tenancy.leases import JobQueue, Lease
from ..tenancy.queue import Job

log = structlog.get_logger(__name__)

#: Delay of a job that failed without anybody having decided what follows (a broken middleware).
UNDECIDED_DELAY = 60.0


def make_broker(settings: Settings, conninfo: str, *, middleware: Iterable[Middleware] = ()) -> "PostgresBroker":
    """The broker the settings name.

    Args:
        conninfo: how to connect as `forecourt_control`.

    Raises:
        Misconfigured: the broker is not PostgreSQL.
    """
    if settings.broker != "postgresql":
        # `control.job` is the outbox for these too: a relay would lease its rows and publish `message_of(lease)`.
        raise Misconfigured(
            f"FORECOURT_BROKER={settings.broker}: this version has no relay from control.job to {settings.broker}; "
            "use FORECOURT_BROKER=postgresql",
            setting="FORECOURT_BROKER",
        )
    queue = JobQueue(
        conninfo,
        lease_seconds=settings.lease_seconds,
        pool_size=settings.pool_size,
        listen=not settings.transaction_pooling,
        prepare=not settings.transaction_pooling,
    )
    return PostgresBroker(queue, middleware=middleware)


def message_of(lease: Lease) -> dramatiq.Message[Any]:
    """The dramatiq message of a job row: everything by name, ids as text."""
    tenant = {"group_id": lease.group_id, "store_id": lease.store_id}
    options: dict[str, Any] = {"retries": lease.attempts}
    if lease.traceparent:
        options["traceparent"] = lease.traceparent
    return dramatiq.Message(
        queue_name=lease.queue,
        actor_name=lease.actor,
        args=(),
        kwargs={**lease.args, **{name: str(value) for name, value in tenant.items() if value is not None}},
        options=options,
        message_id=str(lease.id),
        message_timestamp=int(lease.created_at.timestamp() * 1000),
    )


def job_of(message: dramatiq.Message[Any], *, delay: int | None = None) -> Job:
    """The job of a dramatiq message, for `actor.send(...)` outside a unit of work.

    Raises:
        ValueError: it has positional arguments, or ids that are none.
    """
    if message.args:
        raise ValueError(f"{message.actor_name}: arguments of a job go by name")
    args = dict(message.kwargs)
    group_id, store_id = args.pop("group_id", None), args.pop("store_id", None)
    return Job(
        id=UUID(message.message_id),
        actor=message.actor_name,
        queue=message.queue_name,
        group_id=group_id and UUID(str(group_id)),
        store_id=store_id and UUID(str(store_id)),
        args=json.loads(json.dumps(args)),
        run_at=datetime.now(UTC) + timedelta(milliseconds=delay) if delay else None,
        dedupe_key=message.options.get("dedupe_key"),
    )


class Held(MessageProxy):
    """A message whose lease we hold, and what was decided about it."""

    def __init__(self, lease: Lease) -> None:
        super().__init__(message_of(lease))
        self.lease = lease
        self.retry_in: float | None = None
        self.given_back = False

    @property
    def exception(self) -> BaseException | None:
        """What the actor (or a middleware) raised."""
        return self._exception

    def give_back(self) -> None:
        """Decide: untouched back to the queue (the worker is stopping)."""
        self.given_back = True


def describe(error: BaseException | None) -> str:
    """What is written down about a failure: its text only if it is ours, for a driver's message may quote a row."""
    if error is None:
        return "REJECTED"
    if isinstance(error, ForecourtError):
        return f"{error.code}: {error.message}"[:500]
    if error.__class__.__module__.partition(".")[0] in ("dramatiq", __name__.partition(".")[0]):
        return f"{error.__class__.__name__}: {error}"[:500]
    places = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return f"{error.__class__.__qualname__} at {' < '.join(reversed(places[-4:]))}"[:500]


class PostgresBroker(Broker):
    """dramatiq's broker over `control.job`.

    Args:
        queue: the workers' side of the queue; opened by the first use of a worker or by the caller.
        middleware: in order, outermost first (see `jobs/middleware.py`).
    """

    def __init__(self, queue: JobQueue, *, middleware: Iterable[Middleware] = ()) -> None:
        self.queue = queue
        self.stopping = threading.Event()
        # Held per queue and not per consumer: dramatiq replaces a consumer whose connection broke, while what it
        # handed out is still being worked on and must still be renewed.
        self._held: dict[str, HeldMessages] = {}
        super().__init__(middleware=list(middleware))
        self.actor_options |= {"store", "platform"}

    def close(self) -> None:
        self.queue.close()

    def declare_queue(self, queue_name: str) -> None:
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues[queue_name] = None
            self._held[queue_name] = HeldMessages()
            self.emit_after("declare_queue", queue_name)  # no delay queue: the moment is a column

    def enqueue(self, message: "dramatiq.Message[Any]", *, delay: int | None = None) -> "dramatiq.Message[Any]":
        """Add a message in a transaction of its own; for a message at work (a retry), only decide it."""
        if isinstance(message, Held):
            message.retry_in = (delay or 0) / 1000
            return message
        self.emit_before("enqueue", message, delay)
        self.queue.add([job_of(message, delay=delay)], trace=message.options.get("traceparent"))
        self.emit_after("enqueue", message, delay)
        return message

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 1000) -> Consumer:
        try:
            held = self._held[queue_name]
        except KeyError:
            raise QueueNotFound(queue_name) from None  # type: ignore[no-untyped-call]  # dramatiq's errors are untyped
        with _reported_to_dramatiq():
            return PostgresConsumer(self, queue_name, held, prefetch, timeout / 1000)

    def stop_taking(self) -> None:
        """Take no more jobs; those that are held are still renewed."""
        self.stopping.set()

    def held(self) -> list[Held]:
        """Messages handed out and not settled yet."""
        return [message for held in self._held.values() for message in held.all()]

    def join(self, queue_name: str, *, timeout: int | None = None) -> None:
        """Wait until the queue is empty (for tests)."""
        end = time.monotonic() + (timeout or 60_000) / 1000
        while any(name == q_name(queue_name) and state != "DEAD" for name, state in self.queue.counts()):
            if time.monotonic() > end:
                raise QueueJoinTimeout(queue_name)  # type: ignore[no-untyped-call]  # dramatiq's errors are untyped
            time.sleep(0.05)


class HeldMessages:
    """Messages of one queue that were handed out and are not settled; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_token: dict[UUID, Held] = {}
        self.freed = threading.Event()

    def __len__(self) -> int:
        return len(self._by_token)

    def all(self) -> list[Held]:
        with self._lock:
            return list(self._by_token.values())

    def add(self, message: Held) -> None:
        with self._lock:
            self._by_token[message.lease.token] = message

    def settled(self, message: Held) -> None:
        with self._lock:
            self._by_token.pop(message.lease.token, None)
        self.freed.set()


class PostgresConsumer(Consumer):
    """Leases jobs of one queue and keeps the leases alive. Its `ack` and `nack` may be called from any thread."""

    def __init__(self, broker: PostgresBroker, queue_name: str, held: HeldMessages, prefetch: int, idle: float) -> None:
        self._broker = broker
        self._queue = broker.queue
        self._name = queue_name
        self._held = held
        self._prefetch = prefetch
        self._ready: list[Held] = []
        # Never sleep past the next renewal.
        self._beat = self._queue.lease_seconds / 4
        self._idle = min(idle, self._beat)
        self._renew_at = 0.0
        self._waker = self._queue.waker()

    def __next__(self) -> MessageProxy | None:
        with _reported_to_dramatiq():
            self._keep()
            if not self._ready:
                self._fill()
            return self._ready.pop(0) if self._ready else None

    def ack(self, message: MessageProxy) -> None:
        held = held_message(message)
        with _reported_to_dramatiq():
            if held.given_back:
                mine = self._queue.release([held.lease]) == 1
            elif held.retry_in is not None or held.exception is not None:
                delay = UNDECIDED_DELAY if held.retry_in is None else held.retry_in
                mine = self._queue.retry(held.lease, delay=delay, error=describe(held.exception))
            else:
                mine = self._queue.acknowledge(held.lease)
        self._settled(held, mine)

    def nack(self, message: MessageProxy) -> None:
        held = held_message(message)
        with _reported_to_dramatiq():
            mine = self._queue.bury(held.lease, error=describe(held.exception))
        self._settled(held, mine)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        back = [*map(held_message, messages), *self._ready]
        self._ready = []
        for held in back:
            self._held.settled(held)
        with _reported_to_dramatiq():
            self._queue.release([held.lease for held in back])

    def close(self) -> None:
        try:
            self.requeue(())
        except BrokerConnectionError:
            log.warning("jobs.leases_run_out", queue=self._name)
        finally:
            self._waker.close()

    def _keep(self) -> None:
        """Renew what is held, return what others lost."""
        if (now := time.monotonic()) < self._renew_at:
            return
        self._queue.renew([held.lease for held in self._held.all()])
        returned, buried = self._queue.reclaim()
        if returned or buried:
            log.warning("jobs.leases_expired", returned=returned, buried=buried)
        self._renew_at = now + self._beat

    def _fill(self) -> None:
        """Lease as many jobs as there is room for; wait a little where there is no room or no job."""
        self._held.freed.clear()
        room = self._prefetch - len(self._held)
        if room <= 0 or self._broker.stopping.is_set():
            self._held.freed.wait(self._idle)
            return
        self._ready = [Held(lease) for lease in self._queue.lease(self._name, room)]
        for held in self._ready:
            self._held.add(held)
        if not self._ready:
            self._waker.wait(self._idle)

    def _settled(self, held: Held, mine: bool) -> None:
        self._held.settled(held)
        if not mine:
            # Somebody else does it (again): harmless, because every effect is written together with its inbox row.
            log.warning("jobs.lease_lost", job=held.message_id, actor=held.actor_name)


def held_message(message: MessageProxy) -> Held:
    """The message with its lease: what every message that this broker hands out is."""
    if not isinstance(message, Held):
        raise TypeError("not a message of this broker")
    return message


@contextmanager
def _reported_to_dramatiq() -> Iterator[None]:
    """dramatiq knows what to do about a broken connection when it is told in its own words."""
    try:
        yield
    except Unavailable as error:
        raise ConnectionClosed(error.message) from error  # type: ignore[no-untyped-call]  # dramatiq's errors are untyped

"""What happens around every job: whose it is, how it is traced and measured, and what its failure means.

dramatiq swallows whatever a hook raises unless it is a `MiddlewareError`, and then runs the actor all the same. So the
tenancy check turns *every* failure of its own into one: it fails closed.
"""

import concurrent.futures
import time
from asyncio import CancelledError
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

import dramatiq
import structlog
from dramatiq.broker import Broker, MessageProxy
from dramatiq.middleware import AsyncIO, Interrupt, Middleware, MiddlewareError, Retries, TimeLimit
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from ..errors import Forbidden, NotFound, Refused, StaleVersion, Throttled, Unauthenticated
from ..tenancy.leases import State
from .broker import Held, PostgresBroker, describe, held_message

log = structlog.get_logger(__name__)

#: Raises `NotFound` (no such group or store, or the store is another group's), `WrongState` (the store is not active)
#: or `Unavailable`; returns nothing when the tenant may be worked for. Called from worker threads.
Resolve: TypeAlias = Callable[[UUID, UUID | None], None]

#: Failures that the same message can never overcome.
PERMANENT = (Refused, NotFound, Forbidden, Unauthenticated)

SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900)


@dataclass(frozen=True, slots=True)
class RunningJob:
    """The job an actor is doing. ``id`` is the key of its inbox row: the same through every retry and replay."""

    id: UUID
    actor: str
    group_id: UUID | None
    store_id: UUID | None
    attempt: int


_running: ContextVar[RunningJob | None] = ContextVar("forecourt_running_job", default=None)


def running_job() -> RunningJob:
    """The job being done here.

    Raises:
        RuntimeError: called outside an actor.
    """
    job = _running.get()
    if job is None:
        raise RuntimeError("no job is running here")
    return job


class RefusedMessage(MiddlewareError):
    """The message may not be worked on, now or later: a dead letter at once."""


class TryAgain(MiddlewareError):
    """Whether the message may be worked on cannot be told now."""


def job_middleware(
    resolve: Resolve,
    *,
    metrics: "JobMetrics | None" = None,
    tracer_provider: TracerProvider | None = None,
    max_retries: int = 12,
    min_backoff_ms: int = 5_000,
    max_backoff_ms: int = 3_600_000,
    time_limit_ms: int = 1_800_000,
) -> list[Middleware]:
    """The middleware of a worker, outermost first. With the defaults a job is tried for about eight hours."""
    return [
        Tracing(tracer_provider),
        Observation(metrics or JobMetrics()),
        TenancyCheck(resolve),
        TimeLimit(time_limit=time_limit_ms),
        Failures(max_retries=max_retries, min_backoff=min_backoff_ms, max_backoff=max_backoff_ms),
        AsyncIO(),
    ]


class TenancyCheck(Middleware):
    """Every message names its group, a store's message its store; both exist, belong together and are active.

    Options of an actor: ``store=True`` (does one store's work), ``platform=True`` (belongs to no group).
    """

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve

    @property
    def actor_options(self) -> set[str]:
        return {"platform", "store"}

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        try:
            self._check(broker.get_actor(message.actor_name), held_message(message))
        except MiddlewareError:
            raise
        except PERMANENT as error:
            raise RefusedMessage(describe(error)) from error
        except Exception as error:
            raise TryAgain(describe(error)) from error

    def _check(self, actor: "dramatiq.Actor[Any, Any]", message: Held) -> None:
        group_id, store_id = message.lease.group_id, message.lease.store_id
        if group_id is None:
            if not actor.options.get("platform"):
                raise RefusedMessage("the message names no group")
        elif actor.options.get("platform"):
            raise RefusedMessage("a job of the platform names no group")
        elif actor.options.get("store") and store_id is None:
            raise RefusedMessage("the message names no store")
        else:
            self._resolve(group_id, store_id)


class Failures(Retries):
    """What a failure means.

    ===========================================  =======================================================
    a rule said no, or the row does not exist    dead letter at once: trying again changes nothing
    somebody else changed the row first          again, with back-off (`StaleVersion`)
    too many requests                            again, after as long as was asked for
    the worker is stopping                       back to the queue, untouched
    anything else (database away, a defect)      again, with exponential back-off and jitter, then dead letter
    ===========================================  =======================================================
    """

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: object = None, exception: BaseException | None = None
    ) -> None:
        if exception is None:
            return
        if isinstance(exception, _INTERRUPTED) and isinstance(broker, PostgresBroker) and broker.stopping.is_set():
            held_message(message).give_back()
        elif isinstance(exception, (*PERMANENT, RefusedMessage)) and not isinstance(exception, StaleVersion):
            message.fail()
        else:
            if isinstance(exception, Throttled):
                exception = dramatiq.Retry(exception.code, delay=int(exception.retry_after * 1000))
            super().after_process_message(  # type: ignore[no-untyped-call]  # dramatiq leaves it untyped
                broker, message, result=result, exception=exception
            )


_INTERRUPTED = (CancelledError, concurrent.futures.CancelledError, Interrupt)


def outcome_of(message: Held) -> str:
    """How a processed message ended: done, retried, dead or released."""
    if message.failed:
        return "dead"
    if message.given_back:
        return "released"
    return "retried" if message.retry_in is not None or message.exception is not None else "done"


class JobMetrics:
    """Prometheus metrics of the jobs."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.seconds = Histogram(
            "forecourt_job_seconds",
            "How long jobs took.",
            ("actor", "outcome"),
            buckets=SECONDS,
            registry=registry,
        )
        self.dead = Counter("forecourt_jobs_dead", "Jobs given up by this process.", ("actor",), registry=registry)
        self.depth = Gauge("forecourt_queue_jobs", "Jobs by queue and state.", ("queue", "state"), registry=registry)

    def observe_depth(self, counts: Mapping[tuple[str, State], int]) -> None:
        """Show the counts of the queue; a queue that emptied disappears."""
        self.depth.clear()
        for (queue, state), number in counts.items():
            self.depth.labels(queue, state).set(number)


class Observation(Middleware):
    """Binds the job to the logs and to `running_job`; counts and times it."""

    def __init__(self, metrics: JobMetrics) -> None:
        self._metrics = metrics
        self._open: dict[int, tuple[float, Mapping[str, Any]]] = {}

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        lease = held_message(message).lease
        _running.set(RunningJob(lease.id, lease.actor, lease.group_id, lease.store_id, lease.attempts))
        tenant = {"group": lease.group_id, "store": lease.store_id}
        bound = structlog.contextvars.bind_contextvars(
            job=lease.actor,
            job_id=str(lease.id),
            attempt=lease.attempts,
            **{name: str(value) for name, value in tenant.items() if value is not None},
        )
        self._open[id(message)] = (time.perf_counter(), bound)

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: object = None, exception: BaseException | None = None
    ) -> None:
        _running.set(None)
        started, bound = self._open.pop(id(message))
        seconds = time.perf_counter() - started
        outcome = outcome_of(held_message(message))
        self._metrics.seconds.labels(message.actor_name, outcome).observe(seconds)
        level = "info" if exception is None or outcome == "released" else "warning"
        getattr(log, level)(
            f"job.{outcome}",
            seconds=round(seconds, 4),
            **({"error": describe(exception)} if exception is not None else {}),
        )
        structlog.contextvars.reset_contextvars(**bound)

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        self.after_process_message(broker, message)

    def after_nack(self, broker: Broker, message: MessageProxy) -> None:
        # Here and not above: a message for an unknown actor is buried without having been processed.
        self._metrics.dead.labels(message.actor_name).inc()


class Tracing(Middleware):
    """OpenTelemetry: the context travels as `traceparent` in the job's row. Attributes: group, store and job."""

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self._tracer = trace.get_tracer("forecourt.jobs", tracer_provider=provider)
        self._open: dict[int, tuple[Span, Any]] = {}

    def before_enqueue(self, broker: Broker, message: "dramatiq.Message[Any]", delay: int | None) -> None:
        if "traceparent" in message.options:
            return
        name = f"publish {message.actor_name}"
        attributes = {"messaging.destination.name": message.queue_name, "messaging.message.id": message.message_id}
        with self._tracer.start_as_current_span(name, kind=SpanKind.PRODUCER, attributes=attributes):
            TraceContextTextMapPropagator().inject(message.options)

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        lease = held_message(message).lease
        carrier = {"traceparent": lease.traceparent} if lease.traceparent else {}
        parent = TraceContextTextMapPropagator().extract(carrier)
        attributes: dict[str, str | int] = {
            "messaging.destination.name": lease.queue,
            "messaging.message.id": str(lease.id),
            "forecourt.job": lease.actor,
            "forecourt.attempt": lease.attempts,
        }
        if lease.group_id is not None:
            attributes["forecourt.group"] = str(lease.group_id)
        if lease.store_id is not None:
            attributes["forecourt.store"] = str(lease.store_id)
        span = self._tracer.start_span(
            f"process {lease.actor}", context=parent, kind=SpanKind.CONSUMER, attributes=attributes
        )
        self._open[id(message)] = (span, otel_context.attach(trace.set_span_in_context(span, parent)))

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: object = None, exception: BaseException | None = None
    ) -> None:
        span, token = self._open.pop(id(message))
        span.set_attribute("forecourt.outcome", outcome_of(held_message(message)))
        if exception is not None:
            # Not record_exception: the text of a driver's error may quote a row.
            span.set_status(Status(StatusCode.ERROR, describe(exception)))
        otel_context.detach(token)
        span.end()

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        self.after_process_message(broker, message)

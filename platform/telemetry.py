"""Traces, metrics and logs (architecture section 6). Attributes name groups, stores, operations and jobs, never a person.

Logs are one JSON object a line on stderr (coloured text at a terminal), with trace ids and whatever `bound` has bound. A
processor at the end of the chain takes out phone numbers, mail addresses and secrets wherever they stand, also in error
messages of the database. Traces are recorded only when a collector is set; ids are made in any case, so that log lines of
one request can be found. Metrics are Prometheus', in a registry of our own.
"""

import logging
import re
import sys
import time
from collections.abc import Iterable, Mapping, MutableMapping
from contextlib import AbstractContextManager
from functools import lru_cache
from random import getrandbits
from typing import Any, Final, TextIO
from uuid import UUID

import structlog
from opentelemetry import propagate, trace
from opentelemetry.context import attach, detach
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import EventDict, Processor, WrappedLogger

from .access_log import ACCESS
from .settings import Settings

# --- redaction -------------------------------------------------------------------------------------------------------

#: Values under these words are never shown, whatever they look like.
_SECRET_KEYS = re.compile(
    r"passw|secret|token|authorization|cookie|csrf|phone|mobile|e_?mail|wechat|contact_value", re.IGNORECASE
)
#: Made by us, and full of digits.
_OUR_KEYS: Final = frozenset({"request_id", "span_id", "trace_id"})
_OUR_FORM = re.compile(r"[0-9a-f-]{16,36}")  # no telephone number has 16 digits (E.164)

_LONGEST: Final = 20_000

_PIECES = re.compile(
    r"(?P<keep>(?<![0-9A-Za-z])(?:[sgr]_[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![0-9A-Za-z])"
    r"|(?<![\d+])(?:19|20)\d\d-[01]\d-[0-3]\d(?:[T ][0-2]\d:[0-5]\d(?::[0-5]\d(?:\.\d{1,6})?)?)?(?![\d-]))"
    r"|(?P<mail>[^\s@<>\"'(),:;=]{1,64}@[^\s@<>\"'(),:;=]{1,255})"
    r"|(?P<sure>(?:\b[Bb]earer\s+\S+)|(?:eyJ|fct_)[A-Za-z0-9_.-]{8,})"
    r"|(?P<token>[A-Za-z0-9_-]{22,}(?:\.[A-Za-z0-9_-]+)*)"
    r"|(?P<phone>\+?\(?\d(?:[ \-.()/\u00a0\u2010-\u2015\u3000\uff0d]{0,2}\d){6,})"
)


def redact(text: str) -> str:
    """The text without phone numbers (7 digits and more), mail addresses and long random words.

    Ids of ours and dates stay. A harmless long number goes too: better a count lost than a person found.
    """
    return _PIECES.sub(_replace, text)


def _replace(found: "re.Match[str]") -> str:
    piece = found.group()
    match found.lastgroup:
        case "mail":
            return "[mail]"
        case "phone":
            return "[number]"
        case "sure":
            return "[secret]"
        case "token" if _is_random(piece):
            return "[secret]"
        case "token":
            return re.sub(r"\d(?:[-_]?\d){6,}", "[number]", piece)
        case _:
            return piece


def _is_random(word: str) -> bool:
    """Long words with digits and letters, or with capitals all over, are secrets; names in code are neither."""
    digits = sum(letter.isdigit() for letter in word)
    return 0 < digits < len(word) or sum(letter.isupper() for letter in word) >= 6


def _redacted(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return redact(value)[:_LONGEST]
    if value is None or isinstance(value, bool | UUID):
        return value
    if isinstance(value, int | float):
        return "[number]" if abs(value) >= 10_000_000 else value
    if depth >= 6:
        return "[deep]"
    if isinstance(value, Mapping):
        return {redact(str(key)): _of_key(str(key), item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted(item, depth + 1) for item in value]
    return redact(str(value))


def _of_key(key: str, value: Any, depth: int) -> Any:
    if _SECRET_KEYS.search(key) and not isinstance(value, bool | None):
        return "[secret]"
    return _redacted(value, depth)


def redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The last processor before rendering: nothing is written that it has not seen."""
    return {
        key: value if key in _OUR_KEYS and _OUR_FORM.fullmatch(str(value)) else _of_key(key, value, 0)
        for key, value in event.items()
    }


# --- logs ------------------------------------------------------------------------------------------------------------


def add_trace(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The ids of the present span."""
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        event["trace_id"] = format(span.trace_id, "032x")
        event["span_id"] = format(span.span_id, "016x")
    return event


def configure_logs(level: str = "INFO", *, stream: TextIO | None = None, pretty: bool | None = None) -> None:
    """Send our log and that of every library to ``stream`` (stderr), one line an event. Calling it again replaces it."""
    target = stream if stream is not None else sys.stderr
    if pretty is None:
        pretty = target.isatty()
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        add_trace,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    rendering: Processor = (
        structlog.dev.ConsoleRenderer(colors=True)
        if pretty
        else structlog.processors.JSONRenderer(ensure_ascii=False, default=lambda value: redact(str(value)))
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*before, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redact_event,
                structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
                rendering,
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    ACCESS.handler = None if pretty else handler
    for name in (
        "httpcore2",
        "httpx2",
    ):  # they log addresses and, at DEBUG, headers: a webhook's secret, a client's password
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(_unsaid)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *before,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _unsaid(record: logging.LogRecord) -> bool:
    """Not what uvicorn says of each socket: a caller's address and their query, or that they sent what is no text."""
    text = str(record.msg)
    return '"WebSocket %s"' not in text and not text.startswith("Invalid UTF-8 sequence")


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger; the event is a fixed phrase, everything that varies is a keyword."""
    made: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return made


def bound(
    *,
    group: UUID | None = None,
    store: UUID | None = None,
    actor: str | None = None,
    request_id: str | None = None,
    job: str | None = None,
) -> AbstractContextManager[None]:
    """Every log line inside carries these; ``actor`` is `Actor.key`, never a name. What is None stays as it was."""
    given = {"group": group, "store": store, "actor": actor, "request_id": request_id, "job": job}
    return structlog.contextvars.bound_contextvars(
        **{key: str(value) for key, value in given.items() if value is not None}
    )


# --- traces ----------------------------------------------------------------------------------------------------------


def configure_traces(settings: Settings, *, service: str) -> TracerProvider:
    """A provider for this process: recording to the collector when one is set, else making ids only.

    With a collector the SDK's standard variables hold (``OTEL_TRACES_SAMPLER`` and the rest), and SQL is traced.
    """
    resource = Resource.create({"service.name": f"forecourt-{service}", "service.namespace": "forecourt"})
    if settings.otlp_endpoint is None:
        return TracerProvider(resource=resource, sampler=ALWAYS_OFF)
    # Only now: the exporter and the instrumentor cost half a second of start-up.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor

    provider = TracerProvider(resource=resource)
    endpoint = settings.otlp_endpoint.rstrip("/") + "/v1/traces"
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    PsycopgInstrumentor().instrument(tracer_provider=provider)
    return provider


def configure(settings: Settings, *, service: str) -> TracerProvider:
    """Logs and traces of a process (``api``, ``worker``, ``cli``); once, at its start. Shut the provider down at its end."""
    configure_logs(settings.log_level)
    provider = configure_traces(settings, service=service)
    trace.set_tracer_provider(provider)
    return provider


# --- metrics ---------------------------------------------------------------------------------------------------------

REGISTRY = CollectorRegistry(auto_describe=False)
ProcessCollector(registry=REGISTRY)

_FAST: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15)
_SLOW: Final = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900)

HTTP_REQUESTS = Counter(
    "forecourt_http_requests", "Requests answered.", ("method", "route", "status"), registry=REGISTRY
)
HTTP_SECONDS = Histogram(
    "forecourt_http_request_seconds", "Time to answer a request.", ("route",), registry=REGISTRY, buckets=_FAST
)
HTTP_RUNNING = Gauge("forecourt_http_requests_running", "Requests being answered now.", registry=REGISTRY)


class _Running:
    """How many requests are being answered: counted at each, told when somebody asks."""

    now = 0


HTTP_RUNNING.set_function(lambda: _Running.now)
GRAPHQL_OPERATIONS = Counter(
    "forecourt_graphql_operations",
    "Operations by kind (query, mutation, subscription, unknown), engine (compiled, core, none), outcome (ok, error, refused).",
    ("kind", "engine", "outcome"),
    registry=REGISTRY,
)
THROTTLED = Counter(
    "forecourt_throttled",
    "Operations refused because a budget was spent, by the bucket.",
    ("level",),
    registry=REGISTRY,
)
LIVE_CONNECTIONS = Gauge("forecourt_live_connections", "Sockets and event streams that are open.", registry=REGISTRY)
GRAPHQL_COST = Counter("forecourt_graphql_cost", "Cost of the operations that ran.", registry=REGISTRY)
JOBS = Counter(
    "forecourt_jobs", "Jobs by outcome (done, retried, dead, refused).", ("job", "outcome"), registry=REGISTRY
)
JOB_SECONDS = Histogram("forecourt_job_seconds", "Time of a job.", ("job",), registry=REGISTRY, buckets=_SLOW)
JOB_DELAY = Histogram(
    "forecourt_job_delay_seconds",
    "From when a job was due to when it began.",
    ("job",),
    registry=REGISTRY,
    buckets=_SLOW,
)
JOBS_WAITING = Gauge("forecourt_jobs_waiting", "Jobs that are due and not begun.", ("queue",), registry=REGISTRY)
AUDIT_CHECKS = Counter(
    "forecourt_audit_checks",
    "Checks of audit chains by outcome (ok, broken). Alert on any broken one.",
    ("outcome",),
    registry=REGISTRY,
)
JOBS_DEAD = Gauge("forecourt_jobs_dead", "Jobs that failed for good.", ("queue",), registry=REGISTRY)


def render_metrics() -> tuple[bytes, str]:
    """What ``/metrics`` answers: the text and its content type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST


# --- requests --------------------------------------------------------------------------------------------------------

#: In a request's state: its answer is an event stream.
LASTING: Final = "lasting"

_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_REQUEST_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class Telemetry:
    """ASGI middleware, outermost: a span, metrics, one line in the access log, and ``X-Request-Id``.

    starlette's own middleware is not used: its spans carry the path, the query and the caller's address, and a survey link has
    its secret in the path. Here a request is known by the template of its route.

    ``quiet`` routes (health, metrics) are counted but not logged. Without ``provider`` the process's own is used.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        quiet: Iterable[str] = ("/healthz", "/readyz", "/metrics"),
        provider: trace.TracerProvider | None = None,
    ) -> None:
        self.app = app
        known = trace.get_tracer_provider() if provider is None else provider
        self._tracer = trace.get_tracer("forecourt.http", tracer_provider=known)
        self._records = getattr(known, "sampler", None) is not ALWAYS_OFF
        self._quiet = frozenset(quiet)
        self._log = logger("forecourt.access")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        given, carrier = "", {}
        for name, value in scope["headers"]:  # names come in lower case
            if name == b"x-request-id":
                given = value.decode("latin-1")
            elif name in _TRACE_HEADERS:
                carrier[name.decode()] = value.decode("latin-1")
        trace_id = getrandbits(128) or 1  # as OpenTelemetry makes them: ids, no secrets
        request_id = _request_id(given) or f"{trace_id:032x}"
        scope.setdefault("state", {})["request_id"] = request_id
        shown = (b"x-request-id", request_id.encode())
        method = _method(scope)
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            kind = message["type"]
            if kind in ("http.response.start", "websocket.http.response.start"):
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), shown]
            elif kind == "websocket.accept":
                status = 101
                message["headers"] = [*message.get("headers", ()), shown]
            await send(message)

        started = time.perf_counter()
        if self._records or carrier:
            span = self._tracer.start_span(method, propagate.extract(carrier) if carrier else None, SpanKind.SERVER)
        else:  # only ids for the log, which the tracer would make by asking a sampler that always says no
            span = NonRecordingSpan(SpanContext(trace_id, getrandbits(64) or 1, is_remote=False))
        token = attach(trace.set_span_in_context(span))
        bound_before = structlog.contextvars.bind_contextvars(request_id=request_id)
        _Running.now += 1
        failure: str | None = None
        try:
            await self.app(scope, receive, sending)
        except BaseException as error:
            failure = type(error).__qualname__
            # Cancelled: the client went away (499, as nginx counts it).
            status = status or (500 if isinstance(error, Exception) else 499)
            raise
        finally:
            _Running.now -= 1
            route = _route(scope)
            if span.is_recording():
                _describe(span, method, route, status, failure)
            lasting = method == "WEBSOCKET" or LASTING in scope["state"]
            self._count(method, route, status, failure, time.perf_counter() - started, request_id, span, lasting)
            structlog.contextvars.reset_contextvars(**bound_before)
            detach(token)
            span.end()

    def _count(
        self,
        method: str,
        route: str,
        status: int,
        failure: str | None,
        seconds: float,
        request_id: str,
        span: Span,
        lasting: bool,
    ) -> None:
        _requests(method, route, str(status)).inc()
        if not lasting:  # sockets and event streams live for hours and say nothing about speed
            _request_seconds(route).observe(seconds)
        if route in self._quiet and status < 500:
            return
        if failure is None and status < 500:
            ACCESS.write(method, route, status, round(seconds * 1000, 2), request_id, span.get_span_context())
            return
        fields: MutableMapping[str, Any] = {"method": method, "route": route, "status": status}
        if failure is not None:
            fields["error"] = failure
        write = self._log.error if status >= 500 else self._log.info
        write("request", **fields, ms=round(seconds * 1000, 2))


#: Names of headers that carry a trace from elsewhere (W3C Trace Context, Baggage).
_TRACE_HEADERS: Final = frozenset({b"baggage", b"traceparent", b"tracestate"})

#: The same few labels at every request; looking a child up costs more than counting.
_requests = lru_cache(maxsize=2_000)(HTTP_REQUESTS.labels)
_request_seconds = lru_cache(maxsize=500)(HTTP_SECONDS.labels)


def _describe(span: Span, method: str, route: str, status: int, failure: str | None) -> None:
    span.update_name(f"{method} {route}")
    span.set_attributes({"http.request.method": method, "http.route": route, "http.response.status_code": status})
    if status >= 500:
        span.set_attribute("error.type", failure or str(status))
        span.set_status(Status(StatusCode.ERROR))


def _request_id(given: str) -> str:
    """The caller's id when it is one (anything else could be a person's number), else nothing."""
    return given.lower() if given and _REQUEST_ID.fullmatch(given) else ""


def _method(scope: Scope) -> str:
    if scope["type"] == "websocket":
        return "WEBSOCKET"
    return scope["method"] if scope["method"] in _METHODS else "OTHER"


def _route(scope: Scope) -> str:
    """The route's template, `/s/{store}/{token}`: a bounded set of words without anybody's data."""
    route = scope.get("route")
    if isinstance(route, Mount):
        return str(scope.get("root_path") or "/")
    path = getattr(route, "path_format", None)
    return path if isinstance(path, str) else "unmatched"

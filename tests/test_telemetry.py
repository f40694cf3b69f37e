"""Logs let no person and no secret out; requests are traced, counted and logged by the template of their route."""

import asyncio
import io
import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from uuid import UUID, uuid4

import httpx2
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from forecourt.access_log import ACCESS, WRITTEN
from forecourt.auth.tokens import PREFIX
from forecourt.settings import Settings
from forecourt.telemetry import (
    Telemetry,
    bound,
    configure_logs,
    configure_traces,
    logger,
    redact,
    render_metrics,
)

TOKEN = PREFIX + "Ab3-" * 10 + "xyz"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the log goes; the root logger is put back afterwards."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    written = io.StringIO()
    configure_logs("DEBUG", stream=written)
    yield written
    root.handlers[:], level = before[0], before[1]
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """What was logged, without the event loop's and the test client's own lines."""
    written = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [line for line in written if not line["logger"].startswith(("asyncio", "httpx2"))]


def test_who_opens_a_socket_is_not_logged(stream: io.StringIO) -> None:
    theirs = logging.getLogger("uvicorn.error")
    before = theirs.level
    theirs.setLevel(logging.INFO)  # a server in this process may have set another
    theirs.info('%s - "WebSocket %s" [accepted]', "203.0.113.7:50000", "/graphql?token=secret")
    theirs.error("Invalid UTF-8 sequence received from client.")
    theirs.info("Shutting down")
    theirs.setLevel(before)
    assert [line["event"] for line in lines(stream)] == ["Shutting down"]


def test_libraries_of_outgoing_requests_do_not_log_addresses_and_headers(stream: io.StringIO) -> None:
    logging.getLogger("httpx2").info("HTTP Request: POST https://hooks.example.com/secret-of-a-hook")
    logging.getLogger("httpcore2.http11").debug("send_request_headers.started Basic c2VjcmV0")
    assert stream.getvalue() == ""


# --- redaction

mobiles = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)


words = st.text(st.characters(exclude_categories=("Cs", "Nd")), max_size=40)


@given(words, mobiles, words, st.sampled_from(["", "-", " ", "　", "."]))
def test_no_phone_number_comes_through(before: str, mobile: str, after: str, gap: str) -> None:
    shown = redact(before + gap.join((mobile[:3], mobile[3:7], mobile[7:])) + after)
    assert mobile[3:7] not in shown
    assert mobile[7:] not in shown


@given(
    st.text(alphabet="abcXYZ ._-", max_size=20),
    st.from_regex(r"[a-z]{1,12}\.[a-z0-9]{1,8}@[a-z]{2,9}\.(com|cn)", fullmatch=True),
)
def test_no_mail_address_comes_through(before: str, address: str) -> None:
    assert address not in redact(f"{before} to:{address}, done")
    assert "@" not in redact(f"{before}{address}")


@pytest.mark.parametrize(
    "secret",
    [
        TOKEN,
        f"Bearer {TOKEN}",
        "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxMjMifQ.c2lnbmF0dXJl",
        "3f2c9a7be1d04455aa0123456789abcd",
        "AbCdEfGhIjKlMnOpQrStUvWx",
        "+86 (138) 0013-8000",
        "0086 138 0013 8000",
        "１３８００１３８０００",
        "电话13800138000请回电",
        "tel13800138000",
        "021-6123 4567",
        "Key (value)=(13800138000) already exists.",
        "张伟<zhang.wei@example.com>",
        "23:13800138000",
        "2026-09-01 23:13800138000",
    ],
)
def test_secrets_in_text_are_taken_out(secret: str) -> None:
    shown = redact(f"before {secret} after")
    assert "before" in shown
    assert "after" in shown
    assert "[" in shown
    for part in ("8000", "８０００", "4567", "example", "AbCdE", "eyJ", "3f2c", "Ab3"):
        assert part not in shown


@pytest.mark.parametrize(
    "harmless",
    [
        "closed month 2026-09 of store HX01",
        "2026-09-01 12:30:01.123456 began",
        "store 01a20154-662b-7757-a4cd-181a38c87432",
        "permission denied for schema s_01a20154662b7757a4cd181a38c87432",
        "uq_contact_point_customer_id_kind_value_hash",
        "account:01a20154-662b-7757-a4cd-181a38c87432",
        "took 123456 rows in 3.25 s, port 55432",
        "evaluation:scorecard:read",
    ],
)
def test_what_operators_need_stays(harmless: str) -> None:
    assert redact(harmless) == harmless


def test_a_very_long_word_is_no_trap() -> None:
    assert redact("x" * 300_000)
    assert redact("1" * 300_000) == "[number]"


# --- logs


def test_a_line_is_json_with_what_is_bound(stream: io.StringIO) -> None:
    group, store = uuid4(), uuid4()
    with bound(group=group, store=store, actor=f"account:{group}"), bound(request_id="ab" * 16):
        logger("forecourt.test").info("month closed", month="2026-09", rows=3)
    logger("forecourt.test").info("outside")
    inside, outside = lines(stream)
    assert inside["event"] == "month closed"
    assert (inside["group"], inside["store"], inside["actor"]) == (str(group), str(store), f"account:{group}")
    assert (inside["request_id"], inside["rows"], inside["level"]) == ("ab" * 16, 3, "info")
    assert inside["timestamp"].endswith("Z")
    assert not {"group", "store", "actor", "request_id"} & set(outside)


def test_persons_and_secrets_stay_inside_whatever_their_shape(stream: io.StringIO) -> None:
    log = logger("forecourt.test")
    log.info("call 13800138000", phone=13800138000, n=13800138000, f=13800138000.0, password="p", rows=5)
    log.info("nested", data={"to": ["zhang@example.com", {"phone": "1"}], "13800138000": TOKEN}, row=(1, "13800138000"))
    log.info("bound", request_id="13800138000", actor="13800138000", thing=ValueError("13800138000"))
    try:
        raise ValueError("zhang@example.com has 13800138000")
    except ValueError:
        log.exception("failed")
        logging.getLogger("a.library").exception("it has %s", "13800138000", extra={"mobile": "13800138000"})
    text = stream.getvalue()
    for part in ("138001", "8000", "example", "Ab3", '"p"'):
        assert part not in text
    first, *_, last = lines(stream)
    assert first["rows"] == 5
    assert "ValueError" in last["exception"]
    assert last["logger"] == "a.library"


def test_deep_and_endless_values_are_cut(stream: io.StringIO) -> None:
    loop: list[Any] = []
    loop.append(loop)
    logger("forecourt.test").info("loop", loop=loop, long="ab " * 50_000)
    assert len(stream.getvalue()) < 30_000


def test_a_terminal_gets_plain_text() -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    written = io.StringIO()
    try:
        configure_logs("INFO", stream=written, pretty=True)
        logger("forecourt.test").info("hello", phone="13800138000")
    finally:
        root.handlers[:] = before[0]
        root.setLevel(before[1])
        structlog.reset_defaults()
    assert "hello" in written.getvalue()
    assert "13800138000" not in written.getvalue()
    assert not written.getvalue().startswith("{")


# --- requests


class Harness:
    """An application behind the middleware, with its spans."""

    def __init__(self, *, record: bool = True) -> None:
        self.spans = InMemorySpanExporter()
        provider = TracerProvider() if record else TracerProvider(sampler=ALWAYS_OFF)
        provider.add_span_processor(SimpleSpanProcessor(self.spans))
        routes = [
            Route("/s/{store}/{token}", self.page),
            Route("/broken", self.broken),
            Route("/healthz", self.page),
            Mount("/static", routes=[Route("/{name}", self.page)]),
        ]
        self.app = Telemetry(Starlette(routes=routes), provider=provider)
        self.seen: list[str] = []

    async def page(self, request: Request) -> PlainTextResponse:
        self.seen.append(request.state.request_id)
        logger("forecourt.test").info("inside")
        return PlainTextResponse("ok")

    async def broken(self, request: Request) -> PlainTextResponse:
        raise RuntimeError("13800138000")

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        transport = httpx2.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            answer = await client.get(path, headers=headers)
        ACCESS.flush()
        return answer


def metrics() -> str:
    text, kind = render_metrics()
    assert kind.startswith("text/plain")
    return text.decode()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
async def test_a_line_is_written_without_being_asked_for(stream: io.StringIO) -> None:
    transport = httpx2.ASGITransport(Harness().app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        await client.get("/s/public/x")
    await asyncio.sleep(4 * WRITTEN)
    assert [line["event"] for line in lines(stream)] == ["inside", "request"]


@pytest.mark.anyio
async def test_no_request_fails_for_a_log_that_cannot_be_written(
    stream: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    harness = Harness()
    transport = httpx2.ASGITransport(harness.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get("/s/public/x")).status_code == 200
    stream.close()
    ACCESS.flush()
    assert "I/O operation on closed file" in capsys.readouterr().err
    ACCESS.flush()  # nothing waits any more
    assert capsys.readouterr().err == ""


@pytest.mark.anyio
async def test_a_request_is_known_by_its_route_and_never_by_its_path(stream: io.StringIO) -> None:
    harness = Harness()
    answer = await harness.get(f"/s/public/{TOKEN}?phone=13800138000", **{"user-agent": "Zhang's phone"})
    request_id = answer.headers["x-request-id"]
    assert harness.seen == [request_id]
    inside, access = lines(stream)
    assert inside["request_id"] == access["request_id"] == request_id
    assert inside["trace_id"] == access["trace_id"]
    assert (access["route"], access["status"], access["method"]) == ("/s/{store}/{token}", 200, "GET")
    (span,) = harness.spans.get_finished_spans()
    assert span.name == "GET /s/{store}/{token}"
    assert span.context is not None
    assert format(span.context.trace_id, "032x") == access["trace_id"]
    everything = f"{span.to_json()}{stream.getvalue()}{metrics()}"
    for private in (TOKEN, "13800138000", "Zhang", "127.0.0.1"):
        assert private not in everything
    assert 'forecourt_http_requests_total{method="GET",route="/s/{store}/{token}",status="200"}' in metrics()


@pytest.mark.anyio
async def test_without_a_recorder_lines_still_have_trace_ids(stream: io.StringIO) -> None:
    harness = Harness(record=False)
    await harness.get("/s/a/b")
    inside, access = lines(stream)
    assert inside["trace_id"] == access["trace_id"]
    assert harness.spans.get_finished_spans() == ()


@pytest.mark.anyio
async def test_a_callers_id_is_kept_only_when_it_is_one(stream: io.StringIO) -> None:
    harness = Harness()
    given = str(UUID(int=7))
    assert (await harness.get("/s/a/b", **{"x-request-id": given})).headers["x-request-id"] == given
    for other in ("13800138000", "x" * 500, "a\tb", ""):
        assert (await harness.get("/s/a/b", **{"x-request-id": other})).headers["x-request-id"] != other


@pytest.mark.anyio
async def test_a_callers_trace_goes_on(stream: io.StringIO) -> None:
    harness = Harness()
    await harness.get("/s/a/b", traceparent=f"00-{'ab' * 16}-{'cd' * 8}-01")
    assert lines(stream)[0]["trace_id"] == "ab" * 16


@pytest.mark.anyio
async def test_failures_and_unknown_paths_are_counted_as_such(stream: io.StringIO) -> None:
    harness = Harness()
    assert (await harness.get("/broken")).status_code == 500
    assert (await harness.get("/13800138000")).status_code == 404
    failed, missing = [line for line in lines(stream) if line["event"] == "request"]
    assert (failed["level"], failed["status"], failed["error"]) == ("error", 500, "RuntimeError")
    assert (missing["level"], missing["status"], missing["route"]) == ("info", 404, "unmatched")
    assert "13800138000" not in stream.getvalue() + metrics()
    span = harness.spans.get_finished_spans()[0]
    assert not span.status.is_ok
    assert "13800138000" not in span.to_json()


@pytest.mark.anyio
async def test_probes_are_counted_but_not_logged(stream: io.StringIO) -> None:
    await Harness().get("/healthz")
    assert [line["event"] for line in lines(stream)] == ["inside"]
    assert 'route="/healthz"' in metrics()


# --- traces


def test_without_a_collector_nothing_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    provider = configure_traces(Settings(), service="api")
    span = provider.get_tracer("test").start_span("x")
    assert not span.is_recording()
    assert span.get_span_context().is_valid
    assert provider.resource.attributes["service.name"] == "forecourt-api"
    provider.shutdown()


class Collector(BaseHTTPRequestHandler):
    """Takes whatever is posted."""

    got: ClassVar[list[tuple[str, bytes]]] = []

    def do_POST(self) -> None:
        self.got.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_with_a_collector_spans_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        provider = configure_traces(Settings(), service="worker")
        try:
            with provider.get_tracer("test").start_as_current_span("evaluate month") as span:
                assert span.is_recording()
            provider.force_flush()
        finally:
            provider.shutdown()
            PsycopgInstrumentor().uninstrument()
            server.shutdown()
    assert [path for path, _ in Collector.got] == ["/v1/traces"]


def test_metrics_of_every_door_are_declared() -> None:
    text = metrics()
    for name in (
        "forecourt_http_requests_total",
        "forecourt_http_request_seconds",
        "forecourt_graphql_operations_total",
        "forecourt_graphql_cost_total",
        "forecourt_jobs_total",
        "forecourt_job_seconds",
        "forecourt_jobs_dead",
    ):
        assert f"# TYPE {name} " in text

"""The endpoint: what is GraphQL is answered as GraphQL, everything else is a JSON 4xx."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.requests import Request

from forecourt.errors import Throttled, Unauthenticated
from forecourt.graphql.context import Context
from forecourt.graphql.http import Endpoint
from forecourt.graphql.media import JSON_TYPE, RESPONSE_TYPE
from tests.graphql.conftest import Api

RESPONSE = "application/graphql-response+json"
SENT_JSON, SENT_RESPONSE = JSON_TYPE.decode(), RESPONSE_TYPE.decode()
ASK = {"query": "{ viewer { name } }"}


class Door:
    """The endpoint without a network: answers are (status, headers, body)."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.endpoint = Endpoint(api.schema, self.make_context, uploads=True, most_bytes=200_000)

    async def make_context(self, request: Request) -> Context:
        if request.headers.get("authorization") == "none":
            raise Unauthenticated
        if request.headers.get("authorization") == "often":
            raise Throttled(retry_after=3.2)
        if request.headers.get("authorization") == "fault":
            raise ZeroDivisionError("secret detail")
        return self.api.context(self.api.actor(("STORE_GM", "N1")))

    def __call__(
        self, method: str, body: bytes = b"", query: str = "", **headers: str
    ) -> tuple[int, dict[str, str], Any]:
        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        return self.send(method, receive, [(key.replace("_", "-"), value) for key, value in headers.items()], query)

    def send(
        self, method: str, receive: Any, headers: list[tuple[str, str]], query: str = ""
    ) -> tuple[int, dict[str, str], Any]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        raw = [(key.encode(), value.encode()) for key, value in headers]
        scope: dict[str, Any] = {"type": "http", "method": method, "path": "/", "query_string": query.encode()}
        scope |= {"headers": raw, "state": {"request_id": "r-1"}}
        self.api.stores.run(self.endpoint(scope, receive, send))
        answer = {key.decode(): value.decode() for key, value in sent[0]["headers"]}
        return sent[0]["status"], answer, json.loads(sent[1]["body"])

    def post(self, body: Any, **headers: str) -> tuple[int, dict[str, str], Any]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self("POST", raw, **({"content_type": "application/json"} | headers))


@pytest.fixture
def door(api: Api) -> Iterator[Door]:
    yield Door(api)


#: What it costs is said of every operation that ran.
ANSWER = {"data": {"viewer": {"name": "王芳"}}, "extensions": {"cost": {"requested": 1, "actual": 1}}}


def test_post_and_get(door: Door) -> None:
    status, headers, body = door.post(ASK)
    assert (status, body) == (200, ANSWER)
    assert headers["content-type"] == SENT_JSON
    assert (headers["vary"], headers["cache-control"]) == ("accept, accept-language", "no-store")
    assert door("GET", query="query=%7Bviewer%7Bname%7D%7D")[2] == body
    assert door("GET", query="query=query+q%7Bviewer%7Bname%7D%7D&operationName=&variables=%7B%7D&other=1")[2] == body
    assert door.post(ASK, accept=RESPONSE)[1]["content-type"] == SENT_RESPONSE


def test_a_request_error_has_no_data_and_its_status_follows_the_accepted_type(door: Door) -> None:
    for bad in ({"query": "{ nope }"}, {"query": "{"}, {"query": "query a {__typename} query b {__typename}"}):
        assert door.post(bad)[0] == 200 and "data" not in door.post(bad)[2]
        assert door.post(bad, accept=RESPONSE)[0] == 400


def test_variables_that_do_not_fit_are_a_request_error(door: Door) -> None:
    bad = {"query": "query($c: String!) { store(code: $c) { name } }", "variables": {"c": 1}}
    status, _, body = door.post(bad, accept=RESPONSE)
    assert (status, list(body)) == (400, ["errors"])
    assert door.post(bad)[0] == 200


def test_a_null_that_rises_to_the_top_is_an_answer_with_data(door: Door) -> None:
    status, _, body = door.post({"query": '{ store(code: "nobody") { name } }'}, accept=RESPONSE)
    assert (status, body["data"]) == (200, {"store": None})


@pytest.mark.parametrize(
    ("body", "part", "says"),
    [
        (b"", "body", "It is not JSON (line 1, column 1)"),
        (b"null", "body", "It must be an object in JSON, and is null."),
        (b'"x"', "body", "It must be an object in JSON, and is a text."),
        (b"[1]", "body", "Batches (arrays) are not offered."),
        (b'[{"query": "{a}"}]', "body", "Batches (arrays) are not offered."),
        (b'{"query":\n  nope}', "body", "It is not JSON (line 2, column 3)"),
        (b"\xff\xfe", "body", "It is not UTF-8 (byte 0)"),
        ('{"query": "é"}'.encode("latin-1"), "body", "It is not UTF-8 (byte 11)"),
        (b'{"query": 1}', "query", "It must be a text in JSON, and is a number."),
        (b"{}", "query", "It is missing or empty."),
        (b'{"query": ""}', "query", "It is missing or empty."),
        (b'{"extensions": {"persistedQuery": {"version": 1}}}', "query", "Persisted documents are not offered."),
        (b'{"query": "{a}", "variables": [1]}', "variables", "It must be an object in JSON, and is an array."),
        (b'{"query": "{a}", "operationName": true}', "operationName", "It must be a text in JSON, and is a boolean."),
        (b'{"query": "{a}", "extensions": "x"}', "extensions", "It must be an object in JSON, and is a text."),
        (b'{"query": "{a}", "variables": {"x": NaN}}', "body", "It has a number that cannot be read"),
        (b'{"query": "{a}", "variables": {"x": 1e400}}', "body", "It has a number that cannot be read"),
        (b'{"query": "{a}", "variables": {"x": ' + b"9" * 5_000 + b"}}", "body", "It has a number that cannot be read"),
        (b'{"query": "{a}", "variables": {"x": ["\\u0000"]}}', "body", "It has a text with U+0000"),
        (b'{"query": "{a}", "variables": {"\\ud800": 1}}', "body", "It has a text with U+0000"),
        (b'{"query": "{a(b: \\"\\\\u0000\\")}"}', "query", "It has a text with U+0000"),
        (b'{"query": "{a(b: \\"\\\\u{00}\\")}"}', "query", "It has a text with U+0000"),
        (b"[" * 20_000, "body", "It is nested too deeply."),
        (
            b'{"query": "{a}", "variables": ' + b'{"a":' * 20_000 + b"1" + b"}" * 20_001,
            "body",
            "It is nested too deeply.",
        ),
    ],
)
def test_malformed_bodies_are_refused_as_json(door: Door, body: bytes, part: str, says: str) -> None:
    status, headers, answer = door.post(body, accept_language="en")
    assert (status, headers["content-type"]) == (400, SENT_JSON)
    [error] = answer["errors"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "part": part}
    assert error["message"].startswith(f"{part}: {says}")
    assert door.post(body, accept=RESPONSE)[1]["content-type"] == SENT_RESPONSE


def test_refusals_are_in_the_callers_language(door: Door) -> None:
    assert door.post({"query": 1})[2]["errors"][0]["message"] == "query：须为 JSON 文本，收到的是数字。"
    english = door.post({"query": 1}, accept_language="en-GB, zh;q=0.5")[2]["errors"][0]["message"]
    assert english == "query: It must be a text in JSON, and is a number."


@pytest.mark.parametrize(
    "sent", ["application/json", "Application/JSON ; Charset=UTF-8", 'application/json;charset="utf-8"; x=' + "y" * 600]
)
def test_bodies_of_json_are_taken(door: Door, sent: str) -> None:
    assert door.post(ASK, content_type=sent)[0] == 200


@pytest.mark.parametrize(
    "sent",
    ["", "text/plain", "application/graphql", "application/json; charset=utf-16", "application/json, application/json"],
)
def test_other_bodies_are_refused(door: Door, sent: str) -> None:
    status, headers, answer = door.post(ASK, content_type=sent)
    assert (status, headers["accept"], answer["errors"][0]["extensions"]["part"]) == (
        415,
        "application/json",
        "content-type",
    )


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        ("", SENT_JSON),
        ("*/*", SENT_JSON),
        ("application/*", SENT_JSON),
        ("text/html, */*;q=0.1", SENT_JSON),
        (RESPONSE, SENT_RESPONSE),
        (f"{RESPONSE}; charset=utf-8", SENT_RESPONSE),
        (f"application/json, {RESPONSE}", SENT_RESPONSE),
        (f"{RESPONSE};q=0.5, application/json", SENT_JSON),
        (f"{RESPONSE};q=0, application/json;q=0.1", SENT_JSON),
        ("application/json;q=0, */*", SENT_RESPONSE),
        (f"{RESPONSE};charset=utf-16, application/json", SENT_JSON),
        (f"{RESPONSE};q=much, application/json", SENT_JSON),
        ("text/html," * 100 + RESPONSE.upper(), SENT_RESPONSE),
    ],
)
def test_the_type_of_an_answer_is_the_one_that_is_wanted_most(door: Door, accept: str, answered: str) -> None:
    status, headers, _ = door.post(ASK, accept=accept)
    assert (status, headers["content-type"]) == (200, answered)


@pytest.mark.parametrize("accept", ["text/html", "*/*;q=0", "application/json;charset=latin-1", "application/json;q=2"])
def test_answers_of_other_types_are_not_made(door: Door, accept: str) -> None:
    status, headers, answer = door.post(ASK, accept=accept)
    assert (status, headers["content-type"]) == (406, SENT_JSON)
    assert answer["errors"][0]["extensions"]["part"] == "accept"


def test_headers_that_are_there_twice_mean_a_list(door: Door) -> None:
    async def receive() -> Any:
        return {"type": "http.request", "body": json.dumps(ASK).encode()}

    sent = [("content-type", "application/json"), ("accept", RESPONSE), ("accept", "text/html")]
    assert door.send("POST", receive, sent)[1]["content-type"] == SENT_RESPONSE
    assert door.send("POST", receive, [*sent, ("content-type", "text/plain")])[0] == 415


def test_methods_encodings_and_sizes(door: Door) -> None:
    for method in ("DELETE", "HEAD", "OPTIONS", "PUT"):
        status, headers, _ = door(method)
        assert (status, headers["allow"]) == (405, "GET, POST")
    status, headers, _ = door.post(ASK, content_encoding="gzip")
    assert (status, headers["accept-encoding"]) == (415, "identity")
    assert door.post(b" " * 300_000)[0] == 413
    assert door("GET", query="query=" + "x" * 300_000)[0] == 414


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ("", "query"),
        ("query=", "query"),
        ("query=%7Ba%7D&query=%7Bb%7D", "query"),
        ("query=%7Ba%7D&variables=%5B%5D", "variables"),
        ("query=%7Ba%7D&variables=", "variables"),
        ("query=%7Ba%7D&variables=%7B", "variables"),
        ("query=%7Ba%7D&extensions=1", "extensions"),
        ("query=%7Ba%7D&extensions=nope", "extensions"),
        ("query=%ff", "query string"),
        ("&".join(f"a{number}=1" for number in range(200)), "query string"),
    ],
)
def test_malformed_requests_by_get_are_refused(door: Door, query: str, part: str) -> None:
    status, _, answer = door("GET", query=query)
    assert (status, answer["errors"][0]["extensions"]["part"]) == (400, part)


def test_get_never_writes(door: Door) -> None:
    text = 'mutation { closeFollowUpTask(input: {task: "x", outcome: "y"}) { userErrors { code } } }'
    query = f"query={text}".replace(" ", "%20").replace('"', "%22")
    for accept in ("application/json", RESPONSE):
        status, headers, answer = door("GET", query=query, accept=accept)
        assert (status, headers["allow"], list(answer)) == (405, "POST", ["errors"])
    assert door.api.touched.tasks == []


def test_a_subscription_is_refused(door: Door) -> None:
    answer = door.post({"query": "subscription { changes }"})[2]
    assert answer["errors"][0]["message"] == "The subscription operation is not supported by the schema."


def test_who_is_not_signed_in_or_asks_too_often(door: Door) -> None:
    status, headers, body = door.post(ASK, authorization="none", accept_language="en", accept=RESPONSE)
    assert (status, body["errors"][0]) == (
        401,
        {"message": "Please sign in.", "extensions": {"code": "UNAUTHENTICATED"}},
    )
    assert headers["content-type"] == SENT_RESPONSE and headers["www-authenticate"] == 'Bearer realm="forecourt"'
    status, headers, _ = door.post(ASK, authorization="often")
    assert (status, headers["retry-after"]) == (429, "4")


def test_a_fault_tells_nothing_but_the_id_of_the_request(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    status, headers, body = door.post(ASK, authorization="fault", accept_language="en")
    assert (status, headers["content-type"]) == (500, SENT_JSON)
    said = {"message": "Something went wrong inside.", "extensions": {"code": "INTERNAL", "requestId": "r-1"}}
    assert body == {"errors": [said]}
    [record] = caplog.records
    assert record.exc_info is not None and record.exc_info[0] is ZeroDivisionError


def test_a_body_that_does_not_come_is_not_waited_for(door: Door) -> None:
    door.endpoint = Endpoint(door.api.schema, door.make_context, uploads=True, patience=0.01)
    pieces = [{"type": "http.request", "body": b"{", "more_body": True}]

    async def receive() -> Any:
        if pieces:
            return pieces.pop()
        return await asyncio.get_running_loop().create_future()

    for kind in ("application/json", "multipart/form-data; boundary=b"):
        for _ in range(2):  # the second one has to be looked at, too
            status, headers, body = door.send("POST", receive, [("content-type", kind), ("content-length", "9")])
            assert (status, headers["connection"], body["errors"][0]["extensions"]["part"]) == (408, "close", "body")


@pytest.mark.parametrize(
    "places",
    [
        b"[1]",
        b"null",
        b'{"0": ["variables.x.y"]}',
        b'{"0": ["variables"]}',
        b'{"0": [1]}',
        b'{"0": "variables.file"}',
        b'{"1": ["variables.file"]}',
    ],
)
def test_malformed_uploads_are_refused(door: Door, places: bytes) -> None:
    operations = b'{"query": "{ viewer { name } }", "variables": {"file": null}}'
    parts = [
        b'--b\r\nContent-Disposition: form-data; name="operations"\r\n\r\n' + operations,
        b'--b\r\nContent-Disposition: form-data; name="map"\r\n\r\n' + places,
        b'--b\r\nContent-Disposition: form-data; name="0"; filename="a.csv"\r\n\r\nx',
        b"--b--\r\n",
    ]
    body = b"\r\n".join(parts)
    kind = "multipart/form-data; boundary=b"
    status, _, answer = door("POST", body, content_type=kind, content_length=str(len(body)))
    assert (status, answer["errors"][0]["extensions"]["part"]) == (400, "map")
    good = body.replace(b"\r\n\r\n" + places, b'\r\n\r\n{"0": ["variables.file"]}')
    status, _, answer = door("POST", good, content_type=kind, content_length=str(len(good)))
    assert status == 200 and answer["data"] == {"viewer": {"name": "王芳"}}


def test_truncated_uploads_are_refused(door: Door) -> None:
    body = b"--b\r\nContent-Disposition: form-data"
    for kind in ("multipart/form-data", "multipart/form-data; boundary=b"):
        assert door("POST", body, content_type=kind, content_length=str(len(body)))[0] == 400


def test_uploads_say_how_long_they_are_and_who_sends_them(door: Door) -> None:
    kind = "multipart/form-data; boundary=b"
    assert door("POST", b"--b--", content_type=kind)[0] == 411
    assert door("POST", b"--b--", content_type=kind, content_length="9999999999")[0] == 413

    async def receive() -> Any:
        raise AssertionError("read before the caller was known")

    given = [("content-type", kind), ("content-length", "5"), ("authorization", "none")]
    assert door.send("POST", receive, given)[0] == 401

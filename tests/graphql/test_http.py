"""The endpoint: what is GraphQL is answered as GraphQL, everything else is a JSON 4xx."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.requests import Request

from forecourt.errors import Throttled, Unauthenticated
from forecourt.graphql import http
from forecourt.graphql.context import Context
from forecourt.graphql.http import Endpoint
from tests.graphql.conftest import Api

RESPONSE_TYPE = http.RESPONSE_TYPE.decode()
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
        return self.api.context(self.api.actor(("STORE_GM", "N1")))

    def __call__(
        self, method: str, body: bytes = b"", query: str = "", **headers: str
    ) -> tuple[int, dict[str, str], Any]:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        raw = [(key.replace("_", "-").encode(), value.encode()) for key, value in headers.items()]
        scope = {"type": "http", "method": method, "path": "/", "query_string": query.encode(), "headers": raw}
        self.api.stores.run(self.endpoint(scope, receive, send))
        answer = {key.decode(): value.decode() for key, value in sent[0]["headers"]}
        return sent[0]["status"], answer, json.loads(sent[1]["body"])

    def post(self, body: Any, **headers: str) -> tuple[int, dict[str, str], Any]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self("POST", raw, **({"content_type": "application/json"} | headers))


@pytest.fixture
def door(api: Api) -> Iterator[Door]:
    yield Door(api)


def test_post_and_get(door: Door) -> None:
    status, headers, body = door.post(ASK)
    assert (status, body) == (200, {"data": {"viewer": {"name": "王芳"}}})
    assert headers["content-type"] == "application/json"
    assert door("GET", query="query=%7Bviewer%7Bname%7D%7D")[2] == body
    assert door.post(ASK, accept=RESPONSE_TYPE)[1]["content-type"] == RESPONSE_TYPE


def test_a_request_error_has_no_data_and_its_status_follows_the_accepted_type(door: Door) -> None:
    bad = {"query": "{ nope }"}
    assert door.post(bad)[0] == 200 and "data" not in door.post(bad)[2]
    assert door.post(bad, accept=RESPONSE_TYPE)[0] == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b'"x"',
        b"[1]",
        b"{",
        b"\xff\xfe",
        b'{"query": 1}',
        b"{}",
        b'{"query": "{a}", "variables": 1}',
        b'{"query": "{a}", "operationName": 1}',
        b'{"query": "{a}", "extensions": []}',
        b'{"query": "{a}", "variables": {"x": NaN}}',
        b"[" * 50_000,
    ],
)
def test_malformed_bodies_are_refused_as_json(door: Door, body: bytes) -> None:
    status, headers, answer = door.post(body)
    assert status == 400 and headers["content-type"] == "application/json"
    assert answer["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT"}


def test_methods_types_and_sizes(door: Door) -> None:
    status, headers, _ = door("DELETE")
    assert (status, headers["allow"]) == (405, "GET, POST")
    assert door.post(ASK, content_type="text/plain")[0] == 415
    assert door.post(ASK, accept="text/html")[0] == 406
    assert door.post(b" " * 300_000)[0] == 413
    assert door("GET", query="query=mutation%7Bx%7D")[2]["errors"]
    assert door("GET", query="query=%7Ba%7D&variables=%5B%5D")[0] == 400


def test_get_never_writes(door: Door) -> None:
    text = 'mutation { closeFollowUpTask(input: {task: "x", outcome: "y"}) { userErrors { code } } }'
    answer = door("GET", query=f"query={text}".replace(" ", "%20").replace('"', "%22"))[2]
    assert "data" not in answer and door.api.touched.tasks == []


def test_who_is_not_signed_in_or_asks_too_often(door: Door) -> None:
    status, _, body = door.post(ASK, authorization="none", accept_language="en")
    assert (status, body["errors"][0]) == (
        401,
        {"message": "Please sign in.", "extensions": {"code": "UNAUTHENTICATED"}},
    )
    status, headers, _ = door.post(ASK, authorization="often")
    assert (status, headers["retry-after"]) == (429, "4")


@pytest.mark.parametrize(
    "places", [b"[1]", b'{"0": ["variables.x.y"]}', b'{"0": "variables.file"}', b'{"1": ["variables.file"]}']
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
    assert door("POST", body, content_type=kind, content_length=str(len(body)))[0] == 400
    good = body.replace(places, b'{"0": ["variables.file"]}')
    status, _, answer = door("POST", good, content_type=kind, content_length=str(len(good)))
    assert status == 200 and answer["data"] == {"viewer": {"name": "王芳"}}


def test_truncated_uploads_are_refused(door: Door) -> None:
    body = b"--b\r\nContent-Disposition: form-data"
    for kind in ("multipart/form-data", "multipart/form-data; boundary=b"):
        assert door("POST", body, content_type=kind, content_length=str(len(body)))[0] == 400

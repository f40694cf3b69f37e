"""Event streams request by request: reservations, their owners and bounds, errors in the stream, and the end of rights."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from forecourt.domain.accounts import actions
from forecourt.graphql.live import events
from forecourt.tenancy.ids import new_id
from tests.live.conftest import FOLLOW, Live, without_cost
from tests.live.test_socket import complaint, eventually

NAME = {"query": "{ viewer { name } }"}
STREAM = "text/event-stream"
TOKEN = "X-GraphQL-Event-Stream-Token"


@pytest.fixture(scope="module")
def token(served: Live) -> str:
    return served.writers.token(("CS_AGENT", "a1")).clear


class Stream:
    """An open event stream."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self._lines = response.iter_lines()

    def event(self) -> tuple[str, Any]:
        """The next event with its data; comments are passed over."""
        kind = ""
        for line in self._lines:
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("data:"):
                data = line.removeprefix("data:").strip()
                return kind, without_cost(json.loads(data)) if data else None
        return "end", None


def headers_of(token: str | None, **more: str) -> dict[str, str]:
    known = {"Accept-Language": "en", **{name.replace("_", "-"): value for name, value in more.items()}}
    return known if token is None else {"Authorization": f"Bearer {token}", **known}


@contextmanager
def streaming(
    live: Live, token: str | None, body: Any = None, method: str = "POST", **headers: str
) -> Iterator[Stream]:
    with (
        httpx2.Client(timeout=20) as client,
        client.stream(method, live.url, json=body, headers=headers_of(token, Accept=STREAM, **headers)) as response,
    ):
        yield Stream(response)


def reserve(live: Live, token: str) -> str:
    answer = httpx2.put(live.url, headers=headers_of(token))
    assert answer.status_code == 201 and answer.headers["content-type"].startswith("text/plain"), answer.text
    return answer.text


def send(live: Live, token: str, reserved: str, id_: Any, body: dict[str, Any]) -> httpx2.Response:
    body = {**body, "extensions": {"operationId": id_}}
    return httpx2.post(live.url, json=body, headers=headers_of(token, **{TOKEN: reserved}))


def end(live: Live, token: str, reserved: str, id_: str) -> httpx2.Response:
    return httpx2.delete(live.url, params={"operationId": id_}, headers=headers_of(token, **{TOKEN: reserved}))


def follow(live: Live, **variables: Any) -> dict[str, Any]:
    return {"query": FOLLOW, "variables": {"store": live.store_id("a1"), **variables}}


def test_a_stream_of_its_own(served: Live, token: str) -> None:
    with streaming(served, token, NAME) as stream:
        assert stream.response.status_code == 200
        assert stream.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert stream.response.headers["cache-control"] == "no-store" and "x-request-id" in stream.response.headers
        assert stream.event() == ("next", {"data": {"viewer": {"name": "Wang Fang"}}})
        assert stream.event() == ("complete", None)
        assert stream.event()[0] == "end"
    for query, code in (("{ viewer { nothing } }", "BAD_USER_INPUT"), ("{", "BAD_USER_INPUT")):
        with streaming(served, token, {"query": query}) as stream:
            kind, data = stream.event()
            assert (kind, data["errors"][0]["extensions"]["code"]) == ("next", code)
            assert stream.event() == ("complete", None)
    with streaming(served, token, method="GET") as stream:
        assert stream.response.status_code == 400
    answer = httpx2.get(served.url, params=NAME, headers=headers_of(token, Accept=STREAM))
    assert "event: next" in answer.text
    mutation = 'mutation { fileComplaint(input: {storeId: "x"}) { userErrors { code } } }'
    answer = httpx2.get(served.url, params={"query": mutation}, headers=headers_of(token, Accept=STREAM))
    assert "BAD_USER_INPUT" in answer.text


@pytest.mark.parametrize("by", ["header", "extension"])
def test_a_mutation_under_a_key_happens_once(served: Live, token: str, by: str) -> None:
    key, headers = new_id().hex, headers_of(token, Accept=STREAM)
    body = complaint(served, "没有回电话", None if by == "header" else key)
    if by == "header":
        headers["Idempotency-Key"] = key
    first, again = (httpx2.post(served.url, json=body, headers=headers).text for _ in range(2))
    assert '"replayed":[]' in first and '"replayed":["fileComplaint"]' in again
    assert first.partition('"data":')[2].partition("}}}")[0] == again.partition('"data":')[2].partition("}}}")[0]


def test_who_may_not_is_refused_in_json(served: Live, token: str) -> None:
    for method, headers in (
        ("POST", {"Accept": STREAM}),
        ("PUT", {}),
        ("GET", {"Accept": STREAM, TOKEN: "x"}),
        ("DELETE", {}),
    ):
        answer = httpx2.request(method, served.url, json=NAME, headers=headers_of(None, **headers))
        assert answer.status_code == 401 and answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert "www-authenticate" in answer.headers
    answer = httpx2.put(served.url, headers=headers_of(token, Accept="application/json"))
    assert answer.status_code == 406
    for reserved in ("", "x", "客".encode().hex()):
        assert send(served, token, reserved, "1", NAME).status_code == 404
    assert httpx2.delete(served.url, headers=headers_of(token)).status_code == 404
    assert httpx2.post(served.url, content=b"x", headers=headers_of(token, Accept=STREAM)).status_code == 415


def test_one_stream_for_many_operations(served: Live, token: str) -> None:
    reserved = reserve(served, token)
    with streaming(served, token, method="GET", **{TOKEN: reserved}) as stream:
        assert send(served, token, reserved, "a", NAME).status_code == 202
        assert stream.event() == ("next", {"id": "a", "payload": {"data": {"viewer": {"name": "Wang Fang"}}}})
        assert stream.event() == ("complete", {"id": "a"})
        assert send(served, token, reserved, "b", follow(served)).status_code == 202
        assert send(served, token, reserved, "b", NAME).status_code == 409
        for wrong in (None, "", 7, "x" * 101):
            assert send(served, token, reserved, wrong, NAME).status_code == 400
        refused = send(served, token, reserved, "c", {"query": "{ viewer { nothing } }"})
        assert refused.status_code == 400 and "nothing" in refused.json()["errors"][0]["message"]
        dear = "{ group { stores(first: 100) { edges { node { customers(first: 1000) { edges { cursor } } } } } } }"
        refused = send(served, token, reserved, "c", {"query": dear})
        assert refused.json()["errors"][0]["extensions"]["limit"]["of"] == "COST"
        time.sleep(0.3)
        filed = served.writers.complain()
        kind, data = stream.event()
        assert (kind, data["id"]) == ("next", "b")
        assert data["payload"]["data"]["storeChanges"]["change"]["nodeId"] == filed
        assert end(served, token, reserved, "b").status_code == 200
        assert end(served, token, reserved, "b").status_code == 200
        assert end(served, token, reserved, "").status_code == 400
        served.writers.complain()
        assert send(served, token, reserved, "b", NAME).status_code == 202
        assert stream.event()[1]["payload"] == {"data": {"viewer": {"name": "Wang Fang"}}}
        with streaming(served, token, method="GET", **{TOKEN: reserved}) as second:
            assert second.response.status_code == 409
    eventually(lambda: send(served, token, reserved, "d", NAME).status_code == 404)


def test_a_reservation_is_its_owners(served: Live, token: str) -> None:
    reserved = reserve(served, token)
    other = served.writers.token(("CS_AGENT", "a1")).clear
    assert send(served, other, reserved, "a", NAME).status_code == 404
    assert end(served, other, reserved, "a").status_code == 404
    with streaming(served, other, method="GET", **{TOKEN: reserved}) as stream:
        assert stream.response.status_code == 404


def test_a_reservation_that_nobody_opens_is_forgotten(
    served: Live, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served.app.state.streams, "reserved_seconds", 0.2)
    before = len(served.app.state.callers)
    reserved = reserve(served, token)
    assert len(served.app.state.callers) == before + 1
    eventually(lambda: len(served.app.state.callers) == before)
    assert send(served, token, reserved, "a", NAME).status_code == 404


def test_so_many_operations_run_on_a_stream(served: Live, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MOST_OPERATIONS", 3)
    reserved = reserve(served, token)
    with streaming(served, token, method="GET", **{TOKEN: reserved}):
        for number in range(3):
            assert send(served, token, reserved, f"{number}", follow(served)).status_code == 202
        answer = send(served, token, reserved, "more", NAME)
        assert answer.status_code == 429 and answer.json()["errors"][0]["extensions"]["code"] == "THROTTLED"


def test_a_quiet_stream_is_kept_open(served: Live, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served.app.state.streams, "keep_seconds", 0.1)
    with streaming(served, token, follow(served)) as stream:
        lines = stream.response.iter_lines()
        assert [next(lines) for _ in range(6)] == [":", ""] * 3


def test_a_client_that_leaves_is_let_go(served: Live, token: str) -> None:
    eventually(lambda: len(served.app.state.callers) == 0, 40)
    with streaming(served, token, follow(served)):
        assert len(served.app.state.callers) == 1
        eventually(lambda: len(served.app.state.hub.feeds) == 1)
    eventually(lambda: len(served.app.state.callers) == 0 and len(served.app.state.hub.feeds) == 0)


def test_revoked_rights_end_a_stream_and_say_so(served: Live) -> None:
    mine = served.writers.token(("CS_AGENT", "a1"))
    reserved = reserve(served, mine.clear)
    with (
        streaming(served, mine.clear, method="GET", **{TOKEN: reserved}) as many,
        streaming(served, mine.clear, follow(served)) as one,
    ):
        assert send(served, mine.clear, reserved, "a", follow(served)).status_code == 202
        time.sleep(0.5)
        served.writers.group_work(lambda work: actions.disable_account(work, mine.account))
        began = time.monotonic()
        kind, data = one.event()
        assert (kind, data["errors"][0]["extensions"]["code"]) == ("next", "UNAUTHENTICATED")
        assert [one.event()[0] for _ in range(2)] == ["complete", "end"]
        kind, data = many.event()
        assert (data["id"], data["payload"]["errors"][0]["extensions"]["code"]) == ("a", "UNAUTHENTICATED")
        assert [many.event()[0] for _ in range(2)] == ["complete", "end"]
        assert time.monotonic() - began < 4


def test_a_token_that_expires_ends_its_stream(served: Live) -> None:
    token = served.writers.token(("CS_AGENT", "a1"), lasts=timedelta(seconds=4)).clear
    with streaming(served, token, follow(served)) as stream:
        assert stream.event()[1]["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"

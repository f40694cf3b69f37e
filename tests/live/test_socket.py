"""The sub-protocol graphql-transport-ws frame by frame: its codes, rubbish, bounds, and the end of the caller's rights."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from forecourt.domain.accounts import actions
from forecourt.domain.followers import MOST_WAITING
from forecourt.graphql.live import socket as module
from forecourt.graphql.live.socket import MOST_BYTES, MOST_OPERATIONS, PROTOCOL
from forecourt.tenancy.ids import new_id
from tests.live.conftest import FOLLOW, Live, without_cost

NAME = {"query": "{ viewer { name } }"}
TWO_ROOTS = """subscription { a: storeChanges(storeId: "x") { change { event } }
  b: monthClose(month: "2026-01") { monthClose { state } } }"""


@pytest.fixture(scope="module")
def token(served: Live) -> str:
    return served.writers.token(("CS_AGENT", "a1"), ("STORE_GM", "a1")).clear


@contextmanager
def socket(live: Live, *protocols: str, **headers: str) -> Iterator[ClientConnection]:
    """A socket on which nothing was said yet."""
    offered = [Subprotocol(one) for one in protocols or (PROTOCOL,)]
    url = live.url.replace("http", "ws")
    with connect(url, subprotocols=offered, additional_headers=headers, open_timeout=20, max_size=None) as made:
        yield made


@contextmanager
def opened(live: Live, token: str) -> Iterator[ClientConnection]:
    """A socket after `connection_ack`."""
    with socket(live) as made:
        say(made, type="connection_init", payload={"Authorization": f"Bearer {token}", "Accept-Language": "en"})
        assert heard(made) == {"type": "connection_ack"}
        yield made


def say(made: ClientConnection, **message: Any) -> None:
    made.send(json.dumps(message))


def subscribe(made: ClientConnection, id_: str, payload: Mapping[str, Any]) -> None:
    say(made, id=id_, type="subscribe", payload=payload)


def heard(made: ClientConnection) -> dict[str, Any]:
    found: dict[str, Any] = without_cost(json.loads(made.recv(timeout=20)))
    return found


def closed(made: ClientConnection, seconds: float = 20) -> tuple[int, str]:
    """The code and reason with which the server closes it; messages before are passed over."""
    deadline = time.monotonic() + seconds
    try:
        while True:
            made.recv(timeout=max(0.01, deadline - time.monotonic()))
    except ConnectionClosed as error:
        assert error.rcvd is not None
        return error.rcvd.code, error.rcvd.reason


def follow(live: Live, code: str = "a1", **variables: Any) -> dict[str, Any]:
    return {"query": FOLLOW, "variables": {"store": live.store_id(code), **variables}}


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([{"type": "subscribe", "id": "1", "payload": NAME}], 4401),
        ([{"type": "connection_init"}], 4403),
        ([{"type": "connection_init", "payload": {"Authorization": "Bearer fct_nobody"}}], 4403),
        ([{"type": "connection_init", "payload": {"Authorization": 7}}], 4403),
        ([{"type": "connection_init", "payload": []}], 4400),
        ([{"type": "hello"}], 4400),
        ([{"type": "start", "id": "1", "payload": NAME}], 4400),
        ([{"id": "1"}], 4400),
        ([7], 4400),
        ([[]], 4400),
        ([None], 4400),
    ],
)
def test_what_ends_a_socket_before_it_is_opened(served: Live, messages: list[Any], code: int) -> None:
    with socket(served) as made:
        for message in messages:
            made.send(json.dumps(message))
        assert closed(made)[0] == code


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"type": "connection_init"}, 4429),
        ({"type": "hello"}, 4400),
        ({"type": 1}, 4400),
        ({"type": "ping", "payload": 1}, 4400),
        ({"type": "subscribe", "payload": NAME}, 4400),
        ({"type": "subscribe", "id": "", "payload": NAME}, 4400),
        ({"type": "subscribe", "id": "x" * 101, "payload": NAME}, 4400),
        ({"type": "subscribe", "id": 1, "payload": NAME}, 4400),
        ({"type": "subscribe", "id": "1"}, 4400),
        ({"type": "subscribe", "id": "1", "payload": []}, 4400),
        ({"type": "subscribe", "id": "1", "payload": {"query": 1}}, 4400),
        ({"type": "subscribe", "id": "1", "payload": {"query": "{ viewer { name } }", "variables": []}}, 4400),
        ({"type": "subscribe", "id": "1", "payload": {**NAME, "extensions": {"idempotencyKey": 1}}}, 4400),
        ({"type": "complete"}, 4400),
    ],
)
def test_what_ends_an_open_socket(served: Live, token: str, message: Any, code: int) -> None:
    with opened(served, token) as made:
        made.send(json.dumps(message))
        assert closed(made)[0] == code


@pytest.mark.parametrize(
    "frame", ["", "{", "\x00", '{"type": "ping", "payload": {"a": 1e999}}', '"\\ud800"', b"{}", b"\xff\x00"]
)
def test_frames_that_are_no_message(served: Live, token: str, frame: str | bytes) -> None:
    with opened(served, token) as made:
        made.send(frame)
        assert closed(made)[0] == 4400


def test_a_message_that_is_too_long(served: Live, token: str) -> None:
    with opened(served, token) as made:
        say(made, type="ping", payload={"x": "x" * MOST_BYTES})
        assert closed(made)[0] == 1009


NAMES = st.sampled_from(["id", "type", "payload", "query", "variables"]) | st.text(max_size=5)
PLAIN = st.none() | st.booleans() | st.integers() | st.text(max_size=9)
TREES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=12
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | st.text(max_size=200) | TREES.map(json.dumps))
def test_rubbish_ends_a_socket_and_nothing_else(served: Live, token: str, frame: str | bytes) -> None:
    with opened(served, token) as made:
        try:
            made.send(frame)
            say(made, type="ping")
            assert heard(made) == {"type": "pong"}
        except ConnectionClosed as error:
            assert error.rcvd is not None and error.rcvd.code in (4400, 4429)
    assert served.post(token, NAME).status_code == 200


@pytest.mark.parametrize("offered", [("graphql-ws",), ("chat", "graphql-ws"), ("x",)])
def test_another_protocol_is_not_spoken(served: Live, offered: tuple[str, ...]) -> None:
    with socket(served, *offered) as made:
        assert made.subprotocol is None
        assert closed(made) == (4406, "Subprotocol not acceptable")


def test_another_path_has_no_sockets(served: Live) -> None:
    with pytest.raises(InvalidStatus):
        connect(f"ws://127.0.0.1:{served.port}/months", subprotocols=[Subprotocol(PROTOCOL)])


def test_whoever_says_nothing_is_not_waited_for(served: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served.app.state.sockets, "init_seconds", 0.3)
    with socket(served) as made:
        assert closed(made) == (4408, "Connection initialisation timeout")
    with socket(served) as made:  # pings do not help
        for _ in range(3):
            say(made, type="ping")
        assert closed(made)[0] == 4408


def test_the_token_may_come_as_a_header(served: Live, token: str) -> None:
    with socket(served, authorization=f"Bearer {token}") as made:
        say(made, type="connection_init")
        assert heard(made) == {"type": "connection_ack"}
        subscribe(made, "1", NAME)
        assert heard(made)["payload"] == {"data": {"viewer": {"name": "Wang Fang"}}}


def test_pings_bring_their_payload_back(served: Live, token: str) -> None:
    with opened(served, token) as made:
        for payload in ({}, {"a": [1, "二"]}):
            say(made, type="ping", payload=payload)
            assert heard(made) == {"type": "pong", "payload": payload}
        say(made, type="ping")
        say(made, type="pong")
        assert heard(made) == {"type": "pong"}


def test_an_id_is_used_by_one_operation_at_a_time(served: Live, token: str) -> None:
    with opened(served, token) as made:
        for _ in range(3):
            subscribe(made, "一", NAME)
            assert [heard(made)["type"] for _ in range(2)] == ["next", "complete"]
        subscribe(made, "一", follow(served))
        say(made, id="一", type="complete")
        say(made, id="another", type="complete")
        subscribe(made, "一", follow(served))
        subscribe(made, "一", NAME)
        assert closed(made) == (4409, "Subscriber for 一 already exists")


def test_so_many_operations_run_on_a_socket(served: Live, token: str) -> None:
    with opened(served, token) as made:
        for number in range(MOST_OPERATIONS + 1):
            subscribe(made, f"{number}", follow(served))
        refused = heard(made)
        assert (refused["id"], refused["type"]) == (f"{MOST_OPERATIONS}", "error")
        assert refused["payload"][0]["extensions"]["code"] == "THROTTLED"
        assert refused["payload"][0]["message"] == f"At most {MOST_OPERATIONS} operations run on a socket at once."
        say(made, id="0", type="complete")
        subscribe(made, "again", NAME)
        assert heard(made)["id"] == "again"


def complaint(live: Live, text: str, key: Any = None) -> dict[str, Any]:
    """A complaint, under an idempotency key."""
    document = "mutation($input: FileComplaintInput!) { fileComplaint(input: $input) { complaint { id } } }"
    given = {
        "storeId": live.store_id("a1"), "record": "COMPLAINT", "area": "SALES", "kind": "SERVICE",
        "receivedAt": "2026-09-07T01:00:00Z", "text": text,
    }  # fmt: skip
    return {"query": document, "variables": {"input": given}, "extensions": {"idempotencyKey": key}}


def test_a_mutation_under_a_key_happens_once(served: Live, token: str) -> None:
    key = new_id().hex
    answers = []
    for _ in range(2):  # a client that lost its socket sends the same on the next one
        with opened(served, token) as made:
            subscribe(made, "1", complaint(served, "没有回电话", key))
            answers.append(heard(made)["payload"])
            assert heard(made)["type"] == "complete"
    first, again = answers
    assert first["data"] == again["data"] and first["data"]["fileComplaint"]["complaint"]["id"]
    assert [one["extensions"]["idempotency"]["replayed"] for one in answers] == [[], ["fileComplaint"]]


@pytest.mark.parametrize(("text", "key"), [("另一件", None), ("没有回电话", "a key")])
def test_a_key_that_is_refused(served: Live, token: str, text: str, key: str | None) -> None:
    used = new_id().hex
    with opened(served, token) as made:
        subscribe(made, "1", complaint(served, "没有回电话", used))
        assert (heard(made)["type"], heard(made)["type"]) == ("next", "complete")
        subscribe(made, "2", complaint(served, text, used if key is None else key))
        refused = heard(made)
        assert (refused["id"], refused["type"]) == ("2", "error")
        assert refused["payload"][0]["extensions"] == {"code": "BAD_USER_INPUT", "part": "idempotency-key"}
        assert refused["payload"][0]["message"].startswith("idempotency-key: ")


def test_so_many_sockets_a_caller_has(served: Live, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    callers = served.app.state.callers
    monkeypatch.setattr(callers, "most_of_caller", 2)
    other = served.writers.token(("CS_AGENT", "a1")).clear
    with opened(served, token), opened(served, token):
        with socket(served) as third:
            say(third, type="connection_init", payload={"Authorization": f"Bearer {token}"})
            assert closed(third)[0] == 4430
        with opened(served, other):
            pass
    eventually(lambda: len(callers) == 0)
    with opened(served, token):
        pass


def test_errors_are_those_of_http(served: Live, token: str) -> None:
    with opened(served, token) as made:
        for query, code in (
            ("{", "BAD_USER_INPUT"),
            ("{ viewer { nothing } }", "BAD_USER_INPUT"),
            (TWO_ROOTS, "BAD_USER_INPUT"),
            ('subscription { storeChanges(storeId: "x") { change { event } } }', "NOT_FOUND"),
            ('subscription { monthClose(month: "x") { monthClose { state } } }', "BAD_USER_INPUT"),
        ):
            subscribe(made, "1", {"query": query})
            answer = heard(made)
            assert (answer["id"], answer["type"]) == ("1", "error"), query
            assert answer["payload"][0]["extensions"]["code"] == code, query
        subscribe(made, "1", follow(served, after="x"))
        [error] = heard(made)["payload"]
        assert error["extensions"]["code"] == "BAD_USER_INPUT" and "cursor" in error["extensions"]["detail"]


# --- rights ------------------------------------------------------------------------------------------------------------


def test_a_revoked_token_ends_its_idle_socket_at_once(served: Live) -> None:
    mine, others = served.writers.token(("CS_AGENT", "a1")), served.writers.token(("CS_AGENT", "a1"))
    with opened(served, mine.clear) as made, opened(served, others.clear) as other:
        subscribe(made, "1", follow(served))
        time.sleep(0.5)
        served.writers.group_work(lambda work: actions.disable_account(work, mine.account))
        began = time.monotonic()
        assert closed(made) == (4403, "Forbidden")
        assert time.monotonic() - began < 3
        say(other, type="ping")
        assert heard(other) == {"type": "pong"}


def test_a_token_that_expires_ends_its_socket(served: Live) -> None:
    token = served.writers.token(("CS_AGENT", "a1"), lasts=timedelta(seconds=4))
    with opened(served, token.clear) as made:
        subscribe(made, "1", follow(served))
        assert closed(made, 8) == (4403, "Forbidden")


def test_a_role_that_was_taken_away_ends_what_it_showed(served: Live) -> None:
    """The socket stays: its token is good. But nothing of the store comes any more."""
    token = served.writers.token(("HQ_ANALYST", None), ("CS_AGENT", "a1"))
    with opened(served, token.clear) as made:
        subscribe(made, "1", follow(served))
        time.sleep(0.7)
        served.writers.complain()
        assert heard(made)["type"] == "next"
        served.writers.group_work(lambda work: actions.end_membership(work, token.memberships[1]))
        time.sleep(0.7)
        served.writers.complain()
        with pytest.raises(TimeoutError):
            made.recv(timeout=1.5)
        subscribe(made, "2", NAME)
        assert heard(made)["id"] == "2"


# --- who does not listen -------------------------------------------------------------------------------------------------


def test_a_slow_one_is_let_go_and_goes_on_from_its_cursor(served: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes nothing while much happens; the others are not held up, although it is more than waits for anybody."""
    monkeypatch.setattr(served.app.state.sockets, "slow_seconds", 1.0)
    monkeypatch.setattr(module, "CLOSE_SECONDS", 60.0)
    let_go, closing = threading.Event(), module._Socket._close

    async def noted(made: module._Socket, close: module.Close) -> None:
        if close == module.SLOW:
            let_go.set()
        await closing(made, close)

    monkeypatch.setattr(module._Socket, "_close", noted)
    served.world.truncate("a1")
    token = served.writers.token(("CS_AGENT", "a1"), ("STORE_GM", "a1")).clear
    start = served.latest(token)
    rows = [new_id() for _ in range(MOST_WAITING + 1_500)]
    url = served.url.replace("http", "ws")
    # long answers, so that the connection is full before all of them are in it
    long = " ".join(f"{'n' * 500}{number}: cursor" for number in range(20))
    big = follow(served, after=start)
    big["query"] = big["query"].replace("cursor event", f"cursor {long} event")
    small = follow(served, after=start)
    small["query"] = small["query"].replace("node {", "... @skip(if: true) { node {").replace("status }", "status } }")
    with (
        connect(url, subprotocols=[Subprotocol(PROTOCOL)], max_size=None, max_queue=1, open_timeout=20) as slow,
        opened(served, token) as quick,
    ):
        say(slow, type="connection_init", payload={"Authorization": f"Bearer {token}"})
        assert heard(slow) == {"type": "connection_ack"}
        subscribe(slow, "1", big)
        subscribe(quick, "1", small)
        time.sleep(0.5)
        with ThreadPoolExecutor(1) as threads:
            reading = threads.submit(lambda: [one(heard(quick)) for _ in rows])
            served.writers.emit("a1", *(("Complaint", row) for row in rows))
            assert let_go.wait(60)
            seen: list[dict[str, Any]] = []
            with pytest.raises(ConnectionClosed) as ended:
                while True:
                    seen.append(one(heard(slow)))
            assert ended.value.rcvd is not None and ended.value.rcvd.code == 4413
            assert 0 < len(seen) < len(rows)
            assert [change["nodeId"].rpartition(".")[2] for change in reading.result()] == [str(row) for row in rows]
    with opened(served, token) as again:
        subscribe(again, "1", {**small, "variables": {**small["variables"], "after": seen[-1]["cursor"]}})
        while len(seen) < len(rows):
            seen.append(one(heard(again)))
    assert [change["nodeId"].rpartition(".")[2] for change in seen] == [str(row) for row in rows]


def one(message: dict[str, Any]) -> dict[str, Any]:
    """The change in a message."""
    found: dict[str, Any] = message["payload"]["data"]["storeChanges"]["change"]
    return found


def eventually(true: Any, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)

"""The unmodified npm clients graphql-ws and graphql-sse, both modes, against the application: what happens comes, in order."""

import json
import time
from typing import Any

import pytest

from forecourt.domain import followers
from forecourt.tenancy.ids import new_id
from tests.live.conftest import CLIENTS, FOLLOW, Live
from tests.needs import NOTE

WAYS = ("socket", "distinct", "single")
every_way = pytest.mark.parametrize("way", WAYS)


def ready(live: Live, way: str, token: str, code: str = "a1", **variables: Any) -> Any:
    """A follower that has begun: it goes on from the feed's end, so nothing that is written from now on escapes it."""
    return live.follow(way, token, live.watch(code, after=live.latest(token, code), **variables))


@every_way
def test_changes_come_with_their_rows_in_their_order(live: Live, way: str, request: pytest.FixtureRequest) -> None:
    token = live.writers.token(("CS_AGENT", "a1")).clear
    follower = ready(live, way, token)
    filed = [live.writers.complain() for _ in range(3)]
    changes = follower.changes(3)
    assert [change["nodeId"] for change in changes] == filed
    assert [change["node"] for change in changes] == [{"id": id_, "status": "OPEN"} for id_ in filed]
    assert {(change["event"], change["entity"], change["actorKind"]) for change in changes} == {
        ("ComplaintReceived", "Complaint", "SYSTEM")
    }
    follower.quiet()
    releases = json.loads((CLIENTS / "package.json").read_text())["dependencies"]
    request.node.user_properties.append(
        (NOTE, f"graphql-ws {releases['graphql-ws']}, graphql-sse {releases['graphql-sse']}")
    )


def test_writers_say_that_there_is_something(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks by themself for half a minute, and yet it comes: of one event, and of many in one unit of work."""
    monkeypatch.setattr(followers, "HEARD", 30.0)
    monkeypatch.setattr(followers, "UNHEARD", 30.0)
    token = live.writers.token(("CS_AGENT", "a1")).clear
    follower = live.follow("socket", token, live.watch())
    follower.until("connected")
    time.sleep(1.0)
    for rows in ([new_id()], [new_id() for _ in range(30)], [new_id()]):
        began = time.monotonic()
        live.writers.emit("a1", *(("Complaint", row) for row in rows))
        assert [change["nodeId"].rpartition(".")[2] for change in follower.changes(len(rows), 5)] == [
            str(row) for row in rows
        ]
        assert time.monotonic() - began < 3
    start = live.latest(token)
    live.follow("socket", token, live.watch(after=start)).close()
    time.sleep(0.5)
    live.writers.complain()
    assert len(follower.changes(1, 5)) == 1


@every_way
def test_what_was_missed_comes_first(live: Live, way: str) -> None:
    token = live.writers.token(("CS_AGENT", "a1")).clear
    start = live.latest(token)
    before = [live.writers.complain() for _ in range(3)]
    follower = live.follow(way, token, live.watch(after=start))
    found = follower.changes(3)
    later = [live.writers.complain() for _ in range(2)]
    found += follower.changes(2)
    assert [change["nodeId"] for change in found] == before + later
    again = live.follow(way, token, live.watch(after=found[2]["cursor"]))
    assert [change["nodeId"] for change in again.changes(2)] == later


@every_way
def test_each_hears_of_their_own_store_and_rows(live: Live, way: str) -> None:
    """Two groups and two stores; and in one store, whom the row rules let see it."""
    everywhere = {code: live.writers.token(("CS_AGENT", code), group=code[0]).clear for code in ("a1", "a2", "b1")}
    followers = {code: ready(live, way, token, code) for code, token in everywhere.items()}
    technician = ready(live, way, live.writers.token(("TECHNICIAN", "a1")).clear)
    filed = {code: live.writers.complain(code) for code in everywhere}
    for code, follower in followers.items():
        assert [change["nodeId"] for change in follower.changes(1)] == [filed[code]]
    for follower in (*followers.values(), technician):
        follower.quiet(0.4)
    for code in ("a2", "b1"):
        stranger = live.follow(way, everywhere["a1"], live.watch(code))
        assert error_of(stranger.until("error" if way == "socket" else "next")) == "NOT_FOUND"


@every_way
def test_only_the_types_that_were_asked_for(live: Live, way: str) -> None:
    token = live.writers.token(("CS_AGENT", "a1")).clear
    follower = ready(live, way, token, entities=["Customer"])
    live.writers.complain()
    row = new_id()
    live.writers.emit("a1", ("Call", new_id()), ("Customer", row))
    [change] = follower.changes(1)
    assert (change["entity"], change["node"]) == ("Customer", None)
    follower.quiet(0.4)


@every_way
def test_queries_and_mutations_are_answered_too(live: Live, way: str) -> None:
    token = live.writers.token(("CS_AGENT", "a1")).clear
    document = """mutation($input: FileComplaintInput!) { fileComplaint(input: $input) {
        complaint { status } userErrors { code } } }"""
    given = {
        "storeId": live.store_id("a1"), "record": "COMPLAINT", "area": "SALES", "kind": "SERVICE", "severity": "P2",
        "receivedAt": "2026-09-07T01:00:00Z", "text": "x",
    }  # fmt: skip
    follower = live.follow(
        way,
        token,
        {"query": "{ viewer { name } }"},
        {"query": document, "variables": {"input": given}},
        {"query": "{ viewer { nothing } }"},
        {"query": "query($a: Int!) { viewer { name } nodes(ids: [$a]) { id } }"},
    )
    said: dict[int, list[dict[str, Any]]] = {place: [] for place in range(4)}
    while len([one for lines in said.values() for one in lines if "complete" in one or "error" in one]) < 4:
        line = follower.line()
        if "operation" in line:
            said[line.pop("operation")].append(line)
    assert said[0] == [{"next": {"data": {"viewer": {"name": "Wang Fang"}}}}, {"complete": True}]
    [answer, end] = said[1]
    assert end == {"complete": True} and answer["next"]["data"]["fileComplaint"]["userErrors"] == []
    for place in (2, 3):
        text = json.dumps(said[place])
        if way == "single":
            assert "error" in said[place][0]  # refused with 400, before anything was streamed
        else:
            assert ("BAD_USER_INPUT" in text and "nothing" in text) or "Int" in text


@every_way
def test_the_progress_of_a_close(live: Live, way: str) -> None:
    from forecourt.domain.benchmark.actions import finish_store, start_close

    token = live.writers.token(("HQ_ANALYST", None)).clear
    month = {"socket": "2026-05", "distinct": "2026-06", "single": "2026-07"}[way]
    document = """subscription($month: YearMonth!) { monthClose(month: $month) {
        monthClose { state stores { state store { code } } } } }"""
    follower = live.follow(way, token, {"query": document, "variables": {"month": month}})

    def shown() -> Any:
        return follower.until("next")["next"]["data"]["monthClose"]["monthClose"]

    assert shown() is None
    closes: list[Any] = []

    async def begin(work: Any) -> None:
        closes.append((await start_close(work, month)).id)

    live.writers.group_work(begin)
    begun = shown()
    assert begun["state"] == "RUNNING" and {one["state"] for one in begun["stores"]} == {"WAITING"}

    async def fail(work: Any) -> None:
        store = live.world.stores["a1"].id
        await finish_store(work, closes[0], store, state="FAILED", reason="NO_EXPORT")

    live.writers.group_work(fail)
    assert {one["store"]["code"]: one["state"] for one in shown()["stores"]}["a1"] == "FAILED"
    stranger = live.follow(
        way, live.writers.token(("CS_AGENT", "a1")).clear, {"query": document, "variables": {"month": month}}
    )
    assert error_of(stranger.until("error" if way == "socket" else "next")) == "FORBIDDEN"


@every_way
def test_a_client_ends_one_of_its_operations(live: Live, way: str) -> None:
    token = live.writers.token(("CS_AGENT", "a1")).clear
    start = live.latest(token)
    follower = live.follow(way, token, live.watch(after=start), live.watch(after=start))
    live.writers.complain()
    assert {follower.until("next")["operation"] for _ in range(2)} == {0, 1}
    follower.say(end=0)
    assert follower.until("complete")["operation"] == 0
    live.writers.complain()
    assert follower.until("next")["operation"] == 1
    follower.quiet(0.4)


def test_pings_are_answered(live: Live) -> None:
    token = live.writers.token(("CS_AGENT", "a1")).clear
    follower = live.follow("socket", token, live.watch(), keepAlive=100)
    assert follower.until("pong") == {"pong": True}


def test_a_plain_post_is_told_what_to_do(live: Live) -> None:
    token = live.writers.token(("CS_AGENT", "a1")).clear
    answer = live.post(token, {"query": FOLLOW, "variables": {"store": live.store_id("a1")}})
    [error] = answer.json()["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT" and "text/event-stream" in error["message"]


def error_of(line: dict[str, Any]) -> str:
    """The code of the first error in what a client was told."""
    errors = line["error"] if "error" in line else line["next"]["errors"]
    return str(errors[0]["extensions"]["code"])

"""The audit in the API: newest first, filtered, in pages; only for those who may; never another group's."""

from datetime import timedelta
from typing import Any

import pytest

from forecourt.domain.audit import actions
from forecourt.domain.work import open_group_work
from tests.domain.audit.scene import Scene, scene
from tests.graphql.live import LiveApi, codes, live_api

__all__ = ["live_api", "scene"]
pytestmark = pytest.mark.anyio

EVENTS = """query($where: GroupAuditEventFilter, $first: Int! = 50, $after: String) { group {
  auditEvents(where: $where, first: $first, after: $after) {
    edges { cursor node { id seq at actor actorName action entity entityId reason before after requestId hash } }
    pageInfo { hasNextPage hasPreviousPage endCursor } } } }"""


async def events(api: LiveApi, **variables: Any) -> Any:
    found = await api.data(api.actor(("INTERNAL_AUDIT", None)), EVENTS, variables)
    return found["group"]["auditEvents"]


def actions_of(page: Any) -> list[str]:
    return [edge["node"]["action"] for edge in page["edges"]]


async def test_the_groups_events_newest_first_in_pages(live_api: LiveApi, scene: Scene) -> None:
    await scene.act_in_group("a", "b", "c", "d", "e")
    page = await events(live_api, first=2)
    assert (actions_of(page), page["pageInfo"]["hasNextPage"], page["pageInfo"]["hasPreviousPage"]) == (
        ["e", "d"],
        True,
        False,
    )
    second = await events(live_api, first=3, after=page["pageInfo"]["endCursor"])
    assert (actions_of(second), second["pageInfo"]["hasNextPage"]) == (["c", "b", "a"], False)
    node = page["edges"][0]["node"]
    assert (node["seq"], len(node["hash"]), node["actorName"], node["after"]["b"]["c"][2]) == (5, 64, "test", "王\n\"'")


async def test_filters(live_api: LiveApi, scene: Scene) -> None:
    await scene.act_in_group("a", "b")
    between = (scene.clock.at + timedelta(minutes=1)).isoformat()
    scene.clock.at += timedelta(hours=1)
    await scene.act_in_group("b")
    for where, wanted in (
        ({"action": "b"}, ["b", "b"]),
        ({"action": "b", "since": between}, ["b"]),
        ({"until": between}, ["b", "a"]),
        ({"actor": "system:test"}, ["b", "b", "a"]),
        ({"actor": "account:1"}, []),
        ({"entity": "Thing"}, ["b", "b", "a"]),
        ({"entityId": str(scene.store.id)}, []),
    ):
        assert actions_of(await events(live_api, where=where)) == wanted, where


async def test_another_groups_events_do_not_exist(live_api: LiveApi, scene: Scene) -> None:
    await scene.act_in_group("secret.of.a")
    other = live_api.actor(("HQ_DIRECTOR", None), group="b")
    found = (await live_api.data(other, EVENTS))["group"]["auditEvents"]
    assert "secret.of.a" not in actions_of(found)


@pytest.mark.parametrize("after", ["x", "YXVkaXQ6eA==", "YXVkaXQ6LTE=", "c3RvcmU6MQ==", "é"])
async def test_what_is_no_cursor_is_refused(live_api: LiveApi, after: str) -> None:
    answer = await live_api.run(live_api.actor(("INTERNAL_AUDIT", None)), EVENTS, {"after": after})
    assert list(codes(answer).values()) == ["BAD_USER_INPUT"], answer


@pytest.mark.parametrize("first", [0, 201])
async def test_pages_are_bounded(live_api: LiveApi, first: int) -> None:
    answer = await live_api.run(live_api.actor(("INTERNAL_AUDIT", None)), EVENTS, {"first": first})
    assert codes(answer), answer


async def test_a_stores_events_are_newest_first_with_number_and_hash(live_api: LiveApi, scene: Scene) -> None:
    await scene.act("a", "b", "c")
    query = """query($id: ID!, $where: AuditEventWhere) { store(id: $id) {
      auditEvents(first: 2, where: $where) { edges { node { seq action hash } } pageInfo { hasNextPage endCursor } } } }"""
    gm = live_api.actor(("STORE_GM", "a1"))
    found = (await live_api.data(gm, query, {"id": live_api.store_id("a1")}))["store"]["auditEvents"]
    assert [edge["node"]["seq"] for edge in found["edges"]] == [3, 2]
    assert found["pageInfo"]["hasNextPage"] and len(found["edges"][0]["node"]["hash"]) == 64
    where = {"action": {"eq": "a"}, "actor": {"eq": "system:test"}, "at": {"lte": scene.clock.at.isoformat()}}
    found = (await live_api.data(gm, query, {"id": live_api.store_id("a1"), "where": where}))["store"]["auditEvents"]
    assert [edge["node"]["action"] for edge in found["edges"]] == ["a"]


async def test_what_the_last_checks_found(live_api: LiveApi, scene: Scene) -> None:
    await scene.act("a", "b")
    scene.tamper("update {s}.audit_event set reason = 'x' where seq = 2")
    async with open_group_work(scene.platform, scene.group, scene.system) as work:
        await actions.record_verification(work, await scene.check())
    query = (
        "{ group { auditVerifications { store at ok rows lastSeq firstBad faultCount faults { kind seq detail } } } }"
    )
    [found] = (await live_api.data(live_api.actor(("HQ_DIRECTOR", None)), query))["group"]["auditVerifications"]
    assert (found["store"], found["ok"], found["rows"], found["lastSeq"], found["firstBad"], found["faultCount"]) == (
        live_api.store_id("a1"),
        False,
        2,
        2,
        2,
        1,
    )
    assert found["faults"] == [{"kind": "CHANGED", "seq": 2, "detail": ""}]


async def test_a_check_can_be_asked_for_with_a_reason(live_api: LiveApi, scene: Scene) -> None:
    auditor = live_api.actor(("INTERNAL_AUDIT", None))
    assert await live_api.refused(auditor, "verifyAudit", {"reason": "  "}) == ["REASON_NEEDED"]
    payload = await live_api.mutate(auditor, "verifyAudit", {"reason": "yearly review"}, "requested")
    assert payload["requested"] is True
    [row] = scene.tamper("delete from control.job where actor = 'audit.daily' returning group_id")
    assert row == (scene.group.id,)
    [edge] = (await events(live_api))["edges"]
    assert (edge["node"]["action"], edge["node"]["reason"]) == ("audit.request_verification", "yearly review")

"""`Store.changes` as roles and programs see it: what happened to rows they may see, by ids and codes alone."""

from typing import Any
from uuid import UUID

import pytest

from forecourt.auth.roles import ROLES, goes_with
from forecourt.domain.work import open_work
from forecourt.tenancy.ids import new_id
from tests.conftest import World
from tests.domain.desk import Desk, make_desk
from tests.graphql.live import LiveApi, codes
from tests.graphql.rows import told_rows

pytestmark = pytest.mark.anyio

PAGE = """query($id: ID!, $after: String, $first: Int! = 500, $entities: [String!]) { store(id: $id) {
  changes(first: $first, after: $after, entities: $entities) {
    edges { cursor node { event entity nodeId at actorKind node { __typename id } } }
    pageInfo { hasNextPage endCursor } latestCursor } } }"""


async def read(api: LiveApi, actor: Any, store: str = "a1", **given: Any) -> dict[str, Any]:
    """The page."""
    data = await api.data(actor, PAGE, {"id": api.store_id(store), **given})
    found: dict[str, Any] = data["store"]["changes"]
    return found


@pytest.fixture
async def desk(live_api: LiveApi, world: World) -> Desk:
    world.truncate("a1", "a2", "b1")
    return await make_desk(live_api.platform.engines, world.groups["a"], world.stores["a1"])


@pytest.fixture
async def told(live_api: LiveApi, desk: Desk) -> dict[str, UUID]:
    return await told_rows(desk)


@pytest.mark.parametrize("role", sorted(ROLES))
async def test_an_event_is_shown_exactly_to_whom_its_row_is(
    live_api: LiveApi, desk: Desk, told: dict[str, UUID], role: str
) -> None:
    texts = [live_api.id(entity, row) for entity, row in told.items()]
    places = [at for at in ("a1", "@a1", None) if goes_with(role, store=at == "a1", region=at == "@a1")]
    people = [desk.people[key] for key in ("consultant", "second", "supervisor", "manager")]
    assert len(texts) > 10
    for at in places:
        for person in people if at == "a1" else people[:1]:
            actor = live_api.actor((role, at), employee=person)
            data = await live_api.data(actor, "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": texts})
            visible = {node["id"] for node in data["nodes"] if node is not None}
            found = await read(live_api, actor)
            shown = [edge["node"] for edge in found["edges"]]
            assert {node["nodeId"] for node in shown} == visible
            assert all(node["node"] == {"__typename": node["entity"], "id": node["nodeId"]} for node in shown)
            everything = await read(live_api, live_api.actor(("STORE_GM", "a1")))
            assert found["pageInfo"] == everything["pageInfo"], "how much is hidden does not show"


async def test_no_data_of_the_row_and_no_person_is_told(live_api: LiveApi, told: dict[str, UUID]) -> None:
    actor = live_api.actor(("STORE_GM", "a1"))
    [edge] = (await read(live_api, actor, entities=["Complaint"]))["edges"]
    assert set(edge["node"]) == {"event", "entity", "nodeId", "at", "actorKind", "node"}
    assert (edge["node"]["event"], edge["node"]["actorKind"]) == ("Imported", "SYSTEM")
    assert edge["node"]["nodeId"] == live_api.id("Complaint", told["Complaint"])


async def test_each_store_has_its_own_feed(live_api: LiveApi, desk: Desk) -> None:
    """Two groups and two stores: nobody sees another's events, and a cursor leads nowhere but in its own store."""
    row = new_id()
    for code, store in live_api.world.stores.items():
        if code == "b2":
            continue
        actor = live_api.actor(("STORE_GM", code), group=code[0])
        async with open_work(live_api.platform, store, desk.system) as work:
            work.emit(f"At{code}", "Complaint", row)
        found = await read(live_api, actor, code)
        assert [edge["node"]["event"] for edge in found["edges"]][-1] == f"At{code}"
        assert {edge["node"]["event"] for edge in found["edges"]} & {"Ata1", "Ata2", "Atb1"} == {f"At{code}"}
    manager = live_api.actor(("STORE_GM", "a1"), ("STORE_GM", "a2"))
    elsewhere = (await read(live_api, manager, "a2"))["latestCursor"]
    answer = await live_api.run(manager, PAGE, {"id": live_api.store_id("a1"), "after": elsewhere})
    [error] = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT" and "another store" in error["extensions"]["detail"]
    for code in ("a2", "b1"):
        stranger = live_api.actor(("STORE_GM", "a1"))
        answer = await live_api.run(stranger, PAGE, {"id": live_api.store_id(code)})
        assert codes(answer) == {("store",): "NOT_FOUND"}


async def test_bounds_and_filters_are_checked(live_api: LiveApi, told: dict[str, UUID]) -> None:
    actor = live_api.actor(("STORE_GM", "a1"))
    wrong: list[dict[str, Any]] = [
        {"first": 0},
        {"first": 501},
        {"after": "x"},
        {"entities": []},
        {"entities": ["Nothing"]},
    ]
    for given in wrong:
        answer = await live_api.run(actor, PAGE, {"id": live_api.store_id("a1"), **given})
        assert codes(answer) == {("store", "changes"): "BAD_USER_INPUT"}, given
    found = await read(live_api, actor, entities=["Call", "Complaint"])
    assert {edge["node"]["entity"] for edge in found["edges"]} == {"Call", "Complaint"}


async def test_one_cursor_leads_through_the_feed(live_api: LiveApi, desk: Desk, told: dict[str, UUID]) -> None:
    actor = live_api.actor(("STORE_GM", "a1"))
    whole = await read(live_api, actor)
    assert whole["pageInfo"]["endCursor"] == whole["latestCursor"] == whole["edges"][-1]["cursor"]
    after, walked, more = None, [], True
    while more:
        found = await read(live_api, actor, after=after, first=3)
        walked += found["edges"]
        after, more = found["pageInfo"]["endCursor"], found["pageInfo"]["hasNextPage"]
    assert walked == whole["edges"]
    await desk.customer()
    async with desk.work() as work:
        work.emit("ComplaintClosed", "Complaint", told["Complaint"])
    later = await read(live_api, actor, after=after)
    assert [edge["node"]["event"] for edge in later["edges"]] == ["ComplaintClosed"]

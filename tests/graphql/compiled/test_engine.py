"""What the compiled engine promises beside equal answers: one round trip, one snapshot, bounds, and what it hands over."""

import asyncio
import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from forecourt.domain.entities import ENTITIES
from forecourt.errors import Unavailable
from forecourt.graphql.compiled import execute, turns
from forecourt.graphql.compiled.cache import Bounded
from forecourt.graphql.compiled.execute import Engine
from forecourt.graphql.run import run
from forecourt.tenancy.ids import new_id
from forecourt.tenancy.lanes import Lanes
from forecourt.tenancy.session import store_session
from tests.graphql.compiled.conftest import NOW, Both
from tests.graphql.compiled.documents import Maker
from tests.graphql.compiled.known import Known

THREE_LEVELS = """
query Q($first: Int = 50, $after: String) { store(code: "a1") { asOf customers(first: $first, after: $after) {
  totalCount pageInfo { hasNextPage endCursor } edges { cursor node { id name createdAt
    vehicles { totalCount edges { node { vin repairOrders(last: 3) { edges { node { id roNo advisor { name } } } } } } } } } } } }"""
EVERY_STORE = "{ group { name stores { totalCount edges { cursor node { code asOf customers(first: 2) { edges { node { name } } } } } } } }"


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Every round trip on the readers' connections: the role and how many statements."""
    found: list[tuple[str, int]] = []
    plain = Lanes.run

    async def counted(self: Lanes, role: str, statements: Any) -> Any:
        found.append((role, len(statements)))
        return await plain(self, role, statements)

    monkeypatch.setattr(Lanes, "run", counted)
    return found


def test_a_stores_part_is_one_round_trip_with_one_statement_per_level(both: Both, trips: list[tuple[str, int]]) -> None:
    gm = both.actor(("STORE_GM", "a1"))
    for _ in range(3):
        trips.clear()
        both.compiled(gm, THREE_LEVELS)
        # asOf; customers and their total; vehicles and their totals; repair orders; advisors
        assert trips == [(both.world.stores["a1"].schema, 7)]


def test_every_store_has_its_own_round_trip_and_no_other(both: Both, trips: list[tuple[str, int]]) -> None:
    hq = both.actor(("HQ_ANALYST", None), ("STORE_GM", "a1"), ("CS_MANAGER", "a2"))
    both.compiled(hq, EVERY_STORE)
    assert sorted(role for role, _ in trips) == sorted(both.world.stores[code].schema for code in ("a1", "a2"))


def test_control_data_alone_opens_no_store(both: Both, trips: list[tuple[str, int]]) -> None:
    both.compiled(both.actor(("STORE_GM", "a1")), '{ store(code: "a1") { id code name grade state } viewer { name } }')
    assert trips == []


def test_a_part_sees_one_snapshot_while_others_commit(both: Both) -> None:
    """A writer moves a vehicle from customer to customer: in one snapshot it always has exactly one owner."""
    store = both.world.stores["a1"]
    rows = both.rows["a1"]
    vehicle, owners = rows["vehicle"][0]["id"], [rows["customer"][0]["id"], rows["customer"][1]["id"]]
    query = """{ store(code: "a1") { customers(first: 100) { edges { node { id
      vehicles(first: 100, where: {vin: {eq: "%s"}}) { totalCount edges { node { vin customer { id } } } } } } } } }"""
    query = query.replace("%s", str(rows["vehicle"][0]["vin"]))
    gm = both.actor(("STORE_GM", "a1"))
    engines = both.platforms["compiled"].engines
    move = text(f"update {store.schema}.vehicle set customer_id = :owner where id = :id")

    moves = 0

    async def write(stop: asyncio.Event) -> None:
        nonlocal moves
        while not stop.is_set():
            async with store_session(engines, store) as session:
                await session.execute(move, {"owner": owners[moves % 2], "id": vehicle})
            moves += 1

    async def watch() -> set[str]:
        stop = asyncio.Event()
        writer = asyncio.ensure_future(write(stop))
        seen: set[str] = set()
        for read in range(3_000):  # a fast reader comes back often before the writer has moved twenty times
            if read >= 150 and moves >= 20 and len(seen) >= 2:
                break
            answer = await run(both.schema, both.context("compiled", gm), query)
            edges = answer["data"]["store"]["customers"]["edges"]
            having = [edge["node"] for edge in edges if edge["node"]["vehicles"]["edges"]]
            assert sum(edge["node"]["vehicles"]["totalCount"] for edge in edges) == len(having) == 1
            assert having[0]["vehicles"]["edges"][0]["node"]["customer"]["id"] == having[0]["id"]
            seen.add(having[0]["id"])
        stop.set()
        await writer
        return seen

    seen = both.runner.run(watch())
    assert moves >= 20 and len(seen) >= 2


def test_what_the_actor_may_not_read_is_null_and_forbidden_alone(both: Both) -> None:
    query = '{ s: store(code: "a1") { employees { totalCount } c: customers { totalCount } c2: customers(first: 1) { totalCount } } }'
    answer = both.compiled(both.actor(("TECHNICIAN", "a1")), query)
    assert answer["data"]["s"] == {"employees": {"totalCount": 14}, "c": None, "c2": None}
    assert [(error["path"], error["extensions"]["code"]) for error in answer["errors"]] == [
        (["s", "c"], "FORBIDDEN"),
        (["s", "c2"], "FORBIDDEN"),
    ]


def test_a_store_that_does_not_exist_for_the_actor_is_not_found(both: Both) -> None:
    query = 'query($id: ID!) { one: store(id: $id) { name } two: store(code: "nowhere") { name } }'
    answer = both.compiled(both.actor(("STORE_GM", "a1")), query, {"id": both.store_id("b1")})
    assert answer["data"] == {"one": None, "two": None}
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["NOT_FOUND", "NOT_FOUND"]


def test_a_store_that_cannot_answer_is_null_and_the_others_answer(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    hq = both.actor(("HQ_ANALYST", None), ("STORE_GM", "a1"), ("STORE_GM", "a2"))
    query = EVERY_STORE + " "
    down = both.world.stores["a1"].schema
    plain = Lanes.run

    async def run_unless_down(self: Lanes, role: str, statements: Any) -> Any:
        if role == down:
            raise Unavailable("down")
        return await plain(self, role, statements)

    monkeypatch.setattr(Lanes, "run", run_unless_down)
    answer = both.run("compiled", hq, query)
    edges = answer["data"]["group"]["stores"]["edges"]
    assert edges[0]["node"] is None and edges[1]["node"]["code"] == "a2"
    assert [(error["path"], error["extensions"]["code"]) for error in answer["errors"]] == [
        (["group", "stores", "edges", 0, "node"], "UNAVAILABLE")
    ]


@pytest.mark.parametrize("state", ["ACTIVE", "SUSPENDED", "ARCHIVED", "PROVISIONING", "FAILED"])
def test_a_store_in_every_state_answers_as_the_interpreter_does(both: Both, state: str) -> None:
    gm = both.actor(("STORE_GM", "a1"))
    answers = []
    for engine in ("interpreted", "compiled"):
        context = both.context(engine, gm)

        async def list_stores() -> list[Any]:
            return [replace(both.world.stores["a1"], state=state)]

        context.list_stores = list_stores
        query = '{ store(code: "a1") { state customers(first: 1) { edges { node { name } } } } }'
        answers.append(both.runner.run(run(both.schema, context, query)))
    assert answers[0] == answers[1]


HANDED = {
    "a store by nothing": ("{ store { name } }", "an id or a code is needed"),
    "a bad cursor": (
        '{ store(code: "a1") { customers(after: "bad") { totalCount } } }',
        "not a cursor of this list in this order",
    ),
    "a page too large": (
        '{ store(code: "a1") { customers(first: 1001) { totalCount } } }',
        "first must be between 0 and 1000",
    ),
    "both directions": (
        '{ store(code: "a1") { customers(first: 1, last: 1) { totalCount } } }',
        "first and last exclude one another",
    ),
    "a foreign id in a filter": (
        '{ store(code: "a1") { customers(where: {id: {eq: "x"}}) { totalCount } } }',
        "NOT_FOUND: no such id",
    ),
    "a text that cannot be stored": (
        '{ store(code: "a1") { customers(where: {name: {eq: "a\\u0000"}}) { totalCount } } }',
        "INVALID: a text that cannot be stored",
    ),
    "a bad page of stores": ("{ group { stores(first: 500) { totalCount } } }", "INVALID: a page has 0 to 100 rows"),
}


@pytest.mark.parametrize(
    "text",
    ["{", "", "{ store { nothing } }", "fragment F on Query { viewer { name } }", "query A { no } query B { no }"],
)
def test_what_is_no_document_has_graphql_cores_errors_and_is_read_once(both: Both, text: str) -> None:
    gm = both.actor(("STORE_GM", "a1"))
    answer = both.same(gm, text)
    assert "data" not in answer and answer["errors"]
    known = len(both.schema.compiled.documents)
    assert both.same(gm, text) == answer and len(both.schema.compiled.documents) == known


@pytest.mark.parametrize("what", HANDED)
def test_what_is_handed_over_has_the_interpreters_answer_and_says_why(both: Both, what: str) -> None:
    query, reason = HANDED[what]
    engine = both.schema.compiled
    before = dict(engine.handed_over)
    both.same(both.actor(("STORE_GM", "a1")), query)
    more = {name for name, count in engine.handed_over.items() if count > before.get(name, 0)}
    assert len(more) == 1 and (reason is None or more == {reason})


def test_a_fault_of_the_engine_costs_the_plan_and_not_the_answer(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise TypeError("broken")

    monkeypatch.setattr(execute, "complete_store", broken)
    monkeypatch.setattr(both.schema, "compiled", Engine(both.schema._schema, ENTITIES))
    answer = both.same(both.actor(("STORE_GM", "a1")), '{ store(code: "a1") { name customers { totalCount } } }')
    assert answer["data"]["store"]["customers"] == {"totalCount": 30}
    assert both.schema.compiled.handed_over == {"a fault: TypeError": 1}


def test_equal_values_in_variables_and_literals_give_the_same_and_share_a_plan(both: Both) -> None:
    gm = both.actor(("STORE_GM", "a1"))
    query = """query($name: String, $names: [String!], $w: CustomerWhere, $id: ID!) { store(id: $id) {
      a: customers(where: {name: {eq: $name}}) { totalCount }
      b: customers(where: {name: {in: $names}}) { totalCount }
      c: customers(where: $w) { totalCount } } }"""
    engine = both.schema.compiled
    first = {"name": "B", "names": ["B"], "w": {"name": {"eq": "B"}}, "id": both.store_id("a1")}
    answer = both.compiled(gm, query, first)["data"]["store"]
    assert answer["a"] == answer["b"] == answer["c"]
    plans, parts = len(engine.operations), len(engine.parts)
    other = {"name": "a", "names": ["a", "b", "B"], "w": {"name": {"eq": "a"}}, "id": both.store_id("a1")}
    both.compiled(gm, query, other)
    assert (len(engine.operations), len(engine.parts)) == (plans, parts)
    both.compiled(gm, query, {**other, "name": None})  # another form: no comparison at all
    assert len(engine.operations) == plans + 1


def test_a_plan_serves_other_people_of_the_same_reach_with_their_own_rows(both: Both) -> None:
    query = '{ store(code: "a1") { salesOrders(first: 100) { totalCount edges { node { orderNo } } } } }  '
    counts = set()
    both.compiled(both.actor(("SALES_CONSULTANT", "a1")), query)
    parts = len(both.schema.compiled.parts)
    for person in range(14):
        answer = both.compiled(both.actor(("SALES_CONSULTANT", "a1"), person=person), query)
        counts.add(str(answer["data"]))
    assert len(counts) > 3 and len(both.schema.compiled.parts) == parts


@pytest.mark.parametrize("how", ["covering a holiday", "looking as a role"])
def test_more_than_a_reach_is_left_to_the_interpreter(both: Both, how: str) -> None:
    actor = both.actor(("SALES_CONSULTANT", "a1"))
    if how == "covering a holiday":
        lent = replace(actor.memberships[0], delegated_by=new_id(), delegator="张伟")
        actor = replace(actor, memberships=(lent,))
    else:
        actor = both.actor(("STORE_GM", "a1")).looking_as(actor.memberships[0], new_id(), NOW)
    engine = both.schema.compiled
    reason = "somebody who stands in for another, or looks as a role"
    before = engine.handed_over.get(reason, 0)
    both.same(actor, '{ store(code: "a1") { salesOrders { totalCount edges { node { orderNo } } } } }')
    assert engine.handed_over[reason] == before + 1


def test_one_plan_serves_every_store(both: Both) -> None:
    both.compiled(both.actor(("STORE_GM", "a1"), ("STORE_GM", "a2")), EVERY_STORE + "  ")
    engine = both.schema.compiled
    keys = [key for key in engine.parts._found if key[0].operation.node.loc.source.body == EVERY_STORE + "  "]
    assert len(keys) == 1


def test_odd_response_keys_are_only_keys(both: Both) -> None:
    gm = both.actor(("STORE_GM", "a1"))
    query = """{ store(code: "a1") { __class__: code S: name P: id R: customers(first: 2) { complete: totalCount
      return: edges { def: node { None: name x: id r: createdAt } } } } }"""
    both.compiled(gm, query)


def test_a_cursor_after_a_null_and_one_after_a_value_are_two_statements_of_one_plan(both: Both) -> None:
    gm = both.actor(("STORE_GM", "a1"))
    query = """query($after: String) { store(code: "a1") {
      vehicles(first: 4, after: $after, orderBy: [{field: PLATE}]) {
        edges { node { plate vin } } pageInfo { endCursor hasNextPage } } } }"""
    after, plates = None, []
    for _ in range(10):
        page = both.compiled(gm, query, {"after": after})["data"]["store"]["vehicles"]
        plates += [edge["node"]["plate"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert len(plates) == 30 and None in plates


# --- bounds ----------------------------------------------------------------------------------------------------------


def test_a_cache_is_bounded_by_entries_and_weight() -> None:
    cache: Bounded[int, int] = Bounded(3, 10)
    for number in range(5):
        cache.put(number, number, 1)
    assert len(cache) == 3 and cache.get(1) is None and cache.get(2) == 2
    cache.put(9, 9, 9)
    assert cache.weight <= 10 and len(cache) == 2 and cache.get(2) == 2  # used last, so it stays
    cache.put(7, 7, 11)
    assert cache.get(7) is None and cache.weight <= 10
    cache.put(9, 90, 2)
    assert cache.get(9) == 90 and cache.weight == 3


def test_new_documents_without_end_fill_no_memory(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    small = Engine(both.schema._schema, ENTITIES)
    small.documents = Bounded(5, 3_000)
    small.operations = Bounded(5, 5)
    small.parts = Bounded(5, 60_000)
    monkeypatch.setattr(both.schema, "compiled", small)
    maker = Maker(both.schema._schema, ENTITIES, Known(("a1",)), random.Random(4), Counter())
    gm = both.actor(("STORE_GM", "a1"))
    for _ in range(40):
        made = maker.document(["Customer.name"], [maker.way("Customer.name")])
        both.run("compiled", gm, made.text, made.variables.values)
    assert small.compiled > 5  # the heavy ones are answered too, and not kept
    many = {"w": {"or": [{"name": {"eq": "B"}}] * 3_000}}
    query = 'query($w: CustomerWhere) { store(code: "a1") { customers(where: $w) { totalCount } } }'
    assert both.run("compiled", gm, query, many)["data"]["store"]["customers"]["totalCount"] > 0
    assert small.handed_over["variables of a form too large for a plan"] == 1
    for cache in (small.documents, small.operations, small.parts):
        assert len(cache) <= 5 and cache.weight <= cache.most_weight


def test_a_client_that_sends_new_documents_waits_for_itself(both: Both) -> None:
    """Somebody else's new document, and what is known already, do not wait for the flood to end."""
    flooder, other = both.actor(("STORE_GM", "a1")), replace(both.actor(("STORE_GM", "a2")), key="account:2")
    done: list[str] = []

    async def ask(actor: Any, text_: str, name: str) -> None:
        answer = await run(both.schema, both.context("compiled", actor), text_)
        assert "errors" not in answer
        done.append(name)

    async def all_at_once() -> None:
        known = "{ viewer { name } }"
        await ask(other, known, "before")
        flood = [
            asyncio.ensure_future(ask(flooder, f"{{ viewer {{ n{number}: name key }} }}", "flood"))
            for number in range(40)
        ]
        await asyncio.sleep(0)
        late = [ask(other, known, "known"), ask(other, "{ viewer { late: name } }", "new")]
        await asyncio.gather(*late, *flood)

    both.runner.run(all_at_once())
    assert done.count("flood") == 40
    assert done.index("known") <= 3 and done.index("new") <= 5


def test_too_many_new_documents_of_one_client_are_throttled(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "MOST_OF_ONE", 5)
    gm = both.actor(("STORE_GM", "a1"))

    async def flood() -> list[dict[str, Any]]:
        texts = [f"{{ viewer {{ m{number}: name }} }}" for number in range(20)]
        return await asyncio.gather(*(run(both.schema, both.context("compiled", gm), one) for one in texts))

    answers = both.runner.run(flood())
    refused = [answer["errors"][0]["extensions"] for answer in answers if "errors" in answer]
    assert 1 <= len(refused) < 20
    assert all(found == {"code": "THROTTLED", "retryAfter": 1.0} for found in refused)
    assert "errors" not in both.run("compiled", gm, "{ viewer { m19: name } }")


def test_a_long_document_is_read_beside_the_event_loop(both: Both) -> None:
    gm = both.actor(("STORE_GM", "a1"))
    text_ = "{ " + " ".join(f"v{number}: viewer {{ {'name key language ' * 5} }}" for number in range(90)) + " }"
    turns_taken = 0

    async def tick() -> None:
        nonlocal turns_taken
        while True:
            turns_taken += 1
            await asyncio.sleep(0.001)

    async def ask() -> dict[str, Any]:
        ticking = asyncio.ensure_future(tick())
        try:
            return await run(both.schema, both.context("compiled", gm), text_)
        finally:
            ticking.cancel()

    assert len(both.runner.run(ask())["data"]) == 90
    assert turns_taken >= 3

"""Documents over stores: aliases, fragments, variables, pages, partial failure, one statement per level."""

from typing import Any

import pytest

from forecourt.graphql import ids
from tests.graphql.conftest import Api


def test_a_document_reads_every_store_that_the_actor_sees_and_no_other(api: Api) -> None:
    gm = api.actor(("STORE_GM", "N1"))
    query = "{ group { code stores { totalCount edges { node { code customers { totalCount } } } } } }"
    found = api.data(gm, query)["group"]
    assert found == {
        "code": "north",
        "stores": {"totalCount": 1, "edges": [{"node": {"code": "N1", "customers": {"totalCount": 30}}}]},
    }
    both = api.actor(("STORE_GM", "N1"), ("CS_AGENT", "N2"))
    assert [edge["node"]["code"] for edge in api.data(both, query)["group"]["stores"]["edges"]] == ["N1", "N2"]
    hq = api.actor(("HQ_ANALYST", None), group="south")
    names = "{ group { stores { edges { node { code } } } } }"
    assert [edge["node"]["code"] for edge in api.data(hq, names)["group"]["stores"]["edges"]] == ["S1", "S2"]


def test_control_data_alone_opens_no_store(api: Api) -> None:
    api.data(api.actor(("STORE_GM", "N1")), '{ store(code: "N1") { id code name grade cityTier timeZone state } }')
    assert api.opened == []


def test_a_store_that_fails_is_null_with_an_error_at_its_path_and_the_others_answer(api: Api) -> None:
    api.down.add("N1")
    actor = api.actor(("STORE_GM", "N1"), ("STORE_GM", "N2"))
    answer = api.run(
        actor, '{ group { stores { edges { node { code asOf } } } } store(code: "N2") { customers { totalCount } } }'
    )
    edges = answer["data"]["group"]["stores"]["edges"]
    assert edges[0]["node"] is None and edges[1]["node"]["code"] == "N2" and edges[1]["node"]["asOf"].endswith("Z")
    assert answer["data"]["store"]["customers"]["totalCount"] == 30
    assert [(error["path"], error["extensions"]) for error in answer["errors"]] == [
        (["group", "stores", "edges", 0, "node"], {"code": "UNAVAILABLE"})
    ]


def test_aliases_with_different_arguments_fragments_and_directives(api: Api) -> None:
    rows = sorted(api.store("N1").rows["employee"], key=lambda row: row["id"])
    query = """
    query($n: Int!, $not: Boolean!, $name: String = "B") {
      store(code: "N1") {
        two: employees(first: $n) { ...Names }
        last: employees(last: 1) { edges { node { no: employeeNo } } }
        b: employees(where: {name: {eq: $name}}) { totalCount }
        hidden: employees @skip(if: $not) { totalCount }
        ... on Store @include(if: $not) { all: employees(first: 100) { totalCount pageInfo { hasNextPage } } }
        twice: employees(first: $n) { e: edges { node { name } } f: edges { node { employeeNo } } }
      }
    }
    fragment Names on EmployeeConnection { edges { cursor node { ...Deep } } }
    fragment Deep on Node { id ... on Employee { name x: positions(first: 1) { totalCount } y: positions { totalCount } } }
    """
    found = api.data(api.actor(("STORE_GM", "N1")), query, n=2, **{"not": True})["store"]
    assert [edge["node"]["name"] for edge in found["two"]["edges"]] == [row["name"] for row in rows[:2]]
    assert found["two"]["edges"][0]["node"]["x"] == found["two"]["edges"][0]["node"]["y"]
    assert found["last"]["edges"][0]["node"]["no"] == rows[-1]["employee_no"]
    assert found["b"]["totalCount"] == sum(row["name"] == "B" for row in rows)
    assert "hidden" not in found and found["all"] == {"totalCount": len(rows), "pageInfo": {"hasNextPage": False}}
    assert [edge["node"]["employeeNo"] for edge in found["twice"]["f"]] == [r["employee_no"] for r in rows[:2]]


def test_the_same_key_below_two_aliases_keeps_its_arguments(api: Api) -> None:
    query = """{ store(code: "N1") { customers(first: 3) {
      a: edges { node { x: vehicles(first: 1) { edges { node { vin } } } } }
      b: edges { node { x: vehicles(last: 100) { edges { node { vin } } totalCount } } } } } }"""
    found = api.data(api.actor(("STORE_GM", "N1")), query)["store"]["customers"]
    for one, two in zip(found["a"], found["b"], strict=True):
        assert len(two["node"]["x"]["edges"]) == two["node"]["x"]["totalCount"]
        assert one["node"]["x"]["edges"] == two["node"]["x"]["edges"][:1]


def test_pages_through_the_api(api: Api) -> None:
    query = """query($after: String) { store(code: "N1") {
      salesOrders(first: 7, after: $after, orderBy: [{field: NET_AMOUNT, direction: DESC}]) {
        edges { node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }"""
    seen: list[str] = []
    after: str | None = None
    for _ in range(6):
        page = api.data(api.actor(("STORE_GM", "N1")), query, after=after)["store"]["salesOrders"]
        seen += [edge["node"]["id"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert len(seen) == len(set(seen)) == 30


def test_a_list_without_a_page_gives_twenty(api: Api) -> None:
    page = api.data(api.actor(("STORE_GM", "N1")), '{ store(code: "N1") { customers { edges { cursor } } } }')
    assert len(page["store"]["customers"]["edges"]) == 20


def test_one_statement_per_list_and_level(api: Api) -> None:
    api.stores.statements.clear()
    api.data(
        api.actor(("STORE_GM", "N1")),
        """{ store(code: "N1") {
          customers(first: 50) { edges { node { name vehicles(first: 5) { edges { node {
            vin repairOrders(last: 3) { totalCount edges { node { roNo advisor { name } } } } } } } } } } } }""",
    )
    assert sum("FROM" in text for text in api.stores.statements) == 5


def test_a_list_that_the_actor_may_not_read_is_null_and_forbidden_alone(api: Api) -> None:
    query = '{ store(code: "N1") { employees { totalCount } customers { totalCount } } }'
    answer = api.run(api.actor(("TECHNICIAN", "N1")), query)
    assert answer["data"]["store"] == {"employees": {"totalCount": 14}, "customers": None}
    assert [(error["path"], error["extensions"]["code"]) for error in answer["errors"]] == [
        (["store", "customers"], "FORBIDDEN")
    ]


def test_below_a_row_what_may_not_be_read_does_not_exist(api: Api) -> None:
    query = '{ store(code: "N1") { repairOrders { edges { node { customer { name } vehicle { vin salesOrders { totalCount } } } } } } }'
    found = api.data(api.actor(("TECHNICIAN", "N1")), query)
    assert {edge["node"]["customer"] is None for edge in found["store"]["repairOrders"]["edges"]} == {True}
    orders = {edge["node"]["vehicle"]["salesOrders"]["totalCount"] for edge in found["store"]["repairOrders"]["edges"]}
    assert orders == {0}


def test_own_rows_only(api: Api) -> None:
    store = api.store("N1")
    me = store.rows["employee"][0]["id"]
    found = api.data(
        api.actor(("SALES_CONSULTANT", "N1")), '{ store(code: "N1") { salesOrders(first: 100) { totalCount } } }'
    )
    mine = sum(row["consultant_id"] == me for row in store.rows["sales_order"])
    assert found["store"]["salesOrders"]["totalCount"] == mine < 30


def test_node_and_nodes(api: Api) -> None:
    here, there = api.store("N1"), api.store("N2")
    foreign = api.store("S1")
    actor = api.actor(("STORE_GM", "N1"))
    order = str(ids.GlobalId("SalesOrder", here.id, here.rows["sales_order"][0]["id"]))
    others = [
        str(ids.GlobalId("SalesOrder", there.id, there.rows["sales_order"][0]["id"])),
        str(ids.GlobalId("SalesOrder", foreign.id, foreign.rows["sales_order"][0]["id"])),
        str(ids.GlobalId("SalesOrder", here.id, there.rows["sales_order"][0]["id"])),
        str(ids.GlobalId("Customer", here.id, here.rows["sales_order"][0]["id"])),
        str(ids.GlobalId("Nothing", here.id, here.rows["sales_order"][0]["id"])),
        ids.store_id(there.id),
        "",
        "%%%",
        order + "=",
    ]
    query = (
        "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on SalesOrder { orderNo } ... on Store { code } } }"
    )
    found = api.data(actor, query, ids=[*others, order, ids.store_id(here.id)])["nodes"]
    assert found[: len(others)] == [None] * len(others)
    assert found[-2:] == [
        {"__typename": "SalesOrder", "id": order, "orderNo": here.rows["sales_order"][0]["order_no"]},
        {"__typename": "Store", "id": ids.store_id(here.id), "code": "N1"},
    ]
    for id_ in others:
        assert api.data(actor, "query($id: ID!) { node(id: $id) { id } }", id=id_) == {"node": None}


def test_ids_of_other_stores_are_not_found_whatever_is_asked(api: Api) -> None:
    here, there = api.store("N1"), api.store("N2")
    actor = api.actor(("STORE_GM", "N1"))
    wrong = [
        str(ids.GlobalId("Customer", there.id, there.rows["customer"][0]["id"])),
        str(ids.GlobalId("Vehicle", here.id, here.rows["vehicle"][0]["id"])),
        "nonsense",
    ]
    query = 'query($id: ID!) { store(code: "N1") { salesOrders(where: {customer: {id: {in: [$id]}}}) { totalCount } } }'
    for id_ in wrong:
        answer = api.run(actor, query, id=id_)
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["NOT_FOUND"]
    customer = here.rows["sales_order"][0]["customer_id"]
    found = api.data(actor, query, id=str(ids.GlobalId("Customer", here.id, customer)))
    assert found["store"]["salesOrders"]["totalCount"] >= 1
    for id_ in (ids.store_id(there.id), ids.store_id(api.store("S1").id), "x"):
        answer = api.run(actor, "query($id: ID!) { store(id: $id) { code } }", id=id_)
        assert answer["errors"][0]["extensions"] == {"code": "NOT_FOUND"}
        assert answer["errors"][0]["message"] == "Not found."


@pytest.mark.parametrize(
    "ask",
    [
        "customers(first: 1001) { totalCount edges { cursor } }",
        "customers(first: 1, last: 1) { edges { cursor } }",
        'customers(after: "x") { edges { cursor } }',
        "employees { edges { node { positions(first: -1) { totalCount edges { cursor } } } } }",
    ],
)
def test_pages_that_cannot_be_are_bad_input(api: Api, ask: str) -> None:
    answer = api.run(api.actor(("STORE_GM", "N1")), f'{{ store(code: "N1") {{ {ask} }} }}')
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]
    assert list(answer["data"]["store"].values()) == [None]


def test_more_rows_than_a_request_may_ask_for(api: Api) -> None:
    deep = """customers(first: 100) { edges { node { vehicles(first: 100) { edges { node {
      repairOrders(first: 100) { edges { cursor } } } } } } } }"""
    answer = api.run(api.actor(("STORE_GM", "N1")), f'{{ store(code: "N1") {{ {deep} }} }}')
    assert "data" not in answer and api.opened == []
    assert [error["extensions"] for error in answer["errors"]] == [
        {"code": "COST_LIMIT", "limit": {"of": "COST", "asked": 1_030_302, "most": 100_000}}
    ]


def test_the_viewer(api: Api) -> None:
    actor = api.actor(("STORE_GM", "N1"), ("HQ_ANALYST", None))
    query = """query($id: ID!) { viewer { name language memberships { role storeCode }
      permissions { name scope } here: permissions(store: $id) { name scope } } }"""
    found = api.data(actor, query, id=ids.store_id(api.store("N1").id))["viewer"]
    assert found["memberships"] == [
        {"role": "STORE_GM", "storeCode": "N1"},
        {"role": "HQ_ANALYST", "storeCode": None},
    ]
    assert {"name": "benchmark:result:read", "scope": "GROUP"} in found["permissions"]
    assert {"name": "evaluation:run:approve", "scope": "STORE"} in found["here"]


def test_stores_are_paged_by_code(api: Api) -> None:
    hq = api.actor(("HQ_ANALYST", None))
    query = """query($a: String, $b: String, $f: Int, $l: Int) { group {
      stores(first: $f, after: $a, last: $l, before: $b) {
        edges { cursor node { code } } pageInfo { hasNextPage hasPreviousPage } } } }"""

    def page(**given: Any) -> tuple[list[str], bool, bool]:
        found = api.data(hq, query, **given)["group"]["stores"]
        info = found["pageInfo"]
        return [edge["node"]["code"] for edge in found["edges"]], info["hasNextPage"], info["hasPreviousPage"]

    first = api.data(hq, query, f=1)["group"]["stores"]["edges"][0]["cursor"]
    assert page(f=1) == (["N1"], True, False)
    assert page(f=1, a=first) == (["N2"], False, True)
    assert page(l=1) == (["N2"], False, True)
    assert page(f=9, b=first) == ([], True, False)
    assert api.run(hq, query, a="zzz")["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"

"""What operations cost: by rule, as the schema says it, and never less than the objects of their answers."""

import json
from typing import Any

import pytest
from graphql import (
    FragmentDefinitionNode,
    OperationDefinitionNode,
    build_schema,
    get_introspection_query,
    graphql_sync,
    parse,
    validate,
)

from forecourt.graphql.api import api_schema, schema_text
from forecourt.graphql.cost import Price, Prices
from forecourt.graphql.measure import LIMITS
from tests.graphql.conftest import Api

SCHEMA = build_schema("""
interface Thing { id: ID! }
type Leaf implements Thing { id: ID! words: [String!]! }
type Tree implements Thing {
  id: ID! leaf: Leaf few: [Leaf!]! some(first: Int! = 30): [Leaf!]! leaves(first: Int, last: Int): LeafConnection!
}
type LeafConnection { edges: [LeafEdge!]! pageInfo: PageInfo! totalCount: Int! }
type LeafEdge { node: Leaf cursor: String! }
type PageInfo { hasNextPage: Boolean! }
union Either = Leaf | Tree
input Input { name: String }
type Payload { tree: Tree userErrors: [UserError!]! }
type UserError { code: String! }
type Query { tree: Tree thing(id: ID!): Thing either: Either things(ids: [ID!]!): [Thing]! name: String }
type Mutation { plant(input: Input!): Payload }
""")
PRICES = Prices(SCHEMA)


def price(query: str, prices: Prices = PRICES) -> Price:
    tree = parse(query)
    assert not validate(prices.schema, tree)
    fragments = {item.name.value: item for item in tree.definitions if isinstance(item, FragmentDefinitionNode)}
    [operation] = [item for item in tree.definitions if isinstance(item, OperationDefinitionNode)]
    return Price(prices, operation, fragments)


def cost(query: str, **variables: Any) -> int:
    return price(query).of(variables).cost


@pytest.mark.parametrize(
    ("query", "points"),
    [
        ("{ name }", 0),
        ("{ __typename a: name }", 0),
        ("{ tree { id } }", 1),
        ("{ tree { id leaf { id words } } }", 2),
        ("{ tree { few { id } } }", 1 + 10),
        ("{ tree { few { words } } }", 1 + 10),
        ("{ tree { some { id } } }", 1 + 30),
        ("{ tree { some(first: 4) { id } } }", 1 + 4),
        ("{ tree { leaves { totalCount } } }", 1 + 1),
        ("{ tree { leaves { edges { cursor } } } }", 1 + 1 + 20),
        ("{ tree { leaves(first: 7) { edges { node { id } } } } }", 1 + 1 + 7 * 2),
        ("{ tree { leaves(last: 7) { edges { node { id } } pageInfo { hasNextPage } } } }", 1 + 1 + 7 * 2 + 1),
        ("{ tree { leaves(first: null) { edges { cursor } } } }", 1 + 1 + 20),
        ("{ tree { leaves(first: -1) { edges { cursor } } } }", 1 + 1),
        ("{ tree { a: leaves(first: 1) { edges { cursor } } b: leaves(first: 2) { edges { cursor } } } }", 1 + 2 + 3),
        ("{ tree { leaf { id } leaf { words } } }", 2),
        ("{ tree { ...F leaf { id } } } fragment F on Tree { leaf { words } }", 2),
        ("{ tree { ...F ...F } } fragment F on Tree { few { id } }", 1 + 10),
        ("{ a: tree { ...F } b: tree { ...F } } fragment F on Tree { few { id } }", 2 * 11),
        ("{ tree { leaf @skip(if: true) { id } few @include(if: false) { id } ... @skip(if: true) { leaf { id } } } }", 1),
        ("{ tree { leaf @skip(if: false) { id } } }", 2),
        ("{ thing(id: 1) { id } }", 1),
        ("{ thing(id: 1) { ... on Leaf { words } ... on Tree { few { id } leaf { id } } } }", 1 + 10 + 1),
        ("{ either { ... on Leaf { words } ... on Thing { id } ... on Tree { leaf { id } } } }", 2),
        ("{ things(ids: [1, 2, 3]) { id ... on Tree { leaf { id } } } }", 3 * 2),
        ("mutation { plant(input: {}) { userErrors { code } } }", 10 + 1 + 1),
        ("mutation { a: plant(input: {}) { tree { id } } b: plant(input: {}) { tree { id } } }", 2 * (10 + 2)),
    ],
)  # fmt: skip
def test_the_rules(query: str, points: int) -> None:
    assert cost(query) == points


def test_variables_decide_about_sizes_and_conditions() -> None:
    query = """query($n: Int = 5, $if: Boolean = false, $ids: [ID!]!, $other: ID!) {
      thing(id: $other) { id } things(ids: $ids) { id }
      tree { leaves(first: $n) { edges { cursor } } few @include(if: $if) { id } } }"""
    one = price(query)
    assert one.of({"ids": ["a"]}).cost == 1 + 1 + (1 + 1 + 5)
    assert one.of({"ids": ["a", "b"], "n": 50, "if": True}).cost == 1 + 2 + (1 + 1 + 50 + 10)
    assert one.of({"ids": 7, "n": "rubbish", "if": [1]}).cost > 0
    for number in range(200):
        assert one.of({"ids": [], "n": number}).cost == 3 + number
    assert len(one._known) <= 50


def test_each_root_field_has_its_own() -> None:
    found = price("{ name tree { id } b: tree { leaf { id } } }").of({})
    assert [(one.cost, one.node.name.value) for one in found.roots] == [(0, "name"), (1, "tree"), (2, "tree")]


def test_fragments_that_meet_in_many_ways_end() -> None:
    levels = 20
    parts = [f"fragment F{n} on Tree {{ leaf {{ ...L }} ...F{n + 1} ...F{n + 2} }}" for n in range(levels)]
    ends = f"fragment F{levels} on Tree {{ id }} fragment F{levels + 1} on Tree {{ id }} fragment L on Leaf {{ id }}"
    assert cost(f"{{ tree {{ ...F0 }} }} {' '.join(parts)} {ends}") == 2


# --- the real schema -------------------------------------------------------------------------------------------------


def test_introspection_may_be_asked_for() -> None:
    real = Prices(api_schema()._schema)
    query = get_introspection_query(input_value_deprecation=True, directive_is_repeatable=True)
    asked = price(query, real).of({}).cost
    found = graphql_sync(api_schema()._schema, query)
    assert found.data is not None
    assert 1_000 < json.dumps(found.data).count("{") <= asked <= LIMITS["COST"].most


def test_the_schema_says_what_lists_and_mutations_cost() -> None:
    text = schema_text()
    published = build_schema(text)
    assert published.get_directive("cost") and published.get_directive("listSize")
    asked = graphql_sync(api_schema()._schema, "{ __schema { directives { name } } }").data
    assert asked is not None
    assert {"cost", "listSize"} <= {one["name"] for one in asked["__schema"]["directives"]}
    mutation, store = published.mutation_type, published.type_map["Store"]
    assert mutation is not None
    for field in mutation.fields.values():
        assert field.ast_node is not None
        assert [one.name.value for one in field.ast_node.directives or ()] == ["cost"]
    customers = store.fields["customers"].ast_node  # type: ignore[attr-defined]
    [size] = customers.directives
    said = {one.name.value: one.value for one in size.arguments}
    assert said["assumedSize"].value == "20"
    assert [one.value for one in said["slicingArguments"].values] == ["first", "last"]
    assert [one.value for one in said["sizedFields"].values] == ["edges"]


def test_no_answer_has_more_objects_than_it_was_priced_at(api: Api) -> None:
    actor = api.actor(("STORE_GM", "N1"))
    queries = [
        '{ store(code: "N1") { customers(first: 3) { edges { node { name vehicles(first: 2) { edges { node { vin } } } } } } } }',
        '{ store(code: "N1") { repairOrders(last: 5) { totalCount pageInfo { hasNextPage } edges { cursor node { id } } } } }',
        "{ viewer { name memberships { role } } group { name stores(first: 2) { edges { node { code } } } } }",
    ]
    for query in queries:
        answer = api.run(actor, query)
        assert "errors" not in answer
        asked = price(query, api.schema.compiled.prices).of({}).cost
        assert 0 < json.dumps(answer["data"]).count("{") - 1 <= asked

"""Fields with resolvers of their own inside compiled queries: completed by graphql-core, one by one, with the same answer."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from graphql import (
    GraphQLObjectType,
    OperationDefinitionNode,
    OperationType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    parse,
)

from forecourt.auth.actor import Actor
from forecourt.domain.entities import ENTITIES
from forecourt.graphql import ids
from forecourt.graphql.compiled.plan import made_fields
from forecourt.tenancy.ids import new_id
from forecourt.web.stored import DOCUMENTS
from tests.graphql.compiled.conftest import NOW, Both
from tests.graphql.rows import group_rows

#: Arguments for fields that need some.
ARGUMENTS = {
    "Query.__type": '(name: "Store")',
    "Query.colleagues": '(membershipId: "%(AccountMembership)s")',
    "Query.costPreview": '(document: "{ viewer { name } }")',
    "Query.explainAccess": '(input: {type: "Customer"})',
    "Group.benchmark": '(month: "2026-08", kpi: "S01")',
    "Store.benchmarkShare": '(month: "2026-08", kpi: "S01")',
}
#: Where the fields of a type are asked for.
PLACES = {
    "Query": "{ %s }",
    "Viewer": "{ viewer { name %s key } }",
    "Group": "{ group { code %s currency } }",
    "Store": '{ store(code: "a1") { code %s customers(first: 2) { totalCount edges { node { name } } } } }',
}
#: Something of every part of a query, to stand beside.
BESIDE = """a: store(code: "a1") { asOf employees(first: 1) { edges { node { name } } } }
  b: group { name stores(first: 3) { totalCount edges { cursor node { code customers(first: 1) { totalCount } } } } }
  c: viewer { language } d: __typename"""
ROLES = {
    "director": (("HQ_DIRECTOR", None),),
    "administrator": (("GROUP_ADMIN", None), ("STORE_GM", "a1"), ("STORE_GM", "a2")),
    "manager": (("STORE_GM", "a1"),),
    "technician": (("TECHNICIAN", "a1"),),
}


def own_fields(both: Both) -> list[str]:
    """Every field of these types that the engine does not make."""
    made = made_fields(ENTITIES)
    found = ["Query.__schema", "Query.__type"]
    for name in PLACES:
        type_ = both.schema._schema.get_type(name)
        assert isinstance(type_, GraphQLObjectType)
        found += [f"{name}.{field}" for field in type_.fields if field not in made[name]]
    return found


def selection(both: Both, field: str, depth: int = 3) -> str:
    """The field with everything below it that needs no arguments."""
    type_name, name = field.split(".")
    schema = both.schema._schema
    parent = schema.get_type(type_name)
    assert isinstance(parent, GraphQLObjectType)
    found = schema.get_field(parent, name)
    assert found is not None
    return f"{name}{ARGUMENTS.get(field, '')} {_below(get_named_type(found.type), depth)}"


def _below(type_: Any, depth: int) -> str:
    if is_leaf_type(type_):
        return ""
    parts = ["__typename"]
    if depth:
        for name, field in getattr(type_, "fields", {}).items():
            inner = get_named_type(field.type)
            if not any(map(is_required_argument, field.args.values())) and (is_leaf_type(inner) or depth > 1):
                parts.append(f"{name} {_below(inner, depth - 1)}")
    return f"{{ {' '.join(parts)} }}"


@pytest.fixture(scope="module")
def rows(both: Both) -> dict[str, UUID]:
    """Things of the group: accounts, tokens, a scheme …"""
    return both.runner.run(group_rows(both.platforms["interpreted"], both.world.groups["a"]))


@pytest.fixture
def named(both: Both, rows: dict[str, UUID]) -> dict[str, str]:
    """Their ids in the API."""
    context = both.context("interpreted", both.actor(("GROUP_ADMIN", None)))
    return {type_: context.id_of_group(type_, row) for type_, row in rows.items()}


def somebody(both: Both, rows: dict[str, UUID], role: str) -> Actor:
    """An actor with an account that is there."""
    account = rows["Account"]
    return replace(both.actor(*ROLES[role]), key=f"account:{account}", account_id=account)


@pytest.mark.parametrize("role", ROLES)
def test_every_field_of_its_own_has_the_same_answer_alone_and_beside_others(
    both: Both, rows: dict[str, UUID], named: dict[str, str], role: str
) -> None:
    actor = somebody(both, rows, role)
    fields = own_fields(both)
    assert len(fields) > 25
    answered = failed = 0
    for field in fields:
        asked = selection(both, field)
        asked = asked % named if "%(" in asked else asked
        document = PLACES[field.split(".")[0]] % f"first: {asked}"
        alone = both.compiled(actor, document)
        answered += "errors" not in alone
        failed += "errors" in alone
        if "errors" not in alone:  # which of several errors come before a null of everything is a matter of time
            both.compiled(actor, "{ " + BESIDE + document[1:])
    assert answered > 5
    assert failed > 5 or role == "administrator"


def test_what_a_role_may_not_is_forbidden_at_its_path_and_the_rest_answers(both: Both, rows: dict[str, UUID]) -> None:
    query = """{ store(code: "a1") { share: benchmarkShare(month: "2026-08", kpi: "S01") { computed }
      code customers { totalCount } }
      group { benchmark(month: "2026-08", kpi: "S01") { n } name } viewer { memberships { role } } }"""
    actor = replace(somebody(both, rows, "administrator"), memberships=both.actor(("GROUP_ADMIN", None)).memberships)
    answer = both.compiled(actor, query)
    assert answer["data"] == {
        "store": {"share": None, "code": "a1", "customers": None},
        "group": {"benchmark": None, "name": both.world.groups["a"].name},
        "viewer": {"memberships": [{"role": "GROUP_ADMIN"}]},
    }
    assert sorted((error["path"], error["extensions"]["code"]) for error in answer["errors"]) == [
        (["group", "benchmark"], "FORBIDDEN"),
        (["store", "customers"], "FORBIDDEN"),
        (["store", "share"], "FORBIDDEN"),
    ]


def test_a_field_that_may_not_be_null_nulls_everything_above_it(both: Both, rows: dict[str, UUID]) -> None:
    answer = both.compiled(
        somebody(both, rows, "technician"), '{ store(code: "a1") { name } group { name months { month } } }'
    )
    assert answer["data"] is None
    assert [(e["path"], e["extensions"]["code"]) for e in answer["errors"]] == [(["group", "months"], "FORBIDDEN")]


BAD = {
    "an id of nothing": '{ viewer { name permissions(store: "x") { name } } }',
    "an account of another group": '{ group { signIns(accountId: "x") { at } } }',
    "a page too large": "{ group { name accounts(first: 1000) { pageInfo { hasNextPage } } } }",
    "a bad cursor": '{ group { name accounts(first: 1, after: "bad") { pageInfo { hasNextPage } } } }',
    "nothing to explain": "{ explainAccess(input: {}) { allowed } viewer { name } }",
    "a month that is none": '{ group { benchmark(month: "2026-13", kpi: "S01") { n } } }',
}


@pytest.mark.parametrize("what", BAD)
def test_bad_arguments_are_refused_as_graphql_core_refuses_them(both: Both, rows: dict[str, UUID], what: str) -> None:
    answer = both.same(somebody(both, rows, "administrator"), BAD[what])
    assert answer["errors"][0]["extensions"]["code"] in ("NOT_FOUND", "BAD_USER_INPUT")


def test_their_variables_reach_them_and_are_no_part_of_a_plan(both: Both, rows: dict[str, UUID]) -> None:
    query = """query($first: Int! = 1, $after: String, $month: YearMonth!, $kpi: String!, $id: ID, $what: ExplainAccessInput!,
      $deep: Boolean! = true, $code: String!) {
      viewer { permissions(store: $id) { name @include(if: $deep) scope } }
      group { accounts(first: $first, after: $after) { edges { cursor node { name @skip(if: $deep) id } } pageInfo { endCursor } }
        benchmark(month: $month, kpi: $kpi) { n } }
      explainAccess(input: $what) { allowed text }
      store(code: $code) { name benchmarkShare(month: $month, kpi: $kpi) { computed } customers(first: 3) { totalCount } } }"""
    actor = somebody(both, rows, "administrator")
    given: dict[str, Any] = {"month": "2026-08", "kpi": "S01", "what": {"permission": "sales:order:read"}, "code": "a1"}
    engine = both.schema.compiled
    first = both.compiled(actor, query, given)["data"]
    plans, parts = len(engine.operations), len(engine.parts)
    cursor = first["group"]["accounts"]["pageInfo"]["endCursor"]
    for other in (
        {"first": 5},
        {"after": cursor},
        {"after": None},
        {"month": "2026-07", "kpi": "S02"},
        {"id": both.store_id("a1")},
        {"id": both.store_id("b1")},
        {"what": {"type": "Customer", "field": "name"}},
        {"what": {"mutation": "approveRun", "storeId": both.store_id("a1")}},
        {"deep": False},
        {"code": "a2"},
    ):
        both.compiled(actor, query, given | other)
    assert (len(engine.operations), len(engine.parts)) == (plans, parts)
    both.same(actor, query, given | {"month": "x"})
    both.same(actor, query, given | {"what": {"nothing": 1}})


def test_fragments_aliases_and_conditions_keep_keys_and_their_order(both: Both, rows: dict[str, UUID]) -> None:
    query = """query($yes: Boolean!, $no: Boolean!) {
      z: group { ...G currency } viewer { ... on Viewer @include(if: $yes) { memberships { ...M } } key }
      group { ...G a: accounts(first: 1) { edges { node { id } } } ... on Group { accounts: settings { key } } }
      delegations @skip(if: $yes) { id } d: delegations @skip(if: $no) { id role } ...Q
      store(code: "a1") { ...S } s: store(code: "a1") { ...S benchmarkShare(month: "2026-08", kpi: "S01") { own { n } } }
      node(id: "%s") { id ... on Store { ...S } } nodes(ids: ["%s", "x"]) { ...S }
    }
    fragment Q on Query { __typename viewer { memberships { storeCode } name } x: __type(name: "Node") { possibleTypes { name } } }
    fragment G on Group { name months @include(if: $yes) { month } stores(first: 2) { edges { node { ...S } } } }
    fragment M on Membership { role again: role @skip(if: $no) }
    fragment S on Store { z: name benchmarkShare(month: "2026-08", kpi: "S01") @include(if: $yes) { computed own { rank } } a: code
      customers(first: 1) { totalCount } }"""
    query = query % (both.store_id("a1"), both.store_id("a2"))
    actor = replace(
        somebody(both, rows, "administrator"),
        memberships=both.actor(("HQ_DIRECTOR", None), ("GROUP_ADMIN", None), ("STORE_GM", "a1")).memberships,
    )
    for yes in (True, False):
        for no in (True, False):
            answer = both.compiled(actor, query, {"yes": yes, "no": no})
            assert "data" in answer and answer["data"]["group"]["accounts"] is not None
            assert ("months" in answer["data"]["z"]) is yes


@pytest.mark.parametrize("how", ["covering a holiday", "looking as a role"])
def test_more_than_a_reach_beside_stores_is_left_to_the_interpreter_before_any_resolver_runs(
    both: Both, how: str
) -> None:
    actor = both.actor(("STORE_GM", "a1"))
    if how == "covering a holiday":
        lent = replace(actor.memberships[0], delegated_by=new_id(), delegator="张伟")
        actor = replace(actor, memberships=(lent,))
    else:
        actor = actor.looking_as(actor.memberships[0], new_id(), NOW)
    reason = "somebody who stands in for another, or looks as a role"
    before = both.schema.compiled.handed_over.get(reason, 0)
    both.same(actor, '{ viewer { memberships { role } } store(code: "a1") { customers { totalCount } } }')
    assert both.schema.compiled.handed_over[reason] == before + 1
    both.compiled(actor, "{ viewer { memberships { role delegatedBy } viewing { role } } group { name } }")


# --- the pages -------------------------------------------------------------------------------------------------------


def _queries(text: str) -> list[OperationDefinitionNode]:
    operations = [one for one in parse(text).definitions if isinstance(one, OperationDefinitionNode)]
    return [one for one in operations if one.operation is OperationType.QUERY]


QUERIES = {name: found for name, text in DOCUMENTS.items() for found in _queries(text)}


def test_pages_have_queries() -> None:
    assert len(QUERIES) >= 12


@pytest.mark.parametrize("role", ["director", "administrator", "manager"])
@pytest.mark.parametrize("name", sorted(QUERIES))
def test_every_query_of_a_page_is_answered_by_the_engine(
    both: Both, rows: dict[str, UUID], named: dict[str, str], name: str, role: str
) -> None:
    actor = somebody(both, rows, role)
    people = [both.rows["a1"]["employee"][number]["id"] for number in range(2)]
    known: dict[str, Any] = {
        "month": "2026-08",
        "kpi": "S01",
        "code": "a1",
        "storeCode": "a1",
        "hq": role != "manager",
        "atStore": role == "manager",
        "people": [str(ids.GlobalId("Employee", both.world.stores["a1"].id, person)) for person in people],
        "after": None,
        "membership": named["AccountMembership"],
    }
    wanted = {one.variable.name.value for one in QUERIES[name].variable_definitions or ()}
    assert wanted <= known.keys()
    answer = both.compiled(actor, DOCUMENTS[name], {key: known[key] for key in wanted})
    assert "data" in answer

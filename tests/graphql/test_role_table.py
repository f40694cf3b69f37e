"""Every role at every operation of the schema: allowed or denied exactly as the role table says.

The oracle reads `ROLES` by itself, through the table in `operations.py`; operations come from the schema, so one that is
missing in the table fails. Inputs name rows that do not exist: whoever is denied must be told so before rows are looked
for, and whoever is allowed then finds nothing.
"""

from collections.abc import Mapping
from typing import Any

import pytest
from graphql import GraphQLObjectType, get_named_type, is_leaf_type

from forecourt.auth.roles import EITHER_ROLES, GROUP_ROLES, ROLES, Scope
from forecourt.graphql.api import api_schema
from tests.graphql.live import LiveApi, codes, values
from tests.graphql.operations import (
    ANYWHERE,
    GROUP,
    GROUP_FIELDS,
    MUTATIONS,
    ROOT_FIELDS,
    STORE,
    STORE_FIELDS,
    Needs,
    Samples,
)

pytestmark = pytest.mark.anyio

#: (role, code of the store of the membership or None for the group)
ASKERS = [
    (role, at)
    for role in sorted(ROLES)
    for at in ("a1", None)
    if (at is None and role in GROUP_ROLES) or (at is not None and role not in GROUP_ROLES - EITHER_ROLES)
]
asker = pytest.mark.parametrize(("role", "at"), ASKERS)
DENIED = {"FORBIDDEN", "NOT_FOUND"}


def holds(role: str, at: str | None, permission: str, place: str) -> bool:
    """Does the role, held there, give the permission at store a1, or for the group?"""
    scope = ROLES[role].get(permission)
    if scope is None:
        return False
    if place == ANYWHERE:
        return True
    return at is None if place == GROUP else at == "a1" or scope == Scope.GROUP


def sees(role: str, at: str | None) -> bool:
    """Does store a1 exist for them?"""
    return at == "a1" or "tenancy:group:read" in ROLES[role]


def expected(role: str, at: str | None, needs: Needs) -> str | None:
    """The code of the refusal; None: allowed."""
    if needs.place == STORE and not sees(role, at):
        return "NOT_FOUND"
    if not needs.permissions or any(holds(role, at, one, needs.place) for one in needs.permissions):
        return None
    return "FORBIDDEN"


def fields_of(name: str) -> Mapping[str, Any]:
    found = api_schema()._schema.type_map[name]
    assert isinstance(found, GraphQLObjectType)
    fields: Mapping[str, Any] = found.fields
    return fields


@pytest.mark.parametrize(
    ("name", "table"),
    [("Query", ROOT_FIELDS), ("Group", GROUP_FIELDS), ("Store", STORE_FIELDS), ("Mutation", MUTATIONS)],
)
def test_the_table_has_every_operation_and_no_other(name: str, table: Mapping[str, Needs]) -> None:
    assert sorted(fields_of(name)) == sorted(table)


def test_every_mutation_says_what_it_needs() -> None:
    for name, field in fields_of("Mutation").items():
        for permission in MUTATIONS[name].permissions:
            assert permission in (field.description or ""), name


@asker
async def test_roots(live_api: LiveApi, role: str, at: str | None) -> None:
    actor = live_api.actor((role, at))
    store = live_api.store_id("a1")
    answer = await live_api.run(
        actor,
        "query($id: ID!) { viewer { name permissions { name } } group { code } store(id: $id) { code } "
        "node(id: $id) { id } nodes(ids: [$id]) { id } }",
        {"id": store},
    )
    found = answer["data"]
    assert found["group"] == {"code": "SECRET-A"}
    shown = {item["name"] for item in found["viewer"]["permissions"]}
    assert shown == {name for name in ROLES[role] if holds(role, at, name, GROUP)}
    if sees(role, at):
        assert (found["store"], found["node"], found["nodes"]) == ({"code": "a1"}, {"id": store}, [{"id": store}])
    else:
        assert (found["store"], found["node"], found["nodes"]) == (None, None, [None])
        assert codes(answer) == {("store",): "NOT_FOUND"}


@asker
async def test_fields_of_the_group(live_api: LiveApi, role: str, at: str | None) -> None:
    actor = live_api.actor((role, at))
    for name, field in fields_of("Group").items():
        needs = GROUP_FIELDS[name]
        shape = "" if is_leaf_type(get_named_type(field.type)) else "{ __typename }"
        answer = await live_api.run(actor, f"{{ group {{ {name}{needs.arguments} {shape} }} }}")
        denied = expected(role, at, needs)
        if denied is None:
            assert "errors" not in answer, (name, answer)
        else:
            assert codes(answer) == {("group", name): denied}, name
            assert list(values(answer["data"])) == [], name


@asker
async def test_settings_of_a_store(live_api: LiveApi, role: str, at: str | None) -> None:
    answer = await live_api.run(
        live_api.actor((role, at)),
        "query($id: ID!) { group { settings(storeId: $id) { key } } }",
        {"id": live_api.store_id("a1")},
    )
    denied = expected(role, at, Needs(STORE, ("tenancy:setting:read",)))
    assert codes(answer) == ({} if denied is None else {("group", "settings"): denied})


@asker
async def test_fields_and_lists_of_a_store(live_api: LiveApi, role: str, at: str | None) -> None:
    actor = live_api.actor((role, at))
    parts = []
    for name, field in fields_of("Store").items():
        leaf = is_leaf_type(get_named_type(field.type))
        parts.append(f"{name}{STORE_FIELDS[name].arguments} {'' if leaf else '{ __typename }'}")
    document = f"query($id: ID!) {{ store(id: $id) {{ {' '.join(parts)} }} }}"
    answer = await live_api.run(actor, document, {"id": live_api.store_id("a1")})
    refused = codes(answer)
    if not sees(role, at):
        assert answer["data"] == {"store": None}
        assert refused == {("store",): "NOT_FOUND"}
        return
    for name, needs in STORE_FIELDS.items():
        denied = expected(role, at, needs)
        assert refused.get(("store", name)) == denied, name
        assert denied is None or answer["data"]["store"][name] is None, name


@asker
async def test_mutations(live_api: LiveApi, role: str, at: str | None) -> None:
    actor = live_api.actor((role, at))
    samples = Samples(live_api.store("a1").id, live_api.world.groups["a"].id)
    for name, needs in MUTATIONS.items():
        document = (
            f"mutation($input: {live_api.input_of(name)}!) {{ {name}(input: $input) {{ userErrors {{ code }} }} }}"
        )
        answer = await live_api.run(actor, document, {"input": needs.inputs(samples)[0]})
        denied, found = expected(role, at, needs), codes(answer).get((name,))
        if denied is None:
            assert found in (None, "NOT_FOUND"), (name, answer)
        else:
            assert found == denied, (name, answer)
            assert list(values(answer["data"])) == [], name


@pytest.mark.parametrize("role", sorted(set(ROLES) - (GROUP_ROLES - EITHER_ROLES)))
async def test_a_role_at_another_store_changes_nothing_here(live_api: LiveApi, role: str) -> None:
    actor = live_api.actor((role, "a2"))
    samples = Samples(live_api.store("a1").id, live_api.world.groups["a"].id)
    for name, needs in MUTATIONS.items():
        if needs.place != STORE:
            continue
        document = (
            f"mutation($input: {live_api.input_of(name)}!) {{ {name}(input: $input) {{ userErrors {{ code }} }} }}"
        )
        answer = await live_api.run(actor, document, {"input": needs.inputs(samples)[0]})
        assert codes(answer) == {(name,): "NOT_FOUND"}, name
        assert answer["data"] == {name: None}, name

"""Every role at every operation of the schema: allowed or denied exactly as the table `access.csv` says.

The table is written by hand and knows nothing of the code that refuses; operations come from the schema, so one that is
missing in the table fails, with the line that the product would have. Inputs name rows that do not exist: whoever is denied
must be told so before rows are looked for, and whoever is allowed then finds nothing.
"""

from collections.abc import Mapping
from typing import Any

import pytest
from graphql import GraphQLObjectType, get_named_type, is_leaf_type

from forecourt.auth.access import Operation, operations
from forecourt.auth.role_docs import TITLES
from forecourt.auth.roles import GROUP_ROLES, ROLES, goes_with
from forecourt.graphql.api import api_schema
from tests.graphql.jobs import declared_jobs
from tests.graphql.live import LiveApi, codes, values
from tests.graphql.operations import (
    GROUP_FIELDS,
    MUTATIONS,
    ROOT_FIELDS,
    STORE,
    STORE_FIELDS,
    SUBSCRIPTIONS,
    Needs,
    Samples,
)

pytestmark = pytest.mark.anyio

#: (role, where it is held: a code of a store, "@" and a code for the region of that store, or None for the group)
ASKERS = [
    (role, at)
    for role in sorted(ROLES)
    for at in ("a1", "@a1", "@a2", None)
    if goes_with(role, store=at == "a1", region=at is not None and at[0] == "@")
]
asker = pytest.mark.parametrize(("role", "at"), ASKERS)


def allowed(role: str, at: str | None, line: Operation) -> bool:
    """What the table says of a role that is held there, for an operation at store a1 or for the group."""
    cell = line.cells[role]
    if cell in ("", "+"):
        return cell == "+"
    if line.place == "group":
        return at is None
    if line.place == "anywhere":
        return True
    return {"a1": True, "@a1": cell in "RG", None: cell == "G"}.get(at, False)


def sees(role: str, at: str | None) -> bool:
    """Does store a1 exist for them? Everybody's own, the region's, and for headquarters every one."""
    return at in ("a1", "@a1") or at is None


def expected(role: str, at: str | None, name: str) -> str | None:
    """The code of the refusal; None: allowed."""
    line = operations()[name]
    if line.place == "store" and not sees(role, at):
        return "NOT_FOUND"
    return None if allowed(role, at, line) else "FORBIDDEN"


def letter(role: str, needs: tuple[str, ...]) -> str:
    """How far a role reaches, by the role table."""
    scopes = [ROLES[role][one] for one in needs if one in ROLES[role]]
    return max(scopes).name[0] if scopes else ""


def suggested(name: str, needs: Needs) -> str:
    """The line that an operation would have in the table."""
    cells = (letter(role, needs.permissions) if needs.permissions else "+" for role in TITLES)
    return ",".join((name, needs.place.lower(), " | ".join(needs.permissions), *cells))


def fields_of(name: str) -> Mapping[str, Any]:
    found = api_schema()._schema.type_map[name]
    assert isinstance(found, GraphQLObjectType)
    fields: Mapping[str, Any] = found.fields
    return fields


TABLES = {
    "Query": ROOT_FIELDS,
    "Group": GROUP_FIELDS,
    "Store": STORE_FIELDS,
    "Mutation": MUTATIONS,
    "Subscription": SUBSCRIPTIONS,
}


@pytest.mark.parametrize("name", TABLES)
def test_the_tables_have_every_operation_and_no_other(name: str) -> None:
    lines = {one.removeprefix(f"{name}.") for one in operations() if one.startswith(f"{name}.") and "(" not in one}
    table = TABLES[name]
    assert sorted(fields_of(name)) == sorted(table)
    missing = [suggested(f"{name}.{one}", table[one]) for one in fields_of(name) if one not in lines]
    assert not missing, "add to platform/auth/access.csv, after thinking:\n" + "\n".join(missing)
    assert lines == set(table)
    for one, needs in table.items():
        assert operations()[f"{name}.{one}"].needs == needs.permissions, one


def test_the_lines_agree_with_the_role_table() -> None:
    for name, line in operations().items():
        assert set(line.cells) == set(ROLES), name
        for role, cell in line.cells.items():
            if line.kind == "Job":
                assert cell == "", name
            elif not line.needs:
                assert cell == "+", (name, role)
            elif line.place == "group" and role not in GROUP_ROLES:
                assert cell == "", (name, role)
            else:
                assert cell == letter(role, line.needs), (name, role)


def test_every_job_is_in_the_table_and_runs_as_the_product() -> None:
    registered = {actor.actor_name for actor in declared_jobs()}
    assert {f"Job.{name}" for name in registered} == {name for name in operations() if name.startswith("Job.")}
    assert {operations()[f"Job.{name}"].place for name in registered} == {"system"}


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
    assert shown == (set(ROLES[role]) if at is None else set())
    if sees(role, at):
        assert (found["store"], found["node"], found["nodes"]) == ({"code": "a1"}, {"id": store}, [{"id": store}])
    else:
        assert (found["store"], found["node"], found["nodes"]) == (None, None, [None])
        assert codes(answer) == {("store",): "NOT_FOUND"}


@asker
async def test_fields_of_the_group(live_api: LiveApi, role: str, at: str | None) -> None:
    actor = live_api.actor((role, at))
    for name, field in fields_of("Group").items():
        shape = "" if is_leaf_type(get_named_type(field.type)) else "{ __typename }"
        answer = await live_api.run(actor, f"{{ group {{ {name}{GROUP_FIELDS[name].arguments} {shape} }} }}")
        denied = expected(role, at, f"Group.{name}")
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
    denied = expected(role, at, "Group.settings(storeId)")
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
    for name in STORE_FIELDS:
        denied = expected(role, at, f"Store.{name}")
        assert refused.get(("store", name)) == denied, name
        assert denied is None or answer["data"]["store"][name] is None, name


@asker
async def test_mutations(live_api: LiveApi, role: str, at: str | None) -> None:
    actor = live_api.actor((role, at))
    samples = Samples(live_api.store("a1").id, live_api.world.groups["a"].id)
    answer = await live_api.attempt(actor, {name: needs.inputs(samples)[0] for name, needs in MUTATIONS.items()})
    for name in MUTATIONS:
        denied, found = expected(role, at, f"Mutation.{name}"), codes(answer).get((name,))
        if denied is None:
            assert found in (None, "NOT_FOUND"), (name, found)
        else:
            # whoever does not see the store that the input names is told no more than that
            assert found == denied or (found == "NOT_FOUND" and not sees(role, at)), (name, found)
            assert answer["data"][name] is None, name


@pytest.mark.parametrize("role", [role for role in sorted(ROLES) if goes_with(role, store=True, region=False)])
async def test_a_role_at_another_store_changes_nothing_here(live_api: LiveApi, role: str) -> None:
    actor = live_api.actor((role, "a2"))
    samples = Samples(live_api.store("a1").id, live_api.world.groups["a"].id)
    given = {name: needs.inputs(samples)[0] for name, needs in MUTATIONS.items() if needs.place == STORE}
    answer = await live_api.attempt(actor, given)
    assert codes(answer) == {(name,): "NOT_FOUND" for name in given}
    assert answer["data"] == dict.fromkeys(given)

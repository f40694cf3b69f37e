"""Every scope at every operation: a program with exactly one can do exactly what that permission gives, where it may see.

As in the table of roles, operations come from the schema and needs from `operations.py`. Programs are registered in the database
and recognised from there, one for store a1 and one for the whole group of each scope.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from graphql import get_named_type, is_leaf_type

from forecourt.auth.actor import Actor
from forecourt.auth.oauth.access import AccessClaims
from forecourt.auth.oauth.clients import MANAGE
from forecourt.auth.oauth.programs import actor_of
from forecourt.auth.oauth.scopes import FOR_PROGRAMS, OF_GROUP
from forecourt.auth.roles import PERMISSIONS
from forecourt.domain.clients import actions
from forecourt.domain.work import open_group_work
from forecourt.errors import Invalid
from forecourt.tenancy.ids import new_id
from forecourt.tenancy.provision import owner_connection
from forecourt.tenancy.session import control_session
from tests.graphql.live import LiveApi, codes, values
from tests.graphql.operations import ANYWHERE, GROUP_FIELDS, MUTATIONS, STORE, STORE_FIELDS, Needs, Samples
from tests.graphql.test_role_table import fields_of

pytestmark = pytest.mark.anyio

#: What two people answer for, or what would let a program widen what it may do.
NEVER = {
    "accounts:account:manage",
    "accounts:account:read",
    "accounts:client:manage",
    "complaints:complaint:close",
    "complaints:complaint:sign",
    "complaints:validity:rule",
    "customers:contact:reveal",
    "evaluation:appeal:decide",
    "evaluation:month:close",
    "evaluation:run:approve",
    "evaluation:run:publish",
    "evaluation:scheme:approve",
    "evaluation:scheme:write",
    "surveys:response:rule",
    "surveys:template:publish",
    "surveys:template:write",
    "tenancy:setting:write",
}
ASKERS = [(scope, at) for scope in sorted(FOR_PROGRAMS) for at in ("a1", None) if at is None or scope not in OF_GROUP]
asker = pytest.mark.parametrize(("scope", "at"), ASKERS)
TOGETHER = 8


async def program(live: LiveApi, scopes: list[str], *stores: str, forced: list[str] | None = None) -> Actor:
    """A program of group a, registered and recognised; no stores: all of them."""
    group = live.world.groups["a"]
    async with open_group_work(live.platform, group, Actor.for_system("test", group.id)) as work:
        made = await actions.create_client(
            work,
            name="中台",
            scopes=scopes,
            stores=[live.store(code).id for code in stores] or None,
            auth_method="client_secret_basic",
        )
    if forced is not None:
        with owner_connection(live.world.server) as connection:
            connection.execute("update control.oauth_client set scopes = %s where id = %s", (forced, made.id))
    now = live.clock.now()
    asked = frozenset(forced or scopes)
    claims = AccessClaims("j", made.client_id, group.id, 1, asked, now, now + timedelta(minutes=5))
    async with control_session(live.platform.engines) as session:
        return await actor_of(session, claims, now)


async def one_scope(live: LiveApi, scope: str, at: str | None) -> Actor:
    return await program(live, [scope], *([at] if at else []))


def expected(scope: str, at: str | None, needs: Needs) -> str | None:
    """The code of the refusal at store a1 or for the group; None: allowed. A program of a1 or of the group sees a1."""
    if not needs.permissions:
        return None
    there = at is None or needs.place in (STORE, ANYWHERE)
    return None if scope in needs.permissions and there else "FORBIDDEN"


def test_what_no_program_is_ever_given() -> None:
    assert PERMISSIONS.keys() >= FOR_PROGRAMS
    assert not NEVER & FOR_PROGRAMS
    assert PERMISSIONS.keys() >= NEVER


@pytest.mark.parametrize("scope", sorted(PERMISSIONS.keys() - FOR_PROGRAMS))
async def test_a_scope_that_is_not_for_programs(live_api: LiveApi, scope: str) -> None:
    with pytest.raises(Invalid):
        await program(live_api, [scope])
    # Even in the database it gives nothing: an older version, or a hand, may have written it.
    actor = await program(live_api, ["tenancy:group:read"], forced=[scope, "tenancy:group:read"])
    for at in (None, live_api.store("a1").id):
        assert not actor.can(scope, at)
        assert actor.can("tenancy:group:read", at)


async def test_a_scope_of_the_whole_group_is_not_for_some_stores(live_api: LiveApi) -> None:
    for scope in OF_GROUP:
        with pytest.raises(Invalid):
            await program(live_api, [scope], "a1", "a2")


@asker
async def test_fields_of_the_group(live_api: LiveApi, scope: str, at: str | None) -> None:
    actor = await one_scope(live_api, scope, at)
    for name, field in fields_of("Group").items():
        shape = "" if is_leaf_type(get_named_type(field.type)) else "{ __typename }"
        answer = await live_api.run(actor, f"{{ group {{ {name}{GROUP_FIELDS[name].arguments} {shape} }} }}")
        denied = expected(scope, at, GROUP_FIELDS[name])
        if name == "tokens":
            denied = "NOT_FOUND"  # bearer tokens are accounts'; a program has no account
        assert codes(answer) == ({} if denied is None else {("group", name): denied}), (name, answer)


@asker
async def test_a_store_that_is_listed_and_those_that_are_not(live_api: LiveApi, scope: str, at: str | None) -> None:
    actor = await one_scope(live_api, scope, at)
    parts = [
        f"{name}{STORE_FIELDS[name].arguments} {'' if is_leaf_type(get_named_type(field.type)) else '{ __typename }'}"
        for name, field in fields_of("Store").items()
    ]
    document = f"query($id: ID!) {{ store(id: $id) {{ {' '.join(parts)} }} }}"
    for code in ("a1", "a2"):
        answer = await live_api.run(actor, document, {"id": live_api.store_id(code)})
        if code == "a2" and at is not None:
            assert (answer["data"], codes(answer)) == ({"store": None}, {("store",): "NOT_FOUND"})
            continue
        refused = codes(answer)
        for name, needs in STORE_FIELDS.items():
            denied = expected(scope, at, needs)
            assert refused.get(("store", name)) == denied, (code, name)
            assert denied is None or answer["data"]["store"][name] is None, (code, name)
    unknown = {"id": live_api.store_id("b1")}, {"id": str(new_id())}
    found = [await live_api.run(actor, document, variables) for variables in unknown]
    assert found[0] == found[1] and codes(found[0]) == {("store",): "NOT_FOUND"}


def together(
    live: LiveApi, needs: dict[str, Needs], samples: Samples
) -> Iterator[tuple[str, dict[str, Any], list[str]]]:
    """Documents of some mutations each, their variables, and the mutations' names."""
    names = sorted(needs)
    for start in range(0, len(names), TOGETHER):
        some = names[start : start + TOGETHER]
        given = ", ".join(f"${name}: {live.input_of(name)}!" for name in some)
        body = " ".join(f"{name}(input: ${name}) {{ userErrors {{ code }} }}" for name in some)
        yield f"mutation({given}) {{ {body} }}", {name: needs[name].inputs(samples)[0] for name in some}, some


@asker
async def test_mutations(live_api: LiveApi, scope: str, at: str | None) -> None:
    actor = await one_scope(live_api, scope, at)
    samples = Samples(live_api.store("a1").id, live_api.world.groups["a"].id)
    for document, variables, names in together(live_api, dict(MUTATIONS), samples):
        answer = await live_api.run(actor, document, variables)
        refused = codes(answer)
        for name in names:
            denied, found = expected(scope, at, MUTATIONS[name]), refused.get((name,))
            if denied is None:
                assert found in (None, "NOT_FOUND"), (name, answer)
            else:
                assert (found, answer["data"][name]) == (denied, None), (name, answer)


@pytest.mark.parametrize("code", ["a2", "b1"])
async def test_every_scope_changes_nothing_at_a_store_that_is_not_listed(live_api: LiveApi, code: str) -> None:
    actor = await program(live_api, sorted(FOR_PROGRAMS - OF_GROUP), "a1")
    of_stores = {name: needs for name, needs in MUTATIONS.items() if needs.place == STORE}
    group = live_api.world.groups[code[0]]
    for document, variables, names in together(live_api, of_stores, Samples(live_api.store(code).id, group.id)):
        answer = await live_api.run(actor, document, variables)
        assert codes(answer) == {(name,): "NOT_FOUND" for name in names}
        assert list(values(answer["data"])) == []


async def test_a_program_of_the_whole_group_is_none_of_another(live_api: LiveApi) -> None:
    actor = await program(live_api, sorted(FOR_PROGRAMS))
    answer = await live_api.data(actor, "{ group { code stores { edges { node { code } } } } }")
    assert answer["group"]["code"] == "SECRET-A"
    assert [edge["node"]["code"] for edge in answer["group"]["stores"]["edges"]] == ["a1", "a2"]


async def test_a_program_manages_neither_accounts_nor_programs(live_api: LiveApi) -> None:
    samples = Samples(live_api.store("a1").id, live_api.world.groups["a"].id)
    managing = {
        name: needs for name, needs in MUTATIONS.items() if {MANAGE, "accounts:account:manage"} & {*needs.permissions}
    }
    assert len(managing) >= 13
    for stores in ((), ("a1",)):
        actor = await program(live_api, sorted(FOR_PROGRAMS - OF_GROUP), *stores)
        for document, variables, names in together(live_api, managing, samples):
            assert codes(await live_api.run(actor, document, variables)) == {(name,): "FORBIDDEN" for name in names}
        for name in ("issueToken", "revokeToken"):
            for given in MUTATIONS[name].inputs(samples):
                document = f"mutation($input: {live_api.input_of(name)}!) {{ {name}(input: $input) {{ userErrors {{ code }} }} }}"
                answer = await live_api.run(actor, document, {"input": given})
                assert codes(answer)[(name,)] in ("NOT_FOUND", "FORBIDDEN"), name

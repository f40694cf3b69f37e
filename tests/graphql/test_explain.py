"""explainAccess: the right reason in words and codes, and never a word about what the asker cannot see."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from forecourt.auth.access import operations
from forecourt.auth.actor import Actor
from forecourt.graphql import ids
from forecourt.graphql.explain import REASONS
from forecourt.tenancy.ids import new_id
from tests.conftest import World
from tests.domain.desk import make_desk
from tests.graphql.live import LiveApi, codes
from tests.graphql.operations import STORE_FIELDS
from tests.graphql.rows import group_rows, store_rows
from tests.graphql.test_role_table import ASKERS, allowed, expected

pytestmark = pytest.mark.anyio

DOCUMENT = """query($input: ExplainAccessInput!) { explainAccess(input: $input) {
    allowed text permissions reasons { code text } grantedBy { role storeCode scope delegatedBy } rolesThatWould { role scope }
} }"""


#: Questions in one document.
PER_DOCUMENT = 30


async def ask(live: LiveApi, actor: Actor, **given: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await live.data(actor, DOCUMENT, {"input": given}))["explainAccess"]
    return found


def reasons(found: Mapping[str, Any]) -> list[str]:
    return [one["code"] for one in found["reasons"]]


QUICK = {"GROUP_ADMIN", "HQ_ANALYST", "INTEGRATOR", "INTERNAL_AUDIT", "REGION_MANAGER", "STORE_GM", "TECHNICIAN"}


@pytest.mark.parametrize(
    ("role", "at"),
    [pytest.param(*one, marks=() if one[0] in QUICK else pytest.mark.proof) for one in ASKERS],
)
async def test_it_says_of_every_list_and_mutation_what_the_table_says(
    live_api: LiveApi, role: str, at: str | None
) -> None:
    actor = live_api.actor((role, at))
    if expected(role, at, "Store.code") is not None:
        return  # nothing is said of a store that is not theirs: see below
    store = live_api.store_id("a1")
    asked: dict[str, dict[str, Any]] = {}
    wanted: dict[str, bool] = {}
    for name in STORE_FIELDS:
        key = f"Store_{name}"
        asked[key], wanted[key] = (
            {"type": "Store", "field": name, "storeId": store},
            not expected(role, at, f"Store.{name}"),
        )
    for name, line in operations().items():
        if line.kind == "Mutation":
            key = name.replace(".", "_")
            asked[key] = {"mutation": name.removeprefix("Mutation.")}
            asked[key] |= {"storeId": store} if line.place == "store" else {}
            wanted[key] = allowed(role, at, line)
    found: dict[str, Any] = {}
    keys = list(asked)
    for start in range(0, len(keys), PER_DOCUMENT):
        part = keys[start : start + PER_DOCUMENT]
        names = ", ".join(f"${key}: ExplainAccessInput!" for key in part)
        fields = " ".join(f"{key}: explainAccess(input: ${key}) {{ allowed }}" for key in part)
        found |= await live_api.data(actor, f"query({names}) {{ {fields} }}", {key: asked[key] for key in part})
    assert {key: one["allowed"] for key, one in found.items()} == wanted


async def test_the_reasons(live_api: LiveApi) -> None:
    store = live_api.store_id("a1")
    consultant = live_api.actor(("SALES_CONSULTANT", "a1"))
    found = await ask(live_api, consultant, type="SalesOrder", storeId=store)
    assert (found["allowed"], reasons(found)) == (True, ["GRANTED", "ROW"])
    assert found["grantedBy"] == [{"role": "SALES_CONSULTANT", "storeCode": "a1", "scope": "OWN", "delegatedBy": None}]
    found = await ask(live_api, consultant, permission="evaluation:run:approve", storeId=store)
    assert (found["allowed"], reasons(found)) == (False, ["NO_ROLE"])
    assert found["rolesThatWould"] == [{"role": "STORE_GM", "scope": "STORE"}]
    assert "STORE_GM (store)" in found["text"]
    found = await ask(
        live_api, live_api.actor(("STORE_GM", "a1"), ("CS_AGENT", "a2")), permission="evaluation:run:approve"
    )
    assert reasons(found) == ["STORE"]
    limited = replace(live_api.actor(("STORE_GM", "a1")), limit=frozenset({"tenancy:group:read"}))
    found = await ask(live_api, limited, type="Customer", storeId=store)
    assert (found["allowed"], reasons(found)) == (False, ["LIMIT"])
    found = await ask(
        live_api, live_api.actor(("TECHNICIAN", "a1")), type="Employee", field="phoneMasked", storeId=store
    )
    assert (found["allowed"], reasons(found)) == (False, ["GRANTED", "MASK"])
    assert found["permissions"] == ["people:contact:read"]
    found = await ask(live_api, live_api.actor(("STORE_GM", "a1")), mutation="decideAppeal", storeId=store)
    assert (found["allowed"], reasons(found)) == (True, ["GRANTED", "SEGREGATION"])
    assert reasons(await ask(live_api, consultant, mutation="issueToken")) == ["EVERYBODY"]
    admin = live_api.actor(("GROUP_ADMIN", None))
    look = admin.looking_as(live_api.member("STORE_GM", "a1"), new_id(), live_api.clock.now())
    assert reasons(await ask(live_api, look, type="Customer", storeId=store)) == ["VIEW_ONLY"]
    assert reasons(await ask(live_api, look, mutation="issueToken")) == ["VIEW_ONLY"]


async def test_both_languages_have_words_for_every_reason(live_api: LiveApi) -> None:
    for saying in REASONS.values():
        assert saying.zh
        assert saying.en.isascii()
    answer = await live_api.run(
        live_api.actor(("CS_AGENT", "a1")), DOCUMENT, {"input": {"permission": "jobs:dead:read"}}, language="zh-CN"
    )
    assert "不允许" in answer["data"]["explainAccess"]["text"]


async def test_what_cannot_be_asked(live_api: LiveApi) -> None:
    actor = live_api.actor(("STORE_GM", "a1"))
    for given in (
        {},
        {"permission": "no:such:thing"},
        {"mutation": "dropEverything"},
        {"type": "NoType"},
        {"permission": "tenancy:group:read", "mutation": "approveRun"},
    ):
        answer = await live_api.run(actor, DOCUMENT, {"input": given})
        assert codes(answer) == {("explainAccess",): "BAD_USER_INPUT"}, given


async def test_it_confirms_no_row_store_or_account_that_the_asker_cannot_see(live_api: LiveApi, world: World) -> None:
    world.truncate("a1", "a2", "b1")
    desk = await make_desk(live_api.platform.engines, world.groups["a"], world.stores["a1"])
    rows = await store_rows(desk)
    other = await make_desk(live_api.platform.engines, world.groups["b"], world.stores["b1"])
    strange = await group_rows(other.platform, world.groups["b"])
    ours = await group_rows(desk.platform, world.groups["a"])
    second = live_api.actor(("SALES_CONSULTANT", "a1"), employee=desk.people["second"])
    admin = live_api.actor(("GROUP_ADMIN", None))
    a1 = world.stores["a1"].id

    def node(type_: str, store: UUID, row: UUID) -> str:
        return str(ids.GlobalId(type_, store, row))

    # rows of others at one's own store: exactly what a random id gets
    for type_ in ("SalesOrder", "Customer", "FollowUpTask", "Appeal", "Complaint", "Response"):
        for field in (None, "createdAt"):
            real = await ask(live_api, second, nodeId=node(type_, a1, rows[type_]), field=field)
            random = await ask(live_api, second, nodeId=node(type_, a1, new_id()), field=field)
            assert real == random, type_
            assert not real["allowed"]
    # their own rows are confirmed to them
    own = live_api.actor(("SALES_CONSULTANT", "a1"), employee=desk.people["consultant"])
    seen = await ask(live_api, own, nodeId=node("SalesOrder", a1, rows["SalesOrder"]))
    assert (seen["allowed"], reasons(seen)) == (True, ["GRANTED", "ROW_SHOWN"])
    # stores that are not theirs, by any way of naming them
    answers = set()
    for given in (
        {"storeId": live_api.store_id("a2")},
        {"storeId": live_api.store_id("b1")},
        {"storeId": ids.store_id(new_id())},
        {"nodeId": node("SalesOrder", world.stores["a2"].id, new_id())},
        {"nodeId": node("SalesOrder", world.stores["b1"].id, rows["SalesOrder"])},
        {"nodeId": node("SalesOrder", new_id(), rows["SalesOrder"])},
        {"nodeId": "x"},
    ):
        answer = await live_api.run(second, DOCUMENT, {"input": {"type": "SalesOrder", **given}})
        assert codes(answer) == {("explainAccess",): "NOT_FOUND"}, given
        answers.add(str(answer))
    assert len(answers) == 1
    # others: with the right alone; accounts of another group are random ids
    account = live_api.group_id("Account", ours["Account"])
    about = {"permission": "evaluation:figure:read", "storeId": live_api.store_id("a1")}
    found = await ask(live_api, admin, accountId=account, **about)
    assert (found["allowed"], [one["role"] for one in found["grantedBy"]]) == (True, ["HQ_ANALYST"])
    refused = await live_api.run(second, DOCUMENT, {"input": {"accountId": account, **about}})
    assert codes(refused) == {("explainAccess",): "FORBIDDEN"}
    answers = set()
    for foreign in (
        live_api.group_id("Account", strange["Account"], "b"),
        live_api.group_id("Account", strange["Account"]),
        live_api.group_id("Account", new_id()),
    ):
        answer = await live_api.run(admin, DOCUMENT, {"input": {"accountId": foreign, **about}})
        assert codes(answer) == {("explainAccess",): "NOT_FOUND"}
        answers.add(str(answer))
    assert len(answers) == 1
    # an administrator who reads no customers learns of no row through somebody else's eyes
    for type_ in ("SalesOrder", "Customer", "EvaluationRun"):
        real = await ask(live_api, admin, accountId=account, nodeId=node(type_, a1, rows[type_]))
        random = await ask(live_api, admin, accountId=account, nodeId=node(type_, a1, new_id()))
        assert real == random, type_

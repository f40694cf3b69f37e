"""Rights for a while over the real API: regions, standing in, looking as a role, break-glass."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from forecourt.auth.actor import Actor
from forecourt.auth.identify import actor_for_account, identify_session
from forecourt.auth.model import AccountMembership
from forecourt.auth.roles import READING, ROLES
from forecourt.auth.view_as import looking
from forecourt.auth.web_sessions import open_session
from forecourt.domain.accounts import actions as accounts
from forecourt.domain.accounts import temporary
from forecourt.domain.entities import ENTITIES
from forecourt.domain.feed import GroupAuditEvent
from forecourt.domain.work import open_group_work, open_work
from forecourt.errors import Forbidden, Invalid, Refused, Unauthenticated, ViewOnly
from forecourt.graphql.ids import GlobalId
from forecourt.tenancy.control import Store
from forecourt.tenancy.ids import new_id
from forecourt.tenancy.session import control_session, group_session
from tests.conftest import World
from tests.domain.desk import Desk, make_desk
from tests.graphql.live import LiveApi, codes
from tests.graphql.operations import MUTATIONS, Samples
from tests.graphql.rows import store_rows

pytestmark = pytest.mark.anyio

REGION = "SECRET-EAST"


class Town:
    """Group a with accounts: store a1 is of a region and has rows, a2 has neither."""

    def __init__(self, live: LiveApi, desk: Desk, rows: dict[str, UUID]) -> None:
        self.live, self.desk, self.rows = live, desk, rows
        self.group = live.world.groups["a"]
        self.system = Actor.for_system("test", self.group.id)

    async def account(self, *held: tuple[str, str | None, str | None], group: str = "a") -> UUID:
        """A new account with (role, place, name of the employee there)."""
        known = self.live.world.groups[group]
        async with open_group_work(self.live.platform, known, Actor.for_system("test", known.id)) as work:
            account = await accounts.create_account(work, name=f"n{new_id().hex}", display_name=f"N{new_id().hex[-4:]}")
            for role, place, who in held:
                region = REGION if place == "@" else None
                store = self.live.store(place).id if place and not region else None
                employee = self.desk.people[who] if who else None
                await accounts.add_membership(
                    work, account, role=role, store_id=store, region=region, employee_id=employee
                )
        return account

    async def actor(self, account: UUID) -> Actor:
        """Who the account is now, as a request finds out."""
        async with control_session(self.live.platform.engines) as session:
            return await actor_for_account(session, account, clock=self.live.clock)

    async def person(self, *held: tuple[str, str | None, str | None]) -> Actor:
        return await self.actor(await self.account(*held))

    def membership(self, actor: Actor, number: int = 0) -> str:
        """The global id of one of somebody's own memberships."""
        found = [item.id for item in actor.memberships if item.delegated_by is None][number]
        return self.live.group_id("AccountMembership", found or new_id())

    async def delegate(self, by: Actor, to: UUID, **more: Any) -> dict[str, Any]:
        given = {
            "membershipId": self.membership(by),
            "accountId": self.live.group_id("Account", to),
            "validTo": (self.live.clock.now() + timedelta(days=10)).isoformat(),
            "reason": "年假",
            **more,
        }
        return await self.live.mutate(by, "delegateRole", given, "id")

    async def audits(self, action: str) -> list[GroupAuditEvent]:
        async with group_session(self.live.platform.engines, self.group, read_only=True) as session:
            query = select(GroupAuditEvent).where(GroupAuditEvent.action == action).order_by(GroupAuditEvent.at)
            return list(await session.scalars(query))

    async def count(self, actor: Actor, plural: str, code: str = "a1") -> int:
        query = f"query($id: ID!) {{ store(id: $id) {{ {plural} {{ totalCount }} }} }}"
        found: int = (await self.live.data(actor, query, {"id": self.live.store_id(code)}))["store"][plural][
            "totalCount"
        ]
        return found


@pytest.fixture
async def town(live_api: LiveApi, world: World) -> AsyncIterator[Town]:
    world.truncate("a1", "a2")
    desk = await make_desk(live_api.platform.engines, world.groups["a"], world.stores["a1"])
    made = Town(live_api, desk, await store_rows(desk))
    await region_of(made, REGION)
    yield made
    await region_of(made, None)


async def region_of(town: Town, region: str | None) -> None:
    async with group_session(town.live.platform.engines, town.group) as session:
        await session.execute(update(Store).where(Store.id == town.live.store("a1").id).values(region=region))


# --- several roles, regions ------------------------------------------------------------------------------------------


async def test_several_roles_in_several_stores_add_up_each_in_its_place(town: Town) -> None:
    actor = await town.person(
        ("SALES_CONSULTANT", "a1", "second"), ("CS_MANAGER", "a1", "second"), ("STORE_GM", "a2", None)
    )
    a1, a2 = town.live.store("a1").id, town.live.store("a2").id
    assert [store.code for store in await town.live.context(actor).stores()] == ["a1", "a2"]
    for name in ROLES["SALES_CONSULTANT"].keys() | ROLES["CS_MANAGER"].keys() | ROLES["STORE_GM"].keys():
        here = [ROLES[role][name] for role in ("SALES_CONSULTANT", "CS_MANAGER") if name in ROLES[role]]
        assert actor.scope(name, a1) == max(here, default=None), name
        assert actor.scope(name, a2) == ROLES["STORE_GM"].get(name), name
        assert actor.scope(name, None) is None, name
    assert await town.count(actor, "salesOrders") == 1
    assert not actor.can("evaluation:run:approve", a1)


async def test_a_region_reaches_its_stores_whichever_they_are_now(town: Town) -> None:
    account = await town.account(("REGION_MANAGER", "@", None))
    actor = await town.actor(account)
    assert [store.code for store in await town.live.context(actor).stores()] == ["a1"]
    assert actor.scope("evaluation:figure:read", town.live.store("a1").id) is not None
    assert actor.scope("evaluation:figure:read", None) is None
    assert await town.count(actor, "evaluationRuns") == 1
    refused = await town.live.run(
        actor, "query($id: ID!) { store(id: $id) { customers { totalCount } } }", {"id": town.live.store_id("a1")}
    )
    assert codes(refused) == {("store", "customers"): "FORBIDDEN"}
    shown = await town.live.data(actor, "{ viewer { memberships { role region storeCode } } }")
    assert shown["viewer"]["memberships"] == [{"role": "REGION_MANAGER", "region": REGION, "storeCode": None}]
    await region_of(town, "WEST")
    gone = await town.actor(account)
    assert not (await town.live.context(gone).stores()).ordered
    answer = await town.live.run(gone, "query($id: ID!) { store(id: $id) { code } }", {"id": town.live.store_id("a1")})
    assert codes(answer) == {("store",): "NOT_FOUND"}


async def test_a_membership_is_of_a_store_or_a_region_or_neither_as_its_role_wants(town: Town) -> None:
    admin = await town.person(("GROUP_ADMIN", None, None))
    account = town.live.group_id("Account", await town.account())
    base = {"accountId": account}
    for given, code in (
        ({"role": "REGION_MANAGER"}, "INVALID"),
        ({"role": "REGION_MANAGER", "storeId": town.live.store_id("a1")}, "INVALID"),
        ({"role": "STORE_GM", "region": REGION}, "INVALID"),
        ({"role": "HR"}, "INVALID"),
        ({"role": "PLATFORM_OPERATOR"}, "BREAK_GLASS"),
    ):
        assert await town.live.refused(admin, "addMembership", {**base, **given}) == [code], given
    document = "mutation($input: AddMembershipInput!) { addMembership(input: $input) { userErrors { code } } }"
    unknown = await town.live.run(admin, document, {"input": {**base, "role": "REGION_MANAGER", "region": "NOWHERE"}})
    assert codes(unknown) == {("addMembership",): "NOT_FOUND"}


# --- standing in -----------------------------------------------------------------------------------------------------


async def test_a_colleague_stands_in_with_the_delegators_work_and_not_their_results(town: Town) -> None:
    holder = await town.person(("SALES_CONSULTANT", "a1", "consultant"))
    colleague = await town.account(("SALES_CONSULTANT", "a1", "second"))
    assert await town.count(await town.actor(colleague), "salesOrders") == 0
    made = await town.delegate(holder, colleague)
    assert made["userErrors"] == []
    stand_in = await town.actor(colleague)
    for plural, rows in (
        ("salesOrders", 1),
        ("followUpTasks", 1),
        ("customers", 1),
        ("appeals", 0),
        ("ledgerEntries", 0),
    ):
        assert await town.count(stand_in, plural) == rows, plural
    assert await town.count(holder, "appeals") == 1
    shown = await town.live.data(stand_in, "{ viewer { memberships { role delegatedBy validTo } } }")
    assert [item["delegatedBy"] for item in shown["viewer"]["memberships"]] == [None, holder.name]
    listed = await town.live.data(holder, "{ delegations { id delegate role reason } }")
    assert listed["delegations"] == [
        {"id": made["id"], "delegate": stand_in.name, "role": "SALES_CONSULTANT", "reason": "年假"}
    ]
    [audit] = [row for row in await town.audits("accounts.delegate") if row.actor == holder.key]
    assert audit.reason == "年假"
    assert audit.after is not None
    assert (audit.after["delegate"], audit.after["delegator"]) == (str(colleague), str(holder.account_id))
    town.live.clock.at += timedelta(days=11)
    assert await town.count(await town.actor(colleague), "salesOrders") == 0
    assert (await town.live.data(holder, "{ delegations { id } }"))["delegations"] == []


async def test_a_delegation_ends_with_what_it_covers(town: Town) -> None:
    admin = await town.person(("GROUP_ADMIN", None, None))
    for end in ("membership", "account", "delegator", "administrator"):
        holder = await town.person(("CS_AGENT", "a1", "agent"))
        colleague = await town.account(("SALES_CONSULTANT", "a1", "second"))
        made = await town.delegate(holder, colleague)
        assert (await town.actor(colleague)).can("surveys:interview:record", town.live.store("a1").id)
        if end == "membership":
            await town.live.mutate(admin, "endMembership", {"id": town.membership(holder)})
        elif end == "account":
            await town.live.mutate(
                admin, "disableAccount", {"id": town.live.group_id("Account", holder.account_id or new_id())}
            )
        else:
            await town.live.mutate(holder if end == "delegator" else admin, "endDelegation", {"id": made["id"]})
        assert not (await town.actor(colleague)).can("surveys:interview:record", town.live.store("a1").id), end


async def test_who_may_not_let_whom_stand_in(town: Town) -> None:
    holder = await town.person(("CS_MANAGER", "a1", "cs_manager"))
    colleague = await town.account(("CS_AGENT", "a1", "agent"))
    outsider, stranger = await town.account(("CS_AGENT", "a2", None)), await town.account(group="b")
    admin = await town.person(("GROUP_ADMIN", None, None))
    other = await town.person(("STORE_GM", "a1", None))
    document = "mutation($input: DelegateRoleInput!) { delegateRole(input: $input) { id userErrors { code } } }"
    base = {
        "membershipId": town.membership(holder),
        "accountId": town.live.group_id("Account", colleague),
        "validTo": (town.live.clock.now() + timedelta(days=3)).isoformat(),
        "reason": "x",
    }
    answers = set()
    for asker, change in (
        (holder, {"accountId": town.live.group_id("Account", outsider)}),  # no role at this store
        (holder, {"accountId": town.live.group_id("Account", stranger)}),
        (holder, {"accountId": town.live.group_id("Account", new_id())}),
        (other, {}),  # somebody else's role
        (holder, {"membershipId": town.live.group_id("AccountMembership", new_id())}),
    ):
        answer = await town.live.run(asker, document, {"input": {**base, **change}})
        assert codes(answer) == {("delegateRole",): "NOT_FOUND"}, change
        answers.add(str(answer))
    assert len(answers) == 1
    own = town.live.group_id("Account", holder.account_id or new_id())
    assert await town.live.refused(holder, "delegateRole", {**base, "accountId": own}) == ["OWN_ACCOUNT"]
    mine = town.live.group_id("Account", admin.account_id or new_id())
    assert await town.live.refused(admin, "delegateRole", {**base, "accountId": mine}) == ["OWN_ACCOUNT"]
    for change in (
        {"validTo": (town.live.clock.now() + timedelta(days=61)).isoformat()},
        {"validTo": town.live.clock.now().isoformat()},
        {"validFrom": (town.live.clock.now() - timedelta(days=1)).isoformat()},
    ):
        assert await town.live.refused(holder, "delegateRole", {**base, **change}) == ["INVALID"], change
    assert await town.live.refused(holder, "delegateRole", {**base, "reason": " "}) == ["REASON_NEEDED"]
    assert await town.live.refused(admin, "delegateRole", {**base, "membershipId": town.membership(admin)}) == [
        "UNDELEGABLE"
    ]
    assert (await town.delegate(holder, colleague))["userErrors"] == []
    assert await town.live.refused(holder, "delegateRole", base) == ["MEMBERSHIP_EXISTS"]
    # an administrator may choose anybody of the group, also who has no role at the store
    assert (
        await town.live.refused(admin, "delegateRole", {**base, "accountId": town.live.group_id("Account", outsider)})
        == []
    )
    stand_in = await town.actor(outsider)
    [lent] = [item for item in stand_in.memberships if item.delegated_by]
    chain = {**base, "membershipId": town.live.group_id("AccountMembership", lent.id or new_id())}
    assert await town.live.refused(stand_in, "delegateRole", chain) == ["CHAIN"]
    names = await town.live.data(
        holder, "query($id: ID!) { colleagues(membershipId: $id) { name } }", {"id": town.membership(holder)}
    )
    assert [one["name"] for one in names["colleagues"]].count((await town.actor(colleague)).name) == 1
    foreign = await town.live.run(
        other, "query($id: ID!) { colleagues(membershipId: $id) { name } }", {"id": town.membership(holder)}
    )
    assert codes(foreign) == {("colleagues",): "NOT_FOUND"}


async def test_the_database_refuses_a_delegation_without_reason_or_end(town: Town) -> None:
    holder = await town.person(("CS_AGENT", "a1", "agent"))
    now = town.live.clock.now()
    for more in (
        {"reason": None, "valid_to": now + timedelta(days=1)},
        {"reason": "x", "valid_to": None},
        {"reason": "x", "valid_to": now + timedelta(days=61)},
    ):
        with pytest.raises(IntegrityError):
            async with group_session(town.live.platform.engines, town.group) as session:
                session.add(
                    AccountMembership(
                        id=new_id(),
                        account_id=holder.account_id,
                        group_id=town.group.id,
                        store_id=town.live.store("a1").id,
                        role="CS_AGENT",
                        valid_from=now,
                        delegated_from=holder.memberships[0].id,
                        **more,
                    )
                )


# --- looking as a role -----------------------------------------------------------------------------------------------


async def test_a_look_with_a_session_ends_by_the_button_and_by_time(town: Town) -> None:
    engines, clock = town.live.platform.engines, town.live.clock
    account = await town.account(("GROUP_ADMIN", None, None))
    async with control_session(engines) as session:
        opened = await open_session(session, account, clock=clock)

    async def now() -> Actor:
        async with control_session(engines) as session:
            actor, _ = await identify_session(session, opened.cookie, clock=clock)
            return await looking(session, actor, clock=clock)

    given = {"role": "STORE_GM", "storeId": town.live.store_id("a1"), "minutes": 30, "reason": "支持"}
    for end in ("button", "time"):
        started = await town.live.mutate(await now(), "startViewAs", given, "viewing { id role storeCode until }")
        assert started["viewing"]["role"] == "STORE_GM"
        look = await now()
        assert look.viewing is not None
        assert look.limit == READING
        shown = await town.live.data(look, "{ viewer { name viewing { role storeCode } } }")
        assert shown["viewer"] == {"name": look.name, "viewing": {"role": "STORE_GM", "storeCode": "a1"}}
        if end == "button":
            ended = await town.live.mutate(look, "endViewAs", {"note": "看过了"}, "ended")
            assert ended == {"ended": True, "userErrors": []}
        else:
            clock.at += timedelta(minutes=30)
        assert (await now()).viewing is None, end
    actions = [row.action for name in ("start", "end") for row in await town.audits(f"accounts.{name}_view")]
    assert actions.count("accounts.start_view") >= 2
    assert "accounts.end_view" in actions


async def test_a_look_with_a_token_is_named_and_another_ones_is_refused(town: Town) -> None:
    engines, clock = town.live.platform.engines, town.live.clock
    admin, other = await town.person(("GROUP_ADMIN", None, None)), await town.person(("GROUP_ADMIN", None, None))
    given = {"role": "STORE_GM", "storeId": town.live.store_id("a1"), "reason": "支持"}
    named = (await town.live.mutate(admin, "startViewAs", given, "viewing { id }"))["viewing"]["id"]
    async with control_session(engines) as session:
        assert (await looking(session, admin, named, clock=clock)).viewing is not None
        assert (await looking(session, admin, clock=clock)).viewing is None
        for asker, text in ((other, named), (admin, str(new_id())), (admin, "x"), (admin, "")):
            with pytest.raises(Unauthenticated):
                await looking(session, asker, text, clock=clock)
    for item in admin.memberships:
        async with open_group_work(town.live.platform, town.group, town.system) as work:
            await accounts.end_membership(work, item.id or new_id())
    async with control_session(engines) as session:
        with pytest.raises(Unauthenticated):  # the right to look is gone, and so is the look
            await looking(session, await town.actor(admin.account_id or new_id()), named, clock=clock)


async def look_as(town: Town, actor: Actor, role: str, **more: Any) -> Actor:
    """The actor, looking as a role at a1, as a request with a bearer token finds out."""
    given = {"role": role, "storeId": town.live.store_id("a1"), "reason": "x", **more}
    started = await town.live.mutate(actor, "startViewAs", given, "viewing { id }")
    assert started["userErrors"] == [], started
    async with control_session(town.live.platform.engines) as session:
        return await looking(session, actor, started["viewing"]["id"], clock=town.live.clock)


async def test_an_administrator_opens_what_the_role_opens_and_reads_nothing_they_could_not(town: Town) -> None:
    admin = await town.person(("GROUP_ADMIN", None, None))
    manager = await town.person(("STORE_GM", "a1", None))
    look = await look_as(town, admin, "STORE_GM")
    for entity in ENTITIES:
        if any(manager.can(grant.permission, town.live.store("a1").id) for grant in entity.grants):
            assert await town.count(look, entity.plural) == 0, entity.name  # open, and empty
    assert await town.count(manager, "customers") == 1
    # and by id, or below something else, as little
    row = str(GlobalId("Customer", town.live.store("a1").id, town.rows["Customer"]))
    assert (await town.live.data(look, "query($id: ID!) { node(id: $id) { id } }", {"id": row}))["node"] is None
    for role, permission in (("STORE_GM", "accounts:account:read"), ("HQ_DIRECTOR", "benchmark:result:read")):
        held = {"storeId": None} if role == "HQ_DIRECTOR" else {}
        assert not (await look_as(town, admin, role, **held)).can(permission, None)


async def test_a_manager_sees_what_one_of_the_staff_sees_and_no_more_than_themself(town: Town) -> None:
    manager = await town.person(("STORE_GM", "a1", None))
    numbers = {"consultant": "E0", "second": "E1", "supervisor": "E2"}
    for who, role, orders in (
        ("consultant", "SALES_CONSULTANT", 1),
        ("second", "SALES_CONSULTANT", 0),
        ("supervisor", "SALES_SUPERVISOR", 1),
    ):
        look = await look_as(town, manager, role, employeeNo=numbers[who])
        assert await town.count(look, "salesOrders") == orders, who
        assert await town.count(look, "salesOrders") == await town.count(
            await town.person((role, "a1", who)), "salesOrders"
        )
    answer = await town.live.run(
        look, "query($id: ID!) { store(id: $id) { auditEvents { totalCount } } }", {"id": town.live.store_id("a1")}
    )
    assert codes(answer) == {("store", "auditEvents"): "FORBIDDEN"}  # the manager may, the role may not


async def test_every_mutation_but_the_end_is_refused_while_looking(town: Town) -> None:
    admin = await town.person(("GROUP_ADMIN", None, None), ("STORE_GM", "a1", None))
    look = await look_as(town, admin, "STORE_GM")
    samples = Samples(town.live.store("a1").id, town.group.id, town.rows)
    given = {name: needs.inputs(samples)[0] for name, needs in MUTATIONS.items() if name != "endViewAs"}
    answer = await town.live.attempt(look, given)
    assert codes(answer) == {(name,): "VIEW_ONLY" for name in given}
    assert answer["data"] == dict.fromkeys(given)
    with pytest.raises(ViewOnly):
        async with open_work(town.live.platform, town.live.store("a1"), look):
            pass
    with pytest.raises(ViewOnly):
        async with open_group_work(town.live.platform, town.group, look):
            pass
    assert (await town.live.mutate(look, "endViewAs", {}, "ended"))["ended"]


async def test_who_may_look_as_what(town: Town) -> None:
    manager, admin = await town.person(("STORE_GM", "a1", None)), await town.person(("GROUP_ADMIN", None, None))
    store = town.live.store_id("a1")
    for given in (
        {"role": "GROUP_ADMIN"},
        {"role": "PLATFORM_OPERATOR"},
        {"role": "HQ_ANALYST", "storeId": store},
        {"role": "STORE_GM"},
        {"role": "REGION_MANAGER", "storeId": store},
        {"role": "STORE_GM", "storeId": store, "minutes": 31},
        {"role": "STORE_GM", "storeId": store, "minutes": 0},
    ):
        assert await town.live.refused(admin, "startViewAs", {"reason": "x", **given}) == ["INVALID"], given
    assert await town.live.refused(admin, "startViewAs", {"role": "STORE_GM", "storeId": store, "reason": " "}) == [
        "REASON_NEEDED"
    ]
    document = "mutation($input: StartViewAsInput!) { startViewAs(input: $input) { userErrors { code } } }"
    for asker, given, code in (
        (manager, {"role": "STORE_GM", "storeId": town.live.store_id("a2")}, "NOT_FOUND"),
        (manager, {"role": "HQ_ANALYST"}, "FORBIDDEN"),
        (manager, {"role": "DPO", "storeId": store}, "FORBIDDEN"),
        (admin, {"role": "REGION_MANAGER", "region": "NOWHERE"}, "NOT_FOUND"),
        (admin, {"role": "STORE_GM", "storeId": town.live.store_id("b1")}, "NOT_FOUND"),
    ):
        answer = await town.live.run(asker, document, {"input": {"reason": "x", **given}})
        assert codes(answer) == {("startViewAs",): code}, given


# --- break-glass -----------------------------------------------------------------------------------------------------


async def test_break_glass_is_short_reasoned_audited_and_seen(town: Town) -> None:
    operator = await town.account()
    admin = await town.person(("GROUP_ADMIN", None, None))
    assert not (await town.live.context(await town.actor(operator)).stores()).ordered
    store = town.live.store("a1").id
    async with open_group_work(town.live.platform, town.group, town.system) as work:
        for hours, reason, error in ((9, "x", Invalid), (0, "x", Invalid), (4, " ", Refused)):
            with pytest.raises(error):
                await temporary.break_glass(work, operator, store_id=store, hours=hours, reason=reason)
        await temporary.break_glass(work, operator, store_id=store, hours=4, reason="导入失败")
    with pytest.raises(Forbidden):
        async with open_group_work(town.live.platform, town.group, admin) as work:
            await temporary.break_glass(work, operator, store_id=store, hours=4, reason="x")
    inside = await town.actor(operator)
    assert await town.count(inside, "importBatches") == 0
    for plural in ("customers", "employees", "salesOrders", "responses", "ledgerEntries"):
        answer = await town.live.run(
            inside,
            f"query($id: ID!) {{ store(id: $id) {{ {plural} {{ totalCount }} }} }}",
            {"id": town.live.store_id("a1")},
        )
        assert codes(answer) == {("store", plural): "FORBIDDEN"}
    seen = await town.live.data(
        admin, "{ group { accounts(first: 200) { edges { node { memberships { role reason validTo } } } } } }"
    )
    held = [one for edge in seen["group"]["accounts"]["edges"] for one in edge["node"]["memberships"]]
    assert [one["reason"] for one in held if one["role"] == "PLATFORM_OPERATOR"] == ["导入失败"]
    [audit] = await town.audits("accounts.break_glass")
    assert (audit.reason, audit.actor) == ("导入失败", town.system.key)
    town.live.clock.at += timedelta(hours=4)
    assert (await town.actor(operator)).memberships == ()

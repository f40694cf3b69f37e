"""Accounts live inside their group, and roles only where they belong."""

from datetime import timedelta

import pytest

from forecourt.auth import account_reads, accounts
from forecourt.auth.actor import Actor, Membership
from forecourt.auth.identify import ActorCache, actor_for_account, identify
from forecourt.auth.tokens import issue_token
from forecourt.auth.web_sessions import open_session, verify_session
from forecourt.errors import Forbidden, Invalid, NotFound, Refused, Unauthenticated
from forecourt.tenancy.ids import new_id
from tests.auth.world import CHEAP, PASSWORD, World

pytestmark = pytest.mark.anyio


async def test_names_are_unique_in_the_installation_and_without_case(world: World) -> None:
    await world.account("zhang.wei")
    async with world.sessions() as session:
        with pytest.raises(Refused) as refused:
            await accounts.create_account(session, world.system(world.south), name="ＺＨＡＮＧ.Wei ", display_name="Z")
    assert refused.value.code == "NAME_TAKEN"


@pytest.mark.parametrize("name", ["", "a", "zhang wei", "张伟", "pаypal", "-x", "x" * 101, "a\nb"])
async def test_names_of_another_form_are_refused(world: World, name: str) -> None:
    async with world.sessions() as session:
        with pytest.raises(Invalid):
            await accounts.create_account(session, world.system(), name=name, display_name="Z")


@pytest.mark.parametrize(
    ("shown", "email", "language"),
    [(" ", None, "en"), ("Li", "none", "en"), ("Li", None, "fr"), ("Li" * 200, None, "en")],
)
async def test_other_values_are_checked(world: World, shown: str, email: str | None, language: str) -> None:
    async with world.sessions() as session:
        with pytest.raises(Invalid):
            await accounts.create_account(
                session, world.system(), name="li", display_name=shown, email=email, language=language
            )


async def test_only_who_may_manage_accounts_does(world: World) -> None:
    target = await world.account("target")
    director = Actor("account:x", "D", world.north, memberships=(Membership("HQ_DIRECTOR", None),))
    manager = Actor("account:y", "G", world.north, memberships=(Membership("STORE_GM", world.stores["N1"]),))
    for actor in (director, manager):
        async with world.sessions() as session:
            with pytest.raises(Forbidden):
                await accounts.create_account(session, actor, name="new", display_name="New")
            with pytest.raises(Forbidden):
                await accounts.set_password(session, actor, target, password=PASSWORD)
            with pytest.raises(Forbidden):
                await accounts.add_membership(session, actor, target, role="HQ_ANALYST")
            with pytest.raises(Forbidden):
                await accounts.end_membership(session, actor, new_id())
            with pytest.raises(Forbidden):
                await accounts.disable_account(session, actor, target)
            with pytest.raises(Forbidden):
                await accounts.enable_account(session, actor, target)
            with pytest.raises(Forbidden):
                await account_reads.list_accounts(session, actor)
            with pytest.raises(Forbidden):
                await account_reads.list_memberships(session, actor, target)


async def test_an_account_of_another_group_does_not_exist(world: World) -> None:
    theirs = await world.account("south", ("STORE_GM", "S1"), group=world.south)
    admin = world.system(world.north)
    async with world.sessions() as session:
        assert await account_reads.list_accounts(session, admin) == []
        assert await account_reads.list_memberships(session, admin, theirs) == []
        membership = (await account_reads.list_memberships(session, world.system(world.south), theirs))[0]
        with pytest.raises(NotFound):
            await accounts.set_password(session, admin, theirs, password=PASSWORD)
        with pytest.raises(NotFound):
            await accounts.add_membership(session, admin, theirs, role="STORE_GM", store_id=world.stores["N1"])
        with pytest.raises(NotFound):
            await accounts.end_membership(session, admin, membership.id)
        with pytest.raises(NotFound):
            await accounts.disable_account(session, admin, theirs)
        with pytest.raises(NotFound):
            await accounts.enable_account(session, admin, theirs)


@pytest.mark.parametrize(
    ("role", "store", "error"),
    [
        ("EMPEROR", "N1", Invalid),
        ("STORE_GM", None, Invalid),
        ("SALES_CONSULTANT", None, Invalid),
        ("INTEGRATOR", None, Invalid),
        ("HQ_DIRECTOR", "N1", Invalid),
        ("GROUP_ADMIN", "N1", Invalid),
        ("STORE_GM", "S1", NotFound),
    ],
)
async def test_a_role_goes_with_its_store(world: World, role: str, store: str | None, error: type[Exception]) -> None:
    account = await world.account("li")
    async with world.sessions() as session:
        with pytest.raises(error):
            await accounts.add_membership(
                session, world.system(), account, role=role, store_id=world.stores[store] if store else None
            )


async def test_an_employee_and_a_period_must_make_sense(world: World) -> None:
    account = await world.account("li")
    async with world.sessions() as session:
        with pytest.raises(Invalid):
            await accounts.add_membership(session, world.system(), account, role="HQ_ANALYST", employee_id=new_id())
        with pytest.raises(Invalid):
            await accounts.add_membership(
                session, world.system(), account, role="HQ_ANALYST", valid_to=world.clock.now(), clock=world.clock
            )


async def test_one_open_membership_per_role_and_place(world: World) -> None:
    account = await world.account("li", ("HQ_ANALYST", None), ("STORE_GM", "N1"))
    async with world.sessions() as session:
        for role, store in (("HQ_ANALYST", None), ("STORE_GM", world.stores["N1"])):
            with pytest.raises(Refused) as refused:
                await accounts.add_membership(session, world.system(), account, role=role, store_id=store)
            assert refused.value.code == "MEMBERSHIP_EXISTS"


async def test_a_membership_counts_from_its_beginning_to_its_end(world: World) -> None:
    account = await world.account("li")
    start = world.clock.now() + timedelta(days=1)
    async with world.sessions() as session:
        given = await accounts.add_membership(
            session, world.system(), account, role="HQ_ANALYST", valid_from=start, clock=world.clock
        )
        assert (await actor_for_account(session, account, clock=world.clock)).memberships == ()
        world.later(days=1)
        assert len((await actor_for_account(session, account, clock=world.clock)).memberships) == 1
        await accounts.end_membership(session, world.system(), given, clock=world.clock)
        await accounts.end_membership(session, world.system(), given, clock=world.clock)
        assert (await actor_for_account(session, account, clock=world.clock)).memberships == ()
        again = await accounts.add_membership(session, world.system(), account, role="HQ_ANALYST", clock=world.clock)
        assert again != given
        await accounts.end_membership(session, world.system(), again, clock=world.clock)
        assert len(await account_reads.list_memberships(session, world.system(), account)) == 2


async def test_a_membership_that_never_began_can_be_taken_back(world: World) -> None:
    account = await world.account("li")
    async with world.sessions() as session:
        start = world.clock.now() + timedelta(days=9)
        given = await accounts.add_membership(session, world.system(), account, role="HQ_ANALYST", valid_from=start)
        await accounts.end_membership(session, world.system(), given, clock=world.clock)
        world.later(days=30)
        assert (await actor_for_account(session, account, clock=world.clock)).memberships == ()


async def test_disabling_ends_tokens_and_sessions(world: World) -> None:
    account = await world.account("li", ("HQ_ANALYST", None), password=PASSWORD)
    async with world.sessions() as session:
        token = await issue_token(session, world.system(), account, label="t", clock=world.clock)
        opened = await open_session(session, account, clock=world.clock)
    async with world.sessions() as session:
        await accounts.disable_account(session, world.system(), account, clock=world.clock)
    async with world.sessions() as session:
        for _ in range(2):  # and stay ended when the account comes back
            with pytest.raises(Unauthenticated):
                await identify(session, f"Bearer {token.clear}", clock=world.clock, cache=ActorCache())
            with pytest.raises(Unauthenticated):
                await verify_session(session, opened.cookie, clock=world.clock)
            await accounts.enable_account(session, world.system(), account)
        assert (await actor_for_account(session, account, clock=world.clock)).memberships


async def test_nobody_disables_their_own_account(world: World) -> None:
    account = await world.account("admin", ("GROUP_ADMIN", None))
    async with world.sessions() as session:
        actor = await actor_for_account(session, account, clock=world.clock)
        with pytest.raises(Refused) as refused:
            await accounts.disable_account(session, actor, account)
    assert refused.value.code == "OWN_ACCOUNT"


async def test_a_new_password_ends_web_sessions(world: World) -> None:
    account = await world.account("li", password=PASSWORD)
    async with world.sessions() as session:
        opened = await open_session(session, account, clock=world.clock)
        await accounts.set_password(
            session, world.system(), account, password="another long one", clock=world.clock, passwords=CHEAP
        )
        with pytest.raises(Unauthenticated):
            await verify_session(session, opened.cookie, clock=world.clock)


@pytest.mark.parametrize(
    "password", ["short", "x" * 300, "aaaaaaaaaaaaaaaa", "zhang.wei-2026", "ＺＨＡＮＧ.ＷＥＩ-2026"]
)
async def test_weak_passwords_are_refused(world: World, password: str) -> None:
    account = await world.account("zhang.wei")
    async with world.sessions() as session:
        with pytest.raises(Refused) as refused:
            await accounts.set_password(session, world.system(), account, password=password, passwords=CHEAP)
    assert refused.value.code == "WEAK_PASSWORD"


async def test_accounts_are_listed_in_pages(world: World) -> None:
    for name in ("cc", "aa", "bb"):
        await world.account(name)
    async with world.sessions() as session:
        first = await account_reads.list_accounts(session, world.system(), limit=2)
        rest = await account_reads.list_accounts(session, world.system(), after=first[-1].name, limit=2)
    assert [item.name for item in (*first, *rest)] == ["aa", "bb", "cc"]

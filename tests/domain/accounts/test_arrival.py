"""People who arrive from a provider: recognised, linked, made or refused; their roles follow the claims."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from forecourt.auth.account_reads import find_info
from forecourt.auth.actor import Actor
from forecourt.auth.oidc.config import ProviderIdentity
from forecourt.auth.oidc.identities import insert_identity
from forecourt.domain.accounts import actions as accounts
from forecourt.domain.accounts import providers
from forecourt.domain.accounts.arrival import arrive
from forecourt.domain.people.model import Employee
from forecourt.domain.work import open_work
from forecourt.errors import Fault, Forbidden, NotFound, Refused
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.ids import new_id
from tests.conftest import World
from tests.domain.accounts.office import Office, make_office

pytestmark = pytest.mark.anyio


def address() -> tuple[str, str]:
    """A new domain and somebody's address there."""
    domain = f"d{new_id().hex}.example"
    return domain, f"li.lei@{domain}"


async def refusal(office: Office, *arguments: Any) -> tuple[str, object]:
    with pytest.raises(Refused) as refused:
        await office.arrive(*arguments)
    return refused.value.code, refused.value.data.get("why")


async def test_who_is_unknown_gets_an_account_where_the_provider_may_make_one(office: Office) -> None:
    closed, open_ = await office.provider(), await office.provider(creates_accounts=True)
    assert await refusal(office, closed, "s-1") == ("NO_ACCOUNT", "UNKNOWN")
    assert [row.action for row in await office.audits(closed)][-1] == "accounts.refuse_arrival"
    _, email = address()
    account = await office.arrive(open_, "s-1", {"name": "欧阳试", "email": email, "locale": "en-US"})
    assert await office.arrive(open_, "s-1") == account
    assert await office.arrive(open_, "s-2") != account
    async with office.work() as work:
        info = await find_info(work.session, work.actor, account)
    assert (info.display_name, info.email, info.language, info.last_sign_in_at) == (
        "欧阳试",
        email,
        "en",
        office.clock.at,
    )
    assert info.name.startswith("li.lei.") and info.name.endswith("@secret-a")
    assert [row.action for row in await office.audits(account)] == ["accounts.create"]


async def test_a_subject_is_known_to_its_provider_alone(office: Office, world: World, engines: Engines) -> None:
    first, second = await office.provider(creates_accounts=True), await office.provider(creates_accounts=True)
    stranger = make_office(world, engines, "b")
    theirs = await stranger.provider(creates_accounts=True)
    found = [await office.arrive(first, "s"), await office.arrive(second, "s"), await stranger.arrive(theirs, "s")]
    assert len(set(found)) == 3
    with pytest.raises(NotFound):
        async with office.work() as work:
            config = await stranger.config(theirs)
            await arrive(work, config, ProviderIdentity(config.id, config.issuer, "s", None, {}, "t"))


async def test_an_account_that_waits_for_its_person_is_linked(office: Office) -> None:
    domain, email = address()
    provider = await office.provider(domain=domain)
    account = await office.account(("STORE_GM", "a1"), email=email.upper())
    claims = {"email": email, "email_verified": True, "name": "李雷雷"}
    assert await office.arrive(provider, "s-1", claims) == account
    # from now on the subject counts: the address may go to somebody else
    assert await office.arrive(provider, "s-1", {"email": "other@x.example"}) == account
    assert await refusal(office, provider, "s-2", claims) == ("NO_ACCOUNT", "ADDRESS_TAKEN")
    async with office.work() as work:
        info = await find_info(work.session, work.actor, account)
    assert (info.display_name, info.email) == ("李雷雷", email)
    assert [row.action for row in await office.audits(account)][-1] == "accounts.link_identity"


@pytest.mark.parametrize(
    "unsafe", ["unverified", "denied", "unconfirmed", "other domain", "password", "elsewhere", "two"]
)
async def test_an_account_that_somebody_could_have_planted_is_not_linked_nor_doubled(
    office: Office, unsafe: str
) -> None:
    domain, email = address()
    provider = await office.provider(domain=None if unsafe == "unconfirmed" else domain, creates_accounts=True)
    claims: dict[str, Any] = {"email": email, "email_verified": True}
    if unsafe == "unverified":
        del claims["email_verified"]
    if unsafe == "denied":
        claims["email_verified"] = False
    if unsafe == "other domain":
        email = claims["email"] = "li.lei@gmail.example"
    account = await office.account(email=email, password=unsafe == "password")
    if unsafe == "two":
        await office.account(email=email)
    if unsafe == "unconfirmed":
        async with office.work(office.admin()) as work:
            await providers.add_domain(work, provider, domain=domain)
    if unsafe == "elsewhere":
        other = await office.provider(domain=f"x{domain}")
        async with office.work() as work:
            await insert_identity(
                work.session,
                group_id=office.group.id,
                provider_id=other,
                account_id=account,
                subject="old",
                now=work.now,
            )
        assert await refusal(office, provider, "s-1", claims) == ("NO_ACCOUNT", "ADDRESS_TAKEN")
        # the old provider is given up: its people may be known by the new one
        async with office.work(office.admin()) as work:
            await providers.disable_provider(work, other)
        assert await office.arrive(provider, "s-1", claims) == account
        return
    assert await refusal(office, provider, "s-1", claims) == ("NO_ACCOUNT", "ADDRESS_TAKEN")
    if unsafe == "password":
        async with office.work(office.admin()) as work:
            await accounts.remove_password(work, account)
        assert await office.arrive(provider, "s-1", claims) == account


async def test_an_account_of_another_group_with_the_address_is_nobody(
    office: Office, world: World, engines: Engines
) -> None:
    domain, email = address()
    stranger = make_office(world, engines, "b")
    theirs = await stranger.account(email=email)
    provider = await office.provider(domain=domain, creates_accounts=True)
    claims = {"email": email, "email_verified": True}
    assert await office.arrive(provider, "s-1", claims) != theirs


async def test_whether_a_name_is_taken_elsewhere_is_not_seen(office: Office, world: World, engines: Engines) -> None:
    stranger = make_office(world, engines, "b")
    async with stranger.work() as work:
        await accounts.create_account(work, name="li.lei@secret-a", display_name="x")
    provider = await office.provider(creates_accounts=True)
    names = []
    for number, local in enumerate(("li.lei", "li.lei", "nobody.else")):
        account = await office.arrive(provider, f"s-{number}", {"email": f"{local}@x{number}.example"})
        async with office.work() as work:
            names.append((await find_info(work.session, work.actor, account)).name)
    shapes = {len(name.split("@")[0].rpartition(".")[2]) for name in names}
    assert len(set(names)) == 3 and shapes == {10}


async def test_who_is_disabled_stays_out_also_with_a_new_subject(office: Office) -> None:
    domain, email = address()
    provider = await office.provider(domain=domain, creates_accounts=True)
    claims = {"email": email, "email_verified": True, "groups": "hq"}
    known = await office.arrive(provider, "s-1", claims)
    waiting = await office.account(email=f"x.{email}")
    async with office.work(office.admin()) as work:
        await accounts.disable_account(work, known)
        await accounts.disable_account(work, waiting)
    assert (await refusal(office, provider, "s-1", claims))[0] == "ACCOUNT_DISABLED"
    assert (await refusal(office, provider, "s-2", claims | {"email": f"x.{email}"}))[0] == "ACCOUNT_DISABLED"
    assert (await refusal(office, provider, "s-3", claims))[0] == "NO_ACCOUNT"


async def test_two_first_sign_ins_at_once_make_one_account(office: Office) -> None:
    provider = await office.provider(creates_accounts=True)
    _, email = address()
    claims = {"email": email, "groups": ["hq", "fc-a1-advisor"]}
    found = await asyncio.gather(*(office.arrive(provider, "s-1", claims) for _ in range(4)))
    assert len(set(found)) == 1
    assert await office.roles(found[0]) == [("HQ_ANALYST", None, None), ("SERVICE_ADVISOR", "a1", None)]
    assert [row.action for row in await office.audits(found[0])] == ["accounts.create", "accounts.roles_by_provider"]
    others = await asyncio.gather(*(office.arrive(provider, f"n-{n}", {"email": f"{n}{email}"}) for n in range(4)))
    assert len(set(others)) == 4


async def test_roles_follow_the_claims_and_what_was_given_by_hand_stays(office: Office) -> None:
    provider = await office.provider(creates_accounts=True)
    account = await office.arrive(provider, "s-1", {"groups": ["hq", "fc-a1-advisor", "fc-b1-advisor"]})
    by_hand = [("HQ_ANALYST", None), ("SERVICE_ADVISOR", "a2")]
    async with office.work() as work:
        for role, code in by_hand:
            store = office.world.stores[code].id if code else None
            await accounts.add_membership(work, account, role=role, store_id=store)
    assert [(role, code) for role, code, _ in await office.roles(account)] == [
        ("HQ_ANALYST", None),
        ("HQ_ANALYST", None),
        ("SERVICE_ADVISOR", "a1"),
        ("SERVICE_ADVISOR", "a2"),
    ]
    office.later(hours=1)
    await office.arrive(provider, "s-1", {"groups": ["fc-A2-advisor"]})
    assert [(role, code) for role, code, _ in await office.roles(account)] == [
        ("HQ_ANALYST", None),
        ("SERVICE_ADVISOR", "a2"),
        ("SERVICE_ADVISOR", "a2"),
    ]
    office.later(hours=1)
    await office.arrive(provider, "s-1", {"groups": {"odd": 1}})
    assert [(role, code) for role, code, _ in await office.roles(account)] == by_hand
    changes = [row for row in await office.audits(account) if row.action == "accounts.roles_by_provider"]
    assert [(len((row.before or {})["ended"]), len((row.after or {})["given"])) for row in changes] == [
        (0, 2),
        (2, 1),
        (1, 0),
    ]
    await office.arrive(provider, "s-1", {})
    assert len(await office.audits(account)) == 4  # made once, changed three times, and then nothing to say


@pytest.fixture
async def staff(office: Office) -> AsyncIterator[dict[str, UUID]]:
    """Employees E1 of a1 and a2, E2 of a1."""
    office.world.truncate("a1", "a2")
    found = {}
    for code, number in (("a1", "E1"), ("a1", "E2"), ("a2", "E1")):
        found[f"{code}/{number}"] = new_id()
        store = office.world.stores[code]
        async with open_work(office.platform, store, Actor.for_system("test", store.group_id)) as work:
            work.session.add(
                Employee(
                    id=found[f"{code}/{number}"],
                    employee_no=number,
                    name="王",
                    name_sort="wang",
                    status="CONFIRMED",
                    hired_on=date(2020, 1, 1),
                )
            )
    yield found
    office.world.truncate("a1", "a2")


async def test_the_employee_number_says_who_the_person_is_at_the_store(office: Office, staff: dict[str, UUID]) -> None:
    provider = await office.provider(creates_accounts=True, claim_names={"employee_no": "no"})
    one, two = ["fc-a1-advisor"], ["fc-a1-advisor", "fc-a2-advisor"]

    async def people(groups: list[str], number: object) -> list[UUID | None]:
        office.later(hours=1)
        account = await office.arrive(provider, "s-1", {"groups": groups, "no": number})
        return [who for _, _, who in await office.roles(account)]

    assert await people(one, "E1") == [staff["a1/E1"]]
    assert await people(one, "E2") == [staff["a1/E2"]]
    assert await people(one, "E9") == [None]
    assert await people(one, None) == [None]
    assert await people(two, "E1") == [None, None]  # another person's at one of them, for all we know
    assert await people(two, ["a1/E2", "A2/E1", "b1/E1"]) == [staff["a1/E2"], staff["a2/E1"]]


async def test_only_the_system_lets_people_arrive_and_only_with_an_identity_of_the_provider(office: Office) -> None:
    provider = await office.provider(creates_accounts=True)
    config = await office.config(provider)
    sound: dict[str, Any] = {"provider_id": config.id, "issuer": config.issuer, "subject": "s"}
    rest: dict[str, Any] = {"sid": None, "claims": {}, "id_token": "t"}
    async with office.work(office.admin("dora", "HQ_DIRECTOR")) as work:
        with pytest.raises(Forbidden):
            await arrive(work, config, ProviderIdentity(**sound, **rest))
    for wrong in ({"provider_id": new_id()}, {"issuer": "https://login.example.com"}):
        async with office.work() as work:
            with pytest.raises(Fault):
                await arrive(work, config, ProviderIdentity(**sound | wrong, **rest))
    for subject in ("", "x" * 256, "a\0b"):
        assert await refusal(office, provider, subject) == ("NO_ACCOUNT", "UNKNOWN")
    draft = await office.provider(active=False)
    assert (await refusal(office, draft, "s"))[0] == "PROVIDER_INACTIVE"


@pytest.mark.parametrize(
    "claims",
    [
        {"name": 1, "email": {"a": 1}, "email_verified": [], "groups": [[["hq"]], None, 1.5], "locale": True},
        {"name": "\ud800", "email": "a\0@x.example", "groups": ["\ud800", "\0"], "employee_no": "\0"},
        {"name": "x" * 10_000, "email": "x" * 10_000 + "@x.example", "groups": ["x" * 10_000] * 10},
    ],
)
async def test_odd_claims_neither_break_a_sign_in_nor_give_anything(office: Office, claims: dict[str, Any]) -> None:
    provider = await office.provider(creates_accounts=True, claim_names={"employee_no": "employee_no"})
    account = await office.arrive(provider, "s-1", claims)
    assert await office.roles(account) == []

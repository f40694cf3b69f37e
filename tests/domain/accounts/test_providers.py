"""Identity providers: two people for what decides, secrets that are never shown, and nobody of another group."""

from typing import Any

import pytest
from sqlalchemy.exc import ProgrammingError

from forecourt.auth.oidc.model import IdentityProvider
from forecourt.auth.oidc.providers import confirm_domain, group_domains, group_provider, way_of_domain, ways_into
from forecourt.auth.web_sessions import verify_session
from forecourt.domain.accounts import actions as accounts
from forecourt.domain.accounts import providers
from forecourt.errors import Forbidden, Invalid, NotFound, Refused, StaleVersion, Unauthenticated, WrongState
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.ids import new_id
from forecourt.tenancy.session import control_session
from tests.conftest import World
from tests.domain.accounts.office import RULES, Office, make_office

pytestmark = pytest.mark.anyio

ADMIN_RULE = {"claim": "groups", "equals": "boss", "role": "GROUP_ADMIN"}


async def test_one_writes_a_provider_and_another_activates_it(office: Office) -> None:
    anna, bert = office.admin("anna"), office.admin("bert")
    made = await office.provider(active=False)
    async with office.work(anna) as work:
        with pytest.raises(Refused) as refused:
            await providers.activate_provider(work, made, version=1)
    assert refused.value.code == "SAME_PERSON"
    async with office.work(bert) as work:
        await providers.activate_provider(work, made, version=1)
    info = await office.info(made)
    assert (info.state, info.version, info.changed_by, info.activated_by) == ("ACTIVE", 2, anna.key, bert.key)
    async with office.work(bert) as work:
        with pytest.raises(WrongState):
            await providers.activate_provider(work, made, version=2)


async def test_nobody_gives_a_role_to_themselves_by_a_rule(office: Office) -> None:
    """The role of the person who wrote the rule does not widen before somebody else has looked at it."""
    made = await office.provider(creates_accounts=True)
    account = await office.arrive(made, "anna", {"groups": ["boss"]})
    office.ids["anna"] = account
    anna, bert = office.admin("anna"), office.admin("bert")
    async with office.work(anna) as work:
        await providers.change_provider(work, made, version=2, role_rules=[ADMIN_RULE])
        with pytest.raises(Refused) as refused:
            await providers.activate_provider(work, made, version=3)
    assert refused.value.code == "SAME_PERSON"
    await office.arrive(made, "anna", {"groups": ["boss"]})
    assert await office.roles(account) == []
    # whoever looks at it and writes it anew is an author too
    async with office.work(bert) as work:
        await providers.change_provider(work, made, version=3, name="Corp 2")
        with pytest.raises(Refused):
            await providers.activate_provider(work, made, version=4)
        # disabled and activated again is no way around
        await providers.disable_provider(work, made)
        with pytest.raises(Refused):
            await providers.activate_provider(work, made, version=5)
    async with office.work(anna) as work:
        await providers.activate_provider(work, made, version=5)
    await office.arrive(made, "anna", {"groups": ["boss"]})
    assert await office.roles(account) == [("GROUP_ADMIN", None, None)]


async def test_a_change_waits_while_sign_in_goes_on_as_before(office: Office) -> None:
    made = await office.provider(creates_accounts=True)
    async with office.work(office.admin("anna")) as work:
        await providers.change_provider(work, made, version=2, role_rules=[], creates_accounts=False, name="New")
    info = await office.info(made)
    assert (info.name, info.state, len(info.role_rules), info.creates_accounts) == ("Corp", "ACTIVE", 2, True)
    assert (info.newest.name, info.newest.role_rules, info.newest.creates_accounts) == ("New", (), False)
    account = await office.arrive(made, "s-1", {"groups": "hq"})
    assert await office.roles(account) == [("HQ_ANALYST", None, None)]
    async with office.work(office.admin("bert")) as work:
        await providers.activate_provider(work, made, version=3)
    info = await office.info(made)
    assert (info.name, info.proposal, info.version) == ("New", None, 4)
    await office.arrive(made, "s-1", {"groups": "hq"})
    assert await office.roles(account) == []


async def test_what_somebody_changed_meanwhile_is_neither_overwritten_nor_activated(office: Office) -> None:
    made = await office.provider(active=False)
    async with office.work(office.admin("anna")) as work:
        await providers.change_provider(work, made, version=1, name="A")
    async with office.work(office.admin("bert")) as work:
        for verb in (
            providers.change_provider(work, made, version=1, name="B"),
            providers.activate_provider(work, made, version=1),
        ):
            with pytest.raises(StaleVersion):
                await verb


async def test_issuer_and_client_are_fixed_once_people_may_be_known_by_them(office: Office) -> None:
    made = await office.provider(active=False)
    async with office.work(office.admin("anna")) as work:
        await providers.change_provider(work, made, version=1, issuer="https://new.example.com", client="other")
    assert (await office.info(made)).issuer == "https://new.example.com"
    async with office.work(office.admin("bert")) as work:
        await providers.activate_provider(work, made, version=2)
        await providers.disable_provider(work, made)
        for change in ({"issuer": "https://evil.example.com"}, {"client": "x"}):
            with pytest.raises(Refused) as refused:
                await providers.change_provider(work, made, version=4, **change)  # type: ignore[arg-type]
            assert refused.value.code == "PROVIDER_FIXED"
        await providers.change_provider(work, made, version=4, issuer="https://new.example.com", client="other")


async def test_a_secret_is_sealed_for_its_row_and_never_shown(office: Office) -> None:
    made = await office.provider(secret="s3cret-one")
    assert (await office.config(made)).client_secret == "s3cret-one"
    async with office.work(office.admin("anna")) as work:
        await providers.set_secret(work, made, secret="s3cret-two")
    info = await office.info(made)
    assert (info.has_secret, info.version) == (True, 3)
    assert (await office.config(made)).client_secret == "s3cret-two"
    told = repr([(row.before, row.after) for row in await office.audits(made)]) + repr(info)
    assert "s3cret" not in told
    async with control_session(office.platform.engines) as session:
        row = await session.get_one(IdentityProvider, made)
        assert b"s3cret" not in (row.client_secret_enc or b"")
    with pytest.raises(ProgrammingError):
        async with office.work() as work:
            await work.session.get(IdentityProvider, made)


async def test_everything_is_audited(office: Office) -> None:
    made = await office.provider()
    async with office.work(office.admin("anna")) as work:
        await providers.change_provider(work, made, version=2, role_rules=[ADMIN_RULE])
        domain = await providers.add_domain(work, made, domain="Corp.Example")
        await providers.remove_domain(work, domain)
        await providers.disable_provider(work, made)
    audits = await office.audits(made)
    assert [row.action.removeprefix("accounts.") for row in audits] == [
        "add_provider",
        "activate_provider",
        "change_provider",
        "add_email_domain",
        "remove_email_domain",
        "disable_provider",
    ]
    changed = audits[2]
    assert changed.before is not None and changed.after is not None
    assert (changed.before["role_rules"], changed.after["role_rules"]) == ([*RULES], [ADMIN_RULE])


async def test_disabling_ends_the_sessions_and_roles_that_came_by_the_provider_and_no_others(office: Office) -> None:
    first, second = await office.provider(creates_accounts=True), await office.provider(creates_accounts=True)
    one, two = await office.arrive(first, "s", {"groups": "hq"}), await office.arrive(second, "s", {"groups": "hq"})
    gone, kept = (
        await office.session_of(one, first),
        [await office.session_of(one), await office.session_of(two, second)],
    )
    async with office.work(office.admin("anna")) as work:
        await providers.disable_provider(work, first)
        await providers.disable_provider(work, first)
    async with control_session(office.platform.engines) as session:
        with pytest.raises(Unauthenticated):
            await verify_session(session, gone, clock=office.clock)
        for cookie in kept:
            await verify_session(session, cookie, clock=office.clock)
    assert await office.roles(one) == []
    assert await office.roles(two) == [("HQ_ANALYST", None, None)]
    with pytest.raises(Refused) as refused:
        await office.arrive(first, "s", {"groups": "hq"})
    assert refused.value.code == "PROVIDER_INACTIVE"
    # nothing was changed since bert looked at it: one person may switch it on again
    async with office.work(office.admin("anna")) as work:
        await providers.activate_provider(work, first, version=3)
    await office.arrive(first, "s", {"groups": "hq"})
    assert await office.roles(one) == [("HQ_ANALYST", None, None)]


async def test_a_draft_is_not_disabled(office: Office) -> None:
    made = await office.provider(active=False)
    async with office.work(office.admin("anna")) as work:
        with pytest.raises(WrongState):
            await providers.disable_provider(work, made)


async def test_only_who_may_manage_providers_of_this_group_does(office: Office, world: World, engines: Engines) -> None:
    made = await office.provider(active=False)
    async with office.work(office.admin("anna")) as work:
        domain = await providers.add_domain(work, made, domain="corp.example")

    def verbs(work: Any, provider: Any, domain_id: Any) -> list[Any]:
        return [
            providers.change_provider(work, provider, version=1, name="x"),
            providers.set_secret(work, provider, secret="x"),
            providers.activate_provider(work, provider, version=1),
            providers.disable_provider(work, provider),
            providers.add_domain(work, provider, domain="x.example"),
            providers.remove_domain(work, domain_id),
        ]

    async with office.work(office.admin("dora", "HQ_DIRECTOR")) as work:
        adding = providers.add_provider(work, code="x", name="x", issuer="https://x.example", client="x")
        for verb in (*verbs(work, made, domain), adding):
            with pytest.raises(Forbidden):
                await verb
    stranger = make_office(world, engines, "b")
    async with stranger.work(stranger.admin()) as work:
        for given in ((made, domain), (new_id(), new_id())):
            for verb in verbs(work, *given):
                with pytest.raises(NotFound):
                    await verb
        with pytest.raises(NotFound):
            await group_provider(work.session, stranger.group.id, made)
        assert made not in {one.provider_id for one in await group_domains(work.session, stranger.group.id)}


async def test_codes_are_unique_in_a_group_and_values_are_checked(
    office: Office, world: World, engines: Engines
) -> None:
    values: dict[str, Any] = {"name": "Corp", "issuer": "https://login.example.com", "client": "x"}
    async with office.work(office.admin()) as work:
        code = f"c{new_id().hex}"[:39]
        await providers.add_provider(work, code=code, **values)
        with pytest.raises(Refused) as refused:
            await providers.add_provider(work, code=code, **values)
        assert refused.value.code == "CODE_TAKEN"
        for wrong in (
            {"code": "A"},
            {"issuer": "http://127.0.0.1"},
            {"client": ""},
            {"secret": "密"},
            {"role_rules": [1]},
        ):
            with pytest.raises(Invalid):
                await providers.add_provider(work, **{"code": "x", **values} | wrong)
    stranger = make_office(world, engines, "b")
    async with stranger.work(stranger.admin()) as work:
        await providers.add_provider(work, code=code, **values)


async def test_a_domain_leads_to_a_provider_once_it_is_confirmed_and_to_one_only(
    office: Office, world: World, engines: Engines
) -> None:
    name = f"d{new_id().hex}.example"
    first, stranger = await office.provider(), make_office(world, engines, "b")
    theirs = await stranger.provider()
    async with office.work(office.admin()) as work:
        await providers.add_domain(work, first, domain=name.upper())
        with pytest.raises(Refused) as refused:
            await providers.add_domain(work, first, domain=name)
        assert refused.value.code == "DOMAIN_EXISTS"
    async with stranger.work(stranger.admin()) as work:
        await providers.add_domain(work, theirs, domain=name)
    code = (await office.info(first)).code
    async with control_session(engines) as session:
        assert await way_of_domain(session, name) is None
        assert await confirm_domain(session, first, name, now=office.clock.now())
        assert await confirm_domain(session, first, name, now=office.clock.now())
        assert await confirm_domain(session, theirs, name, now=office.clock.now()) is None
        with pytest.raises(NotFound):
            await confirm_domain(session, first, "other.example", now=office.clock.now())
        way = await way_of_domain(session, name)
        assert way is not None and way.path == f"/sign-in/sso/SECRET-A/{code}"
        assert code in {one.provider_code for one in await ways_into(session, "SECRET-A")}
        assert await ways_into(session, "NO-SUCH") == []
    async with office.work(office.admin()) as work:
        await providers.disable_provider(work, first)
    async with control_session(engines) as session:
        assert await way_of_domain(session, name) is None
        assert code not in {one.provider_code for one in await ways_into(session, "SECRET-A")}


async def test_no_group_confirms_a_domain_itself(office: Office) -> None:
    made = await office.provider()
    async with office.work(office.admin()) as work:
        await providers.add_domain(work, made, domain="corp.example")
    with pytest.raises(ProgrammingError):
        async with office.work() as work:
            await confirm_domain(work.session, made, "corp.example", now=office.clock.now())


async def test_without_its_password_an_account_is_left_to_the_provider(office: Office) -> None:
    account = await office.account(password=True)
    office.ids["own"] = account
    cookie = await office.session_of(account)
    async with office.work(office.admin("own")) as work:
        with pytest.raises(Refused) as refused:
            await accounts.remove_password(work, account)
    assert refused.value.code == "OWN_ACCOUNT"
    async with office.work(office.admin("anna")) as work:
        await accounts.remove_password(work, account)
    async with control_session(office.platform.engines) as session:
        with pytest.raises(Unauthenticated):
            await verify_session(session, cookie, clock=office.clock)
    assert [row.action for row in await office.audits(account)][-1] == "accounts.remove_password"

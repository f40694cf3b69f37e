"""Settings, schemes and accounts of a group: written with their audit, by the right people, seen by nobody else."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from forecourt.auth.actor import Actor, Membership
from forecourt.domain.accounts import actions as accounts
from forecourt.domain.configuration import resolved_settings
from forecourt.domain.evaluation.model import Scheme
from forecourt.domain.evaluation.schemes import approve_scheme, install_seed_schemes, write_scheme
from forecourt.domain.evaluation.seed_schemes import SEED_SCHEMES
from forecourt.domain.feed import GroupAuditEvent
from forecourt.domain.settings.actions import set_setting
from forecourt.errors import Forbidden, Invalid, NotFound, Refused, WrongState
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.ids import new_id
from forecourt.tenancy.session import store_session
from tests.conftest import World
from tests.shop import group_work

pytestmark = pytest.mark.anyio

KEY = "complaint.partly_counts"


class Head:
    """Headquarters of group a."""

    def __init__(self, world: World, engines: Engines) -> None:
        self.world, self.engines, self.group = world, engines, world.groups["a"]

    def person(self, role: str, key: str | None = None, account: UUID | None = None) -> Actor:
        members = (Membership(role, None),)
        return Actor(key or f"account:{role}", role, self.group.id, account_id=account or new_id(), memberships=members)

    def work(self, actor: Actor) -> Any:
        return group_work(self.engines, self.group, actor=actor)

    async def audits(self, entity_id: UUID) -> list[GroupAuditEvent]:
        async with group_work(self.engines, self.group) as work:
            query = select(GroupAuditEvent).where(GroupAuditEvent.entity_id == entity_id).order_by(GroupAuditEvent.id)
            return list(await work.session.scalars(query))


@pytest.fixture
def head(world: World, engines: Engines) -> Head:
    return Head(world, engines)


async def value_at(head: Head, code: str, day: date) -> object:
    async with store_session(head.engines, head.world.stores[code], read_only=True) as session:
        found = await resolved_settings(session, head.world.stores[code].id, day, {KEY})
    return found.get(KEY)


async def test_a_setting_holds_from_its_day_for_the_group_and_a_store_differs_until_it_is_locked(head: Head) -> None:
    quality = head.person("HQ_QUALITY")
    a1 = head.world.stores["a1"].id
    async with head.work(quality) as work:
        made = await set_setting(work, key=KEY, value=True, valid_from=date(2027, 1, 1))
    async with head.work(quality) as work:
        await set_setting(work, key=KEY, value=False, valid_from=date(2027, 2, 1), store_id=a1)
    assert [await value_at(head, "a1", date(2026 + year, month, 1)) for year, month in ((0, 12), (1, 1), (1, 2))] == [
        None,
        True,
        False,
    ]
    assert await value_at(head, "a2", date(2027, 2, 1)) is True
    assert await value_at(head, "b1", date(2027, 2, 1)) is None
    async with head.work(quality) as work:
        await set_setting(work, key=KEY, value=True, valid_from=date(2027, 3, 1), locked=True)
    assert await value_at(head, "a1", date(2027, 3, 1)) is True
    async with head.work(quality) as work:
        with pytest.raises(Refused) as refused:
            await set_setting(work, key=KEY, value=False, valid_from=date(2027, 4, 1), store_id=a1)
    assert refused.value.code == "LOCKED"
    [audit] = await head.audits(made)
    assert (audit.action, audit.actor, audit.before) == ("settings.set", "account:HQ_QUALITY", None)
    assert audit.after is not None
    assert (audit.after["key"], audit.after["value"], audit.after["valid_from"]) == (KEY, True, "2027-01-01")


async def test_settings_that_are_refused_change_nothing(head: Head) -> None:
    for role in ("HQ_ANALYST", "HQ_DIRECTOR"):
        async with head.work(head.person(role)) as work:
            with pytest.raises(Forbidden):
                await set_setting(work, key=KEY, value=True, valid_from=date(2028, 1, 1))
    async with head.work(head.person("GROUP_ADMIN")) as work:
        foreign = head.world.stores["b1"].id
        for store_id in (foreign, new_id()):
            with pytest.raises(NotFound):
                await set_setting(work, key=KEY, value=True, valid_from=date(2028, 1, 1), store_id=store_id)
        for value in ("yes", {"a": "\0"}, [[1]] * 200_000):
            with pytest.raises(Invalid):
                await set_setting(work, key=KEY, value=value, valid_from=date(2028, 1, 1))


async def test_one_writes_a_scheme_and_another_approves_it(head: Head) -> None:
    async with group_work(head.engines, head.group) as work:
        await install_seed_schemes(work)
    body = SEED_SCHEMES[0].to_json() | {"code": f"TEST-{new_id().hex[:8].upper()}"}
    versions = []
    for _ in range(2):
        async with head.work(head.person("HQ_QUALITY")) as work:
            versions.append(await write_scheme(work, body))
    for actor in (head.person("HQ_QUALITY", "account:other"), head.person("HQ_ANALYST")):
        async with head.work(actor) as work:
            with pytest.raises(Forbidden):
                await approve_scheme(work, versions[0])
    async with head.work(head.person("HQ_DIRECTOR", "account:HQ_QUALITY")) as work:
        with pytest.raises(Refused) as refused:
            await approve_scheme(work, versions[0])
        assert refused.value.code == "SAME_PERSON"
    for version in versions:
        async with head.work(head.person("HQ_DIRECTOR")) as work:
            await approve_scheme(work, version)
    async with head.work(head.person("HQ_DIRECTOR")) as work:
        with pytest.raises(WrongState):
            await approve_scheme(work, versions[0])
        with pytest.raises(NotFound):
            await approve_scheme(work, new_id())
        rows = [await work.session.get_one(Scheme, version) for version in versions]
    assert [(row.number, row.state, row.body["version"]) for row in rows] == [(1, "SUPERSEDED", 1), (2, "ACTIVE", 2)]
    assert rows[1].approved_by == "account:HQ_DIRECTOR"
    actions = [row.action for row in await head.audits(versions[0])]
    assert actions == ["evaluation.write_scheme", "evaluation.approve_scheme", "evaluation.supersede_scheme"]


async def test_what_is_no_scheme_is_refused(head: Head) -> None:
    async with head.work(head.person("HQ_QUALITY")) as work:
        sound = SEED_SCHEMES[0].to_json()
        for body in ({}, {"code": "x"}, sound | {"kind": "OTHER"}, sound | {"more": 1}, sound | {"code": "A\0"}):
            with pytest.raises(Invalid):
                await write_scheme(work, body)


async def test_accounts_are_made_given_roles_and_ended_with_an_audit(head: Head) -> None:
    admin = head.person("GROUP_ADMIN")
    async with head.work(admin) as work:
        account = await accounts.create_account(work, name=f"p{new_id().hex}", display_name="欧阳试")
        member = await accounts.add_membership(work, account, role="STORE_GM", store_id=head.world.stores["a1"].id)
        await accounts.set_password(work, account, password="correct horse battery")
        token = await accounts.issue_token(work, account, label="tool", lifetime=timedelta(days=1))
    async with head.work(admin) as work:
        assert await accounts.end_membership(work, member) == account
        await accounts.revoke_token(work, token.id)
        await accounts.disable_account(work, account)
        await accounts.enable_account(work, account)
    trail = [row.action for row in await head.audits(account)]
    assert trail == ["accounts.create", "accounts.set_password", "accounts.disable", "accounts.enable"]
    assert [row.action for row in await head.audits(member)] == ["accounts.add_membership", "accounts.end_membership"]
    audits = await head.audits(token.id)
    assert [row.action for row in audits] == ["accounts.issue_token", "accounts.revoke_token"]
    assert token.clear not in repr([row.after for row in audits])


async def test_nobody_gives_a_role_or_password_to_themselves(head: Head) -> None:
    async with group_work(head.engines, head.group) as work:
        account = await accounts.create_account(work, name=f"p{new_id().hex}", display_name="管理员")
    admin = head.person("GROUP_ADMIN", account=account)
    async with head.work(admin) as work:
        for verb in (
            accounts.add_membership(work, account, role="HQ_DIRECTOR"),
            accounts.set_password(work, account, password="correct horse battery"),
            accounts.disable_account(work, account),
        ):
            with pytest.raises(Refused) as refused:
                await verb
            assert refused.value.code == "OWN_ACCOUNT"
    async with head.work(head.person("HQ_QUALITY", account=account)) as work:
        assert (await accounts.issue_token(work, account, label="own", lifetime=timedelta(days=1))).clear
        with pytest.raises(Forbidden):
            await accounts.issue_token(work, new_id(), label="theirs", lifetime=timedelta(days=1))
        with pytest.raises(Forbidden):
            await accounts.create_account(work, name="somebody", display_name="x")

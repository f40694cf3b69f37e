"""A group's administrators, its identity providers, and people who arrive from them."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from forecourt.auth.actor import Actor, Membership
from forecourt.auth.identify import actor_for_account
from forecourt.auth.oidc.config import ProviderConfig, ProviderIdentity, load_provider_by_id
from forecourt.auth.oidc.providers import ProviderInfo, confirm_domain, group_provider, group_providers
from forecourt.auth.web_sessions import SignInBy, open_session
from forecourt.clock import SetClock
from forecourt.domain.accounts import actions as accounts
from forecourt.domain.accounts import providers
from forecourt.domain.accounts.arrival import sign_in_from
from forecourt.domain.feed import GroupAuditEvent
from forecourt.domain.work import GroupWork, Platform, open_group_work
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.ids import new_id
from forecourt.tenancy.session import ResolvedGroup, control_session
from tests.conftest import World

NOON = datetime(2026, 9, 1, 4, tzinfo=UTC)
RULES = (
    {"claim": "groups", "matches": "fc-{store}-advisor", "role": "SERVICE_ADVISOR"},
    {"claim": "groups", "equals": "hq", "role": "HQ_ANALYST"},
)


@dataclass
class Office:
    """Group a (unless said otherwise), at a clock that stands still."""

    world: World
    platform: Platform
    clock: SetClock
    group: ResolvedGroup
    ids: dict[str, UUID] = field(default_factory=dict)

    def admin(self, name: str = "anna", role: str = "GROUP_ADMIN") -> Actor:
        account = self.ids.setdefault(name, new_id())
        members = (Membership(role, None),)
        return Actor(f"account:{account}", name, self.group.id, account_id=account, memberships=members)

    def work(self, actor: Actor | None = None) -> AbstractAsyncContextManager[GroupWork]:
        return open_group_work(self.platform, self.group, actor or Actor.for_system("test", self.group.id))

    def later(self, **span: float) -> None:
        self.clock.at += timedelta(**span)

    async def provider(self, *, active: bool = True, domain: str | None = None, **values: Any) -> UUID:
        """A provider that anna wrote and bert activated."""
        code = f"p{new_id().hex}"[:39]
        sound = {"code": code, "name": "Corp", "issuer": "https://login.example.com/x", "client": "forecourt"}
        async with self.work(self.admin("anna")) as work:
            made = await providers.add_provider(work, **sound | {"role_rules": RULES} | values)
            if domain is not None:
                await providers.add_domain(work, made, domain=domain)
        if active:
            async with self.work(self.admin("bert")) as work:
                await providers.activate_provider(work, made, version=1)
        if domain is not None:
            async with control_session(self.platform.engines) as session:
                assert await confirm_domain(session, made, domain, now=self.clock.now())
        return made

    async def info(self, provider_id: UUID) -> ProviderInfo:
        async with self.work() as work:
            return await group_provider(work.session, self.group.id, provider_id)

    async def only(self) -> UUID:
        """The group's only provider."""
        async with self.work() as work:
            [found] = await group_providers(work.session, self.group.id)
        return found.id

    async def config(self, provider_id: UUID) -> ProviderConfig:
        async with control_session(self.platform.engines) as session:
            states = ("DRAFT", "ACTIVE", "DISABLED")
            return await load_provider_by_id(session, self.platform.sealer, provider_id, states=states)

    async def arrive(self, provider_id: UUID, subject: str, claims: Mapping[str, Any] | None = None) -> UUID:
        """Somebody comes back from the provider."""
        config = await self.config(provider_id)
        identity = ProviderIdentity(config.id, config.issuer, subject, None, claims or {}, "token")
        return await sign_in_from(self.platform, self.group, config, identity)

    async def account(self, *roles: tuple[str, str | None], email: str | None = None, password: bool = False) -> UUID:
        async with self.work() as work:
            made = await accounts.create_account(work, name=f"n{new_id().hex}", display_name="李雷", email=email)
            for role, code in roles:
                store = self.world.stores[code].id if code else None
                await accounts.add_membership(work, made, role=role, store_id=store)
            if password:
                await accounts.set_password(work, made, password="correct horse battery")
        return made

    async def actor(self, account_id: UUID) -> Actor:
        async with control_session(self.platform.engines) as session:
            return await actor_for_account(session, account_id, clock=self.clock)

    async def roles(self, account_id: UUID) -> list[tuple[str, str | None, UUID | None]]:
        """Role, code of the store, employee: of the memberships that are valid now."""
        codes = {store.id: code for code, store in self.world.stores.items()}
        found = (await self.actor(account_id)).memberships
        return sorted(((m.role, codes.get(m.store_id) if m.store_id else None, m.employee_id) for m in found), key=str)

    async def session_of(self, account_id: UUID, provider_id: UUID | None = None) -> str:
        """The cookie of a browser."""
        by = SignInBy("PROVIDER", provider_id=provider_id) if provider_id else SignInBy()
        async with control_session(self.platform.engines) as session:
            return (await open_session(session, account_id, by=by, clock=self.clock)).cookie

    async def audits(self, entity_id: UUID) -> list[GroupAuditEvent]:
        async with self.work() as work:
            query = select(GroupAuditEvent).where(GroupAuditEvent.entity_id == entity_id).order_by(GroupAuditEvent.id)
            return list(await work.session.scalars(query))


def make_office(world: World, engines: Engines, group: str = "a") -> Office:
    clock = SetClock(NOON)
    return Office(world, Platform(engines, clock), clock, world.groups[group])

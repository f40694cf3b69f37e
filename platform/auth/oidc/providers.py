"""Identity providers of a group and their e-mail domains: rows. Verbs with permission, audit and rules stand in the domain.

What begins with `group_` runs in a group session; what finds the way to a sign-in runs in a control session, before
anybody is known.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ...errors import NotFound, StaleVersion
from ...tenancy.control import DealerGroup
from ..model import AccountMembership, WebSession
from .config import start_path
from .model import EmailDomain, IdentityProvider
from .settings_rules import Changeable

#: More than a group can need; a list is always bounded.
MOST_PROVIDERS: Final = 20
MOST_DOMAINS: Final = 50


@dataclass(frozen=True, slots=True)
class DomainInfo:
    """An e-mail domain of a provider."""

    id: UUID
    provider_id: UUID
    domain: str
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True)
class ProviderInfo:
    """A provider as administrators see it: everything but its secret."""

    id: UUID
    group_id: UUID
    code: str
    name: str
    issuer: str
    client_id: str
    has_secret: bool
    scopes: list[str]
    claim_names: Mapping[str, Any]
    role_rules: list[Any]
    creates_accounts: bool
    state: str
    version: int
    proposal: Mapping[str, Any] | None
    changed_by: str
    activated_by: str | None
    activated_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @property
    def fixed(self) -> bool:
        """Issuer and client id are fixed: people may be known by them."""
        return self.activated_at is not None

    @property
    def newest(self) -> Changeable:
        """What it will be once activated: the proposal, else what is."""
        return Changeable.of(self if self.proposal is None else self.proposal)


@dataclass(frozen=True, slots=True)
class WayIn:
    """A provider at which somebody can sign in."""

    group_code: str
    provider_code: str
    name: str

    @property
    def path(self) -> str:
        """The address that starts it."""
        return start_path(self.group_code, self.provider_code)


async def group_providers(session: AsyncSession, group_id: UUID) -> list[ProviderInfo]:
    """The group's providers by code."""
    query = _infos().where(IdentityProvider.group_id == group_id).order_by(IdentityProvider.code).limit(MOST_PROVIDERS)
    return [ProviderInfo(*row) for row in await session.execute(query)]


async def group_provider(
    session: AsyncSession, group_id: UUID, provider_id: UUID, *, lock: bool = False
) -> ProviderInfo:
    """One of the group's providers; with ``lock`` nobody else changes it meanwhile.

    Raises:
        NotFound: the group has none with this id.
    """
    query = _infos().where(IdentityProvider.group_id == group_id, IdentityProvider.id == provider_id)
    # Not `for update`: rows that refer to the provider may be written meanwhile.
    row = (await session.execute(query.with_for_update(key_share=True) if lock else query)).one_or_none()
    if row is None:
        raise NotFound("no such identity provider")
    return ProviderInfo(*row)


async def insert_provider(session: AsyncSession, **values: Any) -> bool:
    """A new row; False when the group has one with this code."""
    made = insert(IdentityProvider).values(values).on_conflict_do_nothing().returning(IdentityProvider.id)
    return (await session.execute(made)).scalar_one_or_none() is not None


async def update_provider(session: AsyncSession, provider: ProviderInfo, *, now: datetime, **values: Any) -> None:
    """Change a row that nobody changed since it was read, and count the change.

    Raises:
        StaleVersion: somebody did.
    """
    changed = (
        update(IdentityProvider)
        .where(
            IdentityProvider.id == provider.id,
            IdentityProvider.group_id == provider.group_id,
            IdentityProvider.version == provider.version,
        )
        .values(values | {"version": provider.version + 1, "updated_at": now})
        .returning(IdentityProvider.id)
    )
    if (await session.execute(changed)).scalar_one_or_none() is None:
        raise StaleVersion("somebody changed this provider meanwhile")


async def end_what_it_gave(session: AsyncSession, provider: ProviderInfo, *, now: datetime) -> tuple[int, int]:
    """End every web session that came by a provider, and every membership it gives; how many of each."""
    sessions = (
        update(WebSession)
        .where(
            WebSession.group_id == provider.group_id,
            WebSession.provider_id == provider.id,
            WebSession.revoked_at.is_(None),
        )
        .values(revoked_at=now)
        .returning(WebSession.account_id)
    )
    memberships = (
        update(AccountMembership)
        .where(
            AccountMembership.group_id == provider.group_id,
            AccountMembership.provider_id == provider.id,
            AccountMembership.valid_to.is_(None),
        )
        .values(valid_to=func.greatest(now, AccountMembership.valid_from))
        .returning(AccountMembership.id)
    )
    ended = len((await session.execute(sessions)).all())
    return ended, len((await session.execute(memberships)).all())


# --- e-mail domains --------------------------------------------------------------------------------------------------


async def group_domains(
    session: AsyncSession, group_id: UUID, provider_id: UUID | None = None, *, confirmed: bool = False
) -> list[DomainInfo]:
    """The e-mail domains of a group, or of one of its providers; only those that count with ``confirmed``."""
    query = select(EmailDomain.id, EmailDomain.provider_id, EmailDomain.domain, EmailDomain.confirmed_at)
    query = query.where(EmailDomain.group_id == group_id)
    if provider_id is not None:
        query = query.where(EmailDomain.provider_id == provider_id)
    if confirmed:
        query = query.where(EmailDomain.confirmed_at.is_not(None))
    rows = await session.execute(query.order_by(EmailDomain.domain).limit(MOST_PROVIDERS * MOST_DOMAINS))
    return [DomainInfo(*row) for row in rows]


async def insert_domain(session: AsyncSession, **values: Any) -> bool:
    """A domain that nobody confirmed yet; False when the provider has it."""
    made = insert(EmailDomain).values(values).on_conflict_do_nothing().returning(EmailDomain.id)
    return (await session.execute(made)).scalar_one_or_none() is not None


async def delete_domain(session: AsyncSession, group_id: UUID, domain_id: UUID) -> DomainInfo:
    """Take a domain from its provider.

    Raises:
        NotFound: the group has none with this id.
    """
    gone = (
        delete(EmailDomain)
        .where(EmailDomain.id == domain_id, EmailDomain.group_id == group_id)
        .returning(EmailDomain.id, EmailDomain.provider_id, EmailDomain.domain, EmailDomain.confirmed_at)
    )
    row = (await session.execute(gone)).one_or_none()
    if row is None:
        raise NotFound("no such e-mail domain")
    return DomainInfo(*row)


async def confirm_domain(session: AsyncSession, provider_id: UUID, domain: str, *, now: datetime) -> DomainInfo | None:
    """Let a domain count for a provider, in a control session: the operator's decision. Twice is once.

    None: it counts for another provider. Raises NotFound: the provider has no such domain.
    """
    query = select(EmailDomain.id, EmailDomain.provider_id, EmailDomain.domain, EmailDomain.confirmed_at)
    row = (
        await session.execute(query.where(EmailDomain.provider_id == provider_id, EmailDomain.domain == domain))
    ).one_or_none()
    if row is None:
        raise NotFound(f"this provider has no domain {domain!r}; an administrator of the group adds it")
    found = DomainInfo(*row)
    if found.confirmed_at is not None:
        return found
    taken = select(EmailDomain.id).where(EmailDomain.domain == domain, EmailDomain.confirmed_at.is_not(None))
    if (await session.execute(taken)).first() is not None:
        return None
    await session.execute(update(EmailDomain).where(EmailDomain.id == found.id).values(confirmed_at=now))
    return DomainInfo(found.id, found.provider_id, found.domain, now)


# --- the way to a sign-in, in a control session ----------------------------------------------------------------------


async def ways_into(session: AsyncSession, group_code: str) -> list[WayIn]:
    """The active providers of a group by code; none also when there is no such group."""
    query = _ways().where(DealerGroup.code == group_code).order_by(IdentityProvider.code).limit(MOST_PROVIDERS)
    return [WayIn(*row) for row in await session.execute(query)]


async def way_of_domain(session: AsyncSession, domain: str) -> WayIn | None:
    """The active provider where people with addresses of this domain sign in."""
    query = _ways().join(EmailDomain, EmailDomain.provider_id == IdentityProvider.id)
    query = query.where(EmailDomain.domain == domain, EmailDomain.confirmed_at.is_not(None))
    row = (await session.execute(query)).one_or_none()
    return None if row is None else WayIn(*row)


def _ways() -> Select[*tuple[Any, ...]]:
    return (
        select(DealerGroup.code, IdentityProvider.code, IdentityProvider.name)
        .join(IdentityProvider, IdentityProvider.group_id == DealerGroup.id)
        .where(IdentityProvider.state == "ACTIVE")
    )


def _infos() -> Select[*tuple[Any, ...]]:
    row = IdentityProvider
    return select(
        row.id,
        row.group_id,
        row.code,
        row.name,
        row.issuer,
        row.client_id,
        row.has_secret,
        row.scopes,
        row.claim_names,
        row.role_rules,
        row.creates_accounts,
        row.state,
        row.version,
        row.proposal,
        row.changed_by,
        row.activated_by,
        row.activated_at,
        row.created_at,
        row.updated_at,
    )

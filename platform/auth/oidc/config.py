"""A group's identity provider as a sign-in needs it, and whom it names. Rows are read in a control session."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from ...errors import NotFound
from ...tenancy.control import DealerGroup
from ...tenancy.sealing import Sealer
from .model import IdentityProvider

#: What a provider's client secret is sealed for (`tenancy.sealing`), bound to the bytes of the row's id.
SECRET_PURPOSE: Final = "identity provider"  # noqa: S105  (a purpose, not a secret)
#: What the ID token of a session is sealed for, bound to the bytes of the provider's id.
ID_TOKEN_PURPOSE: Final = "id token"  # noqa: S105


def start_path(group_code: str, code: str) -> str:
    """Where a sign-in with a provider begins."""
    return f"/sign-in/sso/{quote(group_code, safe='')}/{quote(code, safe='')}"


def callback_path(group_code: str, code: str) -> str:
    """Where the provider sends the browser back to (``redirect_uri``). Each provider has its own: an answer that arrives at
    another's address was mixed up on purpose (RFC 9700, section 4.4.2.2)."""
    return f"/sso/callback/{quote(group_code, safe='')}/{quote(code, safe='')}"


def backchannel_path(group_code: str, code: str) -> str:
    """Where the provider says that a session ended (``backchannel_logout_uri``)."""
    return f"/sso/backchannel/{quote(group_code, safe='')}/{quote(code, safe='')}"


#: Where the provider sends the browser after it signed out there (``post_logout_redirect_uri``).
SIGNED_OUT_PATH: Final = "/sso/signed-out"

#: Gives the sealer of a group and purpose, as `Platform.sealer` does.
Sealers = Callable[[UUID, str], Sealer]


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """One row of `identity_provider`, its client secret readable. Equal versions of one id are equal configurations."""

    id: UUID
    group_id: UUID
    code: str
    name: str
    issuer: str
    client_id: str
    #: None for a public client, which proves itself by PKCE alone
    client_secret: str | None = field(repr=False)
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    claim_names: Mapping[str, Any] = field(default_factory=dict, repr=False)
    role_rules: Sequence[Any] = field(default=(), repr=False)
    creates_accounts: bool = False
    version: int = 1


@dataclass(frozen=True, slots=True)
class ProviderIdentity:
    """Whom a provider has just vouched for, every check of `relying_party` passed.

    `subject` is the provider's stable name for the person (`sub`, at most 255 characters); with `provider_id` it is the only
    thing that recognises somebody. `claims` are the ID token's, completed by the userinfo endpoint's where the provider has
    one; bounded in number and size, still foreign text. `sid` is the provider's session, where it names one.
    """

    provider_id: UUID
    issuer: str
    subject: str
    sid: str | None
    claims: Mapping[str, Any] = field(repr=False)
    #: kept sealed with the session: the hint that ends the session at the provider
    id_token: str = field(repr=False)
    #: when the person proved to the provider who they are, where it says so
    auth_time: datetime | None = None


async def load_provider(session: AsyncSession, sealers: Sealers, *, group_code: str, code: str) -> ProviderConfig:
    """The provider that a sign-in address names; only one that is ACTIVE.

    Raises:
        NotFound: the group has no such provider, or nobody signs in with it (never says which).
    """
    meant = (DealerGroup.code == group_code, IdentityProvider.code == code, IdentityProvider.state == "ACTIVE")
    return await _one(session, sealers, *meant)


async def load_provider_by_id(
    session: AsyncSession, sealers: Sealers, provider_id: UUID, *, states: Sequence[str] = ("ACTIVE",)
) -> ProviderConfig:
    """A provider by its id, in one of the states; a DRAFT only for its own test.

    Raises:
        NotFound: there is none, or it is in another state.
    """
    return await _one(session, sealers, IdentityProvider.id == provider_id, IdentityProvider.state.in_(states))


async def _one(session: AsyncSession, sealers: Sealers, *conditions: ColumnElement[bool]) -> ProviderConfig:
    query = (
        select(IdentityProvider)
        .join(DealerGroup, DealerGroup.id == IdentityProvider.group_id)
        .where(*conditions)
        .execution_options(populate_existing=True)
    )
    row = (await session.scalars(query)).one_or_none()
    if row is None:
        raise NotFound("no such identity provider")
    return config_of(row, sealers)


def config_of(row: IdentityProvider, sealers: Sealers) -> ProviderConfig:
    """The configuration of a row.

    Raises:
        Fault: the client secret cannot be read with this group's key.
    """
    sealed = row.client_secret_enc
    secret = None
    if sealed is not None:
        secret = sealers(row.group_id, SECRET_PURPOSE).unseal(sealed, bound_to=row.id.bytes).decode()
    return ProviderConfig(
        id=row.id,
        group_id=row.group_id,
        code=row.code,
        name=row.name,
        issuer=row.issuer,
        client_id=row.client_id,
        client_secret=secret,
        scopes=tuple(row.scopes),
        claim_names=dict(row.claim_names),
        role_rules=tuple(row.role_rules),
        creates_accounts=row.creates_accounts,
        version=row.version,
    )

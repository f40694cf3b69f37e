"""Web sessions that began at a provider."""

from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ...clock import Clock
from ...errors import Fault, Unauthenticated
from ..history import record_sign_in
from ..model import Account, WebSession
from ..web_sessions import OpenedSession, SignInBy, open_session, verify_session
from .config import ID_TOKEN_PURPOSE, ProviderIdentity, Sealers

#: A hint that would not fit into an address is not kept.
_LONGEST_HINT: Final = 6000


@dataclass(frozen=True, slots=True)
class Origin:
    """At which provider a session began, and the ID token that ends it there."""

    provider_id: UUID
    id_token: str | None = field(repr=False)


async def open_for(
    session: AsyncSession,
    sealers: Sealers,
    identity: ProviderIdentity,
    account_id: UUID,
    *,
    group_id: UUID,
    by: SignInBy,
    clock: Clock,
) -> OpenedSession:
    """A new web session for somebody whom the provider of a group vouches for, in a control session; ``by`` is their browser.

    Raises:
        Unauthenticated: the account is gone, disabled, or another group's.
    """
    own = update(Account).where(Account.id == account_id, Account.group_id == group_id, Account.state == "ACTIVE")
    found = await session.execute(own.values(last_sign_in_at=clock.now()).returning(Account.id))
    if found.first() is None:
        raise Unauthenticated("this account is not active")
    sealed = None
    if len(identity.id_token) <= _LONGEST_HINT:
        sealer = sealers(group_id, ID_TOKEN_PURPOSE)
        sealed = sealer.seal(identity.id_token.encode(), bound_to=identity.provider_id.bytes)
    by = replace(
        by,
        method="PROVIDER",
        provider_id=identity.provider_id,
        provider_subject=identity.subject,
        provider_sid=identity.sid,
        id_token_enc=sealed,
    )
    await record_sign_in(session, account_id, outcome="SUCCEEDED", by=by, clock=clock)
    return await open_session(session, account_id, by=by, clock=clock)


async def origin_of(session: AsyncSession, sealers: Sealers, cookie: str, *, clock: Clock) -> Origin | None:
    """Where the session of this cookie value began; None when that was not at a provider, or there is no such session."""
    try:
        verified = await verify_session(session, cookie, clock=clock)
    except Unauthenticated:
        return None
    query = select(WebSession.provider_id, WebSession.id_token_enc).where(WebSession.id == verified.id)
    row = (await session.execute(query)).one()
    if row.provider_id is None:
        return None
    return Origin(row.provider_id, _opened(row.id_token_enc, row.provider_id, sealers, verified.group_id))


def _opened(sealed: bytes | None, provider_id: UUID, sealers: Sealers, group_id: UUID) -> str | None:
    """The ID token; without its key signing out goes on without the hint."""
    if sealed is None:
        return None
    try:
        return sealers(group_id, ID_TOKEN_PURPOSE).unseal(sealed, bound_to=provider_id.bytes).decode()
    except Fault:
        return None

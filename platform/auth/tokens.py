"""Bearer tokens: 256 random bits behind a prefix that secret scanners can find. Only their SHA-256 is kept."""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from sqlalchemy import insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ..clock import SYSTEM_CLOCK, Clock
from ..errors import Invalid, NotFound, Unauthenticated
from ..tenancy.ids import new_id
from .actor import Actor
from .model import AccessToken, Account

PREFIX: Final = "fct_"
LIFETIME: Final = timedelta(days=90)
LONGEST_LIFETIME: Final = timedelta(days=366)

#: `last_used_at` is written at most once in this time: never a write per request.
USE_INTERVAL: Final = timedelta(minutes=5)

_FORM = re.compile(r"fct_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token. `clear` is shown once and kept nowhere."""

    id: UUID
    clear: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"IssuedToken(id={self.id}, expires_at={self.expires_at.isoformat()})"


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """A token that was found valid."""

    id: UUID
    account_id: UUID
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """What a person sees of a token later."""

    id: UUID
    account_id: UUID
    label: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


def token_hash(clear: str) -> bytes:
    """What is kept of a token."""
    return sha256(clear.encode()).digest()


def has_form(text: str) -> bool:
    """Does the text look like one of our tokens?"""
    return _FORM.fullmatch(text) is not None


async def issue_token(
    session: AsyncSession,
    actor: Actor,
    account_id: UUID,
    *,
    label: str,
    lifetime: timedelta = LIFETIME,
    clock: Clock = SYSTEM_CLOCK,
) -> IssuedToken:
    """A new token for an account of the actor's group: one's own, or with ``accounts:account:manage``.

    Raises:
        Invalid: no label, or a lifetime outside (0, `LONGEST_LIFETIME`].
        NotFound: the group has no such active account.
        Forbidden: it is somebody else's.
    """
    if not label.strip() or len(label) > 100:
        raise Invalid("a token needs a label of at most 100 characters", path=("label",))
    if not timedelta(0) < lifetime <= LONGEST_LIFETIME:
        raise Invalid(f"a token lives at most {LONGEST_LIFETIME.days} days", path=("lifetime",))
    if actor.account_id != account_id:
        actor.require("accounts:account:manage", None)
    found = select(Account.id).where(
        Account.id == account_id, Account.group_id == actor.group_id, Account.state == "ACTIVE"
    )
    if (await session.execute(found)).scalar_one_or_none() is None:
        raise NotFound("no such account")
    clear = PREFIX + secrets.token_urlsafe(32)
    now = clock.now()
    issued = IssuedToken(id=new_id(), clear=clear, expires_at=now + lifetime)
    await session.execute(
        insert(AccessToken).values(
            id=issued.id,
            account_id=account_id,
            group_id=actor.group_id,
            token_hash=token_hash(clear),
            label=label.strip(),
            created_at=now,
            expires_at=issued.expires_at,
        )
    )
    return issued


async def verify_token(session: AsyncSession, clear: str, *, clock: Clock = SYSTEM_CLOCK) -> VerifiedToken:
    """The token's account, before the group is known (a control session).

    Raises:
        Unauthenticated: unknown, expired, revoked, or of a disabled account; never says which.
    """
    if not has_form(clear):
        raise Unauthenticated("this token is not valid")
    now = clock.now()
    query = (
        select(AccessToken.id, AccessToken.account_id, AccessToken.expires_at, AccessToken.last_used_at)
        .join(Account, Account.id == AccessToken.account_id)
        .where(
            AccessToken.token_hash == token_hash(clear),
            AccessToken.revoked_at.is_(None),
            AccessToken.expires_at > now,
            Account.state == "ACTIVE",
        )
    )
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise Unauthenticated("this token is not valid")
    if row.last_used_at is None or row.last_used_at <= now - USE_INTERVAL:
        # Asked again in the statement: of many requests at once, one writes.
        stale = or_(AccessToken.last_used_at.is_(None), AccessToken.last_used_at <= now - USE_INTERVAL)
        await session.execute(update(AccessToken).where(AccessToken.id == row.id, stale).values(last_used_at=now))
    return VerifiedToken(row.id, row.account_id, row.expires_at)


async def revoke_token(session: AsyncSession, actor: Actor, token_id: UUID, *, clock: Clock = SYSTEM_CLOCK) -> None:
    """End a token: one's own, or any of the group with ``accounts:account:manage``. Twice is once.

    Raises:
        NotFound: no such token, or it is somebody else's and the actor may not manage accounts.
    """
    query = select(AccessToken.account_id).where(AccessToken.id == token_id, AccessToken.group_id == actor.group_id)
    owner = (await session.execute(query)).scalar_one_or_none()
    if owner is None or (owner != actor.account_id and not actor.can("accounts:account:manage", None)):
        raise NotFound("no such token")
    await session.execute(
        update(AccessToken)
        .where(AccessToken.id == token_id, AccessToken.revoked_at.is_(None))
        .values(revoked_at=clock.now())
    )


async def list_tokens(session: AsyncSession, actor: Actor, account_id: UUID, *, limit: int = 100) -> list[TokenInfo]:
    """Tokens of an account, newest first: one's own, or with ``accounts:account:read``.

    Raises:
        Forbidden: it is somebody else's.
    """
    if actor.account_id != account_id:
        actor.require("accounts:account:read", None)
    query = (
        select(
            AccessToken.id,
            AccessToken.account_id,
            AccessToken.label,
            AccessToken.created_at,
            AccessToken.expires_at,
            AccessToken.revoked_at,
            AccessToken.last_used_at,
        )
        .where(AccessToken.account_id == account_id, AccessToken.group_id == actor.group_id)
        .order_by(AccessToken.id.desc())
        .limit(max(1, min(limit, 200)))
    )
    return [TokenInfo(*row) for row in await session.execute(query)]

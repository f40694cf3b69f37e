"""Browsers that are signed in: server-side rows, a random cookie value that changes at sign-in, ends that can be enforced."""

import hmac
import secrets
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ..clock import SYSTEM_CLOCK, Clock
from ..errors import Unauthenticated
from ..tenancy.ids import new_id
from .model import Account, WebSession

#: `__Host-` binds it to this host, to https and to the path / (RFC 6265bis).
COOKIE: Final = "__Host-forecourt"

#: Not longer than NIST SP 800-63B-4 recommends for its level 2 (one hour without activity, a day in all).
IDLE: Final = timedelta(hours=1)
ABSOLUTE: Final = timedelta(hours=12)
#: So long after its person proved who they are a session may change how they sign in; then it asks again.
FRESH: Final = timedelta(minutes=10)
#: Sessions that one account may have at once; one more ends the one that was seen least recently.
MOST_SESSIONS: Final = 20
#: Sessions that are over are kept so long: the history of sign-ins says more.
KEPT: Final = timedelta(days=7)
#: `last_seen_at` is written at most once in this time: never a write per page.
SEEN_INTERVAL: Final = timedelta(minutes=1)

_BYTES: Final = 32
#: As much of a user agent as is needed to recognise a device.
_USER_AGENT: Final = 300
_COOKIE_LENGTH: Final = 43  # 32 bytes in base64url


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A new cookie value. `cookie` is sent once and kept nowhere."""

    id: UUID
    cookie: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"OpenedSession(id={self.id}, expires_at={self.expires_at.isoformat()})"


@dataclass(frozen=True, slots=True)
class VerifiedSession:
    """A web session that was found valid."""

    id: UUID
    account_id: UUID
    group_id: UUID
    csrf_token: str
    method: str = "PASSWORD"
    proved_at: datetime | None = None

    def is_fresh(self, now: datetime) -> bool:
        """Did its person prove lately who they are?"""
        return self.proved_at is not None and self.proved_at > now - FRESH

    def __repr__(self) -> str:
        return f"VerifiedSession(id={self.id}, account_id={self.account_id})"

    def csrf_matches(self, given: str) -> bool:
        """Is it the token that forms of this session carry?"""
        return hmac.compare_digest(self.csrf_token.encode(), given.encode())


@dataclass(frozen=True, slots=True)
class SignInBy:
    """How and from where somebody signed in, as `model.WebSession` keeps it."""

    method: str = "PASSWORD"
    address: str | None = None
    user_agent: str | None = None
    provider_id: UUID | None = None
    provider_subject: str | None = None
    provider_sid: str | None = None
    #: the provider's ID token, sealed
    id_token_enc: bytes | None = None


#: A password, from nobody knows where: what programs and tests use.
UNKNOWN: Final = SignInBy()


def short_user_agent(text: str | None) -> str | None:
    """As much of a user agent as is kept; without characters that no text in the database has."""
    return (text or "").replace("\0", "").strip()[:_USER_AGENT] or None


async def open_session(
    session: AsyncSession, account_id: UUID, *, by: SignInBy = UNKNOWN, clock: Clock = SYSTEM_CLOCK
) -> OpenedSession:
    """A web session for an account that has just proved who it is.

    Raises:
        Unauthenticated: the account is gone or disabled.
    """
    query = select(Account.group_id).where(Account.id == account_id, Account.state == "ACTIVE")
    group_id = (await session.execute(query)).scalar_one_or_none()
    if group_id is None:
        raise Unauthenticated("sign in again")
    now = clock.now()
    await _make_room(session, account_id, now)
    opened = OpenedSession(new_id(), secrets.token_urlsafe(_BYTES), now + ABSOLUTE)
    await session.execute(
        insert(WebSession).values(
            id=opened.id,
            account_id=account_id,
            group_id=group_id,
            secret_hash=_hashed(opened.cookie),
            csrf_secret=secrets.token_bytes(_BYTES),
            created_at=now,
            last_seen_at=now,
            proved_at=now,
            idle_expires_at=now + IDLE,
            absolute_expires_at=opened.expires_at,
            **asdict(replace(by, user_agent=short_user_agent(by.user_agent))),
        )
    )
    return opened


async def verify_session(session: AsyncSession, cookie: str, *, clock: Clock = SYSTEM_CLOCK) -> VerifiedSession:
    """The session of a cookie; being seen puts off its idle end, never its absolute one.

    Raises:
        Unauthenticated: unknown, ended, revoked, or of a disabled account; never says which.
    """
    now = clock.now()
    query = select(
        WebSession.id,
        WebSession.account_id,
        WebSession.group_id,
        WebSession.csrf_secret,
        WebSession.last_seen_at,
        WebSession.absolute_expires_at,
        WebSession.method,
        WebSession.proved_at,
    ).join(Account, Account.id == WebSession.account_id)
    row = (await session.execute(query.where(*_valid(cookie, now), Account.state == "ACTIVE"))).one_or_none()
    if row is None:
        raise Unauthenticated("sign in again")
    if row.last_seen_at <= now - SEEN_INTERVAL:
        seen = {"last_seen_at": now, "idle_expires_at": min(now + IDLE, row.absolute_expires_at)}
        # Asked again in the statement: of many pages at once, one writes; and one that ended stays ended.
        still = WebSession.last_seen_at <= now - SEEN_INTERVAL, WebSession.revoked_at.is_(None)
        await session.execute(update(WebSession).where(WebSession.id == row.id, *still).values(seen))
    token = _csrf_token(row.id, row.csrf_secret)
    return VerifiedSession(row.id, row.account_id, row.group_id, token, row.method, row.proved_at)


async def rotate_session(
    session: AsyncSession, cookie: str, *, method: str | None = None, proved: bool = False, clock: Clock = SYSTEM_CLOCK
) -> OpenedSession:
    """A new cookie value and form token for the same session, after a change of rights; the old value ends now.

    ``proved``: its person has just proved again who they are; ``method``: the stronger way in which they did.

    Raises:
        Unauthenticated: as `verify_session`.
    """
    now = clock.now()
    fresh = secrets.token_urlsafe(_BYTES)
    rotated = (
        update(WebSession)
        .where(*_valid(cookie, now))
        .values(
            secret_hash=_hashed(fresh),
            csrf_secret=secrets.token_bytes(_BYTES),
            method=method or WebSession.method,
            proved_at=now if proved else WebSession.proved_at,
        )
        .returning(WebSession.id, WebSession.absolute_expires_at)
    )
    row = (await session.execute(rotated)).one_or_none()
    if row is None:
        raise Unauthenticated("sign in again")
    return OpenedSession(row.id, fresh, row.absolute_expires_at)


async def revoke_session(session: AsyncSession, cookie: str, *, clock: Clock = SYSTEM_CLOCK) -> None:
    """Sign out. A cookie that is not valid any more is signed out already."""
    await session.execute(
        update(WebSession)
        .where(WebSession.secret_hash == _hashed(cookie), WebSession.revoked_at.is_(None))
        .values(revoked_at=clock.now())
    )


async def forget_sessions(session: AsyncSession, *, clock: Clock = SYSTEM_CLOCK, limit: int = 10_000) -> int:
    """Delete sessions that have been over for `KEPT`, at most ``limit``; how many went. For a daily job."""
    before = clock.now() - KEPT
    over = or_(WebSession.absolute_expires_at < before, WebSession.idle_expires_at < before)
    old = select(WebSession.id).where(or_(over, WebSession.revoked_at < before)).limit(limit)
    gone = await session.execute(delete(WebSession).where(WebSession.id.in_(old)).returning(WebSession.id))
    return len(gone.all())


async def _make_room(session: AsyncSession, account_id: UUID, now: datetime) -> None:
    """End what is more than `MOST_SESSIONS` would allow with one more."""
    still = (
        WebSession.account_id == account_id,
        WebSession.revoked_at.is_(None),
        WebSession.idle_expires_at > now,
        WebSession.absolute_expires_at > now,
    )
    surplus = (
        select(WebSession.id)
        .where(*still)
        .order_by(WebSession.last_seen_at.desc())
        .offset(MOST_SESSIONS - 1)
        .limit(1000)
    )
    await session.execute(update(WebSession).where(WebSession.id.in_(surplus)).values(revoked_at=now))


def _valid(cookie: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        WebSession.secret_hash == _hashed(cookie),
        WebSession.revoked_at.is_(None),
        WebSession.idle_expires_at > now,
        WebSession.absolute_expires_at > now,
    )


def _hashed(cookie: str) -> bytes:
    # Longer than ours cannot be ours; no need to hash what somebody pads a header with.
    return sha256(cookie[: _COOKIE_LENGTH + 1].encode()).digest()


def _csrf_token(session_id: UUID, secret: bytes) -> str:
    return hmac.digest(secret, session_id.bytes, "sha256").hex()

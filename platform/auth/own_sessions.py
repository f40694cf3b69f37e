"""The web sessions of an account: seen by its person, ended one by one or all but one; ended by who manages accounts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ..clock import SYSTEM_CLOCK, Clock
from ..errors import NotFound
from .actor import Actor
from .model import Account, WebSession

END: Final = "accounts:session:end"


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A web session that is still open. `current`: the asker's own."""

    id: UUID
    account_id: UUID
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    method: str
    address: str | None
    user_agent: str | None
    provider_id: UUID | None
    current: bool


async def list_sessions(
    session: AsyncSession, actor: Actor, account_id: UUID, *, clock: Clock = SYSTEM_CLOCK, limit: int = 100
) -> list[SessionInfo]:
    """Open web sessions of an account, the one last seen first: one's own, or with ``accounts:account:read``.

    Raises:
        Forbidden: it is somebody else's.
    """
    if actor.account_id != account_id:
        actor.require("accounts:account:read", None)
    query = (
        select(
            WebSession.id,
            WebSession.account_id,
            WebSession.created_at,
            WebSession.last_seen_at,
            WebSession.absolute_expires_at,
            WebSession.method,
            WebSession.address,
            WebSession.user_agent,
            WebSession.provider_id,
        )
        .where(*_open(actor, account_id, clock.now()))
        .order_by(WebSession.last_seen_at.desc(), WebSession.id)
        .limit(max(1, min(limit, 100)))
    )
    return [SessionInfo(*row, current=row.id == actor.session_id) for row in await session.execute(query)]


async def end_session(session: AsyncSession, actor: Actor, session_id: UUID, *, clock: Clock = SYSTEM_CLOCK) -> UUID:
    """End a web session: one's own, or anybody's of the group with ``accounts:session:end``. Twice is once.

    Returns the id of the account.

    Raises:
        NotFound: there is none, or it is somebody else's and the actor may not end it.
    """
    query = select(WebSession.account_id).where(WebSession.id == session_id, WebSession.group_id == actor.group_id)
    owner = (await session.execute(query)).scalar_one_or_none()
    if owner is None or (owner != actor.account_id and not actor.can(END, None)):
        raise NotFound("no such session")
    await session.execute(
        update(WebSession)
        .where(WebSession.id == session_id, WebSession.revoked_at.is_(None))
        .values(revoked_at=clock.now())
    )
    return owner


async def end_other_sessions(session: AsyncSession, actor: Actor, *, clock: Clock = SYSTEM_CLOCK) -> int:
    """End every web session of the actor's own account but the one this comes with; how many.

    Raises:
        NotFound: the actor is no account.
    """
    if actor.account_id is None:
        raise NotFound("only an account has sessions")
    return await _end(session, actor, actor.account_id, clock.now(), WebSession.id.is_distinct_from(actor.session_id))


async def end_sessions_of(session: AsyncSession, actor: Actor, account_id: UUID, *, clock: Clock = SYSTEM_CLOCK) -> int:
    """Sign somebody out everywhere; how many sessions that were.

    Raises:
        Forbidden: the actor may not end sessions.
        NotFound: the group has no such account.
    """
    actor.require(END, None)
    found = select(Account.id).where(Account.id == account_id, Account.group_id == actor.group_id)
    if (await session.execute(found)).scalar_one_or_none() is None:
        raise NotFound("no such account")
    return await _end(session, actor, account_id, clock.now())


async def _end(
    session: AsyncSession, actor: Actor, account_id: UUID, now: datetime, *which: ColumnElement[bool]
) -> int:
    ended = (
        update(WebSession).where(*_open(actor, account_id, now), *which).values(revoked_at=now).returning(WebSession.id)
    )
    return len((await session.execute(ended)).all())


def _open(actor: Actor, account_id: UUID, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        WebSession.account_id == account_id,
        WebSession.group_id == actor.group_id,
        WebSession.revoked_at.is_(None),
        WebSession.idle_expires_at > now,
        WebSession.absolute_expires_at > now,
    )

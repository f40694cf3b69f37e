"""Bearer tokens of directories: which group a SCIM request belongs to is said by its token and by nothing else."""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ...clock import SYSTEM_CLOCK, Clock
from ...errors import Invalid, NotFound, Refused, Unauthenticated
from ...tenancy.ids import new_id
from ..actor import Actor
from ..tokens import token_hash
from .model import ScimConnection

MANAGE: Final = "accounts:directory:manage"
PREFIX: Final = "fcd_"
LIFETIME: Final = timedelta(days=365)
LONGEST_LIFETIME: Final = timedelta(days=730)
USE_INTERVAL: Final = timedelta(minutes=5)
#: Connections of a group that are valid at once: one per directory, two while a token is changed.
MOST: Final = 20

_FORM = re.compile(r"fcd_[A-Za-z0-9_-]{43}")
#: What the product does for a directory; nothing else, whatever a directory asks.
_RIGHTS = frozenset({"accounts:account:manage", "accounts:account:read"})


@dataclass(frozen=True, slots=True)
class IssuedConnection:
    """A new connection. `clear` is its token, shown once and kept nowhere."""

    id: UUID
    clear: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"IssuedConnection(id={self.id}, expires_at={self.expires_at.isoformat()})"


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection that was found valid: who acts, and which person made the connection (None: the command line)."""

    actor: Actor
    created_by: UUID | None


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """What people see of a connection later."""

    id: UUID
    label: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


async def issue_connection(
    session: AsyncSession, actor: Actor, *, label: str, lifetime: timedelta = LIFETIME, clock: Clock = SYSTEM_CLOCK
) -> IssuedConnection:
    """A new connection of the actor's group (a group session).

    Raises:
        Forbidden: the actor may not manage directories. Invalid: no label, or a lifetime outside (0, `LONGEST_LIFETIME`].
        Refused: TOO_MANY_CONNECTIONS.
    """
    actor.require(MANAGE, None)
    if not label.strip() or len(label) > 100:
        raise Invalid("a connection needs a label of at most 100 characters", path=("label",))
    if not timedelta(0) < lifetime <= LONGEST_LIFETIME:
        raise Invalid(f"a connection lives at most {LONGEST_LIFETIME.days} days", path=("days",))
    now = clock.now()
    valid = select(func.count(ScimConnection.id)).where(
        ScimConnection.group_id == actor.group_id, ScimConnection.revoked_at.is_(None), ScimConnection.expires_at > now
    )
    if (await session.execute(valid)).scalar_one() >= MOST:
        raise Refused("TOO_MANY_CONNECTIONS", f"a group has at most {MOST} connections; revoke one first")
    clear = PREFIX + secrets.token_urlsafe(32)
    issued = IssuedConnection(new_id(), clear, now + lifetime)
    await session.execute(
        insert(ScimConnection).values(
            id=issued.id,
            group_id=actor.group_id,
            label=label.strip(),
            token_hash=token_hash(clear),
            created_at=now,
            created_by=actor.account_id,
            expires_at=issued.expires_at,
        )
    )
    return issued


async def verify_connection(
    session: AsyncSession, authorization: str | None, *, clock: Clock = SYSTEM_CLOCK
) -> Connection:
    """Who sends the header ``Authorization: Bearer fcd_…``, before the group is known (a control session). Never cached.

    Raises:
        Unauthenticated: no token, or one that is unknown, expired or revoked; never says which.
    """
    scheme, _, clear = (authorization or "").partition(" ")
    clear = clear.strip()
    if scheme.lower() != "bearer" or not _FORM.fullmatch(clear):
        raise Unauthenticated("send a header 'Authorization: Bearer' with the token of a connection")
    now = clock.now()
    query = select(
        ScimConnection.id,
        ScimConnection.group_id,
        ScimConnection.label,
        ScimConnection.created_by,
        ScimConnection.last_used_at,
    ).where(
        ScimConnection.token_hash == token_hash(clear),
        ScimConnection.revoked_at.is_(None),
        ScimConnection.expires_at > now,
    )
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise Unauthenticated("this token is not valid")
    if row.last_used_at is None or row.last_used_at <= now - USE_INTERVAL:
        # Asked again in the statement: of many requests at once, one writes.
        stale = or_(ScimConnection.last_used_at.is_(None), ScimConnection.last_used_at <= now - USE_INTERVAL)
        await session.execute(update(ScimConnection).where(ScimConnection.id == row.id, stale).values(last_used_at=now))
    actor = Actor(key=f"scim:{row.id}", name=row.label, group_id=row.group_id, system=True, limit=_RIGHTS)
    return Connection(actor, row.created_by)


async def revoke_connection(
    session: AsyncSession, actor: Actor, connection_id: UUID, *, clock: Clock = SYSTEM_CLOCK
) -> None:
    """The token is not valid any more. What it brought stays as it is. Twice is once.

    Raises:
        Forbidden: the actor may not manage directories. NotFound: the group has no such connection.
    """
    actor.require(MANAGE, None)
    own = ScimConnection.id == connection_id, ScimConnection.group_id == actor.group_id
    if (await session.execute(select(ScimConnection.id).where(*own))).scalar_one_or_none() is None:
        raise NotFound("no such connection")
    await session.execute(
        update(ScimConnection).where(*own, ScimConnection.revoked_at.is_(None)).values(revoked_at=clock.now())
    )


async def list_connections(session: AsyncSession, actor: Actor, *, limit: int = 50) -> list[ConnectionInfo]:
    """The group's connections, newest first, revoked ones too; at most 100.

    Raises:
        Forbidden: the actor may not manage directories.
    """
    actor.require(MANAGE, None)
    item = ScimConnection
    query = (
        select(item.id, item.label, item.created_at, item.expires_at, item.revoked_at, item.last_used_at)
        .where(item.group_id == actor.group_id)
        .order_by(item.id.desc())
        .limit(max(1, min(limit, 100)))
    )
    return [ConnectionInfo(*row) for row in await session.execute(query)]

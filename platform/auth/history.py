"""The history of sign-ins of an account, shown to its person and to who manages accounts.

Failures are recorded for accounts that exist only, never what was typed. An attack cannot fill the table: of one account at
most `MOST_FAILURES` are kept in `throttle.WINDOW`, and rows older than `KEPT` go.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import case, delete, func, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from ..clock import SYSTEM_CLOCK, Clock
from ..tenancy.ids import new_id
from .actor import Actor
from .local_model import SignInEvent
from .model import Account
from .throttle import WINDOW
from .web_sessions import UNKNOWN, SignInBy, short_user_agent

KEPT: Final = timedelta(days=180)
MOST_FAILURES: Final = 100


@dataclass(frozen=True, slots=True)
class SignInInfo:
    """One attempt as people see it. `address` and `user_agent` are the browser's, as far as they are known."""

    id: UUID
    account_id: UUID
    at: datetime
    method: str
    outcome: str
    address: str | None
    user_agent: str | None
    provider_id: UUID | None


async def record_sign_in(
    session: AsyncSession,
    account_id: UUID,
    *,
    outcome: str,
    by: SignInBy = UNKNOWN,
    clock: Clock = SYSTEM_CLOCK,
) -> None:
    """Record an attempt of an account in the caller's transaction (a control or a group session).

    ``outcome`` is one of `local_model.OUTCOMES`. An account that does not exist is not recorded, and of failures only so
    many as `MOST_FAILURES` allows.
    """
    await _insert(session, Account.id == account_id, outcome, by, clock.now())


async def record_failure(
    session: AsyncSession, *, name: str, outcome: str, by: SignInBy = UNKNOWN, clock: Clock = SYSTEM_CLOCK
) -> None:
    """Record a failed attempt with a sign-in name: one statement, whether the name exists or not.

    Of an account that is disabled REFUSED is recorded.
    """
    await _insert(session, Account.name == name, outcome, by, clock.now())


async def _insert(session: AsyncSession, which: Any, outcome: str, by: SignInBy, now: datetime) -> None:
    known = case((Account.state == "ACTIVE", literal(outcome)), else_=literal("REFUSED"))
    query = select(
        literal(new_id()),
        Account.id,
        Account.group_id,
        literal(now),
        literal(by.method),
        known,
        literal(by.address),
        literal(short_user_agent(by.user_agent)),
        literal(by.provider_id),
    ).where(which)
    if outcome != "SUCCEEDED":
        recent = select(func.count()).where(
            SignInEvent.account_id == Account.id, SignInEvent.at > now - WINDOW, SignInEvent.outcome != "SUCCEEDED"
        )
        query = query.where(recent.correlate(Account).scalar_subquery() < MOST_FAILURES)
    names = ["id", "account_id", "group_id", "at", "method", "outcome", "address", "user_agent", "provider_id"]
    await session.execute(insert(SignInEvent).from_select(names, query))


async def list_sign_ins(session: AsyncSession, actor: Actor, account_id: UUID, *, limit: int = 50) -> list[SignInInfo]:
    """Attempts of an account, newest first, at most 200: one's own, or with ``accounts:account:read``.

    Raises:
        Forbidden: it is somebody else's.
    """
    if actor.account_id != account_id:
        actor.require("accounts:account:read", None)
    item = SignInEvent
    query = (
        select(
            item.id,
            item.account_id,
            item.at,
            item.method,
            item.outcome,
            item.address,
            item.user_agent,
            item.provider_id,
        )
        .where(item.account_id == account_id, item.group_id == actor.group_id)
        .order_by(item.at.desc(), item.id.desc())
        .limit(max(1, min(limit, 200)))
    )
    return [SignInInfo(*row) for row in await session.execute(query)]


async def forget_sign_ins(session: AsyncSession, *, clock: Clock = SYSTEM_CLOCK, limit: int = 10_000) -> int:
    """Delete the history older than `KEPT`, at most ``limit`` rows; how many went. For a daily job."""
    old = select(SignInEvent.id).where(SignInEvent.at < clock.now() - KEPT).order_by(SignInEvent.at).limit(limit)
    gone = await session.execute(delete(SignInEvent).where(SignInEvent.id.in_(old)).returning(SignInEvent.id))
    return len(gone.all())

"""Attempts counted in the database, by what is guessed at and by the address it comes from; how long to wait is in `throttle`."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Self
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ..clock import SYSTEM_CLOCK, Clock
from .model import SignInAttempt
from .throttle import CODES, DAY, FAMILIAR, PASSWORDS, RESETS, WINDOW, Limits, Pair, address_key, wait


@dataclass(frozen=True, slots=True)
class Target:
    """What is tried at, from where. The name is hashed: people type passwords into it too."""

    name_hash: bytes
    address: str
    limits: Limits

    @classmethod
    def password(cls, name: str, address: str) -> Self:
        """The password of a name."""
        return cls(sha256(name.encode("utf-8", "replace")).digest(), address_key(address), PASSWORDS)

    @classmethod
    def code(cls, account_id: UUID, address: str) -> Self:
        """The one-time codes of an account. Codes and passwords do not slow one another down."""
        return cls(sha256(b"code\0" + account_id.bytes).digest(), f"code {address_key(address)}", CODES)

    @classmethod
    def reset(cls, name: str, address: str) -> Self:
        """Letters of reset for a name."""
        key = sha256(b"reset\0" + name.encode("utf-8", "replace")).digest()
        return cls(key, f"reset {address_key(address)}", RESETS)


async def count_attempt(session: AsyncSession, target: Target, now: datetime) -> float:
    """Seconds to wait; when none, the attempt is counted as failed until it succeeds.

    Counting first, under the row's lock, is what keeps a thousand attempts at once from all being looked at.
    """
    row = _row(target)
    of_name = SignInAttempt.name_hash == target.name_hash
    crowd = {
        "of_address": await _failures(session, SignInAttempt.address == target.address, now - WINDOW),
        "of_name": await _failures(session, of_name, now - WINDOW),
        "of_name_today": await _failures(session, of_name, now - DAY),
    }
    query = select(SignInAttempt.failures, SignInAttempt.last_failed_at, SignInAttempt.last_succeeded_at)
    query = query.where(*row).with_for_update()
    found = (await session.execute(query)).one_or_none()
    if found is None:
        pause = wait(Pair(), **crowd, now=now, limits=target.limits)
        if pause.total_seconds() > 0:
            return pause.total_seconds()  # no row: who is refused must not fill the table
        await session.execute(
            insert(SignInAttempt)
            .values(name_hash=target.name_hash, address=target.address, failures=0, last_failed_at=now - WINDOW)
            .on_conflict_do_nothing()
        )
        found = (await session.execute(query)).one()
    pair = Pair(*found)
    pause = wait(pair, **crowd, now=now, limits=target.limits)
    if pause.total_seconds() > 0:
        return pause.total_seconds()
    counted = pair.recent_failures(now) + 1
    await session.execute(update(SignInAttempt).where(*row).values(failures=counted, last_failed_at=now))
    return 0.0


async def count_success(session: AsyncSession, target: Target, now: datetime) -> None:
    """Forgive the failures of this pair; from now on it is familiar."""
    kept = {"failures": 0, "last_succeeded_at": now}
    new = insert(SignInAttempt).values(
        name_hash=target.name_hash, address=target.address, last_failed_at=now - WINDOW, **kept
    )
    await session.execute(new.on_conflict_do_update(index_elements=["name_hash", "address"], set_=kept))


async def forget_attempts(session: AsyncSession, *, clock: Clock = SYSTEM_CLOCK, limit: int = 10_000) -> int:
    """Delete counts that no longer matter, at most ``limit``; how many went. For a daily job."""
    now = clock.now()
    old = (
        select(SignInAttempt.name_hash, SignInAttempt.address)
        .where(
            SignInAttempt.last_failed_at < now - DAY,
            or_(SignInAttempt.last_succeeded_at.is_(None), SignInAttempt.last_succeeded_at < now - FAMILIAR),
        )
        .limit(limit)
    )
    gone = (await session.execute(old)).all()
    for name_hash, address in gone:
        await session.execute(
            delete(SignInAttempt).where(SignInAttempt.name_hash == name_hash, SignInAttempt.address == address)
        )
    return len(gone)


def _row(target: Target) -> tuple[ColumnElement[bool], ...]:
    return SignInAttempt.name_hash == target.name_hash, SignInAttempt.address == target.address


async def _failures(session: AsyncSession, which: ColumnElement[bool], since: datetime) -> int:
    query = select(func.coalesce(func.sum(SignInAttempt.failures), 0)).where(
        which, SignInAttempt.last_failed_at > since
    )
    return int((await session.execute(query)).scalar_one())

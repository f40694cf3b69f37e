"""Sign-in with name and password. An unknown name, a wrong password and a disabled account look and last the same.

Unlike the other verbs, these open their own short transactions (``sessions`` opens one and commits it at the end, as
``partial(control_session, engines)`` does): an attempt must be counted although it is refused, and no connection is held
while argon2 works.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ..clock import SYSTEM_CLOCK, Clock
from ..errors import Invalid, Refused, Throttled, Unauthenticated
from .accounts import account_name
from .actor import Actor
from .model import Account, SignInAttempt, WebSession
from .passwords import PASSWORDS, Passwords, check_new
from .throttle import FAMILIAR, WINDOW, Pair, address_key, wait

Sessions = Callable[[], AbstractAsyncContextManager[AsyncSession]]


@dataclass(frozen=True, slots=True)
class SignedIn:
    """An account whose password was right."""

    account_id: UUID
    group_id: UUID


@dataclass(frozen=True, slots=True)
class _Found:
    account_id: UUID
    group_id: UUID
    password_hash: str | None


async def sign_in(
    sessions: Sessions,
    *,
    name: str,
    password: str,
    address: str,
    clock: Clock = SYSTEM_CLOCK,
    passwords: Passwords = PASSWORDS,
) -> SignedIn:
    """The account of this name and password, for somebody at the network address ``address``.

    Raises:
        Unauthenticated: it is not; never says why.
        Throttled: too many failures with this name from this address (or see `throttle`); the password was not looked at.
    """
    try:
        known = account_name(name)
    except Invalid:
        known = ""  # counted and timed like any other name that does not exist
    key = (sha256((known or name).encode()).digest(), address_key(address))
    async with sessions() as session:
        pause = await _count_attempt(session, key, clock.now())
        found = await _find(session, known) if pause == 0 else None
    if pause > 0:
        raise Throttled("too many failed sign-ins", retry_after=pause)
    right = await passwords.verify(password, found.password_hash if found else None)
    if not right or found is None:
        raise Unauthenticated("name or password is wrong")
    renewed = await passwords.hash(password) if passwords.outdated(found.password_hash or "") else None
    async with sessions() as session:
        await _welcome(session, key, found, renewed, clock.now())
    return SignedIn(found.account_id, found.group_id)


async def change_own_password(
    sessions: Sessions,
    actor: Actor,
    *,
    current: str,
    password: str,
    address: str,
    keep_session: UUID | None = None,
    clock: Clock = SYSTEM_CLOCK,
    passwords: Passwords = PASSWORDS,
) -> None:
    """Give oneself a new password; other web sessions of the account end. The current one is asked for, and throttled.

    Raises:
        Unauthenticated: the actor is no account, or ``current`` is wrong.
        Throttled: as `sign_in`.
        Refused: WEAK_PASSWORD, or SAME_PASSWORD.
    """
    async with sessions() as session:
        query = select(Account.name).where(Account.id == actor.account_id, Account.group_id == actor.group_id)
        name = (await session.execute(query)).scalar_one_or_none()
    if name is None:
        raise Unauthenticated("only an account has a password")
    check_new(password, name=name)
    if password == current:
        raise Refused("SAME_PASSWORD", "this is the present password", path=("password",))
    await sign_in(sessions, name=name, password=current, address=address, clock=clock, passwords=passwords)
    encoded = await passwords.hash(password)
    others = [WebSession.account_id == actor.account_id, WebSession.revoked_at.is_(None)]
    if keep_session is not None:
        others.append(WebSession.id != keep_session)
    async with sessions() as session:
        await session.execute(update(Account).where(Account.id == actor.account_id).values(password_hash=encoded))
        await session.execute(update(WebSession).where(*others).values(revoked_at=clock.now()))


async def forget_attempts(session: AsyncSession, *, clock: Clock = SYSTEM_CLOCK, limit: int = 10_000) -> int:
    """Delete counts that no longer matter, at most ``limit``; how many went. For a daily job."""
    now = clock.now()
    old = (
        select(SignInAttempt.name_hash, SignInAttempt.address)
        .where(
            SignInAttempt.last_failed_at < now - WINDOW,
            func.coalesce(SignInAttempt.last_succeeded_at, SignInAttempt.last_failed_at) < now - FAMILIAR,
        )
        .limit(limit)
    )
    gone = (await session.execute(old)).all()
    for name_hash, address in gone:
        await session.execute(
            delete(SignInAttempt).where(SignInAttempt.name_hash == name_hash, SignInAttempt.address == address)
        )
    return len(gone)


async def _count_attempt(session: AsyncSession, key: tuple[bytes, str], now: datetime) -> float:
    """Seconds to wait; when none, the attempt is counted as failed until it succeeds.

    Counting first, under the row's lock, is what keeps a thousand attempts at once from all being looked at.
    """
    name_hash, address = key
    row = SignInAttempt.name_hash == name_hash, SignInAttempt.address == address
    of_address = await _recent(session, SignInAttempt.address == address, now)
    of_name = await _recent(session, SignInAttempt.name_hash == name_hash, now)
    query = select(SignInAttempt.failures, SignInAttempt.last_failed_at, SignInAttempt.last_succeeded_at)
    query = query.where(*row).with_for_update()
    found = (await session.execute(query)).one_or_none()
    if found is None:
        pause = wait(Pair(), of_address=of_address, of_name=of_name, now=now)
        if pause.total_seconds() > 0:
            return pause.total_seconds()  # no row: who is refused must not fill the table
        await session.execute(
            insert(SignInAttempt)
            .values(name_hash=name_hash, address=address, failures=0, last_failed_at=now - WINDOW)
            .on_conflict_do_nothing()
        )
        found = (await session.execute(query)).one()
    pair = Pair(*found)
    pause = wait(pair, of_address=of_address, of_name=of_name, now=now)
    if pause.total_seconds() > 0:
        return pause.total_seconds()
    counted = pair.recent_failures(now) + 1
    await session.execute(update(SignInAttempt).where(*row).values(failures=counted, last_failed_at=now))
    return 0.0


async def _recent(session: AsyncSession, which: ColumnElement[bool], now: datetime) -> int:
    query = select(func.coalesce(func.sum(SignInAttempt.failures), 0)).where(
        which, SignInAttempt.last_failed_at > now - WINDOW
    )
    return int((await session.execute(query)).scalar_one())


async def _find(session: AsyncSession, name: str) -> _Found | None:
    query = select(Account.id, Account.group_id, Account.password_hash).where(
        Account.name == name, Account.state == "ACTIVE"
    )
    row = (await session.execute(query)).one_or_none()
    return _Found(*row) if row is not None else None


async def _welcome(
    session: AsyncSession, key: tuple[bytes, str], found: _Found, renewed: str | None, now: datetime
) -> None:
    # Disabled, or given another password, while argon2 worked: then it is not signed in.
    still = (
        update(Account)
        .where(Account.id == found.account_id, Account.state == "ACTIVE", Account.password_hash == found.password_hash)
        .values(last_sign_in_at=now, password_hash=renewed or found.password_hash)
        .returning(Account.id)
    )
    if (await session.execute(still)).scalar_one_or_none() is None:
        raise Unauthenticated("name or password is wrong")
    name_hash, address = key
    await session.execute(
        update(SignInAttempt)
        .where(SignInAttempt.name_hash == name_hash, SignInAttempt.address == address)
        .values(failures=0, last_succeeded_at=now)
    )

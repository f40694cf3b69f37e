"""Sign-in with name and password. An unknown name, a wrong password and a disabled account look and last the same.

Unlike the other verbs, these open their own short transactions (``sessions`` opens one and commits it at the end, as
``partial(control_session, engines)`` does): an attempt must be counted although it is refused, and no connection is held
while argon2 works.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ..clock import SYSTEM_CLOCK, Clock
from ..errors import Invalid, Refused, Throttled, Unauthenticated
from ..tenancy.control import DealerGroup
from .accounts import account_name
from .actor import Actor
from .attempts import Target, count_attempt, count_success
from .history import record_failure, record_sign_in
from .local_model import SecondFactor
from .model import Account
from .passwords import PASSWORDS, Passwords, check_new
from .web_sessions import UNKNOWN, SignInBy

Sessions = Callable[[], AbstractAsyncContextManager[AsyncSession]]


@dataclass(frozen=True, slots=True)
class SignedIn:
    """An account whose password was right.

    `step` is what must come before a session: CODE (a one-time code), ENROL (the group wants a second factor and there is
    none yet); None when nothing must.
    """

    account_id: UUID
    group_id: UUID
    step: str | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    account_id: UUID
    group_id: UUID
    password_hash: str | None
    has_factor: bool
    wants_factor: bool

    @property
    def step(self) -> str | None:
        if self.has_factor:
            return "CODE"
        return "ENROL" if self.wants_factor else None


async def sign_in(
    sessions: Sessions,
    *,
    name: str,
    password: str,
    address: str,
    by: SignInBy = UNKNOWN,
    clock: Clock = SYSTEM_CLOCK,
    passwords: Passwords = PASSWORDS,
) -> SignedIn:
    """The account of this name and password, for somebody at the network address ``address`` with the browser ``by``.

    Raises:
        Unauthenticated: it is not; never says why.
        Throttled: too many failures with this name from this address (or see `throttle`); the password was not looked at.
    """
    by = replace(by, method="PASSWORD", address=by.address or address or None)
    target, found, renewed = await _checked(
        sessions, name=name, password=password, address=address, by=by, clock=clock, passwords=passwords
    )
    async with sessions() as session:
        await _settle(session, target, found, renewed, clock.now(), signed_in=found.step is None)
        outcome = "SUCCEEDED" if found.step is None else "CODE_ASKED"
        await record_sign_in(session, found.account_id, outcome=outcome, by=by, clock=clock)
    return SignedIn(found.account_id, found.group_id, found.step)


async def prove_password(
    sessions: Sessions,
    actor: Actor,
    *,
    password: str,
    address: str,
    by: SignInBy = UNKNOWN,
    clock: Clock = SYSTEM_CLOCK,
    passwords: Passwords = PASSWORDS,
) -> None:
    """The actor knows the password of their own account; counted and slowed down like a sign-in.

    Raises:
        Unauthenticated: it is not the password, or the actor is no account.
        Throttled: as `sign_in`.
    """
    async with sessions() as session:
        name = await own_name(session, actor)
    by = replace(by, method="PASSWORD", address=by.address or address or None)
    target, found, renewed = await _checked(
        sessions, name=name, password=password, address=address, by=by, clock=clock, passwords=passwords
    )
    async with sessions() as session:
        await _settle(session, target, found, renewed, clock.now(), signed_in=False)


async def new_password(
    sessions: Sessions,
    actor: Actor,
    *,
    current: str,
    password: str,
    address: str,
    by: SignInBy = UNKNOWN,
    clock: Clock = SYSTEM_CLOCK,
    passwords: Passwords = PASSWORDS,
) -> str:
    """The hash of a new password for oneself, for `accounts.replace_password`. The present one is asked for, and throttled.

    Raises:
        Unauthenticated, Throttled: as `prove_password`.
        Refused: WEAK_PASSWORD, or SAME_PASSWORD.
    """
    async with sessions() as session:
        name = await own_name(session, actor)
        words = await context_words(session, actor.group_id, actor.account_id)
    check_new(password, name=name, words=words)
    if password == current:
        raise Refused("SAME_PASSWORD", "this is the present password", path=("password",))
    await prove_password(sessions, actor, password=current, address=address, by=by, clock=clock, passwords=passwords)
    return await passwords.hash(password)


async def context_words(session: AsyncSession, group_id: UUID, account_id: UUID | None) -> tuple[str, ...]:
    """Words that others would try first for this account: its names, its address, its group's code and name."""
    query = (
        select(Account.name, Account.display_name, Account.email, DealerGroup.code, DealerGroup.name)
        .join(DealerGroup, DealerGroup.id == Account.group_id)
        .where(Account.id == account_id, Account.group_id == group_id)
    )
    row = (await session.execute(query)).one_or_none()
    return tuple(text for text in row if text) if row is not None else ()


async def own_name(session: AsyncSession, actor: Actor) -> str:
    """The sign-in name of the actor's account.

    Raises:
        Unauthenticated: the actor is no account.
    """
    query = select(Account.name).where(Account.id == actor.account_id, Account.group_id == actor.group_id)
    name = (await session.execute(query)).scalar_one_or_none()
    if name is None:
        raise Unauthenticated("only an account has a password")
    return name


async def _checked(
    sessions: Sessions, *, name: str, password: str, address: str, by: SignInBy, clock: Clock, passwords: Passwords
) -> tuple[Target, _Found, str | None]:
    """The account whose password it is, and its hash anew where the old one is of weaker parameters."""
    try:
        known = account_name(name)
    except Invalid:
        known = ""  # counted and timed like any other name that does not exist
    target = Target.password(known or name, address)
    async with sessions() as session:
        pause = await count_attempt(session, target, clock.now())
        found = await _find(session, known) if pause == 0 else None
        if pause > 0:
            await record_failure(session, name=known, outcome="THROTTLED", by=by, clock=clock)
    if pause > 0:
        raise Throttled("too many failed sign-ins", retry_after=pause)
    right = await passwords.verify(password, found.password_hash if found else None)
    if not right or found is None:
        async with sessions() as session:
            # The same statement for every name, so that its time tells nothing.
            await record_failure(session, name=known, outcome="WRONG_PASSWORD", by=by, clock=clock)
        raise Unauthenticated("name or password is wrong")
    renewed = await passwords.hash(password) if passwords.outdated(found.password_hash or "") else None
    return target, found, renewed


async def _find(session: AsyncSession, name: str) -> _Found | None:
    factor = exists().where(SecondFactor.account_id == Account.id, SecondFactor.confirmed_at.is_not(None))
    query = (
        select(Account.id, Account.group_id, Account.password_hash, factor, DealerGroup.second_factor == "REQUIRED")
        .join(DealerGroup, DealerGroup.id == Account.group_id)
        .where(Account.name == name, Account.state == "ACTIVE")
    )
    row = (await session.execute(query)).one_or_none()
    return _Found(*row) if row is not None else None


async def _settle(
    session: AsyncSession, target: Target, found: _Found, renewed: str | None, now: datetime, *, signed_in: bool
) -> None:
    # Disabled, or given another password, while argon2 worked: then it is not right any more.
    still = (
        update(Account)
        .where(Account.id == found.account_id, Account.state == "ACTIVE", Account.password_hash == found.password_hash)
        .values(password_hash=renewed or found.password_hash, **({"last_sign_in_at": now} if signed_in else {}))
        .returning(Account.id)
    )
    if (await session.execute(still)).scalar_one_or_none() is None:
        raise Unauthenticated("name or password is wrong")
    await count_success(session, target, now)

"""Between password and session: a half-finished sign-in without any right, in the browser that began it, for minutes.

It can do two things: take a code, or, where the group wants a second factor and there is none, set one up.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from sqlalchemy import delete, exists, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ..clock import SYSTEM_CLOCK, Clock
from ..errors import Throttled, Unauthenticated
from ..tenancy.ids import new_id
from ..tenancy.sealing import Sealer
from .attempts import Target, count_attempt, count_success
from .history import record_sign_in
from .local_model import SecondFactor, SignInStep
from .model import Account
from .second_factor import use_code
from .sign_in import Sessions, SignedIn
from .web_sessions import OpenedSession, SignInBy, open_session, short_user_agent

#: Bound to the host, as the session's cookie is.
COOKIE: Final = "__Host-forecourt-step"
LIFETIME: Final = timedelta(minutes=5)
#: Codes that one step may try; then the password is asked for again.
MOST_TRIES: Final = 5
#: After so many wrong codes behind a right password its person is told that somebody knows it.
SUSPICIOUS: Final = 3

_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class OpenedStep:
    """A new cookie value. `cookie` is sent once and kept nowhere."""

    id: UUID
    kind: str
    cookie: str

    def __repr__(self) -> str:
        return f"OpenedStep(id={self.id}, kind={self.kind!r})"


@dataclass(frozen=True, slots=True)
class VerifiedStep:
    """A half-finished sign-in that was found valid. Not an actor: nothing can be read or done with it."""

    id: UUID
    kind: str
    account_id: UUID
    group_id: UUID
    name: str
    tries: int


@dataclass(frozen=True, slots=True)
class Finished:
    """A sign-in with two factors. `with_recovery`: the code was a recovery code, which its person should be told."""

    session: OpenedSession
    account_id: UUID
    group_id: UUID
    with_recovery: bool = False


class WrongCode(Unauthenticated):
    """The code was not right; the step may try again."""

    def __init__(self, step: VerifiedStep) -> None:
        super().__init__("the code is wrong")
        self.step = step

    @property
    def suspicious(self) -> bool:
        """Is this the wrong code after which its person is warned?"""
        return self.step.tries + 1 == SUSPICIOUS


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a code: which kind it was, or how long to wait, or neither."""

    used: str | None = None
    pause: float = 0.0


async def open_step(
    session: AsyncSession, person: SignedIn, *, by: SignInBy, clock: Clock = SYSTEM_CLOCK
) -> OpenedStep:
    """A half-finished sign-in for who has just given the right password; ``person.step`` says what is to come."""
    if person.step is None:
        raise ValueError("nothing stands between this person and a session")
    opened, now = OpenedStep(new_id(), person.step, secrets.token_urlsafe(_BYTES)), clock.now()
    await session.execute(
        insert(SignInStep).values(
            id=opened.id,
            account_id=person.account_id,
            group_id=person.group_id,
            kind=opened.kind,
            secret_hash=_hashed(opened.cookie),
            created_at=now,
            expires_at=now + LIFETIME,
            address=by.address,
            user_agent=short_user_agent(by.user_agent),
        )
    )
    return opened


async def verify_step(session: AsyncSession, cookie: str, *, by: SignInBy, clock: Clock = SYSTEM_CLOCK) -> VerifiedStep:
    """The half-finished sign-in of a cookie, in the browser that began it.

    Raises:
        Unauthenticated: unknown, ended, used up, another browser's, or of a disabled account; never says which.
    """
    counts = exists().where(SecondFactor.account_id == SignInStep.account_id, SecondFactor.confirmed_at.is_not(None))
    query = (
        select(
            SignInStep.id, SignInStep.kind, SignInStep.account_id, SignInStep.group_id, Account.name, SignInStep.tries
        )
        .join(Account, Account.id == SignInStep.account_id)
        .where(
            SignInStep.secret_hash == _hashed(cookie),
            SignInStep.expires_at > clock.now(),
            SignInStep.tries < MOST_TRIES,
            SignInStep.user_agent.is_not_distinct_from(short_user_agent(by.user_agent)),
            Account.state == "ACTIVE",
            # Once there is a device, a step that knows the password only must not set up another.
            or_(SignInStep.kind == "CODE", ~counts),
        )
    )
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise Unauthenticated("sign in again")
    return VerifiedStep(*row)


async def finish_with_code(
    sessions: Sessions,
    cookie: str,
    *,
    code: str,
    by: SignInBy,
    sealer: Callable[[UUID], Sealer],
    clock: Clock = SYSTEM_CLOCK,
) -> Finished:
    """A session for who gives the right code. ``sealer`` gives the sealer of a group's seeds.

    Raises:
        Unauthenticated: the step is not valid (`verify_step`): the password must be given again.
        WrongCode: it is not the code.
        Throttled: too many wrong codes for this account from this address, or from everywhere at unfamiliar ones.
    """
    by = replace(by, method="PASSWORD_AND_CODE")
    async with sessions() as session:
        step = await verify_step(session, cookie, by=by, clock=clock)
        if step.kind != "CODE":
            raise Unauthenticated("sign in again")
        tried = await try_code(
            session, step.account_id, code=code, address=by.address or "", sealer=sealer(step.group_id), clock=clock
        )
        if tried.used is not None:
            opened = await end_step(session, step, by=by, clock=clock)
        else:
            outcome = "THROTTLED" if tried.pause else "WRONG_CODE"
            await record_sign_in(session, step.account_id, outcome=outcome, by=by, clock=clock)
            more = update(SignInStep).where(SignInStep.id == step.id).values(tries=SignInStep.tries + 1)
            await session.execute(more)
    if tried.used is None:
        raise Throttled("too many wrong codes", retry_after=tried.pause) if tried.pause else WrongCode(step)
    return Finished(opened, step.account_id, step.group_id, tried.used == "RECOVERY")


async def try_code(
    session: AsyncSession,
    account_id: UUID,
    *,
    code: str,
    address: str,
    sealer: Sealer,
    clock: Clock = SYSTEM_CLOCK,
) -> Tried:
    """Count the attempt, then look at the code. Raises nothing: the count must be committed."""
    target, now = Target.code(account_id, address), clock.now()
    pause = await count_attempt(session, target, now)
    if pause > 0:
        return Tried(pause=pause)
    used = await use_code(session, account_id, sealer=sealer, code=code, clock=clock)
    if used is not None:
        await count_success(session, target, now)
    return Tried(used)


async def end_step(
    session: AsyncSession, step: VerifiedStep, *, by: SignInBy, clock: Clock = SYSTEM_CLOCK
) -> OpenedSession:
    """The session that the step becomes, once the second factor was proved. The step is gone: it becomes one session.

    Raises:
        Unauthenticated: somebody else ended the step meanwhile.
    """
    gone = await session.execute(delete(SignInStep).where(SignInStep.id == step.id).returning(SignInStep.id))
    if gone.scalar_one_or_none() is None:
        raise Unauthenticated("sign in again")
    await session.execute(update(Account).where(Account.id == step.account_id).values(last_sign_in_at=clock.now()))
    by = replace(by, method="PASSWORD_AND_CODE")
    await record_sign_in(session, step.account_id, outcome="SUCCEEDED", by=by, clock=clock)
    return await open_session(session, step.account_id, by=by, clock=clock)


async def forget_steps(session: AsyncSession, *, clock: Clock = SYSTEM_CLOCK) -> None:
    """Delete the steps that are over. For a daily job."""
    await session.execute(delete(SignInStep).where(SignInStep.expires_at < clock.now() - LIFETIME))


def _hashed(cookie: str) -> bytes:
    return sha256(cookie[:100].encode()).digest()

"""One-time codes of a device (TOTP, RFC 6238: SHA-1, six digits, 30 seconds), and recovery codes for who lost it.

The seed is sealed for its account. A code counts in its own time step and in the one before and after, for clocks that go
wrong; a step that was used is used up, with every step before it (RFC 6238, section 5.2).
"""

import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import pyotp
from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ..clock import SYSTEM_CLOCK, Clock
from ..errors import Refused, WrongState
from ..tenancy.control import DealerGroup
from ..tenancy.ids import new_id
from ..tenancy.sealing import Sealer
from .actor import Actor
from .local_model import RecoveryCode, SecondFactor

PURPOSE: Final = "totp"
STEP: Final = 30
DIGITS: Final = 6
#: Time steps before and after the present one whose codes count.
DRIFT: Final = 1
#: Between showing a seed and the code that confirms it.
TO_CONFIRM: Final = timedelta(minutes=15)
RECOVERY_CODES: Final = 10

#: Without letters that look like digits, 32 of them: 24 characters are 120 random bits.
_ALPHABET: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_LENGTH: Final = 24
_SEED_LENGTH: Final = 32  # base32: 160 bits, as RFC 4226 recommends


@dataclass(frozen=True, slots=True)
class PendingFactor:
    """A device that is being set up."""

    id: UUID
    seed: str = field(repr=False)

    def uri(self, *, name: str, issuer: str) -> str:
        """What authenticator apps read from the picture (Key URI format)."""
        return pyotp.TOTP(self.seed).provisioning_uri(name=name, issuer_name=issuer)


@dataclass(frozen=True, slots=True)
class FactorInfo:
    """The second factor of an account, as its person sees it."""

    confirmed_at: datetime | None
    recovery_codes_left: int
    required: bool


def matching_step(seed: str, code: str, now: datetime, *, after: int) -> int | None:
    """The time step whose code it is, newer than the step ``after``; None when there is none."""
    if not re.fullmatch(rf"[0-9]{{{DIGITS}}}", code):
        return None
    maker, current = pyotp.TOTP(seed), int(now.timestamp()) // STEP
    right = [
        step
        for step in range(current - DRIFT, current + DRIFT + 1)
        if hmac.compare_digest(maker.generate_otp(step), code) and step > after
    ]
    return max(right, default=None)


def typed_code(text: str) -> str:
    """A code as it was typed, without the spaces and hyphens that make it readable."""
    return re.sub(r"[\s-]", "", text[:100]).upper()


async def begin_factor(
    session: AsyncSession, actor: Actor, account_id: UUID, *, sealer: Sealer, clock: Clock = SYSTEM_CLOCK
) -> None:
    """A fresh seed, to be confirmed; an earlier one that was not confirmed is forgotten. In a group session."""
    await session.execute(delete(SecondFactor).where(*_pending(account_id)))
    sealed = sealer.seal(pyotp.random_base32(_SEED_LENGTH).encode(), bound_to=account_id.bytes)
    made = {"id": new_id(), "account_id": account_id, "group_id": actor.group_id, "created_at": clock.now()}
    await session.execute(insert(SecondFactor).values(seed_enc=sealed, **made))


async def pending_factor(
    session: AsyncSession, account_id: UUID, *, sealer: Sealer, clock: Clock = SYSTEM_CLOCK
) -> PendingFactor | None:
    """The seed that waits for its first code; None when there is none, or it waited too long. In a control session."""
    query = select(SecondFactor.id, SecondFactor.seed_enc).where(
        *_pending(account_id), SecondFactor.created_at > clock.now() - TO_CONFIRM
    )
    row = (await session.execute(query)).one_or_none()
    return PendingFactor(row.id, _seed(sealer, account_id, row.seed_enc)) if row is not None else None


async def confirm_factor(
    session: AsyncSession,
    actor: Actor,
    account_id: UUID,
    pending: PendingFactor,
    *,
    code: str,
    replaces: bool = True,
    clock: Clock = SYSTEM_CLOCK,
) -> list[str]:
    """Let the pending device count from now on, instead of an earlier one; new recovery codes, shown this once.

    ``replaces``: whether it may take the place of a device that counts: not for who knows the password only.

    Raises:
        Refused: WRONG_CODE.
        WrongState: the pending device was replaced meanwhile, or there is one that counts and stays.
    """
    now = clock.now()
    if not replaces and await has_factor(session, account_id):
        raise WrongState("there is a device already")
    step = matching_step(pending.seed, typed_code(code), now, after=0)
    if step is None:
        raise Refused("WRONG_CODE", "this is not the code of the device", path=("code",))
    if replaces:
        await session.execute(delete(SecondFactor).where(*_confirmed(account_id)))
    confirmed = (
        update(SecondFactor)
        .where(SecondFactor.id == pending.id, *_pending(account_id))
        .values(confirmed_at=now, last_step=step)
        .returning(SecondFactor.id)
    )
    if (await session.execute(confirmed)).scalar_one_or_none() is None:
        raise WrongState("the device was replaced meanwhile")
    return await make_recovery_codes(session, actor, account_id, clock=clock)


async def make_recovery_codes(
    session: AsyncSession, actor: Actor, account_id: UUID, *, clock: Clock = SYSTEM_CLOCK
) -> list[str]:
    """New recovery codes, instead of all earlier ones; shown this once. In a group session."""
    await session.execute(delete(RecoveryCode).where(RecoveryCode.account_id == account_id))
    codes = ["".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH)) for _ in range(RECOVERY_CODES)]
    rows: list[dict[str, Any]] = [
        {
            "id": new_id(),
            "account_id": account_id,
            "group_id": actor.group_id,
            "code_hash": _hashed(account_id, code),
            "created_at": clock.now(),
        }
        for code in codes
    ]
    await session.execute(insert(RecoveryCode), rows)
    return ["-".join(code[at : at + 6] for at in range(0, _LENGTH, 6)) for code in codes]


async def remove_factor(session: AsyncSession, account_id: UUID) -> bool:
    """Forget the devices and recovery codes of an account; was there one that counted? In a group session."""
    gone = await session.execute(
        delete(SecondFactor).where(SecondFactor.account_id == account_id).returning(SecondFactor.confirmed_at)
    )
    await session.execute(delete(RecoveryCode).where(RecoveryCode.account_id == account_id))
    return any(confirmed is not None for confirmed in gone.scalars())


async def use_code(
    session: AsyncSession, account_id: UUID, *, sealer: Sealer, code: str, clock: Clock = SYSTEM_CLOCK
) -> str | None:
    """Take a code of the device or a recovery code, each once: DEVICE, RECOVERY, or None when it is neither.

    In a control session, after the attempt was counted (`attempts.count_attempt`).
    """
    given, now = typed_code(code), clock.now()
    if len(given) == _LENGTH:
        return "RECOVERY" if await _use_recovery_code(session, account_id, given, now) else None
    query = select(SecondFactor.id, SecondFactor.seed_enc, SecondFactor.last_step).where(*_confirmed(account_id))
    row = (await session.execute(query)).one_or_none()
    if row is None:
        return None
    step = matching_step(_seed(sealer, account_id, row.seed_enc), given, now, after=row.last_step)
    if step is None:
        return None
    # Asked again in the statement: of two requests with the same code, one wins.
    used = (
        update(SecondFactor)
        .where(SecondFactor.id == row.id, SecondFactor.last_step < step)
        .values(last_step=step)
        .returning(SecondFactor.id)
    )
    return "DEVICE" if (await session.execute(used)).scalar_one_or_none() is not None else None


async def factor_info(session: AsyncSession, actor: Actor, account_id: UUID) -> FactorInfo:
    """The second factor of an account: one's own, or with ``accounts:account:read``.

    Raises:
        Forbidden: it is somebody else's.
    """
    if actor.account_id != account_id:
        actor.require("accounts:account:read", None)
    own = SecondFactor.group_id == actor.group_id
    confirmed = select(SecondFactor.confirmed_at).where(*_confirmed(account_id), own)
    codes = select(func.count()).where(
        RecoveryCode.account_id == account_id,
        RecoveryCode.group_id == actor.group_id,
        RecoveryCode.used_at.is_(None),
    )
    required = select(DealerGroup.second_factor == "REQUIRED").where(DealerGroup.id == actor.group_id)
    return FactorInfo(
        (await session.execute(confirmed)).scalar_one_or_none(),
        int((await session.execute(codes)).scalar_one()),
        bool((await session.execute(required)).scalar_one()),
    )


async def has_factor(session: AsyncSession, account_id: UUID) -> bool:
    """Does a device count for this account?"""
    return (await session.execute(select(SecondFactor.id).where(*_confirmed(account_id)))).one_or_none() is not None


async def _use_recovery_code(session: AsyncSession, account_id: UUID, code: str, now: datetime) -> bool:
    used = (
        update(RecoveryCode)
        .where(
            RecoveryCode.account_id == account_id,
            RecoveryCode.code_hash == _hashed(account_id, code),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=now)
        .returning(RecoveryCode.id)
    )
    return (await session.execute(used)).scalar_one_or_none() is not None


def _pending(account_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return SecondFactor.account_id == account_id, SecondFactor.confirmed_at.is_(None)


def _confirmed(account_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return SecondFactor.account_id == account_id, SecondFactor.confirmed_at.is_not(None)


def _seed(sealer: Sealer, account_id: UUID, sealed: bytes) -> str:
    return sealer.unseal(sealed, bound_to=account_id.bytes).decode()


def _hashed(account_id: UUID, code: str) -> bytes:
    return sha256(b"recovery\0" + account_id.bytes + code.encode("utf-8", "replace")).digest()

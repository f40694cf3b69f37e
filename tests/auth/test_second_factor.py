"""One-time codes count around now and once; recovery codes once; seeds are sealed for their account."""

from datetime import UTC, datetime

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from forecourt.auth.identify import actor_for_account
from forecourt.auth.local_model import SecondFactor
from forecourt.auth.second_factor import (
    DRIFT,
    RECOVERY_CODES,
    STEP,
    TO_CONFIRM,
    begin_factor,
    confirm_factor,
    factor_info,
    has_factor,
    make_recovery_codes,
    matching_step,
    pending_factor,
    remove_factor,
    typed_code,
    use_code,
)
from forecourt.errors import Fault, Forbidden, Refused, WrongState
from forecourt.tenancy.sealing import Sealer
from tests.auth.world import NOON, World

SEED = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # of RFC 6238, appendix B


def sealer(world: World) -> Sealer:
    return Sealer(lambda version: bytes([version]) * 32, 1, world.north, "totp")


def test_codes_are_those_of_the_standard() -> None:
    """RFC 6238, appendix B: the last six digits of the SHA-1 column."""
    for seconds, code in ((59, "287082"), (1111111109, "081804"), (2000000000, "279037")):
        assert matching_step(SEED, code, datetime.fromtimestamp(seconds, UTC), after=0) == seconds // STEP


@given(st.integers(-4, 4))
def test_a_code_counts_one_step_before_and_after_its_own(steps: int) -> None:
    now = int(NOON.timestamp()) // STEP
    code = pyotp.TOTP(SEED).generate_otp(now + steps)
    found = matching_step(SEED, code, NOON, after=0)
    assert found == (now + steps if abs(steps) <= DRIFT else None)


def test_a_step_that_was_used_is_used_up_with_those_before() -> None:
    now = int(NOON.timestamp()) // STEP
    for after in (now - 2, now - 1, now, now + 1):
        code = pyotp.TOTP(SEED).generate_otp(now)
        assert (matching_step(SEED, code, NOON, after=after) is not None) == (after < now)


@pytest.mark.parametrize("text", ["", "12345", "1234567", "12345a", "１２３４５６", "٣٣٣٣٣٣", "000000\n"])
def test_what_is_no_code_is_not_looked_at(text: str) -> None:
    assert matching_step(SEED, text, NOON, after=0) is None


def test_codes_may_be_typed_with_spaces() -> None:
    assert typed_code(" 123 456\n") == "123456"
    assert typed_code("abcdef-GHJKLM") == "ABCDEFGHJKLM"


@pytest.mark.anyio
async def test_a_device_counts_once_it_is_confirmed_and_replaces_the_one_before(world: World) -> None:
    account = await world.account("li")
    seal = sealer(world)
    async with world.sessions() as session:
        actor = await actor_for_account(session, account, clock=world.clock)
        await begin_factor(session, actor, account, sealer=seal, clock=world.clock)
        await begin_factor(session, actor, account, sealer=seal, clock=world.clock)
        pending = await pending_factor(session, account, sealer=seal, clock=world.clock)
        assert pending is not None and len(pending.seed) == 32 and pending.seed not in repr(pending)
        assert not await has_factor(session, account)
        with pytest.raises(Refused, match="code"):
            await confirm_factor(session, actor, account, pending, code="000000", clock=world.clock)
        code = pyotp.TOTP(pending.seed).at(world.clock.now())
        codes = await confirm_factor(session, actor, account, pending, code=code, clock=world.clock)
        assert len(set(codes)) == RECOVERY_CODES
        info = await factor_info(session, actor, account)
        assert (info.confirmed_at, info.recovery_codes_left) == (world.clock.now(), RECOVERY_CODES)
    with pytest.raises(WrongState):
        async with world.sessions() as session:
            await confirm_factor(session, actor, account, pending, code=code, clock=world.clock)
    async with world.sessions() as session:
        await begin_factor(session, actor, account, sealer=seal, clock=world.clock)
        second = await pending_factor(session, account, sealer=seal, clock=world.clock)
        assert second is not None
    with pytest.raises(WrongState, match="already"):
        async with world.sessions() as session:
            right = pyotp.TOTP(second.seed).at(world.clock.now())
            await confirm_factor(session, actor, account, second, code=right, replaces=False, clock=world.clock)
    async with world.sessions() as session:
        assert await use_code(session, account, sealer=seal, code=code, clock=world.clock) is None
        world.later(seconds=STEP)
        following = pyotp.TOTP(pending.seed).at(world.clock.now())
        assert await use_code(session, account, sealer=seal, code=following, clock=world.clock) == "DEVICE"
        assert await use_code(session, account, sealer=seal, code=following, clock=world.clock) is None
        await begin_factor(session, actor, account, sealer=seal, clock=world.clock)
        world.later(seconds=STEP)
        still = pyotp.TOTP(pending.seed).at(world.clock.now())
        assert await use_code(session, account, sealer=seal, code=still, clock=world.clock) == "DEVICE"
        world.later(seconds=TO_CONFIRM.total_seconds())
        assert await pending_factor(session, account, sealer=seal, clock=world.clock) is None


@pytest.mark.anyio
async def test_recovery_codes_work_once_for_their_account_and_go_with_the_next_ones(world: World) -> None:
    account, other = await world.account("li"), await world.account("wang")
    seal = sealer(world)
    async with world.sessions() as session:
        actor = await actor_for_account(session, account, clock=world.clock)
        first, *_ = await make_recovery_codes(session, actor, account, clock=world.clock)
        assert await use_code(session, other, sealer=seal, code=first, clock=world.clock) is None
        assert await use_code(session, account, sealer=seal, code=first.lower(), clock=world.clock) == "RECOVERY"
        assert await use_code(session, account, sealer=seal, code=first, clock=world.clock) is None
        second = (await make_recovery_codes(session, actor, account, clock=world.clock))[0]
        assert not await remove_factor(session, account)
        assert await use_code(session, account, sealer=seal, code=second, clock=world.clock) is None
    assert await world.count("select count(*) from control.recovery_code") == 0


@pytest.mark.anyio
async def test_a_seed_moved_to_another_account_cannot_be_read(world: World) -> None:
    account, other = await world.account("li"), await world.account("wang")
    seal = sealer(world)
    async with world.sessions() as session:
        actor = await actor_for_account(session, account, clock=world.clock)
        await begin_factor(session, actor, account, sealer=seal, clock=world.clock)
    async with world.sessions() as session:
        await session.execute(update(SecondFactor).values(account_id=other))
        with pytest.raises(Fault):
            await pending_factor(session, other, sealer=seal, clock=world.clock)


@pytest.mark.anyio
async def test_others_may_not_look_at_it(world: World) -> None:
    account = await world.account("li")
    stranger = await world.account("zhao")
    admin = await world.account("admin", ("GROUP_ADMIN", None))
    async with world.sessions() as session:
        with pytest.raises(Forbidden):
            await factor_info(session, await actor_for_account(session, stranger, clock=world.clock), account)
        seen = await factor_info(session, await actor_for_account(session, admin, clock=world.clock), account)
    assert seen.confirmed_at is None and not seen.required

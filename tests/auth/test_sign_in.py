"""Sign-in tells nothing about names, slows down guessing, and keeps nobody out because of others."""

import asyncio
import threading
from hashlib import sha256

import argon2
import pytest
from sqlalchemy import insert

from forecourt.auth import account_reads, accounts
from forecourt.auth.attempts import forget_attempts
from forecourt.auth.identify import actor_for_account
from forecourt.auth.model import SignInAttempt
from forecourt.auth.passwords import Passwords
from forecourt.auth.sign_in import SignedIn, new_password, prove_password, sign_in
from forecourt.auth.throttle import FREE, PER_NAME
from forecourt.auth.web_sessions import open_session, verify_session
from forecourt.errors import ForecourtError, Refused, Throttled, Unauthenticated
from tests.auth.world import CHEAP, PASSWORD, World

pytestmark = pytest.mark.anyio

HOME = "203.0.113.1"
AWAY = "198.51.100.1"


class Counting(Passwords):
    """Counts how often argon2 ran: what a stranger could measure."""

    def __init__(self) -> None:
        super().__init__(argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        self.verified = 0

    async def verify(self, password: str, password_hash: str | None) -> bool:
        self.verified += 1
        return await super().verify(password, password_hash)


async def attempt(
    world: World, name: str, password: str, *, address: str = HOME, passwords: Passwords = CHEAP
) -> SignedIn:
    return await sign_in(
        world.sessions, name=name, password=password, address=address, clock=world.clock, passwords=passwords
    )


async def fail(world: World, name: str, *, address: str = HOME, times: int = 1) -> ForecourtError:
    error: ForecourtError | None = None
    for _ in range(times):
        with pytest.raises((Unauthenticated, Throttled)) as raised:
            await attempt(world, name, "wrong password", address=address)
        error = raised.value
    assert error is not None
    return error


async def test_the_right_password_signs_in(world: World) -> None:
    account = await world.account("li", password=PASSWORD)
    assert await attempt(world, " LI ", PASSWORD) == SignedIn(account, world.north)
    async with world.sessions() as session:
        listed = await account_reads.list_accounts(session, world.system())
    assert listed[0].last_sign_in_at == world.clock.now()


async def test_every_refusal_looks_the_same_and_costs_the_same(world: World) -> None:
    await world.account("li", password=PASSWORD)
    await world.account("nopassword")
    disabled = await world.account("gone", password=PASSWORD)
    async with world.sessions() as session:
        await accounts.disable_account(session, world.system(), disabled)
    counting = Counting()
    refusals = []
    tries = [("li", "wrong"), ("nobody", PASSWORD), ("nopassword", ""), ("gone", PASSWORD), ("not a name!", PASSWORD)]
    for name, password in [*tries, ("li", "x" * 10_000)]:
        with pytest.raises(Unauthenticated) as raised:
            await attempt(world, name, password, passwords=counting)
        refusals.append((raised.value.message, raised.value.code, raised.value.data))
    assert len({str(refusal) for refusal in refusals}) == 1
    assert counting.verified == len(refusals)


@pytest.mark.parametrize("name", ["li", "nobody", "not a name!"])
async def test_guessing_slows_down_alike_for_known_and_unknown_names(world: World, name: str) -> None:
    await world.account("li", password=PASSWORD)
    assert isinstance(await fail(world, name, times=FREE), Unauthenticated)
    throttled = await fail(world, name)
    assert isinstance(throttled, Throttled)
    assert throttled.retry_after == 1.0
    world.later(seconds=1)
    assert isinstance(await fail(world, name), Unauthenticated)
    throttled = await fail(world, name)
    assert isinstance(throttled, Throttled)
    assert throttled.retry_after == 2.0


async def test_while_throttled_not_even_the_right_password_is_looked_at(world: World) -> None:
    await world.account("li", password=PASSWORD)
    await fail(world, "li", times=FREE)
    counting = Counting()
    with pytest.raises(Throttled):
        await attempt(world, "li", PASSWORD, passwords=counting)
    assert counting.verified == 0
    world.later(seconds=1)
    await attempt(world, "li", PASSWORD)


async def test_a_stranger_elsewhere_does_not_lock_the_person_out(world: World) -> None:
    await world.account("li", password=PASSWORD)
    await fail(world, "li", address=AWAY, times=FREE + 3)
    await attempt(world, "li", PASSWORD, address=HOME)


async def test_an_attack_from_everywhere_stops_strangers_but_not_the_person(world: World) -> None:
    await world.account("li", password=PASSWORD)
    await attempt(world, "li", PASSWORD, address=HOME)
    async with world.sessions() as session:
        for number in range(PER_NAME // FREE):
            attack = {"address": f"198.51.100.{number}", "failures": FREE, "last_failed_at": world.clock.now()}
            await session.execute(insert(SignInAttempt).values(name_hash=sha256(b"li").digest(), **attack))
    assert isinstance(await fail(world, "li", address="192.0.2.1"), Throttled)
    await attempt(world, "li", PASSWORD, address=HOME)
    assert await world.count("select count(*) from control.sign_in_attempt where address = '192.0.2.1'") == 0


async def test_attempts_at_once_are_counted_before_they_are_looked_at(world: World) -> None:
    await world.account("li", password=PASSWORD)
    counting = Counting()
    tries = (attempt(world, "li", "wrong", passwords=counting) for _ in range(25))
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert counting.verified == FREE
    assert sum(isinstance(result, Throttled) for result in results) == 25 - FREE


async def test_success_forgives_earlier_failures(world: World) -> None:
    await world.account("li", password=PASSWORD)
    await fail(world, "li", times=FREE - 1)
    await attempt(world, "li", PASSWORD)
    assert isinstance(await fail(world, "li", times=FREE), Unauthenticated)


async def test_typed_names_are_not_kept(world: World) -> None:
    await fail(world, "my secret password")
    assert await world.count("select count(*) from control.sign_in_attempt") == 1
    kept = "select count(*) from control.sign_in_attempt s where s::text like '%secret%'"
    assert await world.count(kept) == 0


async def test_counts_are_forgotten_when_they_no_longer_matter(world: World) -> None:
    await world.account("li", password=PASSWORD)
    await fail(world, "nobody")
    world.later(days=1)
    await attempt(world, "li", PASSWORD)
    world.later(days=89, hours=1)
    async with world.sessions() as session:
        assert await forget_attempts(session, clock=world.clock) == 1
        world.later(days=2)
        assert await forget_attempts(session, clock=world.clock) == 1


async def test_a_hash_of_older_parameters_is_renewed(world: World) -> None:
    await world.account("li", password=PASSWORD)
    stronger = Passwords(argon2.PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    await attempt(world, "li", PASSWORD, passwords=stronger)
    assert await world.count("select count(*) from control.account where password_hash like '%m=16,t=2%'") == 1
    await attempt(world, "li", PASSWORD, passwords=stronger)


async def test_a_password_typed_on_another_keyboard_is_the_same(world: World) -> None:
    await world.account("li", password="Ｂlau kraut ７３ rad")
    await attempt(world, "li", "Blau kraut 73 rad")


async def test_ones_own_password_needs_the_present_one(world: World) -> None:
    account = await world.account("li", password=PASSWORD)
    async with world.sessions() as session:
        actor = await actor_for_account(session, account, clock=world.clock)
        kept, other = [await open_session(session, account, clock=world.clock) for _ in range(2)]

    async def change(current: str, password: str) -> None:
        encoded = await new_password(
            world.sessions,
            actor,
            current=current,
            password=password,
            address=HOME,
            clock=world.clock,
            passwords=CHEAP,
        )
        async with world.sessions() as session:
            await accounts.replace_password(
                session, actor, account, encoded=encoded, end_tokens=True, keep_session=kept.id, clock=world.clock
            )

    with pytest.raises(Unauthenticated):
        await change("wrong", "a new and long one")
    with pytest.raises(Refused, match="present"):
        await change(PASSWORD, PASSWORD)
    with pytest.raises(Refused, match="characters"):
        await change(PASSWORD, "short")
    await change(PASSWORD, "a new and long one")
    await attempt(world, "li", "a new and long one")
    async with world.sessions() as session:
        await verify_session(session, kept.cookie, clock=world.clock)
        with pytest.raises(Unauthenticated):
            await verify_session(session, other.cookie, clock=world.clock)


async def test_the_system_has_no_password(world: World) -> None:
    with pytest.raises(Unauthenticated):
        await new_password(world.sessions, world.system(), current="", password=PASSWORD, address=HOME)
    with pytest.raises(Unauthenticated):
        await prove_password(world.sessions, world.system(), password=PASSWORD, address=HOME)


class Held(argon2.PasswordHasher):
    """Hashes when it is let go."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.go = threading.Event()

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        assert self.go.wait(30)
        return super().hash(password, salt=salt)


async def test_too_many_at_once_are_turned_away() -> None:
    held = Held()
    tight = Passwords(held, workers=1, waiting=1)
    tries = [asyncio.ensure_future(tight.hash(PASSWORD)) for _ in range(5)]
    await asyncio.sleep(0)
    held.go.set()
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert [isinstance(result, Throttled) for result in results] == [False, False, True, True, True]
    assert await tight.verify(PASSWORD, await tight.hash(PASSWORD))


async def test_a_cancelled_wait_gives_its_place_back() -> None:
    held = Held()
    tight = Passwords(held, workers=1, waiting=1)
    first, second = (asyncio.ensure_future(tight.hash(PASSWORD)) for _ in range(2))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    third = asyncio.ensure_future(tight.hash(PASSWORD))
    await asyncio.sleep(0)
    held.go.set()
    assert await first != await third


async def test_the_real_parameters_are_argon2id_of_rfc_9106() -> None:
    encoded = await Passwords().hash(PASSWORD)
    assert encoded.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert not Passwords().outdated(encoded)

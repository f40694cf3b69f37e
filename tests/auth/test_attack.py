"""An attack from many addresses: the guesser is slowed to almost nothing, the person signs in as ever."""

from datetime import timedelta

import pytest

from forecourt.auth.attempts import forget_attempts
from forecourt.auth.history import MOST_FAILURES
from forecourt.auth.sign_in import sign_in
from forecourt.auth.throttle import FREE, PER_NAME, PER_NAME_A_DAY, WINDOW
from forecourt.errors import Throttled, Unauthenticated
from tests.auth.test_sign_in import Counting
from tests.auth.world import CHEAP, PASSWORD, World

pytestmark = pytest.mark.anyio

HOME = "203.0.113.1"


@pytest.mark.parametrize("guesses", [600, pytest.param(10_000, marks=pytest.mark.proof)])
async def test_guesses_from_many_addresses_do_not_keep_the_person_out(world: World, guesses: int) -> None:
    """ASVS 5.0, 6.1.1 and 6.3.1: one guess a second, no address more often than any other."""
    await world.account("li", password=PASSWORD)

    async def attempt(password: str, address: str, passwords: Counting | None = None) -> None:
        await sign_in(
            world.sessions,
            name="li",
            password=password,
            address=address,
            clock=world.clock,
            passwords=passwords or CHEAP,
        )

    await attempt(PASSWORD, HOME)
    began, counting, refused = world.clock.now(), Counting(), 0
    for number in range(guesses):
        world.later(seconds=1)
        address = f"198.51.{number % 200}.{number // 200 % 250}"
        try:
            await attempt(f"guess number {number}", address, counting)
        except Throttled as error:
            assert error.retry_after == WINDOW.total_seconds()
            refused += 1
        except Unauthenticated:
            pass
        if number % (guesses // 10) == 0:
            await attempt(PASSWORD, HOME)
    await attempt(PASSWORD, HOME)
    windows = (world.clock.now() - began) / WINDOW + 1
    assert counting.verified + refused == guesses
    assert counting.verified <= min(PER_NAME * windows, PER_NAME_A_DAY)
    assert refused > 0.8 * guesses
    with pytest.raises(Throttled):
        await attempt(PASSWORD, "192.0.2.1")
    kept = await world.count("select count(*) from control.sign_in_event where outcome <> 'SUCCEEDED'")
    assert kept <= MOST_FAILURES * windows
    # refused guesses leave no counts, and what is left goes with the next day
    assert await world.count("select count(*) from control.sign_in_attempt") <= counting.verified + 1
    world.later(days=1, seconds=1)
    async with world.sessions() as session:
        await forget_attempts(session, clock=world.clock)
    assert await world.count("select count(*) from control.sign_in_attempt") == 1


async def test_one_address_gets_slower_with_every_guess(world: World) -> None:
    """Four hours of guessing from one address, waiting exactly as long as told: about 16 guesses in each half an hour."""
    await world.account("li", password=PASSWORD)
    counting, end = Counting(), world.clock.now() + timedelta(hours=4)
    while world.clock.now() < end:
        try:
            await sign_in(
                world.sessions,
                name="li",
                password="guess",
                address="198.51.100.1",
                clock=world.clock,
                passwords=counting,
            )
        except Throttled as error:
            world.later(seconds=error.retry_after)
        except Unauthenticated:
            pass
    assert FREE < counting.verified <= 8 * (FREE + 11)

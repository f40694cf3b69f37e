"""What asks for much goes side by side while it is alone, and one by one with pauses while somebody asks for little."""

import asyncio

import pytest

from forecourt.graphql.giving_way import THERE, GivingWay


class Clock:
    """Stands still until something is awaited."""

    def __init__(self) -> None:
        self.time = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made, sleep = Clock(), asyncio.sleep

    async def moved(seconds: float) -> None:
        made.slept.append(round(seconds, 6))
        made.time += seconds
        await sleep(0)

    monkeypatch.setattr("forecourt.graphql.giving_way.asyncio.sleep", moved)
    return made


async def parts(way: GivingWay, clock: Clock, count: int, *, takes: float) -> int:
    """How many were read at the same time at most."""
    inside = most = 0

    async def one() -> None:
        nonlocal inside, most
        async with way.part():
            inside += 1
            most = max(most, inside)
            await asyncio.wait([asyncio.ensure_future(asyncio.Event().wait())], timeout=0.001)
            clock.time += takes
            inside -= 1

    await asyncio.gather(*(one() for _ in range(count)))
    return most


def test_alone_they_go_side_by_side(clock: Clock) -> None:
    assert asyncio.run(parts(GivingWay(clock), clock, 8, takes=0.01)) == 8
    assert clock.slept == []


def test_beside_somebody_they_go_one_by_one_and_pause_as_long_as_they_took(clock: Clock) -> None:
    async def run() -> int:
        way = GivingWay(clock)
        way.little()
        return await parts(way, clock, 4, takes=0.01)

    assert asyncio.run(run()) == 1
    assert clock.slept == [0.01] * 3


def test_no_pause_is_long(clock: Clock) -> None:
    async def run() -> int:
        way = GivingWay(clock)
        way.little()
        return await parts(way, clock, 2, takes=3.0)

    assert asyncio.run(run()) == 1
    assert clock.slept == [0.05]


def test_who_has_left_is_not_waited_for(clock: Clock) -> None:
    async def run() -> int:
        way = GivingWay(clock)
        way.little()
        clock.time += THERE * 2
        return await parts(way, clock, 4, takes=0.01)

    assert asyncio.run(run()) == 4


def test_a_part_that_fails_lets_the_next_one_go(clock: Clock) -> None:
    async def run() -> None:
        way = GivingWay(clock)
        way.little()
        with pytest.raises(ValueError, match="x"):
            async with way.part():
                raise ValueError("x")
        async with asyncio.timeout(5), way.part():
            pass

    asyncio.run(run())

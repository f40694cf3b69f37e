"""The shared buckets in PostgreSQL: never more is leased than they hold, whoever asks at the same time."""

import asyncio
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from forecourt.tenancy.budgets import Rate, Wanted, forget, lease
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.session import control_session, group_session, store_session
from tests.conftest import World

pytestmark = pytest.mark.anyio

#: It leaks so slowly that nothing comes back during a test.
SLOW = Rate(1_000.0, 0.000_001)


def wanted(key: str, amount: float, group: UUID, rate: Rate = SLOW) -> Wanted:
    return Wanted(key, group, rate, amount)


async def got(engines: Engines, *asked: Wanted) -> list[tuple[float, float]]:
    found = await lease(engines, asked)
    return [(round(found[one.key].amount, 2), round(found[one.key].left, 2)) for one in asked]


async def test_slices_are_taken_until_nothing_is_left_and_given_back(engines: Engines, world: World) -> None:
    group, key = world.groups["a"].id, uuid4().hex
    assert await got(engines, wanted(key, 600, group)) == [(600, 400)]
    assert await got(engines, wanted(key, 600, group)) == [(400, 0)]
    assert await got(engines, wanted(key, 1, group)) == [(0, 0)]
    assert await got(engines, wanted(key, -300, group)) == [(-300, 300)]
    assert await got(engines, wanted(key, -5_000, group)) == [(-5_000, 1_000)]
    assert await got(engines, wanted(key, 5_000, group)) == [(1_000, 0)]


async def test_what_was_used_leaks(engines: Engines, world: World) -> None:
    group, key, rate = world.groups["a"].id, uuid4().hex, Rate(1_000.0, 200.0)
    await lease(engines, [wanted(key, 1_000, group, rate)])
    await asyncio.sleep(0.5)
    [(amount, left)] = await got(engines, wanted(key, 1_000, group, rate))
    assert amount >= 100 and abs(left) < 1  # it leaks on while the answer is made


async def test_a_bucket_that_became_smaller_gives_nothing_before_it_leaked(engines: Engines, world: World) -> None:
    group, key = world.groups["a"].id, uuid4().hex
    await lease(engines, [wanted(key, 900, group)])
    assert await got(engines, wanted(key, 10, group, Rate(500.0, 0.000_001))) == [(0, -400)]


async def test_many_processes_at_once_get_no_more_than_it_holds(engines: Engines, world: World) -> None:
    group, one, two = world.groups["a"].id, uuid4().hex, uuid4().hex

    async def process(number: int) -> float:
        keys = (one, two) if number % 2 else (two, one)
        found = [await lease(engines, [wanted(key, 30, group) for key in keys]) for _ in range(5)]
        return sum(each[one].amount for each in found)

    assert sum(await asyncio.gather(*(process(number) for number in range(12)))) == pytest.approx(1_000)


async def test_only_the_product_itself_sees_them(engines: Engines, world: World) -> None:
    key = uuid4().hex
    await lease(engines, [wanted(key, 1, world.groups["a"].id)])
    for session in (
        group_session(engines, world.groups["a"]),
        group_session(engines, world.groups["a"], read_only=True),
        store_session(engines, world.stores["a1"]),
    ):
        with pytest.raises(Exception, match="permission denied"):
            async with session as opened:
                await opened.execute(text("select * from control.rate_bucket"))


async def test_old_ones_are_forgotten(engines: Engines, world: World) -> None:
    old, new = uuid4().hex, uuid4().hex
    await lease(engines, [wanted(old, 1, world.groups["a"].id), wanted(new, 1, world.groups["b"].id)])
    async with control_session(engines) as session:
        await session.execute(
            text("update control.rate_bucket set at = now() - interval '3 days' where key = :key"), {"key": old}
        )
    assert await forget(engines) >= 1
    async with control_session(engines) as session:
        kept = (await session.scalars(text("select key from control.rate_bucket"))).all()
    assert new in kept and old not in kept

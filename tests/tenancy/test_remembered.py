"""Groups and stores are asked once in some seconds, by however many requests; a failure is not remembered."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from forecourt.errors import NotFound, Unavailable
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.ids import new_id
from forecourt.tenancy.remembered import AHEAD, TTL, Remembered
from tests.conftest import World

pytestmark = pytest.mark.anyio


@dataclass
class Watch:
    """A clock that the test moves, and how often the database was asked."""

    time: float = 100.0
    asked: list[Any] = field(default_factory=list)


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def remembered(engines: Engines, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> Remembered:
    made = Remembered(engines, lambda: watch.time)
    load = made._stores

    async def counted(group: Any) -> Any:
        watch.asked.append(group.id)
        return await load(group)

    monkeypatch.setattr(made, "_stores", counted)
    return made


async def test_many_ask_at_once_and_the_database_is_asked_once(
    world: World, remembered: Remembered, watch: Watch
) -> None:
    group = await remembered.group(world.groups["a"].id)
    assert group == world.groups["a"]
    found = await asyncio.gather(*(remembered.stores(group) for _ in range(10)))
    assert len(watch.asked) == 1 and all(one is found[0] for one in found)
    assert [store.code for store in found[0]] == [store.code for store in world.stores_of("a")]
    watch.time += TTL + 0.1
    assert await remembered.stores(group) is found[0]  # asked again, and nothing had changed
    assert len(watch.asked) == 2


async def test_groups_do_not_see_each_others(world: World, remembered: Remembered) -> None:
    one, two = [await remembered.stores(world.groups[name]) for name in ("a", "b")]
    assert one and two and not {store.id for store in one} & {store.id for store in two}


async def test_a_failure_is_asked_again(world: World, remembered: Remembered, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFound):
        await remembered.group(new_id())
    load, failing = remembered._stores, [True]

    async def stores(group: Any) -> Any:
        if failing.pop() if failing else False:
            raise Unavailable("down")
        return await load(group)

    monkeypatch.setattr(remembered, "_stores", stores)
    with pytest.raises(Unavailable):
        await remembered.stores(world.groups["a"])
    assert await remembered.stores(world.groups["a"])


async def test_whoever_leaves_does_not_take_the_answer_away(world: World, remembered: Remembered) -> None:
    first = asyncio.ensure_future(remembered.stores(world.groups["a"]))
    await asyncio.sleep(0)
    second = asyncio.ensure_future(remembered.stores(world.groups["a"]))
    await asyncio.sleep(0)
    first.cancel()
    assert await second


async def test_what_is_about_to_be_too_old_is_loaded_beside_the_requests_that_use_it(
    world: World, remembered: Remembered, watch: Watch
) -> None:
    group = world.groups["a"]
    assert remembered.at_once(group.id) is None  # nothing is known yet
    stores = await remembered.stores(await remembered.group(group.id))
    assert remembered.at_once(group.id) == (group, stores) and len(watch.asked) == 1
    watch.time += TTL - AHEAD
    for _ in range(5):
        assert remembered.at_once(group.id) == (group, stores)
    await remembered.settled()
    assert len(watch.asked) == 2
    watch.time += TTL - 0.1  # counted from when it was asked for
    found = remembered.at_once(group.id)
    assert found is not None and found[1] is stores
    assert remembered.at_once(group.id) == found
    await remembered.settled()
    assert len(watch.asked) == 3


async def test_what_cannot_be_loaded_again_is_used_no_longer_than_it_may_be(
    world: World, remembered: Remembered, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = world.groups["a"]
    await remembered.stores(await remembered.group(group.id))
    assert remembered.at_once(group.id) is not None

    async def down(_group: Any) -> Any:
        raise Unavailable("down")

    monkeypatch.setattr(remembered, "_stores", down)
    watch.time += TTL - AHEAD
    assert remembered.at_once(group.id) is not None
    await remembered.settled()
    watch.time += AHEAD - 0.01
    assert remembered.at_once(group.id) is not None
    watch.time += 0.02
    assert remembered.at_once(group.id) is None

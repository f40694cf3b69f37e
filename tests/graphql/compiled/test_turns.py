"""Heavy work goes in turns between callers, and leaves the event loop to others in between."""

import asyncio

import pytest

from forecourt.errors import Throttled
from forecourt.graphql.compiled import turns
from forecourt.graphql.compiled.turns import Turns

pytestmark = pytest.mark.anyio


async def work(queue: Turns, caller: str, log: list[str]) -> None:
    async with queue.turn(caller):
        log.append(caller)


async def test_a_caller_with_much_waits_for_itself_and_not_the_others_for_it() -> None:
    queue, log = Turns(), []  # type: ignore[var-annotated]
    flood = [asyncio.ensure_future(work(queue, "flood", log)) for _ in range(20)]
    await asyncio.sleep(0)
    others = [asyncio.ensure_future(work(queue, name, log)) for name in ("a", "b", "a")]
    await asyncio.gather(*flood, *others)
    assert sorted(log) == sorted(["flood"] * 20 + ["a", "b", "a"])
    assert max(place for place, name in enumerate(log) if name != "flood") <= 7


async def test_what_is_ready_runs_between_two_turns() -> None:
    queue, log = Turns(), []  # type: ignore[var-annotated]
    many = [asyncio.ensure_future(work(queue, "flood", log)) for _ in range(10)]
    await asyncio.sleep(0)
    done_after = []

    async def light() -> None:
        await asyncio.sleep(0)
        done_after.append(len(log))

    await asyncio.gather(light(), *many)
    assert done_after[0] <= 3


async def test_one_at_a_time_also_after_errors_and_cancellations() -> None:
    queue, running = Turns(), 0

    async def one(number: int) -> None:
        nonlocal running
        async with queue.turn(str(number % 3)):
            running += 1
            assert running == 1
            await asyncio.sleep(0.001)
            running -= 1
            if number % 4 == 0:
                raise ValueError(number)

    tasks = [asyncio.ensure_future(one(number)) for number in range(30)]
    await asyncio.sleep(0.003)
    for task in tasks[5::7]:
        task.cancel()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(item) for item in found} == {type(None), ValueError, asyncio.CancelledError}
    async with asyncio.timeout(1):
        await work(queue, "later", [])
    assert not queue._waiting and queue._count == 0


async def test_too_many_of_one_caller_are_refused_and_the_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "MOST_OF_ONE", 3)
    queue, log = Turns(), []  # type: ignore[var-annotated]
    async with queue.turn("flood"):
        waiting = [asyncio.ensure_future(work(queue, "flood", log)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Throttled):
            await work(queue, "flood", log)
        other = asyncio.ensure_future(work(queue, "other", log))
        await asyncio.sleep(0)
    await asyncio.gather(*waiting, other)
    assert sorted(log) == ["flood"] * 3 + ["other"]

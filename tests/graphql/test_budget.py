"""The buckets of a process, over shared ones that are kept here in memory: who may spend how much, and what it costs to ask."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.errors import Throttled
from forecourt.graphql.budget import AT_ONCE, Caller, Ledger, Rates
from forecourt.tenancy.budgets import Granted, Rate, Wanted

GROUP, OTHER, STORE, STORE_2 = uuid4(), uuid4(), uuid4(), uuid4()
RATES = Rates(Rate(1_000, 10), Rate(2_000, 20), Rate(10_000, 100))


@dataclass
class Shared:
    """The shared buckets as `tenancy.budgets.lease` keeps them, and a clock."""

    time: float = 1_000.0
    used: dict[str, tuple[float, float]] = field(default_factory=dict)
    leases: int = 0

    def now(self) -> float:
        return self.time

    def level(self, one: Wanted) -> float:
        used, at = self.used.get(one.key, (0.0, self.time))
        return max(0.0, used - one.rate.restore * (self.time - at))

    async def lease(self, wanted: Sequence[Wanted]) -> dict[str, Granted]:
        assert len({one.key for one in wanted}) == len(wanted)
        self.leases += 1
        await asyncio.sleep(0)
        found = {}
        for one in wanted:
            level = self.level(one)
            amount = min(one.amount, max(0.0, one.rate.capacity - level))
            self.used[one.key] = max(0.0, level + amount), self.time
            found[one.key] = Granted(amount, one.rate.capacity - level - amount)
        return found

    def ledger(self) -> Ledger:
        """The ledger of one process."""
        return Ledger(RATES, self.lease, self.now)


async def spend(caller: Caller, cost: int, store: UUID | None = None, actual: int | None = None) -> None:
    stores = {} if store is None else {store: cost}
    (await caller.reserve(cost, stores)).settle(cost if actual is None else actual)


async def spent_until_refused(caller: Caller, cost: int, store: UUID | None = None) -> tuple[int, float]:
    total = 0
    while True:
        try:
            await spend(caller, cost, store)
        except Throttled as refusal:
            await caller.ledger.settled()
            return total, refusal.retry_after
        total += cost
        assert total < 100_000


def test_a_program_may_spend_a_bucket_at_a_store_and_then_as_much_as_leaks() -> None:
    async def run() -> None:
        shared = Shared()
        caller = shared.ledger().caller("client:a", GROUP)
        total, wait = await spent_until_refused(caller, 10, STORE)
        assert total == 1_000
        assert wait == pytest.approx(1.0)  # ten points at ten a second
        shared.time += wait + 1
        await spend(caller, 10, STORE)
        # Its other stores do not suffer from it, nor do other programs at this one.
        assert (await spent_until_refused(caller, 10, STORE_2))[0] == 1_000
        other = caller.ledger.caller("client:b", GROUP)
        assert (await spent_until_refused(other, 10, STORE))[0] == 1_000

    asyncio.run(run())


def test_reports_of_hq_leave_half_of_the_group_to_its_stores() -> None:
    async def run() -> None:
        ledger = Shared().ledger()
        total = 0
        for number in range(10):
            total += (await spent_until_refused(ledger.caller(f"client:{number}", GROUP), 10))[0]
        assert 4_500 <= total <= 5_000
        assert (await spent_until_refused(ledger.caller("client:of a store", GROUP), 10, STORE))[0] == 1_000
        assert (await spent_until_refused(ledger.caller("client:0", OTHER), 10))[0] == 2_000

    asyncio.run(run())


def test_a_request_writes_nothing_and_what_is_not_needed_is_given_back() -> None:
    async def run() -> None:
        shared = Shared()
        ledger = shared.ledger()
        caller = ledger.caller("client:a", GROUP)
        for _ in range(1_000):
            await spend(caller, 500, STORE, actual=0)
        await ledger.settled()
        assert shared.leases < 100
        assert (await spent_until_refused(caller, 10, STORE))[0] >= 900

    asyncio.run(run())


def test_who_asks_again_at_once_waits_for_the_same_answer() -> None:
    async def run() -> None:
        shared = Shared()
        caller = shared.ledger().caller("client:a", GROUP)
        await spent_until_refused(caller, 100, STORE)
        began = asyncio.get_running_loop().time()
        for _ in range(3):
            with pytest.raises(Throttled):
                await caller.reserve(500, {STORE: 500})
        assert asyncio.get_running_loop().time() - began >= 2.5

    asyncio.run(run())


def test_operations_of_one_caller_wait_for_one_another() -> None:
    async def run() -> None:
        caller = Shared().ledger().caller("client:a", GROUP)
        for _ in range(AT_ONCE):
            await caller.running.acquire()
        waiting = [asyncio.ensure_future(caller.running.acquire()) for _ in range(3)]
        await asyncio.sleep(0)
        assert not any(one.done() for one in waiting)
        waiting[0].cancel()
        caller.running.release()
        await asyncio.sleep(0.01)
        assert [one.done() for one in waiting] == [True, True, False]
        for _ in range(AT_ONCE):
            caller.running.release()
        await asyncio.wait_for(waiting[2], 5)
        caller.running.release()
        assert caller.running._value == AT_ONCE

    asyncio.run(run())


def test_a_slice_that_was_not_spent_for_a_minute_is_no_more() -> None:
    async def run() -> None:
        shared = Shared()
        caller = shared.ledger().caller("client:a", GROUP)
        await spend(caller, 1, STORE)
        shared.time += 120
        await spent_until_refused(caller, 10, STORE)
        assert sum(used for used, _ in shared.used.values()) <= 1_000 + 2_000 + 10_000

    asyncio.run(run())


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(1, 900), st.floats(0, 1), st.integers(0, 40)),
        max_size=60,
    )
)
def test_processes_together_never_spend_more_than_there_is(steps: list[tuple[int, int, int, float, int]]) -> None:
    async def run() -> None:
        shared = Shared()
        ledgers = [shared.ledger(), shared.ledger()]
        began, spent = shared.time, {STORE: 0.0, STORE_2: 0.0}
        for process, place, cost, part, pause in steps:
            store = (STORE, STORE_2)[place]
            caller = ledgers[process].caller("client:a", GROUP)
            caller._refused_at = -10.0
            actual = int(cost * part)
            try:
                await spend(caller, cost, store, actual)
            except Throttled as refusal:
                assert 0 < refusal.retry_after < 1_000
            else:
                spent[store] += actual
            shared.time += pause
            for ledger in ledgers:
                await ledger.settled()
        passed = shared.time - began
        assert all(one <= 1_000 + 10 * passed for one in spent.values())
        assert sum(spent.values()) <= 2_000 + 20 * passed

    asyncio.run(run())

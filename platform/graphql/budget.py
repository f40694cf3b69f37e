"""What may be spent: three leaky buckets for every operation, of its program at a store, of its program, and of the group.

An operation takes what it may cost at most before it runs, and gets back what it did not need. The buckets are shared by all
processes (`tenancy.budgets`); a process leases slices of them and spends these in memory, so a request writes nothing.

Whoever asks about one store only has all of the group's bucket; whoever asks about several at once leaves half of it to them, so
that no report of HQ keeps a store waiting.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from uuid import UUID

from ..errors import ForecourtError, Throttled
from ..settings import Settings
from ..telemetry import THROTTLED
from ..tenancy.budgets import Granted, Rate, Wanted
from .giving_way import GivingWay

#: A slice is this part of a bucket, and grows to `_LARGEST` where it is spent within `_QUICK` seconds.
_SLICE: Final = 1 / 50
_LARGEST: Final = 1 / 5
_QUICK: Final = 1.0
#: Seconds after which the rest of a slice is not spent any more: it has leaked away in the shared bucket.
_STALE: Final = 60.0
#: Of the group's bucket, what operations over several stores leave to others.
_LEFT_TO_STORES: Final = 0.5
_MOST_BUCKETS: Final = 20_000
#: Operations of one caller that run at the same time in a process; others wait for them.
AT_ONCE: Final = 50
#: How often an operation leases what it lacks before it is refused.
_DRAWS: Final = 3
#: Seconds that somebody who asks again at once is kept waiting for the same refusal.
_HELD: Final = 1.0


class Rates(NamedTuple):
    """The buckets of a program at a store, of a program in the group, and of the group."""

    app_store: Rate
    app_group: Rate
    group: Rate


def rates_of(settings: Settings) -> Rates:
    """The rates of an installation."""
    return Rates(*map(_rate, (settings.budget_app_store, settings.budget_app, settings.budget_group)))


def _rate(text: str) -> Rate:
    capacity, _, restore = text.partition("/")
    return Rate(float(capacity), float(restore))


class Level(NamedTuple):
    """How one bucket stands, as this process knows it."""

    name: str
    store: UUID | None
    maximum: float
    available: float
    restore: float


@dataclass(eq=False, slots=True)
class _Bucket:
    """A bucket as this process sees it: what it may spend of it, since when, and what was left in it at the last lease."""

    key: str
    name: str
    group_id: UUID
    store: UUID | None
    rate: Rate
    floor: float = 0.0
    mine: float = 0.0
    since: float = 0.0
    left: float = 0.0
    slice: float = 0.0
    given_back: float = 0.0
    leasing: "asyncio.Task[None] | None" = None

    def available(self, now: float) -> float:
        """What is there of it: with this process, and for all what was left at the last lease and leaked away since."""
        leaked = self.rate.restore * (now - self.since)
        return min(self.rate.capacity, max(0.0, self.left) + leaked + self.mine)

    def level(self, now: float) -> Level:
        """How it stands."""
        return Level(self.name, self.store, self.rate.capacity, self.available(now), self.rate.restore)


@dataclass(eq=False)
class Ledger:
    """The buckets of one process. Belongs to one event loop."""

    rates: Rates
    lease: Callable[[Sequence[Wanted]], Awaitable[Mapping[str, Granted]]]
    now: Callable[[], float] = time.monotonic
    giving_way: GivingWay = field(default_factory=GivingWay)
    _buckets: "OrderedDict[str, _Bucket]" = field(default_factory=OrderedDict)
    _callers: "OrderedDict[tuple[str, UUID], Caller]" = field(default_factory=OrderedDict)
    _tasks: "set[asyncio.Task[None]]" = field(default_factory=set)

    def caller(self, app: str, group_id: UUID) -> "Caller":
        """Whoever asks, by what names them for good."""
        found = self._callers.get((app, group_id))
        if found is None:
            found = self._callers[app, group_id] = Caller(self, app, group_id)
            if len(self._callers) > _MOST_BUCKETS:
                self._callers.popitem(last=False)
        return found

    def bucket(self, name: str, key: str, group_id: UUID, store: UUID | None, rate: Rate) -> _Bucket:
        """A bucket by its key."""
        found = self._buckets.get(key)
        if found is None:
            found = _Bucket(key, name, group_id, store, rate, left=rate.capacity, slice=rate.capacity * _SLICE)
            self._buckets[key] = found
            if len(self._buckets) > _MOST_BUCKETS:
                self._buckets.popitem(last=False)
        return found

    async def draw(self, lacking: Mapping[_Bucket, float]) -> None:
        """Lease what is lacking of these buckets, each at least a slice.

        Raises:
            Unavailable: the database cannot answer now.
        """
        now, wanted = self.now(), []
        for bucket, amount in lacking.items():
            if now - bucket.since < _QUICK:
                bucket.slice = min(bucket.slice * 2, bucket.rate.capacity * _LARGEST)
            wanted.append(Wanted(bucket.key, bucket.group_id, bucket.rate, max(amount, bucket.slice)))
        granted = await self.lease(wanted)
        for bucket in lacking:
            got = granted[bucket.key]
            bucket.mine, bucket.left, bucket.since = bucket.mine + got.amount, got.left, self.now()

    def draw_ahead(self, bucket: _Bucket) -> None:
        """Lease the next slice beside the requests that spend the last one; where nobody does already."""
        bucket.leasing = self._beside(self._ahead(bucket))

    async def _ahead(self, bucket: _Bucket) -> None:
        try:
            await self.draw({bucket: 0.0})
        finally:
            bucket.leasing = None

    def give_back(self, bucket: _Bucket) -> None:
        """What is more than a process needs, for the others."""
        surplus = bucket.mine - bucket.slice
        bucket.mine -= surplus
        bucket.given_back = self.now()
        self._beside(self._back(bucket, surplus))

    async def _back(self, bucket: _Bucket, amount: float) -> None:
        granted = await self.lease([Wanted(bucket.key, bucket.group_id, bucket.rate, -amount)])
        bucket.left = granted[bucket.key].left

    def _beside(self, work: Awaitable[None]) -> "asyncio.Task[None]":
        async def quiet() -> None:
            with suppress(ForecourtError, OSError):  # whoever needs it next is told
                await work

        task = asyncio.ensure_future(quiet())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def settled(self) -> None:
        """Wait for what goes on beside the requests."""
        if self._tasks:
            await asyncio.wait(self._tasks)


@dataclass(eq=False)
class Caller:
    """A program, or a person with a token: their buckets, and how many of their operations run."""

    ledger: Ledger
    app: str
    group_id: UUID
    #: held by each operation that runs; whoever waits longest is the next
    running: asyncio.Semaphore = field(init=False, default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _refused_at: float = field(init=False, default=-_HELD)

    def __post_init__(self) -> None:
        rates, group = self.ledger.rates, self.group_id
        self._of_app = self.ledger.bucket("APP_GROUP", f"{group.hex}/{self.app}", group, None, rates.app_group)
        self._of_group = self.ledger.bucket("GROUP", group.hex, group, None, rates.group)
        self._of_stores: OrderedDict[UUID, _Bucket] = OrderedDict()

    def _of_store(self, store: UUID) -> _Bucket:
        found = self._of_stores.get(store)
        if found is None:
            key = f"{self.group_id.hex}/{self.app}/{store.hex}"
            found = self.ledger.bucket("APP_STORE", key, self.group_id, store, self.ledger.rates.app_store)
            self._of_stores[store] = found
            if len(self._of_stores) > 1_000:
                self._of_stores.popitem(last=False)
        return found

    def take(self, cost: int, stores: Mapping[UUID, int]) -> "Reserved | None":
        """`reserve` where this process has enough of everything; None where others must be asked first."""
        taken, now = self._taken(cost, stores), self.ledger.now()
        for bucket, amount in taken:
            if bucket.mine < amount or now - bucket.since > _STALE:
                return None
        if self._short(cost, stores, now) > 0:
            return None
        return self._take(cost, taken)

    async def reserve(self, cost: int, stores: Mapping[UUID, int]) -> "Reserved":
        """Take what an operation may cost from the buckets, in each of its stores what it may cost there.

        Raises:
            Throttled: it is not there, and when it will be.
            Unavailable: the buckets cannot be asked now.
        """
        taken = self._taken(cost, stores)
        lacking = self._lacking(taken)
        for _ in range(_DRAWS):  # what was leased may have been taken by somebody else before it was our turn
            if not lacking:
                break
            await self.ledger.draw(lacking)
            lacking = self._lacking(taken)
        waits = {bucket: (amount - max(0.0, bucket.left)) / bucket.rate.restore for bucket, amount in lacking.items()}
        short = self._short(cost, stores, self.ledger.now())
        if short > 0:
            waits[self._of_group] = max(waits.get(self._of_group, 0.0), short / self._of_group.rate.restore)
        if waits:
            longest = max(waits, key=waits.__getitem__)
            THROTTLED.labels(longest.name).inc()
            await self._refuse(waits[longest])
        return self._take(cost, taken)

    def _taken(self, cost: int, stores: Mapping[UUID, int]) -> "list[tuple[_Bucket, float]]":
        """From which buckets how much is to be taken, the narrowest first."""
        found: list[tuple[_Bucket, float]] = [(self._of_store(store), share) for store, share in stores.items()]
        found += (self._of_app, cost), (self._of_group, cost)
        return found

    def _short(self, cost: int, stores: Mapping[UUID, int], now: float) -> float:
        """How much the group lacks to leave its stores their half; what is about one store may use all."""
        if len(stores) == 1 and cost in stores.values():
            return 0.0
        return _LEFT_TO_STORES * self._of_group.rate.capacity + cost - self._of_group.available(now)

    def _take(self, cost: int, taken: "list[tuple[_Bucket, float]]") -> "Reserved":
        for bucket, amount in taken:
            bucket.mine -= amount
            if bucket.mine * 4 < bucket.slice and bucket.leasing is None:
                self.ledger.draw_ahead(bucket)
        return Reserved(self.ledger, cost, taken)

    def _lacking(self, taken: "list[tuple[_Bucket, float]]") -> dict[_Bucket, float]:
        """What this process must lease first."""
        now, found = self.ledger.now(), {}
        for bucket, amount in taken:
            if now - bucket.since > _STALE:
                bucket.mine = 0.0
            if bucket.mine < amount:
                found[bucket] = amount - bucket.mine
        return found

    async def _refuse(self, seconds: float) -> None:
        """Somebody who does not wait is made to: what it costs to refuse them again and again is others' time."""
        seconds = max(seconds, 0.1)
        now = self.ledger.now()
        soon = now - self._refused_at < _HELD
        self._refused_at = now
        if soon:
            await asyncio.sleep(min(seconds, _HELD))
        raise Throttled("the budget is spent", retry_after=seconds)

    def levels(self, stores: Sequence[UUID] = ()) -> list[Level]:
        """How the buckets stand, as this process knows it."""
        now = self.ledger.now()
        return [bucket.level(now) for bucket in (*map(self._of_store, stores), self._of_app, self._of_group)]


@dataclass(eq=False, slots=True)
class Reserved:
    """What an operation took from its buckets."""

    ledger: Ledger
    cost: int
    taken: "list[tuple[_Bucket, float]]"

    def settle(self, actual: int) -> Level:
        """Give back what it did not need; how the narrowest bucket stands."""
        unused, now = self.cost - actual, self.ledger.now()
        if unused > 0:
            for bucket, amount in self.taken:
                bucket.mine += min(unused, amount)
                if bucket.mine > 2 * bucket.slice and now - bucket.given_back > _QUICK:
                    self.ledger.give_back(bucket)
        return self.taken[0][0].level(now)

"""Control rows that a process remembers for some seconds: groups and their stores.

They change a few times a year and are asked by every request. What is remembered decides nothing alone: an actor's rights are
looked up elsewhere, the database's roles stand behind every read, and a write looks at the store's state in its own transaction.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, cast
from uuid import UUID

from .engines import Engines
from .session import READABLE, ResolvedGroup, ResolvedStore, control_session, group_session, resolve_group, stores_of

#: Seconds after which a row is read again.
TTL: Final = 5.0
#: Seconds before that from which on it is read beside the requests that still use it.
AHEAD: Final = 1.0
_MOST_GROUPS: Final = 2_000

T = TypeVar("T")


@dataclass(eq=False)
class Remembered:
    """Groups and stores of one process. Belongs to one event loop."""

    engines: Engines
    now: Callable[[], float] = time.monotonic
    _kept: "OrderedDict[Hashable, tuple[asyncio.Future[Any], float]]" = field(default_factory=OrderedDict)
    #: what `at_once` gives, until when, and from when on it is loaded again beside the requests that use it
    _ready: "dict[UUID, tuple[ResolvedGroup, list[ResolvedStore], float, float]]" = field(default_factory=dict)
    _ahead: "set[asyncio.Task[None]]" = field(default_factory=set)

    async def group(self, group_id: UUID) -> ResolvedGroup:
        """The group.

        Raises:
            NotFound: there is none.
            Unavailable: the database cannot answer now.
        """
        return await self._once(("group", group_id), lambda: self._group(group_id))

    async def stores(self, group: ResolvedGroup) -> list[ResolvedStore]:
        """The group's stores that may be read, by code; the same list while nothing changes.

        Raises:
            Unavailable: the database cannot answer now.
        """
        return await self._once(("stores", group.id), lambda: self._stores(group))

    def at_once(self, group_id: UUID) -> tuple[ResolvedGroup, list[ResolvedStore]] | None:
        """The group and its stores where both are remembered, without waiting for anything."""
        now = self.now()
        ready = self._ready.get(group_id)
        if ready is not None and now < ready[2]:
            if now >= ready[3]:
                self._load_ahead(*ready[:3])
            return ready[:2]
        group, stores = (self._kept.get(key) for key in (("group", group_id), ("stores", group_id)))
        if group is None or stores is None or not (_is_there(group[0]) and _is_there(stores[0])):
            return None
        until = min(group[1], stores[1]) + TTL
        if now >= until:
            return None
        if len(self._ready) >= _MOST_GROUPS:
            self._ready.clear()
        self._ready[group_id] = group[0].result(), stores[0].result(), until, until - AHEAD
        return self._ready[group_id][:2]

    def _load_ahead(self, group: ResolvedGroup, stores: list[ResolvedStore], until: float) -> None:
        """Load both again while they may still be used, so that no request has to wait for it."""
        began = self.now()

        async def loaded() -> None:
            # A failure is found by the first request that has to ask.
            with suppress(Exception):
                for key, load, known in (
                    (("group", group.id), lambda: self._group(group.id), group),
                    (("stores", group.id), lambda: self._stores(group), stores),
                ):
                    found = await load()
                    future = asyncio.get_running_loop().create_future()
                    future.set_result(known if known == found else found)
                    self._kept[key] = future, began
                self._ready.pop(group.id, None)

        self._ready[group.id] = group, stores, until, until
        task = asyncio.ensure_future(loaded())
        self._ahead.add(task)
        task.add_done_callback(self._ahead.discard)

    async def settled(self) -> None:
        """Wait until nothing is being loaded beside requests."""
        if self._ahead:
            await asyncio.wait(self._ahead)

    async def _once(self, key: Hashable, load: Callable[[], Awaitable[T]]) -> T:
        """What is remembered, or is being loaded for somebody else just now, or is loaded now."""
        kept = self._kept.get(key)
        now = self.now()
        if kept is not None:
            found, since = kept
            if now - since < TTL and (_is_there(found) or not found.done()):
                return cast(T, found.result() if found.done() else await asyncio.shield(found))
        loading = asyncio.ensure_future(_unchanged(load, None if kept is None else kept[0]))
        loading.add_done_callback(_looked_at)
        self._kept[key] = loading, now
        self._kept.move_to_end(key)
        while len(self._kept) > _MOST_GROUPS:
            self._kept.popitem(last=False)
        return await asyncio.shield(loading)

    async def _group(self, group_id: UUID) -> ResolvedGroup:
        async with control_session(self.engines) as session:
            return await resolve_group(session, group_id)

    async def _stores(self, group: ResolvedGroup) -> list[ResolvedStore]:
        async with group_session(self.engines, group, read_only=True) as session:
            return [store for store in await stores_of(session, group.id) if store.state in READABLE]


async def _unchanged(load: Callable[[], Awaitable[T]], before: "asyncio.Future[T] | None") -> T:
    """What is loaded now; the object from before where it is equal, so that what others worked out from it stays true."""
    found = await load()
    if before is not None and _is_there(before):
        known = before.result()
        return known if known == found else found
    return found


def _is_there(found: "asyncio.Future[Any]") -> bool:
    return found.done() and not found.cancelled() and found.exception() is None


def _looked_at(found: "asyncio.Future[Any]") -> None:
    """Whoever asked may have left meanwhile; a failure is the next one's to find."""
    if not found.cancelled():
        found.exception()

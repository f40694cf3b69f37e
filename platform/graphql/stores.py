"""The stores that exist for an actor, and the actor as each store's reader sees them: worked out once, used by many requests."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import lru_cache
from typing import NamedTuple, Protocol
from uuid import UUID

from ..auth.actor import Actor
from ..tenancy.reader.compile_sql import is_plain
from ..tenancy.reader.entity import Viewer


class StoreInfo(Protocol):
    """What the group's control rows say of a store (`tenancy.session.ResolvedStore` is one)."""

    @property
    def id(self) -> UUID: ...
    @property
    def code(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def brand(self) -> str: ...
    @property
    def region(self) -> str | None: ...
    @property
    def grade(self) -> str | None: ...
    @property
    def city_tier(self) -> int | None: ...
    @property
    def time_zone(self) -> str: ...
    @property
    def state(self) -> str: ...


class Held:
    """What somebody may do at a store, permission by permission with its reach: the same object for all who may do the same,
    so that plans are found by it at once."""

    __slots__ = ("items",)

    def __init__(self, items: tuple[tuple[str, int], ...]) -> None:
        self.items = items


_held = lru_cache(maxsize=10_000)(Held)


class Seen(NamedTuple):
    """An actor as the reader of a store sees them on a day. `held` is None where more than that decides about rows."""

    viewer: Viewer
    held: Held | None

    @classmethod
    def of(cls, viewer: Viewer) -> "Seen":
        return cls(viewer, _held(tuple(sorted(viewer.reach.items()))) if is_plain(viewer) else None)


class Stores:
    """Stores by code, and by what names them. Never more than the actor sees."""

    def __init__(self, actor: Actor, stores: Sequence[StoreInfo]) -> None:
        seen = actor.seen_stores()
        mine = stores if seen is None else [store for store in stores if store.id in seen]
        self.ordered: Sequence[StoreInfo] = sorted(mine, key=lambda store: store.code)
        self.by_id = {store.id: store for store in self.ordered}
        self.by_code = {store.code: store for store in self.ordered}
        self._seen: dict[tuple[str, date], Seen] = {}

    def __iter__(self) -> Iterator[StoreInfo]:
        return iter(self.ordered)

    def __len__(self) -> int:
        return len(self.ordered)

    def seen(self, store: StoreInfo, day: date, make: Callable[[], Viewer]) -> Seen:
        """The actor at a store on a day; made once."""
        key = store.code, day
        found = self._seen.get(key)
        if found is None:
            if len(self._seen) > 2 * len(self.ordered):  # days go by
                self._seen.clear()
            found = self._seen[key] = Seen.of(make())
        return found


class Callers:
    """`Stores` of the actors that called last, for as long as actor and list of stores are the same objects."""

    def __init__(self, most: int = 1_000) -> None:
        self._most = most
        self._kept: OrderedDict[int, tuple[Actor, Sequence[StoreInfo], Stores]] = OrderedDict()

    def stores(self, actor: Actor, stores: Sequence[StoreInfo]) -> Stores:
        """The actor's among these stores."""
        kept = self._kept.get(id(actor))
        if kept is not None and kept[0] is actor and kept[1] is stores:
            self._kept.move_to_end(id(actor))
            return kept[2]
        made = Stores(actor, stores)
        self._kept[id(actor)] = actor, stores, made
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return made


__all__ = ["Callers", "Held", "Seen", "StoreInfo", "Stores"]

"""What one operation knows: who asks, which stores exist for them, how to open one, the time, the language.

Made anew for every operation, also for those of one socket or one batch, so nothing leaks from one to the next.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache, partial
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from graphql import DocumentNode

from ..auth.actor import Actor
from ..clock import SYSTEM_CLOCK, Clock
from ..domain.reading import viewer_of
from ..errors import NotFound, Unavailable
from ..tenancy.lanes import Row
from ..tenancy.reader.compile_sql import Run, Variant
from ..tenancy.reader.entity import Asker, Entities, Viewer
from ..tenancy.reader.run import Reader, Session
from . import ids
from .budget import Caller
from .giving_way import GivingWay
from .idempotency import Repeat
from .stores import Seen, StoreInfo, Stores
from .unit import Unit

#: Parts of stores that one document reads side by side.
SIDE_BY_SIDE = 8


class GroupInfo(Protocol):
    """What the control rows say of the group (`tenancy.session.ResolvedGroup` is one)."""

    @property
    def id(self) -> UUID: ...
    @property
    def code(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def currency(self) -> str: ...
    @property
    def time_zone(self) -> str: ...


@dataclass
class Context:
    """One operation. `list_stores` gives the group's stores; only those the actor sees are ever used. Who remembers what an
    actor sees gives it ready-made (`Stores`)."""

    actor: Actor
    group: GroupInfo
    entities: Entities
    list_stores: Callable[[], Awaitable[Sequence[StoreInfo] | Stores]]
    open_store: Callable[[Any], AbstractAsyncContextManager[Session]]
    clock: Clock = SYSTEM_CLOCK
    request_id: str = ""
    language: str = "zh-CN"
    #: what doors of the lead's own making need (the platform, services); never looked at here
    extra: Any = None
    #: the process's platform, handed down to the functions of batched fields
    platform: Any = None
    #: reads compiled statements of a store in one round trip; None: every query runs in graphql-core
    read_compiled: Callable[[Any, Variant, Run], Awaitable[list[list[Row]]]] | None = None
    #: who pays for what is read; None: nobody counts
    caller: Caller | None = None
    #: what the operation costs at most
    cost: int = 0
    #: it asks for much, and lets others go first
    gives_way: GivingWay | None = None
    #: what the mutation that runs now holds open; None in a query
    unit: Unit | None = None
    #: the request's idempotency key, and what became of it
    repeat: Repeat | None = None
    #: the schema itself may be asked for
    introspects: bool = True
    #: what subscriptions follow, and how their context is made anew for each event; None where there are none
    live: Any = None
    #: the document that graphql-core runs now
    valid: DocumentNode | None = None
    _slots: asyncio.Semaphore | None = None
    _loading: "asyncio.Task[Stores] | None" = None
    _stores: Stores | None = None

    @property
    def slots(self) -> asyncio.Semaphore:
        """Parts of stores that may be read side by side."""
        if self._slots is None:
            self._slots = asyncio.Semaphore(SIDE_BY_SIDE)
        return self._slots

    @property
    def known_stores(self) -> Stores | None:
        """The stores that exist for the actor, where they are known without asking."""
        return self._stores

    def sees(self, stores: Stores) -> None:
        """These are the stores that exist for the actor: `list_stores` is not asked."""
        self._stores = stores

    async def stores(self) -> Stores:
        """The stores that exist for the actor, by code."""
        if self._stores is None:
            if self._loading is None:
                self._loading = asyncio.ensure_future(self._load())
            self._stores = await asyncio.shield(self._loading)
        return self._stores

    async def _load(self) -> Stores:
        found = await self.list_stores()
        return found if isinstance(found, Stores) else Stores(self.actor, found)

    async def store(self, id_: UUID) -> StoreInfo:
        """A store by its id.

        Raises:
            NotFound: it does not exist for the actor.
        """
        found = (await self.stores()).by_id.get(id_)
        if found is None:
            raise NotFound("no such store")
        return found

    async def resolve(self, text: str, *types: str) -> tuple[StoreInfo, UUID]:
        """The store and row of a global id of one of these types.

        Raises:
            NotFound: malformed, of another type, or of a store that does not exist for the actor; which of them is not said.
        """
        found = ids.parse(text)
        if found is None or found.type not in types:
            raise NotFound("no such id")
        return await self.store(found.store), found.row

    def resolve_of_group(self, text: str, type_: str) -> UUID:
        """The row of a global id of one of the group's own things (an account, a scheme).

        Raises:
            NotFound: malformed, of another type or of another group; which of them is not said.
        """
        found = ids.parse(text)
        if found is None or found.type != type_ or found.store != self.group.id:
            raise NotFound("no such id")
        return found.row

    def id_of_group(self, type_: str, row: UUID) -> str:
        """The global id of one of the group's own things."""
        return str(ids.GlobalId(type_, self.group.id, row))

    def today(self, store: StoreInfo) -> date:
        """The local day at a store."""
        return _local_day(store.time_zone, int(self.clock.now().timestamp() // 60))

    def viewer(self, store: StoreInfo) -> Viewer:
        """The actor as the reader of a store sees them."""
        return self.seen(store).viewer

    def seen(self, store: StoreInfo) -> Seen:
        """`viewer`, with what a plan depends on."""
        day = self.today(store)
        make = partial(viewer_of, self.actor, store.id, day, _permissions(self.entities))
        return Seen.of(make()) if self._stores is None else self._stores.seen(store, day, make)

    def asker(self, store: StoreInfo, viewer: Viewer) -> Asker:
        """What the functions of fields may use at a store."""
        return Asker(viewer, self.clock.now(), self.language, self.platform, self.group, store)

    @asynccontextmanager
    async def reader(self, store: StoreInfo) -> AsyncIterator[Reader]:
        """A reader on a transaction of the store's own; waits while too many parts run. Nodes are whole after its end.

        Raises:
            Unavailable: the store cannot answer now.
        """
        viewer = self.viewer(store)
        async with self.slots, self._turn():
            try:
                async with self.open_store(store) as session:
                    reader = Reader(session, self.entities, viewer, self.asker(store, viewer))
                    yield reader
            except (TimeoutError, OSError) as error:
                raise Unavailable("the store cannot answer now") from error
            # Only now, when the store's connection is given back: a load that waited for another while holding one could
            # wait for requests that do the same.
            await reader.settle()

    def _turn(self) -> AbstractAsyncContextManager[None]:
        return nullcontext() if self.gives_way is None else self.gives_way.part()

    async def ask(self, store: StoreInfo, variant: Variant, run: Run, *, alone: bool = False) -> list[list[Row]]:
        """The rows of compiled statements of a store; waits while too many parts run, unless this is the only one.

        Raises:
            Unavailable: the store cannot answer now.
        """
        if self.read_compiled is None:
            raise TypeError("this context reads nothing compiled")
        try:
            if alone and self.gives_way is None:
                return await self.read_compiled(store, variant, run)
            async with self.slots, self._turn():
                return await self.read_compiled(store, variant, run)
        except (TimeoutError, OSError) as error:
            raise Unavailable("the store cannot answer now") from error


@lru_cache(maxsize=1_000)
def _local_day(zone: str, minute: int) -> date:
    """The day in a time zone in a minute since 1970: days begin with a minute everywhere."""
    return datetime.fromtimestamp(minute * 60, ZoneInfo(zone)).date()


@lru_cache(maxsize=8)
def _permissions(entities: Entities) -> frozenset[str]:
    """Every permission that decides about a row or a field."""
    grants = {grant.permission for entity in entities for grant in entity.grants}
    return frozenset(grants | {item.permission for entity in entities for item in entity.fields if item.permission})


__all__ = ["SIDE_BY_SIDE", "Context", "GroupInfo", "StoreInfo", "Stores"]

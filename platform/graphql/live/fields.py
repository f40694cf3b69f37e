"""The fields of Subscription. Before each event the caller's context is made anew: what they may know is decided then."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple
from uuid import UUID

import strawberry

from ...domain.changes import BEGINNING, Change, Position, known_of, page_of_changes, wholly, write_cursor
from ...domain.followers import Behind, Hub
from ...tenancy.following import closes_of
from ...tenancy.session import ResolvedStore
from .. import ids
from ..benchmark import Month, MonthCloseType, closes
from ..changes import ChangeType, EntityNames, check_names, shown
from ..context import Context
from ..roots import context_of

#: Changes read at once for somebody who goes on from a cursor.
_AT_ONCE = 100


@dataclass(frozen=True)
class Live:
    """In `Context.live`: the process's hub, and what makes the caller's context anew."""

    hub: Hub
    renew: Callable[[], Awaitable[Context]]


class Delivery(NamedTuple):
    """One event: the root of its answer, and the context that the answer is made in."""

    root: Any
    context: Context


@strawberry.type(name="StoreChangesPayload", description="Something happened in the store 变更通知.")
class StoreChangesPayload:
    """Payload of storeChanges."""

    change: ChangeType = strawberry.field(description="What happened 变更.")


@strawberry.type(name="MonthClosePayload", description="Where a month's close stands 月结进度.")
class MonthClosePayload:
    """Payload of monthClose."""

    month_close: MonthCloseType | None = strawberry.field(
        description="The newest close of the month; null: none was begun 月结."
    )


def live_of(context: Context) -> Live:
    """What subscriptions need.

    Raises:
        TypeError: the context is no subscription's.
    """
    if not isinstance(context.live, Live):
        raise TypeError("nothing can be followed here")
    return context.live


@strawberry.type
class LiveChanges:
    """Fields of Subscription."""

    @strawberry.subscription(
        description="What happens in a store, as it happens 门店变更: changes of rows that you may see, in the order of"
        " the store's feed, each once. Go on from a cursor after a break."
    )  # type: ignore[untyped-decorator]
    async def store_changes(
        self,
        info: strawberry.Info,
        store_id: Annotated[strawberry.ID, strawberry.argument(description="Id of the store 门店.")],
        after: Annotated[
            str | None,
            strawberry.argument(description="Only changes behind this cursor; without it, what happens from now on."),
        ] = None,
        entities: EntityNames = None,
    ) -> AsyncGenerator[StoreChangesPayload, None]:
        context = context_of(info)
        follow = _Following(live_of(context), (await context.resolve(store_id, ids.STORE))[0].id)
        only = check_names(context, entities)
        if after is not None:
            async for one in follow.catch_up(after, only):
                yield one
        async with live_of(context).hub.feeds.follow(await follow.store(context)) as follower:
            if after is None:
                follow.position = follower.start
            else:  # what came between the last page and now
                async for one in follow.catch_up(follow.cursor(follower.epoch), only):
                    yield one
            while True:
                try:
                    change = await follower.next()
                except Behind:
                    async for one in follow.catch_up(follow.cursor(follower.epoch), only):
                        yield one
                    continue
                if change.at_position <= follow.position or (only and change.entity not in only):
                    continue
                found = await follow.delivery(change, follower.epoch)
                if found is not None:
                    yield found  # type: ignore[misc]  # the payload in its own context: see `stream`

    @strawberry.subscription(
        description="Where the close of a month stands, now and whenever it moves on 月结进度."
        " Needs benchmark:result:read or evaluation:month:close of the group."
    )  # type: ignore[untyped-decorator]
    async def month_close(self, info: strawberry.Info, month: Month) -> AsyncGenerator[MonthClosePayload, None]:
        live = live_of(context_of(info))
        with live.hub.bells.hear(closes_of(context_of(info).group.id)) as bell:
            shown_last: Any = ()
            while True:
                context = await live.renew()
                found = next(iter(await closes(context, month)), None)
                if found != shown_last:
                    shown_last = found
                    yield Delivery(MonthClosePayload(month_close=found), context)  # type: ignore[misc]
                await bell.wait()


@dataclass
class _Following:
    """Somebody's way through a store's feed."""

    live: Live
    store_id: UUID
    position: Position = BEGINNING

    def cursor(self, epoch: UUID) -> str:
        """Where they are."""
        return write_cursor(self.store_id, epoch, self.position)

    async def store(self, context: Context) -> ResolvedStore:
        """The store, as it is for the caller now.

        Raises:
            NotFound: it does not exist for them.
        """
        found = await context.store(self.store_id)
        if not isinstance(found, ResolvedStore):
            raise TypeError("not a resolved store")
        return found

    async def catch_up(self, after: str, only: frozenset[str]) -> AsyncGenerator[Any, None]:
        """What lies behind a cursor, up to the feed's end."""
        cursor, more = after, True
        while more:
            context = await self.live.renew()
            store = await self.store(context)
            async with context.open_store(store) as session:
                viewer, entities = context.viewer(store), context.entities
                page = await page_of_changes(
                    session, entities, viewer, store=store.id, after=cursor, first=_AT_ONCE, only=only
                )
            for change in page.changes:
                found = await self.delivery(change, page.edges.epoch)
                if found is not None:
                    yield found
            self.position, more = page.upto, page.more
            cursor = self.cursor(page.edges.epoch)

    async def delivery(self, change: Change, epoch: UUID) -> Delivery | None:
        """A change for the caller as they are now; None where they may not know of it."""
        context = await self.live.renew()
        store = await self.store(context)
        viewer = context.viewer(store)
        known = wholly(context.entities, viewer, change.entity)
        if known is None:
            async with context.open_store(store) as session:
                known = bool(await known_of(session, context.entities, viewer, [change]))
        self.position = change.at_position
        return Delivery(StoreChangesPayload(change=shown(store.id, epoch, [change])[0]), context) if known else None

"""What the product's own fields and mutations need beside the reader: the platform, and units of work for the actor."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ..domain.work import GroupWork, Platform, Work, open_group_work, open_work
from ..tenancy.session import ResolvedGroup, ResolvedStore
from .context import Context, StoreInfo


@dataclass(frozen=True, slots=True)
class Services:
    """Put into `Context.extra` by the composition."""

    platform: Platform
    group: ResolvedGroup


def services(context: Context) -> Services:
    """The services of an operation."""
    found = context.extra
    if not isinstance(found, Services):
        raise TypeError("the context was made without services")
    return found


@asynccontextmanager
async def store_work(context: Context, store: StoreInfo) -> AsyncIterator[Work]:
    """One unit of work of the actor in a store: each root mutation field is one, and commits alone."""
    if not isinstance(store, ResolvedStore):
        raise TypeError("not a resolved store")
    async with open_work(services(context).platform, store, context.actor, request_id=context.request_id) as work:
        yield work


@asynccontextmanager
async def group_work(context: Context) -> AsyncIterator[GroupWork]:
    """One unit of work of the actor on the group's control rows."""
    known = services(context)
    async with open_group_work(known.platform, known.group, context.actor, request_id=context.request_id) as work:
        yield work

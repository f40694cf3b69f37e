"""What every actor needs: the platform, the tenant of its message, and a unit of work as the system.

An actor opens one unit of work, marks its message in the inbox, calls an action, and nothing else. The inbox row and the
effect commit together, so a message delivered twice has its effect once.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import dramatiq

from ..auth.actor import Actor
from ..domain.work import GroupWork, Platform, Work, open_group_work, open_work
from ..tenancy.session import ResolvedGroup, ResolvedStore, control_session, resolve_group, resolve_store, stores_of
from .broker import PostgresBroker
from .middleware import running_job


@dataclass(frozen=True, slots=True)
class JobContext:
    """The composition's gift to the actors."""

    platform: Platform

    async def store(self, group_id: str, store_id: str) -> ResolvedStore:
        """The store a message names; NotFound when it is not of that group."""
        async with control_session(self.platform.engines) as session:
            return await resolve_store(session, UUID(group_id), UUID(store_id))

    async def group(self, group_id: str) -> ResolvedGroup:
        """The group a message names."""
        async with control_session(self.platform.engines) as session:
            return await resolve_group(session, UUID(group_id))

    @asynccontextmanager
    async def store_step(self, group_id: str, store_id: str) -> AsyncIterator[Work]:
        """A unit of work of the running job in one store, for a job of several steps: each must bear repetition."""
        store = await self.store(group_id, store_id)
        async with open_work(self.platform, store, Actor.for_system(running_job().actor, store.group_id)) as work:
            yield work

    @asynccontextmanager
    async def group_step(self, group_id: str) -> AsyncIterator[GroupWork]:
        """The same on the group's control rows."""
        group = await self.group(group_id)
        async with open_group_work(self.platform, group, Actor.for_system(running_job().actor, group.id)) as work:
            yield work

    @asynccontextmanager
    async def store_work(self, group_id: str, store_id: str) -> AsyncIterator[Work | None]:
        """The running job's one unit of work in one store; None when an earlier delivery already did it."""
        async with self.store_step(group_id, store_id) as work:
            yield work if await work.first_time(running_job().id, running_job().actor) else None

    @asynccontextmanager
    async def group_work(self, group_id: str) -> AsyncIterator[GroupWork | None]:
        """The same on the group's control rows."""
        async with self.group_step(group_id) as work:
            yield work if await work.first_time(running_job().id, running_job().actor) else None

    async def in_every_store(self, group_id: str, *names: str) -> None:
        """Ask for these jobs in every active store of a group; where the last one still waits, another would do nothing more."""
        async with self.group_work(group_id) as work:
            if work is None:
                return
            for store in await stores_of(work.session, work.group.id):
                if store.state == "ACTIVE":
                    for name in names:
                        work.enqueue(name, store_id=store.id, dedupe_key=f"{name}:{store.id}")


def declare(broker: PostgresBroker, name: str, function: Callable[..., Any], **options: Any) -> None:
    """Register `function` as the actor `name` (an action's name with its feature, such as `evaluation.close_store`)."""
    dramatiq.actor(actor_name=name, broker=broker, **options)(function)

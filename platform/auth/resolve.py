"""Which stores exist for an actor. The only way from what a client names to a store that a transaction may open."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import Select, false
from sqlalchemy.ext.asyncio import AsyncSession

from ..errors import NotFound
from ..tenancy.control import Store
from ..tenancy.session import ResolvedStore, stores_query
from .actor import Actor

#: States in which a store exists for people: the others are not made yet, or gone.
VISIBLE_STATES = ("ACTIVE", "SUSPENDED", "CLOSING", "ARCHIVED")


async def visible_stores(session: AsyncSession, actor: Actor, *, limit: int = 1000) -> list[ResolvedStore]:
    """The actor's stores by code: those of their memberships; for HQ and the system, the group's."""
    query = _visible(actor).order_by(Store.code).limit(max(1, min(limit, 5000)))
    return [ResolvedStore(*row) for row in await session.execute(query)]


async def resolve_store(session: AsyncSession, actor: Actor, store: UUID | str) -> ResolvedStore:
    """One of the actor's stores, by id or (text) by its code within the group.

    Raises:
        NotFound: there is no such store, or not for this actor; never says which.
    """
    chosen = Store.id == store if isinstance(store, UUID) else Store.code == store
    row = (await session.execute(_visible(actor).where(chosen))).one_or_none()
    if row is None:
        raise NotFound("no such store")
    return ResolvedStore(*row)


def _visible(actor: Actor) -> Select[Any]:
    query = stores_query().where(Store.group_id == actor.group_id, Store.state.in_(VISIBLE_STATES))
    if actor.viewing is not None:
        query = _narrowed(query, actor.viewing.viewer)
    return _narrowed(query, replace(actor, viewing=None))


def _narrowed(query: Select[Any], actor: Actor) -> Select[Any]:
    if actor.sees_every_store():
        return query
    ids = actor.store_ids()
    return query.where(Store.id.in_(ids) if ids else false())

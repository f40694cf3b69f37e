"""Rows of a store that an action is about: locked, of the version the caller read, and visible to the actor."""

from datetime import date
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select

from ..errors import NotFound, StaleVersion
from ..tenancy.base import StoreTable
from ..tenancy.columns import Recorded
from ..tenancy.reader.compile_sql import NotCompilable, existence
from ..tenancy.reader.entity import Entity
from ..tenancy.reader.sql import visible
from ..tenancy.session import read_in
from .reading import viewer_of
from .work import Work

Row = TypeVar("Row", bound=StoreTable)


def local_day(work: Work) -> date:
    """Today at the store."""
    return work.now.astimezone(ZoneInfo(work.store.time_zone)).date()


async def locked(work: Work, kind: type[Row], row_id: UUID, expected_version: int | None = None) -> Row:
    """The row, locked until the commit.

    Raises:
        NotFound: there is none. StaleVersion: somebody changed it since the caller read it.
    """
    row = await work.session.get(kind, row_id, with_for_update=True)
    if row is None:
        raise NotFound("no such row")
    require_version(row, expected_version)
    return row


def require_version(row: Any, expected_version: int | None) -> None:
    """The optimistic lock.

    Raises:
        StaleVersion: the row has another version than the caller read.
    """
    if expected_version is not None and row.version != expected_version:
        raise StaleVersion("somebody changed this since you read it", version=row.version)


def touch(work: Work, row: Recorded) -> None:
    """Note who changed the row, and count its version."""
    row.version += 1
    row.updated_at, row.updated_by = work.now, work.actor.key


async def sees(work: Work, entity: Entity, row_id: UUID) -> bool:
    """Does the row exist for the actor? By the same grants that decide what the actor can read."""
    permissions = {grant.permission for grant in entity.grants}
    viewer = viewer_of(work.actor, work.store.id, local_day(work), permissions)
    try:
        asked = existence(entity, viewer, row_id)
    except NotCompilable:
        row = entity.table.alias()
        query = select(row.c.id).where(row.c.id == row_id, visible(entity, viewer, row))
        return (await work.session.execute(query)).first() is not None
    [found] = await read_in(work.session, work.store, [asked])
    return bool(found)


async def require_seen(work: Work, entity: Entity, row_id: UUID | None) -> None:
    """A row that the input names must exist for the actor; naming none is fine.

    Raises:
        NotFound: it does not.
    """
    if row_id is not None and not await sees(work, entity, row_id):
        raise NotFound("no such row")

"""The change feed as its readers see it: what lies behind a cursor, what a viewer may know of it, how long it is kept.

The order is (xid, id), and only what lies below `pg_snapshot_xmin` is read, so nothing can appear behind a cursor later
(docs/decisions/0007-change-feed-by-transaction-id.md). **An event is as visible as the row that it is about**: what the
reader's row rules hide from a viewer, `node(id)` and the lists hide, and so does the feed.
"""

import base64
import binascii
import hashlib
import struct
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple
from typing import cast as cast_type
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Table,
    Text,
    Uuid,
    case,
    cast,
    delete,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncSession

from ..errors import Invalid, Refused
from ..tenancy.reader.entity import Entities, Entity, Reach, Viewer
from ..tenancy.reader.sql import visible
from .feed import ChangeEvent, FeedState, Xid8
from .work import Work

#: Changes on a page at most.
MOST: Final = 500
#: Events looked at for one page at most: a page may be short, or empty, although more follow.
SCANNED: Final = 1_000
#: Events cut off by one unit of work at most.
_CUT: Final = 5_000
#: The id of the one row of `FeedState`.
_STATE: Final = UUID(int=1)
_NOBODY: Final = UUID(int=0)


class Position(NamedTuple):
    """Where an event stands in its store's feed."""

    xid: int
    id: UUID


BEGINNING: Final = Position(0, _NOBODY)


class ActorKind(StrEnum):
    """Who did something, as far as the feed says."""

    PERSON = "PERSON"
    PROGRAM = "PROGRAM"
    CUSTOMER = "CUSTOMER"
    SYSTEM = "SYSTEM"


_KINDS: Final = {
    "account": ActorKind.PERSON,
    "client": ActorKind.PROGRAM,
    "scim": ActorKind.PROGRAM,
    "respondent": ActorKind.CUSTOMER,
}


@dataclass(frozen=True, slots=True)
class Change:
    """One event of a store's feed."""

    at_position: Position
    at: datetime
    event: str
    entity: str
    entity_id: UUID
    actor: ActorKind


@dataclass(frozen=True, slots=True)
class FeedEdges:
    """Where a feed begins and ends now. `epoch` changes when the store's rows were replaced by an older copy."""

    epoch: UUID
    begin: Position
    end: Position
    #: transactions below this one have ended; above it nothing is read yet
    xmin: int
    #: events are committed that must wait for an older transaction to end
    held_back: bool


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Changes that the viewer may know of, and up to where the feed was looked through for them."""

    changes: Sequence[Change]
    upto: Position
    more: bool
    edges: FeedEdges


# --- cursors ---------------------------------------------------------------------------------------------------------

_FORM: Final = struct.Struct(">B4s4sQ16s")
_VERSION: Final = 1


def _mark(id_: UUID) -> bytes:
    return hashlib.sha256(id_.bytes).digest()[:4]


def write_cursor(store: UUID, epoch: UUID, position: Position) -> str:
    """The cursor of a position in a store's feed: the same for pages, subscriptions and whatever else follows it."""
    packed = _FORM.pack(_VERSION, _mark(store), _mark(epoch), position.xid, position.id.bytes)
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def read_cursor(text: str, store: UUID, edges: FeedEdges) -> Position:
    """The position behind a cursor.

    Raises:
        Invalid: it is none, or another store's.
        Refused: ``CURSOR_EXPIRED``, what followed it is not kept any more (or was replaced): read the lists again, and go
            on from the feed's end.
    """
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        version, of_store, of_epoch, xid, id_ = _FORM.unpack(packed)
    except (ValueError, binascii.Error, struct.error) as error:
        raise Invalid("not a cursor of a change feed", path=("after",)) from error
    if version != _VERSION:
        raise Invalid("not a cursor of a change feed", path=("after",))
    if of_store != _mark(store):
        raise Invalid("a cursor of another store's feed", path=("after",))
    position = Position(xid, UUID(bytes=id_))
    if of_epoch != _mark(edges.epoch) or position.xid >= edges.xmin:
        raise _expired("the store's rows were replaced by an older copy since")
    if position < edges.begin:
        raise _expired("what followed this cursor is no longer kept")
    return position


def _expired(why: str) -> Refused:
    text = f"{why}: read what you need anew, then go on from latestCursor"
    return Refused("CURSOR_EXPIRED", text, path=("after",))


# --- reading ---------------------------------------------------------------------------------------------------------

_FEED: Final = cast_type(Table, ChangeEvent.__table__)
_EVENT: Final = _FEED.c
_HERE: Final = tuple_(_EVENT.xid, _EVENT.id)
_XMIN: Final = func.pg_snapshot_xmin(func.pg_current_snapshot())
_SHOWN: Final = (
    cast(_EVENT.xid, Text),
    _EVENT.id,
    _EVENT.at,
    _EVENT.event,
    _EVENT.entity,
    _EVENT.entity_id,
    _EVENT.actor,
)


def _at(position: Position) -> Any:
    return tuple_(cast(literal(str(position.xid), Text), Xid8()), cast(literal(position.id, Uuid()), Uuid()))


async def find_edges(session: AsyncSession) -> FeedEdges:
    """Where the feed of the store that the session is in begins and ends now."""
    last = (
        select(cast(_EVENT.xid, Text).label("xid"), _EVENT.id.label("id"))
        .where(_EVENT.xid < _XMIN)
        .order_by(_EVENT.xid.desc(), _EVENT.id.desc())
        .limit(1)
        .subquery()
    )
    state = FeedState.__table__.c
    query = (
        select(
            cast(_XMIN, Text),
            exists().where(_EVENT.xid >= _XMIN).label("held_back"),
            last.c.xid,
            last.c.id,
            state.epoch,
            cast(state.xid, Text),
            state.event_id,
        )
        .select_from(select(literal(1).label("one")).subquery("here"))
        .outerjoin(last, literal(value=True))
        .outerjoin(FeedState.__table__, state.id == _STATE)
    )
    row: Sequence[Any] = (await session.execute(query)).one()
    xmin, held_back, last_xid, last_id, epoch, cut_xid, cut_id = row
    begin = BEGINNING if epoch is None else Position(int(cut_xid), cut_id)
    end = begin if last_xid is None else max(begin, Position(int(last_xid), last_id))
    return FeedEdges(epoch or _NOBODY, begin, end, int(xmin), held_back)


async def changes_after(session: AsyncSession, position: Position, *, limit: int) -> list[Change]:
    """The events behind a position in their order, whoever may see them."""
    query = (
        select(*_SHOWN).where(_at(position) < _HERE, _EVENT.xid < _XMIN).order_by(_EVENT.xid, _EVENT.id).limit(limit)
    )
    return [_change(row) for row in await session.execute(query)]


async def page_of_changes(
    session: AsyncSession,
    entities: Entities,
    viewer: Viewer,
    *,
    store: UUID,
    after: str | None,
    first: int,
    only: Collection[str] = (),
) -> ChangePage:
    """Up to `first` changes behind a cursor that the viewer may know of; `only` of these entities, where some are named.

    The session's snapshot is one (a reader's). A page looks at no more than `SCANNED` events, so it may hold fewer.

    Raises:
        Invalid, Refused: see `read_cursor`.
    """
    edges = await find_edges(session)
    start = edges.begin if after is None else read_cursor(after, store, edges)
    scanned = (
        select(*_EVENT)
        .where(_at(start) < _HERE, _EVENT.xid < _XMIN)
        .order_by(_EVENT.xid, _EVENT.id)
        .limit(SCANNED + 1)
        .subquery()
    )
    seen = may_know(entities, viewer, scanned.c.entity, scanned.c.entity_id, only)
    columns = [cast(scanned.c.xid, Text), *(scanned.c[one.name] for one in _SHOWN[1:])]
    rows = (await session.execute(select(*columns, seen).order_by(scanned.c.xid, scanned.c.id))).all()
    found: list[Change] = []
    upto, more = start, len(rows) > SCANNED
    for row in rows[:SCANNED]:
        change = _change(row)
        if row[-1]:
            if len(found) == first:
                more = True
                break
            found.append(change)
        upto = change.at_position
    return ChangePage(found, upto, more, edges)


async def known_of(
    session: AsyncSession, entities: Entities, viewer: Viewer, changes: Sequence[Change]
) -> frozenset[UUID]:
    """The ids of those among these events that the viewer may know of, by the rows as they are now."""
    of_these = _EVENT.id == func.any(cast([one.at_position.id for one in changes], ARRAY(Uuid())))
    query = select(_EVENT.id).where(of_these, may_know(entities, viewer, _EVENT.entity, _EVENT.entity_id))
    return frozenset(await session.scalars(query))


def wholly(entities: Entities, viewer: Viewer, name: str) -> bool | None:
    """May the viewer know of every event of this entity (True), of none (False), or do its rows decide (None)?"""
    if name not in entities or not entities[name].open_to(viewer):
        return False
    entity = entities[name]
    return True if entity.only is None and _every_row(entity, viewer) else None


def _every_row(entity: Entity, viewer: Viewer | None) -> bool:
    if viewer is None:
        return True
    wide = (one for one in entity.grants if one.only is None and viewer.reach.get(one.permission, 0) >= Reach.STORE)
    return any(wide) and _every_row(entity, viewer.within)


def may_know(
    entities: Entities,
    viewer: Viewer,
    name: ColumnElement[str],
    row_id: ColumnElement[UUID],
    only: Collection[str] = (),
) -> ColumnElement[bool]:
    """Which events the viewer may know of, by the columns that hold the entity's name and the row's id."""
    cases: list[tuple[ColumnElement[bool], ColumnElement[bool]]] = []
    all_of: list[str] = []
    for entity in entities:
        if only and entity.name not in only:
            continue
        match wholly(entities, viewer, entity.name):
            case True:
                all_of.append(entity.name)
            case None:
                row = entity.table.alias()
                cases.append((name == entity.name, exists().where(row.c.id == row_id, visible(entity, viewer, row))))
    known = name.in_(all_of) if all_of else false()
    return case(*cases, else_=known) if cases else or_(false(), known)


def _change(row: Sequence[Any]) -> Change:
    xid, id_, at, event, entity, entity_id, actor = row[:7]
    kind = _KINDS.get(actor.partition(":")[0], ActorKind.SYSTEM)
    return Change(Position(int(xid), id_), at, event, entity, entity_id, kind)


# --- keeping ---------------------------------------------------------------------------------------------------------


async def trim_feed(work: Work, *, keep: timedelta) -> int:
    """Cut off the oldest events, up to the first one that is to be kept; gives how many, at most `_CUT` at once.

    Where the feed was cut is written down in the same transaction, so that a cursor from before is told.
    """
    oldest = select(cast(_EVENT.xid, Text), _EVENT.id, _EVENT.at).where(_EVENT.xid < _XMIN)
    rows = (await work.session.execute(oldest.order_by(_EVENT.xid, _EVENT.id).limit(_CUT))).all()
    limit, cut = work.now - keep, None
    number = 0
    for xid, id_, at in rows:
        if at >= limit:
            break
        cut, number = Position(int(xid), id_), number + 1
    if cut is None:
        return 0
    await work.session.execute(delete(_FEED).where(_at(cut) >= _HERE))
    border = {"xid": cast(literal(str(cut.xid), Text), Xid8()), "event_id": cut.id}
    state = pg_insert(FeedState).values(id=_STATE, epoch=_NOBODY, **border)
    await work.session.execute(state.on_conflict_do_update(index_elements=["id"], set_=border))
    return number

"""What of an import is news: facts since a day that the store did not have before, for `live_since`.

An import is historical and wakes nobody (docs/interchange.md section 3). A store that moves to Forecourt while it trades
may ask that what happened since a day is treated as if it had been recorded here: its events wake the planning jobs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ARRAY, DateTime, Text, any_, cast, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from .. import events
from ..care.model import Call
from ..sales.model import SalesOrder
from ..surveys.model import Invitation, Response
from ..workshop.model import RepairOrder
from .model import ImportRow


@dataclass(frozen=True, slots=True)
class News:
    """One kind of event, and the natural keys of the rows that it happened to."""

    entity: str
    event: str
    key: InstrumentedAttribute[str]
    keys: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Kind:
    """Where an event stands in the export: the file, its column with the moment, and what holds it in the store."""

    event: str
    file: str
    moment: str
    key: InstrumentedAttribute[str]
    held: InstrumentedAttribute[Any]


_KINDS = (
    _Kind(events.VEHICLE_DELIVERED, "sales_orders.csv", "delivered_at", SalesOrder.order_no, SalesOrder.delivered_at),
    _Kind(
        events.VEHICLE_HANDED_OVER, "repair_orders.csv", "handed_over_at", RepairOrder.ro_no, RepairOrder.handed_over_at
    ),
    _Kind(events.RESPONSE_SUBMITTED, "surveys.csv", "submitted_at", Invitation.survey_no, Response.submitted_at),
    _Kind(events.CALL_LOGGED, "calls.csv", "started_at", Call.call_no, Call.started_at),
)


async def find_news(session: AsyncSession, batch_id: UUID, zone: ZoneInfo, since: date) -> list[News]:
    """Before the merge: which staged rows say that something happened on or after a local day which is not stored yet."""
    cutoff = datetime.combine(since, datetime.min.time(), zone)
    found = []
    for kind in _KINDS:
        stage = aliased(ImportRow, name="stage")
        moment = cast(stage.cells[kind.moment].astext, DateTime(timezone=True))
        query = select(stage.key).where(stage.batch_id == batch_id, stage.file == kind.file, moment >= cutoff)
        known = select(kind.key).where(kind.key == stage.key, kind.held.is_not(None))
        if kind.held.class_ is Response:
            known = known.join(Response, Response.invitation_id == Invitation.id)
        # A cancelled order has no event.
        query = query.where(~known.exists(), stage.cells["cancelled_at"].astext.is_(None)).order_by(stage.line)
        keys = (await session.scalars(query)).all()
        found.append(News(kind.held.class_.__name__, kind.event, kind.key, keys))
    return found


async def ids_of(session: AsyncSession, news: News) -> Sequence[UUID]:
    """After the merge: the rows that the keys name, in the order of their keys."""
    entity = news.key.class_
    mine = news.key == any_(cast(list(news.keys), ARRAY(Text)))
    query = select(entity.id).where(mine)
    if news.entity == "Response":
        query = select(Response.id).join(Invitation, Invitation.id == Response.invitation_id).where(mine)
    return (await session.scalars(query.order_by(news.key))).all()

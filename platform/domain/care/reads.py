"""What care looks up: whose work something judges, the open tasks a call serves, the calls about a task."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Column, ColumnElement, MetaData, Table, Uuid, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from ...tenancy.names import TENANT_PLACEHOLDER
from ..sales.model import SalesOrder
from ..workshop.model import RepairOrder
from .model import Call, FollowUpTask
from .task_rules import EVIDENCE, Attempt

# Surveys stand above care, so it does not import them; a call refers to an invitation by its key.
INVITATION = Table(
    "invitation",
    MetaData(),
    Column("id", Uuid),
    Column("order_id", Uuid),
    Column("repair_order_id", Uuid),
    schema=TENANT_PLACEHOLDER,
)
MAX_CALLS = 200


@dataclass(frozen=True, slots=True)
class Judged:
    """What something is about, and whose work it judges (None for an incident)."""

    person_id: UUID | None
    order_id: UUID | None = None
    repair_order_id: UUID | None = None


async def judged_by(
    session: AsyncSession, order_id: UUID | None, repair_order_id: UUID | None, invitation_id: UUID | None
) -> Judged | None:
    """The consultant of an order, the advisor of a visit, or either through an invitation; None: there is no such thing."""
    if invitation_id is not None and order_id is None and repair_order_id is None:
        found = (await session.execute(select(INVITATION).where(INVITATION.c.id == invitation_id))).one_or_none()
        if found is None:
            return None
        order_id, repair_order_id = found.order_id, found.repair_order_id
        if order_id is None and repair_order_id is None:
            return Judged(None)
    if order_id is not None:
        order = await session.get(SalesOrder, order_id)
        return Judged(order.consultant_id, order.id) if order else None
    visit = await session.get(RepairOrder, repair_order_id) if repair_order_id else None
    return Judged(visit.advisor_id, None, visit.id) if visit else None


async def tasks_about(session: AsyncSession, call: Call) -> Sequence[FollowUpTask]:
    """Open tasks that a call may serve, locked."""
    kinds = sorted(kind for kind, calls in EVIDENCE.items() if call.kind in calls)
    same: list[ColumnElement[bool]] = []
    if call.invitation_id is not None:
        same.append(FollowUpTask.invitation_id == call.invitation_id)
    elif call.order_id is not None:
        same.append(and_(FollowUpTask.order_id == call.order_id, FollowUpTask.invitation_id.is_(None)))
    elif call.repair_order_id is not None:
        same.append(and_(FollowUpTask.repair_order_id == call.repair_order_id, FollowUpTask.invitation_id.is_(None)))
    if not same:
        return ()
    query = (
        select(FollowUpTask)
        .where(FollowUpTask.kind.in_(kinds), FollowUpTask.closed_at.is_(None), or_(*same))
        .order_by(FollowUpTask.id)
        .limit(20)
        .with_for_update()
    )
    return list(await session.scalars(query))


async def attempts_for(session: AsyncSession, task: FollowUpTask) -> list[Attempt]:
    """Every call of the right kind about a task's cause, oldest first."""
    if task.invitation_id is not None:
        about = Call.invitation_id == task.invitation_id
    elif task.order_id is not None:
        about = Call.order_id == task.order_id
    else:
        about = Call.repair_order_id == task.repair_order_id
    query = (
        select(Call)
        .where(Call.kind.in_(sorted(EVIDENCE[task.kind])), about)
        .order_by(Call.started_at, Call.id)
        .limit(MAX_CALLS)
    )
    return [
        Attempt(call.id, call.kind, call.caller_id, call.started_at, call.connected, call.result)
        for call in await session.scalars(query)
    ]

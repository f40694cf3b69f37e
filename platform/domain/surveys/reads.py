"""What other modules and doors may ask of surveys: the published questionnaire, the judged person, answers as facts."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Column, DateTime, MetaData, Table, Text, Uuid, select
from sqlalchemy.ext.asyncio import AsyncSession

from ...errors import NotFound
from ...tenancy.names import TENANT_PLACEHOLDER
from ..care.task_rules import AnswerFacts
from ..configuration import resolved_settings
from ..sales.model import SalesOrder
from ..work import Work
from ..workshop.model import RepairOrder
from .model import Invitation, Response, SurveyTemplate
from .policy_rules import KEYS, SurveyPolicy, policy_from
from .templates import Questionnaire, from_json

# Complaints stand beside surveys, so neither imports the other; the few columns needed are named here.
COMPLAINT = Table(
    "complaint",
    MetaData(),
    Column("id", Uuid),
    Column("customer_id", Uuid),
    Column("record", Text),
    Column("status", Text),
    Column("confirmed_at", DateTime(timezone=True)),
    Column("updated_at", DateTime(timezone=True)),
    schema=TENANT_PLACEHOLDER,
)


@dataclass(frozen=True, slots=True)
class Published:
    """A published version: its row and what it asks."""

    id: UUID
    questionnaire: Questionnaire


@dataclass(frozen=True, slots=True)
class Event:
    """What an invitation asks about: when it happened and whom the answer judges."""

    at: datetime
    judged_id: UUID


async def policy_of(work: Work) -> SurveyPolicy:
    """The store's survey settings on the present local day."""
    day = work.now.astimezone(ZoneInfo(work.store.time_zone)).date()
    return policy_from(await resolved_settings(work.session, work.store.id, day, KEYS))


async def published(session: AsyncSession, code: str) -> Published | None:
    """The newest published version of a questionnaire, as the session's group sees it."""
    query = (
        select(SurveyTemplate)
        .where(SurveyTemplate.code == code, SurveyTemplate.state == "PUBLISHED")
        .order_by(SurveyTemplate.number.desc())
        .limit(1)
    )
    row = (await session.scalars(query)).first()
    return Published(row.id, from_json(row.body)) if row else None


async def asked_in(session: AsyncSession, invitation: Invitation) -> Questionnaire | None:
    """The version an invitation asks: the one it was sent with, retired or not; else the published one."""
    if invitation.template_id is not None:
        row = await session.get(SurveyTemplate, invitation.template_id)
        if row is not None:
            return from_json(row.body)
    found = await published(session, invitation.template)
    return found.questionnaire if found else None


async def event_of(session: AsyncSession, invitation: Invitation) -> Event | None:
    """The delivery or visit an invitation asks about; None for an incident or what did not happen."""
    if invitation.order_id is not None:
        order = await session.get(SalesOrder, invitation.order_id)
        if order is not None and order.delivered_at is not None:
            return Event(order.delivered_at, order.consultant_id)
    if invitation.repair_order_id is not None:
        visit = await session.get(RepairOrder, invitation.repair_order_id)
        if visit is not None and visit.handed_over_at is not None:
            return Event(visit.handed_over_at, visit.advisor_id)
    return None


async def answer_facts(session: AsyncSession, response_id: UUID) -> AnswerFacts:
    """A response as follow-up tasks need it.

    Raises:
        NotFound: there is none.
    """
    query = (
        select(Response, Invitation)
        .join(Invitation, Invitation.id == Response.invitation_id)
        .where(Response.id == response_id)
    )
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise NotFound("response", id=str(response_id))
    response, invitation = row
    event = await event_of(session, invitation)
    return AnswerFacts(
        response_id=response.id,
        invitation_id=invitation.id,
        template=invitation.template,
        mode=response.mode,
        order_id=invitation.order_id,
        repair_order_id=invitation.repair_order_id,
        customer_id=invitation.customer_id,
        judged_id=event.judged_id if event else None,
        submitted_at=response.submitted_at,
        q_overall=response.q_overall,
        q_care_call_72h=response.q_care_call_72h,
    )


async def templates_of(session: AsyncSession, group_id: UUID, *, limit: int = 200) -> list[SurveyTemplate]:
    """The group's questionnaire versions, by code, newest first."""
    query = select(SurveyTemplate).where(SurveyTemplate.group_id == group_id)
    query = query.order_by(SurveyTemplate.code, SurveyTemplate.number.desc()).limit(max(1, min(limit, 500)))
    return list(await session.scalars(query))

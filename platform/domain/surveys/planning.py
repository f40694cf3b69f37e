"""Planning invitations from events, and settling who of a contact's planned invitations may stay."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.dialects.postgresql import insert

from ...errors import Forbidden, NotFound
from ...tenancy.ids import new_id
from .. import events
from ..customers.model import ContactPoint
from ..sales.model import SalesOrder
from ..work import Work
from ..workshop.model import RepairOrder
from .model import Invitation
from .plan_rules import YEAR, Ask, Caps, Suppression, incident_due, purchase_due, service_due, settle
from .policy_rules import SurveyPolicy
from .reads import COMPLAINT, policy_of, published

#: Most invitations of one contact that are looked at; far above what the caps allow in a year.
MAX_ASKS = 200


def only_system(work: Work) -> None:
    """Raises `Forbidden` unless the product itself is at work: nobody plans, sends or suppresses by hand."""
    if not work.actor.system:
        raise Forbidden("only the product itself does this")


async def plan_purchase_survey(work: Work, order_id: UUID) -> UUID | None:
    """Plan T1 a month after a delivery (TR1, requirement 52). None: not to be asked, or planned before."""
    only_system(work)
    order = await work.session.get(SalesOrder, order_id)
    if order is None:
        raise NotFound("sales order", id=str(order_id))
    if order.delivered_at is None or order.cancelled_at is not None:
        return None
    policy = await policy_of(work)
    due = purchase_due(order.delivered_at, order.id.bytes, ZoneInfo(work.store.time_zone), policy)
    return await _plan(
        work, policy, Invitation(template="T1", order_id=order.id, customer_id=order.customer_id, planned_for=due)
    )


async def plan_service_survey(work: Work, repair_order_id: UUID) -> UUID | None:
    """Plan T2 some hours after a hand-over (TR4, requirement 55). None: internal work, cancelled, or planned before."""
    only_system(work)
    visit = await work.session.get(RepairOrder, repair_order_id)
    if visit is None:
        raise NotFound("repair order", id=str(repair_order_id))
    if visit.handed_over_at is None or visit.cancelled_at is not None or visit.type == "INTERNAL":
        return None
    policy = await policy_of(work)
    due = service_due(visit.handed_over_at, ZoneInfo(work.store.time_zone), policy)
    return await _plan(
        work,
        policy,
        Invitation(template="T2", repair_order_id=visit.id, customer_id=visit.customer_id, planned_for=due),
    )


async def plan_incident_survey(work: Work, complaint_id: UUID) -> UUID | None:
    """Plan T4 a day after a complaint was closed (TR3, requirement 54). None: no customer, or planned before."""
    only_system(work)
    found = (await work.session.execute(select(COMPLAINT).where(COMPLAINT.c.id == complaint_id))).one_or_none()
    if found is None:
        raise NotFound("complaint", id=str(complaint_id))
    if found.customer_id is None or found.record != "COMPLAINT" or found.status != "CLOSED":
        return None
    policy = await policy_of(work)
    due = incident_due(found.confirmed_at or found.updated_at, ZoneInfo(work.store.time_zone), policy)
    return await _plan(
        work,
        policy,
        Invitation(template="T4", complaint_id=complaint_id, customer_id=found.customer_id, planned_for=due),
    )


async def _plan(work: Work, policy: SurveyPolicy, wanted: Invitation) -> UUID | None:
    """Insert an invitation once per transaction and template, then settle its contact."""
    if await published(work.session, wanted.template) is None or wanted.customer_id is None:
        return None
    contact = await contact_of(work, wanted.customer_id)
    people = await lock_contact(work, contact) | {wanted.customer_id}
    invitation_id = new_id()
    row = {
        "id": invitation_id,
        "survey_no": f"L-{invitation_id.hex}",
        "template": wanted.template,
        "order_id": wanted.order_id,
        "repair_order_id": wanted.repair_order_id,
        "complaint_id": wanted.complaint_id,
        "customer_id": wanted.customer_id,
        "origin": "LIVE",
        "state": "SCHEDULED",
        "contact_hash": contact,
        "planned_for": wanted.planned_for,
        "created_by": work.actor.key,
        "updated_by": work.actor.key,
    }
    # A delivered event may be told twice; the partial unique indexes make the second telling nothing.
    inserted = await work.session.execute(
        insert(Invitation).values(row).on_conflict_do_nothing().returning(Invitation.id)
    )
    if inserted.first() is None:
        return None
    work.audit("surveys.plan", "Invitation", invitation_id, after={"template": wanted.template})
    work.emit(events.INVITATION_PLANNED, "Invitation", invitation_id, template=wanted.template)
    await settle_contact(work, policy, contact, people)
    return invitation_id


async def contact_of(work: Work, customer_id: UUID) -> bytes | None:
    """The keyed hash by which a customer is recognised as one contact: the phone number, else the e-mail address."""
    query = (
        select(ContactPoint.value_hash)
        .where(ContactPoint.customer_id == customer_id, ContactPoint.kind.in_(("PHONE", "EMAIL")))
        .order_by(ContactPoint.kind.desc(), ContactPoint.is_primary.desc(), ContactPoint.id)
        .limit(1)
    )
    return (await work.session.scalars(query)).first()


async def lock_contact(work: Work, contact: bytes | None) -> set[UUID]:
    """Hold a contact until the end of the transaction, so that its invitations are settled by one at a time.

    Returns the customers who share it. Locks rows of the store's own schema, in the order of their ids, before any
    invitation is locked.
    """
    if contact is None:
        return set()
    query = (
        select(ContactPoint.customer_id)
        .where(ContactPoint.value_hash == contact)
        .order_by(ContactPoint.id)
        .limit(MAX_ASKS)
        .with_for_update()
    )
    return set(await work.session.scalars(query))


async def settle_contact(
    work: Work, policy: SurveyPolicy, contact: bytes | None, people: Iterable[UUID]
) -> dict[UUID, Suppression]:
    """Suppress what the caps forbid among the planned invitations of a locked contact; returns the suppressed."""
    same: list[ColumnElement[bool]] = [Invitation.customer_id.in_(sorted(people))]
    if contact is not None:
        same.append(Invitation.contact_hash == contact)
    query = (
        select(Invitation)
        .where(
            or_(*same),
            Invitation.template != "T8",
            Invitation.bounced.is_(False),
            or_(
                Invitation.sent_at > work.now - YEAR - timedelta(days=1),
                (Invitation.state == "SCHEDULED") & (Invitation.origin == "LIVE"),
            ),
        )
        .order_by(Invitation.id.desc())
        .limit(MAX_ASKS)
        .execution_options(populate_existing=True)
    )
    rows = {row.id: row for row in await work.session.scalars(query)}
    asks = [
        Ask(
            str(row.id),
            row.template,
            row.sent_at or max(row.planned_for or work.now, work.now),
            sent=row.sent_at is not None,
        )
        for row in rows.values()
    ]
    losers = {UUID(key): reason for key, reason in settle(asks, Caps(policy.min_gap, policy.yearly_cap)).items()}
    for loser, reason in losers.items():
        suppress(work, rows[loser], reason)
    await work.session.flush()
    return losers


def suppress(work: Work, invitation: Invitation, reason: Suppression) -> None:
    """Record that an invitation will not be sent, and why."""
    invitation.state = "SUPPRESSED"
    invitation.suppressed_reason = str(reason)
    touch(work, invitation)
    work.emit(events.INVITATION_SUPPRESSED, "Invitation", invitation.id, reason=str(reason))
    work.audit("surveys.suppress", "Invitation", invitation.id, reason=str(reason))


def touch(work: Work, invitation: Invitation) -> None:
    """Count a change of an invitation."""
    invitation.version += 1
    invitation.updated_at = work.now
    invitation.updated_by = work.actor.key

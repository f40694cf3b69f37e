"""Complaints 投诉 and enquiries: recorded, acknowledged, ruled on, closed.

Nothing here costs points: the month's evaluation derives deductions from VALID complaints (requirements 21, 22 and 88).
Nobody rules on, or closes, a complaint that names them or somebody whose supervisor they were (domain section 2, rule a).
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select

from ...errors import Forbidden, Invalid, NotFound, Refused
from ...tenancy.ids import new_id
from .. import events
from ..customers.entity import CUSTOMER
from ..people.model import Employee, Position
from ..rows import locked, require_seen, touch
from ..sales.entity import SALES_ORDER
from ..wording import reason as reason_of
from ..wording import wording
from ..work import Work
from ..workshop.entity import REPAIR_ORDER
from .model import COMPLAINT_KINDS, Complaint, ComplaintAccused
from .rules import Standing, check_acknowledge, check_close, check_filing, check_verdict


async def file_complaint(
    work: Work,
    *,
    record: str,
    area: str,
    kind: str,
    received_at: datetime,
    text: str,
    severity: str | None = None,
    customer_id: UUID | None = None,
    order_id: UUID | None = None,
    repair_order_id: UUID | None = None,
    accused: Sequence[UUID] = (),
) -> UUID:
    """Record a complaint or enquiry. Returns its id.

    Raises:
        NotFound: the customer, the order or somebody accused does not exist here, or not for the actor.
        Refused: EMPTY_TEXT. Invalid: a word that is not known, a moment to come, or an order of another customer.
    """
    work.require("complaints:complaint:file")
    people = sorted(set(accused))
    named = ((CUSTOMER, customer_id), (SALES_ORDER, order_id), (REPAIR_ORDER, repair_order_id))
    for entity, row_id in named:
        await require_seen(work, entity, row_id)
    if people:
        found = await work.session.scalars(select(Employee.id).where(Employee.id.in_(people)))
        if len(found.all()) != len(people):
            raise NotFound("no such employee")
    check_filing(record=record, area=area, severity=severity, accused=len(people), received_at=received_at)
    if kind not in COMPLAINT_KINDS:
        raise Invalid("not a kind of complaint", path=("kind",))
    if received_at > work.now:
        raise Invalid("a complaint is recorded after it came", path=("receivedAt",))
    said = wording(text, path="text", most=5000, empty="EMPTY_TEXT")
    customer_id = await _customer_of(work, customer_id, order_id, repair_order_id)
    complaint_id = new_id()
    work.insert(
        Complaint,
        id=complaint_id,
        complaint_no=f"L-{complaint_id.hex}",
        record=record,
        area=area,
        kind=kind,
        severity=severity,
        customer_id=customer_id,
        order_id=order_id,
        repair_order_id=repair_order_id,
        received_at=received_at,
        validity="UNDECIDED",
        status="OPEN",
        text=said,
        created_by=work.actor.key,
        updated_by=work.actor.key,
    )
    for person in people:
        work.insert(ComplaintAccused, id=new_id(), complaint_id=complaint_id, employee_id=person)
    after = {
        "record": record,
        "area": area,
        "kind": kind,
        "severity": severity,
        "accused": [str(one) for one in people],
    }
    work.audit("complaints.file", "Complaint", complaint_id, after=after)
    work.emit(events.COMPLAINT_RECEIVED, "Complaint", complaint_id, record=record, area=area, kind=kind)
    return complaint_id


async def acknowledge_complaint(work: Work, complaint_id: UUID, *, expected_version: int | None = None) -> None:
    """Note that the customer got a first answer 首次响应; its time is evidence, so not by whom the complaint concerns.

    Raises:
        NotFound, StaleVersion, WrongState; Refused: OWN_WORK.
    """
    work.require("complaints:complaint:acknowledge")
    complaint = await locked(work, Complaint, complaint_id, expected_version)
    check_acknowledge(_standing(complaint))
    await _not_about_oneself(work, complaint)
    complaint.acknowledged_at = work.now
    touch(work, complaint)
    work.audit("complaints.acknowledge", "Complaint", complaint.id, after={"at": work.now.isoformat()})
    work.emit(events.COMPLAINT_ACKNOWLEDGED, "Complaint", complaint.id)


async def rule_validity(
    work: Work, complaint_id: UUID, *, verdict: str, reason: str, expected_version: int | None = None
) -> None:
    """Rule whether a complaint is justified: VALID, PARTLY or INVALID 有效性判定. A person's decision, never the system's.

    Raises:
        NotFound, StaleVersion, WrongState; Refused: OWN_WORK, REASON_NEEDED; Forbidden: the system.
    """
    work.require("complaints:validity:rule")
    if work.actor.system:
        raise Forbidden("a person rules on complaints, never the system")
    complaint = await locked(work, Complaint, complaint_id, expected_version)
    check_verdict(_standing(complaint), verdict)
    await _not_about_oneself(work, complaint)
    why = reason_of(reason)
    complaint.validity, complaint.validity_decided_at = verdict, work.now
    complaint.validity_decided_by = work.actor.key
    touch(work, complaint)
    work.audit(
        "complaints.rule_validity",
        "Complaint",
        complaint.id,
        reason=why,
        before={"validity": "UNDECIDED"},
        after={"validity": verdict},
    )
    work.emit(events.COMPLAINT_VALIDITY_DECIDED, "Complaint", complaint.id, validity=verdict)


async def close_complaint(
    work: Work, complaint_id: UUID, *, remedy: str, customer_confirmed: bool, expected_version: int | None = None
) -> None:
    """Close a complaint: the customer confirmed the solution 客户确认, or whoever may sign closes without.

    Raises:
        NotFound, StaleVersion, WrongState; Refused: NOT_CONFIRMED, OWN_WORK, EMPTY_TEXT (no remedy is told).
    """
    work.require("complaints:complaint:close")
    complaint = await locked(work, Complaint, complaint_id, expected_version)
    signs = work.actor.can("complaints:complaint:sign", work.store.id)
    check_close(_standing(complaint), confirmed=customer_confirmed, signed=signs)
    await _not_about_oneself(work, complaint)
    how = wording(remedy, path="remedy", most=500, empty="EMPTY_TEXT")
    if customer_confirmed and complaint.confirmed_at is None:
        complaint.confirmed_at = work.now
    complaint.status = "CLOSED"
    touch(work, complaint)
    after = {"status": "CLOSED", "confirmed": complaint.confirmed_at is not None}
    work.audit("complaints.close", "Complaint", complaint.id, reason=how, before={"status": "OPEN"}, after=after)
    work.emit(events.COMPLAINT_CLOSED, "Complaint", complaint.id)


def _standing(complaint: Complaint) -> Standing:
    return Standing(
        record=complaint.record,
        status=complaint.status,
        validity=complaint.validity,
        acknowledged=complaint.acknowledged_at is not None,
        confirmed=complaint.confirmed_at is not None,
    )


async def _customer_of(
    work: Work, customer_id: UUID | None, order_id: UUID | None, repair_order_id: UUID | None
) -> UUID | None:
    """The customer of what the complaint is about; all that is named must be of one customer."""
    owners = {customer_id} if customer_id is not None else set()
    for entity, row_id in ((SALES_ORDER, order_id), (REPAIR_ORDER, repair_order_id)):
        if row_id is not None:
            table = entity.table
            owner = await work.session.scalar(select(table.c.customer_id).where(table.c.id == row_id))
            owners |= {owner} if owner is not None else set()
    if len(owners) > 1:
        raise Invalid("the order belongs to another customer", path=("customerId",))
    return next(iter(owners), None)


async def _not_about_oneself(work: Work, complaint: Complaint) -> None:
    """Neither the accused nor those who led them when the complaint came: a joint deduction would be theirs."""
    mine = work.actor.employees_at(work.store.id)
    accused = select(ComplaintAccused.employee_id).where(ComplaintAccused.complaint_id == complaint.id)
    people = set(await work.session.scalars(accused))
    day = complaint.received_at.astimezone(ZoneInfo(work.store.time_zone)).date()
    leaders = select(Position.supervisor_id).where(
        Position.employee_id.in_(sorted(people)),
        Position.valid_from <= day,
        or_(Position.valid_to.is_(None), Position.valid_to > day),
    )
    people |= {leader for leader in await work.session.scalars(leaders) if leader is not None}
    if people & mine:
        raise Refused("OWN_WORK", "somebody whom the complaint does not concern has to do this")

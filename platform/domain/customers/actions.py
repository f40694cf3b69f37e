"""Customers' contact data and consents: revealed, changed, recorded; every one audited (PIPL 13-17 and 51)."""

from datetime import UTC, datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update

from ...errors import Invalid, NotFound, Refused
from ...tenancy.crypto import mask
from ...tenancy.ids import new_id
from ...tenancy.reader.entity import table
from .. import events
from ..configuration import resolved_settings
from ..feed import AuditEvent
from ..rows import local_day, locked, require_version, touch
from ..wording import reason as reason_of
from ..wording import wording
from ..work import Work
from .model import ConsentEvent, ContactPoint, Customer
from .rules import KEYS, check_consent, contact_value, flag_of, is_unusual, usual_reveals

REVEAL = "customers.reveal_contact"
REVEAL_WARNING = "customers.reveal_warning"


async def reveal_contact(work: Work, contact_id: UUID, *, reason: str) -> str:
    """The full phone number or address. Never without an audit row that says why.

    The first reveal of a person beyond the usual number (a setting) on a local day at the store is audited as a warning,
    which the general manager and the group's DPO read.

    Raises:
        NotFound: no such contact point. Refused: REASON_NEEDED.
    """
    work.require("customers:contact:reveal")
    point = await work.session.get(ContactPoint, contact_id)
    if point is None:
        raise NotFound("no such contact point")
    why = reason_of(reason)
    value = work.cipher.decrypt(point.kind, point.value_enc, point.key_version)
    today = await _reveals_today(work) + 1
    after = {"kind": point.kind, "value": point.value_masked, "reveals_today": today}
    work.audit(REVEAL, "ContactPoint", point.id, reason=why, after=after)
    usual = usual_reveals(await resolved_settings(work.session, work.store.id, local_day(work), KEYS))
    if is_unusual(today, usual):
        work.audit(REVEAL_WARNING, "ContactPoint", point.id, after={"usual": usual, "today": today})
    return value


async def change_contact(
    work: Work,
    customer_id: UUID,
    *,
    kind: str,
    value: str,
    replaces_id: UUID | None = None,
    primary: bool = True,
    reason: str | None = None,
    expected_version: int | None = None,
) -> UUID:
    """Add a contact point to a customer, or replace one. Returns its id.

    After a delivery the change needs a reason: it decides who is asked about the work of whom. Whoever delivered to this
    customer may not make it (domain section 2, rule a).

    Args:
        expected_version: of the contact point that is replaced, else of the customer.

    Raises:
        NotFound: no such customer, or the replaced point is not theirs.
        Refused: REASON_NEEDED, OWN_WORK, CONTACT_EXISTS. Invalid, StaleVersion.
    """
    work.require("customers:contact:write")
    kept = contact_value(kind, value)
    customer = await locked(work, Customer, customer_id, None if replaces_id else expected_version)
    before = await _replaced(work, customer, kind, replaces_id, expected_version)
    await _not_one_who_served(work, customer.id)
    needed = reason is not None or await _delivered(work, customer.id)
    why = reason_of(reason or "") if needed else None
    hashed = work.cipher.match_hash(kind, kept)
    same = select(ContactPoint.id).where(
        ContactPoint.customer_id == customer.id, ContactPoint.kind == kind, ContactPoint.value_hash == hashed
    )
    if (await work.session.scalars(same)).first() is not None:
        raise Refused("CONTACT_EXISTS", "the customer has this contact already", path=("value",))
    masked_before = before.value_masked if before else None
    point = before or ContactPoint(id=new_id(), customer_id=customer.id, kind=kind, created_by=work.actor.key)
    if before is None:
        work.session.add(point)
        point.updated_by = work.actor.key
    else:
        touch(work, point)
    point.value_enc, point.value_hash = work.cipher.encrypt(kind, kept), hashed
    point.value_masked, point.key_version = mask(kind, kept), work.cipher.key_version
    point.is_primary, point.source = primary, "STAFF"
    await work.session.flush()
    if primary:
        await work.session.execute(
            update(ContactPoint)
            .where(
                ContactPoint.customer_id == customer.id,
                ContactPoint.kind == kind,
                ContactPoint.id != point.id,
                ContactPoint.is_primary,
            )
            .values(
                is_primary=False,
                version=ContactPoint.version + 1,
                updated_at=work.now,
                updated_by=work.actor.key,
            )
        )
    touch(work, customer)
    work.audit(
        "customers.change_contact",
        "ContactPoint",
        point.id,
        reason=why,
        before=None if masked_before is None else {"kind": kind, "value": masked_before},
        after={"kind": kind, "value": point.value_masked, "primary": primary},
    )
    work.emit(events.CONTACT_POINT_CHANGED, "ContactPoint", point.id, kind=kind, customer=str(customer.id))
    return point.id


async def record_consent(
    work: Work,
    customer_id: UUID,
    *,
    purpose: str,
    decision: str,
    text_version: str,
    channel: str,
    evidence: str,
    expected_version: int | None = None,
) -> None:
    """Record that a customer gave or withdrew a consent, with its evidence, and set the customer's flag.

    Whoever served the customer may not: staff cannot take their own customers out of surveys.

    Raises:
        NotFound, StaleVersion; Refused: OWN_WORK, EMPTY_TEXT; Invalid: a word that is not known.
    """
    work.require("customers:consent:record")
    check_consent(purpose, decision, channel)
    version = wording(text_version, path="textVersion", most=100, empty="EMPTY_TEXT")
    proof = wording(evidence, path="evidence", most=500, empty="EMPTY_TEXT")
    customer = await locked(work, Customer, customer_id, expected_version)
    await _not_one_who_served(work, customer.id)
    work.session.add(
        ConsentEvent(
            id=new_id(),
            customer_id=customer.id,
            purpose=purpose,
            decision=decision,
            text_version=version,
            channel=channel,
            evidence=proof,
            at=work.now,
        )
    )
    flag, value = flag_of(purpose, decision)
    before = getattr(customer, flag)
    setattr(customer, flag, value)
    touch(work, customer)
    work.audit(
        "customers.record_consent",
        "Customer",
        customer.id,
        before={flag: before},
        after={flag: value, "purpose": purpose, "decision": decision, "text_version": version, "channel": channel},
    )
    work.emit(events.CONSENT_RECORDED, "Customer", customer.id, purpose=purpose, decision=decision)


async def _reveals_today(work: Work) -> int:
    """Reveals of the actor since the local midnight; of two at once, each waits to count the other."""
    key = f"reveal/{work.store.id}/{work.actor.key}"
    await work.session.execute(select(func.pg_advisory_xact_lock(func.hashtext(key))))
    midnight = datetime.combine(local_day(work), time(), ZoneInfo(work.store.time_zone)).astimezone(UTC)
    query = (
        select(func.count())
        .select_from(AuditEvent)
        .where(AuditEvent.actor == work.actor.key, AuditEvent.action == REVEAL, AuditEvent.at >= midnight)
    )
    return await work.session.scalar(query) or 0


async def _replaced(
    work: Work, customer: Customer, kind: str, contact_id: UUID | None, expected_version: int | None
) -> ContactPoint | None:
    if contact_id is None:
        return None
    point = await locked(work, ContactPoint, contact_id)
    if point.customer_id != customer.id:
        raise NotFound("no such contact point")
    require_version(point, expected_version)
    if point.kind != kind:
        raise Invalid("a contact is replaced by one of its kind", path=("kind",))
    return point


async def _delivered(work: Work, customer_id: UUID) -> bool:
    order = table("sales_order")
    query = select(order.c.id).where(
        order.c.customer_id == customer_id, order.c.delivered_at.is_not(None), order.c.cancelled_at.is_(None)
    )
    return (await work.session.execute(query.limit(1))).first() is not None


async def _not_one_who_served(work: Work, customer_id: UUID) -> None:
    """Nobody touches how their own customers are reached (domain section 2, rule a)."""
    mine = sorted(work.actor.employees_at(work.store.id))
    for name, person in (("sales_order", "consultant_id"), ("repair_order", "advisor_id")):
        order = table(name)
        query = select(order.c.id).where(order.c.customer_id == customer_id, order.c[person].in_(mine)).limit(1)
        if mine and (await work.session.execute(query)).first() is not None:
            raise Refused("OWN_WORK", "somebody who did not serve this customer has to do this")

"""Contact data revealed and changed, consents recorded: by whom, with what left in the audit."""

from typing import Any
from uuid import UUID

import pytest

from forecourt.auth.actor import Actor
from forecourt.domain.customers import actions
from forecourt.domain.customers.model import ConsentEvent, ContactPoint, Customer
from forecourt.domain.customers.rules import USUAL_REVEALS
from forecourt.domain.feed import AuditEvent, ChangeEvent
from forecourt.errors import Forbidden, Invalid, NotFound, Refused, StaleVersion
from forecourt.tenancy.ids import new_id
from tests.domain.desk import Desk

pytestmark = pytest.mark.anyio

PHONE = "13800138000"


async def point_of(desk: Desk, customer: UUID, **equal: Any) -> ContactPoint:
    [found] = await desk.all(ContactPoint, customer_id=customer, **equal)
    return found


async def reveal(desk: Desk, contact: UUID, actor: Actor | None = None, reason: str = "回访") -> str:
    async with desk.work(actor or desk.person("CS_AGENT", "agent")) as work:
        return await actions.reveal_contact(work, contact, reason=reason)


async def change(desk: Desk, customer: UUID, actor: Actor | None = None, **changed: Any) -> UUID:
    async with desk.work(actor or desk.person("CS_AGENT", "agent")) as work:
        return await actions.change_contact(work, customer, **{"kind": "PHONE", "value": PHONE} | changed)


async def consent(desk: Desk, customer: UUID, actor: Actor | None = None, **changed: Any) -> None:
    given = {
        "purpose": "SURVEY",
        "decision": "WITHDRAWN",
        "text_version": "v3",
        "channel": "PHONE",
        "evidence": "通话录音 88",
    }
    async with desk.work(actor or desk.person("CS_AGENT", "agent")) as work:
        await actions.record_consent(work, customer, **given | changed)


async def test_every_reveal_is_audited_with_its_reason(desk: Desk) -> None:
    point = await point_of(desk, await desk.customer(phone=PHONE))
    assert await reveal(desk, point.id) == PHONE
    [row] = await desk.all(AuditEvent, action="customers.reveal_contact")
    assert (row.actor, row.entity_id, row.reason) == ("account:agent", point.id, "回访")
    assert row.after == {"kind": "PHONE", "value": "138****8000", "reveals_today": 1}
    with pytest.raises(Refused) as refused:
        await reveal(desk, point.id, reason=" ")
    assert refused.value.code == "REASON_NEEDED"
    for role in ("SALES_CONSULTANT", "SALES_MANAGER", "SERVICE_ADVISOR"):
        with pytest.raises(Forbidden):
            await reveal(desk, point.id, desk.person(role, "consultant"))
    with pytest.raises(NotFound):
        await reveal(desk, new_id())
    assert len(await desk.all(AuditEvent, action="customers.reveal_contact")) == 1


async def test_the_first_reveal_beyond_the_usual_number_of_a_day_is_a_warning(desk: Desk) -> None:
    point = await point_of(desk, await desk.customer())
    for _ in range(USUAL_REVEALS):
        await reveal(desk, point.id)
    await reveal(desk, point.id, desk.person("CS_AGENT", "second"))  # counts for themselves
    assert await desk.all(AuditEvent, action="customers.reveal_warning") == []
    for _ in range(2):
        await reveal(desk, point.id)
    [warning] = await desk.all(AuditEvent, action="customers.reveal_warning")
    assert (warning.actor, warning.after) == ("account:agent", {"usual": USUAL_REVEALS, "today": USUAL_REVEALS + 1})
    desk.pass_time(days=1)
    await reveal(desk, point.id)
    newest = (await desk.all(AuditEvent, action="customers.reveal_contact"))[-1]
    assert newest.after is not None
    assert newest.after["reveals_today"] == 1


async def test_a_contact_is_added_and_replaced_encrypted(desk: Desk) -> None:
    customer = await desk.customer(phone="13900000009")
    first = await point_of(desk, customer)
    added = await change(desk, customer, expected_version=1)
    point = await desk.get(ContactPoint, added)
    assert (point.value_masked, point.is_primary, point.source) == ("138****8000", True, "STAFF")
    assert PHONE.encode() not in point.value_enc
    assert await reveal(desk, added) == PHONE
    assert not (await desk.get(ContactPoint, first.id)).is_primary
    assert await change(desk, customer, value="13700000001", replaces_id=added, expected_version=1) == added
    assert await reveal(desk, added) == "13700000001"
    rows = await desk.all(AuditEvent, action="customers.change_contact")
    assert [(row.before, (row.after or {})["value"]) for row in rows] == [
        (None, "138****8000"),
        ({"kind": "PHONE", "value": "138****8000"}, "137****0001"),
    ]
    assert {row.event for row in await desk.all(ChangeEvent, entity_id=added)} == {"ContactPointChanged"}
    assert PHONE not in repr([row.data for row in await desk.all(ChangeEvent)])


async def test_after_a_delivery_a_change_needs_a_reason_and_another_person(desk: Desk) -> None:
    customer = await desk.customer()
    await desk.order(customer)
    with pytest.raises(Refused) as refused:
        await change(desk, customer)
    assert refused.value.code == "REASON_NEEDED"
    with pytest.raises(Refused) as refused:
        await change(desk, customer, desk.person("CS_AGENT", "consultant"), reason="换号")
    assert refused.value.code == "OWN_WORK"
    with pytest.raises(Forbidden):
        await change(desk, customer, desk.person("SALES_CONSULTANT", "consultant"), reason="换号")
    await change(desk, customer, reason="客户换号")
    [row] = await desk.all(AuditEvent, action="customers.change_contact")
    assert row.reason == "客户换号"


async def test_contact_changes_that_are_refused(desk: Desk) -> None:
    customer, other = await desk.customer(phone=PHONE), await desk.customer()
    theirs = await point_of(desk, other)
    mine = await point_of(desk, customer)
    with pytest.raises(Refused) as refused:
        await change(desk, customer, value="138-0013-8000")  # the same number in another form
    assert refused.value.code == "CONTACT_EXISTS"
    with pytest.raises(NotFound):
        await change(desk, customer, value="13700000001", replaces_id=theirs.id)
    with pytest.raises(NotFound):
        await change(desk, new_id())
    with pytest.raises(Invalid):
        await change(desk, customer, kind="EMAIL", value="a@example.cn", replaces_id=mine.id)
    named: list[dict[str, Any]] = [{"replaces_id": mine.id}, {}]
    for stale in named:
        with pytest.raises(StaleVersion):
            await change(desk, customer, value="13700000001", expected_version=9, **stale)
    assert await desk.all(AuditEvent, action="customers.change_contact") == []


async def test_a_consent_is_kept_with_its_evidence_and_sets_the_flag(desk: Desk) -> None:
    customer = await desk.customer()
    await consent(desk, customer, expected_version=1)
    await consent(desk, customer, purpose="CONTACT")
    await consent(desk, customer, purpose="MARKETING", decision="GIVEN")
    row = await desk.get(Customer, customer)
    assert (row.consent_survey, row.do_not_contact, row.consent_marketing, row.version) == (False, True, True, 4)
    [first, *_] = await desk.all(ConsentEvent, customer_id=customer)
    assert (first.purpose, first.decision, first.text_version, first.evidence) == (
        "SURVEY",
        "WITHDRAWN",
        "v3",
        "通话录音 88",
    )
    audits = await desk.all(AuditEvent, action="customers.record_consent")
    assert [row.before for row in audits] == [
        {"consent_survey": True},
        {"do_not_contact": None},
        {"consent_marketing": None},
    ]
    assert len(await desk.all(ChangeEvent, event="ConsentRecorded")) == 3


async def test_nobody_takes_their_own_customer_out_of_surveys(desk: Desk) -> None:
    customer = await desk.customer()
    await desk.order(customer)
    with pytest.raises(Forbidden):
        await consent(desk, customer, desk.person("SALES_CONSULTANT", "consultant"))
    with pytest.raises(Refused) as refused:
        await consent(desk, customer, desk.person("STORE_GM", "consultant"))
    assert refused.value.code == "OWN_WORK"
    with pytest.raises(StaleVersion):
        await consent(desk, customer, expected_version=9)
    with pytest.raises(Refused):
        await consent(desk, customer, evidence="")
    with pytest.raises(NotFound):
        await consent(desk, new_id())
    assert (await desk.get(Customer, customer)).consent_survey is True

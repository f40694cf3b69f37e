"""Complaints in a store: who may do what, in which state, with what audit and events."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from forecourt.auth.actor import Actor
from forecourt.domain.complaints import actions
from forecourt.domain.complaints.model import Complaint, ComplaintAccused
from forecourt.domain.evaluation.model import LedgerEntry
from forecourt.domain.feed import AuditEvent, ChangeEvent
from forecourt.errors import Forbidden, Invalid, NotFound, Refused, StaleVersion, WrongState
from forecourt.tenancy.ids import new_id
from tests.domain.desk import START, Desk

pytestmark = pytest.mark.anyio


async def file(desk: Desk, actor: Actor | None = None, **changed: Any) -> UUID:
    given: dict[str, Any] = {
        "record": "COMPLAINT",
        "area": "SALES",
        "kind": "SERVICE",
        "received_at": START,
        "text": "没有回电话",
        "accused": [desk.people["consultant"]],
    }
    async with desk.work(actor or desk.person("CS_AGENT", "agent")) as work:
        return await actions.file_complaint(work, **given | changed)


async def acknowledge(desk: Desk, complaint: UUID, **more: Any) -> None:
    async with desk.work(desk.person("CS_AGENT", "agent")) as work:
        await actions.acknowledge_complaint(work, complaint, **more)


async def rule(desk: Desk, complaint: UUID, actor: Actor | None = None, **changed: Any) -> None:
    async with desk.work(actor or desk.person("CS_MANAGER", "cs_manager")) as work:
        await actions.rule_validity(work, complaint, **{"verdict": "VALID", "reason": "录音为证"} | changed)


async def close(desk: Desk, complaint: UUID, actor: Actor | None = None, **changed: Any) -> None:
    async with desk.work(actor or desk.person("CS_AGENT", "agent")) as work:
        given: dict[str, Any] = {"remedy": "已道歉", "customer_confirmed": True}
        await actions.close_complaint(work, complaint, **given | changed)


async def trail(desk: Desk, complaint: UUID) -> tuple[list[str], list[str]]:
    """Actions audited and events announced about a complaint, in order."""
    audits = await desk.all(AuditEvent, entity_id=complaint)
    feed = await desk.all(ChangeEvent, entity_id=complaint)
    return [row.action for row in audits], [row.event for row in feed]


async def test_from_filing_to_the_close(desk: Desk) -> None:
    customer = await desk.customer()
    order = await desk.order(customer)
    complaint = await file(desk, order_id=order)
    await acknowledge(desk, complaint, expected_version=1)
    await rule(desk, complaint, expected_version=2)
    desk.pass_time(days=1)
    await close(desk, complaint, expected_version=3)
    row = await desk.get(Complaint, complaint)
    assert (row.customer_id, row.status, row.validity, row.version) == (customer, "CLOSED", "VALID", 4)
    assert (row.validity_decided_by, row.validity_decided_at) == ("account:cs_manager", START)
    assert row.confirmed_at == START + timedelta(days=1)
    [accused] = await desk.all(ComplaintAccused, complaint_id=complaint)
    assert accused.employee_id == desk.people["consultant"]
    assert await trail(desk, complaint) == (
        ["complaints.file", "complaints.acknowledge", "complaints.rule_validity", "complaints.close"],
        ["ComplaintReceived", "ComplaintAcknowledged", "ComplaintValidityDecided", "ComplaintClosed"],
    )
    [ruling] = await desk.all(AuditEvent, action="complaints.rule_validity")
    assert (ruling.reason, ruling.before, ruling.after) == (
        "录音为证",
        {"validity": "UNDECIDED"},
        {"validity": "VALID"},
    )
    assert not any("没有回电话" in repr(row.after) for row in await desk.all(AuditEvent))
    assert await desk.all(LedgerEntry) == []  # the month's evaluation derives what it costs
    assert [job.actor for job in desk.jobs if job.actor == "surveys.plan_incident_survey"] != []


@pytest.mark.parametrize("who", ["consultant", "supervisor"])
async def test_neither_the_accused_nor_their_leader_rules_or_closes(desk: Desk, who: str) -> None:
    complaint = await file(desk)
    await acknowledge(desk, complaint)
    for step, role in ((rule, "CS_MANAGER"), (close, "STORE_GM")):
        with pytest.raises(Refused) as refused:
            await step(desk, complaint, desk.person(role, who))
        assert refused.value.code == "OWN_WORK"
    assert (await desk.get(Complaint, complaint)).version == 2


async def test_only_a_person_with_the_right_rules(desk: Desk) -> None:
    complaint = await file(desk)
    for actor in (desk.person("CS_AGENT", "agent"), desk.person("STORE_GM"), desk.system):
        with pytest.raises(Forbidden):
            await rule(desk, complaint, actor)
    with pytest.raises(Refused) as refused:
        await rule(desk, complaint, reason="  ")
    assert refused.value.code == "REASON_NEEDED"


async def test_steps_in_the_wrong_order_and_by_a_stale_reader(desk: Desk) -> None:
    complaint = await file(desk)
    with pytest.raises(WrongState):
        await close(desk, complaint)
    for step in (acknowledge, rule, close):
        with pytest.raises(StaleVersion):
            await step(desk, complaint, expected_version=7)
        with pytest.raises(NotFound):
            await step(desk, new_id())
    await acknowledge(desk, complaint)
    with pytest.raises(WrongState):
        await acknowledge(desk, complaint)
    await rule(desk, complaint, verdict="INVALID")
    with pytest.raises(WrongState):
        await rule(desk, complaint)
    with pytest.raises(Refused) as refused:
        await close(desk, complaint, customer_confirmed=False)
    assert refused.value.code == "NOT_CONFIRMED"
    await close(desk, complaint, desk.person("CS_MANAGER", "cs_manager"), customer_confirmed=False)
    assert (await desk.get(Complaint, complaint)).confirmed_at is None
    assert (await trail(desk, complaint))[0] == [
        "complaints.file",
        "complaints.acknowledge",
        "complaints.rule_validity",
        "complaints.close",
    ]  # what was refused left nothing


async def test_what_is_filed_must_exist_for_whoever_files(desk: Desk) -> None:
    order = await desk.order(await desk.customer())
    other = await desk.customer()
    second = desk.person("SALES_CONSULTANT", "second")
    for named in ({"order_id": order}, {"order_id": new_id()}, {"customer_id": other}, {"accused": [new_id()]}):
        with pytest.raises(NotFound):
            await file(desk, second, **named)
    await file(desk, desk.person("SALES_CONSULTANT", "consultant"), order_id=order)
    with pytest.raises(Invalid):
        await file(desk, order_id=order, customer_id=other)
    with pytest.raises(Invalid):
        await file(desk, received_at=START + timedelta(minutes=1))
    with pytest.raises(Invalid):
        await file(desk, text="坏\0字")
    with pytest.raises(Refused):
        await file(desk, text=" ")

"""Planning from events: once per transaction, by the fatigue rules, and nothing is forgotten."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from forecourt.domain.complaints.model import Complaint
from forecourt.domain.feed import AuditEvent, ChangeEvent
from forecourt.domain.sales.model import SalesOrder
from forecourt.domain.surveys import actions
from forecourt.domain.surveys.model import Invitation
from forecourt.errors import Forbidden, NotFound
from forecourt.tenancy.ids import new_id
from tests.domain.desk import START, Desk

pytestmark = pytest.mark.anyio


async def test_a_delivery_plans_one_invitation_however_often_it_is_told(desk: Desk) -> None:
    order = await desk.order(await desk.customer())
    async with desk.work() as work:
        first = await actions.plan_purchase_survey(work, order)
    async with desk.work() as work:
        assert await actions.plan_purchase_survey(work, order) is None
    row = await desk.invitation(first)
    assert (row.state, row.template, row.origin, row.token_hash) == ("SCHEDULED", "T1", "LIVE", None)
    assert row.planned_for is not None
    assert datetime(2026, 10, 7, tzinfo=UTC) < row.planned_for < datetime(2026, 10, 15, tzinfo=UTC)
    assert [event.event for event in await desk.all(ChangeEvent)] == ["InvitationPlanned"]


async def test_two_tellings_at_the_same_moment_plan_once(desk: Desk) -> None:
    order = await desk.order(await desk.customer())

    async def tell() -> object:
        async with desk.work() as work:
            return await actions.plan_purchase_survey(work, order)

    found = await asyncio.gather(*(tell() for _ in range(4)))
    assert len([item for item in found if item is not None]) == 1
    assert len(await desk.all(Invitation)) == 1


async def test_what_did_not_happen_is_not_asked_about(desk: Desk) -> None:
    customer = await desk.customer()
    undelivered = await desk.order(customer, delivered_at=None)
    internal = await desk.visit(customer, type_="INTERNAL")
    async with desk.work() as work:
        assert await actions.plan_purchase_survey(work, undelivered) is None
        assert await actions.plan_service_survey(work, internal) is None
    async with desk.work() as work:
        (await work.session.get_one(SalesOrder, undelivered)).delivered_at = START
        (await work.session.get_one(SalesOrder, undelivered)).cancelled_at = START
    async with desk.work() as work:
        assert await actions.plan_purchase_survey(work, undelivered) is None
        with pytest.raises(NotFound):
            await actions.plan_purchase_survey(work, new_id())


async def test_a_visit_before_a_planned_purchase_survey_gives_way(desk: Desk) -> None:
    customer = await desk.customer()
    order = await desk.order(customer)
    async with desk.work() as work:
        purchase = await actions.plan_purchase_survey(work, order)
    visit = await desk.visit(customer, handed_over_at=START + timedelta(days=20))
    desk.pass_time(days=20)
    async with desk.work() as work:
        service = await actions.plan_service_survey(work, visit)
    assert (await desk.invitation(purchase)).state == "SCHEDULED"
    loser = await desk.invitation(service)
    assert (loser.state, loser.suppressed_reason) == ("SUPPRESSED", "FATIGUE_GAP")
    reasons = [row.reason for row in await desk.all(AuditEvent, action="surveys.suppress")]
    assert reasons == ["FATIGUE_GAP"]


async def test_a_shared_number_is_one_contact(desk: Desk) -> None:
    visits = [await desk.visit(await desk.customer(phone="13912345678")) for _ in range(3)]

    async def tell(visit: object) -> None:
        async with desk.work() as work:
            await actions.plan_service_survey(work, visit)  # type: ignore[arg-type]

    await asyncio.gather(*(tell(visit) for visit in visits))
    states = sorted(row.state for row in await desk.all(Invitation))
    assert states == ["SCHEDULED", "SUPPRESSED", "SUPPRESSED"]


async def test_a_closed_complaint_is_asked_about_whatever_was_asked_before(desk: Desk) -> None:
    customer = await desk.customer()
    order = await desk.order(customer)
    complaints = [
        await desk.add(
            Complaint(
                id=new_id(),
                complaint_no=f"K{number}",
                record="COMPLAINT",
                area="SALES",
                kind="SERVICE",
                customer_id=customer,
                order_id=order,
                received_at=START,
                validity="VALID",
                status="CLOSED",
                confirmed_at=START,
            )
        )
        for number in range(2)
    ]
    planned = []
    for complaint in complaints:
        async with desk.work() as work:
            planned.append(await actions.plan_incident_survey(work, complaint.id))
    async with desk.work() as work:
        assert await actions.plan_incident_survey(work, complaints[0].id) is None
    for one in planned:
        row = await desk.invitation(one)
        assert (row.state, row.planned_for) == ("SCHEDULED", START + timedelta(days=1))


async def test_nobody_plans_or_sends_by_hand(desk: Desk) -> None:
    order = await desk.order(await desk.customer())
    async with desk.work(desk.person("STORE_GM")) as work:
        with pytest.raises(Forbidden):
            await actions.plan_purchase_survey(work, order)
        with pytest.raises(Forbidden):
            await actions.send_due(work)

"""Follow-up in the store: tasks from events, closed by calls, judged by nobody's own hand."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from forecourt.domain.care import actions
from forecourt.domain.care.model import Call, FollowUpTask
from forecourt.domain.feed import ChangeEvent
from forecourt.domain.surveys import actions as surveys
from forecourt.domain.surveys.model import Response
from forecourt.domain.surveys.reads import answer_facts
from forecourt.errors import Forbidden, Invalid, NotFound, Refused, WrongState
from tests.domain.desk import START, Desk
from tests.domain.surveys.test_answering import FORM

pytestmark = pytest.mark.anyio


async def delivered(desk: Desk) -> UUID:
    """A delivery with its tasks."""
    order = await desk.order(await desk.customer())
    async with desk.work() as work:
        await actions.plan_delivery_call(work, order)
    return order


async def calls(desk: Desk, role: str, key: str, **call: Any) -> UUID:
    """A call now, matched to its tasks as the job does it (twice, as a job may)."""
    async with desk.work(desk.person(role, key)) as work:
        given: dict[str, Any] = {"started_at": desk.clock.at, "connected": True} | call
        call_id = await actions.log_call(work, **given)
    for _ in range(2):
        async with desk.work() as work:
            await actions.match_call(work, call_id)
    return call_id


async def task(desk: Desk, kind: str) -> FollowUpTask:
    [found] = await desk.all(FollowUpTask, kind=kind)
    return found


async def answered(desk: Desk, overall: str, care_call: str = "no") -> Response:
    """A telephone answer to a purchase survey, and what follows from it."""
    order = await delivered(desk)
    async with desk.work() as work:
        invitation = await surveys.plan_purchase_survey(work, order)
    assert invitation is not None
    form = FORM | {"overall": [overall], "care_call_72h": [care_call]}
    async with desk.work(desk.person("CS_AGENT", "agent")) as work:
        response = await surveys.record_interview(work, invitation, form)
    for _ in range(2):
        async with desk.work() as work:
            await actions.plan_recovery(work, await answer_facts(work.session, response))
    return await desk.get(Response, response)


async def test_a_delivery_makes_two_tasks_once(desk: Desk) -> None:
    order = await delivered(desk)

    async def again() -> None:
        async with desk.work() as work:
            await actions.plan_delivery_call(work, order)

    await asyncio.gather(again(), again())
    call = await task(desk, "DELIVERY_CALL")
    assert (call.assignee_id, call.state, call.due_at) == (
        desk.people["consultant"],
        "OPEN",
        START + timedelta(hours=24),
    )
    assert (await task(desk, "CARE_CALL_72H")).due_at == START + timedelta(hours=72)


async def test_a_delivery_call_closes_both_with_itself_as_evidence(desk: Desk) -> None:
    order = await delivered(desk)
    desk.pass_time(hours=24)
    call = await calls(desk, "SALES_CONSULTANT", "consultant", kind="DELIVERY_CALL", order_id=order, result="OK")
    done = await task(desk, "DELIVERY_CALL")
    assert (done.state, done.evidence_call_id, done.attempts) == ("DONE_ON_TIME", call, 1)
    assert (await task(desk, "CARE_CALL_72H")).outcome == "CLAIMED"
    closed = await desk.all(ChangeEvent, event="CareTaskClosed")
    assert len(closed) == 2


async def test_the_clock_marks_what_is_overdue_and_a_late_call_is_late(desk: Desk) -> None:
    order = await delivered(desk)
    desk.pass_time(hours=24, seconds=1)
    async with desk.work() as work:
        assert await actions.tick(work) == 1
        assert await actions.tick(work) == 0
    assert (await task(desk, "DELIVERY_CALL")).state == "OVERDUE"
    await calls(desk, "SALES_CONSULTANT", "consultant", kind="DELIVERY_CALL", order_id=order)
    assert (await task(desk, "DELIVERY_CALL")).state == "DONE_LATE"


async def test_nobody_answers_three_times_on_two_days(desk: Desk) -> None:
    order = await delivered(desk)
    for hours in (1, 1, 24):
        desk.pass_time(hours=hours)
        assert (await task(desk, "DELIVERY_CALL")).state == "OPEN"
        await calls(
            desk,
            "SALES_CONSULTANT",
            "consultant",
            kind="DELIVERY_CALL",
            order_id=order,
            connected=False,
            result="NO_ANSWER",
        )
    done = await task(desk, "DELIVERY_CALL")
    assert (done.state, done.attempts) == ("UNREACHABLE", 3)


async def test_a_visit_is_followed_up_by_customer_service(desk: Desk) -> None:
    visit = await desk.visit(await desk.customer())
    async with desk.work() as work:
        await actions.plan_service_follow_up(work, visit)
    assert (await task(desk, "SERVICE_FOLLOWUP")).assignee_role == "CS_AGENT"
    await calls(desk, "CS_AGENT", "agent", kind="SERVICE_FOLLOWUP", repair_order_id=visit)
    assert (await task(desk, "SERVICE_FOLLOWUP")).state == "DONE_ON_TIME"


async def test_a_dissatisfied_answer_is_the_supervisors_for_two_days(desk: Desk) -> None:
    response = await answered(desk, "2")
    todo = await task(desk, "RECOVERY")
    assert (todo.assignee_id, todo.due_at) == (desk.people["supervisor"], response.submitted_at + timedelta(hours=48))
    async with desk.work(desk.person("SALES_CONSULTANT", "consultant")) as work:
        with pytest.raises(Refused) as error:
            await actions.log_call(
                work,
                kind="RECOVERY",
                invitation_id=response.invitation_id,
                started_at=desk.clock.at,
                connected=True,
            )
    assert error.value.code == "OWN_WORK"
    async with desk.work(desk.person("SALES_CONSULTANT", "second")) as work:
        with pytest.raises(NotFound):
            await actions.log_call(
                work,
                kind="RECOVERY",
                invitation_id=response.invitation_id,
                started_at=desk.clock.at,
                connected=True,
            )
    await calls(
        desk, "SALES_SUPERVISOR", "supervisor", kind="RECOVERY", invitation_id=response.invitation_id, result="SOLVED"
    )
    done = await task(desk, "RECOVERY")
    assert (done.state, done.outcome) == ("DONE_ON_TIME", "SOLVED")
    assert (await desk.get(Response, response.id)).q_overall == 2  # never overwritten


async def test_a_very_dissatisfied_answer_is_the_managers_with_a_visit(desk: Desk) -> None:
    response = await answered(desk, "1")
    visit = await task(desk, "HOME_VISIT")
    assert visit.assignee_id == desk.people["manager"]
    call = await calls(desk, "SALES_MANAGER", "manager", kind="RECOVERY", invitation_id=response.invitation_id)
    assert (await task(desk, "RECOVERY")).state == "DONE_ON_TIME"
    assert (await task(desk, "HOME_VISIT")).state == "OPEN"
    async with desk.work(desk.person("SALES_CONSULTANT", "consultant")) as work:
        with pytest.raises(Refused):
            await actions.close_task(work, visit.id, call_id=call, outcome="已上门")
    async with desk.work(desk.person("SALES_CONSULTANT", "second")) as work:
        with pytest.raises(NotFound):
            await actions.close_task(work, visit.id, call_id=call, outcome="已上门")
    other_call = await calls(desk, "SALES_MANAGER", "manager", kind="CARE_CALL", order_id=visit.order_id)
    async with desk.work(desk.person("SALES_MANAGER", "manager")) as work:
        with pytest.raises(Refused) as error:
            await actions.close_task(work, visit.id, call_id=other_call, outcome="已上门")
        assert error.value.code == "EVIDENCE"
        await actions.close_task(work, visit.id, call_id=call, outcome="已上门,客户接受致歉")
        with pytest.raises(WrongState):
            await actions.close_task(work, visit.id, call_id=call, outcome="again")
    assert (await task(desk, "HOME_VISIT")).state == "DONE_ON_TIME"


async def test_satisfied_customers_make_no_task_by_default(desk: Desk) -> None:
    await answered(desk, "4")
    assert await desk.all(FollowUpTask, kind="RECOVERY") == []


async def test_the_customer_denies_a_claimed_care_call(desk: Desk) -> None:
    order = await delivered(desk)
    await calls(desk, "SALES_CONSULTANT", "consultant", kind="CARE_CALL", order_id=order)
    assert (await task(desk, "CARE_CALL_72H")).outcome == "CLAIMED"
    async with desk.work() as work:
        invitation = await surveys.plan_purchase_survey(work, order)
    assert invitation is not None
    async with desk.work(desk.person("CS_AGENT", "agent")) as work:
        response = await surveys.record_interview(work, invitation, FORM)
    async with desk.work() as work:
        await actions.plan_recovery(work, await answer_facts(work.session, response))
    denied = await task(desk, "CARE_CALL_72H")
    assert (denied.state, denied.outcome) == ("OVERDUE", "DENIED_BY_CUSTOMER")


async def test_the_customer_confirms_a_call_nobody_logged(desk: Desk) -> None:
    await answered(desk, "5", care_call="yes")
    confirmed = await task(desk, "CARE_CALL_72H")
    assert (confirmed.state, confirmed.outcome) == ("DONE_ON_TIME", "CONFIRMED_BY_CUSTOMER")


async def test_calls_are_checked(desk: Desk) -> None:
    order = await delivered(desk)
    wrong: list[dict[str, Any]] = [
        {"kind": "DELIVERY_CALL"},
        {"kind": "CHAT", "order_id": order},
        {"kind": "DELIVERY_CALL", "order_id": order, "result": "NO_ANSWER"},
        {"kind": "DELIVERY_CALL", "order_id": order, "duration_s": -1},
        {"kind": "DELIVERY_CALL", "order_id": order, "started_at": START + timedelta(hours=1)},
    ]
    for call in wrong:
        async with desk.work(desk.person("CS_AGENT", "agent")) as work:
            with pytest.raises(Invalid):
                given: dict[str, Any] = {"started_at": START, "connected": True} | call
                await actions.log_call(work, **given)
    async with desk.work(desk.person("TECHNICIAN")) as work:
        with pytest.raises(Forbidden):
            await actions.log_call(work, kind="DELIVERY_CALL", order_id=order, started_at=START, connected=True)
    async with desk.work(desk.person("CS_AGENT")) as work:
        with pytest.raises(Refused):
            await actions.log_call(work, kind="DELIVERY_CALL", order_id=order, started_at=START, connected=True)
    assert await desk.all(Call) == []

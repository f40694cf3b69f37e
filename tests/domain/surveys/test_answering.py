"""Answering by link, at delivery and by telephone; opting out; partial answers."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from forecourt.domain.customers.model import ConsentEvent, Customer
from forecourt.domain.feed import ChangeEvent
from forecourt.domain.sales.model import SalesOrder
from forecourt.domain.surveys import actions, reads
from forecourt.domain.surveys.model import Answer, Draft, Invitation, Response
from forecourt.errors import Forbidden, Invalid, NotFound, Refused, WrongState
from forecourt.tenancy.session import ResolvedStore
from tests.conftest import World
from tests.domain.desk import START, Desk

pytestmark = pytest.mark.anyio

FORM = {
    "overall": ["2"],
    "pre_sales": ["4"],
    "process": ["na"],
    "consultant": ["5"],
    "charges": ["3"],
    "care_call_72h": ["no"],
    "serviced": ["no"],
    "recommend": ["3"],
    "comment": ["等得太久"],
    "influenced": ["no"],
}
T8 = {key: ["yes"] for key in ("exterior", "interior", "papers", "training", "service_explained")} | {"overall": ["5"]}


async def invited(desk: Desk) -> tuple[UUID, str]:
    """A purchase invitation that was sent, and its token."""
    order = await desk.order(await desk.customer())
    async with desk.work() as work:
        invitation = await actions.plan_purchase_survey(work, order)
    assert invitation is not None
    planned_for = (await desk.invitation(invitation)).planned_for
    assert planned_for is not None
    desk.clock.at = planned_for
    async with desk.work() as work:
        message = await actions.prepare_message(work, invitation, round_=0)
    assert message is not None
    async with desk.work() as work:
        await actions.record_receipt(work, invitation, round_=0, channel="SMS", delivered=True)
    return invitation, message.text.split(f"/s/{desk.store.public_id}/")[1][:22]


async def test_the_first_look_is_noted_and_the_answers_arrive_once(desk: Desk) -> None:
    invitation, token = await invited(desk)
    async with desk.work() as work:
        sheet = await actions.open_survey(work, token)
    assert sheet.status == "OPEN" and sheet.questionnaire is not None
    assert (await desk.invitation(invitation)).state == "OPENED"
    async with desk.work() as work:
        assert (await actions.submit_survey(work, token, FORM, language="zh-CN")).status == "DONE"
    async with desk.work() as work:
        assert (await actions.submit_survey(work, token, FORM, language="zh-CN")).status == "DONE"
        assert (await actions.open_survey(work, token)).status == "DONE"
    [response] = await desk.all(Response)
    assert (response.q_overall, response.q_care_call_72h, response.q_influenced) == (2, False, False)
    assert (response.q_recommend, response.q_comment, response.mode) == (3, "等得太久", "SMS")
    assert {row.question for row in await desk.all(Answer)} == set(FORM) - {"comment"}
    [event] = await desk.all(ChangeEvent, event="ResponseSubmitted")
    assert event.entity_id == response.id
    assert [job.actor for job in desk.jobs if dict(job.args).get("entity_id") == str(response.id)] == [
        "care.plan_recovery"
    ]


async def test_of_two_submissions_at_one_moment_one_wins(desk: Desk) -> None:
    _, token = await invited(desk)

    async def submit(overall: str) -> str:
        async with desk.work() as work:
            return (await actions.submit_survey(work, token, FORM | {"overall": [overall]}, language="en")).status

    assert set(await asyncio.gather(*(submit(value) for value in "12345"))) == {"DONE"}
    assert len(await desk.all(Response)) == 1


async def test_a_form_with_problems_is_kept_and_fills_the_page_again(desk: Desk) -> None:
    invitation, token = await invited(desk)
    async with desk.work() as work:
        sheet = await actions.submit_survey(work, token, {"overall": ["4"], "comment": ["好"]}, language="zh-CN")
    assert sheet.status == "PROBLEMS" and sheet.problems["influenced"] == "REQUIRED"
    row = await desk.invitation(invitation)
    assert (row.state, row.started_at) == ("STARTED", desk.clock.at)
    async with desk.work() as work:
        again = await actions.open_survey(work, token)
    assert again.answers == {"overall": {"value": 4}, "comment": {"value": "好"}}
    async with desk.work() as work:
        await actions.submit_survey(work, token, FORM, language="zh-CN")
    assert await desk.all(Draft) == []


async def test_a_draft_with_the_overall_answer_becomes_a_response_after_a_day(desk: Desk) -> None:
    invitation, token = await invited(desk)
    async with desk.work() as work:
        await actions.submit_survey(work, token, {"overall": ["1"]}, language="zh-CN")
    desk.pass_time(hours=23)
    async with desk.work() as work:
        await actions.expire_due(work)
    assert await desk.all(Response) == []
    desk.pass_time(hours=1)
    async with desk.work() as work:
        await actions.expire_due(work)
    [response] = await desk.all(Response)
    assert (response.q_overall, response.q_influenced, response.submitted_at) == (1, None, desk.clock.at)
    assert (await desk.invitation(invitation)).state == "COMPLETED"


async def test_an_unknown_or_foreign_token_is_not_found(desk: Desk, world: World) -> None:
    _, token = await invited(desk)
    for wrong in ("", "x" * 22, token[:-1], token + "A", "../../etc/passwd"):
        async with desk.work() as work:
            with pytest.raises(NotFound):
                await actions.open_survey(work, wrong)
    for code in ("a2", "b1"):
        other: ResolvedStore = world.stores[code]
        elsewhere = Desk(desk.platform, desk.clock, world.groups[code[0]], other)
        async with elsewhere.work() as work:
            with pytest.raises(NotFound):
                await actions.open_survey(work, token)


async def test_late_is_taken_within_the_grace_and_refused_after(desk: Desk) -> None:
    invitation, token = await invited(desk)
    row = await desk.invitation(invitation)
    assert row.expires_at is not None
    desk.clock.at = row.expires_at + timedelta(hours=48)
    async with desk.work() as work:
        assert (await actions.open_survey(work, token)).status == "OPEN"
    desk.pass_time(seconds=1)
    async with desk.work() as work:
        assert (await actions.submit_survey(work, token, FORM, language="en")).status == "EXPIRED"
    assert await desk.all(Response) == []


async def test_opting_out_is_evidence_and_ends_everything_open(desk: Desk) -> None:
    invitation, token = await invited(desk)
    customer = (await desk.invitation(invitation)).customer_id
    assert customer is not None
    other = await desk.visit(customer)
    async with desk.work() as work:
        await actions.plan_service_survey(work, other)
    for _ in range(2):
        async with desk.work() as work:
            await actions.opt_out(work, token, language="zh-CN")
    assert {row.state for row in await desk.all(Invitation)} <= {"OPTED_OUT", "SUPPRESSED"}
    assert (await desk.get(Customer, customer)).consent_survey is False
    [evidence] = await desk.all(ConsentEvent)
    assert (evidence.purpose, evidence.decision, evidence.channel) == ("SURVEY", "WITHDRAWN", "WEB")
    async with desk.work() as work:
        assert (await actions.open_survey(work, token)).status == "CLOSED"


async def test_opting_out_is_possible_after_answering(desk: Desk) -> None:
    _, token = await invited(desk)
    async with desk.work() as work:
        await actions.submit_survey(work, token, FORM, language="zh-CN")
    async with desk.work() as work:
        await actions.opt_out(work, token, language="en")
    assert len(await desk.all(ConsentEvent)) == 1
    assert len(await desk.all(Response)) == 1


async def test_the_delivery_form_never_counts_and_says_whether_it_is_complete(desk: Desk) -> None:
    order = await desk.order(await desk.customer())
    async with desk.work(desk.person("SALES_CONSULTANT", "consultant")) as work:
        response = await actions.record_delivery_form(work, order, T8)
    row = await desk.get(Response, response)
    assert (row.mode, row.interviewer_id) == ("ASSISTED_AT_DELIVERY", desk.people["consultant"])
    assert (await desk.get(SalesOrder, order)).form_complete is True
    async with desk.work(desk.person("CS_AGENT", "agent")) as work:
        with pytest.raises(Refused) as error:
            await actions.record_delivery_form(work, order, T8)
    assert error.value.code == "FORM_EXISTS"
    incomplete = await desk.order(await desk.customer())
    async with desk.work(desk.person("CS_AGENT", "agent")) as work:
        await actions.record_delivery_form(work, incomplete, {"overall": ["5"]})
    assert (await desk.get(SalesOrder, incomplete)).form_complete is False


async def test_a_consultant_records_only_their_own_deliveries(desk: Desk) -> None:
    order = await desk.order(await desk.customer())
    async with desk.work(desk.person("SALES_CONSULTANT", "second")) as work:
        with pytest.raises(NotFound):
            await actions.record_delivery_form(work, order, T8)
    async with desk.work(desk.person("TECHNICIAN")) as work:
        with pytest.raises(Forbidden):
            await actions.record_delivery_form(work, order, T8)
    undelivered = await desk.order(await desk.customer(), delivered_at=None)
    async with desk.work(desk.person("CS_AGENT", "agent")) as work:
        with pytest.raises(Refused):
            await actions.record_delivery_form(work, undelivered, T8)
        with pytest.raises(Invalid):
            await actions.record_delivery_form(work, order, T8 | {"overall": ["9"]})


async def test_an_agent_asks_by_telephone_but_never_about_their_own_work(desk: Desk) -> None:
    order = await desk.order(await desk.customer())
    async with desk.work() as work:
        invitation = await actions.plan_purchase_survey(work, order)
    assert invitation is not None
    async with desk.work(desk.person("CS_AGENT", "consultant")) as work:
        with pytest.raises(Refused) as error:
            await actions.record_interview(work, invitation, FORM)
    assert error.value.code == "SELF_INTERVIEW"
    async with desk.work(desk.person("SALES_CONSULTANT", "second")) as work:
        with pytest.raises(Forbidden):
            await actions.record_interview(work, invitation, FORM)
    async with desk.work(desk.person("CS_AGENT", "agent")) as work:
        with pytest.raises(Invalid):
            await actions.record_interview(work, invitation, {"overall": ["5"]})
        response = await actions.record_interview(work, invitation, FORM)
    row = await desk.get(Response, response)
    assert (row.mode, row.interviewer_id) == ("PHONE_INTERVIEW", desk.people["agent"])
    asked = await desk.invitation(invitation)
    assert (asked.channel, asked.sent_at, asked.state) == ("PHONE", START, "COMPLETED")
    async with desk.work(desk.person("CS_AGENT", "agent")) as work:
        with pytest.raises(WrongState):
            await actions.record_interview(work, invitation, FORM)


async def test_nobody_is_interviewed_against_their_will(desk: Desk) -> None:
    visit = await desk.visit(await desk.customer(do_not_contact=True))
    async with desk.work() as work:
        invitation = await actions.plan_service_survey(work, visit)
    assert invitation is not None
    async with desk.work(desk.person("CS_AGENT", "agent")) as work:
        with pytest.raises(Refused) as error:
            await actions.record_interview(work, invitation, FORM)
    assert error.value.code == "NOT_ASKED"


async def test_an_answer_as_facts_names_whose_work_it_judges(desk: Desk) -> None:
    invitation, token = await invited(desk)
    async with desk.work() as work:
        await actions.submit_survey(work, token, FORM, language="zh-CN")
    [response] = await desk.all(Response)
    async with desk.work() as work:
        facts = await reads.answer_facts(work.session, response.id)
    assert (facts.judged_id, facts.invitation_id, facts.q_overall) == (desk.people["consultant"], invitation, 2)

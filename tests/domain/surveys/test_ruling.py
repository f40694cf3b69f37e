"""Setting responses aside and ruling on them: two persons, never about one's own work."""

from uuid import UUID

import pytest

from forecourt.domain.feed import AuditEvent
from forecourt.domain.surveys import actions
from forecourt.domain.surveys.model import Response
from forecourt.errors import Forbidden, Refused, WrongState
from tests.domain.desk import Desk
from tests.domain.surveys.test_answering import FORM

pytestmark = pytest.mark.anyio


@pytest.fixture
async def response(desk: Desk) -> UUID:
    """An answer that the agent recorded by telephone, about the consultant's work."""
    order = await desk.order(await desk.customer())
    async with desk.work() as work:
        invitation = await actions.plan_purchase_survey(work, order)
    assert invitation is not None
    async with desk.work(desk.person("CS_AGENT", "agent")) as work:
        return await actions.record_interview(work, invitation, FORM)


async def refused(desk: Desk, verb: str, response: UUID, role: str, key: str) -> str:
    async with desk.work(desk.person(role, key)) as work:
        with pytest.raises(Refused) as error:
            await getattr(actions, f"{verb}_response")(work, response, reason="看过录音")
    return error.value.code


async def test_one_doubts_and_another_voids(desk: Desk, response: UUID) -> None:
    async with desk.work(desk.person("CS_MANAGER", "cs_manager")) as work:
        await actions.quarantine_response(work, response, reason="答案雷同")
    assert await refused(desk, "void", response, "CS_MANAGER", "cs_manager") == "SAME_PERSON"
    assert await refused(desk, "clear", response, "STORE_GM", "agent") == "SAME_PERSON"  # recorded it
    assert await refused(desk, "clear", response, "STORE_GM", "consultant") == "OWN_WORK"
    async with desk.work(desk.person("STORE_GM", "manager")) as work:
        await actions.void_response(work, response, reason="录音证实")
    row = await desk.get(Response, response)
    assert (row.integrity, row.integrity_reason) == ("VOID", "录音证实")
    verdicts = [row.after for row in await desk.all(AuditEvent, action="surveys.rule")]
    assert verdicts == [{"integrity": "QUARANTINED"}, {"integrity": "VOID"}]
    assert await refused(desk, "clear", response, "STORE_GM", "manager") == "WRONG_STATE"


async def test_what_a_rule_doubts_needs_two_persons_to_void_and_one_to_clear(desk: Desk, response: UUID) -> None:
    async with desk.work() as work:
        await actions.quarantine_response(work, response, reason="STRAIGHT_LINING")
    assert await refused(desk, "void", response, "STORE_GM", "manager") == "SECOND_PERSON_NEEDED"
    async with desk.work(desk.person("CS_MANAGER", "cs_manager")) as work:
        await actions.quarantine_response(work, response, reason="同意")
    async with desk.work(desk.person("STORE_GM", "manager")) as work:
        await actions.clear_response(work, response, reason="客户已确认")
    assert (await desk.get(Response, response)).integrity == "OK"


async def test_a_reason_and_a_permission_are_needed(desk: Desk, response: UUID) -> None:
    async with desk.work(desk.person("CS_MANAGER", "cs_manager")) as work:
        with pytest.raises(Refused) as error:
            await actions.quarantine_response(work, response, reason="  ")
        assert error.value.code == "REASON_NEEDED"
    async with desk.work(desk.person("CS_AGENT", "agent")) as work:
        with pytest.raises(Forbidden):
            await actions.quarantine_response(work, response, reason="x")
    async with desk.work(desk.person("CS_MANAGER", "cs_manager")) as work:
        with pytest.raises(WrongState):
            await actions.clear_response(work, response, reason="nothing was set aside")

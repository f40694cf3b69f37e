"""From due to sent: permission looked at when sending, channels in their order, repetition without harm, reminders, expiry."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from forecourt.domain.customers.model import Customer
from forecourt.domain.feed import AuditEvent
from forecourt.domain.surveys import actions
from forecourt.domain.surveys.messages import OutgoingMessage
from forecourt.domain.surveys.model import Invitation, SurveyTemplate
from forecourt.domain.surveys.token_rules import token_hash
from tests.domain.desk import Desk

pytestmark = pytest.mark.anyio


async def planned(desk: Desk, **customer: Any) -> UUID:
    """A service invitation, due now."""
    visit = await desk.visit(await desk.customer(**customer), handed_over_at=desk.clock.at)
    async with desk.work() as work:
        invitation = await actions.plan_service_survey(work, visit)
    desk.pass_time(hours=4)
    assert invitation is not None
    return invitation


async def prepare(desk: Desk, invitation: UUID, round_: int = 0) -> OutgoingMessage | None:
    async with desk.work() as work:
        return await actions.prepare_message(work, invitation, round_=round_)


async def receipt(desk: Desk, message: OutgoingMessage | None, invitation: UUID, delivered: bool = True) -> None:
    assert message is not None
    async with desk.work() as work:
        await actions.record_receipt(
            work, invitation, round_=int(message.id.split(".")[1]), channel=message.channel, delivered=delivered
        )


async def sent(desk: Desk, **customer: Any) -> tuple[UUID, OutgoingMessage]:
    invitation = await planned(desk, **customer)
    message = await prepare(desk, invitation)
    await receipt(desk, message, invitation)
    assert message is not None
    return invitation, message


async def test_what_is_due_is_handed_to_the_queue_once(desk: Desk) -> None:
    invitation = await planned(desk)
    async with desk.work() as work:
        assert await actions.send_due(work) == 1
    job = desk.jobs[-1]
    assert (job.actor, dict(job.args)) == ("surveys.deliver", {"invitation_id": str(invitation), "round": 0})
    assert job.dedupe_key is not None


async def test_nothing_goes_out_at_night(desk: Desk) -> None:
    invitation = await planned(desk)
    desk.pass_time(hours=8)  # 22:00 in Shanghai
    async with desk.work() as work:
        assert await actions.send_due(work) == 0
    assert await prepare(desk, invitation) is None
    assert (await desk.invitation(invitation)).sent_at is None


async def test_a_message_carries_the_link_and_only_the_hash_is_kept(desk: Desk) -> None:
    invitation, message = await sent(desk, phone="13912345678")
    row = await desk.invitation(invitation)
    assert (row.state, row.channel, message.address) == ("SENT", "SMS", "13912345678")
    assert row.sent_at is not None and row.expires_at == row.sent_at + timedelta(days=14)
    token = message.text.split(f"/s/{desk.store.public_id}/")[1][:22]
    assert row.token_hash == token_hash(token)
    assert "13912345678" not in repr(message) and token not in repr(message)
    [audited] = await desk.all(AuditEvent, action="surveys.send")
    assert audited.after is not None and audited.after["to"] == "139****5678"


async def test_a_crash_after_the_intent_repeats_the_same_message(desk: Desk) -> None:
    invitation = await planned(desk)
    first = await prepare(desk, invitation)
    before = await desk.invitation(invitation)
    desk.pass_time(hours=2)
    async with desk.work() as work:
        assert await actions.send_due(work) == 1
    again = await prepare(desk, invitation)
    after = await desk.invitation(invitation)
    assert first == again and first is not None
    assert (before.sent_at, before.token_hash) == (after.sent_at, after.token_hash)
    await receipt(desk, again, invitation)
    assert await prepare(desk, invitation) is None  # once the receipt is there, nothing is repeated


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"consent_survey": False}, "NO_CONSENT"),
        ({"consent_survey": None}, "NO_CONSENT"),
        ({"do_not_contact": True}, "DO_NOT_CONTACT"),
    ],
)
async def test_permission_is_looked_at_when_sending(desk: Desk, change: dict[str, object], reason: str) -> None:
    invitation = await planned(desk)
    async with desk.work() as work:
        await work.session.execute(update(Customer).values(**change))
    assert await prepare(desk, invitation) is None
    row = await desk.invitation(invitation)
    assert (row.state, row.suppressed_reason, row.sent_at) == ("SUPPRESSED", reason, None)


async def test_who_cannot_be_reached_and_what_is_stale_is_recorded(desk: Desk) -> None:
    nowhere = await planned(desk, phone="")
    assert await prepare(desk, nowhere) is None
    assert (await desk.invitation(nowhere)).suppressed_reason == "NO_CONTACT"
    stale = await planned(desk)
    desk.pass_time(days=8)
    assert await prepare(desk, stale) is None
    assert (await desk.invitation(stale)).suppressed_reason == "STALE"


async def test_a_bounce_goes_to_the_next_channel_and_then_gives_up(desk: Desk) -> None:
    invitation = await planned(desk, email="gu.ke@example.com")
    sms = await prepare(desk, invitation)
    await receipt(desk, sms, invitation, delivered=False)
    assert desk.jobs[-1].actor == "surveys.deliver"
    mail = await prepare(desk, invitation)
    assert mail is not None and (mail.channel, mail.address) == ("EMAIL", "gu.ke@example.com")
    await receipt(desk, sms, invitation, delivered=False)  # told twice: the first channel is past
    await receipt(desk, mail, invitation, delivered=False)
    row = await desk.invitation(invitation)
    assert (row.state, row.bounced) == ("BOUNCED", True)


async def test_a_second_ask_within_a_month_is_not_sent(desk: Desk) -> None:
    customer = await desk.customer()
    first = await desk.visit(customer, handed_over_at=desk.clock.at)
    second = await desk.visit(customer, handed_over_at=desk.clock.at + timedelta(hours=1))
    async with desk.work() as work:
        one = await actions.plan_service_survey(work, first)
        two = await actions.plan_service_survey(work, second)
    desk.pass_time(hours=6)
    assert one is not None and two is not None
    await receipt(desk, await prepare(desk, one), one)
    assert await prepare(desk, two) is None
    assert (await desk.invitation(two)).suppressed_reason == "FATIGUE_GAP"


async def test_two_reminders_at_most_with_the_same_link(desk: Desk) -> None:
    invitation, message = await sent(desk)
    link = message.text.split("/s/")[1][:60].split(" ")[0]
    for round_, days in ((1, 3), (2, 4)):
        async with desk.work() as work:
            assert await actions.remind_due(work) == 0
        desk.pass_time(days=days)
        async with desk.work() as work:
            assert await actions.remind_due(work) == 1
        reminder = await prepare(desk, invitation, round_)
        assert reminder is not None and link in reminder.text and reminder.id != message.id
        await receipt(desk, reminder, invitation)
        assert await prepare(desk, invitation, round_) is None
    desk.pass_time(days=3)
    async with desk.work() as work:
        assert await actions.remind_due(work) == 0
    assert (await desk.invitation(invitation)).reminders == 2


async def test_who_withdrew_gets_no_reminder(desk: Desk) -> None:
    invitation, _ = await sent(desk)
    desk.pass_time(days=3)
    async with desk.work() as work:
        await work.session.execute(update(Customer).values(consent_survey=False))
    assert await prepare(desk, invitation, 1) is None


async def test_an_invitation_ends_after_its_grace(desk: Desk) -> None:
    invitation, _ = await sent(desk)
    desk.pass_time(days=15)
    async with desk.work() as work:
        assert await actions.expire_due(work) == 0
    desk.pass_time(days=1, hours=1)
    async with desk.work() as work:
        assert await actions.expire_due(work) == 1
        assert await actions.expire_due(work) == 0
    assert (await desk.invitation(invitation)).state == "EXPIRED"


async def test_the_version_that_was_sent_is_named(desk: Desk) -> None:
    invitation, _ = await sent(desk)
    row = await desk.invitation(invitation)
    async with desk.work() as work:
        template = await work.session.get_one(SurveyTemplate, row.template_id)
        assert (template.code, template.state) == ("T2", "PUBLISHED")
        assert len(list(await work.session.scalars(Invitation.__table__.select()))) == 1

"""Sending invitations and reminders, and ending what nobody answered.

A message takes three steps, each of which bears repetition:

    prepare_message   one transaction: consent, do-not-contact, opt-out and fatigue as they are *now*; the contact is
                      decrypted here and nowhere else; what is intended is written down (channel, hash of the token,
                      moment, end)
    Channel.send      the effect, outside any transaction, under the message's id
    record_receipt    one transaction: sent, or bounced and then the next channel

A crash after the first step leaves an invitation ``SCHEDULED`` with a ``sent_at``: the job, or an hour later
`send_due`, prepares the *same* message with the same id and the same link, and sends it again. So a message is sent at
least once; a provider that honours the id shows it once.
"""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import and_, or_, select

from ...errors import NotFound
from .. import events
from ..customers.model import ConsentEvent, ContactPoint, Customer
from ..work import Work
from .answering import keep_drafts
from .invite_rules import (
    CHANNEL_OF_KIND,
    WAITING,
    Permission,
    message_id,
    next_channel,
    refusal,
    reminder_due,
)
from .messages import OutgoingMessage, survey_message
from .model import Invitation
from .plan_rules import Suppression
from .planning import lock_contact, only_system, settle_contact, suppress, touch
from .policy_rules import SurveyPolicy
from .reads import asked_in, policy_of, published
from .token_rules import make_token, survey_path, token_hash

DELIVER = "surveys.deliver"
#: Invitations one hourly job hands on; the next hour takes the rest.
BATCH = 500
#: After this long without a receipt, a message that was handed over is tried again.
STUCK = timedelta(hours=1)


async def send_due(work: Work) -> int:
    """Ask for the delivery of every invitation that is due; returns how many. Nothing in the quiet hours."""
    only_system(work)
    policy = await policy_of(work)
    if is_quiet(work, policy):
        return 0
    query = (
        select(Invitation.id)
        .where(
            Invitation.state == "SCHEDULED",
            Invitation.origin == "LIVE",
            Invitation.planned_for <= work.now,
            or_(Invitation.sent_at.is_(None), Invitation.sent_at < work.now - STUCK),
        )
        .order_by(Invitation.planned_for, Invitation.id)
        .limit(BATCH)
    )
    due = list(await work.session.scalars(query))
    for invitation_id in due:
        _ask_to_deliver(work, invitation_id, 0)
    return len(due)


async def remind_due(work: Work) -> int:
    """Ask for the delivery of every reminder that is due; returns how many."""
    only_system(work)
    policy = await policy_of(work)
    if is_quiet(work, policy) or not policy.reminder_days:
        return 0
    due_by_count = [
        and_(Invitation.reminders == count, Invitation.sent_at <= work.now - timedelta(days=days))
        for count, days in enumerate(policy.reminder_days)
    ]
    query = (
        select(Invitation)
        .where(
            Invitation.state.in_(sorted(WAITING)),
            Invitation.origin == "LIVE",
            Invitation.expires_at > work.now,
            or_(Invitation.started_at.is_(None), Invitation.started_at <= work.now - policy.reminder_pause),
            # a handed-over reminder without a receipt waits for its own retries first
            or_(Invitation.reminded_at.is_(None), Invitation.reminded_at < work.now - STUCK),
            or_(*due_by_count),
        )
        .order_by(Invitation.sent_at, Invitation.id)
        .limit(BATCH)
    )
    rows = list(await work.session.scalars(query))
    for row in rows:
        _ask_to_deliver(work, row.id, row.reminders + 1)
    return len(rows)


async def expire_due(work: Work) -> int:
    """End what is past its time and its grace; returns how many. Partial answers with a headline are kept before."""
    only_system(work)
    policy = await policy_of(work)
    await keep_drafts(work)
    query = (
        select(Invitation)
        .where(
            or_(
                Invitation.state.in_(sorted(WAITING)),
                and_(Invitation.state == "SCHEDULED", Invitation.sent_at.is_not(None)),
            ),
            Invitation.origin == "LIVE",
            Invitation.expires_at < work.now - policy.grace,
        )
        .order_by(Invitation.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    rows = list(await work.session.scalars(query))
    for row in rows:
        row.state = "EXPIRED"
        touch(work, row)
        work.emit(events.INVITATION_EXPIRED, "Invitation", row.id)
    if rows:
        work.audit("surveys.expire", "Invitation", after={"count": len(rows)})
    return len(rows)


async def prepare_message(work: Work, invitation_id: UUID, *, round_: int) -> OutgoingMessage | None:
    """Decide now whether a message goes out, write down the intent, and make it; None when it does not go.

    Args:
        round_: 0 = the invitation, 1 and 2 = its reminders.
    """
    only_system(work)
    policy = await policy_of(work)
    seen = await work.session.get(Invitation, invitation_id)
    if seen is None:
        raise NotFound("invitation", id=str(invitation_id))
    if is_quiet(work, policy):
        return None  # the next hourly round asks again
    people = await lock_contact(work, seen.contact_hash)
    invitation = await _locked(work, invitation_id)
    customer_id = invitation.customer_id
    if customer_id is None or not _is_due(work, invitation, policy, round_):
        return None
    if round_ == 0 and await _stopped(work, invitation, policy, people | {customer_id}):
        return None
    if round_ > 0 and refusal(await _permission(work, customer_id), policy) is not None:
        return None
    return await _make(work, invitation, policy, round_, await _points(work, customer_id))


async def record_receipt(work: Work, invitation_id: UUID, *, round_: int, channel: str, delivered: bool) -> None:
    """Write down what the channel said. A bounced invitation goes to the next channel the customer has, if any."""
    only_system(work)
    invitation = await _locked(work, invitation_id)
    if round_ > 0:
        if invitation.reminders == round_ - 1:
            invitation.reminders = round_
            touch(work, invitation)
        return
    if invitation.channel != channel or invitation.state not in ("SCHEDULED", *WAITING):
        return
    if delivered:
        if invitation.state == "SCHEDULED":
            invitation.state = "SENT"
            touch(work, invitation)
            work.emit(events.INVITATION_SENT, "Invitation", invitation.id, channel=channel)
        return
    await _bounced(work, invitation, channel)


def is_quiet(work: Work, policy: SurveyPolicy) -> bool:
    """Is it an hour in which nobody is written to?"""
    return policy.quiet.has(work.now.astimezone(ZoneInfo(work.store.time_zone)).time())


def token_of(work: Work, invitation_id: UUID) -> str:
    """The token of an invitation of this store. The key derives from the first master secret, so links outlive rotations."""
    secrets = work.platform.secrets
    key = secrets.derive(f"survey token/{work.store.id}", version=min(secrets.master))
    return make_token(key, invitation_id)


def _ask_to_deliver(work: Work, invitation_id: UUID, round_: int) -> None:
    key = f"{DELIVER}:{invitation_id}:{round_}"
    work.enqueue(DELIVER, dedupe_key=key, invitation_id=str(invitation_id), round=round_)


async def _locked(work: Work, invitation_id: UUID) -> Invitation:
    query = select(Invitation).where(Invitation.id == invitation_id).with_for_update()
    row = (await work.session.scalars(query.execution_options(populate_existing=True))).first()
    if row is None:
        raise NotFound("invitation", id=str(invitation_id))
    return row


def _is_due(work: Work, invitation: Invitation, policy: SurveyPolicy, round_: int) -> bool:
    if round_ == 0:
        return invitation.state == "SCHEDULED" and invitation.origin == "LIVE"
    number = reminder_due(
        state=invitation.state,
        sent_at=invitation.sent_at,
        expires_at=invitation.expires_at,
        started_at=invitation.started_at,
        reminders=invitation.reminders,
        now=work.now,
        policy=policy,
    )
    return number == round_


async def _stopped(work: Work, invitation: Invitation, policy: SurveyPolicy, people: set[UUID]) -> bool:
    """Suppress the invitation if it may not be sent now; True when it was."""
    if invitation.customer_id is None:
        return True
    reason = refusal(await _permission(work, invitation.customer_id), policy)
    fresh = invitation.sent_at is None
    if fresh and reason is None and invitation.planned_for and invitation.planned_for < work.now - policy.stale_after:
        reason = Suppression.STALE
    if reason is None and await published(work.session, invitation.template) is None:
        reason = Suppression.NO_TEMPLATE
    if reason is not None:
        suppress(work, invitation, reason)
        return True
    # An intent that is already written down was settled then.
    return fresh and invitation.id in await settle_contact(work, policy, invitation.contact_hash, people)


async def _permission(work: Work, customer_id: UUID) -> Permission:
    customer = await work.session.get(Customer, customer_id, populate_existing=True)
    if customer is None:
        raise NotFound("customer", id=str(customer_id))
    latest = (
        select(ConsentEvent.decision)
        .where(ConsentEvent.customer_id == customer_id, ConsentEvent.purpose.in_(("SURVEY", "CONTACT")))
        .order_by(ConsentEvent.at.desc(), ConsentEvent.id.desc())
        .limit(1)
    )
    withdrawn = (await work.session.scalars(latest)).first() == "WITHDRAWN"
    return Permission(customer.consent_survey, customer.do_not_contact, withdrawn)


async def _points(work: Work, customer_id: UUID) -> Mapping[str, ContactPoint]:
    """Channel → the contact point it would use."""
    query = (
        select(ContactPoint)
        .where(ContactPoint.customer_id == customer_id)
        .order_by(ContactPoint.is_primary, ContactPoint.id.desc())
        .limit(20)
    )
    return {CHANNEL_OF_KIND[point.kind]: point for point in await work.session.scalars(query)}


async def _make(
    work: Work, invitation: Invitation, policy: SurveyPolicy, round_: int, points: Mapping[str, ContactPoint]
) -> OutgoingMessage | None:
    channel = invitation.channel if invitation.channel in points else None
    channel = channel or next_channel(policy.channels, points, None)
    questionnaire = await asked_in(work.session, invitation)
    if channel is None or questionnaire is None:
        if round_ == 0:
            suppress(work, invitation, Suppression.NO_CONTACT)
        return None
    token = token_of(work, invitation.id)
    if round_ > 0:
        invitation.reminded_at = work.now
    elif invitation.sent_at is None:
        current = await published(work.session, invitation.template)
        invitation.template_id = current.id if current else None
        invitation.sent_at = work.now
        invitation.expires_at = work.now + policy.expires_after(invitation.template)
        invitation.token_hash = token_hash(token)
    invitation.channel = channel
    invitation.attempts += 1
    touch(work, invitation)
    point = points[channel]
    after = {"channel": channel, "to": point.value_masked, "round": round_}
    work.audit("surveys.send", "Invitation", invitation.id, after=after)
    base = work.platform.settings.public_url.rstrip("/")
    return survey_message(
        id_=message_id(str(invitation.id), round_, channel),
        channel=channel,
        address=work.cipher.decrypt(point.kind, point.value_enc, point.key_version),
        questionnaire=questionnaire,
        store_name=work.store.name,
        link=base + survey_path(work.store.public_id, token),
        language=policy.language,
        reminder=round_ > 0,
    )


async def _bounced(work: Work, invitation: Invitation, channel: str) -> None:
    policy = await policy_of(work)
    points = await _points(work, invitation.customer_id) if invitation.customer_id else {}
    following = next_channel(policy.channels, points, channel)
    work.emit(events.INVITATION_BOUNCED, "Invitation", invitation.id, channel=channel)
    work.audit("surveys.bounce", "Invitation", invitation.id, after={"channel": channel, "next": following})
    touch(work, invitation)
    if following is None:
        invitation.state = "BOUNCED"
        invitation.bounced = True
        return
    invitation.state = "SCHEDULED"
    invitation.channel = following
    _ask_to_deliver(work, invitation.id, 0)

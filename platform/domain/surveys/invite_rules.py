"""Rules of an invitation 邀请 on its way: may it be sent, by which channel, when to remind, when it ends.

Pure. The states are those of domain section 3.7; ``SCHEDULED`` with a ``sent_at`` means: handed to a channel, whose
receipt is not yet written down.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from .plan_rules import Suppression
from .policy_rules import SurveyPolicy

#: States in which the page takes answers.
ANSWERABLE = frozenset({"SCHEDULED", "SENT", "OPENED", "STARTED"})
#: States from which an agent may still ask by telephone: the invitation bounced or was not sent yet, too.
INTERVIEWABLE = ANSWERABLE | {"BOUNCED"}
#: States in which the customer has the link and has not finished.
WAITING = frozenset({"SENT", "OPENED", "STARTED"})

CHANNEL_OF_KIND = {"PHONE": "SMS", "EMAIL": "EMAIL", "WECHAT": "WECHAT"}


@dataclass(frozen=True, slots=True)
class Permission:
    """What a customer said about being asked. None = never asked. `withdrawn`: the latest consent event withdrew it."""

    consent_survey: bool | None
    do_not_contact: bool | None
    withdrawn: bool = False


def refusal(permission: Permission, policy: SurveyPolicy) -> Suppression | None:
    """Why this customer may not be asked now; looked at when sending, not when planning (PIPL 13-17)."""
    if permission.do_not_contact:
        return Suppression.DO_NOT_CONTACT
    if permission.withdrawn:
        return Suppression.OPTED_OUT
    if permission.consent_survey is False or (permission.consent_survey is None and policy.opt_in):
        return Suppression.NO_CONSENT
    return None


def next_channel(order: Sequence[str], available: Collection[str], bounced: str | None) -> str | None:
    """The first channel of the order that the customer has, after the one that bounced; None when there is none left."""
    rest = list(order)
    if bounced in rest:
        rest = rest[rest.index(bounced) + 1 :]
    return next((channel for channel in rest if channel in available), None)


def reminder_due(
    *,
    state: str,
    sent_at: datetime | None,
    expires_at: datetime | None,
    started_at: datetime | None,
    reminders: int,
    now: datetime,
    policy: SurveyPolicy,
) -> int | None:
    """The number of the reminder to send now (1, 2), or None.

    At day 3 and 7 after sending, at most two, never within 24 h after somebody started, never after the end.
    """
    if state not in WAITING or sent_at is None or reminders >= len(policy.reminder_days):
        return None
    if expires_at is not None and now >= expires_at:
        return None
    if started_at is not None and now - started_at < policy.reminder_pause:
        return None
    if now < sent_at + timedelta(days=policy.reminder_days[reminders]):
        return None
    return reminders + 1


def closes_at(expires_at: datetime, policy: SurveyPolicy) -> datetime:
    """Until when an answer is still taken. Between expiry and this it is stored, and LATE by the rules of the month."""
    return expires_at + policy.grace


def message_id(invitation: str, round_: int, channel: str) -> str:
    """The idempotency key of one message: the same for every attempt at it. Round 0 invites, 1 and 2 remind."""
    return f"{invitation}.{round_}.{channel.lower()}"

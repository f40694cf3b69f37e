"""When a customer is asked, and when not: due moments and survey fatigue 调查疲劳 (C12; requirements 52, 54, 55).

Pure. Moments are aware. A contact is asked at most once in ``min_gap`` and ``yearly_cap`` times in 365 days; an incident
survey is exempt from both but counts for the others. Where asks collide, TR3 (incident) goes before TR1 (purchase) before
TR4 (service); the losers are recorded with their reason, so that response rates stay honest.
"""

import calendar
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import TypeVar

from .policy_rules import Quiet, SurveyPolicy

YEAR = timedelta(days=365)
#: Local hours of the day in which a purchase survey goes out.
DAY_FROM, DAY_UNTIL = time(10), time(19)

#: Template → rank; a smaller rank goes first (TR3, TR1, TR4).
PRECEDENCE: Mapping[str, int] = {"T4": 0, "T1": 1, "T2": 2}
EXEMPT = frozenset({"T4"})

Key = TypeVar("Key")


class Suppression(StrEnum):
    """Why somebody is not asked. Rules, opt-out and law suppress; no member of staff can."""

    GAP = "FATIGUE_GAP"
    YEARLY = "FATIGUE_YEARLY"
    NO_CONSENT = "NO_CONSENT"
    OPTED_OUT = "OPTED_OUT"
    DO_NOT_CONTACT = "DO_NOT_CONTACT"
    NO_CONTACT = "NO_CONTACT"
    STALE = "STALE"
    NO_TEMPLATE = "NO_TEMPLATE"


# --- due moments -----------------------------------------------------------------------------------------------------


def add_months(day: date, months: int) -> date:
    """The same day some months later, clipped to the month's last day (31 January → 28 or 29 February)."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def spread(seed: bytes, size: int) -> int:
    """A number from 0 to size - 1 that is the same for the same seed, on every machine."""
    return int.from_bytes(hashlib.sha256(seed).digest()[:8]) % size


def purchase_due(delivered_at: datetime, seed: bytes, zone: tzinfo, policy: SurveyPolicy) -> datetime:
    """One calendar month after the delivery's local day, plus 0 to 7 days, at a minute of the local daytime.

    The spread keeps a busy Saturday's deliveries from all being asked in one minute.
    """
    day = add_months(delivered_at.astimezone(zone).date(), policy.purchase_months)
    day += timedelta(days=spread(b"day" + seed, policy.purchase_spread_days + 1))
    minutes = (DAY_UNTIL.hour - DAY_FROM.hour) * 60
    local = datetime.combine(day, DAY_FROM, zone) + timedelta(minutes=spread(b"minute" + seed, minutes))
    return local.astimezone(UTC)


def service_due(handed_over_at: datetime, zone: tzinfo, policy: SurveyPolicy) -> datetime:
    """Four hours after the hand-over, or when the night is over; never more than a day."""
    return after_quiet(handed_over_at + policy.service_delay, zone, policy.quiet)


def incident_due(closed_at: datetime, zone: tzinfo, policy: SurveyPolicy) -> datetime:
    """One day after the complaint was closed, not at night."""
    return after_quiet(closed_at + policy.incident_delay, zone, policy.quiet)


def after_quiet(moment: datetime, zone: tzinfo, quiet: Quiet) -> datetime:
    """The moment itself, or the end of the quiet hours it lies in (UTC)."""
    local = moment.astimezone(zone)
    if not quiet.has(local.time()):
        return moment.astimezone(UTC)
    day = local.date() if local.time() < quiet.end else local.date() + timedelta(days=1)
    return datetime.combine(day, quiet.end, zone).astimezone(UTC)


# --- fatigue ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Caps:
    """How often one contact may be asked."""

    min_gap: timedelta = timedelta(days=30)
    yearly: int = 4


@dataclass(frozen=True, slots=True)
class Ask:
    """A planned or sent invitation of one contact. ``at``: when it was, or would be, sent."""

    key: str
    template: str
    at: datetime
    sent: bool = False


def breaks(ask: Ask, others: Iterable[Ask], caps: Caps) -> Suppression | None:
    """Which cap `ask` would break, looking back from its moment over the others; None when it may go."""
    if ask.template in EXEMPT:
        return None
    earlier = [ask.at - other.at for other in others if other.at <= ask.at]
    if any(age < caps.min_gap for age in earlier):
        return Suppression.GAP
    if sum(age < YEAR for age in earlier) >= caps.yearly:
        return Suppression.YEARLY
    return None


def settle(asks: Iterable[Ask], caps: Caps) -> dict[str, Suppression]:
    """The losers among the planned asks of one contact, with the reason.

    Sent ones are facts. Planned ones are taken by precedence, then time: one stays if it breaks no cap and makes none of
    those kept before it break one. What stays satisfies the caps, in whatever order the asks were made.
    """
    known = sorted(asks, key=lambda ask: (ask.at, ask.key))
    kept = [ask for ask in known if ask.sent]
    losers: dict[str, Suppression] = {}
    planned = [ask for ask in known if not ask.sent]
    for ask in sorted(planned, key=lambda ask: (PRECEDENCE.get(ask.template, 9), ask.at, ask.key)):
        reason = breaks(ask, kept, caps)
        if reason is None and ask.template not in EXEMPT:
            later = [other for other in kept if not other.sent and other.at >= ask.at]
            reasons = (breaks(other, [*(item for item in kept if item is not other), ask], caps) for other in later)
            reason = next((found for found in reasons if found), None)
        if reason is None:
            kept.append(ask)
        else:
            losers[ask.key] = reason
    return losers

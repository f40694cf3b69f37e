"""Follow-up tasks 回访任务: which arise, when they are due, what closes them (domain section 3.6, requirements 11-20, C1, C4).

Pure. A task closes with evidence: a logged call of its kind about its cause. Whoever an answer judges can neither do nor
close its recovery. A customer's answer beats what staff claim.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from uuid import UUID

from ...errors import Invalid
from .rules import WITHIN_24H, CallWindow

WINDOW_MIN, WINDOW_MAX = "followup.delivery_call.window_min", "followup.delivery_call.window_max"
SHIFT_QUIET = "followup.delivery_call.shift_quiet_hours"
CARE_WINDOW = "care_call.window"
SERVICE_WINDOW = "followup.service.window"
RECOVERY = "recovery_rules"
QUIET_FROM, QUIET_UNTIL = "quiet_hours.from", "quiet_hours.until"
#: Settings that `policy_from` understands; those of the month close carry the same names there.
KEYS = frozenset({WINDOW_MIN, WINDOW_MAX, SHIFT_QUIET, CARE_WINDOW, SERVICE_WINDOW, RECOVERY, QUIET_FROM, QUIET_UNTIL})

ANSWER_CLASSES = {"VERY_DISSATISFIED": 1, "DISSATISFIED": 2, "NEUTRAL": 3, "SATISFIED": 4}
SERVICE_ROLE = "SERVICE_MANAGER"
ESCALATION_ROLE = "STORE_GM"
MIN_ATTEMPTS, MIN_DAYS = 3, 2

#: Task kind → call kinds that are its evidence. A delivery call within 72 hours is a care call, too.
EVIDENCE: Mapping[str, frozenset[str]] = {
    "DELIVERY_CALL": frozenset({"DELIVERY_CALL"}),
    "CARE_CALL_72H": frozenset({"CARE_CALL", "DELIVERY_CALL"}),
    "RECOVERY": frozenset({"RECOVERY"}),
    "HOME_VISIT": frozenset({"RECOVERY"}),
    "SERVICE_FOLLOWUP": frozenset({"SERVICE_FOLLOWUP"}),
}
#: Kinds that a connected call closes by itself; a home visit 上门拜访 is closed by a person after it took place.
CLOSED_BY_CALL = frozenset(EVIDENCE) - {"HOME_VISIT"}
OPEN_STATES = frozenset({"PLANNED", "OPEN", "OVERDUE"})


@dataclass(frozen=True, slots=True)
class AnswerFacts:
    """A response as follow-up sees it. `judged_id`: whose work it judges, None where nobody's."""

    response_id: UUID
    invitation_id: UUID
    template: str
    mode: str
    order_id: UUID | None
    repair_order_id: UUID | None
    customer_id: UUID | None
    judged_id: UUID | None
    submitted_at: datetime
    q_overall: int | None
    q_care_call_72h: bool | None


@dataclass(frozen=True, slots=True)
class RecoveryRule:
    """Who follows up answers of a class, within what time, with a visit or not (C4)."""

    answer_class: str
    role: str
    within: timedelta
    home_visit: bool = False


DEFAULT_RECOVERY = (
    RecoveryRule("VERY_DISSATISFIED", "SALES_MANAGER", timedelta(hours=48), home_visit=True),
    RecoveryRule("DISSATISFIED", "SALES_SUPERVISOR", timedelta(hours=48)),
)


@dataclass(frozen=True, slots=True)
class CarePolicy:
    """The store's settings of follow-up. `shift_quiet`: a call due at night moves to the morning (off by default)."""

    delivery: CallWindow = WITHIN_24H
    shift_quiet: bool = False
    quiet_from: time = time(21)
    quiet_until: time = time(8)
    care_window: timedelta = timedelta(hours=72)
    service_window: timedelta = timedelta(hours=72)
    recovery: tuple[RecoveryRule, ...] = DEFAULT_RECOVERY


@dataclass(frozen=True, slots=True)
class Wanted:
    """A task that should exist."""

    kind: str
    role: str
    not_before: datetime
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """A logged call as the rules need it."""

    call_id: UUID
    kind: str
    caller_id: UUID
    started_at: datetime
    connected: bool
    result: str | None


def delivery_call(delivered_at: datetime, policy: CarePolicy, zone: tzinfo) -> Wanted:
    """The call after a delivery (C1). With `shift_quiet`, a due time at night moves to the morning plus the window's end."""
    due = delivered_at + policy.delivery.closes
    local = due.astimezone(zone)
    if policy.shift_quiet and _quiet(local.time(), policy):
        day = local.date() if local.time() < policy.quiet_until else local.date() + timedelta(days=1)
        due = datetime.combine(day, policy.quiet_until, zone).astimezone(delivered_at.tzinfo) + policy.delivery.closes
    return Wanted("DELIVERY_CALL", "SALES_CONSULTANT", delivered_at + policy.delivery.opens, due)


def care_call(delivered_at: datetime, policy: CarePolicy) -> Wanted:
    """The care call within 72 hours (requirement 16)."""
    return Wanted("CARE_CALL_72H", "SALES_CONSULTANT", delivered_at, delivered_at + policy.care_window)


def service_follow_up(handed_over_at: datetime, policy: CarePolicy) -> Wanted:
    """The call after a workshop visit."""
    return Wanted("SERVICE_FOLLOWUP", "CS_AGENT", handed_over_at, handed_over_at + policy.service_window)


def recovery(facts: AnswerFacts, policy: CarePolicy) -> tuple[Wanted, ...]:
    """Tasks that an answer makes (C4). Forms filled in with staff make none; workshop answers go to the service manager."""
    if facts.template == "T8" or facts.mode == "ASSISTED_AT_DELIVERY" or facts.q_overall is None:
        return ()
    rule = next((rule for rule in policy.recovery if ANSWER_CLASSES[rule.answer_class] == facts.q_overall), None)
    if rule is None:
        return ()
    role = SERVICE_ROLE if facts.repair_order_id is not None and rule.role.startswith("SALES_") else rule.role
    due = facts.submitted_at + rule.within
    wanted = [Wanted("RECOVERY", role, facts.submitted_at, due)]
    if rule.home_visit:
        wanted.append(Wanted("HOME_VISIT", role, facts.submitted_at, due))
    return tuple(wanted)


def care_call_verdict(answered: bool | None, claimed_in_time: bool | None) -> str | None:
    """What became of the care call: the customer's answer, else what the calls say; None while neither is known."""
    if answered is not None:
        return "CONFIRMED_BY_CUSTOMER" if answered else "DENIED_BY_CUSTOMER"
    if claimed_in_time is None:
        return None
    return "CLAIMED" if claimed_in_time else "CLAIMED_LATE"


def objection(kind: str, call: Attempt, not_before: datetime, judged_id: UUID | None) -> str | None:
    """Why a call is no evidence for a task: KIND, NOT_CONNECTED, TOO_EARLY or OWN_WORK; None when it is."""
    if call.kind not in EVIDENCE[kind]:
        return "KIND"
    if kind in ("RECOVERY", "HOME_VISIT") and call.caller_id == judged_id:
        return "OWN_WORK"
    if not call.connected:
        return "NOT_CONNECTED"
    return "TOO_EARLY" if call.started_at < not_before else None


def evidence(kind: str, calls: Iterable[Attempt], not_before: datetime, judged_id: UUID | None) -> Attempt | None:
    """The earliest call that closes a task."""
    good = [call for call in calls if objection(kind, call, not_before, judged_id) is None]
    return min(good, key=lambda call: (call.started_at, call.call_id), default=None)


def done_state(started_at: datetime, due_at: datetime) -> str:
    """On time includes the very second it is due."""
    return "DONE_ON_TIME" if started_at <= due_at else "DONE_LATE"


def attempts_of(kind: str, calls: Iterable[Attempt], judged_id: UUID | None) -> list[Attempt]:
    """Calls that tried to do a task, reached somebody or not."""
    return [call for call in calls if objection(kind, call, call.started_at, judged_id) in (None, "NOT_CONNECTED")]


def unreachable(attempts: Collection[Attempt], zone: tzinfo) -> bool:
    """Three failed attempts or more, on two local days or more, and nobody answered."""
    days: set[date] = {call.started_at.astimezone(zone).date() for call in attempts}
    return len(attempts) >= MIN_ATTEMPTS and len(days) >= MIN_DAYS and not any(call.connected for call in attempts)


def clock_state(state: str, not_before: datetime, due_at: datetime, now: datetime) -> str:
    """What the clock makes of an open task."""
    if state not in OPEN_STATES:
        return state
    if now > due_at:
        return "OVERDUE"
    return "OPEN" if now >= not_before else "PLANNED"


# --- settings --------------------------------------------------------------------------------------------------------

_DURATION = re.compile(r"([0-9]{1,6})(s|m|h|d)", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)


def policy_from(found: Mapping[str, object]) -> CarePolicy:
    """Read resolved settings; what is not set keeps its default.

    Raises:
        Invalid: a value is not what its key needs.
    """
    default = CarePolicy()
    shift = found.get(SHIFT_QUIET, default.shift_quiet)
    if not isinstance(shift, bool):
        raise Invalid(f"{SHIFT_QUIET}: true or false", path=(SHIFT_QUIET,))
    return CarePolicy(
        delivery=CallWindow(
            _span(found, WINDOW_MIN, default.delivery.opens), _span(found, WINDOW_MAX, default.delivery.closes)
        ),
        shift_quiet=shift,
        quiet_from=_clock(found, QUIET_FROM, default.quiet_from),
        quiet_until=_clock(found, QUIET_UNTIL, default.quiet_until),
        care_window=_span(found, CARE_WINDOW, default.care_window),
        service_window=_span(found, SERVICE_WINDOW, default.service_window),
        recovery=_recovery(found[RECOVERY]) if RECOVERY in found else default.recovery,
    )


def _recovery(value: object) -> tuple[RecoveryRule, ...]:
    if not isinstance(value, Mapping):
        raise Invalid(f"{RECOVERY}: an object of answer classes", path=(RECOVERY,))
    rules = []
    for answer_class, item in value.items():
        path = (RECOVERY, str(answer_class))
        visit = item.get("home_visit", False) if isinstance(item, Mapping) else None
        if answer_class not in ANSWER_CLASSES or not isinstance(visit, bool) or not isinstance(item.get("role"), str):
            raise Invalid("an answer class with role, within and home_visit", path=path)
        rules.append(RecoveryRule(str(answer_class), item["role"], _span(item, "within", None, path), visit))
    return tuple(rules)


def _span(found: Mapping[str, object], key: str, default: timedelta | None, path: tuple[str, ...] = ()) -> timedelta:
    if key not in found and default is not None:
        return default
    value = found.get(key)
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Invalid(f"{key}: a duration such as 90m, 24h or 2d", path=(*path, key))
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


def _clock(found: Mapping[str, object], key: str, default: time) -> time:
    if key not in found:
        return default
    value = found[key]
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise Invalid(f"{key}: a time of day such as 21:00", path=(key,))
    return time.fromisoformat(value)


def _quiet(local: time, policy: CarePolicy) -> bool:
    start, end = policy.quiet_from, policy.quiet_until
    return start <= local < end if start <= end else local >= start or local < end


def is_overdue(state: str, due_at: datetime, now: datetime) -> bool:
    """Still to be done although its time has passed 逾期; the due moment itself is in time (domain section 3.6)."""
    return state in OPEN_STATES and due_at < now

"""Which tasks arise, what is evidence, and when nobody could be reached."""

from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.domain.care.rules import CallWindow
from forecourt.domain.care.task_rules import (
    AnswerFacts,
    Attempt,
    CarePolicy,
    RecoveryRule,
    attempts_of,
    care_call,
    care_call_verdict,
    clock_state,
    delivery_call,
    done_state,
    evidence,
    is_overdue,
    objection,
    policy_from,
    recovery,
    unreachable,
)
from forecourt.errors import Invalid

ZONE = ZoneInfo("Asia/Shanghai")
DELIVERED = datetime(2026, 9, 7, 8, tzinfo=UTC)  # 16:00 in Shanghai
JUDGED, OTHER = UUID(int=1), UUID(int=2)


def facts(overall: int | None, **changes: object) -> AnswerFacts:
    given_: dict[str, object] = {
        "response_id": UUID(int=9),
        "invitation_id": UUID(int=8),
        "template": "T1",
        "mode": "SELF_ONLINE",
        "order_id": UUID(int=7),
        "repair_order_id": None,
        "customer_id": None,
        "judged_id": JUDGED,
        "submitted_at": DELIVERED,
        "q_overall": overall,
        "q_care_call_72h": None,
    }
    return AnswerFacts(**(given_ | changes))  # type: ignore[arg-type]


def call(hours: float, *, kind: str = "RECOVERY", connected: bool = True, caller: UUID = OTHER) -> Attempt:
    number = UUID(int=int(hours * 3600) + 10_000_000)
    return Attempt(number, kind, caller, DELIVERED + timedelta(hours=hours), connected, None)


def test_each_class_of_answer_makes_its_tasks() -> None:
    policy = CarePolicy()
    assert [(task.kind, task.role) for task in recovery(facts(1), policy)] == [
        ("RECOVERY", "SALES_MANAGER"),
        ("HOME_VISIT", "SALES_MANAGER"),
    ]
    [two] = recovery(facts(2), policy)
    assert (two.role, two.due_at - DELIVERED) == ("SALES_SUPERVISOR", timedelta(hours=48))
    for nothing in (facts(3), facts(4), facts(5), facts(None), facts(1, template="T8")):
        assert recovery(nothing, policy) == ()
    assert recovery(facts(1, mode="ASSISTED_AT_DELIVERY"), policy) == ()
    assert recovery(facts(2, order_id=None, repair_order_id=UUID(int=3)), policy)[0].role == "SERVICE_MANAGER"


def test_a_store_may_follow_up_the_merely_satisfied() -> None:
    policy = policy_from({"recovery_rules": {"SATISFIED": {"role": "SALES_SUPERVISOR", "within": "2d"}}})
    assert policy.recovery == (RecoveryRule("SATISFIED", "SALES_SUPERVISOR", timedelta(days=2)),)
    assert [task.kind for task in recovery(facts(4), policy)] == ["RECOVERY"]


def test_the_delivery_call_follows_the_window_and_moves_only_if_told_to() -> None:
    late = DELIVERED + timedelta(hours=4)  # 20:00 in Shanghai
    second_hour = CallWindow(timedelta(hours=1), timedelta(hours=2))
    plain = delivery_call(late, CarePolicy(delivery=second_hour), ZONE)
    assert (plain.not_before - late, plain.due_at - late) == (timedelta(hours=1), timedelta(hours=2))
    moved = delivery_call(late, CarePolicy(delivery=second_hour, shift_quiet=True), ZONE)
    assert moved.due_at.astimezone(ZONE).time() == time(10)
    assert moved.due_at.astimezone(ZONE).day == 8
    early = delivery_call(DELIVERED, CarePolicy(delivery=second_hour, shift_quiet=True), ZONE)
    assert early.due_at == DELIVERED + timedelta(hours=2)
    assert care_call(DELIVERED, CarePolicy()).due_at == DELIVERED + timedelta(hours=72)


def test_the_customers_word_beats_the_calls() -> None:
    assert care_call_verdict(False, True) == "DENIED_BY_CUSTOMER"
    assert care_call_verdict(True, None) == "CONFIRMED_BY_CUSTOMER"
    assert care_call_verdict(None, True) == "CLAIMED"
    assert care_call_verdict(None, None) is None


@pytest.mark.parametrize(
    ("given_call", "reason"),
    [
        (call(1), None),
        (call(1, kind="CARE_CALL"), "KIND"),
        (call(1, caller=JUDGED), "OWN_WORK"),
        (call(1, connected=False), "NOT_CONNECTED"),
        (call(-1), "TOO_EARLY"),
    ],
)
def test_what_proves_a_recovery(given_call: Attempt, reason: str | None) -> None:
    assert objection("RECOVERY", given_call, DELIVERED, JUDGED) == reason


def test_the_earliest_good_call_is_the_evidence() -> None:
    calls = [call(5), call(2, caller=JUDGED), call(3), call(1, connected=False)]
    found = evidence("RECOVERY", calls, DELIVERED, JUDGED)
    assert found is not None and found.started_at == DELIVERED + timedelta(hours=3)
    assert done_state(found.started_at, found.started_at) == "DONE_ON_TIME"
    assert done_state(found.started_at, DELIVERED) == "DONE_LATE"
    assert len(attempts_of("RECOVERY", calls, JUDGED)) == 3


@given(st.lists(st.tuples(st.integers(0, 96), st.booleans()), max_size=8))
def test_unreachable_takes_three_failures_on_two_days(drawn: list[tuple[int, bool]]) -> None:
    calls = [call(hours, connected=connected) for hours, connected in drawn]
    days = {one.started_at.astimezone(ZONE).date() for one in calls}
    expected = len(calls) >= 3 and len(days) >= 2 and not any(connected for _, connected in drawn)
    assert unreachable(calls, ZONE) == expected


def test_the_clock_only_moves_what_is_open() -> None:
    due = DELIVERED + timedelta(hours=2)
    assert clock_state("PLANNED", DELIVERED, due, DELIVERED - timedelta(seconds=1)) == "PLANNED"
    assert clock_state("PLANNED", DELIVERED, due, due) == "OPEN"
    assert clock_state("OPEN", DELIVERED, due, due + timedelta(seconds=1)) == "OVERDUE"
    assert clock_state("DONE_LATE", DELIVERED, due, due + timedelta(days=9)) == "DONE_LATE"


@pytest.mark.parametrize(
    "wrong",
    [
        {"recovery_rules": []},
        {"recovery_rules": {"ANGRY": {"role": "X", "within": "2d"}}},
        {"recovery_rules": {"DISSATISFIED": {"role": "X"}}},
        {"recovery_rules": {"DISSATISFIED": {"role": "X", "within": "2d", "home_visit": 1}}},
        {"followup.delivery_call.window_max": 24},
        {"followup.delivery_call.window_min": "3h", "followup.delivery_call.window_max": "2h"},
        {"followup.delivery_call.shift_quiet_hours": "yes"},
        {"quiet_hours.from": "9"},
    ],
)
def test_nonsense_in_settings_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        policy_from(wrong)


@given(
    st.sampled_from(("PLANNED", "OPEN", "OVERDUE", "DONE_ON_TIME", "DONE_LATE", "UNREACHABLE", "CANCELLED")),
    st.integers(-2, 2),
)
def test_overdue_is_what_the_clock_would_say_of_an_open_task(state: str, seconds: int) -> None:
    now = DELIVERED + timedelta(seconds=seconds)
    open_ = state in ("PLANNED", "OPEN", "OVERDUE")
    assert is_overdue(state, DELIVERED, now) is (open_ and clock_state(state, DELIVERED, DELIVERED, now) == "OVERDUE")

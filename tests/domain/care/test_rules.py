"""Calls in time: both ends of every window (interchange section 7, F01A, F01B, F04; 8.2, D-CALL)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.domain.care.rules import (
    AFTER_1_TO_2H,
    WITHIN_24H,
    CallWindow,
    delivery_call_in,
    excuse_for,
    recovery_in_time,
)
from forecourt.errors import Invalid

DELIVERED = datetime(2026, 9, 10, 4, tzinfo=UTC)


@dataclass(frozen=True)
class Ring:
    after: int
    """Seconds after the delivery."""
    kind: str = "DELIVERY_CALL"
    connected: bool = True
    result: str | None = "OK"
    caller_no: str = "E1"
    call_no: str = "K1"

    @property
    def started_at(self) -> datetime:
        return DELIVERED + timedelta(seconds=self.after)


@pytest.mark.parametrize(
    ("after", "within_24h", "after_1_to_2h"),
    [
        (-1, False, False),
        (0, True, False),
        (2_400, True, False),
        (3_599, True, False),
        (3_600, True, True),
        (7_200, True, True),
        (7_201, True, False),
        (86_400, True, False),
        (86_401, False, False),
    ],
)
def test_both_ends_of_a_window_are_included(after: int, within_24h: bool, after_1_to_2h: bool) -> None:
    assert (delivery_call_in(WITHIN_24H, DELIVERED, [Ring(after)]) is not None) is within_24h
    assert (delivery_call_in(AFTER_1_TO_2H, DELIVERED, [Ring(after)]) is not None) is after_1_to_2h


def test_only_a_connected_delivery_call_counts_and_anybody_may_have_called() -> None:
    assert delivery_call_in(WITHIN_24H, DELIVERED, [Ring(9, connected=False)]) is None
    assert delivery_call_in(WITHIN_24H, DELIVERED, [Ring(9, kind="CARE_CALL")]) is None
    assert delivery_call_in(WITHIN_24H, DELIVERED, [Ring(9, caller_no="ANYBODY", result=None)]) is not None


def test_the_earliest_call_in_the_window_is_the_proof() -> None:
    rings = [Ring(5_000), Ring(4_000), Ring(10)]
    found = delivery_call_in(AFTER_1_TO_2H, DELIVERED, rings)
    assert found == Ring(4_000)


@pytest.mark.parametrize(
    ("ring", "excused"),
    [
        (Ring(0, result="REFUSED"), True),
        (Ring(7_200, result="INVALID_NUMBER", connected=False), True),
        (Ring(7_201, result="REFUSED"), False),
        (Ring(-1, result="REFUSED"), False),
        (Ring(60, result="NO_ANSWER", connected=False), False),
        (Ring(60, result="REFUSED", kind="CARE_CALL"), False),
        (Ring(60, result=None), False),
    ],
)
def test_a_refusal_or_a_wrong_number_excuses(ring: Ring, excused: bool) -> None:
    assert (excuse_for(AFTER_1_TO_2H, DELIVERED, [ring]) is not None) is excused


@pytest.mark.parametrize(
    ("ring", "done"),
    [
        (Ring(0, kind="RECOVERY", caller_no="E2"), True),
        (Ring(172_800, kind="RECOVERY", caller_no="E2"), True),
        (Ring(172_801, kind="RECOVERY", caller_no="E2"), False),
        (Ring(-1, kind="RECOVERY", caller_no="E2"), False),
        (Ring(60, kind="RECOVERY", caller_no="E1"), False),
        (Ring(60, kind="RECOVERY", caller_no="E2", connected=False), False),
        (Ring(60, kind="DELIVERY_CALL", caller_no="E2"), False),
    ],
)
def test_a_recovery_call_comes_from_somebody_else_within_two_days(ring: Ring, done: bool) -> None:
    due = DELIVERED + timedelta(hours=48)
    assert (recovery_in_time(DELIVERED, due, "E1", [ring]) is not None) is done


def test_a_window_that_cannot_be_is_refused() -> None:
    with pytest.raises(Invalid):
        CallWindow(timedelta(hours=2), timedelta(hours=1))
    with pytest.raises(Invalid):
        CallWindow(timedelta(hours=-1), timedelta(hours=1))


@given(st.lists(st.integers(-10, 100_000), max_size=6))
def test_a_call_in_the_second_hour_is_also_one_within_the_day(afters: list[int]) -> None:
    rings = [Ring(after) for after in afters]
    if delivery_call_in(AFTER_1_TO_2H, DELIVERED, rings) is not None:
        assert delivery_call_in(WITHIN_24H, DELIVERED, rings) is not None

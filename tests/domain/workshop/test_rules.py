"""Arithmetic of the workshop."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from forecourt.domain.workshop.rules import repair_hours

OPENED = datetime(2026, 9, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("took", "hours"),
    [
        (timedelta(hours=72), "72.00"),
        (timedelta(minutes=20), "0.33"),
        (timedelta(0), "0.00"),
        (-timedelta(hours=1), "-1.00"),
    ],
)
def test_a_repair_takes_the_hours_from_the_opening_to_the_hand_over(took: timedelta, hours: str) -> None:
    made = repair_hours(OPENED, (OPENED + took).astimezone(timezone(timedelta(hours=8))))
    assert str(made) == hours and isinstance(made, Decimal)


def test_a_vehicle_in_the_workshop_has_no_hours_yet() -> None:
    assert repair_hours(OPENED, None) is None

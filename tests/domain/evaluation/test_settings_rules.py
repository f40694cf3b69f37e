"""The settings of a month: defaults, reading, clear errors, and what they do to a scheme."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from forecourt.domain.evaluation.calendar_rules import FreezeRule
from forecourt.domain.evaluation.kpi_catalogue import Base
from forecourt.domain.evaluation.seed_schemes import SALES_2H, SALES_24H
from forecourt.domain.evaluation.settings_rules import KEYS, MonthSettings
from forecourt.errors import Invalid
from tests.domain.evaluation.shop import at, close


def test_no_settings_leave_every_scheme_as_it_is() -> None:
    settings = MonthSettings.from_dict({})
    assert settings == MonthSettings()
    assert settings.applied_to(SALES_24H) == SALES_24H
    assert settings.applied_to(SALES_2H) == SALES_2H


def test_every_key_is_read() -> None:
    data: dict[str, object] = {
        "followup.delivery_call.window_min": "30m",
        "followup.delivery_call.window_max": "2d",
        "vs_rate.denominator": "RESPONDED",
        "participants.exclude_statuses": [{"role": "SALES_MANAGER", "status": "CONFIRMED"}],
        "recovery_rules": {"NEUTRAL": {"role": "SALES_MANAGER", "within": "36h", "home_visit": True}},
        "deduction_rules": {"D-Q": {"enabled": True, "points": -2}, "joint": False},
        "complaint.partly_counts": True,
        "period.freeze.months": 1,
        "period.freeze.day": 20,
    }
    assert set(data) == KEYS
    settings = MonthSettings.from_dict(data)
    applied = settings.applied_to(SALES_2H)
    assert (applied.call_window.opens, applied.call_window.closes) == (timedelta(minutes=30), timedelta(days=2))
    assert applied.base is Base.RESPONDED
    assert applied.excluded == (("SALES_MANAGER", "CONFIRMED"),)
    assert [applied.points_of(rule) for rule in ("D-Q", "D-CALL", "D-CMP", "D-CMP-J")] == [Decimal(-2), -1, -1, None]
    rule = settings.recovery_for(3)
    assert rule is not None
    assert (rule.within, rule.role, rule.home_visit) == (timedelta(hours=36), "SALES_MANAGER", True)
    assert settings.recovery_for(1) is settings.recovery_for(None) is None
    assert settings.freeze == FreezeRule(1, 20)


def test_the_freeze_is_a_setting() -> None:
    settings = MonthSettings.from_dict({"period.freeze.months": 1, "period.freeze.day": 20})
    result = close(settings=settings, as_of=at("10-20 00:00"))
    assert (result.frozen_at, result.provisional) == (at("10-20 00:00"), False)


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"folowup": 1}, ("folowup",)),
        ({"vs_rate.denominator": "ALL"}, ("vs_rate.denominator",)),
        ({"followup.delivery_call.window_min": 60}, ("followup.delivery_call.window_min",)),
        ({"followup.delivery_call.window_max": "-1h"}, ("followup.delivery_call.window_max",)),
        (
            {"followup.delivery_call.window_min": "3h", "followup.delivery_call.window_max": "2h"},
            ("followup.delivery_call.window_max",),
        ),
        ({"participants.exclude_statuses": "PROBATION"}, ("participants.exclude_statuses",)),
        (
            {"participants.exclude_statuses": [{"role": "BOSS", "status": "LEFT"}]},
            ("participants.exclude_statuses", "0", "role"),
        ),
        ({"recovery_rules": {"ANGRY": {}}}, ("recovery_rules", "ANGRY")),
        ({"recovery_rules": {"NEUTRAL": {"role": "CS_AGENT"}}}, ("recovery_rules", "NEUTRAL", "within")),
        ({"deduction_rules": {"D-X": {}}}, ("deduction_rules", "D-X")),
        ({"deduction_rules": {"D-Q": {"points": "1"}}}, ("deduction_rules", "D-Q", "points")),
        ({"deduction_rules": {"D-Q": {"points": 0.5}}}, ("deduction_rules", "D-Q", "points")),
        ({"deduction_rules": {"joint": 1}}, ("deduction_rules", "joint")),
        ({"deduction_rules": {"joint": True, "D-CMP-J": {"enabled": False}}}, ("deduction_rules", "joint")),
        ({"complaint.partly_counts": "no"}, ("complaint.partly_counts",)),
        ({"period.freeze.day": 31}, ("period.freeze.day",)),
    ],
)
def test_a_wrong_setting_is_refused_with_its_place(data: dict[str, Any], path: tuple[str, ...]) -> None:
    with pytest.raises(Invalid) as caught:
        MonthSettings.from_dict(data)
    assert caught.value.path == path

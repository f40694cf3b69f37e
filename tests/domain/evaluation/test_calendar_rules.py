"""Months, freeze, status and position (interchange section 5)."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.domain.evaluation.calendar_rules import (
    FreezeRule,
    Month,
    Period,
    last_day_of,
    local_date,
    position_on,
    status_on,
    zone_named,
)
from forecourt.errors import Invalid
from tests.domain.evaluation.shop import SEPTEMBER, ZONE, person, position

ZONES = ["Asia/Shanghai", "Asia/Urumqi", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"]


def test_a_month_reads_writes_and_counts() -> None:
    assert str(Month.parse("2026-09")) == "2026-09"
    assert Month(2026, 11).plus(2) == Month(2027, 1)
    assert Month(2026, 1).plus(-1) == Month(2025, 12)
    assert (Month(2024, 2).first_day, Month(2024, 2).end_day) == (date(2024, 2, 1), date(2024, 3, 1))


@pytest.mark.parametrize("text", ["2026-9", "2026-13", "2026-00", "202609", "2026-0x", "²026-09", ""])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        Month.parse(text)


def test_a_month_begins_at_its_first_local_second_and_ends_before_the_next() -> None:
    period = Period.of(SEPTEMBER, ZONE)
    start = datetime(2026, 8, 31, 16, tzinfo=UTC)
    end = datetime(2026, 9, 30, 16, tzinfo=UTC)
    assert (period.start, period.end) == (start, end)
    second = timedelta(seconds=1)
    assert [period.has(moment) for moment in (start - second, start, end - second, end)] == [False, True, True, False]
    assert not period.has(None)


def test_the_freeze_is_the_22nd_of_the_month_after_the_next_in_the_stores_zone() -> None:
    assert Period.of(SEPTEMBER, ZONE).frozen_at == datetime(2026, 11, 21, 16, tzinfo=UTC)
    assert Period.of(SEPTEMBER, zone_named("Asia/Urumqi")).frozen_at == datetime(2026, 11, 21, 18, tzinfo=UTC)
    assert Period.of(Month(2026, 11), ZONE).frozen_at == datetime(2027, 1, 21, 16, tzinfo=UTC)
    # Summer time began between the month and its freeze.
    assert Period.of(Month(2026, 2), ZoneInfo("Europe/Berlin")).frozen_at == datetime(2026, 4, 21, 22, tzinfo=UTC)


def test_a_freeze_that_some_month_does_not_have_is_refused() -> None:
    for months, day in ((2, 29), (2, 0), (0, 22)):
        with pytest.raises(Invalid):
            FreezeRule(months, day)


def test_a_month_with_a_clock_change_is_an_hour_longer_or_shorter() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    march, october = Period.of(Month(2026, 3), berlin), Period.of(Month(2026, 10), berlin)
    assert march.end - march.start == timedelta(days=31) - timedelta(hours=1)
    assert october.end - october.start == timedelta(days=31) + timedelta(hours=1)


@given(
    st.sampled_from(ZONES),
    st.integers(2015, 2035),
    st.integers(1, 12),
    st.integers(-90_000, 90_000),
)
def test_the_bounds_of_a_month_are_the_local_dates(name: str, year: int, month: int, seconds: int) -> None:
    zone, of = ZoneInfo(name), Month(year, month)
    period = Period.of(of, zone)
    for edge in (period.start, period.end):
        moment = edge + timedelta(seconds=seconds)
        assert period.has(moment) is (Month.of(moment, zone) == of) is of.has_day(local_date(moment, zone))


def test_an_unknown_zone_is_refused() -> None:
    for name in ("Asia/Nowhere", "../etc/passwd", ""):
        with pytest.raises(Invalid):
            zone_named(name)


def test_the_dates_decide_the_status() -> None:
    who = person("A", "2026-01-01", "2026-04-01", "2026-09-15")
    days = [date(2026, 3, 31), date(2026, 4, 1), date(2026, 9, 14), date(2026, 9, 15)]
    assert [status_on(who, day) for day in days] == ["PROBATION", "CONFIRMED", "CONFIRMED", "LEFT"]
    assert status_on(person("B", "2026-01-01", None), date(2030, 1, 1)) == "PROBATION"
    assert status_on(person("C", "2026-01-01", None, "2026-02-01"), date(2026, 2, 1)) == "LEFT"


def test_a_change_on_the_15th_counts_from_the_15th() -> None:
    spans = [position("A", team="T1", end="2026-09-15"), position("A", team="T2", start="2026-09-15", end="2026-09-20")]
    teams = [getattr(position_on(spans, date(2026, 9, day)), "team_code", None) for day in (14, 15, 19, 20)]
    assert teams == ["T1", "T2", "T2", None]


def test_the_last_day_of_a_position_in_a_month() -> None:
    who = person("A")
    assert last_day_of(position("A"), who, SEPTEMBER) == date(2026, 9, 30)
    assert last_day_of(position("A", end="2026-09-15"), who, SEPTEMBER) == date(2026, 9, 14)
    assert last_day_of(position("A", end="2026-09-01"), who, SEPTEMBER) is None
    assert last_day_of(position("A", start="2026-09-30"), who, SEPTEMBER) == date(2026, 9, 30)
    assert last_day_of(position("A", start="2026-10-01"), who, SEPTEMBER) is None
    assert last_day_of(position("A"), person("A", left="2026-09-01"), SEPTEMBER) is None
    assert last_day_of(position("A"), person("A", left="2026-09-02"), SEPTEMBER) == date(2026, 9, 1)
    assert last_day_of(position("A"), person("A", hired="2026-10-01", confirmed=None), SEPTEMBER) is None

"""When a recurring job is due: also where the clocks change."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.errors import Invalid
from forecourt.tenancy.schedule_rules import Daily, Every, Hourly, Monthly, Rule, as_json, from_json, next_run

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [
    ZoneInfo(name)
    for name in (
        "UTC",
        "Asia/Shanghai",
        "Asia/Urumqi",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",  # clocks change by half an hour
        "Asia/Kathmandu",
        "Pacific/Apia",  # skipped 30 December 2011
    )
]

moments = st.datetimes(datetime(2005, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # zone beside
zones = st.sampled_from(ZONES)
times = st.times().map(lambda at: at.replace(second=0, microsecond=0))
local_rules = st.one_of(st.builds(Daily, times), st.builds(Monthly, st.integers(1, 31), times))
rules: st.SearchStrategy[Rule] = st.one_of(
    local_rules, st.builds(Hourly, st.integers(0, 59)), st.builds(Every, st.integers(1, 1440))
)


def at(text: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("rule", "after", "due", "zone"),
    [
        (Monthly(1, time(2)), "2026-10-31 23:59", "2026-11-01 02:00", SHANGHAI),
        (Monthly(1, time(2)), "2026-11-01 02:00", "2026-12-01 02:00", SHANGHAI),
        (Monthly(31, time(2)), "2027-01-31 02:00", "2027-02-28 02:00", SHANGHAI),
        (Monthly(31, time(2)), "2028-02-01 00:00", "2028-02-29 02:00", SHANGHAI),
        (Monthly(5, time(8)), "2026-12-05 08:00", "2027-01-05 08:00", SHANGHAI),
        (Daily(time(3)), "2026-11-22 02:59", "2026-11-22 03:00", SHANGHAI),
        (Daily(time(3)), "2026-11-22 03:00", "2026-11-23 03:00", SHANGHAI),
        (Daily(time(2, 30)), "2026-03-28 12:00", "2026-03-29 03:30", BERLIN),
        (Daily(time(2, 30)), "2026-10-24 12:00", "2026-10-25 02:30", BERLIN),
        (Hourly(15), "2026-11-22 10:15", "2026-11-22 11:15", SHANGHAI),
        (Every(20), "2026-11-22 10:05", "2026-11-22 10:20", SHANGHAI),
    ],
)
def test_next_moment(rule: Rule, after: str, due: str, zone: ZoneInfo) -> None:
    assert next_run(rule, at(after, zone), zone) == at(due, zone).astimezone(UTC)


def test_hour_that_comes_twice_is_used_once() -> None:
    first = next_run(Daily(time(2, 30)), at("2026-10-25 00:00", BERLIN), BERLIN)
    assert next_run(Daily(time(2, 30)), first, BERLIN) == at("2026-10-26 02:30", BERLIN).astimezone(UTC)


@given(rules, moments, zones)
def test_next_moment_lies_ahead_and_within_reach(rule: Rule, after: datetime, zone: ZoneInfo) -> None:
    due = next_run(rule, after, zone)
    reach = {Monthly: timedelta(days=33), Daily: timedelta(days=3), Hourly: timedelta(hours=2)}
    assert due.tzinfo is UTC
    assert timedelta() < due - after <= reach.get(type(rule), timedelta(days=1))


@given(rules, moments, zones, st.timedeltas(timedelta(), timedelta(days=40)))
def test_a_later_question_never_gets_an_earlier_answer(
    rule: Rule, after: datetime, zone: ZoneInfo, later: timedelta
) -> None:
    assert next_run(rule, after, zone) <= next_run(rule, after + later, zone)


@given(rules, moments, zones)
def test_nothing_is_due_between_the_question_and_the_answer(rule: Rule, after: datetime, zone: ZoneInfo) -> None:
    due = next_run(rule, after, zone)
    assert next_run(rule, due - timedelta(microseconds=1), zone) == due


@given(local_rules, moments, zones)
def test_local_time_is_kept_or_shifted_by_the_gap(rule: Daily | Monthly, after: datetime, zone: ZoneInfo) -> None:
    local = next_run(rule, after, zone).astimezone(zone)
    wanted = local.replace(hour=rule.at.hour, minute=rule.at.minute, fold=0)
    exists = wanted.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == wanted.replace(tzinfo=None)
    if exists and wanted.date() == local.date():
        assert local.fold == 0
        assert local.time() == rule.at or wanted < local
    if exists and zone.key in ("UTC", "Asia/Shanghai", "Asia/Kathmandu"):
        assert local.time() == rule.at


@given(st.builds(Daily, times), moments, zones)
def test_a_day_has_one_run(rule: Daily, after: datetime, zone: ZoneInfo) -> None:
    first = next_run(rule, after, zone)
    second = next_run(rule, first, zone)
    assert timedelta(hours=22) <= second - first <= timedelta(hours=26)


@given(rules)
def test_stored_rule_is_read_back(rule: Rule) -> None:
    assert from_json(as_json(rule)) == rule


@pytest.mark.parametrize(
    "stored",
    [
        {},
        {"kind": "yearly"},
        {"kind": "daily", "at": "25:00"},
        {"kind": "daily", "at": "03:00+08:00"},
        {"kind": "monthly", "day": 0, "at": "03:00"},
        {"kind": "hourly", "minute": 60},
        {"kind": "every", "minutes": 0},
        {"kind": "every", "minutes": "5"},
    ],
    ids=str,
)
def test_what_is_no_rule_is_refused(stored: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        from_json(stored)


def test_moment_needs_a_zone() -> None:
    with pytest.raises(ValueError):
        next_run(Every(5), datetime(2026, 1, 1), SHANGHAI)  # noqa: DTZ001  # that is the point

"""Due moments and fatigue, as properties over any delivery, any zone and any order of asks."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecourt.domain.surveys.plan_rules import (
    EXEMPT,
    PRECEDENCE,
    YEAR,
    Ask,
    Caps,
    Suppression,
    add_months,
    after_quiet,
    breaks,
    incident_due,
    purchase_due,
    service_due,
    settle,
)
from forecourt.domain.surveys.policy_rules import Quiet, SurveyPolicy, policy_from
from forecourt.errors import Invalid

POLICY = SurveyPolicy()
ZONES = st.sampled_from([ZoneInfo(name) for name in ("Asia/Shanghai", "Europe/Berlin", "America/St_Johns", "UTC")])
MOMENTS = st.integers(1_577_836_800, 2_051_222_400).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "after"),
    [
        (date(2026, 1, 31), date(2026, 2, 28)),
        (date(2028, 1, 31), date(2028, 2, 29)),
        (date(2026, 12, 15), date(2027, 1, 15)),
        (date(2026, 8, 31), date(2026, 9, 30)),
    ],
)
def test_a_month_later_is_clipped_to_the_end_of_the_month(day: date, after: date) -> None:
    assert add_months(day, 1) == after


@given(MOMENTS, st.binary(min_size=16, max_size=16), ZONES)
def test_a_purchase_is_asked_about_a_month_later_by_day(at: datetime, seed: bytes, zone: ZoneInfo) -> None:
    due = purchase_due(at, seed, zone, POLICY)
    local = due.astimezone(zone)
    first = add_months(at.astimezone(zone).date(), 1)
    assert first <= local.date() <= first + timedelta(days=7)
    assert time(10) <= local.time() < time(19)
    assert due == purchase_due(at, seed, zone, POLICY)


def test_the_spread_uses_every_day() -> None:
    at = datetime(2026, 3, 10, 4, tzinfo=UTC)
    days = {purchase_due(at, bytes([number] * 16), ZoneInfo("Asia/Shanghai"), POLICY).date() for number in range(200)}
    assert len(days) == 8


@given(MOMENTS, ZONES)
def test_a_visit_is_asked_about_within_a_day_and_not_at_night(at: datetime, zone: ZoneInfo) -> None:
    due = service_due(at, zone, POLICY)
    # an hour's change of clocks may lengthen one night
    assert timedelta(hours=4) <= due - at <= timedelta(hours=24)
    assert not POLICY.quiet.has(due.astimezone(zone).time())


@given(MOMENTS, ZONES)
def test_an_incident_is_asked_about_after_a_day_and_not_at_night(at: datetime, zone: ZoneInfo) -> None:
    due = incident_due(at, zone, POLICY)
    assert timedelta(days=1) <= due - at <= timedelta(days=2)
    assert not POLICY.quiet.has(due.astimezone(zone).time())


@given(MOMENTS, ZONES, st.times(), st.times())
def test_the_end_of_quiet_hours_is_never_before_and_waits_at_most_a_day(
    at: datetime, zone: ZoneInfo, start: time, end: time
) -> None:
    quiet = Quiet(start.replace(second=0, microsecond=0), end.replace(second=0, microsecond=0))
    moved = after_quiet(at, zone, quiet)
    assert timedelta(0) <= moved - at <= timedelta(hours=25)


ASKS = st.lists(
    st.tuples(st.sampled_from(["T1", "T2", "T4"]), st.integers(0, 500 * 24)),
    max_size=14,
)
CAPS = st.builds(Caps, st.integers(0, 60).map(lambda days: timedelta(days=days)), st.integers(1, 5))


def asks_of(drawn: list[tuple[str, int]]) -> list[Ask]:
    return [Ask(str(at), kind, START + timedelta(hours=hours)) for at, (kind, hours) in enumerate(drawn)]


def assert_caps_hold(kept: list[Ask], caps: Caps) -> None:
    """Every counted ask looks back on a history that allows it."""
    for ask in kept:
        if ask.template in EXEMPT:
            continue
        earlier = [other for other in kept if other is not ask and other.at <= ask.at]
        assert all(ask.at - other.at >= caps.min_gap for other in earlier)
        assert sum(ask.at - other.at < YEAR for other in earlier) + 1 <= caps.yearly


@given(ASKS, CAPS)
def test_what_stays_satisfies_the_caps_and_nothing_is_lost(drawn: list[tuple[str, int]], caps: Caps) -> None:
    asks = asks_of(drawn)
    losers = settle(asks, caps)
    kept = [ask for ask in asks if ask.key not in losers]
    assert_caps_hold(kept, caps)
    assert not any(ask.template in EXEMPT for ask in asks if ask.key in losers)
    for ask in asks:
        if ask.key in losers:  # nobody is suppressed without cause: with it, a cap would break
            with pytest.raises(AssertionError):
                assert_caps_hold([*kept, ask], caps)


@given(ASKS, CAPS, st.randoms(use_true_random=False))
def test_the_order_in_which_asks_are_made_known_does_not_matter_to_one_settlement(
    drawn: list[tuple[str, int]], caps: Caps, random: object
) -> None:
    asks = asks_of(drawn)
    shuffled = list(asks)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert settle(shuffled, caps) == settle(asks, caps)


@settings(max_examples=200)
@given(ASKS, CAPS, st.lists(st.integers(0, 30), min_size=14, max_size=14), st.data())
def test_caps_hold_for_what_is_sent_under_any_interleaving(
    drawn: list[tuple[str, int]], caps: Caps, delays: list[int], data: st.DataObject
) -> None:
    """Asks become known at any moment before they are due; the sender comes late; each time the contact is settled."""
    planned = asks_of(drawn)
    sent: list[Ask] = []
    gone: set[str] = set()
    known: list[Ask] = []
    for step in data.draw(st.permutations(range(len(planned)))):
        known.append(planned[step])
        gone |= settle([*sent, *(ask for ask in known if ask.key not in gone)], caps).keys()
    now = START
    for step, ask in enumerate(sorted(planned, key=lambda ask: ask.at)):
        now = max(now, ask.at) + timedelta(hours=delays[step])
        open_ = [Ask(o.key, o.template, max(o.at, now)) for o in planned if o.key not in gone]
        open_ = [o for o in open_ if o.key not in {done.key for done in sent}]
        gone |= settle([*sent, *open_], caps).keys()
        if ask.key not in gone:
            sent.append(Ask(ask.key, ask.template, now, sent=True))
    assert_caps_hold(sent, caps)


def test_precedence_decides_between_colliding_asks() -> None:
    caps = Caps()
    service = Ask("visit", "T2", START)
    purchase = Ask("purchase", "T1", START + timedelta(days=10))
    incident = Ask("incident", "T4", START + timedelta(days=12))
    assert settle([service, purchase], caps) == {"visit": Suppression.GAP}
    assert settle([service, purchase, incident], caps) == {"visit": Suppression.GAP}
    assert settle([Ask("visit", "T2", START, sent=True), purchase], caps) == {"purchase": Suppression.GAP}
    assert PRECEDENCE["T4"] < PRECEDENCE["T1"] < PRECEDENCE["T2"]


def test_an_incident_counts_for_the_others_though_it_is_exempt() -> None:
    incident = Ask("incident", "T4", START, sent=True)
    assert breaks(Ask("visit", "T2", START + timedelta(days=29)), [incident], Caps()) is Suppression.GAP
    assert breaks(Ask("visit", "T2", START + timedelta(days=30)), [incident], Caps()) is None


def test_the_fifth_ask_of_a_year_is_one_too_many() -> None:
    sent = [Ask(str(at), "T2", START + timedelta(days=60 * at), sent=True) for at in range(4)]
    fifth = Ask("fifth", "T2", START + timedelta(days=300))
    assert settle([*sent, fifth], Caps()) == {"fifth": Suppression.YEARLY}
    assert settle([*sent, Ask("later", "T2", START + timedelta(days=365))], Caps()) == {}


def test_settings_change_the_policy_and_nonsense_is_refused() -> None:
    policy = policy_from({"surveys.fatigue.min_gap": "90d", "surveys.channels": ["EMAIL"], "quiet_hours.from": "22:00"})
    assert (policy.min_gap, policy.channels, policy.quiet.start) == (timedelta(days=90), ("EMAIL",), time(22))
    assert policy_from({}) == POLICY
    for wrong in (
        {"surveys.fatigue.min_gap": 30},
        {"surveys.fatigue.yearly_cap": True},
        {"surveys.fatigue.yearly_cap": 0},
        {"surveys.channels": ["PIGEON"]},
        {"quiet_hours.until": "25:00"},
        {"surveys.consent.opt_in": "no"},
        {"surveys.language": "fr"},
        {"surveys.service.delay": "14h"},
    ):
        with pytest.raises(Invalid):
            policy_from(wrong)

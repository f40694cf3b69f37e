"""Which value holds, and which sets of values are refused."""

from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.domain.configuration import choose
from forecourt.domain.settings.rules import KEYS, Value, check_new, check_together, chosen
from forecourt.errors import Invalid, Refused
from forecourt.tenancy.control import ConfigSetting

MIN, MAX = "followup.delivery_call.window_min", "followup.delivery_call.window_max"
STORE = UUID(int=1)
DAY = date(2026, 9, 1)


def of(key: str, value: Any, store: UUID | None = None, start: date = DAY, **more: Any) -> Value:
    return Value(key, store, value, start, more.get("end"), more.get("locked", False))


DAYS = st.dates(date(2026, 1, 1), date(2026, 1, 8))
VALUES = st.lists(
    st.builds(
        Value,
        key=st.sampled_from(("a", "b")),
        store=st.sampled_from((None, STORE, UUID(int=2))),
        value=st.integers(0, 9),
        valid_from=DAYS,
        valid_to=st.none() | st.dates(date(2026, 1, 9), date(2026, 1, 12)),
        locked=st.booleans(),
    ),
    max_size=8,
)


@given(VALUES, st.dates(date(2026, 1, 1), date(2026, 1, 12)))
def test_what_is_checked_is_what_will_hold(values: list[Value], day: date) -> None:
    rows = [
        ConfigSetting(id=uuid4(), key=one.key, store_id=one.store, value={"value": one.value}, locked=one.locked)
        for one in sorted(values, key=lambda each: each.valid_from)
        if one.on(day) and one.store in (None, STORE)
    ]
    assert chosen(values, STORE, day) == choose(rows)


@pytest.mark.parametrize(
    ("new", "path"),
    [
        (of("no.such", 1), "key"),
        (of(MIN, "1h", end=DAY), "validTo"),
        (of(MIN, "1h", STORE, locked=True), "locked"),
    ],
)
def test_values_that_are_no_settings(new: Value, path: str) -> None:
    with pytest.raises(Invalid) as error:
        check_new(new)
    assert error.value.path == (path,)


def test_every_key_is_read_by_something() -> None:
    assert list(KEYS) == sorted(set(KEYS))
    assert {MIN, "surveys.language", "period.freeze.day"} <= set(KEYS)


@pytest.mark.parametrize("value", ["soon", 2, None, ["1h"], 1.5])
def test_a_value_that_cannot_be_read_is_refused_where_it_stands(value: Any) -> None:
    new = of(MIN, value)
    with pytest.raises(Invalid) as error:
        check_together([new], new)
    assert error.value.path[:2] == ("value", MIN)


def test_two_values_that_contradict_one_another_are_refused_on_any_later_day() -> None:
    later = of(MAX, "30m", STORE, date(2026, 10, 1))
    new = of(MIN, "1h")
    check_together([of(MAX, "2h"), new], new)
    with pytest.raises(Invalid):
        check_together([of(MAX, "2h"), later, new], new)  # the store's window would close before it opens, in October
    short = of(MIN, "1h", end=date(2026, 10, 1))
    check_together([of(MAX, "2h"), later, short], short)


def test_a_store_does_not_differ_from_what_the_group_locked() -> None:
    new = of(MIN, "10m", STORE)
    with pytest.raises(Refused) as refused:
        check_together([of(MIN, "5m", locked=True, start=date(2026, 12, 1)), new], new)
    assert refused.value.code == "LOCKED"
    unlocked = [of(MIN, "5m", locked=True, start=date(2026, 8, 1)), of(MIN, "5m", start=date(2026, 8, 2)), new]
    check_together(unlocked, new)

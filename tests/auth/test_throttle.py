"""Waits grow with failures, end, and never lock out a person because of others."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.auth.throttle import (
    FAMILIAR,
    FREE,
    PER_ADDRESS,
    PER_NAME,
    PER_NAME_A_DAY,
    WINDOW,
    Pair,
    address_key,
    wait,
)
from tests.auth.world import NOON

counts = st.integers(0, 10_000)
ages = st.timedeltas(timedelta(0), timedelta(days=400))


@given(counts, ages, st.none() | ages, counts, counts)
def test_a_wait_is_never_negative_nor_longer_than_the_window(
    failures: int, failed: timedelta, succeeded: timedelta | None, of_address: int, of_name: int
) -> None:
    pair = Pair(failures, NOON - failed, None if succeeded is None else NOON - succeeded)
    assert timedelta(0) <= wait(pair, of_address=of_address, of_name=of_name, now=NOON) <= WINDOW


@given(counts, counts)
def test_who_signed_in_here_before_is_not_locked_out_by_others(of_address: int, of_name: int) -> None:
    pair = Pair(0, NOON, NOON - FAMILIAR / 2)
    assert wait(pair, of_address=of_address, of_name=of_name, now=NOON) == timedelta(0)


@given(st.integers(0, 1000))
def test_more_failures_never_wait_less(failures: int) -> None:
    waits = [wait(Pair(failures + more, NOON), of_address=0, of_name=0, now=NOON) for more in (0, 1)]
    assert waits[0] <= waits[1]


def test_the_first_failures_are_free_and_old_ones_forgotten() -> None:
    assert wait(Pair(FREE - 1, NOON), of_address=0, of_name=0, now=NOON) == timedelta(0)
    assert wait(Pair(FREE, NOON), of_address=0, of_name=0, now=NOON) == timedelta(seconds=1)
    assert wait(Pair(FREE + 3, NOON), of_address=0, of_name=0, now=NOON) == timedelta(seconds=8)
    assert wait(Pair(10_000, NOON - WINDOW), of_address=0, of_name=0, now=NOON) == timedelta(0)


def test_strangers_wait_when_an_address_or_a_name_is_under_attack() -> None:
    assert wait(Pair(), of_address=PER_ADDRESS, of_name=0, now=NOON) == WINDOW
    assert wait(Pair(), of_address=0, of_name=PER_NAME, now=NOON) == WINDOW
    assert wait(Pair(), of_address=0, of_name=0, of_name_today=PER_NAME_A_DAY, now=NOON) == WINDOW
    here_before = Pair(0, NOON, NOON - FAMILIAR / 2)
    assert wait(here_before, of_address=0, of_name=0, of_name_today=PER_NAME_A_DAY, now=NOON) == timedelta(0)
    long_ago = Pair(0, NOON - FAMILIAR, NOON - FAMILIAR)
    assert wait(long_ago, of_address=0, of_name=PER_NAME, now=NOON) == WINDOW


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "unknown"),
        ("", "unknown"),
    ],
)
def test_addresses_are_counted_by_who_owns_them(address: str, key: str) -> None:
    assert address_key(address) == key

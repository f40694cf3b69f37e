"""Intervals against published figures, statsmodels and what an interval must always do."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint  # type: ignore[import-untyped]  # ships no types

from forecourt.domain.benchmark.intervals import Interval, clopper_pearson, jeffreys, wilson
from forecourt.errors import Invalid

METHODS = [wilson, clopper_pearson, jeffreys]


@st.composite
def shares(draw: st.DrawFn, largest: int = 5000) -> tuple[int, int]:
    n = draw(st.integers(1, largest))
    return draw(st.integers(0, n)), n


@pytest.mark.parametrize(
    ("oracle", "method"),
    [
        ("wilson_newcombe1998_95", wilson),
        ("clopper_newcombe1998_95", clopper_pearson),
        ("jeffreys_statsmodels", jeffreys),
    ],
)
def test_published_intervals_are_met_to_the_printed_digit(oracles: dict[str, Any], oracle: str, method: Any) -> None:
    for row in oracles[oracle]:
        lo, hi = method(row["k"], row["n"])
        assert (round(lo, 4), round(hi, 4)) == (row["lo"], row["hi"])


@given(shares())
def test_wilson_and_clopper_agree_with_statsmodels(share: tuple[int, int]) -> None:
    x, n = share
    assert wilson(x, n) == pytest.approx(proportion_confint(x, n, method="wilson"), abs=1e-12)
    assert clopper_pearson(x, n) == pytest.approx(proportion_confint(x, n, method="beta"), abs=1e-9)


@given(shares())
def test_jeffreys_agrees_with_statsmodels_but_at_the_decided_ends(share: tuple[int, int]) -> None:
    x, n = share
    lo, hi = proportion_confint(x, n, method="jeffreys")
    assert jeffreys(x, n) == pytest.approx((0.0 if x == 0 else lo, 1.0 if x == n else hi), abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_nothing_counted_has_no_interval(method: Any) -> None:
    assert method(0, 0) is None


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [1, 2, 11, 36, 1000, 1_000_000])
def test_the_ends_are_exactly_zero_and_one(method: Any, n: int) -> None:
    assert method(0, n)[0] == 0.0
    assert 0 < method(0, n)[1] < 1
    assert method(n, n)[1] == 1.0
    assert 0 < method(n, n)[0] < 1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("x", "n"), [(-1, 5), (6, 5), (1, 0), (0, -1)])
def test_impossible_counts_are_refused(method: Any, x: int, n: int) -> None:
    with pytest.raises(Invalid):
        method(x, n)


@pytest.mark.parametrize("method", METHODS)
@given(share=shares())
def test_an_interval_holds_its_value_and_mirrors_with_the_failures(method: Any, share: tuple[int, int]) -> None:
    x, n = share
    interval: Interval = method(x, n)
    assert 0 <= interval.lo <= x / n <= interval.hi <= 1
    mirrored: Interval = method(n - x, n)
    assert (1 - mirrored.hi, 1 - mirrored.lo) == pytest.approx(interval, abs=1e-9)


@given(shares(500))
def test_the_exact_interval_keeps_its_tails(share: tuple[int, int]) -> None:
    from scipy.stats import binom

    x, n = share
    interval = clopper_pearson(x, n)
    assert interval is not None
    if x > 0:
        assert binom.sf(x - 1, n, interval.lo) == pytest.approx(0.025, abs=1e-9)
    if x < n:
        assert binom.cdf(x, n, interval.hi) == pytest.approx(0.025, abs=1e-9)

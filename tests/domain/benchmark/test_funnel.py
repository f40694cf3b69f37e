"""The funnel's limits and verdicts."""

import random
from fractions import Fraction
from math import comb
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecourt.domain.benchmark.funnel import (
    Verdict,
    funnel_limits,
    lower_limit,
    over_dispersion,
    verdict,
    z_scores,
)
from forecourt.errors import Invalid

MIRROR = {
    Verdict.LOW3: Verdict.HIGH3,
    Verdict.LOW2: Verdict.HIGH2,
    Verdict.IN: Verdict.IN,
    Verdict.HIGH2: Verdict.LOW2,
    Verdict.HIGH3: Verdict.LOW3,
}


def judge(x: int, n: int, rate: float) -> Verdict:
    return verdict(x / n, rate, funnel_limits(n, rate))


@pytest.mark.parametrize("year", ["1991", "2012"])
def test_childrens_heart_surgery_gets_the_published_verdicts(oracles: dict[str, Any], year: str) -> None:
    oracle = oracles[f"funnel_child_heart_{year}"]
    counts = [(unit["x"], unit["n"]) for unit in oracle["units"]]
    rate = sum(x for x, _ in counts) / sum(n for _, n in counts)
    assert round(rate, 5) == oracle["theta"]
    found: dict[str, list[str]] = {}
    for unit in oracle["units"]:
        found.setdefault(judge(unit["x"], unit["n"], rate).value, []).append(unit["name"])
    found.pop("IN")
    assert found == {word: names for word, names in oracle.items() if word in MIRROR}
    phi = over_dispersion(counts, winsor=0)
    assert phi is not None
    assert round(phi, 3) == oracle["phi"]


def exact_lower(n: int, rate: Fraction, tail: Fraction) -> Fraction:
    """The definition, word by word, in rational arithmetic."""
    before = reached = Fraction(0)
    for r in range(n + 1):
        before, reached = reached, reached + comb(n, r) * rate**r * (1 - rate) ** (n - r)
        if reached >= tail:
            return (r - (reached - tail) / (reached - before)) / n
    raise AssertionError("the distribution function reaches 1")


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 120), st.integers(1, 499), st.sampled_from([Fraction(1, 40), Fraction(1, 1000)]))
def test_limits_equal_the_definition_in_rational_arithmetic(n: int, per_500: int, tail: Fraction) -> None:
    rate = Fraction(per_500, 500)
    assert lower_limit(n, float(rate), float(tail)) == pytest.approx(float(exact_lower(n, rate, tail)), abs=1e-11)
    limits = funnel_limits(n, float(rate))
    upper = limits.hi95 if tail == Fraction(1, 40) else limits.hi998
    assert upper == pytest.approx(float(1 - exact_lower(n, 1 - rate, tail)), abs=1e-11)


@settings(deadline=None)
@given(st.integers(1, 1_000_000), st.floats(0.001, 0.999))
def test_limits_nest_around_the_rate_up_to_a_million(n: int, rate: float) -> None:
    limits = funnel_limits(n, rate)
    assert limits.lo998 < limits.lo95 < rate < limits.hi95 < limits.hi998
    if n * rate * (1 - rate) > 1000:
        spread = (rate * (1 - rate) / n) ** 0.5
        assert limits.lo95 == pytest.approx(rate - 1.96 * spread, abs=0.1 * spread)
        assert limits.hi998 == pytest.approx(rate + 3.09 * spread, abs=0.2 * spread)


@settings(deadline=None)
@given(st.integers(1, 2000), st.floats(0.01, 0.98), st.floats(0.0001, 0.01))
def test_limits_rise_with_the_rate(n: int, rate: float, more: float) -> None:
    low, high = funnel_limits(n, rate), funnel_limits(n, rate + more)
    for name in ("lo998", "lo95", "hi95", "hi998"):
        assert getattr(low, name) <= getattr(high, name) + 1e-12


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.61, 0.87])
def test_limits_close_in_as_stores_grow(rate: float) -> None:
    steps = [funnel_limits(n, rate) for n in (10, 40, 160, 640, 2560, 10240, 1_000_000)]
    for name, sign in (("lo998", 1), ("lo95", 1), ("hi95", -1), ("hi998", -1)):
        series = [sign * getattr(step, name) for step in steps]
        assert series == sorted(series)


@settings(deadline=None)
@given(st.data(), st.integers(1, 300), st.integers(1, 99))
def test_the_verdict_mirrors_when_successes_and_failures_swap(data: st.DataObject, n: int, percent: int) -> None:
    x = data.draw(st.integers(0, n))
    assert judge(n - x, n, 1 - percent / 100) == MIRROR[judge(x, n, percent / 100)]


def test_a_lucky_small_store_is_not_extraordinary() -> None:
    assert judge(15, 15, 0.87) is Verdict.IN
    assert judge(15, 15, 0.5) is Verdict.HIGH3


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_at_a_rate_of_zero_or_one_everybody_is_in(rate: float) -> None:
    limits = funnel_limits(20, rate)
    assert verdict(0.0, rate, limits) is Verdict.IN
    assert verdict(1.0, rate, limits) is Verdict.IN


def test_a_value_on_a_limit_is_inside_it() -> None:
    limits = funnel_limits(100, 0.6)
    assert verdict(limits.lo95, 0.6, limits) is Verdict.IN
    assert verdict(limits.lo998, 0.6, limits) is Verdict.LOW2
    assert verdict(limits.hi95, 0.6, limits) is Verdict.IN
    assert verdict(limits.hi998, 0.6, limits) is Verdict.HIGH2
    assert verdict(limits.hi998 + 1e-9, 0.6, limits) is Verdict.HIGH3


def test_chance_alone_gives_about_the_promised_share_of_alarms() -> None:
    rng = random.Random(4)
    words = [
        judge(sum(rng.random() < 0.8 for _ in range(n)), n, 0.8) for n in [rng.randint(20, 80) for _ in range(2000)]
    ]
    beyond = sum(word is not Verdict.IN for word in words) / len(words)
    assert 0.02 < beyond < 0.06
    assert sum(word in (Verdict.LOW3, Verdict.HIGH3) for word in words) / len(words) < 0.005


def test_dispersion_is_one_for_chance_and_more_for_real_differences() -> None:
    rng = random.Random(5)

    def cohort(spread: float) -> list[tuple[int, int]]:
        return [
            (sum(rng.random() < rate for _ in range(100)), 100)
            for rate in [0.7 + rng.uniform(-spread, spread) for _ in range(200)]
        ]

    calm, wild = over_dispersion(cohort(0.0), winsor=0), over_dispersion(cohort(0.2))
    assert calm is not None and wild is not None
    assert 0.75 < calm < 1.25
    assert wild > 3


def test_winsorising_takes_the_outlier_out_of_the_dispersion() -> None:
    counts = [(70 + shift, 100) for shift in (-3, -2, -1, 0, 0, 1, 1, 2, 2, 3)] + [(20, 100)]
    with_it, without = over_dispersion(counts, winsor=0), over_dispersion(counts)
    assert with_it is not None and without is not None
    assert without < with_it / 4


def test_without_spread_there_is_no_score() -> None:
    assert z_scores([(0, 5), (0, 9)]) == []
    assert over_dispersion([(5, 5), (9, 9)]) is None


def test_impossible_input_is_refused() -> None:
    for n, rate, tail in ((0, 0.5, 0.025), (5, 1.5, 0.025), (5, 0.5, 0.0)):
        with pytest.raises(Invalid):
            lower_limit(n, rate, tail)
    with pytest.raises(Invalid):
        z_scores([(0, 0)])
    with pytest.raises(Invalid):
        over_dispersion([(1, 2)], winsor=0.5)

"""The beta-binomial fit: its edges, that it is the highest maximum, and that it finds planted truths again."""

import math
from fractions import Fraction
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from forecourt.domain.benchmark.shrinkage import (
    MAX_TRIALS,
    BetaBinomial,
    _Likelihood,
    fit_beta_binomial,
    log_likelihood,
)
from forecourt.errors import Invalid

Cohort: TypeAlias = list[tuple[int, int]]
Floats: TypeAlias = npt.NDArray[np.float64]

# Small stores that disagree wildly beside large ones that agree: the likelihood has two hills, and a search that
# starts in the wrong place ends on the lower one.
TWO_HILLS: dict[str, Cohort] = {
    "five tiny, three middling": [(0, 4), (0, 4), (2, 2), (3, 3), (3, 3), (62, 100), (52, 100), (50, 100)],
    "fourteen tiny, six large": [
        *[
            (0, 4),
            (0, 3),
            (0, 2),
            (0, 4),
            (0, 4),
            (0, 2),
            (4, 4),
            (4, 4),
            (3, 3),
            (3, 3),
            (3, 3),
            (4, 4),
            (2, 2),
            (4, 4),
        ],
        *[(447, 1000), (550, 1000), (536, 1000), (441, 1000), (490, 1000), (500, 1000)],
    ],
    "twelve tiny, two large": [*[(0, 3)] * 4, *[(0, 2)] * 2, *[(4, 4)] * 5, (3, 3), (500, 1000), (456, 1000)],
    "six tiny, six huge": [
        *[(0, 2), (0, 4), (2, 2), (2, 2), (3, 3), (4, 4)],
        *[(1888, 10000), (2000, 10000), (2037, 10000), (2113, 10000), (2000, 10000), (1869, 10000)],
    ],
}
NASTY: dict[str, Cohort] = {
    **TWO_HILLS,
    "one huge store": [(3, 5), (2, 7), (4, 4), (0, 6), (300, 1000), (61_000, 100_000)],
    "all but one extreme": [(0, 9), (12, 12), (0, 30), (25, 25), (1, 2)],
    "hardly any hits": [(0, 4000), (1, 3000), (0, 5000), (9, 2500), (0, 100)],
    "pairs": [(0, 2), (2, 2), (2, 2), (1, 2), (0, 2), (2, 2)],
    "far apart": [(10, 1000), (990, 1000), (500, 1000), (40, 1000), (970, 1000)],
    "hardly any spread": [(50, 100), (60, 100), (40, 100), (53, 100), (36, 100)],
}


def naive(counts: Cohort, m: Floats, theta: Floats) -> Floats:
    """L(m, θ) as the definition says, term by term; arrays of equal shape."""
    total = np.zeros(np.broadcast(m, theta).shape)
    for bounds, base, sign in (
        ([x for x, _ in counts], m, 1),
        ([n - x for x, n in counts], 1 - m, 1),
        ([n for _, n in counts], np.ones_like(m), -1),
    ):
        for j in range(max(bounds)):
            total += sign * sum(bound > j for bound in bounds) * np.log(base + j * theta)
    return total


def gathered(counts: Cohort, m: Floats, theta: Floats) -> Floats:
    """The module's own fast sums, proved equal to the definition below; for cohorts too large to go term by term."""
    likelihood = _Likelihood(counts)
    chunks = [likelihood.value(m[i : i + 2000], theta[i : i + 2000]) for i in range(0, len(m), 2000)]
    return np.concatenate(chunks)


def by_gamma(counts: Cohort, m: float, theta: float) -> float:
    """L(m, θ) by the gamma function, for θ large enough that it does not cancel."""
    a, b = m / theta, (1 - m) / theta

    def rise(base: float, terms: int) -> float:
        return math.lgamma(base + terms) - math.lgamma(base)

    return math.fsum(rise(a, x) + rise(b, n - x) - rise(a + b, n) for x, n in counts)


@st.composite
def cohorts(draw: st.DrawFn, largest: int = 60, most: int = 12) -> Cohort:
    sizes = draw(st.lists(st.integers(1, largest), min_size=1, max_size=most))
    return [(draw(st.integers(0, n)), n) for n in sizes]


@settings(deadline=None)
@given(cohorts(), st.floats(0.01, 0.99), st.floats(0, 5))
def test_the_likelihood_is_the_definition(counts: Cohort, m: float, theta: float) -> None:
    expected = naive(counts, np.array([m]), np.array([theta]))[0]
    assert log_likelihood(counts, m, theta) == pytest.approx(expected, rel=1e-12, abs=1e-9)


@pytest.mark.parametrize("theta", [1e-3, 0.05, 1.0, 40.0])
def test_gathered_terms_lose_nothing_at_large_n(theta: float) -> None:
    random = np.random.default_rng(3)
    sizes = random.integers(1, 100_000, 30)
    counts = [(int(random.binomial(n, 0.7)), int(n)) for n in sizes]
    assert log_likelihood(counts, 0.7, theta) == pytest.approx(by_gamma(counts, 0.7, theta), rel=1e-11)


def test_at_theta_zero_the_likelihood_is_the_binomial_one() -> None:
    counts = [(70_000, 100_000), (3, 5)]
    expected = 70_003 * math.log(0.7) + 30_002 * math.log(0.3)
    assert log_likelihood(counts, 0.7, 0.0) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("name", NASTY)
def test_the_maximum_is_the_highest_on_a_dense_grid(name: str) -> None:
    counts = NASTY[name]
    model = fit_beta_binomial(counts)
    assert model.m is not None and model.theta is not None and model.theta > 0
    likelihood = naive if max(n for _, n in counts) <= 1000 else gathered
    found = likelihood(counts, np.array([model.m]), np.array([model.theta]))[0]
    near = model.m + np.linspace(-0.01, 0.01, 21)
    means = np.concatenate([np.linspace(0.005, 0.995, 60), near[(near > 0) & (near < 1)]])
    thetas = np.concatenate([np.logspace(-9, 5, 90), model.theta * np.logspace(-0.5, 0.5, 21)])
    grid = likelihood(counts, np.tile(means, len(thetas)), np.repeat(thetas, len(means)))
    assert found >= grid.max() - 1e-9 * max(1.0, abs(found) * 1e-5)


@pytest.mark.parametrize("name", TWO_HILLS)
def test_there_really_are_two_hills(name: str) -> None:
    means, thetas = np.linspace(0.15, 0.85, 701), np.logspace(-6, 2, 60)
    grid = gathered(TWO_HILLS[name], np.tile(means, 60), np.repeat(thetas, 701))
    profile = grid.reshape(60, 701).max(axis=1)
    hills = [i for i in range(1, 59) if profile[i - 1] < profile[i] > profile[i + 1]]
    assert len(hills) == 2


@settings(deadline=None, max_examples=40)
@given(cohorts(largest=25, most=8))
def test_no_point_of_a_grid_lies_higher(counts: Cohort) -> None:
    model = fit_beta_binomial(counts)
    assume(model.theta is not None and model.theta > 0 and model.m is not None)
    assert model.m is not None and model.theta is not None
    found = naive(counts, np.array([model.m]), np.array([model.theta]))[0]
    means, thetas = np.linspace(0.01, 0.99, 50), np.logspace(-7, 4, 60)
    grid = naive(counts, np.tile(means, 60), np.repeat(thetas, 50))
    assert found >= grid.max() - 1e-9


@pytest.mark.parametrize("name", NASTY)
def test_at_the_maximum_both_slopes_vanish(name: str) -> None:
    counts = NASTY[name]
    model = fit_beta_binomial(counts)
    assert model.m is not None and model.theta is not None
    m, theta = model.m, model.theta

    def slopes(m: float, theta: float) -> tuple[float, float]:
        in_m = in_theta = 0.0
        for x, n in counts:
            hits, misses, terms = np.arange(x), np.arange(n - x), np.arange(n)
            in_m += float((1 / (m + hits * theta)).sum() - (1 / (1 - m + misses * theta)).sum())
            in_theta += float((hits / (m + hits * theta)).sum() + (misses / (1 - m + misses * theta)).sum())
            in_theta -= float((terms / (1 + terms * theta)).sum())
        return in_m, in_theta

    # a step of 1e-7 of the distance to the edge turns the sign of each slope: the maximum is that near
    step, ratio = 1e-7 * m * (1 - m), 1 + 1e-6
    assert slopes(m - step, theta)[0] > 0 > slopes(m + step, theta)[0]
    assert slopes(m, theta / ratio)[1] > 0 > slopes(m, theta * ratio)[1]


@given(cohorts())
@settings(deadline=None, max_examples=50)
def test_a_shrunk_value_lies_between_the_raw_one_and_the_mean(counts: Cohort) -> None:
    model = fit_beta_binomial(counts)
    for x, n in counts:
        mean = x / n if model.m is None else model.m
        low, high = sorted((x / n, mean))
        assert low - 1e-12 <= model.shrink(x, n) <= high + 1e-12


@given(cohorts())
@settings(deadline=None, max_examples=50)
def test_the_fit_mirrors_when_successes_and_failures_swap(counts: Cohort) -> None:
    model = fit_beta_binomial(counts)
    mirrored = fit_beta_binomial([(n - x, n) for x, n in counts])
    assert (model.theta is None) == (mirrored.theta is None)
    for x, n in counts:
        assert mirrored.shrink(n - x, n) == pytest.approx(1 - model.shrink(x, n), abs=1e-9)


@given(cohorts())
@settings(deadline=None, max_examples=50)
def test_the_fit_does_not_depend_on_the_order(counts: Cohort) -> None:
    assert fit_beta_binomial(sorted(counts)) == fit_beta_binomial(sorted(counts, reverse=True))


@pytest.mark.parametrize(("x", "pooled"), [(0, 0.0), (7, 1.0)])
def test_all_failures_or_all_successes_have_no_spread(x: int, pooled: float) -> None:
    model = fit_beta_binomial([(x, 7)] * 6)
    assert (model.m, model.theta, model.a, model.b, model.tau) == (pooled, 0.0, None, None, 0.0)
    assert model.shrink(x, 7) == pooled


def test_stores_no_more_different_than_chance_share_the_pooled_rate() -> None:
    counts = [(22, 30), (25, 32), (22, 28), (23, 35), (20, 27)]
    model = fit_beta_binomial(counts)
    assert (model.m, model.theta, model.tau) == (112 / 152, 0.0, 0.0)
    assert {model.shrink(x, n) for x, n in counts} == {112 / 152}


def test_a_flat_slope_at_zero_counts_as_no_spread() -> None:
    # one customer each: the counts say nothing about differences, and the slope is exactly 0
    model = fit_beta_binomial([(0, 1), (1, 1), (1, 1)])
    assert (model.m, model.theta) == (2 / 3, 0.0)


def test_no_spread_holds_where_a_far_hill_is_higher_because_the_slope_decides() -> None:
    counts = [(3, 3), (0, 2), (45, 50)]
    x, n = 48, 55
    slope = Fraction((6 + 45 * 44) * n, x) + Fraction((2 + 5 * 4) * n, n - x) - (6 + 2 + 50 * 49)
    assert slope < 0
    assert fit_beta_binomial(counts) == BetaBinomial(48 / 55, 0.0)


def test_stores_of_nothing_or_everything_have_no_maximum() -> None:
    model = fit_beta_binomial([(0, 4), (6, 6), (9, 9), (0, 2), (1, 1)])
    assert (model.m, model.theta, model.a, model.b, model.tau) == (None, None, None, None, None)
    assert model.shrink(6, 6) == 1.0
    assert model.shrink(0, 4) == 0.0


@pytest.mark.parametrize("tau", [0.03, 0.08, 0.15])
def test_a_planted_spread_between_stores_is_found_again(tau: float) -> None:
    random = np.random.default_rng(round(1000 * tau))
    m = 0.8
    total = m * (1 - m) / tau**2 - 1
    rates = random.beta(m * total, (1 - m) * total, 300)
    counts = [(int(random.binomial(n, p)), int(n)) for p, n in zip(rates, random.integers(40, 400, 300), strict=True)]
    model = fit_beta_binomial(counts)
    assert model.tau == pytest.approx(tau, rel=0.15)
    assert model.m == pytest.approx(m, abs=0.02)


def test_shrunk_values_come_nearer_to_the_planted_rates_than_raw_ones() -> None:
    random = np.random.default_rng(12)
    rates = random.beta(32, 8, 200)
    counts = [(int(random.binomial(25, p)), 25) for p in rates]
    model = fit_beta_binomial(counts)
    raw = sum((x / n - p) ** 2 for (x, n), p in zip(counts, rates, strict=True))
    shrunk = sum((model.shrink(x, n) - p) ** 2 for (x, n), p in zip(counts, rates, strict=True))
    assert shrunk < 0.7 * raw


def test_a_thousand_large_stores_fit() -> None:
    random = np.random.default_rng(1000)
    counts = [
        (int(random.binomial(n, p)), int(n))
        for n, p in zip(random.integers(10, 100_000, 1000), random.beta(16, 4, 1000), strict=True)
    ]
    model = fit_beta_binomial(counts)
    assert model.m == pytest.approx(0.8, abs=0.01)
    assert model.theta == pytest.approx(1 / 20, rel=0.1)


def test_impossible_input_is_refused() -> None:
    for counts in ([], [(1, 0)], [(0, 0)], [(3, 2)], [(-1, 2)], [(1, MAX_TRIALS + 1)]):
        with pytest.raises(Invalid):
            fit_beta_binomial(counts)
    with pytest.raises(Invalid):
        log_likelihood([(1, 2)], 0.0, 0.5)
    with pytest.raises(Invalid):
        BetaBinomial(0.5, 0.1).shrink(0, 0)

"""Variance between stores against published figures and statsmodels."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from statsmodels.stats.meta_analysis import combine_effects  # type: ignore[import-untyped]  # ships no types

from forecourt.domain.benchmark.dispersion import dersimonian_laird, james_stein, paule_mandel, shrink_mean
from forecourt.errors import Invalid


def trials(oracle: dict[str, Any]) -> tuple[list[float], list[float]]:
    """Log risk ratios and their variances of the vaccine trials."""
    a, b, c, d = np.array(oracle["trials_treated_pos_neg_control_pos_neg"], dtype=float).T
    ratio = np.log(a / (a + b)) - np.log(c / (c + d))
    return ratio.tolist(), (1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)).tolist()


def test_the_vaccine_trials_give_the_published_heterogeneity(oracles: dict[str, Any]) -> None:
    oracle = oracles["tau2_bcg"]
    moments, balanced = dersimonian_laird(*trials(oracle)), paule_mandel(*trials(oracle))
    assert round(moments.tau2, 4) == oracle["tau2_DL"]
    assert round(balanced.tau2, 4) == oracle["tau2_PM"]
    assert round(moments.q, 3) == oracle["Q"]
    assert round(moments.mean_fixed, 4) == oracle["mean_FE"]
    assert round(moments.mean_random, 4) == oracle["mean_RE"]


@st.composite
def studies(draw: st.DrawFn) -> tuple[list[float], list[float]]:
    size = draw(st.integers(2, 20))
    effects = draw(st.lists(st.floats(-10, 10), min_size=size, max_size=size))
    return effects, draw(st.lists(st.floats(0.01, 10), min_size=size, max_size=size))


@given(studies())
def test_moments_agree_with_statsmodels(study: tuple[list[float], list[float]]) -> None:
    effects, variances = np.array(study[0]), np.array(study[1])
    ours = dersimonian_laird(*study)
    assume(ours.tau2 > 1e-3)  # statsmodels does not cut a negative estimate at 0, and then divides by it
    theirs = combine_effects(effects, variances, method_re="dl")
    assert ours.tau2 == pytest.approx(theirs.tau2, rel=1e-9)
    assert ours.q == pytest.approx(theirs.q, rel=1e-9, abs=1e-9)


# not 5: there statsmodels' first step undershoots and it answers 0, where Q is far above its degrees of freedom
@pytest.mark.parametrize("key", [0, 1, 2, 3, 4, 6, 7, 8, 9])
def test_paule_mandel_agrees_with_statsmodels(key: int) -> None:
    random = np.random.default_rng(key)
    variances = random.uniform(0.1, 2.0, 12)
    effects = random.normal(0, np.sqrt(variances + 1.5))
    theirs = combine_effects(effects, variances, method_re="iterated", atol=1e-9, maxiter=200)
    assert paule_mandel(effects.tolist(), variances.tolist()).tau2 == pytest.approx(theirs.tau2, rel=1e-6)


@given(studies())
def test_paule_mandel_brings_q_to_its_degrees_of_freedom(study: tuple[list[float], list[float]]) -> None:
    effects, variances = study
    result = paule_mandel(effects, variances)
    weights = [1 / (v + result.tau2) for v in variances]
    q = sum(w * (y - result.mean_random) ** 2 for w, y in zip(weights, effects, strict=True))
    if result.tau2 > 0:
        assert q == pytest.approx(len(effects) - 1, rel=1e-9)
    else:
        assert q <= len(effects) - 1


@given(studies())
def test_a_shrunk_mean_lies_between_the_raw_one_and_the_groups(study: tuple[list[float], list[float]]) -> None:
    model = dersimonian_laird(*study)
    for y, v in zip(*study, strict=True):
        low, high = sorted((y, model.mean_random))
        assert low - 1e-12 <= shrink_mean(y, v, model) <= high + 1e-12


def test_a_planted_variance_is_found_again() -> None:
    random = np.random.default_rng(20260901)
    variances = random.uniform(0.01, 0.05, 400)
    effects = random.normal(4.2, 0.3, 400) + random.normal(0, np.sqrt(variances))
    for estimate in (dersimonian_laird, paule_mandel):
        model = estimate(effects.tolist(), variances.tolist())
        assert model.tau2**0.5 == pytest.approx(0.3, rel=0.1)
        assert model.mean_random == pytest.approx(4.2, abs=0.05)


def test_the_batting_averages_shrink_as_published(oracles: dict[str, Any]) -> None:
    oracle = oracles["james_stein_efron_morris1977"]
    values = [hits / 45 for hits in oracle["hits45"]]
    mean = sum(values) / len(values)
    result = james_stein(values, mean * (1 - mean) / 45)
    assert round(result.grand_mean, 4) == oracle["grand_mean"]
    assert round(result.keep, 4) == oracle["c"]
    assert (round(result.values[0], 3), round(result.values[-1], 3)) == (oracle["first"], oracle["last"])


def test_equal_values_shrink_to_their_mean() -> None:
    assert james_stein([0.5] * 6, 0.01).keep == 0
    assert james_stein([0.5, 0.51, 0.49, 0.5], 1.0).values == pytest.approx([0.5] * 4)


@pytest.mark.parametrize(("effects", "variances"), [([1.0], [1.0]), ([1.0, 2.0], [1.0]), ([1.0, 2.0], [1.0, 0.0])])
def test_impossible_input_is_refused(effects: list[float], variances: list[float]) -> None:
    for estimate in (dersimonian_laird, paule_mandel):
        with pytest.raises(Invalid):
            estimate(effects, variances)
    with pytest.raises(Invalid):
        james_stein(effects, 1.0)

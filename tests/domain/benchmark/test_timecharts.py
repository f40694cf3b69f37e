"""Charts over time against published figures and planted changes."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.domain.benchmark.timecharts import cusum, p_chart
from forecourt.errors import Invalid


def test_the_orange_juice_chart_has_the_published_limits_and_signals(oracles: dict[str, Any]) -> None:
    oracle = oracles["pchart_montgomery_orangejuice"]
    counts = [(defects, oracle["n"]) for defects in oracle["D"]]
    for figures, without in ((oracle, ()), (oracle["revised"], [drop - 1 for drop in oracle["revised"]["drop"]])):
        chart = p_chart(counts, without=without)
        assert chart.centre is not None
        assert round(chart.centre, 4) == figures["pbar"]
        first = chart.points[0]
        assert first.lcl is not None and first.ucl is not None
        # the book rounds the centre line first, so its limits may differ in the last digit
        assert first.lcl == pytest.approx(figures["lcl"], abs=1e-4)
        assert first.ucl == pytest.approx(figures["ucl"], abs=1e-4)
        assert [i + 1 for i in chart.signals if i not in without] == figures["out"]


def test_the_handbooks_cusum_is_met(oracles: dict[str, Any]) -> None:
    oracle = oracles["cusum_nist_pmc323"]
    chart = cusum(oracle["x"], target=oracle["target"], k=oracle["k"], h=oracle["h"])
    assert chart.first_signal == oracle["first_signal"] - 1
    assert chart.points[-1].high == pytest.approx(oracle["S_hi_last"], abs=0.005 + 1e-9)  # 19.035, printed rounded


def test_limits_widen_where_fewer_were_asked_and_nothing_asked_has_none() -> None:
    chart = p_chart([(50, 100), (5, 10), (0, 0), (500, 1000)])
    small, empty, large = chart.points[1:]
    assert empty == p_chart([(50, 100), (0, 0)]).points[1]
    assert (empty.value, empty.lcl, empty.ucl, empty.out) == (None, None, None, False)
    assert small.ucl is not None and large.ucl is not None
    assert small.ucl > large.ucl
    assert p_chart([(0, 0)]).centre is None
    assert p_chart([(3, 4)], without=[0]).points[0].value == 0.75


def test_a_planted_step_in_month_eight_is_found_and_not_before() -> None:
    random = np.random.default_rng(8)
    rates = [0.85] * 7 + [0.6] * 5
    counts = [(int(random.binomial(120, rate)), 120) for rate in rates]
    chart = p_chart(counts, without=range(7, 12))
    assert chart.signals
    assert min(chart.signals) >= 7
    sigma = (0.85 * 0.15 / 120) ** 0.5
    sums = cusum([x / n for x, n in counts], target=0.85, k=sigma / 2, h=5 * sigma)
    assert sums.first_signal in (7, 8)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=24))
def test_limits_hold_the_centre_line(pairs: list[tuple[int, int]]) -> None:
    chart = p_chart([(min(pair), max(pair)) for pair in pairs])
    for point in chart.points:
        if point.lcl is not None and point.ucl is not None and chart.centre is not None:
            assert 0 <= point.lcl <= chart.centre <= point.ucl <= 1


@given(st.lists(st.floats(-100, 100), max_size=30))
def test_a_cusum_mirrors_with_its_values(values: list[float]) -> None:
    there = cusum(values, target=0.0, k=0.5, h=5.0)
    back = cusum([-value for value in values], target=0.0, k=0.5, h=5.0)
    assert [(p.high, p.low, p.signal) for p in there.points] == [(p.low, p.high, p.signal) for p in back.points]


def test_impossible_input_is_refused() -> None:
    with pytest.raises(Invalid):
        p_chart([(3, 2)])
    with pytest.raises(Invalid):
        p_chart([(1, 2)], sigmas=0)
    with pytest.raises(Invalid):
        cusum([1.0], target=0.0, k=-1.0, h=1.0)

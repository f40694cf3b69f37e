"""The benchmark as a whole: the expected month, the edges, and what it must never do."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecourt.domain.benchmark.funnel import Verdict
from forecourt.domain.benchmark.rules import (
    Benchmark,
    Missing,
    StoreCount,
    benchmark,
    benchmark_report,
)
from forecourt.errors import Invalid


def compare(counts: list[StoreCount], missing: list[Missing] | None = None, **options: Any) -> Benchmark:
    return benchmark("S02", "2026-09", "HX", counts, missing or [], **{"draws": 200, **options})


@st.composite
def cohorts(draw: st.DrawFn, fewest: int = 5) -> list[StoreCount]:
    sizes = draw(st.lists(st.integers(0, 90), min_size=fewest, max_size=10))
    return [StoreCount(f"S{i:02d}", draw(st.integers(0, n)), n) for i, n in enumerate(sizes)]


def equal_within(found: Any, wanted: Any, name: str = "") -> None:
    """Same shape everywhere; figures of the model to 1e-6, intervals and limits to 1e-9, the rest exactly."""
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys()
        for key, value in wanted.items():
            equal_within(found[key], value, key)
    elif isinstance(wanted, list):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            equal_within(one, other, name)
    elif isinstance(wanted, float) and name not in ("value", "pooled"):
        tolerance = 1e-6 if name in ("eb", "m", "theta", "a", "b", "tau") else 1e-9
        assert found == pytest.approx(wanted, rel=0, abs=tolerance), name
    else:
        assert (type(found), found) == (type(wanted), wanted), name


@pytest.mark.parametrize("kpi", ["S01", "S02", "S03_SERVICE"])
def test_the_expected_month_comes_out(expected: dict[str, dict[str, Any]], kpi: str) -> None:
    wanted = expected[kpi]
    rest = wanted["x"] - sum(row.get("x", 0) for row in wanted["stores"])  # of the one suppressed store, if any
    counts = [StoreCount(row["store"], row.get("x", rest), row["n"]) for row in wanted["stores"]]
    missing = [Missing(**gone) for gone in wanted["missing"]]
    result = benchmark(kpi, wanted["month"], "HX", counts, missing)
    equal_within(benchmark_report(result), wanted)


def test_nothing_is_computed_for_fewer_than_five_stores_with_data() -> None:
    counts = [StoreCount(f"S{i}", 30, 40) for i in range(4)] + [StoreCount("S4", 0, 0)]
    report = benchmark_report(compare(counts, [Missing("S9", "REFUSED")]))
    assert report["computed"] is False
    assert report["stores_with_data"] == 4
    assert report["missing"] == [{"store": "S9", "reason": "REFUSED"}]
    assert "x" not in report and "pooled" not in report
    for row in report["stores"]:
        assert "x" not in row
        assert {row[key] for key in ("value", "lo", "hi", "eb", "verdict", "limits")} == {None}


def test_a_store_without_data_is_listed_with_nothing_and_counts_as_nothing() -> None:
    counts = [StoreCount(f"S{i}", 20 + i, 40) for i in range(6)]
    without, with_it = compare(counts), compare([*counts, StoreCount("S9", 0, 0)])
    assert with_it.totals == without.totals
    assert with_it.stores_with_data == 6
    assert benchmark_report(with_it)["stores"][-1] == {
        **dict.fromkeys(("value", "lo", "hi", "eb", "verdict", "limits")),
        "store": "S9",
        "n": 0,
        "suppressed": True,
        "rankable": False,
    }


@settings(deadline=None, max_examples=25)
@given(cohorts())
def test_a_missing_store_is_never_a_zero(counts: list[StoreCount]) -> None:
    without, with_it = compare(counts), compare(counts, [Missing("X", "NO_EXPORT")])
    assert (with_it.stores, with_it.totals) == (without.stores, without.totals)
    assert "X" not in benchmark_report(with_it)["cohort"]


@settings(deadline=None, max_examples=25)
@given(cohorts(), st.randoms(use_true_random=False))
def test_the_order_of_the_stores_does_not_matter(counts: list[StoreCount], random: Any) -> None:
    shuffled = list(counts)
    random.shuffle(shuffled)
    assert compare(shuffled) == compare(counts)


@settings(deadline=None, max_examples=60)
@given(cohorts(fewest=1))
def test_every_store_obeys_the_rules_of_its_size(counts: list[StoreCount]) -> None:
    result = compare(counts)
    for stat, count in zip(result.stores, counts, strict=True):
        assert (stat.store, stat.n) == (count.store, count.n)
        assert stat.suppressed == (count.n < 10)
        assert stat.rankable == (count.n >= 30)
        hidden = stat.suppressed or result.totals is None
        figures = (stat.x, stat.value, stat.interval, stat.eb, stat.verdict, stat.limits, stat.gap)
        assert all((figure is None) == hidden for figure in figures)
        assert (stat.rank is not None) == (stat.rankable and result.totals is not None)
        if stat.rank:
            assert stat.rank.lo <= stat.rank.rank <= stat.rank.hi
        if result.totals and result.totals.model.m is not None and stat.value is not None and stat.eb is not None:
            low, high = sorted((stat.value, result.totals.model.m))
            assert low - 1e-12 <= stat.eb <= high + 1e-12


@settings(deadline=None, max_examples=25)
@given(cohorts())
def test_verdicts_mirror_when_successes_and_failures_swap(counts: list[StoreCount]) -> None:
    swapped = [StoreCount(c.store, c.n - c.x, c.n) for c in counts]
    turn = str.maketrans({"L": "H", "H": "L"})
    for one, other in zip(compare(counts).stores, compare(swapped).stores, strict=True):
        first = (one.verdict or "")[:1].translate(turn) + (one.verdict or "")[-1:]
        assert first == (other.verdict or "")[:1] + (other.verdict or "")[-1:]


def test_the_gap_is_to_the_ninetieth_percentile_of_the_shrunk_values() -> None:
    counts = [StoreCount(f"S{i}", 40 + 5 * i, 100) for i in range(10)]
    result = compare(counts)
    shrunk = [stat.eb for stat in result.stores]
    assert result.totals is not None
    assert result.totals.best_practice == shrunk[8]
    gaps = [stat.gap for stat in result.stores]
    assert gaps[8] == 0
    assert gaps[0] is not None and gaps[9] is not None
    assert gaps[0] > 0 > gaps[9]
    turned = compare(counts, higher_is_better=False)
    assert turned.totals is not None
    assert turned.totals.best_practice == shrunk[1]
    assert turned.stores[9].gap is not None and turned.stores[9].gap > 0
    assert [stat.rank.rank for stat in turned.stores if stat.rank] == list(range(1, 11))


def test_a_planted_spread_and_the_outlier_are_found_and_the_lucky_small_store_is_not() -> None:
    random = np.random.default_rng(87)
    rates = random.beta(0.87 * 99, 0.13 * 99, 80)  # tau = sqrt(.87 * .13 / 100) = 0.0336
    sizes = random.integers(150, 500, 80)
    counts = [
        StoreCount(f"S{i:02d}", int(random.binomial(n, p)), int(n))
        for i, (n, p) in enumerate(zip(sizes, rates, strict=True))
    ]
    result = compare([*counts, StoreCount("LUCKY", 15, 15)])
    by_store = {stat.store: stat for stat in result.stores}
    assert result.totals is not None and result.totals.model.tau is not None
    assert result.totals.model.tau == pytest.approx(0.0336, rel=0.3)
    assert result.totals.tau2 is not None
    assert result.totals.tau2**0.5 == pytest.approx(0.0336, rel=0.3)
    lucky = by_store["LUCKY"]
    assert (lucky.value, lucky.verdict, lucky.rank) == (1.0, Verdict.IN, None)
    assert lucky.eb is not None and lucky.eb < 0.93
    bad = compare([*counts, StoreCount("BAD", 200, 300)]).stores
    assert {stat.store: stat.verdict for stat in bad}["BAD"] is Verdict.LOW3


def test_without_any_spread_the_dispersion_is_unknown() -> None:
    result = compare([StoreCount(f"S{i}", 40, 40) for i in range(5)])
    assert result.totals is not None
    assert (result.totals.phi, result.totals.tau2, result.totals.model.tau) == (None, None, 0.0)
    assert {stat.verdict for stat in result.stores} == {Verdict.IN}
    report = benchmark_report(result)
    assert (report["m"], report["theta"], report["a"]) == (1.0, 0.0, None)


def test_a_likelihood_without_maximum_reports_no_model() -> None:
    counts = [StoreCount(f"S{i}", 40 * (i % 2), 40) for i in range(6)]
    report = benchmark_report(compare(counts))
    assert [report[key] for key in ("m", "theta", "a", "b", "tau")] == [None] * 5
    assert [row["eb"] for row in report["stores"]] == [0.0, 1.0] * 3


def test_impossible_input_is_refused() -> None:
    counts = [StoreCount(f"S{i}", 30, 40) for i in range(5)]
    with pytest.raises(Invalid):
        StoreCount("S", 3, 2)
    with pytest.raises(Invalid):
        compare([*counts, StoreCount("S1", 1, 2)])
    with pytest.raises(Invalid):
        compare(counts, [Missing("S1", "REFUSED")])
    for name, value in (("min_n", 9), ("rank_n", 29), ("k", 4)):
        options: dict[str, Any] = {name: value}
        with pytest.raises(Invalid):
            compare(counts, **options)


def test_reading_the_rules_does_not_load_the_numerical_libraries() -> None:
    code = "import sys, forecourt.domain.benchmark.rules; sys.exit('numpy' in sys.modules or 'scipy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == 0

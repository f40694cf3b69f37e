"""Rank intervals: what they always hold, and whether they cover planted ranks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecourt.domain.benchmark.ranks import RankInterval, rank_intervals, seed
from forecourt.domain.benchmark.shrinkage import BetaBinomial, fit_beta_binomial
from forecourt.errors import Invalid


@st.composite
def cohorts(draw: st.DrawFn) -> list[tuple[int, int]]:
    sizes = draw(st.lists(st.integers(1, 80), min_size=1, max_size=10))
    return [(draw(st.integers(0, n)), n) for n in sizes]


@settings(deadline=None, max_examples=50)
@given(cohorts(), st.booleans())
def test_an_interval_holds_its_rank_and_better_values_never_rank_lower(
    counts: list[tuple[int, int]], higher: bool
) -> None:
    model = fit_beta_binomial(counts)
    ranked = rank_intervals(counts, model, seed=1, draws=400, higher_is_better=higher)
    assert len(ranked) == len(counts)
    for interval in ranked:
        assert 1 <= interval.lo <= interval.rank <= interval.hi <= interval.of == len(counts)
    values = [model.shrink(x, n) * (1 if higher else -1) for x, n in counts]
    for value, interval in zip(values, ranked, strict=True):
        assert interval.rank == 1 + sum(other > value for other in values)


@settings(deadline=None, max_examples=25)
@given(cohorts())
def test_the_same_comparison_gets_the_same_ranks(counts: list[tuple[int, int]]) -> None:
    model, key = fit_beta_binomial(counts), seed("HX", "2026-09", "S01")
    assert rank_intervals(counts, model, seed=key, draws=300) == rank_intervals(counts, model, seed=key, draws=300)


def test_the_seed_depends_on_each_part_and_on_where_it_ends() -> None:
    keys = [("HX", "2026-09", "S01"), ("HY", "2026-09", "S01"), ("HX", "2026-10", "S01"), ("HX", "2026-09", "S02")]
    keys += [("HX2", "026-09", "S01")]
    assert len({seed(*key) for key in keys}) == len(keys)
    assert seed(*keys[0]) == seed(*keys[0])


def test_clear_differences_give_narrow_intervals_and_noise_wide_ones() -> None:
    clear = [(100, 1000), (300, 1000), (500, 1000), (700, 1000), (900, 1000)]
    ranked = rank_intervals(clear, fit_beta_binomial(clear), seed=2)
    assert [(r.lo, r.rank, r.hi) for r in ranked] == [(i, i, i) for i in (5, 4, 3, 2, 1)]
    turned = rank_intervals(clear, fit_beta_binomial(clear), seed=2, higher_is_better=False)
    assert [(r.lo, r.rank, r.hi) for r in turned] == [(i, i, i) for i in (1, 2, 3, 4, 5)]
    noise = [(24, 30), (25, 30), (26, 30), (18, 30), (29, 30)]
    wide = rank_intervals(noise, fit_beta_binomial(noise), seed=2)
    assert all(r.hi - r.lo >= 2 for r in wide if r.rank != 5)
    assert all(r.quartile is None for r in wide if r.rank in (2, 3))


def test_stores_that_nothing_separates_share_the_whole_field() -> None:
    ranked = rank_intervals([(22, 30), (25, 32), (22, 28)], BetaBinomial(0.76, 0.0), seed=3)
    assert ranked == [RankInterval(1, 1, 3, 3)] * 3


def test_without_a_maximum_the_draws_are_not_certain() -> None:
    counts = [(0, 30), (31, 31), (32, 32), (33, 33), (0, 34)]
    ranked = rank_intervals(counts, fit_beta_binomial(counts), seed=4)
    assert [r.rank for r in ranked] == [4, 1, 1, 1, 4]
    assert [(r.lo, r.hi) for r in ranked] == [(4, 5), (1, 3), (1, 3), (1, 3), (4, 5)]


def test_draws_that_tie_in_floating_point_favour_nobody() -> None:
    # with a parameter this small most draws are exactly 1.0
    ranked = rank_intervals([(500, 500)] * 6, BetaBinomial(0.999999, 1000.0), seed=5, draws=500)
    assert {(r.lo, r.hi) for r in ranked} == {(1, 6)}


@pytest.mark.parametrize(
    ("rank", "lo", "hi", "of", "quartile", "top"),
    [
        (1, 1, 2, 8, 1, True),
        (2, 1, 4, 8, 1, False),
        (2, 1, 5, 8, None, False),
        (8, 5, 8, 8, 4, False),
        (3, 3, 6, 8, 2, False),
        (1, 1, 1, 4, 1, True),
        (1, 1, 1, 3, None, False),
    ],
)
def test_a_quartile_is_named_only_where_the_interval_supports_it(
    rank: int, lo: int, hi: int, of: int, quartile: int | None, top: bool
) -> None:
    interval = RankInterval(rank, lo, hi, of)
    assert (interval.quartile, interval.top) == (quartile, top)


def test_intervals_cover_the_planted_ranks_about_as_often_as_they_promise() -> None:
    random = np.random.default_rng(96)
    covered = total = 0
    for group in range(30):
        rates = random.beta(24, 8, 15)
        sizes = random.integers(30, 300, 15)
        counts = [(int(random.binomial(n, p)), int(n)) for n, p in zip(sizes, rates, strict=True)]
        truth = [1 + int((rates > p).sum()) for p in rates]
        ranked = rank_intervals(counts, fit_beta_binomial(counts), seed=group, draws=2000)
        covered += sum(r.lo <= t <= r.hi for r, t in zip(ranked, truth, strict=True))
        total += len(truth)
    assert covered / total >= 0.93


def test_nobody_has_no_ranks_and_impossible_draws_are_refused() -> None:
    assert rank_intervals([], BetaBinomial(0.5, 0.1), seed=1) == []
    with pytest.raises(Invalid):
        rank_intervals([(1, 2)], BetaBinomial(0.5, 0.1), seed=1, draws=0)

"""What a store sees of a benchmark: itself, and nobody it could name."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecourt.domain.benchmark.rules import Benchmark, Missing, StoreCount, StoreView, benchmark, published
from forecourt.errors import NotFound


def compare(counts: list[StoreCount], missing: list[Missing] | None = None, **options: Any) -> Benchmark:
    return benchmark("S02", "2026-09", "HX", counts, missing or [], **{"draws": 100, **options})


@st.composite
def cohorts(draw: st.DrawFn) -> list[StoreCount]:
    sizes = draw(st.lists(st.integers(0, 60), min_size=1, max_size=12))
    return [StoreCount(f"store-{i:02d}", draw(st.integers(0, n)), n) for i, n in enumerate(sizes)]


def others(counts: list[StoreCount], viewer: str) -> list[StoreCount]:
    return [count for count in counts if count.store != viewer and count.n > 0]


@settings(deadline=None, max_examples=60)
@given(cohorts())
def test_no_viewer_can_single_out_a_hidden_cell(counts: list[StoreCount]) -> None:
    result = compare(counts)
    for viewer in (count.store for count in counts):
        view, rest = published(result, viewer), others(counts, viewer)
        assert list(view.distribution) == sorted(view.distribution)
        assert len(view.distribution) + view.withheld == len(rest)
        assert {c.store for c in rest}.isdisjoint(word for word in repr(view).split("'"))
        # every published value belongs to a large enough store
        pool = [round(c.x / c.n, 3) for c in rest if c.n >= 10]
        for value in view.distribution:
            pool.remove(value)
        if not view.computed:
            assert (view.x, view.n, view.pooled, view.distribution) == (None, None, None, ())
        elif any(c.n < 10 for c in rest):
            # taking all that could be known from the totals leaves a sum of two stores or more, and ten customers
            shown = sorted((c for c in rest if c.n >= 10), key=lambda c: -c.n)[: len(view.distribution)]
            left = [c for c in rest if c not in shown]
            assert len(left) >= 2
            assert sum(c.n for c in left) >= 10


@settings(deadline=None, max_examples=40)
@given(cohorts())
def test_fewer_than_five_stores_show_nothing_but_the_own_size(counts: list[StoreCount]) -> None:
    few = [count for count in counts if count.n > 0][:4]
    result = compare(few)
    for count in few:
        view = published(result, count.store)
        assert (view.computed, view.distribution, view.x, view.n, view.pooled) == (False, (), None, None, None)
        assert view.own is not None
        assert (view.own.n, view.own.x, view.own.value, view.own.rank) == (count.n, None, None, None)


def test_a_store_sees_its_own_figures_and_the_others_without_name() -> None:
    result = compare([StoreCount(f"S{i}", 30 + i, 50) for i in range(6)])
    view = published(result, "S2")
    assert view.own == result.stores[2]
    assert view.distribution == (0.6, 0.62, 0.66, 0.68, 0.7)
    assert (view.withheld, view.x, view.n, view.pooled) == (0, 195, 300, 0.65)
    assert set(StoreView.__slots__).isdisjoint({"m", "theta", "tau"})


def test_one_small_store_takes_the_smallest_other_with_it() -> None:
    counts = [StoreCount("A", 4, 8)] + [StoreCount(f"S{i}", 30 + i, 50 + i) for i in range(6)]
    result = compare(counts)
    seen = published(result, "S5")
    assert (seen.withheld, len(seen.distribution)) == (2, 4)
    assert round(30 / 50, 3) not in seen.distribution
    # the smallest one knows its own figures, so another must hide for it
    assert round(31 / 51, 3) not in published(result, "S0").distribution
    # the small store hides nobody from itself, and sees no more of itself than its size
    own = published(result, "A")
    assert (own.withheld, own.own and own.own.x, own.own and own.own.eb) == (0, None, None)


def test_small_stores_hide_together_only_when_they_are_large_enough() -> None:
    large = [StoreCount(f"S{i}", 30 + i, 50 + i) for i in range(6)]
    assert published(compare([*large, StoreCount("A", 1, 2), StoreCount("B", 1, 3)]), "S5").withheld == 3
    assert published(compare([*large, StoreCount("A", 1, 5), StoreCount("B", 1, 5)]), "S5").withheld == 2


def test_too_few_stores_left_to_see_show_no_distribution() -> None:
    counts = [StoreCount(f"S{i}", 30 + i, 50 + i) for i in range(5)] + [StoreCount("A", 4, 8)]
    view = published(compare(counts), "S4")
    assert (view.computed, view.distribution, view.withheld) == (True, (), 5)
    assert view.pooled is not None


def test_where_the_others_are_hardly_anybody_the_group_stays_dark() -> None:
    counts = [StoreCount("BIG", 80, 100)] + [StoreCount(f"S{i}", 1, 2) for i in range(4)]
    view = published(compare(counts), "BIG")
    assert (view.computed, view.x, view.pooled) == (False, None, None)
    assert view.own is not None
    assert (view.own.value, view.own.limits, view.own.verdict, view.own.eb) == (0.8, None, None, None)


def test_a_rank_among_fewer_than_five_is_not_shown() -> None:
    counts = [StoreCount(f"S{i}", 30 + i, 50) for i in range(4)] + [StoreCount(f"T{i}", 12, 20) for i in range(4)]
    result = compare(counts)
    assert result.stores[0].rank is not None
    view = published(result, "S0")
    assert view.own is not None and view.own.rank is None


def test_a_missing_store_sees_the_others_and_a_stranger_sees_nothing() -> None:
    counts = [StoreCount(f"S{i}", 30 + i, 50) for i in range(6)]
    result = compare(counts, [Missing("GONE", "NO_EXPORT")])
    view = published(result, "GONE")
    assert view.own is None
    assert (len(view.distribution), view.missing) == (6, 1)
    with pytest.raises(NotFound):
        published(result, "STRANGER")

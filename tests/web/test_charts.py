"""Drawings: monotone scales, bands around the group, labels that do not lie on one another, nothing where nothing is known."""

import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from forecourt.domain.benchmark.funnel import funnel_limits
from forecourt.web import charts
from forecourt.web.months import standing
from tests.web.fake import group_benchmark, store_share


def row(code: str, n: int, value: float, verdict: str = "IN") -> dict[str, Any]:
    """A store as the benchmark shows it."""
    return {"store": {"code": code, "name": code}, "n": n, "value": value, "verdict": verdict}


@given(st.floats(0, 1), st.floats(0, 1), st.floats(-1, 2), st.floats(-1, 2))
def test_a_scale_keeps_order_and_stays_inside(low: float, high: float, one: float, two: float) -> None:
    scale = charts.Scale(min(low, high), max(low, high), 10, 200)
    assert 10 <= scale(one) <= 200
    assert scale(min(one, two)) <= scale(max(one, two))


@settings(deadline=None, max_examples=40)  # the first call loads scipy
@given(
    st.lists(st.tuples(st.integers(1, 3000), st.floats(0, 1)), min_size=1, max_size=30),
    st.floats(0.02, 0.98),
)
def test_a_funnel_draws_every_store_inside_its_frame(stores: list[tuple[int, float]], pooled: float) -> None:
    rows = [row(f"S{i:02}", n, value) for i, (n, value) in enumerate(stores)]
    plot = charts.funnel(rows, pooled)
    assert plot is not None
    assert len(plot.dots) == len(rows)
    for dot in plot.dots:
        assert plot.left <= dot.x <= plot.right
        assert plot.top <= dot.y <= plot.bottom
    assert plot.top <= plot.group_y <= plot.bottom
    assert len(plot.x_ticks) <= 7 and len(plot.y_ticks) <= 7


def test_a_store_outside_the_limits_is_drawn_outside_the_band() -> None:
    result = group_benchmark("S01")
    plot = charts.funnel(result["stores"], result["pooled"], width=1120, height=440)
    assert plot is not None
    band = [tuple(map(float, pair)) for pair in re.findall(r"([\d.]+) ([\d.]+)", plot.inner)]
    high = next(dot for dot in plot.dots if dot.code == "HX04")
    top = min((x_y for x_y in band if x_y[1] < plot.group_y), key=lambda x_y: abs(x_y[0] - high.x))
    assert high.verdict == "HIGH2"
    assert high.y < top[1]


def test_labels_do_not_lie_on_one_another() -> None:
    for width, height in ((1120, 440), (340, 340)):
        plot = charts.funnel(group_benchmark("S01")["stores"], 0.61, width=width, height=height)
        assert plot is not None
        spots = [(dot.label_x, dot.label_y, dot.anchor) for dot in plot.dots]
        for place, (x, y, anchor) in enumerate(spots):
            for a, b, other in spots[place + 1 :]:
                assert abs(y - b) >= 12 or abs(x - a) >= 38 or anchor != other


def test_the_limits_of_the_drawing_are_those_of_the_verdict() -> None:
    seen = []

    def limits_at(n: int, rate: float) -> Any:
        seen.append((n, rate))
        return funnel_limits(n, rate)

    charts.funnel([row("A", 50, 0.5)], 0.6, limits_at=limits_at)
    assert {rate for _, rate in seen} == {0.6}
    assert min(n for n, _ in seen) >= 1


def test_nothing_is_drawn_of_suppressed_cells() -> None:
    hidden = {"store": {"code": "A", "name": "A"}, "n": 8, "value": None, "lo": None, "hi": None, "eb": None}
    assert charts.funnel([hidden], 0.6) is None
    assert charts.interval_bar(hidden, 0.6, charts.bar_scale([])) is None


def test_a_shape_says_the_verdict_without_colour() -> None:
    up, down, circle = (charts.symbol(code, 10, 10) for code in ("HIGH2", "LOW3", "IN"))
    assert len({up, down, circle}) == 3
    assert "a" in circle and "a" not in up


def test_the_own_place_names_no_other_store() -> None:
    drawn = charts.strip(store_share("HX01", "S01"))
    assert len(drawn.others) == 7
    assert drawn.own is not None and drawn.own_low is not None and drawn.own_high is not None
    assert drawn.own_low <= drawn.own <= drawn.own_high
    assert "HX" not in repr(drawn)


def test_a_place_is_named_only_where_the_whole_interval_supports_it() -> None:
    def place(rank: int | None, low: int | None, high: int | None) -> str | None:
        return standing({"rank": rank, "rankLo": low, "rankHi": high}, 8)

    assert place(1, 1, 2) == "FIRST_QUARTER"
    assert place(1, 1, 3) == "OPEN"
    assert place(8, 7, 8) == "LAST_QUARTER"
    assert place(8, 6, 8) == "OPEN"
    assert place(None, None, None) is None

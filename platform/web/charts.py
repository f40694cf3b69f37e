"""Charts as plain geometry: pure functions from figures to coordinates, drawn as SVG by the templates.

Shape carries the meaning as well as colour does: a triangle points to where a store lies, a circle lies inside the limits.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..domain.benchmark.funnel import Limits, funnel_limits

LimitsAt = Callable[[int, float], Limits]

_CURVE_POINTS: Final = 48


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear scale from values to pixels; values outside are drawn at the edge."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / ((self.high - self.low) or 1)
        return round(self.start + share * (self.end - self.start), 1)


@dataclass(frozen=True, slots=True)
class Bar:
    """One store's interval on a line: all in pixels of a box ``width`` × ``height``."""

    width: int
    height: int
    low: float
    high: float
    value: float
    shrunk: float | None
    group: float | None


def interval_bar(row: Mapping[str, Any], pooled: float | None, scale: Scale, height: int = 22) -> Bar | None:
    """The bar of a store's value with its interval; None where there is no value."""
    if row.get("value") is None or row.get("lo") is None or row.get("hi") is None:
        return None
    return Bar(
        width=int(scale.end + scale.start),
        height=height,
        low=scale(row["lo"]),
        high=scale(row["hi"]),
        value=scale(row["value"]),
        shrunk=None if row.get("eb") is None else scale(row["eb"]),
        group=None if pooled is None else scale(pooled),
    )


def bar_scale(rows: Sequence[Mapping[str, Any]], width: int = 190) -> Scale:
    """One scale for all bars of a table: from the lowest end to the highest, on tens of per cent."""
    ends = [row[end] for row in rows for end in ("lo", "hi") if row.get(end) is not None]
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    return Scale(int(low * 10) / 10, min(1.0, -(-high * 10 // 1) / 10) or 1.0, 6, width - 6)


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: where, and its value."""

    at: float
    value: float


@dataclass(frozen=True, slots=True)
class Dot:
    """A store on the funnel: place, symbol (the store's verdict), and where its label stands."""

    code: str
    name: str
    x: float
    y: float
    verdict: str
    path: str
    label_x: float
    label_y: float
    anchor: str


@dataclass(frozen=True, slots=True)
class Funnel:
    """A funnel plot 漏斗图 of ``width`` × ``height`` pixels: bands between the limits, the group's rate, the stores."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    outer: str
    inner: str
    group_y: float
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    dots: tuple[Dot, ...]


def funnel(
    rows: Sequence[Mapping[str, Any]],
    pooled: float,
    *,
    width: int = 640,
    height: int = 380,
    limits_at: LimitsAt = funnel_limits,
) -> Funnel | None:
    """The funnel plot of a month's stores; None when no store may be shown.

    ``rows`` are stores of the benchmark with n, value, verdict and store; ``pooled`` is the group's rate, 0 to 1. Limits are
    those of the verdicts, 95 % and 99.8 % (benchmark section 3), calculated along the whole axis.
    """
    shown = [row for row in rows if row.get("value") is not None and row.get("n")]
    if not shown:
        return None
    left, right, top, bottom = 46, width - 14, 14, height - 40
    largest = max(row["n"] for row in shown)
    axis_end = _rounded_up(largest * 1.08)
    lowest, highest = _value_range(shown, pooled, limits_at)
    across = Scale(0, axis_end, left, right)
    up = Scale(lowest, highest, bottom, top)
    # Closer together where the curves bend: at the small stores.
    sizes = sorted({max(1, round(axis_end * (i / _CURVE_POINTS) ** 2)) for i in range(_CURVE_POINTS + 1)})
    limits = [limits_at(size, pooled) for size in sizes]
    return Funnel(
        width=width,
        height=height,
        left=left,
        right=right,
        top=top,
        bottom=bottom,
        outer=_band(across, up, sizes, [item.lo998 for item in limits], [item.hi998 for item in limits]),
        inner=_band(across, up, sizes, [item.lo95 for item in limits], [item.hi95 for item in limits]),
        group_y=up(pooled),
        x_ticks=tuple(Tick(across(value), value) for value in _ticks(0, axis_end, 5)),
        y_ticks=tuple(Tick(up(value), value) for value in _ticks(lowest, highest, 5)),
        dots=_dots(shown, across, up, right),
    )


def _value_range(rows: Sequence[Mapping[str, Any]], pooled: float, limits_at: LimitsAt) -> tuple[float, float]:
    """A range that holds every store and most of the funnel: the limits of the smallest store would squeeze the rest."""
    middle = sorted(row["n"] for row in rows)[len(rows) // 2]
    around = limits_at(max(1, middle), pooled)
    low = min(around.lo998, *(row["value"] for row in rows))
    high = max(around.hi998, *(row["value"] for row in rows))
    return max(0.0, int((low - 0.04) * 10) / 10), min(1.0, -(-(high + 0.04) * 10 // 1) / 10)


def _rounded_up(value: float) -> int:
    step = next(
        step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10**4, 10**9) if value / step <= 6
    )
    return int(-(-value // step) * step)


def _ticks(low: float, high: float, most: int) -> list[float]:
    span = high - low
    step = next(
        step for step in (0.05, 0.1, 0.2, 0.25, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10**9) if span / step <= most
    )
    count = int(span / step + 1e-9)
    return [round(low + step * i, 6) for i in range(count + 1)]


def _band(across: Scale, up: Scale, sizes: Sequence[int], lower: Sequence[float], upper: Sequence[float]) -> str:
    there = [f"{across(size)} {up(value)}" for size, value in zip(sizes, upper, strict=True)]
    back = [f"{across(size)} {up(value)}" for size, value in zip(reversed(sizes), reversed(lower), strict=True)]
    return "M" + " L".join(there + back) + " Z"


#: Room for a label, in pixels of the drawing.
_LABEL_WIDTH: Final = 40.0
_LABEL_HEIGHT: Final = 13.0


def _dots(rows: Sequence[Mapping[str, Any]], across: Scale, up: Scale, right: int) -> tuple[Dot, ...]:
    places = [(across(row["n"]), up(row["value"])) for row in rows]
    taken = [(x - 6, y - 6, x + 6, y + 6) for x, y in places]
    dots = []
    for row, (x, y) in zip(rows, places, strict=True):
        label_x, label_y, anchor, box = _label(x, y, right, taken)
        taken.append(box)
        dots.append(
            Dot(
                code=row["store"]["code"],
                name=row["store"]["name"],
                x=x,
                y=y,
                verdict=row.get("verdict") or "NONE",
                path=symbol(row.get("verdict"), x, y),
                label_x=round(label_x, 1),
                label_y=round(label_y, 1),
                anchor=anchor,
            )
        )
    return tuple(dots)


_Box = tuple[float, float, float, float]


def _label(x: float, y: float, right: float, taken: Sequence[_Box]) -> tuple[float, float, str, _Box]:
    """Where a dot's label stands: right of it, left, above or below, the first place that is free."""
    w, h = _LABEL_WIDTH, _LABEL_HEIGHT
    tries: list[tuple[float, float, str, _Box]] = [
        (x + 9, y + 4, "start", (x + 9, y - h / 2, x + 9 + w, y + h / 2)),
        (x - 9, y + 4, "end", (x - 9 - w, y - h / 2, x - 9, y + h / 2)),
        (x, y - 9, "middle", (x - w / 2, y - 9 - h, x + w / 2, y - 8)),
        (x, y + 18, "middle", (x - w / 2, y + 8, x + w / 2, y + 8 + h)),
    ]
    free = (one for one in tries if one[3][2] <= right and not any(_overlap(one[3], other) for other in taken))
    return next(free, tries[1] if x + 9 + w > right else tries[0])


def _overlap(one: _Box, other: _Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def symbol(verdict: str | None, x: float, y: float, size: float = 5.5) -> str:
    """The path of a verdict's symbol around a point: a triangle up or down, or a circle."""
    if verdict and verdict.startswith("HIGH"):
        return f"M{x} {y - size} L{x + size} {y + size * 0.8} L{x - size} {y + size * 0.8} Z"
    if verdict and verdict.startswith("LOW"):
        return f"M{x} {y + size} L{x + size} {y - size * 0.8} L{x - size} {y - size * 0.8} Z"
    r = size * 0.8
    return f"M{x - r} {y} a{r} {r} 0 1 0 {2 * r} 0 a{r} {r} 0 1 0 {-2 * r} 0 Z"


@dataclass(frozen=True, slots=True)
class Strip:
    """The anonymous distribution of other stores on a line, with the own store's place and interval."""

    width: int
    height: int
    others: tuple[float, ...]
    own: float | None
    own_low: float | None
    own_high: float | None
    group: float | None
    ticks: tuple[Tick, ...]


def strip(share: Mapping[str, Any], width: int = 560, height: int = 96) -> Strip:
    """The store's own place in a benchmark share; nothing in it names another store."""
    own = share.get("own") or {}
    others = list(share.get("distribution") or ())
    given = [value for value in (*others, own.get("lo"), own.get("hi"), share.get("pooled")) if value is not None]
    low = max(0.0, int((min(given, default=0) - 0.02) * 10) / 10)
    high = min(1.0, -(-(max(given, default=1) + 0.02) * 10 // 1) / 10)
    scale = Scale(low, high, 14, width - 14)

    def at(value: float | None) -> float | None:
        return None if value is None else scale(value)

    return Strip(
        width=width,
        height=height,
        others=tuple(scale(value) for value in others),
        own=at(own.get("value")),
        own_low=at(own.get("lo")),
        own_high=at(own.get("hi")),
        group=at(share.get("pooled")),
        ticks=tuple(Tick(scale(value), value) for value in _ticks(low, high, 6)),
    )

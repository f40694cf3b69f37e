"""One store over time: has its rate or its mean changed, or is this month's figure noise? (控制图)"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ...errors import Invalid


@dataclass(frozen=True, slots=True)
class PPoint:
    """One period of a p-chart; rate and limits from 0 to 1, all ``None`` when nothing was counted (n = 0)."""

    n: int
    value: float | None
    lcl: float | None
    ucl: float | None
    out: bool


@dataclass(frozen=True, slots=True)
class PChart:
    """A p-chart: the centre line, ``None`` without data in the base, and the periods in their order."""

    centre: float | None
    points: tuple[PPoint, ...]

    @property
    def signals(self) -> tuple[int, ...]:
        """Positions from 0 of the periods outside their limits."""
        return tuple(i for i, point in enumerate(self.points) if point.out)


def p_chart(counts: Sequence[tuple[int, int]], *, without: Collection[int] = (), sigmas: float = 3.0) -> PChart:
    """Draw a p-chart of the periods ``(x, n)`` with limits p̄ ± 3·√(p̄(1−p̄)/n), each for its own n, clipped to [0, 1].

    ``without`` names positions from 0 that do not help to set the centre line, because their cause was found; they are
    judged like the others (Montgomery, Introduction to Statistical Quality Control, chapter 7). On a limit is inside.
    """
    if any(not 0 <= x <= n for x, n in counts) or sigmas <= 0:
        raise Invalid("A share needs 0 <= x <= n, and the limits a positive width.", path=("counts",))
    base = [count for i, count in enumerate(counts) if i not in without]
    trials = sum(n for _, n in base)
    if trials == 0:
        return PChart(None, tuple(PPoint(n, x / n if n else None, None, None, False) for x, n in counts))
    centre = sum(x for x, _ in base) / trials
    return PChart(centre, tuple(_p_point(x, n, centre, sigmas) for x, n in counts))


def _p_point(x: int, n: int, centre: float, sigmas: float) -> PPoint:
    if n == 0:
        return PPoint(0, None, None, None, False)
    half = sigmas * math.sqrt(centre * (1 - centre) / n)
    lcl, ucl = max(0.0, centre - half), min(1.0, centre + half)
    value = x / n
    return PPoint(n, value, lcl, ucl, value < lcl - 1e-12 or value > ucl + 1e-12)


@dataclass(frozen=True, slots=True)
class CusumPoint:
    """One period of a CUSUM: both sums, ≥ 0, in the unit of the values."""

    value: float
    high: float
    low: float
    signal: bool


@dataclass(frozen=True, slots=True)
class Cusum:
    """A tabular CUSUM: the periods in their order."""

    points: tuple[CusumPoint, ...]

    @property
    def first_signal(self) -> int | None:
        """Position from 0 of the first period whose sum exceeds the decision interval; ``None`` without a signal."""
        return next((i for i, point in enumerate(self.points) if point.signal), None)


def cusum(values: Sequence[float], *, target: float, k: float, h: float) -> Cusum:
    """Run the two-sided tabular CUSUM (Page 1954; NIST/SEMATECH handbook 6.3.2.3), never reset.

    ``k`` is the slack and ``h`` the decision interval, both in the unit of the values: a period signals when
    max(0, sum + value − target − k), or its mirror image below the target, exceeds ``h``.
    """
    if k < 0 or h <= 0:
        raise Invalid("The slack must not be negative and the decision interval positive.", path=("k",), k=k, h=h)
    points: list[CusumPoint] = []
    high = low = 0.0
    for value in values:
        above = value - target
        high = max(0.0, high + (above - k))
        low = max(0.0, low + (-above - k))
        points.append(CusumPoint(value, high, low, high > h or low > h))
    return Cusum(tuple(points))

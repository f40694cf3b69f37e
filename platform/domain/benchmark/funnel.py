"""The funnel: which stores lie further from the group's rate than chance alone explains (漏斗图).

Limits are the exact interpolated binomial ones of docs/interchange.md section 9, after Spiegelhalter 2005, with one
difference that matters to small stores: the upper limit is the mirror image of the lower limit of the failures. The
usual form reads the upper limit from P(X > x) and calls a store with 15 of 15 extraordinary at a group rate of 0.87,
where every eighth such store gets there by luck.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ...errors import Invalid

TAIL95 = 0.025
TAIL998 = 0.001

_TIE = 1e-12  # all comparisons are strict; a value this near a limit is on it


class Verdict(StrEnum):
    """Where a store lies: beyond the 99.8 % limits (3), beyond the 95 % limits (2), or inside both."""

    LOW3 = "LOW3"
    LOW2 = "LOW2"
    IN = "IN"
    HIGH2 = "HIGH2"
    HIGH3 = "HIGH3"


@dataclass(frozen=True, slots=True)
class Limits:
    """The four limits for one n, as rates; the lower may be negative and the upper above 1."""

    lo998: float
    lo95: float
    hi95: float
    hi998: float


def lower_limit(n: int, rate: float, tail: float) -> float:
    """Give (r − α)/n with r the smallest integer where P(X ≤ r) ≥ tail and α the interpolation between r and r − 1.

    ``n`` ≥ 1, ``rate`` from 0 to 1, ``tail`` between 0 and 1. Good to 1e-12 up to n = 10**6.
    """
    if n < 1 or not 0 <= rate <= 1 or not 0 < tail < 1:
        raise Invalid("A limit needs n >= 1, a rate from 0 to 1 and a tail between.", path=("n",), n=n, rate=rate)
    from scipy.special import bdtr

    def below(r: int) -> float:
        return float(bdtr(r, n, rate)) if r >= 0 else 0.0

    # Bisection needs no guess and cannot be one off, which the inverse functions are at large n.
    low, high = -1, n
    while high - low > 1:
        middle = (low + high) // 2
        if below(middle) >= tail:
            high = middle
        else:
            low = middle
    reached, before = below(high), below(high - 1)
    return (high - (reached - tail) / (reached - before)) / n


def funnel_limits(n: int, rate: float) -> Limits:
    """Give the 95 % and 99.8 % limits for a store of size ``n`` around the group's ``rate``."""
    return Limits(
        lo998=lower_limit(n, rate, TAIL998),
        lo95=lower_limit(n, rate, TAIL95),
        hi95=1 - lower_limit(n, 1 - rate, TAIL95),
        hi998=1 - lower_limit(n, 1 - rate, TAIL998),
    )


def verdict(value: float, rate: float, limits: Limits) -> Verdict:
    """Judge a value against the limits, strictly: on a limit is inside it. At a rate of 0 or 1 everybody is IN."""
    if rate in (0, 1):
        return Verdict.IN
    if value < limits.lo998 - _TIE:
        return Verdict.LOW3
    if value < limits.lo95 - _TIE:
        return Verdict.LOW2
    if value > limits.hi998 + _TIE:
        return Verdict.HIGH3
    if value > limits.hi95 + _TIE:
        return Verdict.HIGH2
    return Verdict.IN


def z_scores(counts: Sequence[tuple[int, int]]) -> list[float]:
    """Give each store's distance from the pooled rate in standard errors under that rate; every n ≥ 1.

    With a pooled rate of 0 or 1 there is no spread and no score: the list is empty.
    """
    if any(not 0 <= x <= n or n == 0 for x, n in counts):
        raise Invalid("A share needs 0 <= x <= n and n >= 1.", path=("counts",))
    hits, trials = sum(x for x, _ in counts), sum(n for _, n in counts)
    if hits in (0, trials):
        return []
    rate = hits / trials
    return [(x / n - rate) / math.sqrt(rate * (1 - rate) / n) for x, n in counts]


def over_dispersion(counts: Sequence[tuple[int, int]], winsor: float = 0.1) -> float | None:
    """Give φ, the mean square of the winsorised z (Spiegelhalter 2005); ``None`` at a pooled rate of 0 or 1.

    ``winsor`` is the share drawn in at each end: scores beyond that quantile (interpolated linearly) are set to it, so
    that the very stores the funnel is to find do not widen it. 0 leaves the scores as they are, as is usual for a dozen
    units. There is no correction for the variance that winsorising removes: φ is shown beside the verdict and changes
    nothing.
    """
    if not 0 <= winsor < 0.5:
        raise Invalid("The winsorised share must be at least 0 and below a half.", path=("winsor",), winsor=winsor)
    scores = sorted(z_scores(counts))
    if not scores:
        return None
    low, high = _quantile(scores, winsor), _quantile(scores, 1 - winsor)
    return math.fsum(min(max(z, low), high) ** 2 for z in scores) / len(scores)


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    below = min(math.floor(place), len(ordered) - 1)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])

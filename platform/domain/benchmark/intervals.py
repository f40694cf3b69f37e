"""Intervals for a share: how far a store's true rate may lie from the one observed (置信区间).

Three two-sided intervals for ``x`` successes among ``n``, each as a pair of numbers from 0 to 1:

- :func:`wilson` is the one shown beside every figure (docs/interchange.md section 9);
- :func:`clopper_pearson` never covers less than it promises and is wide; for figures that must hold in a dispute;
- :func:`jeffreys` is the equal-tailed interval of the posterior under the prior Beta(½, ½).

``n = 0`` has no value and no interval: every function answers ``None``. Import of the special functions waits for the
first use, because it costs most of a second and most callers only need Wilson's formula.
"""

import math
from typing import NamedTuple

from ...errors import Invalid

Z95 = 1.959963984540054
"""The 97.5 % point of the normal distribution, written out so that every implementation uses the same number."""


class Interval(NamedTuple):
    """Both ends of an interval, in the unit of the value it belongs to."""

    lo: float
    hi: float


def _check(x: int, n: int) -> None:
    if not 0 <= x <= n:
        raise Invalid("A share needs 0 <= x <= n.", path=("x",), x=x, n=n)


def wilson(x: int, n: int, z: float = Z95) -> Interval | None:
    """Give Wilson's score interval without continuity correction, clipped to [0, 1] (Wilson 1927).

    At ``x = 0`` the lower end and at ``x = n`` the upper end are 0 and 1 in exact arithmetic; they are set so that
    rounding cannot turn them into 1e-17 or 0.9999999999999999.
    """
    _check(x, n)
    if n == 0:
        return None
    p = x / n
    spread = z * z / n
    centre = (p + spread / 2) / (1 + spread)
    half = z * math.sqrt(p * (1 - p) / n + spread / (4 * n)) / (1 + spread)
    return Interval(0.0 if x == 0 else max(0.0, centre - half), 1.0 if x == n else min(1.0, centre + half))


def clopper_pearson(x: int, n: int, level: float = 0.95) -> Interval | None:
    """Give the exact interval of Clopper and Pearson (1934); ``level`` is its promised coverage.

    At ``x = 0`` and ``x = n`` the one end is 0 or 1 and the other keeps the tail (1 − level)/2.
    """
    _check(x, n)
    if n == 0:
        return None
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    lo = 0.0 if x == 0 else float(betaincinv(x, n - x + 1, tail))
    hi = 1.0 if x == n else float(betaincinv(x + 1, n - x, 1 - tail))
    return Interval(lo, hi)


def jeffreys(x: int, n: int, level: float = 0.95) -> Interval | None:
    """Give the equal-tailed interval of Beta(x + ½, n − x + ½) with decided ends (Brown, Cai and DasGupta 2001).

    The plain interval leaves out 0 when nothing was observed and 1 when everything was, so that a true rate at the
    edge would never be covered. Hence: at ``x = 0`` the lower end is 0, at ``x = n`` the upper end is 1, and the other
    end stays the posterior quantile of the tail (1 − level)/2.
    """
    _check(x, n)
    if n == 0:
        return None
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    lo = 0.0 if x == 0 else float(betaincinv(x + 0.5, n - x + 0.5, tail))
    hi = 1.0 if x == n else float(betaincinv(x + 0.5, n - x + 0.5, 1 - tail))
    return Interval(lo, hi)

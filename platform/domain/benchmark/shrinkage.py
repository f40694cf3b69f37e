"""The beta-binomial model of a cohort: its maximum, and the shrunk value of each store (收缩估计).

The rates of the stores are thought of as drawn from Beta(a, b); with m = a/(a+b) and θ = 1/(a+b) ≥ 0 the model is exact
at θ = 0, where all stores have the same rate. Rules and edges: docs/interchange.md section 9.

How the maximum is found. For a given θ the log-likelihood is strictly concave in m, so the best m is one safeguarded
Newton search; what remains is a curve over ln θ that may have several hills. Its slope is looked at on a dense grid
and every hill found is refined, so the answer is the highest one and not the nearest. The sums over j run to the
largest n of the cohort; their terms are first gathered over the stores, and far from zero, where the logarithm is
smooth, a whole block of terms is replaced by Gauss nodes that are exact to the last digit. A cohort of 1,000 stores
with n = 100,000 so costs about as much as one with n = 1,000.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ...errors import Invalid

Floats: TypeAlias = npt.NDArray[np.float64]

MAX_TRIALS = 10_000_000
"""Largest n of one store: the sums are gathered in arrays of that length."""

_SLOPE_ZERO = Fraction(1, 10**9)
_DIRECT = 512  # terms with j below this are summed one by one
_NODES = 24  # the singularity lies at 3 half-widths or more: the error is below 5.8**-24
_PER_DECADE = 12  # each term changes over a whole unit of ln θ, so a step of 0.19 misses no hill
_TOP = 12.0  # at θ = 10**12 every shrunk value equals the raw one to 1e-12


@dataclass(frozen=True, slots=True)
class BetaBinomial:
    """A fitted cohort. ``m`` and ``theta`` are both ``None`` when the likelihood has no maximum."""

    m: float | None
    theta: float | None

    @property
    def a(self) -> float | None:
        """First parameter of the beta distribution; ``None`` when all stores are alike or there is no maximum."""
        return self.m / self.theta if self.m is not None and self.theta else None

    @property
    def b(self) -> float | None:
        """Second parameter of the beta distribution; ``None`` as for ``a``."""
        return (1 - self.m) / self.theta if self.m is not None and self.theta else None

    @property
    def tau(self) -> float | None:
        """Standard deviation between the true rates of the stores, 0 to 0.5: KPI Q01, consistency (一致性)."""
        if self.m is None or self.theta is None:
            return None
        return math.sqrt(self.m * (1 - self.m) * self.theta / (1 + self.theta))

    def shrink(self, x: int, n: int) -> float:
        """Give the shrunk rate (x + a)/(n + a + b) of a store with ``n ≥ 1``; x/n when there is no maximum."""
        if not 0 <= x <= n or n == 0:
            raise Invalid("A share needs 0 <= x <= n and n >= 1.", path=("x",), x=x, n=n)
        if self.m is None or self.theta is None:
            return x / n
        if self.theta == 0:
            return self.m
        return (x * self.theta + self.m) / (n * self.theta + 1)


def fit_beta_binomial(counts: Sequence[tuple[int, int]]) -> BetaBinomial:
    """Fit the cohort ``(x, n)``, every n ≥ 1, by maximum likelihood: the highest maximum.

    The edges in their order: nothing or everything a success; a slope at θ = 0 that does not rise (computed exactly);
    every x equal to 0 or n, where the likelihood rises for ever and ``m`` and ``theta`` are ``None``.
    """
    _check(counts)
    hits = sum(x for x, _ in counts)
    trials = sum(n for _, n in counts)
    pooled = hits / trials
    if hits in (0, trials) or _slope_at_zero(counts, hits, trials) <= _SLOPE_ZERO:
        return BetaBinomial(pooled, 0.0)
    if all(x in (0, n) for x, n in counts):
        return BetaBinomial(None, None)
    return _highest(_Likelihood(counts), max(n for _, n in counts))


def log_likelihood(counts: Sequence[tuple[int, int]], m: float, theta: float) -> float:
    """Give L(m, θ) of docs/interchange.md section 9, without the binomial coefficients; 0 < m < 1 and θ ≥ 0."""
    _check(counts)
    if not 0 < m < 1 or theta < 0:
        raise Invalid("The likelihood needs 0 < m < 1 and theta >= 0.", path=("m",), m=m, theta=theta)
    return float(_Likelihood(counts).value(np.array([m]), np.array([theta]))[0])


def _check(counts: Sequence[tuple[int, int]]) -> None:
    if not counts:
        raise Invalid("A cohort needs at least one store.", path=("counts",))
    for x, n in counts:
        if not 0 <= x <= n or not 1 <= n <= MAX_TRIALS:
            raise Invalid("A share needs 0 <= x <= n and 1 <= n <= 10,000,000.", path=("counts",), x=x, n=n)


def _slope_at_zero(counts: Sequence[tuple[int, int]], hits: int, trials: int) -> Fraction:
    """Twice the slope of L in θ at θ = 0 and m = θ₀, exactly."""
    successes = sum(x * (x - 1) for x, _ in counts)
    failures = sum((n - x) * (n - x - 1) for x, n in counts)
    pairs = sum(n * (n - 1) for _, n in counts)
    return Fraction(successes * trials, hits) + Fraction(failures * trials, trials - hits) - pairs


class _Sum:
    """Σ over the stores of Σ f(j) for j below the store's bound, as weighted nodes: Σ weight · f(node)."""

    def __init__(self, bounds: Sequence[int]) -> None:
        top = max(bounds)
        ended = np.cumsum(np.bincount(np.asarray(bounds, dtype=np.int64), minlength=top + 1))[:top]
        weights = (len(bounds) - ended).astype(np.float64)  # how many stores have a term j
        nodes = [np.arange(min(top, _DIRECT), dtype=np.float64)]
        kept = [weights[:_DIRECT]]
        start = _DIRECT
        while start < top:
            stop = min(2 * start, top)
            node, weight = _condense(start, weights[start:stop])
            nodes.append(node)
            kept.append(weight)
            start = stop
        self.at: Floats = np.concatenate(nodes)
        self.weight: Floats = np.concatenate(kept)


def _condense(start: int, weights: Floats) -> tuple[Floats, Floats]:
    """Replace a block of terms by Gauss–Legendre nodes which give the same sum for every polynomial below degree 24."""
    size = len(weights)
    if size <= _NODES:
        return start + np.arange(size, dtype=np.float64), weights
    points, gauss = np.polynomial.legendre.leggauss(_NODES)
    inside = (2 * np.arange(size) + 1 - size) / size
    share = np.zeros(_NODES)
    # P_l at the block's terms (for the moments) and at the nodes, by the three-term recurrence
    low, high = np.ones(size), inside
    low_node, high_node = np.ones(_NODES), points
    for degree in range(_NODES):
        share += (2 * degree + 1) / 2 * float(weights @ low) * low_node
        ahead, behind = (2 * degree + 3) / (degree + 2), (degree + 1) / (degree + 2)
        low, high = high, ahead * inside * high - behind * low
        low_node, high_node = high_node, ahead * points * high_node - behind * low_node
    middle = start + (size - 1) / 2
    return middle + size / 2 * points, gauss * share


class _Likelihood:
    """L(m, θ) for arrays of m and θ of equal length."""

    def __init__(self, counts: Sequence[tuple[int, int]]) -> None:
        self.hits = _Sum([x for x, _ in counts])
        self.misses = _Sum([n - x for x, n in counts])
        self.trials = _Sum([n for _, n in counts])
        self.pooled = sum(x for x, _ in counts) / sum(n for _, n in counts)

    def value(self, m: Floats, theta: Floats) -> Floats:
        """Give L at each pair."""
        column, mean = theta[:, None], m[:, None]
        total: Floats = (
            np.log(mean + self.hits.at * column) @ self.hits.weight
            + np.log(1 - mean + self.misses.at * column) @ self.misses.weight
            - np.log1p(self.trials.at * column) @ self.trials.weight
        )
        return total

    def slope(self, m: Floats, theta: Floats) -> Floats:
        """Give the derivative of L in θ at each pair."""
        column, mean = theta[:, None], m[:, None]
        total: Floats = (
            (self.hits.at / (mean + self.hits.at * column)) @ self.hits.weight
            + (self.misses.at / (1 - mean + self.misses.at * column)) @ self.misses.weight
            - (self.trials.at / (1 + self.trials.at * column)) @ self.trials.weight
        )
        return total

    def best_mean(self, theta: Floats) -> Floats:
        """Give the m that maximises L for each θ; needs a success and a failure in the cohort.

        Newton's method on m(1−m)·∂L/∂m, which is a straight line at θ = 0 and at θ = ∞, kept inside a bracket.
        """
        column = theta[:, None]
        low, high = np.zeros_like(theta), np.ones_like(theta)
        m = np.full_like(theta, self.pooled)
        for _ in range(100):
            up = 1 / (m[:, None] + self.hits.at * column)
            down = 1 / (1 - m[:, None] + self.misses.at * column)
            slope = up @ self.hits.weight - down @ self.misses.weight
            curve = -(up * up) @ self.hits.weight - (down * down) @ self.misses.weight
            low, high = np.where(slope > 0, m, low), np.where(slope < 0, m, high)
            spread = m * (1 - m)
            tangent = (1 - 2 * m) * slope + spread * curve
            step = m - np.divide(spread * slope, tangent, out=np.zeros_like(m), where=tangent != 0)
            after = np.where((step > low) & (step < high), step, np.where(slope == 0, m, (low + high) / 2))
            done = bool(np.all(np.abs(after - m) <= 1e-15 * m))
            m = after
            if done:
                break
        return m


def _highest(likelihood: _Likelihood, largest: int) -> BetaBinomial:
    """Find every hill of the profile over ln θ, refine it, and keep the highest (the lowest θ of equal ones)."""
    bottom = -13.0 - math.log10(largest)  # below it no shrunk value differs from m by more than 1e-13
    grid = np.linspace(bottom, _TOP, math.ceil((_TOP - bottom) * _PER_DECADE) + 1)
    rising = _rising(likelihood, grid)
    tops = [_refine(likelihood, grid[i], grid[i + 1]) for i in np.flatnonzero(rising[:-1] & ~rising[1:])]
    if not rising[0]:
        tops.insert(0, bottom)
    if rising[-1]:
        tops.append(_TOP)
    theta = np.power(10.0, np.array(tops))
    m = likelihood.best_mean(theta)
    best = int(np.argmax(likelihood.value(m, theta)))
    return BetaBinomial(float(m[best]), float(theta[best]))


def _rising(likelihood: _Likelihood, log_theta: Floats) -> npt.NDArray[np.bool_]:
    theta = np.power(10.0, log_theta)
    return likelihood.slope(likelihood.best_mean(theta), theta) > 0


def _refine(likelihood: _Likelihood, low: float, high: float) -> float:
    """Narrow a step of the grid, rising at its start and falling at its end, 32-fold until the floats run out."""
    for _ in range(12):
        points = np.linspace(low, high, 33)
        falling = np.flatnonzero(~_rising(likelihood, points[1:-1]))
        end = int(falling[0]) + 1 if len(falling) else 32
        low, high = float(points[end - 1]), float(points[end])
        if high - low <= 1e-15 * max(1.0, abs(high)):
            break
    return (low + high) / 2

"""Variance between stores for any figure with known sampling variances, and the shrinkage it implies.

For means, or for shares on a transformed scale: each store has an effect ``y`` and the variance ``v`` of that effect.
``τ²`` is the variance of the true effects between the stores, in the square of their unit.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import Invalid


@dataclass(frozen=True, slots=True)
class RandomEffects:
    """``tau2`` ≥ 0, Cochran's heterogeneity ``q``, and the weighted mean without and with ``tau2`` in the weights."""

    tau2: float
    q: float
    mean_fixed: float
    mean_random: float


@dataclass(frozen=True, slots=True)
class JamesStein:
    """``keep`` is the share of each distance from ``grand_mean`` that survives the shrinkage, 0 to 1."""

    grand_mean: float
    keep: float
    values: tuple[float, ...]


def _check(effects: Sequence[float], variances: Sequence[float]) -> None:
    if len(effects) < 2 or len(effects) != len(variances):
        raise Invalid("At least two effects are needed, each with its variance.", path=("effects",))
    if not all(math.isfinite(y) for y in effects) or not all(math.isfinite(v) and v > 0 for v in variances):
        raise Invalid("Effects must be finite and variances positive.", path=("variances",))


def _weighted(effects: Sequence[float], variances: Sequence[float], tau2: float) -> tuple[float, float]:
    """Give the weighted mean and the weighted sum of squares around it, for weights 1/(v + τ²)."""
    weights = [1 / (v + tau2) for v in variances]
    mean = math.fsum(w * y for w, y in zip(weights, effects, strict=True)) / math.fsum(weights)
    return mean, math.fsum(w * (y - mean) ** 2 for w, y in zip(weights, effects, strict=True))


def _result(effects: Sequence[float], variances: Sequence[float], tau2: float) -> RandomEffects:
    fixed, q = _weighted(effects, variances, 0.0)
    return RandomEffects(tau2, q, fixed, _weighted(effects, variances, tau2)[0])


def dersimonian_laird(effects: Sequence[float], variances: Sequence[float]) -> RandomEffects:
    """Estimate τ² by moments, cut at 0 (DerSimonian and Laird 1986). At least two effects, variances > 0."""
    _check(effects, variances)
    _, q = _weighted(effects, variances, 0.0)
    weights = [1 / v for v in variances]
    total = math.fsum(weights)
    # W - sum(w^2)/W, written so that it cannot cancel to a negative number
    spread = math.fsum(w * (total - w) for w in weights) / total
    return _result(effects, variances, max(0.0, (q - (len(effects) - 1)) / spread))


def paule_mandel(effects: Sequence[float], variances: Sequence[float]) -> RandomEffects:
    """Estimate τ² as the value at which Cochran's Q equals its degrees of freedom, or 0 (Paule and Mandel 1982)."""
    _check(effects, variances)
    freedom = len(effects) - 1
    if _weighted(effects, variances, 0.0)[1] <= freedom:
        return _result(effects, variances, 0.0)
    low, high = 0.0, max(variances)
    while _weighted(effects, variances, high)[1] > freedom:  # Q falls to 0 as τ² grows
        low, high = high, 2 * high
    for _ in range(200):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        if _weighted(effects, variances, middle)[1] > freedom:
            low = middle
        else:
            high = middle
    return _result(effects, variances, (low + high) / 2)


def shrink_mean(effect: float, variance: float, model: RandomEffects) -> float:
    """Draw one effect towards the random-effects mean by B = v/(v + τ²)."""
    pull = variance / (variance + model.tau2)
    return effect + pull * (model.mean_random - effect)


def james_stein(values: Sequence[float], variance: float) -> JamesStein:
    """Draw values of equal sampling variance towards their grand mean (Efron and Morris 1977), never past it.

    Needs at least four values, because estimating the grand mean takes one degree of freedom.
    """
    if len(values) < 4 or variance <= 0:
        raise Invalid("At least four values and a positive variance are needed.", path=("values",))
    mean = math.fsum(values) / len(values)
    squares = math.fsum((y - mean) ** 2 for y in values)
    keep = max(0.0, 1 - (len(values) - 3) * variance / squares) if squares > 0 else 0.0
    return JamesStein(mean, keep, tuple(mean + keep * (y - mean) for y in values))

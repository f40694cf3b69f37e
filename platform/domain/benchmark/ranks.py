"""Ranks with the uncertainty they deserve (排名区间), after Goldstein and Spiegelhalter 1996.

The true rates of all stores are drawn 10,000 times from their posteriors and ranked each time; a store's interval holds
the middle 95 % of its ranks (nearest-rank quantiles, so both ends are ranks that occurred).

Edge cases, decided:

- θ = 0 (nothing in the data separates the stores): every draw is a tie of all, so the interval of each is 1 to R.
- No maximum (every x is 0 or n): the fitted posterior would be certain of 0 and of 1. The draws come from Jeffreys'
  posterior Beta(x + ½, n − x + ½) instead, store by store.
- Ties in a draw count with their best rank for the lower end and with their worst for the upper end.
- The point rank is the rank of the shrunk value, 1 the best, equal values sharing the better rank. Should it fall
  outside the simulated interval (it can, when sizes differ much), the interval is widened to hold it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ...errors import Invalid
from .shrinkage import BetaBinomial

Floats: TypeAlias = npt.NDArray[np.float64]
Places: TypeAlias = npt.NDArray[np.int64]

DRAWS = 10_000
_CHUNK = 500  # draws held in memory at once


@dataclass(frozen=True, slots=True)
class RankInterval:
    """A rank from 1, the best, to ``of``, with its 95 % interval: 1 ≤ lo ≤ rank ≤ hi ≤ of."""

    rank: int
    lo: int
    hi: int
    of: int

    @property
    def quartile(self) -> int | None:
        """Quarter of the field, 1 the best; ``None`` unless the interval lies inside two neighbouring quarters.

        A field of fewer than four has no quarters.
        """
        if self.of < 4 or self._quarter(self.hi) - self._quarter(self.lo) > 1:
            return None
        return self._quarter(self.rank)

    @property
    def top(self) -> bool:
        """Whether the whole interval lies in the best quarter: only then may a store be called "top"."""
        return self.of >= 4 and self._quarter(self.hi) == 1

    def _quarter(self, rank: int) -> int:
        return -(-4 * rank // self.of)


def seed(group: str, period: str, kpi: str) -> int:
    """Give the seed of a simulation: the same comparison gets the same ranks, whenever and wherever it is made."""
    text = "\x1f".join((group, period, kpi)).encode()
    return int.from_bytes(hashlib.sha256(text).digest(), "big")


def rank_intervals(
    counts: Sequence[tuple[int, int]],
    model: BetaBinomial,
    *,
    seed: int,
    draws: int = DRAWS,
    higher_is_better: bool = True,
) -> list[RankInterval]:
    """Rank the stores ``(x, n)``, every n ≥ 1, in the order given. Deterministic in its arguments.

    Draws are dealt out in the order of ``counts``: callers who want a result that does not depend on the order of the
    stores sort them first.
    """
    if not 1 <= draws <= 1_000_000:
        raise Invalid("The number of draws must be from 1 to 1,000,000.", path=("draws",), draws=draws)
    if not counts:
        return []
    shrunk = np.array([model.shrink(x, n) for x, n in counts])
    points = _best_places(shrunk[None, :] if higher_is_better else -shrunk[None, :])[0][0]
    size = len(counts)
    if model.theta == 0:
        return [RankInterval(int(point), 1, size, size) for point in points]
    best, worst = _simulate(counts, model, seed, draws, higher_is_better)
    # nearest-rank quantiles in whole numbers: the ceil(draws / 40)-th and the ceil(39 draws / 40)-th of the ranks
    lo = 1 + np.argmax(np.cumsum(best, axis=1) >= -(-draws // 40), axis=1)
    hi = 1 + np.argmax(np.cumsum(worst, axis=1) >= -(-39 * draws // 40), axis=1)
    return [
        RankInterval(int(point), min(int(low), int(point)), max(int(high), int(point)), size)
        for point, low, high in zip(points, lo, hi, strict=True)
    ]


def _simulate(
    counts: Sequence[tuple[int, int]], model: BetaBinomial, seed: int, draws: int, higher_is_better: bool
) -> tuple[Places, Places]:
    """Count how often each store takes each place: best place of a tie, worst place of a tie; both (R, R)."""
    size = len(counts)
    a = 0.5 if model.a is None else model.a
    b = 0.5 if model.b is None else model.b
    alpha = np.array([x + a for x, _ in counts])
    beta = np.array([n - x + b for x, n in counts])
    generator = np.random.Generator(np.random.PCG64(seed))
    best, worst = np.zeros((size * size,), dtype=np.int64), np.zeros((size * size,), dtype=np.int64)
    offsets = np.arange(size) * size - 1
    for start in range(0, draws, _CHUNK):
        rates = generator.beta(alpha, beta, size=(min(_CHUNK, draws - start), size))
        top, bottom = _best_places(rates if higher_is_better else -rates)
        best += np.bincount((top + offsets).ravel(), minlength=size * size)
        worst += np.bincount((bottom + offsets).ravel(), minlength=size * size)
    return best.reshape(size, size), worst.reshape(size, size)


def _best_places(rates: Floats) -> tuple[Places, Places]:
    """Rank each row, 1 for the largest; ties give their best place in the first and their worst in the second array."""
    order = np.argsort(-rates, axis=1, kind="stable")
    ordered = np.take_along_axis(rates, order, axis=1)
    place = np.broadcast_to(np.arange(1, rates.shape[1] + 1), rates.shape)
    first, last = place, place
    fresh = np.ones(rates.shape, dtype=np.bool_)
    fresh[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    if not fresh.all():
        first = np.maximum.accumulate(np.where(fresh, place, 0), axis=1)
        ends = np.ones(rates.shape, dtype=np.bool_)
        ends[:, :-1] = fresh[:, 1:]
        upward = np.where(ends, place, rates.shape[1] + 1)[:, ::-1]
        last = np.minimum.accumulate(upward, axis=1)[:, ::-1]
    best, worst = np.empty(rates.shape, dtype=np.int64), np.empty(rates.shape, dtype=np.int64)
    np.put_along_axis(best, order, first, axis=1)
    np.put_along_axis(worst, order, last, axis=1)
    return best, worst

"""The benchmark (对标) of one KPI and month over a group's stores, and what of it a store may see.

The rules are those of docs/interchange.md section 9; the parts stand in ``intervals``, ``shrinkage``, ``funnel`` and
``ranks``. The two that need numpy are imported when a benchmark is computed, so that reading one costs nothing.

A figure of fewer than ``min_n`` customers never enters a :class:`StoreStat`: it counts in the sums of the cohort and is
forgotten, so nothing that reads a benchmark can leak it by mistake.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ...errors import Invalid, NotFound
from .dispersion import dersimonian_laird
from .funnel import Limits, Verdict, funnel_limits, over_dispersion, verdict
from .intervals import Interval, wilson

if TYPE_CHECKING:
    from .ranks import RankInterval
    from .shrinkage import BetaBinomial

MIN_N = 10
"""Fewest customers of a cell that is shown; a setting may raise it, never lower it."""
RANK_N = 30
"""Fewest customers of a store that is ranked; a setting may raise it, never lower it."""
MIN_STORES = 5
"""Fewest stores with data for anything to be computed; a setting may raise it, never lower it."""
BEST_PRACTICE = 90
"""Percentile of the shrunk values that the gap is measured to."""


@dataclass(frozen=True, slots=True)
class StoreCount:
    """What one store of the cohort delivered: ``x`` successes among ``n``. ``n`` = 0 means no data, not a bad rate."""

    store: str
    x: int
    n: int

    def __post_init__(self) -> None:
        if not 0 <= self.x <= self.n:
            raise Invalid("A share needs 0 <= x <= n.", path=("counts", self.store), x=self.x, n=self.n)


@dataclass(frozen=True, slots=True)
class Missing:
    """An active store without an accepted batch, with the reason (``NO_EXPORT``, ``REFUSED``): named, never zero."""

    store: str
    reason: str


@dataclass(frozen=True, slots=True)
class StoreStat:
    """One store in a benchmark. Rates are numbers from 0 to 1.

    Everything but ``n`` is ``None`` when the cell is ``suppressed`` (n below the minimum) or nothing was computed.
    ``gap`` is best practice minus the own shrunk value, turned so that a positive gap is room for improvement.
    """

    store: str
    n: int
    suppressed: bool
    rankable: bool
    x: int | None = None
    value: float | None = None
    interval: Interval | None = None
    eb: float | None = None
    verdict: Verdict | None = None
    limits: Limits | None = None
    rank: "RankInterval | None" = None
    gap: float | None = None

    @property
    def quartile(self) -> int | None:
        """Quarter of the ranked stores, 1 the best; ``None`` unless the rank interval supports it."""
        return self.rank.quartile if self.rank else None

    @property
    def top(self) -> bool:
        """Whether the whole rank interval lies in the best quarter."""
        return self.rank is not None and self.rank.top


@dataclass(frozen=True, slots=True)
class Totals:
    """The cohort as a whole: sums over the stores with data, the fitted model, and the dispersion beside it.

    ``tau2`` is DerSimonian and Laird's variance of the true rates with the sampling variances of the pooled rate; it
    and ``phi`` are ``None`` at a pooled rate of 0 or 1, and change no verdict.
    """

    x: int
    n: int
    pooled: float
    model: "BetaBinomial"
    phi: float | None
    tau2: float | None
    best_practice: float | None


@dataclass(frozen=True, slots=True)
class Benchmark:
    """The comparison of a cohort's stores, in the order of their codes. ``totals`` is ``None`` when not computed."""

    kpi: str
    month: str
    stores: tuple[StoreStat, ...]
    missing: tuple[Missing, ...]
    min_n: int
    k: int
    totals: Totals | None

    @property
    def stores_with_data(self) -> int:
        """How many stores of the cohort have n ≥ 1."""
        return sum(stat.n >= 1 for stat in self.stores)


def benchmark(
    kpi: str,
    month: str,
    group: str,
    counts: Iterable[StoreCount],
    missing: Iterable[Missing] = (),
    *,
    min_n: int = MIN_N,
    rank_n: int = RANK_N,
    k: int = MIN_STORES,
    draws: int = 10_000,
    higher_is_better: bool = True,
) -> Benchmark:
    """Compare the stores of a cohort for one KPI and month (``YYYY-MM``) of a group (its code seeds the ranks).

    The order of ``counts`` and ``missing`` does not matter. Raises ``Invalid`` for a store that stands twice and for
    thresholds below their floors 10, 30 and 5.
    """
    cohort = sorted(counts, key=lambda count: count.store)
    absent = tuple(sorted(missing, key=lambda gone: gone.store))
    _check(cohort, absent, min_n, rank_n, k)
    stats = [StoreStat(c.store, c.n, suppressed=c.n < min_n, rankable=c.n >= rank_n) for c in cohort]
    filled = [c for c in cohort if c.n >= 1]
    if len(filled) < k:
        return Benchmark(kpi, month, tuple(stats), absent, min_n, k, None)
    from .ranks import seed

    totals = _totals(filled)
    stats = [_judge(stat, c, totals) for stat, c in zip(stats, cohort, strict=True)]
    stats = _rank(stats, totals.model, seed(group, month, kpi), draws, higher_is_better)
    best = _best_practice(stats, higher_is_better)
    stats = [_with_gap(stat, best, higher_is_better) for stat in stats]
    return Benchmark(kpi, month, tuple(stats), absent, min_n, k, replace(totals, best_practice=best))


def _check(cohort: Sequence[StoreCount], absent: Sequence[Missing], min_n: int, rank_n: int, k: int) -> None:
    seen = Counter([count.store for count in cohort] + [gone.store for gone in absent])
    for store, times in seen.items():
        if times > 1:
            raise Invalid("A store stands in a benchmark once.", path=("counts", store))
    for name, given, floor in (("min_n", min_n, MIN_N), ("rank_n", rank_n, RANK_N), ("k", k, MIN_STORES)):
        if given < floor:
            raise Invalid("A disclosure threshold may not lie below its floor.", path=(name,), given=given, floor=floor)


def _totals(filled: Sequence[StoreCount]) -> Totals:
    from .shrinkage import fit_beta_binomial

    pairs = [(c.x, c.n) for c in filled]
    x, n = sum(c.x for c in filled), sum(c.n for c in filled)
    rate = x / n
    tau2 = None
    if 0 < x < n:
        # variances under the pooled rate, as in the funnel: a store with x = 0 would else have none
        spread = [rate * (1 - rate) / c.n for c in filled]
        tau2 = dersimonian_laird([c.x / c.n for c in filled], spread).tau2
    return Totals(x, n, rate, fit_beta_binomial(pairs), over_dispersion(pairs), tau2, None)


def _judge(stat: StoreStat, count: StoreCount, totals: Totals) -> StoreStat:
    if stat.suppressed:
        return stat
    value = count.x / count.n
    limits = funnel_limits(count.n, totals.pooled)
    return replace(
        stat,
        x=count.x,
        value=value,
        interval=wilson(count.x, count.n),
        eb=totals.model.shrink(count.x, count.n),
        verdict=verdict(value, totals.pooled, limits),
        limits=limits,
    )


def _rank(
    stats: Sequence[StoreStat], model: "BetaBinomial", seed: int, draws: int, higher_is_better: bool
) -> list[StoreStat]:
    from .ranks import rank_intervals

    ranked = [(stat.store, (stat.x, stat.n)) for stat in stats if stat.rankable and stat.x is not None]
    intervals = rank_intervals(
        [pair for _, pair in ranked], model, seed=seed, draws=draws, higher_is_better=higher_is_better
    )
    by_store = {store: interval for (store, _), interval in zip(ranked, intervals, strict=True)}
    return [replace(stat, rank=by_store.get(stat.store)) for stat in stats]


def _best_practice(stats: Sequence[StoreStat], higher_is_better: bool) -> float | None:
    """Give the 90th percentile (nearest rank) of the shrunk values shown, counted from the worst."""
    values = sorted((stat.eb for stat in stats if stat.eb is not None), reverse=not higher_is_better)
    return values[-(-BEST_PRACTICE * len(values) // 100) - 1] if values else None


def _with_gap(stat: StoreStat, best: float | None, higher_is_better: bool) -> StoreStat:
    if best is None or stat.eb is None:
        return stat
    return replace(stat, gap=best - stat.eb if higher_is_better else stat.eb - best)


def benchmark_report(result: Benchmark) -> dict[str, Any]:
    """Lay a benchmark out as in the expected files (docs/interchange.md section 10), for the whole group.

    A suppressed store, with n = 0 too, has no ``x`` and null in every figure. A benchmark that is not computed lists
    its stores the same way, says ``computed: false`` and has no totals.
    """
    report: dict[str, Any] = {
        "kpi": result.kpi,
        "month": result.month,
        "cohort": [stat.store for stat in result.stores],
        "missing": [{"store": gone.store, "reason": gone.reason} for gone in result.missing],
        "stores_with_data": result.stores_with_data,
        "stores": [_report_store(stat) for stat in result.stores],
        "computed": result.totals is not None,
    }
    if result.totals is not None:
        totals, model = result.totals, result.totals.model
        report |= {"x": totals.x, "n": totals.n, "pooled": totals.pooled}
        report |= {"m": model.m, "theta": model.theta, "a": model.a, "b": model.b, "tau": model.tau}
    return report


def _report_store(stat: StoreStat) -> dict[str, Any]:
    limits = stat.limits
    row: dict[str, Any] = {
        "store": stat.store,
        "n": stat.n,
        "value": stat.value,
        "lo": stat.interval.lo if stat.interval else None,
        "hi": stat.interval.hi if stat.interval else None,
        "eb": stat.eb,
        "verdict": stat.verdict.value if stat.verdict else None,
        "limits": limits and {"lo998": limits.lo998, "lo95": limits.lo95, "hi95": limits.hi95, "hi998": limits.hi998},
        "suppressed": stat.suppressed,
        "rankable": stat.rankable,
    }
    if stat.x is not None:
        row["x"] = stat.x
    return row


@dataclass(frozen=True, slots=True)
class StoreView:
    """What one store sees of a benchmark: itself by name, the others without name, code or size.

    ``distribution`` holds the values of other stores, ascending and rounded to three decimals, because the exact
    fraction of a small store gives its n away; ``withheld`` counts the others with data that are not in it. The model's
    m, θ and τ stay with the group: with a shrunk value they give away sizes too.
    """

    kpi: str
    month: str
    computed: bool
    stores_with_data: int
    missing: int
    own: StoreStat | None
    distribution: tuple[float, ...]
    withheld: int
    x: int | None
    n: int | None
    pooled: float | None


def published(result: Benchmark, viewer: str) -> StoreView:
    """Show a benchmark to one of its stores; ``NotFound`` for any other code, ``own`` is ``None`` for a missing store.

    Nothing is shown beside the own n when fewer than k stores have data. Cells below the minimum are left out, and as
    the viewer knows its own figures, the cells of the *others* that stay hidden must be at least two and hold ``min_n``
    customers together: else the smallest shown ones are withheld too, so that subtracting from the totals gives no
    single store. Should that leave fewer than k stores to see, the viewer's included, there is no distribution; and
    where the others together hold fewer than ``min_n`` customers, nothing of the group is shown. The own rank is shown
    when at least k stores are ranked.
    """
    own = next((stat for stat in result.stores if stat.store == viewer), None)
    if own is None and all(gone.store != viewer for gone in result.missing):
        raise NotFound("No such store in this benchmark.")
    others = [stat for stat in result.stores if stat.store != viewer and stat.n >= 1]
    head = (result.kpi, result.month)
    tail = (result.stores_with_data, len(result.missing))
    if result.totals is None or sum(stat.n for stat in others) < result.min_n:
        return StoreView(*head, False, *tail, own and _without_group(own), (), len(others), None, None, None)
    if own is not None and own.rank is not None and own.rank.of < result.k:
        own = replace(own, rank=None)
    shown = _disclosable(others, result.min_n)
    if len(shown) + (own is not None and not own.suppressed) < result.k:
        shown = []
    values = tuple(sorted(round(stat.value, 3) for stat in shown if stat.value is not None))
    totals = result.totals
    return StoreView(*head, True, *tail, own, values, len(others) - len(values), totals.x, totals.n, totals.pooled)


def _disclosable(others: Sequence[StoreStat], min_n: int) -> list[StoreStat]:
    """Leave out the suppressed cells and, of the rest, as many of the smallest as must hide beside them."""
    hidden = [stat for stat in others if stat.suppressed]
    shown = sorted((stat for stat in others if not stat.suppressed), key=lambda stat: (stat.n, stat.store))
    while hidden and shown and (len(hidden) < 2 or sum(stat.n for stat in hidden) < min_n):
        hidden.append(shown.pop(0))
    return shown


def _without_group(own: StoreStat) -> StoreStat:
    """Keep what the store knows from its own data alone; its limits and shrunk value would tell the group's rate."""
    return replace(own, eb=None, verdict=None, limits=None, rank=None, gap=None)

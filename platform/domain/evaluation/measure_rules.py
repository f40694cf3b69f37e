"""A figure and what it was counted from: the evidence is the thing counted, so that the two cannot disagree.

A KPI is a ``KpiEvidence``: the records of its numerator, its denominator and its ``n``, and how they make a value.
``measured`` turns it into a ``KpiValue``. All arithmetic is exact; rounding happens in ``fixed``, once, for display.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple
from uuid import UUID

# Wide enough for any sum of stored amounts; if it ever were not, Inexact raises instead of rounding.
_EXACT = Context(prec=10_000, traps=[Inexact, InvalidOperation, Overflow])


class Statistic(StrEnum):
    """How numerator and denominator make a value."""

    COUNT = "COUNT"  # n
    PERCENT = "PERCENT"  # 100 · Σ numerator / Σ denominator
    MEAN_HOURS = "MEAN_HOURS"  # Σ numerator in seconds / n, in hours
    MEDIAN_MINUTES = "MEDIAN_MINUTES"  # middle of the numerator's seconds, in minutes
    SUM = "SUM"  # Σ numerator


class Reference(NamedTuple):  # a tuple: there are several for every row of a month
    """A record that counted: what it is, its natural key (parts joined by ``/``), its database id if it has one."""

    kind: str
    key: str
    id: UUID | None = None


class Counted(NamedTuple):
    """A record with the amount it adds (1 for a plain count; hours, seconds or money else) and the record that proves
    it: the answer of a satisfied customer, the call that was in time, the order that repeated the work."""

    record: Reference
    amount: int | Decimal = 1
    proof: Reference | None = None


@dataclass(frozen=True, slots=True)
class KpiEvidence:
    """What a KPI was counted from. ``cases`` are the records behind ``n`` where these are not the denominator's."""

    code: str
    statistic: Statistic
    numerator: tuple[Counted, ...]
    denominator: tuple[Counted, ...]
    cases: tuple[Counted, ...] | None = None

    @property
    def n(self) -> int:
        return len(self.denominator if self.cases is None else self.cases)


@dataclass(frozen=True, slots=True)
class KpiValue:
    """A figure, exact. ``x`` and ``d`` are the sums over numerator and denominator, ``n`` the number of cases.

    ``value`` is ``None`` where there is nothing to divide by, never zero. Units: percent, hours, minutes, money, count.
    """

    code: str
    x: Fraction | None
    n: int
    d: Fraction | None
    value: Fraction | None


def exact_sum(amounts: Iterable[int | Decimal]) -> Fraction:
    """The sum without any rounding."""
    whole, parts = 0, Decimal(0)
    for amount in amounts:
        if isinstance(amount, int):
            whole += amount
        else:
            parts = _EXACT.add(parts, amount)
    return Fraction(parts) + whole


def exact_difference(minuend: Decimal, subtrahend: Decimal) -> Decimal:
    """The difference without any rounding."""
    return _EXACT.subtract(minuend, subtrahend)


def seconds(duration: timedelta) -> int | Decimal:
    """A duration in seconds, exact."""
    whole = duration.days * 86_400 + duration.seconds
    if not duration.microseconds:
        return whole
    return Decimal(whole * 1_000_000 + duration.microseconds).scaleb(-6, _EXACT)


def median(amounts: Iterable[int | Decimal]) -> Fraction | None:
    """The middle of the amounts, the mean of the middle two when their number is even, ``None`` of none."""
    ordered = sorted(amounts)
    if not ordered:
        return None
    half = len(ordered) // 2
    if len(ordered) % 2:
        return Fraction(ordered[half])
    return (Fraction(ordered[half - 1]) + Fraction(ordered[half])) / 2


def ratio(x: Fraction, d: Fraction, times: int) -> Fraction | None:
    """``times``·x/d; a rate of nothing is unknown."""
    return x * times / d if d else None


def measured(evidence: KpiEvidence) -> KpiValue:
    """Count the evidence."""
    n = evidence.n
    if evidence.statistic is Statistic.COUNT:
        return KpiValue(evidence.code, None, n, None, Fraction(n))
    if evidence.statistic is Statistic.MEDIAN_MINUTES:
        middle = median(counted.amount for counted in evidence.numerator)
        return KpiValue(evidence.code, None, n, None, None if middle is None else middle / 60)
    x = exact_sum(counted.amount for counted in evidence.numerator)
    if evidence.statistic is Statistic.SUM:
        return KpiValue(evidence.code, x, n, None, x)
    d = exact_sum(counted.amount for counted in evidence.denominator)
    if evidence.statistic is Statistic.MEAN_HOURS:
        return KpiValue(evidence.code, x, n, d, ratio(x / 3600, d, 1))
    return KpiValue(evidence.code, x, n, d, ratio(x, d, 100))


def fixed(value: Fraction | Decimal | int, places: int) -> str:
    """The value with this many decimals, ROUND_HALF_UP (ties away from zero): 1/8 to two places is ``0.13``."""
    exact = Fraction(value)
    scale = 10**places
    doubled = abs(exact.numerator) * scale * 2 + exact.denominator
    units = doubled // (exact.denominator * 2)
    sign = "-" if exact < 0 and units else ""
    whole, rest = divmod(units, scale)
    return f"{sign}{whole}.{rest:0{places}d}" if places else f"{sign}{whole}"


def plain(value: Fraction | Decimal | int) -> int | str:
    """A number of at most six decimals for JSON: an int where it is whole, else its shortest decimal string."""
    exact = Fraction(value)
    if exact.denominator == 1:
        return exact.numerator
    text = fixed(exact, 6)
    return text.rstrip("0").rstrip(".")

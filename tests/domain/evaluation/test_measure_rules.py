"""Exact arithmetic, and one rounding at the end."""

from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.domain.evaluation.measure_rules import (
    Counted,
    KpiEvidence,
    Reference,
    Statistic,
    exact_sum,
    fixed,
    measured,
    median,
    plain,
    seconds,
)

DECIMALS = st.decimals(-(10**9), 10**9, allow_nan=False, places=7)


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        (Fraction(1, 8), 2, "0.13"),
        (Fraction(-1, 8), 2, "-0.13"),
        (Fraction(2, 3), 6, "0.666667"),
        (Fraction(199999, 1000), 2, "200.00"),
        (Fraction(-1, 10**9), 2, "0.00"),
        (Fraction(5, 2), 0, "3"),
        (0, 6, "0.000000"),
        (Fraction(7999999, 100000), 2, "80.00"),
    ],
)
def test_half_goes_up(value: Fraction | int, places: int, text: str) -> None:
    assert fixed(value, places) == text


@given(DECIMALS, st.integers(0, 6))
def test_rounding_agrees_with_decimal(value: Decimal, places: int) -> None:
    rounded = value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    assert fixed(value, places) == f"{rounded if rounded else abs(rounded):f}"


@given(st.lists(st.one_of(DECIMALS, st.integers(-(10**12), 10**12)), max_size=20))
def test_sums_are_exact_in_any_sequence(amounts: list[Decimal | int]) -> None:
    exact = sum((Fraction(amount) for amount in amounts), Fraction(0))
    assert exact_sum(amounts) == exact == exact_sum(amounts[::-1])


def test_sums_do_not_round_where_the_default_context_would() -> None:
    assert exact_sum([Decimal("1e30"), Decimal("0.0000001"), Decimal("-1e30")]) == Fraction(1, 10**7)


def test_a_median_of_an_even_number_is_the_mean_of_the_middle_two() -> None:
    assert median([3, 1, 2]) == 2
    assert median([4, 1, 2, 3]) == Fraction(5, 2)
    assert median([]) is None


def test_seconds_keep_fractions() -> None:
    assert seconds(timedelta(days=2, seconds=1)) == 172_801
    assert seconds(timedelta(microseconds=1_500_000)) == Decimal("1.5")
    assert seconds(timedelta(seconds=-1)) == -1


def test_plain_numbers() -> None:
    assert [plain(Decimal("20.00")), plain(Decimal("-0.5")), plain(Fraction(12))] == [20, "-0.5", 12]


@pytest.mark.parametrize("statistic", [Statistic.PERCENT, Statistic.MEAN_HOURS, Statistic.MEDIAN_MINUTES])
def test_a_rate_of_nothing_is_unknown_and_never_zero(statistic: Statistic) -> None:
    assert measured(KpiEvidence("K", statistic, (), ())).value is None


@given(st.integers(0, 30), st.integers(0, 30))
def test_a_rate_exists_exactly_where_there_is_a_denominator(hits: int, n: int) -> None:
    records = [Counted(Reference("SALES_ORDER", str(at))) for at in range(n)]
    value = measured(KpiEvidence("K", Statistic.PERCENT, tuple(records[:hits]), tuple(records)))
    assert value.value == (Fraction(100 * min(hits, n), n) if n else None)

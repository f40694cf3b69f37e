"""Who takes part, cards and scores (interchange section 8), with the worked examples of the domain model."""

import json
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.domain.evaluation.kpi_catalogue import KPIS, Direction
from forecourt.domain.evaluation.measure_rules import KpiValue, fixed
from forecourt.domain.evaluation.report_rules import scorecard_json
from forecourt.domain.evaluation.results import AftersalesCard
from forecourt.domain.evaluation.scheme_rules import final_total, scored, store_card, verdict_on, weighted
from forecourt.domain.evaluation.scheme_specs import Item, SalesScheme, Scorer, StoreScheme
from forecourt.domain.evaluation.seed_schemes import AFTERSALES, SALES_2H, SALES_24H
from forecourt.domain.evaluation.settings_rules import MonthSettings
from tests.domain.evaluation.shop import (
    HOUR,
    NOON,
    PEOPLE,
    POSITIONS,
    answer,
    at,
    call,
    cards,
    close,
    complaint,
    keys,
    person,
    position,
    sale,
    seen,
)

ORACLES = json.loads((Path(__file__).parents[2] / "data" / "oracles.json").read_text(encoding="utf-8"))
VALUES = st.fractions(-50, 200, max_denominator=1000)
ITEMS = [item for category in AFTERSALES.categories for item in category.items]


def kpi(code: str, value: Fraction | int | None, n: int = 50) -> KpiValue:
    return KpiValue(code, None, n, None, None if value is None else Fraction(value))


def card_of(values: dict[str, KpiValue]) -> AftersalesCard:
    """The after-sales card of a store that has only these figures."""
    nothing = {item.kpi: kpi(item.kpi, None, 0) for item in ITEMS}
    return store_card(AFTERSALES, {**nothing, **values})


class TestWorkedExamples:
    """domain model 3.10, i to iv, and the scorecards of oracles.json."""

    @pytest.mark.parametrize("oracle", ORACLES["scorecard"])
    def test_published_scorecards(self, oracle: dict[str, Any]) -> None:
        pairs = zip([20, 25, 15, 20, 20], oracle["scores"], strict=True)
        total = weighted((Decimal(weight), None if score is None else Fraction(score)) for weight, score in pairs)
        assert total is not None
        assert float(fixed(total, 2)) == oracle.get("total", oracle.get("redistributed"))

    def test_after_sales_scores_and_redistribution(self) -> None:
        # Values at which both KPIs of a category give 90, 80, 70, 85 and 60 points.
        def value(code: str, points: int) -> Fraction:
            floor, target = next(item.scorer.segments[0] for item in ITEMS if item.kpi == code)
            return Fraction(floor) + Fraction(target - floor) * points / 100

        points = dict(zip([category.code for category in AFTERSALES.categories], (90, 80, 70, 85, 60), strict=True))
        values = {
            item.kpi: kpi(item.kpi, value(item.kpi, points[category.code]))
            for category in AFTERSALES.categories
            for item in category.items
        }
        card = card_of(values)
        assert card.total == Fraction("77.5")
        assert {category.code: category.score for category in card.categories} == points
        without_parts = {code: figure for code, figure in values.items() if code not in ("A05", "A06")}
        total = card_of(without_parts).total
        assert total is not None
        assert fixed(total, 2) == "78.82"

    def test_the_denominator_matters(self) -> None:
        orders = [sale(f"O{row}") for row in range(12)]
        surveys = [answer(f"Q{row}", f"O{row}", 5 if row < 9 else 4) for row in range(10)]
        result = close(sales_orders=orders, surveys=surveys)
        over_all = cards(result, "SALES-24H")["A"]
        assert seen(over_all.s01.value, over_all.s02.value, over_all.verdict) == (75, 90, "FAIL")
        settings = MonthSettings.from_dict({"vs_rate.denominator": "RESPONDED"})
        among = cards(close(settings=settings, sales_orders=orders, surveys=surveys), "SALES-24H")["A"]
        assert seen(among.s01.value, among.s01.n, among.s01_pass, among.verdict) == (90, 10, True, "PASS")

    def test_a_missed_call_a_missing_form_and_a_complaint(self) -> None:
        orders = [sale(f"O{row}", form_complete=row != 3) for row in range(12)]
        surveys = [answer(f"Q{row}", f"O{row}", 5 if row < 9 else 4) for row in range(10)]
        calls = [call(f"K{row}", f"O{row}", NOON + HOUR) for row in range(11)]
        rows = [complaint("CP", NOON, "A")]
        result = close(sales_orders=orders, surveys=surveys, calls=calls, complaints=rows)
        assert keys(result) == [
            ("D-CALL", "O11", "A"),
            ("D-CMP", "CP", "A"),
            ("D-CMP-J", "CP", "SUP"),
            ("D-Q", "O3", "A"),
        ]
        found = cards(result)
        assert seen(found["A"].ledger_points, found["A"].total) == (-3, 72)
        assert seen(found["SUP"].ledger_points, found["SUP"].total) == (-1, None)


class TestParticipants:
    """8.1"""

    def test_everyone_who_holds_a_sales_role_on_one_day_takes_part(self) -> None:
        people = [
            person("FIRST", left="2026-09-02"),
            person("NEVER", left="2026-09-01"),
            person("LAST", "2026-09-30", None),
            person("NEXT", "2026-10-01", None),
            person("MOVED"),
            person("CLERK"),
        ]
        positions = [
            *(position(row.employee_no) for row in people[:4]),
            position("MOVED", end="2026-09-15", team="T7", supervisor="S7"),
            position("MOVED", "SERVICE_ADVISOR", "W", start="2026-09-15"),
            position("CLERK", "PARTS_CLERK"),
        ]
        found = cards(close(employees=people, positions=positions), "SALES-24H")
        assert list(found) == ["FIRST", "LAST", "MOVED"]
        assert (found["MOVED"].who.team_code, found["MOVED"].who.supervisor_no) == ("T7", "S7")

    def test_the_reference_day_decides_role_team_and_status(self) -> None:
        people = [person("A", "2026-08-01", "2026-09-20"), person("B", "2026-08-01", "2026-10-01")]
        positions = [
            position("A", "SALES_ASSISTANT", "T1", end="2026-09-10", start="2026-08-01"),
            position("A", "SALES_CONSULTANT", "T2", start="2026-09-10"),
            position("B", "SALES_CONSULTANT", start="2026-08-01"),
        ]
        found = cards(close(employees=people, positions=positions), "SALES-2H")
        who = found["A"].who
        assert (who.role, who.team_code, who.status) == ("SALES_CONSULTANT", "T2", "CONFIRMED")
        assert found["B"].who.status == "PROBATION"

    @pytest.mark.parametrize(
        ("role", "confirmed", "takes_part"),
        [
            ("SALES_ASSISTANT", None, False),
            ("SALES_ASSISTANT", "2026-10-01", False),
            ("SALES_ASSISTANT", "2026-09-30", True),
            ("SALES_CONSULTANT", None, True),
        ],
    )
    def test_assistants_on_probation_are_left_out_of_sales_2h(
        self, role: str, confirmed: str | None, takes_part: bool
    ) -> None:
        people, positions = [person("N", "2026-09-01", confirmed)], [position("N", role, start="2026-09-01")]
        result = close(employees=people, positions=positions, sales_orders=[sale("O", by="N", form_complete=False)])
        assert "N" in cards(result, "SALES-24H")
        assert ("N" in cards(result, "SALES-2H")) is takes_part
        assert (("D-Q", "O", "N") in keys(result)) is takes_part
        assert result.values["S01"].n == 1

    def test_an_assistant_who_left_on_probation_is_judged_on_the_last_day_at_work(self) -> None:
        people = [person("N", "2026-08-01", "2026-09-20", "2026-09-15")]
        result = close(employees=people, positions=[position("N", "SALES_ASSISTANT", start="2026-08-01")])
        assert (list(cards(result, "SALES-24H")), list(cards(result, "SALES-2H"))) == (["N"], [])

    def test_a_setting_says_who_else_is_left_out(self) -> None:
        excluded = [{"role": "SALES_CONSULTANT", "status": "CONFIRMED"}]
        settings = MonthSettings.from_dict({"participants.exclude_statuses": excluded})
        assert list(cards(close(settings=settings), "SALES-24H")) == ["MGR", "SUP"]

    def test_orders_after_somebody_left_stay_on_the_card_they_have(self) -> None:
        people = [*(row for row in PEOPLE if row.employee_no != "A"), person("A", left="2026-09-05")]
        found = cards(close(employees=people, sales_orders=[sale("O", NOON)]))
        assert found["A"].s01.n == 1


class TestCards:
    """8.2"""

    def test_the_verdict_looks_at_the_total_with_its_points(self) -> None:
        orders = [sale(f"O{row}", form_complete=row > 1) for row in range(100)]
        surveys = [answer(f"Q{row}", f"O{row}", 5) for row in range(81)]
        calls = [call(f"K{row}", f"O{row}", NOON + HOUR) for row in range(100)]
        card = cards(close(sales_orders=orders, surveys=surveys, calls=calls))["A"]
        assert seen(card.s01.value, card.s01_pass, card.ledger_points, card.total) == (81, True, -2, 79)
        assert card.verdict == "FAIL"

    def test_exactly_the_pass_mark_passes_and_a_hair_less_fails(self) -> None:
        assert verdict_on(Fraction(80), Decimal(80)) == "PASS"
        assert verdict_on(Fraction(80) - Fraction(1, 10**9), Decimal(80)) == "FAIL"
        assert verdict_on(None, Decimal(80)) == "NO_DATA"
        orders = [sale(f"O{row}") for row in range(5)]
        surveys = [answer(f"Q{row}", f"O{row}", 5) for row in range(4)]
        card = cards(close(sales_orders=orders, surveys=surveys), "SALES-24H")["A"]
        assert seen(card.s01_pass, card.total, card.verdict) == (True, 80, "PASS")

    def test_nobody_falls_below_nothing(self) -> None:
        assert final_total(Fraction(1), Decimal(-3)) == 0
        assert final_total(Fraction(99), Decimal(3)) == 100
        assert final_total(None, Decimal(-3)) is None

    def test_no_orders_no_total_but_the_points_are_shown(self) -> None:
        shown = scorecard_json(cards(close(complaints=[complaint("CP", NOON, "A")]))["A"])
        assert shown == {
            "employee_no": "A",
            "role": "SALES_CONSULTANT",
            "team_code": "T1",
            "supervisor_no": "SUP",
            "status": "CONFIRMED",
            "n": 0,
            "x": 0,
            "s01": None,
            "responses": 0,
            "s02": None,
            "s01_pass": None,
            "ledger_points": -1,
            "total": None,
            "verdict": "NO_DATA",
        }

    def test_each_scheme_has_its_own_base(self) -> None:
        orders = [sale("O1", plated_at=None), sale("O2", invoiced_at=None), sale("O3", at("09-30 23:59:59"))]
        surveys = [answer("Q1", "O1", 5), answer("Q2", "O2", 5), answer("Q3", "O3", 4)]
        result = close(sales_orders=orders, surveys=surveys)
        assert [cards(result, scheme)["A"].s01.x for scheme in ("SALES-24H", "SALES-2H")] == [1, 1]
        bases = [
            [counted.record.key for counted in cards(result, scheme)["A"].evidence["S01"].denominator]
            for scheme in ("SALES-24H", "SALES-2H")
        ]
        assert bases == [["O1", "O3"], ["O2", "O3"]]

    def test_a_scheme_of_several_items_redistributes_what_is_missing(self) -> None:
        full = Scorer.linear(0, 100)
        scheme = replace(
            SALES_24H,
            code="MIX",
            items=(
                Item("S01", Decimal(40), full),
                Item("S03", Decimal(20), full, min_n=2),
                Item("F01", Decimal(20), full),
                Item("F03", Decimal(20), full),
            ),
        )
        orders = [sale("O1"), sale("O2", form_complete=False), sale("O3"), sale("O4")]
        calls = [call("K", "O1", NOON)]
        result = close(schemes=[scheme], sales_orders=orders, surveys=[answer("Q", "O1", 5)], calls=calls)
        card = cards(result, "MIX")["A"]
        assert [item.missing for item in card.items] == [False, True, False, False]
        assert card.total == Fraction(40 * 25 + 20 * 25 + 20 * 75, 80)
        assert set(card.evidence) == {"S01", "S02", "S03", "F01", "F03"}


class TestScorers:
    """8.3"""

    @pytest.mark.parametrize(
        ("code", "value", "points"),
        [
            ("S03_SERVICE", 60, 0),
            ("S03_SERVICE", 75, 50),
            ("S03_SERVICE", 91, 100),
            ("A01", 72, 0),
            ("A01", 48, 50),
            ("A01", 10, 100),
            ("A01", 90, 0),
            ("A07", 50, 0),
            ("A07", 75, 100),
            ("A07", 95, 100),
            ("A07", 105, 50),
            ("A07", 115, 0),
            ("A07", 130, 0),
            ("A07", 20, 0),
            ("A09", 20, 50),
        ],
    )
    def test_points(self, code: str, value: int, points: int) -> None:
        item = next(item for item in ITEMS if item.kpi == code)
        assert scored(item, kpi(code, value)).score == points

    def test_too_few_cases_or_none_are_missing(self) -> None:
        satisfaction = ITEMS[0]
        assert [scored(satisfaction, kpi("S03_SERVICE", 90, n)).missing for n in (9, 10)] == [True, False]
        assert scored(ITEMS[1], kpi("C04_SERVICE", None, 0)).missing
        assert scored(ITEMS[1], kpi("C04_SERVICE", 0, 1)).score == 0

    def test_the_other_kpi_carries_its_category_and_a_category_of_none_is_left_out(self) -> None:
        card = card_of({"C04_SERVICE": kpi("C04_SERVICE", 95), "A05": kpi("A05", 70), "A06": kpi("A06", 1)})
        assert [category.score for category in card.categories] == [100, None, 50, None, None]
        assert card.total == Fraction(20 * 100 + 15 * 50, 35)
        assert card_of({}).total is None

    @given(st.sampled_from(ITEMS), VALUES, VALUES)
    def test_points_follow_the_direction_of_the_kpi_within_0_and_100(
        self, item: Item, one: Fraction, other: Fraction
    ) -> None:
        low, high = (item.scorer.points(value) for value in sorted((one, other)))
        assert 0 <= low <= 100
        assert 0 <= high <= 100
        match KPIS[item.kpi].direction:
            case Direction.HIGHER:
                assert low <= high
            case Direction.LOWER:
                assert low >= high
            case Direction.BAND:
                middle = item.scorer.points(Fraction(one + other) / 2)
                assert middle >= min(low, high)

    @given(st.dictionaries(st.sampled_from([item.kpi for item in ITEMS]), VALUES))
    def test_the_total_does_not_depend_on_the_sequence(self, values: dict[str, Fraction]) -> None:
        figures = {item.kpi: kpi(item.kpi, values.get(item.kpi), 50 if item.kpi in values else 0) for item in ITEMS}
        total = store_card(AFTERSALES, figures).total
        assert total is None or 0 <= total <= 100
        for categories in list(permutations(AFTERSALES.categories))[::39]:
            turned = tuple(replace(category, items=category.items[::-1]) for category in categories)
            assert store_card(StoreScheme("X", 1, turned), figures).total == total

    @given(st.sampled_from(ITEMS), st.dictionaries(st.sampled_from([item.kpi for item in ITEMS]), VALUES), VALUES)
    def test_the_total_is_monotone_in_every_kpi(self, item: Item, values: dict[str, Fraction], more: Fraction) -> None:
        direction = KPIS[item.kpi].direction
        if item.kpi not in values or direction is Direction.BAND:
            return
        better = values[item.kpi] + abs(more) * (1 if direction is Direction.HIGHER else -1)
        figures = {code: kpi(code, value) for code, value in values.items()}
        before, after = card_of(figures).total, card_of({**figures, item.kpi: kpi(item.kpi, better)}).total
        assert before is not None
        assert after is not None
        assert after >= before


@given(st.integers(0, 40), st.integers(0, 40))
def test_a_better_rate_never_gives_a_worse_card(hits: int, more: int) -> None:
    item = SALES_24H.items[0]
    low, high = sorted((hits, more))
    scores = [scored(item, kpi("S01", Fraction(100 * x, 40))).score for x in (low, high)]
    assert scores == [Fraction(100 * low, 40), Fraction(100 * high, 40)]


def test_schemes_are_interpreted_and_not_known_by_name() -> None:
    twin = replace(SALES_2H, code="OURS", version=7)
    assert isinstance(twin, SalesScheme)
    orders, rows = [sale("O", form_complete=False)], [complaint("CP", NOON, "A")]
    result = close(schemes=[SALES_2H, twin], sales_orders=orders, complaints=rows, positions=POSITIONS)
    assert keys(result, "OURS") == keys(result, "SALES-2H") != []
    assert cards(result, "OURS") == cards(result, "SALES-2H")
    assert result.aftersales == ()

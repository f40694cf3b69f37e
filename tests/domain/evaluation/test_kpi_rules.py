"""Every KPI at its boundaries (interchange section 7), through the one entry point."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.domain.evaluation.calendar_rules import Month
from forecourt.domain.evaluation.facts import Attendance, Complaint, LabourLine, PartLine, SalesOrder, SurveyRow, Target
from forecourt.domain.evaluation.kpi_catalogue import KPIS
from forecourt.domain.evaluation.settings_rules import MonthSettings
from forecourt.errors import Invalid
from tests.domain.evaluation.shop import (
    FROZEN,
    HOUR,
    NOON,
    PEOPLE,
    POSITIONS,
    SECOND,
    answer,
    at,
    call,
    close,
    complaint,
    person,
    position,
    repair,
    sale,
    seen,
    x_n,
)

D = Decimal


def labour(
    ro: str, line: int = 1, day: str = "2026-09-10", hours: str = "2", amount: str = "100", cost: str = "40"
) -> LabourLine:
    return LabourLine(ro, line, date.fromisoformat(day), D(hours), D(amount), D(cost))


def part(ro: str, line: int = 1, **more: object) -> PartLine:
    return replace(PartLine(ro, line, NOON, D(100), D(40), NOON, False), **more)  # type: ignore[arg-type]  # fields by name


def invited(number: str, order: str, **more: object) -> SurveyRow:
    row = SurveyRow(number, "T1", order, sent_at=NOON, expires_at=NOON + timedelta(days=14))
    return replace(row, **more)  # type: ignore[arg-type]  # fields by name


def test_a_month_without_facts_has_no_rate_at_all() -> None:
    result = close()
    counts = {"DELIVERED": 0, "A12": 0}
    assert {code: value.value for code, value in result.values.items()} == {code: counts.get(code) for code in KPIS}
    assert all(value.n == 0 for value in result.values.values())
    assert result.aftersales[0].total is None


def test_a_delivery_belongs_to_the_month_of_its_local_second() -> None:
    orders = [
        sale("first", at("09-01 00:00:00")),
        sale("last", at("09-30 23:59:59")),
        sale("before", at("08-31 23:59:59")),
        sale("after", at("10-01 00:00:00")),
        sale("never", None),
    ]
    result = close(sales_orders=orders)
    assert [counted.record.key for counted in result.kpis["DELIVERED"].denominator] == ["first", "last"]
    assert close(Month(2026, 10), sales_orders=orders).values["DELIVERED"].n == 1


def test_an_invoice_or_plate_counts_before_the_freeze_whichever_month_it_falls_in() -> None:
    orders = [
        sale("earlier", invoiced_at=at("08-01 00:00"), plated_at=None),
        sale("late", invoiced_at=FROZEN - SECOND, plated_at=FROZEN - SECOND),
        sale("too-late", invoiced_at=FROZEN, plated_at=FROZEN),
        sale("never", invoiced_at=None, plated_at=at("08-01 00:00")),
    ]
    result = close(sales_orders=orders)
    assert [counted.record.key for counted in result.kpis["S01"].denominator] == ["earlier", "late"]
    assert [counted.record.key for counted in result.kpis["S01_PLATED"].denominator] == ["late", "never"]


def test_the_silent_stay_in_s01_and_are_in_no_rate_of_answers() -> None:
    orders = [sale(f"O{at_}") for at_ in range(12)]
    surveys = [answer(f"Q{at_}", f"O{at_}", 5, q_care_call_72h="YES") for at_ in range(9)]
    surveys.append(answer("Q9", "O9", 4, q_care_call_72h="NO"))
    result = close(sales_orders=orders, surveys=surveys)
    assert x_n(result, "S01") == (9, 12)
    assert (x_n(result, "S02"), x_n(result, "S03"), x_n(result, "F02")) == ((9, 10), (10, 10), (9, 10))
    assert result.values["S01"].value == 75
    proof = result.kpis["S01"].numerator[0].proof
    assert proof is not None
    assert (proof.kind, proof.key) == ("SURVEY", "Q0")


def test_answers_of_orders_outside_the_base_count_nowhere() -> None:
    orders = [
        sale("O1", invoiced_at=None),
        sale("O2", cancelled_at=NOON, delivered=NOON),
        sale("O3", at("08-31 12:00")),
    ]
    surveys = [answer(f"Q{row.order_no}", row.order_no, 5) for row in orders]
    result = close(sales_orders=orders, surveys=surveys)
    assert x_n(result, "S02") == (0, 0)
    assert result.t1_verdicts == {"COUNTED": 1}


def test_a_care_call_question_without_answer_is_in_no_denominator() -> None:
    orders = [sale("O1"), sale("O2")]
    surveys = [answer("Q1", "O1", 5), answer("Q2", "O2", 1, q_care_call_72h="NO")]
    result = close(sales_orders=orders, surveys=surveys, calls=[call("K", "O1", NOON, kind="CARE_CALL")])
    assert x_n(result, "F02") == (0, 1)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (invited("Q", "O"), (0, 1)),
        (invited("Q", "O", bounced=True), (0, 0)),
        (invited("Q", "O", bounced=False), (0, 1)),
        (invited("Q", "O", sent_at=None), (0, 0)),
        (invited("Q", "O", sent_at=at("09-01 00:00")), (0, 1)),
        (invited("Q", "O", sent_at=at("10-01 00:00")), (0, 0)),
        (invited("Q", "O", submitted_at=NOON + timedelta(days=14), mode="SMS"), (1, 1)),
        (invited("Q", "O", submitted_at=NOON + timedelta(days=14, seconds=1), mode="SMS"), (0, 1)),
        (invited("Q", "O", submitted_at=NOON + timedelta(days=40), mode="SMS", expires_at=None), (1, 1)),
        (invited("Q", "O", submitted_at=NOON, mode="SMS", integrity="QUARANTINED"), (1, 1)),
        (invited("Q", "O", submitted_at=NOON, mode="SMS", integrity="VOID"), (0, 1)),
        (invited("Q", "O", submitted_at=NOON, mode="ASSISTED_AT_DELIVERY"), (0, 1)),
        (invited("Q", "O", template="T8"), (0, 0)),
    ],
)
def test_response_rate(row: SurveyRow, expected: tuple[int, int]) -> None:
    assert x_n(close(sales_orders=[sale("O", at("08-10 12:00"))], surveys=[row]), "S07") == expected


def test_calls_are_counted_over_all_deliveries_also_without_invoice() -> None:
    orders = [sale("day", invoiced_at=None), sale("hours"), sale("early"), sale("excused"), sale("none")]
    calls = [
        call("K1", "day", NOON + 24 * HOUR),
        call("K2", "hours", NOON + HOUR, by="SOMEBODY"),
        call("K3", "early", NOON + timedelta(minutes=40)),
        call("K4", "excused", NOON + timedelta(minutes=90), result="REFUSED", connected=False),
    ]
    result = close(sales_orders=orders, calls=calls)
    assert x_n(result, "F01A") == (3, 5)
    assert x_n(result, "F01B") == (1, 5)


def test_an_unknown_form_is_not_complete() -> None:
    orders = [sale("yes"), sale("no", form_complete=False), sale("unknown", form_complete=None)]
    assert x_n(close(sales_orders=orders), "F03") == (1, 3)


class TestRecovery:
    """F04: tasks of the dissatisfied."""

    def tasks(self, submitted: str, overall: int = 2, settings: MonthSettings | None = None) -> tuple[int | None, int]:
        surveys = [answer("Q", "O", overall, at(submitted))]
        order = sale("O", at("08-01 12:00"))
        return x_n(close(settings=settings or MonthSettings(), sales_orders=[order], surveys=surveys), "F04")

    def test_the_due_time_decides_the_month(self) -> None:
        assert self.tasks("08-29 23:59:59") == (0, 0)
        assert self.tasks("08-30 00:00:00") == (0, 1)
        assert self.tasks("09-28 23:59:59") == (0, 1)
        assert self.tasks("09-29 00:00:00") == (0, 0)

    def test_only_the_dissatisfied_make_a_task_by_default(self) -> None:
        assert [self.tasks("09-10 12:00", overall)[1] for overall in (1, 2, 3, 4, 5)] == [1, 1, 0, 0, 0]

    def test_the_satisfied_make_one_where_the_setting_says_so(self) -> None:
        rules = {"SATISFIED": {"role": "SALES_SUPERVISOR", "within": "2d"}}
        settings = MonthSettings.from_dict({"recovery_rules": rules})
        assert [self.tasks("09-10 12:00", overall, settings)[1] for overall in (1, 4)] == [0, 1]

    def test_a_task_is_done_by_a_call_of_somebody_else_for_that_answer(self) -> None:
        orders = [sale(f"O{row}", at("08-01 12:00")) for row in range(4)]
        surveys = [answer(f"Q{row}", f"O{row}", 1, NOON) for row in range(4)]
        calls = [
            call("K0", "Q0", NOON + 48 * HOUR, kind="RECOVERY", by="SUP"),
            call("K1", "Q1", NOON + 48 * HOUR + SECOND, kind="RECOVERY", by="SUP"),
            call("K2", "Q2", NOON + HOUR, kind="RECOVERY", by="A"),
            call("K3", "Q9", NOON + HOUR, kind="RECOVERY", by="SUP"),
        ]
        assert x_n(close(sales_orders=orders, surveys=surveys, calls=calls), "F04") == (1, 4)

    def test_an_answer_that_does_not_count_makes_no_task(self) -> None:
        surveys = [
            answer("Q1", "O", 1, NOON, integrity="VOID"),
            answer("Q2", "O", 5, NOON),
            answer("Q3", "O", 1, NOON + SECOND),
        ]
        assert x_n(close(sales_orders=[sale("O", at("08-01 12:00"))], surveys=surveys), "F04") == (0, 0)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (complaint("CP"), 1),
        (complaint("CP", validity="PARTLY"), 0),
        (complaint("CP", validity="INVALID"), 0),
        (complaint("CP", validity="UNDECIDED", validity_decided_at=None), 0),
        (complaint("CP", record="ENQUIRY"), 0),
        (complaint("CP", status="WITHDRAWN"), 0),
        (complaint("CP", status="DUPLICATE"), 0),
        (complaint("CP", status="OPEN"), 1),
        (complaint("CP", validity_decided_at=FROZEN - SECOND), 1),
        (complaint("CP", validity_decided_at=FROZEN), 0),
        (complaint("CP", at("09-30 23:59:59")), 1),
        (complaint("CP", at("10-01 00:00:00")), 0),
    ],
)
def test_only_a_ruled_complaint_of_the_month_counts(row: Complaint, expected: int) -> None:
    orders = [sale("O1"), sale("O2")]
    assert x_n(close(sales_orders=orders, complaints=[row]), "C01") == (expected, 2)
    service = replace(row, area="SERVICE")
    result = close(sales_orders=orders, repair_orders=[repair("R")], complaints=[service])
    assert (x_n(result, "C01"), x_n(result, "C02")) == ((0, 2), (expected, 1))


def test_complaints_without_deliveries_have_no_rate() -> None:
    value = close(complaints=[complaint("CP")]).values["C01"]
    assert seen(value.x, value.n, value.value) == (1, 0, None)


def test_response_and_resolution_of_complaints() -> None:
    rows = [
        complaint("in-time", acknowledged_at=NOON + 24 * HOUR, confirmed_at=NOON + 168 * HOUR),
        complaint("late", acknowledged_at=NOON + 24 * HOUR + SECOND, confirmed_at=NOON + 168 * HOUR + SECOND),
        complaint("never", acknowledged_at=None, confirmed_at=None, validity="INVALID", area="SERVICE"),
        complaint("enquiry", record="ENQUIRY"),
        complaint("withdrawn", status="WITHDRAWN"),
        complaint("duplicate", status="DUPLICATE"),
    ]
    result = close(complaints=rows)
    assert x_n(result, "C03") == (3, 5)
    assert x_n(result, "C04") == (1, 3)
    assert x_n(result, "C04_SERVICE") == (0, 1)


def test_service_answers_belong_to_the_orders_handed_over() -> None:
    orders = [
        repair("R1"),
        repair("R2"),
        repair("R3", at("10-01 00:00")),
        repair("R4", cancelled_at=NOON),
        repair("R5"),
    ]
    surveys = [answer(f"Q{row}", f"R{row}", 4 if row == 1 else 5, template="T2") for row in (1, 3, 4)]
    surveys.append(answer("Q2", "R2", 5, template="T2", mode="PHONE_INTERVIEW", interviewer_no="ADV"))
    surveys.append(answer("Q5", "R5", 5, template="T2", mode="PHONE_INTERVIEW", interviewer_no="A"))
    result = close(repair_orders=orders, surveys=surveys)
    assert (x_n(result, "S02_SERVICE"), x_n(result, "S03_SERVICE")) == ((1, 2), (2, 2))


def test_repair_cycle_is_the_mean_over_fault_repairs() -> None:
    kinds = ["REPAIR", "WARRANTY", "BODY", "MAINTENANCE", "RECALL", "INTERNAL"]
    orders = [
        repair(kind, type=kind, opened_at=NOON - hours * HOUR)
        for kind, hours in zip(kinds, (1, 2, 4, 8, 16, 32), strict=True)
    ]
    value = close(repair_orders=orders).values["A01"]
    assert seen(value.x, value.n, value.value) == (7 * 3600, 3, Fraction(7, 3))


def test_rework_counts_once_in_the_month_of_the_original() -> None:
    month = timedelta(hours=720)
    original = [repair(f"R{row}") for row in range(5)]
    again = [
        repair("at-once", None, opened_at=NOON, rework_of="R0"),
        repair("twice", None, opened_at=NOON + HOUR, rework_of="R0"),
        repair("last", None, opened_at=NOON + month, rework_of="R1"),
        repair("late", None, opened_at=NOON + month + SECOND, rework_of="R2"),
        repair("before", None, opened_at=NOON - SECOND, rework_of="R3"),
        repair("cancelled", None, opened_at=NOON + HOUR, cancelled_at=NOON + HOUR, rework_of="R4"),
    ]
    result = close(repair_orders=original + again)
    assert x_n(result, "A02") == (2, 5)
    proofs = [counted.proof.key for counted in result.kpis["A02"].numerator if counted.proof]
    assert proofs == ["at-once", "last"]
    assert x_n(close(Month(2026, 10), repair_orders=original + again), "A02") == (0, 0)


def test_parts_in_time_and_defective() -> None:
    lines = [
        part("R", 1),
        part("R", 2, issued_at=NOON + SECOND, defective=True),
        part("R", 3, issued_at=None, defective=None),
        part("R", 4, needed_at=at("08-31 12:00"), defective=None),
        part("R", 5, issued_at=at("10-01 00:00"), defective=True),
        part("GONE", 1, defective=True),
    ]
    orders = [repair("R"), repair("GONE", cancelled_at=NOON)]
    result = close(repair_orders=orders, part_lines=lines)
    assert x_n(result, "A05") == (1, 4)
    assert x_n(result, "A06") == (1, 3)


def test_utilisation_looks_at_who_is_a_technician_on_the_day() -> None:
    people = [*PEOPLE, person("TEC"), person("OLD")]
    positions = [
        *POSITIONS,
        position("TEC", "TECHNICIAN", "W", start="2026-09-15"),
        position("OLD", "TECHNICIAN", "W", end="2026-09-15"),
        position("OLD", "WORKSHOP_CONTROLLER", "W", start="2026-09-15"),
    ]
    attendance = [
        Attendance(who, date(2026, month, day), D("7.5"))
        for who in ("TEC", "OLD", "A", "UNKNOWN")
        for month, day in ((9, 14), (9, 15), (8, 31), (10, 1))
    ]
    lines = [labour("R", 1, hours="3.1"), labour("R", 2, "2026-08-31"), labour("R", 3, "2026-10-01"), labour("GONE")]
    orders = [repair("R"), repair("GONE", cancelled_at=NOON)]
    value = close(
        employees=people, positions=positions, attendance=attendance, labour_lines=lines, repair_orders=orders
    ).values["A07"]
    assert seen(value.x, value.d, value.n, value.value) == (Fraction(31, 10), 15, 2, Fraction(310, 15))


def test_attendance_of_no_hours_gives_no_rate() -> None:
    rows = [Attendance("A", date(2026, 9, 1), D(0))]
    value = close(positions=[position("A", "TECHNICIAN", "W")], attendance=rows).values["A07"]
    assert (value.n, value.value) == (1, None)


def test_reception_is_a_median_over_arrivals_handed_over_or_not() -> None:
    arrived = at("09-30 23:59:59")
    orders = [
        repair(f"R{minutes}", None, arrived_at=arrived, opened_at=arrived + timedelta(minutes=minutes))
        for minutes in (30, 1, 4, 9)
    ]
    orders.append(repair("next", None, arrived_at=arrived + SECOND, opened_at=arrived + HOUR))
    orders.append(repair("unknown", None))
    orders.append(repair("gone", None, arrived_at=arrived, opened_at=arrived + HOUR, cancelled_at=arrived + HOUR))
    value = close(repair_orders=orders).values["A09"]
    assert (value.n, value.value) == (4, Fraction(13, 2))


class TestRevenue:
    """A12 and A13 over the orders invoiced in M."""

    orders = (
        repair("R1", invoiced_at=NOON),
        repair("R2", invoiced_at=NOON),
        repair("OCT", invoiced_at=at("10-01 00:00")),
        repair("GONE", invoiced_at=NOON, cancelled_at=NOON),
    )
    lines = (labour("R1", day="2026-08-31"), labour("OCT"), labour("GONE"))
    parts = (part("R1", amount=D("0.10"), cost=D("0.30")),)

    def test_all_lines_of_an_invoiced_order_count_whenever_they_were_worked(self) -> None:
        target = [Target("2026-09", "SERVICE_REVENUE", D("200.20")), Target("2026-10", "SERVICE_REVENUE", D(1))]
        result = close(repair_orders=self.orders, labour_lines=self.lines, part_lines=self.parts, targets=target)
        assert seen(result.values["A12"].value, result.values["A12"].n) == (Fraction("100.10"), 2)
        assert seen(result.values["A12_ATTAINMENT"].value, result.values["A12_ATTAINMENT"].n) == (50, 2)
        assert result.values["A13"].value == Fraction("59.8") / Fraction("100.1") * 100
        assert (result.values["A13"].d, result.values["A13"].n) == (Fraction("100.10"), 2)

    @pytest.mark.parametrize(
        "targets", [[], [Target("2026-09", "SERVICE_REVENUE", D(0))], [Target("2026-09", "DELIVERIES", D(5))]]
    )
    def test_without_a_target_there_is_no_attainment(self, targets: list[Target]) -> None:
        value = close(repair_orders=self.orders, labour_lines=self.lines, targets=targets).values["A12_ATTAINMENT"]
        assert (value.value, value.n) == (None, 2)

    def test_without_revenue_there_is_no_margin(self) -> None:
        result = close(repair_orders=self.orders)
        assert seen(result.values["A12"].value, result.values["A13"].value, result.values["A13"].n) == (0, None, 2)


def test_teams_are_those_of_the_consultant_at_the_delivery() -> None:
    positions = [position("A", end="2026-09-15"), position("A", team="T2", start="2026-09-15", end="2026-09-20")]
    orders = [
        sale("1", at("09-14 23:59:59")),
        sale("2", at("09-15 00:00:00")),
        sale("3", at("09-20 00:00:00")),
        sale("4", by="STRANGER"),
        sale("5", at("09-14 12:00"), invoiced_at=None),
    ]
    result = close(positions=positions, sales_orders=orders, surveys=[answer("Q", "2", 5)])
    teams = {team: (len(kpi.numerator), kpi.n) for team, kpi in result.teams.items()}
    assert teams == {"": (0, 2), "T1": (0, 1), "T2": (1, 1)}
    assert list(result.teams) == ["", "T1", "T2"]


def test_facts_that_do_not_fit_together_are_refused() -> None:
    for wrong in (
        {"sales_orders": [sale("O"), sale("O")]},
        {"surveys": [answer("Q", "NO-SUCH")]},
        {"surveys": [answer("Q", "NO-SUCH", template="T2")]},
        {"labour_lines": [labour("NO-SUCH")]},
        {"positions": [position("NOBODY")]},
        {"complaints": [complaint("CP"), complaint("CP")]},
    ):
        with pytest.raises(Invalid):
            close(**wrong)
    with pytest.raises(Invalid):
        SalesOrder("O", "A", NOON.replace(tzinfo=None))


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([None, 1, 2, 3, 4, 5])), max_size=12))
def test_very_satisfied_over_all_is_never_above_that_of_the_respondents(rows: list[tuple[bool, int | None]]) -> None:
    orders = [sale(f"O{row}", invoiced_at=NOON if invoiced else None) for row, (invoiced, _) in enumerate(rows)]
    surveys = [answer(f"Q{row}", f"O{row}", overall) for row, (_, overall) in enumerate(rows)]
    result = close(sales_orders=orders, surveys=surveys)
    s01, s02, s03 = (result.values[code] for code in ("S01", "S02", "S03"))
    assert s01.x == s02.x
    assert (s01.value is None) is (s01.n == 0)
    if s01.value is not None and s02.value is not None and s03.value is not None:
        assert s01.value <= s02.value <= s03.value <= 100

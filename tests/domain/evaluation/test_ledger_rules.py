"""Deductions (interchange section 8.2): who, for what, in which month, and how they are taken back."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.domain.evaluation.calendar_rules import Month
from forecourt.domain.evaluation.ledger_rules import points_by_person, reversal_of
from forecourt.domain.evaluation.results import Cause, EntryKey
from forecourt.domain.evaluation.scheme_rules import final_total
from forecourt.domain.evaluation.settings_rules import MonthSettings
from tests.domain.evaluation.shop import (
    FROZEN,
    HOUR,
    NOON,
    PEOPLE,
    POSITIONS,
    SECOND,
    SEPTEMBER,
    answer,
    at,
    call,
    cards,
    close,
    complaint,
    keys,
    ledger,
    person,
    position,
    sale,
    seen,
)

ON_TIME = NOON + HOUR


def test_the_scheme_without_deductions_has_an_empty_ledger() -> None:
    result = close(sales_orders=[sale("O", form_complete=False)], complaints=[complaint("CP", NOON, "A")])
    assert ledger(result, "SALES-24H") == []


def test_an_incomplete_form_costs_a_point_and_an_unknown_one_nothing() -> None:
    orders = [sale("no", form_complete=False), sale("unknown", form_complete=None), sale("yes")]
    calls = [call(f"K{row.order_no}", row.order_no, ON_TIME) for row in orders]
    entries = ledger(close(sales_orders=orders, calls=calls))
    assert [seen(entry.key, entry.occurred_at, entry.points) for entry in entries] == [(("D-Q", "no", "A"), NOON, -1)]
    assert entries[0].evidence.kind == "SALES_ORDER"


def test_deductions_look_at_deliveries_not_at_the_base() -> None:
    orders = [sale("O", plated_at=None, invoiced_at=None, form_complete=False)]
    result = close(sales_orders=orders)
    assert keys(result) == [("D-CALL", "O", "A"), ("D-Q", "O", "A")]
    card = cards(result)["A"]
    assert seen(card.s01.n, card.total, card.verdict, card.ledger_points) == (0, None, "NO_DATA", -2)


@pytest.mark.parametrize(
    ("rings", "missed"),
    [
        ([], True),
        ([(60, "OK", True)], False),
        ([(120, "OK", True)], False),
        ([(40, "OK", True)], True),
        ([(121, "OK", True)], True),
        ([(90, "NO_ANSWER", False)], True),
        ([(0, "REFUSED", True)], False),
        ([(120, "INVALID_NUMBER", False)], False),
        ([(121, "REFUSED", True)], True),
        ([(40, "OK", True), (90, "OK", True)], False),
    ],
)
def test_a_call_not_in_the_window_costs_a_point_unless_excused(
    rings: list[tuple[int, str, bool]], missed: bool
) -> None:
    calls = [
        call(f"K{row}", "O", NOON + timedelta(minutes=minutes), result=result, connected=connected)
        for row, (minutes, result, connected) in enumerate(rings)
    ]
    entries = ledger(close(sales_orders=[sale("O")], calls=calls))
    assert [(entry.rule, entry.occurred_at) for entry in entries] == ([("D-CALL", NOON + 2 * HOUR)] if missed else [])


def test_a_missed_call_of_the_last_night_is_charged_to_the_month_of_the_delivery() -> None:
    (entry,) = ledger(close(sales_orders=[sale("O", at("09-30 23:59:59"))]))
    assert (entry.occurred_at, entry.period) == (at("10-01 01:59:59"), SEPTEMBER)


def test_only_those_who_take_part_are_charged() -> None:
    people = [*PEOPLE, person("NEW", "2026-09-01", None), person("GONE", left="2026-09-01"), person("ADV")]
    positions = [
        *POSITIONS,
        position("NEW", "SALES_ASSISTANT", start="2026-09-01", supervisor="SUP"),
        position("GONE"),
        position("ADV", "SERVICE_ADVISOR"),
    ]
    orders = [sale(f"O-{who}", by=who) for who in ("NEW", "GONE", "ADV", "STRANGER", "A")]
    rows = [complaint("CP", NOON, "NEW", "GONE", "ADV", "STRANGER")]
    result = close(employees=people, positions=positions, sales_orders=orders, complaints=rows)
    assert keys(result) == [("D-CALL", "O-A", "A")]
    assert result.values["DELIVERED"].n == 5


class TestComplaints:
    """D-CMP and D-CMP-J."""

    def entries(self, *rows: Any, month: Month = SEPTEMBER, **more: Any) -> list[tuple[str, str, str]]:
        return keys(close(month, complaints=rows, **more))

    def test_a_valid_complaint_costs_the_accused_and_jointly_their_supervisor(self) -> None:
        entries = ledger(close(complaints=[complaint("CP", NOON, "A", area="SERVICE")]))
        assert [entry.key for entry in entries] == [("D-CMP", "CP", "A"), ("D-CMP-J", "CP", "SUP")]
        direct, joint = entries
        assert (direct.cause, direct.parent) == (Cause.DIRECT, None)
        assert (joint.cause, joint.parent) == (Cause.JOINT, direct.key)
        assert {entry.occurred_at for entry in entries} == {NOON}

    @pytest.mark.parametrize(
        "change",
        [
            {"validity": "PARTLY"},
            {"validity": "INVALID"},
            {"validity": "UNDECIDED", "validity_decided_at": None},
            {"status": "WITHDRAWN"},
            {"status": "DUPLICATE"},
            {"record": "ENQUIRY"},
        ],
    )
    def test_nothing_else_costs_a_point(self, change: dict[str, Any]) -> None:
        assert self.entries(complaint("CP", NOON, "A", **change)) == []

    def test_partly_valid_costs_where_the_setting_says_so(self) -> None:
        settings = MonthSettings.from_dict({"complaint.partly_counts": True})
        rows = [complaint("CP", NOON, "A", validity="PARTLY")]
        assert keys(close(settings=settings, complaints=rows)) == [("D-CMP", "CP", "A"), ("D-CMP-J", "CP", "SUP")]

    def test_two_accused_of_one_group_cost_their_supervisor_one_point(self) -> None:
        entries = ledger(close(complaints=[complaint("CP", NOON, "B", "A")]))
        assert [entry.key for entry in entries] == [
            ("D-CMP", "CP", "A"),
            ("D-CMP", "CP", "B"),
            ("D-CMP-J", "CP", "SUP"),
        ]
        assert entries[2].parent == EntryKey("D-CMP", "CP", "A")

    def test_each_complaint_costs_its_own_point(self) -> None:
        assert len(self.entries(complaint("CP1", NOON, "A"), complaint("CP2", NOON, "A"))) == 4

    def test_a_supervisor_who_is_accused_too_pays_once(self) -> None:
        assert self.entries(complaint("CP", NOON, "A", "SUP")) == [("D-CMP", "CP", "A"), ("D-CMP", "CP", "SUP")]

    def test_a_superior_who_is_no_sales_supervisor_is_not_liable(self) -> None:
        assert self.entries(complaint("CP", NOON, "C")) == [("D-CMP", "CP", "C")]

    def test_the_supervisor_is_the_one_at_the_receipt(self) -> None:
        people = [*PEOPLE, person("SUP2")]
        positions = [
            *(row for row in POSITIONS if row.employee_no != "A"),
            position("A", supervisor="SUP", end="2026-09-15"),
            position("A", supervisor="SUP2", start="2026-09-15"),
            position("SUP2", "SALES_SUPERVISOR"),
        ]
        for day, superior in (("09-14 23:59:59", "SUP"), ("09-15 00:00:00", "SUP2")):
            rows = [complaint("CP", at(day), "A")]
            assert keys(close(employees=people, positions=positions, complaints=rows))[1:] == [
                ("D-CMP-J", "CP", superior)
            ]

    def test_a_supervisor_must_hold_the_role_at_the_receipt(self) -> None:
        positions = [
            *(row for row in POSITIONS if row.employee_no != "SUP"),
            position("SUP", end="2026-09-15"),
            position("SUP", "SALES_SUPERVISOR", start="2026-09-15"),
        ]
        assert len(keys(close(positions=positions, complaints=[complaint("CP", at("09-14 12:00"), "A")]))) == 1
        assert len(keys(close(positions=positions, complaints=[complaint("CP", at("09-15 00:00"), "A")]))) == 2

    def test_a_supervisor_who_left_before_the_month_is_not_charged(self) -> None:
        people = [*(row for row in PEOPLE if row.employee_no != "SUP"), person("SUP", left="2026-09-01")]
        assert self.entries(complaint("CP", NOON, "A"), employees=people) == [("D-CMP", "CP", "A")]

    def test_a_ruling_before_the_freeze_is_charged_to_the_month_of_the_receipt(self) -> None:
        row = complaint("CP", NOON, "A", validity_decided_at=FROZEN - SECOND)
        assert len(self.entries(row)) == 2
        assert self.entries(row, month=Month(2026, 11)) == []

    def test_a_ruling_from_the_freeze_on_is_charged_to_the_month_of_the_ruling(self) -> None:
        row = complaint("CP", NOON, "A", validity_decided_at=FROZEN)
        assert self.entries(row) == []
        entries = ledger(close(Month(2026, 11), complaints=[row], as_of=at("12-31 00:00")))
        assert [(entry.rule, entry.occurred_at, str(entry.period)) for entry in entries] == [
            ("D-CMP", NOON, "2026-11"),
            ("D-CMP-J", NOON, "2026-11"),
        ]

    def test_a_late_ruling_spares_those_who_no_longer_take_part(self) -> None:
        people = [*(row for row in PEOPLE if row.employee_no != "A"), person("A", left="2026-11-01")]
        row = complaint("CP", NOON, "A", validity_decided_at=FROZEN)
        assert self.entries(row, month=Month(2026, 11), employees=people) == []


def test_settings_turn_rules_off_and_change_their_points() -> None:
    orders, rows = [sale("O", form_complete=False)], [complaint("CP", NOON, "A")]
    settings = MonthSettings.from_dict(
        {"deduction_rules": {"D-CALL": {"enabled": False}, "D-Q": {"points": "-0.5"}, "joint": False}}
    )
    result = close(settings=settings, sales_orders=orders, complaints=rows)
    assert [(entry.rule, entry.points) for entry in ledger(result)] == [("D-CMP", -1), ("D-Q", Decimal("-0.5"))]
    off = MonthSettings.from_dict({"deduction_rules": {"D-CMP": {"enabled": False}}})
    assert keys(close(settings=off, complaints=rows)) == []
    on = MonthSettings.from_dict({"deduction_rules": {"D-Q": {"enabled": True}}})
    assert keys(close(settings=on, sales_orders=orders), "SALES-24H") == [("D-Q", "O", "A")]


def test_a_store_may_set_its_own_call_window() -> None:
    settings = MonthSettings.from_dict(
        {"followup.delivery_call.window_min": "0h", "followup.delivery_call.window_max": "3h"}
    )
    calls = [call("K", "O", NOON + 3 * HOUR)]
    result = close(settings=settings, sales_orders=[sale("O"), sale("P")], calls=calls)
    assert [(entry.key, entry.occurred_at) for entry in ledger(result)] == [(("D-CALL", "P", "A"), NOON + 3 * HOUR)]
    assert result.values["F01B"].x == 0


def test_taking_back_a_complaint_takes_back_the_joint_point_too() -> None:
    entries = ledger(close(complaints=[complaint("CP", NOON, "A", "B")]))
    back = reversal_of(entries, EntryKey("D-CMP", "CP", "A"), at=FROZEN, period=Month(2026, 11))
    assert [seen(entry.rule, entry.employee_no, entry.points) for entry in back] == [
        ("D-CMP", "A", 1),
        ("D-CMP-J", "SUP", 1),
    ]
    assert {entry.occurred_at for entry in back} == {FROZEN}
    assert points_by_person([*entries, *back]) == {"A": 0, "B": -1, "SUP": 0}
    assert reversal_of([*entries, *back], EntryKey("D-CMP", "CP", "A"), at=FROZEN, period=Month(2026, 11)) == ()
    with pytest.raises(KeyError):
        reversal_of(entries, EntryKey("D-CMP", "CP", "NOBODY"), at=FROZEN, period=Month(2026, 11))


STAFF = st.sampled_from(["A", "B", "C", "SUP", "MGR", "STRANGER"])


@given(
    st.lists(st.tuples(STAFF, st.sampled_from([True, False, None]), st.sampled_from([5, None])), max_size=8),
    st.lists(st.lists(STAFF, max_size=3), max_size=4),
)
def test_the_ledger_is_unique_and_a_reversal_restores_the_total(
    deliveries: list[tuple[str, bool | None, int | None]], accusations: list[list[str]]
) -> None:
    orders = [sale(f"O{row}", by=by, form_complete=form) for row, (by, form, _) in enumerate(deliveries)]
    surveys = [answer(f"Q{row}", f"O{row}", overall) for row, (_, _, overall) in enumerate(deliveries)]
    rows = [complaint(f"CP{row}", NOON, *accused) for row, accused in enumerate(accusations)]
    result = close(sales_orders=orders, surveys=surveys, complaints=rows)
    entries = ledger(result)
    assert len({entry.key for entry in entries}) == len(entries)
    assert {entry.employee_no for entry in entries} <= set(cards(result))
    for entry in entries:
        if entry.cause is Cause.JOINT:
            assert entry.parent in {other.key for other in entries}
    booked = list(entries)
    for entry in entries:
        booked += reversal_of(booked, entry.key, at=FROZEN, period=SEPTEMBER)
    assert not any(points_by_person(booked).values())
    for number, card in cards(result).items():
        assert card.ledger_points == points_by_person(entries).get(number, 0)
        assert card.total == final_total(card.score, card.ledger_points)
        assert final_total(card.score, points_by_person(booked).get(number, Decimal(0))) == card.score

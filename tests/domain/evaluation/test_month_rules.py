"""Provisional closes, other zones, ids in the evidence, and the cost of a large store."""

import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from forecourt.domain.evaluation.calendar_rules import Month
from forecourt.domain.evaluation.facts import Attendance, LabourLine, PartLine, StoreInfo
from forecourt.domain.evaluation.known_rules import known_at
from forecourt.domain.evaluation.month_rules import close_store_month
from forecourt.domain.evaluation.report_rules import store_report
from forecourt.domain.evaluation.seed_schemes import SALES_2H
from forecourt.errors import Invalid
from tests.domain.evaluation.shop import (
    FROZEN,
    HOUR,
    NOON,
    SECOND,
    SEPTEMBER,
    answer,
    at,
    call,
    close,
    complaint,
    facts,
    keys,
    repair,
    sale,
    x_n,
)


def test_a_close_is_provisional_until_the_very_second_of_the_freeze() -> None:
    assert close(as_of=FROZEN - SECOND).provisional
    result = close(as_of=FROZEN)
    assert (result.provisional, result.frozen_at) == (False, FROZEN)


def test_from_the_freeze_on_the_moment_of_the_close_changes_nothing() -> None:
    orders = [sale("O", at("09-30 23:00"), form_complete=False)]
    first, later = close(sales_orders=orders, as_of=FROZEN), close(sales_orders=orders, as_of=at("12-31 00:00"))
    assert store_report(first) == store_report(later)


def test_a_provisional_close_counts_what_was_known_so_far() -> None:
    orders = [sale("O1"), sale("O2", invoiced_at=at("10-05 12:00")), sale("O3", at("09-28 12:00"))]
    surveys = [
        answer("Q1", "O1", 5, at("10-12 12:00"), sent_at=at("10-10 12:00")),
        answer("Q2", "O3", 2, at("09-27 12:00")),
    ]
    rows = [complaint("CP1", NOON, "A", validity_decided_at=at("10-01 12:00")), complaint("CP2", at("09-25 12:00"))]
    calls = [call("K1", "O1", NOON + HOUR), call("K3", "O3", at("09-28 13:00"))]
    collections: dict[str, Any] = {"sales_orders": orders, "surveys": surveys, "complaints": rows, "calls": calls}
    early = close(as_of=at("09-20 00:00"), **collections)
    assert early.provisional
    assert (x_n(early, "S01"), x_n(early, "S02"), x_n(early, "C01"), x_n(early, "C03")) == (
        (0, 1),
        (0, 0),
        (0, 2),
        (1, 1),
    )
    assert early.t1_verdicts == {}
    assert keys(early) == [("D-CALL", "O2", "A")]
    middle = close(as_of=at("10-11 00:00"), **collections)
    assert (x_n(middle, "S01"), x_n(middle, "C01")) == ((0, 3), (2, 3))
    final = close(**collections)
    assert x_n(final, "S01") == (1, 3)
    assert len(keys(final)) == 3


def test_nobody_is_charged_for_a_call_that_may_still_come() -> None:
    orders = [sale("O")]
    assert keys(close(as_of=NOON + 2 * HOUR - SECOND, sales_orders=orders)) == []
    assert keys(close(as_of=NOON + 2 * HOUR, sales_orders=orders)) == [("D-CALL", "O", "A")]


def test_what_happened_later_is_not_known_yet() -> None:
    given = facts(
        sales_orders=[sale("O", NOON + HOUR, cancelled_at=None), sale("C", None, cancelled_at=NOON + HOUR)],
        repair_orders=[repair("R", NOON + HOUR, invoiced_at=NOON + HOUR), repair("LATER", opened_at=NOON + SECOND)],
        labour_lines=[LabourLine("R", 1, date(2026, 9, day), Decimal(1), Decimal(1), Decimal(1)) for day in (10,)]
        + [LabourLine("LATER", 1, date(2026, 9, 10), Decimal(1), Decimal(1), Decimal(1))],
        part_lines=[PartLine("R", 1, NOON, Decimal(1), Decimal(1), NOON + SECOND, True)],
        attendance=[Attendance("A", date(2026, 9, day), Decimal(8)) for day in (10, 11)],
        complaints=[complaint("CP", NOON - HOUR), complaint("NEXT", NOON + SECOND)],
        surveys=[
            answer("Q", "R", submitted=NOON + SECOND, template="T2"),
            answer("GONE", "LATER", submitted=NOON, template="T2"),
        ],
        calls=[call("K", "O", NOON), call("L", "O", NOON + SECOND)],
    )
    known = known_at(given, NOON)
    order, cancelled = known.sales_orders
    assert (order.delivered_at, order.form_complete, cancelled.cancelled_at) == (None, None, None)
    (repaired,) = known.repair_orders
    assert (repaired.handed_over_at, repaired.invoiced_at) == (None, None)
    assert [line.ro_no for line in known.labour_lines] == ["R"]
    assert (known.part_lines[0].issued_at, known.part_lines[0].defective) == (None, None)
    assert len(known.attendance) == len(known.complaints) == len(known.surveys) == len(known.calls) == 1
    ruled = known.complaints[0]
    assert (ruled.validity, ruled.validity_decided_at, ruled.confirmed_at) == ("UNDECIDED", None, None)
    assert ruled.acknowledged_at == NOON
    assert (known.surveys[0].submitted_at, known.surveys[0].q_overall) == (None, None)
    assert known_at(given, at("12-01 00:00")) == given


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/New_York"])
def test_durations_are_absolute_over_a_change_of_the_clocks(name: str) -> None:
    zone = ZoneInfo(name)
    # The night in which the clocks go back; both moments carry the zone itself, as a database driver may give them.
    day = 25 if name == "Europe/Berlin" else 31
    delivered = datetime(2026, 10, day, 0, 30, tzinfo=zone) - timedelta(days=1 if name == "America/New_York" else 0)
    wall = delivered + timedelta(hours=24)
    absolute = (delivered.astimezone(UTC) + timedelta(hours=24)).astimezone(zone)
    given = facts(sales_orders=[sale("O", delivered)], calls=[call("K", "O", absolute)])
    given = replace(given, store=StoreInfo("Z", name))
    result = close_store_month(given, Month(2026, 10), as_of=at("12-31 00:00"))
    assert x_n(result, "F01A") == (1, 1)
    late = replace(given, calls=(call("K", "O", absolute + SECOND),))
    assert x_n(close_store_month(late, Month(2026, 10), as_of=at("12-31 00:00")), "F01A") == (0, 1)
    assert (wall.astimezone(UTC) - absolute.astimezone(UTC)) == (HOUR if name == "Europe/Berlin" else timedelta(0))


def test_a_store_in_another_zone_has_other_bounds() -> None:
    given = replace(facts(sales_orders=[sale("O", at("10-01 01:59:59"))]), store=StoreInfo("U", "Asia/Urumqi"))
    assert close_store_month(given, SEPTEMBER, as_of=FROZEN).values["DELIVERED"].n == 1
    assert close(sales_orders=given.sales_orders).values["DELIVERED"].n == 0


def test_ids_travel_into_the_evidence() -> None:
    one = UUID(int=1)
    result = close(sales_orders=[replace(sale("O", form_complete=False), id=one)])
    assert result.kpis["S01"].denominator[0].record.id == one
    ledger = next(scheme for scheme in result.schemes if scheme.code == "SALES-2H").ledger
    assert {entry.evidence.id for entry in ledger} == {one}


def test_a_close_needs_an_aware_moment_and_schemes_of_different_names() -> None:
    with pytest.raises(Invalid):
        close(as_of=datetime(2026, 12, 1))  # noqa: DTZ001  the point of the test
    with pytest.raises(Invalid):
        close(schemes=[SALES_2H, SALES_2H])


def test_a_store_of_a_hundred_thousand_rows_takes_seconds_not_minutes() -> None:
    start, size = at("09-01 00:00"), 10_000
    step = timedelta(days=30) / size
    one = Decimal("1.23")
    given: dict[str, Any] = {
        "sales_orders": [sale(f"O{row}", start + row * step) for row in range(size)],
        "surveys": [answer(f"Q{row}", f"O{row}", row % 5 + 1, start + row * step + 9 * HOUR) for row in range(size)],
        "calls": [call(f"K{row}", f"O{row}", start + row * step + HOUR) for row in range(size)],
        "complaints": [complaint(f"CP{row}", start + row * step, "A", "B") for row in range(size)],
        "repair_orders": [
            repair(
                f"R{row}", start + row * step, invoiced_at=start + row * step, rework_of=f"R{row - 1}" if row else None
            )
            for row in range(size)
        ],
        "labour_lines": [
            LabourLine(f"R{row % size}", row, date(2026, 9, 1 + row % 30), one, one, one) for row in range(3 * size)
        ],
        "part_lines": [PartLine(f"R{row % size}", row, start + row % size * step, one, one) for row in range(2 * size)],
    }
    assert sum(len(rows) for rows in given.values()) == 100_000
    before = time.process_time()
    result = close(**given)
    assert time.process_time() - before < 20
    assert result.values["A12"].n == size

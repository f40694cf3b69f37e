"""A small faultless store export to break in one place, and the Harmony export."""

import asyncio
import csv
import io
import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from forecourt.domain.interchange.batch import BatchReport, MemoryStage, OnRowError, check_store
from forecourt.domain.interchange.folder import open_memory
from forecourt.domain.interchange.format import FILES, STORE_FILES

HARMONY = Path(__file__).parents[2] / "data" / "harmony"
EXPORTED_AT = datetime(2026, 11, 21, 22, 0, tzinfo=UTC)
VIN = "1M8GDM9AXKP042788"

Rows = dict[str, list[dict[str, str]]]


def expected() -> dict[str, Any]:
    """The figures that come with Harmony."""
    result: dict[str, Any] = json.loads((HARMONY / "expected-2026-09.json").read_text("utf-8"))
    return result


def harmony_store(code: str) -> dict[str, bytes]:
    """The fourteen files of one Harmony store."""
    return {spec.name: (HARMONY / code / spec.name).read_bytes() for spec in STORE_FILES}


def good_rows() -> Rows:
    """One or two faultless rows of every file of a store; cells that are not named are empty."""
    time = "2026-09-01T10:00:00+08:00"
    later = "2026-09-02T10:00:00+08:00"
    return {
        "teams.csv": [{"team_code": "S1", "team_name": "销售一组", "department": "SALES"}],
        "employees.csv": [
            {"employee_no": "E1", "name": "甲", "status": "CONFIRMED", "hired_on": "2020-01-01"},
            {"employee_no": "E2", "name": "乙", "status": "CONFIRMED", "hired_on": "2020-01-01"},
        ],
        "positions.csv": [
            {"employee_no": "E1", "role": "STORE_GM", "team_code": "S1", "valid_from": "2020-01-01"},
        ],
        "customers.csv": [{"customer_no": "C1", "type": "PERSON", "name": "丙"}],
        "vehicles.csv": [{"vin": VIN, "customer_no": "C1"}],
        "sales_orders.csv": [
            {"order_no": "O1", "customer_no": "C1", "vin": VIN, "consultant_no": "E1", "signed_at": time},
        ],
        "repair_orders.csv": [
            {
                "ro_no": "R1",
                "customer_no": "C1",
                "vin": VIN,
                "advisor_no": "E1",
                "type": "REPAIR",
                "opened_at": time,
                "done_at": later,
                "handed_over_at": later,
            },
        ],
        "labour_lines.csv": [
            {
                "ro_no": "R1",
                "line_no": "1",
                "technician_no": "E2",
                "work_date": "2026-09-01",
                "hours_worked": "1.5",
                "hours_sold": "2",
                "amount": "100.00",
                "cost": "50",
            }
        ],
        "part_lines.csv": [
            {
                "ro_no": "R1",
                "line_no": "1",
                "part_no": "P1",
                "quantity": "1",
                "needed_at": time,
                "amount": "10",
                "cost": "5",
            }
        ],
        "attendance.csv": [{"employee_no": "E2", "work_date": "2026-09-01", "hours": "8"}],
        "complaints.csv": [
            {
                "complaint_no": "X1",
                "record": "COMPLAINT",
                "area": "SALES",
                "kind": "PRICE",
                "received_at": time,
                "validity": "UNDECIDED",
                "status": "OPEN",
            }
        ],
        "surveys.csv": [{"survey_no": "Q1", "template": "T1", "order_no": "O1"}],
        "calls.csv": [
            {
                "call_no": "K1",
                "kind": "RECOVERY",
                "survey_no": "Q1",
                "caller_no": "E1",
                "started_at": time,
                "connected": "true",
            }
        ],
        "targets.csv": [{"month": "2026-09", "metric": "DELIVERIES", "value": "40"}],
    }


def write(name: str, rows: list[dict[str, str]], *, quoting: int = csv.QUOTE_MINIMAL) -> bytes:
    """Rows as a file with every column of the format."""
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, [column.name for column in FILES[name].columns], restval="", quoting=quoting)  # type: ignore[arg-type]
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode()


def good_files() -> dict[str, bytes]:
    """The faultless store as files."""
    return {name: write(name, rows) for name, rows in good_rows().items()}


def check(
    files: Mapping[str, bytes],
    *,
    stored: Mapping[str, Collection[str]] | None = None,
    on_row_error: OnRowError = "SKIP",
    chunk_rows: int = 2_000,
) -> tuple[BatchReport, MemoryStage]:
    """Check a store from memory."""
    stage = MemoryStage(stored)
    report = asyncio.run(
        check_store(
            open_memory(files),
            exported_at=EXPORTED_AT,
            lookup=stage,
            sink=stage,
            on_row_error=on_row_error,
            chunk_rows=chunk_rows,
        )
    )
    return report, stage


def faults(report: BatchReport) -> list[tuple[str, int, str, str]]:
    """Errors in short."""
    return [(finding.file, finding.line, finding.column, finding.code) for finding in report.errors]

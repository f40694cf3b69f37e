"""Reads an export folder into ``MonthFacts`` for tests: by simple means, and without the rows listed as refused.

It knows nothing of faults: the caller says which lines of which file do not exist.
"""

import csv
import io
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from forecourt.domain.evaluation.calendar_rules import Month, Period
from forecourt.domain.evaluation.facts import (
    Attendance,
    Call,
    Complaint,
    Employee,
    LabourLine,
    MonthFacts,
    PartLine,
    Position,
    RepairOrder,
    SalesOrder,
    StoreInfo,
    SurveyRow,
    Target,
)

FOLDER = Path(__file__).parents[2] / "data" / "harmony"
BLANKS = " \t　"


class Row:
    """A row by column name; an empty cell is ``None``."""

    def __init__(self, cells: Mapping[str, str]) -> None:
        self.cells = cells

    def text(self, name: str) -> str | None:
        return self.cells.get(name, "").strip(BLANKS) or None

    def need(self, name: str) -> str:
        found = self.text(name)
        assert found is not None, name
        return found

    def moment(self, name: str) -> datetime | None:
        found = self.text(name)
        return None if found is None else datetime.fromisoformat(found)

    def at(self, name: str) -> datetime:
        return datetime.fromisoformat(self.need(name))

    def day(self, name: str) -> date | None:
        found = self.text(name)
        return None if found is None else date.fromisoformat(found)

    def on(self, name: str) -> date:
        return date.fromisoformat(self.need(name))

    def number(self, name: str) -> Decimal:
        return Decimal(self.need(name))

    def truth(self, name: str) -> bool | None:
        return {None: None, "true": True, "false": False}[self.text(name)]


def records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Each record with the physical line on which it begins."""
    text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    for cells in reader:
        yield line, cells
        line = reader.line_num + 1


def rows(folder: Path, name: str, refused: Mapping[str, Collection[int]]) -> Iterator[Row]:
    """The accepted rows of a file."""
    header: list[str] | None = None
    for line, cells in records(folder / name):
        if header is None:
            header = [cell.strip(BLANKS) for cell in cells]
        elif cells and line not in refused.get(name, ()):
            yield Row(dict(zip(header, cells, strict=True)))


def load_store(store: StoreInfo, folder: Path, refused: Mapping[str, Collection[int]]) -> MonthFacts:
    """Everything in a store's folder: a superset of what any month needs."""

    def each(name: str) -> Iterator[Row]:
        return rows(folder, f"{name}.csv", refused)

    return MonthFacts(
        store=store,
        employees=tuple(
            Employee(row.need("employee_no"), row.on("hired_on"), row.day("confirmed_on"), row.day("left_on"))
            for row in each("employees")
        ),
        positions=tuple(
            Position(
                row.need("employee_no"),
                row.need("role"),
                row.need("team_code"),
                row.on("valid_from"),
                row.day("valid_to"),
                row.text("supervisor_no"),
            )
            for row in each("positions")
        ),
        sales_orders=tuple(
            SalesOrder(
                row.need("order_no"),
                row.need("consultant_no"),
                row.moment("delivered_at"),
                row.moment("invoiced_at"),
                row.moment("plated_at"),
                row.moment("cancelled_at"),
                row.truth("form_complete"),
            )
            for row in each("sales_orders")
        ),
        repair_orders=tuple(
            RepairOrder(
                row.need("ro_no"),
                row.need("advisor_no"),
                row.need("type"),
                row.at("opened_at"),
                row.moment("arrived_at"),
                row.moment("invoiced_at"),
                row.moment("handed_over_at"),
                row.moment("cancelled_at"),
                row.text("rework_of"),
            )
            for row in each("repair_orders")
        ),
        labour_lines=tuple(
            LabourLine(
                row.need("ro_no"),
                int(row.need("line_no")),
                row.on("work_date"),
                row.number("hours_worked"),
                row.number("amount"),
                row.number("cost"),
            )
            for row in each("labour_lines")
        ),
        part_lines=tuple(
            PartLine(
                row.need("ro_no"),
                int(row.need("line_no")),
                row.at("needed_at"),
                row.number("amount"),
                row.number("cost"),
                row.moment("issued_at"),
                row.truth("defective"),
            )
            for row in each("part_lines")
        ),
        attendance=tuple(
            Attendance(row.need("employee_no"), row.on("work_date"), row.number("hours")) for row in each("attendance")
        ),
        complaints=tuple(map(_complaint, each("complaints"))),
        surveys=tuple(map(_survey, each("surveys"))),
        calls=tuple(
            Call(
                row.need("call_no"),
                row.need("kind"),
                row.need("caller_no"),
                row.at("started_at"),
                row.truth("connected") is True,
                row.text("result"),
                row.text("order_no"),
                row.text("survey_no"),
            )
            for row in each("calls")
        ),
        targets=tuple(Target(row.need("month"), row.need("metric"), row.number("value")) for row in each("targets")),
    )


def _complaint(row: Row) -> Complaint:
    accused = (number.strip(BLANKS) for number in (row.text("accused_nos") or "").split(";"))
    return Complaint(
        row.need("complaint_no"),
        row.need("record"),
        row.need("area"),
        row.at("received_at"),
        row.need("status"),
        row.need("validity"),
        row.moment("validity_decided_at"),
        row.moment("acknowledged_at"),
        row.moment("confirmed_at"),
        tuple(dict.fromkeys(number for number in accused if number)),
    )


def _survey(row: Row) -> SurveyRow:
    answer = row.text("q_overall")
    return SurveyRow(
        row.need("survey_no"),
        row.need("template"),
        row.text("order_no"),
        row.text("ro_no"),
        row.moment("sent_at"),
        row.truth("bounced"),
        row.moment("expires_at"),
        row.text("mode"),
        row.text("interviewer_no"),
        row.moment("submitted_at"),
        row.text("integrity"),
        None if answer is None else int(answer),
        row.text("q_care_call_72h"),
    )


def load_harmony(code: str, imports: Mapping[str, object]) -> MonthFacts:
    """One store of the export, without the rows that ``imports`` (of the expected file) lists as refused."""
    stores = {row.need("store_code"): row for row in rows(FOLDER, "stores.csv", {})}
    group = next(rows(FOLDER, "group.csv", {}))
    zone = stores[code].text("time_zone") or group.need("time_zone")
    refused: dict[str, set[int]] = {}
    errors = imports["errors"]
    assert isinstance(errors, list)
    for error in errors:
        refused.setdefault(error["file"], set()).add(error["line"])
    return load_store(StoreInfo(code, zone), FOLDER / code, refused)


def bounded(facts: MonthFacts, month: Month) -> MonthFacts:
    """Only the rows that the docstring of ``MonthFacts`` asks for: what a loader bounded to the month would bring."""
    period = Period.of(month, facts.store.zone)
    has = period.has
    within = timedelta(hours=48)
    delivered = {row.order_no for row in facts.sales_orders if has(row.delivered_at) and row.cancelled_at is None}
    handed_over = {row.ro_no for row in facts.repair_orders if has(row.handed_over_at)}
    invoiced = {row.ro_no for row in facts.repair_orders if has(row.invoiced_at)}
    low = {
        row.order_no
        for row in facts.surveys
        if row.template == "T1"
        and row.submitted_at is not None
        and period.start - within <= row.submitted_at < period.end - within
        and row.q_overall in (1, 2)
    }
    surveys = tuple(
        row
        for row in facts.surveys
        if (row.template == "T1" and (row.order_no in delivered | low or has(row.sent_at)))
        or (row.template == "T2" and row.ro_no in handed_over)
    )
    labour = tuple(row for row in facts.labour_lines if month.has_day(row.work_date) or row.ro_no in invoiced)
    parts = tuple(row for row in facts.part_lines if has(row.needed_at) or has(row.issued_at) or row.ro_no in invoiced)
    orders = delivered | {row.order_no for row in surveys if row.template == "T1"}
    repairs = handed_over | invoiced | {row.ro_no for row in labour} | {row.ro_no for row in parts}
    tasks = {row.survey_no for row in surveys if row.order_no in low}
    return replace(
        facts,
        sales_orders=tuple(row for row in facts.sales_orders if row.order_no in orders),
        repair_orders=tuple(
            row
            for row in facts.repair_orders
            if row.ro_no in repairs
            or has(row.arrived_at)
            or (row.rework_of in handed_over and period.start <= row.opened_at <= period.end + timedelta(hours=720))
        ),
        labour_lines=labour,
        part_lines=parts,
        attendance=tuple(row for row in facts.attendance if month.has_day(row.work_date)),
        complaints=tuple(row for row in facts.complaints if has(row.received_at) or has(row.validity_decided_at)),
        surveys=surveys,
        calls=tuple(
            row
            for row in facts.calls
            if (row.kind == "DELIVERY_CALL" and row.order_no in delivered)
            or (row.kind == "RECOVERY" and row.survey_no in tasks)
        ),
        targets=tuple(row for row in facts.targets if row.month == str(month)),
    )

"""The facts of a month indexed by key, once: every rule then looks up and never searches.

Here is also where the one sentence "a cancelled order does not exist for any figure, nor do its lines" is kept
(docs/interchange.md section 5), and where facts that do not fit together are refused: a line without its order would
otherwise silently be missing from a figure.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from ...errors import Invalid
from ..surveys.rules import Transaction, Verdict, verdicts
from .calendar_rules import FreezeRule, Month, Period, local_date, position_on
from .facts import (
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
    SurveyRow,
    Target,
)
from .measure_rules import Reference

Row = TypeVar("Row")
Key = TypeVar("Key", bound=Hashable)
Fact = SalesOrder | RepairOrder | SurveyRow | Call | Complaint | LabourLine | PartLine | Attendance | Target

REWORK_WITHIN = timedelta(hours=720)


def _unique(rows: Iterable[Row], key: Callable[[Row], Key], what: str) -> dict[Key, Row]:
    found: dict[Key, Row] = {}
    for row in rows:
        if key(row) in found:
            raise Invalid(f"{what} {key(row)} is given twice", path=(what,))
        found[key(row)] = row
    return found


def _grouped(rows: Iterable[Row], key: Callable[[Row], Key | None]) -> dict[Key, list[Row]]:
    groups: dict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        at = key(row)
        if at is not None:
            groups[at].append(row)
    return dict(groups)


def _need(known: Mapping[str, object], key: str | None, what: str) -> None:
    if key not in known:
        raise Invalid(f"{what} refers to {key!r}, which the facts do not hold", path=(what,), key=key)


def _line_reference(kind: str, line: LabourLine | PartLine) -> Reference:
    return Reference(kind, f"{line.ro_no}/{line.line_no}", line.id)


def refer(fact: Fact) -> Reference:
    """The reference to a fact: kind, natural key, database id."""
    if isinstance(fact, LabourLine):
        return _line_reference("LABOUR_LINE", fact)
    if isinstance(fact, PartLine):
        return _line_reference("PART_LINE", fact)
    if isinstance(fact, SalesOrder):
        return Reference("SALES_ORDER", fact.order_no, fact.id)
    if isinstance(fact, RepairOrder):
        return Reference("REPAIR_ORDER", fact.ro_no, fact.id)
    if isinstance(fact, SurveyRow):
        return Reference("SURVEY", fact.survey_no, fact.id)
    if isinstance(fact, Call):
        return Reference("CALL", fact.call_no, fact.id)
    if isinstance(fact, Complaint):
        return Reference("COMPLAINT", fact.complaint_no, fact.id)
    if isinstance(fact, Attendance):
        return Reference("ATTENDANCE", f"{fact.employee_no}/{fact.work_date.isoformat()}", fact.id)
    return Reference("TARGET", f"{fact.month}/{fact.metric}", fact.id)


@dataclass(frozen=True, slots=True)
class FactIndex:
    """The facts of one store's month, by key. Orders and lines of cancelled orders are gone, except in ``orders``."""

    period: Period
    freeze: FreezeRule
    employees: Mapping[str, Employee]
    positions: Mapping[str, Sequence[Position]]
    orders: Mapping[str, SalesOrder]
    repair_orders: Sequence[RepairOrder]
    delivered: tuple[SalesOrder, ...]
    handed_over: tuple[RepairOrder, ...]
    labour_lines: Sequence[LabourLine]
    part_lines: Sequence[PartLine]
    labour_of: Mapping[str, Sequence[LabourLine]]
    parts_of: Mapping[str, Sequence[PartLine]]
    reworks_of: Mapping[str, Sequence[RepairOrder]]
    attendance: Sequence[Attendance]
    complaints: Sequence[Complaint]
    t1_rows: Sequence[SurveyRow]
    t1_verdicts: Mapping[str, Verdict]
    t1_counted: Mapping[str, SurveyRow]
    t2_counted: Mapping[str, SurveyRow]
    delivery_calls: Mapping[str, Sequence[Call]]
    recovery_calls: Mapping[str, Sequence[Call]]
    targets: Mapping[tuple[str, str], Target]

    def position_at(self, employee_no: str, moment: datetime) -> Position | None:
        """What a person was at a moment: the position that contains its local date; ``None`` = unknown."""
        return position_on(self.positions.get(employee_no, ()), local_date(moment, self.period.zone))

    def supervisor_at(self, employee_no: str, moment: datetime) -> str | None:
        """The direct superior of a person at a moment."""
        position = self.position_at(employee_no, moment)
        return None if position is None else position.supervisor_no

    def team_at(self, employee_no: str, moment: datetime) -> str:
        """The team of a person at a moment; unknown is the empty text."""
        position = self.position_at(employee_no, moment)
        return "" if position is None else position.team_code


def _judged(
    rows: Mapping[str, list[SurveyRow]], transactions: Mapping[str, Transaction]
) -> tuple[dict[str, Verdict], dict[str, SurveyRow]]:
    """Verdict by survey number, and the counted row by transaction."""
    all_verdicts: dict[str, Verdict] = {}
    counted: dict[str, SurveyRow] = {}
    for key, responses in rows.items():
        found = verdicts(responses, transactions[key])
        all_verdicts |= found
        for response in responses:
            if found.get(response.survey_no) is Verdict.COUNTED:
                counted[key] = response
    return all_verdicts, counted


def _transaction(
    happened_at: datetime | None, cancelled_at: datetime | None, judged_no: str, period: Period, freeze: FreezeRule
) -> Transaction:
    if happened_at is None or cancelled_at is not None:
        return Transaction(None, judged_no)
    own_freeze = (
        period.frozen_at if period.has(happened_at) else freeze.of(Month.of(happened_at, period.zone), period.zone)
    )
    return Transaction(happened_at, judged_no, own_freeze)


def _in_order(facts: MonthFacts) -> None:
    """Refuse facts that do not fit together: repeated keys, references into nothing."""
    _unique(facts.calls, lambda row: row.call_no, "calls")
    _unique(facts.surveys, lambda row: row.survey_no, "surveys")
    _unique(facts.complaints, lambda row: row.complaint_no, "complaints")
    _unique(facts.attendance, lambda row: (row.employee_no, row.work_date), "attendance")
    _unique(facts.labour_lines, lambda row: (row.ro_no, row.line_no), "labour_lines")
    _unique(facts.part_lines, lambda row: (row.ro_no, row.line_no), "part_lines")


def index_facts(facts: MonthFacts, month: Month, freeze: FreezeRule) -> FactIndex:
    """Index the facts of a month. ``Invalid`` when a key is repeated or a referenced order or person is not there."""
    _in_order(facts)
    period = Period.of(month, facts.store.zone, freeze)
    employees = _unique(facts.employees, lambda row: row.employee_no, "employees")
    for position in facts.positions:
        _need(employees, position.employee_no, "positions")
    orders = _unique(facts.sales_orders, lambda row: row.order_no, "sales_orders")
    all_ros = _unique(facts.repair_orders, lambda row: row.ro_no, "repair_orders")
    for ro_no in {line.ro_no for line in facts.labour_lines} | {line.ro_no for line in facts.part_lines}:
        _need(all_ros, ro_no, "lines")
    t1_rows = [row for row in facts.surveys if row.template == "T1"]
    t1_of = _grouped(t1_rows, lambda row: row.order_no)
    t2_of = _grouped((row for row in facts.surveys if row.template == "T2"), lambda row: row.ro_no)
    for order_no in t1_of:
        _need(orders, order_no, "surveys")
    for ro_no in t2_of:
        _need(all_ros, ro_no, "surveys")

    alive = {ro_no: order for ro_no, order in all_ros.items() if order.cancelled_at is None}
    labour = [line for line in facts.labour_lines if line.ro_no in alive]
    parts = [line for line in facts.part_lines if line.ro_no in alive]
    t1_verdicts, t1_counted = _judged(
        t1_of,
        {
            key: _transaction(row.delivered_at, row.cancelled_at, row.consultant_no, period, freeze)
            for key, row in orders.items()
        },
    )
    _, t2_counted = _judged(
        t2_of,
        {
            key: _transaction(row.handed_over_at, row.cancelled_at, row.advisor_no, period, freeze)
            for key, row in all_ros.items()
            if key in t2_of
        },
    )
    return FactIndex(
        period=period,
        freeze=freeze,
        employees=employees,
        positions=_grouped(facts.positions, lambda row: row.employee_no),
        orders=orders,
        repair_orders=list(alive.values()),
        delivered=tuple(row for row in orders.values() if row.cancelled_at is None and period.has(row.delivered_at)),
        handed_over=tuple(row for row in alive.values() if period.has(row.handed_over_at)),
        labour_lines=labour,
        part_lines=parts,
        labour_of=_grouped(labour, lambda row: row.ro_no),
        parts_of=_grouped(parts, lambda row: row.ro_no),
        reworks_of=_grouped(alive.values(), lambda row: row.rework_of),
        attendance=facts.attendance,
        complaints=facts.complaints,
        t1_rows=t1_rows,
        t1_verdicts=t1_verdicts,
        t1_counted=t1_counted,
        t2_counted=t2_counted,
        delivery_calls=_grouped((row for row in facts.calls if row.kind == "DELIVERY_CALL"), lambda row: row.order_no),
        recovery_calls=_grouped((row for row in facts.calls if row.kind == "RECOVERY"), lambda row: row.survey_no),
        targets=_unique(facts.targets, lambda row: (row.month, row.metric), "targets"),
    )

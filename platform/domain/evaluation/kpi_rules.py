"""Every KPI of a store's month (docs/interchange.md section 7), each as the evidence it is counted from."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from ..care.rules import AFTER_1_TO_2H, WITHIN_24H, CallWindow, delivery_call_in, recovery_in_time
from ..surveys.rules import Verdict, answered_in_time
from .calendar_rules import position_on
from .fact_index import REWORK_WITHIN, Fact, FactIndex, refer
from .facts import Complaint, LabourLine, PartLine, RepairOrder, SalesOrder, SurveyRow
from .kpi_catalogue import KPIS, PERSONAL_CALL_RATE, Base
from .measure_rules import Counted, KpiEvidence, exact_difference, seconds
from .settings_rules import MonthSettings

FactRow = TypeVar("FactRow", bound=Fact)

TOP_BOX = 5
SATISFIED = 4
FAULT_REPAIRS = frozenset({"REPAIR", "WARRANTY", "BODY"})
ACKNOWLEDGE_WITHIN = timedelta(hours=24)
CONFIRM_WITHIN = timedelta(hours=168)


def evidence(
    code: str,
    numerator: Iterable[Counted],
    denominator: Iterable[Counted],
    cases: Iterable[Counted] | None = None,
) -> KpiEvidence:
    """The evidence of a KPI of the catalogue."""
    return KpiEvidence(
        code,
        (KPIS.get(code) or PERSONAL_CALL_RATE).statistic,
        tuple(numerator),
        tuple(denominator),
        None if cases is None else tuple(cases),
    )


def share(code: str, rows: Iterable[FactRow], hit: Callable[[FactRow], bool]) -> KpiEvidence:
    """The evidence of a plain share: the rows that are a hit / all rows."""
    hits, everyone = [], []
    for row in rows:
        counted = Counted(refer(row))
        everyone.append(counted)
        if hit(row):
            hits.append(counted)
    return evidence(code, hits, everyone)


def base_orders(index: FactIndex, base: Base) -> tuple[SalesOrder, ...]:
    """The orders of a base: delivered in M, and invoiced (or plated) before F(M), whichever month that falls in.

    RESPONDED are the invoiced ones whose customer gave an answer that counts.
    """
    frozen_at = index.period.frozen_at
    if base is Base.PLATED_DELIVERED:
        return tuple(row for row in index.delivered if row.plated_at is not None and row.plated_at < frozen_at)
    invoiced = tuple(row for row in index.delivered if row.invoiced_at is not None and row.invoiced_at < frozen_at)
    if base is Base.RESPONDED:
        return tuple(row for row in invoiced if row.order_no in index.t1_counted)
    return invoiced


# --- survey ---------------------------------------------------------------------------------------------------------


def top_box(index: FactIndex, orders: Iterable[SalesOrder], code: str = "S01") -> KpiEvidence:
    """S01, S01_PLATED: orders whose counted T1 response is top-box / all the orders, silent ones included."""
    hits, everyone = [], []
    for order in orders:
        record = refer(order)
        everyone.append(Counted(record))
        answer = index.t1_counted.get(order.order_no)
        if answer is not None and answer.q_overall == TOP_BOX:
            hits.append(Counted(record, proof=refer(answer)))
    return evidence(code, hits, everyone)


def among_answers(answers: Sequence[SurveyRow], at_least: int, code: str) -> KpiEvidence:
    """S02, S03 and their service twins: answers of at least this level / answers."""
    return share(code, answers, lambda row: row.q_overall is not None and row.q_overall >= at_least)


def answers_of(index: FactIndex, orders: Iterable[SalesOrder]) -> list[SurveyRow]:
    """The counted T1 responses of the orders."""
    return [index.t1_counted[order.order_no] for order in orders if order.order_no in index.t1_counted]


def _service_answers(index: FactIndex) -> list[SurveyRow]:
    return [index.t2_counted[order.ro_no] for order in index.handed_over if order.ro_no in index.t2_counted]


def _response_rate(index: FactIndex) -> KpiEvidence:
    sent = [row for row in index.t1_rows if index.period.has(row.sent_at) and row.bounced is not True]
    return share("S07", sent, answered_in_time)


# --- follow-up ------------------------------------------------------------------------------------------------------


def call_rate(index: FactIndex, orders: Iterable[SalesOrder], window: CallWindow, code: str) -> KpiEvidence:
    """F01A, F01B: orders with a connected delivery call inside the window, by anybody / orders."""
    hits, everyone = [], []
    for order in orders:
        record = refer(order)
        everyone.append(Counted(record))
        calls = index.delivery_calls.get(order.order_no)
        if calls and order.delivered_at is not None:
            call = delivery_call_in(window, order.delivered_at, calls)
            if call is not None:
                hits.append(Counted(record, proof=refer(call)))
    return evidence(code, hits, everyone)


def _care_call(answers: Sequence[SurveyRow]) -> KpiEvidence:
    """F02: the customer decides; CARE_CALL rows are not looked at."""
    told = [row for row in answers if row.q_care_call_72h in ("YES", "NO")]
    return share("F02", told, lambda row: row.q_care_call_72h == "YES")


def forms(orders: Sequence[SalesOrder]) -> KpiEvidence:
    """F03: complete questionnaires / deliveries; unknown is not complete."""
    return share("F03", orders, lambda row: row.form_complete is True)


def _recovery(index: FactIndex, settings: MonthSettings) -> KpiEvidence:
    """F04: of the dissatisfied whose follow-up fell due in M, those who were called in time by somebody else."""
    hits, tasks = [], []
    for order_no, answer in index.t1_counted.items():
        rule = settings.recovery_for(answer.q_overall)
        if rule is None or answer.submitted_at is None:
            continue
        due_at = answer.submitted_at + rule.within
        if not index.period.has(due_at):
            continue
        record = refer(answer)
        tasks.append(Counted(record))
        calls = index.recovery_calls.get(answer.survey_no, ())
        call = recovery_in_time(answer.submitted_at, due_at, index.orders[order_no].consultant_no, calls)
        if call is not None:
            hits.append(Counted(record, proof=refer(call)))
    return evidence("F04", hits, tasks)


# --- complaints -----------------------------------------------------------------------------------------------------


def proven(complaint: Complaint, settings: MonthSettings) -> bool:
    """A complaint (not an enquiry), ruled VALID (有效投诉), neither withdrawn nor a duplicate. PARTLY does not count
    unless the store's settings say so."""
    ruled = complaint.validity == "VALID" or (settings.partly_counts and complaint.validity == "PARTLY")
    return (
        ruled
        and complaint.validity_decided_at is not None
        and complaint.record == "COMPLAINT"
        and complaint.status not in ("WITHDRAWN", "DUPLICATE")
    )


def _complaint_rate(
    index: FactIndex, settings: MonthSettings, area: str, over: Iterable[SalesOrder | RepairOrder], code: str
) -> KpiEvidence:
    counted = (
        Counted(refer(row))
        for row in index.complaints
        if row.area == area
        and index.period.has(row.received_at)
        and proven(row, settings)
        and row.validity_decided_at is not None
        and row.validity_decided_at < index.period.frozen_at
    )
    return evidence(code, counted, (Counted(refer(row)) for row in over))


def _within(done_at: datetime | None, received_at: datetime, limit: timedelta) -> bool:
    return done_at is not None and done_at <= received_at + limit


def _acknowledged(index: FactIndex) -> KpiEvidence:
    rows = [row for row in index.complaints if index.period.has(row.received_at) and row.status != "DUPLICATE"]
    return share("C03", rows, lambda row: _within(row.acknowledged_at, row.received_at, ACKNOWLEDGE_WITHIN))


def _resolved(index: FactIndex, code: str, area: str | None = None) -> KpiEvidence:
    rows = [
        row
        for row in index.complaints
        if row.record == "COMPLAINT"
        and (area is None or row.area == area)
        and index.period.has(row.received_at)
        and row.status not in ("WITHDRAWN", "DUPLICATE")
    ]
    return share(code, rows, lambda row: _within(row.confirmed_at, row.received_at, CONFIRM_WITHIN))


# --- workshop -------------------------------------------------------------------------------------------------------


def _repair_cycle(index: FactIndex) -> KpiEvidence:
    durations, cases = [], []
    for order in index.handed_over:
        if order.type in FAULT_REPAIRS and order.handed_over_at is not None:
            record = refer(order)
            durations.append(Counted(record, seconds(order.handed_over_at - order.opened_at)))
            cases.append(Counted(record))
    return evidence("A01", durations, cases)


def _first_rework(index: FactIndex, order: RepairOrder) -> RepairOrder | None:
    """The earliest order that repeats this one's work within 720 h of its hand-over."""
    handed_over_at = order.handed_over_at
    if handed_over_at is None:
        return None
    again = [
        row
        for row in index.reworks_of.get(order.ro_no, ())
        if handed_over_at <= row.opened_at <= handed_over_at + REWORK_WITHIN
    ]
    return min(again, key=lambda row: (row.opened_at, row.ro_no), default=None)


def _rework(index: FactIndex) -> KpiEvidence:
    hits, everyone = [], []
    for order in index.handed_over:
        record = refer(order)
        everyone.append(Counted(record))
        rework = _first_rework(index, order)
        if rework is not None:
            hits.append(Counted(record, proof=refer(rework)))
    return evidence("A02", hits, everyone)


def _parts_in_time(index: FactIndex) -> KpiEvidence:
    rows = [row for row in index.part_lines if index.period.has(row.needed_at)]
    return share("A05", rows, lambda row: row.issued_at is not None and row.issued_at <= row.needed_at)


def _parts_defective(index: FactIndex) -> KpiEvidence:
    rows = [row for row in index.part_lines if index.period.has(row.issued_at)]
    return share("A06", rows, lambda row: row.defective is True)


def _utilisation(index: FactIndex) -> KpiEvidence:
    """A07: hours worked on jobs in M / hours attended in M by those who are technicians on the day."""
    month = index.period.month
    worked = (Counted(refer(row), row.hours_worked) for row in index.labour_lines if month.has_day(row.work_date))
    attended = []
    for row in index.attendance:
        if not month.has_day(row.work_date):
            continue
        position = position_on(index.positions.get(row.employee_no, ()), row.work_date)
        if position is not None and position.role == "TECHNICIAN":
            attended.append(Counted(refer(row), row.hours))
    return evidence("A07", worked, attended)


def _reception(index: FactIndex) -> KpiEvidence:
    """A09: minutes from arrival to the opened order, handed over or not."""
    waits = [
        Counted(refer(row), seconds(row.opened_at - row.arrived_at))
        for row in index.repair_orders
        if row.arrived_at is not None and index.period.has(row.arrived_at)
    ]
    return evidence("A09", waits, (Counted(wait.record) for wait in waits))


def _revenue(index: FactIndex) -> list[KpiEvidence]:
    """A12, A12_ATTAINMENT, A13 over the lines of the orders invoiced in M."""
    invoiced = [row for row in index.repair_orders if index.period.has(row.invoiced_at)]
    orders = tuple(Counted(refer(row)) for row in invoiced)
    lines: list[LabourLine | PartLine] = []
    for row in invoiced:
        lines += index.labour_of.get(row.ro_no, ())
        lines += index.parts_of.get(row.ro_no, ())
    revenue = tuple(Counted(refer(line), line.amount) for line in lines)
    margin = tuple(
        Counted(counted.record, exact_difference(line.amount, line.cost))
        for counted, line in zip(revenue, lines, strict=True)
    )
    target = index.targets.get((str(index.period.month), "SERVICE_REVENUE"))
    goal: tuple[Counted, ...] = () if target is None else (Counted(refer(target), Decimal(target.value)),)
    return [
        evidence("A12", revenue, orders),
        evidence("A12_ATTAINMENT", revenue, goal, orders),
        evidence("A13", margin, revenue, orders),
    ]


# --- all ------------------------------------------------------------------------------------------------------------


def store_kpis(index: FactIndex, settings: MonthSettings) -> dict[str, KpiEvidence]:
    """The evidence of every KPI of the catalogue, in its order."""
    invoiced = base_orders(index, Base.INVOICED_DELIVERED)
    answers = answers_of(index, invoiced)
    service = _service_answers(index)
    found = [
        evidence("DELIVERED", (), (Counted(refer(row)) for row in index.delivered)),
        top_box(index, invoiced),
        top_box(index, base_orders(index, Base.PLATED_DELIVERED), "S01_PLATED"),
        among_answers(answers, TOP_BOX, "S02"),
        among_answers(answers, SATISFIED, "S03"),
        _response_rate(index),
        call_rate(index, index.delivered, WITHIN_24H, "F01A"),
        call_rate(index, index.delivered, AFTER_1_TO_2H, "F01B"),
        _care_call(answers),
        forms(index.delivered),
        _recovery(index, settings),
        _complaint_rate(index, settings, "SALES", index.delivered, "C01"),
        _complaint_rate(index, settings, "SERVICE", index.handed_over, "C02"),
        _acknowledged(index),
        _resolved(index, "C04"),
        _resolved(index, "C04_SERVICE", "SERVICE"),
        among_answers(service, TOP_BOX, "S02_SERVICE"),
        among_answers(service, SATISFIED, "S03_SERVICE"),
        _repair_cycle(index),
        _rework(index),
        _parts_in_time(index),
        _parts_defective(index),
        _utilisation(index),
        _reception(index),
        *_revenue(index),
    ]
    by_code = {item.code: item for item in found}
    return {code: by_code[code] for code in KPIS}


def team_kpis(index: FactIndex) -> dict[str, KpiEvidence]:
    """S01 by the consultant's team at the delivery (小组), sorted; unknown teams under the empty code."""
    teams: dict[str, list[SalesOrder]] = defaultdict(list)
    for order in base_orders(index, Base.INVOICED_DELIVERED):
        if order.delivered_at is not None:
            teams[index.team_at(order.consultant_no, order.delivered_at)].append(order)
    return {team: top_box(index, teams[team]) for team in sorted(teams)}


def t1_verdict_counts(index: FactIndex) -> dict[str, int]:
    """How many T1 rows of the orders delivered in M got which verdict, by name; unsubmitted rows have none."""
    delivered = {order.order_no for order in index.delivered}
    counts: dict[str, int] = defaultdict(int)
    for row in index.t1_rows:
        verdict: Verdict | None = index.t1_verdicts.get(row.survey_no)
        if verdict is not None and row.order_no in delivered:
            counts[verdict.value] += 1
    return dict(sorted(counts.items()))

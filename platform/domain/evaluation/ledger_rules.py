"""The deductions ledger (扣分台账) of a sales scheme's month.

Source: docs/interchange.md section 8.2; requirements 9-13, 21, 22.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from ..care.rules import delivery_call_in, excuse_for
from .calendar_rules import Month
from .fact_index import FactIndex, refer
from .facts import Complaint
from .kpi_rules import proven
from .measure_rules import exact_sum
from .results import Cause, EntryKey, LedgerEntry
from .scheme_specs import JOINT_RULE, SalesScheme
from .settings_rules import MonthSettings

SUPERVISOR = "SALES_SUPERVISOR"


def complaint_period(index: FactIndex, complaint: Complaint) -> Month | None:
    """The month a ruling is charged to: that of the receipt if the ruling came before its freeze, else that of the
    ruling, because a frozen month is never reopened. ``None`` while nothing is ruled."""
    if complaint.validity_decided_at is None:
        return None
    zone = index.period.zone
    received = Month.of(complaint.received_at, zone)
    if complaint.validity_decided_at < index.freeze.of(received, zone):
        return received
    return Month.of(complaint.validity_decided_at, zone)


def _forms(index: FactIndex, points: Decimal, who: Collection[str]) -> Iterator[LedgerEntry]:
    """D-Q: the questionnaire was not completed. Unknown is not punished."""
    for order in index.delivered:
        if order.form_complete is False and order.consultant_no in who and order.delivered_at is not None:
            yield LedgerEntry("D-Q", order.consultant_no, points, refer(order), order.delivered_at, index.period.month)


def _calls(
    index: FactIndex, scheme: SalesScheme, points: Decimal, who: Collection[str], as_of: datetime
) -> Iterator[LedgerEntry]:
    """D-CALL: no call in the scheme's window and no excuse; it occurs when the window closes, not before."""
    window = scheme.call_window
    for order in index.delivered:
        if order.consultant_no not in who or order.delivered_at is None:
            continue
        missed_at = order.delivered_at + window.closes
        calls = index.delivery_calls.get(order.order_no, ())
        if (
            missed_at <= as_of
            and delivery_call_in(window, order.delivered_at, calls) is None
            and excuse_for(window, order.delivered_at, calls) is None
        ):
            yield LedgerEntry("D-CALL", order.consultant_no, points, refer(order), missed_at, index.period.month)


def _complaints(
    index: FactIndex,
    settings: MonthSettings,
    points: Decimal,
    joint_points: Decimal | None,
    who: Collection[str],
) -> Iterator[LedgerEntry]:
    """D-CMP to each accused who takes part, and D-CMP-J to the supervisor they had at the receipt."""
    month = index.period.month
    for complaint in index.complaints:
        if not proven(complaint, settings) or complaint_period(index, complaint) != month:
            continue
        accused = sorted(set(complaint.accused_nos))
        record, at = refer(complaint), complaint.received_at
        liable: set[str] = set()
        for employee_no in accused:
            if employee_no not in who:
                continue
            direct = LedgerEntry("D-CMP", employee_no, points, record, at, month)
            yield direct
            if joint_points is None:
                continue
            superior = index.supervisor_at(employee_no, at)
            if superior is None or superior in liable or superior in accused or superior not in who:
                continue
            position = index.position_at(superior, at)
            if position is not None and position.role == SUPERVISOR:
                liable.add(superior)
                yield LedgerEntry(JOINT_RULE, superior, joint_points, record, at, month, Cause.JOINT, direct.key)


def ledger_of(
    index: FactIndex, scheme: SalesScheme, settings: MonthSettings, participants: Collection[str], as_of: datetime
) -> tuple[LedgerEntry, ...]:
    """The entries of period M, sorted by rule, evidence and employee; only people who take part have any."""
    entries: list[LedgerEntry] = []
    form_points, call_points = scheme.points_of("D-Q"), scheme.points_of("D-CALL")
    complaint_points = scheme.points_of("D-CMP")
    if form_points is not None:
        entries += _forms(index, form_points, participants)
    if call_points is not None:
        entries += _calls(index, scheme, call_points, participants, as_of)
    if complaint_points is not None:
        entries += _complaints(index, settings, complaint_points, scheme.points_of(JOINT_RULE), participants)
    return tuple(sorted(entries, key=lambda entry: entry.key))


def points_by_person(entries: Iterable[LedgerEntry]) -> dict[str, Decimal]:
    """Σ points per employee number, exact."""
    points: dict[str, list[Decimal]] = {}
    for entry in entries:
        points.setdefault(entry.employee_no, []).append(entry.points)
    sums = {employee_no: exact_sum(amounts) for employee_no, amounts in points.items()}
    return {employee_no: Decimal(total.numerator) / Decimal(total.denominator) for employee_no, total in sums.items()}


def reversal_of(
    ledger: Sequence[LedgerEntry], key: EntryKey, *, at: datetime, period: Month
) -> tuple[LedgerEntry, ...]:
    """The opposite entries that take an entry back (冲销), and with a parent its JOINT children.

    Entries already taken back are left alone, so reversing twice changes nothing the second time. ``KeyError`` when
    the ledger has no such entry. The ledger is append-only: add what this returns.
    """
    standing = {entry.key: entry for entry in ledger if entry.reverses is None}
    if key not in standing:
        raise KeyError(key)
    taken_back = {entry.reverses for entry in ledger if entry.reverses is not None}
    return tuple(
        replace(entry, points=-entry.points, occurred_at=at, period=period, reverses=entry.key)
        for entry in standing.values()
        if (entry.key == key or entry.parent == key) and entry.key not in taken_back
    )

"""What was known at a moment, for a close before the freeze: facts that happened later are taken away.

A close at or after F(M) needs none of this: its rules name their own limits (docs/interchange.md sections 5 to 8).
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from .calendar_rules import local_date
from .facts import Complaint, MonthFacts, PartLine, RepairOrder, SalesOrder, SurveyRow


def known_at(facts: MonthFacts, as_of: datetime) -> MonthFacts:
    """The facts without what happened after ``as_of``: rows that begin later are gone, later steps are not yet done."""
    today = local_date(as_of, facts.store.zone)

    def past(moment: datetime | None) -> datetime | None:
        return moment if moment is not None and moment <= as_of else None

    def order(row: SalesOrder) -> SalesOrder:
        if any(_later(as_of, row.delivered_at, row.invoiced_at, row.plated_at, row.cancelled_at)):
            form = row.form_complete if past(row.delivered_at) else None
            return replace(
                row,
                delivered_at=past(row.delivered_at),
                invoiced_at=past(row.invoiced_at),
                plated_at=past(row.plated_at),
                cancelled_at=past(row.cancelled_at),
                form_complete=form,
            )
        return row

    def repair(row: RepairOrder) -> RepairOrder:
        if any(_later(as_of, row.invoiced_at, row.handed_over_at, row.cancelled_at)):
            return replace(
                row,
                invoiced_at=past(row.invoiced_at),
                handed_over_at=past(row.handed_over_at),
                cancelled_at=past(row.cancelled_at),
            )
        return row

    def part(row: PartLine) -> PartLine:
        return replace(row, issued_at=None, defective=None) if any(_later(as_of, row.issued_at)) else row

    repairs = tuple(repair(row) for row in facts.repair_orders if row.opened_at <= as_of)
    open_nos = {row.ro_no for row in repairs}
    return replace(
        facts,
        sales_orders=tuple(order(row) for row in facts.sales_orders),
        repair_orders=repairs,
        labour_lines=tuple(row for row in facts.labour_lines if row.work_date <= today and row.ro_no in open_nos),
        part_lines=tuple(part(row) for row in facts.part_lines if row.needed_at <= as_of and row.ro_no in open_nos),
        attendance=tuple(row for row in facts.attendance if row.work_date <= today),
        complaints=tuple(_complaint(row, as_of) for row in facts.complaints if row.received_at <= as_of),
        surveys=tuple(_surveys(facts.surveys, as_of, open_nos)),
        calls=tuple(row for row in facts.calls if row.started_at <= as_of),
    )


def _later(as_of: datetime, *moments: datetime | None) -> Iterable[bool]:
    return (moment is not None and moment > as_of for moment in moments)


def _complaint(row: Complaint, as_of: datetime) -> Complaint:
    changes: dict[str, object] = {}
    if any(_later(as_of, row.validity_decided_at)):
        changes |= {"validity": "UNDECIDED", "validity_decided_at": None}
    if any(_later(as_of, row.acknowledged_at)):
        changes["acknowledged_at"] = None
    if any(_later(as_of, row.confirmed_at)):
        changes["confirmed_at"] = None
    return replace(row, **changes) if changes else row  # type: ignore[arg-type]  # the names are fields, the values theirs


def _surveys(rows: Iterable[SurveyRow], as_of: datetime, open_nos: set[str]) -> Iterable[SurveyRow]:
    for row in rows:
        if row.template == "T2" and row.ro_no not in open_nos:
            continue
        if any(_later(as_of, row.sent_at)):
            continue
        if any(_later(as_of, row.submitted_at)):
            yield replace(
                row,
                submitted_at=None,
                mode=None,
                interviewer_no=None,
                integrity=None,
                q_overall=None,
                q_care_call_72h=None,
            )
        else:
            yield row

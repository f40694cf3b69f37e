"""Reading a month: the facts of one store, bounded to what the rules need, each query by an index of its moment.

What each collection must hold is said in `facts.MonthFacts`; the letters in the comments are those of its docstring.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, or_, select, union
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from ..care import model as care
from ..complaints import model as complaints
from ..people import model as people
from ..sales import model as sales
from ..surveys import model as surveys
from ..workshop import model as workshop
from . import facts
from .calendar_rules import Period
from .model import EvaluationRun, KpiValue, Target

Fact = TypeVar("Fact")


async def load_month_facts(
    session: AsyncSession,
    store: facts.StoreInfo,
    period: Period,
    *,
    recovery_window: timedelta = timedelta(hours=48),
) -> facts.MonthFacts:
    """The facts of one store that the close of `period` needs, in the order of their natural keys.

    Args:
        recovery_window: the longest time that a recovery rule of the month grants.
    """
    loader = _Loader(session, period)
    await loader.people()
    orders_due = await loader.orders_with_recovery(recovery_window)
    survey_rows = await loader.surveys(orders_due)
    return facts.MonthFacts(
        store=store,
        employees=loader.employees,
        positions=await loader.positions(),
        sales_orders=await loader.sales_orders(survey_rows),
        repair_orders=await loader.repair_orders(survey_rows),
        labour_lines=await loader.labour_lines(),
        part_lines=await loader.part_lines(),
        attendance=await loader.attendance(),
        complaints=await loader.complaints(),
        surveys=tuple(row for row, _, _ in survey_rows),
        calls=await loader.calls(survey_rows),
        targets=await loader.targets(),
    )


def _ids(*parts: Select[Any]) -> Select[Any]:
    """Ids that any of the parts finds, found once: a planner without statistics would look for them again per row."""
    found = union(*parts).cte("wanted").prefix_with("MATERIALIZED", dialect="postgresql")
    return select(*found.c)


class _Loader:
    """One month's queries. People's numbers are read first; facts name people by number."""

    def __init__(self, session: AsyncSession, period: Period) -> None:
        self._session = session
        self._period = period
        self._numbers: dict[UUID, str] = {}
        self.employees: tuple[facts.Employee, ...] = ()

    async def _rows(self, query: Any, make: Callable[..., Fact]) -> tuple[Fact, ...]:
        return tuple(make(*row) for row in await self._session.execute(query))

    def _in(self, column: Any) -> ColumnElement[bool]:
        return and_(column >= self._period.start, column < self._period.end)

    def _on(self, column: Any) -> ColumnElement[bool]:
        return and_(column >= self._period.month.first_day, column < self._period.month.end_day)

    def _no(self, employee_id: UUID | None) -> str | None:
        return None if employee_id is None else self._numbers[employee_id]

    async def people(self) -> None:
        table = people.Employee
        query = select(table.employee_no, table.hired_on, table.confirmed_on, table.left_on, table.id)
        self.employees = await self._rows(query.order_by(table.employee_no), facts.Employee)
        self._numbers = {person.id: person.employee_no for person in self.employees if person.id is not None}

    async def positions(self) -> tuple[facts.Position, ...]:
        table, team = people.Position, people.Team
        query = select(
            table.employee_id,
            table.role,
            team.team_code,
            table.valid_from,
            table.valid_to,
            table.supervisor_id,
            table.id,
        ).join(team, team.id == table.team_id)
        rows = await self._rows(
            query.order_by(table.employee_id, table.valid_from),
            lambda person, role, code, start, end, superior, id_: facts.Position(
                self._numbers[person], role, code, start, end, self._no(superior), id_
            ),
        )
        return tuple(sorted(rows, key=lambda row: (row.employee_no, row.valid_from)))

    async def orders_with_recovery(self, window: timedelta) -> Select[Any]:
        """Orders with a T1 answer that may be due for recovery in the month (c)."""
        invitation, response = surveys.Invitation, surveys.Response
        return (
            select(invitation.order_id)
            .join(response, response.invitation_id == invitation.id)
            .where(
                invitation.template == "T1",
                invitation.order_id.is_not(None),
                response.submitted_at >= self._period.start - window,
                response.submitted_at < self._period.end,
            )
        )

    async def surveys(self, orders_due: Select[Any]) -> Sequence[tuple[facts.SurveyRow, UUID | None, UUID | None]]:
        """(row, order id, repair order id) of the invitations of (a), (b) and (c)."""
        invitation, response = surveys.Invitation, surveys.Response
        order, repair = sales.SalesOrder, workshop.RepairOrder
        purchase = select(invitation.id).where(invitation.template == "T1")
        delivered = select(order.id).where(self._in(order.delivered_at))
        handed_over = select(repair.id).where(self._in(repair.handed_over_at))
        # One sub-select per index: a condition that spans tables would read every invitation of all years.
        wanted = _ids(
            purchase.where(invitation.order_id.in_(delivered)),
            purchase.where(self._in(invitation.sent_at)),
            purchase.where(invitation.order_id.in_(orders_due)),
            select(invitation.id).where(invitation.template == "T2", invitation.repair_order_id.in_(handed_over)),
        )
        query = (
            select(
                invitation.survey_no,
                invitation.template,
                order.order_no,
                repair.ro_no,
                invitation.sent_at,
                invitation.bounced,
                invitation.expires_at,
                response.mode,
                response.interviewer_id,
                response.submitted_at,
                response.integrity,
                response.q_overall,
                response.q_care_call_72h,
                invitation.id,
                invitation.order_id,
                invitation.repair_order_id,
            )
            .outerjoin(response, response.invitation_id == invitation.id)
            .outerjoin(order, order.id == invitation.order_id)
            .outerjoin(repair, repair.id == invitation.repair_order_id)
            .where(invitation.id.in_(wanted))
            .order_by(invitation.survey_no)
        )
        found = []
        rows: Sequence[Any] = (await self._session.execute(query)).all()
        for row in rows:
            care_call = None if row.q_care_call_72h is None else "YES" if row.q_care_call_72h else "NO"
            fact = facts.SurveyRow(
                survey_no=row.survey_no,
                template=row.template,
                order_no=row.order_no,
                ro_no=row.ro_no,
                sent_at=row.sent_at,
                bounced=row.bounced,
                expires_at=row.expires_at,
                mode=row.mode,
                interviewer_no=self._no(row.interviewer_id),
                submitted_at=row.submitted_at,
                integrity=row.integrity,
                q_overall=row.q_overall,
                q_care_call_72h=care_call,
                id=row.id,
            )
            found.append((fact, row.order_id, row.repair_order_id))
        return found

    async def sales_orders(
        self, survey_rows: Iterable[tuple[facts.SurveyRow, UUID | None, UUID | None]]
    ) -> tuple[facts.SalesOrder, ...]:
        table = sales.SalesOrder
        columns = (
            table.order_no,
            table.consultant_id,
            table.delivered_at,
            table.invoiced_at,
            table.plated_at,
            table.cancelled_at,
            table.form_complete,
            table.id,
        )
        wanted = {order_id for _, order_id, _ in survey_rows if order_id is not None}
        return await self._with_named(columns, table, self._in(table.delivered_at), wanted, self._sales_order)

    def _sales_order(self, order_no: str, consultant: UUID, *rest: Any) -> facts.SalesOrder:
        return facts.SalesOrder(order_no, self._numbers[consultant], *rest)

    async def repair_orders(
        self, survey_rows: Iterable[tuple[facts.SurveyRow, UUID | None, UUID | None]]
    ) -> tuple[facts.RepairOrder, ...]:
        table, original = workshop.RepairOrder, aliased(workshop.RepairOrder)
        labour, part = workshop.LabourLine, workshop.PartLine
        columns = (
            table.ro_no,
            table.advisor_id,
            table.type,
            table.opened_at,
            table.arrived_at,
            table.invoiced_at,
            table.handed_over_at,
            table.cancelled_at,
            select(original.ro_no).where(original.id == table.rework_of_id).scalar_subquery(),
            table.id,
        )
        handed_over = select(table.id).where(self._in(table.handed_over_at))
        condition = table.id.in_(
            _ids(
                handed_over,
                select(table.id).where(self._in(table.arrived_at)),
                select(table.id).where(self._in(table.invoiced_at)),
                select(table.id).where(table.rework_of_id.in_(handed_over)),
                select(labour.repair_order_id).where(self._on(labour.work_date)),
                select(part.repair_order_id).where(self._in(part.needed_at)),
                select(part.repair_order_id).where(self._in(part.issued_at)),
            )
        )
        wanted = {repair_id for _, _, repair_id in survey_rows if repair_id is not None}
        return await self._with_named(columns, table, condition, wanted, self._repair_order)

    def _repair_order(self, ro_no: str, advisor: UUID, *rest: Any) -> facts.RepairOrder:
        kind, opened, arrived, invoiced, handed_over, cancelled, rework_of, id_ = rest
        number = self._numbers[advisor]
        return facts.RepairOrder(ro_no, number, kind, opened, arrived, invoiced, handed_over, cancelled, rework_of, id_)

    async def _with_named(
        self,
        columns: Sequence[Any],
        table: Any,
        condition: ColumnElement[bool],
        wanted: set[UUID],
        make: Callable[..., Fact],
    ) -> tuple[Fact, ...]:
        """Rows of the month, then those that surveys name and the month did not bring."""
        found = {row[-1]: row for row in await self._session.execute(select(*columns).where(condition))}
        missing = sorted(wanted - found.keys())
        for start in range(0, len(missing), 1000):
            query = select(*columns).where(table.id.in_(missing[start : start + 1000]))
            found |= {row[-1]: row for row in await self._session.execute(query)}
        return tuple(make(*row) for row in sorted(found.values(), key=lambda row: str(row[0])))

    async def labour_lines(self) -> tuple[facts.LabourLine, ...]:
        table, order = workshop.LabourLine, workshop.RepairOrder
        invoiced = select(order.id).where(self._in(order.invoiced_at))
        of_invoices = select(table.id).where(table.repair_order_id.in_(invoiced))
        query = (
            select(order.ro_no, table.line_no, table.work_date, table.hours_worked, table.amount, table.cost, table.id)
            .join(order, order.id == table.repair_order_id)
            .where(table.id.in_(_ids(select(table.id).where(self._on(table.work_date)), of_invoices)))
            .order_by(order.ro_no, table.line_no)
        )
        return await self._rows(query, facts.LabourLine)

    async def part_lines(self) -> tuple[facts.PartLine, ...]:
        table, order = workshop.PartLine, workshop.RepairOrder
        invoiced = select(order.id).where(self._in(order.invoiced_at))
        of_invoices = select(table.id).where(table.repair_order_id.in_(invoiced))
        needed = select(table.id).where(self._in(table.needed_at))
        issued = select(table.id).where(self._in(table.issued_at))
        query = (
            select(
                order.ro_no,
                table.line_no,
                table.needed_at,
                table.amount,
                table.cost,
                table.issued_at,
                table.defective,
                table.id,
            )
            .join(order, order.id == table.repair_order_id)
            .where(table.id.in_(_ids(needed, issued, of_invoices)))
            .order_by(order.ro_no, table.line_no)
        )
        return await self._rows(query, facts.PartLine)

    async def attendance(self) -> tuple[facts.Attendance, ...]:
        table, person = workshop.Attendance, people.Employee
        query = (
            select(person.employee_no, table.work_date, table.hours, table.id)
            .join(person, person.id == table.employee_id)
            .where(self._on(table.work_date))
            .order_by(person.employee_no, table.work_date)
        )
        return await self._rows(query, facts.Attendance)

    async def complaints(self) -> tuple[facts.Complaint, ...]:
        table, accused = complaints.Complaint, complaints.ComplaintAccused
        condition = or_(self._in(table.received_at), self._in(table.validity_decided_at))
        named: dict[UUID, list[str]] = {}
        pairs = select(accused.complaint_id, accused.employee_id).where(
            accused.complaint_id.in_(select(table.id).where(condition))
        )
        for complaint_id, employee_id in await self._session.execute(pairs):
            named.setdefault(complaint_id, []).append(self._numbers[employee_id])
        query = (
            select(
                table.complaint_no,
                table.record,
                table.area,
                table.received_at,
                table.status,
                table.validity,
                table.validity_decided_at,
                table.acknowledged_at,
                table.confirmed_at,
                table.id,
            )
            .where(condition)
            .order_by(table.complaint_no)
        )
        return await self._rows(
            query,
            lambda *row: facts.Complaint(*row[:9], accused_nos=tuple(sorted(named.get(row[9], ()))), id=row[9]),  # type: ignore[misc]  # nine columns, in its order
        )

    async def calls(
        self, survey_rows: Iterable[tuple[facts.SurveyRow, UUID | None, UUID | None]]
    ) -> tuple[facts.Call, ...]:
        table, order, invitation = care.Call, sales.SalesOrder, surveys.Invitation
        answered = {row.id for row, _, _ in survey_rows if row.submitted_at is not None and row.id is not None}
        columns = (
            table.call_no,
            table.kind,
            table.caller_id,
            table.started_at,
            table.connected,
            table.result,
            order.order_no,
            invitation.survey_no,
            table.id,
        )
        base = (
            select(*columns)
            .outerjoin(order, order.id == table.order_id)
            .outerjoin(invitation, invitation.id == table.invitation_id)
        )
        deliveries = base.where(table.kind == "DELIVERY_CALL", self._in(order.delivered_at))
        found = list(await self._session.execute(deliveries))
        ids = sorted(answered)
        for start in range(0, len(ids), 1000):
            recoveries = base.where(table.kind == "RECOVERY", table.invitation_id.in_(ids[start : start + 1000]))
            found += await self._session.execute(recoveries)
        rows = (
            facts.Call(no, kind, self._numbers[caller], at, connected, result, order_no, survey_no, id_)
            for no, kind, caller, at, connected, result, order_no, survey_no, id_ in found
        )
        return tuple(sorted(rows, key=lambda row: row.call_no))

    async def targets(self) -> tuple[facts.Target, ...]:
        query = select(Target.month, Target.metric, Target.value, Target.id)
        query = query.where(Target.month == str(self._period.month)).order_by(Target.metric)
        return await self._rows(query, facts.Target)


@dataclass(frozen=True, slots=True)
class PublishedFigures:
    """The aggregates of a run that leave the store: per KPI code its x (None where it is not a count) and n."""

    run_id: UUID
    number: int
    provisional: bool
    counts: tuple[tuple[str, int | None, int], ...]


async def published_figures(session: AsyncSession, run: EvaluationRun) -> PublishedFigures:
    """What a run publishes to the group."""
    query = select(KpiValue.kpi, KpiValue.x, KpiValue.n).where(KpiValue.run_id == run.id, KpiValue.team_code.is_(None))
    rows = (await session.execute(query.order_by(KpiValue.kpi))).all()
    counts = tuple((kpi, int(x) if x is not None and x == int(x) else None, n) for kpi, x, n in rows)
    return PublishedFigures(run.id, run.number, run.provisional, counts)


async def newest_report(session: AsyncSession, month: str) -> dict[str, Any] | None:
    """The report of a month's newest run (docs/interchange.md section 10), None when the month was never evaluated."""
    query = (
        select(EvaluationRun.report).where(EvaluationRun.month == month).order_by(EvaluationRun.number.desc()).limit(1)
    )
    return (await session.scalars(query)).first()


async def provisional_months(session: AsyncSession) -> Sequence[str]:
    """Months whose newest run was made before their freeze: new data change them without a restatement."""
    later = aliased(EvaluationRun)
    superseded = select(later.id).where(later.month == EvaluationRun.month, later.number > EvaluationRun.number)
    query = select(EvaluationRun.month).where(EvaluationRun.provisional, ~superseded.exists())
    return (await session.scalars(query.order_by(EvaluationRun.month))).all()

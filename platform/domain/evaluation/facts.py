"""What a store's month is made of: plain facts, keyed by the numbers of the dealer's own systems.

A loader (SQL, import, test) fills ``MonthFacts``; the rules only count. The facts may be a superset of what a month
needs, the rules filter. They must not be less: each collection of ``MonthFacts`` says which rows month M needs, with
``[start, end)`` the month's local bounds and F = ``FreezeRule.of(month)``; ``calendar_rules.Period`` gives all three.

Every moment must be aware and becomes UTC here, once: two datetimes that share a zone compare by wall clock, which is
wrong in the hour the clocks repeat. Every ``id`` is the row's database id, opaque to the rules, for explanations only.
Words (roles, statuses, kinds) are those of docs/interchange.md section 4.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from ...errors import Invalid
from .calendar_rules import zone_named


def _to_utc(fact: object, *names: str) -> None:
    """Turn the named moments of a frozen fact into UTC; a moment without a zone is refused."""
    for name in names:
        moment = getattr(fact, name)
        if moment is None or moment.tzinfo is UTC:
            continue
        if moment.tzinfo is None:
            raise Invalid(f"{type(fact).__name__}.{name} has no time zone", path=(type(fact).__name__, name))
        object.__setattr__(fact, name, moment.astimezone(UTC))


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """The store (门店, tenant) and the IANA name of its time zone (its own, else the group's)."""

    code: str
    time_zone: str
    id: UUID | None = None

    @property
    def zone(self) -> ZoneInfo:
        return zone_named(self.time_zone)


@dataclass(frozen=True, slots=True)
class Employee:
    """A person; the dates decide the status on any day."""

    employee_no: str
    hired_on: date
    confirmed_on: date | None = None
    left_on: date | None = None
    id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """One period of a person's position history (岗位履历): role, team, direct superior."""

    employee_no: str
    role: str
    team_code: str
    valid_from: date
    valid_to: date | None = None
    supervisor_no: str | None = None
    id: UUID | None = None


@dataclass(frozen=True, slots=True)
class SalesOrder:
    """A sales order (销售订单) with its delivery. ``consultant_no`` is the person evaluated."""

    order_no: str
    consultant_no: str
    delivered_at: datetime | None = None
    invoiced_at: datetime | None = None
    plated_at: datetime | None = None
    cancelled_at: datetime | None = None
    form_complete: bool | None = None
    id: UUID | None = None

    def __post_init__(self) -> None:
        _to_utc(self, "delivered_at", "invoiced_at", "plated_at", "cancelled_at")


@dataclass(frozen=True, slots=True)
class RepairOrder:
    """A repair order (维修工单). ``rework_of`` is the number of the order whose work is repeated."""

    ro_no: str
    advisor_no: str
    type: str
    opened_at: datetime
    arrived_at: datetime | None = None
    invoiced_at: datetime | None = None
    handed_over_at: datetime | None = None
    cancelled_at: datetime | None = None
    rework_of: str | None = None
    id: UUID | None = None

    def __post_init__(self) -> None:
        _to_utc(self, "opened_at", "arrived_at", "invoiced_at", "handed_over_at", "cancelled_at")


@dataclass(frozen=True, slots=True)
class LabourLine:
    """Work on a repair order (工时): hours on the job, net revenue and direct cost."""

    ro_no: str
    line_no: int
    work_date: date
    hours_worked: Decimal
    amount: Decimal
    cost: Decimal
    id: UUID | None = None


@dataclass(frozen=True, slots=True)
class PartLine:
    """A part (配件) on a repair order; ``issued_at`` empty = not issued."""

    ro_no: str
    line_no: int
    needed_at: datetime
    amount: Decimal
    cost: Decimal
    issued_at: datetime | None = None
    defective: bool | None = None
    id: UUID | None = None

    def __post_init__(self) -> None:
        _to_utc(self, "needed_at", "issued_at")


@dataclass(frozen=True, slots=True)
class Attendance:
    """Hours a person attended (出勤) on a store-local day."""

    employee_no: str
    work_date: date
    hours: Decimal
    id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Complaint:
    """A complaint or enquiry (投诉, 咨询) as ruled at the export; ``accused_nos`` are employee numbers."""

    complaint_no: str
    record: str
    area: str
    received_at: datetime
    status: str
    validity: str = "UNDECIDED"
    validity_decided_at: datetime | None = None
    acknowledged_at: datetime | None = None
    confirmed_at: datetime | None = None
    accused_nos: tuple[str, ...] = ()
    id: UUID | None = None

    def __post_init__(self) -> None:
        _to_utc(self, "received_at", "validity_decided_at", "acknowledged_at", "confirmed_at")


@dataclass(frozen=True, slots=True)
class SurveyRow:
    """An invitation or form (问卷) with its answer, if any. T1 belongs to a sales order, T2 to a repair order."""

    survey_no: str
    template: str
    order_no: str | None = None
    ro_no: str | None = None
    sent_at: datetime | None = None
    bounced: bool | None = None
    expires_at: datetime | None = None
    mode: str | None = None
    interviewer_no: str | None = None
    submitted_at: datetime | None = None
    integrity: str | None = None
    q_overall: int | None = None
    q_care_call_72h: str | None = None
    id: UUID | None = None

    def __post_init__(self) -> None:
        _to_utc(self, "sent_at", "expires_at", "submitted_at")


@dataclass(frozen=True, slots=True)
class Call:
    """A telephone call (回访电话) to a customer."""

    call_no: str
    kind: str
    caller_no: str
    started_at: datetime
    connected: bool
    result: str | None = None
    order_no: str | None = None
    survey_no: str | None = None
    id: UUID | None = None

    def __post_init__(self) -> None:
        _to_utc(self, "started_at")


@dataclass(frozen=True, slots=True)
class Target:
    """A monthly target (目标) of the store; ``month`` is ``YYYY-MM``."""

    month: str
    metric: str
    value: Decimal
    id: UUID | None = None


@dataclass(frozen=True, slots=True)
class MonthFacts:
    """All facts of one store that the close of month M needs. Natural keys are unique in each collection.

    ``employees``
        Everybody the store has ever employed. One store's head count bounds it, and the accused of an old complaint
        or a supervisor of those days may have left long ago.
    ``positions``
        Every period of these people (several a head). Needed on days of M, at deliveries and attendance in M, and at
        the receipt of complaints that were ruled in M.
    ``sales_orders``
        (a) ``delivered_at`` in M; (b) every order that one of the supplied ``surveys`` refers to. Cancelled ones may be
        left out of (a) but not of (b).
    ``repair_orders``
        (a) ``handed_over_at`` in M; (b) ``arrived_at`` in M; (c) ``invoiced_at`` in M; (d) every order that a supplied
        line or T2 survey refers to, cancelled or not (a cancelled order takes its lines with it); (e) orders whose
        ``rework_of`` names an order of (a), opened up to 720 hours after that hand-over, so ``opened_at`` from start
        to end + 720 h.
    ``labour_lines``
        ``work_date`` in M; and all lines of orders with ``invoiced_at`` in M.
    ``part_lines``
        ``needed_at`` in M; ``issued_at`` in M; and all lines of orders with ``invoiced_at`` in M.
    ``attendance``
        ``work_date`` in M (of anybody; the rules pick those who are technicians on the day).
    ``complaints``
        ``received_at`` in M (all records, areas and statuses); and those with ``validity_decided_at`` in M, whenever
        they were received: a complaint ruled after its own month froze is charged to the month of the ruling.
    ``surveys``
        (a) every T1 row of the orders delivered in M, and every T2 row of the orders handed over in M: the verdict
        DUPLICATE looks at all rows of an order; (b) T1 rows with ``sent_at`` in M; (c) of T1 rows with ``submitted_at``
        from start − h to end − h (h = the longest time of the recovery rules, 48 h by default; start − h to end is a
        simple superset) and ``q_overall`` in a class of these rules (1 and 2 by default): **all** T1 rows of those
        orders, again because of duplicates. T8 rows are never looked at.
    ``calls``
        DELIVERY_CALL of the orders delivered in M, started from the delivery on (up to 24 h, or the longest call
        window of the schemes, after it); RECOVERY calls whose ``survey_no`` is one of surveys (c). No other kinds.
    ``targets``
        Those of M.
    """

    store: StoreInfo
    employees: tuple[Employee, ...] = ()
    positions: tuple[Position, ...] = ()
    sales_orders: tuple[SalesOrder, ...] = ()
    repair_orders: tuple[RepairOrder, ...] = ()
    labour_lines: tuple[LabourLine, ...] = ()
    part_lines: tuple[PartLine, ...] = ()
    attendance: tuple[Attendance, ...] = ()
    complaints: tuple[Complaint, ...] = ()
    surveys: tuple[SurveyRow, ...] = ()
    calls: tuple[Call, ...] = ()
    targets: tuple[Target, ...] = ()

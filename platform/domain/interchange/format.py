"""The export format as data: files, columns, words, limits, orders, references (docs/interchange.md sections 1, 2, 4).

Checks, SQL staging and the documentation page are all derived from ``GROUP_FILES`` and ``STORE_FILES``; nothing else
may know a column name of the format. The order of files is the order in which they are read, and the order of columns
is the order in which faults are reported.
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Literal

FORMAT_VERSION = "1"
TEXT_CHARS = 2_000
"""The longest text cell, in code points, after the spaces around it are removed."""
LIST_CHARS = 8_000
"""The longest list cell: 242 codes of full length. The format names no limit; a reader needs one."""
NUMBER_DIGITS = 100
"""Most digits before (leading zeros not counted), and most after, the decimal point of a ``dec``: our own limit."""
INT_LOW, INT_HIGH = -(2**63), 2**63 - 1
"""Limits of an ``int`` whose column names none: what a PostgreSQL bigint holds."""
FIRST_TIME = datetime(1990, 1, 1, tzinfo=UTC)
FIRST_DATE = date(1900, 1, 1)

CellType = Literal[
    "code", "text", "int", "dec", "bool", "date", "month", "time", "time zone", "list", "vin", "phone", "word"
]
"""The types of section 2. ``word`` is one of ``ColumnSpec.words``."""


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """One column: what a cell may hold and what it refers to."""

    name: str
    type: CellType
    meaning: str = ""
    required: bool = False
    words: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None
    reference: str | None = None
    """File whose only key column a value (for a list: every value) must name."""
    may_be_future: bool = False
    """A time that may lie after ``exported_at``."""


@dataclass(frozen=True, slots=True)
class DateOrder:
    """``earlier`` ≤ ``later``, or < when ``strict``; the fault is reported on ``later``."""

    earlier: str
    later: str
    strict: bool = False


@dataclass(frozen=True, slots=True)
class RequiredWhen:
    """``column`` is required when ``when`` holds one of ``words``; without words, when ``when`` is not empty."""

    column: str
    when: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Excludes:
    """A row with ``column`` set cannot have ``other`` set; an IMPOSSIBLE_DATE on ``column``."""

    column: str
    other: str


@dataclass(frozen=True, slots=True)
class Periods:
    """Half-open day ranges [start, end) of one person may not overlap; an empty end is open."""

    person: str
    start: str
    end: str


@dataclass(frozen=True)
class FileSpec:
    """One file of the export."""

    name: str
    columns: tuple[ColumnSpec, ...]
    key: tuple[str, ...]
    orders: tuple[DateOrder, ...] = ()
    required_when: tuple[RequiredWhen, ...] = ()
    excludes: tuple[Excludes, ...] = ()
    periods: Periods | None = None
    """Set for positions.csv, which holds the whole history of each person it names (section 3, re-import)."""
    vin_check: str | None = None
    """Column whose VIN check digit is looked at, giving warnings only."""
    meaning: str = ""

    @property
    def stem(self) -> str:
        """The name without ``.csv``."""
        return self.name.removesuffix(".csv")

    @cached_property
    def index(self) -> dict[str, int]:
        """Place of each column, in the order of the format; also its place in ``AcceptedRow.values``."""
        return {column.name: place for place, column in enumerate(self.columns)}

    @cached_property
    def by_name(self) -> dict[str, ColumnSpec]:
        """Columns by name."""
        return {column.name: column for column in self.columns}

    @cached_property
    def key_places(self) -> tuple[int, ...]:
        """Places of the key columns."""
        return tuple(self.index[name] for name in self.key)

    @property
    def required_columns(self) -> tuple[str, ...]:
        """Columns that the header must name."""
        return tuple(column.name for column in self.columns if column.required)

    @property
    def references(self) -> tuple[tuple[str, str], ...]:
        """(column, file it refers to), in column order."""
        return tuple((column.name, column.reference) for column in self.columns if column.reference)

    @property
    def future_columns(self) -> frozenset[str]:
        """Times that may lie after the export."""
        return frozenset(column.name for column in self.columns if column.may_be_future)


def _code(name: str, meaning: str = "", *, to: str | None = None) -> ColumnSpec:
    return ColumnSpec(name, "code", meaning, reference=f"{to}.csv" if to else None)


def _vin(name: str, meaning: str = "", *, to: str | None = None) -> ColumnSpec:
    return ColumnSpec(name, "vin", meaning, reference=f"{to}.csv" if to else None)


def _word(name: str, words: str, meaning: str = "") -> ColumnSpec:
    return ColumnSpec(name, "word", meaning, words=tuple(words.split()))


def _int(name: str, low: int | None, high: int | None = None, meaning: str = "") -> ColumnSpec:
    return ColumnSpec(name, "int", meaning, low=low, high=high)


def _dec(name: str, meaning: str = "", *, high: int | None = None) -> ColumnSpec:
    return ColumnSpec(name, "dec", meaning, low=0, high=high)


def _time(name: str, meaning: str = "", *, may_be_future: bool = False) -> ColumnSpec:
    return ColumnSpec(name, "time", meaning, may_be_future=may_be_future)


def _plain(kind: CellType, name: str, meaning: str = "") -> ColumnSpec:
    return ColumnSpec(name, kind, meaning)


def _required(column: ColumnSpec) -> ColumnSpec:
    return replace(column, required=True)


def _orders(*rules: str) -> tuple[DateOrder, ...]:
    """``"a <= b"`` and ``"a < b"`` as data."""
    parts = [rule.split() for rule in rules]
    return tuple(DateOrder(earlier, later, sign == "<") for earlier, sign, later in parts)


GROUP = FileSpec(
    "group.csv",
    (
        _required(_word("format_version", FORMAT_VERSION, "version of this format")),
        _required(_code("group_code")),
        _required(_plain("text", "group_name")),
        _required(_code("currency", "ISO 4217, for every amount")),
        _required(_plain("time zone", "time_zone", "IANA name; default of the stores")),
        _required(_time("exported_at", "moment of the export; nothing recorded may lie after it")),
        _required(_plain("month", "covers_from", "first month fully contained")),
        _required(_plain("month", "covers_to", "last month fully contained")),
    ),
    key=("group_code",),
    meaning="the dealer group (集团); exactly one row",
)
STORES = FileSpec(
    "stores.csv",
    (
        _required(_code("store_code", "also the name of the sub-folder")),
        _required(_plain("text", "store_name")),
        _required(_plain("text", "brand")),
        _plain("text", "region"),
        _word("grade", "A B C", "grade of the store (requirement 217)"),
        _int("city_tier", 1, 5),
        _plain("date", "opened_on"),
        _plain("time zone", "time_zone", "IANA name; empty = the group's"),
        _required(_word("status", "ACTIVE SUSPENDED CLOSING", "only ACTIVE stores are in the benchmark")),
    ),
    key=("store_code",),
    meaning="the stores (门店) of the group",
)
_TEAMS = FileSpec(
    "teams.csv",
    (
        _required(_code("team_code")),
        _required(_plain("text", "team_name")),
        _required(_word("department", "SALES SERVICE CUSTOMER_SERVICE MANAGEMENT")),
    ),
    key=("team_code",),
    meaning="teams (小组)",
)
_EMPLOYEES = FileSpec(
    "employees.csv",
    (
        _required(_code("employee_no")),
        _required(_plain("text", "name")),
        _plain("phone", "phone", "staff phone, for the integrity checks"),
        _required(_word("status", "PROBATION CONFIRMED LEFT", "at the export, for display; the dates decide")),
        _required(_plain("date", "hired_on")),
        _plain("date", "confirmed_on", "first day as CONFIRMED; empty = still on probation"),
        _plain("date", "left_on", "first day no longer employed"),
    ),
    key=("employee_no",),
    orders=_orders("hired_on <= confirmed_on", "hired_on <= left_on"),
    meaning="people (员工); what they did when is in positions.csv",
)
_ROLES = (
    "SALES_CONSULTANT SALES_ASSISTANT SALES_SUPERVISOR SALES_MANAGER SERVICE_ADVISOR TECHNICIAN WORKSHOP_CONTROLLER "
    "PARTS_CLERK SERVICE_MANAGER CS_AGENT CS_MANAGER STORE_GM"
)
_POSITIONS = FileSpec(
    "positions.csv",
    (
        _required(_code("employee_no", to="employees")),
        _required(_word("role", _ROLES)),
        _required(_code("team_code", to="teams")),
        _code("supervisor_no", "direct superior in this period", to="employees"),
        _required(_plain("date", "valid_from", "first day")),
        _plain("date", "valid_to", "first day no longer valid; empty = open"),
    ),
    key=("employee_no", "valid_from"),
    orders=_orders("valid_from < valid_to"),
    periods=Periods("employee_no", "valid_from", "valid_to"),
    meaning="position history (任职记录): one row per period; periods of one person may not overlap",
)
_CUSTOMERS = FileSpec(
    "customers.csv",
    (
        _required(_code("customer_no")),
        _required(_word("type", "PERSON ORG")),
        _required(_plain("text", "name")),
        _plain("phone", "phone", "digits as dialled; only the form is checked"),
        _plain("bool", "consent_survey", "empty = not asked"),
        _plain("bool", "consent_marketing"),
        _plain("bool", "do_not_contact"),
    ),
    key=("customer_no",),
    meaning="customers (客户)",
)
_VEHICLES = FileSpec(
    "vehicles.csv",
    (
        _required(_vin("vin", "17 of A–Z, 0–9 without I, O, Q; a wrong check digit is a warning")),
        _code("customer_no", "present owner", to="customers"),
        _plain("text", "plate"),
        _plain("text", "brand"),
        _plain("text", "model"),
        _int("model_year", 1980, 2100),
        _word("powertrain", "ICE HEV PHEV BEV"),
    ),
    key=("vin",),
    vin_check="vin",
    meaning="vehicles (车辆)",
)
_SALES_ORDERS = FileSpec(
    "sales_orders.csv",
    (
        _required(_code("order_no")),
        _required(_code("customer_no", to="customers")),
        _required(_vin("vin", to="vehicles")),
        _required(_code("consultant_no", "the person evaluated", to="employees")),
        _required(_time("signed_at")),
        _time("invoiced_at"),
        _time("delivered_at"),
        _time("plated_at", "may precede delivery"),
        _time("cancelled_at", "set = cancelled; such an order cannot have delivered_at"),
        _plain("bool", "form_complete", "questionnaire at delivery complete? empty = unknown"),
        _plain("bool", "delivery_signed", "customer signed the delivery"),
        _dec("net_amount", "without tax"),
    ),
    key=("order_no",),
    orders=_orders(
        "signed_at <= invoiced_at", "signed_at <= delivered_at", "signed_at <= plated_at", "signed_at <= cancelled_at"
    ),
    excludes=(Excludes("cancelled_at", "delivered_at"),),
    meaning="sales orders (销售订单) with their delivery",
)
_REPAIR_ORDERS = FileSpec(
    "repair_orders.csv",
    (
        _required(_code("ro_no")),
        _required(_code("customer_no", to="customers")),
        _required(_vin("vin", to="vehicles")),
        _required(_code("advisor_no", to="employees")),
        _required(_word("type", "MAINTENANCE REPAIR WARRANTY BODY RECALL INTERNAL")),
        _plain("bool", "booked", "had an appointment"),
        _time("arrived_at"),
        _required(_time("opened_at")),
        _time("promised_at", "first promise; may be in the future", may_be_future=True),
        _time("done_at", "work finished"),
        _word("qc", "PASSED FAILED"),
        _time("qc_at"),
        _plain("bool", "customer_signed"),
        _time("invoiced_at"),
        _time("handed_over_at"),
        _time("cancelled_at"),
        _code(
            "rework_of", "the order whose work is repeated; earlier in the file or imported before", to="repair_orders"
        ),
    ),
    key=("ro_no",),
    orders=_orders(
        "arrived_at <= opened_at",
        "opened_at <= promised_at",
        "opened_at <= done_at",
        "opened_at <= invoiced_at",
        "opened_at <= handed_over_at",
        "done_at <= handed_over_at",
    ),
    meaning="repair orders (维修工单)",
)
_LABOUR_LINES = FileSpec(
    "labour_lines.csv",
    (
        _required(_code("ro_no", to="repair_orders")),
        _required(_int("line_no", 1, 9999)),
        _required(_code("technician_no", to="employees")),
        _required(_plain("date", "work_date", "store-local day")),
        _required(_dec("hours_worked", high=24)),
        _required(_dec("hours_sold", high=999)),
        _required(_dec("amount", "net revenue")),
        _required(_dec("cost", "direct cost")),
    ),
    key=("ro_no", "line_no"),
    meaning="labour lines (工时行) of repair orders",
)
_PART_LINES = FileSpec(
    "part_lines.csv",
    (
        _required(_code("ro_no", to="repair_orders")),
        _required(_int("line_no", 1, 9999, "counts separately from the labour lines")),
        _required(_code("part_no")),
        _required(_dec("quantity")),
        _required(_time("needed_at", may_be_future=True)),
        _time("issued_at", "empty = not issued"),
        _plain("bool", "defective", "empty = not defective"),
        _required(_dec("amount", "net revenue of the line (price × quantity)")),
        _required(_dec("cost", "direct cost of the line")),
    ),
    key=("ro_no", "line_no"),
    meaning="part lines (配件行) of repair orders",
)
_ATTENDANCE = FileSpec(
    "attendance.csv",
    (
        _required(_code("employee_no", to="employees")),
        _required(_plain("date", "work_date", "store-local day")),
        _required(_dec("hours", "hours attended", high=24)),
    ),
    key=("employee_no", "work_date"),
    meaning="attendance (出勤)",
)
_COMPLAINTS = FileSpec(
    "complaints.csv",
    (
        _required(_code("complaint_no")),
        _required(_word("record", "COMPLAINT ENQUIRY")),
        _required(_word("area", "SALES SERVICE")),
        _required(
            _word("kind", "PRODUCT SERVICE COMMUNICATION PRICE CONTRACT PARTS DELIVERY SAFETY PRIVACY OTHER"),
        ),
        _word("severity", "P1 P2 P3 P4"),
        _code("customer_no", to="customers"),
        _code("order_no", to="sales_orders"),
        _code("ro_no", to="repair_orders"),
        ColumnSpec("accused_nos", "list", "employee numbers joined by ;", reference="employees.csv"),
        _required(_time("received_at")),
        _time("acknowledged_at"),
        _required(_word("validity", "UNDECIDED VALID PARTLY INVALID", "as ruled at the export")),
        _time("validity_decided_at", "required unless UNDECIDED"),
        _time("confirmed_at", "customer confirmed the solution"),
        _required(_word("status", "OPEN CLOSED WITHDRAWN DUPLICATE")),
        _plain("text", "text", "the customer's words"),
    ),
    key=("complaint_no",),
    orders=_orders(
        "received_at <= acknowledged_at", "received_at <= validity_decided_at", "received_at <= confirmed_at"
    ),
    required_when=(RequiredWhen("validity_decided_at", "validity", ("VALID", "PARTLY", "INVALID")),),
    meaning="complaints and enquiries (投诉与咨询)",
)
_SURVEYS = FileSpec(
    "surveys.csv",
    (
        _required(_code("survey_no")),
        _required(_word("template", "T1 T2 T8", "T1 sales purchase, T2 service visit, T8 delivery form")),
        _code("order_no", "required for T1, T8", to="sales_orders"),
        _code("ro_no", "required for T2", to="repair_orders"),
        _word("channel", "SMS WECHAT EMAIL PHONE PAPER"),
        _time("sent_at", "empty = never invited (a form)"),
        _plain("bool", "bounced", "empty = false"),
        _time("expires_at", "may be in the future", may_be_future=True),
        _word(
            "mode",
            "SELF_ONLINE SMS WECHAT PHONE_INTERVIEW PAPER FACE_TO_FACE ASSISTED_AT_DELIVERY",
            "required with submitted_at",
        ),
        _code("interviewer_no", "who asked or helped", to="employees"),
        _time("submitted_at", "empty = no answer"),
        _word("integrity", "OK QUARANTINED VOID", "empty = OK"),
        _int("q_overall", 1, 5, "5 very satisfied … 1 very dissatisfied"),
        _word("q_care_call_72h", "YES NO", "called within 72 h?"),
        _word("q_influenced", "YES NO", "did anyone influence your answers?"),
        _int("q_recommend", 0, 10, "0–10"),
        _plain("text", "q_comment", "free text"),
    ),
    key=("survey_no",),
    orders=_orders("sent_at <= expires_at", "sent_at <= submitted_at"),
    required_when=(
        RequiredWhen("order_no", "template", ("T1", "T8")),
        RequiredWhen("ro_no", "template", ("T2",)),
        RequiredWhen("mode", "submitted_at"),
    ),
    meaning="survey invitations, answers and delivery forms (满意度调查)",
)
_CALLS = FileSpec(
    "calls.csv",
    (
        _required(_code("call_no")),
        _required(_word("kind", "DELIVERY_CALL CARE_CALL RECOVERY SERVICE_FOLLOWUP")),
        _code("order_no", "required for DELIVERY_CALL, CARE_CALL", to="sales_orders"),
        _code("ro_no", "required for SERVICE_FOLLOWUP", to="repair_orders"),
        _code("survey_no", "required for RECOVERY: the response that caused it", to="surveys"),
        _required(_code("caller_no", to="employees")),
        _required(_time("started_at")),
        _int("duration_s", 0),
        _required(_plain("bool", "connected")),
        _word("result", "OK NO_ANSWER REFUSED INVALID_NUMBER SOLVED NOT_SOLVED"),
    ),
    key=("call_no",),
    required_when=(
        RequiredWhen("order_no", "kind", ("DELIVERY_CALL", "CARE_CALL")),
        RequiredWhen("ro_no", "kind", ("SERVICE_FOLLOWUP",)),
        RequiredWhen("survey_no", "kind", ("RECOVERY",)),
    ),
    meaning="calls to customers (回访电话)",
)
_TARGETS = FileSpec(
    "targets.csv",
    (
        _required(_plain("month", "month")),
        _required(_word("metric", "SERVICE_REVENUE DELIVERIES", "SERVICE_REVENUE is net money, DELIVERIES a count")),
        _required(_dec("value")),
    ),
    key=("month", "metric"),
    meaning="monthly targets of the store (目标)",
)

GROUP_FILES: tuple[FileSpec, ...] = (GROUP, STORES)
"""Files of the group's folder, in reading order."""
STORE_FILES: tuple[FileSpec, ...] = (
    _TEAMS,
    _EMPLOYEES,
    _POSITIONS,
    _CUSTOMERS,
    _VEHICLES,
    _SALES_ORDERS,
    _REPAIR_ORDERS,
    _LABOUR_LINES,
    _PART_LINES,
    _ATTENDANCE,
    _COMPLAINTS,
    _SURVEYS,
    _CALLS,
    _TARGETS,
)
"""Files of a store's folder, in reading order (section 1)."""
FILES: dict[str, FileSpec] = {spec.name: spec for spec in (*GROUP_FILES, *STORE_FILES)}
"""Every file by name."""

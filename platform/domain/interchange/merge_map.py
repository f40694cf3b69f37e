"""Which staged cell becomes which column: the map from the export's files to a store's tables."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    Numeric,
    Text,
    and_,
    case,
    cast,
    func,
    literal_column,
    select,
)
from sqlalchemy.types import UserDefinedType

from ...tenancy.base import StoreTable
from ..care.model import Call
from ..complaints.model import Complaint
from ..customers.model import Customer, Vehicle
from ..evaluation.model import Target
from ..people.model import Employee, Position, Team
from ..sales.model import SalesOrder
from ..surveys.model import Invitation, Response
from ..workshop.model import Attendance, LabourLine, PartLine, RepairOrder


def _cell(name: str, kind: Any = Text) -> Callable[[Any], Any]:
    """The staged cell of this name as a database type; an empty cell is NULL."""

    def read(stage: Any) -> Any:
        text = stage.cells[name].astext
        return text if kind is Text else cast(text, DateTime(timezone=True) if kind is DateTime else kind())

    return read


#: The system column that says which transaction wrote a row.
_XMIN: Mapping[type[StoreTable], Any] = {
    Complaint: literal_column("complaint.xmin", Text),
    Customer: literal_column("customer.xmin", Text),
    Invitation: literal_column("invitation.xmin", Text),
}


def written_now(table: type[StoreTable]) -> Any:
    """Whether this transaction wrote the row. What hangs on an unchanged row is left as people have made it since."""
    return cast(_XMIN[table], Text) == cast(cast(func.pg_current_xact_id(), Xid), Text)


class Xid(UserDefinedType[str]):
    """PostgreSQL's transaction id as rows carry it."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "xid"


def from_hex(name: str) -> Callable[[Any], Any]:
    return lambda stage: func.decode(stage.cells[name].astext, "hex", type_=LargeBinary)


@dataclass(frozen=True)
class Ref:
    """A column that holds the id of the row which a staged natural key names."""

    cell: str
    table: type[StoreTable]
    key: str
    optional: bool = False


@dataclass(frozen=True)
class Merge:
    """How one file becomes rows of one table.

    `key` are the columns of the unique constraint; `columns` gives per column a `Ref`, or a function from the stage to
    an expression; `only` restricts the rows; `fixed` are values that are the same in every row.
    """

    file: str
    table: type[Any]
    key: tuple[str, ...]
    columns: Mapping[str, Any]
    only: Callable[[Any], Any] | None = None
    fixed: Mapping[str, Any] = field(default_factory=dict)


_EMPLOYEE = (Employee, "employee_no")
_PHONE: dict[str, Any] = {
    "phone_enc": from_hex("phone_enc"),
    "phone_hash": from_hex("phone_hash"),
    "phone_masked": _cell("phone_masked"),
    "phone_key": _cell("phone_key", Integer),
}


def _cells(*names: str, kind: Any = Text) -> dict[str, Any]:
    return {name: _cell(name, kind) for name in names}


def _survey_state(stage: Any) -> Any:
    """State of an imported invitation: history, so never one that a sender or reminder would pick up."""
    cells = stage.cells
    expired = cast(cells["expires_at"].astext, DateTime(timezone=True)) < cast(
        cells["exported_at"].astext, DateTime(timezone=True)
    )
    return case(
        (cells["submitted_at"].astext.is_not(None), "COMPLETED"),
        (cells["bounced"].astext == "true", "BOUNCED"),
        (cells["sent_at"].astext.is_(None), "CANCELLED"),
        (expired, "EXPIRED"),
        else_="SENT",
    )


MERGES: tuple[Merge, ...] = (
    Merge("teams.csv", Team, ("team_code",), _cells("team_code", "team_name", "department")),
    Merge(
        "employees.csv",
        Employee,
        ("employee_no",),
        _cells("employee_no", "name", "name_sort", "status")
        | _cells("hired_on", "confirmed_on", "left_on", kind=Date)
        | _PHONE,
    ),
    Merge(
        "positions.csv",
        Position,
        ("employee_id", "valid_from"),
        {
            "employee_id": Ref("employee_no", *_EMPLOYEE),
            "role": _cell("role"),
            "team_id": Ref("team_code", Team, "team_code"),
            "supervisor_id": Ref("supervisor_no", *_EMPLOYEE, optional=True),
            "valid_from": _cell("valid_from", Date),
            "valid_to": _cell("valid_to", Date),
        },
    ),
    Merge(
        "customers.csv",
        Customer,
        ("customer_no",),
        _cells("customer_no", "type", "name", "name_sort")
        | _cells("consent_survey", "consent_marketing", "do_not_contact", kind=Boolean),
    ),
    Merge(
        "vehicles.csv",
        Vehicle,
        ("vin",),
        _cells("vin", "plate", "brand", "model", "powertrain")
        | {
            "vin_check_ok": _cell("vin_check_ok", Boolean),
            "customer_id": Ref("customer_no", Customer, "customer_no", optional=True),
            "model_year": _cell("model_year", Integer),
        },
    ),
    Merge(
        "sales_orders.csv",
        SalesOrder,
        ("order_no",),
        _cells("order_no")
        | {
            "customer_id": Ref("customer_no", Customer, "customer_no"),
            "vehicle_id": Ref("vin", Vehicle, "vin"),
            "consultant_id": Ref("consultant_no", *_EMPLOYEE),
            "net_amount": _cell("net_amount", Numeric),
        }
        | _cells("signed_at", "invoiced_at", "delivered_at", "plated_at", "cancelled_at", kind=DateTime)
        | _cells("form_complete", "delivery_signed", kind=Boolean),
    ),
    Merge(
        "repair_orders.csv",
        RepairOrder,
        ("ro_no",),
        _cells("ro_no", "type", "qc")
        | {
            "customer_id": Ref("customer_no", Customer, "customer_no"),
            "vehicle_id": Ref("vin", Vehicle, "vin"),
            "advisor_id": Ref("advisor_no", *_EMPLOYEE),
            "rework_of_id": Ref("rework_of", RepairOrder, "ro_no", optional=True),
        }
        | _cells("booked", "customer_signed", kind=Boolean)
        | _cells(
            "arrived_at",
            "opened_at",
            "promised_at",
            "done_at",
            "qc_at",
            "invoiced_at",
            "handed_over_at",
            "cancelled_at",
            kind=DateTime,
        ),
    ),
    Merge(
        "labour_lines.csv",
        LabourLine,
        ("repair_order_id", "line_no"),
        {
            "repair_order_id": Ref("ro_no", RepairOrder, "ro_no"),
            "line_no": _cell("line_no", Integer),
            "technician_id": Ref("technician_no", *_EMPLOYEE),
            "work_date": _cell("work_date", Date),
        }
        | _cells("hours_worked", "hours_sold", "amount", "cost", kind=Numeric),
    ),
    Merge(
        "part_lines.csv",
        PartLine,
        ("repair_order_id", "line_no"),
        {
            "repair_order_id": Ref("ro_no", RepairOrder, "ro_no"),
            "line_no": _cell("line_no", Integer),
            "part_no": _cell("part_no"),
            "defective": _cell("defective", Boolean),
        }
        | _cells("needed_at", "issued_at", kind=DateTime)
        | _cells("quantity", "amount", "cost", kind=Numeric),
    ),
    Merge(
        "attendance.csv",
        Attendance,
        ("employee_id", "work_date"),
        {
            "employee_id": Ref("employee_no", *_EMPLOYEE),
            "work_date": _cell("work_date", Date),
            "hours": _cell("hours", Numeric),
        },
    ),
    Merge(
        "complaints.csv",
        Complaint,
        ("complaint_no",),
        _cells("complaint_no", "record", "area", "kind", "severity", "validity", "status", "text")
        | {
            "customer_id": Ref("customer_no", Customer, "customer_no", optional=True),
            "order_id": Ref("order_no", SalesOrder, "order_no", optional=True),
            "repair_order_id": Ref("ro_no", RepairOrder, "ro_no", optional=True),
        }
        | _cells("received_at", "acknowledged_at", "validity_decided_at", "confirmed_at", kind=DateTime),
    ),
    Merge(
        "surveys.csv",
        Invitation,
        ("survey_no",),
        _cells("survey_no", "template", "channel")
        | {
            "order_id": Ref("order_no", SalesOrder, "order_no", optional=True),
            "repair_order_id": Ref("ro_no", RepairOrder, "ro_no", optional=True),
            "state": _survey_state,
            "bounced": lambda stage: func.coalesce(cast(stage.cells["bounced"].astext, Boolean), False),
        }
        | _cells("sent_at", "expires_at", kind=DateTime),
        fixed={"origin": "IMPORT"},
    ),
    Merge(
        "surveys.csv",
        Response,
        ("invitation_id",),
        {
            "invitation_id": Ref("survey_no", Invitation, "survey_no"),
            "mode": _cell("mode"),
            "interviewer_id": Ref("interviewer_no", *_EMPLOYEE, optional=True),
            "submitted_at": _cell("submitted_at", DateTime),
            "integrity": lambda stage: func.coalesce(stage.cells["integrity"].astext, "OK"),
            "q_overall": _cell("q_overall", Integer),
            "q_care_call_72h": lambda stage: stage.cells["q_care_call_72h"].astext == "YES",
            "q_influenced": lambda stage: stage.cells["q_influenced"].astext == "YES",
            "q_recommend": _cell("q_recommend", Integer),
            "q_comment": _cell("q_comment"),
        },
        only=lambda stage: and_(
            stage.cells["submitted_at"].astext.is_not(None),
            stage.key.in_(select(Invitation.survey_no).where(written_now(Invitation))),
        ),
    ),
    Merge(
        "calls.csv",
        Call,
        ("call_no",),
        _cells("call_no", "kind", "result")
        | {
            "order_id": Ref("order_no", SalesOrder, "order_no", optional=True),
            "repair_order_id": Ref("ro_no", RepairOrder, "ro_no", optional=True),
            "invitation_id": Ref("survey_no", Invitation, "survey_no", optional=True),
            "caller_id": Ref("caller_no", *_EMPLOYEE),
            "started_at": _cell("started_at", DateTime),
            "duration_s": _cell("duration_s", BigInteger),
            "connected": _cell("connected", Boolean),
        },
    ),
    Merge(
        "targets.csv",
        Target,
        ("month", "metric"),
        _cells("month", "metric") | {"value": _cell("value", Numeric)},
    ),
)

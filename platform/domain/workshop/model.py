"""Tables of the workshop 车间: repair orders, labour, parts, attendance."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ...tenancy.base import StoreTable
from ...tenancy.columns import Amount, Imported, Recorded, to, words

REPAIR_TYPES = ("MAINTENANCE", "REPAIR", "WARRANTY", "BODY", "RECALL", "INTERNAL")


class RepairOrder(StoreTable, Recorded, Imported):
    """A repair order 维修工单. `rework_of_id` names the order whose work is repeated 返修."""

    __tablename__ = "repair_order"
    __table_args__ = (
        UniqueConstraint("ro_no"),
        words("type", *REPAIR_TYPES),
        words("qc", "PASSED", "FAILED"),
    )

    ro_no: Mapped[str]
    customer_id: Mapped[UUID] = mapped_column(to("customer"), index=True)
    vehicle_id: Mapped[UUID] = mapped_column(to("vehicle"), index=True)
    advisor_id: Mapped[UUID] = mapped_column(to("employee"), index=True)
    type: Mapped[str]
    booked: Mapped[bool | None]
    arrived_at: Mapped[datetime | None] = mapped_column(index=True)
    opened_at: Mapped[datetime]
    promised_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    qc: Mapped[str | None]
    qc_at: Mapped[datetime | None]
    customer_signed: Mapped[bool | None]
    invoiced_at: Mapped[datetime | None] = mapped_column(index=True)
    handed_over_at: Mapped[datetime | None] = mapped_column(index=True)
    cancelled_at: Mapped[datetime | None]
    rework_of_id: Mapped[UUID | None] = mapped_column(to("repair_order"), index=True)


class LabourLine(StoreTable, Recorded, Imported):
    """Labour 工时 of a repair order on one local day."""

    __tablename__ = "labour_line"
    __table_args__ = (UniqueConstraint("repair_order_id", "line_no"),)

    repair_order_id: Mapped[UUID] = mapped_column(to("repair_order"))
    line_no: Mapped[int]
    technician_id: Mapped[UUID] = mapped_column(to("employee"), index=True)
    work_date: Mapped[date] = mapped_column(index=True)
    hours_worked: Mapped[Amount]
    hours_sold: Mapped[Amount]
    amount: Mapped[Amount]
    cost: Mapped[Amount]


class PartLine(StoreTable, Recorded, Imported):
    """A part 配件 requested for a repair order; `issued_at` null: not issued yet."""

    __tablename__ = "part_line"
    __table_args__ = (UniqueConstraint("repair_order_id", "line_no"),)

    repair_order_id: Mapped[UUID] = mapped_column(to("repair_order"))
    line_no: Mapped[int]
    part_no: Mapped[str]
    quantity: Mapped[Amount]
    needed_at: Mapped[datetime] = mapped_column(index=True)
    issued_at: Mapped[datetime | None] = mapped_column(index=True)
    defective: Mapped[bool | None]
    amount: Mapped[Amount]
    cost: Mapped[Amount]


class Attendance(StoreTable, Recorded, Imported):
    """Hours attended 出勤 by one person on one local day."""

    __tablename__ = "attendance"
    __table_args__ = (UniqueConstraint("employee_id", "work_date"),)

    employee_id: Mapped[UUID] = mapped_column(to("employee"))
    work_date: Mapped[date] = mapped_column(index=True)
    hours: Mapped[Amount]

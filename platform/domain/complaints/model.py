"""Tables of complaints 投诉 and enquiries."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ...tenancy.base import StoreTable
from ...tenancy.columns import Imported, Recorded, to, words

COMPLAINT_KINDS = (
    "PRODUCT",
    "SERVICE",
    "COMMUNICATION",
    "PRICE",
    "CONTRACT",
    "PARTS",
    "DELIVERY",
    "SAFETY",
    "PRIVACY",
    "OTHER",
)


class Complaint(StoreTable, Recorded, Imported):
    """A complaint 投诉 or enquiry 咨询. Validity 有效性 is ruled by a person; only VALID costs points (requirement 88)."""

    __tablename__ = "complaint"
    __table_args__ = (
        UniqueConstraint("complaint_no"),
        words("record", "COMPLAINT", "ENQUIRY"),
        words("area", "SALES", "SERVICE"),
        words("kind", *COMPLAINT_KINDS),
        words("severity", "P1", "P2", "P3", "P4"),
        words("validity", "UNDECIDED", "VALID", "PARTLY", "INVALID"),
        words("status", "OPEN", "CLOSED", "WITHDRAWN", "DUPLICATE"),
    )

    complaint_no: Mapped[str]
    record: Mapped[str]
    area: Mapped[str]
    kind: Mapped[str]
    severity: Mapped[str | None]
    customer_id: Mapped[UUID | None] = mapped_column(to("customer"), index=True)
    order_id: Mapped[UUID | None] = mapped_column(to("sales_order"), index=True)
    repair_order_id: Mapped[UUID | None] = mapped_column(to("repair_order"), index=True)
    received_at: Mapped[datetime] = mapped_column(index=True)
    acknowledged_at: Mapped[datetime | None]
    validity: Mapped[str]
    validity_decided_at: Mapped[datetime | None] = mapped_column(index=True)
    validity_decided_by: Mapped[str | None]
    confirmed_at: Mapped[datetime | None]
    status: Mapped[str]
    text: Mapped[str | None]


class ComplaintAccused(StoreTable):
    """An employee whom a complaint names."""

    __tablename__ = "complaint_accused"
    __table_args__ = (UniqueConstraint("complaint_id", "employee_id"),)

    complaint_id: Mapped[UUID] = mapped_column(to("complaint"))
    employee_id: Mapped[UUID] = mapped_column(to("employee"), index=True)

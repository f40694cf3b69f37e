"""Tables of people: teams, employees 员工 and what they did when."""

from datetime import date
from uuid import UUID

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ...tenancy.base import StoreTable
from ...tenancy.columns import Imported, Recorded, to, words

DEPARTMENTS = ("SALES", "SERVICE", "CUSTOMER_SERVICE", "MANAGEMENT")
EMPLOYMENT = ("PROBATION", "CONFIRMED", "LEFT")
ROLES = (
    "SALES_CONSULTANT",
    "SALES_ASSISTANT",
    "SALES_SUPERVISOR",
    "SALES_MANAGER",
    "SERVICE_ADVISOR",
    "TECHNICIAN",
    "WORKSHOP_CONTROLLER",
    "PARTS_CLERK",
    "SERVICE_MANAGER",
    "CS_AGENT",
    "CS_MANAGER",
    "STORE_GM",
)


class Team(StoreTable, Recorded, Imported):
    """A team 小组 inside one department."""

    __tablename__ = "team"
    __table_args__ = (UniqueConstraint("team_code"), words("department", *DEPARTMENTS))

    team_code: Mapped[str]
    team_name: Mapped[str]
    department: Mapped[str]


class Employee(StoreTable, Recorded, Imported):
    """A member of staff 员工. The dates decide the employment status on any day; `status` is for display."""

    __tablename__ = "employee"
    __table_args__ = (UniqueConstraint("employee_no"), words("status", *EMPLOYMENT))

    employee_no: Mapped[str]
    name: Mapped[str]
    name_sort: Mapped[str]
    phone_enc: Mapped[bytes | None]
    phone_hash: Mapped[bytes | None]
    phone_masked: Mapped[str | None]
    phone_key: Mapped[int | None]
    status: Mapped[str]
    hired_on: Mapped[date]
    confirmed_on: Mapped[date | None]
    left_on: Mapped[date | None]


class Position(StoreTable, Recorded, Imported):
    """One period of a person's position history 任职: `valid_from` is the first day, `valid_to` the first day no longer."""

    __tablename__ = "position"
    __table_args__ = (
        UniqueConstraint("employee_id", "valid_from"),
        words("role", *ROLES),
        CheckConstraint("valid_to is null or valid_to > valid_from", name="period"),
    )

    employee_id: Mapped[UUID] = mapped_column(to("employee"))
    role: Mapped[str]
    team_id: Mapped[UUID] = mapped_column(to("team"), index=True)
    supervisor_id: Mapped[UUID | None] = mapped_column(to("employee"), index=True)
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]

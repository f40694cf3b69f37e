"""Tables of care 客户关怀: calls made, and follow-up tasks 回访任务 with their evidence."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ...tenancy.base import StoreTable
from ...tenancy.columns import Imported, Recorded, to, words

CALL_KINDS = ("DELIVERY_CALL", "CARE_CALL", "RECOVERY", "SERVICE_FOLLOWUP")
CALL_RESULTS = ("OK", "NO_ANSWER", "REFUSED", "INVALID_NUMBER", "SOLVED", "NOT_SOLVED")
TASK_KINDS = ("DELIVERY_CALL", "CARE_CALL_72H", "RECOVERY", "HOME_VISIT", "SERVICE_FOLLOWUP")
TASK_STATES = ("PLANNED", "OPEN", "OVERDUE", "DONE_ON_TIME", "DONE_LATE", "UNREACHABLE", "CANCELLED")


class Call(StoreTable, Recorded, Imported):
    """A call 回访电话 that somebody made to a customer."""

    __tablename__ = "call"
    __table_args__ = (UniqueConstraint("call_no"), words("kind", *CALL_KINDS), words("result", *CALL_RESULTS))

    call_no: Mapped[str]
    kind: Mapped[str]
    order_id: Mapped[UUID | None] = mapped_column(to("sales_order"), index=True)
    repair_order_id: Mapped[UUID | None] = mapped_column(to("repair_order"), index=True)
    invitation_id: Mapped[UUID | None] = mapped_column(to("invitation"), index=True)
    caller_id: Mapped[UUID] = mapped_column(to("employee"), index=True)
    started_at: Mapped[datetime] = mapped_column(index=True)
    duration_s: Mapped[int | None] = mapped_column(BigInteger)
    connected: Mapped[bool]
    result: Mapped[str | None]


class FollowUpTask(StoreTable, Recorded):
    """Something to do for a customer by a time, closed with evidence (requirements 11-20)."""

    __tablename__ = "follow_up_task"
    __table_args__ = (
        words("kind", *TASK_KINDS),
        words("state", *TASK_STATES),
        UniqueConstraint("kind", "cause_id", "assignee_role", postgresql_nulls_not_distinct=True),
        Index("ix_follow_up_task_due", "state", "due_at"),
    )

    kind: Mapped[str]
    #: the row that caused it: an order, a repair order or a response
    cause_id: Mapped[UUID]
    order_id: Mapped[UUID | None] = mapped_column(to("sales_order"), index=True)
    repair_order_id: Mapped[UUID | None] = mapped_column(to("repair_order"), index=True)
    invitation_id: Mapped[UUID | None] = mapped_column(to("invitation"), index=True)
    customer_id: Mapped[UUID | None] = mapped_column(to("customer"), index=True)
    assignee_id: Mapped[UUID | None] = mapped_column(to("employee"), index=True)
    assignee_role: Mapped[str | None]
    not_before: Mapped[datetime]
    due_at: Mapped[datetime]
    state: Mapped[str]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    evidence_call_id: Mapped[UUID | None] = mapped_column(to("call"))
    outcome: Mapped[str | None]
    closed_at: Mapped[datetime | None]

"""Tables of surveys 满意度调查: templates of the group (control schema), invitations and responses of a store."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ...tenancy.base import ControlTable, Id, StoreTable
from ...tenancy.columns import Imported, Recorded, to, words
from ...tenancy.security import REGISTRY, Grants

CHANNELS = ("SMS", "WECHAT", "EMAIL", "PHONE", "PAPER")
MODES = ("SELF_ONLINE", "SMS", "WECHAT", "PHONE_INTERVIEW", "PAPER", "FACE_TO_FACE", "ASSISTED_AT_DELIVERY")
INVITATION_STATES = (
    "SCHEDULED",
    "SUPPRESSED",
    "SENT",
    "OPENED",
    "STARTED",
    "COMPLETED",
    "EXPIRED",
    "BOUNCED",
    "OPTED_OUT",
    "CANCELLED",
)


class SurveyTemplate(ControlTable):
    """One version of a questionnaire of a group. Immutable once PUBLISHED (domain section 3.7, requirement 240)."""

    __tablename__ = "survey_template"
    __table_args__ = (
        UniqueConstraint("group_id", "code", "number"),
        words("state", "DRAFT", "IN_REVIEW", "PUBLISHED", "RETIRED"),
    )

    id: Mapped[Id]
    group_id: Mapped[UUID] = mapped_column(ForeignKey("control.dealer_group.id"))
    code: Mapped[str]
    number: Mapped[int]
    state: Mapped[str]
    #: number of its last change
    version: Mapped[int] = mapped_column(server_default=text("1"))
    purpose: Mapped[str]
    body: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    created_by: Mapped[str]
    approved_by: Mapped[str | None]
    published_at: Mapped[datetime | None]


class Invitation(StoreTable, Recorded, Imported):
    """An invitation to a survey, or a form filled in at delivery (`template` T8, never scored).

    `template_id` names the version asked (null for imported history). The token itself is never stored: `token_hash` is.
    """

    __tablename__ = "invitation"
    __table_args__ = (
        UniqueConstraint("survey_no"),
        Index("uq_invitation_token_hash", "token_hash", unique=True, postgresql_where=text("token_hash is not null")),
        # one live invitation per transaction and template, ever; imported history may hold several
        Index(
            "uq_invitation_order",
            "template",
            "order_id",
            unique=True,
            postgresql_where=text("origin = 'LIVE' and order_id is not null"),
        ),
        Index(
            "uq_invitation_ro",
            "template",
            "repair_order_id",
            unique=True,
            postgresql_where=text("origin = 'LIVE' and repair_order_id is not null"),
        ),
        Index(
            "uq_invitation_complaint",
            "template",
            "complaint_id",
            unique=True,
            postgresql_where=text("origin = 'LIVE' and complaint_id is not null"),
        ),
        Index("ix_invitation_due", "state", "planned_for"),
        words("state", *INVITATION_STATES),
        words("channel", *CHANNELS),
        words("origin", "IMPORT", "LIVE"),
        CheckConstraint("state <> 'SUPPRESSED' or suppressed_reason is not null", name="suppressed"),
    )

    survey_no: Mapped[str]
    template: Mapped[str]
    template_id: Mapped[UUID | None]
    order_id: Mapped[UUID | None] = mapped_column(to("sales_order"), index=True)
    repair_order_id: Mapped[UUID | None] = mapped_column(to("repair_order"), index=True)
    complaint_id: Mapped[UUID | None] = mapped_column(to("complaint"), index=True)
    customer_id: Mapped[UUID | None] = mapped_column(to("customer"), index=True)
    origin: Mapped[str]
    state: Mapped[str]
    channel: Mapped[str | None]
    contact_hash: Mapped[bytes | None] = mapped_column(index=True)
    planned_for: Mapped[datetime | None]
    sent_at: Mapped[datetime | None] = mapped_column(index=True)
    bounced: Mapped[bool] = mapped_column(server_default=text("false"))
    expires_at: Mapped[datetime | None]
    opened_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    reminders: Mapped[int] = mapped_column(server_default=text("0"))
    reminded_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    suppressed_reason: Mapped[str | None]
    token_hash: Mapped[bytes | None]


class Response(StoreTable, Recorded):
    """The answer to one invitation. Headline answers are columns; all answers stand in `answer`."""

    __tablename__ = "response"
    __table_args__ = (
        UniqueConstraint("invitation_id"),
        words("mode", *MODES),
        words("integrity", "OK", "QUARANTINED", "VOID"),
        CheckConstraint("q_overall between 1 and 5", name="q_overall"),
        CheckConstraint("q_recommend between 0 and 10", name="q_recommend"),
    )

    invitation_id: Mapped[UUID] = mapped_column(to("invitation"))
    mode: Mapped[str]
    interviewer_id: Mapped[UUID | None] = mapped_column(to("employee"), index=True)
    submitted_at: Mapped[datetime] = mapped_column(index=True)
    integrity: Mapped[str] = mapped_column(server_default="OK")
    #: who quarantined it (an actor's key) and why; somebody else rules
    integrity_by: Mapped[str | None]
    integrity_reason: Mapped[str | None]
    q_overall: Mapped[int | None]
    q_care_call_72h: Mapped[bool | None]
    q_influenced: Mapped[bool | None]
    q_recommend: Mapped[int | None]
    q_comment: Mapped[str | None]
    language: Mapped[str | None]


class Answer(StoreTable):
    """One answer to one question of a live response."""

    __tablename__ = "answer"
    __table_args__ = (UniqueConstraint("response_id", "question"),)

    response_id: Mapped[UUID] = mapped_column(to("response"))
    question: Mapped[str]
    value: Mapped[dict[str, Any]]


class Draft(StoreTable):
    """Answers of a form that could not be submitted yet (something required is missing); they fill the form again.

    After a day without a further try, a draft with the overall answer becomes the response (domain section 3.7).
    """

    __tablename__ = "response_draft"
    __table_args__ = (UniqueConstraint("invitation_id"),)

    invitation_id: Mapped[UUID] = mapped_column(to("invitation"))
    answers: Mapped[dict[str, Any]]
    language: Mapped[str]
    saved_at: Mapped[datetime] = mapped_column(index=True)


REGISTRY.declare(Grants("survey_template", tenant=("select",), group=("select", "insert", "update")))

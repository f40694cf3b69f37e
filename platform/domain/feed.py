"""Tables every unit of work writes: the change feed, the audit, the inbox of finished jobs."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from ..tenancy.base import ControlTable, Id, StoreTable
from ..tenancy.security import REGISTRY, Grants


class Xid8(UserDefinedType[str]):
    """PostgreSQL's 64-bit transaction id. Readers take rows below `pg_snapshot_xmin`, so the feed has no gaps."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "xid8"


class ChangeEvent(StoreTable):
    """One change of one row, in the order (xid, id): ids only, no data of the row."""

    __tablename__ = "change_event"
    __table_args__ = (Index("ix_change_event_feed", "xid", "id"), Index("ix_change_event_entity", "entity_id"))

    xid: Mapped[str] = mapped_column(Xid8(), server_default=text("pg_current_xact_id()"))
    at: Mapped[datetime]
    event: Mapped[str]
    entity: Mapped[str]
    entity_id: Mapped[UUID]
    actor: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))


class AuditEvent(StoreTable):
    """Who did what to which row, when and why; values before and after are masked. Append-only."""

    __tablename__ = "audit_event"
    __table_args__ = (Index("ix_audit_event_entity", "entity", "entity_id"), Index("ix_audit_event_at", "at"))

    at: Mapped[datetime]
    actor: Mapped[str]
    actor_name: Mapped[str]
    action: Mapped[str]
    entity: Mapped[str]
    entity_id: Mapped[UUID | None]
    reason: Mapped[str | None]
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    request_id: Mapped[str | None]


class Inbox(StoreTable):
    """A job that had its effect: written in the same transaction, so that a second delivery does nothing. `id` = message id."""

    __tablename__ = "inbox"

    actor: Mapped[str] = mapped_column(Text())
    at: Mapped[datetime]


class GroupAuditEvent(ControlTable):
    """The audit of group work (schemes, users, closes)."""

    __tablename__ = "audit_event"
    __table_args__ = (Index("ix_group_audit_event_at", "group_id", "at"),)

    id: Mapped[Id]
    group_id: Mapped[UUID]
    at: Mapped[datetime]
    actor: Mapped[str]
    actor_name: Mapped[str]
    action: Mapped[str]
    entity: Mapped[str]
    entity_id: Mapped[UUID | None]
    reason: Mapped[str | None]
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    request_id: Mapped[str | None]


class GroupInbox(ControlTable):
    """The inbox of group work."""

    __tablename__ = "inbox"

    id: Mapped[Id]
    group_id: Mapped[UUID]
    actor: Mapped[str]
    at: Mapped[datetime]


REGISTRY.declare(
    Grants("audit_event", group=("select", "insert")),
    Grants("inbox", group=("select", "insert")),
)

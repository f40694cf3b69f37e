"""Tables every unit of work writes: the change feed, the audit, the inbox of finished jobs."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from ..tenancy.base import RIGHTS, ControlTable, Id, StoreTable
from ..tenancy.security import REGISTRY, Grants

APPEND_ONLY = ("select", "insert")


class Xid8(UserDefinedType[str]):
    """PostgreSQL's 64-bit transaction id. Readers take rows below `pg_snapshot_xmin`, so the feed has no gaps."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "xid8"


class ChangeEvent(StoreTable):
    """One change of one row, in the order (xid, id): ids only, no data of the row."""

    __tablename__ = "change_event"
    __table_args__ = (
        Index("ix_change_event_feed", "xid", "id"),
        Index("ix_change_event_entity", "entity_id"),
        # What is older than is kept is cut off (`changes.trim_feed`); nothing is ever changed.
        {"info": {RIGHTS: (*APPEND_ONLY, "delete")}},
    )

    xid: Mapped[str] = mapped_column(Xid8(), server_default=text("pg_current_xact_id()"))
    at: Mapped[datetime]
    event: Mapped[str]
    entity: Mapped[str]
    entity_id: Mapped[UUID]
    actor: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))


class FeedState(StoreTable):
    """Where the store's feed begins: behind the last event that was cut off. No row: nothing ever was.

    `epoch` is another one after the store's rows were replaced by an older copy: cursors from before lead nowhere.
    """

    __tablename__ = "feed_state"
    __table_args__ = ({"info": {RIGHTS: ("select", "insert", "update")}},)

    epoch: Mapped[UUID]
    xid: Mapped[str] = mapped_column(Xid8(), server_default=text("'0'"))
    event_id: Mapped[UUID]


class AuditEvent(StoreTable):
    """Who did what to which row, when and why; values before and after are masked.

    Append-only by the rights of the store's role, and chained: `seq` has no gaps and is the order of the commits,
    `hash` signs the row and `prev_hash`, the hash of the row before (`audit_chain`). `chain` is the id of the store that
    wrote the row: another one's in a store that was restored from an export.
    """

    __tablename__ = "audit_event"
    __table_args__ = (
        Index("ix_audit_event_entity", "entity", "entity_id"),
        Index("ix_audit_event_at", "at"),
        Index("ix_audit_event_seq", "seq", unique=True),
        {"info": {RIGHTS: APPEND_ONLY}},
    )

    chain: Mapped[UUID]
    seq: Mapped[int] = mapped_column(BigInteger())
    format: Mapped[int]
    key_version: Mapped[int]
    prev_hash: Mapped[bytes]
    hash: Mapped[bytes]
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
    #: the web session it came with: `WebSession` says from where
    session_id: Mapped[UUID | None]


class AuditHead(StoreTable):
    """The end of the store's chain: one row, locked by each writer as the last thing before its commit."""

    __tablename__ = "audit_head"
    __table_args__ = ({"info": {RIGHTS: ("select", "insert", "update (seq, hash)")}},)

    seq: Mapped[int] = mapped_column(BigInteger())
    hash: Mapped[bytes]


class Inbox(StoreTable):
    """A job that had its effect: written in the same transaction, so that a second delivery does nothing. `id` = message id."""

    __tablename__ = "inbox"

    actor: Mapped[str] = mapped_column(Text())
    at: Mapped[datetime]


class GroupAuditEvent(ControlTable):
    """The audit of group work (schemes, users, closes); a chain per group, as `AuditEvent` is one per store."""

    __tablename__ = "audit_event"
    __table_args__ = (
        Index("ix_group_audit_event_at", "group_id", "at"),
        Index("ix_group_audit_event_seq", "group_id", "seq", unique=True),
        Index("ix_group_audit_event_entity", "group_id", "entity_id"),
    )

    id: Mapped[Id]
    group_id: Mapped[UUID]
    seq: Mapped[int] = mapped_column(BigInteger())
    format: Mapped[int]
    key_version: Mapped[int]
    prev_hash: Mapped[bytes]
    hash: Mapped[bytes]
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
    session_id: Mapped[UUID | None]


class GroupAuditHead(ControlTable):
    """The end of a group's chain."""

    __tablename__ = "audit_head"

    group_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger())
    hash: Mapped[bytes]


class AuditAnchor(ControlTable):
    """The head of a chain (`store_id` null: the group's own) at a moment, out of reach of the store. Insert-only.

    The anchors of one `run_id` are vouched for by one event of the group's chain, so that none can vanish unseen.
    """

    __tablename__ = "audit_anchor"
    __table_args__ = (
        Index("ix_audit_anchor_chain", "group_id", "store_id", "seq"),
        Index("ix_audit_anchor_run", "run_id"),
    )

    id: Mapped[Id]
    group_id: Mapped[UUID]
    store_id: Mapped[UUID | None]
    run_id: Mapped[UUID]
    seq: Mapped[int] = mapped_column(BigInteger())
    hash: Mapped[bytes]
    at: Mapped[datetime]


class AuditVerification(ControlTable):
    """What a check of a chain found (`store_id` null: the group's own). Insert-only."""

    __tablename__ = "audit_verification"
    __table_args__ = (Index("ix_audit_verification_chain", "group_id", "store_id", "at"),)

    id: Mapped[Id]
    group_id: Mapped[UUID]
    store_id: Mapped[UUID | None]
    at: Mapped[datetime]
    rows: Mapped[int] = mapped_column(BigInteger())
    last_seq: Mapped[int] = mapped_column(BigInteger())
    first_bad: Mapped[int | None] = mapped_column(BigInteger())
    fault_count: Mapped[int]
    faults: Mapped[list[Any]]


class GroupInbox(ControlTable):
    """The inbox of group work."""

    __tablename__ = "inbox"

    id: Mapped[Id]
    group_id: Mapped[UUID]
    actor: Mapped[str]
    at: Mapped[datetime]


REGISTRY.declare(
    Grants("audit_event", group=APPEND_ONLY),
    Grants("audit_head", group=("select", "insert", "update (seq, hash)")),
    Grants("audit_anchor", group=APPEND_ONLY),
    Grants("audit_verification", group=APPEND_ONLY),
    Grants("inbox", group=("select", "insert")),
)

"""Tables of imports: a batch is one store's export folder; its bytes, staged rows and findings."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ...tenancy.base import ControlTable, Id, StoreTable
from ...tenancy.columns import Recorded, to, words
from ...tenancy.security import REGISTRY, Grants


class GroupImport(ControlTable):
    """One import of a group's folder: what group.csv and stores.csv said, and which stores came along."""

    __tablename__ = "group_import"

    id: Mapped[Id]
    group_id: Mapped[UUID] = mapped_column(ForeignKey("control.dealer_group.id"), index=True)
    exported_at: Mapped[datetime]
    covers_from: Mapped[str]
    covers_to: Mapped[str]
    #: findings of stores.csv: file, line, column, code
    group_errors: Mapped[list[Any]]
    #: store code → NO_EXPORT, or the batch's id
    stores: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    created_by: Mapped[str]


class ImportBatch(StoreTable, Recorded):
    """One store's folder 导入批次, read completely before anything is written and merged in one transaction."""

    __tablename__ = "import_batch"
    __table_args__ = (
        words("state", "RECEIVED", "CHECKED", "MERGED", "REFUSED", "FAILED"),
        words("on_row_error", "SKIP", "ABORT"),
    )

    state: Mapped[str]
    exported_at: Mapped[datetime]
    on_row_error: Mapped[str]
    live_since: Mapped[date | None]
    refusal: Mapped[dict[str, Any] | None]
    #: per file: accepted, refused, created, updated, unchanged
    counts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    finished_at: Mapped[datetime | None]


class ImportChunk(StoreTable):
    """A piece of an uploaded file, dropped after the merge."""

    __tablename__ = "import_chunk"
    __table_args__ = (UniqueConstraint("batch_id", "file", "number"),)

    batch_id: Mapped[UUID] = mapped_column(to("import_batch"))
    file: Mapped[str]
    number: Mapped[int]
    content: Mapped[bytes]


class ImportRow(StoreTable):
    """An accepted row waiting for the merge, dropped after it. `key` is the natural key joined by U+001F."""

    __tablename__ = "import_row"
    __table_args__ = (
        # the key first: look-ups are by many keys at once (see `staging.Staging._staged`)
        UniqueConstraint("key", "file", "batch_id"),
        Index("ix_import_row_line", "batch_id", "file", "line"),
    )

    batch_id: Mapped[UUID] = mapped_column(to("import_batch"))
    file: Mapped[str]
    line: Mapped[int]
    key: Mapped[str]
    cells: Mapped[dict[str, Any]]


class ImportFinding(StoreTable):
    """An error or warning of a batch: file, physical line, column, code; messages in both languages."""

    __tablename__ = "import_finding"
    __table_args__ = (UniqueConstraint("batch_id", "number"), words("severity", "ERROR", "WARNING"))

    batch_id: Mapped[UUID] = mapped_column(to("import_batch"))
    number: Mapped[int]
    severity: Mapped[str]
    file: Mapped[str]
    line: Mapped[int]
    column: Mapped[str]
    code: Mapped[str]
    message_zh: Mapped[str]
    message_en: Mapped[str]


REGISTRY.declare(Grants("group_import", group=("select", "insert")))

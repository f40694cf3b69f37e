"""Columns and checks that many tables share."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from sqlalchemy import CheckConstraint, ForeignKey, Numeric, text
from sqlalchemy.orm import Mapped, mapped_column

from .control import one_of
from .names import TENANT_PLACEHOLDER

#: Money and hours: exact, two to four decimals are kept as the source wrote them.
Amount = Annotated[Decimal, mapped_column(Numeric())]


def words(column: str, *allowed: str) -> CheckConstraint:
    """CHECK that allows only these words; NULL passes where the column is nullable."""
    return CheckConstraint(one_of(column, *allowed), name=column)


def month_check(column: str = "month") -> CheckConstraint:
    """CHECK of the form YYYY-MM."""
    return CheckConstraint(f"{column} ~ '^[0-9]{{4}}-(0[1-9]|1[0-2])$'", name=column)


def to(table: str) -> ForeignKey:
    """Foreign key to the id of another table of the same store."""
    return ForeignKey(f"{TENANT_PLACEHOLDER}.{table}.id")


class Recorded:
    """Who made and changed the row, when, and its version for the optimistic lock."""

    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    created_by: Mapped[str] = mapped_column(server_default="system")
    updated_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    updated_by: Mapped[str] = mapped_column(server_default="system")


class Imported:
    """A row that an export may bring. `source_hash` is a keyed hash of the export's cells: equal means unchanged."""

    source_hash: Mapped[bytes | None]


__all__ = ["Amount", "Imported", "Recorded", "month_check", "to", "words"]

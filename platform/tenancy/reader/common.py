"""Fields that many entities share."""

from typing import Any

from ..columns import Recorded
from .entity import Field, value


def recorded(table: type[Recorded] | Any) -> tuple[Field, ...]:
    """When the row was made and changed, and its version for the optimistic lock."""
    return (
        value("version", table.version, "Number of the row's last change; give it back as expectedVersion."),
        value("createdAt", table.created_at, "When the row was made."),
        value("updatedAt", table.updated_at, "When the row was last changed."),
    )

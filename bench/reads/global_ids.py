"""Global ids for the ways that make them without the product: the one place to change when their form changes."""

from uuid import UUID

from forecourt.graphql import ids


def global_id(type_: str, store: UUID, row: UUID) -> str:
    """The id that the API gives this row."""
    return str(ids.GlobalId(type_, store, row))


def parsed(text: str) -> tuple[UUID, UUID]:
    """Store and row of a global id.

    Raises:
        ValueError: it is none.
    """
    found = ids.parse(text)
    if found is None:
        raise ValueError(text)
    return found.store, found.row


def global_id_sql(type_: str, store: UUID, column: str) -> str:
    """The same as an SQL expression over a row's id."""
    return f"'{ids.prefix(type_, store)}' || {column}::text"

"""Many rows into one table of a store, by COPY on the connection of the caller's transaction."""

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy.ext.asyncio import AsyncSession

from .base import StoreTable
from .names import checked

#: How long one statement, and one pause between two, may take in a transaction over the whole history of a store.
LONG = "1h"


async def allow_long_statements(session: AsyncSession) -> None:
    """Lift the limits that keep ordinary statements short, for the rest of this transaction only."""
    driver = await _driver(session)
    for limit in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
        await driver.execute(sql.SQL("set local {} = {}").format(sql.Identifier(limit), sql.Literal(LONG)))


async def copy_rows(
    session: AsyncSession, schema: str, table: type[StoreTable], names: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Add `rows` (values in the order of `names`, JSON wrapped in `Jsonb`); 1,000,000 small ones take seconds.

    Args:
        schema: the store's schema, derived from its id (COPY is not translated as other statements are).
    """
    driver = await _driver(session)
    statement = sql.SQL("copy {} ({}) from stdin").format(
        sql.Identifier(checked(schema), table.__tablename__), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    async with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            await copy.write_row(row)


async def _driver(session: AsyncSession) -> psycopg.AsyncConnection[Any]:
    connection = await session.connection()
    driver = (await connection.get_raw_connection()).driver_connection
    assert isinstance(driver, psycopg.AsyncConnection)  # noqa: S101  (the only driver there is)
    return driver

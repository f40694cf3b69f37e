"""Many rows into one table of a store, by COPY on the connection of the caller's transaction."""

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy.ext.asyncio import AsyncSession

from .base import StoreTable
from .names import checked


async def copy_rows(
    session: AsyncSession, schema: str, table: type[StoreTable], names: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Add `rows` (values in the order of `names`, JSON wrapped in `Jsonb`); 1,000,000 small ones take seconds.

    Args:
        schema: the store's schema, derived from its id (COPY is not translated as other statements are).
    """
    connection = await session.connection()
    driver = (await connection.get_raw_connection()).driver_connection
    assert isinstance(driver, psycopg.AsyncConnection)  # noqa: S101  (the only driver there is)
    statement = sql.SQL("copy {} ({}) from stdin").format(
        sql.Identifier(checked(schema), table.__tablename__), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    async with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            await copy.write_row(row)

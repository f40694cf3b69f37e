"""The one place that sends SQL text without parameters.

Without parameters psycopg uses the simple protocol, which runs as many statements as the text holds; that is what a
rendered script needs and what an injection wants. So only scripts made by this package from checked names come here
(`bootstrap`, `provision`, `migrate`, `transfer`, and the compiled statements of `lanes` and `session`), never anything a caller typed.
A test finds raw text executed elsewhere.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import AsyncConnection, AsyncCursor, Connection


def run_script(connection: Connection[Any], text: str) -> None:
    """Run a script of our own making in one round trip; it runs in the caller's transaction when there is one."""
    connection.execute(text.encode())


def query(connection: Connection[Any], text: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Rows of one statement of our own making, with parameters (and so by the extended protocol)."""
    return connection.execute(text.encode(), parameters).fetchall()


async def send(connection: AsyncConnection[Any], text: str, values: Sequence[Any]) -> AsyncCursor[Any]:
    """One statement of our own making within a pipeline, which knows the extended protocol only; the rows come after its end."""
    return await connection.cursor().execute(text.encode(), values)


async def send_on(cursor: AsyncCursor[Any], text: str, values: Sequence[Any]) -> None:
    """The same on a cursor that the caller made."""
    await cursor.execute(text.encode(), values)

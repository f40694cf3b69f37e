"""The one place that sends SQL text made at run time.

Without parameters psycopg uses the simple protocol, which runs as many statements as the text holds; that is what a
rendered script needs and what an injection wants. So only scripts made by this package from checked names come here
(`bootstrap`, `provision`, `migrate`, `transfer`, and the compiled statements of `lane` and `session`), never anything a caller typed.
A test finds raw text executed elsewhere.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import Connection
from psycopg.pq import Format
from psycopg.pq.abc import PGconn


def run_script(connection: Connection[Any], text: str) -> None:
    """Run a script of our own making in one round trip; it runs in the caller's transaction when there is one."""
    connection.execute(text.encode())


def query(connection: Connection[Any], text: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Rows of one statement of our own making, with parameters (and so by the extended protocol)."""
    return connection.execute(text.encode(), parameters).fetchall()


def prepare(pg: PGconn, name: bytes, text: str) -> None:
    """Prepare one statement of our own making; the types of its parameters follow from it. Prepared, a text is one statement."""
    pg.send_prepare(name, text.encode())


def send_text(pg: PGconn, text: str, values: Sequence[Any]) -> None:
    """One statement of our own making with its values, by the extended protocol; its rows come back in binary."""
    pg.send_query_params(text.encode(), values, result_format=Format.BINARY)

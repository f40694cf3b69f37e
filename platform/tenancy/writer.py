"""A connection of SQLAlchemy's pool that sends several statements in one message.

psycopg's own pipeline flushes every statement and waits through several layers; here a message is put together in libpq's
buffer and sent once, and one callback of the event loop reads its answers, as for reads (`lane`). Between two messages
SQLAlchemy may use the connection, in the same transaction.

Values go out as text, whose type PostgreSQL takes from the statement; rows come back in binary. Nothing is prepared: each
store has texts of its own, and a connection serves every store of its group.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult

from .lane import Statement, dumped, rendered
from .raw import send_text

#: Seconds that a statement may take to end after it was cancelled; then the connection is closed.
_PATIENCE = 5.0


class Writer:
    """A connection for one transaction's messages. Nobody else may use its socket while a message is answered."""

    __slots__ = ("_answer", "_driver", "_ended", "_pg", "_results", "_writing")

    def __init__(self, driver: "psycopg.AsyncConnection[Any]") -> None:
        self._driver = driver
        self._pg: PGconn = driver.pgconn
        self._answer: asyncio.Future[None] | None = None
        self._results: list[PGresult] = []
        #: the answer is here, whether anybody waits for it or not
        self._ended = True
        self._writing = False

    @property
    def status(self) -> int:
        """Where its transaction stands (psycopg's `TransactionStatus`)."""
        return self._pg.transaction_status

    async def send(self, role: str, statements: Sequence[Statement]) -> list[PGresult]:
        """The result of each statement, all sent in one message; of one that failed too, and of those it kept from running.

        Whoever gives up waiting has the statement cancelled, and the connection closed if that does not help.

        Raises:
            psycopg.OperationalError: the connection is lost.
            psycopg.DataError: a value that no parameter can hold; nothing was sent.
        """
        calls = [(rendered(one.text, role), dumped(one.values) if one.values else ()) for one in statements]
        async with self._driver.lock:
            self._pg.enter_pipeline_mode()
            try:
                for text, values in calls:
                    send_text(self._pg, text, values)
                self._pg.pipeline_sync()
                await self._answered()
            finally:
                try:
                    self._pg.exit_pipeline_mode()
                except psycopg.OperationalError:  # given up before all was read: of no use to anybody
                    self._pg.finish()
        return self._results

    async def _answered(self) -> None:
        loop, descriptor = asyncio.get_running_loop(), self._pg.socket
        self._answer, self._results, self._ended = loop.create_future(), [], False
        loop.add_reader(descriptor, self._readable)
        try:
            if self._pg.flush():
                self._writing = True
                loop.add_writer(descriptor, self._writable)
            try:
                await self._answer
            except asyncio.CancelledError:
                await self._cancel()
                raise
        finally:
            self._stop(descriptor)

    async def _cancel(self) -> None:
        if self._ended:  # it came while the task was on its way to here
            return
        self._answer = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._driver.cancel_safe(timeout=_PATIENCE)
                await self._answer
        except (TimeoutError, psycopg.Error):
            self._lose()
        except BaseException:
            self._lose()
            raise

    def _lose(self) -> None:
        self._stop(self._pg.socket)
        self._pg.finish()

    def _readable(self) -> None:
        pg = self._pg
        try:
            pg.consume_input()
            while not pg.is_busy():
                result = pg.get_result()
                if result is None:  # the end of one statement's results
                    continue
                if result.status == ExecStatus.PIPELINE_SYNC:
                    self._end(None)
                    return
                self._results.append(result)
        except psycopg.Error as error:
            failed = next((one for one in self._results if one.status == ExecStatus.FATAL_ERROR), None)
            self._end(error if failed is None else psycopg.errors.error_from_result(failed))

    def _writable(self) -> None:
        try:
            if not self._pg.flush():
                self._stop_writing(self._pg.socket)
        except psycopg.Error as error:
            self._end(error)

    def _end(self, error: psycopg.Error | None) -> None:
        self._ended = True
        if self._answer is None or self._answer.done():
            return
        if error is None:
            self._answer.set_result(None)
        else:
            self._answer.set_exception(error)

    def _stop(self, descriptor: int) -> None:
        asyncio.get_running_loop().remove_reader(descriptor)
        self._stop_writing(descriptor)

    def _stop_writing(self, descriptor: int) -> None:
        if self._writing:
            self._writing = False
            asyncio.get_running_loop().remove_writer(descriptor)

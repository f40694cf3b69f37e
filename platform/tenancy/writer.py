"""A connection of units of work: some statements go out in one message, and stay prepared for the store's next unit.

It is one of SQLAlchemy's pool, so between two messages SQLAlchemy may use it too, in the same transaction. A message is put
together in libpq's buffer and sent once, and one callback of the event loop reads its answers, as for reads (`lane`).

A unit prefers a connection that knows its store: there its statements are prepared, and the server has the store's tables
at hand. Values go out as text, whose type PostgreSQL takes from the statement; rows come back in binary.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from typing import Any, cast

import psycopg
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGconn, PGresult
from sqlalchemy import AsyncAdaptedQueuePool
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.util.queue import AsyncAdaptedQueue

from .lane import SENT_WELL, Statement, dumped, rendered
from .raw import prepare, send_text

#: Statements that one connection keeps prepared; those of the store that was not served for longest go first. They are
#: small, most add or find one row, so a connection stays below some 20 MB.
PREPARED = 800
#: Seconds that a statement may take to end after it was cancelled; then the connection is closed.
_PATIENCE = 5.0

_KEY = "writer"
#: The store whose unit takes a connection now.
_wanted: ContextVar[str] = ContextVar("wanted", default="")


class Writer:
    """One connection and what is prepared on it. Belongs to whoever took it from the pool."""

    __slots__ = (
        "_answer",
        "_close",
        "_count",
        "_kept",
        "_named",
        "_new",
        "_pg",
        "_results",
        "_writing",
        "driver",
        "prepares",
    )

    def __init__(self, driver: "psycopg.AsyncConnection[Any]", *, prepares: bool) -> None:
        self.driver = driver
        self.prepares = prepares
        self._pg: PGconn = driver.pgconn
        #: store → text → name of the prepared statement; the store served last at the end
        self._named: OrderedDict[str, OrderedDict[str, bytes]] = OrderedDict()
        self._kept = 0
        self._count = 0
        #: names to let go with the next message
        self._close: list[bytes] = []
        #: what this message prepares
        self._new: list[tuple[str, str]] = []
        self._answer: asyncio.Future[None] | None = None
        self._results: list[PGresult] = []
        self._writing = False

    @classmethod
    def of(cls, held: PoolProxiedConnection, *, prepares: bool) -> "Writer":
        """The one of a pool's connection, made when it is first taken. `prepares`: its statements may stay prepared."""
        found = held.info.get(_KEY)
        if found is None:
            found = held.info[_KEY] = cls(
                cast("psycopg.AsyncConnection[Any]", held.driver_connection), prepares=prepares
            )
        return cast(Writer, found)

    def knows(self, role: str) -> bool:
        """Are statements of this store prepared here?"""
        return role in self._named

    async def send(self, role: str, statements: Sequence[Statement]) -> list[PGresult]:
        """The result of each statement, all sent in one message; of errors too, and of what did not run after one.

        Raises:
            psycopg.OperationalError: the connection is lost.
            psycopg.DataError: a value that no parameter can hold; nothing was sent.
        """
        calls = [(one.text, dumped(one.values)) for one in statements]
        async with self.driver.lock:
            self._pg.enter_pipeline_mode()
            try:
                results = await self._exchanged(role, calls)
            finally:
                try:
                    self._pg.exit_pipeline_mode()
                except psycopg.OperationalError:  # given up before all was read: of no use to anybody
                    self._pg.finish()
        if any(one.status not in SENT_WELL for one in results):
            self._forget_new()
        return results

    # -- sending

    async def _exchanged(self, role: str, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[PGresult]:
        wanted = [False] * len(self._close)
        for name in self._close:
            self._pg.send_close_prepared(name)
        self._close, self._new, self._results = [], [], []
        for text, values in calls:
            self._call(role, text, values, wanted)
        self._pg.pipeline_sync()
        await self._answered()
        results, self._results = self._results, []
        return [one for one, asked in zip(results, wanted, strict=True) if asked]

    def _call(self, role: str, text: str, values: Sequence[Any], wanted: list[bool]) -> None:
        if not self.prepares:
            send_text(self._pg, rendered(text, role), values)
        else:
            known = self._named.get(role)
            name = None if known is None else known.get(text)
            if known is None or name is None:
                name = self._prepare(role, text)
                wanted.append(False)
            else:
                known.move_to_end(text)
                self._named.move_to_end(role)
            self._pg.send_query_prepared(name, values, None, Format.BINARY)
        wanted.append(True)

    def _prepare(self, role: str, text: str) -> bytes:
        self._count += 1
        name = b"w%d" % self._count
        prepare(self._pg, name, rendered(text, role))
        self._new.append((role, text))
        self._named.setdefault(role, OrderedDict())[text] = name
        self._named.move_to_end(role)
        self._kept += 1
        while self._kept > PREPARED:
            oldest, texts = next(iter(self._named.items()))
            self._close.append(texts.popitem(last=False)[1])
            self._kept -= 1
            if not texts:
                del self._named[oldest]
        return name

    def _forget_new(self) -> None:
        """Prepared or not: nobody knows, and to close what is not there is no error."""
        for role, text in self._new:
            texts = self._named.get(role)
            name = None if texts is None else texts.pop(text, None)
            if texts is None or name is None:
                continue
            self._kept -= 1
            self._close.append(name)
            if not texts:
                del self._named[role]

    # -- receiving

    async def _answered(self) -> None:
        loop, descriptor = asyncio.get_running_loop(), self._pg.socket
        self._answer = loop.create_future()
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
            self._answer = None
            self._stop(descriptor)

    async def _cancel(self) -> None:
        """Nobody waits for this answer any more: the statement is stopped, and what it says is read, or the connection is closed."""
        self._answer = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(_PATIENCE):
                await self.driver.cancel_safe(timeout=_PATIENCE)
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
        pg, answer = self._pg, self._answer
        try:
            pg.consume_input()
            while not pg.is_busy():
                result = pg.get_result()
                if result is None:  # the end of one statement's results
                    continue
                if result.status == ExecStatus.PIPELINE_SYNC:
                    if answer is not None and not answer.done():
                        answer.set_result(None)
                    return
                self._results.append(result)
        except psycopg.Error as error:
            if answer is not None and not answer.done():
                answer.set_exception(self._told() or error)

    def _told(self) -> psycopg.Error | None:
        """What the server said before the connection ended."""
        failed = next((one for one in self._results if one.status == ExecStatus.FATAL_ERROR), None)
        return None if failed is None else psycopg.errors.error_from_result(failed)

    def _writable(self) -> None:
        try:
            if not self._pg.flush():
                self._stop_writing(self._pg.socket)
        except psycopg.Error as error:
            if self._answer is not None and not self._answer.done():
                self._answer.set_exception(error)

    def _stop(self, descriptor: int) -> None:
        asyncio.get_running_loop().remove_reader(descriptor)
        self._stop_writing(descriptor)

    def _stop_writing(self, descriptor: int) -> None:
        if self._writing:
            self._writing = False
            asyncio.get_running_loop().remove_writer(descriptor)


# --- whose connection it is ------------------------------------------------------------------------------------------


class _Idle(asyncio.Queue[Any]):
    """Idle connections. One that knows the wanted store goes first, else the one that was idle for longest."""

    def _get(self) -> Any:
        role, idle = _wanted.get(), self._queue  # type: ignore[attr-defined]  # asyncio's own, for subclasses
        if role:
            for place, record in enumerate(idle):
                writer = record.info.get(_KEY)
                if writer is not None and writer.knows(role):
                    del idle[place]
                    return record
        return idle.popleft()


class _Queue(AsyncAdaptedQueue[Any]):
    @cached_property
    def _queue(self) -> asyncio.Queue[Any]:
        return _Idle(self.maxsize)


class WriterPool(AsyncAdaptedQueuePool):
    """A pool whose connections are taken for a store."""

    _queue_class = _Queue


@contextmanager
def wanted(role: str) -> Iterator[None]:
    """Connections taken within are for this store."""
    token = _wanted.set(role)
    try:
        yield
    finally:
        _wanted.reset(token)

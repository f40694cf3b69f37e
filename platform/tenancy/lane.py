"""One connection in libpq's pipeline mode: several statements go out in one message, their rows come back in one.

psycopg's own pipeline flushes every statement and waits through several layers; here a request is put together in libpq's
buffer and sent once, and one callback of the event loop reads the answers. Values go out as text, whose type PostgreSQL
takes from the statement; rows come back in PostgreSQL's binary format, so that moments and numbers are made by psycopg's C code.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.adapt import AdaptersMap, Dumper, PyFormat, Transformer
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGconn, PGresult

from .names import TENANT_PLACEHOLDER, checked
from .raw import prepare, send_text

Row = tuple[Any, ...]

#: How a statement's text names the store's schema before it is known (SQLAlchemy's way of writing the placeholder).
SCHEMA = f"__[SCHEMA_{TENANT_PLACEHOLDER}]"
#: Statements that one connection keeps prepared, the least recently used goes first. A plan of a heavy statement takes
#: 50 to 100 kB in its backend, so a connection stays below about 40 MB.
PREPARED = 400

_TAKE_ROLE = "select pg_catalog.set_config('role', $1, true)"
#: Without a connection in its context psycopg gives moments in UTC, whatever the server's zone.
_CONTEXT = AdaptersMap(psycopg.adapters)


class _BytesDumper(Dumper):
    """Without a connection psycopg escapes bytes as if they stood within a text's quotes."""

    def dump(self, obj: bytes) -> bytes:
        return b"\\x" + obj.hex().encode()


_CONTEXT.register_dumper(bytes, _BytesDumper)
SENT_WELL = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement with `$1` …, `SCHEMA` where it names the store's schema, and the values of its parameters."""

    text: str
    values: Sequence[Any] = ()


#: The results of a request: one per statement.
Results = list[PGresult]


@dataclass(slots=True)
class _Sent:
    """A request on its way: who waits, and which of the results coming back are rows (the others only say that it went well)."""

    answer: "asyncio.Future[Results]"
    wanted: list[bool]
    new: list[tuple[str, str]]


class Lane:
    """A connection that answers one request at a time. `busy` belongs to whoever shares the lanes out."""

    __slots__ = (
        "_close", "_connection", "_count", "_fd", "_loop", "_named", "_over", "_pg", "_prepares", "_results", "_sent", "_transformer",
        "_writing", "broken", "busy", "homes", "since",
    )  # fmt: skip

    def __init__(self, connection: "psycopg.AsyncConnection[Any]") -> None:
        self._connection = connection
        self._pg: PGconn = connection.pgconn
        self._fd = connection.pgconn.socket
        self._loop = asyncio.get_running_loop()
        self._prepares = connection.prepare_threshold is not None
        #: (store, text) → name of the prepared statement, the one used last at the end
        self._named: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        #: names to let go with the next request
        self._close: list[bytes] = []
        self._count = 0
        self._sent: _Sent | None = None
        self._results: Results = []
        self._over: asyncio.Future[None] | None = None
        self._transformer = Transformer(_CONTEXT)
        self._writing = False
        self.since = time.monotonic()
        self.busy = True
        self.broken = False
        #: stores whose home it is
        self.homes = 0
        self._pg.nonblocking = 1
        self._pg.enter_pipeline_mode()
        self._loop.add_reader(self._fd, self._readable)

    @classmethod
    async def connect(cls, parameters: Mapping[str, Any]) -> "Lane":
        """A new one; it counts as busy.

        Raises:
            psycopg.OperationalError: the server cannot be reached, or refuses.
        """
        return cls(await psycopg.AsyncConnection.connect(**parameters, autocommit=True))

    def send(self, role: str, statements: Sequence[Statement]) -> "asyncio.Future[Results]":
        """Send statements as `role`, in one message; what comes back is for `rows_of`.

        Raises:
            psycopg.OperationalError: the connection is lost.
            psycopg.DataError: a value that no parameter can hold.
        """
        dump = self._transformer.dump_sequence
        calls = [(one.text, dump(one.values, (PyFormat.TEXT,) * len(one.values))) for one in statements]
        if self._sent is not None:
            raise RuntimeError("a lane answers one request at a time")
        sent = _Sent(self._loop.create_future(), [], [])
        try:
            for name in self._close:
                self._pg.send_close_prepared(name)
                sent.wanted.append(False)
            self._close.clear()
            self._call(sent, "", _TAKE_ROLE, (role.encode(),), wanted=False)
            for text, values in calls:
                self._call(sent, role, text, values, wanted=True)
            self._pg.pipeline_sync()
            if self._pg.flush():
                self._writing = True
                self._loop.add_writer(self._fd, self._writable)
        except psycopg.Error as error:
            self._lose(error)
            raise
        self._sent = sent
        return sent.answer

    async def over(self) -> None:
        """Wait until the last request has ended, whoever gave it up: its future may be cancelled long before its answer is here."""
        if self._sent is not None:
            self._over = self._loop.create_future()
            await self._over

    async def cancel(self) -> None:
        """Ask the server to stop the statement that runs; its request then ends with an error."""
        with suppress(psycopg.Error):
            await self._connection.cancel_safe(timeout=5.0)

    def close(self) -> None:
        """Close the connection; whoever waits is told that it is lost."""
        self._lose(psycopg.OperationalError("the connection was closed"))
        self._pg.finish()

    # -- sending

    def _call(self, sent: _Sent, role: str, text: str, values: Sequence[Any], *, wanted: bool) -> None:
        if not self._prepares:
            send_text(self._pg, rendered(text, role), values)
        else:
            key = (role, text)
            name = self._named.get(key)
            if name is None:
                name = self._prepare(sent, key)
            else:
                self._named.move_to_end(key)
            self._pg.send_query_prepared(name, values, None, Format.BINARY)
        sent.wanted.append(wanted)

    def _prepare(self, sent: _Sent, key: tuple[str, str]) -> bytes:
        role, text = key
        self._count += 1
        name = b"f%d" % self._count
        prepare(self._pg, name, rendered(text, role))
        sent.wanted.append(False)
        sent.new.append(key)
        self._named[key] = name
        while len(self._named) > PREPARED:
            self._close.append(self._named.popitem(last=False)[1])
        return name

    def _writable(self) -> None:
        try:
            if not self._pg.flush():
                self._stop_writing()
        except psycopg.Error as error:
            self._lose(error)

    def _stop_writing(self) -> None:
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._fd)

    # -- receiving

    def _readable(self) -> None:
        pg = self._pg
        try:
            pg.consume_input()
            while self._sent is not None and not pg.is_busy():
                result = pg.get_result()
                if result is None:  # the end of one statement's results
                    continue
                if result.status == ExecStatus.PIPELINE_SYNC:
                    self._finish()
                else:
                    self._results.append(result)
        except psycopg.Error as error:
            self._lose(error)

    def _finish(self) -> None:
        sent, results = self._sent, self._results
        self._end()
        if sent is None:
            return
        failed = next((one for one in results if one.status not in SENT_WELL), None)
        if failed is not None:
            for key in sent.new:  # prepared or not: nobody knows, and to close what is not there is no error
                name = self._named.pop(key, None)
                if name is not None:
                    self._close.append(name)
        if sent.answer.done():
            return
        if failed is not None:
            sent.answer.set_exception(psycopg.errors.error_from_result(failed))
        else:
            sent.answer.set_result([one for one, wanted in zip(results, sent.wanted, strict=True) if wanted])

    def _lose(self, error: psycopg.Error) -> None:
        """The connection is of no use any more."""
        if not self.broken:
            self.broken = True
            self._stop_writing()
            self._loop.remove_reader(self._fd)
        sent = self._sent
        self._end()
        if sent is not None and not sent.answer.done():
            sent.answer.set_exception(error)

    def _end(self) -> None:
        self._sent, self._results = None, []
        if self._over is not None and not self._over.done():
            self._over.set_result(None)
        self._over = None


def rendered(text: str, role: str) -> str:
    """A statement's text for one store: its schema is named as its role."""
    return text.replace(SCHEMA, checked(role)) if role else text


#: It keeps the loaders of the types it has seen.
_TRANSFORMER = Transformer(_CONTEXT)


def dumped(values: Sequence[Any]) -> Sequence[Any]:
    """Values as parameters, whose types the statement decides.

    Raises:
        psycopg.DataError: a value that no parameter can hold.
    """
    return _TRANSFORMER.dump_sequence(values, (PyFormat.TEXT,) * len(values))


def rows_of(results: Sequence[PGresult]) -> list[list[Row]]:
    """The rows of results in PostgreSQL's binary format.

    Raises:
        psycopg.DataError: a value that Python cannot hold (a moment before the year 1 …).
    """
    found = []
    for result in results:
        _TRANSFORMER.set_pgresult(result)
        found.append(_TRANSFORMER.load_rows(0, result.ntuples, tuple))
    _TRANSFORMER.set_pgresult(None)
    return found

"""One connection in libpq's pipeline mode: several statements go out in one message, their rows come back in one.

psycopg's own pipeline flushes every statement and waits through several layers; here a request is put together in libpq's
buffer, and one callback of the event loop reads the answers. Several requests may be on their way, one behind the other: each
ends with a Sync of its own, so each is a transaction of its own.
Values go out as text, whose type PostgreSQL takes from the statement; rows come back in PostgreSQL's binary format, so that
moments and numbers are made by psycopg's C code.
"""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

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

#: Becomes a role until the transaction ends.
TAKE_ROLE = "select pg_catalog.set_config('role', $1, true)"
#: Without a connection in its context psycopg gives moments in UTC, whatever the server's zone.
_CONTEXT = AdaptersMap(psycopg.adapters)


class _BytesDumper(Dumper):
    """Without a connection psycopg escapes bytes as if they stood within a text's quotes."""

    def dump(self, obj: bytes) -> bytes:
        return b"\\x" + obj.hex().encode()


_CONTEXT.register_dumper(bytes, _BytesDumper)
SENT_WELL = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)


class Statement(NamedTuple):
    """One statement with `$1` …, `SCHEMA` where it names the store's schema, and the values of its parameters."""

    text: str
    values: Sequence[Any] = ()


#: The results of a request: one per statement.
Results = list[PGresult]


class Interrupted(Exception):
    """The server stopped a request in place of the one that was given up before it: ask again."""


@dataclass(slots=True, eq=False)
class Sent:
    """A request on its way: who waits (nobody, once `answer` is done), and which of the results coming back are rows (the
    others only say that it went well)."""

    role: str
    statements: Sequence[Statement]
    answer: "asyncio.Future[Results]"
    at: float
    wanted: list[bool]
    new: list[tuple[str, str]]
    #: a request on the same lane was being stopped meanwhile, which may have met this one
    exposed: bool = False
    #: another lane was asked the same
    again: bool = False
    #: done when the server has ended with it, whoever waits for the answer
    over: "asyncio.Future[None] | None" = None


class Lane:
    """A connection, and the requests on their way over it. `ended` is called whenever one of them has ended."""

    __slots__ = (
        "_close", "_connection", "_count", "_fd", "_loop", "_named", "_pg", "_prepares", "_results",
        "_writing", "broken", "ended", "homes", "sent", "since", "stopping", "turn_at",
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
        #: in the order in which they are answered
        self.sent: deque[Sent] = deque()
        self._results: Results = []
        #: the socket was full
        self._writing = False
        self.since = time.monotonic()
        #: since when the server answers the first of `sent`
        self.turn_at = self.since
        self.broken = False
        #: the request that `stop` is to stop: nothing is sent behind it
        self.stopping: Sent | None = None
        #: stores whose home it is
        self.homes = 0
        self.ended: Callable[[Lane], None] = _nothing
        self._pg.nonblocking = 1
        self._pg.enter_pipeline_mode()
        self._loop.add_reader(self._fd, self._readable)

    @classmethod
    async def connect(cls, parameters: Mapping[str, Any]) -> "Lane":
        """A new one.

        Raises:
            psycopg.OperationalError: the server cannot be reached, or refuses.
        """
        return cls(await psycopg.AsyncConnection.connect(**parameters, autocommit=True))

    def send(
        self, role: str, statements: Sequence[Statement], answer: "asyncio.Future[Results] | None" = None
    ) -> "asyncio.Future[Results]":
        """Send statements as `role`, in one message behind those that are on their way; what comes back is for `rows_of`.

        `answer` is given where another lane was asked the same before: whoever comes first answers.

        Raises:
            psycopg.OperationalError: the connection is lost.
            psycopg.DataError: a value that no parameter can hold.
        """
        calls = [(one.text, dumped(one.values)) for one in statements]
        sent = Sent(role, statements, answer or self._loop.create_future(), time.monotonic(), [], [])
        try:
            for name in self._close:
                self._pg.send_close_prepared(name)
                sent.wanted.append(False)
            self._close.clear()
            self._call(sent, "", TAKE_ROLE, (role.encode(),), wanted=False)
            for text, values in calls:
                self._call(sent, role, text, values, wanted=True)
            self._pg.pipeline_sync()  # it sends what the socket takes
            if self._pg.flush() and not self._writing:
                self._writing = True
                self._loop.add_writer(self._fd, self._writable)
        except psycopg.Error as error:
            self._lose(error)
            raise
        if not self.sent:
            self.turn_at = sent.at
        self.sent.append(sent)
        return sent.answer

    async def stop(self) -> None:
        """Stop what the server answers now, and wait for its end. Requests behind it may be met in its place: they are told
        to ask again (`Interrupted`)."""
        stopped = self.stopping
        if stopped is None or not self.sent or self.sent[0] is not stopped:  # it has ended by itself
            self.stopping = None
            return
        stopped.over = self._loop.create_future()
        for sent in self.sent:
            sent.exposed = True
        with suppress(psycopg.Error):
            await self._connection.cancel_safe(timeout=5.0)
        await stopped.over
        self.stopping = None

    def close(self) -> None:
        """Close the connection; whoever waits is told that it is lost."""
        self._lose(psycopg.OperationalError("the connection was closed"))
        self._pg.finish()

    # -- sending

    def _call(self, sent: Sent, role: str, text: str, values: Sequence[Any], *, wanted: bool) -> None:
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

    def _prepare(self, sent: Sent, key: tuple[str, str]) -> bytes:
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
            while self.sent and not pg.is_busy():
                result = pg.get_result()
                if result is None:  # the end of one statement's results
                    continue
                if result.status == ExecStatus.PIPELINE_SYNC:
                    self._finish(self.sent.popleft())
                else:
                    self._results.append(result)
        except psycopg.Error as error:
            self._lose(error)

    def _finish(self, sent: Sent) -> None:
        results, self._results = self._results, []
        self.turn_at = time.monotonic()
        failed = next((one for one in results if one.status not in SENT_WELL), None)
        if failed is not None:
            for key in sent.new:  # prepared or not: nobody knows, and to close what is not there is no error
                name = self._named.pop(key, None)
                if name is not None:
                    self._close.append(name)
        if not sent.answer.done():
            if failed is None:
                sent.answer.set_result([one for one, wanted in zip(results, sent.wanted, strict=True) if wanted])
            else:
                error = psycopg.errors.error_from_result(failed)
                met = sent.exposed and isinstance(error, psycopg.errors.QueryCanceled)
                sent.answer.set_exception(Interrupted() if met else error)
        if sent.over is not None:
            sent.over.set_result(None)
        self.ended(self)

    def _lose(self, error: psycopg.Error) -> None:
        """The connection is of no use any more."""
        if self.broken:
            return
        self.broken = True
        self._stop_writing()
        self._loop.remove_reader(self._fd)
        lost, self.sent, self._results = self.sent, deque(), []
        for sent in lost:
            if not sent.answer.done():
                sent.answer.set_exception(error)
            if sent.over is not None:
                sent.over.set_result(None)
        self.ended(self)


def _nothing(_lane: Lane) -> None:
    """Nobody shares this lane out."""


def _as_text(values: Sequence[Any]) -> tuple[Sequence[Any], Sequence[PyFormat]]:
    """Values as the transformer is to write them. A list of UUIDs is written here, as PostgreSQL writes an array: the
    transformer writes lists in Python, and looks for the type of each of their values anew."""
    for place, value in enumerate(values):
        if type(value) is list and set(map(type, value)) == _ONLY_UUIDS:
            values = [*values[:place], f"{{{','.join(map(str, value))}}}", *values[place + 1 :]]
    return values, _TEXTS[: len(values)] if len(values) < len(_TEXTS) else (PyFormat.TEXT,) * len(values)


_ONLY_UUIDS = {UUID}
_TEXTS = (PyFormat.TEXT,) * 20


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
    return _TRANSFORMER.dump_sequence(*_as_text(values))


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

"""Connections for reads in one round trip: autocommit, in pipeline mode, as a group's reader login.

Everything sent before one Sync is one implicit transaction: the role that its first statement takes ends with it, also
after an error, and the login's defaults (repeatable read, read only) give all its statements one snapshot.
"""

import asyncio
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.raw_cursor import AsyncRawCursor
from psycopg.types.string import TextLoader

from .raw import send

Row = tuple[Any, ...]

#: Values of these types come as the text PostgreSQL writes: most of them leave as text again.
AS_TEXT = ("uuid", "date", "timestamptz", "numeric", "json", "jsonb")

#: Statements that one connection keeps prepared, the least recently used goes first. A plan of a heavy statement takes
#: 50 to 100 kB in its backend, so a connection stays below about 20 MB.
PREPARED = 200
#: Seconds after which a connection is replaced, so that a changed role setting reaches every one.
RECYCLE = 1800.0

_TAKE_ROLE = "select pg_catalog.set_config('role', $1, true)"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement with `$1` …, its schema written out, and the values of its parameters."""

    text: str
    values: Sequence[Any] = ()


@dataclass(slots=True)
class _Lane:
    connection: "psycopg.AsyncConnection[Any]"
    since: float
    #: role whose statements it prepared last
    role: str = ""


@dataclass
class Lanes:
    """Up to `size` connections of one login, opened when they are needed. Belongs to one event loop."""

    parameters: Mapping[str, Any]
    size: int
    timeout: float
    _idle: list[_Lane] = field(default_factory=list)
    _waiting: "deque[asyncio.Future[None]]" = field(default_factory=deque)
    _open: int = 0
    _closed: bool = False

    @property
    def busy(self) -> int:
        """Connections that answer something now."""
        return self._open - len(self._idle)

    async def run(self, role: str, statements: Sequence[Statement]) -> list[list[Row]]:
        """The rows of every statement, read as `role` in one round trip and one snapshot.

        Raises:
            TimeoutError: every connection stayed busy for `timeout` seconds.
            psycopg.Error: what the server said; nothing of the role is left on the connection.
        """
        lane = await self._take(role)
        kept = False
        try:
            found = await _pipelined(lane.connection, role, statements)
            lane.role = role
            kept = True
            return found
        except psycopg.Error:
            kept = lane.connection.pgconn.transaction_status == TransactionStatus.IDLE
            raise
        finally:
            await self._give_back(lane, kept=kept)

    async def aclose(self) -> None:
        """Close what is idle now, and what is busy when it comes back."""
        self._closed = True
        while self._idle:
            await self._discard(self._idle.pop())

    async def _take(self, role: str) -> _Lane:
        deadline = time.monotonic() + self.timeout
        while True:
            if self._idle:
                lane = self._idle.pop(self._best(role))
                if time.monotonic() - lane.since <= RECYCLE and not lane.connection.broken:
                    return lane
                await self._discard(lane)
            elif self._open < self.size:
                return await self._connect()
            else:
                await self._wait(deadline)

    def _best(self, role: str) -> int:
        """The idle connection that served this role last, or else the one used last of all."""
        return next((place for place, lane in enumerate(self._idle) if lane.role == role), -1)

    async def _connect(self) -> _Lane:
        self._open += 1
        try:
            connection = await psycopg.AsyncConnection.connect(
                **self.parameters, autocommit=True, cursor_factory=AsyncRawCursor
            )
        except BaseException:
            self._open -= 1
            self._wake()
            raise
        connection.prepared_max = PREPARED
        for name in AS_TEXT:
            connection.adapters.register_loader(name, TextLoader)
        return _Lane(connection, time.monotonic())

    async def _wait(self, deadline: float) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self._wake()  # it was our turn just now: somebody else's, then
            raise

    def _wake(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    async def _give_back(self, lane: _Lane, *, kept: bool) -> None:
        if kept and not self._closed and not lane.connection.closed:
            self._idle.append(lane)
            self._wake()
        else:
            await self._discard(lane)

    async def _discard(self, lane: _Lane) -> None:
        self._open -= 1
        self._wake()
        await lane.connection.close()


async def _pipelined(
    connection: "psycopg.AsyncConnection[Any]", role: str, statements: Sequence[Statement]
) -> list[list[Row]]:
    cursors = []
    async with connection.pipeline():
        await connection.cursor().execute(_TAKE_ROLE, (role,))
        for statement in statements:
            cursors.append(await send(connection, statement.text, statement.values))
    return [await cursor.fetchall() for cursor in cursors]

"""Words between processes, by LISTEN and NOTIFY. Any role may listen, so nothing is ever said on a channel but "look"."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from psycopg.sql import SQL, Identifier
from sqlalchemy import Boolean, ColumnElement, Integer, Text, bindparam, case, func, not_, select
from sqlalchemy.ext.asyncio import AsyncSession

#: How long a listener waits before it connects again.
PAUSE_SECONDS = 1.0
#: How often a listener asks for the watches that it does not hold.
TEND_SECONDS: Final = 1.0
#: The class of the advisory locks that say "somebody listens here".
WATCHES: Final = 0x666565


async def say(session: AsyncSession, channel: str) -> None:
    """Say "look" when the transaction commits; many times in one transaction is once."""
    await session.execute(select(func.pg_notify(channel, "")))


def said_if_watched() -> ColumnElement[Any]:
    """An expression that says "look" on `channel` only where a listener holds the watch `watch` (both are parameters).

    NOTIFY takes a lock of the whole database at the commit, so it is not for what nobody hears. The transaction holds the
    watch's lock as one of many until it ends, so a listener that got the watch has either been waited for or will be told.
    """
    watched = not_(func.pg_try_advisory_xact_lock_shared(WATCHES, bindparam("watch", type_=Integer), type_=Boolean()))
    return case((watched, func.pg_notify(bindparam("channel", type_=Text), "")))


@dataclass(eq=False, slots=True)
class _Ear:
    """What is done when a channel says "look", and the watch that makes writers say it; None: they always do."""

    heard: Callable[[], None]
    watch: int | None = None
    mine: bool = False
    others: bool = False


@dataclass(eq=False)
class Listener:
    """One connection of a process that hears any number of channels. Belongs to one event loop.

    LISTEN must not go through a transaction pooler, so the connection never comes from a pool. What may have been missed,
    because the connection was lost or is new, counts as heard.
    """

    conninfo: str
    pause: float = PAUSE_SECONDS
    _ears: dict[str, _Ear] = field(default_factory=dict)
    _connection: "psycopg.AsyncConnection[Any] | None" = None
    #: channels and watches are to be looked at
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, channel: str, heard: Callable[[], None], *, watch: int | None = None) -> None:
        """Call `heard` whenever somebody said "look" there, and whenever that may have been missed."""
        if channel in self._ears:
            raise ValueError(f"{channel} is heard already")
        self._ears[channel] = _Ear(heard, watch)
        self._changed.set()

    def remove(self, channel: str) -> None:
        """Hear a channel no longer."""
        del self._ears[channel]
        self._changed.set()

    def hears(self, channel: str) -> bool:
        """Is whoever speaks there heard now? Where not, one has to look from time to time."""
        ear = self._ears.get(channel)
        return self._connection is not None and ear is not None and (ear.watch is None or ear.mine or ear.others)

    async def run(self) -> None:
        """Hear until cancelled."""
        while True:
            with suppress(psycopg.Error):
                async with await psycopg.AsyncConnection.connect(self.conninfo, autocommit=True) as connection:
                    await self._serve(connection)
            self._connection = None
            for ear in list(self._ears.values()):
                ear.mine = ear.others = False
                ear.heard()
            await asyncio.sleep(self.pause)

    async def _serve(self, connection: "psycopg.AsyncConnection[Any]") -> None:
        connection.add_notify_handler(self._notified)
        loop, fd = asyncio.get_running_loop(), connection.fileno()
        lost: asyncio.Event = asyncio.Event()

        def readable() -> None:
            try:
                connection.pgconn.consume_input()
                while (notify := connection.pgconn.notifies()) is not None:
                    self._hear(notify.relname.decode())
            except psycopg.Error:
                loop.remove_reader(fd)
                lost.set()
                self._changed.set()

        known: dict[str, _Ear] = {}
        while not lost.is_set():
            self._changed.clear()
            await self._settle(connection, known)
            self._connection = connection
            loop.add_reader(fd, readable)
            try:
                readable()  # what came while a statement was answered
                waits = any(ear.watch is not None and not ear.mine for ear in known.values())
                with suppress(TimeoutError):
                    async with asyncio.timeout(TEND_SECONDS if waits else None):
                        await self._changed.wait()
            finally:
                loop.remove_reader(fd)

    def _notified(self, notify: psycopg.Notify) -> None:
        self._hear(notify.channel)

    def _hear(self, channel: str) -> None:
        ear = self._ears.get(channel)
        if ear is not None:
            ear.heard()

    async def _settle(self, connection: "psycopg.AsyncConnection[Any]", known: dict[str, _Ear]) -> None:
        """Listen to what is to be heard, and hold the watches of it that nobody else of this kind holds."""
        for channel in [one for one in known if self._ears.get(one) is not known[one]]:
            ear = known.pop(channel)
            if channel not in self._ears:
                await connection.execute(SQL("unlisten {}").format(Identifier(channel)))
            if ear.mine:
                ear.mine = False
                await connection.execute("select pg_advisory_unlock(%s, %s)", (WATCHES, ear.watch))
        new = [one for one in self._ears if one not in known]
        for channel in new:
            await connection.execute(SQL("listen {}").format(Identifier(channel)))
            known[channel] = self._ears[channel]
        await self._watch(connection, [ear for ear in known.values() if ear.watch is not None and not ear.mine])
        for channel in new:
            known[channel].heard()

    async def _watch(self, connection: "psycopg.AsyncConnection[Any]", ears: Sequence[_Ear]) -> None:
        """Take the watches that are free. One that another listener holds serves this one as well: all hear the channel."""
        if not ears:
            return
        asked = [ear.watch for ear in ears]
        cursor = await connection.execute(
            """select watch, pg_try_advisory_lock(%s, watch) from unnest(cast(%s as integer[])) as watch""",
            (WATCHES, asked),
        )
        taken = {watch for watch, got in await cursor.fetchall() if got}
        held: set[int] = set()
        if len(taken) < len(asked):
            cursor = await connection.execute(
                """select objid::bigint from pg_locks where locktype = 'advisory' and objsubid = 2 and classid = %s
                   and mode = 'ExclusiveLock' and granted and pid <> pg_backend_pid()""",
                (WATCHES,),
            )
            held = {_signed(watch) for (watch,) in await cursor.fetchall()}
        for ear in ears:
            ear.mine, before = ear.watch in taken, ear.others
            ear.others = ear.watch in held
            if ear.mine or ear.others != before:
                ear.heard()


def _signed(number: int) -> int:
    """An advisory lock's number as it was given: `pg_locks` shows it without its sign."""
    return number - (1 << 32) if number >= 1 << 31 else number

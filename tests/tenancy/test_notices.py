"""A listener hears what other processes say, finds its way back after its connection was lost, and makes writers speak."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import select

from forecourt.tenancy.engines import Engines
from forecourt.tenancy.following import Whereabouts, feed_of
from forecourt.tenancy.names import CONTROL
from forecourt.tenancy.notices import Listener, said_if_watched, say
from forecourt.tenancy.session import control_session
from tests.conftest import Database

pytestmark = pytest.mark.anyio
CHANNEL = "test_notices"


class Ear:
    """Counts what was heard."""

    def __init__(self) -> None:
        self.heard = 0
        self._changed = asyncio.Event()

    def __call__(self) -> None:
        self.heard += 1
        self._changed.set()

    async def more(self) -> None:
        await asyncio.wait_for(self._changed.wait(), 30)
        self._changed.clear()

    async def quiet(self, seconds: float = 0.3) -> None:
        """Nothing is heard for a while."""
        self._changed.clear()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)


@contextlib.asynccontextmanager
async def listening(database: Database) -> AsyncIterator[Listener]:
    listener = Listener(database.server.conninfo(CONTROL), pause=0.01)
    task = asyncio.create_task(listener.run())
    try:
        yield listener
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(true: Callable[[], bool]) -> None:
    """Wait until something is so."""
    for _ in range(1_000):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never was")


async def speak(engines: Engines, where: Whereabouts) -> None:
    """What a writer of the feed does."""
    async with control_session(engines) as session:
        await session.execute(select(said_if_watched()), where._asdict())


async def kill_listeners(database: Database) -> None:
    async with await psycopg.AsyncConnection.connect(
        database.server.administrator or "", dbname="forecourt", autocommit=True
    ) as other:
        await other.execute(
            """select pg_terminate_backend(pid) from pg_stat_activity
               where pid <> pg_backend_pid() and (query ilike 'listen %' or query ilike '%pg_try_advisory_lock%')"""
        )


async def test_every_commit_is_heard_and_a_lost_connection_is_made_again(database: Database, engines: Engines) -> None:
    ear = Ear()
    async with listening(database) as listener:
        listener.add(CHANNEL, ear)
        await ear.more()  # something may have been missed before
        assert listener.hears(CHANNEL)
        async with control_session(engines) as session:
            await say(session, CHANNEL)
            await say(session, CHANNEL)
            assert ear.heard == 1
        await ear.more()
        assert ear.heard == 2
        with contextlib.suppress(ZeroDivisionError):
            async with control_session(engines) as session:
                await say(session, CHANNEL)
                raise ZeroDivisionError
        await ear.quiet()
        await kill_listeners(database)
        await ear.more()
        before = ear.heard
        while ear.heard == before:
            async with control_session(engines) as session:
                await say(session, CHANNEL)
            await asyncio.sleep(0.05)


async def test_channels_come_and_go_on_one_connection(database: Database, engines: Engines) -> None:
    ears = {f"test_notices_{number}": Ear() for number in range(5)}
    async with listening(database) as listener:
        for channel, ear in ears.items():
            listener.add(channel, ear)
            await ear.more()
        last = list(ears)[-1]
        listener.remove(last)
        with pytest.raises(ValueError):
            listener.add(next(iter(ears)), Ear())
        for channel in ears:
            async with control_session(engines) as session:
                await say(session, channel)
        for channel, ear in ears.items():
            if channel != last:
                await ear.more()
        await ears[last].quiet()
        assert not listener.hears(last)


async def test_writers_say_nothing_where_nobody_listens(database: Database, engines: Engines) -> None:
    """Heard by somebody who listens without a watch, so that what is not said is seen."""
    where, ear = feed_of(uuid4()), Ear()
    async with listening(database) as spy:
        spy.add(where.channel, ear)
        await ear.more()
        await speak(engines, where)
        await ear.quiet()
        async with listening(database) as listener:
            follower = Ear()
            listener.add(where.channel, follower, watch=where.watch)
            await follower.more()
            await until(lambda: listener.hears(where.channel))
            await speak(engines, where)
            await ear.more()
        await asyncio.sleep(0.1)
        await speak(engines, where)
        await ear.quiet()


async def test_who_listens_later_waits_for_whoever_writes_already(database: Database, engines: Engines) -> None:
    """A writer that found nobody is not watched until it has ended: what it wrote is there at the first look."""
    where, ear = feed_of(uuid4()), Ear()
    async with listening(database) as listener:
        async with control_session(engines) as session:
            await session.execute(select(said_if_watched()), where._asdict())
            listener.add(where.channel, ear, watch=where.watch)
            await ear.more()
            assert not listener.hears(where.channel), "so the follower looks from time to time"
        await ear.more()
        assert listener.hears(where.channel)


async def test_one_watch_serves_two_processes_and_passes_on(database: Database, engines: Engines) -> None:
    where = feed_of(uuid4())
    first, second = Ear(), Ear()
    async with listening(database) as one:
        async with listening(database) as other:
            other.add(where.channel, second, watch=where.watch)
            await second.more()
            one.add(where.channel, first, watch=where.watch)
            await first.more()
            await until(lambda: one.hears(where.channel) and other.hears(where.channel))
            await asyncio.sleep(0.1)
            for ear in (first, second):
                ear._changed.clear()
            await speak(engines, where)
            await first.more()
            await second.more()
        # the holder is gone: the other takes the watch, and looks, because something may have been missed
        await first.more()
        await speak(engines, where)
        await first.more()

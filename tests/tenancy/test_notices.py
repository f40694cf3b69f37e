"""A listener hears what other processes say, and finds its way back after its connection was lost."""

import asyncio
import contextlib

import psycopg
import pytest

from forecourt.tenancy.engines import Engines
from forecourt.tenancy.names import CONTROL
from forecourt.tenancy.notices import listen, say
from forecourt.tenancy.session import control_session
from tests.conftest import Database

pytestmark = pytest.mark.anyio
CHANNEL = "test_notices"


async def test_every_commit_is_heard_and_a_lost_connection_is_made_again(database: Database, engines: Engines) -> None:
    heard = 0
    changed = asyncio.Event()

    def hear() -> None:
        nonlocal heard
        heard += 1
        changed.set()

    async def more() -> None:
        await asyncio.wait_for(changed.wait(), 30)
        changed.clear()

    listener = asyncio.create_task(listen(database.server.conninfo(CONTROL), CHANNEL, hear, pause=0.01))
    try:
        await more()  # something may have been missed before
        async with control_session(engines) as session:
            await say(session, CHANNEL)
            await say(session, CHANNEL)
            assert heard == 1
        await more()
        assert heard == 2
        with contextlib.suppress(ZeroDivisionError):
            async with control_session(engines) as session:
                await say(session, CHANNEL)
                raise ZeroDivisionError
        async with await psycopg.AsyncConnection.connect(database.server.conninfo(CONTROL), autocommit=True) as other:
            await other.execute(
                """select pg_terminate_backend(pid) from pg_stat_activity
                   where pid <> pg_backend_pid() and query like 'listen "test_notices"%'"""
            )
        await more()
        before = heard
        while heard == before:
            async with control_session(engines) as session:
                await say(session, CHANNEL)
            await asyncio.sleep(0.05)
    finally:
        listener.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listener

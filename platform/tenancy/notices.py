"""Words between processes, by LISTEN and NOTIFY. Any role may listen, so nothing is ever said on a channel but "look"."""

import asyncio
from collections.abc import Callable

import psycopg
from psycopg.sql import SQL, Identifier
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

#: How long a listener waits before it connects again.
PAUSE_SECONDS = 1.0


async def say(session: AsyncSession, channel: str) -> None:
    """Say "look" when the transaction commits; many times in one transaction is once."""
    await session.execute(select(func.pg_notify(channel, "")))


async def listen(conninfo: str, channel: str, heard: Callable[[], None], *, pause: float = PAUSE_SECONDS) -> None:
    """Call `heard` whenever somebody said "look", and whenever something may have been missed; until cancelled.

    LISTEN must not go through a transaction pooler, so this connection never comes from a pool.
    """
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
                await connection.execute(SQL("listen {}").format(Identifier(channel)))
                heard()
                async for _ in connection.notifies():
                    heard()
        except psycopg.OperationalError:
            heard()
        await asyncio.sleep(pause)

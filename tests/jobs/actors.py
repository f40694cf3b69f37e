"""Actors for the proofs. Every effect stands in one transaction with its inbox row, as in the product."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import dramatiq
import psycopg
from opentelemetry import trace

from forecourt.errors import Invalid, StaleVersion, Throttled
from forecourt.jobs.broker import PostgresBroker
from forecourt.jobs.middleware import running_job

TRACER = trace.get_tracer("tests.actors")


def registering(dsn: str) -> Callable[[PostgresBroker], None]:
    """Gives `register`: actors that write to the witness tables of the database ``dsn``."""

    async def write(number: int, *, pause: float = 0.0) -> None:
        async with await psycopg.AsyncConnection.connect(dsn) as connection:
            await connection.execute("insert into witness_run values (%s, %s)", (number, os.getpid()))
            await connection.commit()
            fresh = await connection.execute(
                "insert into witness_inbox values (%s) on conflict do nothing", (running_job().id,)
            )
            await asyncio.sleep(pause)
            if fresh.rowcount:
                await connection.execute("insert into witness_effect values (%s)", (number,))

    def die_if_planned(number: int) -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            if connection.execute("delete from kill_after where number = %s", (number,)).rowcount:
                os.kill(os.getpid(), signal.SIGKILL)

    async def effect(*, group_id: str, store_id: str, number: int) -> None:
        await write(number)
        die_if_planned(number)

    async def slow(*, group_id: str, store_id: str, number: int, seconds: float) -> None:
        await write(number, pause=seconds)

    def stubborn(*, group_id: str, store_id: str, number: int, seconds: float) -> None:
        with psycopg.connect(dsn) as connection:
            connection.execute("insert into witness_run values (%s, %s)", (number, os.getpid()))
            connection.commit()
            time.sleep(seconds)

    def poison(*, group_id: str, store_id: str) -> None:
        raise RuntimeError("the text of a stranger's error may quote a row: 138 0000 0000")

    def refused(*, group_id: str, store_id: str) -> None:
        raise Invalid("no such month")

    async def flaky(*, group_id: str, number: int, kind: str) -> None:
        attempt = running_job().attempt
        with TRACER.start_as_current_span(f"attempt {attempt}"):
            if attempt < 2:
                raise {
                    "stale": StaleVersion("meanwhile changed"),
                    "throttled": Throttled("slow down", retry_after=0.05),
                    "database": psycopg.OperationalError("gone"),
                }[kind]
            await write(number)

    def platform_job() -> None:
        return

    def register(broker: PostgresBroker) -> None:
        options: dict[str, Any] = {"broker": broker, "min_backoff": 20, "max_backoff": 50}
        for function in (effect, slow, stubborn, refused):
            dramatiq.actor(function, store=True, **options)  # type: ignore[call-overload]  # options in a dict
        dramatiq.actor(poison, store=True, max_retries=2, **options)  # type: ignore[call-overload]  # options in a dict
        dramatiq.actor(flaky, **options)
        dramatiq.actor(platform_job, platform=True, **options)  # type: ignore[call-overload]  # options in a dict

    return register

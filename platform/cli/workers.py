"""Worker processes for one command: used when none is alive, so that a command never waits for nobody."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..settings import Settings
from ..tenancy.engines import Engines
from ..tenancy.queue import workers_alive
from ..tenancy.server import Server
from ..tenancy.session import control_session

STOP_SECONDS = 20


def child(*arguments: str, settings: Settings, quiet: bool = False) -> "subprocess.Popen[bytes]":
    """One of our own processes. It finds the database by the same settings; it never needs the owner's password.

    Args:
        quiet: it logs warnings only, unless the operator chose a level.
    """
    environment = {**os.environ, "FORECOURT_HOME": str(settings.home)}
    environment.pop("FORECOURT_OWNER_PASSWORD", None)
    if quiet:
        environment.setdefault("FORECOURT_LOG_LEVEL", "WARNING")
    return subprocess.Popen([sys.executable, "-m", "forecourt", *arguments], env=environment)  # noqa: S603


def stop(processes: "list[subprocess.Popen[bytes]]") -> None:
    """Ask processes to end, wait, and kill those that do not."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in processes:
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@asynccontextmanager
async def helping_workers(server: Server, settings: Settings, count: int | None = None) -> AsyncIterator[None]:
    """Start workers for the time of a command, unless some are alive already."""
    engines = Engines(server, settings)
    try:
        async with control_session(engines) as session:
            alive = bool(await workers_alive(session, within=15))
    finally:
        await engines.aclose()
    processes = (
        [] if alive else [child("worker", settings=settings, quiet=True) for _ in range(count or (os.cpu_count() or 1))]
    )
    try:
        yield
    finally:
        await asyncio.to_thread(stop, processes)

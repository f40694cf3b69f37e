"""The application on a loopback port, people who write in its stores, and clients from npm that follow them."""

import asyncio
import json
import queue
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import httpx2
import pytest
from starlette.applications import Starlette

from forecourt.app import build_app, web_server
from forecourt.auth.actor import Actor
from forecourt.domain.accounts import actions
from forecourt.domain.complaints.actions import file_complaint
from forecourt.domain.work import Platform, open_group_work, open_work
from forecourt.graphql import ids
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.ids import new_id
from tests import npm
from tests.conftest import World

T = TypeVar("T")
CLIENTS = Path(__file__).parent / "clients"


def without_cost(found: Any) -> Any:
    """What came, less what it says of its own cost."""
    if isinstance(found, list):
        return [without_cost(one) for one in found]
    if not isinstance(found, dict):
        return found
    made = {name: without_cost(value) for name, value in found.items() if name != "cost"}
    return {name: value for name, value in made.items() if name != "extensions" or value}


FOLLOW = """subscription($store: ID!, $after: String, $entities: [String!]) {
  storeChanges(storeId: $store, after: $after, entities: $entities) {
    change { cursor event entity nodeId actorKind node { ... on Complaint { id status } } } } }"""
CURSOR = ["data", "storeChanges", "change", "cursor"]


@dataclass(frozen=True)
class Token:
    """A bearer token, the account behind it, and its membership of the last role."""

    clear: str
    account: UUID
    id: UUID
    memberships: tuple[UUID, ...]


class Writers:
    """Writes in the stores of the world, on an event loop of its own: another process, as far as the API can tell."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._platform = self.run(self._open())

    def run(self, work: Awaitable[T]) -> T:
        """Something of this other process, to its end."""

        async def inside() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(inside(), self._loop).result(60)

    def close(self) -> None:
        self.run(self._platform.engines.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _open(self) -> Platform:
        return Platform(Engines(self.world.server, self.world.database.settings))

    def complain(self, code: str = "a1") -> str:
        """File a complaint; its global id."""
        return self.run(self.filed(code))

    async def filed(self, code: str) -> str:
        store = self.world.stores[code]
        async with open_work(self._platform, store, Actor.for_system("test", store.group_id)) as work:
            made = await file_complaint(
                work, record="COMPLAINT", area="SALES", kind="SERVICE", received_at=work.now, text="没有回电话"
            )
        return str(ids.GlobalId("Complaint", store.id, made))

    def emit(self, code: str, *rows: tuple[str, UUID]) -> None:
        """One unit of work with an event about each of these rows."""

        async def write() -> None:
            store = self.world.stores[code]
            async with open_work(self._platform, store, Actor.for_system("test", store.group_id)) as work:
                for entity, row in rows:
                    work.emit("Imported", entity, row)

        self.run(write())

    def token(self, *roles: tuple[str, str | None], group: str = "a", lasts: timedelta = timedelta(days=1)) -> Token:
        """A token of somebody new with (role, store or None) memberships."""

        async def issue() -> Token:
            resolved = self.world.groups[group]
            async with open_group_work(self._platform, resolved, Actor.for_system("test", resolved.id)) as work:
                name = f"p{new_id().hex[-12:]}"
                made = await actions.create_account(work, name=name, display_name="Wang Fang", language="en")
                held = []
                for role, code in roles:
                    store = None if code is None else self.world.stores[code].id
                    held.append(await actions.add_membership(work, made, role=role, store_id=store))
                issued = await actions.issue_token(work, made, label="test", lifetime=lasts)
                return Token(issued.clear, made, issued.id, tuple(held))

        return self.run(issue())

    def group_work(self, change: Callable[[Any], Awaitable[Any]], group: str = "a") -> None:
        """A unit of work on a group's rows."""

        async def write() -> None:
            resolved = self.world.groups[group]
            async with open_group_work(self._platform, resolved, Actor.for_system("test", resolved.id)) as work:
                await change(work)

        self.run(write())


class Follower:
    """A process of node that follows operations (`clients/follow.mjs`)."""

    def __init__(self, way: str, url: str, token: str, operations: Sequence[dict[str, Any]], **more: Any) -> None:
        given = {"way": way, "url": url, "token": token, "operations": operations, **more}
        self.process = subprocess.Popen(
            ["node", "follow.mjs", json.dumps(given)],
            cwd=npm.BUILD / CLIENTS.name,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.lines: queue.Queue[dict[str, Any]] = queue.Queue()
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(json.loads(line))

    def say(self, **wish: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(wish) + "\n")
        self.process.stdin.flush()

    def line(self, seconds: float = 20.0) -> dict[str, Any]:
        """What happened next."""
        found: dict[str, Any] = without_cost(self.lines.get(timeout=seconds))
        return found

    def until(self, name: str, seconds: float = 20.0) -> dict[str, Any]:
        """What happened next of this kind; what happened before it is passed over."""
        deadline = time.monotonic() + seconds
        while name not in (found := self.line(max(0.1, deadline - time.monotonic()))):
            pass
        return found

    def changes(self, count: int, seconds: float = 20.0) -> list[dict[str, Any]]:
        """The next so many changes."""
        return [self.until("next", seconds)["next"]["data"]["storeChanges"]["change"] for _ in range(count)]

    def quiet(self, seconds: float = 0.7) -> None:
        """Nothing more happens for a while."""
        deadline = time.monotonic() + seconds
        with pytest.raises(queue.Empty):
            while "connected" in (found := self.line(max(0.01, deadline - time.monotonic()))):
                pass
            raise AssertionError(found)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reading.join(5)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


@dataclass
class Live:
    """An API that listens, and what writes and follows."""

    world: World
    app: Starlette
    port: int
    writers: Writers
    followers: list[Follower] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"

    def store_id(self, code: str) -> str:
        return ids.store_id(self.world.stores[code].id)

    def watch(self, code: str = "a1", **variables: Any) -> dict[str, Any]:
        """The operation that follows a store."""
        return {"query": FOLLOW, "variables": {"store": self.store_id(code), **variables}, "cursor": CURSOR}

    def follow(self, way: str, token: str, *operations: dict[str, Any], **more: Any) -> Follower:
        """A client that follows these operations."""
        made = Follower(way, self.url, token, operations, **more)
        self.followers.append(made)
        return made

    def latest(self, token: str, code: str = "a1") -> str:
        """The end of a store's feed."""
        query = "query($id: ID!) { store(id: $id) { changes(first: 1) { latestCursor } } }"
        answer = self.post(token, {"query": query, "variables": {"id": self.store_id(code)}}).json()
        return str(answer["data"]["store"]["changes"]["latestCursor"])

    def post(self, token: str, body: dict[str, Any], **headers: str) -> httpx2.Response:
        known = {"Authorization": f"Bearer {token}", "Accept-Language": "en", **headers}
        return httpx2.post(self.url, json=body, headers=known, timeout=20)


@contextmanager
def serving(app: Starlette) -> Iterator[int]:
    """An application on a loopback port."""
    server = web_server(app, host="127.0.0.1", port=0, log_level="warning")
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.02)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(20)
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def writers(world: World) -> Iterator[Writers]:
    """See `Writers`."""
    made = Writers(world)
    yield made
    made.close()


@pytest.fixture(scope="module")
def served(world: World, writers: Writers) -> Iterator[Live]:
    """The API, for a module of tests."""
    app = build_app(world.server, world.database.settings)
    with serving(app) as port:
        yield Live(world, app, port, writers)


@pytest.fixture
def live(served: Live) -> Iterator[Live]:
    """The API with followers of one test."""
    missing = npm.problem(CLIENTS, ("follow.mjs",))
    if missing is not None:
        pytest.skip(f"NOT TESTED with the clients graphql-ws and graphql-sse: {missing}")
    served.world.truncate(*served.world.stores)
    yield served
    while served.followers:
        served.followers.pop().close()

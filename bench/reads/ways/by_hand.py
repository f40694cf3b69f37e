"""Ways (f) and (fl): one hand-written route per query, whose JSON PostgreSQL builds in one statement.

They find the same actor behind the same bearer token, kept in the same cache, and ask it for the same permission; a store is
read as its own role, by the same logins. Statements are prepared and know their store. No telemetry, no body limit, no plan.

`/f/Q2` answers over an ordinary psycopg pool (role and statement in one pipeline), `/fl/Q2` over the product's connections.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any, Protocol
from uuid import UUID

import orjson
from psycopg import AsyncConnection
from psycopg.raw_cursor import AsyncRawCursor
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.reads.global_ids import parsed
from bench.reads.ways import by_hand_sql as sql
from bench.reads.ways.process import arguments, joined, serve
from bench.reads.world import BenchStore, World
from forecourt.auth.actor import Actor
from forecourt.auth.identify import ACTORS, identify
from forecourt.auth.tokens import token_hash
from forecourt.composition import open_platform
from forecourt.tenancy.ids import new_id
from forecourt.tenancy.lanes import Lanes, Statement
from forecourt.tenancy.names import group_login, group_reader, store_role
from forecourt.tenancy.server import Server
from forecourt.tenancy.session import control_session

POOL = 16
TAKE_ROLE = "select pg_catalog.set_config('role', $1, true)"
OPTIONS = {"options": "-c search_path="}


class Driver(Protocol):
    """Runs one statement as a store's role and gives the text in its only row, or None."""

    async def read(self, store: BenchStore, text: str, values: Sequence[Any] = ()) -> bytes | None: ...
    async def write(self, store: BenchStore, text: str, values: Sequence[Any] = ()) -> bytes | None: ...


class Pools:
    """An ordinary pool of psycopg for each login."""

    def __init__(self, server: Server, world: World) -> None:
        self._reader, self._writer = (
            AsyncConnectionPool(
                server.conninfo(login, **OPTIONS),
                min_size=POOL,
                max_size=POOL,
                open=False,
                configure=_keep_statements,
                kwargs={"autocommit": True, "cursor_factory": AsyncRawCursor},
            )
            for login in (group_reader(world.group), group_login(world.group))
        )

    async def open(self) -> None:
        for pool in (self._reader, self._writer):
            await pool.open(wait=True)

    async def aclose(self) -> None:
        for pool in (self._reader, self._writer):
            await pool.close()

    async def read(self, store: BenchStore, text: str, values: Sequence[Any] = ()) -> bytes | None:
        return await self._run(self._reader, store, text, values)

    async def write(self, store: BenchStore, text: str, values: Sequence[Any] = ()) -> bytes | None:
        return await self._run(self._writer, store, text, values)

    async def _run(self, pool: Any, store: BenchStore, text: str, values: Sequence[Any]) -> bytes | None:
        async with pool.connection() as connection:
            async with connection.pipeline():
                await connection.execute(TAKE_ROLE, (store.schema,), prepare=True)
                cursor = await connection.execute(text, values, prepare=True)
            found: bytes | None = cursor.pgresult.get_value(0, 0) if cursor.rowcount else None
            return found


async def _keep_statements(connection: "AsyncConnection[Any]") -> None:
    connection.prepared_max = 2_000


class OneRoundTrip:
    """The product's own connections for reads. They may ask again, so writes go as with `Pools`."""

    def __init__(self, server: Server, world: World, pools: Pools) -> None:
        self._reader = Lanes({**server.parameters(group_reader(world.group)), **OPTIONS}, POOL, 5.0)
        self._pools = pools

    async def open(self) -> None:
        """Connections are opened when they are needed."""

    async def aclose(self) -> None:
        await self._reader.aclose()

    async def read(self, store: BenchStore, text: str, values: Sequence[Any] = ()) -> bytes | None:
        [rows] = await self._reader.run(store_role(UUID(store.id)), [Statement(text, values)])
        return rows[0][0].encode() if rows else None

    async def write(self, store: BenchStore, text: str, values: Sequence[Any] = ()) -> bytes | None:
        return await self._pools.write(store, text, values)


class Routes:
    """What a route needs of its process."""

    def __init__(self, world: World) -> None:
        self.by_code = {store.code: store for store in world.stores}
        self.by_id = {UUID(store.id): store for store in world.stores}

    async def actor(self, request: Request) -> Actor:
        """Who asks, from the cache of the process or else from the database."""
        header = request.headers.get("authorization", "")
        kept = ACTORS.get(token_hash(header.removeprefix("Bearer ")), datetime.now(UTC))
        if kept is not None:
            return kept
        async with control_session(request.app.state.platform.engines) as session:
            return await identify(session, header)

    async def one(self, actor: Actor, driver: Driver, given: dict[str, Any]) -> bytes:
        store_id, row = parsed(given["id"])
        actor.require("customers:customer:read", store_id)
        found = await driver.read(self.by_id[store_id], _statement(sql.one_customer, store_id, self), (row,))
        return b'{"data":{"node":' + (found or b"null") + b"}}"

    async def file(self, actor: Actor, driver: Driver, given: dict[str, Any]) -> bytes:
        filed = given["input"]
        store_id, _ = parsed(filed["storeId"])
        actor.require("complaints:complaint:file", store_id)
        values = (
            new_id(),
            parsed(filed["customerId"])[1],
            *(filed[name] for name in ("record", "area", "kind", "severity")),
            datetime.fromisoformat(filed["receivedAt"]),
            filed["text"],
            actor.key,
            new_id(),
            new_id(),
            secrets.randbits(62),
            actor.name,
            orjson.dumps({name: filed[name] for name in ("record", "area", "kind")}).decode(),
        )
        found = await driver.write(self.by_id[store_id], _statement(sql.file_complaint, store_id, self), values)
        return b'{"data":{"fileComplaint":{"complaint":' + (found or b"null") + b"}}}"

    async def every(self, actor: Actor, driver: Driver, given: dict[str, Any]) -> bytes:
        """Stores side by side, as many as there are connections."""

        async def part(code: str) -> bytes:
            store = self.by_code[code]
            store_id = UUID(store.id)
            actor.require("customers:customer:read", store_id)
            found = await driver.read(store, _statement(sql.few_customers, store_id, self))
            return b'{"node":{"code":"' + code.encode() + b'","customers":' + (found or b"null") + b"}}"

        parts = await asyncio.gather(*(part(code) for code in sorted(self.by_code)[: given["first"]]))
        return b'{"data":{"group":{"stores":{"edges":[' + b",".join(parts) + b"]}}}}"

    def listed(self, name: str, permission: str, make: Callable[[BenchStore], str]) -> Any:
        """The route of one list of a store."""
        before = b'{"data":{"store":{"' + name.encode() + b'":'

        async def answer(actor: Actor, driver: Driver, given: dict[str, Any]) -> bytes:
            store = self.by_code[given["code"]]
            store_id = UUID(store.id)
            actor.require(permission, store_id)
            return before + (await driver.read(store, _statement(make, store_id, self)) or b"null") + b"}}}"

        return answer


@cache
def _statement(make: Callable[[BenchStore], str], store_id: UUID, routes: Routes) -> str:
    return make(routes.by_id[store_id])


def build_app(world: World) -> Starlette:
    """The application."""
    server = joined(world)
    routes = Routes(world)
    answers = {
        "Q1": routes.one,
        "Q2": routes.listed("customers", "customers:customer:read", sql.customers),
        "Q3": routes.listed("customers", "customers:customer:read", sql.three_levels),
        "Q4": routes.listed("repairOrders", "workshop:order:read", sql.repair_orders),
        "Q5": routes.file,
        "Q6": routes.every,
    }

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        pools = Pools(server, world)
        app.state.drivers = {"f": pools, "fl": OneRoundTrip(server, world, pools)}
        async with open_platform(server, world.settings, application="forecourt bench by hand") as platform:
            app.state.platform = platform
            for driver in app.state.drivers.values():
                await driver.open()
            yield
            for driver in app.state.drivers.values():
                await driver.aclose()

    async def answer(request: Request) -> Response:
        actor = await routes.actor(request)
        driver = request.app.state.drivers[request.path_params["driver"]]
        given = orjson.loads(await request.body())
        body = await answers[request.path_params["query"]](actor, driver, given)
        return Response(body, media_type="application/json")

    return Starlette(routes=[Route("/{driver}/{query}", answer, methods=["POST"])], lifespan=lifespan)


def main() -> None:
    """Serve."""
    world, port = arguments()
    serve(build_app(world), port)


if __name__ == "__main__":
    main()

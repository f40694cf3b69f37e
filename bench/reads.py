"""What a query costs: compiled, interpreted (graphql-core), and a hand-written read whose JSON PostgreSQL builds.

    python bench/reads.py [--seconds 4] [--customers 2000] [--stores 8]

One process, one event loop, a server of its own. The ways take turns in short slices, so that whatever else the machine
does hits all of them alike. CPU is this process's (`time.process_time`) per request, without PostgreSQL's and without
HTTP; the answer is encoded to bytes, as the endpoint does. Requests run 16 at a time.
"""

import argparse
import asyncio
import gc
import resource
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import uvloop

from forecourt.app import operation_context
from forecourt.auth.actor import Actor, Membership
from forecourt.domain.work import Platform
from forecourt.graphql import ids
from forecourt.graphql.api import api_schema
from forecourt.graphql.schema import run
from forecourt.settings import Settings
from forecourt.tenancy import embedded
from forecourt.tenancy.bootstrap import bootstrap
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.lanes import Statement
from forecourt.tenancy.migrate import migrate
from forecourt.tenancy.provision import NewStore, create_group, create_store, owner_connection
from forecourt.tenancy.server import Server, open_server
from forecourt.tenancy.session import (
    ResolvedGroup,
    ResolvedStore,
    control_session,
    resolve_group,
    resolve_store,
    store_pipeline,
)

AT_ONCE = 16
SLICE = 0.25  # seconds one way runs before the next has its turn

ROWS = """
insert into {s}.employee (id, employee_no, name, name_sort, status, hired_on)
  select gen_random_uuid(), 'E' || n, '员工' || n, 'yg' || n, 'CONFIRMED', date '2020-01-01' from generate_series(1, 30) n;
insert into {s}.customer (id, customer_no, type, name, name_sort)
  select gen_random_uuid(), 'C' || n, 'PERSON', '客户' || n, 'kh' || n from generate_series(1, {customers}) n;
insert into {s}.vehicle (id, vin, vin_check_ok, customer_id, plate, brand, model, model_year, powertrain)
  select gen_random_uuid(), 'V' || customer_no || n, true, id, '京A' || n, 'H', 'M' || n, 2024, 'BEV'
  from {s}.customer, generate_series(1, 2) n;
insert into {s}.repair_order (id, ro_no, customer_id, vehicle_id, advisor_id, type, opened_at, done_at, customer_signed)
  select gen_random_uuid(), 'R' || vin || n, customer_id, v.id, e.id, 'MAINTENANCE', now() - n * interval '30 days',
         now() - n * interval '30 days', true
  from {s}.vehicle v, generate_series(1, 4) n, lateral (select id from {s}.employee offset n limit 1) e;
analyze;
"""

FIELDS = "id roNo type arrivedAt openedAt promisedAt doneAt qc customerSigned invoicedAt version createdAt"
QUERIES = {
    "Q1 one node": (
        "query($id: ID!) { node(id: $id) { id ... on Customer { customerNo name type createdAt } } }",
        "id",
    ),
    "Q2 list of 50": (
        """{ store(code: "S1") { customers(first: 50) { edges { cursor node { id customerNo name type version createdAt } }
        pageInfo { hasNextPage endCursor } } } }""",
        "",
    ),
    "Q3 three levels": (
        """{ store(code: "S1") { customers(first: 50) { edges { node { id name vehicles { edges { node { id vin plate
        repairOrders(last: 3) { edges { node { id roNo openedAt } } } } } } } } } } }""",
        "",
    ),
    "Q4 1,000 rows x 12": (
        '{ store(code: "S1") { '
        + " ".join(
            f"r{n}: repairOrders(first: 100, after: $c{n}) {{ edges {{ node {{ {FIELDS} }} }} }}" for n in range(10)
        )
        + " } }",
        "pages",
    ),
    "Q6 every store": (
        "{ group { stores { edges { node { code customers(first: 5) { totalCount edges { node { id name } } } } } } } }",
        "",
    ),
}
BY_HAND = {
    "Q1 one node": "select row_to_json(c)::text from (select id, customer_no, name, type, created_at from {s}.customer where id = $1) c",
    "Q2 list of 50": """select json_agg(row_to_json(c))::text from (select id, customer_no, name, type, version, created_at
        from {s}.customer order by id limit 50) c""",
    "Q3 three levels": """select json_agg(row_to_json(c))::text from (select c.id, c.name, v.list as vehicles
        from (select id, name from {s}.customer order by id limit 50) c, lateral (
          select json_agg(row_to_json(v)) as list from (select v.id, v.vin, v.plate, r.list as repair_orders
            from {s}.vehicle v, lateral (select json_agg(row_to_json(r)) as list from (
              select id, ro_no, opened_at from {s}.repair_order where vehicle_id = v.id order by id desc limit 3) r) r
            where v.customer_id = c.id order by v.id) v) v order by c.id) c""",
    "Q4 1,000 rows x 12": """select json_agg(row_to_json(r))::text from (select id, ro_no, type, arrived_at, opened_at,
        promised_at, done_at, qc, customer_signed, invoiced_at, version, created_at from {s}.repair_order order by id limit 1000) r""",
}

Way = Callable[[], Awaitable[bytes]]


@dataclass
class Figure:
    """What one way cost so far."""

    requests: int = 0
    cpu: float = 0.0
    wall: float = 0.0
    sizes: set[int] = field(default_factory=set)

    def __str__(self) -> str:
        return f"{self.cpu / self.requests * 1000:9.3f} ms CPU {self.requests / self.wall:9.0f} /s"


async def slice_of(way: Way, figure: Figure) -> None:
    """Let one way answer for a moment."""
    end = time.perf_counter() + SLICE
    wall, cpu = time.perf_counter(), time.process_time()

    async def worker() -> None:
        while time.perf_counter() < end:
            figure.sizes.add(len(await way()))
            figure.requests += 1

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    figure.cpu += time.process_time() - cpu
    figure.wall += time.perf_counter() - wall


@dataclass
class Bench:
    """One group with its stores, and somebody who may read all of it."""

    server: Server
    settings: Settings
    group: ResolvedGroup
    stores: list[ResolvedStore]
    actor: Actor

    def way(self, platform: Platform, query: str, variables: dict[str, Any]) -> Way:
        stores = list(self.stores)

        async def list_stores() -> list[ResolvedStore]:
            return stores  # control rows: the same for every way, and cached by the process one day

        async def answer() -> bytes:
            context = operation_context(platform, self.actor, self.group, language="en", request_id="")
            context.list_stores = list_stores
            found = await run(api_schema(), context, query, variables)
            assert "errors" not in found, found["errors"]
            return orjson.dumps(found)

        return answer

    def by_hand(self, engines: Engines, text: str, values: tuple[Any, ...]) -> Way:
        statement = Statement(text.replace("{s}", self.stores[0].schema), values)

        async def answer() -> bytes:
            ((row,),) = await store_pipeline(engines, self.stores[0], [statement])
            return b'{"data":' + row[0].encode() + b"}"

        return answer


async def measure(bench: Bench, seconds: float) -> None:
    """All queries, all ways, in turns."""
    engines = {
        name: Engines(bench.server, bench.settings.model_copy(update={"reader": name, "pool_size": 8}))
        for name in ("interpreted", "compiled")
    }
    platforms = {name: Platform(made) for name, made in engines.items()}
    try:
        for title, (query, wants) in QUERIES.items():
            query, variables = await _variables(bench, platforms["compiled"], query, wants)
            ways = {name: bench.way(platform, query, variables) for name, platform in platforms.items()}
            if title in BY_HAND:
                row = ids.parse(variables["id"]) if wants == "id" else None
                ways["by hand"] = bench.by_hand(engines["compiled"], BY_HAND[title], (row.row,) if row else ())
            figures = {name: Figure() for name in ways}
            for way in ways.values():
                await slice_of(way, Figure())  # warm
            gc.collect()
            while min(figure.wall for figure in figures.values()) < seconds:
                for name, way in ways.items():
                    await slice_of(way, figures[name])
            print(f"{title:20}" + "".join(f" | {name} {figure}" for name, figure in figures.items()), flush=True)
        await memory(bench, platforms["compiled"])
    finally:
        for made in engines.values():
            await made.aclose()


async def _variables(bench: Bench, platform: Platform, query: str, wants: str) -> tuple[str, dict[str, Any]]:
    if wants == "id":
        ask = bench.way(platform, '{ store(code: "S1") { customers(first: 1) { edges { node { id } } } } }', {})
        return query, {"id": orjson.loads(await ask())["data"]["store"]["customers"]["edges"][0]["node"]["id"]}
    if wants == "pages":  # ten pages of a hundred behind one another
        after, found = None, {}
        for number in range(10):
            found[f"c{number}"] = after
            page = """query($a: String) { store(code: "S1") { repairOrders(first: 100, after: $a) { pageInfo { endCursor } } } }"""
            answer = orjson.loads(await bench.way(platform, page, {"a": after})())
            after = answer["data"]["store"]["repairOrders"]["pageInfo"]["endCursor"]
        return f"query({', '.join(f'${name}: String' for name in found)}) {query}", found
    return query, {}


async def memory(bench: Bench, platform: Platform, documents: int = 1_800) -> None:
    """Resident memory while a client sends a new document each time."""
    print(f"{documents} different documents, resident MB:", end="")
    for number in range(documents):
        fields = [name for place, name in enumerate(FIELDS.split()) if number >> place & 1] or ["id"]
        text = f'{{ store(code: "S1") {{ r{number}: repairOrders(first: {number % 7}) {{ edges {{ node {{ {" ".join(fields)} }} }} }} }} }}'
        await bench.way(platform, text, {})()
        if number % (documents // 6) == documents // 6 - 1:
            print(f" {_resident():.0f}", end="", flush=True)
    engine = api_schema().compiled
    kept = [(len(cache), cache.weight) for cache in (engine.documents, engine.operations, engine.parts)]
    print(f"; kept (entries, weight): {kept}")


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


@contextmanager
def made(stores: int, customers: int) -> Iterator[Bench]:
    """A server with one group; its stores hold the same made-up rows."""
    home = Path(tempfile.mkdtemp(prefix="fc-bench-"))
    home.chmod(0o755)  # the server runs as another user
    try:
        settings = Settings(home=home)
        server = open_server(settings, throwaway=True)
        bootstrap(server)
        migrate(server)
        with owner_connection(server) as connection:
            group_id = create_group(connection, server.secrets, code="G", name="G", time_zone="Asia/Shanghai")
            created = [
                create_store(connection, group_id, NewStore(f"S{n}", f"店{n}", "H", "Asia/Shanghai"))
                for n in range(1, stores + 1)
            ]
        for store in created:
            with owner_connection(server) as connection:
                rows = ROWS.replace("{s}", f"s_{store.hex}").replace("{customers}", str(customers))
                connection.execute(rows.encode())
        group, resolved = asyncio.run(_resolved(server, settings, group_id, created))
        members = tuple(Membership("STORE_GM", store.id) for store in resolved)
        yield Bench(server, settings, group, resolved, Actor("account:1", "bench", group.id, memberships=members))
    finally:
        embedded.destroy(home)
        shutil.rmtree(home, ignore_errors=True)


async def _resolved(
    server: Server, settings: Settings, group_id: Any, stores: list[Any]
) -> tuple[ResolvedGroup, list[ResolvedStore]]:
    engines = Engines(server, settings)
    try:
        async with control_session(engines) as session:
            group = await resolve_group(session, group_id)
            return group, [await resolve_store(session, group_id, store) for store in stores]
    finally:
        await engines.aclose()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each way and query")
    parser.add_argument("--customers", type=int, default=2_000, help="of each store")
    parser.add_argument("--stores", type=int, default=8)
    given = parser.parse_args()
    with made(given.stores, given.customers) as bench:
        uvloop.run(measure(bench, given.seconds))


if __name__ == "__main__":
    main()

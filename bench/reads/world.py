"""The data that every way reads: one group of many stores on a server of its own, and an account with a token.

The first four stores have 20,000 customers, the others 1,000 (`--scale` makes all of them smaller), with one or two vehicles
each and four repair orders per vehicle. Rows come from `generate_series`, with ids that sort by time as the product's do, and
moments of whole seconds. Foreign keys are not checked while the rows are made, so they are made by an administrator.

The server writes without waiting for the disk (as those of the tests do): Q5 compares CPU, not disks.
"""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import UUID

import psycopg

from forecourt.auth.accounts import add_membership, create_account
from forecourt.auth.actor import Actor
from forecourt.auth.tokens import issue_token
from forecourt.composition import open_platform
from forecourt.domain.work import open_group_work
from forecourt.settings import Settings
from forecourt.tenancy import embedded
from forecourt.tenancy.bootstrap import bootstrap
from forecourt.tenancy.migrate import migrate
from forecourt.tenancy.names import store_schema
from forecourt.tenancy.provision import NewStore, create_group, create_store, owner_connection
from forecourt.tenancy.render import Head
from forecourt.tenancy.server import Server, open_server
from forecourt.tenancy.session import control_session, resolve_group

LARGE, LARGE_STORES, SMALL = 20_000, 4, 1_000
#: customers per store whose ids Q1 asks for
SAMPLE = 10

#: An id that sorts by its moment (UUIDv7), of a timestamp expression.
_ID = """encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    placing substring(int8send((extract(epoch from {at}) * 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1), 'hex')::uuid"""

_ROWS = f"""
set session_replication_role = replica;
insert into {{s}}.employee (id, employee_no, name, name_sort, status, hired_on)
  select gen_random_uuid(), 'E' || n, '员工' || n, 'yg' || n, 'CONFIRMED', date '2020-01-01' from generate_series(1, 30) n;
insert into {{s}}.customer (id, customer_no, type, name, name_sort, consent_survey, consent_marketing, created_at, updated_at)
  select {_ID.format(at="made.at")}, 'C' || n, case when n % 9 = 0 then 'ORG' else 'PERSON' end,
         case when n % 5 = 0 then '客户 "' || n || '"' else '客户' || n end, 'kh' || n,
         case when n % 3 > 0 then n % 3 = 1 end, case when n % 4 > 0 then n % 4 = 1 end, made.at, made.at
  from generate_series(1, {{customers}}) n, lateral (select timestamptz '2024-01-01Z' + n * interval '7 minutes' as at) made;
insert into {{s}}.vehicle (id, vin, vin_check_ok, customer_id, plate, brand, model, model_year, powertrain, created_at)
  select {_ID.format(at="made.at")}, 'V' || substr(customer_no, 2) || '-' || n, n = 1, c.id, '京A' || substr(customer_no, 2), 'HX',
         'M' || n, 2020 + n, case when n = 1 then 'BEV' end, made.at
  from {{s}}.customer c, generate_series(1, 2) n, lateral (select c.created_at + n * interval '1 day' as at) made
  where n = 1 or consent_survey;
insert into {{s}}.repair_order (id, ro_no, customer_id, vehicle_id, advisor_id, type, booked, arrived_at, opened_at, promised_at,
    done_at, qc, customer_signed, invoiced_at, version, created_at)
  select {_ID.format(at="made.at")}, 'R' || v.vin || '-' || n, v.customer_id, v.id, e.id,
         case when n % 2 = 0 then 'REPAIR' else 'MAINTENANCE' end, n = 2, made.at - interval '10 minutes', made.at,
         made.at + interval '3 hours', case when n < 4 then made.at + interval '2 hours' end, case when n < 3 then 'PASSED' end,
         case when n < 4 then true end, case when n < 3 then made.at + interval '4 hours' end, n, made.at
  from {{s}}.vehicle v, generate_series(1, 4) n, (select id from {{s}}.employee order by id limit 1) e,
       lateral (select v.created_at + n * interval '30 days' as at) made;
analyze {{s}}.employee, {{s}}.customer, {{s}}.vehicle, {{s}}.repair_order;
"""


@dataclass(frozen=True)
class BenchStore:
    """A store and some of its customers."""

    id: str
    code: str
    customers: list[str]

    @property
    def schema(self) -> str:
        return store_schema(UUID(self.id))


@dataclass(frozen=True)
class World:
    """What the load and the servers need to know; also kept as `world.json` in the folder of the data."""

    home: Path
    group: UUID
    account: UUID
    token: str
    stores: list[BenchStore]

    @property
    def settings(self) -> Settings:
        """Of every process of the bench: counted like everything else, but nobody is sent away."""
        budgets = {f"budget_{name}": "2000000000/2000000000" for name in ("app_store", "app", "group")}
        return Settings(home=self.home, reader="compiled", pool_size=16, **budgets)  # type: ignore[arg-type]

    def write(self) -> None:
        plain = {**asdict(self), "home": str(self.home), "group": str(self.group), "account": str(self.account)}
        (self.home / "world.json").write_text(json.dumps(plain))

    @classmethod
    def read(cls, home: Path) -> "World":
        found = json.loads((home / "world.json").read_text())
        stores = [BenchStore(**store) for store in found["stores"]]
        return cls(home, UUID(found["group"]), UUID(found["account"]), found["token"], stores)


@contextmanager
def opened(keep: Path | None, *, stores: int, scale: float) -> Iterator[tuple[Server, World]]:
    """The data with their running server: made anew, or those that `keep` holds from an earlier run.

    Without `keep` everything is removed at the end; with it the server is stopped.
    """
    home = keep if keep is not None else Path(tempfile.mkdtemp(prefix="fc-bench-"))
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o755)  # the server runs as another user
    try:
        kept = (home / "world.json").exists()
        server = open_server(Settings(home=home), throwaway=True)
        yield server, World.read(home) if kept else make(server, home, stores=stores, scale=scale)
    finally:
        if keep is None:
            embedded.destroy(home)
            shutil.rmtree(home, ignore_errors=True)
        else:
            embedded.stop(home)


def make(server: Server, home: Path, *, stores: int, scale: float) -> World:
    """Group, stores, rows, account and token; about two minutes for 200 stores."""
    bootstrap(server)
    migrate(server)
    head = Head.load()
    with owner_connection(server) as connection:
        group_id = create_group(connection, server.secrets, code="BENCH", name="Bench", time_zone="Asia/Shanghai")
        made = [
            create_store(connection, group_id, NewStore(f"S{n:03}", f"店{n}", "HX", "Asia/Shanghai"), head=head)
            for n in range(1, stores + 1)
        ]
    with ThreadPoolExecutor(2) as pool:
        sizes = [round((LARGE if place < LARGE_STORES else SMALL) * scale) for place in range(stores)]
        samples = list(pool.map(lambda store, customers: _fill(server, store, customers), made, sizes))
    account, token = asyncio.run(new_account(server, Settings(home=home), group_id, made))
    named = [
        BenchStore(str(store), f"S{place:03}", sample)
        for place, (store, sample) in enumerate(zip(made, samples, strict=True), 1)
    ]
    world = World(home, group_id, account, token, named)
    world.write()
    return world


def _fill(server: Server, store: UUID, customers: int) -> list[str]:
    """A store's rows; returns ids of some customers."""
    assert server.administrator is not None
    database = psycopg.conninfo.make_conninfo(server.administrator, dbname=server.address.dbname)
    schema = store_schema(store)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(_ROWS.replace("{s}", schema).replace("{customers}", str(customers)).encode())
        found = connection.execute(
            f"select id::text from {schema}.customer order by md5(id::text) limit {SAMPLE}".encode()
        )
        return [row for (row,) in found]


async def new_account(
    server: Server, settings: Settings, group_id: UUID, stores: Sequence[UUID], name: str = "bench"
) -> tuple[UUID, str]:
    """Somebody who manages these stores, and a token of theirs."""
    async with open_platform(server, settings, application="forecourt bench") as platform:
        async with control_session(platform.engines) as session:
            group = await resolve_group(session, group_id)
        actor = Actor.for_system("bench", group_id)
        async with open_group_work(platform, group, actor) as work:
            account = await create_account(work.session, actor, name=name, display_name="Bench", language="en")
            for store in stores:
                await add_membership(work.session, actor, account, role="STORE_GM", store_id=store)
            issued = await issue_token(work.session, actor, account, label="bench")
        return account, issued.clear

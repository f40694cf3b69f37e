"""What tenancy costs: provision and migrate many stores, and the price of a store's role per transaction.

    python bench/tenancy.py [--stores 200] [--tables 60] [--throwaway]

Targets: provisioning p95 ≤ 1 s per store; a store's role ≤ 0.15 ms per transaction. The store's schema is the
product's own (`migrations/tenant/head.sql`); with ``--tables`` a made-up one of that many tables. Everything runs on a
server of its own.
"""

import argparse
import asyncio
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from forecourt.settings import Settings
from forecourt.tenancy import embedded
from forecourt.tenancy.bootstrap import bootstrap
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.migrate import migrate
from forecourt.tenancy.provision import NewStore, create_group, create_store, delete_store, owner_connection
from forecourt.tenancy.render import Head, Tree, migrations, tenant_tree
from forecourt.tenancy.server import Server, open_server
from forecourt.tenancy.session import control_session, resolve_store, store_session

STEP = '''"""Measured step."""

from alembic import op

revision = "bench"
down_revision = {previous!r}


def upgrade() -> None:
    op.execute("create table tenant.bench_added (id uuid primary key, person uuid, at timestamptz not null)")
    op.execute("create index ix_bench_added_person on tenant.bench_added (person)")
    op.execute("grant select, insert, update, delete on tenant.bench_added to tenant")
'''


def made_up(tables: int) -> Head:
    """A schema of that many tables with two indexes and a foreign key each, about what a dealership needs."""
    lines = ["create schema tenant;", "grant usage on schema tenant to tenant;"]
    for number in range(tables):
        key = f", other uuid references tenant.t{number - 1}" if number else ", other uuid"
        lines += [
            f"create table tenant.t{number} (id uuid primary key, a text not null, b text, c numeric, d jsonb, "
            f"at timestamptz not null default now(), state text not null check (state in ('OPEN', 'CLOSED')){key});",
            f"create index ix_t{number}_other on tenant.t{number} (other);",
            f"create index ix_t{number}_at on tenant.t{number} (at, id);",
            f"grant select, insert, update, delete on tenant.t{number} to tenant;",
        ]
    return Head(tenant_tree().head, "\n".join(lines))


def row(what: str, times: list[float], target: float | None = None) -> None:
    """One line of the table; times in seconds."""
    ordered = sorted(times)
    p95 = ordered[max(0, int(len(ordered) * 0.95) - 1)]
    verdict = "" if target is None else ("ok" if p95 <= target else f"ABOVE the target of {target * 1000:g} ms")
    print(f"{what:<44}{len(times):>6}{statistics.median(times) * 1e3:>12.3f}{p95 * 1e3:>12.3f}  {verdict}")


def provision(server: Server, stores: int, head: Head) -> tuple[Any, list[Any]]:
    ids, times = [], []
    with owner_connection(server) as connection:
        group = create_group(connection, server.secrets, code="BENCH", name="Bench", time_zone="Asia/Shanghai")
        for number in range(stores):
            began = time.perf_counter()
            new = NewStore(f"S{number}", "Store", "HX", "Asia/Shanghai")
            ids.append(create_store(connection, group, new, head=head))
            times.append(time.perf_counter() - began)
    row("provision one store", times, 1.0)
    return group, ids


def migrate_all(server: Server, folder: Path, stores: int) -> None:
    shutil.copytree(migrations() / "tenant", folder)
    (folder / "versions" / "bench_step.py").write_text(STEP.format(previous=tenant_tree().head))
    tree = Tree(folder)
    began = time.perf_counter()
    outcome = migrate(server, tenant=tree)
    took = time.perf_counter() - began
    assert len(outcome.migrated) == stores, outcome.failed
    what = "migrate all stores (table, index, grant)"
    print(f"{what:<44}{stores:>6}{took / stores * 1e3:>12.3f}  per store; {took:.2f} s together")


async def overhead(server: Server, settings: Settings, group: Any, stores: list[Any], rounds: int = 3000) -> None:
    """A transaction with one SELECT, as the store's role and without a role, one after the other."""
    engines = Engines(server, settings)
    try:
        async with control_session(engines) as session:
            resolved = [await resolve_store(session, group, store) for store in stores[:50]]
        engine, statement = engines.group(group), text("select 1")

        async def plain(_: int) -> None:
            async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
                await session.execute(statement)

        async def one_store(_: int) -> None:
            async with store_session(engines, resolved[0]) as session:
                await session.execute(statement)

        async def round_robin(number: int) -> None:
            async with store_session(engines, resolved[number % len(resolved)]) as session:
                await session.execute(statement)

        times: dict[str, list[float]] = {}
        kinds: dict[str, Callable[[int], Awaitable[None]]] = {
            "transaction without a role": plain,
            "store_session, one store": one_store,
            f"store_session, {len(resolved)} stores in turn": round_robin,
        }
        for number in range(rounds):
            for name, kind in kinds.items():
                began = time.perf_counter()
                await kind(number)
                times.setdefault(name, []).append(time.perf_counter() - began)
        for name, measured in times.items():
            row(name, measured[200:])
        plainly, as_store, _ = (statistics.median(measured[200:]) for measured in times.values())
        verdict = "ok" if as_store - plainly <= 0.00015 else "ABOVE the target of 0.15 ms"
        print(f"{'the role and the session around it':<44}{'':>6}{(as_store - plainly) * 1e3:>12.3f}{'':>14}{verdict}")
    finally:
        await engines.aclose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stores", type=int, default=200)
    parser.add_argument("--tables", type=int, default=0, help="a made-up schema of so many tables")
    parser.add_argument("--throwaway", action="store_true", help="fsync off, as in tests")
    chosen = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="fc-bench-"))
    home.chmod(0o755)
    settings = Settings(home=home)
    try:
        server = open_server(settings, throwaway=chosen.throwaway)
        bootstrap(server)
        migrate(server)
        head = made_up(chosen.tables) if chosen.tables else Head.load()
        print(f"{'':<44}{'n':>6}{'median ms':>12}{'p95 ms':>12}")
        group, stores = provision(server, chosen.stores, head)
        migrate_all(server, home / "tree", chosen.stores)
        asyncio.run(overhead(server, settings, group, stores))
        drop(server, stores[:20])
    finally:
        embedded.destroy(home)
        shutil.rmtree(home, ignore_errors=True)


def drop(server: Server, stores: list[Any]) -> None:
    times = []
    with owner_connection(server) as connection:
        connection.execute("update control.store set state = 'ARCHIVED' where id = any(%s)", (stores,))
        for store in stores:
            began = time.perf_counter()
            delete_store(connection, store)
            times.append(time.perf_counter() - began)
    row("delete one store", times)


if __name__ == "__main__":
    main()

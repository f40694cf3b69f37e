"""What the chained audit costs: a unit of work with and without, writers of one store at once, a check of many rows.

    python bench/audit.py [--rounds 1500] [--rows 1000000] [--throwaway]

Everything runs on a server of its own, with fsync unless ``--throwaway``. The kinds of a table are measured in turn, one
round each, so that whatever else the machine does falls on all of them. Each unit of work inserts two rows into the change
feed and, as most of ours do, writes one event of the audit; "without" writes no event, "unchained" writes the event into a
table of the same columns as the product did before there was a chain.
"""

import argparse
import asyncio
import shutil
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import insert, update

from forecourt.auth.actor import Actor
from forecourt.domain import tables
from forecourt.domain.audit import reads
from forecourt.domain.audit.verify import verify_store
from forecourt.domain.audit_chain import GENESIS, Chain
from forecourt.domain.audit_log import HEAD
from forecourt.domain.feed import AuditEvent, AuditHead
from forecourt.domain.work import Platform, Work, open_work
from forecourt.settings import Settings
from forecourt.tenancy import embedded
from forecourt.tenancy.bootstrap import bootstrap
from forecourt.tenancy.bulk import allow_long_statements, copy_rows
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.ids import new_id
from forecourt.tenancy.migrate import migrate
from forecourt.tenancy.provision import NewStore, create_group, create_store, owner_connection
from forecourt.tenancy.server import Server, open_server
from forecourt.tenancy.session import (
    ResolvedGroup,
    ResolvedStore,
    control_session,
    resolve_group,
    resolve_store,
    store_session,
)

assert tables.MODULES


class Bench:
    """One store and what is done in it."""

    def __init__(self, platform: Platform, group: ResolvedGroup, stores: list[ResolvedStore]) -> None:
        self.platform, self.group, self.stores = platform, group, stores
        self.actor = Actor.for_system("bench", group.id)
        self._loose = 0

    async def unit(self, store: ResolvedStore, events: int, *, loose: bool = False) -> None:
        async with open_work(self.platform, store, self.actor) as work:
            for _ in range(2):
                work.emit("VehicleSeen", "Vehicle", new_id())
            for _ in range(events):
                work.audit("bench.act", "Vehicle", new_id(), after={"state": "DONE", "number": 7})
            if loose:
                await self._unchained(work)

    async def _unchained(self, work: Work) -> None:
        """The event as it was written before: no head, no signature (negative numbers, so that the chain stays whole)."""
        [row] = work._audits
        work._audits.clear()
        self._loose -= 1
        chain = {"chain": work.store.id, "seq": self._loose, "format": 1, "key_version": 1}
        await work.session.execute(insert(AuditEvent), [{**row, **chain, "prev_hash": GENESIS, "hash": GENESIS}])


async def one_writer(bench: Bench, rounds: int) -> None:
    chained, loose = bench.stores[0], bench.stores[1]
    kinds: dict[str, Callable[[], Awaitable[None]]] = {
        "without": lambda: bench.unit(chained, 0),
        "unchained": lambda: bench.unit(loose, 1, loose=True),
        "chained": lambda: bench.unit(chained, 1),
        "chained, 100 events": lambda: bench.unit(chained, 100),
    }
    times: dict[str, list[float]] = {name: [] for name in kinds}
    cpu: dict[str, list[float]] = {name: [] for name in kinds}
    for number in range(rounds + 50):
        for name, kind in kinds.items():
            began, worked = time.perf_counter(), time.process_time()
            await kind()
            if number >= 50:
                times[name].append(time.perf_counter() - began)
                cpu[name].append(time.process_time() - worked)
    base = statistics.median(times["unchained"])
    print(f"{'a unit of work':<34}{'median ms':>11}{'p95 ms':>9}{'ratio':>8}{'of that our CPU':>17}")
    for name, found in times.items():
        middle, late = statistics.median(found), sorted(found)[int(len(found) * 0.95)]
        ours = statistics.median(cpu[name]) * 1e3
        print(f"{name:<34}{middle * 1e3:>11.3f}{late * 1e3:>9.3f}{middle / base:>8.2f}{ours:>17.3f}")


async def writers(bench: Bench, seconds: float) -> None:
    """Units of work a second, all writers in one store against each in a store of its own, in turn."""
    print(f"\n{'writers at once':<34}{'one store/s':>12}{'own store/s':>12}{'ratio':>8}")
    for count in (1, 2, 4, 8):
        rates: dict[bool, list[float]] = {True: [], False: []}
        for _ in range(3):
            for same in (True, False):
                end, done = time.perf_counter() + seconds, 0

                async def write(number: int, same: bool = same, end: float = end) -> int:
                    units = 0
                    while time.perf_counter() < end:
                        await bench.unit(bench.stores[0 if same else number], 1)
                        units += 1
                    return units

                done = sum(await asyncio.gather(*(write(number) for number in range(count))))
                rates[same].append(done / seconds)
        one, own = statistics.median(rates[True]), statistics.median(rates[False])
        print(f"{count:<34}{one:>12.0f}{own:>12.0f}{one / own:>8.2f}")


async def check(bench: Bench, rows: int) -> None:
    """A check of so many rows: time, and memory at a tenth of them and at all."""
    store = bench.stores[-1]
    written = 0
    print(f"\n{'a check':<34}{'seconds':>11}{'rows/s':>10}{'peak MB of Python':>19}")
    for size in (rows // 10, rows):
        await fill(bench, store, written, size)
        written = size
        began = time.perf_counter()
        found = await verify_store(bench.platform, bench.group, store)
        took = time.perf_counter() - began
        assert found.ok and found.rows == size, found
        tracemalloc.start()
        # Traced, which is slow: the reading of all rows, without their signatures.
        async with store_session(bench.platform.engines, store, read_only=True) as session:
            count = 0
            async for _ in reads.entries(session, AuditEvent):
                count += 1
        assert count == size
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        print(f"{size:<34,}{took:>11.1f}{size / took:>10,.0f}{peak / 1e6:>19.1f}", flush=True)


async def fill(bench: Bench, store: ResolvedStore, written: int, size: int) -> None:
    """Rightly signed rows by COPY: what ten years of units of work write one by one."""
    signer = bench.platform.audit_signer(bench.group.id, Chain("store", store.id))
    now = bench.platform.clock.now()
    async with store_session(bench.platform.engines, store) as session:
        await allow_long_statements(session)
        head = (await reads.store_head(session)) or (0, GENESIS)
        if head[0] == 0:
            await session.execute(insert(AuditHead).values(id=HEAD, seq=0, hash=GENESIS))
        seq, last = head
        while written < size:
            part = [event(bench, now) for _ in range(min(50_000, size - written))]
            signed, seq, last = signer.sign(part, seq, last)
            names = list(signed[0])
            wrapped = ([Jsonb(row[name]) if name == "after" else row[name] for name in names] for row in signed)
            await copy_rows(session, store.schema, AuditEvent, names, wrapped)
            written += len(part)
        await session.execute(update(AuditHead).values(seq=seq, hash=last))


def event(bench: Bench, now: datetime) -> dict[str, Any]:
    """An event like most."""
    return {
        "id": new_id(),
        "at": now,
        "actor": bench.actor.key,
        "actor_name": bench.actor.name,
        "action": "bench.act",
        "entity": "Vehicle",
        "entity_id": new_id(),
        "reason": None,
        "before": None,
        "after": {"state": "DONE", "number": 7},
        "request_id": "0192f5a000007000800000000000abcd",
        "session_id": None,
    }


async def measure(server: Server, chosen: Settings, arguments: Any) -> None:
    with owner_connection(server) as connection:
        group_id = create_group(connection, server.secrets, code="BENCH", name="Bench", time_zone="Asia/Shanghai")
        ids = [create_store(connection, group_id, NewStore(f"S{n}", "Store", "HX", "Asia/Shanghai")) for n in range(9)]
    engines = Engines(server, chosen)
    try:
        async with control_session(engines) as session:
            group = await resolve_group(session, group_id)
            stores = [await resolve_store(session, group_id, one) for one in ids]
        bench = Bench(Platform(engines), group, stores)
        await one_writer(bench, arguments.rounds)
        await writers(bench, arguments.seconds)
        if arguments.rows:
            await check(bench, arguments.rows)
    finally:
        await engines.aclose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1500)
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each turn of concurrent writers lasts")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--throwaway", action="store_true", help="fsync off, as in tests")
    chosen = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="fc-bench-"))
    home.chmod(0o755)
    settings = Settings(home=home, pool_size=10)
    try:
        server = open_server(settings, throwaway=chosen.throwaway)
        bootstrap(server)
        migrate(server)
        asyncio.run(measure(server, settings, chosen))
    finally:
        embedded.destroy(home)
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()

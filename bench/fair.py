"""Whether a store waits while an HQ client spends its budget: the store's latency with and without, in turns.

    python -m bench.fair [--rounds 3] [--seconds 12] [--stores 60] [--keep FOLDER]

One process of the API with the budgets of an installation. A store's client asks for a list of 50 on one connection, again and
again. In every other slice an HQ client with a full budget asks on four connections for 100 rows of each of 50 stores: it
spends its budget, is told 429, and either waits as it is told or asks again at once. Printed: the store's latency in both kinds of
slices, their ratios (meant: at most 2), and what HQ got.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from bench.reads.servers import Missing, Running, end_in_order, running
from bench.reads.world import World, new_account, opened
from forecourt.tenancy.server import Server

STORE = """query($code: String) { store(code: $code) { customers(first: 50) {
  edges { cursor node { id customerNo name type consentSurvey } } } } }"""
HQ = "{ group { stores(first: 50) { edges { node { code repairOrders(first: 100) { edges { node { id roNo type } } } } } } } }"
HQ_CONNECTIONS = 4


@dataclass
class Seen:
    """What a client saw."""

    seconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Client:
    """Asks the same again and again."""

    port: int
    token: str
    body: bytes
    polite: bool = True

    async def run(self, until: float, seen: Seen) -> None:
        """One connection, to a moment of the event loop's clock."""
        loop = asyncio.get_running_loop()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        head = f"POST /graphql HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {self.token}\r\n"
        head += f"content-type: application/json\r\ncontent-length: {len(self.body)}\r\n\r\n"
        try:
            while loop.time() < until:
                began = time.perf_counter()
                writer.write(head.encode() + self.body)
                status, headers = _head(await reader.readuntil(b"\r\n\r\n"))
                await reader.readexactly(int(headers["content-length"]))
                seen.seconds.append(time.perf_counter() - began)
                seen.statuses[status] = seen.statuses.get(status, 0) + 1
                if status == 429 and self.polite:
                    await asyncio.sleep(min(float(headers["retry-after"]), max(0.0, until - loop.time())))
        finally:
            writer.close()


def _head(raw: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = raw.decode("latin-1").strip().split("\r\n")
    return int(first.split(" ")[1]), {name.lower(): value for name, _, value in (one.partition(": ") for one in lines)}


async def slice_of(store: Client, hq: Client | None, seconds: float) -> tuple[Seen, Seen]:
    """One slice; what the store saw, and HQ."""
    until = asyncio.get_running_loop().time() + seconds
    mine, theirs = Seen(), Seen()
    others = [] if hq is None else [hq.run(until, theirs) for _ in range(HQ_CONNECTIONS)]
    await asyncio.gather(store.run(until, mine), *others)
    return mine, theirs


def measure(server: Server, world: World, running_: Running, rounds: int, seconds: float) -> None:
    """Print both ways of HQ to behave."""
    stores = [UUID(store.id) for store in world.stores]
    run_id = time.time_ns()

    def token(name: str, chosen: list[UUID]) -> str:
        return asyncio.run(new_account(server, world.settings, world.group, chosen, name=f"{name}{run_id}"))[1]

    body = json.dumps({"query": STORE, "variables": {"code": world.stores[-1].code}}).encode()
    store = Client(running_.port, token("store", stores[-1:]), body)
    asyncio.run(slice_of(store, None, 2.0))
    for polite in (True, False):
        alone, beside, got = Seen(), Seen(), Seen()
        for number in range(rounds):
            hq = Client(
                running_.port, token(f"hq{polite}{number}".lower(), stores), json.dumps({"query": HQ}).encode(), polite
            )
            alone.seconds += asyncio.run(slice_of(store, None, seconds / 2))[0].seconds
            mine, theirs = asyncio.run(slice_of(store, hq, seconds))
            beside.seconds += mine.seconds
            for status, count in theirs.statuses.items():
                got.statuses[status] = got.statuses.get(status, 0) + count
        print(f"HQ {'waits as it is told' if polite else 'asks again at once'}: it got {got.statuses}")
        for name, part in (("p50", 50), ("p90", 90), ("p95", 95), ("p99", 99)):
            one, two = (statistics.quantiles(seen.seconds, n=100)[part - 1] * 1_000 for seen in (alone, beside))
            print(f"  {name}: {one:7.2f} ms alone, {two:7.2f} ms beside HQ: {two / one:.2f} times", flush=True)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--stores", type=int, default=60)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    end_in_order()
    try:
        with (
            opened(given.keep, stores=given.stores, scale=0.3) as (server, world),
            tempfile.TemporaryDirectory(prefix="fc-bench-") as folder,
            running(world, server, ["metered"], Path(folder)) as servers,
        ):
            measure(server, world, servers["metered"], given.rounds, given.seconds)
    except Missing as missing:
        sys.exit(str(missing))


if __name__ == "__main__":
    main()

"""The server's memory under a million mixed requests: it must be flat after the warm-up.

    python -m bench.reads.memory [--requests 1000000] [--stores 200] [--keep FOLDER]

The real server in a process of its own, as in `bench.reads`, over many stores. Of a hundred requests about 80 are small forms of
Q1 to Q4, 5 file a complaint, 5 read several stores, 7 are refused (no token, no such store, a document that is not valid, is
no GraphQL, has a bad cursor or a page too large), and 3 bring a document that nobody sent before.

Resident memory of the server is read between slices of load. Printed: the samples, and how fast it grows after the first third
(least squares). Flat means: a million requests more would add less than a tenth.
"""

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import linear_regression

from bench.reads.load import Load, postmaster, require_wrk, wrk
from bench.reads.queries import CASES, CUSTOMER_ABOVE, NEW_NUMBER, ORDER, Call, Case
from bench.reads.requests import Request, request_of
from bench.reads.servers import Missing, end_in_order, running
from bench.reads.world import BenchStore, World, opened

SLICE_SECONDS = 5
#: requests that are made anew of each kind, over as many stores
KINDS = 40
FLAT = 0.1


def mixed(world: World) -> list[Request]:
    """The requests of one turn, in an order that is the same every time."""
    cases = {case.name: case for case in CASES}
    dice = random.Random(7)
    found = [*_cases(world, cases["Q1"], 16 * KINDS), *_cases(world, cases["Q5"], 5 * KINDS)]
    for n in range(100 * KINDS - len(found)):
        store = dice.choice(world.stores)
        kind = n % 79
        if kind < 64:
            found.append(_small(world, store, kind))
        elif kind < 69:
            found.append(
                _sent(
                    world,
                    "{ group { stores(first: 5) { edges { node { code customers(first: 2) { totalCount } } } } } }",
                )
            )
        elif kind < 76:
            found.append(_refused(world, store, kind - 69))
        else:
            rows = f"repairOrders(first: {n % 9}) {{ edges {{ node {{ {ORDER} }} }} }}"
            text = f'{{ store(code: "{store.code}") {{ r{NEW_NUMBER}: {rows} }} }}'
            found.append(_sent(world, text))
    dice.shuffle(found)
    return found


def _cases(world: World, case: Case, count: int) -> list[Request]:
    calls: Sequence[Call] = case.calls(world)
    return [request_of("forecourt", case, calls[n % len(calls)], world) for n in range(count)]


def _small(world: World, store: BenchStore, kind: int) -> Request:
    """A small form of Q2, Q3 or Q4, in one of some variants."""
    fields = " ".join(ORDER.split()[: 4 + kind % 5])
    orders = "vehicles(first: 2) { edges { node { id vin repairOrders(last: 1) { edges { node { id roNo } } } } } }"
    lists = [
        f"repairOrders(first: 20) {{ edges {{ node {{ {fields} }} }} }}",
        f"""customers(first: 5, filter: {{customerNo: {{eq: $name}}}}) {{
            totalCount edges {{ cursor node {{ {CUSTOMER_ABOVE} }} }} }}""",
        f"customers(first: {3 + kind % 3}) {{ edges {{ node {{ id name {orders} }} }} }}",
        f"customers(last: 5) {{ edges {{ cursor node {{ {CUSTOMER_ABOVE} }} }} }}",
    ]
    chosen = lists[kind % len(lists)]
    name = ", $name: String!" if "$name" in chosen else ""
    text = f"query($code: String{name}) {{ store(code: $code) {{ {chosen} }} }}"
    return _sent(world, text, {"code": store.code, **({"name": f"C{kind}"} if name else {})})


def _refused(world: World, store: BenchStore, kind: int) -> Request:
    """A request that ends in an error."""
    texts = [
        '{ store(code: "nowhere") { customers(first: 1) { totalCount } } }',
        '{ store(code: "nowhere") { nothing } }',
        "{ store(code: ",
        f'{{ store(code: "{store.code}") {{ customers(first: 2, after: "bad") {{ totalCount }} }} }}',
        f'{{ store(code: "{store.code}") {{ customers(first: 99999) {{ totalCount edges {{ node {{ id }} }} }} }} }}',
        '{ node(id: "no id") { id } }',
        "{ viewer { name } }",
    ]
    request = _sent(world, texts[kind])
    if kind == len(texts) - 1:
        return Request(request.path, {"content-type": "application/json"}, request.body)
    return request


def _sent(world: World, query: str, variables: dict[str, object] | None = None) -> Request:
    headers = {"content-type": "application/json", "authorization": f"Bearer {world.token}"}
    text = " ".join(query.split())
    return Request("/graphql", headers, json.dumps({"query": text, "variables": variables or {}}))


def resident(pid: int) -> float:
    """Resident memory of a process in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1e3
    raise RuntimeError(f"process {pid} has ended")


def slope(samples: Sequence[tuple[int, float]]) -> float:
    """MB per million requests, after the first third of the requests."""
    last = samples[-1][0]
    counted = [sample for sample in samples if sample[0] >= last / 3]
    if len(counted) < 2:
        return 0.0
    return linear_regression([at for at, _ in counted], [size for _, size in counted]).slope * 1e6


def measure(world: World, pid: int, port: int, load: Load, most: int) -> list[tuple[int, float]]:
    """Samples of (requests so far, MB), printed as they come."""
    requests = mixed(world)
    samples, total, number = [(0, resident(pid))], 0, 0
    while total < most:
        script = load.script(requests, number * 997 % len(requests))
        found = wrk(port, script, SLICE_SECONDS)
        total, number = total + int(found["requests"]), number + 1
        samples.append((total, resident(pid)))
        refused = found["failed"] / max(found["requests"], 1)
        print(f"{total:>10,} requests {samples[-1][1]:8.1f} MB   {refused:.1%} not 2xx", flush=True)
    return samples


def main() -> None:
    """Measure and print; ends with 1 when memory grows."""
    parser = argparse.ArgumentParser("python -m bench.reads.memory", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--stores", type=int, default=200)
    parser.add_argument("--scale", type=float, default=0.2, help="size of every store, where the data are made")
    parser.add_argument("--keep", type=Path, help="folder where the data stay for the next run")
    given = parser.parse_args()
    end_in_order()
    try:
        require_wrk()
    except Missing as missing:
        sys.exit(str(missing))
    with (
        tempfile.TemporaryDirectory(prefix="fc-bench-memory-") as folder,
        opened(given.keep, stores=given.stores, scale=given.scale) as (server, world),
        running(world, server, ["forecourt"], Path(folder)) as servers,
    ):
        ours = servers["forecourt"]
        samples = measure(world, ours.pid, ours.port, Load(Path(folder), postmaster(server)), given.requests)
    grows, size = slope(samples), samples[-1][1]
    flat = grows < FLAT * size
    print(
        f"after the first third {grows:+.1f} MB per million requests, of {size:.0f} MB: {'flat' if flat else 'GROWS'}"
    )
    sys.exit(not flat)


if __name__ == "__main__":
    main()

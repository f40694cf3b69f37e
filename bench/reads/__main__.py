"""What a query costs, against other ways to answer it: the same answers, on one machine, in turns.

    python -m bench.reads [--rounds 5] [--seconds 4] [--queries Q1,Q2] [--ways forecourt,a] [--keep FOLDER] [--out FILE]

Needs wrk, and for PostGraphile (e) `npm ci --prefix bench/reads/postgraphile` once. `--out FILE` writes FILE.json and FILE.md.

Measured: requests per second, p50 and p99 with 16 connections, milliseconds of CPU per request of the server's whole process
tree and of PostgreSQL's. How:

1. One group of 200 stores on a server of its own (`world.py`); each request names another store. `--keep` keeps the data.
2. Every way has one process (`servers.py`). Forecourt is the application as `forecourt api` serves it: a person's token,
   permissions, telemetry without a collector, its log written to a file.
3. Every way has to give the same answers first (`check.py`, which says what is compared of PostGraphile's).
4. Query by query: each way is warmed for twice a slice, then the ways take turns, `--rounds` times, in alternating order, so
   that whatever else the machine does falls on all of them alike. All ways of a round begin with the same request.

Medians over the rounds are printed with the ratios that the targets name (`report.py`). The whole takes about
2 + queries x ways x (rounds + 2) x seconds, some 25 minutes.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bench.reads.check import compare
from bench.reads.load import CONNECTIONS, Figures, Load, postmaster, require_wrk
from bench.reads.queries import CASES, Case
from bench.reads.report import Measured, markdown, ratios
from bench.reads.requests import answers, request_of
from bench.reads.servers import WAYS, Missing, Running, Way, end_in_order, node, running
from bench.reads.world import World, opened
from forecourt.tenancy.server import Server


def main() -> None:
    """Measure, print, write."""
    given = _arguments()
    end_in_order()
    ways = _chosen(WAYS, given.ways)
    cases = [case for case in CASES if not given.queries or case.name.partition("/")[0] in given.queries.split(",")]
    try:
        require_wrk()
        if any(way.name == "e" for way in ways):
            node()
    except Missing as missing:
        sys.exit(str(missing))
    measured: dict[str, dict[str, list[Figures]]] = {}
    try:
        with opened(given.keep, stores=given.stores, scale=given.scale) as (server, world):
            measure(server, world, cases, ways, measured, rounds=given.rounds, seconds=given.seconds)
    finally:  # what was measured before something failed is not lost
        if measured:
            _publish(given, measured, cases, ways)


def measure(
    server: Server,
    world: World,
    cases: list[Case],
    ways: list[Way],
    into: dict[str, dict[str, list[Figures]]],
    *,
    rounds: int,
    seconds: float,
) -> None:
    """Put every figure of every round into `into`, by query and way."""
    with tempfile.TemporaryDirectory(prefix="fc-bench-load-") as folder:
        load = Load(Path(folder), postmaster(server))
        with running(world, server, [way.process for way in ways], Path(folder)) as servers:
            sizes = compare(world, cases, ways, servers)
            print(f"{len(cases)} queries, the same answers from {', '.join(way.name for way in ways)}", flush=True)
            for case in cases:
                into[case.name] = _in_turns(load, world, case, ways, servers, sizes[case.name], rounds, seconds)


def _publish(given: argparse.Namespace, measured: Measured, cases: list[Case], ways: list[Way]) -> None:
    about = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "load": f"{CONNECTIONS} connections, {given.rounds} rounds of {given.seconds:g} s, stores in turn",
    }
    text = markdown(measured, cases, ways, about)
    print("\n" + text)
    if given.out is not None:
        given.out.with_suffix(".md").write_text(text)
        given.out.with_suffix(".json").write_text(json.dumps(_plain(measured, about), indent=1))


def _in_turns(
    load: Load,
    world: World,
    case: Case,
    ways: list[Way],
    servers: Mapping[str, Running],
    sizes: Mapping[str, float],
    rounds: int,
    seconds: float,
) -> dict[str, list[Figures]]:
    calls = case.calls(world)
    taking = [way for way in ways if answers(way.name, case)]
    sent = {way.name: [request_of(way.name, case, call, world) for call in calls] for way in taking}
    found: dict[str, list[Figures]] = {way.name: [] for way in taking}

    def slice_of(way: Way, number: int, length: float, size: float) -> Figures:
        to = servers[way.process]
        start = number * 37  # another part of the stores in each round, the same for all ways
        return load.run(to.port, to.pid, sent[way.name], seconds=length, start=start, size=size)

    for way in taking:
        slice_of(way, 0, 2 * seconds, 0.0)
    for number in range(rounds):
        for way in taking if number % 2 == 0 else reversed(taking):
            found[way.name].append(slice_of(way, number, seconds, sizes[way.name]))
            print(f"{case.name:7} {way.name:9} {_shown(found[way.name][-1])}", flush=True)
    return found


def _shown(one: Figures) -> str:
    return f"{one.per_second:8.0f} /s  p99 {one.p99:8.2f} ms  CPU {one.server_cpu:8.3f} + {one.postgres_cpu:7.3f} ms"


def _chosen(ways: list[Way], names: str) -> list[Way]:
    wanted = names.split(",")
    return [way for way in ways if way.name == "forecourt" or way.name in wanted]


def _plain(measured: Measured, about: Mapping[str, str]) -> dict[str, object]:
    rounds = {case: {way: [one.plain() for one in found] for way, found in by.items()} for case, by in measured.items()}
    judged = [
        {"what": one.what, "query": one.case, "value": one.value, "target": one.target, "verdict": one.verdict}
        for one in ratios(measured)
    ]
    return {"about": dict(about), "rounds": rounds, "ratios": judged}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m bench.reads", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="of one slice of load")
    parser.add_argument("--queries", default="", help="such as Q1,Q6; default all")
    parser.add_argument("--ways", default=",".join(way.name for way in WAYS), help="beside forecourt")
    parser.add_argument("--stores", type=int, default=200)
    parser.add_argument("--scale", type=float, default=1.0, help="size of every store, where the data are made")
    parser.add_argument("--keep", type=Path, help="folder where the data stay for the next run")
    parser.add_argument("--out", type=Path, help="file to write, without its ending")
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""Idle subscriptions on one process: memory of each, and how long an event takes to all of them.

    python -m bench.live [--sockets 2000] [--accounts 200]

The real server in a process of its own, as in `bench.reads`; the sockets are opened from this process, each with one
`storeChanges` over one of four stores. Printed: the server's resident memory for each socket that was opened, its processor
time while nothing happens, from the commit of a complaint to its arrival at the first and the last follower of its store, and
how long an ordinary request takes meanwhile, and otherwise.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from bench.reads.memory import resident
from bench.reads.servers import end_in_order, running
from bench.reads.world import World, opened
from forecourt.auth.accounts import add_membership, create_account
from forecourt.auth.actor import Actor
from forecourt.auth.tokens import issue_token
from forecourt.composition import open_platform
from forecourt.domain.complaints.actions import file_complaint
from forecourt.domain.work import Platform, open_group_work, open_work
from forecourt.graphql import ids
from forecourt.tenancy.server import Server
from forecourt.tenancy.session import ResolvedStore, control_session, resolve_group, stores_of

FOLLOW = """subscription($store: ID!) { storeChanges(storeId: $store) {
  change { cursor event node { ... on Complaint { id status } } } } }"""
EVENTS = 20
IDLE_SECONDS = 20


async def tokens(platform: Platform, world: World, count: int) -> list[str]:
    """Tokens of so many people, each at every store."""
    actor = Actor.for_system("bench", world.group)
    async with control_session(platform.engines) as session:
        group = await resolve_group(session, world.group)
    found = []
    async with open_group_work(platform, group, actor) as work:
        stores = await stores_of(work.session, group.id)
        for number in range(count):
            account = await create_account(work.session, actor, name=f"live{number}", display_name="x", language="en")
            for store in stores:
                await add_membership(work.session, actor, account, role="CS_AGENT", store_id=store.id)
            found.append((await issue_token(work.session, actor, account, label="bench")).clear)
    return found


async def follower(port: int, token: str, store: str) -> ClientConnection:
    """A socket with one subscription."""
    url = f"ws://127.0.0.1:{port}/graphql"
    made = await connect(url, subprotocols=[Subprotocol("graphql-transport-ws")], compression=None, ping_interval=None)
    await made.send(json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}))
    await made.recv()
    payload = {"query": FOLLOW, "variables": {"store": store}}
    await made.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
    return made


def processor(pid: int) -> float:
    """Seconds of processor time that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def asked(port: int, token: str, store: str) -> float:
    """Seconds that an ordinary request takes."""
    query = "query($id: ID!) { store(id: $id) { customers(first: 2) { edges { node { id } } } } }"
    body = json.dumps({"query": query, "variables": {"id": store}}).encode()
    head = f"POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.perf_counter()
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    answer = await reader.readuntil(b"}}")
    took = time.perf_counter() - began
    writer.close()
    if b"200 OK" not in answer or b'"edges"' not in answer:
        raise RuntimeError(answer.decode())
    return took


async def filed(platform: Platform, store: ResolvedStore) -> float:
    """File a complaint; the moment after its commit."""
    async with open_work(platform, store, Actor.for_system("bench", store.group_id)) as work:
        await file_complaint(work, record="COMPLAINT", area="SALES", kind="SERVICE", received_at=work.now, text="x")
    return time.perf_counter()


async def measure(server: Server, world: World, pid: int, port: int, given: argparse.Namespace) -> None:
    """Open, wait, write."""
    async with open_platform(server, world.settings, application="forecourt bench") as platform:
        known = await tokens(platform, world, given.accounts)
        async with control_session(platform.engines) as session:
            stores = await stores_of(session, world.group)
        first = await follower(port, known[0], ids.store_id(stores[0].id))
        await asyncio.sleep(2)
        before = resident(pid)
        sockets = [first]
        while len(sockets) <= given.sockets:
            number = len(sockets)
            batch = [
                follower(port, known[at % len(known)], ids.store_id(stores[at % len(stores)].id))
                for at in range(number, min(number + 50, given.sockets + 1))
            ]
            sockets += await asyncio.gather(*batch)
        await asyncio.sleep(3)
        after = resident(pid)
        print(f"{given.sockets:,} idle subscriptions: {before:.0f} MB before, {after:.0f} MB with them, ", end="")
        print(f"{(after - before) * 1e3 / given.sockets:.1f} kB each")
        began = processor(pid)
        await asyncio.sleep(IDLE_SECONDS)
        print(f"idle: {(processor(pid) - began) / IDLE_SECONDS:.1%} of a processor")
        watching = [one for at, one in enumerate(sockets) if at % len(stores) == 0]
        firsts, lasts, others = [], [], []
        alone = [await asked(port, known[0], ids.store_id(stores[1].id)) for _ in range(EVENTS)]
        for _ in range(EVENTS):
            arrivals: list[float] = []

            async def arrive(one: ClientConnection, into: list[float] = arrivals) -> Any:
                await one.recv()
                into.append(time.perf_counter())

            waiting = asyncio.gather(*(arrive(one) for one in watching))
            committed = await filed(platform, stores[0])
            while not waiting.done():
                others.append(await asked(port, known[0], ids.store_id(stores[1].id)))
            await waiting
            firsts.append(min(arrivals) - committed)
            lasts.append(max(arrivals) - committed)
            await asyncio.sleep(0.2)
        print(f"an event to {len(watching)} followers of its store, after its commit, median of {EVENTS}: ", end="")
        print(f"first {statistics.median(firsts) * 1e3:.0f} ms, last {statistics.median(lasts) * 1e3:.0f} ms")
        slowest = sorted(others)[int(len(others) * 0.99)]
        print(
            f"an ordinary request meanwhile: median {statistics.median(others) * 1e3:.0f} ms, 99 of 100 within ", end=""
        )
        print(f"{slowest * 1e3:.0f} ms; otherwise {statistics.median(alone) * 1e3:.0f} ms")
        await asyncio.gather(*(one.close() for one in sockets))
        await asyncio.sleep(3)
        print(f"after all have left: {resident(pid):.0f} MB")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser("python -m bench.live", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sockets", type=int, default=2_000)
    parser.add_argument("--accounts", type=int, default=200)
    given = parser.parse_args()
    end_in_order()
    with (
        tempfile.TemporaryDirectory(prefix="fc-bench-live-") as folder,
        opened(None, stores=4, scale=0.01) as (server, world),
        running(world, server, ["forecourt"], Path(folder)) as servers,
    ):
        ours = servers["forecourt"]
        asyncio.run(measure(server, world, ours.pid, ours.port, given))


if __name__ == "__main__":
    main()

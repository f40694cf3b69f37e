"""What it costs writers to tell followers: units of work a second with fsync, by how their events are told.

    python -m bench.live.notify [--rounds 8] [--seconds 2] [--writers 16]

Ways: `silent` tells nobody, `unwatched` is the product where nobody follows, `watched` where all stores are followed, `always`
says NOTIFY at every commit. Each unit writes one event and one row of the audit in one of eight stores. The ways take turns.
"""

import argparse
import asyncio
import shutil
import statistics
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from unittest.mock import patch

from sqlalchemy import Text, bindparam, func, insert

from forecourt.auth.actor import Actor
from forecourt.domain import tables
from forecourt.domain import work as work_module
from forecourt.domain.feed import ChangeEvent
from forecourt.domain.work import Platform, open_work
from forecourt.settings import Settings
from forecourt.tenancy import embedded
from forecourt.tenancy.bootstrap import bootstrap
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.fixed import Fixed, of_row
from forecourt.tenancy.following import feed_of
from forecourt.tenancy.ids import new_id
from forecourt.tenancy.migrate import migrate
from forecourt.tenancy.names import CONTROL
from forecourt.tenancy.notices import Listener
from forecourt.tenancy.provision import NewStore, create_group, create_store, owner_connection
from forecourt.tenancy.server import Server, open_server
from forecourt.tenancy.session import ResolvedStore, control_session, resolve_store

assert tables.MODULES
WAYS = ("silent", "unwatched", "watched", "always")
STORES = 8


def told(way: str) -> Fixed:
    """The statement of an event."""
    table = ChangeEvent.__table__
    statement = insert(table).values(of_row(table, "xid"))  # type: ignore[arg-type]
    if way == "always":
        return Fixed(statement.returning(func.pg_notify(bindparam("channel", type_=Text), "")))
    return Fixed(statement)


async def turn(platform: Platform, stores: list[ResolvedStore], writers: int, seconds: float) -> float:
    """Units of work a second."""
    until, done = time.perf_counter() + seconds, 0

    async def write(number: int) -> None:
        nonlocal done
        store = stores[number % len(stores)]
        while time.perf_counter() < until:
            async with open_work(platform, store, Actor.for_system("bench", store.group_id)) as work:
                work.emit("VehicleSeen", "Vehicle", new_id())
                work.audit("bench.act", "Vehicle", new_id(), after={"state": "DONE"})
            done += 1

    await asyncio.gather(*(write(number) for number in range(writers)))
    return done / seconds


async def measure(server: Server, settings: Settings, given: argparse.Namespace) -> None:
    """All ways in turn."""
    with owner_connection(server) as connection:
        group = create_group(connection, server.secrets, code="BENCH", name="Bench", time_zone="Asia/Shanghai")
        made = [create_store(connection, group, NewStore(f"S{n}", "x", "HX", "UTC")) for n in range(STORES)]
    engines, found = Engines(server, settings), {way: list[float]() for way in WAYS}
    listener = Listener(server.conninfo(CONTROL))
    hearing = asyncio.ensure_future(listener.run())
    try:
        async with control_session(engines) as session:
            stores = [await resolve_store(session, group, one) for one in made]
        platform = Platform(engines)
        for number in range(given.rounds + 1):
            for way in WAYS:
                with ExitStack() as stack:
                    if way in ("silent", "always"):
                        statement = told(way)
                        stack.enter_context(patch.object(work_module, "_told_event", lambda made=statement: made))
                    if way == "watched":
                        for store in stores:
                            channel, watch = feed_of(store.id)
                            listener.add(channel, lambda: None, watch=watch)
                            stack.callback(listener.remove, channel)
                        await asyncio.sleep(0.3)
                    speed = await turn(platform, stores, given.writers, given.seconds)
                await asyncio.sleep(0.3)
                if number:  # the first round warms up
                    found[way].append(speed)
    finally:
        hearing.cancel()
        with suppress(asyncio.CancelledError):
            await hearing
        await engines.aclose()
    for way, speeds in found.items():
        print(f"{way:10} {statistics.median(speeds):8.0f} units a second  ({min(speeds):.0f} to {max(speeds):.0f})")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser("python -m bench.live.notify", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--writers", type=int, default=16)
    given = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="fc-bench-"))
    home.chmod(0o755)
    settings = Settings(home=home, pool_size=given.writers)
    try:
        server = open_server(settings)
        bootstrap(server)
        migrate(server)
        asyncio.run(measure(server, settings, given))
    finally:
        embedded.destroy(home)
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()

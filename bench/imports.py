"""Time and memory of importing one store: ``python bench/imports.py [ROWS ...]``, default 30000 and 1000000.

Starts a throw-away server, generates an export of about so many rows in the proportions of a real store (most are labour
and part lines), imports it, imports it again unchanged, evaluates a month, and prints a table. RSS is that of this
process, the worker's; the highest of each step above the level before the first import.
"""

import asyncio
import resource
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from forecourt.auth.actor import Actor
from forecourt.domain import tables as _tables  # noqa: F401  (declares every table)
from forecourt.domain.evaluation import actions as evaluation
from forecourt.domain.evaluation.schemes import install_seed_schemes
from forecourt.domain.interchange import actions
from forecourt.domain.interchange.folder import open_store
from forecourt.domain.interchange.format import FILES
from forecourt.domain.work import Platform, open_group_work, open_work
from forecourt.settings import Settings
from forecourt.tenancy import embedded
from forecourt.tenancy.bootstrap import bootstrap
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.migrate import migrate
from forecourt.tenancy.provision import NewStore, create_group, create_store, owner_connection
from forecourt.tenancy.server import open_server
from forecourt.tenancy.session import control_session, resolve_group, resolve_store

EXPORTED_AT = datetime(2026, 11, 21, 22, 0, tzinfo=UTC)
FIRST = datetime(2020, 1, 1, 1, 0, tzinfo=UTC)
STAFF = 40


def vin(number: int) -> str:
    """A well-formed number; its check digit is whatever it is."""
    return f"LSVAA00B1{number:08d}"


def time_of(number: int, orders: int, *, hours: int = 0) -> str:
    """Moments spread over the years before the export."""
    span = (EXPORTED_AT - FIRST - timedelta(days=60)) / orders
    return (FIRST + span * number + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def lines(file: str, rows: int) -> Iterator[dict[str, object]]:
    """The rows of one file for an export of about `rows` in all."""
    repairs = max(rows // 10, 10)
    sales = repairs // 4
    match file:
        case "teams.csv":
            yield {"team_code": "S1", "team_name": "销售一组", "department": "SALES"}
        case "employees.csv":
            for at in range(STAFF):
                yield {"employee_no": f"E{at}", "name": f"员工{at}", "status": "CONFIRMED", "hired_on": "2019-01-01"}
        case "positions.csv":
            for at in range(STAFF):
                role = "SALES_CONSULTANT" if at < 20 else "TECHNICIAN"
                yield {"employee_no": f"E{at}", "role": role, "team_code": "S1", "valid_from": "2019-01-01"}
        case "customers.csv":
            for at in range(repairs):
                phone = f"138{at:08d}"
                yield {"customer_no": f"C{at}", "type": "PERSON", "name": f"客户{at}", "phone": phone}
        case "vehicles.csv":
            for at in range(repairs):
                yield {"vin": vin(at), "customer_no": f"C{at}", "plate": f"沪A{at:06d}"}
        case "sales_orders.csv":
            for at in range(sales):
                moment = {name: time_of(at, sales) for name in ("signed_at", "invoiced_at", "delivered_at")}
                who = {"customer_no": f"C{at}", "vin": vin(at), "consultant_no": f"E{at % 20}"}
                yield {"order_no": f"O{at}", "form_complete": "true", **who, **moment}
        case "repair_orders.csv":
            for at in range(repairs):
                moment = {"opened_at": time_of(at, repairs), "handed_over_at": time_of(at, repairs, hours=20)}
                who = {"customer_no": f"C{at}", "vin": vin(at), "advisor_no": f"E{at % 20}"}
                again = {"rework_of": f"R{at - 1}"} if at % 50 == 49 else {}
                yield {
                    "ro_no": f"R{at}",
                    "type": "REPAIR",
                    "invoiced_at": moment["handed_over_at"],
                    **who,
                    **moment,
                    **again,
                }
        case "labour_lines.csv" | "part_lines.csv":
            for at in range(rows * 3 // 10):
                ro, money = at % repairs, {"amount": f"{at % 900}.50", "cost": f"{at % 300}.25"}
                key = {"ro_no": f"R{ro}", "line_no": 1 + at // repairs}
                if file == "part_lines.csv":
                    yield {**key, "part_no": f"P{at % 5000}", "quantity": 1, "needed_at": time_of(ro, repairs), **money}
                else:
                    day, hours = time_of(ro, repairs)[:10], {"hours_worked": "1.5", "hours_sold": "2"}
                    yield {**key, "technician_no": f"E{20 + at % 20}", "work_date": day, **hours, **money}
        case "surveys.csv":
            for at in range(sales):
                sent = {"sent_at": time_of(at, sales, hours=700), "channel": "SMS", "mode": "SMS", "q_overall": 5}
                answer = {"submitted_at": time_of(at, sales, hours=710)}
                yield {"survey_no": f"Q{at}", "template": "T1", "order_no": f"O{at}", **sent, **answer}
        case "calls.csv":
            for at in range(sales):
                made = {"started_at": time_of(at, sales, hours=1), "connected": "true", "caller_no": "E1"}
                yield {"call_no": f"K{at}", "kind": "DELIVERY_CALL", "order_no": f"O{at}", **made}
        case _:
            return


def generate(folder: Path, rows: int) -> int:
    """Write an export; returns how many rows it has."""
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    for name, spec in FILES.items():
        if name in ("group.csv", "stores.csv"):
            continue
        columns = [column.name for column in spec.columns]
        with (folder / name).open("w", encoding="utf-8") as stream:
            stream.write(",".join(columns) + "\n")
            for line in lines(name, rows):
                stream.write(",".join(str(line.get(column, "")) for column in columns) + "\n")
                written += 1
    return written


def resident() -> float:
    """Present RSS in MB."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


class Watch:
    """The highest RSS while something runs."""

    def __init__(self) -> None:
        self.peak = resident()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        while not self._stop.wait(0.05):
            self.peak = max(self.peak, resident())

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that the server's user can enter."""
    folder = Path(tempfile.mkdtemp(prefix="fc-bench-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        embedded.destroy(folder)
        shutil.rmtree(folder, ignore_errors=True)


async def measured(name: str, step: Awaitable[Any], base: float) -> Any:
    """Run a step and print its line."""
    started = time.perf_counter()
    with Watch() as watch:
        result = await step
    print(f"  {name:<22}{time.perf_counter() - started:9.1f} s{watch.peak - base:9.0f} MB", flush=True)
    return result


async def run(home: Path, sizes: list[int]) -> None:
    """Import each size into a store of its own."""
    settings = Settings(home=home)
    server = open_server(settings, throwaway=True)
    bootstrap(server)
    migrate(server)
    engines = Engines(server, settings)
    platform = Platform(engines)
    zone = "Asia/Shanghai"
    with owner_connection(server) as connection:
        group_id = create_group(connection, server.secrets, code="BENCH", name="Bench", time_zone=zone)
        ids = [create_store(connection, group_id, NewStore(f"S{size}", "Bench", "HX", zone)) for size in sizes]
    system = Actor.for_system("bench", group_id)
    async with control_session(engines) as session:
        group = await resolve_group(session, group_id)
        stores = [await resolve_store(session, group_id, store_id) for store_id in ids]
    async with open_group_work(platform, group, system) as work:
        await install_seed_schemes(work)
    for size, store in zip(sizes, stores, strict=True):
        rows = await asyncio.to_thread(generate, home / "export" / store.code, size)
        files = open_store(home / "export", store.code)
        assert files is not None
        base = resident()
        print(f"{rows:,} rows{'':<10}{'time':>14}{'RSS above':>12}", flush=True)
        for turn in ("", " again"):

            async def receive() -> Any:
                async with open_work(platform, store, system) as work:  # noqa: B023  (awaited in this turn)
                    return await actions.receive_batch(work, files, exported_at=EXPORTED_AT)  # noqa: B023

            batch_id = await measured("receive" + turn, receive(), base)

            async def merge() -> Any:
                async with open_work(platform, store, system) as work:  # noqa: B023  (awaited in this turn)
                    return await actions.import_batch(work, batch_id)  # noqa: B023

            report = await measured("import" + turn, merge(), base)
            assert report.error_count == 0, report.errors[:3]

        async def close() -> Any:
            async with open_work(platform, store, system) as work:  # noqa: B023  (awaited in this turn)
                return await evaluation.evaluate_month(work, "2026-09")

        await measured("evaluate 2026-09", close(), base)
    await engines.aclose()


if __name__ == "__main__":
    with scratch() as folder:
        asyncio.run(run(folder, [int(size) for size in sys.argv[1:]] or [30_000, 1_000_000]))

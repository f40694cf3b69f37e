"""`forecourt up` and its parts: API, worker, scheduler; and the database's set-up."""

import signal
import subprocess
import time
from collections.abc import Callable
from typing import Annotated

import httpx2
import typer
from rich.progress import Progress

from ..composition import (
    check_start,
    open_platform,
    prepare,
    register_jobs,
    running_server,
    without_owner,
    worker_broker,
)
from ..domain.work import Platform
from ..errors import Unavailable
from ..jobs import idempotency, oauth
from ..outgoing import Outgoing
from ..settings import Settings, settings
from ..telemetry import configure
from ..tenancy.bootstrap import bootstrap, require_hardening
from ..tenancy.engines import Engines
from ..tenancy.migrate import migrate
from ..tenancy.server import Server, open_server
from ..worker import run_worker
from .common import command, console, run
from .workers import child, stop

database = typer.Typer(help="Set up the database, and bring it to the newest version.", no_args_is_help=True)

READY_SECONDS = 60


@database.command("bootstrap")
@command
def db_bootstrap() -> None:
    """Once per server, as its superuser: make roles and database, and forbid what no tenant may do.

    The superuser stands in FORECOURT_DATABASE_URL for this command only. Running it again changes nothing.
    """
    chosen = settings()
    with running_server(chosen) as server:
        found = bootstrap(server)
        for problem in found:
            console.print(f"[yellow]not forbidden[/yellow] {problem}")
        require_hardening(found, chosen.hardening)
    console.print("The database is set up.")


@database.command("migrate")
@command
def db_migrate(
    workers: Annotated[int | None, typer.Option(help="Stores migrated at once. Default: one per core.")] = None,
) -> None:
    """Bring the control schema and every store to the newest version. Stopped in the middle? Run it again."""
    chosen = settings()
    with running_server(chosen) as server, Progress(console=console) as progress:
        if server.own is not None:  # ours: nobody else could have set it up
            require_hardening(bootstrap(server), chosen.hardening)
        task = progress.add_task("migrating stores", total=None)

        def show(done: int, total: int, code: str, error: str | None) -> None:
            progress.update(task, completed=done, total=total)
            if error:
                console.print(f"[red]store {code}[/red]: {error}")

        outcome = migrate(server, workers=workers, progress=show)
    for revision in outcome.control:
        console.print(f"control schema: applied {revision}")
    console.print(f"{len(outcome.migrated)} stores migrated to {outcome.head}, {len(outcome.failed)} failed")
    if outcome.failed:
        if outcome.untried:
            console.print(f"The first store failed, so {outcome.untried} others were left alone.")
        raise typer.Exit(1)


@command
def api(
    port: Annotated[int | None, typer.Option(help="Port to listen on. Default: FORECOURT_PORT, or 8000.")] = None,
) -> None:
    """Serve the GraphQL API and the web pages (one process; in production run several)."""
    from ..app import serve

    chosen = settings() if port is None else settings().model_copy(update={"port": port})
    configure(chosen, service="api")
    server = without_owner(open_server(chosen))
    check_start(server, chosen)
    serve(server, chosen)


@command
def worker(
    threads: Annotated[int, typer.Option(help="Jobs at once in this process.")] = 4,
) -> None:
    """Do jobs until told to stop (one process; in production run several). Schedules run in any of them."""
    raise typer.Exit(_work(settings(), threads=threads, queues=None))


@command
def scheduler() -> None:
    """Turn due schedules into jobs, and do none (for those who want it apart from the workers)."""
    raise typer.Exit(_work(settings(), threads=1, queues={"none"}))


def _work(chosen: Settings, *, threads: int, queues: set[str] | None) -> int:
    configure(chosen, service="worker")
    server = without_owner(open_server(chosen))
    check_start(server, chosen)
    run(_put_schedules(server, chosen))
    outgoing = Outgoing(allow_loopback=chosen.outgoing_loopback)
    platform = Platform(Engines(server, chosen, application="forecourt worker"), outgoing=outgoing)
    with worker_broker(server, chosen) as (broker, metrics):
        return run_worker(broker, register_jobs(platform), threads=threads, queues=queues, metrics=metrics)


async def _put_schedules(server: Server, chosen: Settings) -> None:
    """The installation's own schedules; those of a group come with the group."""
    async with open_platform(server, chosen, application="forecourt worker") as platform:
        for feature in (oauth, idempotency):
            await feature.put_round(platform)


@command
def up(
    port: Annotated[int | None, typer.Option(help="Port of the API. Default: FORECOURT_PORT, or 8000.")] = None,
    workers: Annotated[int, typer.Option(help="Worker processes.")] = 2,
) -> None:
    """Start everything on this machine and watch over it: PostgreSQL (when embedded), API, workers with scheduler.

    Ctrl-C or SIGTERM stops all of it in order. In production run `api`, `worker` and the database each by themselves.
    """
    chosen = settings()
    with running_server(chosen) as server:
        prepare(server, chosen)
        with_processes(chosen, port=port, workers=workers)


def with_processes(
    chosen: Settings,
    *,
    port: int | None,
    workers: int,
    quiet: bool = False,
    once_ready: Callable[[str], None] | None = None,
) -> None:
    """Run API and workers until a signal, starting again what ends by itself.

    Args:
        quiet: the processes log warnings only (they share the terminal with progress bars).
        once_ready: called with the address when everything serves.
    """
    listening = port if port is not None else chosen.port
    commands = {"api": ("api", "--port", str(listening))} | {f"worker {n + 1}": ("worker",) for n in range(workers)}

    def start(name: str) -> "subprocess.Popen[bytes]":
        return child(*commands[name], settings=chosen, quiet=quiet)

    processes = {name: start(name) for name in commands}
    stopping = False

    def handle(number: int, frame: object) -> None:
        nonlocal stopping
        stopping = True

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        address = f"http://{chosen.host}:{listening}"
        wait_until_ready(address, processes["api"], lambda: stopping)
        if not stopping:
            console.print(f"Forecourt listens on {address}")
            if once_ready is not None:
                once_ready(address)
        began = dict.fromkeys(processes, time.monotonic())
        while not stopping:
            time.sleep(0.2)
            for name, process in processes.items():
                if process.poll() is not None and not stopping:
                    if time.monotonic() - began[name] < 3:
                        raise Unavailable(f"{name} ended at once with code {process.returncode}; see its message above")
                    console.print(f"[yellow]{name} ended with code {process.returncode}; starting it again[/yellow]")
                    processes[name] = start(name)
                    began[name] = time.monotonic()
    finally:
        console.print("stopping…")
        stop(list(processes.values()))
        for number, handler in before.items():
            signal.signal(number, handler)


def wait_until_ready(address: str, api_process: "subprocess.Popen[bytes]", stopping: Callable[[], bool]) -> None:
    """Wait until the API answers /readyz with 200.

    Raises:
        Unavailable: it ended, or did not become ready in time.
    """
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        if stopping():
            return
        if api_process.poll() is not None:
            raise Unavailable(f"the API ended with code {api_process.returncode}; is its port in use?")
        try:
            if httpx2.get(f"{address}/readyz", timeout=2, trust_env=False).status_code == 200:
                return
        except httpx2.HTTPError:
            pass
        time.sleep(0.1)
    raise Unavailable("the API did not become ready")

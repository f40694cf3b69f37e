"""`forecourt jobs …`: what failed for good, and trying it again."""

from typing import Annotated
from uuid import UUID

import typer
from rich.table import Table

from ..composition import running_server
from ..errors import NotFound
from ..settings import Settings, settings
from ..tenancy.engines import Engines
from ..tenancy.queue import DeadJob, list_dead, replay_dead
from ..tenancy.server import Server
from ..tenancy.session import control_session, find_group
from .common import answer, command, console, run

app = typer.Typer(help="Background jobs that failed for good.", no_args_is_help=True)


@app.command("dead")
@command
def dead(
    group: Annotated[str, typer.Option(help="Code of the group.")],
    limit: Annotated[int, typer.Option(min=1, max=200, help="Most to list.")] = 50,
) -> None:
    """List jobs that were given up, newest first."""
    chosen = settings()
    with running_server(chosen) as server:
        found = run(_dead(server, chosen, group, limit))
    table = Table("id", "job", "store", "tries", "died", "error")
    for job in found:
        table.add_row(
            str(job.id),
            job.actor,
            str(job.store_id or ""),
            str(job.attempts),
            f"{job.died_at:%Y-%m-%d %H:%M}",
            job.error,
        )
        answer(str(job.id))
    console.print(table if found else "none")


async def _dead(server: Server, chosen: Settings, group: str, limit: int) -> list[DeadJob]:
    engines = Engines(server, chosen)
    try:
        async with control_session(engines) as session:
            found = await find_group(session, group)
            if found is None:
                raise NotFound(f"no group {group!r}")
            return await list_dead(session, group_id=found.id, limit=limit)
    finally:
        await engines.aclose()


@app.command("replay")
@command
def replay(
    group: Annotated[str, typer.Option(help="Code of the group.")],
    job: Annotated[list[UUID] | None, typer.Option(help="Id of a dead job; repeat for several. Default: all.")] = None,
) -> None:
    """Put dead jobs back into the queue."""
    chosen = settings()
    with running_server(chosen) as server:
        count = run(_replay(server, chosen, group, job))
    console.print(f"{count} jobs put back")


async def _replay(server: Server, chosen: Settings, group: str, jobs: list[UUID] | None) -> int:
    engines = Engines(server, chosen)
    try:
        async with control_session(engines) as session:
            found = await find_group(session, group)
            if found is None:
                raise NotFound(f"no group {group!r}")
            return await replay_dead(session, group_id=found.id, ids=jobs or None)
    finally:
        await engines.aclose()

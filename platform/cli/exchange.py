"""`forecourt import` and `forecourt close-month`: through the queue, with progress, and a report."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from ..auth.actor import Actor
from ..composition import open_platform, prepare, running_server, settle_group
from ..domain.benchmark import actions as benchmark
from ..domain.benchmark import reads as benchmark_reads
from ..domain.evaluation import reads as evaluation_reads
from ..domain.interchange import actions as interchange
from ..domain.interchange import reads as interchange_reads
from ..domain.interchange.folder import open_group, open_store
from ..domain.interchange.group_files import GroupCheck, check_group
from ..domain.work import Platform, open_group_work, open_work
from ..errors import Invalid, NotFound, Unavailable
from ..settings import Settings, settings
from ..tenancy.provision import NewStore, create_group, create_store, owner_connection, provision_store
from ..tenancy.queue import list_dead
from ..tenancy.server import Server
from ..tenancy.session import (
    ResolvedGroup,
    ResolvedStore,
    control_session,
    find_group,
    group_session,
    store_session,
    stores_of,
)
from .common import command, console, run, write_report
from .workers import helping_workers

FORMAT_VERSION = "1"
POLL_SECONDS = 0.2


def progress_bar() -> Progress:
    """A bar on stderr that also reads well in a log."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), console=console
    )


@dataclass
class Imported:
    """What became of a group's folder."""

    group: ResolvedGroup | None
    report: dict[str, Any]
    batches: dict[str, UUID] = field(default_factory=dict)

    @property
    def refused(self) -> list[str]:
        """Stores whose batch was refused."""
        return [code for code, batch in self.report["imports"].items() if batch["result"] == "REFUSED"]


@command
def import_folder(
    folder: Annotated[Path, typer.Argument(help="The export: group.csv, stores.csv and one sub-folder per store.")],
    report: Annotated[Path | None, typer.Option(help="Write the result as JSON to this file (- for stdout).")] = None,
    live_since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="Plan calls and surveys for facts from this day on. Default: for none."
        ),
    ] = None,
    on_row_error: Annotated[str, typer.Option(help="SKIP bad rows, or ABORT a store's batch for any.")] = "SKIP",
) -> None:
    """Import a group's DMS and CRM export. Importing the same folder again changes nothing.

    A store whose batch is refused does not hold up the others; it is named in the report. Fails when nothing was imported.
    """
    chosen = settings()
    if not folder.is_dir():
        raise typer.BadParameter(f"there is no folder {folder}")
    since = live_since.date() if live_since else None
    with running_server(chosen) as server:
        prepare(server, chosen)
        done = run(import_group(server, chosen, folder, live_since=since, on_row_error=on_row_error))
    write_report(report, done.report)
    if done.group is None:
        for finding in done.report["group_errors"]:
            console.print(
                f"[red]{finding['code']}[/red] {finding['file']}, line {finding['line']}, {finding['column']}"
            )
        console.print("Nothing was imported.")
        raise typer.Exit(1)
    for code, batch in done.report["imports"].items():
        console.print(f"{code}: {_summary(batch)}")
    if done.batches and len(done.refused) == len(done.batches):
        console.print("Every store's batch was refused: nothing was imported.")
        raise typer.Exit(1)


def _summary(batch: dict[str, Any]) -> str:
    if batch["result"] == "NO_EXPORT":
        return "[yellow]no folder in the export[/yellow]"
    if batch["result"] == "REFUSED":
        reason = batch["refusal"]
        return f"[red]refused[/red]: {reason['code']} in {reason['file']}, line {reason['line']}"
    rows, errors = sum(batch["accepted"].values()), len(batch["errors"])
    return f"{rows:,} rows accepted, {errors} refused, {len(batch['warnings'])} warnings"


async def import_group(
    server: Server, chosen: Settings, folder: Path, *, live_since: date | None = None, on_row_error: str = "SKIP"
) -> Imported:
    """Check the group's files, provision stores that are new, and import each store's folder through the queue."""
    if on_row_error not in interchange.ON_ROW_ERROR:
        raise Invalid("--on-row-error is SKIP or ABORT")
    check = await check_group(open_group(folder))
    errors = [finding.as_dict() for finding in check.errors]
    result: dict[str, Any] = {"format_version": FORMAT_VERSION}
    if check.group is None:
        return Imported(None, {**result, "group": None, "exported_at": None, "group_errors": errors, "imports": {}})
    async with open_platform(server, chosen, application="forecourt import") as platform:
        group, stores = await _provisioned(platform, server, check)
        actor = Actor.for_system("import", group.id)
        batches: dict[str, UUID] = {}
        async with helping_workers(server, chosen):
            with progress_bar() as progress:
                for row in check.stores:
                    open_file = open_store(folder, row.store_code)
                    if open_file is None:
                        continue
                    async with open_work(platform, stores[row.store_code], actor) as work:
                        batches[row.store_code] = await interchange.receive_batch(
                            work,
                            open_file,
                            exported_at=check.group.exported_at,
                            on_row_error=on_row_error,
                            live_since=live_since,
                        )
                known = {row.store_code: batches.get(row.store_code) for row in check.stores}
                async with open_group_work(platform, group, actor) as group_work:
                    await interchange.record_group_import(group_work, check, known)
                await _imported(platform, stores, batches, progress)
        result |= {
            "group": group.code,
            "exported_at": _utc(check.group.exported_at),
            "group_errors": errors,
            "imports": await imports_section(platform, stores, known),
            "written": await _written(platform, stores, batches),
        }
    return Imported(group, result, batches)


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def _provisioned(
    platform: Platform, server: Server, check: GroupCheck
) -> tuple[ResolvedGroup, dict[str, ResolvedStore]]:
    """The group and its stores, made where they do not exist yet."""
    assert check.group is not None  # noqa: S101  (the caller looked)
    row = check.group
    async with control_session(platform.engines) as session:
        group = await find_group(session, row.group_code)
    if group is None:
        with owner_connection(server) as connection:
            create_group(
                connection,
                server.secrets,
                code=row.group_code,
                name=row.group_name,
                currency=row.currency,
                time_zone=row.time_zone,
            )
        async with control_session(platform.engines) as session:
            group = await find_group(session, row.group_code)
        assert group is not None  # noqa: S101  (just made)
        async with open_group_work(platform, group, Actor.for_system("provision", group.id)) as work:
            await settle_group(work)
    async with control_session(platform.engines) as session:
        known = {store.code: store for store in await stores_of(session, group.id)}
    new = [store for store in check.stores if store.store_code not in known]
    stuck = [store for store in known.values() if store.state in ("PROVISIONING", "FAILED")]
    if new or stuck:
        with owner_connection(server) as connection, progress_bar() as progress:
            task = progress.add_task("provisioning stores", total=len(new) + len(stuck))
            for old in stuck:
                provision_store(connection, old.id)
                progress.advance(task)
            for store in new:
                zone = store.time_zone or row.time_zone
                create_store(connection, group.id, NewStore(store.store_code, store.store_name, store.brand, zone))
                progress.advance(task)
        async with control_session(platform.engines) as session:
            known = {store.code: store for store in await stores_of(session, group.id)}
    return group, known


async def _imported(
    platform: Platform, stores: dict[str, ResolvedStore], batches: dict[str, UUID], progress: Progress
) -> None:
    """Wait until every batch is merged or refused."""
    waiting, began = dict(batches), platform.clock.now()
    task = progress.add_task("importing stores", total=len(batches))
    while waiting:
        for code, batch_id in list(waiting.items()):
            async with store_session(platform.engines, stores[code], read_only=True) as session:
                state = await interchange_reads.batch_state(session, batch_id)
            if state in ("MERGED", "REFUSED"):
                del waiting[code]
                progress.advance(task)
        if waiting:
            await _no_dead_jobs(platform, stores[next(iter(waiting))].group_id, began)
            await asyncio.sleep(POLL_SECONDS)


async def _no_dead_jobs(platform: Platform, group_id: UUID, since: datetime) -> None:
    """Stop waiting when a job of the group was given up during this command."""
    async with control_session(platform.engines) as session:
        dead = await list_dead(session, group_id=group_id, limit=1)
    if dead and dead[0].died_at > since:
        raise Unavailable(f"the job {dead[0].actor} failed for good: {dead[0].error}")


async def imports_section(
    platform: Platform, stores: dict[str, ResolvedStore], batches: dict[str, UUID | None]
) -> dict[str, Any]:
    """`imports` of a report: one entry per store of stores.csv."""
    section: dict[str, Any] = {}
    for code, batch_id in batches.items():
        if batch_id is None:
            section[code] = {"result": "NO_EXPORT", "refusal": None, "errors": [], "warnings": [], "accepted": {}}
            continue
        async with store_session(platform.engines, stores[code], read_only=True) as session:
            section[code] = await interchange_reads.batch_report(session, batch_id)
    return section


async def _written(
    platform: Platform, stores: dict[str, ResolvedStore], batches: dict[str, UUID]
) -> dict[str, dict[str, Any]]:
    """Per store and file, how many rows were created, updated, unchanged and refused."""
    found = {}
    for code, batch_id in batches.items():
        async with store_session(platform.engines, stores[code], read_only=True) as session:
            found[code] = await interchange_reads.batch_counts(session, batch_id)
    return found


# --- closing a month -------------------------------------------------------------------------------------------------


@command
def close_month(
    month: Annotated[str, typer.Argument(help="The month, as 2026-09.")],
    group: Annotated[str, typer.Option(help="Code of the group.")],
    report: Annotated[Path | None, typer.Option(help="Write the result as JSON to this file (- for stdout).")] = None,
) -> None:
    """Close a month: every store evaluates itself, then the group's stores are compared. Can be run again after late data."""
    chosen = settings()
    with running_server(chosen) as server:
        prepare(server, chosen)
        result = run(close_group(server, chosen, group, month))
    write_report(report, result)
    failed = [f"{row['store']} ({row['reason']})" for row in result["benchmark"][0]["missing"]]
    console.print(
        f"{group} {month}: {len(result['stores'])} stores closed"
        + (f"; missing: {', '.join(failed)}" if failed else "")
    )


async def close_group(server: Server, chosen: Settings, group_code: str, month: str) -> dict[str, Any]:
    """Close a month of a group through the queue, wait for it, and give the report (docs/interchange.md section 10)."""
    async with open_platform(server, chosen, application="forecourt close-month") as platform:
        async with control_session(platform.engines) as session:
            group = await find_group(session, group_code)
        if group is None:
            raise NotFound(f"no group {group_code!r}")
        actor = Actor.for_system("close-month", group.id)
        async with open_group_work(platform, group, actor) as work:
            close_id = (await benchmark.start_close(work, month)).id
        async with helping_workers(server, chosen):
            await _closed(platform, group, close_id)
        return await month_report(platform, group, month)


async def _closed(platform: Platform, group: ResolvedGroup, close_id: UUID) -> None:
    with progress_bar() as progress:
        task = progress.add_task("closing stores", total=None)
        while True:
            async with group_session(platform.engines, group, read_only=True) as session:
                at = await benchmark_reads.close_progress(session, close_id)
            progress.update(
                task, completed=at.finished, total=at.stores, description=f"closing stores, {at.failed} missing"
            )
            if at.done:
                return
            await asyncio.sleep(POLL_SECONDS)


async def month_report(platform: Platform, group: ResolvedGroup, month: str) -> dict[str, Any]:
    """The newest close of a month in the shape of an expected file."""
    async with group_session(platform.engines, group, read_only=True) as session:
        newest = await interchange_reads.newest_group_import(session, group.id)
        stores = {store.code: store for store in await stores_of(session, group.id)}
        comparison = await benchmark_reads.published_reports(session, group.id, month)
    figures: dict[str, Any] = {}
    for code, store in stores.items():
        if store.state not in ("ACTIVE", "SUSPENDED", "CLOSING", "ARCHIVED"):
            continue
        async with store_session(platform.engines, store, read_only=True) as session:
            run_report = await evaluation_reads.newest_report(session, month)
        if run_report is not None:
            figures[code] = run_report
    batches: dict[str, UUID | None] = {}
    if newest is not None:
        batches = {code: UUID(batch) if batch else None for code, batch in newest.stores.items()}
    return {
        "format_version": FORMAT_VERSION,
        "group": group.code,
        "month": month,
        "exported_at": _utc(newest.exported_at) if newest else None,
        "group_errors": newest.group_errors if newest else [],
        "imports": await imports_section(platform, stores, batches),
        "stores": figures,
        "benchmark": comparison,
    }

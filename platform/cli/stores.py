"""`forecourt store …`: the life of one store."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from psycopg import Connection
from rich.table import Table

from ..auth.actor import Actor
from ..composition import open_platform, prepare, running_server
from ..domain.audit import reads
from ..domain.audit.verify import RESTORE
from ..domain.work import Platform, open_group_work
from ..errors import Refused
from ..settings import Settings, settings
from ..tenancy import provision as tenancy
from ..tenancy.directory import group_id_of, list_stores, store_id_of
from ..tenancy.server import Server
from ..tenancy.session import control_session, resolve_group, resolve_store, store_session
from ..tenancy.transfer import export_store, restore_store
from .common import answer, command, console, run, shown

app = typer.Typer(help="Provision, suspend, export, restore, archive and delete single stores.", no_args_is_help=True)

Group = Annotated[str, typer.Option(help="Code of the group.")]
Code = Annotated[str, typer.Argument(help="Code of the store.")]


@contextmanager
def _owner() -> Iterator[tuple[Server, Connection[Any]]]:
    chosen = settings()
    with running_server(chosen) as server:
        prepare(server, chosen)
        with tenancy.owner_connection(server) as connection:
            yield server, connection


async def _audit(
    server: Server, chosen: Settings, group_id: UUID, store_id: UUID, action: str, after: dict[str, Any] | None = None
) -> None:
    """What was done to a store is an event of its group, which outlives the store."""
    async with open_platform(server, chosen, application="forecourt store") as platform:
        if action == RESTORE:
            after = {**(after or {}), "chains": await _origins(platform, group_id, store_id)}
        async with control_session(platform.engines) as session:
            group = await resolve_group(session, group_id)
        word = action.partition(".")[2].replace("_", " ")
        async with open_group_work(platform, group, Actor.for_system(word, group.id)) as work:
            work.audit(action, "Store", store_id, after=after)


async def _origins(platform: Platform, group_id: UUID, store_id: UUID) -> dict[str, int]:
    """Whose audit the restored rows are, and up to which number: what the group's chain vouches for."""
    async with control_session(platform.engines) as session:
        store = await resolve_store(session, group_id, store_id)
    async with store_session(platform.engines, store, read_only=True) as session:
        return {str(origin): seq for origin, seq in (await reads.origins(session)).items()}


def _move(code: str, group: str, action: str, *steps: Any) -> None:
    """Change a store's state, with its event."""
    with _owner() as (server, connection):
        group_id, store_id = group_id_of(connection, group), store_id_of(connection, group, code)
        for step in steps:
            step(connection, store_id)
        run(_audit(server, settings(), group_id, store_id, action, {"code": code}))


@app.command("provision")
@command
def provision(
    code: Code,
    group: Group,
    name: Annotated[str, typer.Option(help="Name of the store.")],
    brand: Annotated[str, typer.Option(help="Brand it sells.")],
    time_zone: Annotated[str, typer.Option(help="IANA name.")] = "Asia/Shanghai",
) -> None:
    """Make a new store: its row, its schema and its role. A provisioning that failed is tried again."""
    with _owner() as (server, connection):
        group_id = group_id_of(connection, group)
        try:
            store_id = tenancy.create_store(connection, group_id, tenancy.NewStore(code, name, brand, time_zone))
        except Refused as error:
            if error.code != "DUPLICATE":
                raise
            store_id = store_id_of(connection, group, code)
            tenancy.provision_store(connection, store_id)
        run(_audit(server, settings(), group_id, store_id, "tenancy.provision_store", {"code": code}))
    console.print(f"store {code} is active ({store_id})")


@app.command("list")
@command
def listed(group: Group) -> None:
    """List a group's stores with their state and version."""
    with _owner() as (_server, connection):
        rows = list_stores(connection, group_id_of(connection, group))
    table = Table("code", "name", "state", "trades", "version")
    for row in rows:
        table.add_row(row.code, row.name, row.state, row.status, row.revision)
    shown.print(table)


@app.command("export")
@command
def export(
    code: Code,
    group: Group,
    target: Annotated[Path, typer.Option("--to", help="Folder to make, or a file ending in .tar.")],
) -> None:
    """Write everything of one store: a file per table and a manifest with counts and sha256.

    The files hold personal data: keep them where only you can read them. The store may go on working meanwhile.
    """
    with _owner() as (server, connection):
        store_id = store_id_of(connection, group, code)
        manifest, digest = export_store(connection, store_id, target)
        rows = sum(table.rows for table in manifest.tables)
        after = {"manifest": digest, "rows": rows}
        run(_audit(server, settings(), UUID(manifest.group_id), store_id, "tenancy.export_store", after))
    console.print(f"store {code}: {len(manifest.tables)} tables, {rows:,} rows written to {target}")
    answer(digest)


@app.command("restore")
@command
def restore(
    source: Annotated[Path, typer.Argument(help="Folder or .tar written by `store export`.")],
    group: Group,
    code: Annotated[str | None, typer.Option(help="Make a new store with this code.")] = None,
    into: Annotated[str | None, typer.Option(help="Code of an existing store whose data are replaced.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before replacing data.")] = False,
) -> None:
    """Bring an exported store back, into a new store of the group or into the one it came from; checked before it counts."""
    if (code is None) == (into is None):
        raise typer.BadParameter("say either --code (a new store) or --into (an existing one)")
    if into is not None and not yes:
        typer.confirm(f"Replace everything in store {into} by {source}?", abort=True)
    with _owner() as (server, connection):
        group_id = group_id_of(connection, group)
        old = store_id_of(connection, group, into) if into else None
        restored = restore_store(connection, source, group_id=group_id, into=old, code=code)
        run(_audit(server, settings(), group_id, restored, RESTORE, {"source": source.name}))
    console.print(f"restored ({restored})")


@app.command("suspend")
@command
def suspend(code: Code, group: Group) -> None:
    """Stop all writing for a while; reading goes on."""
    _move(code, group, "tenancy.suspend_store", tenancy.suspend_store)
    console.print(f"store {code} is suspended")


@app.command("resume")
@command
def resume(code: Code, group: Group) -> None:
    """End a suspension."""
    _move(code, group, "tenancy.resume_store", tenancy.resume_store)
    console.print(f"store {code} is active")


@app.command("archive")
@command
def archive(code: Code, group: Group) -> None:
    """Close a store and keep its data, read only."""
    _move(code, group, "tenancy.archive_store", tenancy.close_store, tenancy.archive_store)
    console.print(f"store {code} is archived")


@app.command("delete")
@command
def delete(
    code: Code,
    group: Group,
    confirm: Annotated[str, typer.Option(help="The store's code once more: deleting cannot be undone.")] = "",
) -> None:
    """Delete an archived store for good. Export it first: nothing brings it back otherwise."""
    if confirm != code:
        raise typer.BadParameter(f"say --confirm {code} when you mean it")
    _move(code, group, "tenancy.delete_store", tenancy.delete_store)
    console.print(f"store {code} is deleted")

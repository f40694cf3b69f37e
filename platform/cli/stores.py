"""`forecourt store …`: the life of one store."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from psycopg import Connection
from rich.table import Table

from ..composition import prepare, running_server
from ..errors import Refused
from ..settings import settings
from ..tenancy import provision as tenancy
from ..tenancy.directory import group_id_of, list_stores, store_id_of
from ..tenancy.server import Server
from ..tenancy.transfer import export_store, restore_store
from .common import answer, command, console, shown

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
    with _owner() as (_server, connection):
        group_id = group_id_of(connection, group)
        try:
            store_id = tenancy.create_store(connection, group_id, tenancy.NewStore(code, name, brand, time_zone))
        except Refused as error:
            if error.code != "DUPLICATE":
                raise
            store_id = store_id_of(connection, group, code)
            tenancy.provision_store(connection, store_id)
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
    with _owner() as (_server, connection):
        manifest, digest = export_store(connection, store_id_of(connection, group, code), target)
    rows = sum(table.rows for table in manifest.tables)
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
    with _owner() as (_server, connection):
        group_id = group_id_of(connection, group)
        old = store_id_of(connection, group, into) if into else None
        restored = restore_store(connection, source, group_id=group_id, into=old, code=code)
    console.print(f"restored ({restored})")


@app.command("suspend")
@command
def suspend(code: Code, group: Group) -> None:
    """Stop all writing for a while; reading goes on."""
    with _owner() as (_server, connection):
        tenancy.suspend_store(connection, store_id_of(connection, group, code))
    console.print(f"store {code} is suspended")


@app.command("resume")
@command
def resume(code: Code, group: Group) -> None:
    """End a suspension."""
    with _owner() as (_server, connection):
        tenancy.resume_store(connection, store_id_of(connection, group, code))
    console.print(f"store {code} is active")


@app.command("archive")
@command
def archive(code: Code, group: Group) -> None:
    """Close a store and keep its data, read only."""
    with _owner() as (_server, connection):
        store_id = store_id_of(connection, group, code)
        tenancy.close_store(connection, store_id)
        tenancy.archive_store(connection, store_id)
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
    with _owner() as (_server, connection):
        tenancy.delete_store(connection, store_id_of(connection, group, code))
    console.print(f"store {code} is deleted")

"""`forecourt store …`: the life of one store."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from psycopg import Connection

from ..composition import prepare, running_server
from ..errors import Refused
from ..settings import settings
from ..tenancy import provision as tenancy
from ..tenancy.directory import group_id_of, store_id_of
from ..tenancy.server import Server
from .common import command, console

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

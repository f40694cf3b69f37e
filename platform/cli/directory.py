"""`forecourt directory`: connect a directory that provisions people by SCIM 2.0, and map its groups to roles."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Annotated
from uuid import UUID

import typer
from rich.table import Column, Table

from ..auth.actor import Actor
from ..auth.scim.connections import ConnectionInfo, list_connections
from ..composition import open_platform, running_server
from ..domain.directory import access
from ..domain.directory.access import MappingInfo
from ..domain.work import GroupWork, open_group_work
from ..errors import Invalid, NotFound
from ..settings import Settings, settings
from ..tenancy.server import Server
from ..tenancy.session import control_session, find_group, stores_of
from .common import answer, command, console, run, shown

app = typer.Typer(help="Directories that provision people (SCIM 2.0).", no_args_is_help=True)

Group = Annotated[str, typer.Option(help="Code of the group.")]


@asynccontextmanager
async def _work(server: Server, chosen: Settings, code: str) -> AsyncIterator[tuple[GroupWork, dict[str, UUID]]]:
    """A unit of work of the product itself in a group, and the group's stores by code."""
    async with open_platform(server, chosen, application="forecourt directory") as platform:
        async with control_session(platform.engines) as session:
            group = await find_group(session, code)
            if group is None:
                raise NotFound(f"no group {code!r}")
            stores = {one.code: one.id for one in await stores_of(session, group.id)}
        async with open_group_work(platform, group, Actor.for_system("directory", group.id)) as work:
            yield work, stores


@app.command("connect")
@command
def connect(
    group: Group,
    label: Annotated[str, typer.Option(help="What it is for; shown in lists.")],
    days: Annotated[int, typer.Option(help="How long the token is valid.", min=1, max=730)] = 365,
) -> None:
    """Print the bearer token of a new connection, and nothing else. It is shown this once."""
    chosen = settings()

    async def create(server: Server) -> str:
        async with _work(server, chosen, group) as (work, _):
            made = await access.create_connection(work, label=label, lifetime=timedelta(days=days))
        return made.clear

    with running_server(chosen) as server:
        token = run(create(server))
    console.print(f"SCIM base URL: {chosen.public_url.rstrip('/')}/scim/v2")
    answer(token)


def _id_column(name: str) -> Column:
    """An id is copied into the next command: it is never cut, however narrow the terminal."""
    return Column(name, no_wrap=True, min_width=36)


@app.command("list")
@command
def list_(group: Group) -> None:
    """Show a group's connections and mappings."""
    chosen = settings()

    async def read(server: Server) -> tuple[list[ConnectionInfo], list[MappingInfo], dict[UUID, str]]:
        async with _work(server, chosen, group) as (work, stores):
            connections = await list_connections(work.session, work.actor, limit=100)
            mappings = await access.list_mappings(work.session, work.actor)
        return connections, mappings, {id_: code for code, id_ in stores.items()}

    with running_server(chosen) as server:
        connections, mappings, codes = run(read(server))
    table = Table(_id_column("connection"), "label", "expires", "revoked", "last used")
    for one in connections:
        moments = (one.expires_at, one.revoked_at, one.last_used_at)
        table.add_row(
            str(one.id), one.label, *(moment.isoformat(" ", "minutes") if moment else "" for moment in moments)
        )
    shown.print(table)
    table = Table(_id_column("mapping"), "group of the directory", "role", "where")
    for mapping in mappings:
        place = codes.get(mapping.store_id, "?") if mapping.store_id else mapping.region or "group"
        named = mapping.value if mapping.by == "DISPLAY_NAME" else f"external id {mapping.value}"
        table.add_row(str(mapping.id), named, mapping.role, place)
    shown.print(table)


@app.command("revoke")
@command
def revoke(group: Group, connection: Annotated[str, typer.Argument(help="Id of the connection, see list.")]) -> None:
    """End a connection's token. The people it brought stay as they are."""
    chosen = settings()

    async def end(server: Server) -> None:
        async with _work(server, chosen, group) as (work, _):
            await access.revoke_connection(work, _id(connection))

    with running_server(chosen) as server:
        run(end(server))


@app.command("map")
@command
def map_(
    group: Group,
    value: Annotated[str, typer.Argument(help="Name of the directory's group.")],
    role: Annotated[str, typer.Option(help="Role, such as STORE_GM; see docs/roles.md.")],
    store: Annotated[str | None, typer.Option(help="Code of the store where the role counts.")] = None,
    region: Annotated[str | None, typer.Option(help="Or the region whose stores are meant.")] = None,
    external_id: Annotated[bool, typer.Option("--external-id", help="The argument is the external id.")] = False,
) -> None:
    """Give the people of a directory's group a role."""
    chosen = settings()

    async def add(server: Server) -> UUID:
        async with _work(server, chosen, group) as (work, stores):
            if store is not None and store not in stores:
                raise NotFound(f"group {group} has no store {store!r}")
            return await access.add_mapping(
                work,
                by="EXTERNAL_ID" if external_id else "DISPLAY_NAME",
                value=value,
                role=role,
                store_id=stores[store] if store else None,
                region=region,
            )

    with running_server(chosen) as server:
        answer(str(run(add(server))))


@app.command("unmap")
@command
def unmap(group: Group, mapping: Annotated[str, typer.Argument(help="Id of the mapping, see list.")]) -> None:
    """Take back what a mapping gave."""
    chosen = settings()

    async def remove(server: Server) -> None:
        async with _work(server, chosen, group) as (work, _):
            await access.remove_mapping(work, _id(mapping))

    with running_server(chosen) as server:
        run(remove(server))


@app.command("apply")
@command
def apply(group: Group) -> None:
    """Apply the mappings to everybody again: after stores were added or moved to another region."""
    chosen = settings()

    async def again(server: Server) -> int:
        async with _work(server, chosen, group) as (work, _):
            return await access.apply_all(work)

    with running_server(chosen) as server:
        console.print(f"{run(again(server))} people")


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid(f"{text!r} is no id; see forecourt directory list") from None

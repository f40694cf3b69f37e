"""`forecourt clients …` and `forecourt oauth …`: programs that call the API, and the keys that sign their tokens."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.table import Column, Table

from ..auth.actor import Actor
from ..auth.oauth.clients import client_named, list_clients
from ..auth.oauth.keys import NO_GROUP, PURPOSE, KeyInfo, list_keys, rotate_keys
from ..auth.oauth.model import PRIVATE_KEY_JWT, SECRET_BASIC
from ..composition import open_platform, running_server
from ..domain.clients import actions
from ..domain.work import GroupWork, open_group_work
from ..errors import Invalid, NotFound
from ..settings import settings
from ..tenancy.session import control_session, find_group, stores_of
from .common import answer, command, console, run, shown

app = typer.Typer(help="Programs of third parties that call the API.", no_args_is_help=True)
oauth = typer.Typer(help="The keys that sign the tokens of programs.", no_args_is_help=True)

Group = Annotated[str, typer.Option(help="Code of the group.")]
Client = Annotated[str, typer.Argument(help="Client id: fci_…")]


@asynccontextmanager
async def _work(group: str, what: str) -> AsyncIterator[GroupWork]:
    chosen = settings()
    with running_server(chosen) as server:
        async with open_platform(server, chosen, application="forecourt clients") as platform:
            async with control_session(platform.engines) as session:
                found = await find_group(session, group)
            if found is None:
                raise NotFound(f"no group {group!r}")
            async with open_group_work(platform, found, Actor.for_system(f"clients {what}", found.id)) as work:
                yield work


@app.command("create")
@command
def create(
    name: Annotated[str, typer.Argument(help="Name to show.")],
    group: Group,
    scope: Annotated[list[str], typer.Option(help="Permission it may ask for; repeat it for more.")],
    store: Annotated[list[str] | None, typer.Option(help="Code of a store it sees; repeat it for more.")] = None,
    all_stores: Annotated[
        bool, typer.Option("--all-stores", help="It sees every store, and the group's own rows.")
    ] = False,
    keys: Annotated[
        Path | None, typer.Option(help="File with its public keys (JWK Set); it then signs instead of having a secret.")
    ] = None,
) -> None:
    """Register a program. Prints its client id and, once, its secret."""
    if bool(store) == all_stores:
        raise typer.BadParameter("say either --store or --all-stores")
    jwks = None if keys is None else _read(keys)

    async def work() -> None:
        async with _work(group, "create") as unit:
            made = await actions.create_client(
                unit,
                name=name,
                scopes=scope,
                stores=None if all_stores else await _stores(unit, store or []),
                auth_method=SECRET_BASIC if jwks is None else PRIVATE_KEY_JWT,
                jwks=jwks,
            )
        answer(made.client_id)
        if made.secret is not None:
            answer(made.secret.clear)

    run(work())


def _read(keys: Path) -> Any:
    try:
        return json.loads(keys.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Invalid(f"{keys} is no file with a JWK Set") from error


async def _stores(work: GroupWork, codes: list[str]) -> list[UUID]:
    known = {one.code: one.id for one in await stores_of(work.session, work.group.id)}
    for code in codes:
        if code not in known:
            raise NotFound(f"group {work.group.code} has no store {code!r}")
    return [known[code] for code in codes]


@app.command("list")
@command
def listed(group: Group) -> None:
    """List a group's programs."""

    async def work() -> None:
        table = Table(
            Column("client id", no_wrap=True, min_width=28), "name", "state", "stores", "scopes", "last token"
        )
        async with _work(group, "list") as unit:
            codes = {one.id: one.code for one in await stores_of(unit.session, unit.group.id)}
            page = await list_clients(unit.session, unit.actor, limit=200)
            while page:
                for item in page:
                    stores = "all" if item.all_stores else " ".join(sorted(codes.get(one, "?") for one in item.stores))
                    last = item.last_used_at.isoformat(timespec="minutes") if item.last_used_at else "never"
                    table.add_row(item.client_id, item.name, item.state, stores, " ".join(item.scopes), last)
                page = await list_clients(unit.session, unit.actor, after=page[-1].id, limit=200)
        shown.print(table)

    run(work())


@app.command("rotate-secret")
@command
def rotate_secret(
    client: Client,
    group: Group,
    overlap_hours: Annotated[int, typer.Option(help="Hours that the old secret still counts.", min=0, max=720)] = 24,
) -> None:
    """Print a new secret of a program. It is shown this once."""

    async def work() -> str:
        async with _work(group, "rotate-secret") as unit:
            id_ = await client_named(unit.session, unit.actor, client)
            made = await actions.rotate_secret(unit, id_, overlap=timedelta(hours=overlap_hours))
        return made.clear

    answer(run(work()))


async def _do(name: str, verb: Callable[[GroupWork, UUID], Awaitable[None]], client: str, group: str) -> None:
    """One verb for the client of this public name."""
    async with _work(group, name) as unit:
        await verb(unit, await client_named(unit.session, unit.actor, client))


@app.command("disable")
@command
def disable(client: Client, group: Group) -> None:
    """End a program's tokens within seconds, and give it none."""
    run(_do("disable", actions.disable_client, client, group))
    console.print(f"{client} is disabled")


@app.command("enable")
@command
def enable(client: Client, group: Group) -> None:
    """Let a program ask for tokens again."""
    run(_do("enable", actions.enable_client, client, group))
    console.print(f"{client} may ask for tokens")


@app.command("revoke-tokens")
@command
def revoke_tokens(client: Client, group: Group) -> None:
    """End every token of a program within seconds; it may ask for new ones."""
    run(_do("revoke-tokens", actions.revoke_tokens, client, group))
    console.print(f"the tokens of {client} have ended")


@oauth.command("rotate-keys")
@command
def rotate(
    at_once: Annotated[
        bool, typer.Option("--at-once", help="Do not wait until the next key was published for a quarter of an hour.")
    ] = False,
    distrust: Annotated[
        bool, typer.Option("--distrust", help="Somebody else may have a key: withdraw all, and every token with them.")
    ] = False,
) -> None:
    """Sign with the next key from now on, and publish one more. A daily job does it every 30 days."""
    _show(run(_keys(rotate=True, at_once=at_once, distrust=distrust)))


@oauth.command("keys")
@command
def keys() -> None:
    """List the keys that sign tokens."""
    _show(run(_keys(rotate=False)))


async def _keys(*, rotate: bool, at_once: bool = False, distrust: bool = False) -> list[KeyInfo]:
    chosen = settings()
    with running_server(chosen) as server:
        async with (
            open_platform(server, chosen, application="forecourt oauth") as platform,
            control_session(platform.engines) as session,
        ):
            if rotate:
                seal = platform.sealer(NO_GROUP, PURPOSE)
                await rotate_keys(session, seal, at_once=at_once, distrust=distrust, clock=platform.clock)
            return await list_keys(session)


def _show(found: list[KeyInfo]) -> None:
    table = Table("key", "state", "made", "published until")
    for key in found:
        until = key.published_until.isoformat(timespec="minutes") if key.published_until else ""
        table.add_row(key.kid, key.state, key.created_at.isoformat(timespec="minutes"), until)
    shown.print(table)

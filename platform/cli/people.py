"""`forecourt user add` and `forecourt token`."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

import typer

from ..auth.accounts import add_membership, create_account, set_password
from ..auth.actor import Actor
from ..auth.lookup import find_account
from ..auth.roles import ROLES
from ..auth.tokens import issue_token
from ..composition import open_platform, running_server
from ..domain.people.reads import employee_id_of
from ..domain.work import Platform, open_group_work
from ..errors import NotFound
from ..settings import Settings, settings
from ..tenancy.server import Server
from ..tenancy.session import ResolvedStore, control_session, find_group, resolve_group, store_session, stores_of
from .common import answer, command, console, run

app = typer.Typer(help="People who sign in.", no_args_is_help=True)


@app.command("add")
@command
def add(
    name: Annotated[str, typer.Argument(help="Sign-in name: letters a-z, digits and . _ @ + -")],
    group: Annotated[str, typer.Option(help="Code of the group.")],
    role: Annotated[str, typer.Option(help="Role, such as STORE_GM; HQ roles take no store. See docs/roles.md.")],
    store: Annotated[str | None, typer.Option(help="Code of the store where the role counts.")] = None,
    region: Annotated[str | None, typer.Option(help="Region, for REGION_MANAGER.")] = None,
    employee: Annotated[str | None, typer.Option(help="Employee number there: whose own rows the person sees.")] = None,
    show_as: Annotated[
        str | None, typer.Option("--display-name", help="Name to show. Default: the sign-in name.")
    ] = None,
    email: Annotated[str | None, typer.Option(help="E-mail address.")] = None,
    language: Annotated[str, typer.Option(help="zh-CN or en.")] = "zh-CN",
    password: Annotated[
        str | None,
        typer.Option(help="Password for the web pages; asked for when it is '-'. Default: none, tokens only."),
    ] = None,
) -> None:
    """Make an account with one role."""
    chosen = settings()
    secret = typer.prompt("Password", hide_input=True, confirmation_prompt=True) if password == "-" else password  # noqa: S105
    with running_server(chosen) as server:
        made = run(
            add_person(
                server,
                chosen,
                name=name,
                group=group,
                role=role,
                store=store,
                region=region,
                employee=employee,
                show_as=show_as or name,
                email=email,
                language=language,
                password=secret,
            )
        )
    console.print(f"{name}: {role} " + (f"at {store}" if store else f"of {region or group}"))
    answer(str(made))


async def add_person(
    server: Server,
    chosen: Settings,
    *,
    name: str,
    group: str,
    role: str,
    store: str | None = None,
    region: str | None = None,
    employee: str | None = None,
    show_as: str,
    email: str | None = None,
    language: str = "zh-CN",
    password: str | None = None,
) -> UUID:
    """Make an account with one role; all or nothing."""
    if role not in ROLES:
        raise NotFound(f"no role {role!r}; there are {', '.join(sorted(ROLES))}")
    async with open_platform(server, chosen, application="forecourt user") as platform:
        async with control_session(platform.engines) as session:
            found = await find_group(session, group)
            if found is None:
                raise NotFound(f"no group {group!r}")
            stores = {one.code: one for one in await stores_of(session, found.id)}
        if store is not None and store not in stores:
            raise NotFound(f"group {group} has no store {store!r}")
        place = stores[store] if store else None
        employee_id = await _employee(platform, place, employee)
        actor = Actor.for_system("user add", found.id)
        async with open_group_work(platform, found, actor) as work:
            account_id = await create_account(
                work.session, actor, name=name, display_name=show_as, email=email, language=language
            )
            if password is not None:
                await set_password(work.session, actor, account_id, password=password)
            await add_membership(
                work.session,
                actor,
                account_id,
                role=role,
                store_id=place.id if place else None,
                region=region,
                employee_id=employee_id,
            )
            work.audit("accounts.create", "Account", account_id, after={"role": role, "store": store, "region": region})
        return account_id


async def _employee(platform: Platform, store: ResolvedStore | None, number: str | None) -> UUID | None:
    if number is None:
        return None
    if store is None:
        raise NotFound("an employee number needs --store")
    async with store_session(platform.engines, store, read_only=True) as session:
        employee_id = await employee_id_of(session, number)
    if employee_id is None:
        raise NotFound(f"store {store.code} has no employee {number!r}")
    return employee_id


@command
def token(
    user: Annotated[str, typer.Option(help="Sign-in name.")],
    days: Annotated[int, typer.Option(help="How long the token is valid.", min=1, max=365)] = 1,
    label: Annotated[str, typer.Option(help="What it is for; shown in lists.")] = "command line",
) -> None:
    """Print a bearer token of an account, and nothing else. It is shown this once."""
    chosen = settings()
    with running_server(chosen) as server:
        clear = run(_token(server, chosen, user, timedelta(days=days), label))
    answer(clear)


async def _token(server: Server, chosen: Settings, user: str, lifetime: timedelta, label: str) -> str:
    async with open_platform(server, chosen, application="forecourt token") as platform:
        async with control_session(platform.engines) as session:
            account = await find_account(session, user)
            group = await resolve_group(session, account.group_id)
        actor = Actor.for_system("token", group.id)
        async with open_group_work(platform, group, actor) as work:
            issued = await issue_token(work.session, actor, account.id, label=label, lifetime=lifetime)
            work.audit("accounts.issue_token", "AccessToken", issued.id, after={"account": str(account.id)})
        return issued.clear

"""`forecourt accounts`: what an operator does when nobody of the group can: sessions, second factors, links, the policy."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar
from uuid import UUID

import typer

from ..auth.actor import Actor
from ..auth.lookup import find_account
from ..composition import open_platform, running_server
from ..domain.accounts import actions
from ..domain.work import GroupWork, open_group_work
from ..errors import NotFound
from ..settings import settings
from ..tenancy.session import control_session, find_group, resolve_group
from .common import command, console, run

T = TypeVar("T")

app = typer.Typer(help="Sessions, second factors and password links of accounts.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Sign-in name.")]


@app.command("end-sessions")
@command
def end_sessions(user: Name) -> None:
    """Sign somebody out everywhere."""

    async def end(work: GroupWork, account_id: UUID) -> int:
        return await actions.end_sessions_of(work, account_id)

    count = _for(user, end)
    console.print(f"{user}: {count} sessions ended")


@app.command("reset-second-factor")
@command
def reset_second_factor(
    user: Name,
    reason: Annotated[str, typer.Option(help="Why, and how the person proved who they are; kept in the audit.")],
) -> None:
    """Take away a lost second factor. Make sure first who is asking: the password alone opens the account afterwards."""

    async def remove(work: GroupWork, account_id: UUID) -> None:
        await actions.remove_second_factor(work, account_id, reason=reason)

    _for(user, remove)
    console.print(f"{user}: no second factor any more; sessions ended, the person is told by mail")


@app.command("send-link")
@command
def send_link(user: Name) -> None:
    """Send somebody a link to choose a password. A worker has to run for it to go out."""

    async def send(work: GroupWork, account_id: UUID) -> None:
        await actions.send_password_link(work, account_id)

    _for(user, send)
    console.print(f"{user}: a link is on its way")


@app.command("policy")
@command
def policy(
    group: Annotated[str, typer.Option(help="Code of the group.")],
    require_second_factor: Annotated[
        bool, typer.Option(help="Whether people with a password must set up a second factor.")
    ],
) -> None:
    """Whether local accounts of a group need a second factor; counts from the next sign-in."""
    chosen = settings()

    async def change() -> None:
        async with open_platform(server, chosen, application="forecourt accounts") as platform:
            async with control_session(platform.engines) as session:
                found = await find_group(session, group)
            if found is None:
                raise NotFound(f"no group {group!r}")
            async with open_group_work(platform, found, Actor.for_system("accounts", found.id)) as work:
                await actions.require_second_factor(work, required=require_second_factor)

    with running_server(chosen) as server:
        run(change())
    console.print(f"{group}: second factor {'required' if require_second_factor else 'optional'}")


def _for(user: str, act: Callable[[GroupWork, UUID], Awaitable[T]]) -> T:
    """One verb for an account, as the installation's operator."""
    chosen = settings()

    async def inside() -> T:
        async with open_platform(server, chosen, application="forecourt accounts") as platform:
            async with control_session(platform.engines) as session:
                account = await find_account(session, user)
                group = await resolve_group(session, account.group_id)
            async with open_group_work(platform, group, Actor.for_system("accounts", group.id)) as work:
                return await act(work, account.id)

    with running_server(chosen) as server:
        return run(inside())

"""`forecourt break-glass`: the operator of the installation lets themself into a group, for hours and for everybody to see."""

from datetime import timedelta
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from ..auth.actor import Actor
from ..auth.lookup import FoundAccount, find_account
from ..auth.tokens import issue_token
from ..composition import open_platform, running_server
from ..domain.accounts.actions import create_account
from ..domain.accounts.temporary import break_glass as let_in
from ..domain.work import open_group_work
from ..errors import NotFound, Refused
from ..settings import Settings, settings
from ..tenancy.server import Server
from ..tenancy.session import control_session, find_group, stores_of
from .common import answer, command, console, run


@command
def break_glass(
    name: Annotated[str, typer.Argument(help="Sign-in name of the operator in this group; made when it is missing.")],
    group: Annotated[str, typer.Option(help="Code of the group.")],
    reason: Annotated[str, typer.Option(help="Why; the group's administrator reads it.")],
    store: Annotated[str | None, typer.Option(help="Code of the store. Default: the group's control rows.")] = None,
    hours: Annotated[int, typer.Option(help="How long, 1 to 8 hours.", min=1, max=8)] = 1,
) -> None:
    """Let an operator into a group as PLATFORM_OPERATOR and print a bearer token of the same length.

    Audited in the group, with the reason; its administrator sees the membership and may end it. Shows nothing about persons.
    """
    chosen = settings()
    with running_server(chosen) as server:
        clear = run(_let_in(server, chosen, name, group, reason, store, hours))
    console.print(f"{name}: PLATFORM_OPERATOR in {store or group} for {hours} h, seen by the group's administrator")
    answer(clear)


async def _let_in(
    server: Server, chosen: Settings, name: str, group: str, reason: str, store: str | None, hours: int
) -> str:
    async with open_platform(server, chosen, application="forecourt break-glass") as platform:
        async with control_session(platform.engines) as session:
            found = await find_group(session, group)
            if found is None:
                raise NotFound(f"no group {group!r}")
            stores = {one.code: one.id for one in await stores_of(session, found.id)}
            known = await _known(session, name)
        if store is not None and store not in stores:
            raise NotFound(f"group {group} has no store {store!r}")
        if known is not None and known.group_id != found.id:
            raise Refused("NAME_TAKEN", f"{name!r} is an account of another group; choose a name for this one")
        actor = Actor.for_system("break-glass", found.id)
        async with open_group_work(platform, found, actor) as work:
            account = known.id if known else await create_account(work, name=name, display_name=name)
            await let_in(work, account, store_id=stores[store] if store else None, hours=hours, reason=reason)
            issued = await issue_token(
                work.session, actor, account, label="break-glass", lifetime=timedelta(hours=hours), clock=platform.clock
            )
            work.audit("accounts.issue_token", "AccessToken", issued.id, after={"account": str(account)})
        return issued.clear


async def _known(session: AsyncSession, name: str) -> FoundAccount | None:
    try:
        return await find_account(session, name)
    except NotFound:
        return None

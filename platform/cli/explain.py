"""`forecourt explain`: how the API answers a document for somebody."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ..app import operation_context
from ..auth.actor import Actor, Membership
from ..auth.identify import actor_for_account
from ..auth.lookup import find_account
from ..auth.roles import ROLES
from ..composition import open_platform, running_server
from ..domain.people.reads import employee_id_of
from ..domain.work import Platform
from ..errors import Invalid, NotFound
from ..graphql.api import api_schema
from ..graphql.compiled.explain import explain
from ..graphql.compiled.explained import as_text
from ..graphql.encode import plain
from ..settings import Settings, settings
from ..tenancy.server import Server
from ..tenancy.session import (
    ResolvedGroup,
    control_session,
    find_group,
    group_session,
    resolve_group,
    store_session,
    stores_of,
)
from .common import answer, command, run


@command
def explain_document(
    document: Annotated[Path, typer.Argument(help="File with a GraphQL query; - for stdin.")],
    user: Annotated[str | None, typer.Option(help="Sign-in name of whoever asks.")] = None,
    group: Annotated[str | None, typer.Option(help="Or a group's code, with --role: somebody invented.")] = None,
    role: Annotated[str | None, typer.Option(help="Role, such as STORE_GM. See docs/roles.md.")] = None,
    store: Annotated[str | None, typer.Option(help="Code of the store where the role counts; without: HQ.")] = None,
    employee: Annotated[str | None, typer.Option(help="Employee number there: whose own rows they see.")] = None,
    variables: Annotated[str, typer.Option(help="The variables as a JSON object.")] = "{}",
    operation: Annotated[str | None, typer.Option(help="Name of the operation, where there are several.")] = None,
    show_answer: Annotated[bool, typer.Option("--answer", help="Print the answer too.")] = False,
) -> None:
    """Show how a query is answered: plan, cost, statements, columns, fields given to graphql-core, and the time of each step.

    Or why it is not compiled. Nothing is written; rows are read as the named person would read them.
    """
    text = sys.stdin.read() if str(document) == "-" else document.read_text("utf-8")
    given = _variables(variables)
    chosen = settings().model_copy(update={"reader": "compiled"})
    with running_server(chosen) as server:
        answer(run(_explained(server, chosen, text, given, operation, user, group, role, store, employee, show_answer)))


def _variables(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise Invalid("--variables is no JSON") from error
    if not isinstance(found, dict):
        raise Invalid("--variables must be a JSON object")
    return found


async def _explained(
    server: Server,
    chosen: Settings,
    text: str,
    variables: dict[str, Any],
    operation: str | None,
    user: str | None,
    group: str | None,
    role: str | None,
    store: str | None,
    employee: str | None,
    show_answer: bool,
) -> str:
    async with open_platform(server, chosen, application="forecourt explain") as platform:
        if user is not None:
            async with control_session(platform.engines) as session:
                account = await find_account(session, user)
                actor = await actor_for_account(session, account.id)
                found = await resolve_group(session, actor.group_id)
        else:
            found, actor = await _invented(platform, group, role, store, employee)
        explained = await explain(
            api_schema().compiled,
            lambda: operation_context(platform, actor, found, language="en", request_id="explain"),
            text,
            variables,
            operation,
        )
    shown = as_text(explained)
    if show_answer and explained.answer is not None:
        shown += "\n\n" + json.dumps(plain(explained.answer), ensure_ascii=False, indent=1)
    return shown


async def _invented(
    platform: Platform, group: str | None, role: str | None, store: str | None, employee: str | None
) -> tuple[ResolvedGroup, Actor]:
    if group is None or role is None:
        raise Invalid("name --user, or --group and --role")
    if role not in ROLES:
        raise NotFound(f"no role {role!r}; see docs/roles.md")
    async with control_session(platform.engines) as session:
        found = await find_group(session, group)
    if found is None:
        raise NotFound(f"no group {group!r}")
    async with group_session(platform.engines, found, read_only=True) as session:
        place = next((one for one in await stores_of(session, found.id) if one.code == store), None)
    if store is not None and place is None:
        raise NotFound(f"no store {store!r}")
    person = None
    if employee is not None and place is not None:
        async with store_session(platform.engines, place, read_only=True) as session:
            person = await employee_id_of(session, employee)
        if person is None:
            raise NotFound(f"store {store} has no employee {employee!r}")
    member = Membership(role, place.id if place else None, person)
    return found, Actor("system:explain", role, found.id, memberships=(member,), language="en")

"""`forecourt providers …`: identity providers of a group, as the installation's operator handles them.

The operator acts as the system, named in the audit: alone, they may do what takes two administrators of a group.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ..auth.actor import Actor
from ..auth.oidc.findings import Finding, Severity
from ..auth.oidc.providers import DomainInfo, ProviderInfo, confirm_domain, group_domains, group_providers
from ..auth.oidc.rule_lines import from_lines
from ..auth.oidc.settings_rules import email_domain
from ..composition import open_platform, running_server
from ..domain.accounts import providers
from ..domain.accounts.examine import examine_provider
from ..domain.work import Platform, open_group_work
from ..errors import NotFound, Refused
from ..settings import Settings, settings
from ..tenancy.server import Server
from ..tenancy.session import ResolvedGroup, control_session, find_group, group_session
from .common import answer, command, console, run, shown

app = typer.Typer(help="Identity providers: company sign-in of a group.", no_args_is_help=True)

Group = Annotated[str, typer.Option(help="Code of the group.")]
Code = Annotated[str, typer.Argument(help="Code of the provider, such as corp.")]


@app.command("list")
@command
def show(group: Group) -> None:
    """List a group's providers with their e-mail domains."""
    chosen = settings()
    with running_server(chosen) as server:
        found = run(all_of(server, chosen, group))
    table = Table("code", "name", "state", "issuer", "e-mail domains")
    for info, domains in found:
        waits = " (a change waits)" if info.proposal is not None else ""
        names = ", ".join(one.domain + ("" if one.confirmed_at else " (not confirmed)") for one in domains)
        table.add_row(info.code, info.name, info.state + waits, info.issuer, names)
    shown.print(table if found else "none")


@app.command("add")
@command
def add(
    code: Code,
    group: Group,
    name: Annotated[str, typer.Option(help="Name to show on the sign-in page.")],
    issuer: Annotated[str, typer.Option(help="Issuer, such as https://login.example.com/tenant.")],
    client_id: Annotated[str, typer.Option(help="Client id that the provider issued.")],
    secret_file: Annotated[
        str | None, typer.Option(help="File with the client secret; '-' asks for it. Default: a public client.")
    ] = None,
    rules: Annotated[Path | None, typer.Option(help="File with rules, one a line; see docs/sign-in.md.")] = None,
    creates_accounts: Annotated[bool, typer.Option(help="Make accounts at the first sign-in.")] = False,
) -> None:
    """Connect a provider, as a draft."""
    chosen = settings()
    secret = None
    if secret_file is not None:
        asked = secret_file == "-"  # noqa: S105  (a file's name)
        secret = (
            typer.prompt("Client secret", hide_input=True) if asked else Path(secret_file).read_text("utf-8").strip()
        )
    lines = from_lines(rules.read_text(encoding="utf-8")) if rules else []
    with running_server(chosen) as server:
        made = run(
            add_one(
                server,
                chosen,
                group,
                code,
                name=name,
                issuer=issuer,
                client=client_id,
                secret=secret,
                role_rules=lines,
                creates_accounts=creates_accounts,
            )
        )
    console.print(f"{code}: a draft. Test it, then activate it.")
    answer(made)


@app.command("test")
@command
def examine(code: Code, group: Group, language: Annotated[str, typer.Option(help="zh-CN or en.")] = "en") -> None:
    """Ask the provider, and say what is wrong. Fails when something is."""
    chosen = settings()
    with running_server(chosen) as server:
        found = run(examine_one(server, chosen, group, code))
    for one in found:
        colour = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.OK: "green"}[one.severity]
        shown.print(f"[{colour}]{one.severity.value:8}[/{colour}]", end="")
        shown.print(f"{one.code}: {one.sentence(language)}", markup=False)
    if any(one.severity is Severity.ERROR for one in found):
        raise typer.Exit(1)


@app.command("activate")
@command
def activate(code: Code, group: Group) -> None:
    """Activate a provider, or the change of it that waits."""
    chosen = settings()
    with running_server(chosen) as server:
        run(activate_one(server, chosen, group, code))
    console.print(f"{code}: active")


@app.command("disable")
@command
def disable(code: Code, group: Group) -> None:
    """End sign-in by a provider, its web sessions and the roles it gave."""
    chosen = settings()
    with running_server(chosen) as server:
        run(disable_one(server, chosen, group, code))
    console.print(f"{code}: disabled")


@app.command("confirm-domain")
@command
def confirm(
    code: Code, domain: Annotated[str, typer.Argument(help="E-mail domain that belongs to the group.")], group: Group
) -> None:
    """Let an e-mail domain count. Check first that it is the group's: by contract, or by a record in its DNS."""
    chosen = settings()
    with running_server(chosen) as server:
        run(confirm_one(server, chosen, group, code, domain))
    console.print(f"{domain}: confirmed for {code} of {group}")


# --- what the commands do ---------------------------------------------------------------------------------------------


async def all_of(server: Server, chosen: Settings, group: str) -> list[tuple[ProviderInfo, list[DomainInfo]]]:
    """The providers of a group, each with its domains."""
    async with (
        _platform(server, chosen, group) as (platform, found),
        group_session(platform.engines, found, read_only=True) as session,
    ):
        infos, domains = await group_providers(session, found.id), await group_domains(session, found.id)
    return [(info, [one for one in domains if one.provider_id == info.id]) for info in infos]


async def add_one(
    server: Server,
    chosen: Settings,
    group: str,
    code: str,
    *,
    name: str,
    issuer: str,
    client: str,
    secret: str | None,
    role_rules: list[dict[str, str]],
    creates_accounts: bool,
) -> str:
    """A draft; its id."""
    async with (
        _platform(server, chosen, group) as (platform, found),
        open_group_work(platform, found, _operator(found)) as work,
    ):
        made = await providers.add_provider(
            work,
            code=code,
            name=name,
            issuer=issuer,
            client=client,
            secret=secret,
            role_rules=role_rules,
            creates_accounts=creates_accounts,
        )
    return str(made)


async def examine_one(server: Server, chosen: Settings, group: str, code: str) -> list[Finding]:
    """What is right and wrong with a provider."""
    async with _platform(server, chosen, group) as (platform, found):
        info = await _one(platform, found, code)
        return await examine_provider(platform, found, _operator(found), info.id)


async def activate_one(server: Server, chosen: Settings, group: str, code: str) -> None:
    """Activate it as it is now."""
    async with _platform(server, chosen, group) as (platform, found):
        info = await _one(platform, found, code)
        async with open_group_work(platform, found, _operator(found)) as work:
            await providers.activate_provider(work, info.id, version=info.version)


async def disable_one(server: Server, chosen: Settings, group: str, code: str) -> None:
    """Disable it."""
    async with _platform(server, chosen, group) as (platform, found):
        info = await _one(platform, found, code)
        async with open_group_work(platform, found, _operator(found)) as work:
            await providers.disable_provider(work, info.id)


async def confirm_one(server: Server, chosen: Settings, group: str, code: str, domain: str) -> None:
    """Confirm a domain.

    Raises:
        NotFound: no such group, provider or domain. Refused: DOMAIN_TAKEN; it counts for another provider.
    """
    name = email_domain(domain)
    async with _platform(server, chosen, group) as (platform, found):
        info = await _one(platform, found, code)
        # Only the control login may confirm, and only a group's login may audit: two transactions. The command can be repeated.
        async with control_session(platform.engines) as session:
            confirmed = await confirm_domain(session, info.id, name, now=platform.clock.now())
        if confirmed is None:
            raise Refused("DOMAIN_TAKEN", f"{name} is confirmed for another provider of this installation")
        async with open_group_work(platform, found, _operator(found)) as work:
            work.audit("accounts.confirm_email_domain", "IdentityProvider", info.id, after={"domain": name})


@asynccontextmanager
async def _platform(server: Server, chosen: Settings, group: str) -> AsyncIterator[tuple[Platform, ResolvedGroup]]:
    async with open_platform(server, chosen, application="forecourt providers") as platform:
        async with control_session(platform.engines) as session:
            found = await find_group(session, group)
        if found is None:
            raise NotFound(f"no group {group!r}")
        yield platform, found


async def _one(platform: Platform, group: ResolvedGroup, code: str) -> ProviderInfo:
    async with group_session(platform.engines, group, read_only=True) as session:
        infos = await group_providers(session, group.id)
    for info in infos:
        if info.code == code:
            return info
    raise NotFound(f"group {group.code} has no identity provider {code!r}")


def _operator(group: ResolvedGroup) -> Actor:
    return Actor.for_system("providers command", group.id)

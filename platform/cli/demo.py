"""`forecourt demo`: the whole product on an invented group, computed in this run (`make demo`)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from ..auth.lookup import find_account
from ..composition import open_platform, prepare, running_server
from ..domain.interchange import reads as interchange_reads
from ..domain.interchange.folder import open_group
from ..domain.interchange.group_files import check_group
from ..domain.people.reads import holders_of
from ..errors import Invalid, NotFound
from ..settings import Settings, settings
from ..tenancy.server import Server
from ..tenancy.session import control_session, find_group, group_session, store_session, stores_of
from .common import command, run, shown
from .exchange import close_group, import_group, month_report
from .people import add_person
from .server import with_processes

DATA = Path("tests/data/harmony")
_STORE_ROLES = (
    "STORE_GM",
    "SALES_MANAGER",
    "SALES_SUPERVISOR",
    "SALES_CONSULTANT",
    "SERVICE_MANAGER",
    "SERVICE_ADVISOR",
    "TECHNICIAN",
    "CS_MANAGER",
    "CS_AGENT",
)
_GROUP_ROLES = ("HQ_DIRECTOR", "HQ_QUALITY", "HQ_ANALYST", "GROUP_ADMIN")


@dataclass(frozen=True)
class SignIn:
    """An account of the demo; its password derives from the installation's secret, so it is the same every time."""

    name: str
    password: str
    role: str
    store: str | None


@command
def demo(
    data: Annotated[Path, typer.Option(help="Export to import.")] = DATA,
    port: Annotated[int | None, typer.Option(help="Port of the API. Default: FORECOURT_PORT, or 8000.")] = None,
    workers: Annotated[int, typer.Option(help="Worker processes.")] = 2,
) -> None:
    """Set everything up on an invented group, close a real month through the queue, show it, and serve until Ctrl-C."""
    if not data.is_dir():
        raise typer.BadParameter(f"there is no export at {data}; run this in the project's folder, or pass --data")
    chosen = settings()
    with running_server(chosen) as server:
        prepare(server, chosen)

        def show(address: str) -> None:
            run(_show(server, chosen, data, address))

        with_processes(chosen, port=port, workers=workers, quiet=True, once_ready=show)


async def _show(server: Server, chosen: Settings, data: Path, address: str) -> None:
    check = await check_group(open_group(data))
    if check.group is None:
        raise Invalid("the export's group.csv or stores.csv was refused; see `forecourt import`")
    code, month = check.group.group_code, f"{check.group.covers_to:%Y-%m}"
    report = await _present(server, chosen, code, month, exported_at=check.group.exported_at)
    if report is None:
        await import_group(server, chosen, data)
        report = await close_group(server, chosen, code, month)
    shown = min(report["stores"], default=None)
    if shown is None:
        raise NotFound("the export has no store with data")
    people = await _people(server, chosen, code, shown)
    _print_month(report)
    _print_card(report, shown)
    _print_access(address, people, code, shown, month)


async def _present(
    server: Server, chosen: Settings, code: str, month: str, *, exported_at: Any
) -> dict[str, Any] | None:
    """The month's report when this very export is imported and the month closed already."""
    async with open_platform(server, chosen, application="forecourt demo") as platform:
        async with control_session(platform.engines) as session:
            group = await find_group(session, code)
        if group is None:
            return None
        async with group_session(platform.engines, group, read_only=True) as session:
            newest = await interchange_reads.newest_group_import(session, group.id)
        if newest is None or newest.exported_at != exported_at:
            return None
        report = await month_report(platform, group, month)
        return report if report["benchmark"] else None


async def _people(server: Server, chosen: Settings, group_code: str, store_code: str) -> list[SignIn]:
    """One account per role, made where it does not exist yet."""
    async with open_platform(server, chosen, application="forecourt demo") as platform:
        async with control_session(platform.engines) as session:
            group = await find_group(session, group_code)
            assert group is not None  # noqa: S101  (imported above)
            store = next(one for one in await stores_of(session, group.id) if one.code == store_code)
        async with store_session(platform.engines, store, read_only=True) as session:
            holders = await holders_of(session, platform.clock.now().date())
        wanted: list[tuple[str, str, str | None, str | None]] = [
            (role.lower().replace("_", "."), role, None, None) for role in _GROUP_ROLES
        ]
        for role in _STORE_ROLES:
            employee = holders.get(role)
            if employee is not None:
                wanted.append((f"{role.lower().replace('_', '.')}.{store_code.lower()}", role, store_code, employee))
        found = []
        for name, role, at, employee in wanted:
            password = server.secrets.derive(f"demo password/{name}").hex()[:16]
            found.append(SignIn(name, password, role, at))
            try:
                async with control_session(platform.engines) as session:
                    await find_account(session, name)
            except NotFound:
                await add_person(
                    server,
                    chosen,
                    name=name,
                    group=group_code,
                    role=role,
                    store=at,
                    employee=employee,
                    show_as=name,
                    password=password,
                )
        return found


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f} %"


_VERDICTS = {
    "LOW3": ("far below", "red"),
    "LOW2": ("below", "yellow"),
    "IN": ("as expected", "white"),
    "HIGH2": ("above", "green"),
    "HIGH3": ("far above", "bold green"),
}


def _print_month(report: dict[str, Any]) -> None:
    comparison = report["benchmark"][0]
    title = f"{report['group']} {report['month']}: very satisfied of invoiced deliveries ({comparison['kpi']})"
    table = Table("store", "n", "value", "95 % interval", "shrunk", "verdict", title=title)
    for row in comparison["stores"]:
        words, colour = _VERDICTS.get(row["verdict"] or "", ("too few to show", "dim"))
        interval = "" if row["lo"] is None else f"{_percent(row['lo'])} – {_percent(row['hi'])}"
        table.add_row(
            row["store"],
            str(row["n"]),
            _percent(row["value"]),
            interval,
            _percent(row["eb"]),
            Text(words, style=colour),
        )
    for gone in comparison["missing"]:
        table.add_row(gone["store"], "", "", "", "", Text(f"missing: {gone['reason']}", style="magenta"))
    shown.print(table)
    if comparison["computed"]:
        shown.print(f"pooled {_percent(comparison['pooled'])}, spread between stores τ {_percent(comparison['tau'])}")


def _print_card(report: dict[str, Any], store: str) -> None:
    scheme = report["stores"][store]["schemes"]["SALES-2H"]
    card = max(scheme["scorecards"], key=lambda one: (one["total"] is not None, -int(one["ledger_points"]), one["n"]))
    table = Table("", "", title=f"{store}: scorecard of {card['employee_no']}, scheme SALES-2H", show_header=False)
    for label, key in (
        ("role", "role"),
        ("deliveries that count", "n"),
        ("very satisfied", "x"),
        ("value", "s01"),
        ("ledger", "ledger_points"),
        ("total", "total"),
        ("verdict", "verdict"),
    ):
        table.add_row(label, str(card[key]))
    shown.print(table)
    ledger = Table(
        "rule", "points", "evidence", "occurred", "cause", title=f"ledger of {card['employee_no']}, proposed"
    )
    for entry in scheme["ledger"]:
        if entry["employee_no"] == card["employee_no"]:
            cells = (entry["rule"], entry["points"], entry["evidence"], entry["occurred_at"], entry["cause"])
            ledger.add_row(*map(str, cells))
    shown.print(ledger)


def _print_access(address: str, people: list[SignIn], group: str, store: str, month: str) -> None:
    table = Table("role", "store", "sign-in name", "password", title=f"sign in at {address}/sign-in")
    for person in people:
        table.add_row(person.role, person.store or "(group)", person.name, person.password)
    shown.print(table)
    manager = next((one.name for one in people if one.role == "STORE_GM"), people[0].name)
    shown.print("\nThree queries to paste:\n")
    for user, query in _queries(people[0].name, manager, store, month):
        shown.print(
            f'curl -s {address}/graphql -H "Authorization: Bearer $(.venv/bin/forecourt token --user {user})" '
            f"-H 'Content-Type: application/json' -d '{{\"query\":\"{query}\"}}'\n",
            soft_wrap=True,
            markup=False,
        )
    shown.print(f"Serving {group} until Ctrl-C.")


def _queries(director: str, manager: str, store: str, month: str) -> list[tuple[str, str]]:
    """Three documents that HQ and a manager may send; double quotes escaped for JSON in a shell."""
    benchmark = '{ group { benchmark(month: "MONTH", kpi: "S01") { pooled tau stores { store { code } n value lo hi verdict missing } } } }'
    cards = (
        '{ store(code: "STORE") { scorecards(first: 5) { totalCount edges { node { scheme employee { employeeNo } n x '
        "total verdict ledgerPoints } } } } }"
    )
    everywhere = (
        "{ group { stores(first: 50) { edges { node { code asOf evaluationRuns(first: 1) { edges { node { month state "
        "provisional } } } } } } } }"
    )

    def filled(text: str) -> str:
        return text.replace("MONTH", month).replace("STORE", store).replace('"', '\\"')

    return [(director, filled(benchmark)), (director, everywhere), (manager, filled(cards))]

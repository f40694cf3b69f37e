"""`forecourt`: what an operator or a store's IT person types."""

import os

import typer

from ..settings import settings
from ..telemetry import configure_logs
from . import (
    accounts,
    audit,
    clients,
    demo,
    directory,
    exchange,
    explain,
    jobs,
    operator,
    people,
    providers,
    schema,
    server,
    stores,
)

app = typer.Typer(
    name="forecourt",
    help="Forecourt: one GraphQL API over all stores of a car-dealer group.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("up")(server.up)
app.command("demo")(demo.demo)
app.command("api")(server.api)
app.command("worker")(server.worker)
app.command("scheduler")(server.scheduler)
app.command("import")(exchange.import_folder)
app.command("close-month")(exchange.close_month)
app.command("token")(people.token)
app.command("explain")(explain.explain_document)
app.command("break-glass")(operator.break_glass)
app.add_typer(server.database, name="db")
app.add_typer(stores.app, name="store")
app.add_typer(people.app, name="user")
app.add_typer(clients.app, name="clients")
app.add_typer(clients.oauth, name="oauth")
app.add_typer(directory.app, name="directory")
app.add_typer(accounts.app, name="accounts")
app.add_typer(providers.app, name="providers")
app.add_typer(schema.app, name="schema")
app.add_typer(jobs.app, name="jobs")
app.add_typer(audit.app, name="audit")


@app.callback()
def _every_command() -> None:
    configure_logs(settings().log_level if "FORECOURT_LOG_LEVEL" in os.environ else "WARNING")


def main() -> None:
    """Entry point of the command."""
    app()

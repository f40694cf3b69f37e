"""`forecourt schema export`."""

import typer

from .common import answer, command

app = typer.Typer(help="The GraphQL schema.", no_args_is_help=True)


@app.command("export")
@command
def export() -> None:
    """Print the schema in SDL, sorted: the content of schema.graphql."""
    from ..graphql.api import schema_text

    answer(schema_text().rstrip("\n"))


@app.callback()
def _group() -> None:
    """The GraphQL schema."""

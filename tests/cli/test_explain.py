"""`forecourt explain`: what it shows of a compiled document, and of one that is not."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from forecourt.cli import explain
from forecourt.cli.main import app
from forecourt.tenancy.server import Server
from tests.conftest import World

QUERY = """query Q($name: String!) { group { name } store(code: "a1") { asOf
  customers(first: 5, where: {name: {eq: $name}}) { totalCount edges { node { id name vehicles { edges { node { vin } } } } } } } }"""


def shown(world: World, monkeypatch: pytest.MonkeyPatch, path: Path, *options: str) -> tuple[int, str]:
    """Exit code and output of the command over the world's server."""

    @contextmanager
    def running(_: Any) -> Iterator[Server]:
        yield world.server

    monkeypatch.setattr(explain, "running_server", running)
    monkeypatch.setattr(explain, "settings", lambda: world.database.settings)
    found = CliRunner().invoke(app, ["explain", str(path), *options])
    return found.exit_code, found.stdout


def test_it_shows_the_plan_from_the_key_to_the_times(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "query.graphql"
    path.write_text(QUERY, "utf-8")
    options = ("--group", world.groups["a"].code, "--role", "STORE_GM", "--store", "a1")
    code, text = shown(world, monkeypatch, path, *options, "--variables", '{"name": "B"}', "--answer")
    assert code == 0
    for line in (
        "Compiled. Roots: group: group, store: store.",
        "customers:customer:read STORE",
        "Statement 0",
        "SELECT transaction_timestamp()",
        "= variable $name",
        "Cost: round trips 1, statements 4, rows at most 105.",
        "100  customers › vehicles → Vehicle, a page of 20: rows in statement 3",
        "FROM store.vehicle AS vehicle_0",
        "Variant: no null in a cursor",
        "customers → Customer, a page of 5: rows in statement 1, total in statement 2",
        "Columns of statement 3, customers › vehicles (Vehicle)",
        "def complete(S, store_id, store, M):",
        "parse and validate",
        '"totalCount": ',
    ):
        assert line in text, f"{line}\n---\n{text}"
    assert "'B'" not in text.partition("The answer is made by")[0]  # a value stands in no statement


def test_it_shows_what_graphql_core_completes(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "query.graphql"
    path.write_text(
        """{ viewer { memberships { role } name } group { name months { month } stores { edges { node {
      code benchmarkShare(month: "2026-08", kpi: "S01") { computed } customers { totalCount } } } } } }""",
        "utf-8",
    )
    code, text = shown(world, monkeypatch, path, "--group", world.groups["a"].code, "--role", "HQ_DIRECTOR")
    assert code == 0
    names = "Query.viewer, Viewer.memberships, Group.months, Store.benchmarkShare"
    assert f"Completed by graphql-core, side by side with the rest: {names}." in text
    assert "   Completed by graphql-core: Store.benchmarkShare" in text
    assert "fields by graphql-core" in text and "   Query.viewer: " in text


def test_it_says_why_a_document_is_not_compiled(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "query.graphql"
    path.write_text("{ store { name } }", "utf-8")
    code, text = shown(world, monkeypatch, path, "--group", world.groups["a"].code, "--role", "HQ_ANALYST")
    assert code == 0 and "Not compiled: an id or a code is needed." in text


@pytest.mark.parametrize(
    "options",
    [(), ("--group", "nowhere", "--role", "STORE_GM"), ("--user", "nobody"), ("--variables", "[1]")],
)
def test_what_it_cannot_know_is_an_error(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: tuple[str, ...]
) -> None:
    path = tmp_path / "query.graphql"
    path.write_text("{ group { name } }", "utf-8")
    assert shown(world, monkeypatch, path, *options)[0] == 1

"""Connecting a directory and mapping its groups by command."""

from collections.abc import Iterator

import pytest
from typer.testing import CliRunner, Result

from forecourt.cli.directory import app
from forecourt.settings import settings
from forecourt.tenancy.provision import owner_connection
from tests.conftest import World

GROUP = ("--group", "SECRET-A")


@pytest.fixture(autouse=True)
def installation(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The commands find the run's server."""
    monkeypatch.setenv("FORECOURT_HOME", str(world.database.settings.home))
    monkeypatch.setenv("COLUMNS", "250")
    settings.cache_clear()
    yield
    settings.cache_clear()
    with owner_connection(world.server) as connection:
        connection.execute(b"delete from control.scim_mapping")
        connection.execute(b"delete from control.scim_connection")


def forecourt(*arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == code, done.output
    return done


def test_a_connection_is_made_shown_without_its_token_and_revoked() -> None:
    made = forecourt("connect", *GROUP, "--label", "Entra ID")
    token = made.stdout.strip()
    assert token.startswith("fcd_")
    assert "/scim/v2" in made.stderr
    listed = forecourt("list", *GROUP).stdout
    assert "Entra ID" in listed
    assert token not in listed
    [line] = [line for line in listed.splitlines() if "Entra ID" in line]
    connection = line.replace("│", " ").split()[0]
    forecourt("revoke", *GROUP, connection)
    forecourt("revoke", *GROUP, "nothing", code=1)
    forecourt("revoke", "--group", "SECRET-B", connection, code=1)


def test_mappings_are_made_listed_applied_and_removed() -> None:
    mapping = forecourt("map", *GROUP, "Managers", "--role", "STORE_GM", "--store", "a1").stdout.strip()
    forecourt("map", *GROUP, "g-1", "--external-id", "--role", "STORE_GM", "--region", "north")
    forecourt("map", *GROUP, "HQ", "--role", "HQ_ANALYST")
    listed = forecourt("list", *GROUP).stdout
    for text in (mapping, "Managers", "a1", "external id g-1", "north", "HQ_ANALYST", "group"):
        assert text in listed
    assert "0 people" in forecourt("apply", *GROUP).stderr
    forecourt("unmap", *GROUP, mapping)
    assert mapping not in forecourt("list", *GROUP).stdout


def test_what_does_not_exist_is_said() -> None:
    for arguments in (
        ("list", "--group", "NOBODY"),
        ("map", *GROUP, "x", "--role", "STORE_GM", "--store", "b1"),
        ("map", *GROUP, "x", "--role", "STORE_GM"),
        ("map", *GROUP, "x", "--role", "EMPEROR"),
        ("unmap", *GROUP, "nothing"),
    ):
        forecourt(*arguments, code=1)

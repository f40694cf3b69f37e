"""`forecourt clients` and `forecourt oauth` as an operator types them."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from forecourt.cli import clients, server
from forecourt.jobs.oauth import TEND
from forecourt.tenancy.provision import owner_connection
from tests.conftest import World
from tests.programs import new_key, public

GROUP = ("--group", "SECRET-A")


@pytest.fixture
def shell(world: World, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setattr(clients, "settings", lambda: world.database.settings)
    return CliRunner()


def test_a_client_by_command(shell: CliRunner, tmp_path: Path) -> None:
    def run(*arguments: str, code: int = 0) -> str:
        done = shell.invoke(clients.app, [*arguments, *GROUP])
        assert done.exit_code == code, done.output
        return done.stdout

    client_id, secret = run("create", "DMS", "--scope", "sales:order:read", "--store", "a1").split()
    assert client_id.startswith("fci_") and secret.startswith("fcs_")
    listed = " ".join(run("list").split())
    assert client_id[:10] in listed and secret not in listed
    assert run("rotate-secret", client_id, "--overlap-hours", "1").strip() not in ("", secret)
    for verb in ("disable", "enable", "revoke-tokens"):
        assert run(verb, client_id) == ""
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(public(new_key())))
    assert (
        run("create", "BI", "--scope", "evaluation:kpi:read", "--all-stores", "--keys", str(keys)).split()[0][:4]
        == "fci_"
    )
    run("create", "x", "--scope", "evaluation:run:approve", "--all-stores", code=1)
    run("create", "x", "--scope", "sales:order:read", "--store", "b1", code=1)
    run("create", "x", "--scope", "sales:order:read", code=2)
    keys.write_text("not json")
    run("create", "x", "--scope", "sales:order:read", "--all-stores", "--keys", str(keys), code=1)
    run("disable", "fci_none", code=1)
    assert shell.invoke(clients.app, ["list", "--group", "NONE"]).exit_code == 1


def test_signing_keys_by_command(shell: CliRunner) -> None:
    assert shell.invoke(clients.oauth, ["rotate-keys", "--distrust"]).exit_code == 0
    assert shell.invoke(clients.oauth, ["rotate-keys"]).exit_code == 1  # published a moment ago
    rotated = shell.invoke(clients.oauth, ["rotate-keys", "--at-once"])
    assert rotated.exit_code == 0
    listed = shell.invoke(clients.oauth, ["keys"]).stdout
    assert [listed.count(state) for state in ("NEXT", "ACTIVE", "RETIRED")] == [1, 1, 1]


def test_a_worker_puts_the_schedule_of_the_keys(world: World) -> None:
    for _ in range(2):
        asyncio.run(server._put_schedules(world.server, world.database.settings))
    with owner_connection(world.server) as connection:
        rows = connection.execute("select group_id, enabled from control.schedule where name = %s", (TEND,)).fetchall()
    assert rows == [(None, True)]

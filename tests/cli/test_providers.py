"""The operator's commands about identity providers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from forecourt.cli import providers as commands
from forecourt.tenancy.provision import owner_connection
from tests.conftest import World
from tests.domain.accounts.conftest import clear

GROUP = ("--group", "SECRET-A")
ADD = ("--name", "Corp", "--issuer", "http://127.0.0.1:9/x", "--client-id", "x")


@pytest.fixture
def runner(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[CliRunner]:
    """Runs commands against the test server."""

    @contextmanager
    def running(chosen: object) -> Iterator[object]:
        yield world.server

    chosen = world.database.settings.model_copy(update={"outgoing_loopback": True})
    monkeypatch.setattr(commands, "settings", lambda: chosen)
    monkeypatch.setattr(commands, "running_server", running)
    clear(world)
    yield CliRunner()
    clear(world)


def run(runner: CliRunner, *arguments: str, code: int = 0, stdin: str | None = None) -> str:
    done = runner.invoke(commands.app, [*arguments, *GROUP], input=stdin)
    assert done.exit_code == code, done.output
    return done.output


def test_a_provider_from_draft_to_disabled(runner: CliRunner, world: World, tmp_path: Path) -> None:
    rules, secret = tmp_path / "rules", tmp_path / "secret"
    rules.write_text("groups = fc-{store}-advisor -> SERVICE_ADVISOR @ {store}\n", "utf-8")
    secret.write_text("s3cret\n", "utf-8")
    run(runner, "add", "corp", *ADD, "--secret-file", str(secret), "--rules", str(rules))
    assert "DRAFT" in run(runner, "list")
    told = run(runner, "test", "corp", code=1)
    assert "DISCOVERY_UNREACHABLE" in told and "SECRET" not in told.replace("SECRET-A", "")
    assert "无法读取" in run(runner, "test", "corp", "--language", "zh-CN", code=1)
    run(runner, "activate", "corp")
    assert "ACTIVE" in run(runner, "list")
    run(runner, "disable", "corp")
    assert "DISABLED" in run(runner, "list")
    with owner_connection(world.server) as connection:
        found = connection.execute(
            "select distinct actor from control.audit_event where action = 'accounts.activate_provider' and actor like 'system:%'"
        ).fetchall()
    assert ("system:providers command",) in found


def test_a_secret_may_be_typed(runner: CliRunner) -> None:
    told = run(runner, "add", "corp", *ADD, "--secret-file", "-", stdin="s3cret\n")
    assert "s3cret" not in told


def test_a_domain_counts_once_it_is_confirmed(runner: CliRunner, world: World) -> None:
    run(runner, "add", "corp", *ADD)
    run(runner, "confirm-domain", "corp", "corp.example", code=1)
    with owner_connection(world.server) as connection:
        connection.execute(
            """insert into control.email_domain (id, group_id, provider_id, domain, created_at)
               select gen_random_uuid(), group_id, id, 'corp.example', now() from control.identity_provider"""
        )
    assert "not confirmed" in run(runner, "list")
    for _ in range(2):
        run(runner, "confirm-domain", "corp", "Corp.Example")
    assert "not confirmed" not in run(runner, "list")


def test_what_is_not_there_is_said(runner: CliRunner) -> None:
    for arguments in (("activate", "none"), ("test", "none"), ("disable", "none"), ("confirm-domain", "none", "a.b")):
        run(runner, *arguments, code=1)
    assert "none" in run(runner, "list")
    done = runner.invoke(commands.app, ["list", "--group", "NONE"])
    assert done.exit_code == 1

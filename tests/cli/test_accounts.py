"""`forecourt accounts`: the verbs with an operator's words around them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from typer.testing import CliRunner, Result

from forecourt.auth.actor import Actor
from forecourt.auth.web_sessions import open_session
from forecourt.cli import accounts
from forecourt.domain.accounts import actions
from forecourt.domain.work import Platform, open_group_work
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.ids import new_id
from forecourt.tenancy.provision import owner_connection
from forecourt.tenancy.server import Server
from forecourt.tenancy.session import control_session
from tests.conftest import World

pytestmark = pytest.mark.anyio


@pytest.fixture
async def person(world: World, engines: Engines) -> str:
    """Somebody with an address and two sessions."""
    platform, group, name = Platform(engines), world.groups["a"], f"p{new_id().hex[-12:]}"
    async with open_group_work(platform, group, Actor.for_system("test", group.id)) as work:
        made = await actions.create_account(work, name=name, display_name="x", email=f"{name}@example.com")
        await actions.begin_second_factor(work, made)
    async with control_session(engines) as session:
        for _ in range(2):
            await open_session(session, made)
    return name


def run(world: World, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    """The command as an operator types it, in a thread: the tests' loop runs in this one."""

    @contextmanager
    def running(_: object) -> Iterator[Server]:
        yield world.server

    monkeypatch.setattr(accounts, "settings", lambda: world.database.settings)
    monkeypatch.setattr(accounts, "running_server", running)
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(lambda: CliRunner().invoke(accounts.app, arguments)).result()


def audited(world: World, action: str) -> int:
    with owner_connection(world.server) as connection:
        [(count,)] = connection.execute(
            "select count(*) from control.audit_event where actor = 'system:accounts' and action = %s", (action,)
        ).fetchall()
    return int(str(count))


async def test_sessions_end_and_links_are_sent(world: World, person: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = audited(world, "accounts.end_sessions")
    assert "2 sessions ended" in run(world, monkeypatch, "end-sessions", person).stderr
    assert "0 sessions ended" in run(world, monkeypatch, "end-sessions", person).stderr
    assert audited(world, "accounts.end_sessions") == before + 2
    assert run(world, monkeypatch, "send-link", person).exit_code == 0
    refused = run(world, monkeypatch, "reset-second-factor", person, "--reason", "met in person")
    assert refused.exit_code == 1 and "NO_SECOND_FACTOR" in refused.stderr
    assert run(world, monkeypatch, "end-sessions", "nobody-at-all").exit_code == 1


async def test_the_policy_of_a_group(world: World, engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    code = world.groups["b"].code
    for word, kept in (("--require-second-factor", "REQUIRED"), ("--no-require-second-factor", "OPTIONAL")):
        assert run(world, monkeypatch, "policy", "--group", code, word).exit_code == 0
        with owner_connection(world.server) as connection:
            [(found,)] = connection.execute(
                "select second_factor from control.dealer_group where code = %s", (code,)
            ).fetchall()
        assert found == kept
    assert run(world, monkeypatch, "policy", "--group", "NOWHERE", "--require-second-factor").exit_code == 1

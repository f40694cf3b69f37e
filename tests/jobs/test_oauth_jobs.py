"""The installation's daily round: put once, of no group, and doing what it says."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from forecourt.clock import SetClock
from forecourt.domain.work import Platform
from forecourt.jobs import oauth
from forecourt.jobs.broker import PostgresBroker
from forecourt.jobs.context import JobContext
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.provision import owner_connection
from tests.conftest import World
from tests.programs import NOON

pytestmark = pytest.mark.anyio


async def test_the_round(world: World, engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, tuple[Callable[..., Awaitable[None]], dict[str, Any]]] = {}

    def declare(_: object, name: str, function: Callable[..., Awaitable[None]], **options: object) -> None:
        found[name] = function, options

    monkeypatch.setattr(oauth, "declare", declare)
    platform = Platform(engines, SetClock(NOON))
    oauth.register(cast(PostgresBroker, None), JobContext(platform))
    tend, options = found[oauth.TEND]
    assert options == {
        "platform": True
    }  # the queue refuses a message of a group for it, and one of none for the others
    for _ in range(2):
        await oauth.put_round(platform)
    with owner_connection(world.server) as connection:
        connection.execute("delete from control.oauth_signing_key")
        connection.execute("insert into control.oauth_revoked_token values (%s, %s)", (b"\1" * 32, NOON))
        rows = connection.execute(
            "select group_id, actor, enabled from control.schedule where name = %s", (oauth.TEND,)
        )
        assert rows.fetchall() == [(None, oauth.TEND, True)]
        for _ in range(2):
            await tend(due=NOON.isoformat())
        states = connection.execute("select state from control.oauth_signing_key order by state").fetchall()
        assert states == [("ACTIVE",), ("NEXT",)]
        assert (
            connection.execute(
                "select 1 from control.oauth_revoked_token where jti_hash = %s", (b"\1" * 32,)
            ).fetchall()
            == []
        )

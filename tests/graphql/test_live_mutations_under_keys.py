"""The tests of the product's mutations once more, each request under a key of its own: a key changes nothing but repeats.

Whatever a mutation shows is read in the transaction that wrote it, so this is where a payload that looks elsewhere is found.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from forecourt.auth.actor import Actor
from forecourt.clock import SetClock
from forecourt.domain.work import Platform
from forecourt.graphql.api import api_schema
from forecourt.graphql.idempotency import Repeat
from forecourt.graphql.run import run
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.ids import new_id
from tests.conftest import World
from tests.domain.desk import START
from tests.graphql import test_clients, test_live_directory, test_live_mutations
from tests.graphql.live import LiveApi

pytestmark = pytest.mark.anyio


class Keyed(LiveApi):
    """Sends every document under a new key."""

    async def run(
        self, actor: Actor, query: str, variables: Mapping[str, Any] | None = None, *, language: str = "en"
    ) -> dict[str, Any]:
        context = self.context(actor, language)
        context.repeat = Repeat(str(new_id()), b"\1" * 32)
        return await run(self.schema, context, query, variables)


@pytest.fixture(params=["interpreted", "compiled"])
async def live_api(world: World, engines: Engines, request: pytest.FixtureRequest) -> AsyncIterator[LiveApi]:
    """The API by either engine."""
    pools = Engines(engines.server, engines.settings.model_copy(update={"reader": request.param}))
    clock = SetClock(START)
    yield Keyed(world, Platform(pools, clock), clock, api_schema())
    await pools.aclose()


#: It counts what stays in the database, so it runs once.
_ONCE = {"test_settings_and_schemes"}
#: Their tests, and the fixtures that these use.
for _module in (test_clients, test_live_directory, test_live_mutations):
    for _name, _value in vars(_module).items():
        if _name in _ONCE:
            continue
        if _name.startswith("test_") or type(_value).__name__ == "FixtureFunctionDefinition":
            assert _name not in globals() or _name in ("desk", "rows"), _name
            globals()[_name] = _value

"""Mutations that leave nothing: the commit is a rollback, ids and secrets come from a seed, the clock stands still.

So the same mutation can be run in both engines, over the same rows, and give the same answer.
"""

import random
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from forecourt.auth.actor import Actor
from forecourt.domain.entities import ENTITIES
from forecourt.tenancy import ids, session
from forecourt.tenancy.engines import Engines
from tests.graphql.compiled.conftest import Both
from tests.graphql.operations import MUTATIONS, Samples


@contextmanager
def rolled_back() -> Iterator[None]:
    """Within, no transaction of the product commits; what it would refuse at the commit, it refuses."""
    plain = session._transaction

    @asynccontextmanager
    async def transaction(engines: Engines, engine: AsyncEngine, **more: Any) -> AsyncIterator[AsyncSession]:
        async with plain(engines, engine, **more) as found:
            yield found
            await found.flush()
            await session.send_last(found, commit=False)
            await found.rollback()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "_transaction", transaction)
        yield


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within, new ids and new secrets are the same each time."""
    chance = random.Random(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ids, "secrets", SimpleNamespace(randbits=chance.getrandbits))
        patch.setattr(ids, "time", SimpleNamespace(time_ns=lambda: 1_789_000_000_000_000_000))
        patch.setattr(ids, "_last", 0)
        patch.setattr(secrets, "token_bytes", lambda size=32: chance.randbytes(size))
        yield


class RolledBack:
    """Runs documents in either engine without a trace. To be used within `rolled_back`."""

    def __init__(self, both: Both) -> None:
        self.both = both

    def run(
        self, engine: str, actor: Actor, text: str, variables: Mapping[str, Any], operation: str | None
    ) -> dict[str, Any]:
        """The answer of one engine."""
        with seeded(7):
            return self.both.run(engine, actor, text, dict(variables), operation)


def sampled(both: Both, chance: random.Random, name: str) -> Any:
    """A plausible input of a mutation: known rows of a store, and of the group."""
    code = chance.choice(("a1", "a1", "a2", "b1"))
    rows: dict[str, UUID] = dict(both.group_rows[code[0]])
    for entity in ENTITIES:
        rows[entity.name] = chance.choice(both.rows[code][entity.table.name])["id"]
    samples = Samples(both.world.stores[code].id, both.world.groups[code[0]].id, rows)
    return chance.choice(MUTATIONS[name].inputs(samples))

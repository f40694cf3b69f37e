"""Stores of the real world filled with made-up rows, and both engines over them."""

import asyncio
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from forecourt.app import operation_context
from forecourt.auth.actor import Actor, Membership
from forecourt.clock import SetClock
from forecourt.domain.work import Platform
from forecourt.graphql import ids
from forecourt.graphql.api import api_schema
from forecourt.graphql.context import Context
from forecourt.graphql.run import run
from forecourt.graphql.schema import ApiSchema
from forecourt.tenancy import embedded
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.session import ResolvedStore
from tests.conftest import World, make_database, make_world
from tests.graphql.compiled.agreeing import pair, whole_of
from tests.stores import Row, fill_store

NOW = datetime(2026, 9, 15, 4, tzinfo=UTC)


@dataclass
class Both:
    """Runs a document in either engine, as anybody of the world, on one event loop."""

    world: World
    platforms: dict[str, Platform]
    schema: ApiSchema
    rows: dict[str, dict[str, list[Row]]]
    runner: asyncio.Runner
    #: ids of the groups' own rows by type, where there are some
    group_rows: dict[str, dict[str, UUID]] = field(default_factory=dict)

    def actor(self, *roles: tuple[str, str | None], group: str = "a", person: int = 0) -> Actor:
        """Somebody with (role, store code or None) memberships; at a store they are one of its employees."""
        members = []
        for role, code in roles:
            if code == "region":  # of both stores
                stores = frozenset(store.id for store in self.world.stores_of(group))
                members.append(Membership(role, None, region="R", region_stores=stores))
                continue
            people = self.rows[code]["employee"] if code else []
            employee = people[person % len(people)]["id"] if people else None
            members.append(Membership(role, self.world.stores[code].id if code else None, employee))
        group_id = self.world.groups[group].id
        return Actor("account:1", "王芳", group_id, memberships=tuple(members), language="en")

    def context(self, engine: str, actor: Actor) -> Context:
        group = next(one for one in self.world.groups.values() if one.id == actor.group_id)
        found = operation_context(self.platforms[engine], actor, group, language="en", request_id="r-1")
        letter = next(name for name, one in self.world.groups.items() if one.id == actor.group_id)

        async def list_stores() -> list[ResolvedStore]:
            return self.world.stores_of(letter)

        found.list_stores = list_stores  # control rows are the same for both: asked once, in the fixture
        return found

    def run(
        self,
        engine: str,
        actor: Actor,
        text: str,
        variables: dict[str, Any] | None = None,
        operation: str | None = None,
    ) -> dict[str, Any]:
        """The answer of one engine."""

        async def settled() -> dict[str, Any]:
            found = await run(self.schema, self.context(engine, actor), text, variables or {}, operation)
            # Where an error makes a parent null, graphql-core leaves the rest of it running.
            rest = asyncio.all_tasks() - {asyncio.current_task()}
            if rest:
                await asyncio.wait(rest, timeout=5)
            return found

        return self.runner.run(settled())

    def same(self, actor: Actor, text: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        """The answer that both engines give; the compiled one."""

        def run_in(engine: str) -> dict[str, Any]:
            return self.run(engine, actor, text, variables)

        found = pair(self.schema.compiled, run_in)
        different = found.difference(lambda: whole_of(run_in))
        assert different is None, f"{different}\n{text}\n{variables}\n{actor.memberships}\n{found.one}\n{found.two}"
        return found.two

    def compiled(self, actor: Actor, text: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        """The answer that both engines give to a document that was not handed over."""
        before = self.schema.compiled.compiled
        answer = self.same(actor, text, variables)
        assert self.schema.compiled.compiled == before + 1, self.schema.compiled.handed_over
        return answer

    def store_id(self, code: str) -> str:
        return ids.store_id(self.world.stores[code].id)


@contextmanager
def both_engines(world: World) -> Iterator[Both]:
    """Both engines over stores a1, a2, b1 and b2 filled with made-up rows, which are gone afterwards."""
    settings = world.database.settings
    with asyncio.Runner() as runner:
        engines = {
            name: Engines(world.server, settings.model_copy(update={"reader": name}))
            for name in ("compiled", "interpreted")
        }
        rows: dict[str, dict[str, list[Row]]] = {code: {} for code in world.stores}
        world.truncate()
        chance = random.Random(11)

        async def fill() -> None:
            owner = engines["interpreted"].owner()
            for code, store in world.stores.items():
                translated = owner.execution_options(schema_translate_map={"tenant": store.schema})
                async with translated.begin() as connection:
                    await fill_store(connection, rows[code], chance)

        try:
            runner.run(fill())
            clock = SetClock(NOW)
            platforms = {name: Platform(made, clock) for name, made in engines.items()}
            yield Both(world, platforms, api_schema(), rows, runner)
        finally:
            for made in engines.values():
                runner.run(made.aclose())
            world.truncate()


@pytest.fixture(scope="module")
def both(world: World) -> Iterator[Both]:
    """See `Both`. Fills a1, a2, b1 and b2 for each module: others in between may have emptied them."""
    with both_engines(world) as made:
        yield made


@pytest.fixture(scope="session")
def whole() -> Iterator[Both]:
    """`Both` over a server of its own whose groups have rows of every kind: what belongs to a group stays when a test ends."""
    from tests.graphql.compiled.group_rows import fill_group
    from tests.graphql.rows import group_rows

    folder = Path(tempfile.mkdtemp(prefix="fc-fuzz-"))
    folder.chmod(0o755)
    try:
        world = make_world(make_database(folder))
        with both_engines(world) as made:

            async def fill() -> None:
                platform = made.platforms["interpreted"]
                for letter, group in world.groups.items():
                    known = await group_rows(platform, group)
                    made.group_rows[letter] = known
                    async with platform.engines.owner().begin() as connection:
                        await fill_group(connection, group.id, world.stores_of(letter), known)

            made.runner.run(fill())
            yield made
    finally:
        embedded.destroy(folder)
        shutil.rmtree(folder, ignore_errors=True)


__all__ = ["Both", "both", "both_engines", "replace", "whole"]

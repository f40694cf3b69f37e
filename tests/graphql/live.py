"""The real API over the real database: the product's schema and its operations' contexts, for any actor of the world."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.ids import new_id
from forecourt.tenancy.session import ResolvedStore
from tests.conftest import World
from tests.domain.desk import START


@dataclass
class LiveApi:
    """Runs documents as any actor of groups a and b, at a clock that stands still."""

    world: World
    platform: Platform
    clock: SetClock
    schema: ApiSchema

    def actor(
        self,
        *roles: tuple[str, str | None],
        group: str = "a",
        employee: UUID | None = None,
        account: UUID | None = None,
        key: str | None = None,
    ) -> Actor:
        """Somebody of a group with (role, place) memberships; `employee` is who they are there.

        A place is the code of a store, None for the group, or "@" and a code for the region of that store alone.
        """
        members = tuple(self.member(role, place, employee) for role, place in roles)
        found = account or new_id()
        return Actor(
            key or f"account:{found}",
            "王芳",
            self.world.groups[group].id,
            account_id=found,
            memberships=members,
            language="en",
        )

    def member(self, role: str, place: str | None, employee: UUID | None = None) -> Membership:
        """A membership at a place."""
        if place is not None and place[0] == "@":
            return Membership(role, None, region=place, region_stores=frozenset({self.store(place[1:]).id}))
        return Membership(role, self.store(place).id if place else None, employee if place else None)

    def store(self, code: str) -> ResolvedStore:
        """A store of the world: a1, a2, b1 or b2."""
        return self.world.stores[code]

    def store_id(self, code: str) -> str:
        """The global id of a store."""
        return ids.store_id(self.store(code).id)

    def id(self, type_: str, row: UUID, code: str = "a1") -> str:
        """The global id of a row of a store."""
        return str(ids.GlobalId(type_, self.store(code).id, row))

    def group_id(self, type_: str, row: UUID, group: str = "a") -> str:
        """The global id of one of a group's own things."""
        return str(ids.GlobalId(type_, self.world.groups[group].id, row))

    def context(self, actor: Actor, language: str = "en") -> Context:
        """One operation's context, as the process makes it."""
        group = next(one for one in self.world.groups.values() if one.id == actor.group_id)
        return operation_context(self.platform, actor, group, language=language, request_id="r-1")

    async def run(
        self, actor: Actor, query: str, variables: Mapping[str, Any] | None = None, *, language: str = "en"
    ) -> dict[str, Any]:
        """The whole answer."""
        return await run(self.schema, self.context(actor, language), query, variables)

    async def data(self, actor: Actor, query: str, variables: Mapping[str, Any] | None = None) -> Any:
        """The data of an answer without errors."""
        answer = await self.run(actor, query, variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    async def mutate(self, actor: Actor, name: str, given: Mapping[str, Any], shows: str = "") -> dict[str, Any]:
        """The payload of one mutation that may refuse by `userErrors` but not fail."""
        document = f"mutation($input: {self.input_of(name)}!) {{ {name}(input: $input) {{ {shows} userErrors {{ code path }} }} }}"
        payload: dict[str, Any] = (await self.data(actor, document, {"input": given}))[name]
        return payload

    async def attempt(self, actor: Actor, given: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """The whole answer of one document with several mutations by name; each commits alone."""
        names = ", ".join(f"${name}: {self.input_of(name)}!" for name in given)
        fields = " ".join(f"{name}(input: ${name}) {{ userErrors {{ code }} }}" for name in given)
        return await self.run(actor, f"mutation({names}) {{ {fields} }}", given)

    async def refused(self, actor: Actor, name: str, given: Mapping[str, Any]) -> list[str]:
        """Codes of the refusals of one mutation."""
        payload = await self.mutate(actor, name, given)
        return [error["code"] for error in payload["userErrors"]]

    def input_of(self, mutation: str) -> str:
        """The name of a mutation's input type."""
        root = self.schema._schema.mutation_type
        assert root is not None
        return str(root.fields[mutation].args["input"].type).rstrip("!")


def codes(answer: Mapping[str, Any]) -> Mapping[tuple[str | int, ...], str]:
    """Path → code of the errors of an answer."""
    return {tuple(error.get("path", ())): error["extensions"]["code"] for error in answer.get("errors", [])}


def values(found: Any) -> Iterator[Any]:
    """Every leaf of an answer's data that is not null."""
    if isinstance(found, Mapping):
        for item in found.values():
            yield from values(item)
    elif isinstance(found, Sequence) and not isinstance(found, str):
        for item in found:
            yield from values(item)
    elif found is not None:
        yield found


@pytest.fixture
async def live_api(world: World, engines: Engines) -> AsyncIterator[LiveApi]:
    """See `LiveApi`."""
    clock = SetClock(START)
    yield LiveApi(world, Platform(engines, clock), clock, api_schema())


@pytest.fixture(params=["interpreted", "compiled"])
async def live(live_api: LiveApi, engines: Engines, request: pytest.FixtureRequest) -> AsyncIterator[LiveApi]:
    """The API by either engine."""
    pools = Engines(engines.server, engines.settings.model_copy(update={"reader": request.param}))
    live_api.platform = Platform(pools, live_api.clock)
    yield live_api
    await pools.aclose()

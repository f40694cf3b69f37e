"""The API over the scratch stores: one schema, and operations run as any actor."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from forecourt.auth.actor import Actor, Membership
from forecourt.clock import SetClock
from forecourt.domain.entities import ENTITIES
from forecourt.errors import Unavailable
from forecourt.graphql.context import Context
from forecourt.graphql.run import run
from forecourt.graphql.schema import ApiSchema, Parts, build
from tests.graphql.example import CLOSE_TASK, Touched
from tests.stores import ScratchStore, Stores, scratch_stores

NOW = datetime(2026, 9, 15, 4, tzinfo=UTC)


@dataclass(frozen=True)
class Card:
    """What the control rows would say of a store."""

    id: UUID
    code: str
    name: str = "一店"
    brand: str = "H"
    region: str | None = None
    grade: str | None = "A"
    city_tier: int | None = 1
    time_zone: str = "Asia/Shanghai"
    state: str = "ACTIVE"


@dataclass(frozen=True)
class GroupCard:
    """What the control rows would say of a group."""

    id: UUID
    code: str
    name: str = "集团"
    currency: str = "CNY"
    time_zone: str = "Asia/Shanghai"


@dataclass
class Api:
    """Runs documents. Stores in `down` cannot be opened."""

    stores: Stores
    schema: ApiSchema
    down: set[str] = field(default_factory=set)
    opened: list[str] = field(default_factory=list)
    touched: Touched = field(default_factory=Touched)

    def actor(self, *roles: tuple[str, str | None], group: str = "north", people: int = 1) -> Actor:
        """An actor with (role, store code or None) memberships; at a store they are its first employee."""
        items: list[Membership] = []
        for role, code in roles:
            store = self.stores.stores[code] if code else None
            employee = store.rows["employee"][people - 1]["id"] if store else None
            items.append(Membership(role, store.id if store else None, employee))
        return Actor("account:1", "王芳", self.stores.groups[group], memberships=tuple(items))

    def context(self, actor: Actor, language: str = "en") -> Context:
        by_id = {store.id: store for store in self.stores.stores.values()}

        def open_store(card: Any) -> Any:
            store = by_id[card.id]
            self.opened.append(store.code)
            if store.code in self.down:
                raise Unavailable("down")
            return self.stores.session(store)

        async def list_stores() -> Sequence[Card]:
            mine = (store for store in by_id.values() if store.group_id == actor.group_id)
            return [Card(store.id, store.code) for store in mine]

        code = next(name for name, id_ in self.stores.groups.items() if id_ == actor.group_id)
        return Context(
            actor=actor,
            group=GroupCard(actor.group_id, code),
            entities=ENTITIES,
            list_stores=list_stores,
            open_store=open_store,
            clock=SetClock(NOW),
            request_id="r-1",
            language=language,
            extra=self.touched,
        )

    def run(self, actor: Actor, query: str, language: str = "en", **variables: Any) -> dict[str, Any]:
        """The whole answer."""
        return self.stores.run(run(self.schema, self.context(actor, language), query, variables))

    def data(self, actor: Actor, query: str, **variables: Any) -> Any:
        """The data of an answer without errors."""
        answer = self.run(actor, query, **variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def store(self, code: str) -> ScratchStore:
        return self.stores.stores[code]


@pytest.fixture(scope="session")
def scratch() -> Iterator[Stores]:
    with scratch_stores() as made:
        yield made


@pytest.fixture(scope="session")
def schema() -> ApiSchema:
    return build(ENTITIES, Parts(mutations=[CLOSE_TASK]))


@pytest.fixture
def api(scratch: Stores, schema: ApiSchema) -> Api:
    return Api(scratch, schema)


from tests.graphql.live import live, live_api  # noqa: E402

__all__ = ["Api", "Card", "GroupCard", "api", "live", "live_api", "schema", "scratch"]

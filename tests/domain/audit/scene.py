"""A store and its group with nothing in their audits, before and after; work in them, and a superuser who tampers."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from forecourt.auth.actor import Actor
from forecourt.clock import SetClock
from forecourt.domain import tables
from forecourt.domain.audit.verify import verify_group, verify_store
from forecourt.domain.audit_chain import Verified
from forecourt.domain.work import Platform, open_group_work, open_work
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.session import ResolvedGroup, ResolvedStore
from tests.conftest import World

assert tables.MODULES

START = datetime(2026, 9, 7, 2, 0, 0, 123456, tzinfo=UTC)
CONTROL_TABLES = ("audit_event", "audit_head", "audit_anchor", "audit_verification")
#: Values that come back from the database written otherwise than they went in.
AWKWARD: dict[str, Any] = {
    "n": 1e22,
    "z": -0.0,
    "small": 5e-324,
    "points": 1.50,
    "b": {"d": 1, "c": [None, True, "王\n\"'"]},
}


@dataclass
class Scene:
    """Store a1 of group a."""

    world: World
    platform: Platform
    clock: SetClock
    group: ResolvedGroup
    store: ResolvedStore

    @property
    def system(self) -> Actor:
        return Actor.for_system("test", self.group.id)

    async def act(self, *actions: str, store: ResolvedStore | None = None, **more: Any) -> None:
        """One unit of work in the store with these events."""
        async with open_work(self.platform, store or self.store, self.system, request_id="r-1") as work:
            for number, action in enumerate(actions):
                work.audit(action, "Thing", None, reason="why 为什么", before=AWKWARD, after={"n": number}, **more)

    async def act_in_group(self, *actions: str) -> None:
        """The same on the group's rows."""
        async with open_group_work(self.platform, self.group, self.system) as work:
            for action in actions:
                work.audit(action, "Thing", after=AWKWARD)

    async def check(self, **options: Any) -> Verified:
        return await verify_store(self.platform, self.group, self.store, **options)

    async def check_group(self, **options: Any) -> Verified:
        return await verify_group(self.platform, self.group, **options)

    def tamper(self, *statements: str) -> list[Any]:
        """As a superuser; ``{s}`` is the store's schema, ``{g}`` the group's id. Rows of the last statement."""
        with self.superuser() as connection:
            for statement in statements:
                text = statement.replace("{s}", self.store.schema).replace("{g}", str(self.group.id))
                cursor = connection.execute(text.encode())
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def superuser(self) -> Iterator[psycopg.Connection[Any]]:
        server = self.world.server
        with psycopg.connect(server.administrator or "", dbname=server.address.dbname) as connection:
            yield connection

    def clear(self) -> None:
        self.world.truncate("a1", "a2")
        self.tamper(*(f"delete from control.{table} where group_id = '{{g}}'" for table in CONTROL_TABLES))


@pytest.fixture
async def scene(world: World, engines: Engines) -> AsyncIterator[Scene]:
    """See `Scene`."""
    clock = SetClock(START)
    made = Scene(world, Platform(engines, clock), clock, world.groups["a"], world.stores["a1"])
    made.clear()
    yield made
    made.clear()

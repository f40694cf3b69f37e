"""A store at work in tests: import files, run units of work, look at its rows as the owner of the database sees them."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from forecourt.auth.actor import Actor, Membership
from forecourt.clock import Clock, SetClock
from forecourt.domain.evaluation.schemes import install_seed_schemes
from forecourt.domain.interchange import actions
from forecourt.domain.interchange.folder import open_group, open_memory, open_store
from forecourt.domain.interchange.group_files import check_group
from forecourt.domain.interchange.reads import batch_counts, batch_report
from forecourt.domain.work import GroupWork, Platform, Work, open_group_work, open_work
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.provision import NewStore, create_group, create_store, owner_connection
from forecourt.tenancy.server import Server
from forecourt.tenancy.session import ResolvedGroup, ResolvedStore
from tests.conftest import Database, resolved

FOLDER = Path(__file__).parent / "data" / "harmony"
EXPECTED: dict[str, Any] = json.loads((FOLDER / "expected-2026-09.json").read_text("utf-8"))
EXPORTED_AT = datetime(2026, 11, 21, 22, 0, tzinfo=UTC)
#: After the freeze of 2026-09 in every zone.
#: Long after the month is frozen, and after whatever day it is today: jobs look at the database's clock.
LATER = datetime(2126, 11, 25, tzinfo=UTC)


@dataclass(frozen=True)
class Shop:
    """One store, with the connections of one test."""

    server: Server
    platform: Platform
    store: ResolvedStore

    def at(self, moment: datetime) -> "Shop":
        """The same with a clock that stands at this moment."""
        return replace(self, platform=Platform(self.platform.engines, SetClock(moment)))

    def person(self, role: str, *employee_ids: UUID, key: str | None = None) -> Actor:
        """Somebody with a role here, who may be one of the store's employees."""
        people = employee_ids or (None,)
        memberships = tuple(Membership(role, self.store.id, employee_id) for employee_id in people)
        return Actor(key or f"account:{role}", role, self.store.group_id, memberships=memberships)

    @asynccontextmanager
    async def work(self, actor: Actor | None = None) -> AsyncIterator[Work]:
        async with open_work(self.platform, self.store, actor or Actor.for_system("test", self.store.group_id)) as work:
            yield work

    async def receive(
        self, files: Mapping[str, bytes], *, on_row_error: str = "SKIP", live_since: date | None = None
    ) -> UUID:
        async with self.work() as work:
            return await actions.receive_batch(
                work,
                open_memory(files),
                exported_at=EXPORTED_AT,
                on_row_error=on_row_error,
                live_since=live_since,
            )

    async def merge(self, batch_id: UUID) -> dict[str, Any]:
        """Import a received batch; its report."""
        async with self.work() as work:
            await actions.import_batch(work, batch_id)
        async with self.work() as work:
            report = await batch_report(work.session, batch_id)
            return report | {"merged": await batch_counts(work.session, batch_id)}

    async def bring(self, files: Mapping[str, bytes], **options: Any) -> dict[str, Any]:
        """Receive and import; the report."""
        return await self.merge(await self.receive(files, **options))

    def sql(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Rows of one statement, `{s}` being the store's schema."""
        with owner_connection(self.server) as connection:
            return _rows(connection, statement.replace("{s}", self.store.schema), parameters)

    def one(self, statement: str, *parameters: Any) -> Any:
        """The only value of a statement."""
        return self.sql(statement, *parameters)[0][0]

    def tables(self) -> list[str]:
        """The store's tables."""
        found = self.sql("select tablename from pg_tables where schemaname = %s order by 1", self.store.schema)
        return [name for (name,) in found]


def _rows(connection: psycopg.Connection[Any], statement: str, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    cursor = connection.execute(statement.encode(), parameters or None)
    return cursor.fetchall() if cursor.description else []


@dataclass(frozen=True)
class Harmony:
    """The invented group with all its stores, imported once per run."""

    database: Database
    group: ResolvedGroup
    stores: dict[str, ResolvedStore]
    reports: dict[str, dict[str, Any]]

    def shop(self, engines: Engines, code: str) -> Shop:
        return Shop(self.database.server, Platform(engines, SetClock(LATER)), self.stores[code])


def harmony_files(code: str) -> dict[str, bytes]:
    """One store's export."""
    return {path.name: path.read_bytes() for path in (FOLDER / code).iterdir()}


@asynccontextmanager
async def group_work(
    engines: Engines, group: ResolvedGroup, *, clock: Clock | None = None, actor: Actor | None = None
) -> AsyncIterator[GroupWork]:
    """A unit of work on a group's rows as the system."""
    platform = Platform(engines, clock or SetClock(LATER))
    async with open_group_work(platform, group, actor or Actor.for_system("test", group.id)) as work:
        yield work


def make_harmony(database: Database) -> Harmony:
    """Provision the group and its nine stores and import the eight that have a folder."""
    return asyncio.run(_make_harmony(database))


async def _make_harmony(database: Database) -> Harmony:
    check = await check_group(open_group(FOLDER))
    assert check.group is not None
    stores = {}
    zone = check.group.time_zone
    with owner_connection(database.server) as connection:
        code, name = check.group.group_code, check.group.group_name
        group_id = create_group(connection, database.server.secrets, code=code, name=name, time_zone=zone)
        group = ResolvedGroup(group_id, code, name, zone, "CNY")
        for row in check.stores:
            new = NewStore(row.store_code, row.store_name, row.brand, row.time_zone or zone)
            stores[row.store_code] = resolved(connection, create_store(connection, group_id, new))
    engines = Engines(database.server, database.settings)
    batches: dict[str, UUID | None] = {}
    harmony = Harmony(database, group, stores, {})
    try:
        for code in stores:
            batches[code] = None
            if open_store(FOLDER, code) is not None:
                shop = harmony.shop(engines, code)
                batches[code] = batch_id = await shop.receive(harmony_files(code))
                harmony.reports[code] = await shop.merge(batch_id)
        async with group_work(engines, group) as work:
            await actions.record_group_import(work, check, batches)
            await install_seed_schemes(work)
    finally:
        await engines.aclose()
    return harmony


@pytest.fixture(scope="session")
def harmony(database: Database) -> Harmony:
    """The invented group, shared by the run: do not change its stores' data."""
    return make_harmony(database)

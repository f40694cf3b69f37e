"""A scratch database with two groups of two stores, filled with made-up rows.

Rows are generated from the tables themselves, with few distinct values (so that orders have ties) and many nulls, and kept
in Python, so that a naive reference can look at the same rows without SQL.
"""

import asyncio
import random
import re
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID, uuid4

import psycopg
from sqlalchemy import CheckConstraint, Column, Index, Table, UniqueConstraint, event, insert, types
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateSchema

from forecourt.domain import tables
from forecourt.tenancy.base import StoreTable
from forecourt.tenancy.ids import new_id
from forecourt.tenancy.names import store_schema
from tests.cluster import plain_server

TODAY = date(2026, 9, 15)
MONTHS = ("2026-07", "2026-08", "2026-09")
TEXTS = ("", "B", "a", "b", "王芳", "阿明", "a%_b")
#: Closed words that no CHECK repeats.
WORDS = {
    ("scorecard", "role"): ("SALES_CONSULTANT", "SALES_SUPERVISOR"),
    ("scorecard", "employment"): ("PROBATION", "CONFIRMED", "LEFT"),
}
LEAST = {"employee": 14, "position": 24, "team": 5}
Row = dict[str, Any]
T = TypeVar("T")

assert tables.MODULES  # the metadata is whole


@dataclass
class ScratchStore:
    """A store with the rows it holds, by table name."""

    id: UUID
    group_id: UUID
    code: str
    rows: dict[str, list[Row]] = field(default_factory=dict)

    @property
    def schema(self) -> str:
        return store_schema(self.id)


@dataclass
class Stores:
    """The database, its four stores, and one event loop for everything async."""

    engine: AsyncEngine
    runner: asyncio.Runner
    groups: dict[str, UUID]
    stores: dict[str, ScratchStore]
    statements: list[str] = field(default_factory=list)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run to completion on the shared loop."""
        return self.runner.run(coroutine)

    @asynccontextmanager
    async def session(self, store: ScratchStore) -> AsyncIterator[AsyncSession]:
        """A transaction in the store's schema that is rolled back."""
        engine = self.engine.execution_options(
            schema_translate_map={"tenant": store.schema}, isolation_level="REPEATABLE READ"
        )
        async with AsyncSession(engine) as session:
            yield session


@contextmanager
def scratch_stores(seed: int = 7) -> Iterator[Stores]:
    """Create the database, its stores and rows; drop it at the end."""
    name = f"forecourt_reader_{uuid4().hex[:12]}"
    with psycopg.connect(plain_server(), autocommit=True) as server:
        server.execute(f"create database {name} template template0 lc_collate 'C' lc_ctype 'C' encoding 'UTF8'")
        try:
            with asyncio.Runner() as runner:
                engine = create_async_engine(
                    f"postgresql+psycopg://postgres@127.0.0.1:{server.info.port}/{name}", poolclass=NullPool
                )
                groups = {"north": new_id(), "south": new_id()}
                stores = {
                    f"{group[0].upper()}{number}": ScratchStore(new_id(), id_, f"{group[0].upper()}{number}")
                    for group, id_ in groups.items()
                    for number in (1, 2)
                }
                made = Stores(engine, runner, groups, stores)
                runner.run(_fill(engine, stores, random.Random(seed)))

                @event.listens_for(engine.sync_engine, "before_cursor_execute")
                def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
                    made.statements.append(statement)

                yield made
                runner.run(engine.dispose())
        finally:
            server.execute(f"drop database {name} with (force)")


async def _fill(engine: AsyncEngine, stores: dict[str, ScratchStore], chance: random.Random) -> None:
    for store in stores.values():
        async with engine.execution_options(schema_translate_map={"tenant": store.schema}).begin() as connection:
            await connection.execute(CreateSchema(store.schema))
            await connection.run_sync(StoreTable.metadata.create_all)
            await fill_store(connection, store.rows, chance)


async def fill_store(connection: AsyncConnection, made: dict[str, list[Row]], chance: random.Random) -> None:
    """Fill every table of one store's schema with made-up rows, and note them in `made` by table name."""
    for table in StoreTable.metadata.sorted_tables:
        rows = made[table.name] = _rows(table, made, chance)
        if rows:
            plain = [{key: value for key, value in row.items() if key != "xid"} for row in rows]
            await connection.execute(insert(table), plain)


def _rows(table: Table, made: dict[str, list[Row]], chance: random.Random) -> list[Row]:
    wanted = LEAST.get(table.name, 30)
    unique = [names for item in (*table.constraints, *table.indexes) if (names := _unique(item))]
    words = {name: found for item in table.constraints for name, found in _words(item)}
    seen: set[tuple[Any, ...]] = set()
    rows: list[Row] = []
    for _ in range(wanted * 4):
        row = {column.name: _value(table, column, words, made, rows, chance) for column in table.columns}
        _consistent(table.name, row, chance)
        keys = [(number, *(row[name] for name in names)) for number, names in enumerate(unique)]
        if len(rows) < wanted and not seen.intersection(keys):
            seen.update(keys)
            rows.append(row)
    return rows


def _unique(item: Any) -> list[str]:
    if isinstance(item, UniqueConstraint):
        return [column.name for column in item.columns]
    if isinstance(item, Index) and item.unique:
        return [str(getattr(column, "name", column)) for column in item.expressions]
    return []


def _words(item: Any) -> Iterator[tuple[str, list[str]]]:
    if isinstance(item, CheckConstraint):
        found = re.fullmatch(r"(\w+) in \((.*)\)", str(item.sqltext))
        if found:
            yield found[1], re.findall(r"'([^']*)'", found[2])


def _value(
    table: Table,
    column: Column[Any],
    words: dict[str, list[str]],
    made: dict[str, list[Row]],
    own: list[Row],
    chance: random.Random,
) -> Any:
    if column.primary_key:
        return new_id()
    if column.nullable and chance.random() < 0.3:
        return None
    if column.foreign_keys:
        target = next(iter(column.foreign_keys)).target_fullname.split(".")[1]
        parents = own if target == table.name else made[target]
        return chance.choice(parents)["id"] if parents else None
    if column.name in words:
        return chance.choice(words[column.name])
    return _of_type(column, chance)


def _of_type(column: Column[Any], chance: random.Random) -> Any:
    name, kind = column.name, column.type
    if name in ("month", "period"):
        return chance.choice(MONTHS)
    if name in ("created_by", "updated_by", "filed_by"):
        return "account:1"
    if (column.table.name, name) in WORDS:
        return chance.choice(WORDS[column.table.name, name])
    if isinstance(kind, types.Boolean):
        return chance.random() < 0.5
    if isinstance(kind, types.DateTime):
        return datetime(2026, 9, chance.randint(1, 4), chance.choice((0, 12)), tzinfo=UTC)
    if isinstance(kind, types.Date):
        return TODAY + timedelta(days=chance.randint(-3, 3))
    if isinstance(kind, types.Integer):
        return chance.choice((1, 2, 3, 4, 10, 11)) if column.name == "n" else chance.randint(1, 4)
    if isinstance(kind, types.Numeric):
        return Decimal(chance.choice(("-1", "0", "0.5", "1.10", "82.352941")))
    if isinstance(kind, types.Uuid):
        return new_id()
    if isinstance(kind, JSONB):
        return {"k": chance.randint(1, 3)}
    if isinstance(kind, types.LargeBinary):
        return chance.randbytes(8)
    if name.endswith("_no") or name in ("vin", "team_code", "evidence_key", "record_key"):
        return f"{name}-{chance.randint(0, 99):02}"
    return chance.choice(TEXTS)


def _consistent(table: str, row: Row, chance: random.Random) -> None:
    """What CHECKs over several columns ask."""
    if table == "position":
        row["valid_from"] = TODAY + timedelta(days=chance.choice((-400, -30, 0, 1)))
        row["valid_to"] = chance.choice((None, None, row["valid_from"] + timedelta(days=chance.choice((1, 30, 600)))))
    elif table == "invitation":
        row["origin"], row["suppressed_reason"] = "IMPORT", "FATIGUE"
    elif table == "appeal":
        row["decided_by"] = None
    elif table == "change_event":
        row["xid"] = None

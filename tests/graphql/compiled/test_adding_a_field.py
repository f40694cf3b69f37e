"""The page docs/adding-a-field.md, run: its blocks make a table and an entity, and both engines give the answer it shows."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy.ext.asyncio import AsyncConnection

from forecourt.domain.entities import ENTITIES
from forecourt.domain.people.model import Employee
from forecourt.graphql.context import Context
from forecourt.graphql.schema import build
from forecourt.tenancy.base import StoreTable
from forecourt.tenancy.ids import new_id
from forecourt.tenancy.names import store_role
from forecourt.tenancy.reader.entity import Entities
from tests.graphql.compiled.conftest import Both

PAGE = (Path(__file__).parents[3] / "docs" / "adding-a-field.md").read_text()
#: What the files of a feature import.
IMPORTS = """
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from sqlalchemy.orm import Mapped, mapped_column
from forecourt.domain.people.reach import about
from forecourt.tenancy.base import StoreTable
from forecourt.tenancy.columns import Amount, Recorded, to
from forecourt.tenancy.reader.entity import (
    Asker, Entity, Field, Grant, Kind, Relation, When, batched, computed, entity, many, one, value,
)
from tests.graphql.compiled.conftest import Both
"""


def blocks(label: str) -> list[str]:
    """The page's blocks with this label, in their order."""
    return re.findall(rf"^```{label}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


class Shown(Both):
    """Both engines over the product's entities and the page's."""

    entities: Entities

    def context(self, engine: str, actor: Any) -> Context:
        found = super().context(engine, actor)
        found.entities = self.entities
        return found


@pytest.fixture(scope="module")
def names() -> Iterator[dict[str, Any]]:
    """What the page's Python defines."""
    space: dict[str, Any] = {}
    exec(IMPORTS + "\n".join(blocks("python")), space)
    yield space
    StoreTable.metadata.remove(space["TestDrive"].__table__)  # other tests make every table of the metadata


@pytest.fixture(scope="module")
def shown(both: Both, names: dict[str, Any]) -> Iterator[Shown]:
    fields = eval(f"({''.join(blocks('python field'))})", names)
    relations = eval(f"({''.join(blocks('python relation'))})", names)
    entities = Entities(*ENTITIES, names["test_drive"](fields, relations))
    found = Shown(both.world, both.platforms, build(entities), both.rows, both.runner)
    found.entities = entities
    owner = both.platforms["interpreted"].engines.owner()
    store = both.world.stores["a1"]
    translated = owner.execution_options(schema_translate_map={"tenant": store.schema})
    table = names["TestDrive"].__table__

    async def make() -> None:
        async with translated.begin() as connection:
            await connection.run_sync(table.create)
            await connection.execute(sa.text(f"alter table {store.schema}.test_drive drop column deposit"))
            await connection.run_sync(migrate, store.schema)
            await connection.execute(sa.text(f"grant select on {store.schema}.test_drive to {store_role(store.id)}"))
            await fill(connection, table, both.rows["a1"]["employee"][0]["id"])

    async def drop() -> None:
        async with translated.begin() as connection:
            await connection.run_sync(table.drop)

    both.runner.run(make())
    yield found
    both.runner.run(drop())


def migrate(connection: sa.Connection, schema: str) -> None:
    """Run the page's step of migration on one store, as the runner does with the text that it renders of it."""
    operations = Operations(MigrationContext.configure(connection))
    (step,) = blocks("python migration")
    exec(step.replace('schema="tenant"', f"schema={schema!r}"), {"op": operations, "sa": sa})


async def fill(connection: AsyncConnection, table: sa.Table, consultant: Any) -> None:
    """Three drives: one that ended, one that goes on, one without a deposit."""

    def drive(day: int, hour: int, minute: int, end: int | None, template: str, cost: str, deposit: str | None) -> Any:
        return {
            "id": new_id(),
            "consultant_id": consultant,
            "template": template,
            "started_at": datetime(2026, 9, day, hour, minute, tzinfo=UTC),
            "ended_at": None if end is None else datetime(2026, 9, day, hour, end, tzinfo=UTC),
            "cost": Decimal(cost),
            "deposit": None if deposit is None else Decimal(deposit),
        }

    drives = [
        drive(14, 2, 0, 45, "T1", "80.50", "500.00"),
        drive(15, 3, 30, None, "T0", "12.25", "200"),
        drive(14, 9, 0, 10, "T1", "1", None),
    ]
    await connection.execute(sa.insert(table), drives)
    await connection.execute(sa.update(Employee).where(Employee.id == consultant).values(name="李明"))


def test_the_query_of_the_page_has_the_answer_of_the_page(shown: Shown) -> None:
    (query,), (answer,) = blocks("graphql"), blocks("json")
    assert shown.compiled(shown.actor(("STORE_GM", "a1")), query)["data"] == json.loads(answer)


def test_the_test_of_the_page_passes(shown: Shown, names: dict[str, Any]) -> None:
    tests = [made for name, made in names.items() if name.startswith("test_the")]
    assert len(tests) == 1
    tests[0](shown)


def test_without_its_permission_the_page_would_not_start(names: dict[str, Any]) -> None:
    text = "".join(blocks("python field")).replace('    permission="evaluation:kpi:read",\n),', "),")
    fields = eval(f"({text})", names)
    with pytest.raises(ValueError, match=r"TestDrive\.margin: cost needs evaluation:kpi:read"):
        Entities(*ENTITIES, names["test_drive"](fields, ()))

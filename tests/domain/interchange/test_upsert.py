"""One way in: records that come one by one and an export that brings them leave the same rows, in any order."""

import csv
import io
from typing import Any

import pytest

from forecourt.clock import SetClock
from forecourt.domain.interchange.format import FILES
from forecourt.domain.interchange.upsert import MOST_RECORDS, OFFERED, upsert
from forecourt.domain.work import Platform
from forecourt.tenancy.engines import Engines
from tests.conftest import World
from tests.domain.interchange.support import EXPORTED_AT, Rows, good_rows, write
from tests.shop import Shop, harmony_files

pytestmark = pytest.mark.anyio

#: Made anew by each import, or of the import itself.
APART = {
    "import_batch",
    "import_chunk",
    "import_finding",
    "import_row",
    "audit_event",
    "audit_head",
    "change_event",
    "inbox",
}


def shop_of(world: World, engines: Engines, code: str) -> Shop:
    world.truncate(code)
    return Shop(world.server, Platform(engines, SetClock(EXPORTED_AT)), world.stores[code])


def files_of(rows: Rows) -> dict[str, bytes]:
    return {name: write(name, lines) for name, lines in rows.items()}


def content(shop: Shop) -> dict[str, list[Any]]:
    """Every row by what an export says of it: natural keys and cells, neither ids nor versions."""
    found = {}
    for table in shop.tables():
        columns = shop.sql(
            "select column_name from information_schema.columns where table_schema = %s and table_name = %s order by 1",
            shop.store.schema,
            table,
        )
        kept = [name for (name,) in columns if name in ("source_hash", "value_masked", "customer_no", "name", "amount")]
        if table not in APART and kept:
            found[table] = shop.sql(f"select {', '.join(kept)} from {{s}}.{table} order by {', '.join(kept)}")
    return found


async def bring(shop: Shop, rows: Rows) -> list[str]:
    """Records of the offered files, one file after the other; their outcomes."""
    outcomes: list[str] = []
    for file in OFFERED:
        lines = rows[file]
        for start in range(0, len(lines), MOST_RECORDS):
            async with shop.work() as work:
                outcomes += [one.outcome for one in await upsert(work, file, lines[start : start + MOST_RECORDS])]
    return outcomes


def without(rows: Rows, *files: str) -> Rows:
    return {name: [] if name in files else lines for name, lines in rows.items()}


async def test_what_an_export_brought_is_unchanged_as_records(world: World, engines: Engines) -> None:
    shop, rows = shop_of(world, engines, "a1"), good_rows()
    await shop.bring(files_of(rows))
    before = {name: shop.sql(f"select xmin::text, t.* from {{s}}.{name} t order by id") for name in content(shop)}
    assert set(await bring(shop, rows)) == {"UNCHANGED"}
    assert before == {name: shop.sql(f"select xmin::text, t.* from {{s}}.{name} t order by id") for name in before}


async def test_records_leave_what_an_export_leaves(world: World, engines: Engines) -> None:
    one, two, rows = shop_of(world, engines, "a1"), shop_of(world, engines, "a2"), good_rows()
    rows["customers.csv"][0]["phone"] = "13912345678"
    rows["calls.csv"] = [dict(rows["calls.csv"][0], kind="DELIVERY_CALL", survey_no="", order_no="O1")]
    rows = without(rows, "surveys.csv", "complaints.csv")
    await one.bring(files_of(rows))
    await two.bring(files_of(without(rows, *OFFERED)))
    assert set(await bring(two, rows)) == {"CREATED"}
    assert content(two) == content(one)
    again = await two.bring(files_of(rows))
    assert sum(counts["created"] + counts["updated"] for counts in again["merged"].values()) == 0


@pytest.mark.proof
async def test_a_whole_store_record_by_record(world: World, engines: Engines) -> None:
    one, two, files = shop_of(world, engines, "a1"), shop_of(world, engines, "a2"), harmony_files("HX06")
    await one.bring(files)
    rows = {
        name: list(csv.DictReader(io.StringIO(text.decode("utf-8-sig"))))
        for name, text in files.items()
        if name in FILES
    }
    await two.bring({**files, **{name: write(name, []) for name in (*OFFERED, "surveys.csv", "complaints.csv")}})
    of_surveys = [row for row in rows["calls.csv"] if row.get("survey_no")]
    rows["calls.csv"] = [row for row in rows["calls.csv"] if not row.get("survey_no")]
    assert set(await bring(two, rows)) <= {"CREATED", "REFUSED", "UNCHANGED", "UPDATED"}
    await two.bring(files)
    assert content(two) == content(one) and of_surveys is not None

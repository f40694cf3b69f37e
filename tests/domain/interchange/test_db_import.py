"""Imports in the database: what arrives, what a second import changes, what a refused one leaves."""

import asyncio
import csv
import io
import json
from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest

from forecourt.auth.actor import Actor
from forecourt.domain.interchange import actions, merge
from forecourt.domain.interchange.format import FILES
from forecourt.domain.work import Platform
from forecourt.errors import Forbidden, Invalid, NotFound
from forecourt.tenancy.engines import Engines
from tests.conftest import World
from tests.domain.interchange.support import Rows, good_rows, write
from tests.shop import EXPECTED, Harmony, Shop, harmony_files

pytestmark = pytest.mark.anyio

ACCEPTED = [code for code, report in EXPECTED["imports"].items() if report["result"] != "NO_EXPORT"]
PHONE = "13912345678"


@pytest.fixture
def shop(world: World, engines: Engines) -> Shop:
    """An empty store."""
    world.truncate("a1")
    return Shop(world.server, Platform(engines), world.stores["a1"])


def files_of(rows: Rows) -> dict[str, bytes]:
    return {name: write(name, lines) for name, lines in rows.items()}


def changed(change: Callable[[Rows], object]) -> dict[str, bytes]:
    rows = good_rows()
    change(rows)
    return files_of(rows)


def state_of(shop: Shop) -> dict[str, list[Any]]:
    """Every row of the store with the transactions that wrote and locked it, without what every import adds."""
    apart = {
        "import_batch",
        "import_chunk",
        "import_finding",
        "import_row",
        "audit_event",
        "audit_head",
        "change_event",
        "inbox",
    }
    return {
        table: shop.sql(f"select xmin::text, xmax::text, t.* from {{s}}.{table} t order by id")
        for table in shop.tables()
        if table not in apart
    }


def events(shop: Shop) -> list[tuple[str, str]]:
    return shop.sql("select event, entity from {s}.change_event where entity <> 'ImportBatch' order by id")


def totals(report: dict[str, Any]) -> dict[str, int]:
    names = ("created", "updated", "unchanged", "refused")
    return {name: sum(counts[name] for counts in report["merged"].values()) for name in names}


@pytest.mark.parametrize("code", ACCEPTED)
async def test_an_import_reports_what_the_expected_file_says(harmony: Harmony, code: str) -> None:
    report, wanted = harmony.reports[code], EXPECTED["imports"][code]
    assert {key: report[key] for key in wanted} == wanted
    assert totals(report)["created"] == sum(wanted["accepted"].values())


async def test_the_store_holds_the_accepted_rows(harmony: Harmony, engines: Engines) -> None:
    shop, accepted = harmony.shop(engines, "HX03"), EXPECTED["imports"]["HX03"]["accepted"]
    tables = {
        "teams": "team",
        "employees": "employee",
        "positions": "position",
        "customers": "customer",
        "vehicles": "vehicle",
        "sales_orders": "sales_order",
        "repair_orders": "repair_order",
        "labour_lines": "labour_line",
        "part_lines": "part_line",
        "attendance": "attendance",
        "complaints": "complaint",
        "surveys": "invitation",
        "calls": "call",
        "targets": "target",
    }
    for file, table in tables.items():
        assert shop.one(f"select count(*) from {{s}}.{table}") == accepted[f"{file}.csv"], file
    assert [shop.one(f"select count(*) from {{s}}.{table}") for table in ("import_row", "import_chunk")] == [0, 0]


async def test_the_same_export_again_writes_nothing(shop: Shop) -> None:
    files = harmony_files("HX06")
    first = await shop.bring(files)
    before, told = state_of(shop), len(events(shop))
    again = await shop.bring(files)
    assert totals(again) == totals(first) | {"created": 0, "unchanged": totals(first)["created"]}
    assert state_of(shop) == before
    assert len(events(shop)) == told


async def test_line_ends_column_order_quotes_zones_zeros_and_list_order_are_not_content(shop: Shop) -> None:
    rows = good_rows()
    rows["complaints.csv"][0]["accused_nos"] = "E1;E2"
    await shop.bring(files_of(rows))
    before = state_of(shop)
    rows["complaints.csv"][0]["accused_nos"] = "E2;E1;E2"
    rows["labour_lines.csv"][0] |= {"hours_worked": "1.500", "hours_sold": "2.0", "amount": "0100"}
    rows["sales_orders.csv"][0]["signed_at"] = "2026-09-01T02:00:00Z"
    report = await shop.bring({name: rewritten(content) for name, content in files_of(rows).items()})
    assert totals(report)["updated"] == 0
    assert state_of(shop) == before


def rewritten(content: bytes) -> bytes:
    """The same cells: other line ends, every cell quoted, columns backwards, a byte-order mark."""
    stream = io.StringIO(newline="")
    rows = list(csv.reader(io.StringIO(content.decode(), newline="")))
    csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(row[::-1] for row in rows)
    return b"\xef\xbb\xbf" + stream.getvalue().encode()


async def test_one_changed_cell_is_one_updated_row_and_one_event(shop: Shop) -> None:
    await shop.bring(files_of(good_rows()))
    before, told = state_of(shop), events(shop)
    report = await shop.bring(changed(lambda rows: rows["sales_orders.csv"][0].update(net_amount="9.90")))
    assert totals(report)["updated"] == 1
    assert report["merged"]["sales_orders.csv"] == {"created": 0, "updated": 1, "unchanged": 0, "refused": 0}
    assert events(shop) == [*told, ("Corrected", "SalesOrder")]
    after = state_of(shop)
    assert [table for table in after if after[table] != before[table]] == ["sales_order"]
    assert shop.sql("select net_amount::text, version from {s}.sales_order") == [("9.90", 2)]


async def test_a_refused_row_leaves_the_stored_one(shop: Shop) -> None:
    await shop.bring(files_of(good_rows()))
    before = state_of(shop)
    report = await shop.bring(changed(lambda rows: rows["customers.csv"][0].update(name="丁", type="ALIEN")))
    assert [finding["code"] for finding in report["errors"]] == ["BAD_VALUE"]
    assert state_of(shop) == before


async def test_a_row_missing_from_a_later_export_is_left_alone(shop: Shop) -> None:
    await shop.bring(files_of(good_rows()))
    before = state_of(shop)
    report = await shop.bring(files_of({name: [] for name in good_rows()}))
    assert report["result"] == "ACCEPTED"
    assert state_of(shop) == before


# --- positions -------------------------------------------------------------------------------------------------------


def periods(shop: Shop) -> list[tuple[Any, ...]]:
    return shop.sql(
        """select employee_no, valid_from::text, valid_to::text, team_code from {s}.position
           join {s}.employee e on e.id = employee_id join {s}.team t on t.id = team_id order by 1, 2"""
    )


def with_periods(*cells: tuple[str, str, str, str], role: str = "SALES_CONSULTANT") -> dict[str, bytes]:
    rows = good_rows()
    rows["teams.csv"].append({"team_code": "S2", "team_name": "销售二组", "department": "SALES"})
    rows["positions.csv"] = [
        {"employee_no": number, "valid_from": start, "valid_to": end, "team_code": team, "role": role}
        for number, start, end, team in cells
    ]
    return files_of(rows)


async def test_a_named_persons_other_periods_are_dropped_with_an_event(shop: Shop) -> None:
    await shop.bring(with_periods(("E1", "2020-01-01", "", "S1"), ("E2", "2020-01-01", "", "S1")))
    told = len(events(shop))
    # E1 changes team, and it turns out to have begun a month later; nobody says anything about E2.
    await shop.bring(with_periods(("E1", "2020-02-01", "2026-08-15", "S1"), ("E1", "2026-08-15", "", "S2")))
    assert periods(shop) == [
        ("E1", "2020-02-01", "2026-08-15", "S1"),
        ("E1", "2026-08-15", None, "S2"),
        ("E2", "2020-01-01", None, "S1"),
    ]
    assert events(shop)[told:] == [("Imported", "Position"), ("Imported", "Position"), ("Dropped", "Position")]


async def test_a_refused_period_keeps_the_stored_one_of_its_key(shop: Shop) -> None:
    await shop.bring(with_periods(("E1", "2020-01-01", "2021-01-01", "S1"), ("E1", "2021-01-01", "", "S1")))
    files = with_periods(("E1", "2021-01-01", "", "NOWHERE"))
    report = await shop.bring(files)
    assert [finding["code"] for finding in report["errors"]] == ["UNKNOWN_REF"]
    assert periods(shop) == [("E1", "2021-01-01", None, "S1")]


# --- what hangs on a row ---------------------------------------------------------------------------------------------


async def test_the_accused_follow_the_row(shop: Shop) -> None:
    def accused() -> list[str]:
        query = "select employee_no from {s}.complaint_accused join {s}.employee e on e.id = employee_id order by 1"
        return [number for (number,) in shop.sql(query)]

    for cell, wanted in (("E1;E2", ["E1", "E2"]), ("E2", ["E2"]), ("", []), ("E1", ["E1"])):
        report = await shop.bring(changed(lambda rows, cell=cell: rows["complaints.csv"][0].update(accused_nos=cell)))  # type: ignore[misc]
        assert accused() == wanted
        assert totals(report)["refused"] == 0


async def test_an_answer_may_come_later_be_cleared_and_disappear(shop: Shop) -> None:
    def response() -> list[tuple[Any, ...]]:
        return shop.sql("select q_overall, integrity, q_care_call_72h from {s}.response")

    answer = {"submitted_at": "2026-09-05T10:00:00+08:00", "mode": "SMS", "q_overall": "5"}
    await shop.bring(files_of(good_rows()))
    assert response() == []
    await shop.bring(changed(lambda rows: rows["surveys.csv"][0].update(answer, integrity="QUARANTINED")))
    assert response() == [(5, "QUARANTINED", None)]
    assert shop.one("select state from {s}.invitation") == "COMPLETED"
    await shop.bring(changed(lambda rows: rows["surveys.csv"][0].update(answer, q_care_call_72h="NO")))
    assert response() == [(5, "OK", False)]
    await shop.bring(files_of(good_rows()))
    assert response() == []


async def test_an_unchanged_row_does_not_undo_what_people_did_since(shop: Shop) -> None:
    answer = {"submitted_at": "2026-09-05T10:00:00+08:00", "mode": "SMS", "q_overall": "5", "integrity": "QUARANTINED"}

    def edit(rows: Rows) -> None:
        rows["surveys.csv"][0].update(answer)
        rows["customers.csv"][0]["phone"] = PHONE

    await shop.bring(changed(edit))
    shop.sql("update {s}.response set integrity = 'OK'")
    shop.sql("delete from {s}.contact_point")
    await shop.bring(changed(edit))
    assert shop.one("select integrity from {s}.response") == "OK"
    assert shop.one("select count(*) from {s}.contact_point") == 0


async def test_a_phone_number_is_replaced_and_removed_with_its_cell(shop: Shop) -> None:
    def masked() -> list[str]:
        return [text for (text,) in shop.sql("select value_masked from {s}.contact_point")]

    for number, wanted in ((PHONE, ["139****5678"]), ("13800001111", ["138****1111"]), ("", [])):
        await shop.bring(changed(lambda rows, number=number: rows["customers.csv"][0].update(phone=number)))  # type: ignore[misc]
        assert masked() == wanted


async def test_an_order_and_its_survey_name_the_same_customer(shop: Shop) -> None:
    await shop.bring(files_of(good_rows()))

    def other_buyer(rows: Rows) -> None:
        rows["customers.csv"].append({"customer_no": "C2", "type": "ORG", "name": "戊"})
        rows["sales_orders.csv"][0]["customer_no"] = "C2"

    await shop.bring(changed(other_buyer))
    assert shop.one("select customer_no from {s}.invitation i join {s}.customer c on c.id = i.customer_id") == "C2"


# --- refusals, repetition, company -----------------------------------------------------------------------------------


async def test_abort_refuses_the_batch_for_one_bad_row(shop: Shop) -> None:
    empty = state_of(shop)
    report = await shop.bring(changed(lambda rows: rows["targets.csv"][0].update(value="-1")), on_row_error="ABORT")
    assert (report["result"], report["refusal"]["code"]) == ("REFUSED", "OUT_OF_RANGE")
    assert (report["accepted"], report["merged"]) == ({}, {})
    assert state_of(shop) == empty
    with pytest.raises(Invalid):
        await shop.receive({}, on_row_error="MAYBE")


async def test_a_missing_file_refuses_the_batch_and_leaves_nothing(shop: Shop) -> None:
    files = files_of(good_rows())
    del files["calls.csv"]
    empty = state_of(shop)
    report = await shop.bring(files)
    assert report["refusal"] == {"file": "calls.csv", "line": 0, "column": "", "code": "MISSING_FILE"}
    assert (report["result"], report["errors"]) == ("REFUSED", [])
    assert state_of(shop) == empty
    assert shop.one("select count(*) from {s}.import_row") == 0
    assert [event for event, _ in events(shop)] == []


async def test_a_batch_imported_twice_has_its_effect_once(shop: Shop) -> None:
    batch_id = await shop.receive(files_of(good_rows()))
    first = await shop.merge(batch_id)
    before = state_of(shop), events(shop)
    assert await shop.merge(batch_id) == first
    assert (state_of(shop), events(shop)) == before


async def test_a_break_in_the_middle_leaves_the_batch_as_received(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    batch_id, empty = await shop.receive(files_of(good_rows())), state_of(shop)

    async def broken(*args: object, **options: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patched:
        patched.setattr(merge, "finish_surveys", broken)
        with pytest.raises(RuntimeError, match="power cut"):
            await shop.merge(batch_id)
    assert shop.one("select state from {s}.import_batch") == "RECEIVED"
    assert state_of(shop) == empty
    assert shop.one("select count(*) from {s}.import_chunk") == len(FILES) - 2
    assert (await shop.merge(batch_id))["result"] == "ACCEPTED"


async def test_two_stores_and_two_batches_of_one_store_at_once(world: World, shop: Shop) -> None:
    world.truncate("a2", "b1")
    others = [Shop(shop.server, shop.platform, world.stores[code]) for code in ("a1", "a2", "b1")]
    files = harmony_files("HX06")
    batches = [(other, await other.receive(files)) for other in (shop, *others)]
    reports = await asyncio.gather(*(other.merge(batch) for other, batch in batches))
    assert sorted(totals(report)["created"] for report in reports[:2]) == [0, totals(reports[2])["created"]]
    rows = [other.one("select count(*) from {s}.part_line") for other in others]
    assert rows == [EXPECTED["imports"]["HX06"]["accepted"]["part_lines.csv"]] * 3


async def test_a_batch_of_another_store_does_not_exist(world: World, shop: Shop) -> None:
    world.truncate("b1")
    other = Shop(shop.server, shop.platform, world.stores["b1"])
    batch_id = await other.receive(files_of(good_rows()))
    for unknown in (batch_id, uuid4()):
        with pytest.raises(NotFound):
            await shop.merge(unknown)
    assert other.one("select state from {s}.import_batch") == "RECEIVED"


async def test_importing_needs_the_permission(world: World, shop: Shop) -> None:
    batch_id = await shop.receive(files_of(good_rows()))

    async def attempt(actor: Actor, batch: UUID = batch_id) -> None:
        async with shop.work(actor) as work:
            await actions.import_batch(work, batch)

    with pytest.raises(Forbidden):
        await attempt(shop.person("SALES_CONSULTANT"))
    elsewhere = Shop(shop.server, shop.platform, world.stores["a2"])
    with pytest.raises(NotFound):
        await attempt(elsewhere.person("STORE_GM"))
    async with shop.work(shop.person("SALES_MANAGER")) as work:
        with pytest.raises(Forbidden):
            await actions.receive_batch(work, lambda name: None, exported_at=work.now)
    await attempt(shop.person("STORE_GM"))


async def test_a_number_that_no_column_of_four_bytes_holds_is_kept(shop: Shop) -> None:
    report = await shop.bring(changed(lambda rows: rows["calls.csv"][0].update(duration_s=str(2**40))))
    assert totals(report)["refused"] == 0
    assert shop.one("select duration_s from {s}.call") == 2**40


# --- history, news, personal data ------------------------------------------------------------------------------------


def queued(shop: Shop) -> list[tuple[str, dict[str, Any]]]:
    query = "select actor, args from control.job where store_id = %s order by created_at, id"
    jobs = shop.sql(query, shop.store.id)
    return [(actor, args) for actor, args in jobs if actor != "interchange.import_batch"]


async def test_an_import_plans_nothing(shop: Shop) -> None:
    shop.sql("delete from control.job")
    await shop.bring(harmony_files("HX06"))
    assert queued(shop) == []
    assert {event for event, _ in events(shop)} == {"Imported"}
    assert shop.one("select count(*) from {s}.follow_up_task") == 0
    states = {state for (state,) in shop.sql("select distinct state from {s}.invitation")}
    assert states <= {"COMPLETED", "EXPIRED", "BOUNCED", "CANCELLED", "SENT"}
    assert shop.one("select count(*) from {s}.invitation where planned_for is not null or token_hash is not null") == 0


async def test_live_since_announces_only_newer_facts_and_each_once(shop: Shop) -> None:
    shop.sql("delete from control.job")
    september = {"signed_at": "2026-09-01T10:00:00+08:00"}

    def orders(rows: Rows, *, delivered: str = "") -> None:
        order = rows["sales_orders.csv"][0]
        rows["sales_orders.csv"] = [
            order | september | {"order_no": "OLD", "delivered_at": "2026-09-09T23:59:59+08:00"},
            order | september | {"order_no": "NEW", "delivered_at": "2026-09-10T00:00:00+08:00"},
            order | september | {"order_no": "OFF", "cancelled_at": "2026-09-11T00:00:00+08:00"},
            order | september | {"order_no": "O1", "delivered_at": delivered},
        ]

    def told() -> list[str]:
        query = "select order_no from {s}.change_event v join {s}.sales_order o on o.id = v.entity_id"
        return [number for (number,) in shop.sql(f"{query} where event = 'VehicleDelivered' order by v.id")]

    since = date(2026, 9, 10)
    await shop.bring(changed(orders), live_since=since)
    assert told() == ["NEW"]
    follow_up = [("care.plan_delivery_call", 1), ("surveys.plan_purchase_survey", 1)]
    assert [(actor, len(args)) for actor, args in queued(shop)] == follow_up
    await shop.bring(changed(orders), live_since=since)
    assert told() == ["NEW"]
    await shop.bring(changed(lambda rows: orders(rows, delivered="2026-09-12T10:00:00+08:00")), live_since=since)
    assert told() == ["NEW", "O1"]


async def test_no_clear_phone_number_is_left_in_the_store(harmony: Harmony, engines: Engines) -> None:
    shop = harmony.shop(engines, "HX01")
    cells = csv.DictReader(io.StringIO(harmony_files("HX01")["customers.csv"].decode("utf-8-sig")))
    numbers = {row["phone"].strip().lstrip("+") for row in cells if row["phone"].strip()}
    assert len(numbers) > 100
    for table in shop.tables():
        found = shop.sql(f"select t::text from {{s}}.{table} t where t::text ~ %s", "|".join(sorted(numbers)))
        assert found == [], table
        clear = "|".join(sorted(number.encode().hex() for number in numbers))
        assert shop.sql(f"select 1 from {{s}}.{table} t where t::text ~ %s limit 1", clear) == [], table


async def test_the_control_schema_holds_nobodys_data(harmony: Harmony, engines: Engines) -> None:
    shop = harmony.shop(engines, "HX01")
    words = set()
    for file, columns in (
        ("customers.csv", ("name", "phone")),
        ("employees.csv", ("name",)),
        ("vehicles.csv", ("vin",)),
    ):
        rows = csv.DictReader(io.StringIO(harmony_files("HX01")[file].decode("utf-8-sig")))
        words |= {row[column].strip() for row in rows for column in columns if len(row[column].strip()) > 1}
    pattern = "|".join(f"({word})" for word in sorted(words) if word.isalnum())
    tables = [name for (name,) in shop.sql("select tablename from pg_tables where schemaname = 'control'")]
    assert len(tables) > 10
    for table in tables:
        assert shop.sql(f"select t::text from control.{table} t where t::text ~ %s limit 1", pattern) == [], table


async def test_cells_that_look_like_formulas_are_stored_as_they_are(shop: Shop) -> None:
    words = ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "'; drop table customer; --", "100%(x)s {} :y"]

    def add(rows: Rows) -> None:
        rows["customers.csv"] += [
            {"customer_no": f"F{at}", "type": "ORG", "name": word} for at, word in enumerate(words)
        ]

    await shop.bring(changed(add))
    stored = shop.sql("select name from {s}.customer where customer_no like 'F%' order by customer_no")
    assert [name for (name,) in stored] == words
    assert json.loads(shop.one("select after::text from {s}.audit_event where action = 'interchange.import'")) == {
        "result": "ACCEPTED"
    }

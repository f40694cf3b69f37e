"""A month in the database: calculated, kept with its evidence, restated by late data, read by index."""

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, text

from forecourt.auth.actor import Actor
from forecourt.clock import SetClock
from forecourt.domain.evaluation import actions
from forecourt.domain.evaluation.calendar_rules import Month, Period
from forecourt.domain.evaluation.facts import StoreInfo
from forecourt.domain.evaluation.measure_rules import median
from forecourt.domain.evaluation.model import EvaluationRun
from forecourt.domain.evaluation.reads import load_month_facts
from forecourt.domain.evaluation.schemes import install_seed_schemes
from forecourt.domain.evaluation.settings_rules import DEFAULT_SETTINGS
from forecourt.domain.work import Platform
from forecourt.errors import Forbidden, Invalid
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.ids import new_id
from tests.conftest import World
from tests.shop import EXPECTED, LATER, Harmony, Shop, group_work, harmony_files

pytestmark = pytest.mark.anyio

MONTH = "2026-09"
FIGURES = ("kpi_value", "kpi_record", "scorecard", "department_card", "department_card_item", "ledger_entry")


@pytest.fixture
async def shop(world: World, engines: Engines) -> AsyncIterator[Shop]:
    """A store of another group with the data of HX06 and the shipped schemes."""
    world.truncate("b1")
    shop = Shop(world.server, Platform(engines, SetClock(LATER)), world.stores["b1"])
    shop.sql("delete from control.config_setting where group_id = %s", shop.store.group_id)
    shop.sql("delete from control.job")
    async with group_work(engines, world.groups["b"]) as work:
        await install_seed_schemes(work)
    await shop.bring(harmony_files("HX06"))
    yield shop
    shop.sql("delete from control.config_setting where group_id = %s", shop.store.group_id)


async def close(shop: Shop, month: str = MONTH) -> EvaluationRun:
    async with shop.work() as work:
        return await actions.evaluate_month(work, month)


def edited(file: str, key: str, **cells: str) -> dict[str, bytes]:
    """The export of HX06 with some cells of one row changed."""
    files = harmony_files("HX06")
    rows = list(csv.DictReader(io.StringIO(files[file].decode("utf-8-sig"), newline="")))
    row = next(row for row in rows if key in row.values())
    row.update(cells)
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return files | {file: stream.getvalue().encode()}


def delivered(shop: Shop) -> str:
    """An order of the month with a complete form."""
    query = """select order_no from {s}.sales_order where form_complete and cancelled_at is null
               and delivered_at >= '2026-09-02' and delivered_at < '2026-09-28' order by 1 limit 1"""
    return str(shop.one(query))


def kept(shop: Shop, run: EvaluationRun) -> dict[str, list[Any]]:
    """Everything that a run wrote."""
    card = "card_id in (select id from {s}.department_card where run_id = %s)"
    return {
        table: shop.sql(
            f"select * from {{s}}.{table} where {card if table.endswith('_item') else 'run_id = %s'} order by id",
            run.id,
        )
        for table in FIGURES
    }


@pytest.mark.parametrize("code", EXPECTED["stores"])
async def test_the_report_equals_the_expected_file_and_again_gives_the_same_run(
    harmony: Harmony, engines: Engines, code: str
) -> None:
    shop = harmony.shop(engines, code)
    first = await close(shop)
    assert first.report == EXPECTED["stores"][code]
    assert not first.provisional
    before = kept(shop, first)
    again = await close(shop)
    assert (again.id, again.number, again.result_hash, again.version) == (
        first.id,
        first.number,
        first.result_hash,
        first.version,
    )
    assert shop.one("select count(*) from {s}.evaluation_run where month = %s", MONTH) == 1
    assert kept(shop, first) == before


async def test_the_same_facts_in_another_store_give_the_same_bytes(
    harmony: Harmony, shop: Shop, engines: Engines
) -> None:
    here, there = await close(shop), await close(harmony.shop(engines, "HX06"))
    assert here.result_hash == there.result_hash
    assert json.dumps(here.report, sort_keys=True) == json.dumps(there.report, sort_keys=True)


@pytest.mark.parametrize("code", ["HX01", "HX08"])
async def test_every_value_is_counted_again_from_its_records(harmony: Harmony, engines: Engines, code: str) -> None:
    shop = harmony.shop(engines, code)
    run = await close(shop)
    records: dict[tuple[str, str], list[Decimal]] = {}
    query = "select kpi, part, amount from {s}.kpi_record where run_id = %s and card_id is null"
    for kpi, part, amount in shop.sql(query, run.id):
        records.setdefault((kpi, part), []).append(amount)
    values = shop.sql("select kpi, x, n, d, value from {s}.kpi_value where run_id = %s and team_code is null", run.id)
    assert len(values) > 20
    for kpi, x, n, d, value in values:
        numerator, denominator = records.get((kpi, "NUMERATOR"), []), records.get((kpi, "DENOMINATOR"), [])
        assert n == len(records.get((kpi, "CASE"), []) or denominator), kpi
        if x is not None:
            assert sum(numerator) == x, kpi
        if d is not None:
            assert sum(denominator) == d, kpi
        if kpi == "A09":
            assert value == round(Decimal(str(float(median(numerator) or 0))) / 60, 6)
    people = shop.sql(
        """select c.n, c.x, c.responses, count(*) filter (where r.kpi = 'S01' and r.part = 'DENOMINATOR'),
                  count(*) filter (where r.kpi = 'S01' and r.part = 'NUMERATOR'),
                  count(*) filter (where r.kpi = 'S02' and r.part = 'DENOMINATOR')
           from {s}.scorecard c left join {s}.kpi_record r on r.card_id = c.id where c.run_id = %s group by c.id""",
        run.id,
    )
    assert people
    assert all(row[:3] == row[3:] for row in people)


async def test_every_record_leads_to_the_row_it_names(shop: Shop) -> None:
    run = await close(shop)
    ids = "select record_id from {s}.kpi_record where run_id = %s and record_kind = %s"
    kinds = shop.sql("select distinct record_kind from {s}.kpi_record where run_id = %s", run.id)
    tables = {"SALES_ORDER": "sales_order", "REPAIR_ORDER": "repair_order", "SURVEY": "invitation"}
    assert tables.keys() <= {kind for (kind,) in kinds}
    for kind, table in tables.items():
        assert shop.sql(f"{ids} and record_id not in (select id from {{s}}.{table})", run.id, kind) == []


async def test_late_data_give_a_new_run_and_leave_the_old_one(shop: Shop) -> None:
    first = await close(shop)
    before, report = kept(shop, first), json.dumps(first.report)
    order_no = delivered(shop)
    await shop.bring(edited("sales_orders.csv", order_no, form_complete="false"))
    assert shop.sql("select 1 from control.job where actor = 'evaluation.refresh_month'") == []
    second = await close(shop)
    assert (second.number, second.restates_id) == (2, first.id)
    points = shop.sql("select evidence_key from {s}.ledger_entry where run_id = %s and rule = 'D-Q'", second.id)
    assert (order_no,) in points
    assert kept(shop, first) == before
    stored = shop.sql("select state, report from {s}.evaluation_run where id = %s", first.id)[0]
    assert stored[0] == "SUPERSEDED"
    assert stored[1] == json.loads(report)
    await shop.bring(harmony_files("HX06"))
    third = await close(shop)
    assert (third.number, third.result_hash) == (3, first.result_hash)


async def test_other_evidence_for_the_same_figure_is_another_result(shop: Shop) -> None:
    first = await close(shop)
    order_no = delivered(shop)
    query = "select order_no from {s}.sales_order where form_complete is null and delivered_at >= '2026-09-02'"
    other = shop.sql(f"{query} and delivered_at < '2026-09-28' and cancelled_at is null order by 1 limit 1")
    if not other:
        shop.sql("update {s}.sales_order set form_complete = null where order_no = %s", order_no)
        first, other = await close(shop), [(order_no,)]
        order_no = delivered(shop)
    shop.sql("update {s}.sales_order set form_complete = null where order_no = %s", order_no)
    shop.sql("update {s}.sales_order set form_complete = true where order_no = %s", other[0][0])
    second = await close(shop)
    assert second.report["kpis"]["F03"] == first.report["kpis"]["F03"]
    assert second.number == first.number + 1


async def test_a_close_before_the_freeze_is_provisional_and_refreshed_by_an_import(shop: Shop) -> None:
    early = shop.at(datetime(2026, 10, 20, tzinfo=UTC))
    first = await close(early)
    assert first.provisional
    shop.sql("delete from control.job")
    await early.bring(harmony_files("HX06"))
    refresh = "select args, dedupe_key from control.job where actor = 'evaluation.refresh_month'"
    assert shop.sql(refresh) == []
    order_no = delivered(shop)
    await early.bring(edited("sales_orders.csv", order_no, form_complete="false"))
    assert shop.sql(refresh) == [({"month": MONTH}, f"refresh/{MONTH}")]
    final = await close(shop)
    assert (final.number, final.provisional) == (2, False)
    shop.sql("delete from control.job")
    await shop.bring(harmony_files("HX06"))
    assert shop.sql(refresh) == []


async def test_the_moment_of_the_freeze_is_the_stores_own(harmony: Harmony, engines: Engines) -> None:
    for code, hour in (("HX05", 16), ("HX08", 18)):  # midnight in Shanghai, in Urumqi
        shop = harmony.shop(engines, code)
        for moment, provisional in (
            (datetime(2026, 11, 21, hour - 1, 59, 59, tzinfo=UTC), True),
            (datetime(2026, 11, 21, hour, tzinfo=UTC), False),
        ):
            with pytest.raises(RuntimeError, match="leave no trace"):
                async with shop.at(moment).work() as work:
                    assert (await actions.evaluate_month(work, MONTH)).provisional is provisional
                    raise RuntimeError("leave no trace")


async def test_audit_and_feed_stand_in_the_same_transaction(shop: Shop) -> None:
    def written() -> list[Any]:
        return [
            shop.one("select count(*) from {s}.evaluation_run"),
            shop.one("select count(*) from {s}.kpi_record"),
            shop.one("select count(*) from {s}.audit_event where action = 'evaluation.calculate'"),
            shop.one("select count(*) from {s}.change_event where event = 'EvaluationCalculated'"),
        ]

    with pytest.raises(RuntimeError, match="power cut"):
        async with shop.work() as work:
            await actions.evaluate_month(work, MONTH)
            raise RuntimeError("power cut")
    assert written() == [0, 0, 0, 0]
    run = await close(shop)
    assert written()[0::2] == [1, 1]
    one = (
        "select count(distinct xmin::text) from (select xmin from {s}.evaluation_run where id = %s union all {rest}) t"
    )
    rest = """select xmin from {s}.audit_event where entity_id = %s union all
              select xmin from {s}.change_event where entity_id = %s"""
    assert shop.one(one.replace("{rest}", rest), run.id, run.id, run.id) == 1


async def test_calculating_needs_the_permission_and_a_month(shop: Shop) -> None:
    with pytest.raises(Forbidden):
        async with shop.work(shop.person("STORE_GM")) as work:
            await actions.evaluate_month(work, MONTH)
    with pytest.raises(Invalid):
        await close(shop, "2026-13")


# --- settings --------------------------------------------------------------------------------------------------------


def put(
    shop: Shop,
    key: str,
    value: object,
    *,
    store: bool = False,
    locked: bool = False,
    since: date = date(2020, 1, 1),
    until: date | None = None,
) -> None:
    shop.sql(
        """insert into control.config_setting
             (id, group_id, store_id, key, value, locked, valid_from, valid_to, created_by)
           values (%s, %s, %s, %s, jsonb_build_object('value', %s::jsonb), %s, %s, %s, 'test')""",
        *(new_id(), shop.store.group_id, shop.store.id if store else None, key, json.dumps(value)),
        *(locked, since, until),
    )


async def missed_calls(shop: Shop) -> int:
    run = await close(shop)
    return int(shop.one("select count(*) from {s}.ledger_entry where run_id = %s and rule = 'D-CALL'", run.id))


async def test_the_call_window_of_the_group_then_the_store_then_a_locked_one(shop: Shop) -> None:
    default = await missed_calls(shop)
    put(shop, "followup.delivery_call.window_min", "0h")
    put(shop, "followup.delivery_call.window_max", "720h")
    wide = await missed_calls(shop)
    assert wide < default
    put(shop, "followup.delivery_call.window_max", "1h", store=True)
    narrow = await missed_calls(shop)
    assert narrow > default
    put(shop, "followup.delivery_call.window_max", "720h", locked=True, since=date(2026, 1, 1))
    assert await missed_calls(shop) == wide
    # The lock ended before the month began, and the group's newer value is not locked: the store's own holds again.
    shop.sql("update control.config_setting set valid_to = '2026-09-01' where locked")
    assert await missed_calls(shop) == narrow


async def test_an_unlocked_value_of_the_group_written_last_does_not_hide_the_stores(shop: Shop) -> None:
    put(shop, "followup.delivery_call.window_max", "720h", locked=True, since=date(2020, 1, 1))
    put(shop, "followup.delivery_call.window_max", "1h", store=True, since=date(2021, 1, 1))
    locked = await missed_calls(shop)
    put(shop, "followup.delivery_call.window_max", "720h", since=date(2022, 1, 1))
    assert await missed_calls(shop) > locked


async def test_settings_of_another_month_change_nothing(shop: Shop) -> None:
    first = await close(shop)
    put(shop, "followup.delivery_call.window_max", "1h", since=date(2026, 9, 2))
    put(shop, "followup.delivery_call.window_max", "1h", until=date(2026, 9, 1))
    assert (await close(shop)).id == first.id
    shop.sql("update control.config_setting set valid_to = null")
    assert (await close(shop)).number == 2


async def test_partly_valid_complaints_count_when_the_store_says_so(shop: Shop) -> None:
    before = (await close(shop)).report["kpis"]["C01"]["x"]
    assert before > 0
    shop.sql(
        """update {s}.complaint set validity = 'PARTLY'
           where id = (select id from {s}.complaint where received_at >= '2026-09-02' and received_at < '2026-09-28'
                         and validity = 'VALID' and record = 'COMPLAINT' and area = 'SALES'
                         and status not in ('WITHDRAWN', 'DUPLICATE') order by id limit 1)"""
    )
    assert (await close(shop)).report["kpis"]["C01"]["x"] == before - 1
    put(shop, "complaint.partly_counts", True, store=True)
    assert (await close(shop)).report["kpis"]["C01"]["x"] == before


async def test_a_setting_that_cannot_be_read_says_which(shop: Shop) -> None:
    put(shop, "complaint.partly_counts", "perhaps")
    with pytest.raises(Invalid) as error:
        await close(shop)
    assert error.value.path[0] == "complaint.partly_counts"


# --- the loader ------------------------------------------------------------------------------------------------------


async def test_the_facts_of_a_month_are_found_by_index(harmony: Harmony, engines: Engines) -> None:
    """With sequential scans made dear, no table that grows with the years is read from end to end."""
    shop = harmony.shop(engines, "HX01")
    info = StoreInfo(shop.store.code, shop.store.time_zone, shop.store.id)
    period = Period.of(Month.parse(MONTH), info.zone, DEFAULT_SETTINGS.freeze)
    growing = (
        "sales_order",
        "repair_order",
        "labour_line",
        "part_line",
        "attendance",
        "complaint",
        "invitation",
        "response",
        "call",
    )
    counts = text(
        "select relname, seq_scan from pg_stat_xact_user_tables where schemaname = :schema and relname = any(:names)"
    )
    async with shop.work() as work:
        await work.session.execute(text("set local enable_seqscan = off"))
        await work.session.execute(text("set local plan_cache_mode = force_custom_plan"))
        parameters = {"schema": shop.store.schema, "names": list(growing)}
        before = {row.relname: row.seq_scan for row in await work.session.execute(counts, parameters)}
        facts = await load_month_facts(work.session, info, period)
        after = {row.relname: row.seq_scan for row in await work.session.execute(counts, parameters)}
    assert before.keys() == set(growing)
    assert {name: after[name] - before[name] for name in growing if after[name] != before[name]} == {}
    assert facts.sales_orders


async def test_other_months_are_not_loaded(harmony: Harmony, engines: Engines) -> None:
    shop = harmony.shop(engines, "HX01")
    info = StoreInfo(shop.store.code, shop.store.time_zone, shop.store.id)
    period = Period.of(Month.parse(MONTH), info.zone, DEFAULT_SETTINGS.freeze)
    async with shop.work() as work:
        facts = await load_month_facts(work.session, info, period)
    for name, table in (
        ("labour_lines", "labour_line"),
        ("part_lines", "part_line"),
        ("repair_orders", "repair_order"),
        ("sales_orders", "sales_order"),
        ("surveys", "invitation"),
    ):
        assert 0 < len(getattr(facts, name)) < shop.one(f"select count(*) from {{s}}.{table}") * 0.6, name


async def test_a_month_without_data_has_empty_figures(shop: Shop) -> None:
    run = await close(shop, "2020-01")
    assert run.report["kpis"]["S01"]["value"] is None
    assert shop.one("select count(*) from {s}.kpi_record where run_id = %s", run.id) == 0


async def test_another_actor_of_the_group_sees_the_same_run(shop: Shop) -> None:
    first = await close(shop)
    hq = Actor("account:hq", "HQ", shop.store.group_id, system=True)
    async with shop.work(hq) as work:
        assert (await actions.evaluate_month(work, MONTH)).id == first.id
        assert (await work.session.scalars(select(EvaluationRun.state))).all() == ["REVIEW"]

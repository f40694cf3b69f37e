"""Records of other systems through the schema: per record what became of it and why, by either engine, also under a key."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from forecourt.auth.actor import Actor
from forecourt.domain.interchange.upsert import OFFERED, camel
from forecourt.graphql import ids
from forecourt.tenancy.provision import owner_connection
from tests.conftest import World
from tests.domain.desk import Desk, make_desk
from tests.graphql.keyed import keyed, replayed
from tests.graphql.live import LiveApi

pytestmark = pytest.mark.anyio

VIN, AT = "1M8GDM9AXKP042788", "2026-09-01T10:00:00+08:00"
#: One good record of each kind, in the order in which they refer to one another.
GOOD: Mapping[str, dict[str, Any]] = {
    "upsertCustomers": {"customerNo": "D1", "type": "PERSON", "name": "李雷", "phone": "13912345678", "consentSurvey": True},
    "upsertVehicles": {"vin": VIN, "customerNo": "D1", "plate": "沪A12345", "modelYear": 2024, "powertrain": "BEV"},
    "upsertSalesOrders": {
        "orderNo": "D1", "customerNo": "D1", "vin": VIN, "consultantNo": "E0", "signedAt": AT, "netAmount": "199999.50",
    },
    "upsertRepairOrders": {
        "roNo": "D1", "customerNo": "D1", "vin": VIN, "advisorNo": "E4", "type": "REPAIR", "openedAt": AT, "booked": False,
    },
    "upsertLabourLines": {
        "roNo": "D1", "lineNo": 1, "technicianNo": "E4", "workDate": "2026-09-01", "hoursWorked": "1.5", "hoursSold": "2",
        "amount": "100.00", "cost": "50",
    },
    "upsertPartLines": {
        "roNo": "D1", "lineNo": 1, "partNo": "P1", "quantity": "2", "neededAt": AT, "amount": "10", "cost": "5",
    },
    "upsertAttendance": {"employeeNo": "E4", "workDate": "2026-09-01", "hours": "8"},
    "upsertCalls": {
        "callNo": "D1", "kind": "DELIVERY_CALL", "orderNo": "D1", "callerNo": "E0", "startedAt": AT, "connected": True,
    },
}  # fmt: skip
#: What another version of each says, and the column of the format.
OTHER = {
    "upsertCustomers": ("name", "韩梅梅"),
    "upsertVehicles": ("plate", "沪B54321"),
    "upsertSalesOrders": ("invoicedAt", AT),
    "upsertRepairOrders": ("doneAt", AT),
    "upsertLabourLines": ("amount", "120"),
    "upsertPartLines": ("quantity", "3"),
    "upsertAttendance": ("hours", "7.5"),
    "upsertCalls": ("result", "OK"),
}
SHOWS = "results { index outcome id userErrors { code path message } warnings { code path } } userErrors { code path }"


@pytest.fixture
async def desk(live: LiveApi, world: World) -> Desk:
    world.truncate("a1", "a2")
    with owner_connection(world.server) as connection:
        connection.execute("truncate control.idempotency_key")
        connection.execute("delete from control.job")
    return await make_desk(live.platform.engines, world.groups["a"], world.stores["a1"])


@pytest.fixture
def dms(live: LiveApi) -> Actor:
    return live.actor(("INTEGRATOR", "a1"))


def document(live: LiveApi, name: str) -> str:
    return f"mutation($input: {live.input_of(name)}!) {{ {name}(input: $input) {{ {SHOWS} }} }}"


async def sent(live: LiveApi, actor: Actor, name: str, items: Sequence[dict[str, Any]], **more: Any) -> dict[str, Any]:
    given = {"storeId": live.store_id("a1"), "items": list(items), **more}
    payload: dict[str, Any] = (await live.data(actor, document(live, name), {"input": given}))[name]
    return payload


def outcomes(payload: dict[str, Any]) -> list[str]:
    return [one["outcome"] for one in payload["results"]]


def sql(world: World, query: str) -> list[Any]:
    with owner_connection(world.server) as connection:
        return connection.execute(query.replace("{s}", world.stores["a1"].schema).encode()).fetchall()


def test_every_kind_is_tried() -> None:
    assert {camel(f"upsert_{file.removesuffix('.csv')}") for file in OFFERED} == GOOD.keys() == OTHER.keys()


async def test_a_record_is_created_then_unchanged_then_updated(
    live: LiveApi, world: World, desk: Desk, dms: Actor
) -> None:
    for name, record in GOOD.items():
        before = sql(world, "select count(*) from {s}.change_event"), sql(world, "select count(*) from {s}.audit_event")
        first = await sent(live, dms, name, [record])
        assert (outcomes(first), first["userErrors"]) == (["CREATED"], []), (name, first)
        second = await sent(live, dms, name, [record])
        assert outcomes(second) == ["UNCHANGED"], (name, second)
        third = await sent(live, dms, name, [{**record, OTHER[name][0]: OTHER[name][1]}])
        assert outcomes(third) == ["UPDATED"], (name, third)
        assert first["results"][0]["id"] == second["results"][0]["id"] == third["results"][0]["id"]
        after = sql(world, "select count(*) from {s}.change_event"), sql(world, "select count(*) from {s}.audit_event")
        assert [now[0][0] - then[0][0] for then, now in zip(before, after, strict=True)] == [2, 2], name
        id_ = ids.parse(first["results"][0]["id"])
        assert id_ is not None and id_.store == live.store("a1").id
        shown = await live.data(
            live.actor(("STORE_GM", "a1")), "query($id: ID!) { node(id: $id) { id } }", {"id": str(id_)}
        )
        assert shown["node"]["id"] == str(id_)
        events = sql(
            world, f"select event, actor from {{s}}.change_event where entity_id = '{id_.row}' order by xid, id"
        )
        assert events == [("Imported", dms.key), ("Corrected", dms.key)]
    left = "select (select count(*) from {s}.import_batch), (select count(*) from {s}.import_row)"
    assert sql(world, left) == [(0, 0)]
    [(masked, clear)] = sql(world, "select value_masked, value_enc from {s}.contact_point where source = 'IMPORT'")
    assert masked == "139****5678" and b"13912345678" not in clear


async def test_good_records_are_written_beside_bad_ones(live: LiveApi, world: World, desk: Desk, dms: Actor) -> None:
    good = GOOD["upsertCustomers"]
    bad = [
        {"customerNo": "D 2", "type": "PERSON", "name": "x"},
        good,
        {"customerNo": "D3", "type": "THING", "name": " "},
        {**good, "customerNo": "D4", "phone": "call me"},
        {**good, "name": "again"},
        {**good, "customerNo": "D5", "phone": None},
    ]
    payload = await sent(live, dms, "upsertCustomers", bad)
    assert payload["userErrors"] == []
    assert outcomes(payload) == ["REFUSED", "CREATED", "REFUSED", "REFUSED", "REFUSED", "CREATED"]
    found = [(error["code"], error["path"]) for one in payload["results"] for error in one["userErrors"]]
    assert found == [
        ("BAD_FORMAT", ["input", "items", "0", "customerNo"]),
        ("BAD_VALUE", ["input", "items", "2", "type"]),
        ("MISSING_VALUE", ["input", "items", "2", "name"]),
        ("BAD_FORMAT", ["input", "items", "3", "phone"]),
        ("DUPLICATE_KEY", ["input", "items", "4", "customerNo"]),
    ]
    assert payload["results"][3]["userErrors"][0]["message"].startswith(
        "The value does not have the form of this column"
    )
    assert sql(world, "select customer_no, name from {s}.customer order by 1") == [("D1", "李雷"), ("D5", "李雷")]


async def test_all_or_nothing(live: LiveApi, world: World, desk: Desk, dms: Actor) -> None:
    good, bad = GOOD["upsertCustomers"], {"customerNo": "D3", "type": "THING", "name": "x", "phone": "none"}
    before = sql(world, "select count(*) from {s}.audit_event")
    payload = await sent(live, dms, "upsertCustomers", [good, bad], allOrNothing=True)
    assert payload == {
        "results": None,
        "userErrors": [
            {"code": "BAD_VALUE", "path": ["input", "items", "1", "type"]},
            {"code": "BAD_FORMAT", "path": ["input", "items", "1", "phone"]},
        ],
    }
    assert sql(world, "select count(*) from {s}.customer") == [(0,)]
    assert sql(world, "select count(*) from {s}.audit_event") == before
    assert outcomes(await sent(live, dms, "upsertCustomers", [good], allOrNothing=True)) == ["CREATED"]


async def test_references_dates_and_numbers_are_held_to_the_rules_of_an_import(
    live: LiveApi, desk: Desk, dms: Actor
) -> None:
    for name in ("upsertCustomers", "upsertVehicles"):
        await sent(live, dms, name, [GOOD[name]])
    order = GOOD["upsertSalesOrders"]
    tomorrow = "2026-09-08T02:00:00Z"  # the clock stands at the 7th
    payload = await sent(
        live,
        dms,
        "upsertSalesOrders",
        [
            {**order, "customerNo": "NONE", "vin": "1M8GDM9A1KP042788"},
            {**order, "signedAt": tomorrow},
            {**order, "cancelledAt": AT, "deliveredAt": AT},
            {**order, "netAmount": "-1"},
            {**order, "signedAt": "2026-09-01T10:00:00.5+08:00"},
        ],
    )
    found = [[(error["code"], error["path"][-1]) for error in one["userErrors"]] for one in payload["results"]]
    assert found == [
        [("UNKNOWN_REF", "customerNo"), ("UNKNOWN_REF", "vin")],
        [("IMPOSSIBLE_DATE", "signedAt")],
        [("IMPOSSIBLE_DATE", "cancelledAt")],
        [("OUT_OF_RANGE", "netAmount")],
        [("BAD_FORMAT", "signedAt")],
    ]
    strange = await sent(live, dms, "upsertVehicles", [{"vin": "1M8GDM9A1KP042788"}])
    assert outcomes(strange) == ["CREATED"]
    assert strange["results"][0]["warnings"] == [{"code": "VIN_CHECK_DIGIT", "path": ["input", "items", "0", "vin"]}]


async def test_at_most_100_records(live: LiveApi, world: World, desk: Desk, dms: Actor) -> None:
    good = GOOD["upsertCustomers"]
    many = [{**good, "customerNo": f"D{number}", "phone": None} for number in range(100)]
    assert outcomes(await sent(live, dms, "upsertCustomers", many)) == ["CREATED"] * 100
    assert sql(world, "select count(*) from {s}.audit_event where action = 'interchange.upsert'") == [(100,)]
    for wrong in ([], [*many, {**good, "customerNo": "D100"}]):
        payload = await sent(live, dms, "upsertCustomers", wrong)
        assert (payload["results"], payload["userErrors"]) == (None, [{"code": "INVALID", "path": ["input", "items"]}])
    assert sql(world, "select count(*) from {s}.customer") == [(100,)]


async def test_only_what_is_news_wakes_anybody(live: LiveApi, world: World, desk: Desk, dms: Actor) -> None:
    for name in ("upsertCustomers", "upsertVehicles"):
        await sent(live, dms, name, [GOOD[name]])
    delivered = {**GOOD["upsertSalesOrders"], "deliveredAt": "2026-09-06T02:00:00Z"}
    await sent(live, dms, "upsertSalesOrders", [delivered])
    jobs = "select actor from control.job where actor like 'care.%' or actor like 'surveys.%' order by 1"
    assert sql(world, jobs) == []
    for _ in range(2):
        await sent(live, dms, "upsertSalesOrders", [{**delivered, "orderNo": "D2"}], liveSince="2026-09-06")
    assert sql(world, jobs) == [("care.plan_delivery_call",), ("surveys.plan_purchase_survey",)]


async def test_under_a_key_it_is_done_once(live: LiveApi, world: World, desk: Desk, dms: Actor) -> None:
    """The phone number too, which hangs on rows that this transaction wrote."""
    name = "upsertCustomers"
    given = {
        "input": {
            "storeId": live.store_id("a1"),
            "items": [GOOD[name], {"customerNo": "D 2", "type": "ORG", "name": "x"}],
        }
    }
    first = await keyed(live, dms, document(live, name), given)
    assert outcomes(first["data"][name]) == ["CREATED", "REFUSED"]
    assert sql(world, "select count(*) from {s}.contact_point where source = 'IMPORT'") == [(1,)]
    again = await keyed(live, dms, document(live, name), given)
    assert (again["data"], replayed(again)) == (first["data"], [name])
    assert outcomes((await keyed(live, dms, document(live, name), given, "another"))["data"][name])[0] == "UNCHANGED"


async def test_who_may_not_changes_nothing(live: LiveApi, world: World, desk: Desk) -> None:
    given = {"input": {"storeId": live.store_id("a1"), "items": [GOOD["upsertCustomers"]]}}
    for actor, code in (
        (live.actor(("CS_AGENT", "a1")), "FORBIDDEN"),
        (live.actor(("INTEGRATOR", "a2")), "NOT_FOUND"),
        (live.actor(("INTEGRATOR", "b1"), group="b"), "NOT_FOUND"),
    ):
        answer = await live.run(actor, document(live, "upsertCustomers"), given)
        assert answer["errors"][0]["extensions"]["code"] == code
    assert sql(world, "select count(*) from {s}.customer") == [(0,)]

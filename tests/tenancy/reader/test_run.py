"""The interpreter answers what the naive reader answers, in one statement per level, and pages without gaps."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecourt.domain.entities import ENTITIES
from forecourt.errors import Invalid
from forecourt.tenancy.reader.entity import Asker, Reach, Viewer
from forecourt.tenancy.reader.run import Reader
from forecourt.tenancy.reader.shape import (
    Child,
    Compare,
    Connection,
    Node,
    Operator,
    Order,
    Page,
    Related,
    Shape,
)
from tests.stores import TODAY, ScratchStore, Stores
from tests.tenancy.reader.reference import NOW, Naive
from tests.tenancy.reader.strategies import conditions, orders, shapes

GRANTS = {grant.permission for entity in ENTITIES for grant in entity.grants}
PERMISSIONS = sorted(GRANTS | {item.permission for entity in ENTITIES for item in entity.fields if item.permission})
EVERYTHING = dict.fromkeys(PERMISSIONS, int(Reach.STORE))
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def viewer(store: ScratchStore, reach: dict[str, int] | None = None, people: int = 1) -> Viewer:
    ids = frozenset(row["id"] for row in store.rows["employee"][:people])
    return Viewer(EVERYTHING if reach is None else reach, ids, TODAY)


def read(stores: Stores, store: ScratchStore, who: Viewer, shape: Shape) -> Connection:
    async def go() -> Connection:
        async with stores.session(store) as session:
            return await Reader(session, ENTITIES, who, Asker(who, NOW)).connection(shape)

    return stores.run(go())


def plain(found: Node | Connection | None) -> Any:
    """The answer without cursors, in the naive reader's form."""
    if found is None:
        return None
    if isinstance(found, Connection):
        nodes = [plain(edge.node) for edge in found.edges]
        return {"nodes": nodes, "next": found.has_next, "previous": found.has_previous, "total": found.total}
    children = {key: plain(child) for key, child in found.children.items()}
    return {"id": found.id, "values": found.values, "children": children}


@QUICK
@given(data=st.data())
def test_any_shape_equals_the_naive_answer(stores: Stores, data: st.DataObject) -> None:
    store = stores.stores[data.draw(st.sampled_from(sorted(stores.stores)))]
    entity = ENTITIES[data.draw(st.sampled_from([entity.name for entity in ENTITIES]))]
    reach = data.draw(st.dictionaries(st.sampled_from(PERMISSIONS), st.sampled_from([1, 2, 3, 4])))
    for grant in entity.grants:
        reach.setdefault(grant.permission, data.draw(st.sampled_from([1, 2, 3, 4, 4])))
    who = viewer(store, reach, data.draw(st.integers(0, 3)))
    if data.draw(st.booleans()):
        who = dataclasses.replace(who, covered=frozenset(sorted(who.employees)[:1]))
    if data.draw(st.booleans()):
        others = data.draw(st.dictionaries(st.sampled_from(PERMISSIONS), st.sampled_from([1, 2, 3, 4])))
        who = dataclasses.replace(who, within=viewer(store, others, data.draw(st.integers(0, 3))))
    shape = data.draw(shapes(store, entity))
    assert plain(read(stores, store, who, shape)) == Naive(store, who).root(shape)


@pytest.mark.parametrize("reach", list(Reach))
def test_row_rules_of_every_entity(stores: Stores, reach: Reach) -> None:
    for store in stores.stores.values():
        for permission in PERMISSIONS:
            who = viewer(store, {permission: int(reach)}, people=2)
            for entity in ENTITIES:
                if permission in (grant.permission for grant in entity.grants):
                    shape = Shape(entity.name, page=Page(first=100), total=True)
                    found = read(stores, store, who, shape)
                    assert plain(found) == Naive(store, who).root(shape), (entity.name, permission, reach)


def test_without_a_permission_nothing_exists(stores: Stores) -> None:
    store = stores.stores["N1"]
    for entity in ENTITIES:
        assert not entity.open_to(viewer(store, {}))
        assert read(stores, store, viewer(store, {}), Shape(entity.name, total=True)).total == 0


@QUICK
@given(data=st.data())
def test_walks_forward_and_backward_give_the_whole_list(stores: Stores, data: st.DataObject) -> None:
    store = stores.stores["N1"]
    entity = ENTITIES[data.draw(st.sampled_from(["SalesOrder", "Scorecard", "Complaint", "RepairOrder", "Position"]))]
    shape = Shape(
        entity.name, order=data.draw(orders(entity)), where=data.draw(st.none() | conditions(store, entity, 1))
    )
    size = data.draw(st.integers(1, 9))
    who = viewer(store)
    naive = Naive(store, who)
    whole = [row["id"] for row in naive.listed(shape, store.rows[entity.table.name])]

    async def walk(*, backward: bool) -> list[Any]:
        seen: list[Any] = []
        border: str | None = None
        async with stores.session(store) as session:
            reader = Reader(session, ENTITIES, who)
            for _ in range(40):
                page = Page(last=size, before=border) if backward else Page(first=size, after=border)
                found = await reader.connection(dataclasses.replace(shape, page=page))
                ids = [edge.node.id for edge in found.edges]
                seen = ids + seen if backward else seen + ids
                if not (found.has_previous if backward else found.has_next):
                    break
                border = found.edges[0 if backward else -1].cursor
        return seen

    assert stores.run(walk(backward=False)) == whole
    assert stores.run(walk(backward=True)) == whole


def test_a_cursor_pages_below_every_parent(stores: Stores) -> None:
    store = stores.stores["N1"]
    below = Shape(
        "Position", frozenset({"validFrom"}), order=(Order("validFrom", descending=True),), page=Page(first=100)
    )
    shape = Shape("Team", children={"positions": Child("positions", below)})
    full = _positions(read(stores, store, viewer(store), shape))
    border = next(positions for positions in full if len(positions) > 2)[1]
    rest = dataclasses.replace(below, page=Page(first=100, after=border[0]))
    shape = dataclasses.replace(shape, children={"positions": Child("positions", rest)})
    cut = _positions(read(stores, store, viewer(store), shape))
    assert cut == [[item for item in items if item[1:] < border[1:]] for items in full]


def _positions(found: Connection) -> list[list[tuple[str, Any, Any]]]:
    pages = [edge.node.children["positions"] for edge in found.edges]
    return [
        [(edge.cursor, edge.node.values["validFrom"], edge.node.id) for edge in page.edges]
        for page in pages
        if isinstance(page, Connection)
    ]


def test_one_statement_per_level_whatever_the_rows(stores: Stores) -> None:
    store = stores.stores["N1"]
    lines = Shape("LabourLine", frozenset({"hoursSold"}), children={"who": Child("technician", Shape("Employee"))})
    orders_ = Shape("RepairOrder", frozenset({"roNo"}), children={"lines": Child("labourLines", lines)}, total=True)
    shape = Shape(
        "Customer",
        children={"vehicles": Child("vehicles", Shape("Vehicle")), "orders": Child("repairOrders", orders_)},
        page=Page(first=100),
    )
    stores.statements.clear()
    assert read(stores, store, viewer(store), shape).edges
    selects = [
        text for text in stores.statements if text.lstrip().upper().startswith("SELECT") and store.schema in text
    ]
    # customers, vehicles, repair orders and their totals, labour lines, technicians
    assert len(selects) == 6


def test_a_total_is_counted_only_when_asked_and_alone_reads_no_row(stores: Stores) -> None:
    store = stores.stores["N1"]
    stores.statements.clear()
    found = read(stores, store, viewer(store), Shape("Customer", total=True, rows=False))
    assert found.total == len(store.rows["customer"]) and not found.edges
    assert sum("FROM" in text for text in stores.statements) == 1
    assert read(stores, store, viewer(store), Shape("Customer")).total is None


def test_masked_columns_are_selected_instead_of_the_raw_ones(stores: Stores) -> None:
    store = stores.stores["N1"]
    shape = Shape("LabourLine", frozenset({"cost"}), order=(Order("cost"),), page=Page(first=100))
    without = {name: reach for name, reach in EVERYTHING.items() if name != "evaluation:kpi:read"}
    stores.statements.clear()
    found = read(stores, store, viewer(store, without), shape)
    assert {edge.node.values["cost"] for edge in found.edges} == {None}
    assert not any(".cost" in text for text in stores.statements)
    over = dataclasses.replace(shape, where=Compare("cost", Operator.GTE, -100))
    assert not read(stores, store, viewer(store, without), over).edges
    assert read(stores, store, viewer(store), over).edges


def test_a_filter_does_not_see_through_a_relation_to_hidden_rows(stores: Stores) -> None:
    store = stores.stores["N1"]
    name = store.rows["customer"][0]["name"]
    shape = Shape("SalesOrder", where=Related("customer", Compare("name", Operator.EQ, name)), page=Page(first=100))
    without = {key: reach for key, reach in EVERYTHING.items() if key != "customers:customer:read"}
    assert read(stores, store, viewer(store), shape).edges
    assert not read(stores, store, viewer(store, without), shape).edges


def test_a_node_by_id_of_this_store_only(stores: Stores) -> None:
    here, there = stores.stores["N1"], stores.stores["N2"]

    async def node(id_: Any) -> Node | None:
        async with stores.session(here) as session:
            return await Reader(session, ENTITIES, viewer(here)).node(Shape("Customer", frozenset({"name"})), id_)

    found = stores.run(node(here.rows["customer"][0]["id"]))
    assert found is not None and found.values == {"name": here.rows["customer"][0]["name"]}
    assert stores.run(node(there.rows["customer"][0]["id"])) is None


@pytest.mark.parametrize(
    "page",
    [
        Page(first=1, last=1),
        Page(first=-1),
        Page(last=1001),
        Page(after=""),
        Page(after="x"),
        Page(before="W10"),
        Page(after="a" * 9000),
    ],
)
def test_pages_that_cannot_be_are_refused(stores: Stores, page: Page) -> None:
    store = stores.stores["N1"]
    with pytest.raises(Invalid):
        read(stores, store, viewer(store), Shape("Customer", page=page))


def test_a_cursor_of_another_list_or_order_is_refused(stores: Stores) -> None:
    store = stores.stores["N1"]
    cursor = read(stores, store, viewer(store), Shape("Customer", order=(Order("name"),))).edges[0].cursor
    others: Sequence[Shape] = (
        Shape("Customer", page=Page(after=cursor)),
        Shape("Customer", order=(Order("name", descending=True),), page=Page(after=cursor)),
        Shape("Employee", order=(Order("name"),), page=Page(after=cursor)),
    )
    for shape in others:
        with pytest.raises(Invalid):
            read(stores, store, viewer(store), shape)


def test_a_figure_of_too_few_is_null_for_who_reads_aggregates(stores: Stores) -> None:
    shape = Shape("KpiValue", frozenset({"n", "x", "value", "teamCode"}), page=Page(first=100))
    filtered = dataclasses.replace(shape, where=Compare("value", Operator.IS_NULL, False))
    rows, whole, found = [], [], []
    for store in stores.stores.values():
        aggregates = viewer(store, {"evaluation:figure:read": int(Reach.STORE)})
        rows += [edge.node.values for edge in read(stores, store, aggregates, shape).edges]
        whole += [edge.node.values for edge in read(stores, store, viewer(store), shape).edges]
        found += [edge.node.values for edge in read(stores, store, aggregates, filtered).edges]
    assert {row["teamCode"] for row in rows} == {None} != {row["teamCode"] for row in whole}
    assert {row["n"] >= 10 for row in rows} == {True, False}
    assert all(row["n"] >= 10 or (row["x"], row["value"]) == (None, None) for row in rows)
    assert any(row["value"] is not None for row in rows)
    assert found == [row for row in rows if row["value"] is not None]
    assert any(row["n"] < 10 and row["value"] is not None for row in whole)

"""Fields made in Python: the same values, errors and calls in both engines, and nothing more than was asked."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from forecourt.auth.actor import Actor, Membership
from forecourt.graphql import ids
from forecourt.tenancy.ids import new_id
from forecourt.tenancy.lanes import Lanes
from tests.graphql.compiled.conftest import NOW, Both
from tests.graphql.compiled.made_fields import CALLS, MADE, READ, BothMade, both_made

LINES = '{ store(code: "a1") { labourLines(first: 100) { edges { node { %s } } } } }'


@pytest.fixture(scope="module")
def made(both: Both) -> BothMade:
    return both_made(both)


@pytest.fixture
def gm(both: Both) -> Actor:
    return both.actor(("STORE_GM", "a1"), ("STORE_GM", "a2"))


def rows(answer: dict[str, Any], plural: str = "labourLines") -> list[Any]:
    return [edge["node"] for edge in answer["data"]["store"][plural]["edges"]]


def loads(made: BothMade, actor: Actor, text: str, variables: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
    """The loads of a document, the same in both engines."""
    found = []
    for engine in ("interpreted", "compiled"):
        CALLS.loads.clear()
        made.run(engine, actor, text, variables)
        found.append(sorted(CALLS.loads))
    assert found[0] == found[1]
    made.compiled(actor, text, variables)
    return found[0]


def test_a_function_gets_the_same_python_values_in_both_engines(made: BothMade, gm: Actor) -> None:
    answer = made.compiled(gm, LINES % "got day hours at who month constant margin order cost")
    got = rows(answer)[0]["got"]
    assert len(rows(answer)) == 30 and "errors" not in answer
    for kind in ("UUID(", "datetime.date(", "Decimal(", "datetime.timezone.utc", repr(NOW)):
        assert kind in got
    orders = rows(
        made.compiled(gm, '{ store(code: "a1") { repairOrders(first: 100) { edges { node { got note } } } } }'),
        "repairOrders",
    )
    assert any("None" in row["got"] for row in orders) and any("True" in row["got"] for row in orders)


@pytest.mark.parametrize(
    "fields",
    [
        "lineNo broken",
        "broken b: broken",
        "wrong",
        "large",
        "size",
        "down d: down",
        "short name",
        "strict lineNo",
        "lineNo broken strict broken2: broken",
        "strict gone",
        "gone",
        "never down",
        "technician { employeeNo labourLines(first: 2) { edges { node { strict broken down } } } }",
        "repairOrder { roNo odd labourLines(last: 2) { totalCount edges { cursor node { gone } } } } never",
    ],
)
def test_a_field_that_fails_is_an_error_at_its_path(made: BothMade, gm: Actor, fields: str) -> None:
    answer = made.compiled(gm, LINES % fields)
    assert answer["errors"] and "secret" not in str(answer)
    assert {error["extensions"]["code"] for error in answer["errors"]} <= {"INTERNAL", "UNAVAILABLE"}


def test_a_field_that_is_never_null_ends_its_row_and_no_other(made: BothMade, gm: Actor) -> None:
    answer = made.compiled(gm, LINES % "lineNo strict broken")
    whole = rows(made.compiled(gm, LINES % "lineNo"))
    assert [row is None for row in rows(answer)] == [row["lineNo"] % 2 == 1 for row in whole]
    paths = [error["path"][-1] for error in answer["errors"]]
    assert set(paths) == {"strict"} and len(paths) == sum(row is None for row in rows(answer))


def test_without_the_permission_it_is_null_and_neither_made_nor_loaded(made: BothMade, both: Both) -> None:
    for role, sees in (("STORE_GM", True), ("SERVICE_ADVISOR", False), ("TECHNICIAN", False)):
        CALLS.computed.clear()
        CALLS.loads.clear()
        shown = [
            row
            for person in range(4)
            for row in rows(
                made.compiled(both.actor((role, "a1"), person=person), LINES % "margin private cost lineNo")
            )
        ]
        assert shown and all((row["margin"] is not None) is sees for row in shown)
        assert bool(CALLS.computed) is bool(CALLS.loads) is sees
        assert all((row["private"], row["cost"]) == (None, None) for row in shown) is not sees


def test_whoever_looks_as_a_role_sees_no_more_than_both_may(made: BothMade, both: Both) -> None:
    role = both.actor(("STORE_GM", "a1"))
    looking = both.actor(("SERVICE_ADVISOR", "a1")).looking_as(role.memberships[0], new_id(), NOW)
    assert {row["margin"] for row in rows(made.same(looking, LINES % "margin private"))} <= {None}


def test_fields_that_fail_and_lists_that_are_refused_have_errors_in_one_order(made: BothMade, both: Both) -> None:
    program = replace(
        both.actor(), memberships=(Membership("CLIENT", both.world.stores["a1"].id, permissions=frozenset({READ})),)
    )
    text = "labourLines(first: 4) { edges { node { broken wrong } } }"
    refused = "employees { totalCount }"
    for parts in ((text, refused), (refused, text), (text, refused, f"again: {text}")):
        answer = made.compiled(program, f'{{ store(code: "a1") {{ {" ".join(parts)} }} }}')
        keys = [error["path"][1] for error in answer["errors"]]
        assert list(dict.fromkeys(keys)) == [part.split("(")[0].split()[0].strip(":") for part in parts]
        assert len(keys) > len(parts)


# --- calls -----------------------------------------------------------------------------------------------------------


def test_a_load_is_one_call_per_level_and_field(made: BothMade, gm: Actor) -> None:
    text = """{ store(code: "a1") {
      labourLines(first: 7) { edges { node { name down a: name repairOrder { note odd reworks(first: 3) { edges { node { note } } }
        labourLines(first: 2) { edges { node { name order technician { labourLines(last: 1) { edges { node { name } } } } } } } } } } }
      again: labourLines(first: 7) { edges { node { lineNo n2: name } } } } }"""
    found = loads(made, gm, text)
    names = [name for name, _, _ in found]
    assert {name: names.count(name) for name in set(names)} == {"name": 3, "down": 1, "note": 2, "odd": 1, "order": 1}
    assert all(len(set(keys)) == len(keys) for _, _, keys in found)


def test_every_store_loads_for_itself(made: BothMade, gm: Actor) -> None:
    text = (
        "{ group { stores { edges { node { code labourLines(first: 3) { edges { node { name down order } } } } } } } }"
    )
    found = loads(made, gm, text)
    assert sorted((name, store) for name, store, _ in found) == [
        (name, store) for name in ("down", "name", "order") for store in ("a1", "a2")
    ]


@pytest.mark.parametrize(
    "text",
    [
        '{ store(code: "a1") { labourLines(first: 0) { edges { node { name down strict } } } } }',
        '{ store(code: "a1") { labourLines { totalCount } } }',
        """{ store(code: "a1") { repairOrders(where: {roNo: {eq: "none"}}) { edges { node { note
        labourLines { edges { node { name } } } } } } } }""",
        '{ store(code: "a1") { labourLines(first: 2) { edges { node { lineNo name @include(if: false) } } } } }',
    ],
)
def test_nothing_is_loaded_for_no_row_or_a_field_not_asked(made: BothMade, gm: Actor, text: str) -> None:
    assert loads(made, gm, text) == []


def test_only_the_rows_of_the_page_are_keys(made: BothMade, gm: Actor) -> None:
    text = '{ store(code: "a1") { repairOrders(PAGE) { edges { node { odd labourLines(PAGE) { edges { node { order } } } } } } } }'
    for page in ("first: 2", "last: 2"):
        found = {name: keys for name, _, keys in loads(made, gm, text.replace("PAGE", page))}
        assert len(found["odd"]) == 2 and len(found.get("order", ())) <= 4


def test_only_asked_fields_are_made_and_select_their_columns(
    made: BothMade, gm: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts: list[str] = []
    plain = Lanes.run

    async def noted(self: Lanes, role: str, statements: Any) -> Any:
        texts.extend(item.text for item in statements)
        return await plain(self, role, statements)

    monkeypatch.setattr(Lanes, "run", noted)
    CALLS.computed.clear()
    made.run("compiled", gm, LINES % "lineNo hours")
    assert len(texts) == 1 and "hours_worked" in texts[0]
    assert not any(column in texts[0].split("FROM")[0] for column in ("cost", "amount", "work_date", "created_at"))
    assert CALLS.computed == []


def test_rows_by_id_have_their_errors_at_each_place(made: BothMade, gm: Actor, both: Both) -> None:
    def name(code: str, table: str, type_: str, place: int) -> str:
        return str(ids.GlobalId(type_, both.world.stores[code].id, UUID(str(both.rows[code][table][place]["id"]))))

    chosen = [name(code, "labour_line", "LabourLine", place) for code in ("a1", "a2") for place in range(6)]
    chosen += [chosen[0], chosen[1], chosen[0], name("a1", "repair_order", "RepairOrder", 0), "nothing"]
    inside = "__typename id ... on LabourLine { lineNo broken name down } ... on RepairOrder { note odd }"
    text = f'query($ids: [ID!]!) {{ nodes(ids: $ids) {{ {inside} }} one: node(id: "{chosen[2]}") {{ {inside} }} }}'
    found = loads(made, gm, text, {"ids": chosen})
    # the lines of a1 and a2, the repair order of a1, and the line asked alone
    assert sorted(name for name, _, _ in found) == ["down"] * 3 + ["name"] * 3 + ["note", "odd"]
    strict = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on LabourLine { lineNo strict } } }"
    answer = made.compiled(gm, strict, {"ids": chosen})
    assert None in answer["data"]["nodes"][:12] and answer["errors"]


def test_they_are_neither_filtered_nor_ordered(made: BothMade) -> None:
    types = made.schema._schema.type_map
    asked = set(types["LabourLineWhere"].fields) | set(types["LabourLineOrderField"].values)  # type: ignore[attr-defined]
    named = {item.name for item in MADE["LabourLine"].fields if item.made is not None}
    assert not named & asked and "LINE_NO" in asked and not {"BROKEN", "NAME", "HOURS"} & asked

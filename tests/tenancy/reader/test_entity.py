"""What a declaration may not say."""

import re
import traceback
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from forecourt.domain.customers.model import ContactPoint, Customer
from forecourt.domain.entities import ENTITIES
from forecourt.domain.people.model import Employee
from forecourt.domain.surveys.model import Answer, Invitation
from forecourt.domain.workshop.model import LabourLine
from forecourt.tenancy.reader.entity import (
    Asker,
    Computed,
    Entities,
    Entity,
    Field,
    Grant,
    Key,
    Kind,
    Viewer,
    When,
    Words,
    batched,
    computed,
    entity,
    many,
    one,
    value,
)
from forecourt.tenancy.reader.made import Failure, computed_value
from tests.stores import TODAY


@pytest.mark.parametrize(
    "column",
    [ContactPoint.value_enc, ContactPoint.value_hash, Employee.phone_enc, Employee.phone_hash, Invitation.token_hash],
)
def test_encrypted_columns_and_secret_hashes_cannot_be_declared(column: object) -> None:
    with pytest.raises(ValueError, match="never be read"):
        value("x", column, "x")  # type: ignore[arg-type]


def test_nothing_declared_reads_bytes_of_persons() -> None:
    columns = {f"{item.table.name}.{field.column}" for item in ENTITIES for field in item.fields}
    assert not [name for name in columns if name.endswith("_enc")]
    assert {name for name in columns if name.endswith("_hash")} == {
        "evaluation_run.inputs_hash",
        "evaluation_run.result_hash",
    }


def test_relations_must_lead_somewhere() -> None:
    lost = entity(
        Customer,
        "x",
        plural="customers",
        grants=(Grant("a:b:c"),),
        fields=(),
        relations=(one("x", "Nobody", "id", "x"),),
    )
    with pytest.raises(ValueError, match="Nobody"):
        Entities(lost)
    wrong = entity(
        Customer,
        "x",
        plural="customers",
        grants=(Grant("a:b:c"),),
        fields=(),
        relations=(many("x", "Customer", "nothing", "x"),),
    )
    with pytest.raises(ValueError, match="no such column"):
        Entities(wrong)


def test_every_word_of_a_column_is_declared() -> None:
    """The words of a field are those of its table's CHECK."""
    for item in ENTITIES:
        checks = {}
        for constraint in item.table.constraints:
            found = re.fullmatch(r"(\w+) in \((.*)\)", str(getattr(constraint, "sqltext", "")))
            if found:
                checks[found[1]] = set(re.findall(r"'([^']*)'", found[2]))
        for field in item.fields:
            declared = set(field.words.meanings) if field.words else None
            if field.column in checks:
                assert declared == checks[field.column], (item.name, field.name)


# --- fields made in Python -------------------------------------------------------------------------------------------


def _lines(*fields: Field, more: tuple[Entity, ...] = ()) -> Entities:
    lines = entity(LabourLine, "x", plural="lines", grants=(Grant("a:b:c"),), fields=fields)
    return Entities(lines, *more)


async def _load(asker: Asker, keys: Sequence[Key]) -> dict[Key, str]:
    return dict.fromkeys(keys, asker.language)


MARGIN = (LabourLine.amount, LabourLine.cost)
COST = value("cost", LabourLine.cost, "x", permission="a:cost:read")


@pytest.mark.parametrize("permission", [None, "a:other:read"])
def test_a_field_that_needs_a_guarded_column_carries_its_permission(permission: str | None) -> None:
    margin = computed("margin", Kind.DECIMAL, MARGIN, "x", lambda a, b: a - b, permission=permission)
    loaded = batched("loaded", Kind.TEXT, (LabourLine.cost,), "x", _load, permission=permission)
    for one_ in (margin, loaded):
        with pytest.raises(ValueError, match="cost needs a:cost:read"):
            _lines(COST, one_)


def test_the_guard_may_stand_in_another_entity_of_the_table() -> None:
    guarded = entity(LabourLine, "x", name="Costs", plural="costs", grants=(Grant("a:b:c"),), fields=(COST,))
    with pytest.raises(ValueError, match="cost needs a:cost:read"):
        _lines(computed("margin", Kind.DECIMAL, MARGIN, "x", lambda a, b: a - b), more=(guarded,))


def test_a_guarded_field_made_in_python_is_null_for_others_and_never_filtered() -> None:
    margin = computed("margin", Kind.DECIMAL, MARGIN, "x", lambda a, b: a - b, permission="a:cost:read", nullable=False)
    lines = _lines(COST, margin)["LabourLine"]
    assert (margin.nullable, margin.filterable, margin.sortable) == (True, False, False)
    holder = Viewer({"a:cost:read": 4}, frozenset(), TODAY)
    other = Viewer({}, frozenset(), TODAY)
    assert lines.shows(margin, holder) and not lines.shows(margin, other)
    looks = Viewer({"a:cost:read": 4}, frozenset(), TODAY, within=other)
    assert not lines.shows(margin, looks)


@pytest.mark.parametrize("column", [ContactPoint.value_enc, Employee.phone_hash, Invitation.token_hash])
def test_no_function_gets_an_encrypted_column_or_a_secret_hash(column: Any) -> None:
    with pytest.raises(ValueError, match="never be read"):
        computed("x", Kind.TEXT, (column,), "x", str)
    with pytest.raises(ValueError, match="never be read"):
        batched("x", Kind.TEXT, (column,), "x", _load)


def test_what_a_field_made_in_python_cannot_be() -> None:
    for kind in (Kind.JSON, Kind.DIGEST, Kind.WORD):
        with pytest.raises(ValueError, match="plain kind"):
            computed("x", kind, (LabourLine.cost,), "x", str)
    with pytest.raises(ValueError, match="plain kind"):
        computed("x", Kind.TEXT, (), "x", str, words=Words("W", "x", {"A": "a"}))
    with pytest.raises(ValueError, match="columns whose values"):
        batched("x", Kind.TEXT, (), "x", _load)
    with pytest.raises(ValueError, match="columns whose values"):
        batched("x", Kind.TEXT, (Answer.value,), "x", _load)
    with pytest.raises(ValueError, match="no such column"):
        _lines(computed("x", Kind.TEXT, (Customer.name,), "x", str))


GOOD = {
    Kind.BOOL: True,
    Kind.DATE: TODAY,
    Kind.DECIMAL: Decimal("1.50"),
    Kind.FLOAT: 0.5,
    Kind.INT: -(2**31),
    Kind.MOMENT: datetime(2026, 9, 1, 8, tzinfo=timezone(timedelta(hours=8))),
    Kind.MONTH: "2026-09",
    Kind.TEXT: "王芳",
    Kind.UUID: UUID(int=1),
}
BAD: dict[Kind, list[Any]] = {
    Kind.BOOL: [0, "yes"],
    Kind.DATE: [datetime(2026, 9, 1, tzinfo=UTC), "2026-09-01"],
    Kind.DECIMAL: [1, Decimal("NaN"), "1.5"],
    Kind.FLOAT: [1, float("inf"), Decimal(1)],
    Kind.INT: [True, 2**31, 1.0, "1"],
    Kind.MOMENT: [datetime(2026, 9, 1), TODAY, datetime.min.replace(tzinfo=timezone(timedelta(hours=8)))],  # noqa: DTZ001
    Kind.MONTH: ["2026-13", "2026-9", 202609],
    Kind.TEXT: [1, b"x", "half \ud800"],
    Kind.UUID: ["00000000-0000-0000-0000-000000000001"],
}


@pytest.mark.parametrize("kind", GOOD)
def test_a_value_is_of_its_fields_kind_or_a_failure(kind: Kind) -> None:
    made: list[Any] = []
    item = computed("x", kind, (LabourLine.cost,), "x", lambda _: made[-1])
    how = item.made
    assert isinstance(how, Computed)
    for given in (GOOD[kind], None):
        made.append(given)
        assert computed_value(item, how, (None,), None) == given
    for given in (*BAD[kind], ValueError("a value that is an error")):
        made.append(given)
        assert isinstance(computed_value(item, how, (None,), None), Failure), given
    strict = replace(item, nullable=False)
    made.append(None)
    assert isinstance(computed_value(strict, how, (None,), None), Failure)


def test_the_moment_and_the_day_come_after_the_columns() -> None:
    asker = Asker(Viewer({}, frozenset(), TODAY), datetime(2026, 9, 15, tzinfo=UTC))
    for when, wanted in ((When.NOW, asker.now), (When.TODAY, TODAY)):
        item = computed("x", Kind.TEXT, (LabourLine.cost,), "x", lambda *values: repr(values), when=when)
        assert isinstance(item.made, Computed)
        assert computed_value(item, item.made, (1,), asker) == repr((1, wanted))
        with pytest.raises(TypeError, match="who asks"):
            computed_value(item, item.made, (1,), None)


def test_an_error_raised_again_and_again_keeps_its_first_traceback() -> None:
    item = computed("x", Kind.INT, (LabourLine.cost,), "x", lambda _: 1 // 0)
    assert isinstance(item.made, Computed)
    failure = computed_value(item, item.made, (1,), None)
    lengths = set()
    for _ in range(3):
        with pytest.raises(ZeroDivisionError) as caught:
            raise failure.again()
        lengths.add(len(traceback.extract_tb(caught.value.__traceback__)))
    assert len(lengths) == 1

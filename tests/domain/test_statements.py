"""The text of compiled statements, over the product's entities."""

import re
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import ColumnElement, FromClause, false, or_
from sqlalchemy.sql.base import Executable

from forecourt.domain.entities import ENTITIES
from forecourt.tenancy.fixed import compiled
from forecourt.tenancy.reader import pieces
from forecourt.tenancy.reader.compile_sql import NotCompilable, Program, Run, Variant, statements
from forecourt.tenancy.reader.entity import Entities, Grant, Reach, RowRule, Viewer
from forecourt.tenancy.reader.shape import Child, Compare, Every, Operator, Related, Shape, Slot

NAME = Slot(("variable", ("name",)))
VIN = Slot(("variable", ("vin",)))
#: the same tables again and again, so that every level's aliases are also those of a level above
STEPS = ("vehicles", "customer", "vehicles", "customer", "vehicles", "customer")


def viewer(reach: Reach) -> Viewer:
    permissions = {grant.permission for entity in ENTITIES for grant in entity.grants}
    return Viewer(dict.fromkeys(permissions, reach), frozenset({UUID(int=7)}), date(2026, 3, 1))


def deep(entity: str, steps: tuple[str, ...]) -> Shape:
    """A list with both filters, and all that is reached by these steps."""
    field, slot = ("name", NAME) if entity == "Customer" else ("vin", VIN)
    below = {step: Child(step, deep(ENTITIES[entity].relation_by_name[step].target, steps[1:])) for step in steps[:1]}
    return Shape(entity, frozenset({field}), below, where=Compare(field, Operator.EQ, slot))


def made(reach: Reach, steps: tuple[str, ...]) -> tuple[Viewer, Variant]:
    seen = viewer(reach)
    return seen, Program(ENTITIES, seen, {"customers": deep("Customer", steps)}, {}).variant({})


@pytest.mark.parametrize("reach", [Reach.OWN, Reach.STORE])
def test_every_level_has_the_rows_above_and_each_value_once(reach: Reach) -> None:
    seen, variant = made(reach, STEPS)
    found = statements(variant, Run(seen, lambda slot: slot.key[1][0]))
    assert len(found) == 1 + len(STEPS)
    for depth, one in enumerate(found):
        assert "PIECE" not in one.text
        assert set(map(int, re.findall(r"\$([0-9]+)", one.text))) == set(range(1, len(one.values) + 1))
        # one filter for each level, of which there are two
        assert len(re.findall(r"\.(?:name|vin) = \$", one.text)) == 1 + depth
        assert one.values.count("name") == 1 and one.values.count("vin") == (depth > 0)
    people = sum(one.values.count([UUID(int=7)]) for one in found)
    assert people == (0 if reach is Reach.STORE else len(found))


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> list[Executable]:
    """What SQLAlchemy makes text of."""
    found: list[Executable] = []

    def noted(statement: Executable) -> object:
        found.append(statement)
        return compiled(statement)

    monkeypatch.setattr(pieces, "compiled", noted)
    return found


def test_the_rows_above_a_level_are_made_text_once(texts: list[Executable]) -> None:
    made(Reach.STORE, STEPS)  # the first time, row rules are looked at as well
    texts.clear()
    made(Reach.STORE, STEPS)
    assert len(texts) == 1 + 2 * len(STEPS)


def test_children_by_the_same_column_share_what_finds_their_parents(texts: list[Executable]) -> None:
    twice = {key: Child("vehicles", Shape("Vehicle", frozenset({"vin"}))) for key in ("one", "two")}
    shape = Shape("Customer", frozenset({"name"}), twice)
    Program(ENTITIES, viewer(Reach.STORE), {"customers": shape}, {}).variant({})
    texts.clear()
    Program(ENTITIES, viewer(Reach.STORE), {"customers": shape}, {}).variant({})
    assert len(texts) == 1 + 1 + 2


def another_day(viewer: Viewer, _reach: Reach, row: FromClause) -> ColumnElement[bool]:
    return row.c.created_at < viewer.today - timedelta(days=1)


def how_many(viewer: Viewer, _reach: Reach, row: FromClause) -> ColumnElement[bool]:
    return row.c.name == f"{len(viewer.employees)} people"


def one_by_one(viewer: Viewer, _reach: Reach, row: FromClause) -> ColumnElement[bool]:
    return or_(false(), *(row.c.id == person for person in viewer.employees))


def first_of_all(viewer: Viewer, _reach: Reach, row: FromClause) -> ColumnElement[bool]:
    found: ColumnElement[bool] = row.c.id == min(viewer.employees, default=None)
    return found


@pytest.mark.parametrize("rule", [another_day, how_many, one_by_one, first_of_all])
@pytest.mark.parametrize("shape", [Shape("Customer"), Shape("Vehicle", where=Related("customer", Every(())))])
def test_a_row_rule_that_computes_with_its_viewer_is_not_compiled(rule: RowRule, shape: Shape) -> None:
    """It would be frozen into the plan of everybody with the same reach."""
    entities = Entities(
        *(replace(one, grants=(Grant("x", rows=rule),)) if one.name == "Customer" else one for one in ENTITIES)
    )
    seen = viewer(Reach.OWN)
    held = replace(seen, reach={**seen.reach, "x": Reach.OWN})
    with pytest.raises(NotCompilable, match="row rule of Customer"):
        Program(entities, held, {"rows": shape}, {}).variant({})

"""The text of compiled statements, over the product's entities."""

import re
from datetime import date
from uuid import UUID

import pytest
from sqlalchemy.sql.base import Executable

from forecourt.domain.entities import ENTITIES
from forecourt.tenancy.fixed import compiled
from forecourt.tenancy.reader import pieces
from forecourt.tenancy.reader.compile_sql import Program, Run, Variant, statements
from forecourt.tenancy.reader.entity import Reach, Viewer
from forecourt.tenancy.reader.shape import Child, Compare, Operator, Shape, Slot

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

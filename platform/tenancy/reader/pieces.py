"""Statements as text in pieces, for a viewer who is a placeholder.

Two parts of statements come again and again: an entity's row rule for a reach, in every statement about its rows, and what finds the
rows above a level, in every statement below it. Each is made text once, and stands in a statement as one word until that is text as
well; then it is put in, and its parameters get numbers of the statement's. SQLAlchemy would write it out every time.

An inner scope hides names of an outer one, so a piece may use the same names as what it is put into.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from operator import is_
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Boolean, ColumnElement, FromClause, Select, literal_column, select
from sqlalchemy.sql.elements import False_, True_

from ..fixed import compiled
from .entity import Entity, Viewer
from .shape import Slot
from .sql import rule


class NotCompilable(Exception):
    """This shape is left to the interpreter; the text says why."""


@dataclass(frozen=True, slots=True)
class Border:
    """One value of a decoded cursor: of which list (in the order of the walk), which side, which key."""

    page: int
    side: str
    key: int


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of a program knows: who reads, what a slot's value is, and the borders of its pages."""

    viewer: Viewer
    value: Callable[[Slot], Any]
    borders: Mapping[Border, Any] = field(default_factory=dict)


Getter = Callable[[Run], Any]


class Parameter(NamedTuple):
    """What stands in a `$1`: a key that equal values share, a word for people, and how to get the value."""

    key: Any
    word: str
    get: Getter


class Piece(NamedTuple):
    """A statement or a part of one as text, and what stands in its `$1` …; a value that is used often is sent once."""

    text: str
    parameters: Sequence[Parameter]


_PARAMETER = re.compile(r"\$([0-9]+)")
#: How a piece stands in a statement, by its number among the walk's; one that is a statement as `SELECT` of it.
_STANDS = "__[PIECE_{}]"
_PLACE = re.compile(r"\$([0-9]+)|(?:SELECT )?__\[PIECE_([0-9]+)\]")


class _Day(date):
    """A day that is told from every other by being itself."""


def is_plain(viewer: Viewer) -> bool:
    """Nothing but reach, people and day decides what this viewer sees; a plan knows no more."""
    return viewer == Viewer(viewer.reach, viewer.employees, viewer.today)


@dataclass(frozen=True, slots=True)
class Placeholder(Viewer):
    """Somebody with a reach whose people and day are placeholders, and whose row rules are pieces."""

    pieces: list[Piece] = field(default_factory=list, compare=False)

    @classmethod
    def of(cls, reach: Mapping[str, int]) -> "Placeholder":
        """Whoever has this reach."""
        return cls(dict(reach), *_SYMBOLS[1])

    def row_rule(self, entity: Entity, row: FromClause, made: object) -> ColumnElement[bool]:
        """The rule as a piece.

        Raises:
            NotCompilable: it computes with its viewer.
        """
        found = _rule(entity, reaches(entity, self), row)
        return found if isinstance(found, ColumnElement) else literal_column(self._stand_in(found), Boolean())

    def text_of(self, statement: Select[Any]) -> Piece:
        """A statement as text, with the pieces that stand in it.

        Raises:
            NotCompilable: it depends on how many people the viewer is.
        """
        return _text_of(statement, self, self.pieces)

    def above(self, values: Select[Any]) -> Select[Any]:
        """What finds the rows above a level, for the statements below."""
        return select(literal_column(self._stand_in(self.text_of(values))))

    def _stand_in(self, piece: Piece) -> str:
        self.pieces.append(piece)
        return _STANDS.format(len(self.pieces) - 1)


def reaches(entity: Entity, viewer: Viewer) -> tuple[int | None, ...]:
    """The viewer's reach by each of an entity's grants: all that its row rule may depend on beside people and day."""
    return tuple(viewer.reach.get(grant.permission) for grant in entity.grants)


def held_by(entity: Entity, reach: tuple[int | None, ...]) -> dict[str, int]:
    """What somebody holds who has this reach by the entity's grants and nothing else."""
    return {grant.permission: found for grant, found in zip(entity.grants, reach, strict=True) if found is not None}


#: So many people, and a day, that are told from all others by being themselves.
_SYMBOLS = [(frozenset(UUID(int=n + 1) for n in range(people)), _Day(2000, 1, 1 + people)) for people in range(4)]


def _text_of(statement: Select[Any], viewer: Viewer, pieces: Sequence[Piece]) -> Piece:
    made = compiled(statement)
    values, given = made.params, []
    for name in made.positiontup or ():
        key, word, get = _source(values[name], viewer)
        given.append(Parameter((key, repr(made.binds[name].type) if name in made.binds else name), word, get))
    found: dict[Any, tuple[int, Parameter]] = {}

    def number(parameter: Parameter) -> str:
        return f"${found.setdefault(parameter.key, (len(found) + 1, parameter))[0]}"

    def put(place: "re.Match[str]") -> str:
        if place[1] is not None:
            return number(given[int(place[1]) - 1])
        inner = pieces[int(place[2])]
        return _PARAMETER.sub(lambda one: number(inner.parameters[int(one[1]) - 1]), inner.text)

    text = _PLACE.sub(put, str(made))
    return Piece(text, [parameter for _, parameter in found.values()])


def _source(value: Any, viewer: Viewer) -> tuple[Any, str, Getter]:
    """Where a parameter's value comes from: a key for equal ones, a word for people, and how to get it.

    Raises:
        NotCompilable: one of the viewer's people alone, so there is a parameter for each.
    """
    if any(value is person for person in viewer.employees):
        raise NotCompilable("a text that depends on how many people the viewer is")
    if value is viewer.today:
        return "today", "the store's day", lambda run: run.viewer.today
    if _is_people(value, viewer):
        return "people", "the viewer's employees", lambda run: sorted(run.viewer.employees)
    if isinstance(value, Slot):
        return value, f"{value.key}", lambda run: run.value(value)
    if isinstance(value, Border):
        return value, f"cursor {value.page} {value.side} {value.key}", lambda run: run.borders[value]
    if isinstance(value, list):
        parts = [_source(part, viewer) for part in value]
        return (
            tuple(key for key, _, _ in parts),
            f"[{', '.join(word for _, word, _ in parts)}]",
            lambda run: [get(run) for _, _, get in parts],
        )
    return (type(value), repr(value)), repr(value), lambda _: value


def _is_people(value: Any, viewer: Viewer) -> bool:
    people = sorted(viewer.employees)
    return isinstance(value, list) and len(value) == len(people) and all(map(is_, value, people))


# --- row rules -------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=2_000)
def _rule(entity: Entity, reach: tuple[int | None, ...], row: FromClause) -> Piece | ColumnElement[bool]:
    """An entity's row rule for a reach as text; one that lets all or nothing pass as SQLAlchemy has it."""
    if not _is_steady(entity, reach):
        raise NotCompilable(f"the row rule of {entity.name} computes with its viewer")
    viewer = _viewer(entity, reach, 1)
    found = rule(entity, viewer, row)
    return found if isinstance(found, True_ | False_) else _alone(found, viewer, row)


@lru_cache(maxsize=2_000)
def _is_steady(entity: Entity, reach: tuple[int | None, ...]) -> bool:
    """The row rule uses the viewer's people and day as they are, so that a text made for one serves all.

    Shown by making it for viewers who are one, two and three people: whatever differs must be the people or the day themselves. And
    for somebody who is nobody, for whom the text has to be the same.
    """
    row = entity.table.alias()
    viewers = [_viewer(entity, reach, people) for people in range(len(_SYMBOLS))]
    try:
        made = [_alone(rule(entity, one, row), one, row) for one in viewers]
    except NotCompilable:
        return False
    nobody, *some = [(piece.text, [parameter.key for parameter in piece.parameters]) for piece in made]
    return some[0] == some[1] == some[2] and nobody[0] == some[0][0]


def _viewer(entity: Entity, reach: tuple[int | None, ...], people: int) -> Viewer:
    return Viewer(held_by(entity, reach), *_SYMBOLS[people])


def _alone(predicate: ColumnElement[bool], viewer: Viewer, row: FromClause) -> Piece:
    """The text of a predicate about a row. It is made as part of a statement, so that sub-selects know the row for the statement's."""
    statement: Select[Any] = select(literal_column("1")).select_from(row).where(predicate)
    text, parameters = _text_of(statement, viewer, ())
    return Piece(f"({text.partition('WHERE ')[2]})", parameters)

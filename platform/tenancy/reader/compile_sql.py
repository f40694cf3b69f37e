"""From shapes to statements that are made once and run often: text with `$1` …, and where each parameter's value comes from.

Every level is the SQL of `sql.py`, with the rows above it as a sub-select instead of their values, so that no statement
waits for another's rows and all of them travel together. What changes from run to run stands in no text: the viewer's
people and day, a filter's values, a cursor's border. What changes the text makes another plan: the fields and relations
asked, the size and direction of a page, the form of a filter, what the viewer may see, which values of a cursor are null.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Numeric, Select, Text, Uuid, bindparam, cast, literal_column, select
from sqlalchemy.dialects.postgresql import JSONB

from ..lane import Statement
from . import cursor
from .entity import Entities, Entity, Field, Kind, Relation, Viewer
from .pieces import Border, Getter, NotCompilable, Placeholder, Run, held_by, is_plain, reaches
from .shape import Order, Shape, Slot
from .sql import (
    Level,
    Values,
    Window,
    alias_of,
    level,
    root_rows,
    root_total,
    root_values,
    rows_by_id,
    size_of,
    to_many_rows,
    to_many_totals,
    to_many_values,
    to_one_rows,
    to_one_values,
    values_by_id,
    visible,
)

#: Kinds of columns that leave as the text PostgreSQL writes; whatever else comes in its binary format.
_AS_TEXT = (Uuid, Numeric, JSONB)
#: Statements for different nulls in its cursors that a program keeps.
_MOST_VARIANTS = 4


@dataclass(frozen=True, slots=True)
class Page:
    """A list that is read from or up to a cursor."""

    entity: str
    order: tuple[Order, ...]
    kinds: tuple[Kind, ...]
    after: Slot | None
    before: Slot | None


@dataclass(frozen=True, eq=False)
class Read:
    """One level as it is read: in which statements its rows and totals come, and in which columns its values stand."""

    shape: Shape
    entity: Entity
    relation: Relation | None
    #: number of the statement with the rows, None where no row is read; of the one with the totals, where they are asked
    rows: int | None
    total: int | None
    fields: Mapping[str, int]
    #: asked fields that are made in Python, of columns in `locals`; one that the viewer does not see is missing
    made: Mapping[str, Field]
    id: int
    locals: Mapping[str, int]
    keys: tuple[int, ...]
    kinds: tuple[Kind, ...]
    #: None for rows that stand in no list
    size: int | None
    backward: bool
    after: bool
    before: bool
    children: Mapping[str, "Read"]


@dataclass(frozen=True, slots=True)
class Template:
    """A statement before store and values are known."""

    text: str
    getters: tuple[Getter, ...]
    #: a word about each parameter, for people
    sources: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Variant:
    """A program's statements and levels, for one pattern of nulls in its cursors."""

    templates: tuple[Template, ...]
    reads: Mapping[str, Read]


class Program:
    """The lists and rows that are read of one store in one round trip, by the asker's keys.

    `lists` are lists of the store; `rows` are rows of an entity by their ids, which the slot of that name gives.
    """

    def __init__(
        self,
        entities: Entities,
        viewer: Viewer,
        lists: Mapping[str, Shape],
        rows: Mapping[str, tuple[Shape, Slot]],
        *,
        moment: bool = False,
    ) -> None:
        if not is_plain(viewer):
            raise NotCompilable("more than reach, people and day decides what this viewer sees")
        self._entities = entities
        self._reach = viewer.reach
        self._lists, self._rows, self._moment = dict(lists), dict(rows), moment
        self.pages: list[Page] = []
        for shape in (*lists.values(), *(shape for shape, _ in rows.values())):
            self._find_pages(shape, listed=True)
        self._variants: dict[tuple[bool, ...], Variant] = {}

    def borders(self, value: Callable[[Slot], Any]) -> dict[Border, Any]:
        """Decode the cursors of a run.

        Raises:
            Invalid: not a cursor of its list.
        """
        found = {}
        for number, page in enumerate(self.pages):
            for side, slot in (("after", page.after), ("before", page.before)):
                if slot is None:
                    continue
                values = cursor.decode(value(slot), page.entity, page.order, page.kinds)
                found.update({Border(number, side, key): one for key, one in enumerate(values)})
        return found

    def variant(self, borders: Mapping[Border, Any]) -> Variant:
        """The statements for these borders; made on first use, at most a few per program."""
        pattern = tuple(value is None for value in borders.values())
        found = self._variants.get(pattern)
        if found is None:
            if len(self._variants) >= _MOST_VARIANTS:
                self._variants.pop(next(iter(self._variants)))
            nulls = {border for border, value in borders.items() if value is None}
            walk = _Walk(self._entities, Placeholder.of(self._reach), self.pages, nulls)
            found = self._variants[pattern] = walk.variant(self._lists, self._rows, moment=self._moment)
        return found

    def weight(self) -> int:
        """Letters of SQL it holds."""
        return sum(len(item.text) for variant in self._variants.values() for item in variant.templates)

    def _find_pages(self, shape: Shape, *, listed: bool) -> None:
        entity = self._entities[shape.entity]
        if listed and (shape.page.after is not None or shape.page.before is not None):
            self.pages.append(_page(entity, shape))
        for child in shape.children.values():
            self._find_pages(child.shape, listed=entity.relation_by_name[child.relation].many)


def statements(variant: Variant, run: Run) -> list[Statement]:
    """A variant's statements for one run, with the schema's placeholder in their text."""
    return [Statement(template.text, [get(run) for get in template.getters]) for template in variant.templates]


def _page(entity: Entity, shape: Shape) -> Page:
    kinds = tuple(entity.field_by_name[order.field].kind for order in shape.order)
    return Page(entity.name, shape.order, (*kinds, Kind.UUID), _slot(shape.page.after), _slot(shape.page.before))


def _slot(given: str | Slot | None) -> Slot | None:
    if isinstance(given, str):
        raise NotCompilable("a cursor that stands in no slot")
    return given


# --- the walk --------------------------------------------------------------------------------------------------------


class _Walk:
    """Turns the levels of shapes into templates, parents first."""

    def __init__(self, entities: Entities, viewer: Placeholder, pages: Sequence[Page], nulls: set[Border]) -> None:
        self._entities, self._viewer, self._nulls = entities, viewer, nulls
        self._next = iter(range(len(pages)))
        self._templates: list[Template] = []

    def variant(self, lists: Mapping[str, Shape], rows: Mapping[str, tuple[Shape, Slot]], *, moment: bool) -> Variant:
        if moment:
            self._templates.append(Template("SELECT transaction_timestamp()", (), ()))
        reads = {key: self._root(shape) for key, shape in lists.items()}
        reads |= {key: self._by_id(shape, slot) for key, (shape, slot) in rows.items()}
        return Variant(tuple(self._templates), reads)

    def _root(self, shape: Shape) -> Read:
        lv, window = self._level(shape), self._window(shape)
        rows = total = None
        if shape.rows:
            rows = self._add(root_rows(lv, window).limit(literal_column(str(window.size + shape.more))))
        if shape.total:
            total = self._add(root_total(lv))
        return self._read(lv, None, rows, total, window, lambda column: root_values(lv, window, column))

    def _by_id(self, shape: Shape, ids: Slot) -> Read:
        lv = self._level(shape)
        rows = self._add(rows_by_id(lv, ids))
        return self._read(lv, None, rows, None, None, lambda column: values_by_id(lv, ids, column))

    def _below(self, relation: Relation, shape: Shape, values: Values) -> Read:
        lv = self._level(shape)
        if not relation.many:
            found = self._add(to_one_rows(lv, relation, values))
            return self._read(lv, relation, found, None, None, lambda name: to_one_values(lv, relation, values, name))
        window = self._window(shape)
        rows = self._add(to_many_rows(lv, relation, values, window)) if shape.rows else None
        total = self._add(to_many_totals(lv, relation, values)) if shape.total else None
        return self._read(
            lv, relation, rows, total, window, lambda name: to_many_values(lv, relation, values, window, name)
        )

    def _read(
        self,
        lv: Level,
        relation: Relation | None,
        rows: int | None,
        total: int | None,
        window: Window | None,
        values: Callable[[str], Select[Any]],
    ) -> Read:
        first = 0 if relation is None else 1  # a child's rows begin with the value that leads to them
        after_fields = first + 1 + len(lv.fields)
        after_locals = after_fields + len(lv.locals)
        children, above = {}, dict[str, Select[Any]]()
        for key, child in lv.shape.children.items():
            below = lv.entity.relation_by_name[child.relation]
            if below.local not in above:
                above[below.local] = self._viewer.above(values(below.local))
            children[key] = self._below(below, child.shape, above[below.local])
        return Read(
            shape=lv.shape,
            entity=lv.entity,
            relation=relation,
            rows=rows,
            total=total,
            fields={name: first + 1 + number for number, name in enumerate(lv.fields)},
            made={item.name: item for item in lv.made},
            id=first,
            locals={"id": first, **{name: after_fields + number for number, name in enumerate(lv.locals)}},
            keys=(*range(after_locals, after_locals + len(lv.keys) - 1), first),
            kinds=tuple(key.kind for key in lv.keys),
            size=None if window is None else window.size,
            backward=window is not None and window.backward,
            after=window is not None and window.after is not None,
            before=window is not None and window.before is not None,
            children=children,
        )

    def _level(self, shape: Shape) -> Level:
        return level(self._entities, self._viewer, shape)

    def _window(self, shape: Shape) -> Window:
        page = shape.page
        if page.after is None and page.before is None:
            return Window(size_of(page), page.last is not None, None, None)
        number, keys = next(self._next), len(shape.order) + 1
        sides: list[list[Any] | None] = []
        for side, given in (("after", page.after), ("before", page.before)):
            borders = [Border(number, side, key) for key in range(keys)]
            values = [None if border in self._nulls else border for border in borders]
            sides.append(None if given is None else values)
        return Window(size_of(page), page.last is not None, *sides)

    def _add(self, statement: Select[Any]) -> int:
        self._templates.append(_template(statement, self._viewer))
        return len(self._templates) - 1


def _template(statement: Select[Any], viewer: Placeholder) -> Template:
    """The statement as it is sent."""
    sent = statement.with_only_columns(*map(_sent, statement.selected_columns), maintain_column_froms=True)
    text, parameters = viewer.text_of(sent)
    return Template(text, tuple(one.get for one in parameters), tuple(one.word for one in parameters))


def _sent(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The column in the form in which it leaves."""
    return cast(column, Text) if isinstance(column.type, _AS_TEXT) else column


# --- one row ---------------------------------------------------------------------------------------------------------

_ASKED = Slot("id")


def existence(entity: Entity, viewer: Viewer, row_id: UUID) -> Statement:
    """Asks for the row with this id, if it exists for the viewer.

    Raises:
        NotCompilable: the row rule computes with its viewer, or more than reach, people and day decides.
    """
    if not is_plain(viewer):
        raise NotCompilable("more than reach, people and day decides what this viewer sees")
    made = _existence(entity, reaches(entity, viewer))
    run = Run(viewer, lambda _: row_id)
    return Statement(made.text, [get(run) for get in made.getters])


@lru_cache(maxsize=1_000)
def _existence(entity: Entity, reach: tuple[int | None, ...]) -> Template:
    viewer, row = Placeholder.of(held_by(entity, reach)), alias_of(entity.table)
    wanted = row.c.id == bindparam(None, _ASKED, type_=row.c.id.type)
    return _template(select(row.c.id).where(wanted, visible(entity, viewer, row)), viewer)


__all__ = [
    "Border",
    "NotCompilable",
    "Page",
    "Program",
    "Read",
    "Run",
    "Template",
    "Variant",
    "existence",
    "is_plain",
    "statements",
]

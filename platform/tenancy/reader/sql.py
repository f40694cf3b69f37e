"""From a shape to SQL: one statement for the rows of a level, and one more where a total is asked.

Every level carries the row rule of its entity. The order of rows is total (the id breaks ties), so a page is a range of
keys and a cursor is its border.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    FromClause,
    Select,
    Subquery,
    Table,
    and_,
    any_,
    bindparam,
    case,
    cast,
    exists,
    false,
    func,
    literal_column,
    null,
    or_,
    select,
    true,
)

from ...errors import Invalid
from . import cursor
from .entity import Entities, Entity, Field, Kind, Reach, Relation, Viewer
from .entity import table as store_table
from .shape import (
    DEFAULT_PAGE,
    MAX_PAGE,
    Compare,
    Condition,
    Every,
    Negate,
    Operator,
    Order,
    Page,
    Related,
    Shape,
    Slot,
    Some,
)

_TEXTS = frozenset({Kind.MONTH, Kind.TEXT, Kind.WORD})
_SIGNS = {Operator.GT: ">", Operator.GTE: ">=", Operator.LT: "<", Operator.LTE: "<="}
Predicate = ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a level's total order; the last one is the id."""

    expression: ColumnElement[Any]
    kind: Kind
    descending: bool
    nullable: bool

    def sorted(self, *, backward: bool) -> ColumnElement[Any]:
        """The ORDER BY term. PostgreSQL puts nulls last ascending and first descending, which is the rule of `Order`."""
        return self.expression.desc() if self.descending != backward else self.expression.asc()

    def beyond(self, value: Any, *, backward: bool) -> Predicate:
        """This key alone lies behind `value` in the direction of reading."""
        if self.descending != backward:
            return self.expression.is_not(None) if value is None else self.expression < value
        if value is None:
            return false()
        return or_(self.expression > value, self.expression.is_(None)) if self.nullable else self.expression > value

    def same(self, value: Any) -> Predicate:
        """This key equals `value`; null equals null."""
        return self.expression.is_(None) if value is None else self.expression == value


@dataclass(frozen=True, slots=True)
class Window:
    """A checked page: how many rows, in which direction, between which borders (values of the keys)."""

    size: int
    backward: bool
    after: list[Any] | None
    before: list[Any] | None


@dataclass(frozen=True)
class Level:
    """One level of a shape as SQL: the columns of its rows, which rows, in which order."""

    entity: Entity
    shape: Shape
    row: FromClause
    columns: tuple[ColumnElement[Any], ...]
    fields: tuple[str, ...]
    #: columns as they are: those that lead to rows below, and those that fields made in Python need
    locals: tuple[str, ...]
    keys: tuple[Key, ...]
    allowed: Predicate
    #: asked fields that are made in Python and that the viewer sees
    made: tuple[Field, ...]

    def place_of(self, column: str) -> int:
        """In which of `columns` a column stands that a relation or a field made in Python needs."""
        return 0 if column == "id" else 1 + len(self.fields) + self.locals.index(column)

    def window(self) -> Window:
        """The page asked for.

        Raises:
            Invalid: both directions, a size out of range, or a cursor of another list.
        """
        page = self.shape.page
        size = size_of(page)
        kinds = [key.kind for key in self.keys]
        after, before = (
            None if text is None else cursor.decode(str(text), self.entity.name, self.shape.order, kinds)
            for text in (page.after, page.before)
        )
        return Window(size, page.last is not None, after, before)

    def between(self, window: Window) -> Predicate:
        """The rows strictly between the page's cursors."""
        borders = [_beyond(self.keys, window.after, backward=False)] if window.after else []
        borders += [_beyond(self.keys, window.before, backward=True)] if window.before else []
        return and_(true(), *borders)


def level(entities: Entities, viewer: Viewer, shape: Shape) -> Level:
    """Resolve the names of a shape, and who may see what, for one level.

    Raises:
        Invalid: a comparison that the field's kind does not have.
    """
    entity = entities[shape.entity]
    row = alias_of(entity.table)
    asked = [entity.field_by_name[name] for name in sorted(shape.fields)]
    fields = tuple(item.name for item in asked if item.made is None)
    made = tuple(item for item in asked if item.made is not None and entity.shows(item, viewer))
    relations = (entity.relation_by_name[child.relation] for child in shape.children.values())
    needed = {need.column for item in made if item.made is not None for need in item.made.needs}
    locals_ = tuple(sorted(({relation.local for relation in relations} | needed) - {"id"}))  # it comes first anyway
    keys = tuple(_key(entity, viewer, row, order) for order in shape.order)
    down = bool(keys) and keys[-1].descending
    keys += (Key(row.c.id, Kind.UUID, down, nullable=False),)
    allowed = visible(entity, viewer, row)
    if shape.where is not None:
        allowed = and_(allowed, condition(entities, entity, viewer, row, shape.where))
    columns = [row.c.id, *(shown(entity, entity.field_by_name[name], viewer, row) for name in fields)]
    columns += [row.c[name] for name in locals_]
    columns += [key.expression for key in keys[:-1]]
    return Level(entity, shape, row, tuple(columns), fields, locals_, keys, allowed, made)


@lru_cache(maxsize=1_000)
def alias_of(table: Table, depth: int = 0) -> FromClause:
    """A table as it stands in a statement, `depth` filters deep. Made once: an alias copies every column of its table, which is a
    good part of what a statement costs. A statement has one level, so it has each of them once in its scope. Its name is none that
    SQLAlchemy makes (`order_1`), as row rules bring such names with them.
    """
    found = table.alias(f"{table.name}_0{depth or ''}")
    _ = found.c  # made here, and not by two threads at once
    return found


def root_rows(lv: Level, window: Window) -> Select[Any]:
    """The rows of a list of the store, one more than the page holds where that is asked."""
    ordered = [key.sorted(backward=window.backward) for key in lv.keys]
    rows = select(*lv.columns).select_from(lv.row).where(lv.allowed, lv.between(window))
    return rows.order_by(*ordered).limit(window.size + lv.shape.more)


def root_total(lv: Level) -> Select[Any]:
    """How many rows the list has without its page."""
    return select(func.count()).select_from(lv.row).where(lv.allowed)


def rows_by_id(lv: Level, ids: Sequence[Any] | Slot) -> Select[Any]:
    """The rows with these ids that exist for the viewer."""
    return select(*lv.columns).select_from(lv.row).where(_among(lv.row.c.id, ids), lv.allowed)


#: The values that lead to a level's rows: known ones, or a statement that finds them.
Values = Sequence[Any] | Select[Any]


def to_one_rows(lv: Level, relation: Relation, values: Values) -> Select[Any]:
    """The rows behind a to-one relation; the first column is the value that leads to the row."""
    far = lv.row.c[relation.remote]
    return select(far, *lv.columns).select_from(lv.row).where(_among(far, values), lv.allowed)


def to_many_rows(lv: Level, relation: Relation, values: Values, window: Window) -> Select[Any]:
    """A page of rows for every parent at once; the first column is the parent's value."""
    page, width = _numbered(lv, relation, values, window, lv.columns)
    rows = select(*(page.c[f"c{number}"] for number in range(width)))
    return rows.where(page.c.place <= window.size + lv.shape.more).order_by(page.c.c0, page.c.place)


def _numbered(
    lv: Level, relation: Relation, values: Values, window: Window, columns: Sequence[ColumnElement[Any]]
) -> tuple[Subquery, int]:
    """Every parent's rows with their place: c0 the parent's value, the columns c1 …, place; and how many c there are."""
    near, joined = _near(lv, relation)
    place = func.row_number().over(
        partition_by=near, order_by=[key.sorted(backward=window.backward) for key in lv.keys]
    )
    labelled = [column.label(f"c{number}") for number, column in enumerate((near, *columns))]
    inner = select(*labelled, place.label("place")).select_from(lv.row)
    inner = inner.where(_among(near, values), lv.allowed, lv.between(window), *joined)
    return inner.subquery(), len(labelled)


def root_values(lv: Level, window: Window, column: str) -> Select[Any]:
    """One column of the rows on a page of the store's list: what leads to the rows below them."""
    ordered = [key.sorted(backward=window.backward) for key in lv.keys]
    rows = select(lv.row.c[column]).where(lv.allowed, lv.between(window))
    return rows.order_by(*ordered).limit(literal_column(str(int(window.size))))


def values_by_id(lv: Level, ids: Sequence[Any] | Slot, column: str) -> Select[Any]:
    """The same for `rows_by_id`."""
    return select(lv.row.c[column]).where(_among(lv.row.c.id, ids), lv.allowed)


def to_one_values(lv: Level, relation: Relation, values: Values, column: str) -> Select[Any]:
    """The same for `to_one_rows`."""
    return select(lv.row.c[column]).where(_among(lv.row.c[relation.remote], values), lv.allowed)


def to_many_values(lv: Level, relation: Relation, values: Values, window: Window, column: str) -> Select[Any]:
    """The same for `to_many_rows`."""
    page, _ = _numbered(lv, relation, values, window, [lv.row.c[column]])
    return select(page.c.c1).where(page.c.place <= window.size)


def to_many_totals(lv: Level, relation: Relation, values: Values) -> Select[Any]:
    """For every parent's value the number of rows without the page; parents without rows are missing."""
    near, joined = _near(lv, relation)
    rows = select(near, func.count()).select_from(lv.row)
    return rows.where(_among(near, values), lv.allowed, *joined).group_by(near)


def visible(entity: Entity, viewer: Viewer, row: FromClause) -> Predicate:
    """The row rule: which rows of the table are the entity's, and of these which exist for the viewer."""
    return viewer.row_rule(entity, row, rule)


def rule(entity: Entity, viewer: Viewer, row: FromClause) -> Predicate:
    """The row rule, made from the entity's grants."""
    seen = _seen(entity, viewer, row)
    return seen if entity.only is None else and_(entity.only(row), seen)


def _seen(entity: Entity, viewer: Viewer, row: FromClause) -> Predicate:
    mine = _granted(entity, viewer, row)
    return mine if viewer.within is None else and_(mine, _seen(entity, viewer.within, row))


def _granted(entity: Entity, viewer: Viewer, row: FromClause) -> Predicate:
    rules: list[Predicate] = []
    for grant in entity.grants:
        reach = viewer.reach.get(grant.permission)
        if reach is None:
            continue
        if reach >= Reach.STORE:
            if grant.only is None:
                return true()
            rules.append(grant.only(row))
        elif grant.rows is not None:
            found = grant.rows(viewer, Reach(reach), row)
            rules.append(found if grant.only is None else and_(found, grant.only(row)))
    return or_(false(), *rules)


def shown(entity: Entity, field: Field, viewer: Viewer, row: FromClause) -> ColumnElement[Any]:
    """What this viewer gets for a field: the column, the masked one, the column where enough is behind it, or null."""
    name = entity.shown_column(field, viewer)
    column: ColumnElement[Any] = row.c[name or field.column]
    if name is None and field.least is not None:
        counted, least = field.least
        return case((row.c[counted] >= least, column))
    if name is None:
        return cast(null(), column.type)
    return func.encode(column, "hex") if field.kind is Kind.DIGEST else column


def condition(
    entities: Entities, entity: Entity, viewer: Viewer, row: FromClause, asked: Condition, depth: int = 0
) -> Predicate:
    """A filter as a predicate with two values: what SQL calls unknown counts as false."""
    match asked:
        case Every(parts):
            return and_(true(), *(condition(entities, entity, viewer, row, part, depth) for part in parts))
        case Some(parts):
            return or_(false(), *(condition(entities, entity, viewer, row, part, depth) for part in parts))
        case Negate(part):
            return condition(entities, entity, viewer, row, part, depth).is_not(true())
        case Related(name, part):
            relation = entity.relation_by_name[name]
            target = entities[relation.target]
            far = alias_of(target.table, depth + 1)
            return exists().where(
                far.c[relation.remote] == row.c[relation.local],
                visible(target, viewer, far),
                condition(entities, target, viewer, far, part, depth + 1),
            )
        case Compare():
            return _compare(entity, viewer, row, asked)


def _compare(entity: Entity, viewer: Viewer, row: FromClause, asked: Compare) -> Predicate:
    subject: ColumnElement[Any] = row.c.id
    kind = Kind.UUID
    if asked.field != "id":
        field = entity.field_by_name[asked.field]
        if not field.filterable:
            raise Invalid(f"{asked.field} cannot be filtered", path=(asked.field,))
        subject, kind = shown(entity, field, viewer, row), field.kind
    value = asked.value
    match asked.operator:
        case Operator.IS_NULL:
            return subject.is_(None) if value else subject.is_not(None)
        case Operator.EQ:
            same: Predicate = subject == value
            return same
        case Operator.IN:
            return _among(subject, value)
        case Operator.CONTAINS if kind is Kind.TEXT:
            found: Predicate = func.strpos(subject, bindparam(None, value, type_=subject.type)) > 0
            return found
    if kind in (Kind.BOOL, Kind.UUID, Kind.WORD) or asked.operator is Operator.CONTAINS:
        raise Invalid(f"{asked.field} does not know {asked.operator}", path=(asked.field,))
    if kind in _TEXTS:
        subject = subject.collate("C")
    return subject.op(_SIGNS[asked.operator], is_comparison=True, return_type=Boolean())(value)


def _among(subject: ColumnElement[Any], values: Values | Slot) -> Predicate:
    """`subject = ANY(array)`, whose text does not depend on how many values there are; or `subject IN (statement)`."""
    if isinstance(values, Select):
        return subject.in_(values)
    given = values if isinstance(values, Slot) else list(values)
    return subject == any_(bindparam(None, given, type_=ARRAY(subject.type)))


def _key(entity: Entity, viewer: Viewer, row: FromClause, order: Order) -> Key:
    field = entity.field_by_name[order.field]
    if not field.sortable:
        raise Invalid(f"{order.field} cannot be ordered", path=(order.field,))
    expression: ColumnElement[Any] = shown(entity, field, viewer, row)
    if field.kind in _TEXTS:
        expression = expression.collate("C")
    return Key(expression, field.kind, order.descending, field.nullable)


def _beyond(keys: Sequence[Key], border: Sequence[Any], *, backward: bool) -> Predicate:
    """Rows that lie behind the border in the direction of reading: beyond in the first key, or same there and beyond in the next."""
    behind: Predicate = false()
    for key, value in zip(reversed(keys), reversed(border), strict=True):
        behind = or_(key.beyond(value, backward=backward), and_(key.same(value), behind))
    return behind


def _near(lv: Level, relation: Relation) -> tuple[ColumnElement[Any], list[Predicate]]:
    """The column that holds the parent's value, and what joins it to the level's rows."""
    if relation.through is None:
        return lv.row.c[relation.remote], []
    between = store_table(relation.through.table).alias()
    return between.c[relation.through.near], [between.c[relation.through.far] == lv.row.c[relation.remote]]


def size_of(page: Page) -> int:
    """How many rows a page holds.

    Raises:
        Invalid: both directions, or out of range.
    """
    if page.first is not None and page.last is not None:
        raise Invalid("first and last exclude one another", path=("last",))
    name, size = ("last", page.last) if page.last is not None else ("first", page.first)
    if size is None:
        return DEFAULT_PAGE
    if not 0 <= size <= MAX_PAGE:
        raise Invalid(f"{name} must be between 0 and {MAX_PAGE}", path=(name,), limit=MAX_PAGE)
    return size

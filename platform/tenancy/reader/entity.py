"""How an entity is declared, once, for every reader: its fields, relations, words, masks and row rules.

A declaration says what exists and who may see which row. It knows tables and nothing of GraphQL; the schema of the API
and the SQL of every read are made from it. See docs/reader.md for how to add a field.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, Table, types
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import InstrumentedAttribute

from ..base import StoreTable
from ..names import TENANT_PLACEHOLDER


class Reach(IntEnum):
    """How far a permission reaches in a store. The numbers are those of the scopes in the role table (auth floor)."""

    OWN = 1
    TEAM = 2
    DEPARTMENT = 3
    STORE = 4


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who reads in one store: permission → reach there, the employees this person is there, and the store's local day.

    A permission that is missing from `reach` is not held at this store. `employees` includes those whose holiday the person
    covers, `covered`: their customers and tasks are the person's for a while, their results are not. With `within`, rows and
    values are shown only as far as that viewer sees them too.
    """

    reach: Mapping[str, int]
    employees: frozenset[UUID]
    today: date
    covered: frozenset[UUID] = frozenset()
    within: "Viewer | None" = None

    def holds(self, permission: str) -> bool:
        """Is the permission held here, in any reach?"""
        return permission in self.reach

    def row_rule(
        self, entity: "Entity", row: FromClause, made: "Callable[[Entity, Viewer, FromClause], ColumnElement[bool]]"
    ) -> ColumnElement[bool]:
        """An entity's row rule for this viewer. One in whose name many statements are made has it as text (`pieces`)."""
        return made(entity, self, row)


#: The rows of `row` that a viewer with this reach (below STORE) may see, as a predicate.
RowRule = Callable[[Viewer, Reach, FromClause], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Grant:
    """A permission that opens an entity. At STORE it opens every row; below, those that `rows` says; without `rows`, none.

    `only` narrows it at every reach.
    """

    permission: str
    rows: RowRule | None = None
    only: Callable[[FromClause], ColumnElement[bool]] | None = None


class Kind(StrEnum):
    """What a field's value is in Python: str, int, float, bool, Decimal, date, aware datetime, UUID, JSON; MONTH is "YYYY-MM",
    DIGEST the hexadecimal text of a hash, WORD one of the field's words."""

    TEXT = "TEXT"
    INT = "INT"
    FLOAT = "FLOAT"
    BOOL = "BOOL"
    DECIMAL = "DECIMAL"
    DATE = "DATE"
    MOMENT = "MOMENT"
    MONTH = "MONTH"
    UUID = "UUID"
    JSON = "JSON"
    DIGEST = "DIGEST"
    WORD = "WORD"


@dataclass(frozen=True, slots=True)
class Words:
    """The closed vocabulary of a field: its name in the schema, what it means, and each word with its meaning."""

    name: str
    description: str
    meanings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and what a field's function may use beside the row: the moment of the read (UTC), the language, and as the
    door hands them down the process's platform (of the domain floor), the group and the store as they were resolved."""

    viewer: Viewer
    now: datetime
    language: str = "zh-CN"
    platform: Any = None
    group: Any = None
    store: Any = None


class When(StrEnum):
    """What a computed field's function gets after the columns: the moment of the read in UTC, or the store's local day."""

    NOW = "now"
    TODAY = "today"


@dataclass(frozen=True, slots=True)
class Need:
    """A column whose value a field's function gets, and what it is in Python. Moments come in UTC."""

    column: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Computed:
    """A value made of columns of its row by a pure function."""

    needs: tuple[Need, ...]
    function: Callable[..., Any]
    when: When | None = None


Key = tuple[Any, ...]
#: Gives the values of distinct keys: by key (one that is missing is null), or one for each in their order.
Load = Callable[[Asker, Sequence[Key]], Awaitable[Mapping[Key, Any] | Sequence[Any]]]


@dataclass(frozen=True, slots=True)
class Batched:
    """A value asked of something else, at once for all rows of a level; `needs` are the columns of a key."""

    needs: tuple[Need, ...]
    load: Load


@dataclass(frozen=True, slots=True)
class Field:
    """A value of an entity.

    `name` is the name in the API. With a `permission`, viewers who lack it get the column `masked` instead, or null when
    there is none; with `least` (a column and a number) they get the value where that column is large enough, else null.
    Filters and orders see what the viewer sees. JSON and DIGEST can be neither filtered nor ordered.

    A field that is `made` in Python has no column, and is neither filtered nor ordered.
    """

    name: str
    column: str
    kind: Kind
    description: str
    nullable: bool
    words: Words | None = None
    permission: str | None = None
    masked: str | None = None
    least: tuple[str, int] | None = None
    filterable: bool = True
    sortable: bool = True
    #: an INT whose column holds more than 32 bits
    wide: bool = False
    made: Computed | Batched | None = None


@dataclass(frozen=True, slots=True)
class Through:
    """A table between two entities: its column that holds our `local` value, and the one that holds their `remote` value."""

    table: str
    near: str
    far: str


@dataclass(frozen=True, slots=True)
class Relation:
    """Rows of another entity whose `remote` column equals our `local` column. A `many` relation is paged.

    A row that the viewer may not see does not exist: a to-one relation to it is null, a to-many relation leaves it out.
    """

    name: str
    target: str
    description: str
    many: bool
    local: str
    remote: str
    through: Through | None = None


@dataclass(frozen=True, eq=False)
class Entity:
    """One kind of row of a store, with everything a reader must know about it. Each is only itself."""

    name: str
    table: Table
    description: str
    grants: tuple[Grant, ...]
    fields: tuple[Field, ...]
    relations: tuple[Relation, ...] = ()
    #: name of the list of all rows in the store (`customers`)
    plural: str = ""
    #: the order of a list that asks for none: fields, and whether descending; the id breaks ties
    order: tuple[tuple[str, bool], ...] = ()
    #: which rows of the table are this entity's; None: all (two entities may share a table)
    only: Callable[[FromClause], ColumnElement[bool]] | None = None
    field_by_name: Mapping[str, Field] = field(init=False, repr=False)
    relation_by_name: Mapping[str, Relation] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "field_by_name", {item.name: item for item in self.fields})
        object.__setattr__(self, "relation_by_name", {item.name: item for item in self.relations})

    def open_to(self, viewer: Viewer) -> bool:
        """May the viewer see rows of this kind at all?"""
        return any(viewer.holds(grant.permission) for grant in self.grants)

    def shown_column(self, item: Field, viewer: Viewer) -> str | None:
        """The column that this viewer gets for a field; None where they get nothing (or only where `least` is reached)."""
        return item.column if self.shows(item, viewer) else item.masked

    def shows(self, item: Field, viewer: Viewer) -> bool:
        """Does this viewer get the field's own value, and not what stands in its place?"""
        if item.permission is None:
            return True
        return viewer.holds(item.permission) and (viewer.within is None or self.shows(item, viewer.within))


_KINDS: tuple[tuple[type[Any], Kind], ...] = (
    (types.Boolean, Kind.BOOL),
    (types.DateTime, Kind.MOMENT),
    (types.Date, Kind.DATE),
    (types.Integer, Kind.INT),
    (types.Float, Kind.FLOAT),
    (types.Numeric, Kind.DECIMAL),
    (types.Uuid, Kind.UUID),
    (JSONB, Kind.JSON),
    (types.String, Kind.TEXT),
)

#: Columns whose hash would let one recognise a person or a token: never declared, whatever the kind.
_SECRET = frozenset({"contact_hash", "phone_hash", "source_hash", "token_hash", "value_hash"})


def value(
    name: str,
    column: InstrumentedAttribute[Any],
    description: str,
    *,
    words: Words | None = None,
    kind: Kind | None = None,
    permission: str | None = None,
    masked: InstrumentedAttribute[Any] | None = None,
    least: tuple[InstrumentedAttribute[Any], int] | None = None,
) -> Field:
    """Declare a field; its kind and whether it may be null follow from the column.

    Raises:
        ValueError: the column is encrypted or a secret hash, or bytes without ``kind=DIGEST``.
    """
    for one in (column, masked):
        if one is not None:
            _refuse_secret(one)
    found = Kind.WORD if words else kind or _kind(column)
    plain = found not in (Kind.JSON, Kind.DIGEST)
    return Field(
        name=name,
        column=column.key,
        kind=found,
        description=description,
        nullable=bool(column.property.columns[0].nullable) or permission is not None,
        words=words,
        permission=permission,
        masked=None if masked is None else masked.key,
        least=None if least is None else (least[0].key, least[1]),
        filterable=plain,
        sortable=plain and found is not Kind.BOOL,
        wide=isinstance(column.type, types.BigInteger),
    )


def computed(
    name: str,
    kind: Kind,
    needs: tuple[InstrumentedAttribute[Any], ...],
    description: str,
    function: Callable[..., Any],
    *,
    when: When | None = None,
    nullable: bool = True,
    words: Words | None = None,
    permission: str | None = None,
) -> Field:
    """Declare a field whose value a pure function makes of columns of the row, and of what `when` names.

    The function gets the columns' values in Python (see `Kind`), null as None. What it raises, and what is no value of the
    kind, is an error at the field.

    Raises:
        ValueError: a column that must never be read, or a kind that can be no field of this sort.
    """
    return _made(name, kind, description, Computed(_needs(needs), function, when), nullable, words, permission)


def batched(
    name: str,
    kind: Kind,
    needs: tuple[InstrumentedAttribute[Any], ...],
    description: str,
    load: Load,
    *,
    nullable: bool = True,
    words: Words | None = None,
    permission: str | None = None,
) -> Field:
    """Declare a field whose values `load` gives for the distinct keys (values of `needs`) of all rows of a level at once.

    It is called at most once per level of a store's part, after the rows were read and outside their transaction. What it
    raises is an error at the field of every row.

    Raises:
        ValueError: as `computed`; or no column, or one whose values are no keys.
    """
    found = _needs(needs)
    if not found or any(need.kind is Kind.JSON for need in found):
        raise ValueError(f"{name}: a key is made of columns whose values can be compared")
    return _made(name, kind, description, Batched(found, load), nullable, words, permission)


def _needs(columns: tuple[InstrumentedAttribute[Any], ...]) -> tuple[Need, ...]:
    for column in columns:
        _refuse_secret(column)
    return tuple(Need(column.key, _kind(column)) for column in columns)


def _made(
    name: str,
    kind: Kind,
    description: str,
    made: Computed | Batched,
    nullable: bool,
    words: Words | None,
    permission: str | None,
) -> Field:
    if kind in (Kind.DIGEST, Kind.JSON) or (kind is Kind.WORD) != (words is not None):
        raise ValueError(f"{name}: a field made in Python is of a plain kind, or of WORD with its words")
    return Field(
        name=name,
        column="",
        kind=kind,
        description=description,
        nullable=nullable or permission is not None,
        words=words,
        permission=permission,
        filterable=False,
        sortable=False,
        made=made,
    )


def _refuse_secret(column: InstrumentedAttribute[Any]) -> None:
    if column.key.endswith("_enc") or column.key in _SECRET:
        raise ValueError(f"{column} must never be read")


def _kind(column: InstrumentedAttribute[Any]) -> Kind:
    for type_, kind in _KINDS:
        if isinstance(column.type, type_):
            return kind
    raise ValueError(f"{column} of type {column.type!r} is of no kind that can be read")


def one(name: str, target: str, local: str, description: str, *, remote: str = "id") -> Relation:
    """Declare the one row whose `remote` is our `local` (`customer_id` → `id`)."""
    return Relation(name, target, description, many=False, local=local, remote=remote)


def many(
    name: str, target: str, remote: str, description: str, *, local: str = "id", through: Through | None = None
) -> Relation:
    """Declare the rows whose `remote` is our `local` (`id` ← `customer_id`)."""
    return Relation(name, target, description, many=True, local=local, remote=remote, through=through)


def entity(
    table: type[StoreTable],
    description: str,
    *,
    plural: str,
    grants: tuple[Grant, ...],
    fields: tuple[Field, ...],
    relations: tuple[Relation, ...] = (),
    name: str = "",
    order: tuple[tuple[str, bool], ...] = (),
    only: Callable[[FromClause], ColumnElement[bool]] | None = None,
) -> Entity:
    """Declare an entity over a store's table, or over those of its rows that `only` picks.

    Its name is the table class's unless given.
    """
    core = table.__table__
    if not isinstance(core, Table):
        raise TypeError(f"{table} is no table")
    return Entity(name or table.__name__, core, description, grants, fields, relations, plural, order, only)


def table(name: str) -> Table:
    """A table of the store by its name, as foreign keys name it; for row rules that look at a higher feature's table."""
    return StoreTable.metadata.tables[f"{TENANT_PLACEHOLDER}.{name}"]


class Entities:
    """All entities that can be read, checked against one another."""

    def __init__(self, *entities: Entity) -> None:
        self._by_name = {item.name: item for item in entities}
        if len(self._by_name) != len(entities):
            raise ValueError("two entities have the same name")
        for item in entities:
            self._check(item)

    def __getitem__(self, name: str) -> Entity:
        return self._by_name[name]

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[Entity]:
        return iter(self._by_name.values())

    def _check(self, item: Entity) -> None:
        names = [field.name for field in item.fields] + [relation.name for relation in item.relations]
        if len(set(names)) != len(names) or "id" in names:
            raise ValueError(f"{item.name}: names must be unique, and id is taken")
        if not item.grants:
            raise ValueError(f"{item.name}: nobody could read it")
        for relation in item.relations:
            if relation.target not in self._by_name:
                raise ValueError(f"{item.name}.{relation.name}: no entity {relation.target}")
            far = self._by_name[relation.target].table
            if relation.local not in item.table.c or relation.remote not in far.c:
                raise ValueError(f"{item.name}.{relation.name}: no such column")
        for one in item.fields:
            if one.made is not None:
                self._check_needs(item, one, one.made)

    def _check_needs(self, item: Entity, field: Field, made: Computed | Batched) -> None:
        """A field that is made shows no column that its viewers could not see as it is, in any entity of the table."""
        for need in made.needs:
            if need.column not in item.table.c:
                raise ValueError(f"{item.name}.{field.name}: no such column")
            for other in self:
                for shown in other.fields if other.table is item.table else ():
                    if shown.column == need.column and shown.permission not in (None, field.permission):
                        raise ValueError(f"{item.name}.{field.name}: {need.column} needs {shown.permission}")

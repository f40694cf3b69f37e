"""What is asked: a tree of shapes. A door builds it, the reader answers it with nodes and connections of the same form."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

DEFAULT_PAGE = 20
#: Large enough to fetch a store's month in a few requests; what a whole document may ask stands in `graphql/cost.py`.
MAX_PAGE = 1_000


class Operator(StrEnum):
    """How a field is compared. IS_NULL takes a bool, IN a tuple, CONTAINS a text; the others a value of the field's kind."""

    EQ = "eq"
    IN = "in"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    IS_NULL = "isNull"
    CONTAINS = "contains"


@dataclass(frozen=True, slots=True)
class Slot:
    """Stands in a compiled shape where a value stands in an asked one: a comparison's value or a cursor.

    `key` is the door's own: it says, whenever the shape is run, what the value is.
    """

    key: Any


@dataclass(frozen=True, slots=True)
class Compare:
    """A field of the row against a value. `id` is a field. A comparison with null is false, and its negation true."""

    field: str
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class Every:
    """All hold; true when there is none."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one holds; false when there is none."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Negate:
    """It does not hold."""

    condition: "Condition"


@dataclass(frozen=True, slots=True)
class Related:
    """The row of a to-one relation exists for the viewer and the condition holds for it."""

    relation: str
    condition: "Condition"


Condition = Compare | Every | Some | Negate | Related


@dataclass(frozen=True, slots=True)
class Order:
    """One key of an order. Nulls are greater than everything: last ascending, first descending."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A window of a connection. At most one of `first` and `last`; with neither, the first DEFAULT_PAGE rows."""

    first: int | None = None
    after: str | Slot | None = None
    last: int | None = None
    before: str | Slot | None = None


@dataclass(frozen=True)
class Shape:
    """What is read of each row of an entity, and, where it stands for a list, which rows.

    `children` goes by a key of the asker's choice, so the same relation may be asked twice with different arguments.
    """

    entity: str
    fields: frozenset[str] = frozenset()
    children: Mapping[str, "Child"] = field(default_factory=dict)
    where: Condition | None = None
    order: tuple[Order, ...] = ()
    page: Page = Page()
    total: bool = False
    #: False where only `totalCount` was asked: no row is read
    rows: bool = True
    #: False where nobody asks whether rows lie behind the page: none is read to find out
    more: bool = True


@dataclass(frozen=True, slots=True)
class Child:
    """A relation of the row and the shape of what stands behind it."""

    relation: str
    shape: Shape


@dataclass(slots=True)
class Node:
    """A row as read: values by field name, and by response key a node, nothing, or a connection."""

    entity: str
    id: UUID
    values: dict[str, Any]
    children: dict[str, "Node | Connection | None"] = field(default_factory=dict)


@dataclass(slots=True)
class Edge:
    """A row in a connection with its cursor."""

    cursor: str
    node: Node


@dataclass(slots=True)
class Connection:
    """A page of rows. `total` counts the rows without the page, where it was asked.

    Behind the page in the other direction lie rows whenever a cursor was given there (Relay's specification allows this).
    """

    edges: list[Edge] = field(default_factory=list)
    has_next: bool = False
    has_previous: bool = False
    total: int | None = None

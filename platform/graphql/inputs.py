"""Inputs made from the declarations: one enum per vocabulary, one filter per kind of value, one `where` and order per entity."""

import enum
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Optional
from uuid import UUID

import strawberry
from strawberry.types.unset import UNSET

from ..tenancy.reader.entity import Entities, Entity, Field, Kind, Words
from .scalars import YearMonth

#: The Python type of a kind of value; the schema turns it into a scalar.
PYTHON: Mapping[Kind, Any] = {
    Kind.BOOL: bool,
    Kind.DATE: date,
    Kind.DECIMAL: Decimal,
    Kind.DIGEST: str,
    Kind.FLOAT: float,
    Kind.INT: int,
    Kind.MOMENT: datetime,
    Kind.MONTH: YearMonth,
    Kind.TEXT: str,
    Kind.UUID: UUID,
}

_NAMES: Mapping[Kind, tuple[str, str]] = {
    Kind.BOOL: ("BooleanFilter", "yes or no"),
    Kind.DATE: ("DateFilter", "a day"),
    Kind.DECIMAL: ("DecimalFilter", "a decimal number"),
    Kind.FLOAT: ("FloatFilter", "a number"),
    Kind.INT: ("IntFilter", "a whole number"),
    Kind.MOMENT: ("DateTimeFilter", "a moment"),
    Kind.MONTH: ("YearMonthFilter", "a month"),
    Kind.TEXT: ("StringFilter", "a text"),
    Kind.UUID: ("UUIDFilter", "an id inside the store"),
}

_OPERATORS: Mapping[str, str] = {
    "eq": "Equal to.",
    "in": "Equal to one of these; an empty list matches nothing.",
    "gt": "Greater than; text by code point.",
    "gte": "Greater than or equal to; text by code point.",
    "lt": "Less than; text by code point.",
    "lte": "Less than or equal to; text by code point.",
    "isNull": "True: there is no value; false: there is one.",
    "contains": "Contains this text; upper and lower case differ.",
}


def maybe(kind: Any) -> Any:
    """`kind` or null, for types that exist only at run time."""
    return Optional[kind]  # noqa: UP045 - `kind` may be no class yet


def listing(kind: Any) -> Any:
    """A list of `kind`, for types that exist only at run time."""
    return list[kind]


def argument(kind: Any, text: str, name: str | None = None) -> Any:
    """An argument of this kind with its description, for types that exist only at run time."""
    return Annotated[kind, strawberry.argument(name=name, description=text)]


def made_input(name: str, description: str, fields: Mapping[str, tuple[Any, str]]) -> type:
    """An input whose fields (name → type, description) are all optional."""
    body: dict[str, Any] = {"__annotations__": {}}
    for field, (kind, text) in fields.items():
        body["__annotations__"][f"{field}_"] = maybe(kind)
        body[f"{field}_"] = strawberry.field(name=field, description=text, default=UNSET)
    return strawberry.input(type(name, (), body), name=name, description=description)


def made_enum(name: str, description: str, values: Mapping[str, tuple[str, str]]) -> Any:
    """An enum from member → (value, description)."""
    members = {key: strawberry.enum_value(value, description=text) for key, (value, text) in values.items()}
    return strawberry.enum(enum.Enum(name, members), name=name, description=description)  # type: ignore[call-overload]


def upper_snake(name: str) -> str:
    """`nameSort` → `NAME_SORT`."""
    return "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in name)


OrderDirection = made_enum(
    "OrderDirection",
    "Direction of an order.",
    {
        "ASC": ("ASC", "Ascending; rows without a value last."),
        "DESC": ("DESC", "Descending; rows without a value first."),
    },
)


class Inputs:
    """Every enum, filter, `where` and order of the entities."""

    def __init__(self, entities: Entities) -> None:
        self._enums: dict[str, tuple[Words, Any]] = {}
        self._filters: dict[str, type] = {}
        self.where: dict[str, type] = {}
        self.order: dict[str, type] = {}
        for entity in entities:
            self.where[entity.name] = type(f"{entity.name}Where", (), {})
        for entity in entities:
            self._declare_where(entity)
            self.order[entity.name] = self._order(entity)

    def enum(self, words: Words) -> Any:
        """The enum of a vocabulary; two vocabularies may not share a name."""
        known = self._enums.setdefault(words.name, (words, None))
        if known[0] != words:
            raise ValueError(f"two vocabularies are called {words.name}")
        if known[1] is None:
            values = {word: (word, meaning) for word, meaning in words.meanings.items()}
            known = self._enums[words.name] = (words, made_enum(words.name, words.description, values))
        return known[1]

    def python(self, field: Field) -> Any:
        """The Python type of a field's value."""
        if field.words is not None:
            return self.enum(field.words)
        return strawberry.scalars.JSON if field.kind is Kind.JSON else PYTHON[field.kind]

    def _filter(self, field: Field) -> type:
        if field.words is not None:
            name, what = f"{field.words.name}Filter", f"a {field.words.name}"
            operators: tuple[str, ...] = ("eq", "in", "isNull")
        else:
            name, what = _NAMES[field.kind]
            operators = ("eq", "in", "isNull")
            if field.kind is Kind.BOOL:
                operators = ("eq", "isNull")
            elif field.kind is not Kind.UUID:
                operators = ("eq", "in", "gt", "gte", "lt", "lte", "isNull")
            if field.kind is Kind.TEXT:
                operators += ("contains",)
        if name not in self._filters:
            self._filters[name] = self._made_filter(name, what, self.python(field), operators)
        return self._filters[name]

    def _made_filter(self, name: str, what: str, kind: Any, operators: tuple[str, ...]) -> type:
        types = {"in": listing(kind), "isNull": bool}
        fields = {operator: (types.get(operator, kind), _OPERATORS[operator]) for operator in operators}
        return made_input(name, f"Compares {what}; all that is given must hold.", fields)

    def _declare_where(self, entity: Entity) -> None:
        if "IdFilter" not in self._filters:
            self._filters["IdFilter"] = self._made_filter("IdFilter", "an id", strawberry.ID, ("eq", "in"))
        cls = self.where[entity.name]
        fields: dict[str, tuple[Any, str]] = {"id": (self._filters["IdFilter"], "Id of the row.")}
        for field in entity.fields:
            if field.filterable:
                fields[field.name] = (self._filter(field), field.description)
        for relation in entity.relations:
            if not relation.many:
                text = f"It exists and matches: {relation.description}"
                fields[relation.name] = (self.where[relation.target], text)
        fields |= {
            "and": (listing(cls), "All of these hold."),
            "or": (listing(cls), "At least one of these holds."),
            "not": (cls, "This does not hold."),
        }
        annotations = {f"{name}_": maybe(kind) for name, (kind, _) in fields.items()}
        cls.__annotations__ = annotations
        for name, (_, text) in fields.items():
            setattr(cls, f"{name}_", strawberry.field(name=name, description=text, default=UNSET))
        name, text = f"{entity.name}Where", f"Which rows of {entity.name}; all that is given must hold."
        self.where[entity.name] = strawberry.input(cls, name=name, description=text)

    def _order(self, entity: Entity) -> type:
        values = {upper_snake(item.name): (item.name, item.description) for item in entity.fields if item.sortable}
        by = made_enum(f"{entity.name}OrderField", f"By what {entity.name} can be ordered.", values)
        body: dict[str, Any] = {
            "__annotations__": {"field": by, "direction": maybe(OrderDirection)},
            "field": strawberry.field(description="By what."),
            "direction": strawberry.field(description="In which direction; ascending when not given.", default=UNSET),
        }
        name = f"{entity.name}Order"
        text = f"One key of an order of {entity.name}; ties are broken by the id."
        return strawberry.input(type(name, (), body), name=name, description=text)

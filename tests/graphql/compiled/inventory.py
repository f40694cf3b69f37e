"""What the differential fuzz has to cover, derived from the schema: whatever is added to the schema is demanded by itself.

Labels: `Customer` a type, `Customer.name` a field, `Store.customers(first)` an argument, `CustomerWhere.name` a field of an
input, `OrderDirection.ASC` a word of an input, `Node=Customer` a type behind an interface, `@skip:FIELD=true` a directive.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    SchemaMetaFieldDef,
    TypeMetaFieldDef,
    get_named_type,
    is_composite_type,
)

_PLACES = ("FIELD", "FRAGMENT_SPREAD", "INLINE_FRAGMENT")
#: What documents are made of beside the schema.
FORMS = (
    *("alias", "merged", "fragment", "fragment in a fragment", "fragment twice", "inline", "inline without a type"),
    *("interface", "several roots", "several operations", "a failure beside", "__typename"),
    *("variable", "variable twice", "default", "default kept", "null variable", "missing variable", "whole input"),
    *("wrong variable", "null", "single value as a list", "list variable", "variable in a list", "bad cursor"),
)

Step = tuple[str, str]


@dataclass
class Inventory:
    """Everything that can be reached from a root type (`Query` or `Mutation`), and the ways there."""

    schema: GraphQLSchema
    root: str = "Query"
    #: type → steps (type, field) that lead into it
    ways: dict[str, list[Step]] = field(default_factory=lambda: defaultdict(list))
    depth: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        waiting = [self.root]
        self.depth[self.root] = 0
        for name in waiting:
            for one, found in self.fields(name).items():
                target = get_named_type(found.type)
                if not is_composite_type(target):
                    continue
                self.ways[target.name].append((name, one))
                if target.name not in self.depth:
                    self.depth[target.name] = self.depth[name] + 1
                    waiting.append(target.name)

    def fields(self, name: str) -> dict[str, GraphQLField]:
        """Fields of an object or interface; the root's with the two of introspection."""
        type_ = self.schema.type_map[name]
        assert isinstance(type_, GraphQLObjectType | GraphQLInterfaceType), name
        meta = {"__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef} if name == "Query" else {}
        return {**type_.fields, **meta}

    @cached_property
    def outputs(self) -> dict[str, str]:
        """Label of every field, argument and type → the type it belongs to."""
        found: dict[str, str] = {}
        for name in self.depth:
            found[name] = name
            for one, made in self.fields(name).items():
                found[f"{name}.{one}"] = name
                found.setdefault(get_named_type(made.type).name, name)
                found |= {f"{name}.{one}({argument})": name for argument in made.args}
            type_ = self.schema.type_map[name]
            if isinstance(type_, GraphQLInterfaceType):
                found |= {f"{name}={one.name}": name for one in self.schema.get_possible_types(type_)}
        return found

    @cached_property
    def hosts(self) -> dict[str, list[str]]:
        """Input type → labels of the arguments that take it, directly or inside another."""
        found: dict[str, list[str]] = defaultdict(list)
        for name in self.depth:
            for one, made in self.fields(name).items():
                for argument, given in made.args.items():
                    for inner in _inside(get_named_type(given.type)):
                        found[inner].append(f"{name}.{one}({argument})")
        return found

    @cached_property
    def inputs(self) -> dict[str, str]:
        """Label of every input's field and of every word → the input type or enum it belongs to."""
        found: dict[str, str] = {}
        for name in self.hosts:
            type_ = self.schema.type_map[name]
            found[name] = name
            if isinstance(type_, GraphQLInputObjectType):
                found |= {f"{name}.{one}": name for one in type_.fields}
            elif isinstance(type_, GraphQLEnumType):
                found |= {f"{name}.{word}": name for word in type_.values}
        return found

    @cached_property
    def takers(self) -> dict[str, list[str]]:
        """Input type → labels of the fields of inputs that take it: of its filter, of a `where` …, but none that a relation needs."""
        found: dict[str, list[str]] = defaultdict(list)
        for name in self.hosts:
            type_ = self.schema.type_map[name]
            for one, item in type_.fields.items() if isinstance(type_, GraphQLInputObjectType) else ():
                inner = get_named_type(item.type).name
                if not inner.endswith("Where"):
                    found[inner].append(f"{name}.{one}")
        return found

    def leading(self, label: str) -> set[str]:
        """The label of something within inputs, and of everything that leads to it."""
        found = {label}
        waiting = [self.inputs[label]]
        for type_ in waiting:
            for one in self.takers[type_]:
                if one not in found:
                    found.add(one)
                    waiting.append(self.inputs[one])
        return found

    @cached_property
    def directives(self) -> list[str]:
        """Every directive of documents at every place it may stand, with both values."""
        return [
            f"@{one.name}:{place}={value}"
            for one in self.schema.directives
            for place in _PLACES
            if place in {item.name for item in one.locations}
            for value in ("true", "false")
        ]

    def required(self) -> list[str]:
        """What the promise names: types, fields, arguments, types behind interfaces, directives."""
        return [*self.outputs, *self.directives]

    def further(self) -> list[str]:
        """What stands within arguments: input types, their fields, words of enums."""
        return list(self.inputs)

    def answered(self) -> list[str]:
        """Labels of fields: they count when they stood in an answer."""
        return [label for label in self.outputs if "." in label and "(" not in label]


def _inside(type_: Any, seen: frozenset[str] = frozenset()) -> Iterable[str]:
    """An input's type with the types inside it. A `where` names the filters of its own fields, not those of its relations."""
    if type_.name in seen:
        return
    yield type_.name
    if isinstance(type_, GraphQLInputObjectType):
        for item in type_.fields.values():
            inner = get_named_type(item.type)
            if not inner.name.endswith("Where"):
                yield from _inside(inner, seen | {type_.name})

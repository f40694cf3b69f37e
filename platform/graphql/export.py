"""The schema as text, sorted, for the tracked `schema.graphql`."""

import re
from collections.abc import Iterator

import strawberry
from graphql import GraphQLInputObjectType, GraphQLObjectType, lexicographic_sort_schema, print_schema

from .cost import MUTATION, list_size

_TYPE = re.compile(r"type (\w+)")
_FIELD = re.compile(r"  (\w+)[(:]")


def sdl(schema: strawberry.Schema) -> str:
    """The whole schema in SDL, sorted by name, with what its fields cost; the schema itself stays unsorted."""
    copied = lexicographic_sort_schema(schema._schema)
    for kind in copied.type_map.values():
        if isinstance(kind, GraphQLInputObjectType):
            # strawberry checks @oneOf by rules of its own and leaves graphql-core, which prints, without it
            kind.is_one_of = kind.extensions["strawberry-definition"].is_one_of
    return "\n".join(_priced(schema, print_schema(copied).split("\n"))) + "\n"


def _priced(schema: strawberry.Schema, lines: list[str]) -> Iterator[str]:
    """The lines with `@cost` and `@listSize` behind the types of the fields that have them: graphql-core prints none."""
    type_, name, described = None, "", False
    for line in lines:
        marks = line.count('"""')
        if described or marks:
            described = described is not (marks == 1)
        elif line and not line.startswith(" "):
            found = _TYPE.match(line)
            type_ = schema._schema.get_type(found[1]) if found else None
        elif isinstance(type_, GraphQLObjectType):
            name = field[1] if (field := _FIELD.match(line)) else name
            if line.startswith("  )") or (field and not line.endswith("(")):
                line += _directives(type_, name, mutates=type_ is schema._schema.mutation_type)
        yield line


def _directives(type_: GraphQLObjectType, name: str, *, mutates: bool) -> str:
    cost = f' @cost(weight: "{MUTATION}")' if mutates else ""
    size = list_size(type_.name, name, type_.fields[name])
    if size is None or size.of_page:
        return cost
    given = [f"assumedSize: {size.assumed}"]
    slicing = [name for name in size.slicing if name != "ids"]
    if slicing:
        given += [f"slicingArguments: {_texts(slicing)}", "requireOneSlicingArgument: false"]
    if size.sized:
        given.append(f"sizedFields: {_texts(size.sized)}")
    return f"{cost} @listSize({', '.join(given)})"


def _texts(values: list[str] | tuple[str, ...]) -> str:
    return "[" + ", ".join(f'"{value}"' for value in values) + "]"

"""The schema as text, sorted, for the tracked `schema.graphql`."""

from graphql import lexicographic_sort_schema, print_schema

from .schema import ApiSchema


def sdl(schema: ApiSchema) -> str:
    """The whole schema in SDL, sorted by name; the schema itself stays unsorted."""
    return print_schema(lexicographic_sort_schema(schema._schema)) + "\n"

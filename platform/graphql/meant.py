"""Which operation of a document is meant."""

from collections.abc import Sequence

from graphql import GraphQLError

from .compiled.document import Document, NoDocument, Operation


def operation_of(document: Document | NoDocument, name: str | None) -> Operation | list[GraphQLError]:
    """The operation that is meant; or why there is none: the specification's request errors about it come first, as
    graphql-core words them."""
    if isinstance(document, Document):
        names: Sequence[str | None] = list(document.operations)
        found = document.operation(name)
        if found is not None:
            return found
    elif document.names is None or document.says_all(name):
        return list(document.errors)
    else:
        names = document.names
    if name is not None:
        return [GraphQLError(f"Unknown operation named '{name}'.")]
    if len(names) > 1:
        return [GraphQLError("Must provide operation name if query contains multiple operations.")]
    return [GraphQLError("Must provide an operation.")]

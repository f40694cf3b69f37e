"""The schema, made from the declarations by a factory, and the one way to run an operation against it."""

import dataclasses
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import strawberry
from graphql import GraphQLError, parse
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import InvalidOperationTypeError
from strawberry.types.graphql import OperationType

from ..errors import Throttled
from ..telemetry import GRAPHQL_OPERATIONS
from ..tenancy.reader.entity import Entities
from .compiled.document import Document, NoDocument, names_of
from .compiled.execute import Engine
from .compiled.explain import Explanation, answered
from .compiled.explained import as_data
from .compiled.mutate import Writes
from .context import Context
from .encode import encoded, plain
from .errors import Saying, formatted
from .limits import PARSING, Known, Limits
from .mutation import Mutation, Mutations
from .roots import made_group, made_query, made_store, made_viewer
from .scalars import SCALARS
from .types import Types, read_value


class ApiSchema(strawberry.Schema):
    """A schema whose errors are logged where they are formatted, not where they happen."""

    #: answers what it can from compiled plans
    compiled: Engine
    #: the same for mutations; None: there are none
    writes: Writes | None = None

    def process_errors(self, errors: list[GraphQLError], execution_context: Any = None) -> None:
        """Nothing: see `errors.formatted`."""


class MutationNotAllowed(Exception):
    """A mutation is meant where none may run; nothing ran."""

    def __init__(self) -> None:
        super().__init__("This operation cannot be run this way.")


@dataclasses.dataclass(frozen=True)
class Parts:
    """What other doors add: mix-in classes of strawberry fields for the roots, mutations, and their refusal codes."""

    group: Sequence[type] = ()
    query: Sequence[type] = ()
    store: Sequence[type] = ()
    viewer: Sequence[type] = ()
    mutations: Sequence[Mutation] = ()
    user_errors: Mapping[str, Saying] = dataclasses.field(default_factory=dict)
    #: further object types that nothing refers to by itself
    types: Sequence[type] = ()


def build(entities: Entities, parts: Parts | None = None) -> ApiSchema:
    """A new schema. Sorting would break unions at run time, so only the export is sorted."""
    parts = parts or Parts()
    types = Types(entities)
    store = made_store(types, parts.store)
    group = made_group(store, parts.group)
    mutations = Mutations(types, parts.user_errors)
    made = ApiSchema(
        query=made_query(store, group, made_viewer(parts.viewer), parts.query),
        mutation=mutations.type(parts.mutations) if parts.mutations else None,
        types=[*types.objects.values(), *parts.types],
        extensions=[Limits, Known],
        config=StrawberryConfig(auto_camel_case=True, default_resolver=read_value, scalar_map=SCALARS),
    )
    made.compiled = Engine(made._schema, entities)
    if parts.mutations:
        made.writes = Writes(made, made.compiled, mutations, parts.mutations)
    return made


async def run(
    schema: ApiSchema,
    context: Context,
    query: str,
    variables: Mapping[str, Any] | None = None,
    operation: str | None = None,
    *,
    writes: bool = True,
) -> dict[str, Any]:
    """Run one operation; the answer as GraphQL's response format, as whoever receives its JSON has it. `writes` False refuses
    mutations (requests by GET).

    An answer without `data` is a request error: nothing ran.
    """
    try:
        return plain(await _answer(schema, context, query, variables or {}, operation, writes=writes))
    except MutationNotAllowed as error:
        refusal = GraphQLError(str(error))
    except Throttled as error:
        refusal = GraphQLError("throttled", original_error=error)
    return {"errors": [formatted(refusal, language=context.language, request_id=context.request_id)]}


async def run_encoded(
    schema: ApiSchema,
    context: Context,
    query: str,
    variables: Mapping[str, Any],
    operation: str | None,
    *,
    writes: bool,
    explained: bool = False,
) -> tuple[bytes, bool]:
    """`run`, with the answer as JSON, and whether anything ran. `explained` adds `extensions.explain`: how it was answered.

    Raises:
        MutationNotAllowed: a mutation is meant, and `writes` is False.
        Throttled: too many new documents wait to be read.
    """
    answer = _explained if explained else _answer
    found = await answer(schema, context, query, variables, operation, writes=writes)
    return encoded(found), "data" in found


async def _answer(
    schema: ApiSchema,
    context: Context,
    query: str,
    variables: Mapping[str, Any],
    operation: str | None,
    *,
    writes: bool,
) -> dict[str, Any]:
    document: Document | NoDocument | None = None
    if context.read_compiled is not None:
        document = await schema.compiled.read(context, query)
        asked = schema.writes.asked(document, operation) if writes and schema.writes is not None else None
        if schema.writes is not None and asked is not None:
            found = await schema.writes.answer(context, asked, variables)
        else:
            found = await schema.compiled.answer(context, document, variables, operation)
        if found is not None:
            return _counted(found, "query" if asked is None else "mutation", "compiled")
    found = await _interpreted(schema, context, query, variables, operation, writes=writes, read=document)
    return _counted(found, "unknown", "core")


def _counted(answer: dict[str, Any], kind: str, engine: str) -> dict[str, Any]:
    outcome = "refused" if "data" not in answer else "error" if "errors" in answer else "ok"
    _operations(kind, engine, outcome).inc()
    return answer


_operations = lru_cache(maxsize=20)(GRAPHQL_OPERATIONS.labels)


async def _explained(
    schema: ApiSchema,
    context: Context,
    query: str,
    variables: Mapping[str, Any],
    operation: str | None,
    *,
    writes: bool,
) -> dict[str, Any]:
    if context.read_compiled is None:
        seen = Explanation(handed_over="nothing is compiled in this process")
    else:
        seen = await answered(schema.compiled, context, query, variables, operation)
    found = seen.answer or await _interpreted(schema, context, query, variables, operation, writes=writes)
    return found | {"extensions": {"explain": as_data(seen)}}


async def _interpreted(
    schema: ApiSchema,
    context: Context,
    query: str,
    variables: Mapping[str, Any],
    operation: str | None,
    *,
    writes: bool,
    read: Document | NoDocument | None = None,
) -> dict[str, Any]:
    """The answer of graphql-core; `read` is the document where it was read before."""
    says = {"language": context.language, "request_id": context.request_id}
    refusal = _several(query, operation, read)
    if refusal is not None:
        return {"errors": [formatted(refusal, **says)]}
    context.valid = read.tree if isinstance(read, Document) else None
    # That there are no subscriptions is left to the validation to say.
    allowed = set(OperationType) if writes else set(OperationType) - {OperationType.MUTATION}
    try:
        result = await schema.execute(
            query,
            variable_values=dict(variables),
            context_value=context,
            operation_name=operation,
            allowed_operation_types=allowed,
        )
    except InvalidOperationTypeError as error:
        raise MutationNotAllowed from error
    except Exception as error:  # the door's last line: what strawberry raises instead of returning
        return {"errors": [formatted(GraphQLError(str(error), original_error=error), **says)]}
    errors = [formatted(error, **says) for error in result.errors or ()]
    # What is wrong with the variables has no path: it is said before anything runs.
    refused = errors and result.data is None and not any("path" in error for error in errors)
    started = type(result).__name__ != "PreExecutionError" and not refused
    answer: dict[str, Any] = {"data": result.data} if started else {}
    return answer | ({"errors": errors} if errors else {})


def _several(query: str, operation: str | None, read: Document | NoDocument | None) -> GraphQLError | None:
    """The specification's request errors about which operation is meant; a syntax error is left to the schema."""
    names: Sequence[str | None]
    if isinstance(read, Document):
        names = list(read.operations)
    elif read is not None and read.names is not None:
        names = read.names
    else:
        try:
            document = parse(query, **PARSING)
        except GraphQLError as error:
            return error
        names = names_of(document)
    if operation is None and len(names) > 1:
        return GraphQLError("Must provide operation name if query contains multiple operations.")
    if operation is not None and operation not in names:
        return GraphQLError(f"Unknown operation named '{operation}'.")
    return None if names else GraphQLError("Must provide an operation.")

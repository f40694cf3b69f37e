"""The one way to run an operation: read, measured, paid for, and answered by the compiled reader or by graphql-core."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from graphql import GraphQLError, OperationType

from ..errors import Forbidden, ForecourtError
from ..telemetry import GRAPHQL_COST, GRAPHQL_OPERATIONS
from .admission import paid_for, price_of
from .budget import Level, Reserved
from .compiled.document import Document, Operation
from .compiled.explain import Explanation, answered
from .compiled.explained import as_data
from .context import Context
from .cost import MUTATION
from .encode import encoded, plain
from .errors import KeyRefused, formatted
from .idempotency import Repeat
from .introspection import ADMINISTRATORS, asks_for_schema
from .meant import operation_of
from .measure import TooLarge
from .schema import ApiSchema

#: What is said to who asks once for what comes again and again.
FOLLOWED = (
    "A subscription is followed over a WebSocket (sub-protocol graphql-transport-ws) or as an event stream"
    " (Accept: text/event-stream). See docs/api/live.md."
)


class MutationNotAllowed(Exception):
    """A mutation is meant where none may run; nothing ran."""

    def __init__(self) -> None:
        super().__init__("This operation cannot be run this way.")


class Asked(NamedTuple):
    """An operation that is asked for. `writes` False refuses mutations (requests by GET); `explained` adds
    `extensions.explain`: how it was answered."""

    query: str
    variables: Mapping[str, Any]
    name: str | None = None
    writes: bool = True
    explained: bool = False


class Answer(NamedTuple):
    """An answer in GraphQL's response format; without `data` nothing ran. What it could have cost, and what that was taken
    from."""

    found: dict[str, Any]
    cost: int | None = None
    mutations: int = 0
    reserved: Reserved | None = None


async def run(
    schema: ApiSchema,
    context: Context,
    query: str,
    variables: Mapping[str, Any] | None = None,
    operation: str | None = None,
    *,
    writes: bool = True,
) -> dict[str, Any]:
    """Run one operation; the answer as whoever receives its JSON has it.

    An answer without `data` is a request error: nothing ran.
    """
    try:
        answer = await answered_by(schema, context, Asked(query, variables or {}, operation, writes))
        _settle(answer, encoded(answer.found))
        return plain(answer.found)
    except MutationNotAllowed as error:
        refusal = GraphQLError(str(error))
    except ForecourtError as error:
        refusal = GraphQLError(error.message, original_error=error)
    return {"errors": [formatted(refusal, language=context.language, request_id=context.request_id)]}


async def run_encoded(schema: ApiSchema, context: Context, asked: Asked) -> tuple[bytes, bool]:
    """`run`, with the answer as JSON and `extensions.cost` in it, and whether anything ran.

    Raises:
        MutationNotAllowed: a mutation is meant, and `writes` is False.
        Throttled: too many new documents wait to be read, or the budget is spent.
        KeyRefused: the idempotency key keeps the request from running; nothing ran.
    """
    caller = context.caller
    if caller is None:
        answer = await answered_by(schema, context, asked)
    else:
        async with caller.running:
            answer = await answered_by(schema, context, asked)
    if context.repeat is not None:
        answer = _marked(answer, context.repeat)
    ran = "data" in answer.found
    if not ran or answer.cost is None:
        if answer.reserved is not None:
            answer.reserved.settle(0)
        return encoded(answer.found), ran
    extensions = answer.found.pop("extensions", None)
    body = encoded(answer.found)
    actual, level = _settle(answer, body)
    GRAPHQL_COST.inc(actual)
    cost = b'"cost":{"requested":%d,"actual":%d' % (answer.cost, actual)
    if level is not None:
        status = level.maximum, level.available, level.restore
        cost += b',"throttleStatus":{"maximumAvailable":%d,"currentlyAvailable":%d,"restoreRate":%d}' % status
    more = b"" if extensions is None else b"," + encoded(extensions)[1:-1]
    return b'%b,"extensions":{%b}%b}}' % (body[:-1], cost, more), ran


def _marked(answer: Answer, repeat: Repeat) -> Answer:
    try:
        return answer._replace(found=repeat.marked(answer.found))
    except KeyRefused:
        if answer.reserved is not None:
            answer.reserved.settle(0)
        raise


def objects_in(found: Mapping[str, Any], body: bytes) -> int:
    """The objects of an answer, given also as JSON; a brace within a text counts as one as well."""
    errors = found.get("errors")
    around = 1 + (found.get("data") is not None)
    return max(0, body.count(b"{") - around - (encoded(errors).count(b"{") if errors else 0))


def _settle(answer: Answer, body: bytes) -> tuple[int, Level | None]:
    """What it did cost; never more than was taken."""
    actual = min(answer.cost or 0, objects_in(answer.found, body) + MUTATION * answer.mutations)
    return actual, answer.reserved.settle(actual) if answer.reserved is not None else None


async def answered_by(schema: ApiSchema, context: Context, asked: Asked) -> Answer:
    """Run an operation.

    Raises:
        MutationNotAllowed, Throttled: see `run_encoded`. Forbidden: the schema is asked for by who may not.
    """
    try:
        document = await schema.compiled.read(context, asked.query, asked.variables)
        meant = operation_of(document, asked.name)
        if isinstance(meant, list):
            return Answer(_refused(context, meant))
        kind = meant.node.operation
        if kind is OperationType.MUTATION and not asked.writes:
            raise MutationNotAllowed
        if kind is OperationType.SUBSCRIPTION:  # valid, so there are some
            return Answer(_refused(context, [GraphQLError(FOLLOWED)]))
        priced = price_of(meant, asked.variables)
    except TooLarge as error:
        return Answer(_refused(context, [error]))
    if not context.introspects and asks_for_schema(priced):
        raise Forbidden(ADMINISTRATORS)
    paid = await paid_for(context, priced, asked.variables)
    mutations = sum(one.cost > 0 for one in priced.roots) if kind is OperationType.MUTATION else 0
    assert isinstance(document, Document)  # noqa: S101  (an operation of it is meant)
    try:
        found = await _found(schema, context, document, meant, asked)
    except BaseException:
        if paid is not None:
            paid.settle(0)
        raise
    return Answer(found, priced.cost, mutations, paid)


def _refused(context: Context, errors: Sequence[GraphQLError]) -> dict[str, Any]:
    says = {"language": context.language, "request_id": context.request_id}
    return _counted({"errors": [formatted(error, **says) for error in errors]}, "unknown", "none")


async def _found(
    schema: ApiSchema, context: Context, document: Document, meant: Operation, asked: Asked
) -> dict[str, Any]:
    kind = str(meant.node.operation.value)
    if asked.explained:
        if context.read_compiled is None:
            seen = Explanation(handed_over="nothing is compiled in this process")
        else:
            seen = await answered(schema.compiled, context, asked.query, asked.variables, asked.name)
        found = seen.answer or await _by_core(schema, context, document, asked)
        return found | {"extensions": {"explain": as_data(seen)}}
    if context.read_compiled is not None:
        if kind == "mutation" and schema.writes is not None:
            answer = await schema.writes.answer(context, meant, asked.variables)
        else:
            answer = await schema.compiled.answer(context, document, asked.variables, asked.name)
        if answer is not None:
            return _counted(answer, kind, "compiled")
    return _counted(await _by_core(schema, context, document, asked), kind, "core")


def _counted(answer: dict[str, Any], kind: str, engine: str) -> dict[str, Any]:
    outcome = "refused" if "data" not in answer else "error" if "errors" in answer else "ok"
    _operations(kind, engine, outcome).inc()
    return answer


_operations = lru_cache(maxsize=20)(GRAPHQL_OPERATIONS.labels)


async def _by_core(schema: ApiSchema, context: Context, document: Document, asked: Asked) -> dict[str, Any]:
    """The answer of graphql-core to a valid document."""
    says = {"language": context.language, "request_id": context.request_id}
    context.valid = document.tree
    try:
        result = await schema.execute(
            asked.query, variable_values=dict(asked.variables), context_value=context, operation_name=asked.name
        )
    except Exception as error:  # the door's last line: what strawberry raises instead of returning
        return {"errors": [formatted(GraphQLError(str(error), original_error=error), **says)]}
    errors = [formatted(error, **says) for error in result.errors or ()]
    # What is wrong with the variables has no path: it is said before anything runs.
    refused = errors and result.data is None and not any("path" in error for error in errors)
    started = type(result).__name__ != "PreExecutionError" and not refused
    answer: dict[str, Any] = {"data": result.data} if started else {}
    answer |= {"errors": errors} if errors else {}
    return answer if context.repeat is None else context.repeat.merged(answer)

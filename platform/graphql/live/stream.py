"""Running one operation for a socket or an event stream: a subscription event by event, anything else once."""

import asyncio
import inspect
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import orjson
from graphql import ExecutionResult, Executor, GraphQLError, OperationType, create_source_event_stream
from graphql import execute_subscription_event as execute_event

from ...errors import Forbidden, Throttled, Unauthenticated
from ...telemetry import GRAPHQL_COST, GRAPHQL_OPERATIONS
from ..admission import paid_for, price_of
from ..compiled.document import Document
from ..context import Context
from ..cost import Priced
from ..encode import encoded
from ..errors import KeyRefused, formatted
from ..idempotency import repeat_of
from ..malformed import Malformed
from ..measure import TooLarge
from ..operation import Operation
from ..run import Asked, MutationNotAllowed, objects_in, run_encoded
from ..schema import ApiSchema
from .fields import Delivery, live_of


class NoAnswer(Exception):
    """Nothing comes, or nothing more: why, in GraphQL's form."""

    def __init__(self, *errors: dict[str, Any]) -> None:
        super().__init__(f"{len(errors)} errors")
        self.errors = errors


async def answers(
    schema: ApiSchema, context: Context, operation: Operation, *, deadline: float | None = None
) -> AsyncGenerator[bytes, None]:
    """The answers of an operation, each as JSON: one, or of a subscription one for each event. `deadline` is how many seconds what
    is answered once may take.

    Raises:
        NoAnswer: the request is refused, or a subscription cannot go on.
        Unauthenticated: the caller's token is no longer valid.
    """
    try:
        document = await schema.compiled.read(context, operation.query, operation.variables)
        meant = document.operation(operation.name) if isinstance(document, Document) else None
        if isinstance(document, Document) and meant is not None and meant.node.operation is OperationType.SUBSCRIPTION:
            priced = price_of(meant, operation.variables)
            async with aclosing(_events(schema, context, document, operation, priced)) as found:
                async for one in found:
                    yield one
            return
        context.repeat = await repeat_of(operation)
        asked = Asked(operation.query, operation.variables, operation.name, operation.writes)
        async with asyncio.timeout(deadline):
            answer, ran = await run_encoded(schema, context, asked)
    except Malformed as error:
        said = {"code": "BAD_USER_INPUT", "part": error.part}
        raise NoAnswer({"message": error.in_language(context.language), "extensions": said}) from error
    except TooLarge as error:
        raise NoAnswer(_formatted(error, context)) from error
    except (Forbidden, KeyRefused, MutationNotAllowed, Throttled, TimeoutError) as error:
        raise NoAnswer(_said(error, context)) from error
    if not ran:
        raise NoAnswer(*orjson.loads(answer)["errors"])
    yield answer


async def _events(
    schema: ApiSchema, context: Context, document: Document, operation: Operation, priced: Priced
) -> AsyncGenerator[bytes, None]:
    executor = schema.execution_context_class.build(
        schema._schema,
        document.tree,
        context_value=context,
        raw_variable_values=operation.variables,
        operation_name=operation.name,
    )
    if isinstance(executor, list):
        raise NoAnswer(*(_formatted(error, context) for error in executor))
    source = create_source_event_stream(executor)
    if inspect.isawaitable(source):
        source = await source
    if isinstance(source, ExecutionResult):
        raise NoAnswer(*(_formatted(error, context) for error in source.errors or ()))
    events: Any = source
    GRAPHQL_OPERATIONS.labels("subscription", "core", "ok").inc()
    async with aclosing(events):
        try:
            async for delivery in events:
                yield await _paid(executor, delivery, priced, operation)
        except (NoAnswer, Unauthenticated, GeneratorExit):
            raise
        except Exception as error:
            raise NoAnswer(_said(error, context)) from error


async def _paid(executor: Executor[Any], delivery: Delivery, priced: Priced, operation: Operation) -> bytes:
    """The answer of one event, when it is its turn. It is paid for like a query that asks for the same."""
    paid = await paid_for(delivery.context, priced, operation.variables)
    cost = 0
    try:
        async with live_of(delivery.context).hub.turns:
            answer = await _answer(executor, delivery)
        body = encoded(answer)
        cost = min(priced.cost, objects_in(answer, body))
        GRAPHQL_COST.inc(cost)
        return body
    finally:
        if paid is not None:
            paid.settle(cost)


async def _answer(executor: Executor[Any], delivery: Delivery) -> dict[str, Any]:
    """The answer of one event: a new executor, in the event's own context."""
    event = executor.build_per_event_executor(delivery.root)
    event.context_value = delivery.context
    made = execute_event(event)
    result = await made if inspect.isawaitable(made) else made
    answer: dict[str, Any] = {"data": result.data}
    if result.errors:
        answer["errors"] = [_formatted(error, delivery.context) for error in result.errors]
    return answer


def _said(error: Exception, context: Context) -> dict[str, Any]:
    if isinstance(error, MutationNotAllowed):
        return _formatted(GraphQLError(str(error)), context)
    return _formatted(GraphQLError("", original_error=error), context)


def _formatted(error: GraphQLError, context: Context) -> dict[str, Any]:
    return formatted(error, language=context.language, request_id=context.request_id)

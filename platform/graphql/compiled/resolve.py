"""Fields with resolvers of their own inside a compiled query: graphql-core completes each of them, and nothing else.

Its executor is made once per request, and only where the plan has such a field. It is given the fields of one object at a
time and does for them what it always does: arguments, resolvers, completion, errors, nulls that rise to a parent.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, TypeGuard, cast

from graphql import Executor, FieldNode, GraphQLError, GraphQLObjectType, GraphQLSchema
from graphql import default_field_resolver as by_attribute
from graphql import default_type_resolver as by_type_name
from graphql.execution.collect_fields import FieldDetails, FragmentDetails
from graphql.pyutils import Path
from strawberry.execution import optimized_is_awaitable

from ..context import Context
from .document import Operation
from .failures import Failures


@dataclass
class Resolvers:
    """graphql-core's executor of one request, for the fields that the engine does not make."""

    schema: GraphQLSchema
    operation: Operation
    #: as they came with the request
    given: Mapping[str, Any]
    context: Context
    _executor: "Executor[None] | None" = None

    def fields(
        self,
        source: Any,
        type_name: str,
        path: Path | None,
        groups: Mapping[str, Sequence[FieldNode]],
        errors: Failures,
        nullable: Path | None,
    ) -> Awaitable[dict[str, Any] | None]:
        """These fields of an object that stands at `path`, by response key; None where one of them is null and may not be.

        Resolvers start at once, in their order; what they leave to wait for is waited for by whoever awaits the result.
        Errors are collected in `errors`. Where null rises from one of these fields, it ends at `nullable` (None: the whole
        answer), and what fails below that place later is not taken any more.
        """
        parent = self.schema.get_type(type_name)
        if not isinstance(parent, GraphQLObjectType):
            raise TypeError(f"{type_name} has no fields")
        executor = self._for(errors)
        details = {key: [FieldDetails(node, None) for node in nodes] for key, nodes in groups.items()}
        try:
            found = executor.execute_fields(parent, source, path, details, None)
        except GraphQLError as error:
            errors.add(error, nullable)
            return _finished(None, errors, nullable)
        return _finished(found, errors, nullable)

    def _for(self, errors: Failures) -> "Executor[None]":
        """The request's executor, collecting its errors there."""
        if self._executor is None:
            definitions = dict(self.operation.document.fragments)
            self._executor = Executor(
                self.schema,
                definitions,
                {name: FragmentDetails(definition) for name, definition in definitions.items()},
                None,
                self.context,
                self.operation.node,
                self.operation.variables.sources(self.given),
                by_attribute,
                by_type_name,
                by_attribute,
                is_awaitable=cast("Callable[[Any], TypeGuard[Awaitable[Any]]]", optimized_is_awaitable),
            )
        executor = copy(self._executor)
        executor.collected_errors = errors
        return executor


async def _finished(found: Any, errors: Failures, nullable: Path | None) -> dict[str, Any] | None:
    try:
        made: dict[str, Any] | None = found if found is None or isinstance(found, dict) else await found
        return made
    except GraphQLError as error:
        errors.rise(error, nullable)
        return None

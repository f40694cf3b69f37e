"""Answering a query: documents, plans and completions of one schema, each made once and kept within bounds.

What cannot be planned, and every request that the interpreter would refuse for its values, raises `HandOver` before or instead
of an answer; the whole document then runs in graphql-core, so there is one place that words such errors.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from graphql import GraphQLSchema, OperationType

from ...tenancy.reader.compile_sql import Variant
from ...tenancy.reader.entity import Entities
from ..context import Context
from ..cost import Prices
from ..errors import formatted
from .cache import Bounded
from .complete import Completion, complete_rows, complete_store
from .document import Document, NoDocument, read_document
from .fields import Loading, loadings, makes_any
from .plan import (
    HandOver,
    OperationPlan,
    RowsPlan,
    StorePlan,
    made_fields,
    plan_operation,
)
from .request import Request
from .turns import Turns
from .variables import weight_of

logger = logging.getLogger("forecourt.graphql.compiled")

#: Documents kept parsed: a product has some hundred. A parsed document takes 100 to 300 bytes per letter, so the second
#: bound is some 50 MB for a client that sends a new document each time; ordinary ones stay below 2.
DOCUMENTS, DOCUMENT_LETTERS = 1_000, 250_000
#: Operations in one form of their variables. Each keeps its document alive, so it weighs as much.
OPERATIONS = 2_000
#: Stores' parts: their statements and completions by letters, and the document each keeps alive, `TREE` for each of its own.
PARTS, PART_LETTERS, TREE = 2_000, 8_000_000, 32
#: Values and letters that a plan's key may hold; what is larger than any form of a page is not worth a plan.
KEY_WEIGHT = 2_000

#: Letters from which on a document is read in a thread: the event loop has its turn every few milliseconds meanwhile.
LONG_DOCUMENT = 4_000


@dataclass(eq=False)
class Made:
    """A variant of a part, ready to run: its statements, the completion with its source, and what to load before it."""

    variant: Variant
    source: str
    complete: Completion
    loads: Sequence[Loading]
    #: fields are made in Python, which need to know who asks
    asks: bool


@dataclass(eq=False)
class Part:
    """A part's plan, and what was made of it for each pattern of nulls in its cursors."""

    plan: StorePlan | RowsPlan
    made: dict[Variant, Made] = field(default_factory=dict)


@dataclass(eq=False)
class Engine:
    """Plans and caches of one schema."""

    schema: GraphQLSchema
    entities: Entities
    documents: "Bounded[str, Document | NoDocument]" = field(
        default_factory=lambda: Bounded(DOCUMENTS, DOCUMENT_LETTERS)
    )
    operations: "Bounded[Any, OperationPlan | str]" = field(
        default_factory=lambda: Bounded(OPERATIONS, DOCUMENT_LETTERS)
    )
    parts: "Bounded[Any, Part | str]" = field(default_factory=lambda: Bounded(PARTS, PART_LETTERS))
    #: why requests were handed over, for `explain`, tests and metrics: reason → how often
    handed_over: dict[str, int] = field(default_factory=dict)
    compiled: int = 0
    prices: Prices = field(init=False)
    turns: Turns = field(default_factory=Turns)

    def __post_init__(self) -> None:
        self.prices = Prices(self.schema)

    async def answer(
        self, context: Context, document: Document | NoDocument, variables: Mapping[str, Any], operation: str | None
    ) -> dict[str, Any] | None:
        """The answer in GraphQL's response format; None when graphql-core is to give it."""
        if isinstance(document, NoDocument) and document.says_all(operation):
            says = {"language": context.language, "request_id": context.request_id}
            return {"errors": [formatted(error, **says) for error in document.errors]}
        try:
            plan, known = self.plan(document, variables, operation)
            found = await self.request(context, plan, known, variables).answer()
        except HandOver as reason:
            self.count(str(reason))
            return None
        except Exception as error:  # a fault of the engine costs time, not the answer; the log and the count tell of it
            logger.exception("a compiled query failed; graphql-core answers")
            self.count(f"a fault: {type(error).__name__}")
            return None
        self.compiled += 1
        return found

    async def read(
        self, context: Context, query: str, variables: Mapping[str, Any] | None = None
    ) -> Document | NoDocument:
        """The document, from the cache or read now: a new one when it is the caller's turn, a long one beside the event loop.

        Raises:
            Throttled: too many new documents wait. TooLarge: it is new, and costs too much with these variables.
        """
        found = self.documents.get(query)
        if found is not None:
            return found
        async with self.turns.turn(context.actor.key):
            found = self.documents.get(query)
            if found is None:
                reading = partial(read_document, self.schema, self.prices, query, made_fields(self.entities), variables)
                found = await asyncio.to_thread(reading) if len(query) > LONG_DOCUMENT else reading()
                self.documents.put(query, found, len(query))
        return found

    def request(
        self, context: Context, plan: OperationPlan, known: Mapping[str, Any], given: Mapping[str, Any]
    ) -> "Request":
        """One request with this plan, its variables as they were read and as they came."""
        return Request(self, context, plan, known, given)

    def count(self, reason: str) -> None:
        """Note why graphql-core or the interpreter does something."""
        if reason in self.handed_over or len(self.handed_over) < 200:  # reasons are few; the bound is for safety
            self.handed_over[reason] = self.handed_over.get(reason, 0) + 1

    def plan(
        self, document: Document | NoDocument, variables: Mapping[str, Any], name: str | None
    ) -> tuple[OperationPlan, dict[str, Any]]:
        """The plan of a request, and its variables as graphql-core reads them.

        Raises:
            HandOver: the request is not compiled, or not valid.
        """
        if isinstance(document, NoDocument):
            raise HandOver("not a valid document")
        operation = document.operation(name)
        if operation is None or operation.node.operation is not OperationType.QUERY:
            raise HandOver("no query is meant" if operation is None else "not a query")
        given = operation.variables.read(variables)
        if given is None:
            raise HandOver("the variables do not fit")
        key = operation, given.key
        plan = self.operations.get(key)
        if plan is None:
            if weight_of(given.key) > KEY_WEIGHT:
                raise HandOver("variables of a form too large for a plan")
            plan = _or_reason(partial(plan_operation, self.schema, self.entities, operation, given.values))
            self.operations.put(key, plan, operation.letters)
        if isinstance(plan, str):
            raise HandOver(plan)
        return plan, given.known

    def part(self, key: Any, make: Callable[[], StorePlan | RowsPlan]) -> Part:
        """The plan of a store's part, from the cache or made now.

        Raises:
            HandOver: it is not compiled.
        """
        found = self.parts.get(key)
        if found is None:
            made = _or_reason(make)
            found = made if isinstance(made, str) else Part(made)
            self.parts.put(key, found, 1_000 + self._kept_alive(key))
        if isinstance(found, str):
            raise HandOver(found)
        return found

    @staticmethod
    def _kept_alive(key: Any) -> int:
        """What the document of a part weighs beside its statements."""
        plan: OperationPlan = key[0]
        return plan.operation.letters * TREE

    def made(self, key: Any, part: Part, variant: Variant, selection: Any) -> Made:
        """A variant ready to run."""
        found = part.made.get(variant)
        if found is None:
            plan = part.plan
            source, complete = (
                complete_store(selection, plan, variant)
                if isinstance(plan, StorePlan)
                else complete_rows(selection, plan, variant)
            )
            if len(part.made) >= 4:
                part.made.pop(next(iter(part.made)))
            reads = variant.reads.values()
            found = part.made[variant] = Made(variant, source, complete, tuple(loadings(reads)), makes_any(reads))
            weight = part.plan.program.weight() + sum(len(item.source) for item in part.made.values())
            self.parts.put(key, part, weight + self._kept_alive(key))
        return found


def _or_reason(make: Callable[[], Any]) -> Any:
    """What it makes, or the reason why the interpreter is to answer, so that the next request knows it at once."""
    try:
        return make()
    except HandOver as reason:
        return str(reason)

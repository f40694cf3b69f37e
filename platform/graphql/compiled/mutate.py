"""Answering a mutation from its plan: the declared action called directly, its payload's rows read by compiled statements.

A mutation runs once. Whatever is not compiled is handed over whole before anything ran; after that there is no way back to
graphql-core for the document, only for what one field shows: the interpreter reads rows that no program reads, in the same
unit of work, and graphql-core completes a payload whose values have fields with resolvers of their own.
"""

import logging
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    OperationType,
    VariableNode,
    get_argument_values,
    is_leaf_type,
    located_error,
)
from graphql.execution.collect_fields import FieldDetails
from graphql.execution.executor import Executor
from graphql.execution.values import VariableValues
from graphql.pyutils import Path as FieldPath

from ...domain.work import Work
from ...errors import ForecourtError
from ...tenancy.lanes import Statement
from ...tenancy.reader.compile_sql import NotCompilable, Run, statements
from ...tenancy.reader.entity import Asker
from ...tenancy.session import ResolvedStore, read_in
from ..context import Context
from ..errors import formatted
from ..idempotency import Told
from ..mutation import Done, Mutation, Mutations, Payload, interpreted, ready
from .document import Document, NoDocument, Operation
from .execute import KEY_WEIGHT, Engine, Part
from .fields import completed
from .given import Converters
from .plan import Groups, HandOver, OperationPlan, PlanSelection, RowsPlan, plan_rows
from .slots import slot_value
from .variables import weight_of

logger = logging.getLogger("forecourt.graphql.compiled")

#: The plan is made for every store, so no literal id can be read while it is made.
_NO_STORE = UUID(int=0)
_ROOT = "Mutation"
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Shown:
    """A row of the payload: what all its aliases select is read once; each alias has nodes of its own."""

    name: str
    entity: str
    nodes: Sequence[FieldNode]
    aliases: Mapping[str, Sequence[FieldNode]]


@dataclass(frozen=True, eq=False)
class FieldPlan:
    """One root field: its mutation, the fields of its payload by response key, and which of these are rows."""

    key: str
    nodes: list[FieldNode]
    #: None: `__typename`
    item: Mutation | None
    groups: Groups
    shown: Sequence[Shown]
    #: graphql-core completes the payload
    whole: bool
    #: the variable that is the whole input
    variable: str | None = None


@dataclass(eq=False)
class MutationPlan(OperationPlan):
    """A mutation document in one form of the variables that decide about its answer; those of its inputs are none of them."""

    fields: Sequence[FieldPlan] = ()


class Writes:
    """Answers the mutations of one schema. `schema` is strawberry's, `engine` holds the caches of documents and plans."""

    def __init__(self, schema: Any, engine: Engine, mutations: Mutations, items: Sequence[Mutation]) -> None:
        self.schema, self.engine, self.mutations = schema, engine, mutations
        self.items = {item.name: item for item in items}
        root = engine.schema.mutation_type
        assert root is not None  # noqa: S101  (the schema was made of these mutations)
        self.root: GraphQLObjectType = root
        converters = Converters(schema)
        types = {
            name: field.extensions["strawberry-definition"].arguments[0].type for name, field in root.fields.items()
        }
        self._inputs = {name: converters.of(type_) for name, type_ in types.items()}

    def asked(self, document: Document | NoDocument, name: str | None) -> Operation | None:
        """The mutation that is meant; None when a query is, or when the document is for graphql-core to refuse."""
        operation = None if isinstance(document, NoDocument) else document.operation(name)
        return operation if operation is not None and operation.node.operation is OperationType.MUTATION else None

    async def answer(
        self, context: Context, operation: Operation, variables: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """The answer in GraphQL's response format; None, before anything ran, when graphql-core is to run it."""
        try:
            plan, known = self.plan(operation, variables)
            inputs = [self._input(field, known) for field in plan.fields]
        except HandOver as reason:
            self.engine.count(str(reason))
            return None
        self.engine.compiled += 1
        data: dict[str, Any] = {}
        errors: list[Mapping[str, Any]] = []
        says = {"language": context.language, "request_id": context.request_id}
        for field, given in zip(plan.fields, inputs, strict=True):
            if field.item is None:
                data[field.key] = _ROOT
            else:
                one = OneField(self, context, plan, known, variables, field, field.item, given)
                told = await one.answer() if context.repeat is None else await one.answer_once()
                data[field.key] = told[0]
                errors += [formatted(error, **says) if isinstance(error, GraphQLError) else error for error in told[1]]
        return {"data": data, "errors": errors} if errors else {"data": data}

    def plan(self, operation: Operation, variables: Mapping[str, Any]) -> tuple[MutationPlan, dict[str, Any]]:
        """The plan of a mutation, and its variables as graphql-core reads them.

        Raises:
            HandOver: the variables do not fit, or their form is too large.
        """
        engine = self.engine
        given = operation.variables.read(variables)
        if given is None:
            raise HandOver("the variables do not fit")
        key = operation, given.key
        plan = engine.operations.get(key)
        if not isinstance(plan, MutationPlan):
            if weight_of(given.key) > KEY_WEIGHT:
                raise HandOver("variables of a form too large for a plan")
            plan = self._planned(operation, given.values)
            engine.operations.put(key, plan, operation.letters)
        return plan, given.known

    def _planned(self, operation: Operation, variables: Mapping[str, Any]) -> MutationPlan:
        engine = self.engine
        selection = PlanSelection(engine.schema, operation.document.fragments, variables, engine.entities, _NO_STORE)
        found: Groups = {}
        selection.gather(operation.node.selection_set, _ROOT, found, set())
        fields = [self._field(selection, key, nodes) for key, nodes in found.items()]
        return MutationPlan(operation, selection, fields=fields)

    def _field(self, selection: PlanSelection, key: str, nodes: list[FieldNode]) -> FieldPlan:
        name = nodes[0].name.value
        if name == "__typename":
            return FieldPlan(key, nodes, None, {}, (), whole=False)
        item = self.items[name]
        groups = selection.by_response(nodes, item.payload)
        shown = []
        for shows, entity in item.shows.items():
            aliases = {alias: group for alias, group in groups.items() if group[0].name.value == shows}
            if aliases:
                every = [node for group in aliases.values() for node in group]
                shown.append(Shown(shows, entity, every, aliases))
        payload = self.engine.schema.get_type(item.payload)
        assert isinstance(payload, GraphQLObjectType)  # noqa: S101  (a payload is one)
        values = (group[0].name.value for group in groups.values() if group[0].name.value in item.values)
        whole = not all(is_leaf_type(payload.fields[value].type) for value in values)
        [given] = nodes[0].arguments or [None]
        variable = given.value.name.value if given is not None and isinstance(given.value, VariableNode) else None
        return FieldPlan(key, nodes, item, groups, shown, whole, variable)

    def _input(self, field: FieldPlan, variables: Mapping[str, Any]) -> Any:
        """The input of a field as its `run` takes it, made as graphql-core and strawberry make it.

        Raises:
            HandOver: graphql-core would refuse it.
        """
        if field.item is None:
            return None
        name = field.item.name
        given = None if field.variable is None else variables.get(field.variable)
        if given is None:
            try:
                values = VariableValues({}, dict(variables))
                given = get_argument_values(self.root.fields[name], field.nodes[0], values)["input"]
            except GraphQLError as error:
                raise HandOver("an argument does not fit") from error
        convert = self._inputs[name]
        return given if convert is None else convert(given)


@dataclass(eq=False)
class OneField:
    """One root field on its way."""

    writes: Writes
    context: Context
    plan: MutationPlan
    known: Mapping[str, Any]
    raw: Mapping[str, Any]
    field: FieldPlan
    item: Mutation
    given: Any
    _by_interpreter: bool = False
    _made: "Executor[Any] | None" = None

    async def answer(self) -> tuple[Any, list[GraphQLError]]:
        """The field's value, null when it failed, and its errors."""
        mutations = self.writes.mutations
        if self.field.whole:
            return await self._by_core(mutations.carry_out(self.context, self.item, self.given, self._interpreted))
        try:
            payload = await mutations.carry_out(self.context, self.item, self.given, self._show)
        except Exception as error:
            return None, [located_error(error, self.field.nodes, [self.field.key])]
        return await self._of(payload)

    async def answer_once(self) -> tuple[Any, Sequence[GraphQLError | Mapping[str, Any]]]:
        """The same under the request's idempotency key."""
        show = self._interpreted if self.field.whole else self._show
        try:
            told = await self.writes.mutations.carry_out_once(
                self.context, self.item, self.given, self.field.key, show, self._told
            )
        except Exception as error:
            return None, [located_error(error, self.field.nodes, [self.field.key])]
        return told.value, told.errors

    async def _told(self, payload: Payload) -> Told:
        value, errors = await self._of(payload)
        says = {"language": self.context.language, "request_id": self.context.request_id}
        return Told(value, [formatted(error, **says) for error in errors])

    async def _of(self, payload: Payload) -> tuple[Any, list[GraphQLError]]:
        if self._by_interpreter or self.field.whole:
            return await self._by_core(ready(payload))
        return self._completed(payload)

    # -- what the payload shows

    async def _show(self, done: Done, work: Work | None) -> Mapping[str, Any]:
        """The rows as they stand in the answer; by the interpreter where no program reads or completes them."""
        asked = [one for one in self.field.shown if one.name in done.ids]
        if done.store is None or not asked:
            return {}
        reads = None
        with self._noting():
            reads = self._reads(asked, done, work)
        if reads is not None and work is not None:
            if not any(made.loads for read in reads for made in read.made.values()):
                work.end()
            sent = [statement for read in reads for statement in read.statements]
            found = iter(await read_in(work.session, work.store, sent))
            parts = [[next(found) for _ in read.statements] for read in reads]
            with self._noting():
                return await _merged(reads, parts)
        self._by_interpreter = True
        return await self._interpreted(done, work)

    async def _interpreted(self, done: Done, work: Work | None) -> Mapping[str, Any]:
        return await interpreted(self.context, self._info(), self.item, done, work)

    def _reads(self, asked: Sequence[Shown], done: Done, work: Work | None) -> "list[RowRead]":
        if work is None:
            raise HandOver("the action has no unit of work of a store")
        return [RowRead.of(self, one, done.ids[one.name], work.store) for one in asked]

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """What cannot be done here is noted, and the interpreter does it. As in a query, a fault of the engine costs time only."""
        try:
            yield
        except HandOver as reason:
            self.writes.engine.count(f"rows of a payload: {reason}")
        except Exception as error:
            logger.exception("a payload's rows are not compiled; the interpreter reads them")
            self.writes.engine.count(f"a fault: {type(error).__name__}")

    # -- the payload

    def _completed(self, payload: Payload) -> tuple[Any, list[GraphQLError]]:
        answer: dict[str, Any] = {}
        errors: list[GraphQLError] = []
        for key, nodes in self.field.groups.items():
            name = nodes[0].name.value
            if name == "userErrors":
                answer[key] = self._refusals(payload, nodes)
            elif name in self.item.shows:
                answer[key] = payload.rows.get(key)
            elif name in self.item.values:
                try:
                    answer[key] = self._leaf(name, payload.values.get(name))
                except Exception as error:
                    answer[key] = None
                    errors.append(located_error(error, nodes, [self.field.key, key]))
            else:
                answer[key] = self.item.payload
        return answer, errors

    def _refusals(self, payload: Payload, nodes: Sequence[FieldNode]) -> list[dict[str, Any]]:
        if not payload.errors:
            return []
        names = {key: group[0].name.value for key, group in self.plan.groups(nodes, "UserError").items()}
        return [
            {key: "UserError" if name == "__typename" else getattr(error, name) for key, name in names.items()}
            for error in payload.errors
        ]

    def _leaf(self, name: str, value: Any) -> Any:
        return None if value is None else Executor.complete_leaf_value(self._payload.fields[name].type, value)

    @property
    def _payload(self) -> GraphQLObjectType:
        found = self.writes.engine.schema.get_type(self.item.payload)
        assert isinstance(found, GraphQLObjectType)  # noqa: S101  (a payload is one)
        return found

    # -- graphql-core for this field alone

    async def _by_core(self, payload: Awaitable[Payload]) -> tuple[Any, list[GraphQLError]]:
        """What graphql-core makes of the payload when it is there."""
        executor, details = self._executor(), [FieldDetails(node, None) for node in self.field.nodes]
        value = await executor.complete_awaitable_value(
            self._definition.type, details, self._info(), self._path, payload, None
        )
        return value, list(executor.collected_errors.errors)

    @property
    def _definition(self) -> GraphQLField:
        found: GraphQLField = self.writes.root.fields[self.item.name]
        return found

    @property
    def _path(self) -> FieldPath:
        return FieldPath(None, self.field.key, _ROOT)

    def _info(self) -> Any:
        return self._executor().build_resolve_info(self._definition, self.field.nodes, self.writes.root, self._path)

    def _executor(self) -> "Executor[Any]":
        if self._made is None:
            writes, operation = self.writes, self.plan.operation
            document = DocumentNode(definitions=(operation.node, *operation.document.fragments.values()))
            made = writes.schema.execution_context_class.build(
                writes.engine.schema, document, context_value=self.context, raw_variable_values=dict(self.raw)
            )
            assert isinstance(made, Executor)  # noqa: S101  (the variables were coerced before)
            self._made = made
        return self._made


@dataclass(eq=False)
class RowRead:
    """One row of the payload: its statements, and one completion for each alias."""

    store: ResolvedStore
    entity: str
    row: UUID
    statements: Sequence[Statement]
    made: Mapping[str, Any]
    asker: Asker

    @classmethod
    def of(cls, one: OneField, shown: Shown, row: UUID, store: ResolvedStore) -> "RowRead":
        """The read for the actor.

        Raises:
            HandOver: the interpreter is to read it, or to refuse it.
        """
        engine, selection, entity = one.writes.engine, one.plan.selection, shown.entity
        viewer, held = one.context.seen(store)
        if held is None:
            raise HandOver("somebody who stands in for another, or looks as a role")
        key = (one.plan, id(shown.nodes), held, entity)
        make = partial(plan_rows, selection, engine.entities, viewer, shown.nodes, {entity: 1})
        program = engine.part(key, make).plan.program
        value = partial(slot_value, one.known, store.id, {entity: [row]})
        try:
            borders = program.borders(value)
            variant = program.variant(borders)
            sent = statements(variant, Run(viewer, value, borders))
        except (ForecourtError, NotCompilable) as error:
            raise HandOver(str(error)) from error
        made = {}
        for alias, nodes in shown.aliases.items():
            own = (*key, alias)
            part: Part = engine.part(own, partial(RowsPlan, nodes, (entity,), program, {entity: 1}))
            made[alias] = engine.made(own, part, variant, selection)
        return cls(store, entity, row, sent, made, one.context.asker(store, viewer))

    async def by_alias(self, rows: Sequence[Sequence[tuple[Any, ...]]]) -> dict[str, Any]:
        """Alias → object, or null where the row does not exist for the actor.

        Raises:
            HandOver: a value that its field cannot show, or a field made in Python that failed.
        """
        found = {}
        for alias, made in self.made.items():
            answer, faults = await completed(made.complete, made.loads, rows, self.store, self.asker)
            if faults:
                raise HandOver("a field made in Python failed")
            found[alias] = answer[self.entity].get(str(self.row))
        return found


async def _merged(reads: "Sequence[RowRead]", parts: Sequence[Sequence[Sequence[tuple[Any, ...]]]]) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for read, found in zip(reads, parts, strict=True):
        rows |= await read.by_alias(found)
    return rows

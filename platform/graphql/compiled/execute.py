"""Answering a query from its plan: one round trip per store, stores side by side, errors where graphql-core has them.

Whatever is not compiled, and every request that the interpreter would refuse for its values, raises `HandOver` before or
instead of an answer; the whole document then runs in graphql-core, so there is one place that words such errors.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from graphql import FieldNode, GraphQLSchema, OperationType, located_error

from ...errors import ForecourtError, NotFound
from ...tenancy.reader.compile_sql import NotCompilable, Program, Run, Variant, is_plain
from ...tenancy.reader.entity import Entities, Viewer
from ...tenancy.reader.shape import Slot
from .. import ids, select
from ..context import Context, StoreInfo
from ..errors import formatted
from ..pages import page_of_stores
from .cache import Bounded
from .complete import Completion, complete_rows, complete_store
from .document import Document, coerced, opened, read_document, value_at, weight_of
from .plan import (
    GROUP_VALUES,
    HandOver,
    OperationPlan,
    Root,
    RowsPlan,
    StorePlan,
    plan_operation,
    plan_rows,
    plan_store,
)

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
Path = tuple[str | int, ...]
Error = tuple[Exception, Sequence[FieldNode], Path]


@dataclass(eq=False)
class Made:
    """A variant of a part, ready to run: its statements, and the completion with its source."""

    variant: Variant
    source: str
    complete: Completion


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
    documents: "Bounded[str, Document | str]" = field(default_factory=lambda: Bounded(DOCUMENTS, DOCUMENT_LETTERS))
    operations: "Bounded[Any, OperationPlan | str]" = field(
        default_factory=lambda: Bounded(OPERATIONS, DOCUMENT_LETTERS)
    )
    parts: "Bounded[Any, Part | str]" = field(default_factory=lambda: Bounded(PARTS, PART_LETTERS))
    #: why requests were handed over, for `explain`, tests and metrics: reason → how often
    handed_over: dict[str, int] = field(default_factory=dict)
    compiled: int = 0

    async def answer(
        self, context: Context, query: str, variables: Mapping[str, Any], operation: str | None
    ) -> dict[str, Any] | None:
        """The answer in GraphQL's response format; None when graphql-core is to give it."""
        try:
            plan, known = self.plan(query, variables, operation)
            found = await Request(self, context, plan, known).answer()
        except HandOver as reason:
            self.count(str(reason))
            return None
        except Exception as error:  # a fault of the engine costs time, not the answer; the log and the count tell of it
            logger.exception("a compiled query failed; graphql-core answers")
            self.count(f"a fault: {type(error).__name__}")
            return None
        self.compiled += 1
        return found

    def count(self, reason: str) -> None:
        """Note why graphql-core or the interpreter does something."""
        if reason in self.handed_over or len(self.handed_over) < 200:  # reasons are few; the bound is for safety
            self.handed_over[reason] = self.handed_over.get(reason, 0) + 1

    def plan(self, query: str, variables: Mapping[str, Any], name: str | None) -> tuple[OperationPlan, dict[str, Any]]:
        """The plan of a request, and its variables as graphql-core reads them.

        Raises:
            HandOver: the request is not compiled, or not valid.
        """
        document = self.document(query)
        if isinstance(document, str):
            raise HandOver(document)
        operation = document.operation(name)
        if operation is None or operation.node.operation is not OperationType.QUERY:
            raise HandOver("no query is meant" if operation is None else "not a query")
        known = coerced(self.schema, operation, variables)
        if known is None:
            raise HandOver("the variables do not fit")
        given = opened(self.schema, operation, known)
        if weight_of(given.key) > KEY_WEIGHT:
            raise HandOver("variables of a form too large for a plan")
        key = operation, given.key
        plan = self.operations.get(key)
        if plan is None:
            plan = _or_reason(partial(plan_operation, self.schema, self.entities, operation, given.values))
            self.operations.put(key, plan, operation.letters)
        if isinstance(plan, str):
            raise HandOver(plan)
        return plan, known

    def document(self, query: str) -> Document | str:
        """The document, from the cache or read now; a text where it is not valid."""
        found = self.documents.get(query)
        if found is None:
            found = read_document(self.schema, query) or "not a valid document"
            self.documents.put(query, found, len(query))
        return found

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
            found = part.made[variant] = Made(variant, source, complete)
            weight = part.plan.program.weight() + sum(len(item.source) for item in part.made.values())
            self.parts.put(key, part, weight + self._kept_alive(key))
        return found


def _or_reason(make: Callable[[], Any]) -> Any:
    """What it makes, or the reason why the interpreter is to answer, so that the next request knows it at once."""
    try:
        return make()
    except HandOver as reason:
        return str(reason)


@dataclass
class Request:
    """One request on its way."""

    engine: Engine
    context: Context
    plan: OperationPlan
    variables: Mapping[str, Any]

    async def answer(self) -> dict[str, Any]:
        roots = self.plan.roots
        found = await _together([self._root(root) for root in roots])
        data = {root.key: value for root, (value, _) in zip(roots, found, strict=True)}
        errors = [error for _, some in found for error in some]
        if not errors:
            return {"data": data}
        says = {"language": self.context.language, "request_id": self.context.request_id}
        located = (located_error(error, nodes, list(path)) for error, nodes, path in errors)
        return {"data": data, "errors": [formatted(error, **says) for error in located]}

    async def _root(self, root: Root) -> tuple[Any, list[Error]]:
        match root.name:
            case "__typename":
                return "Query", []
            case "viewer":
                return self._viewer_fields(root), []
            case "group":
                return await self._group(root)
            case "store":
                return await self._store(root)
            case "node":
                found, errors = await self._nodes(root, [self._value(root.arguments["id"])], lambda _: (root.key,))
                return found[0], errors
            case _:
                texts = self._value(root.arguments["ids"])
                if len(texts) > 100:
                    raise HandOver("too many ids")
                return await self._nodes(root, texts, lambda place: (root.key, place))

    # -- control rows

    def _viewer_fields(self, root: Root) -> dict[str, Any]:
        actor = self.context.actor
        values = {"__typename": "Viewer", "key": actor.key, "language": self.context.language, "name": actor.name}
        groups = self.plan.groups(root.nodes, "Viewer")
        return {key: values[nodes[0].name.value] for key, nodes in groups.items()}

    async def _group(self, root: Root) -> tuple[Any, list[Error]]:
        answer: dict[str, Any] = {}
        errors: list[Error] = []
        for key, nodes in self.plan.groups(root.nodes, "Group").items():
            name = nodes[0].name.value
            if name == "stores":
                answer[key], some = await self._stores(nodes, (root.key, key))
                errors += some
            else:
                answer[key] = "Group" if name == "__typename" else getattr(self.context.group, GROUP_VALUES[name])
        return answer, errors

    async def _stores(self, nodes: Sequence[FieldNode], path: Path) -> tuple[Any, list[Error]]:
        given = self.plan.selection.arguments("Group", nodes[0])
        window = {name: self._value(value) for name, value in given.items()}
        try:
            page = page_of_stores(await self._visible(), **window)
        except ForecourtError as error:
            raise HandOver(f"{error.code}: {error.message}") from error
        answer: dict[str, Any] = {}
        errors: list[Error] = []
        for key, group in self.plan.groups(nodes, "StoreConnection").items():
            match group[0].name.value:
                case "edges":
                    answer[key], some = await self._edges(page.edges, group, (*path, key))
                    errors += some
                case "pageInfo":
                    values = {
                        "__typename": "PageInfo",
                        "hasNextPage": page.has_next,
                        "hasPreviousPage": page.has_previous,
                        "startCursor": page.edges[0].cursor if page.edges else None,
                        "endCursor": page.edges[-1].cursor if page.edges else None,
                    }
                    inner = self.plan.groups(group, "PageInfo")
                    answer[key] = {at: values[found[0].name.value] for at, found in inner.items()}
                case "totalCount":
                    answer[key] = page.total
                case _:
                    answer[key] = "StoreConnection"
        return answer, errors

    async def _edges(
        self, edges: Sequence[Any], nodes: Sequence[FieldNode], path: Path
    ) -> tuple[list[dict[str, Any]], list[Error]]:
        groups = self.plan.groups(nodes, "StoreEdge")
        wanted = [(key, group) for key, group in groups.items() if group[0].name.value == "node"]
        parts = [
            self._part(edge.info, group, (*path, place, key))
            for place, edge in enumerate(edges)
            for key, group in wanted
        ]
        found = iter(await _together(parts))
        answer: list[dict[str, Any]] = []
        errors: list[Error] = []
        for edge in edges:
            item: dict[str, Any] = {}
            for key, group in groups.items():
                name = group[0].name.value
                if name == "node":
                    item[key], some = next(found)
                    errors += some
                else:
                    item[key] = edge.cursor if name == "cursor" else "StoreEdge"
            answer.append(item)
        return answer, errors

    # -- stores

    async def _visible(self) -> list[StoreInfo]:
        try:
            return await self.context.stores()
        except Exception as error:
            raise HandOver("the stores cannot be listed") from error

    async def _store(self, root: Root) -> tuple[Any, list[Error]]:
        given = {name: self._value(value) for name, value in root.arguments.items()}
        id_, code = given.get("id"), given.get("code")
        if (id_ is None) == (code is None):
            raise HandOver("an id or a code is needed")
        stores = await self._visible()
        if id_ is None:
            found = next((store for store in stores if store.code == code), None)
        else:
            named = ids.parse(id_)
            wanted = named.store if named is not None and named.type == ids.STORE else None
            found = next((store for store in stores if store.id == wanted), None)
        if found is None:
            return None, [(NotFound("no such store"), root.nodes, (root.key,))]
        return await self._part(found, root.nodes, (root.key,))

    async def _part(self, store: StoreInfo, nodes: Sequence[FieldNode], path: Path) -> tuple[Any, list[Error]]:
        """What these nodes select of a store; null with an error when the store cannot answer."""
        reach, viewer = self._seen_by(store)
        key = (self.plan, tuple(map(id, nodes)), reach, ids.STORE)
        engine, selection = self.engine, self.plan.selection
        part = engine.part(key, lambda: plan_store(selection, engine.entities, viewer, nodes))
        plan = part.plan
        assert isinstance(plan, StorePlan)  # noqa: S101  (made for this key alone)
        refused: list[Error] = [(error, group, (*path, name)) for name, group, error in plan.refusals]
        try:
            made, rows = await self._read(store, key, part, self._run(plan.program, viewer, store, {}))
        except ForecourtError as error:
            return None, [(error, nodes, path)]
        return completed(made, rows, store), refused

    async def _nodes(
        self, root: Root, texts: Sequence[str], path: Callable[[int], Path]
    ) -> tuple[list[Any], list[Error]]:
        """For every id the row, the store, or null. The rows of one store are read together."""
        stores = {store.id: store for store in await self._visible()}
        wanted = [ids.parse(text) for text in texts]
        rows: dict[UUID, dict[str, list[UUID]]] = {}
        for found in wanted:
            if found is not None and found.store in stores and found.type in self.engine.entities:
                rows.setdefault(found.store, {}).setdefault(found.type, []).append(found.row)
        reading = [self._rows(stores[store], root.nodes, by_type) for store, by_type in rows.items()]
        whole = [
            (place, self._part(stores[found.store], root.nodes, path(place)))
            for place, found in enumerate(wanted)
            if found is not None and found.store in stores and found.type == ids.STORE and found.row == found.store
        ]
        results = await _together([*reading, *(part for _, part in whole)])
        by_store = dict(zip(rows, results, strict=False))
        of_stores = dict(zip((place for place, _ in whole), results[len(reading) :], strict=True))
        answer: list[Any] = []
        errors: list[Error] = []
        for place, found in enumerate(wanted):
            value, some = of_stores.get(place, (None, []))
            if found is not None and found.type in self.engine.entities and found.store in by_store:
                read, error = by_store[found.store]
                value = None if error is not None else read[found.type].get(str(found.row))
                some = [] if error is None else [(error, root.nodes, path(place))]
            answer.append(value)
            errors += some
        return answer, errors

    async def _rows(
        self, store: StoreInfo, nodes: Sequence[FieldNode], by_type: Mapping[str, list[UUID]]
    ) -> tuple[Any, ForecourtError | None]:
        reach, viewer = self._seen_by(store)
        counts = {name: len(rows) for name, rows in by_type.items()}
        key = (self.plan, tuple(map(id, nodes)), reach, tuple(counts.items()))
        engine, selection = self.engine, self.plan.selection
        part = engine.part(key, lambda: plan_rows(selection, engine.entities, viewer, nodes, counts))
        try:
            made, rows = await self._read(store, key, part, self._run(part.plan.program, viewer, store, by_type))
        except ForecourtError as error:
            return None, error
        return completed(made, rows, store), None

    def _seen_by(self, store: StoreInfo) -> tuple[Any, Viewer]:
        """The viewer at a store, and what of it a plan depends on.

        Raises:
            HandOver: more decides about rows than their reach.
        """
        viewer = self.context.viewer(store)
        if not is_plain(viewer):
            raise HandOver("somebody who stands in for another, or looks as a role")
        return tuple(sorted(viewer.reach.items())), viewer

    # -- one round trip

    def _run(
        self, program: Program, viewer: Viewer, store: StoreInfo, rows: Mapping[str, list[UUID]]
    ) -> tuple[Run, Variant]:
        """The values of one run.

        Raises:
            HandOver: a value that the interpreter would refuse.
        """
        value = partial(slot_value, self.variables, store.id, rows)
        try:
            borders = program.borders(value)
            return Run(viewer, value, borders), program.variant(borders)
        except (ForecourtError, NotCompilable) as error:
            raise HandOver(str(error)) from error

    async def _read(
        self, store: StoreInfo, key: Any, part: Part, run: tuple[Run, Variant]
    ) -> tuple[Made, list[list[tuple[Any, ...]]]]:
        given, variant = run
        made = self.engine.made(key, part, variant, self.plan.selection)
        if not variant.templates:
            return made, []
        try:
            return made, await self.context.ask(store, variant, given)
        except (ForecourtError, HandOver):
            raise
        except Exception as error:
            logger.warning("a compiled read failed; the interpreter answers", exc_info=True)
            raise HandOver(f"{type(error).__name__} in the database") from error

    def _value(self, value: Any) -> Any:
        return value_at(self.variables, value.key[1]) if isinstance(value, Slot) else value


def completed(made: Made, rows: Sequence[Sequence[tuple[Any, ...]]], store: StoreInfo) -> Any:
    """The object of the answer.

    Raises:
        HandOver: a value that its field cannot show; graphql-core says so at its path.
    """
    try:
        return made.complete(rows, store.id, store)
    except KeyError as error:
        raise HandOver("a word outside its vocabulary") from error


def slot_value(variables: Mapping[str, Any], store: UUID, rows: Mapping[str, list[UUID]], slot: Slot) -> Any:
    """What stands in a slot, checked as the interpreter checks it.

    Raises:
        HandOver: it would refuse the value.
    """
    return _keyed(variables, store, rows, slot.key)


def _keyed(variables: Mapping[str, Any], store: UUID, rows: Mapping[str, list[UUID]], key: tuple[Any, ...]) -> Any:
    match key:
        case ("variable", path):
            return value_at(variables, path)
        case ("literal", value):
            return value
        case ("ids", type_):
            return rows[type_]
        case ("word", inner):
            found = _keyed(variables, store, rows, inner)
            return (
                [_checked(select.word, item) for item in found]
                if isinstance(found, list)
                else _checked(select.word, found)
            )
        case ("row", entity, inner):
            found = _keyed(variables, store, rows, inner)
            read = partial(select.row, entity, store)
            return [_checked(read, item) for item in found] if isinstance(found, list) else _checked(read, found)
    raise TypeError(f"an unknown slot: {key}")


def _checked(read: Callable[[Any], Any], value: Any) -> Any:
    try:
        return read(value)
    except ForecourtError as error:
        raise HandOver(f"{error.code}: {error.message}") from error


async def _together(calls: Sequence[Awaitable[Any]]) -> list[Any]:
    """The results of all, run side by side. When one fails the others end by themselves: to stop a statement on its way would
    cost its connection."""
    if len(calls) < 2:
        return [await call for call in calls]
    found = await asyncio.gather(*calls, return_exceptions=True)
    for one in found:
        if isinstance(one, BaseException):
            raise one
    return found

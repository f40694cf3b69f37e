"""One query on its way: its roots side by side, one round trip per store, errors where graphql-core has them.

A field with a resolver of its own is completed by graphql-core, side by side with the stores' parts (`resolve.py`).
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from graphql import FieldNode, located_error
from graphql.pyutils import Path

from ...errors import Forbidden, ForecourtError, NotFound
from ...tenancy.reader.compile_sql import NotCompilable, Program, Run, Variant
from ...tenancy.reader.entity import Viewer
from ...tenancy.reader.shape import Slot
from .. import ids
from ..context import Context, StoreInfo
from ..errors import formatted
from ..stores import Held
from ..types import StorePart
from .control import Control, together
from .failures import Failures
from .fields import Fault, completed, made_of
from .plan import HandOver, OperationPlan, Root, StorePlan, plan_rows, plan_store
from .resolve import Resolvers
from .slots import slot_value
from .variables import value_at

if TYPE_CHECKING:
    from .execute import Engine, Made, Part

logger = logging.getLogger("forecourt.graphql.compiled")

#: Letters of a row's UUID, with which its global id ends.
_ROW = 36

_NOT_PLAIN = "somebody who stands in for another, or looks as a role"


@dataclass
class Request:
    """One request on its way."""

    engine: "Engine"
    context: Context
    plan: OperationPlan
    known: Mapping[str, Any]
    given: Mapping[str, Any]
    errors: Failures = field(default_factory=Failures)

    @cached_property
    def resolvers(self) -> Resolvers:
        """For fields that the engine does not make."""
        return Resolvers(self.engine.schema, self.plan.operation, self.given, self.context)

    @cached_property
    def control(self) -> Control:
        """For what comes from control rows."""
        return Control(self.context, self.plan, self._value, self._part)

    async def answer(self) -> dict[str, Any]:
        """The answer.

        Raises:
            HandOver: graphql-core is to give it.
        """
        plan = self.plan
        if plan.mixed:
            self._require_themself()
        if len(plan.roots) == 1:
            found = [await self._root(plan.roots[0])]
        else:
            found = await together([self._root(root) for root in plan.roots])
        data = {root.key: value for root, value in zip(plan.roots, found, strict=True)}
        if not self.errors.errors and not self.errors.null:
            return {"data": data}
        says = {"language": self.context.language, "request_id": self.context.request_id}
        return {
            "data": None if self.errors.null else data,
            "errors": [formatted(error, **says) for error in self.errors.told(data)],
        }

    def _require_themself(self) -> None:
        """Resolvers do not start beside parts of stores that are handed over anyway.

        Raises:
            HandOver: somebody who stands in for another, or looks as a role.
        """
        actor = self.context.actor
        if actor.viewing is not None or any(member.delegated_by for member in actor.memberships):
            raise HandOver(_NOT_PLAIN)

    def _fail(self, error: Exception, nodes: Sequence[FieldNode], path: Path) -> None:
        self.errors.add(located_error(error, nodes, path.as_list()), path)

    def _root(self, root: Root) -> Awaitable[Any]:
        """A root field. Resolvers of its own start before anything is waited for, as they do in graphql-core."""
        path = Path(None, root.key, "Query")
        if root.whole:
            return _only(self.resolvers.fields(None, "Query", None, root.own, self.errors, None), root.key)
        if root.own:
            own = self.resolvers.fields(self.context.group, "Group", path, root.own, self.errors, None)
            return self.control.group(root, path, own)
        return self._made(root, path)

    async def _made(self, root: Root, path: Path) -> Any:
        match root.name:
            case "__typename":
                return "Query"
            case "viewer":
                return self.control.viewer(root)
            case "group":
                return await self.control.group(root, path)
            case "store":
                return await self._store(root, path)
            case "node":
                return await self._node(root, self._value(root.arguments["id"]), path)
            case _:
                texts = self._value(root.arguments["ids"])
                if len(texts) > 100:
                    raise HandOver("too many ids")
                return await self._nodes(root, texts, path.add_key)

    # -- stores

    async def _store(self, root: Root, path: Path) -> Any:
        given = {name: self._value(value) for name, value in root.arguments.items()}
        id_, code = given.get("id"), given.get("code")
        if (id_ is None) == (code is None):
            raise HandOver("an id or a code is needed")
        stores = self.context.known_stores or await self.control.visible()
        if id_ is None:
            found = stores.by_code.get(str(code))
        else:
            named = ids.parse(id_)
            wanted = named.store if named is not None and named.type == ids.STORE else None
            found = None if wanted is None else stores.by_id.get(wanted)
        if found is None:
            self._fail(NotFound("no such store"), root.nodes, path)
            return None
        return await self._part(found, root.nodes, path)

    async def _part(self, store: StoreInfo, nodes: Sequence[FieldNode], path: Path) -> Any:
        """What these nodes select of a store; null with an error when the store cannot answer."""
        held, viewer = self._seen_by(store)
        key = (self.plan, id(nodes), held, ids.STORE)
        engine, selection = self.engine, self.plan.selection
        part = engine.part(key, lambda: plan_store(selection, engine.entities, viewer, nodes))
        plan = part.plan
        assert isinstance(plan, StorePlan)  # noqa: S101  (made for this key alone)
        reading = self._read(store, key, part, self._run(plan.program, viewer, store, {}))
        own: dict[str, Any] | None = {}
        errors = Failures()
        try:
            if plan.own:
                (made, rows), own = await together([reading, self._of_store(store, plan, path, errors)])
            else:
                made, rows = await reading
        except ForecourtError as error:
            self._fail(error, nodes, path)
            return None
        if not self.errors.has_nulled_position(None):
            self.errors.errors.extend(errors.errors)
        if own is None:
            return None
        if not plan.own:
            for name, group, refusal in plan.refusals:
                self._fail(refusal, group, path.add_key(name, ids.STORE))
        answer, faults = await self._completed(made, rows, store, viewer)
        for fault, about, at in faults:
            self._fail(fault, about, _below(path, at))
        return answer | own

    def _of_store(
        self, store: StoreInfo, plan: StorePlan, path: Path, errors: Failures
    ) -> Awaitable[dict[str, Any] | None]:
        """The fields of a store that graphql-core completes. Errors are kept apart: they are none of the answer when the
        store's rows cannot be read, as then there is no store to ask for them."""
        refused: dict[str, ForecourtError] = {at: Forbidden(error.message) for at, error in plan.refused.items()}
        return self.resolvers.fields(StorePart(store, refused=refused), ids.STORE, path, plan.own, errors, path)

    async def _node(self, root: Root, text: str, path: Path) -> Any:
        """The row or store of an id, or null."""
        stores = self.context.known_stores or await self.control.visible()
        named = ids.parse(text)
        store = None if named is None else stores.by_id.get(named.store)
        if named is None or store is None:
            return None
        if named.type == ids.STORE:
            return await self._part(store, root.nodes, path) if named.row == named.store else None
        if named.type not in self.engine.entities:
            return None
        read = await self._rows(store, root.nodes, {named.type: [named.row]})
        if isinstance(read, ForecourtError):
            self._fail(read, root.nodes, path)
            return None
        rows, faults = read
        for fault, about, at in faults:
            self._fail(fault, about, _below(path, at[2:]))
        return rows[named.type].get(text[-_ROW:])  # in the one spelling that is read

    async def _nodes(self, root: Root, texts: Sequence[str], path: Callable[[int], Path]) -> list[Any]:
        """For every id the row, the store, or null. The rows of one store are read together."""
        stores = (self.context.known_stores or await self.control.visible()).by_id
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
        results = await together([*reading, *(part for _, part in whole)])
        by_store = dict(zip(rows, results, strict=False))
        of_stores = dict(zip((place for place, _ in whole), results[len(reading) :], strict=True))
        answer: list[Any] = []
        for place, found in enumerate(wanted):
            value = of_stores.get(place)
            if found is not None and found.type in self.engine.entities and found.store in by_store:
                read = by_store[found.store]
                if isinstance(read, ForecourtError):
                    self._fail(read, root.nodes, path(place))
                else:
                    rows_, faults = read
                    here = found.type, str(found.row)
                    value = rows_[found.type].get(here[1])
                    for fault, about, at in faults:
                        if at[:2] == here:
                            self._fail(fault, about, _below(path(place), at[2:]))
            answer.append(value)
        return answer

    async def _rows(
        self, store: StoreInfo, nodes: Sequence[FieldNode], by_type: Mapping[str, list[UUID]]
    ) -> "tuple[dict[str, dict[str, Any]], list[Fault]] | ForecourtError":
        """Rows by type and id, and which of their fields failed; or why the store cannot answer: an error for each of its ids."""
        held, viewer = self._seen_by(store)
        counts = {name: len(rows) for name, rows in by_type.items()}
        key = (self.plan, id(nodes), held, tuple(counts.items()))
        engine, selection = self.engine, self.plan.selection
        part = engine.part(key, lambda: plan_rows(selection, engine.entities, viewer, nodes, counts))
        try:
            made, rows = await self._read(store, key, part, self._run(part.plan.program, viewer, store, by_type))
        except ForecourtError as error:
            return error
        return await self._completed(made, rows, store, viewer)

    async def _completed(
        self, made: "Made", rows: list[list[tuple[Any, ...]]], store: StoreInfo, viewer: Viewer
    ) -> tuple[Any, list[Fault]]:
        """See `fields.completed`; who asks is worked out only for fields that want to know."""
        if made.asks:
            return await completed(made.complete, made.loads, rows, store, self.context.asker(store, viewer))
        return made_of(made.complete, rows, store, None), []

    def _seen_by(self, store: StoreInfo) -> tuple[Held, Viewer]:
        """The viewer at a store, and what of it a plan depends on.

        Raises:
            HandOver: more decides about rows than their reach.
        """
        viewer, held = self.context.seen(store)
        if held is None:
            raise HandOver(_NOT_PLAIN)
        return held, viewer

    # -- one round trip

    def _run(
        self, program: Program, viewer: Viewer, store: StoreInfo, rows: Mapping[str, list[UUID]]
    ) -> tuple[Run, Variant]:
        """The values of one run.

        Raises:
            HandOver: a value that the interpreter would refuse.
        """
        value = partial(slot_value, self.known, store.id, rows)
        try:
            borders = program.borders(value)
            return Run(viewer, value, borders), program.variant(borders)
        except (ForecourtError, NotCompilable) as error:
            raise HandOver(str(error)) from error

    async def _read(
        self, store: StoreInfo, key: Any, part: "Part", run: tuple[Run, Variant]
    ) -> "tuple[Made, list[list[tuple[Any, ...]]]]":
        given, variant = run
        made = self.engine.made(key, part, variant, self.plan.selection)
        if not variant.templates:
            return made, []
        try:
            return made, await self.context.ask(store, variant, given, alone=self.plan.one_part)
        except (ForecourtError, HandOver):
            raise
        except Exception as error:
            logger.warning("a compiled read failed; the interpreter answers", exc_info=True)
            raise HandOver(f"{type(error).__name__} in the database") from error

    def _value(self, value: Any) -> Any:
        return value_at(self.known, value.key[1]) if isinstance(value, Slot) else value


def _below(path: Path, at: Sequence[str | int]) -> Path:
    for step in at:
        path = path.add_key(step)
    return path


async def _only(found: Awaitable[dict[str, Any] | None], key: str) -> Any:
    values = await found
    return None if values is None else values[key]

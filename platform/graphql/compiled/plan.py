"""What a document asks, worked out once: which parts it has, which shapes of a store each reads, which lists are refused.

A plan is made for the form of a request (see `document.opened`); of a store's part there is one for every set of
permissions, since these decide about refusals, masks and row rules.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from graphql import FieldNode, FragmentSpreadNode, GraphQLSchema, InlineFragmentNode, SelectionSetNode

from ...errors import Forbidden, ForecourtError
from ...tenancy.reader.compile_sql import NotCompilable, Program
from ...tenancy.reader.entity import Entities, Entity, Viewer
from ...tenancy.reader.shape import Page, Shape, Slot
from .. import ids
from ..select import Selection, key_of
from .document import Operation

#: The plan is made for every store, so no literal id can be read while it is made.
_NO_STORE = UUID(int=0)

#: Fields that come from the control rows of a store, with their attribute.
STORE_VALUES: Mapping[str, str] = {
    "code": "code",
    "name": "name",
    "brand": "brand",
    "region": "region",
    "grade": "grade",
    "cityTier": "city_tier",
    "timeZone": "time_zone",
    "state": "state",
}
GROUP_VALUES: Mapping[str, str] = {"code": "code", "name": "name", "currency": "currency", "timeZone": "time_zone"}

Groups = dict[str, list[FieldNode]]


class HandOver(Exception):
    """graphql-core answers this request; the text says why."""


class PlanSelection(Selection):
    """A selection whose shapes have slots in place of values: open variables, ids and cursors."""

    def page(self, given: Mapping[str, Any]) -> Page:
        page = super().page(given)
        return Page(page.first, _literal(page.after), page.last, _literal(page.before))

    def word(self, value: Any) -> Any:
        return Slot(("word", value.key)) if isinstance(value, Slot) else super().word(value)

    def row(self, entity: Entity, text: Any) -> Any:
        return Slot(("row", entity.name, text.key if isinstance(text, Slot) else ("literal", text)))

    def by_response(self, nodes: Iterable[FieldNode], type_name: str) -> Groups:
        """The fields selected below these nodes on an object of this type, by response key, in the order of the answer."""
        found: Groups = {}
        seen: set[str] = set()
        for node in nodes:
            if node.selection_set:
                self.gather(node.selection_set, type_name, found, seen)
        return found

    def gather(self, selected: SelectionSetNode, type_name: str, found: Groups, seen: set[str]) -> None:
        """The specification's CollectFields."""
        for node in selected.selections:
            if not self.included(node):
                continue
            if isinstance(node, FieldNode):
                found.setdefault(node.alias.value if node.alias else node.name.value, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                if condition is None or self.matches(condition.name.value, type_name):
                    self.gather(node.selection_set, type_name, found, seen)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
                seen.add(node.name.value)
                fragment = self.fragments[node.name.value]
                if self.matches(fragment.type_condition.name.value, type_name):
                    self.gather(fragment.selection_set, type_name, found, seen)


def _literal(cursor: str | Slot | None) -> Slot | None:
    return Slot(("literal", cursor)) if isinstance(cursor, str) else cursor


@dataclass(frozen=True)
class Root:
    """One field of the query: its response key, its nodes, its arguments (with slots)."""

    key: str
    name: str
    nodes: list[FieldNode]
    arguments: Mapping[str, Any]


@dataclass(eq=False)
class OperationPlan:
    """A query in one form of its variables."""

    operation: Operation
    selection: PlanSelection
    roots: Sequence[Root]
    #: fields below the roots that no store's part makes, by the nodes that select them
    below: dict[tuple[int, ...], Groups] = field(default_factory=dict)

    def groups(self, nodes: Sequence[FieldNode], type_name: str) -> Groups:
        """`by_response`, worked out once per place."""
        key = tuple(map(id, nodes))
        if key not in self.below:
            self.below[key] = self.selection.by_response(nodes, type_name)
        return self.below[key]


_ROOTS = frozenset({"__typename", "group", "node", "nodes", "store", "viewer"})


def plan_operation(
    schema: GraphQLSchema, entities: Entities, operation: Operation, variables: Mapping[str, Any]
) -> OperationPlan:
    """Plan a query.

    Raises:
        HandOver: something in it is not compiled.
    """
    selection = PlanSelection(schema, operation.document.fragments, variables, entities, _NO_STORE)
    found: Groups = {}
    selection.gather(operation.node.selection_set, "Query", found, set())
    roots = []
    for key, nodes in found.items():
        name = nodes[0].name.value
        if name not in _ROOTS:
            raise HandOver(f"Query.{name} has a resolver of its own")
        arguments = {} if name == "__typename" else selection.arguments("Query", nodes[0])
        roots.append(Root(key, name, nodes, arguments))
    plan = OperationPlan(operation, selection, roots)
    for root in roots:
        _require_known(plan, root)
    return plan


def _require_known(plan: OperationPlan, root: Root) -> None:
    """Every field of the roots is one that the engine makes itself."""
    if root.name == "viewer":
        for nodes in plan.groups(root.nodes, "Viewer").values():
            if nodes[0].name.value not in ("__typename", "key", "language", "name"):
                raise HandOver(f"Viewer.{nodes[0].name.value} has a resolver of its own")
    if root.name == "group":
        for nodes in plan.groups(root.nodes, "Group").values():
            name = nodes[0].name.value
            if name not in GROUP_VALUES and name not in ("__typename", "stores"):
                raise HandOver(f"Group.{name} has a resolver of its own")


# --- one store's part ------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class StorePlan:
    """What some nodes select of a store: its fields by response key, its lists, and the lists that are refused."""

    nodes: Sequence[FieldNode]
    groups: Groups
    program: Program
    wants_time: bool
    refused: Mapping[str, ForecourtError]
    #: the same by response key, with the nodes that its error names
    refusals: Sequence[tuple[str, Sequence[FieldNode], ForecourtError]]


def plan_store(selection: PlanSelection, entities: Entities, viewer: Viewer, nodes: Sequence[FieldNode]) -> StorePlan:
    """Plan what these nodes select of a store, for viewers with this reach (see `read.store_part`).

    Raises:
        HandOver: a field with a resolver of its own, or a list that the interpreter would refuse for what it asks.
    """
    selection = _fresh(selection)
    plurals = {entity.plural: entity for entity in entities}
    shapes: dict[str, Shape] = {}
    refused: dict[str, ForecourtError] = {}
    wants_time = False
    for key, group in selection.below(nodes, ids.STORE).items():
        name = group[0].name.value
        wants_time = wants_time or name == "asOf"
        if name in plurals:
            entity = plurals[name]
            if entity.open_to(viewer):
                shapes[key] = _asked(selection, entity, group)
            else:
                refused[key] = Forbidden(f"this needs {' or '.join(grant.permission for grant in entity.grants)}")
        elif name not in STORE_VALUES and name not in ("__typename", "asOf", "id"):
            raise HandOver(f"Store.{name} has a resolver of its own")
    program = _program(entities, viewer, shapes, {}, moment=wants_time)
    groups = selection.by_response(nodes, ids.STORE)
    refusals = [(key, group, refused[at]) for key, group in groups.items() if (at := key_of(group[0])) in refused]
    return StorePlan(nodes, groups, program, wants_time, refused, refusals)


@dataclass(eq=False)
class RowsPlan:
    """What some nodes select of rows by their ids: a shape per type. The ids of a type come by the slot `("ids", type)`."""

    nodes: Sequence[FieldNode]
    types: tuple[str, ...]
    program: Program


def plan_rows(
    selection: PlanSelection,
    entities: Entities,
    viewer: Viewer,
    nodes: Sequence[FieldNode],
    counts: Mapping[str, int],
) -> RowsPlan:
    """Plan what these nodes select of so many rows of each type (see `read.rows_by_id`).

    Raises:
        HandOver: something the interpreter would refuse.
    """
    selection = _fresh(selection)
    rows: dict[str, tuple[Shape, Slot]] = {}
    for name, count in counts.items():
        try:
            rows[name] = selection.node(entities[name], nodes, count), Slot(("ids", name))
        except ForecourtError as error:
            raise HandOver(f"{error.code}: {error.message}") from error
    return RowsPlan(nodes, tuple(counts), _program(entities, viewer, {}, rows, moment=False))


def _asked(selection: PlanSelection, entity: Entity, group: list[FieldNode]) -> Shape:
    try:
        return selection.connection(ids.STORE, entity, group)
    except ForecourtError as error:
        raise HandOver(f"{error.code}: {error.message}") from error


def _fresh(selection: PlanSelection) -> PlanSelection:
    """The same selection with its measure of rows at zero: every store's part is measured alone."""
    made = (selection.schema, selection.fragments, selection.variables, selection.entities, selection.store)
    return PlanSelection(*made)


def _program(
    entities: Entities,
    viewer: Viewer,
    lists: Mapping[str, Shape],
    rows: Mapping[str, tuple[Shape, Slot]],
    *,
    moment: bool,
) -> Program:
    try:
        return Program(entities, viewer, lists, rows, moment=moment)
    except (ForecourtError, NotCompilable) as error:
        raise HandOver(str(error)) from error


__all__ = ["HandOver", "OperationPlan", "PlanSelection", "Root", "RowsPlan", "StorePlan", "key_of"]

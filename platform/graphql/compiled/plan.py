"""What a document asks, worked out once: which parts it has, which shapes of a store each reads, which lists are refused.

A plan is made for the form of a request (see `variables.Variables`); of a store's part there is one for every set of
permissions, since these decide about refusals, masks and row rules.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
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
VIEWER_VALUES = ("key", "language", "name")

Groups = dict[str, list[FieldNode]]


@lru_cache(maxsize=8)
def made_fields(entities: Entities) -> Mapping[str, frozenset[str]]:
    """By type, the fields that the engine makes itself. Every other field of these types has a resolver of its own, and
    graphql-core completes it. Types that are not named here are made whole."""
    return {
        "Query": frozenset({"__typename", "group", "node", "nodes", "store", "viewer"}),
        "Viewer": frozenset({"__typename", *VIEWER_VALUES}),
        "Group": frozenset({"__typename", "stores", *GROUP_VALUES}),
        ids.STORE: frozenset({"__typename", "asOf", "id", *STORE_VALUES, *(entity.plural for entity in entities)}),
    }


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
    """One field of the query: its response key, its nodes, and where the engine makes it its arguments (with slots)."""

    key: str
    name: str
    nodes: list[FieldNode]
    arguments: Mapping[str, Any]
    #: what graphql-core completes: the field itself by its key, or some of the group's fields
    own: Groups = field(default_factory=dict)
    #: graphql-core completes it whole
    whole: bool = False


@dataclass(eq=False)
class OperationPlan:
    """A query in one form of its variables."""

    operation: Operation
    selection: PlanSelection
    #: in the order of the answer
    roots: list[Root] = field(default_factory=list)
    #: fields below the roots that no store's part makes, by the nodes that select them
    below: dict[tuple[int, ...], Groups] = field(default_factory=dict)

    def groups(self, nodes: Sequence[FieldNode], type_name: str) -> Groups:
        """`by_response`, worked out once per place."""
        key = tuple(map(id, nodes))
        if key not in self.below:
            self.below[key] = self.selection.by_response(nodes, type_name)
        return self.below[key]

    def own_below(self, nodes: Sequence[FieldNode], type_name: str) -> Groups:
        """Fields below these nodes that have resolvers of their own."""
        made = made_fields(self.selection.entities)[type_name]
        return {key: group for key, group in self.groups(nodes, type_name).items() if group[0].name.value not in made}

    @cached_property
    def mixed(self) -> bool:
        """Do fields with resolvers of their own stand beside parts of stores?"""
        return any(root.own for root in self.roots) and self._reads_stores()

    @cached_property
    def one_part(self) -> bool:
        """Does it read one part of one store and nothing else?"""
        return len(self.roots) == 1 and self.roots[0].name in ("node", "store")

    def _reads_stores(self) -> bool:
        """Does it read rows, or list the group's stores?"""
        return any(
            root.name in ("node", "nodes", "store")
            or (
                root.name == "group"
                and any(one[0].name.value == "stores" for one in self.groups(root.nodes, "Group").values())
            )
            for root in self.roots
        )


def plan_operation(
    schema: GraphQLSchema, entities: Entities, operation: Operation, variables: Mapping[str, Any]
) -> OperationPlan:
    """Plan a query: which of its fields the engine makes, and which graphql-core completes.

    A viewer with a field of its own is completed whole: the rest of it costs nothing.
    """
    selection = PlanSelection(schema, operation.document.fragments, variables, entities, _NO_STORE)
    found: Groups = {}
    selection.gather(operation.node.selection_set, "Query", found, set())
    plan = OperationPlan(operation, selection)
    for key, nodes in found.items():
        name = nodes[0].name.value
        if name not in made_fields(entities)["Query"] or (name == "viewer" and plan.own_below(nodes, "Viewer")):
            plan.roots.append(Root(key, name, nodes, {}, {key: nodes}, whole=True))
            continue
        arguments = {} if name == "__typename" else selection.arguments("Query", nodes[0])
        own = plan.own_below(nodes, "Group") if name == "group" else {}
        plan.roots.append(Root(key, name, nodes, arguments, own))
    return plan


# --- one store's part ------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class StorePlan:
    """What some nodes select of a store: its fields by response key, its lists, the lists that are refused, and the fields
    that graphql-core completes."""

    nodes: Sequence[FieldNode]
    groups: Groups
    program: Program
    wants_time: bool
    refused: Mapping[str, ForecourtError]
    #: the same by response key, with the nodes that its error names
    refusals: Sequence[tuple[str, Sequence[FieldNode], ForecourtError]]
    #: fields with resolvers of their own by response key, and beside them the refused lists: their errors are one sequence
    own: Groups


def plan_store(selection: PlanSelection, entities: Entities, viewer: Viewer, nodes: Sequence[FieldNode]) -> StorePlan:
    """Plan what these nodes select of a store, for viewers with this reach (see `read.store_part`).

    Raises:
        HandOver: a list that the interpreter would refuse for what it asks.
    """
    made = made_fields(entities)[ids.STORE]
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
    program = _program(entities, viewer, shapes, {}, moment=wants_time)
    groups = selection.by_response(nodes, ids.STORE)
    refusals = [(key, group, refused[at]) for key, group in groups.items() if (at := key_of(group[0])) in refused]
    own = {
        key: group for key, group in groups.items() if group[0].name.value not in made or key_of(group[0]) in refused
    }
    if len(own) == len(refusals):
        own = {}
    return StorePlan(nodes, groups, program, wants_time, refused, refusals, own)


@dataclass(eq=False)
class RowsPlan:
    """What some nodes select of rows by their ids: a shape per type. The ids of a type come by the slot `("ids", type)`."""

    nodes: Sequence[FieldNode]
    types: tuple[str, ...]
    program: Program
    #: how many rows of each type
    counts: Mapping[str, int]


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
    rows: dict[str, tuple[Shape, Slot]] = {}
    for name in counts:
        try:
            rows[name] = selection.node(entities[name], nodes), Slot(("ids", name))
        except ForecourtError as error:
            raise HandOver(f"{error.code}: {error.message}") from error
    return RowsPlan(nodes, tuple(counts), _program(entities, viewer, {}, rows, moment=False), dict(counts))


def _asked(selection: PlanSelection, entity: Entity, group: list[FieldNode]) -> Shape:
    try:
        return selection.connection(ids.STORE, entity, group)
    except ForecourtError as error:
        raise HandOver(f"{error.code}: {error.message}") from error


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

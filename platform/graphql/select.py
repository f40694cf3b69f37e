"""From a GraphQL selection to shapes: aliases, fragments, @skip and @include, variables, filters, orders and pages.

A child of a shape is keyed by its field and arguments, not by its alias: two aliases that ask the same are read once, and
two that differ are read twice. `key_of` gives the same key to the resolver that looks the child up.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from uuid import UUID

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLIncludeDirective,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLSkipDirective,
    InlineFragmentNode,
    SelectionSetNode,
    get_argument_values,
    get_directive_values,
    is_abstract_type,
    print_ast,
)
from graphql.execution.values import VariableValues

from ..errors import Invalid, NotFound
from ..tenancy.reader.entity import Entities, Entity
from ..tenancy.reader.shape import (
    Child,
    Compare,
    Condition,
    Every,
    Negate,
    Operator,
    Order,
    Page,
    Related,
    Shape,
    Some,
)
from . import ids

Groups = dict[str, list[FieldNode]]


def key_of(node: FieldNode) -> str:
    """Under which key a field's rows stand: its name and its arguments as written."""
    if not node.arguments:
        return node.name.value
    return f"{node.name.value}({','.join(sorted(print_ast(argument) for argument in node.arguments))})"


@dataclass
class Selection:
    """Reads selections of one operation for one store. `store` guards ids in filters."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]
    entities: Entities
    store: UUID
    _variables: VariableValues = field(init=False)

    def __post_init__(self) -> None:
        self._variables = VariableValues({}, dict(self.variables))

    @classmethod
    def of(cls, info: Any, entities: Entities, store: UUID) -> "Selection":
        """For the operation that a resolver's info belongs to."""
        given = info.variable_values  # strawberry's executor gives them as they are, graphql-core's own in a container
        return cls(info.schema, info.fragments, getattr(given, "coerced", given), entities, store)

    # -- fields ----------------------------------------------------------------------------------------------------

    def below(self, nodes: Iterable[FieldNode], type_name: str) -> Groups:
        """The fields selected below these nodes on an object of this type, grouped by field and arguments."""
        found: Groups = {}
        for node in nodes:
            if node.selection_set:
                self._collect(node.selection_set, type_name, found, set())
        return found

    def _collect(self, selected: SelectionSetNode, type_name: str, found: Groups, seen: set[str]) -> None:
        for node in selected.selections:
            if not self.included(node):
                continue
            if isinstance(node, FieldNode):
                found.setdefault(key_of(node), []).append(node)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                if condition is None or self.matches(condition.name.value, type_name):
                    self._collect(node.selection_set, type_name, found, seen)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
                seen.add(node.name.value)
                fragment = self.fragments[node.name.value]
                if self.matches(fragment.type_condition.name.value, type_name):
                    self._collect(fragment.selection_set, type_name, found, seen)

    def included(self, node: Any) -> bool:
        """Do @skip and @include leave it in?"""
        skip = get_directive_values(GraphQLSkipDirective, node, self._variables)
        include = get_directive_values(GraphQLIncludeDirective, node, self._variables)
        return not (skip and skip["if"]) and (include is None or bool(include["if"]))

    def matches(self, condition: str, type_name: str) -> bool:
        """Does a fragment on the type `condition` apply to an object of this type?"""
        if condition == type_name:
            return True
        wanted, actual = self.schema.get_type(condition), self.schema.get_type(type_name)
        return (
            is_abstract_type(wanted)
            and isinstance(actual, GraphQLObjectType)
            and self.schema.is_sub_type(wanted, actual)
        )

    def arguments(self, type_name: str, node: FieldNode) -> dict[str, Any]:
        """The coerced arguments of a field, with names as in the schema."""
        parent = self.schema.get_type(type_name)
        if not isinstance(parent, GraphQLObjectType):
            raise TypeError(f"{type_name} has no fields")
        return get_argument_values(parent.fields[node.name.value], node, self._variables)

    # -- shapes ----------------------------------------------------------------------------------------------------

    def node(self, entity: Entity, nodes: Iterable[FieldNode]) -> Shape:
        """The shape of one row below these nodes."""
        fields: set[str] = set()
        children: dict[str, Child] = {}
        for key, group in self.below(nodes, entity.name).items():
            name = group[0].name.value
            relation = entity.relation_by_name.get(name)
            if relation is None:
                fields |= {name} & entity.field_by_name.keys()
                continue
            target = self.entities[relation.target]
            if relation.many:
                children[key] = Child(name, self.connection(entity.name, target, group))
            else:
                children[key] = Child(name, self.node(target, group))
        return Shape(entity.name, frozenset(fields), children)

    def connection(self, parent: str, entity: Entity, nodes: list[FieldNode]) -> Shape:
        """The shape of a list of `entity` that a field of `parent` gives.

        Raises:
            NotFound: an id in the filter is not one of this store.
        """
        given = self.arguments(parent, nodes[0])
        page = self.page(given)
        groups = self.below(nodes, f"{entity.name}Connection")
        picked: dict[str, list[FieldNode]] = {}
        for group in groups.values():
            picked.setdefault(group[0].name.value, []).extend(group)
        edges = picked.get("edges", [])
        inner = [
            node
            for group in self.below(edges, f"{entity.name}Edge").values()
            if group[0].name.value == "node"
            for node in group
        ]
        row = self.node(entity, inner)
        return Shape(
            entity.name,
            row.fields,
            row.children,
            where=self.condition(entity, given.get("where")),
            order=tuple(
                Order(_order_field(entity, item["field"]), word(item.get("direction")) == "DESC")
                for item in given.get("orderBy") or ()
            )
            or tuple(Order(*key) for key in entity.order),
            page=page,
            total="totalCount" in picked,
            rows=bool(edges) or "pageInfo" in picked or "totalCount" not in picked,
            more="pageInfo" in picked,
        )

    def page(self, given: Mapping[str, Any]) -> Page:
        """The page that a list's arguments ask for."""
        return Page(given.get("first"), given.get("after"), given.get("last"), given.get("before"))

    # -- filters ---------------------------------------------------------------------------------------------------

    def condition(self, entity: Entity, given: Mapping[str, Any] | None) -> Condition | None:
        """A `where` argument as a condition; None where nothing is asked.

        Raises:
            NotFound: an id is not one of this store and type.
        """
        if given is None:
            return None
        parts: list[Condition] = []
        for name, value in given.items():
            if value is not None:
                parts += self._part(entity, name, value)
        return Every(tuple(parts)) if parts else None

    def _part(self, entity: Entity, name: str, value: Any) -> list[Condition]:
        relation = entity.relation_by_name.get(name)
        if name == "and":
            return [Every(tuple(self._all(entity, value)))]
        if name == "or":
            return [Some(tuple(self._all(entity, value)))]
        if name == "not":
            return [Negate(self.condition(entity, value) or Every(()))]
        if relation is not None:
            target = self.entities[relation.target]
            return [Related(name, self.condition(target, value) or Every(()))]
        read: Callable[[Any], Any] = (lambda text: self.row(entity, text)) if name == "id" else self.word
        return [_compare(name, operator, wanted, read) for operator, wanted in value.items() if wanted is not None]

    def _all(self, entity: Entity, values: Iterable[Any]) -> Iterable[Condition]:
        return (self.condition(entity, value) or Every(()) for value in values)

    def word(self, value: Any) -> Any:
        """A value of a filter as the reader wants it."""
        return word(value)

    def row(self, entity: Entity, text: Any) -> Any:
        """The row that an id in a filter names."""
        return row(entity.name, self.store, text)


def row(entity: str, store: UUID, text: str) -> UUID:
    """The row of this entity and store that an id names.

    Raises:
        NotFound: it names none.
    """
    found = ids.parse(text)
    if found is None or found.type != entity or found.store != store:
        raise NotFound("no such id")
    return found.row


def _compare(name: str, operator: str, wanted: Any, read: Callable[[Any], Any]) -> Compare:
    value = tuple(read(item) for item in wanted) if isinstance(wanted, list) else read(wanted)
    return Compare(name, Operator(operator), value)


def word(value: Any) -> Any:
    """An enum's word, or the value itself.

    Raises:
        Invalid: a text that no row can hold (NUL, half a surrogate pair).
    """
    if isinstance(value, str) and ("\0" in value or (not value.isascii() and _broken(value))):
        raise Invalid("a text that cannot be stored", path=("where",))
    return value.value if isinstance(value, Enum) else value


def _broken(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def _order_field(entity: Entity, value: Any) -> str:
    name = word(value)
    if name not in entity.field_by_name:
        raise KeyError(name)
    return str(name)

"""A document read once: parsed, validated by the same rules as graphql-core's way, and what its variables are used for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLSchema,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_list_type,
    is_non_null_type,
    parse,
    specified_rules,
    type_from_ast,
)
from graphql.execution.values import VariableValues, get_variable_values
from strawberry.schema.schema import validate_document

from ...tenancy.reader.shape import Operator, Slot
from ..limits import MOST_TOKENS, DepthRule

#: Arguments whose value a plan need not know.
_FREE_ARGUMENTS = frozenset({"after", "before", "code", "id", "ids"})
#: Operators of a filter whose value a plan need not know; `isNull` changes the statement.
_FREE_OPERATORS = frozenset(str(item) for item in Operator if item is not Operator.IS_NULL)


@dataclass
class Document:
    """A valid document. `operations` goes by name, None for one without."""

    operations: Mapping[str | None, "Operation"]
    fragments: Mapping[str, FragmentDefinitionNode]

    def operation(self, name: str | None) -> "Operation | None":
        """The operation that is meant; None when that cannot be said."""
        if name is None:
            return next(iter(self.operations.values())) if len(self.operations) == 1 else None
        return self.operations.get(name)


@dataclass(eq=False)
class Operation:
    """One operation with its document's fragments."""

    node: OperationDefinitionNode
    document: "Document"
    #: scalar variables that a plan need not know
    free: frozenset[str]
    #: all variables but those of a mutation's inputs alone
    deciding: frozenset[str]
    #: letters of the document, which a plan keeps alive
    letters: int


def read_document(schema: GraphQLSchema, text: str) -> Document | None:
    """Parse and validate; None when graphql-core would refuse the document."""
    try:
        tree = parse(text, max_tokens=MOST_TOKENS)
    except GraphQLError:
        return None
    if validate_document(schema, tree, (*specified_rules, DepthRule)):
        return None
    fragments = {item.name.value: item for item in tree.definitions if isinstance(item, FragmentDefinitionNode)}
    operations: dict[str | None, Operation] = {}
    document = Document(operations, fragments)
    for item in tree.definitions:
        if isinstance(item, OperationDefinitionNode):
            uses = _Uses()
            root = schema.mutation_type if item.operation is OperationType.MUTATION else None
            uses.below(item.selection_set, inputs=root is not None)
            for fragment in fragments.values():
                on_root = root is not None and fragment.type_condition.name.value == root.name
                uses.below(fragment.selection_set, inputs=on_root)
            name = item.name.value if item.name else None
            free, deciding = frozenset(uses.free - uses.known), frozenset(uses.free | uses.known)
            operations[name] = Operation(item, document, free, deciding, len(text))
    return document


@dataclass
class _Uses:
    """Which variables stand where a plan may leave the value open, and which where it must know it."""

    free: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)

    def below(self, selected: SelectionSetNode, *, inputs: bool = False) -> None:
        """Below a selection; `inputs`: what its own fields are given decides about no plan."""
        for node in selected.selections:
            self._directives(node.directives or ())
            if isinstance(node, FieldNode) and not inputs:
                for argument in node.arguments or ():
                    self._value(argument.value, free=argument.name.value in _FREE_ARGUMENTS)
            inside = getattr(node, "selection_set", None)
            if inside is not None:
                self.below(inside, inputs=inputs and not isinstance(node, FieldNode))

    def _directives(self, directives: Iterable[DirectiveNode]) -> None:
        for directive in directives:
            for argument in directive.arguments or ():
                self._value(argument.value, free=False)

    def _value(self, value: Any, *, free: bool) -> None:
        if isinstance(value, VariableNode):
            (self.free if free else self.known).add(value.name.value)
        elif isinstance(value, ListValueNode):
            for item in value.values:
                self._value(item, free=False)
        elif isinstance(value, ObjectValueNode):
            for part in value.fields:
                self._value(part.value, free=part.name.value in _FREE_OPERATORS)


# --- variables -------------------------------------------------------------------------------------------------------


def coerced(schema: GraphQLSchema, operation: Operation, given: Mapping[str, Any]) -> dict[str, Any] | None:
    """The variables as graphql-core reads them; None when it would refuse them."""
    definitions = operation.node.variable_definitions
    if not definitions:
        return {}
    found = get_variable_values(schema, definitions, dict(given))
    return found.coerced if isinstance(found, VariableValues) else None


@dataclass(frozen=True)
class Opened:
    """Variables with slots in place of the values that a plan need not know, and a key for the ones it knows."""

    values: Mapping[str, Any]
    key: tuple[Any, ...]


def opened(schema: GraphQLSchema, operation: Operation, variables: Mapping[str, Any]) -> Opened:
    """Leave open what a plan need not know."""
    values: dict[str, Any] = {}
    keys: list[tuple[Any, ...]] = []
    for definition in operation.node.variable_definitions or ():
        name = definition.variable.name.value
        if name not in variables:
            keys.append((name,))
            continue
        type_ = type_from_ast(schema, definition.type)
        values[name], key = _open(type_, variables[name], (name,), free=name in operation.free)
        keys.append((name, key))
    return Opened(values, tuple(keys))


def _open(type_: Any, value: Any, path: tuple[Any, ...], *, free: bool) -> tuple[Any, Any]:
    """A value with slots, and its key: the form alone where it is open."""
    if is_non_null_type(type_):
        type_ = type_.of_type
    if value is None:
        return None, None
    named = get_named_type(type_)
    if isinstance(named, GraphQLInputObjectType):
        filters = named.name.endswith(("Filter", "Where"))
        if is_list_type(type_) and filters:
            parts = [_open(type_.of_type, item, (*path, number), free=False) for number, item in enumerate(value)]
            return [part for part, _ in parts], tuple(key for _, key in parts)
        if filters:
            operators = named.name.endswith("Filter")
            made = {
                name: _open(named.fields[name].type, item, (*path, name), free=operators and name in _FREE_OPERATORS)
                for name, item in value.items()
            }
            return {name: part for name, (part, _) in made.items()}, tuple((n, key) for n, (_, key) in made.items())
    elif free:
        return Slot(("variable", path)), "*"
    return value, _frozen(value)


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple((name, _frozen(item)) for name, item in value.items())
    if isinstance(value, list):
        return tuple(_frozen(item) for item in value)
    return value


def weight_of(key: Any) -> int:
    """How much a key holds: its values, and the letters of its texts."""
    if isinstance(key, tuple):
        return 1 + sum(weight_of(item) for item in key)
    return 1 + len(key) if isinstance(key, str) else 1


def value_at(variables: Mapping[str, Any], path: tuple[Any, ...]) -> Any:
    """The value of an open variable."""
    found: Any = variables
    for step in path:
        found = found[step]
    return found

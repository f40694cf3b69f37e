"""A document read once: parsed, validated by the same rules as graphql-core's way, and what its variables are used for."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    parse,
    specified_rules,
    validate,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from ..cost import Price, Prices
from ..measure import PARSING, check_document, check_text, require
from .variables import FREE_OPERATORS, Variables

#: As strawberry validates.
RULES = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)
#: Each one costs: its place in the text is looked up. Whoever made so many looks at the first ones.
MOST_ERRORS = 5

#: Arguments whose value a plan need not know.
_FREE_ARGUMENTS = frozenset({"after", "before", "code", "id", "ids"})


@dataclass
class Document:
    """A valid document. `operations` goes by name, None for one without."""

    operations: Mapping[str | None, "Operation"]
    fragments: Mapping[str, FragmentDefinitionNode]
    tree: DocumentNode

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
    #: a plan is made of those that fields of the engine use; what only fields with resolvers of their own use, graphql-core
    #: reads by itself
    variables: Variables
    #: letters of the document, which a plan keeps alive
    letters: int
    #: what it costs
    price: Price


@dataclass(frozen=True)
class NoDocument:
    """A text that is no valid document, with its errors: whoever sends it again is told so at once."""

    errors: Sequence[GraphQLError]
    #: names of its operations (None for one without); None where it is not even GraphQL
    names: Sequence[str | None] | None

    def says_all(self, name: str | None) -> bool:
        """Are these the errors for whoever means the operation of this name? That none or several are meant comes first."""
        if self.names is None:
            return True
        return len(self.names) == 1 if name is None else name in self.names


def names_of(tree: DocumentNode) -> list[str | None]:
    """The names of a document's operations, None for one without."""
    operations = (item for item in tree.definitions if isinstance(item, OperationDefinitionNode))
    return [item.name.value if item.name else None for item in operations]


def read_document(
    schema: GraphQLSchema,
    prices: Prices,
    text: str,
    made: Mapping[str, frozenset[str]],
    variables: Mapping[str, Any] | None,
) -> Document | NoDocument:
    """Parse, measure and validate. `made`: see `plan.made_fields`.

    Raises:
        TooLarge: with these variables (None: it does not run) it costs more than any operation may; whether it is valid was
            not looked at.
    """
    try:
        check_text(text)
        tree = parse(text, **PARSING)
        check_document(tree)
    except GraphQLError as error:
        return NoDocument([error], None)
    fragments = {item.name.value: item for item in tree.definitions if isinstance(item, FragmentDefinitionNode)}
    operations = [item for item in tree.definitions if isinstance(item, OperationDefinitionNode)]
    priced = [Price(prices, item, fragments) for item in operations]
    if variables is not None and priced:
        _check_cost(priced, variables)
    errors = validate(schema, tree, RULES, max_errors=MOST_ERRORS, hide_suggestions=True)
    if errors:
        return NoDocument(errors, names_of(tree))
    found: dict[str | None, Operation] = {}
    document = Document(found, fragments, tree)
    for item, price in zip(operations, priced, strict=True):
        uses = _Uses(schema, made)
        uses.below(item.selection_set, schema.get_root_type(item.operation))
        for fragment in fragments.values():
            uses.below(fragment.selection_set, schema.get_type(fragment.type_condition.name.value))
        name = item.name.value if item.name else None
        read = Variables(schema, item, uses.free | uses.known, uses.free - uses.known)
        found[name] = Operation(item, document, read, len(text), price)
    return document


def _check_cost(priced: Sequence[Price], variables: Mapping[str, Any]) -> None:
    """Validation takes several times as long as to see that a document costs too much. One that is not valid may have no
    price: that is for the validation to say.

    Raises:
        TooLarge: every operation costs too much.
    """
    with suppress(AttributeError, LookupError, RecursionError, TypeError):
        require("COST", min(one.of(variables).cost for one in priced))


@dataclass
class _Uses:
    """Which variables stand where a plan may leave the value open, and which where it must know it. Arguments of fields that
    the engine does not make, and all below these fields, are not looked at."""

    schema: GraphQLSchema
    made: Mapping[str, frozenset[str]]
    free: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)

    def below(self, selected: SelectionSetNode, parent: Any) -> None:
        for node in selected.selections:
            self._directives(node.directives or ())
            inside = parent
            if isinstance(node, FieldNode):
                if node.name.value not in self.made.get(parent.name, (node.name.value,)):
                    continue
                if parent is not self.schema.mutation_type:  # inputs decide about no plan
                    for argument in node.arguments or ():
                        self._value(argument.value, free=argument.name.value in _FREE_ARGUMENTS)
                inside = self._type_of(parent, node)
            elif isinstance(node, InlineFragmentNode) and node.type_condition:
                inside = self.schema.get_type(node.type_condition.name.value)
            selection = getattr(node, "selection_set", None)
            if selection is not None:
                self.below(selection, inside)

    def _type_of(self, parent: Any, node: FieldNode) -> Any:
        known = isinstance(parent, GraphQLObjectType | GraphQLInterfaceType)
        found = self.schema.get_field(parent, node.name.value) if known else None
        return None if found is None else get_named_type(found.type)

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
                self._value(part.value, free=part.name.value in FREE_OPERATORS)

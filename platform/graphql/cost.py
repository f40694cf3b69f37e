"""What an operation may cost at most, before it runs: the objects that its answer would hold were every page full.

A scalar costs 0 and an object 1, a list its size times what one of it costs, a mutation 10 on top; where a type is not known
before, the dearest of those that are possible. The schema says the same in the words of IBM's cost directives: `@cost` on
mutations, `@listSize` on lists. What was not used of it is given back: the answer's objects are what it did cost.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from graphql import (
    DirectiveLocation,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLDirective,
    GraphQLField,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    StringValueNode,
    VariableNode,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    is_list_type,
    is_non_null_type,
)

from ..tenancy.reader.shape import DEFAULT_PAGE

#: Every mutation, beside the objects of its payload: a transaction with its audit.
MUTATION: Final = 10
#: Lists without a size of their own, such as the roles of an account, mostly are shorter.
ASSUMED: Final = 10
#: Those that are known to be longer, or shorter.
_LENGTHS: Final[Mapping[tuple[str, str] | str, int]] = {
    ("Benchmark", "stores"): 100,
    ("Group", "directoryMappings"): 100,
    ("Group", "schemes"): 50,
    ("Group", "settings"): 100,
    ("Group", "surveyTemplates"): 50,
    ("MonthClose", "stores"): 100,
    #: of records that came in one mutation
    "results": 100,
    "userErrors": 1,
}
#: What a schema tells of itself, on the average of its types; the nesting of these lists is bounded by validation.
_INTROSPECTED: Final = 2
#: Rows that an argument counts from the front or from the back.
_SLICING = ("first", "last")
#: Arguments of root fields that may name a store, or something of one.
_NAMING: Final = ("code", "id", "ids", "input")
#: Prices of one operation that are kept, for as many values of the variables that decide about them.
_MOST_KEPT: Final = 50

COST = GraphQLDirective(
    "cost",
    (DirectiveLocation.FIELD_DEFINITION,),
    {
        "weight": GraphQLArgument(
            GraphQLNonNull(GraphQLString), description="What the field costs beside the objects that it gives."
        )
    },
    description="What a field costs; without it a scalar costs 0 and an object 1 成本权重.",
)
LIST_SIZE = GraphQLDirective(
    "listSize",
    (DirectiveLocation.FIELD_DEFINITION,),
    {
        "assumedSize": GraphQLArgument(
            GraphQLInt, description="How long the list is taken to be when nothing says it."
        ),
        "slicingArguments": GraphQLArgument(
            GraphQLList(GraphQLNonNull(GraphQLString)), description="Arguments that say how long the list is at most."
        ),
        "sizedFields": GraphQLArgument(
            GraphQLList(GraphQLNonNull(GraphQLString)),
            description="Fields of the returned object that are the list, in place of the field itself.",
        ),
        "requireOneSlicingArgument": GraphQLArgument(
            GraphQLNonNull(GraphQLBoolean), True, description="Whether one of the slicing arguments must be given."
        ),
    },
    description="How long a list is, for what it costs 列表长度.",
)


class ListSize(NamedTuple):
    """How long a field's list is: as one of `slicing` says, else `assumed`. `sized`: its fields that are the list; these
    themselves are `of_page`, as long as the field around them says."""

    assumed: int
    slicing: tuple[str, ...] = ()
    sized: tuple[str, ...] = ()
    of_page: bool = False


def list_size(parent: str, name: str, definition: GraphQLField) -> ListSize | None:
    """The size of what a field gives; None: it is no list of objects."""
    named = get_named_type(definition.type)
    slicing = tuple(name for name in _SLICING if name in definition.args)
    if _is_list(definition.type):
        if not is_composite_type(named):
            return None
        if not slicing and "ids" in definition.args:
            return ListSize(ASSUMED, ("ids",))
        assumed = _LENGTHS.get((parent, name), _LENGTHS.get(name, ASSUMED))
        of_page = named.name.endswith("Edge")
        return ListSize(_default(definition, slicing) if slicing else assumed, slicing, of_page=of_page)
    if slicing and isinstance(named, GraphQLObjectType) and "edges" in named.fields:
        return ListSize(_default(definition, slicing), slicing, ("edges",))
    return None


def _default(definition: GraphQLField, slicing: Sequence[str]) -> int:
    argument = definition.args[slicing[0]]
    given = argument.default_value if argument.default is None else _literal(argument.default.literal)
    return given if isinstance(given, int) else DEFAULT_PAGE


def _is_list(type_: Any) -> bool:
    return is_list_type(type_.of_type if is_non_null_type(type_) else type_)


class Naming(NamedTuple):
    """An argument of a root field that may name what it is about: a variable's value, or what the document says."""

    argument: str
    variable: str | None
    value: Any


class RootPrice(NamedTuple):
    """What a root field costs at most, and its arguments that may name a store."""

    cost: int
    node: FieldNode
    named: Sequence[Naming]


class Priced(NamedTuple):
    """What an operation costs at most, and each of its root fields."""

    cost: int
    roots: Sequence[RootPrice]


class Prices:
    """What the operations of a schema cost."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self.schema = schema
        self._fields: dict[tuple[str, str], tuple[str, ListSize | None, bool]] = {}

    def field(self, parent: str, name: str) -> tuple[str, ListSize | None, bool]:
        """The named type of a field, how long its list is, and whether it gives objects at all.

        Raises:
            LookupError: there is no such field.
        """
        found = self._fields.get((parent, name))
        if found is None:
            type_: Any = self.schema.get_type(parent)
            definition = self.schema.get_field(type_, name)
            if definition is None:
                raise LookupError(name)
            named = get_named_type(definition.type)
            size = list_size(parent, name, definition)
            if size is not None and parent.startswith("__"):
                size = ListSize(len(self.schema.type_map) if name == "types" else _INTROSPECTED)
            found = self._fields[parent, name] = named.name, size, is_composite_type(named)
        return found

    def types_of(self, name: str) -> Sequence[str]:
        """The types that an object of this type may be."""
        type_: Any = self.schema.get_type(name)
        return [one.name for one in self.schema.get_possible_types(type_)] if is_abstract_type(type_) else [name]

    def applies(self, condition: str, type_: str) -> bool:
        """Does a fragment on `condition` apply to an object of this type?"""
        return condition == type_ or type_ in self.types_of(condition)


@dataclass(eq=False)
class Price:
    """What one operation costs, by the values of its variables that decide about it."""

    prices: Prices
    node: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    #: name → default of the variables that decide
    _deciding: Mapping[str, Any] = field(init=False)
    _known: dict[tuple[Any, ...], Priced] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        used = _deciding(self.node.selection_set, self.fragments)
        self._deciding = {
            one.variable.name.value: _literal(one.default_value)
            for one in self.node.variable_definitions or ()
            if one.variable.name.value in used
        }

    def of(self, variables: Mapping[str, Any]) -> Priced:
        """What it costs with variables as they came: a value that does not fit its type is refused later, whatever is said of
        it here."""
        key = tuple([_deciding_value(variables.get(name, default)) for name, default in self._deciding.items()])
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            values = dict(zip(self._deciding, key, strict=True))
            found = self._known[key] = _Reckoning(self.prices, self.fragments, values).operation(self.node)
        return found


def _named(node: FieldNode) -> Sequence[Naming]:
    found = []
    for one in node.arguments or ():
        if one.name.value in _NAMING:
            value: Any = one.value
            variable = value.name.value if isinstance(value, VariableNode) else None
            found.append(Naming(one.name.value, variable, None if variable else _texts(value)))
    return found


def _texts(node: Any) -> Any:
    """What a literal says, as far as it can name something: a text, or texts in a list or an input."""
    if isinstance(node, StringValueNode):
        return node.value
    if isinstance(node, ListValueNode):
        return [_texts(one) for one in node.values]
    if isinstance(node, ObjectValueNode):
        return {one.name.value: _texts(one.value) for one in node.fields}
    return None


def _deciding_value(value: Any) -> int | bool | None:
    """A page's size, a condition, or how many ids there are."""
    if isinstance(value, int):
        return value
    return len(value) if isinstance(value, list) else None


def _literal(node: Any) -> Any:
    if isinstance(node, IntValueNode):
        return int(node.value)
    if isinstance(node, ListValueNode):
        return list(node.values)
    return getattr(node, "value", None)


def _deciding(selected: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]) -> set[str]:
    """Names of the variables that sizes and conditions depend on."""
    found: set[str] = set()
    waiting, seen = [selected], set[str]()
    while waiting:
        for node in waiting.pop().selections:
            arguments: list[Any] = [one for directive in node.directives or () for one in directive.arguments or ()]
            if isinstance(node, FieldNode):
                arguments += [one for one in node.arguments or () if one.name.value in (*_SLICING, "ids")]
            found |= {one.value.name.value for one in arguments if isinstance(one.value, VariableNode)}
            if isinstance(node, FragmentSpreadNode):
                if node.name.value in fragments and node.name.value not in seen:
                    seen.add(node.name.value)
                    waiting.append(fragments[node.name.value].selection_set)
            elif (below := getattr(node, "selection_set", None)) is not None:
                waiting.append(below)
    return found


@dataclass
class _Reckoning:
    """One run over an operation: fields with the same key are one, each group of fields on a type is reckoned once."""

    prices: Prices
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]
    _known: dict[tuple[str, tuple[int, ...]], int] = field(default_factory=dict)

    def operation(self, node: OperationDefinitionNode) -> Priced:
        root = self.prices.schema.get_root_type(node.operation)
        if root is None:
            raise LookupError(node.operation)
        mutation = MUTATION if root is self.prices.schema.mutation_type else 0
        found = self._collected([node.selection_set], root.name)
        roots = []
        for nodes in found.values():
            more = mutation if nodes[0].name.value != "__typename" else 0
            roots.append(RootPrice(self._field(root.name, nodes) + more, nodes[0], _named(nodes[0])))
        return Priced(sum(one.cost for one in roots), roots)

    def _selection(self, nodes: Sequence[FieldNode], named: str, size: int | None, sized: Sequence[str]) -> int:
        """What stands below these fields on one object; the fields `sized` of it are a list of `size`."""
        return max(self._below(nodes, type_, size, sized) for type_ in self.prices.types_of(named) or [named])

    def _below(self, nodes: Sequence[FieldNode], type_: str, size: int | None, sized: Sequence[str]) -> int:
        key = type_, (*map(id, nodes), -1 if size is None else size)
        found = self._known.get(key)
        if found is None:
            inside = self._collected([one.selection_set for one in nodes if one.selection_set], type_)
            found = sum(
                self._field(type_, group, size if group[0].name.value in sized else None) for group in inside.values()
            )
            self._known[key] = found
        return found

    def _field(self, parent: str, nodes: Sequence[FieldNode], given: int | None = None) -> int:
        """`given`: how long the list is, where the object around it was asked for so many."""
        name = nodes[0].name.value
        named, rule, objects = self.prices.field(parent, name)
        if not objects:
            return 0
        if rule is None:
            return 1 + self._selection(nodes, named, None, ())
        size = given if given is not None else self._size(rule, nodes[0])
        if rule.sized:
            return 1 + self._selection(nodes, named, size, rule.sized)
        return size * (1 + self._selection(nodes, named, None, ()))

    def _size(self, rule: ListSize, node: FieldNode) -> int:
        found = None
        for argument in node.arguments or ():
            if argument.name.value in rule.slicing:
                value = argument.value
                given = (
                    self.variables.get(value.name.value)
                    if isinstance(value, VariableNode)
                    else _deciding_value(_literal(value))
                )
                if isinstance(given, int):
                    found = max(given, found or 0)
        return rule.assumed if found is None else max(0, found)

    def _collected(self, selected: Iterable[SelectionSetNode], type_: str) -> dict[str, list[FieldNode]]:
        """The specification's CollectFields."""
        found: dict[str, list[FieldNode]] = {}
        seen: set[str] = set()
        for one in selected:
            self._collect(one, type_, found, seen)
        return found

    def _collect(
        self, selected: SelectionSetNode, type_: str, found: dict[str, list[FieldNode]], seen: set[str]
    ) -> None:
        for node in selected.selections:
            if not self._included(node):
                continue
            if isinstance(node, FieldNode):
                found.setdefault((node.alias or node.name).value, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                if condition is None or self.prices.applies(condition.name.value, type_):
                    self._collect(node.selection_set, type_, found, seen)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
                seen.add(node.name.value)
                fragment = self.fragments[node.name.value]
                if self.prices.applies(fragment.type_condition.name.value, type_):
                    self._collect(fragment.selection_set, type_, found, seen)

    def _included(self, node: Any) -> bool:
        for directive in node.directives or ():
            if directive.name.value in ("skip", "include"):
                value = directive.arguments[0].value
                given = self.variables.get(value.name.value) if isinstance(value, VariableNode) else value.value
                if bool(given) is (directive.name.value == "skip"):
                    return False
        return True

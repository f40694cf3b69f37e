"""The variables of an operation, read at every request: as graphql-core reads them, and as a plan needs to know them.

What a plan need not know is left open as a slot: a filter's operand, a cursor, an id. What it must know (page sizes, orders, which
fields of a filter are given, conditions of directives) is the key of the plan. Texts, whole numbers, yes and no of the type that
is asked are their own value, and inputs of such are read here (`plain`); everything else, and everything that is wrong, is graphql-core's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from graphql import (
    GraphQLInputObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableDefinitionNode,
    get_named_type,
    is_list_type,
    is_non_null_type,
    type_from_ast,
)
from graphql.execution.values import VariableValues, get_variable_values

from ...tenancy.reader.shape import Operator, Slot
from .plain import QUICK, Odd, Read, has_32_bits, reader

#: Operators of a filter whose value a plan need not know; `isNull` changes the statement.
FREE_OPERATORS: Final = frozenset(str(item) for item in Operator if item is not Operator.IS_NULL)

_ABSENT: Final[Any] = object()


class Given(NamedTuple):
    """The variables of one request: their values; the same with slots; what of them a plan is made for."""

    known: dict[str, Any]
    values: dict[str, Any]
    key: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Variable:
    name: str
    kind: Any
    #: the Python type whose values are what they are; or how a given value is read
    quick: type | None
    read: Read | None
    required: bool
    default: Any
    used: bool
    free: bool
    slot: Slot


class Variables:
    """Reads the variables of one operation. `used` are those a plan is made of, `free` those of them that it may leave open."""

    def __init__(
        self, schema: GraphQLSchema, node: OperationDefinitionNode, used: Iterable[str], free: Iterable[str]
    ) -> None:
        self._schema, self._definitions = schema, node.variable_definitions or ()
        used, free = frozenset(used), frozenset(free)
        self._variables = [_variable(schema, one, used, free) for one in self._definitions]

    def read(self, given: Mapping[str, Any]) -> Given | None:
        """The variables; None when graphql-core would refuse them."""
        found = Given({}, {}, ())
        keys: list[Any] = []
        for one in self._variables:
            value: Any = given.get(one.name, one.default)
            if value is _ABSENT:
                if one.required:
                    return None
                if one.used:
                    keys.append(())
                continue
            if type(value) is one.quick:
                if one.quick is int and not has_32_bits(value):
                    return None
            elif one.read is not None and type(value) is dict and value is not one.default:
                try:
                    value = one.read(value)
                except Odd:
                    return self._by_core(given)
            elif (value is None and one.required) or (value is not None and value is not one.default):
                return self._by_core(given)
            found.known[one.name] = value
            if one.used:
                _open_one(one, value, found.values, keys)
        return Given(found.known, found.values, tuple(keys))

    def sources(self, given: Mapping[str, Any]) -> VariableValues:
        """The variables with all that graphql-core's executor knows of them; they were read before."""
        found = get_variable_values(self._schema, self._definitions, dict(given))
        if not isinstance(found, VariableValues):
            raise TypeError("these variables were refused")
        return found

    def _by_core(self, given: Mapping[str, Any]) -> Given | None:
        coerced = get_variable_values(self._schema, self._definitions, dict(given))
        if not isinstance(coerced, VariableValues):
            return None
        found = Given(coerced.coerced, {}, ())
        keys: list[Any] = []
        for one in self._variables:
            if one.used:
                if one.name in found.known:
                    _open_one(one, found.known[one.name], found.values, keys)
                else:
                    keys.append(())
        return Given(found.known, found.values, tuple(keys))


def _variable(
    schema: GraphQLSchema, node: VariableDefinitionNode, used: frozenset[str], free: frozenset[str]
) -> _Variable:
    name = node.variable.name.value
    type_ = type_from_ast(schema, node.type)
    bare: Any = type_.of_type if is_non_null_type(type_) else type_
    default = _ABSENT
    if node.default_value is not None:
        coerced = get_variable_values(schema, (node,), {})  # valid: the document was validated
        default = coerced.coerced[name] if isinstance(coerced, VariableValues) else _ABSENT
    return _Variable(
        name,
        type_,
        QUICK.get(bare),
        reader(type_),
        is_non_null_type(type_),
        default,
        name in used,
        name in free,
        Slot(("variable", (name,))),
    )


def _open_one(one: _Variable, value: Any, values: dict[str, Any], keys: list[Any]) -> None:
    """Put a variable among the values of a plan, and what of it the plan depends on among its keys."""
    if one.quick is not None and value is not None:
        values[one.name] = one.slot if one.free else value
        keys.append("*" if one.free else value)
    else:
        values[one.name], key = _open(one.kind, value, (one.name,), free=one.free)
        keys.append(key)


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
                name: _open(named.fields[name].type, item, (*path, name), free=operators and name in FREE_OPERATORS)
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

"""Values of input types whose fields are all leaves or lists of them, as the inputs of most mutations: read without graphql-core.

What is read is what its `coerce_input_value` makes of the value. Every other type, and every value that is not quite as it
should be, is graphql-core's: what is wrong with it is worded there.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from graphql import (
    GraphQLBoolean,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLString,
    Undefined,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_required_input_field,
)
from graphql.utilities.coerce_input_value import coerce_default_value

#: The types whose values are what they are, when they are of this Python type.
QUICK: Final[Mapping[Any, type]] = {GraphQLBoolean: bool, GraphQLID: str, GraphQLInt: int, GraphQLString: str}

#: Makes of a value the one that graphql-core makes.
Read = Callable[[Any], Any]


class Odd(Exception):
    """This value is for graphql-core to read, or to refuse."""


def reader(type_: Any) -> Read | None:
    """Reads values of an input type, raising `Odd`; None where the type is graphql-core's to read."""
    if is_non_null_type(type_):
        type_ = type_.of_type
    if not isinstance(type_, GraphQLInputObjectType) or type_.is_one_of:
        return None
    parts = [(name, field, _field(field.type)) for name, field in type_.fields.items()]
    if any(read is None for _, _, read in parts):
        return None
    fields = [(name, field.out_name or name, field, _absent(field), read) for name, field, read in parts if read]
    names, finished = frozenset(type_.fields), type_.out_type

    def read_object(value: Any) -> Any:
        if type(value) is not dict or not names.issuperset(value):
            raise Odd
        found: dict[str, Any] = {}
        for name, out, field, absent, read in fields:
            if name in value:
                found[out] = read(value[name])
            elif absent is not None:
                absent(found, out, field)
        return finished(found)

    return read_object


def has_32_bits(number: Any) -> bool:
    """Is it one of GraphQL's whole numbers?"""
    return bool(-2147483648 <= number <= 2147483647)


def _absent(field: GraphQLInputField) -> Callable[[dict[str, Any], str, GraphQLInputField], None] | None:
    """What happens where the field is not given; None: nothing."""
    if is_required_input_field(field):
        return _refused
    return None if coerce_default_value(field) is Undefined else _by_default


def _refused(_found: dict[str, Any], _name: str, _field: GraphQLInputField) -> None:
    raise Odd


def _by_default(found: dict[str, Any], name: str, field: GraphQLInputField) -> None:
    found[name] = coerce_default_value(field)


def _field(type_: Any) -> Read | None:
    needed = is_non_null_type(type_)
    if needed:
        type_ = type_.of_type
    read: Read | None = None
    if is_list_type(type_):
        of_item = type_.of_type
        bare = of_item.of_type if is_non_null_type(of_item) else of_item
        read = _list(_field(of_item)) if is_leaf_type(bare) else None
    elif is_leaf_type(type_):
        read = _leaf(type_)
    return read if read is None or needed else _nullable(read)


def _nullable(read: Read) -> Read:
    return lambda value: None if value is None else read(value)


def _list(read: Read | None) -> Read | None:
    if read is None:
        return None

    def read_list(value: Any) -> Any:
        if type(value) is not list:
            raise Odd
        return [read(one) for one in value]

    return read_list


def _leaf(type_: Any) -> Read:
    quick, take = QUICK.get(type_), type_.coerce_input_value

    def read(value: Any) -> Any:
        if type(value) is quick and (quick is not int or has_32_bits(value)):
            return value
        if value is None:
            raise Odd
        try:
            found = take(value)
        except Exception as error:
            raise Odd from error
        if found is Undefined:
            raise Odd
        return found

    return read

"""Whether an operation may run: what it costs at most, and whether whoever asks can pay for it at its stores."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from graphql import FieldNode, OperationType, StringValueNode, VariableNode

from . import ids
from .budget import Reserved
from .compiled.document import Operation
from .context import Context
from .cost import Priced
from .giving_way import MUCH
from .measure import check_values, require
from .stores import Stores


def price_of(operation: Operation, variables: Mapping[str, Any]) -> Priced:
    """What an operation costs with variables as they came.

    Raises:
        TooLarge: more than any may.
    """
    check_values(variables.values())
    priced = operation.price.of(variables)
    require("COST", priced.cost)
    return priced


async def reserved(
    context: Context, operation: Operation, priced: Priced, variables: Mapping[str, Any]
) -> Reserved | None:
    """What the operation takes from the budget of whoever asks; None where nobody counts.

    Raises:
        Throttled: it is not there.
    """
    caller = context.caller
    if caller is None:
        return None
    if priced.cost > MUCH:
        context.gives_way = caller.ledger.giving_way
    else:
        caller.ledger.giving_way.little()
    stores = context.known_stores or await context.stores()
    writes = operation.node.operation is OperationType.MUTATION
    shares: dict[UUID, int] = {}
    for cost, node in priced.roots:
        if cost:
            store = _store_of(node, variables, stores, writes=writes)
            if store is not None:
                shares[store] = shares.get(store, 0) + cost
    return caller.take(priced.cost, shares) or await caller.reserve(priced.cost, shares)


def _store_of(node: FieldNode, variables: Mapping[str, Any], stores: Stores, *, writes: bool) -> UUID | None:
    """The store that a root field is about; None: none of the caller's, or several."""
    for argument in node.arguments or ():
        value, name = _value(argument.value, variables), argument.name.value
        if writes:
            value = next((one for one in _texts(value) if _named(one, stores)), None)
        elif name == "code":
            found = stores.by_code.get(value) if isinstance(value, str) else None
            if found is not None:
                return found.id
            continue
        elif name == "ids":
            return _one_store(value, stores)
        if isinstance(value, str) and name in ("id", "input"):
            return _named(value, stores)
    return None


def _one_store(values: Any, stores: Stores) -> UUID | None:
    """Of a list of ids. The first and the last tell lists of one store from others well enough."""
    if not isinstance(values, list) or not values:
        return None
    first, last = ({_named(one, stores)} if isinstance(one, str) else set() for one in (values[0], values[-1]))
    return next(iter(first & last), None)


def _named(text: str, stores: Stores) -> UUID | None:
    named = ids.parse(text)
    return named.store if named is not None and named.store in stores.by_id else None


def _texts(value: Any) -> list[str]:
    return [one for one in value.values() if isinstance(one, str)] if isinstance(value, dict) else []


def _value(node: Any, variables: Mapping[str, Any]) -> Any:
    """The value of an argument, as far as it names something: texts, alone or in a list or an input."""
    if isinstance(node, VariableNode):
        return variables.get(node.name.value)
    if isinstance(node, StringValueNode):
        return node.value
    if hasattr(node, "values"):
        return [_value(one, variables) for one in node.values]
    if hasattr(node, "fields"):
        return {one.name.value: _value(one.value, variables) for one in node.fields}
    return None

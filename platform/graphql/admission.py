"""Whether an operation may run: what it costs at most, and whether whoever asks can pay for it at its stores."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from . import ids
from .budget import Reserved
from .compiled.document import Operation
from .context import Context
from .cost import Priced, RootPrice
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


async def paid_for(context: Context, priced: Priced, variables: Mapping[str, Any]) -> Reserved | None:
    """Take what an operation costs at most from whoever asks; None where nobody counts. Who asks for much gives way.

    Raises:
        Throttled: they cannot pay for it.
    """
    context.cost, caller = priced.cost, context.caller
    if caller is None:
        return None
    way = caller.ledger.giving_way
    if priced.cost > MUCH:
        context.gives_way = way
    else:
        way.little()
    stores = context.known_stores or await context.stores()
    shares = _shares(priced, variables, stores)
    return caller.take(priced.cost, shares) or await caller.reserve(priced.cost, shares)


def _shares(priced: Priced, variables: Mapping[str, Any], stores: Stores) -> Mapping[UUID, int]:
    """What of it is about one store alone, by store: found by the ids and codes in the arguments of root fields."""
    found: dict[UUID, int] = {}
    for root in priced.roots:
        if root.named and root.cost:
            store = _store_of(root, variables, stores)
            if store is not None:
                found[store] = found.get(store, 0) + root.cost
    return found


def _store_of(root: RootPrice, variables: Mapping[str, Any], stores: Stores) -> UUID | None:
    for argument, variable, literal in root.named:
        value = literal if variable is None else variables.get(variable)
        if isinstance(value, str):
            if argument == "code":
                named = stores.by_code.get(value)
                store = None if named is None else named.id
            else:
                store = ids.store_of(value)
        elif isinstance(value, list):
            store = _one_store(value)
        elif isinstance(value, dict):
            inside = (ids.store_of(one) for one in value.values() if isinstance(one, str))
            store = next((one for one in inside if one in stores.by_id), None)
        else:
            continue
        if store in stores.by_id:
            return store
    return None


def _one_store(values: list[Any]) -> UUID | None:
    """The store of a list of ids. Its ends tell a list of one store from others well enough."""
    first, last = (ids.store_of(one) if isinstance(one, str) else None for one in (*values[:1], *values[-1:]) or (0, 0))
    return first if first == last else None

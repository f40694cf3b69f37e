"""What stands in a plan's slots in one request: variables, literals, ids; checked as the interpreter checks them."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from uuid import UUID

from ...errors import ForecourtError
from ...tenancy.reader.shape import Slot
from .. import select
from .plan import HandOver
from .variables import value_at


def slot_value(variables: Mapping[str, Any], store: UUID, rows: Mapping[str, list[UUID]], slot: Slot) -> Any:
    """What stands in a slot, checked as the interpreter checks it.

    Raises:
        HandOver: it would refuse the value.
    """
    return _keyed(variables, store, rows, slot.key)


def _keyed(variables: Mapping[str, Any], store: UUID, rows: Mapping[str, list[UUID]], key: tuple[Any, ...]) -> Any:
    match key:
        case ("variable", path):
            return value_at(variables, path)
        case ("literal", value):
            return value
        case ("ids", type_):
            return rows[type_]
        case ("word", inner):
            found = _keyed(variables, store, rows, inner)
            return (
                [_checked(select.word, item) for item in found]
                if isinstance(found, list)
                else _checked(select.word, found)
            )
        case ("row", entity, inner):
            found = _keyed(variables, store, rows, inner)
            read = partial(select.row, entity, store)
            return [_checked(read, item) for item in found] if isinstance(found, list) else _checked(read, found)
    raise TypeError(f"an unknown slot: {key}")


def _checked(read: Callable[[Any], Any], value: Any) -> Any:
    try:
        return read(value)
    except ForecourtError as error:
        raise HandOver(f"{error.code}: {error.message}") from error

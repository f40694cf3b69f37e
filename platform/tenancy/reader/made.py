"""Values that are made in Python, the same for every reader: what a function gave, checked against its field's kind.

A fault of a function is a value too, `Failure`, so that it stays at its field: the door shows it there.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from types import TracebackType
from typing import Any
from uuid import UUID

from .entity import Asker, Batched, Computed, Field, Key, Kind, Need, When

_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class Failure:
    """Stands where a value could not be made. `at` is where the error came from, however often it is raised again."""

    error: Exception
    at: TracebackType | None

    def again(self) -> Exception:
        """The error, ready to be raised."""
        return self.error.with_traceback(self.at)


def failed(error: Exception) -> Failure:
    """A failure just caught."""
    return Failure(error, error.__traceback__)


def arguments(needs: Sequence[Need], raw: Sequence[Any]) -> Key:
    """Values of columns as SQLAlchemy gives them, as a function gets them."""
    return tuple(
        value.astimezone(UTC) if need.kind is Kind.MOMENT and value is not None else value
        for need, value in zip(needs, raw, strict=True)
    )


def computed_value(field: Field, made: Computed, values: Sequence[Any], asker: Asker | None) -> Any:
    """What the field's function makes of these values, or the failure.

    Raises:
        TypeError: the function wants the moment or the day, and nobody said who asks.
    """
    more: tuple[Any, ...] = ()
    if made.when is not None:
        known = required(field, asker)
        more = (known.now if made.when is When.NOW else known.viewer.today,)
    try:
        return checked(field, made.function(*values, *more))
    except Exception as error:
        return failed(error)


async def batched_values(field: Field, made: Batched, keys: Sequence[Key], asker: Asker | None) -> dict[Key, Any]:
    """The value, or the failure, of every key. With no key nothing is loaded.

    Raises:
        TypeError: nobody said who asks.
    """
    if not keys:
        return {}
    known = required(field, asker)
    try:
        found = await made.load(known, keys)
        values = found if isinstance(found, Mapping) else dict(zip(keys, found, strict=True))
    except Exception as error:
        return dict.fromkeys(keys, failed(error))
    return {key: _checked_or_failed(field, values.get(key)) for key in keys}


def required(field: Field, asker: Asker | None) -> Asker:
    """Who asks.

    Raises:
        TypeError: nobody said it.
    """
    if asker is None:
        raise TypeError(f"{field.name} cannot be read without saying who asks")
    return asker


def _checked_or_failed(field: Field, value: Any) -> Any:
    try:
        return checked(field, value)
    except Exception as error:
        return failed(error)


def checked(field: Field, value: Any) -> Any:
    """The value when it is one of the field's kind, moments in UTC.

    Raises:
        TypeError, ValueError, OverflowError: it is none.
    """
    if value is None:
        if not field.nullable:
            raise TypeError(f"{field.name} made null, and is never null")
        return None
    if isinstance(value, Exception):
        raise value
    if field.words is not None:
        if value not in field.words.meanings:
            raise ValueError(f"{field.name} made a word outside {field.words.name}")
        return value
    if not _FITS[field.kind](value):
        raise TypeError(f"{field.name} made a value that is no {field.kind}")
    return value.astimezone(UTC) if field.kind is Kind.MOMENT else value


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and (value.isascii() or bool(value.encode()))


def _is_int(value: Any) -> bool:
    """A whole number that GraphQL's Int can hold."""
    return isinstance(value, int) and not isinstance(value, bool) and -(2**31) <= value < 2**31


_FITS: Mapping[Kind, Callable[[Any], bool]] = {
    Kind.BOOL: lambda value: isinstance(value, bool),
    Kind.DATE: lambda value: isinstance(value, date) and not isinstance(value, datetime),
    Kind.DECIMAL: lambda value: isinstance(value, Decimal) and value.is_finite(),
    Kind.FLOAT: lambda value: isinstance(value, float) and math.isfinite(value),
    Kind.INT: _is_int,
    Kind.MOMENT: lambda value: isinstance(value, datetime) and value.tzinfo is not None,
    Kind.MONTH: lambda value: isinstance(value, str) and _MONTH.fullmatch(value) is not None,
    Kind.TEXT: _is_text,
    Kind.UUID: lambda value: isinstance(value, UUID),
}

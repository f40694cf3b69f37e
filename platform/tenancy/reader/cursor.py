"""Opaque cursors: the order's values of one row and its id, bound to the entity and the order they were made for.

`<mark>.<id>` where nothing but the id orders the rows, else the mark and all values as JSON in base64.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any
from uuid import UUID

from ...errors import Invalid
from .entity import Kind
from .shape import Order

_LONGEST = 4000

_TO_TEXT: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.DATE: date.isoformat,
    Kind.DECIMAL: str,
    Kind.MOMENT: datetime.isoformat,
    Kind.UUID: str,
}


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment without a zone")
    return moment


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    if not number.is_finite():
        raise ValueError("not a number")
    return number


_FROM_TEXT: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.DATE: date.fromisoformat,
    Kind.DECIMAL: _decimal,
    Kind.MOMENT: _moment,
    Kind.UUID: UUID,
}

#: What JSON gives back for the kinds that travel as they are. A bool is no int here.
_PLAIN: Mapping[Kind, tuple[type, ...]] = {
    Kind.FLOAT: (int, float),
    Kind.INT: (int,),
    Kind.MONTH: (str,),
    Kind.TEXT: (str,),
    Kind.WORD: (str,),
}


def _mark(entity: str, order: Sequence[Order]) -> str:
    text = "|".join([entity, *(f"{key.field}{'-' if key.descending else '+'}" for key in order)])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def encode(entity: str, order: Sequence[Order], kinds: Sequence[Kind], values: Sequence[Any]) -> str:
    """The cursor of a row. `kinds` and `values` go with `order` and end with the row's id."""
    texts = [
        value if value is None else _TO_TEXT.get(kind, _same)(value) for kind, value in zip(kinds, values, strict=True)
    ]
    return pack(_mark(entity, order), texts)


def packer(entity: str, order: Sequence[Order]) -> Callable[[Sequence[Any]], str]:
    """`encode` for values that are texts already (ints stay ints), with what never changes made once."""
    return partial(pack, _mark(entity, order))


def before_id(entity: str, order: Sequence[Order]) -> str | None:
    """What stands before a row's id in its cursor; None where the cursor holds more than the id."""
    return None if order else f"{_mark(entity, order)}."


def pack(mark: str, texts: Sequence[Any]) -> str:
    """A cursor of an order's mark and the values in their JSON form."""
    if len(texts) == 1:
        return f"{mark}.{texts[0]}"
    packed = json.dumps([mark, *texts], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(packed.encode()).decode().rstrip("=")


def decode(cursor: str, entity: str, order: Sequence[Order], kinds: Sequence[Kind]) -> list[Any]:
    """The values a cursor was made from, the id last.

    Raises:
        Invalid: it is not a cursor of this entity in this order.
    """
    try:
        if len(cursor) > _LONGEST:
            raise ValueError("too long")
        if not order:
            mark, _, row = cursor.partition(".")
            packed = [mark, row]
        else:
            packed = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        if not isinstance(packed, list) or packed[:1] != [_mark(entity, order)] or packed[-1] is None:
            raise ValueError("made for something else")
        json.dumps(packed, ensure_ascii=False).encode()  # half a surrogate pair is no text
        return [_read(kind, text) for kind, text in zip(kinds, packed[1:], strict=True)]
    except (ValueError, TypeError, InvalidOperation, RecursionError) as error:
        raise Invalid("not a cursor of this list in this order") from error


def _read(kind: Kind, text: Any) -> Any:
    if text is None:
        return None
    if kind in _FROM_TEXT:
        if not isinstance(text, str):
            raise ValueError("not a text")
        return _FROM_TEXT[kind](text)
    if isinstance(text, bool) or not isinstance(text, _PLAIN[kind]) or (isinstance(text, str) and "\0" in text):
        raise ValueError("of another kind")
    if isinstance(text, int) and kind is Kind.INT and not -(2**63) <= text < 2**63:
        raise ValueError("too large")
    return text


def _same(value: Any) -> Any:
    return value

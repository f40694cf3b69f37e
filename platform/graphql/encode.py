"""Answers as JSON bytes. Compiled answers hold moments and days as Python has them: they are written here, in one place."""

import json
from datetime import date, datetime
from typing import Any

import orjson

from .scalars import write_moment

OPTIONS = orjson.OPT_UTC_Z


def encoded(answer: Any) -> bytes:
    """The JSON of an answer: moments in UTC with a Z, days as YYYY-MM-DD."""
    try:
        return orjson.dumps(answer, option=OPTIONS)
    except TypeError:  # a whole number beyond 64 bits in a JSON value, half a surrogate pair that a document brought
        text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"), default=_text)
        return text.encode(errors="replace")


def plain(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer as whoever receives its JSON has it."""
    found: dict[str, Any] = json.loads(encoded(answer))
    return found


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return write_moment(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no JSON")

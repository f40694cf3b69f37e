"""Reading specifications and settings from JSON strictly: a key nobody knows or a value of the wrong type is an error
that says where it stands, because a misspelt rule must not quietly be another rule."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal, InvalidOperation

from ...errors import Invalid

Path = tuple[str, ...]

_DURATION = re.compile(r"(\d{1,6})(s|m|h|d)", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def refuse(path: Path, message: str) -> Invalid:
    """The error to raise: where, and what is wrong."""
    return Invalid(f"{'.'.join(path)}: {message}", path=path)


def as_object(
    value: object, path: Path, *, required: Collection[str] = (), optional: Collection[str] = ()
) -> dict[str, object]:
    """A JSON object with exactly these keys."""
    if not isinstance(value, Mapping):
        raise refuse(path, "must be an object")
    found = {str(key): item for key, item in value.items()}
    for key in required:
        if key not in found:
            raise refuse((*path, key), "is missing")
    for key in found:
        if key not in required and key not in optional:
            raise refuse((*path, key), "is not known here")
    return found


def as_list(value: object, path: Path, *, most: int = 100) -> Sequence[object]:
    """A JSON list of at most ``most`` items."""
    if not isinstance(value, list | tuple):
        raise refuse(path, "must be a list")
    if len(value) > most:
        raise refuse(path, f"has more than {most} items")
    return value


def as_text(value: object, path: Path) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise refuse(path, "must be a text")
    return value


def as_word(value: object, path: Path, known: Collection[str]) -> str:
    """One of the known words."""
    word = as_text(value, path)
    if word not in known:
        raise refuse(path, f"{word!r} is not one of {', '.join(sorted(known))}")
    return word


def as_bool(value: object, path: Path) -> bool:
    """``true`` or ``false``."""
    if not isinstance(value, bool):
        raise refuse(path, "must be true or false")
    return value


def as_int(value: object, path: Path, low: int, high: int) -> int:
    """A whole number within limits."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise refuse(path, f"must be a whole number from {low} to {high}")
    return value


def as_decimal(value: object, path: Path) -> Decimal:
    """An exact number: an int, a Decimal or a decimal text of at most six decimals; never binary floating point."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise refuse(path, "must be a whole number or a decimal in quotes")
    try:
        number = Decimal(value)
    except InvalidOperation as error:
        raise refuse(path, f"{value!r} is not a number") from error
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -6 or abs(number) >= 10**12:
        raise refuse(path, f"{value!r} is not a number of at most twelve digits and six decimals")
    return number


def as_duration(value: object, path: Path) -> timedelta:
    """A duration such as ``90s``, ``30m``, ``24h``, ``2d``; days are 24 hours."""
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise refuse(path, "must be a duration such as 30m, 24h or 2d")
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])


def duration_text(duration: timedelta) -> str:
    """The duration in the largest unit that holds it whole (hours at most, as the trade speaks of 72 h)."""
    whole = int(duration.total_seconds())
    for unit in ("h", "m"):
        if whole % _SECONDS[unit] == 0:
            return f"{whole // _SECONDS[unit]}{unit}"
    return f"{whole}s"


def decimal_text(number: Decimal) -> str:
    """The number without superfluous zeros: ``80``, ``-0.5``."""
    text = f"{number:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"

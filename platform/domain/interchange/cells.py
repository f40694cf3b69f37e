"""Exact readers of single cells (docs/interchange.md section 2).

A cell comes without the spaces around it. An empty one means unknown and reads as None; whether it may be empty is not
decided here. Only ASCII digits are digits. Text with a NUL character cannot be stored and is BAD_FORMAT.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Literal
from zoneinfo import available_timezones

from .format import INT_HIGH, INT_LOW, LIST_CHARS, NUMBER_DIGITS, TEXT_CHARS, ColumnSpec

Value = str | int | Decimal | bool | date | datetime | tuple[str, ...] | None
"""What a cell means. A month is its first day; a time is in UTC; a list keeps its order, each code once."""

CellCode = Literal["BAD_FORMAT", "BAD_VALUE", "OUT_OF_RANGE"]

Reader = Callable[[str], Value]
"""Reads one cell that is not empty (an empty one is of no type's form); raises ``CellFault``."""

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}").fullmatch
_INT = re.compile(r"-?[0-9]+").fullmatch
_DEC = re.compile(r"-?([0-9]+)(?:\.([0-9]+))?").fullmatch
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}").fullmatch
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
).fullmatch
_VIN = re.compile(r"[0-9A-HJ-NPR-Z]{17}").fullmatch
_PHONE = re.compile(r"\+?[0-9]{5,15}").fullmatch
_INT_DIGITS = 20
_VIN_VALUES = {
    **{str(digit): digit for digit in range(10)},
    **dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", map(int, "12345678123457923456789"), strict=True)),
}
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_FIRST_MOMENT = datetime.min.replace(tzinfo=UTC)
_LAST_MOMENT = datetime.max.replace(microsecond=0, tzinfo=UTC)


class CellFault(Exception):
    """The cell does not hold what its column asks for."""

    def __init__(self, code: CellCode) -> None:
        super().__init__(code)
        self.code: CellCode = code


def read_cell(column: ColumnSpec, text: str) -> Value:
    """The value of one cell of ``column``; None when empty. Raises ``CellFault``."""
    return reader_of(column)(text) if text else None


@lru_cache(maxsize=1024)
def reader_of(column: ColumnSpec) -> Reader:
    """A function that reads the filled cells of ``column``."""
    match column.type:
        case "int":
            return _int_reader(column)
        case "dec":
            return _dec_reader(column)
        case "word":
            return _word_reader(column)
        case kind:
            return _READERS[kind]


def vin_check_digit_ok(vin: str) -> bool:
    """Whether place 9 of a well-formed VIN is its check digit: the weighted sum modulo 11, with X for 10 (GB 16735).

    Makers outside North America and China need not use one, so a wrong digit is only ever a warning.
    """
    total = sum(_VIN_VALUES[sign] * weight for sign, weight in zip(vin, _VIN_WEIGHTS, strict=True))
    return vin[8] == "0123456789X"[total % 11]


def _read_code(text: str) -> Value:
    if _CODE(text) is None:
        raise CellFault("BAD_FORMAT")
    return text


def _read_text(text: str) -> Value:
    if not text or "\0" in text:
        raise CellFault("BAD_FORMAT")
    if len(text) > TEXT_CHARS:
        raise CellFault("OUT_OF_RANGE")
    return text


def _read_bool(text: str) -> Value:
    if text == "true":
        return True
    if text == "false":
        return False
    raise CellFault("BAD_FORMAT")


def _read_date(text: str) -> Value:
    if _DATE(text) is None:
        raise CellFault("BAD_FORMAT")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CellFault("BAD_FORMAT") from None


def _read_month(text: str) -> Value:
    if _MONTH(text) is None:
        raise CellFault("BAD_FORMAT")
    try:
        return date.fromisoformat(text + "-01")
    except ValueError:
        raise CellFault("BAD_FORMAT") from None


def _read_time(text: str) -> Value:
    if _TIME(text) is None:
        raise CellFault("BAD_FORMAT")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CellFault("BAD_FORMAT") from None
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        # A day at the very edge of the calendar: the nearest moment that exists in UTC, which step 4 then judges.
        return _FIRST_MOMENT if moment.year == 1 else _LAST_MOMENT


def _read_zone(text: str) -> Value:
    if text not in _zones():
        raise CellFault("BAD_VALUE")
    return text


def _read_list(text: str) -> Value:
    if len(text) > LIST_CHARS:
        raise CellFault("OUT_OF_RANGE")
    codes = tuple(dict.fromkeys(text.split(";")))
    if not all(map(_CODE, codes)):
        raise CellFault("BAD_FORMAT")
    return codes


def _read_vin(text: str) -> Value:
    if _VIN(text) is None:
        raise CellFault("BAD_FORMAT")
    return text


def _read_phone(text: str) -> Value:
    if _PHONE(text) is None:
        raise CellFault("BAD_FORMAT")
    return text


def _int_reader(column: ColumnSpec) -> Reader:
    low = INT_LOW if column.low is None else column.low
    high = INT_HIGH if column.high is None else column.high

    def read(text: str) -> Value:
        if _INT(text) is None:
            raise CellFault("BAD_FORMAT")
        if len(text) > _INT_DIGITS:
            # Python refuses to convert very long numbers; leading zeros are no length.
            digits = text.lstrip("-0") or "0"
            if len(digits) > _INT_DIGITS:
                raise CellFault("OUT_OF_RANGE")
            text = "-" + digits if text[0] == "-" else digits
        number = int(text)
        if not low <= number <= high:
            raise CellFault("OUT_OF_RANGE")
        return number

    return read


def _dec_reader(column: ColumnSpec) -> Reader:
    low, high = column.low, column.high

    def read(text: str) -> Value:
        match = _DEC(text)
        if match is None:
            raise CellFault("BAD_FORMAT")
        if len(text) > NUMBER_DIGITS:
            whole, fraction = match.groups()
            if len(whole.lstrip("0")) > NUMBER_DIGITS or len(fraction or "") > NUMBER_DIGITS:
                raise CellFault("OUT_OF_RANGE")
        number = Decimal(text)  # exact: the context's precision is for arithmetic only
        if (low is not None and number < low) or (high is not None and number > high):
            raise CellFault("OUT_OF_RANGE")
        return number if number else number.copy_abs()  # no negative zero

    return read


def _word_reader(column: ColumnSpec) -> Reader:
    known = {word: word for word in column.words}

    def read(text: str) -> Value:
        word = known.get(text)
        if word is None:
            raise CellFault("BAD_VALUE")
        return word

    return read


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    """IANA names. What the machine itself goes by is none."""
    return frozenset(available_timezones()) - {"localtime", "Factory"}


_READERS: dict[str, Reader] = {
    "code": _read_code,
    "text": _read_text,
    "bool": _read_bool,
    "date": _read_date,
    "month": _read_month,
    "time": _read_time,
    "time zone": _read_zone,
    "list": _read_list,
    "vin": _read_vin,
    "phone": _read_phone,
}

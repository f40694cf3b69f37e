"""Scalars of the API. What cannot be read is refused with the expected form; nothing is guessed."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NewType
from uuid import UUID

import strawberry
from graphql import GraphQLError
from starlette.datastructures import UploadFile
from strawberry.file_uploads import Upload
from strawberry.scalars import JSON
from strawberry.types.scalar import ScalarDefinition

#: A month as "YYYY-MM".
YearMonth = NewType("YearMonth", str)

_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_DIGITS = 100


def _text(what: str, read: Callable[[str], Any]) -> Callable[[Any], Any]:
    def parse(value: Any) -> Any:
        try:
            if not isinstance(value, str) or len(value) > _DIGITS:
                raise ValueError(value)
            return read(value)
        except (ValueError, OverflowError, InvalidOperation):
            raise GraphQLError(f"Expected {what}.") from None

    return parse


def _read_moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no offset")
    return moment.astimezone(UTC)


def _read_month(text: str) -> str:
    if not _MONTH.fullmatch(text):
        raise ValueError("no month")
    return text


def _read_decimal(text: str) -> Decimal:
    number = Decimal(text)
    if not number.is_finite() or abs(number.adjusted()) > _DIGITS:
        raise ValueError("not finite")
    return number


def _read_file(value: Any) -> UploadFile:
    if not isinstance(value, UploadFile):
        raise GraphQLError("Expected a file, sent in a multipart request.")
    return value


def write_moment(moment: datetime) -> str:
    """A moment in UTC, such as 2026-09-01T08:00:00Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def write_decimal(number: Decimal) -> str:
    """A decimal without exponent, with the digits it has."""
    return format(number, "f")


SCALARS: Mapping[object, ScalarDefinition] = {
    date: strawberry.scalar(
        name="Date",
        description="A calendar day, YYYY-MM-DD 日期.",
        serialize=date.isoformat,
        parse_value=_text("a day such as 2026-09-01", date.fromisoformat),
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="A moment in UTC (RFC 3339) 时间; input must carry an offset, such as 2026-09-01T16:00:00+08:00.",
        serialize=write_moment,
        parse_value=_text("a moment with an offset, such as 2026-09-01T16:00:00+08:00", _read_moment),
    ),
    Decimal: strawberry.scalar(
        name="Decimal",
        description='An exact decimal number as a string, such as "82.352941" 精确小数.',
        serialize=write_decimal,
        parse_value=_text('a decimal number as a string, such as "12.50"', _read_decimal),
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description="A JSON value whose form the field describes.",
        serialize=lambda value: value,
        parse_value=lambda value: value,
    ),
    UUID: strawberry.scalar(
        name="UUID",
        description="An id inside one store (RFC 9562).",
        serialize=str,
        parse_value=_text("a UUID", UUID),
    ),
    Upload: strawberry.scalar(
        name="Upload",
        description="A file of a multipart request; null stands in its place in the operations 上传文件.",
        parse_value=_read_file,
    ),
    YearMonth: strawberry.scalar(
        name="YearMonth",
        description="A month, YYYY-MM 月份.",
        serialize=str,
        parse_value=_text("a month such as 2026-09", _read_month),
    ),
}

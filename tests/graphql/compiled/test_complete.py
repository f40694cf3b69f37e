"""The generated answer's small parts against the scalars that graphql-core uses."""

from datetime import datetime
from uuid import uuid4

import pytest

from forecourt.graphql import ids
from forecourt.graphql.compiled.complete import _by_parent, _cursor_decimal, _cursor_moment, _global_id, _moment
from forecourt.graphql.compiled.plan import HandOver
from forecourt.graphql.scalars import write_moment

MOMENTS = [
    "2026-09-01 08:00:00+00",
    "2026-09-01 08:00:00.1+00",
    "2026-09-01 08:00:00.123456+00",
    "0001-01-01 00:00:00+00",
    "9999-12-31 23:59:59.999999+00",
    "2026-09-01 16:00:00+08",
    "2026-09-01 16:00:00.5+05:30",
    "1900-01-01 08:05:43.25+08:05:43",
    "2026-08-31 20:30:00.000001-11",
]


@pytest.mark.parametrize("text", MOMENTS)
def test_a_moment_is_written_as_the_scalar_writes_it(text: str) -> None:
    assert _moment(text) == write_moment(datetime.fromisoformat(text))
    assert _cursor_moment(text) == datetime.fromisoformat(text).isoformat()


@pytest.mark.parametrize(
    "text",
    ["infinity", "-infinity", "0044-03-15 10:00:00+00 BC", "10000-01-01 00:00:00+00", "10000-01-01 00:00:00.25+00"],
)
def test_a_moment_outside_the_calendar_is_left_to_the_interpreter(text: str) -> None:
    with pytest.raises(HandOver):
        _moment(text)


def test_a_global_id_is_the_one_that_is_read() -> None:
    for type_ in ("A", "Customer", "SalesOrder", "Wörter"):
        store, row = uuid4(), uuid4()
        made = _global_id(store.bytes, str(row), type_.encode())
        assert made == str(ids.GlobalId(type_, store, row))


def test_rows_are_cut_where_their_parent_changes() -> None:
    assert _by_parent([("a", 1), ("a", 2), ("b", 3)]) == {"a": [("a", 1), ("a", 2)], "b": [("b", 3)]}
    assert _by_parent([]) == {}


def test_null_stays_null() -> None:
    assert _moment(None) is None and _cursor_moment(None) is None and _cursor_decimal(None) is None
    assert _cursor_decimal("0.0000001") == "1E-7"

"""The generated answer's small parts against the scalars and cursors that graphql-core's way uses."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import orjson
import pytest

from forecourt.graphql.compiled.complete import _by_parent, _cursor_date, _cursor_decimal, _cursor_moment
from forecourt.graphql.encode import encoded, plain
from forecourt.graphql.scalars import write_moment

MOMENTS = [
    datetime(2026, 9, 1, 8, tzinfo=UTC),
    datetime(2026, 9, 1, 8, 0, 0, 100_000, tzinfo=UTC),
    datetime(2026, 9, 1, 8, 0, 0, 1, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_moment_is_written_as_the_scalar_writes_it(moment: datetime) -> None:
    assert orjson.loads(encoded({"at": moment})) == {"at": write_moment(moment)}


@pytest.mark.parametrize("huge", [2**70, "\ud800"])
def test_what_orjson_cannot_write_is_written_all_the_same(huge: object) -> None:
    moment = datetime(2026, 9, 1, 16, tzinfo=timezone(timedelta(hours=8)))
    found = plain({"at": moment, "day": date(2026, 9, 1), "n": 2**70})
    assert found == {"at": "2026-09-01T08:00:00Z", "day": "2026-09-01", "n": 2**70}
    assert encoded({"value": huge})


def test_what_is_no_json_is_an_error() -> None:
    with pytest.raises(TypeError):
        encoded({"value": Decimal(1)})


def test_rows_are_cut_where_their_parent_changes() -> None:
    assert _by_parent([("a", 1), ("a", 2), ("b", 3)]) == {"a": [("a", 1), ("a", 2)], "b": [("b", 3)]}
    assert _by_parent([]) == {}


def test_cursors_hold_what_the_interpreter_writes() -> None:
    moment = datetime(2026, 9, 1, 8, 0, 0, 5, tzinfo=UTC)
    assert (_cursor_moment(moment), _cursor_date(date(2026, 9, 1))) == (moment.isoformat(), "2026-09-01")
    assert _cursor_moment(None) is None and _cursor_date(None) is None and _cursor_decimal(None) is None
    assert _cursor_decimal("0.0000001") == "1E-7"

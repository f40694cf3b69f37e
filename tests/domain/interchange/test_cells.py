import json
import string
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.domain.interchange.cells import CellFault, Value, read_cell, vin_check_digit_ok
from forecourt.domain.interchange.format import FILES, CellType, ColumnSpec
from tests.domain.interchange.support import HARMONY

TYPES: tuple[CellType, ...] = (
    "code",
    "text",
    "int",
    "dec",
    "bool",
    "date",
    "month",
    "time",
    "time zone",
    "list",
    "vin",
    "phone",
)


def look(kind: CellType, text: str, low: int | None = None, high: int | None = None) -> Value | str:
    """The value, or the fault's code."""
    try:
        return read_cell(ColumnSpec("x", kind, low=low, high=high), text)
    except CellFault as fault:
        return f"!{fault.code}"


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("code", "A", "A"),
        ("code", "0a._-", "0a._-"),
        ("code", "x" * 32, "x" * 32),
        ("text", "=1+1", "=1+1"),
        ("text", "字" * 2000, "字" * 2000),
        ("int", "-0", 0),
        ("int", "007", 7),
        ("int", "-" + "0" * 5000 + "12", -12),
        ("int", "-" + "0" * 5000, 0),
        ("int", "9223372036854775807", 2**63 - 1),
        ("dec", "0.1", Decimal("0.1")),
        ("dec", "-12.50", Decimal("-12.50")),
        ("dec", "9" * 60 + "." + "1" * 60, Decimal("9" * 60 + "." + "1" * 60)),
        ("bool", "true", True),
        ("bool", "false", False),
        ("date", "2024-02-29", date(2024, 2, 29)),
        ("month", "2026-09", date(2026, 9, 1)),
        ("time", "2026-09-01T00:00:00+08:00", datetime(2026, 8, 31, 16, tzinfo=UTC)),
        ("time", "2026-09-01T00:00:00-00:30", datetime(2026, 9, 1, 0, 30, tzinfo=UTC)),
        ("time", "2026-09-01T23:59:59Z", datetime(2026, 9, 1, 23, 59, 59, tzinfo=UTC)),
        ("time", "0001-01-01T00:00:00+14:00", datetime.min.replace(tzinfo=UTC)),
        ("time", "9999-12-31T23:59:59-12:00", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("time zone", "Asia/Shanghai", "Asia/Shanghai"),
        ("time zone", "UTC", "UTC"),
        ("list", "E1;E2;E1", ("E1", "E2")),
        ("list", "E1", ("E1",)),
        ("vin", "L9Z5TBYX6DF670357", "L9Z5TBYX6DF670357"),
        ("phone", "+8615400000000", "+8615400000000"),
        ("phone", "12345", "12345"),
    ],
)
def test_good_cells(kind: CellType, text: str, value: Value) -> None:
    found = look(kind, text)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "texts", "code"),
    [
        ("code", ["-a", ".a", "a b", "x" * 33, "编1", "a\n", "a;b", "A/B"], "BAD_FORMAT"),
        ("text", ["a\0b"], "BAD_FORMAT"),
        ("text", ["x" * 2001], "OUT_OF_RANGE"),
        ("int", ["+1", "1.0", "1,000", "1e3", "１２", "٣", "1_000", "0x1", "--1", "-", "1 0", "²"], "BAD_FORMAT"),
        ("int", ["9" * 19, "9" * 8000, "-" + "9" * 8000], "OUT_OF_RANGE"),
        ("dec", [".5", "5.", "1e5", "+1", "1,5", "NaN", "Infinity", "-", "1.2.3", "１", "0.٣", "¥1"], "BAD_FORMAT"),
        ("dec", ["9" * 101, "0." + "1" * 101], "OUT_OF_RANGE"),
        ("bool", ["TRUE", "True", "1", "0", "yes", "是"], "BAD_FORMAT"),
        (
            "date",
            [
                "2026-02-29",
                "2026-13-01",
                "2026-1-1",
                "20260101",
                "0000-01-01",
                "2026-W01-1",
                "2026/01/01",
                "２026-01-01",
            ],
            "BAD_FORMAT",
        ),
        ("month", ["2026-13", "2026-00", "2026-9", "202609", "0000-01", "2026-09-01"], "BAD_FORMAT"),
        (
            "time",
            [
                "2026-09-01T00:00:00",
                "2026-09-01 00:00:00Z",
                "2026-09-01T00:00Z",
                "2026-09-01T00:00:00.5Z",
                "2026-09-01T24:00:00Z",
                "2026-09-01T23:59:60Z",
                "2026-02-30T00:00:00Z",
                "2026-09-01T00:00:00+0800",
                "2026-09-01T00:00:00+08",
                "2026-09-01T00:00:00+24:00",
                "2026-09-01T00:00:00+08:60",
                "2026-09-01T00:00:00−08:00",
                "2026-09-01t00:00:00z",
                "2026-09-01",
            ],
            "BAD_FORMAT",
        ),
        (
            "time zone",
            ["Asia/Beijing", "asia/shanghai", "../../etc/passwd", "localtime", "UTC+8", "CST6", "a\0"],
            "BAD_VALUE",
        ),
        ("list", [";", "E1;", ";E1", "E1;;E2", "E1; E2", "E1,E2", "编"], "BAD_FORMAT"),
        ("list", [";".join(f"E{n}" for n in range(3000))], "OUT_OF_RANGE"),
        (
            "vin",
            ["l9z5tbyx6df670357", "L9Z5TBYX6DF67035", "L9Z5TBYX6DF6703571", "I" * 17, "O" * 17, "Q" * 17],
            "BAD_FORMAT",
        ),
        (
            "phone",
            ["1234", "1" * 16, "154 0336 6724", "0755-1234567", "++12345", "+1234", "１５４００００"],
            "BAD_FORMAT",
        ),
    ],
)
def test_bad_cells(kind: CellType, texts: list[str], code: str) -> None:
    assert {text: look(kind, text) for text in texts} == dict.fromkeys(texts, f"!{code}")


def test_limits_are_inclusive_and_exact() -> None:
    assert look("int", "5", 1, 5) == 5
    assert look("int", "6", 1, 5) == look("int", "0", 1, 5) == look("int", "-1", 0) == "!OUT_OF_RANGE"
    assert look("dec", "24.000", 0, 24) == Decimal(24)
    assert look("dec", "24.0000000000000000000000000000000001", 0, 24) == "!OUT_OF_RANGE"
    assert look("dec", "-0.01", 0) == "!OUT_OF_RANGE"
    assert str(look("dec", "-0.00", 0)) == "0.00"


def test_words_are_taken_as_they_are() -> None:
    template = FILES["surveys.csv"].by_name["template"]
    assert read_cell(template, "T1") == "T1"
    with pytest.raises(CellFault, match="BAD_VALUE"):
        read_cell(template, "t1")


@pytest.mark.parametrize("kind", TYPES)
def test_an_empty_cell_is_unknown(kind: CellType) -> None:
    assert look(kind, "") is None


@pytest.mark.parametrize("kind", TYPES)
@given(text=st.text(max_size=40))
def test_any_text_is_read_or_refused(kind: CellType, text: str) -> None:
    found = look(kind, text)
    if isinstance(found, str) and not found.startswith("!") and kind != "text":
        assert found.isascii() and "\0" not in found


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**30), max_value=10**30))
def test_numbers_are_exact(number: Decimal) -> None:
    assert look("dec", f"{number:f}") == number


@given(st.integers(-(2**31), 2**32), st.integers(-1439, 1439))
def test_times_are_moments(seconds: int, minutes: int) -> None:
    moment = datetime.fromtimestamp(seconds, timezone(timedelta(minutes=minutes)))
    sign = "-" if minutes < 0 else "+"
    text = f"{moment:%Y-%m-%dT%H:%M:%S}{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    found = look("time", text)
    assert isinstance(found, datetime) and found == moment and found.utcoffset() == timedelta(0)


def test_check_digits_of_published_numbers() -> None:
    oracles = json.loads((HARMONY.parent / "oracles.json").read_text("utf-8"))
    assert all(map(vin_check_digit_ok, oracles["vin_check_ok"]))
    assert not vin_check_digit_ok("1M8GDM9A1KP042788")


@given(st.text(alphabet=sorted(set(string.ascii_uppercase + string.digits) - set("IOQ")), min_size=17, max_size=17))
def test_exactly_one_sign_is_the_check_digit(vin: str) -> None:
    assert sum(vin_check_digit_ok(vin[:8] + sign + vin[9:]) for sign in "0123456789X") == 1

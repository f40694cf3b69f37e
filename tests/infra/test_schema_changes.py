"""What breaks a promise of the last release is found; what was deprecated long enough may go."""

from datetime import UTC, date, datetime

import pytest
from graphql import build_schema

from forecourt.graphql.errors import CATALOGUE
from infra import schema_changes
from infra.schema_changes import (
    Baseline,
    breaking,
    broken,
    listed_changes,
    next_baseline,
    problems,
    read_baseline,
    told,
    with_release,
)

OLD = """
type Query { order(first: Int = 10, all: Boolean, old: Int @deprecated(reason: "Removed after 2027-03-31: use first.")): Order }
type Order {
  net: Int!
  sum: Total @deprecated(reason: "Removed after 2027-03-31: use net.")
  state: State
}
type Total { value: Int currency: Currency }
enum Currency { CNY }
enum State { OPEN CLOSED GONE @deprecated(reason: "Removed after 2027-03-31: use CLOSED.") }
input Where { net: Int = 1 }
type Mutation { close(input: Where): Order }
"""
WITHOUT = """
type Query { order(first: Int = 10, all: Boolean): Order }
type Order { net: Int! state: State }
enum State { OPEN CLOSED }
input Where { net: Int = 1 }
type Mutation { close(input: Where): Order }
"""
BEFORE, AFTER = date(2027, 3, 31), date(2027, 4, 1)
CODES = ["NOT_FOUND", "TIMEOUT"]
RELEASED, PREVIEW = (
    Baseline(version, version == "1.0.0", date(2026, 9, 1), CODES, OLD) for version in ("1.0.0", "0.1.0")
)


def found(new: str, today: date = AFTER, baseline: Baseline = RELEASED, listed: tuple[str, ...] = ()) -> list[str]:
    return list(broken(baseline, build_schema(new), CODES, listed, today))


@pytest.mark.parametrize("baseline", [RELEASED, PREVIEW])
def test_codes_of_errors_stay(baseline: Baseline) -> None:
    assert list(broken(baseline, build_schema(OLD), [*CODES, "NEW"], (), AFTER)) == []
    [line] = broken(baseline, build_schema(OLD), ["NOT_FOUND"], (), AFTER)
    assert line.startswith("The error code TIMEOUT is gone")


def test_nothing_that_is_tracked_breaks_a_promise() -> None:
    assert list(problems(datetime.now(UTC).date())) == []


def test_what_was_deprecated_goes_after_its_day_with_all_that_it_alone_led_to() -> None:
    assert found(OLD) == []
    assert found(WITHOUT) == []
    early = " ".join(found(WITHOUT, today=BEFORE))
    for gone in ("Order.sum", "Query.order(old:)", "State.GONE", "Total was removed", "Currency was removed"):
        assert gone in early


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("net: Int!", "total: Int!", "Field Order.net was removed."),
        ("net: Int!", "net: Int", "changed type from Int! to Int"),
        ("net: Int!", "net: String!", "changed type from Int! to String!"),
        ("first: Int = 10, ", "", "Argument Query.order(first:) was removed."),
        ("first: Int = 10", "first: Int = 20", "changed defaultValue from 10 to 20"),
        ("all: Boolean", "all: Boolean!", "has changed type"),
        ("all: Boolean", "all: Boolean, more: Int!", "A required argument Query.order(more:) was added."),
        ("OPEN CLOSED", "OPEN", "Enum value State.CLOSED was removed."),
        ("net: Int = 1", "net: Int = 2", "changed defaultValue from 1 to 2"),
        ("net: Int = 1", "net: Int = 1 more: Int!", "required field Where.more was added"),
        ("input Where { net: Int = 1", "input Where @oneOf { net: Int", "takes exactly one of its fields now"),
        ("type Mutation { close(input: Where): Order }", "", "Mutation was removed"),
    ],
)
def test_what_breaks_a_promise_is_found(old: str, new: str, said: str) -> None:
    assert old in WITHOUT
    lines = found(WITHOUT.replace(old, new))
    assert lines and said in " ".join(lines)
    assert all("deprecate it first" in line for line in lines)


def test_what_only_adds_breaks_nothing() -> None:
    more = WITHOUT.replace("OPEN CLOSED", "OPEN CLOSED LOST").replace("all: Boolean", "all: Boolean, x: Int")
    more = more.replace("net: Int!", "net: Int! gross: Int").replace("net: Int = 1", "net: Int = 1 y: Int")
    assert found(more) == [] and breaking(build_schema(WITHOUT), build_schema(more)) == []


def test_a_day_is_not_brought_forward() -> None:
    assert found(OLD.replace("2027-03-31: use net", "2027-03-30: use net"), BEFORE) == [
        "Order.sum: was promised until 2027-03-31, and would go after 2027-03-30"
    ]
    assert found(OLD.replace("2027-03-31: use net", "2027-06-30: use net"), BEFORE) == []


def test_before_the_first_release_what_breaks_is_listed() -> None:
    renamed = WITHOUT.replace("net: Int!", "total: Int!")
    [line] = found(renamed, AFTER, PREVIEW)
    assert "Order.net was removed" in line and "list its coordinate" in line
    assert found(renamed, AFTER, PREVIEW, ("Order.net",)) == []
    [line] = found(WITHOUT, AFTER, PREVIEW, ("Order.net",))
    assert "lists Order.net, which breaks nothing any more" in line
    assert len(found(renamed, AFTER, RELEASED, ("Order.net",))) == 2


def test_the_list_is_read_from_its_section_only() -> None:
    page = "- `A.b`: no\n## Broken before the first release\n\ntext\n\n- `Order.net`: total is clearer\n- `Query.order(all:)`: why\n"
    assert listed_changes(page) == ["Order.net", "Query.order(all:)"]


def test_a_baseline_says_of_which_release_it_is() -> None:
    text = next_baseline(None, WITHOUT, "0.1.0", released=False, today=BEFORE)
    assert read_baseline(text) == Baseline("0.1.0", False, BEFORE, list(CATALOGUE), WITHOUT)
    first = next_baseline(read_baseline(text), WITHOUT, "0.1.0", released=True, today=AFTER)
    assert read_baseline(first) == Baseline("0.1.0", True, AFTER, list(CATALOGUE), WITHOUT)
    with pytest.raises(ValueError, match="first line"):
        read_baseline(WITHOUT)


def test_a_release_is_written_once_and_only_forward() -> None:
    for version, released, today, said in (
        ("1.0.0", True, AFTER, "released already"),
        ("1.1.0", False, AFTER, "not rewritten before the next release"),
        ("1.1.0", True, date(2026, 8, 31), "after today"),
    ):
        with pytest.raises(ValueError, match=said):
            next_baseline(RELEASED, WITHOUT, version, released=released, today=today)
    assert next_baseline(RELEASED, WITHOUT, "1.1.0", released=True, today=AFTER)


def test_a_release_gives_notice() -> None:
    """What one release deprecates may go 180 days later; what was deprecated before keeps its day."""
    new = OLD.replace("OPEN CLOSED", 'OPEN CLOSED @deprecated(reason: "Removed after 2027-09-27: use GONE.")')
    assert next_baseline(RELEASED, new, "1.1.0", released=True, today=BEFORE)
    with pytest.raises(ValueError, match=r"State\.CLOSED: is deprecated now, so it can be relied on until 2027-09-28"):
        next_baseline(RELEASED, new, "1.1.0", released=True, today=AFTER)


def test_changes_are_told() -> None:
    new = WITHOUT.replace("net: Int!", 'net: Int! @deprecated(reason: "Removed after 2028-01-31: use x.") x: Int')
    text = told(build_schema(WITHOUT), build_schema(new.replace("OPEN CLOSED", "OPEN LOST")))
    assert text.split("\n\n") == [
        "**Breaking**",
        "- Enum value State.CLOSED was removed.",
        "**Deprecated**",
        "- Order.net: Removed after 2028-01-31: use x.",
        "**To look at**",
        "- Enum value State.LOST was added.",
        "**Added and changed**",
        "- Field Order.x was added.",
    ]
    assert told(build_schema(WITHOUT), build_schema(WITHOUT)) == "Nothing."


def test_a_release_moves_what_changed_into_a_section() -> None:
    page = schema_changes.CHANGELOG.read_text(encoding="utf-8")
    once = with_release(page, "- a", "1.0.0", BEFORE)
    twice = with_release(once, "- b", "1.1.0", AFTER)
    assert once.count("Nothing.") == 1 and once.endswith("## 1.0.0 (2027-03-31)\n\n- a\n")
    assert twice.endswith("## 1.1.0 (2027-04-01)\n\n- b\n\n## 1.0.0 (2027-03-31)\n\n- a\n")

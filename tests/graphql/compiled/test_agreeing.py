"""When answers are the same: what may differ, and that nothing else may."""

from collections.abc import Sequence
from typing import Any

import pytest
from graphql import GraphQLObjectType, build_schema

from tests.graphql.compiled.agreeing import Answer, Pair, Whole

SCHEMA = build_schema(
    "type Query { soft: [Row] other: Row hard: Row! far: Row! } type Row { a: Row b: Row must: String! also: String! }"
)
#: What happens when nothing rises: a field of the root that may not be null is, and others that may be.
DATA: dict[str, Any] = {"other": {"a": None}, "soft": [{"b": None}, {"a": None}], "hard": {"a": None, "must": None}}
MORE: dict[str, Any] = DATA | {"hard": {"a": None, "must": None, "also": None}, "far": {"must": None}}
TYPES = {
    ("other",): "Query.other",
    ("other", "a"): "Row.a",
    ("soft",): "Query.soft",
    ("soft", 0, "b"): "Row.b",
    ("soft", 1, "a"): "Row.a",
    ("hard",): "Query.hard",
    ("hard", "must"): "Row.must",
    ("hard", "a"): "Row.a",
    ("hard", "also"): "Row.also",
    ("far",): "Query.far",
    ("far", "must"): "Row.must",
}


def error(*path: str | int) -> dict[str, Any]:
    return {"message": "no", "path": list(path)}


OTHER, FIRST, SECOND, NULLS = (
    error("other", "a"),
    error("soft", 0, "b"),
    error("soft", 1, "a"),
    error("hard", "must"),
)
BESIDE, UNHEARD = error("hard", "a"), error("soft", 0, "a")
ALSO, FAR = error("hard", "also"), error("far", "must")


def found() -> Whole:
    objects = (type_ for type_ in SCHEMA.type_map.values() if isinstance(type_, GraphQLObjectType))
    fields = {f"{type_.name}.{name}": item.type for type_ in objects for name, item in type_.fields.items()}
    errors = [NULLS, SECOND, BESIDE, OTHER, FIRST]
    return Whole({"data": DATA, "errors": errors}, {path: fields[name] for path, name in TYPES.items()})


def found_more() -> Whole:
    """The same where more fields make everything null: another of the same root, and one of another."""
    found_ = found()
    return Whole({"data": MORE, "errors": [*found_.answer["errors"], ALSO, FAR]}, found_.types)


def answer(data: Any, *errors: Any) -> Answer:
    return {"data": data, "errors": list(errors)} if errors else {"data": data}


def difference(one: Answer, two: Answer, *, handed_over: bool = False) -> str | None:
    return Pair(one, two, handed_over).difference(found)


def test_data_is_equal_with_its_order_but_for_moments() -> None:
    assert difference(answer({"a": 1, "b": 2}), answer({"a": 1, "b": 2})) is None
    assert difference(answer({"a": 1, "b": 2}), answer({"b": 2, "a": 1})) == "data"
    one, two = ({"asOf": f"2026-09-15T04:00:0{second}Z"} for second in (1, 2))
    assert difference(answer(one), answer(two)) is None
    assert difference(answer(one), answer({"asOf": None})) == "data"
    assert difference(answer(None, NULLS), answer({}, NULLS)) == "data"
    assert difference({"errors": [NULLS]}, answer(None, NULLS)) == "data"


@pytest.mark.parametrize("errors", [[OTHER, FIRST, SECOND], [SECOND, FIRST, OTHER], [FIRST, OTHER, SECOND]])
def test_errors_beside_data_stand_in_the_order_of_their_places(errors: Sequence[Any]) -> None:
    ordered = answer(DATA, OTHER, FIRST, SECOND)
    assert difference(answer(DATA, *errors), ordered) is None
    assert (difference(ordered, answer(DATA, *errors)) is None) is (errors == [OTHER, FIRST, SECOND])
    assert difference(ordered, answer(DATA, *errors), handed_over=True) is None


@pytest.mark.parametrize("errors", [[OTHER], [OTHER, FIRST, SECOND, UNHEARD], [OTHER, FIRST, FIRST, SECOND], []])
def test_errors_beside_data_are_the_same(errors: Sequence[Any]) -> None:
    for handed_over in (False, True):
        assert difference(answer(DATA, OTHER, FIRST, SECOND), answer(DATA, *errors), handed_over=handed_over)


def test_errors_of_a_request_that_was_refused_are_the_same_in_their_order() -> None:
    one, two = {"message": "one"}, {"message": "two"}
    assert difference({"errors": [one, two]}, {"errors": [one, two]}) is None
    assert difference({"errors": [one, two]}, {"errors": [two, one]})


@pytest.mark.parametrize("errors", [[NULLS], [SECOND, NULLS], [FIRST, OTHER, NULLS]])
def test_beside_a_null_of_everything_all_of_other_roots_are_told(errors: Sequence[Any]) -> None:
    assert difference(answer(None, *errors), answer(None, OTHER, FIRST, SECOND, NULLS)) is None
    assert difference(answer(None, *errors), answer(None, OTHER, FIRST, SECOND, BESIDE, NULLS)) is None
    assert difference(answer(None, *errors), answer(None, *errors)) is None


@pytest.mark.parametrize(
    "errors",
    [
        [OTHER, FIRST, NULLS],  # one is missing
        [OTHER, FIRST, SECOND],  # nothing made it null
        [NULLS, OTHER, FIRST, SECOND],  # it is not the last
        [FIRST, OTHER, SECOND, NULLS],  # in another order
        [OTHER, FIRST, SECOND, UNHEARD, NULLS],  # this did not happen
        [OTHER, FIRST, FIRST, SECOND, NULLS],  # twice
        [OTHER, FIRST, SECOND, BESIDE],
        [],
    ],
)
def test_nothing_else_is_told_beside_a_null_of_everything(errors: Sequence[Any]) -> None:
    assert difference(answer(None, SECOND, NULLS), answer(None, *errors))


def test_of_fields_below_one_root_any_may_be_the_first_to_make_everything_null() -> None:
    one = answer(None, NULLS)
    assert Pair(one, answer(None, OTHER, FIRST, SECOND, ALSO), False).difference(found_more) is None
    assert Pair(one, answer(None, OTHER, FIRST, SECOND, FAR), False).difference(found_more)
    assert Pair(one, answer(None, OTHER, FIRST, SECOND, BESIDE), False).difference(found_more)


def test_what_graphql_core_tells_beside_a_null_is_told() -> None:
    assert difference(answer(None, BESIDE, NULLS), answer(None, OTHER, FIRST, SECOND, NULLS))
    assert difference(answer(None, OTHER), answer(None, OTHER, FIRST, SECOND, NULLS))


def test_a_document_that_was_handed_over_has_errors_that_happen_both_times() -> None:
    assert difference(answer(None, SECOND, NULLS), answer(None, FIRST, NULLS), handed_over=True) is None
    assert difference(answer(None, SECOND, NULLS), answer(None, UNHEARD, NULLS), handed_over=True)
    assert difference(answer(None, SECOND, NULLS), answer(None, FIRST), handed_over=True)
    assert difference(answer(None, NULLS), answer(None), handed_over=True)

"""A difference is told on a small document."""

from tests.graphql.compiled.shrink import shrunk

WHOLE = """query Q($a: Int, $b: Int) { one @skip(if: false) { two(first: $a) three } ...F four }
fragment F on Query { five(last: $b) { six } }"""


def test_what_the_difference_does_not_need_is_gone() -> None:
    found = shrunk(WHOLE, lambda text: "three" in text)

    assert found.split() == ["query", "Q", "{", "one", "{", "three", "}", "}"]


def test_a_fragment_and_a_variable_stay_where_they_are_needed() -> None:
    found = shrunk(WHOLE, lambda text: "$b" in text and "six" in text)

    assert "four" not in found
    assert "one" not in found
    assert "query Q($b: Int)" in found
    assert "fragment F on Query" in found

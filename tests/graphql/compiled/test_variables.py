"""Variables are read as graphql-core reads them, whichever way they take, and plans are told apart by what they must know."""

from typing import Any

import pytest
from graphql import build_schema, parse
from graphql.execution.values import VariableValues, get_variable_values

from forecourt.graphql.compiled.variables import Variables
from forecourt.tenancy.reader.shape import Slot

SCHEMA = build_schema("""
  type Query { a(d: ID, f: Float): Int }
  enum E { X Y }
  input TextFilter { eq: String in: [String!] isNull: Boolean }
  input ThingWhere { name: TextFilter and: [ThingWhere!] }
""")
HEAD = """query($s: String, $i: Int!, $b: Boolean = true, $d: ID = "x", $n: Int = null, $l: [ID!], $e: E = X, $f: Float,
  $w: ThingWhere) { a }"""
NODE = parse(HEAD).definitions[0]
GIVEN: list[dict[str, Any]] = [
    {"i": 1},
    {"i": 1, "s": "x", "b": False, "d": "y", "n": 4, "l": ["a"], "e": "Y", "f": 1.5},
    {"i": 1, "s": None, "b": None, "d": None, "n": None, "l": None, "e": None, "f": None, "w": None},
    {"i": 2**31 - 1, "d": 7, "f": 3, "l": "one"},
    {"i": 1.0},
    {"i": 1, "w": {"name": {"eq": "x", "in": ["a", "b"], "isNull": False}, "and": [{"name": {"eq": None}}]}},
    {"i": 1, "unknown": 3},
    # refused
    {},
    {"i": None},
    {"i": 2**31},
    {"i": True},
    {"i": "1"},
    {"i": 1, "s": 3},
    {"i": 1, "b": 1},
    {"i": 1, "d": 1.5},
    {"i": 1, "l": [None]},
    {"i": 1, "e": "Z"},
    {"i": 1, "w": {"nothing": 1}},
]


@pytest.mark.parametrize("given", GIVEN)
def test_values_are_those_of_graphql_core(given: dict[str, Any]) -> None:
    wanted = get_variable_values(SCHEMA, NODE.variable_definitions, given)  # type: ignore[attr-defined]
    found = Variables(SCHEMA, NODE, set("sibdnlefw"), ()).read(given)  # type: ignore[arg-type]
    if isinstance(wanted, VariableValues):
        assert found is not None and found.known == wanted.coerced
        assert {name: value for name, value in found.values.items() if name != "w"} == {
            name: value for name, value in wanted.coerced.items() if name != "w"
        }
        assert list(found.known) == list(wanted.coerced)
    else:
        assert found is None


def test_what_is_left_open_makes_no_other_plan_and_what_is_known_does() -> None:
    variables = Variables(SCHEMA, NODE, {"s", "i", "w"}, {"s"})  # type: ignore[arg-type]

    def key(**given: Any) -> Any:
        found = variables.read({"i": 1, **given})
        assert found is not None
        return found.key

    assert key(s="a") == key(s="b") != key(s=None) != key()
    assert key(i=1) != key(i=2)
    assert key(d="a") == key(d="b") == key()  # not used by the plan
    one, two = ({"name": {"eq": text}} for text in ("a", "b"))
    assert key(w=one) == key(w=two) != key(w={"name": {"eq": None}})
    assert key(w={"name": {"isNull": True}}) != key(w={"name": {"isNull": False}})
    found = variables.read({"i": 1, "s": "a", "w": one})
    assert found is not None
    assert found.values["s"] == Slot(("variable", ("s",)))
    assert found.values["w"] == {"name": {"eq": Slot(("variable", ("w", "name", "eq")))}}

"""Inputs of plain fields are read as graphql-core reads them, and what it refuses is left to it."""

import copy
import random
from typing import Any
from uuid import uuid4

import pytest
from graphql import GraphQLInputObjectType, Undefined, build_schema, coerce_input_value

from forecourt.domain.entities import ENTITIES
from forecourt.graphql.api import api_schema
from forecourt.graphql.compiled.plain import Odd, Read, reader
from tests.graphql.operations import MUTATIONS, Samples

SAMPLES = Samples(uuid4(), uuid4(), {entity.name: uuid4() for entity in ENTITIES})
ROOT: Any = api_schema()._schema.mutation_type
INPUTS: dict[str, Any] = {name: ROOT.fields[name].args["input"].type for name in sorted(MUTATIONS)}
ODD: list[Any] = [
    None, True, 0, 1, -1, 2**31 - 1, 2**31, -(2**31) - 1, 1.0, 1.5, "", "1", "x", "2026-09-07T01:00:00Z", "2026-13-01", [], ["a"],
    [None], [["a"]], {}, {"a": 1}, str(uuid4()),
]  # fmt: skip


def read(take: Read, value: Any) -> Any:
    """What is read; Undefined where it is left to graphql-core."""
    try:
        return take(copy.deepcopy(value))
    except Odd:
        return Undefined


@pytest.mark.parametrize("name", [name for name, type_ in INPUTS.items() if reader(type_) is not None])
def test_an_input_is_the_one_that_graphql_core_reads(name: str) -> None:
    type_, chance = INPUTS[name], random.Random(name)
    take = reader(type_)
    assert take is not None
    fields = list(type_.of_type.fields)
    left, same = 0, 0
    for sample in MUTATIONS[name].inputs(SAMPLES):
        assert read(take, sample) == coerce_input_value(sample, type_)
        changed = [sample | {field: value} for field in fields for value in ODD]
        changed += [{key: value for key, value in sample.items() if key != field} for field in fields]
        changed += [sample | {"nothing": 1}, dict(chance.sample(list(sample.items()), len(sample)))]
        for value in changed:
            found, wanted = read(take, value), coerce_input_value(value, type_)
            if (
                found is Undefined
            ):  # at most a list of one, or a text for a number: what graphql-core makes of it is its own
                left += 1
            else:
                assert found == wanted and list(found) == list(wanted) and type(found) is type(wanted), value
                same += 1
    assert same >= len(fields)
    assert left > 0


def test_nearly_every_input_of_a_mutation_is_read_here() -> None:
    left = [name for name, type_ in INPUTS.items() if reader(type_) is None]
    assert len(left) * 4 < len(INPUTS), left


def test_defaults_are_filled_in_and_other_inputs_are_left() -> None:
    schema = build_schema("""
      type Query { a: Int }
      input Plain { l: [Int!]! = [1], n: Int = null, t: String! = "x", o: Boolean }
      input Deep { plain: Plain }
      input One @oneOf { a: Int, b: Int }
      input Lists { l: [[Int]] }
    """)
    plain = schema.get_type("Plain")
    assert isinstance(plain, GraphQLInputObjectType)
    take = reader(plain)
    assert take is not None
    assert take({}) == coerce_input_value({}, plain) == {"l": [1], "n": None, "t": "x"}
    assert [reader(schema.get_type(name)) for name in ("Deep", "One", "Lists", "Int")] == [None] * 4

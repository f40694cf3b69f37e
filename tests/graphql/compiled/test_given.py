"""Inputs of mutations are made as strawberry makes them."""

import copy
from typing import Any
from uuid import uuid4

import pytest
from graphql import coerce_input_value
from strawberry.types.arguments import convert_argument

from forecourt.domain.entities import ENTITIES
from forecourt.graphql.api import api_schema
from forecourt.graphql.compiled.given import Converters
from tests.graphql.operations import MUTATIONS, Samples

SAMPLES = Samples(uuid4(), uuid4(), {entity.name: uuid4() for entity in ENTITIES})


@pytest.mark.parametrize("name", sorted(MUTATIONS))
def test_an_input_is_the_one_that_strawberry_makes(name: str) -> None:
    schema: Any = api_schema()
    root = schema._schema.mutation_type.fields[name]
    type_ = root.extensions["strawberry-definition"].arguments[0].type
    convert = Converters(schema).of(type_)
    assert convert is not None
    for sample in MUTATIONS[name].inputs(SAMPLES):
        value = coerce_input_value(sample, root.args["input"].type)
        usual = convert_argument(value, type_, schema.schema_converter.scalar_registry, schema.config)
        made = convert(copy.deepcopy(value))
        assert type(made) is type(usual)
        assert vars(made) == vars(usual)

"""Who may ask for the schema, and what counts as asking."""

import pytest
from graphql import get_introspection_query

from forecourt.graphql.introspection import Readers, asks_for_schema, may_read
from tests.graphql.conftest import Api


@pytest.mark.parametrize(
    "query",
    [
        get_introspection_query(),
        "{ __schema { types { name } } }",
        '{ viewer { name } a: __type(name: "Query") { name } }',
        "query a { viewer { name } } query b { ...F } fragment F on Query { __schema { __typename } }",
        "{__schema{description}",  # it is wrong only behind
        '{ a(b: "\\u0041", c: """ " """) __type }',
    ],
)
def test_what_asks_for_the_schema(query: str) -> None:
    assert asks_for_schema(query)


@pytest.mark.parametrize(
    "query",
    [
        "{ __typename viewer { __typename name } }",
        '{ store(code: "__schema") { name } }',
        '{ store(code: """__type""") { name } }',
        "{ viewer { name } } # __schema",
        "{ __schemas __types a__schema }",
        "query __type_ { viewer { name } }",
        '{ "__schema',
        "",
    ],
)
def test_what_does_not(query: str) -> None:
    assert not asks_for_schema(query)


@pytest.mark.parametrize(
    ("readers", "role", "may"),
    [
        ("everybody", "TECHNICIAN", True),
        ("administrators", "STORE_GM", False),
        ("administrators", "GROUP_ADMIN", True),
        ("nobody", "GROUP_ADMIN", False),
    ],
)
def test_who_may_ask(api: Api, readers: Readers, role: str, may: bool) -> None:
    store = None if role == "GROUP_ADMIN" else "N1"
    assert may_read(readers, api.actor((role, store))) is may

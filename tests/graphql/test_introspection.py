"""Who may ask for the schema, and what counts as asking."""

import asyncio
from typing import Any

import pytest
from graphql import get_introspection_query

from forecourt.errors import Forbidden
from forecourt.graphql.introspection import Readers, may_read
from forecourt.graphql.run import Asked, answered_by
from tests.graphql.conftest import Api


async def asked(api: Api, query: str, *, introspects: bool) -> dict[str, Any]:
    context = api.context(api.actor(("STORE_GM", "N1")))
    context.introspects = introspects
    return (await answered_by(api.schema, context, Asked(query, {}))).found


@pytest.mark.parametrize(
    "query",
    [
        get_introspection_query(),
        "{ __schema { types { name } } }",
        '{ viewer { name } a: __type(name: "Query") { name } }',
        "query b { ...F } fragment F on Query { ... on Query { __schema { __typename } } }",
        "{ __schema @include(if: true) { description } }",
    ],
)
def test_what_asks_for_the_schema(api: Api, query: str) -> None:
    assert asyncio.run(asked(api, query, introspects=True))["data"]
    with pytest.raises(Forbidden):
        asyncio.run(asked(api, query, introspects=False))


@pytest.mark.parametrize(
    "query",
    [
        "{ __typename viewer { __typename name } }",
        "{ viewer { name } } # __schema",
        "{ viewer { __schema: name } }",
        "{ viewer { name } __schema @skip(if: true) { description } }",
    ],
)
def test_what_does_not(api: Api, query: str) -> None:
    assert asyncio.run(asked(api, query, introspects=False))["data"]


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

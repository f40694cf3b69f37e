"""An API as it is set up for production, and what the twelve checks of graphql-cop 1.15 (dolevf/graphql-cop on GitHub,
`lib/tests`) look for: it gives none of it, not even to somebody who is signed in. Each test names the checks that it stands for.
"""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.conftest import World
from tests.graphql.over_http.conftest import Served, serving, token_of
from tests.graphql.over_http.wire import Answer, asked, broken, exchange


@pytest.fixture(scope="module")
def production(world: World) -> Iterator[Served]:
    """No schema for anybody, no GET."""
    with serving(world, introspection="nobody", get_queries=False) as made:
        yield made


@pytest.fixture(scope="module")
def inside(world: World) -> Iterator[Served]:
    """The schema for administrators only."""
    with serving(world, introspection="administrators") as made:
        yield made


def sent(served: Served, body: bytes = b"", **given: Any) -> Answer:
    answer = exchange(served.port, asked(body, token=served.token, **({"accept_language": "en"} | given)))
    assert answer is not None and broken(answer) is None and served.faults == []
    return answer


def posted(served: Served, query: str, **more: Any) -> Answer:
    return sent(served, json.dumps({"query": query, **more}).encode())


def test_it_works_otherwise(production: Served) -> None:
    answer = posted(production, "query cop { __typename viewer { name } }", operationName="cop")
    assert answer.json["data"] == {"__typename": "Query", "viewer": {"name": "Wang Fang"}}


@pytest.mark.parametrize(
    "query",
    [
        "query cop { __schema { types { name fields { name } } } }",
        "{ __schema { types { fields { type { fields { type { name } } } } } } }",
        '{ viewer { name } hidden: __type(name: "Query") { name } }',
        "query cop { ...Deep } fragment Deep on Query { viewer { name } __schema { queryType { name } } }",
    ],
)
def test_nobody_reads_the_schema(production: Served, query: str) -> None:
    """introspection, circular_query_introspection"""
    answer = posted(production, query)
    assert answer.status == 403 and "data" not in answer.json
    assert answer.json["errors"][0]["extensions"]["code"] == "FORBIDDEN"


def test_administrators_read_the_schema_where_only_they_may(inside: Served) -> None:
    query = json.dumps({"query": "{ __schema { queryType { name } } }"}).encode()
    assert sent(inside, query).status == 403
    token = token_of(inside.world, ("GROUP_ADMIN", None))
    answer = exchange(inside.port, asked(query, token=token))
    assert answer is not None and answer.json["data"] == {"__schema": {"queryType": {"name": "Query"}}}


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("{ __schema { directive } }", {}),
        ("{ viewr { name } }", {}),
        ("{ viewer }", {}),
        ("{ store(cod: 1) { name } }", {}),
        ('{ store(code: "a1") { customers(orderBy: [{field: CREATED_A}]) { totalCount } } }', {}),
        ('{ store(code: "a1") { customers(where: {nam: {eq: "x"}}) { totalCount } } }', {}),
        ("query a($b: Customer) { viewer { name } }", {}),
        ("query a($b: CustomerWher) { viewer { name } }", {}),
        ("fragment F on Viewr { name } { viewer { ...F } }", {}),
        (
            'query a($w: CustomerWhere) { store(code: "a1") { customers(where: $w) { totalCount } } }',
            {"w": {"nam": {}}},
        ),
        (
            'query a($o: [CustomerOrder!]) { store(code: "a1") { customers(orderBy: $o) { totalCount } } }',
            {"o": [{"field": "CREATED_A"}]},
        ),
    ],
)
def test_names_of_the_schema_are_not_guessed(production: Served, query: str, variables: dict[str, Any]) -> None:
    """field_suggestions"""
    answer = posted(production, query, variables=variables)
    assert "data" not in answer.json and "Did you mean" not in answer.body.decode()


@pytest.mark.parametrize("query", ["query cop {__typename}", "mutation cop {__typename}"])
def test_nothing_is_done_by_get(production: Served, query: str) -> None:
    """get_method_support, get_based_mutation"""
    answer = sent(production, method="GET", target="/graphql?" + urlencode({"query": query}))
    assert (answer.status, answer.headers["allow"]) == (405, "POST") and "data" not in answer.json


def test_mutations_are_not_done_by_get_where_queries_are(inside: Served) -> None:
    """get_based_mutation"""
    answer = sent(inside, method="GET", target="/graphql?" + urlencode({"query": "mutation cop {__typename}"}))
    assert answer.status == 405 and "data" not in answer.json


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "application/graphql"])
def test_forms_of_other_sites_are_no_requests(production: Served, kind: str) -> None:
    """post_based_csrf: what a browser sends for any page, without asking first"""
    answer = sent(production, urlencode({"query": "query cop { __typename }"}).encode(), content_type=kind)
    assert answer.status == 415 and "data" not in answer.json


def test_a_request_has_one_operation(production: Served) -> None:
    """batch_query"""
    answer = sent(production, json.dumps([{"query": "query cop { __typename }"}] * 10).encode())
    assert answer.status == 400 and isinstance(answer.json, dict)


@pytest.mark.parametrize(
    "query",
    [
        "query cop { " + " ".join(f"alias{number}:__typename" for number in range(101)) + " }",
        "query cop { __typename " + "@aa" * 10 + " }",
        "query cop { __typename " + "@include(if: true) " * 10 + " }",
        "query cop { " + "__typename " * 500 + "}",
    ],
)
def test_one_document_is_not_many(production: Served, query: str) -> None:
    """alias_overloading, directive_overloading, and field_duplication, which the program has but leaves out"""
    answer = posted(production, query, operationName="cop")
    assert "data" not in answer.json and len(answer.json["errors"]) < 10


def test_there_is_no_page_to_try_queries(production: Served) -> None:
    """detect_graphiql"""
    for path in ("/graphql", "/graphiql", "/playground", "/console", "/"):
        answer = exchange(production.port, asked(token=production.token, method="GET", target=path, accept="text/html"))
        assert answer is not None
        told = answer.body.decode()
        assert not any(
            word in told for word in ("graphiql.min", "GraphiQL", "graphql-playground", "GraphQL Playground")
        )


@pytest.mark.parametrize("query", ["query cop { __typename }", "qwerty cop { abc }", "{ abc }"])
def test_answers_tell_nothing_of_the_inside(production: Served, query: str) -> None:
    """trace_mode, unhandled_error_detection"""
    answer = posted(production, query)
    told = [answer.json, *answer.json.get("errors", ())]
    assert not any({"tracing", "exception", "stacktrace", "debug"} & set(one.get("extensions", {})) for one in told)

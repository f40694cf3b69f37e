"""What one caller may take: points of cost, time, and the database's attention; seen over HTTP and in the database."""

import asyncio
import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from forecourt.graphql.budget import Rates
from forecourt.tenancy.budgets import Rate
from forecourt.tenancy.provision import owner_connection
from tests.conftest import World
from tests.graphql.over_http.conftest import Served, serving, token_of
from tests.graphql.over_http.wire import FORGOTTEN, Answer, asked, broken, exchange

CUSTOMERS = 'query($n: Int) { store(code: "a1") { customers(first: $n) { edges { node { id } } } } }'
COMPLAIN = """mutation($input: FileComplaintInput!) { fileComplaint(input: $input) {
  complaint { id } userErrors { code } } }"""


def body_of(query: str, variables: Mapping[str, Any] | None = None) -> bytes:
    return json.dumps({"query": query, "variables": dict(variables or {})}).encode()


def ask(served: Served, query: str, token: str | None = None, /, **variables: Any) -> Answer:
    answer = exchange(
        served.port,
        asked(body_of(query, variables), token=token or served.token, accept="application/graphql-response+json"),
    )
    assert answer is not None
    return answer


# --- cost ------------------------------------------------------------------------------------------------------------


def test_every_answer_says_what_it_cost(served: Served) -> None:
    answer = ask(served, CUSTOMERS, n=30)
    cost = answer.json["extensions"]["cost"]
    rows = len(answer.json["data"]["store"]["customers"]["edges"])
    assert cost["requested"] == 1 + 1 + 30 * 2 and cost["actual"] == 1 + 1 + rows * 2
    status = cost["throttleStatus"]
    assert 0 < status["currentlyAvailable"] <= status["maximumAvailable"] and status["restoreRate"] > 0


def test_what_did_not_run_costs_nothing(served: Served) -> None:
    for query in ("{", "{ nothing }", "query a { __typename } query b { __typename }"):
        assert "extensions" not in ask(served, query).json


def test_a_document_may_ask_what_it_would_cost(served: Served) -> None:
    query = """query($document: String!, $variables: JSON) {
      costPreview(document: $document, variables: $variables) { requested maximum allowed fields { key requested } }
      rateLimit { cost maximumCost buckets { level maximumAvailable currentlyAvailable restoreRate } } }"""
    found = ask(served, query, document=CUSTOMERS, variables={"n": 100}).json["data"]
    assert found["costPreview"] == {
        "requested": 202,
        "maximum": 100_000,
        "allowed": True,
        "fields": [{"key": "store", "requested": 202}],
    }
    assert found["rateLimit"]["cost"] == 1 + 10 + 1 + 10
    assert [one["level"] for one in found["rateLimit"]["buckets"]] == ["APP_GROUP", "GROUP"]
    dear = CUSTOMERS.replace("node { id }", "node { vehicles(first: 1000) { edges { node { id } } } }")
    found = ask(served, query, document=dear, variables={"n": 1000}).json["data"]["costPreview"]
    assert found["requested"] > found["maximum"] and found["allowed"] is False
    dear = '{ store(code: "a1") { customers(first: 1000) { edges { node { vehicles(first: 1000) { edges { cursor } } } } } } }'
    found = ask(served, query, document=dear).json["data"]["costPreview"]
    assert found["requested"] == 1 + 1 + 1_000 * (2 + 1 + 1_000) and found["allowed"] is False
    refused = ask(served, query, document="{ nothing }").json
    assert refused["data"] is None and "nothing" in refused["errors"][0]["message"]
    refused = ask(served, query, document="{" + "x {" * 31 + "y" + "}" * 32).json
    assert refused["errors"][0]["extensions"] == {
        "code": "COST_LIMIT",
        "limit": {"of": "DEPTH", "asked": 32, "most": 30},
    }


def test_the_bucket_of_a_store_is_shown_to_who_sees_the_store(served: Served) -> None:
    query = "query($store: ID!) { rateLimit(store: $store) { buckets { level } } }"
    found = ask(served, query, store=served.store_id("a1")).json["data"]["rateLimit"]["buckets"]
    assert [one["level"] for one in found] == ["APP_STORE", "APP_GROUP", "GROUP"]
    refused = ask(served, query, store=served.store_id("b1")).json
    assert [error["extensions"]["code"] for error in refused["errors"]] == ["NOT_FOUND"]


# --- budgets ---------------------------------------------------------------------------------------------------------


@contextmanager
def budgets(served: Served, rates: Rates) -> Iterator[None]:
    """Smaller ones than an installation may have."""
    ledger = served.app.state.known.ledger
    before = ledger.rates

    def put(given: Rates) -> None:
        with owner_connection(served.world.server) as connection:
            connection.execute("delete from control.rate_bucket")
        ledger.rates = given
        ledger._buckets.clear()
        ledger._callers.clear()

    put(rates)
    try:
        yield
    finally:
        put(before)


def hundred(code: str) -> str:
    """A document whose answer has a hundred objects, all of a store."""
    return "{" + " ".join(f'a{number}: store(code: "{code}") {{ code }}' for number in range(100)) + "}"


def test_a_spent_budget_is_said_with_when_to_come_again(served: Served) -> None:
    with budgets(served, Rates(Rate(300, 50), Rate(100_000, 100), Rate(1_000_000, 100))):
        other = token_of(served.world, ("CS_AGENT", "a1"))
        answers = [ask(served, hundred("a1")) for _ in range(4)]
        assert [answer.status for answer in answers] == [200, 200, 200, 429]
        refused = answers[-1]
        assert broken(refused) is None
        [error] = refused.json["errors"]
        assert error["extensions"]["code"] == "THROTTLED"
        assert 0 < error["extensions"]["retryAfter"] <= int(refused.headers["retry-after"]) <= 4
        # Neither another caller at the store nor the caller at another store is kept waiting.
        assert ask(served, hundred("a1"), other).status == 200
        assert ask(served, hundred("a2")).status == 200
        time.sleep(int(refused.headers["retry-after"]))
        assert ask(served, hundred("a1")).status == 200


def test_groups_do_not_spend_each_others(served: Served) -> None:
    with budgets(served, Rates(Rate(1_000, 1), Rate(1_000, 1), Rate(1_000, 1))):
        hq = "{ group { stores(first: 100) { edges { node { code } } } } }"
        statuses = {ask(served, hq).status for _ in range(4)}
        assert statuses == {200}
        ledger = served.app.state.known.ledger
        other = ledger.caller("client:of b", served.world.groups["b"].id)
        assert [one.available for one in other.levels()] == [1_000, 1_000]


# --- time ------------------------------------------------------------------------------------------------------------


@contextmanager
def locked(world: World, table: str) -> Iterator[psycopg.Connection]:
    """A table of store a1 that nobody else can read or write; a connection that sees who waits for it."""
    schema, administrator = world.stores["a1"].schema, world.server.administrator
    assert administrator is not None
    database = world.server.address.dbname
    with (
        psycopg.connect(administrator, dbname=database) as holder,
        psycopg.connect(administrator, dbname=database, autocommit=True) as watch,
    ):
        holder.execute(f"lock table {schema}.{table} in access exclusive mode".encode())
        yield watch
        holder.rollback()


def until(found: Callable[[], bool]) -> None:
    ends = time.monotonic() + FORGOTTEN
    while not found():
        assert time.monotonic() < ends, "it never came to pass"
        time.sleep(0.02)


def waiting(connection: psycopg.Connection) -> int:
    """Statements of the API that wait for a lock."""
    count = """select count(*) from pg_stat_activity
               where wait_event_type = 'Lock' and application_name like 'forecourt%' and state = 'active'"""
    found = connection.execute(count).fetchone()
    assert found is not None
    return int(found[0])


@pytest.fixture(scope="module")
def hasty(world: World) -> Iterator[Served]:
    """An installation where an operation may take a second; a lock would be waited for five."""
    with serving(world, deadline_ms=1_000) as made:
        yield made


@pytest.mark.parametrize("reader", ["compiled", "interpreted"])
def test_an_operation_that_takes_too_long_is_ended_in_the_database_too(world: World, reader: str) -> None:
    with serving(world, deadline_ms=1_000, reader=reader) as served, locked(world, "customer") as connection:
        began = time.monotonic()
        answer = ask(served, CUSTOMERS, n=5)
        assert answer.status == 504 and time.monotonic() - began < 4.5
        assert [error["extensions"]["code"] for error in answer.json["errors"]] == ["TIMEOUT"]
        until(lambda: waiting(connection) == 0)
        assert served.faults == []
    assert ask_again(world)


def ask_again(world: World) -> bool:
    with serving(world) as served:
        return ask(served, CUSTOMERS, n=5).status == 200


def test_nothing_of_a_mutation_that_took_too_long_was_written(hasty: Served) -> None:
    world = hasty.world
    given = {"storeId": hasty.store_id("a1"), "area": "SERVICE", "kind": "COMMUNICATION", "record": "COMPLAINT"}
    given |= {"receivedAt": "2026-09-01T00:00:00Z", "text": "Too late"}
    with locked(world, "complaint") as connection:
        answer = ask(hasty, COMPLAIN, input=given)
        assert answer.status == 504, answer.body
        until(lambda: waiting(connection) == 0)
    with owner_connection(world.server) as connection:
        found = connection.execute(
            f"select count(*) from {world.stores['a1'].schema}.complaint where text = 'Too late'".encode()
        ).fetchone()
        assert found == (0,)
    assert ask(hasty, CUSTOMERS, n=5).status == 200


@pytest.mark.parametrize("query", [CUSTOMERS, "{ group { stores { edges { node { customers { totalCount } } } } } }"])
def test_who_leaves_ends_their_statement(served: Served, query: str) -> None:
    with locked(served.world, "customer") as connection:
        with socket.create_connection(("127.0.0.1", served.port), timeout=FORGOTTEN) as client:
            client.sendall(asked(body_of(query), token=served.token))
            until(lambda: waiting(connection) > 0)
        began = time.monotonic()
        until(lambda: waiting(connection) == 0)
        assert time.monotonic() - began < 4  # a lock is waited for five seconds
    assert ask(served, CUSTOMERS, n=5).status == 200
    assert served.faults == []


def test_one_caller_runs_no_more_than_some_at_once(served: Served) -> None:
    async def many() -> list[bytes]:
        async def one() -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
            writer.write(asked(body_of("{ viewer { name } }"), token=served.token))
            line = await reader.readline()
            writer.close()
            return line

        return await asyncio.gather(*(one() for _ in range(150)))

    assert {line.split(b" ")[1] for line in asyncio.run(many())} == {b"200"}

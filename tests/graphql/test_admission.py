"""Which store an operation is about, and that it gives way by what it costs, also where the caller's stores must be asked for first."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import pytest

from forecourt.auth.actor import Actor, Membership
from forecourt.domain.entities import ENTITIES
from forecourt.graphql import ids
from forecourt.graphql.admission import paid_for, price_of
from forecourt.graphql.api import api_schema
from forecourt.graphql.budget import Ledger, Rates, Reserved
from forecourt.graphql.compiled.document import Document, read_document
from forecourt.graphql.compiled.plan import made_fields
from forecourt.graphql.context import Context
from forecourt.tenancy.budgets import Granted, Rate, Wanted
from forecourt.tenancy.session import ResolvedGroup, ResolvedStore

GROUP = ResolvedGroup(uuid4(), "a", "A", "Asia/Shanghai", "CNY")
ONE, TWO = (
    ResolvedStore(uuid4(), GROUP.id, code, code, "Asia/Shanghai", "CNY", "ACTIVE", "1", code, "HX")
    for code in ("a1", "a2")
)
FOREIGN = uuid4()


def paid(query: str, variables: Mapping[str, Any], *, much: list[bool]) -> Reserved:
    """What an operation of somebody whose stores are not known yet takes, and whether it gives way."""
    schema = api_schema()
    document = read_document(schema._schema, schema.compiled.prices, query, made_fields(ENTITIES), variables)
    assert isinstance(document, Document), document
    operation = document.operation(None)
    assert operation is not None

    async def lease(wanted: Sequence[Wanted]) -> dict[str, Granted]:
        return {one.key: Granted(one.amount, one.rate.capacity - one.amount) for one in wanted}

    async def list_stores() -> list[ResolvedStore]:
        return [ONE, TWO]

    async def run() -> Reserved:
        actor = Actor("account:1", "Wang", GROUP.id, memberships=(Membership("HQ_DIRECTOR", None),))
        context = Context(actor, GROUP, ENTITIES, list_stores, lambda _: pytest.fail("opened"))
        rate = Rate(1_000_000, 1_000)
        context.caller = Ledger(Rates(rate, rate, rate), lease).caller("account:1", GROUP.id)
        found = await paid_for(context, price_of(operation, variables), variables)
        assert found is not None and context.cost == found.cost
        much.append(context.gives_way is not None)
        await context.caller.ledger.settled()
        return found

    return asyncio.run(run())


def row(store: Any) -> str:
    return str(ids.GlobalId("Customer", store, uuid4()))


@pytest.mark.parametrize(
    ("query", "variables", "about"),
    [
        ('{ store(code: "a1") { code } }', {}, {ONE.id: 1}),
        ("query($c: String) { store(code: $c) { code } }", {"c": "a2"}, {TWO.id: 1}),
        ("query($i: ID!) { node(id: $i) { id } }", {"i": row(ONE.id)}, {ONE.id: 1}),
        ("query($i: ID!) { node(id: $i) { id } }", {"i": row(FOREIGN)}, {}),
        ("query($i: ID!) { node(id: $i) { id } }", {"i": "rubbish"}, {}),
        ("query($i: [ID!]!) { nodes(ids: $i) { id } }", {"i": [row(TWO.id)] * 3}, {TWO.id: 3}),
        ("query($i: [ID!]!) { nodes(ids: $i) { id } }", {"i": [row(ONE.id), row(TWO.id)]}, {}),
        ("query($i: [ID!]!) { nodes(ids: $i) { id } }", {"i": []}, {}),
        ('{ a: store(code: "a1") { code } b: store(code: "a2") { code } viewer { name } }', {}, {ONE.id: 1, TWO.id: 1}),
        ("{ group { stores { edges { node { code } } } } }", {}, {}),
        (
            "mutation($i: FileComplaintInput!) { fileComplaint(input: $i) { userErrors { code } } }",
            {"i": {"text": "x", "storeId": ids.store_id(ONE.id)}},
            {ONE.id: 12},
        ),
    ],
)
def test_what_is_about_one_store_alone(query: str, variables: dict[str, Any], about: dict[Any, int]) -> None:
    taken = paid(query, variables, much=[]).taken
    assert {bucket.store: amount for bucket, amount in taken if bucket.store is not None} == about


@pytest.mark.parametrize(("rows", "gives_way"), [(10, False), (1_000, True)])
def test_what_asks_for_much_gives_way(rows: int, gives_way: bool) -> None:
    much: list[bool] = []
    paid('query($n: Int) { store(code: "a1") { customers(first: $n) { edges { cursor } } } }', {"n": rows}, much=much)
    assert much == [gives_way]

"""How long an answer takes does not tell another group's identifier from one that never was.

Each pair asks the same question of both, in turn and in random order, through the whole API over a real database. The
answers are equal as text; the medians of 500 tries each differ by less than a tenth.
"""

import gc
import json
import random
from collections.abc import Mapping
from statistics import median
from time import perf_counter
from typing import Any
from uuid import UUID

import pytest

from forecourt.auth.actor import Actor
from forecourt.graphql import ids
from forecourt.tenancy.ids import new_id
from tests.graphql.operations import MUTATIONS
from tests.graphql.test_foreign_ids import Town, attacked, town, value_at, with_value

assert town  # a fixture
pytestmark = pytest.mark.anyio

TRIES = 500
CLOSE = 0.10
#: A machine that is busy with something else may spoil one measurement, not three.
ROUNDS = 3

NODE = "query($id: ID!) { node(id: $id) { id } }"
STORE = "query($id: ID!) { store(id: $id) { id name } }"
TOKENS = "query($id: ID!) { group { tokens(accountId: $id) { id } } }"
FILTER = "query($id: ID!, $store: ID!) { store(id: $store) { complaints(where: {id: {eq: $id}}) { edges { node { id } } } } }"


async def answer_to(where: Town, actor: Actor, document: str, variables: Mapping[str, Any]) -> tuple[str, float]:
    """The answer as text, and the seconds it took."""
    start = perf_counter()
    answer = await where.live.run(actor, document, variables)
    return json.dumps(answer, sort_keys=True), perf_counter() - start


async def medians(
    where: Town, actor: Actor, document: str, pair: tuple[Mapping[str, Any], Mapping[str, Any]]
) -> tuple[float, float]:
    """Median seconds of the first and of the second, tried in turn; the answers must be the same."""
    taken: tuple[list[float], list[float]] = ([], [])
    answers = set()
    order = [0, 1]
    for _ in range(20):  # plans, connections and prepared statements are made for both
        for side in order:
            await answer_to(where, actor, document, pair[side])
    gc.collect()
    gc.disable()
    try:
        for _ in range(TRIES):
            random.shuffle(order)
            for side in order:
                text, seconds = await answer_to(where, actor, document, pair[side])
                answers.add(text)
                taken[side].append(seconds)
    finally:
        gc.enable()
    assert len(answers) == 1, answers
    return median(taken[0]), median(taken[1])


async def assert_alike(
    where: Town, actor: Actor, document: str, pair: tuple[Mapping[str, Any], Mapping[str, Any]]
) -> None:
    """Nobody can tell the pair apart by its answers or by its medians."""
    seen = []
    for _ in range(ROUNDS):
        first, second = await medians(where, actor, document, pair)
        seen.append(abs(first - second) / min(first, second))
        if seen[-1] < CLOSE:
            return
    raise AssertionError(f"{document}: {seen}")


def never(type_: str, store: UUID | None = None) -> str:
    """The id of a row that never was."""
    return str(ids.GlobalId(type_, store or new_id(), new_id()))


@pytest.mark.proof
@pytest.mark.parametrize("type_", ["Customer", "Complaint", "Response"])
async def test_a_node_of_another_group(town: Town, type_: str) -> None:
    """With the other group's store in the id, and with the own store's in its place."""
    moved = str(ids.GlobalId(type_, town.own.store_id, town.stranger.rows[type_]))
    for foreign, random_ in (
        (town.stranger.row(type_), never(type_)),
        (moved, never(type_, town.own.store_id)),
    ):
        await assert_alike(town, town.staff, NODE, ({"id": foreign}, {"id": random_}))


@pytest.mark.proof
async def test_a_store_of_another_group(town: Town) -> None:
    """For staff, and for headquarters, who see every store of their own group."""
    for actor in (town.staff, town.leader):
        await assert_alike(town, actor, STORE, ({"id": town.stranger.store}, {"id": ids.store_id(new_id())}))


@pytest.mark.proof
async def test_an_account_of_another_group(town: Town) -> None:
    moved = str(ids.GlobalId("Account", town.own.group_id, town.stranger.rows["Account"]))
    for foreign, random_ in (
        (town.stranger.own("Account"), never("Account")),
        (moved, never("Account", town.own.group_id)),
    ):
        await assert_alike(town, town.leader, TOKENS, ({"id": foreign}, {"id": random_}))


@pytest.mark.proof
async def test_a_filter_by_another_groups_row(town: Town) -> None:
    pair = (
        {"store": town.own.store, "id": town.stranger.row("Complaint")},
        {"store": town.own.store, "id": never("Complaint")},
    )
    await assert_alike(town, town.staff, FILTER, pair)


@pytest.mark.proof
@pytest.mark.parametrize("name", ["acknowledgeComplaint", "closeComplaint", "revealContact", "disableAccount"])
async def test_a_mutation_of_another_groups_row(town: Town, name: str) -> None:
    of_name = [path for other, path, kind, many in attacked() if other == name and kind == "ID" and not many]
    assert of_name
    needs = MUTATIONS[name]
    for path in of_name:
        base = next(one for one in needs.inputs(town.own) if value_at(one, path))
        known = ids.parse(value_at(base, path))
        assert known is not None
        of_group = known.store == town.own.group_id
        actor = town.leader if of_group else town.staff
        foreign = town.stranger.own(known.type) if of_group else town.foreign(known.type, of_group=False)[1]
        random_ = ids.store_id(new_id()) if known.type == ids.STORE else never(known.type)
        document = (
            f"mutation($input: {town.live.input_of(name)}!) {{ {name}(input: $input) {{ userErrors {{ code }} }} }}"
        )
        pair = tuple({"input": with_value(base, path, text)} for text in (foreign, random_))
        await assert_alike(town, actor, document, (pair[0], pair[1]))

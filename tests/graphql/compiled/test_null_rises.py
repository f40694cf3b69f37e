"""Fields that fail inside compiled queries, over a schema made for it: where null ends, and which errors are told."""

import asyncio
import random
from dataclasses import replace
from typing import Annotated, Any, Union

import pytest
import strawberry

from forecourt.domain.entities import ENTITIES
from forecourt.errors import Forbidden, NotFound, Unavailable
from forecourt.graphql.schema import Parts, build
from forecourt.tenancy.lanes import Lanes
from tests.graphql.compiled.conftest import Both


@strawberry.interface(description="Something with a name.")
class Named:
    """An interface whose objects fail or not."""

    name: str = strawberry.field(description="Name.")


@strawberry.type(description="One that answers.")
class Good(Named):
    """Nothing fails here."""

    size: int = strawberry.field(description="Size.")


@strawberry.type(description="One whose fields fail.")
class Poor(Named):
    """Fields that are refused, at once or later."""

    @strawberry.field(description="Refused, may be null.")  # type: ignore[untyped-decorator]
    def soft(self) -> str | None:
        raise Forbidden("no")

    @strawberry.field(description="Refused, may not be null.")  # type: ignore[untyped-decorator]
    def hard(self) -> str:
        raise NotFound("no")

    @strawberry.field(description="Refused later, may not be null.")  # type: ignore[untyped-decorator]
    async def hard_later(self) -> str:
        await asyncio.sleep(0)
        raise NotFound("no")

    @strawberry.field(description="The same again.")  # type: ignore[untyped-decorator]
    def inner(self) -> "Poor":
        return Poor(name="inner")


Either = Annotated[Union[Good, Poor], strawberry.union("Either", description="One of two.")]  # noqa: UP007


@strawberry.input(description="Words.")
class Words:
    """An input object."""

    first: str = strawberry.field(description="First.")
    more: list[int] | None = strawberry.field(default=None, description="More.")


@strawberry.type
class Failing:
    """Fields of every kind, for every root."""

    @strawberry.field(description="What was given.")  # type: ignore[untyped-decorator]
    def echo(
        self,
        info: strawberry.Info,
        text: Annotated[str, strawberry.argument(description="A text.")] = "default",
        words: Annotated[Words | None, strawberry.argument(description="Words.")] = None,
    ) -> str:
        keys = ".".join(map(str, info.path.as_list()))
        return f"{keys} {info.field_name} {text} {words and (words.first, words.more)}"

    @strawberry.field(description="Refused, may be null.")  # type: ignore[untyped-decorator]
    def soft(self) -> str | None:
        raise Forbidden("no")

    @strawberry.field(description="Refused later, may be null.")  # type: ignore[untyped-decorator]
    async def soft_later(self) -> str | None:
        await asyncio.sleep(0)
        raise Unavailable("no")

    @strawberry.field(description="Refused, may not be null.")  # type: ignore[untyped-decorator]
    def hard(self) -> str:
        raise NotFound("no")

    @strawberry.field(description="Breaks much later, may not be null.")  # type: ignore[untyped-decorator]
    async def hard_later(self) -> str:
        await asyncio.sleep(0.05)
        raise ZeroDivisionError("secret")

    @strawberry.field(description="Nothing where something must be.")  # type: ignore[untyped-decorator]
    def nothing(self) -> str:
        return None  # type: ignore[return-value]

    @strawberry.field(description="A whole number that GraphQL has no room for.")  # type: ignore[untyped-decorator]
    def large(self) -> int | None:
        return 2**40

    @strawberry.field(description="A list with a hole, which may be.")  # type: ignore[untyped-decorator]
    def holes(self) -> list[str | None]:
        return ["a", None, "c"]

    @strawberry.field(description="A list with a hole, which may not be.")  # type: ignore[untyped-decorator]
    def torn(self) -> list[str] | None:
        return ["a", None, "c"]  # type: ignore[list-item]

    @strawberry.field(description="A list with a hole, which may not be, nor the list.")  # type: ignore[untyped-decorator]
    async def torn_hard(self) -> list[str]:
        return ["a", None, "c"]  # type: ignore[list-item]

    @strawberry.field(description="Objects that may be null.")  # type: ignore[untyped-decorator]
    async def rows(self) -> list[Poor | None]:
        return [Poor(name="a"), None, Poor(name="b")]

    @strawberry.field(description="Objects that may not be null.")  # type: ignore[untyped-decorator]
    def rows_hard(self) -> list[Poor] | None:
        return [Poor(name="a"), Poor(name="b")]

    @strawberry.field(description="An object.")  # type: ignore[untyped-decorator]
    async def poor(self) -> Poor | None:
        return Poor(name="poor")

    @strawberry.field(description="An interface.")  # type: ignore[untyped-decorator]
    def named(self) -> list[Named | None]:
        return [Good(name="good", size=1), Poor(name="poor")]

    @strawberry.field(description="A union.")  # type: ignore[untyped-decorator]
    async def either(self) -> list[Either | None]:
        return [Poor(name="poor"), Good(name="good", size=2)]

    @strawberry.field(description="Something that the union has not.")  # type: ignore[untyped-decorator]
    def neither(self) -> Either | None:
        return "neither"  # type: ignore[return-value]


PLACES = {
    "query": "{ d: __typename %s c: __typename }",
    "viewer": "{ viewer { name %s key } }",
    "group": "{ group { code %s currency } }",
    "group with stores": "{ group { code %s stores { edges { node { code customers(first: 1) { totalCount } } } } } }",
    "store": '{ store(code: "a1") { code %s customers(first: 2) { edges { node { name } } } employees { totalCount } name } }',
    "bare store": '{ store(code: "a1") { code %s } group { name } }',
    "stores": "{ group { name stores { totalCount edges { cursor node { code %s customers { totalCount } asOf } } } } }",
    "node": '{ node(id: "ID1") { id ... on Store { code %s customers(first: 1) { totalCount } } } }',
    "nodes": '{ nodes(ids: ["ID1", "x", "ID2"]) { __typename ... on Store { %s code } } }',
}
ASKED = {
    "echo": 'echo again: echo(text: "x", words: {first: "y", more: [1, 2]})',
    "soft": "soft",
    "soft, twice": "soft s: soft",
    "soft later": "softLater",
    "hard": "hard",
    "hard after others": "echo soft hard",
    "hard before others": "hard soft echo",
    "hard later": "softLater soft hardLater",
    "nothing": "nothing",
    "large": "large",
    "holes": "holes",
    "torn": "torn",
    "torn, may not be null": "tornHard",
    "rows": "rows { name soft }",
    "rows with hard fields": "rows { name hard soft }",
    "rows that may not be null": "rowsHard { name soft }",
    "rows that may not be null, with hard fields": "rowsHard { name hardLater }",
    "nested": "poor { name inner { soft inner { name } } }",
    "nested, null to the middle": "poor { name inner { inner { hard } } }",
    "nested, null to the middle, later": "echo poor { name inner { inner { hardLater } } }",
    "interface": "named { __typename name ... on Good { size } ... on Poor { soft } }",
    "interface with hard fields": "named { name ... on Poor { hard } }",
    "union": "either { __typename ... on Named { name } ... on Good { size } ... on Poor { hardLater } }",
    "a type that is not in the union": "neither { __typename }",
}


@pytest.fixture(scope="module")
def failing(both: Both) -> Both:
    """Both engines over a schema with the failing fields at every root."""
    parts = Parts(group=(Failing,), query=(Failing,), store=(Failing,), viewer=(Failing,), types=(Good, Poor))
    return replace(both, schema=build(ENTITIES, parts))


def document(both: Both, place: str, asked: str) -> str:
    """What is asked, at a place."""
    text = PLACES[place] % asked
    return text.replace("ID1", both.store_id("a1")).replace("ID2", both.store_id("a2"))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("what", ASKED)
def test_null_rises_to_the_nearest_place_that_may_be_null(failing: Both, place: str, what: str) -> None:
    gm = failing.actor(("STORE_GM", "a1"), ("STORE_GM", "a2"))
    failing.compiled(gm, document(failing, place, ASKED[what]))


@pytest.mark.parametrize("place", ["store", "stores", "node"])
@pytest.mark.parametrize("what", ["echo", "soft", "hard after others", "hard before others", "rows with hard fields"])
def test_lists_that_are_refused_stand_in_one_sequence_with_them(failing: Both, place: str, what: str) -> None:
    """A technician may not read customers, so a store's refusals stand before or behind a field that nulls the store."""
    technician = failing.actor(("TECHNICIAN", "a1"), ("TECHNICIAN", "a2"))
    failing.compiled(technician, document(failing, place, ASKED[what]))
    failing.compiled(technician, document(failing, place, f"c: customers {{ totalCount }} {ASKED[what]}"))


def test_what_is_null_where(failing: Both) -> None:
    gm = failing.actor(("STORE_GM", "a1"))
    query = """{ store(code: "a1") { code hard } s: store(code: "a1") { soft rows { inner { hard } name } }
      group { poor { hard } } viewer { rowsHard { hard } name } }"""
    answer = failing.compiled(gm, query)
    assert answer["data"] == {
        "store": None,
        "s": {"soft": None, "rows": [None, None, None]},
        "group": {"poor": None},
        "viewer": {"rowsHard": None, "name": "王芳"},
    }
    assert sorted(".".join(map(str, error["path"])) for error in answer["errors"]) == [
        "group.poor.hard",
        "s.rows.0.inner.hard",
        "s.rows.2.inner.hard",
        "s.soft",
        "store.hard",
        "viewer.rowsHard.0.hard",
    ]
    assert failing.compiled(gm, '{ store(code: "a1") { code } viewer { name hard } }')["data"] is None
    assert failing.compiled(gm, '{ store(code: "a1") { code } group { nothing } }')["data"] is None


def test_of_several_that_null_everything_the_first_is_told(failing: Both) -> None:
    gm = failing.actor(("STORE_GM", "a1"))
    for query, first in (
        ("{ viewer { hard } group { hard } hard }", ["viewer", "hard"]),
        ("{ group { hard } viewer { hard } hard }", ["group", "hard"]),
        ("{ hard group { hard } viewer { hard } }", ["hard"]),
        ("{ group { stores { totalCount } hardLater } viewer { hard } }", ["viewer", "hard"]),
    ):
        answer = failing.compiled(gm, query)
        assert answer["data"] is None and [error["path"] for error in answer["errors"]] == [first]


def paths(answer: dict[str, Any]) -> list[list[str | int]]:
    return [error["path"] for error in answer["errors"]]


def test_what_fails_beside_a_null_of_everything_is_told_in_the_order_of_the_answer(failing: Both) -> None:
    """Nothing is stopped, so it depends on no time."""
    technician = failing.actor(("TECHNICIAN", "a1"))
    query = """{ group { stores { edges { node { code refused: customers { totalCount } } } } }
      nowhere: store(code: "nowhere") { code } viewer { poor { hardLater } tornHard }
      late: softLater store(code: "a1") { softLater customers { totalCount } } }"""
    answer = failing.compiled(technician, query)
    assert answer["data"] is None
    assert paths(answer) == [
        ["group", "stores", "edges", 0, "node", "refused"],
        ["nowhere"],
        ["viewer", "poor", "hardLater"],
        ["late"],
        ["store", "softLater"],
        ["store", "customers"],
        ["viewer", "tornHard", 1],
    ]


def test_a_resolver_that_waits_for_nothing_ends_the_answer_where_it_stands(failing: Both) -> None:
    gm = failing.actor(("STORE_GM", "a1"))
    query = '{ soft late: softLater %s nowhere: store(code: "nowhere") { code } after: soft }'
    for hard in ("hard", "group { hard }"):
        answer = failing.compiled(gm, query % hard)
        assert (answer["data"], [path[0] for path in paths(answer)]) == (None, ["soft", hard.split()[0]])


def test_errors_stand_in_the_order_of_the_answer(failing: Both) -> None:
    technician = failing.actor(("TECHNICIAN", "a1"))
    query = """{ late: softLater store(code: "a1") { ...L soft } nowhere: store(code: "nowhere") { code } soft }
      fragment L on Store { softLater customers { totalCount } }"""
    assert paths(failing.compiled(technician, query)) == [
        ["late"],
        ["store", "softLater"],
        ["store", "customers"],
        ["store", "soft"],
        ["nowhere"],
        ["soft"],
    ]


def test_a_store_that_cannot_answer_has_one_error_and_none_of_its_fields(
    failing: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    gm = failing.actor(("STORE_GM", "a1"), ("STORE_GM", "a2"))
    down = failing.world.stores["a1"].schema
    plain = Lanes.run

    async def run_unless_down(self: Lanes, role: str, statements: Any) -> Any:
        if role == down:
            await asyncio.sleep(0.01)
            raise Unavailable("down")
        return await plain(self, role, statements)

    monkeypatch.setattr(Lanes, "run", run_unless_down)
    query = "{ group { stores { edges { node { code soft hard customers { totalCount } } } } } } "
    answer = failing.run("compiled", gm, query)
    assert answer["data"]["group"]["stores"]["edges"] == [{"node": None}, {"node": None}]
    assert sorted((error["path"][3:], error["extensions"]["code"]) for error in answer["errors"]) == [
        ([0, "node"], "UNAVAILABLE"),
        ([1, "node", "hard"], "NOT_FOUND"),
        ([1, "node", "soft"], "FORBIDDEN"),
    ]


def test_a_request_that_is_handed_over_tells_each_error_once(failing: Both) -> None:
    gm = failing.actor(("STORE_GM", "a1"))
    before = dict(failing.schema.compiled.handed_over)
    answer = failing.same(gm, '{ soft store(code: "a1") { soft customers(after: "bad") { totalCount } } }')
    assert len(answer["errors"]) == 3 and failing.schema.compiled.handed_over != before


def test_random_mixtures_have_the_same_answer(failing: Both) -> None:
    """Fields at random at several roots."""
    chance = random.Random(7)
    fields = [text for text in ASKED.values() if "hardLater" not in text]
    nulls = 0
    for number in range(120):
        gm = failing.actor(*chance.choice(((("STORE_GM", "a1"), ("STORE_GM", "a2")), (("TECHNICIAN", "a1"),))))
        roots = []
        for place in chance.sample(sorted(PLACES), chance.choice((1, 2, 3))):
            asked = " ".join(chance.sample(fields, chance.choice((1, 2, 3))))
            text = document(failing, place, asked)[2:-2]
            roots.append(text.replace("d: __typename", "").replace(" c: __typename", ""))
        kinds = {root.split("(")[0].split()[0] for root in roots}
        if len(kinds) < len(roots):
            continue
        text = f"query Q{number} {{ {' '.join(roots)} }}"
        nulls += failing.same(gm, text)["data"] is None
    assert not failing.schema.compiled.handed_over.keys() - {"not a cursor of this list in this order"}
    assert nulls > 10

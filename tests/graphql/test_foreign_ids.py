"""Identifiers of others, in every argument and input field of every operation that takes one.

What takes an id is found in the schema, so an operation that is added is attacked too. Ids of a store of the same group
where the actor has no membership, of another group, of rows that never were, of another type, and texts that are no id: all
get the same answer, NOT_FOUND (or null where a list of ids is asked for), and never data.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

import pytest
from graphql import GraphQLInputObjectType, GraphQLObjectType, get_named_type, is_list_type

from forecourt.graphql import ids
from forecourt.graphql.api import api_schema
from forecourt.tenancy.ids import new_id
from tests.conftest import World
from tests.domain.desk import make_desk
from tests.graphql.live import LiveApi, codes, values
from tests.graphql.operations import GROUP, MUTATIONS, Samples
from tests.graphql.rows import group_rows, store_rows

pytestmark = pytest.mark.anyio

Path = tuple[str, ...]
STAFF = ("CS_AGENT", "CS_MANAGER", "SALES_CONSULTANT", "STORE_GM")
LEADERS = ("GROUP_ADMIN", "HQ_DIRECTOR", "HQ_QUALITY")
MALFORMED = ("", "x", "1", "Customer:1", "客户", "A" * 199, "A" * 5000, "U3RvcmU", "\x00", "../../etc/passwd")
#: Lists of ids that answer by counting: what is not there counts nothing.
COUNTING: Mapping[tuple[str, Path], Any] = {("replayDeadJobs", ("ids",)): {"count": 0, "userErrors": []}}

#: (type, field, argument) → document; filters of lists are found by themselves.
ARGUMENTS: Mapping[tuple[str, str, str], str] = {
    ("Group", "secondFactor", "accountId"): "query($id: ID!) { group { secondFactor(accountId: $id) { required } } }",
    ("Group", "sessions", "accountId"): "query($id: ID!) { group { sessions(accountId: $id) { id } } }",
    ("Group", "settings", "storeId"): "query($id: ID!) { group { settings(storeId: $id) { id } } }",
    ("Group", "signIns", "accountId"): "query($id: ID!) { group { signIns(accountId: $id) { id } } }",
    ("Group", "tokens", "accountId"): "query($id: ID!) { group { tokens(accountId: $id) { id } } }",
    ("Query", "colleagues", "membershipId"): "query($id: ID!) { colleagues(membershipId: $id) { id } }",
    ("Query", "node", "id"): "query($id: ID!) { node(id: $id) { id } }",
    ("Query", "nodes", "ids"): "query($id: ID!) { nodes(ids: [$id]) { id } }",
    ("Query", "rateLimit", "store"): "query($id: ID!) { rateLimit(store: $id) { cost } }",
    ("Query", "store", "id"): "query($id: ID!) { store(id: $id) { id name } }",
    ("Viewer", "permissions", "store"): "query($id: ID!) { viewer { permissions(store: $id) { name } } }",
}
#: What answers NOT_FOUND for any row that is not about the actor's own person, as a consultant's own ledger.
OWN_ONLY = {"fileAppeal"}
SILENT = {("Query", "node", "id"), ("Query", "nodes", "ids")}


class Town:
    """Two groups with rows: what the actors have (store a1, group a), and what they have not."""

    def __init__(self, live: LiveApi, own: Samples, sibling: Samples, stranger: Samples) -> None:
        self.live, self.own, self.sibling, self.stranger = live, own, sibling, stranger
        person = own.rows["Employee"]
        self.staff = live.actor(*((role, "a1") for role in STAFF), key="account:staff", employee=person)
        self.leader = live.actor(*((role, None) for role in LEADERS), key="account:leader")

    def foreign(self, type_: str, *, of_group: bool) -> list[str]:
        """Ids of this type that must not exist for the actor; the last ones never existed."""
        if of_group:
            return [self.stranger.own(type_), str(ids.GlobalId(type_, new_id(), new_id())), self._random(type_, True)]
        if type_ == ids.STORE:
            other = str(ids.GlobalId(type_, new_id(), new_id()))
            return [self.sibling.store, self.stranger.store, ids.store_id(new_id()), other]
        moved = str(ids.GlobalId(type_, self.own.store_id, self.stranger.rows[type_]))
        return [self.sibling.row(type_), self.stranger.row(type_), moved, self._random(type_, False)]

    def _random(self, type_: str, of_group: bool) -> str:
        place = self.own.group_id if of_group else self.own.store_id
        return str(ids.GlobalId(type_, place, new_id()))


@pytest.fixture
async def town(live_api: LiveApi, world: World) -> Town:
    world.truncate("a1", "a2", "b1")
    samples = []
    for code in ("a1", "a2", "b1"):
        group = world.groups[code[0]]
        desk = await make_desk(live_api.platform.engines, group, world.stores[code])
        rows = await store_rows(desk) | await group_rows(desk.platform, group)
        samples.append(Samples(world.stores[code].id, group.id, rows))
    return Town(live_api, *samples)


def id_paths(input_: GraphQLInputObjectType, above: Path = ()) -> Iterator[tuple[Path, str, bool]]:
    """Every field of an input, and of inputs inside it, that takes an id: its path, ID or UUID, and whether it is a list."""
    for name, field in input_.fields.items():
        kind = get_named_type(field.type)
        if kind.name in ("ID", "UUID"):
            inner = (
                field.type.of_type if hasattr(field.type, "of_type") and not is_list_type(field.type) else field.type
            )
            yield (*above, name), kind.name, is_list_type(inner)
        elif isinstance(kind, GraphQLInputObjectType) and kind.name not in above:
            yield from id_paths(kind, (*above, name))


def attacked() -> list[tuple[str, Path, str, bool]]:
    """Every id field of every mutation."""
    root = api_schema()._schema.mutation_type
    assert root is not None
    found = []
    for name, field in sorted(root.fields.items()):
        kind = get_named_type(field.args["input"].type)
        assert isinstance(kind, GraphQLInputObjectType)
        found += [(name, path, id_kind, many) for path, id_kind, many in id_paths(kind)]
    return found


def value_at(given: Any, path: Path) -> Any:
    for name in path:
        given = given.get(name) if isinstance(given, Mapping) else None
    return given


def with_value(given: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(given)
    place = changed
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return changed


def shape(answer: Mapping[str, Any]) -> str:
    return json.dumps(answer, sort_keys=True)


async def test_ids_of_others_in_every_input_of_every_mutation(town: Town) -> None:
    tried = 0
    for name, path, kind, many in attacked():
        needs = MUTATIONS[name]
        base = next((one for one in needs.inputs(town.own) if value_at(one, path)), None)
        assert base is not None, f"no sample of {name} has {path}"
        actor = town.leader if needs.place == GROUP else town.staff
        document = f"mutation($input: {town.live.input_of(name)}!) {{ {name}(input: $input) {{ __typename userErrors {{ code }} }} }}"
        assert kind == "ID", (name, path)
        sample = value_at(base, path)
        known = ids.parse(sample[0] if many else sample)
        assert known is not None
        of_group = known.store == town.own.group_id
        attempts = town.foreign(known.type, of_group=of_group)
        if known.type == ids.STORE and actor is town.leader:
            attempts.remove(town.sibling.store)  # the group's own store: no stranger to headquarters
        attempts += [*MALFORMED, str(ids.GlobalId("Nothing", known.store, known.row))]
        answers = set()
        if (name, path) in COUNTING:
            plain = document.replace("__typename", "count")
            for text in attempts:
                answer = await town.live.run(actor, plain, {"input": with_value(base, path, [text])})
                assert answer == {"data": {name: COUNTING[name, path]}}
            continue
        for text in attempts:
            answer = await town.live.run(actor, document, {"input": with_value(base, path, [text] if many else text)})
            assert codes(answer) == {(name,): "NOT_FOUND"}, (name, path, text, answer)
            assert answer["data"] == {name: None}, (name, path, text)
            answers.add(shape(answer))
            tried += 1
        assert len(answers) == 1, (name, path)
    assert tried > 400


async def test_the_samples_are_refused_by_a_rule_and_not_for_their_ids(town: Town) -> None:
    """Else the attack above would prove nothing: with the actor's own ids no sample ends in NOT_FOUND."""
    for name, *_ in attacked():
        needs = MUTATIONS[name]
        actor = town.leader if needs.place == GROUP else town.staff
        document = (
            f"mutation($input: {town.live.input_of(name)}!) {{ {name}(input: $input) {{ userErrors {{ code }} }} }}"
        )
        if name in OWN_ONLY:
            continue
        for given in needs.inputs(town.own):
            answer = await town.live.run(actor, document, {"input": given})
            assert "errors" not in answer, (name, answer)


def arguments() -> set[tuple[str, str, str]]:
    """Arguments of output fields that take ids, but for the filters and inputs."""
    found = set()
    for kind in api_schema()._schema.type_map.values():
        # What is followed is attacked in test_subscriptions.py.
        if isinstance(kind, GraphQLObjectType) and not kind.name.startswith(("__", "Subscription")):
            for name, field in kind.fields.items():
                for argument, spec in field.args.items():
                    if get_named_type(spec.type).name in ("ID", "UUID"):
                        found.add((kind.name, name, argument))
    return found


def test_every_argument_that_takes_an_id_is_attacked() -> None:
    assert arguments() == set(ARGUMENTS)


async def test_ids_of_others_in_every_argument(town: Town) -> None:
    for (type_, field, argument), document in ARGUMENTS.items():
        store = "store" in argument.lower() or (type_, field) == ("Query", "store")
        row = {"accountId": "Account", "membershipId": "AccountMembership"}.get(argument, ids.STORE)
        actor = town.staff if row == ids.STORE else town.leader
        attempts = town.foreign(row, of_group=row != ids.STORE)
        if (type_, field, argument) in SILENT:
            attempts += [
                one
                for name in ("Customer", "SalesOrder", "Complaint", "Response")
                for one in town.foreign(name, of_group=False)
            ]
            attempts += [town.own.own("Account"), town.stranger.own("Scheme")]
        answers = set()
        for text in [*attempts, *MALFORMED]:
            answer = await town.live.run(actor, document, {"id": text})
            silent = (type_, field, argument) in SILENT
            assert set(codes(answer).values()) == (set() if silent else {"NOT_FOUND"}), (field, text, answer)
            assert list(values(answer["data"])) == [], (field, text)
            answers.add(shape(answer))
        assert len(answers) == 1, (field, store)


def filters(entity: str) -> Iterator[tuple[str, Path, str]]:
    """Paths in the filter of an entity that compare ids: its own, and one step through each relation to one."""
    where = api_schema()._schema.type_map[f"{entity}Where"]
    assert isinstance(where, GraphQLInputObjectType)
    for name, field in where.fields.items():
        kind = get_named_type(field.type)
        if kind.name in ("IdFilter", "UUIDFilter"):
            yield entity, (name,), kind.name
        elif kind.name.endswith("Where") and name not in ("and", "or", "not"):
            yield kind.name.removesuffix("Where"), (name, "id"), "IdFilter"


async def test_ids_of_others_in_every_filter(town: Town) -> None:
    tried = 0
    for entity in town.live.context(town.staff).entities:
        rows = f"list: {entity.plural}(where: $where) {{ edges {{ node {{ id }} }} }}"
        document = f"query($id: ID!, $where: {entity.name}Where) {{ store(id: $id) {{ {rows} }} }}"
        for target, path, kind in filters(entity.name):
            answers = set()
            for text in _foreign_of(town, target, kind):
                where: Any = {"eq": text}
                for name in reversed(path):
                    where = {name: where}
                answer = await town.live.run(town.staff, document, {"id": town.own.store, "where": where})
                assert set(codes(answer).values()) <= {"NOT_FOUND"}, (entity.name, path, text, answer)
                assert list(values(answer["data"])) == [], (entity.name, path, text)
                answers.add(shape(answer))
                tried += 1
            assert len(answers) == 1, (entity.name, path)
    assert tried > 200


def _foreign_of(town: Town, entity: str, kind: str) -> list[str]:
    rows = town.stranger.rows, town.sibling.rows
    if kind == "UUIDFilter":
        return [str(new_id()), *(str(one[name]) for one in rows for name in ("Customer", "SalesOrder", "Complaint"))]
    known: list[UUID] = [one.get(entity, new_id()) for one in rows]
    places = (town.stranger.store_id, town.sibling.store_id)
    return [
        *(str(ids.GlobalId(entity, store, row)) for store, row in zip(places, known, strict=True)),
        str(ids.GlobalId(entity, new_id(), new_id())),
        *MALFORMED,
    ]

"""Random documents, made from random shapes: what comes out of the API is what the naive reader says."""

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecourt.auth.roles import ROLES
from forecourt.domain.entities import ENTITIES
from forecourt.graphql.ids import GlobalId
from forecourt.graphql.inputs import upper_snake
from forecourt.graphql.scalars import write_decimal, write_moment
from forecourt.graphql.schema import ApiSchema
from forecourt.tenancy.reader.entity import Entity, Kind
from forecourt.tenancy.reader.shape import Compare, Condition, Every, Negate, Order, Related, Shape, Some
from tests.graphql.conftest import Api, Card
from tests.stores import Stores
from tests.tenancy.reader.reference import Naive
from tests.tenancy.reader.strategies import shapes

QUICK = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def literal(value: Any) -> str:
    """A value as GraphQL writes it."""
    if isinstance(value, bool | int):
        return str(value).lower()
    text = plain(value)
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def plain(value: Any) -> Any:
    """A value as JSON carries it."""
    if isinstance(value, datetime):
        return write_moment(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return write_decimal(value)
    return str(value) if isinstance(value, UUID) else value


def where(entity: Entity, asked: Condition) -> str:
    """A condition as a `where` literal."""
    match asked:
        case Every(parts):
            return f"{{and: [{', '.join(where(entity, part) for part in parts)}]}}"
        case Some(parts):
            return f"{{or: [{', '.join(where(entity, part) for part in parts)}]}}"
        case Negate(part):
            return f"{{not: {where(entity, part)}}}"
        case Related(name, part):
            return f"{{{name}: {where(ENTITIES[entity.relation_by_name[name].target], part)}}}"
        case Compare(name, operator, value):
            word = entity.field_by_name[name].kind is Kind.WORD and operator != "isNull"
            write = str if word else literal
            text = f"[{', '.join(map(write, value))}]" if isinstance(value, tuple) else write(value)
            return f"{{{name}: {{{operator.value}: {text}}}}}"


def arguments(shape: Shape) -> str:
    entity = ENTITIES[shape.entity]
    given = []
    if shape.where is not None:
        given.append(f"where: {where(entity, shape.where)}")
    if shape.order:
        keys = (
            f"{{field: {upper_snake(key.field)}{', direction: DESC' if key.descending else ''}}}" for key in shape.order
        )
        given.append(f"orderBy: [{', '.join(keys)}]")
    given += [f"{name}: {size}" for name in ("first", "last") if (size := getattr(shape.page, name)) is not None]
    return f"({', '.join(given)})" if given else ""


def connection(shape: Shape) -> str:
    parts = ["__typename"] + (["totalCount"] if shape.total else [])
    if shape.rows:
        parts.append(f"edges {{ node {{ {node(shape)} }} }} pageInfo {{ hasNextPage hasPreviousPage }}")
    return f"{arguments(shape)} {{ {' '.join(parts)} }}"


def node(shape: Shape) -> str:
    entity = ENTITIES[shape.entity]
    parts = ["id", *sorted(shape.fields)]
    for key, child in shape.children.items():
        many = entity.relation_by_name[child.relation].many
        below = connection(child.shape) if many else f" {{ {node(child.shape)} }}"
        parts.append(f"{key}: {child.relation}{below}")
    return " ".join(parts)


def as_asked(shape: Shape) -> Shape:
    """The shape with the orders that a document without `orderBy` means."""
    children = {key: replace(child, shape=as_asked(child.shape)) for key, child in shape.children.items()}
    order = shape.order or tuple(Order(*key) for key in ENTITIES[shape.entity].order)
    return replace(shape, children=children, order=order)


def expected(found: dict[str, Any], shape: Shape, store: UUID) -> dict[str, Any]:
    """The naive answer in the API's form."""
    answer: dict[str, Any] = {"__typename": f"{shape.entity}Connection"}
    if shape.total:
        answer["totalCount"] = found["total"]
    if shape.rows:
        answer["edges"] = [{"node": expected_node(item, shape, store)} for item in found["nodes"]]
        answer["pageInfo"] = {"hasNextPage": found["next"], "hasPreviousPage": found["previous"]}
    return answer


def expected_node(found: dict[str, Any] | None, shape: Shape, store: UUID) -> dict[str, Any] | None:
    if found is None:
        return None
    entity = ENTITIES[shape.entity]
    answer = {name: plain(value) for name, value in found["values"].items()}
    for key, child in shape.children.items():
        below = found["children"][key]
        many = entity.relation_by_name[child.relation].many
        answer[key] = expected(below, child.shape, store) if many else expected_node(below, child.shape, store)
    return answer | {"id": str(GlobalId(shape.entity, store, found["id"]))}


@QUICK
@given(data=st.data())
def test_any_document_equals_the_naive_answer(scratch: Stores, schema: ApiSchema, data: st.DataObject) -> None:
    api = Api(scratch, schema)
    store = api.store("N1")
    role = data.draw(st.sampled_from(sorted(ROLES)))
    actor = api.actor((role, "N1"), people=data.draw(st.integers(1, 3)))
    viewer = api.context(actor).viewer(Card(store.id, "N1"))
    open_to = [entity.name for entity in ENTITIES if entity.open_to(viewer)]
    if not open_to:
        return
    entity = ENTITIES[data.draw(st.sampled_from(open_to))]
    shape = data.draw(shapes(store, entity))
    answer = api.data(actor, f'{{ store(code: "N1") {{ it: {entity.plural}{connection(shape)} }} }}')
    assert answer["store"]["it"] == expected(Naive(store, viewer).root(as_asked(shape)), shape, store.id)


@pytest.mark.parametrize("text", ["\0", "\ud800", "a\udfff"])
def test_texts_that_no_row_can_hold_are_refused(api: Api, text: str) -> None:
    query = 'query($t: String) { store(code: "N1") { customers(where: {name: {eq: $t}}) { totalCount } } }'
    answer = api.run(api.actor(("STORE_GM", "N1")), query, t=text)
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]


def test_moments_outside_the_calendar_are_refused(api: Api) -> None:
    query = '{ store(code: "N1") { salesOrders(where: {signedAt: {gt: "0001-01-01T00:00:00+08:00"}}) { totalCount } } }'
    answer = api.run(api.actor(("STORE_GM", "N1")), query)
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]

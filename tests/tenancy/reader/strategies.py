"""Random shapes over the real declarations: fields, relations, filters, orders and pages."""

from typing import Any

from hypothesis import strategies as st

from forecourt.domain.entities import ENTITIES
from forecourt.tenancy.reader.entity import Batched, Entity, Field, Kind
from forecourt.tenancy.reader.shape import (
    Child,
    Compare,
    Condition,
    Every,
    Negate,
    Operator,
    Order,
    Page,
    Related,
    Shape,
    Some,
)
from tests.stores import ScratchStore

_ORDERED = (Operator.GT, Operator.GTE, Operator.LT, Operator.LTE)


def pages() -> st.SearchStrategy[Page]:
    sizes = st.integers(0, 7)
    return st.one_of(
        st.just(Page()), st.builds(Page, first=sizes), st.builds(Page, last=sizes), st.builds(Page, first=st.just(25))
    )


def _compare(store: ScratchStore, entity: Entity, field: Field) -> st.SearchStrategy[Condition]:
    values = {row[field.column] for row in store.rows[entity.table.name] if row[field.column] is not None}
    if not values:
        return st.builds(Compare, st.just(field.name), st.just(Operator.IS_NULL), st.booleans())
    drawn = st.sampled_from(sorted(values, key=str))
    operators = [Operator.EQ]
    if field.kind not in (Kind.BOOL, Kind.UUID, Kind.WORD):
        operators += _ORDERED
    if field.kind is Kind.TEXT:
        operators.append(Operator.CONTAINS)
    name = st.just(field.name)
    found = [
        st.builds(Compare, name, st.sampled_from(operators), drawn),
        st.builds(Compare, name, st.just(Operator.IS_NULL), st.booleans()),
    ]
    if field.kind is not Kind.BOOL:  # the API has no list of yes and no
        found.append(st.builds(Compare, name, st.just(Operator.IN), st.lists(drawn, max_size=3).map(tuple)))
    return st.one_of(found)


def conditions(store: ScratchStore, entity: Entity, depth: int = 2) -> st.SearchStrategy[Condition]:
    @st.composite
    def draw_one(draw: st.DrawFn) -> Condition:
        kinds = ["compare"] * 3 + (["every", "some", "negate", "related"] if depth else [])
        kind = draw(st.sampled_from(kinds))
        to_one = [relation for relation in entity.relations if not relation.many]
        if kind == "related" and to_one:
            relation = draw(st.sampled_from(to_one))
            return Related(relation.name, draw(conditions(store, ENTITIES[relation.target], depth - 1)))
        if kind in ("every", "some"):
            parts = tuple(draw(st.lists(conditions(store, entity, depth - 1), max_size=3)))
            return Every(parts) if kind == "every" else Some(parts)
        if kind == "negate":
            return Negate(draw(conditions(store, entity, depth - 1)))
        fields = [field for field in entity.fields if field.filterable]
        return draw(_compare(store, entity, draw(st.sampled_from(fields))))

    return draw_one()


def orders(entity: Entity) -> st.SearchStrategy[tuple[Order, ...]]:
    names = [field.name for field in entity.fields if field.sortable]
    return st.lists(st.builds(Order, st.sampled_from(names), st.booleans()), max_size=3).map(tuple)


def _asked(entity: Entity) -> list[str]:
    """Fields that the rows alone answer."""
    return [field.name for field in entity.fields if not isinstance(field.made, Batched)]


@st.composite
def shapes(draw: st.DrawFn, store: ScratchStore, entity: Entity, depth: int = 2) -> Shape:
    """A shape of the entity with up to `depth` levels below it, always within the limit of rows."""
    fields = draw(st.frozensets(st.sampled_from(_asked(entity))))
    children: dict[str, Child] = {}
    if depth and entity.relations:
        for number in range(draw(st.integers(0, 2))):
            relation = draw(st.sampled_from(entity.relations))
            below: Any = draw(shapes(store, ENTITIES[relation.target], depth - 1))
            if not relation.many:
                below = Shape(below.entity, below.fields, below.children)
            children[f"r{number}"] = Child(relation.name, below)
    total = draw(st.booleans())
    return Shape(
        entity.name,
        fields,
        children,
        where=draw(st.none() | conditions(store, entity)),
        order=draw(orders(entity)),
        page=draw(pages()),
        total=total,
        rows=not total or draw(st.booleans()),
    )

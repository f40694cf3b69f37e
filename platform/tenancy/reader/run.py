"""The interpreter: reads a shape from one store's session, level by level.

One statement per level whatever the number of rows, and one more where a total is asked. It is the reference that every
faster reader is compared with, so it prefers being plainly right.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from . import cursor
from .entity import Asker, Batched, Computed, Entities, Field, Key, Relation, Viewer
from .made import arguments, batched_values, computed_value
from .shape import Connection, Edge, Node, Shape
from .sql import (
    Level,
    Window,
    level,
    root_rows,
    root_total,
    rows_by_id,
    to_many_rows,
    to_many_totals,
    to_one_rows,
)

#: What the doors hold without knowing how it is made.
Session = AsyncSession


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Rows of one level that wait for the values of a batched field."""

    item: Field
    made: Batched
    nodes: Sequence[Node]
    keys: Sequence[Key]


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads for one viewer on one open session. The session's transaction decides the snapshot.

    Values of batched fields are missing until `settle`, which needs the session no longer. `asker` is needed for them, and
    for fields that look at the time.
    """

    session: Session
    entities: Entities
    viewer: Viewer
    asker: Asker | None = None
    _waiting: list[_Waiting] = field(default_factory=list)

    async def moment(self) -> datetime:
        """The database's time of this transaction: the answer is true as of then."""
        moment: datetime = (await self.session.execute(select(func.transaction_timestamp()))).scalar_one()
        return moment

    async def connection(self, shape: Shape) -> Connection:
        """A list of the store.

        Raises:
            Invalid: a page, cursor, filter or order that cannot be.
        """
        lv = level(self.entities, self.viewer, shape)
        window = lv.window()
        page = Connection()
        if shape.rows:
            rows = (await self.session.execute(root_rows(lv, window))).all()
            page = await self._page(lv, window, rows)
        if shape.total:
            page.total = (await self.session.execute(root_total(lv))).scalar_one()
        return page

    async def node(self, shape: Shape, id_: UUID) -> Node | None:
        """The row with an id, or None when it does not exist for the viewer."""
        found = await self.nodes(shape, [id_])
        return found[0] if found else None

    async def nodes(self, shape: Shape, ids: Sequence[UUID]) -> list[Node]:
        """The rows with these ids that exist for the viewer, in no order."""
        lv = level(self.entities, self.viewer, shape)
        return await self._nodes(lv, (await self.session.execute(rows_by_id(lv, ids))).all())

    async def settle(self) -> None:
        """Load what batched fields of the rows read so far need, side by side: one call per level and field."""
        waiting = tuple(self._waiting)
        self._waiting.clear()
        calls = (batched_values(one.item, one.made, list(dict.fromkeys(one.keys)), self.asker) for one in waiting)
        for one, values in zip(waiting, await asyncio.gather(*calls), strict=True):
            for node, key in zip(one.nodes, one.keys, strict=True):
                node.values[one.item.name] = values[key]

    async def _page(self, lv: Level, window: Window, rows: Sequence[Sequence[Any]]) -> Connection:
        return (await self._pages(lv, window, {None: rows}))[None]

    async def _pages(
        self, lv: Level, window: Window, found: Mapping[Any, Sequence[Sequence[Any]]]
    ) -> dict[Any, Connection]:
        """Cut each parent's rows to the page, and read what stands below all of them at once."""
        kept = {parent: rows[: window.size] for parent, rows in found.items()}
        nodes = iter(await self._nodes(lv, [row for rows in kept.values() for row in rows]))
        pages = {}
        for parent, rows in kept.items():
            edges = [Edge(_cursor(lv, row), next(nodes)) for row in rows]
            more = len(found[parent]) > window.size
            has_next, has_previous = window.before is not None, window.after is not None
            if window.backward:
                edges.reverse()
                has_previous = has_previous or more
            else:
                has_next = has_next or more
            pages[parent] = Connection(edges, has_next, has_previous)
        return pages

    async def _nodes(self, lv: Level, rows: Sequence[Sequence[Any]]) -> list[Node]:
        first = 1 + len(lv.fields)
        nodes = [Node(lv.entity.name, row[0], dict(zip(lv.fields, row[1:first], strict=True))) for row in rows]
        self._make(lv, rows, nodes)
        for key, child in lv.shape.children.items():
            relation = lv.entity.relation_by_name[child.relation]
            place = lv.place_of(relation.local)
            values = [row[place] for row in rows]
            wanted = sorted({value for value in values if value is not None}, key=str)
            below = await self._below(relation, child.shape, wanted)
            for node, value in zip(nodes, values, strict=True):
                node.children[key] = below.get(value) or (Connection() if relation.many else None)
                if relation.many and child.shape.total and value not in below:
                    node.children[key] = Connection(total=0)
        return nodes

    def _make(self, lv: Level, rows: Sequence[Sequence[Any]], nodes: Sequence[Node]) -> None:
        """The asked fields that are made in Python; null where the viewer does not see them."""
        hidden = lv.shape.fields.difference(lv.fields, (item.name for item in lv.made))
        for node in nodes:
            node.values.update(dict.fromkeys(hidden))
        for item in lv.made:
            assert item.made is not None  # noqa: S101  (that is what stands there)
            needs = item.made.needs
            places = [lv.place_of(need.column) for need in needs]
            values = [arguments(needs, [row[place] for place in places]) for row in rows]
            if isinstance(item.made, Computed):
                for node, given in zip(nodes, values, strict=True):
                    node.values[item.name] = computed_value(item, item.made, given, self.asker)
            else:
                self._waiting.append(_Waiting(item, item.made, nodes, values))

    async def _below(self, relation: Relation, shape: Shape, values: Sequence[Any]) -> Mapping[Any, Node | Connection]:
        """What stands behind a relation for every value that leads there."""
        lv = level(self.entities, self.viewer, shape)
        window = lv.window() if relation.many else None
        if not values:
            return {}
        if window is None:
            rows = (await self.session.execute(to_one_rows(lv, relation, values))).all()
            nodes = await self._nodes(lv, [row[1:] for row in rows])
            return {row[0]: node for row, node in zip(rows, nodes, strict=True)}
        found: dict[Any, list[Sequence[Any]]] = {value: [] for value in values}
        if shape.rows:
            for row in await self.session.execute(to_many_rows(lv, relation, values, window)):
                found[row[0]].append(row[1:])
        pages = await self._pages(lv, window, found)
        if shape.total:
            totals = {row[0]: row[1] for row in await self.session.execute(to_many_totals(lv, relation, values))}
            for value, page in pages.items():
                page.total = totals.get(value, 0)
        return pages


def _cursor(lv: Level, row: Sequence[Any]) -> str:
    keys = len(lv.keys) - 1
    values = [*(row[len(row) - keys :] if keys else ()), row[0]]
    return cursor.encode(lv.entity.name, lv.shape.order, [key.kind for key in lv.keys], values)

"""Reading for resolvers: a store's part, rows by id, the row a mutation changed. Each part has a transaction of its own;
what a mutation shows is read in the mutation's."""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any
from uuid import UUID

from graphql import FieldNode

from ..errors import Forbidden, NotFound, Refused
from ..tenancy.reader.run import Reader, Session
from ..tenancy.reader.shape import Node, Shape
from . import ids
from .context import Context, StoreInfo
from .select import Selection
from .types import StorePart, stamp


async def store_part(context: Context, info: Any, store: StoreInfo, nodes: Iterable[FieldNode]) -> StorePart:
    """Read what these nodes select of one store, in one snapshot.

    A list that is refused (no permission, a bad cursor or id) fails alone; a store that cannot answer fails whole.
    """
    selection = Selection.of(info, context.entities, store.id)
    part = StorePart(store)
    shapes: dict[str, Shape] = {}
    plurals = {entity.plural: entity for entity in context.entities}
    viewer = context.viewer(store)
    wants_time = False
    for key, group in selection.below(nodes, ids.STORE).items():
        name = group[0].name.value
        wants_time = wants_time or name == "asOf"
        if name not in plurals:
            continue
        entity = plurals[name]
        try:
            if not entity.open_to(viewer):
                raise Forbidden(f"this needs {' or '.join(grant.permission for grant in entity.grants)}")
            shapes[key] = selection.connection(ids.STORE, entity, group)
        except (Refused, Forbidden, NotFound) as error:
            part.refused[key] = error
    if shapes or wants_time:
        async with context.reader(store) as reader:
            part.as_of = await reader.moment() if wants_time else None
            for key, shape in shapes.items():
                await _list(part, reader, key, shape)
    return part


async def _list(part: StorePart, reader: Reader, key: str, shape: Shape) -> None:
    try:
        part.lists[key] = await reader.connection(shape)
        stamp(part.lists[key], part.info.id)
    except Refused as error:
        part.refused[key] = error


async def rows_by_id(
    context: Context, info: Any, texts: Sequence[str], nodes: Sequence[FieldNode]
) -> list[Awaitable[Node | StorePart | None]]:
    """For every id something to wait for: the row, the store, or None when it does not exist for the actor.

    The rows of one store are read together; a store that cannot answer fails only its own ids.
    """
    stores = (await context.stores()).by_id
    wanted = [ids.parse(text) for text in texts]
    per_store: dict[UUID, list[ids.GlobalId]] = {}
    for found in wanted:
        if found is not None and found.store in stores and found.type in context.entities:
            per_store.setdefault(found.store, []).append(found)
    reading = {
        store: asyncio.ensure_future(_rows(context, info, stores[store], group, nodes))
        for store, group in per_store.items()
    }

    async def one(found: ids.GlobalId | None) -> Node | StorePart | None:
        if found is None or found.store not in stores:
            return None
        if found.type == ids.STORE:
            return await store_part(context, info, stores[found.store], nodes) if found.row == found.store else None
        if found.store not in reading or found.type not in context.entities:
            return None
        return (await asyncio.shield(reading[found.store])).get(found)

    return [one(found) for found in wanted]


async def _rows(
    context: Context, info: Any, store: StoreInfo, wanted: Sequence[ids.GlobalId], nodes: Sequence[FieldNode]
) -> dict[ids.GlobalId, Node]:
    selection = Selection.of(info, context.entities, store.id)
    by_type: dict[str, list[UUID]] = {}
    for item in wanted:
        by_type.setdefault(item.type, []).append(item.row)
    shapes = {name: selection.node(context.entities[name], nodes) for name in by_type}
    found: dict[ids.GlobalId, Node] = {}
    async with context.reader(store) as reader:
        for name, rows in by_type.items():
            for node in await reader.nodes(shapes[name], rows):
                stamp(node, store.id)
                found[ids.GlobalId(name, store.id, node.id)] = node
    return found


async def row(
    context: Context,
    info: Any,
    store: StoreInfo,
    entity: str,
    id_: UUID,
    nodes: Iterable[FieldNode],
    session: Session | None = None,
) -> Node | None:
    """One row that a mutation made or changed, as these nodes select it: in its own transaction, or in `session`'s."""
    shape = Selection.of(info, context.entities, store.id).node(context.entities[entity], nodes)
    if session is None:
        async with context.reader(store) as reader:
            node = await reader.node(shape, id_)
    else:
        viewer = context.viewer(store)
        reader = Reader(session, context.entities, viewer, context.asker(store, viewer))
        node = await reader.node(shape, id_)
        await reader.settle()  # with readers' connections, which never wait for a writer's
    stamp(node, store.id)
    return node

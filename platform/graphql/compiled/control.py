"""The viewer, the group and the list of its stores: made from control rows, so no store is opened for them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import FieldNode
from graphql.pyutils import Path

from ...errors import ForecourtError
from ..context import Context, StoreInfo, Stores
from ..pages import page_of_stores
from .plan import GROUP_VALUES, HandOver, OperationPlan, Root


@dataclass
class Control:
    """What one request asks of control rows. `value` reads an argument, `part` what some nodes select of a store."""

    context: Context
    plan: OperationPlan
    value: Callable[[Any], Any]
    part: Callable[[StoreInfo, Sequence[FieldNode], Path], Awaitable[Any]]

    async def visible(self) -> Stores:
        """The stores that exist for the actor.

        Raises:
            HandOver: they cannot be listed.
        """
        try:
            return await self.context.stores()
        except Exception as error:
            raise HandOver("the stores cannot be listed") from error

    def viewer(self, root: Root) -> dict[str, Any]:
        """A viewer without fields of its own."""
        actor = self.context.actor
        values = {"__typename": "Viewer", "key": actor.key, "language": self.context.language, "name": actor.name}
        groups = self.plan.groups(root.nodes, "Viewer")
        return {key: values[nodes[0].name.value] for key, nodes in groups.items()}

    async def group(
        self, root: Root, path: Path, own: Awaitable[dict[str, Any] | None] | None = None
    ) -> dict[str, Any]:
        """The group, with what comes of its own fields. Where one of these is null and may not be, the whole answer is,
        since the group may not be null."""
        info = self.context.group
        answer: dict[str, Any] = {}
        lists: dict[str, Awaitable[Any]] = {}
        for key, nodes in self.plan.groups(root.nodes, "Group").items():
            name = nodes[0].name.value
            answer[key] = "Group" if name == "__typename" else None
            if name == "stores":
                lists[key] = self._stores(nodes, path.add_key(key, "Group"))
            elif name in GROUP_VALUES:
                answer[key] = getattr(info, GROUP_VALUES[name])
        found = await together([*lists.values(), *([] if own is None else [own])])
        answer.update(zip(lists, found, strict=False))
        return answer if own is None else answer | (found[-1] or {})

    async def _stores(self, nodes: Sequence[FieldNode], path: Path) -> dict[str, Any]:
        given = self.plan.selection.arguments("Group", nodes[0])
        window = {name: self.value(value) for name, value in given.items()}
        try:
            page = page_of_stores((await self.visible()).ordered, **window)
        except ForecourtError as error:
            raise HandOver(f"{error.code}: {error.message}") from error
        answer: dict[str, Any] = {}
        for key, group in self.plan.groups(nodes, "StoreConnection").items():
            match group[0].name.value:
                case "edges":
                    answer[key] = await self._edges(page.edges, group, path.add_key(key, "StoreConnection"))
                case "pageInfo":
                    values = {
                        "__typename": "PageInfo",
                        "hasNextPage": page.has_next,
                        "hasPreviousPage": page.has_previous,
                        "startCursor": page.edges[0].cursor if page.edges else None,
                        "endCursor": page.edges[-1].cursor if page.edges else None,
                    }
                    inner = self.plan.groups(group, "PageInfo")
                    answer[key] = {at: values[found[0].name.value] for at, found in inner.items()}
                case "totalCount":
                    answer[key] = page.total
                case _:
                    answer[key] = "StoreConnection"
        return answer

    async def _edges(self, edges: Sequence[Any], nodes: Sequence[FieldNode], path: Path) -> list[dict[str, Any]]:
        groups = self.plan.groups(nodes, "StoreEdge")
        wanted = [(key, group) for key, group in groups.items() if group[0].name.value == "node"]
        parts = [
            self.part(edge.info, group, path.add_key(place).add_key(key, "StoreEdge"))
            for place, edge in enumerate(edges)
            for key, group in wanted
        ]
        found = iter(await together(parts))
        values: dict[str, Callable[[Any], Any]] = {
            "node": lambda _: next(found),
            "cursor": lambda edge: edge.cursor,
            "__typename": lambda _: "StoreEdge",
        }
        return [{key: values[group[0].name.value](edge) for key, group in groups.items()} for edge in edges]


async def together(calls: Sequence[Awaitable[Any]]) -> list[Any]:
    """The results of all, run side by side. When one fails the others end by themselves: to stop a statement on its way would
    cost its connection."""
    if len(calls) < 2:
        return [await call for call in calls]
    found = await asyncio.gather(*calls, return_exceptions=True)
    for one in found:
        if isinstance(one, BaseException):
            raise one
    return found

"""The change feed of a store 变更流 in the API: what happened, ids and codes only, behind one cursor."""

import asyncio
from collections.abc import Awaitable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import strawberry

from ..domain.changes import MOST, Change, Position, page_of_changes, write_cursor
from ..errors import Invalid, NotFound
from . import ids
from .context import Context
from .pages import check_first
from .read import rows_by_id
from .roots import context_of
from .types import NodeInterface, PageInfo, StorePart

_PAGE = 50
#: Entities that one filter may name.
_MOST_NAMES = 50

First = Annotated[int, strawberry.argument(description=f"This many, 1 to {MOST}.")]
After = Annotated[
    str | None,
    strawberry.argument(description="Only changes behind this cursor; without it, from the oldest that is kept."),
]
EntityNames = Annotated[
    list[str] | None,
    strawberry.argument(description="Only changes of these types, such as Complaint; without it, of all 对象类型."),
]


@strawberry.enum(description="Who changed something, by kind 操作者类型.")
class ChangeActorKind(Enum):
    """As `domain.changes.ActorKind`."""

    PERSON = strawberry.enum_value("PERSON", description="Somebody who signed in 员工.")
    PROGRAM = strawberry.enum_value("PROGRAM", description="A program of a third party, or a directory 程序.")
    CUSTOMER = strawberry.enum_value("CUSTOMER", description="A customer, by a link that was sent to them 客户.")
    SYSTEM = strawberry.enum_value("SYSTEM", description="The product itself, in the background 系统.")


@dataclass(eq=False)
class Rows:
    """The rows that some changes are about, read together by the first that asks with a selection."""

    texts: Sequence[str]
    _read: "dict[tuple[int, ...], asyncio.Task[list[Awaitable[Any]]]]" = field(default_factory=dict)

    async def node(self, info: strawberry.Info, place: int) -> Any:
        """The row at a place, as the field's nodes select it; None when it does not exist for the actor."""
        raw = info._raw_info
        key = tuple(id(node) for node in raw.field_nodes)
        if key not in self._read:
            self._read[key] = asyncio.ensure_future(rows_by_id(context_of(info), raw, self.texts, raw.field_nodes))
        return await (await asyncio.shield(self._read[key]))[place]


@strawberry.type(name="Change", description="That a row changed 变更: ids and codes only, no data of the row.")
class ChangeType:
    """One change of a store's feed, and the way to its row."""

    event: str = strawberry.field(description="What happened, such as ComplaintClosed 事件.")
    entity: str = strawberry.field(description="The type of the row, such as Complaint 对象类型.")
    node_id: strawberry.ID = strawberry.field(description="Global id of the row 对象编号.")
    at: datetime = strawberry.field(description="When 时间.")
    actor_kind: ChangeActorKind = strawberry.field(description="Who did it, by kind 操作者类型.")
    cursor: str = strawberry.field(description="Where it stands in the feed: go on behind it 游标.")
    rows: strawberry.Private[Rows]
    place: strawberry.Private[int]

    @strawberry.field(description="The row as it is now 当前对象; null when it is gone, or for you.")  # type: ignore[untyped-decorator]
    async def node(self, info: strawberry.Info) -> NodeInterface | None:
        found: NodeInterface | None = await self.rows.node(info, self.place)
        return found


@strawberry.type(name="ChangeEdge", description="A change in the feed.")
class ChangeEdge:
    """Relay's edge."""

    node: ChangeType = strawberry.field(description="The change.")
    cursor: str = strawberry.field(description="Where it stands in the feed.")


@strawberry.type(name="ChangeConnection", description="A page of a store's change feed 变更流.")
class ChangeConnection:
    """Relay's connection; `pageInfo.endCursor` may lie behind the last edge."""

    edges: list[ChangeEdge] = strawberry.field(description="The changes of the page, in the order of their commits.")
    page_info: PageInfo = strawberry.field(
        description="Where the page stands. Go on from its endCursor while hasNextPage is true, also behind a page"
        " without edges: changes that are not yours to see are passed over."
    )
    latest_cursor: str = strawberry.field(
        description="The end of the feed now: whoever begins here gets what happens from now on 最新游标."
    )


@dataclass(frozen=True)
class _Page:
    """What `PageInfo` tells: unlike elsewhere the end is where the feed was looked through to."""

    edges: Sequence[Any]
    has_next: bool
    has_previous: bool


@dataclass(frozen=True)
class _End:
    cursor: str


def shown(store: UUID, epoch: UUID, changes: Sequence[Change]) -> list[ChangeType]:
    """Changes of a store as the API shows them."""
    rows = Rows([str(ids.GlobalId(change.entity, store, change.entity_id)) for change in changes])
    return [
        ChangeType(
            event=change.event,
            entity=change.entity,
            node_id=strawberry.ID(rows.texts[place]),
            at=change.at,
            actor_kind=ChangeActorKind(change.actor.value),
            cursor=write_cursor(store, epoch, change.at_position),
            rows=rows,
            place=place,
        )
        for place, change in enumerate(changes)
    ]


def check_names(context: Context, names: Collection[str] | None) -> frozenset[str]:
    """The entities that a filter names; empty: it names none.

    Raises:
        Invalid: too many, none at all, or a type that no change is about.
    """
    if names is None:
        return frozenset()
    if not 1 <= len(names) <= _MOST_NAMES:
        raise Invalid(f"give 1 to {_MOST_NAMES} types", path=("entities",), limit=_MOST_NAMES)
    for name in names:
        if name not in context.entities:
            raise Invalid("changes are about types of a store's rows; this is none", path=("entities",))
    return frozenset(names)


@strawberry.type
class StoreChanges:
    """Fields of Store."""

    @strawberry.field(
        description="What happened in the store, oldest first and without gaps 变更流: ids and codes, no data of the rows."
        " It shows what happened to the rows that you may see."
    )  # type: ignore[untyped-decorator]
    async def changes(
        self,
        root: strawberry.Parent[Any],
        info: strawberry.Info,
        first: First = _PAGE,
        after: After = None,
        entities: EntityNames = None,
    ) -> ChangeConnection | None:
        context, part = context_of(info), _part(root)
        check_first(first, MOST)
        only, store = check_names(context, entities), part.info
        async with context.open_store(store) as session:
            page = await page_of_changes(
                session, context.entities, context.viewer(store), store=store.id, after=after, first=first, only=only
            )

        def cursor(position: Position) -> str:
            return write_cursor(store.id, page.edges.epoch, position)

        edges = [ChangeEdge(node=node, cursor=node.cursor) for node in shown(store.id, page.edges.epoch, page.changes)]
        told: Any = _Page([*edges, _End(cursor(page.upto))], page.more, after is not None)
        return ChangeConnection(edges=edges, page_info=told, latest_cursor=cursor(page.edges.end))


def _part(root: Any) -> StorePart:
    if not isinstance(root, StorePart):
        raise NotFound("no such store")
    return root

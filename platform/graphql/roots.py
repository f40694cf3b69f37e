"""The root types: viewer, group, store, node. Made by a factory, because a root type can belong to one schema only."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any

import strawberry
from strawberry.types.fields.resolver import StrawberryResolver

from ..auth.roles import PERMISSIONS
from ..errors import Invalid, NotFound
from . import ids
from .context import Context
from .inputs import argument, listing, maybe
from .pages import MOST_STORES, StoreEdge, page_of_stores
from .read import rows_by_id, store_part
from .types import NodeInterface, StorePart, Types, made_connection, page_arguments, with_arguments

_MOST_IDS = 100


def context_of(info: Any) -> Context:
    """The operation's context."""
    found = info.context
    if not isinstance(found, Context):
        raise TypeError("the context was not made by the door")
    return found


def made_store(types: Types, parts: Sequence[type]) -> type:
    """The Store type: control data, `asOf`, one list per entity, and what `parts` (mix-ins) add."""

    def of_info(name: str) -> Callable[[Any, Any], Any]:
        return lambda root, _info: getattr(root.info, name)

    plain: dict[str, tuple[str, Any, str]] = {
        "code": ("code", str, "The group's code of the store 门店代码."),
        "name": ("name", str, "Name 门店名称."),
        "brand": ("brand", str, "Brand 品牌."),
        "region": ("region", maybe(str), "Region 区域."),
        "grade": ("grade", maybe(str), "Grade A, B or C 门店等级."),
        "cityTier": ("city_tier", maybe(int), "Tier of the city 城市级别."),
        "timeZone": ("time_zone", str, "Time zone that local days and months follow 时区."),
        "state": ("state", str, "Where the store stands, such as ACTIVE 状态."),
    }
    body: dict[str, Any] = {
        name: strawberry.field(resolver=with_arguments(of_info(field), {}, kind), name=name, description=text)
        for name, (field, kind, text) in plain.items()
    }
    body["id"] = strawberry.field(
        resolver=with_arguments(lambda root, _: ids.store_id(root.info.id), {}, strawberry.ID),
        description="Opaque id, the same wherever this appears.",
    )
    body["asOf"] = strawberry.field(
        resolver=with_arguments(lambda root, _: root.as_of, {}, datetime),
        name="asOf",
        description="All that this answer says of the store was true at this moment 数据时点.",
    )
    body["is_type_of"] = staticmethod(lambda found, _info: isinstance(found, StorePart))
    cls = type(ids.STORE, (*parts, NodeInterface), body | types.store_lists())
    return strawberry.type(cls, name=ids.STORE, description="A 4S store 4S店: its rows are read in one snapshot.")


def made_group(store: type, parts: Sequence[type]) -> type:
    """The Group type: control data, its stores, and what `parts` (mix-ins) add."""
    connection = made_connection("Store", store, "A page of stores.")
    edge = connection.__strawberry_definition__.fields[0].type.of_type  # type: ignore[attr-defined]
    for field in edge.__strawberry_definition__.fields:
        if field.python_name == "node":
            _read_when_resolved(field, store)
    plain = {
        "code": ("code", "Code of the group 集团代码."),
        "name": ("name", "Name 集团名称."),
        "currency": ("currency", "Currency of every amount, ISO 4217 币种."),
        "timeZone": ("time_zone", "Time zone of the group 时区."),
    }
    body: dict[str, Any] = {
        name: strawberry.field(resolver=with_arguments(_attribute(field), {}, str), name=name, description=text)
        for name, (field, text) in plain.items()
    }
    body["stores"] = strawberry.field(
        resolver=_stores_resolver(connection),
        name="stores",
        description="The stores that the viewer sees, by code 门店.",
    )
    cls = type("Group", tuple(parts), body)
    return strawberry.type(cls, name="Group", description="The dealer group 经销商集团.")


def _attribute(name: str) -> Callable[[Any, Any], Any]:
    return lambda root, _info: getattr(root, name)


def _read_when_resolved(field: Any, store: type) -> None:
    async def resolve(root: StoreEdge, info: Any) -> StorePart:
        return await store_part(context_of(info), info._raw_info, root.info, info._raw_info.field_nodes)

    field.base_resolver = StrawberryResolver(_async(resolve, maybe(store)))


def _async(resolve: Callable[[Any, Any], Any], gives: Any) -> Callable[..., Any]:
    async def resolver(root: Any, info: strawberry.Info) -> Any:
        return await resolve(root, info)

    resolver.__annotations__ = {"root": Any, "info": strawberry.Info, "return": gives}
    return resolver


def _stores_resolver(connection: type) -> Callable[..., Any]:
    async def stores(
        root: Any,
        info: strawberry.Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Any:
        return page_of_stores((await context_of(info).stores()).ordered, first, after, last, before)

    annotations: dict[str, Any] = {
        name: argument(maybe(kind), text) for name, (kind, text) in page_arguments(MOST_STORES).items()
    }
    stores.__annotations__ = {"root": Any, "info": strawberry.Info, **annotations, "return": connection}
    return stores


@strawberry.type(name="Membership", description="A role at one store, in a region's stores, or of the group.")
class MembershipType:
    """What the viewer is, and where."""

    id: strawberry.ID | None = strawberry.field(description="Opaque id; null while looking as a role.")
    role: str = strawberry.field(description="Code of the role, such as SALES_CONSULTANT; CLIENT: a program 角色.")
    store_code: str | None = strawberry.field(description="Code of the store; null: of a region or the group 门店代码.")
    region: str | None = strawberry.field(description="The region whose stores it reaches 区域.")
    delegated_by: str | None = strawberry.field(description="Name of whose holiday it covers 代理谁.")
    valid_to: datetime | None = strawberry.field(description="Until when; null: for good 结束时间.")


@strawberry.type(name="Viewing", description="That the viewer looks at the product as a role 以角色查看.")
class ViewingType:
    """The look that is going on."""

    id: strawberry.ID = strawberry.field(
        description="Opaque id: with a bearer token the header Forecourt-View-As names it."
    )
    role: str = strawberry.field(description="Code of the role 角色.")
    store_code: str | None = strawberry.field(description="Code of the store 门店代码.")
    region: str | None = strawberry.field(description="The region 区域.")
    until: datetime = strawberry.field(description="When it ends by itself 结束时间.")


@strawberry.type(name="Permission", description="Something the viewer may do somewhere.")
class PermissionType:
    """One permission with its scope."""

    name: str = strawberry.field(description="Area, thing and verb, such as sales:order:read 权限.")
    scope: str = strawberry.field(description="OWN, TEAM, DEPARTMENT, STORE or GROUP 范围.")


@strawberry.type
class ViewerFields:
    """Fields of Viewer, the actor of the operation."""

    @strawberry.field(description="Name 姓名.")  # type: ignore[untyped-decorator]
    def name(self, info: strawberry.Info) -> str:
        return context_of(info).actor.name

    @strawberry.field(description="Key in the audit, such as client:fci_… for a program 审计标识.")  # type: ignore[untyped-decorator]
    def key(self, info: strawberry.Info) -> str:
        return context_of(info).actor.key

    @strawberry.field(description="Language of messages, zh-CN or en 语言.")  # type: ignore[untyped-decorator]
    def language(self, info: strawberry.Info) -> str:
        return context_of(info).language

    @strawberry.field(description="Roles, and where they are held 任职角色.")  # type: ignore[untyped-decorator]
    async def memberships(self, info: strawberry.Info) -> list[MembershipType]:
        context = context_of(info)
        stores = (await context.stores()).by_id
        return [
            MembershipType(
                id=strawberry.ID(context.id_of_group("AccountMembership", item.id)) if item.id else None,
                role=item.role,
                store_code=stores[item.store_id].code if item.store_id in stores else None,
                region=item.region,
                delegated_by=item.delegator if item.delegated_by else None,
                valid_to=item.valid_to,
            )
            for item in context.actor.memberships
        ]

    @strawberry.field(description="The look as a role that is going on; null: the viewer is themself 以角色查看.")  # type: ignore[untyped-decorator]
    async def viewing(self, info: strawberry.Info) -> ViewingType | None:
        context = context_of(info)
        look = context.actor.viewing
        if look is None:
            return None
        [role] = context.actor.memberships
        stores = (await context.stores()).by_id
        return ViewingType(
            id=strawberry.ID(str(look.id)),
            role=role.role,
            store_code=stores[role.store_id].code if role.store_id in stores else None,
            region=role.region,
            until=look.until,
        )

    @strawberry.field(description="Permissions at a store, or of the group without one 权限.")  # type: ignore[untyped-decorator]
    async def permissions(
        self,
        info: strawberry.Info,
        store: Annotated[
            strawberry.ID | None, strawberry.argument(description="Id of the store; without: of the group.")
        ] = None,
    ) -> list[PermissionType]:
        context = context_of(info)
        at = None if store is None else (await context.resolve(store, ids.STORE))[0].id
        scopes = {name: context.actor.scope(name, at) for name in sorted(PERMISSIONS)}
        return [PermissionType(name=name, scope=scope.name) for name, scope in scopes.items() if scope is not None]


def made_viewer(parts: Sequence[type]) -> type:
    """The Viewer type, with what `parts` (mix-ins) add."""
    cls = type("Viewer", (ViewerFields, *parts), {})
    return strawberry.type(cls, name="Viewer", description="Who is asking 当前用户.")


def made_query(store: type, group: type, viewer_type: type, parts: Sequence[type]) -> type:
    """The Query type, with what `parts` (mix-ins) add."""

    async def one_store(root: Any, info: Any, id: Any = None, code: Any = None) -> Any:  # noqa: A002
        context = context_of(info)
        if (id is None) == (code is None):
            raise Invalid("give an id or a code", path=("id",))
        if id is not None:
            found = (await context.resolve(id, ids.STORE))[0]
        else:
            named = (await context.stores()).by_code.get(code)
            if named is None:
                raise NotFound("no such store")
            found = named
        return await store_part(context, info._raw_info, found, info._raw_info.field_nodes)

    async def node(root: Any, info: Any, id: Any) -> Any:  # noqa: A002
        raw = info._raw_info
        return await (await rows_by_id(context_of(info), raw, [id], raw.field_nodes))[0]

    async def nodes(root: Any, info: Any, ids: Any) -> Any:
        if len(ids) > _MOST_IDS:
            raise Invalid(f"at most {_MOST_IDS} ids", path=("ids",), limit=_MOST_IDS)
        raw = info._raw_info
        return await rows_by_id(context_of(info), raw, ids, raw.field_nodes)

    def viewer(root: Any, info: Any) -> Any:
        return viewer_type()

    def whole_group(root: Any, info: Any) -> Any:
        return context_of(info).group

    an_id = argument(strawberry.ID, "A global id.")
    _annotate(viewer, viewer_type)
    _annotate(whole_group, group)
    _annotate(node, maybe(NodeInterface), id=an_id)
    many = argument(list[strawberry.ID], f"Up to {_MOST_IDS} global ids.")
    _annotate(nodes, listing(maybe(NodeInterface)), ids=many)
    _annotate(
        one_store,
        maybe(store),
        id=argument(maybe(strawberry.ID), "Id of the store."),
        code=argument(maybe(str), "Code of the store in the group."),
    )
    body = {
        "viewer": strawberry.field(resolver=viewer, description="Who is asking 当前用户."),
        "group": strawberry.field(resolver=whole_group, name="group", description="The viewer's dealer group 集团."),
        "store": strawberry.field(resolver=one_store, name="store", description="One store, by id or by code 门店."),
        "node": strawberry.field(resolver=node, description="Anything by its id; null when it does not exist."),
        "nodes": strawberry.field(
            resolver=nodes, description="Several things by id, in the same order; null for each that does not exist."
        ),
    }
    return strawberry.type(type("Query", tuple(parts), body), name="Query", description="What can be read.")


def made_subscription(parts: Sequence[type]) -> type:
    """The Subscription type, of what `parts` (mix-ins) have."""
    cls = type("Subscription", tuple(parts), {})
    return strawberry.type(cls, name="Subscription", description="What can be followed: docs/api/live.md 订阅.")


def _annotate(function: Any, gives: Any, **arguments: Any) -> None:
    function.__annotations__ = {"root": Any, "info": strawberry.Info, **arguments, "return": gives}

"""Directories 通讯录 that provision the group's people by SCIM, in the API: their connections, and what their groups map to."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import strawberry

from ..auth.accounts import MANAGE as MANAGE_ACCOUNTS
from ..auth.roles import ROLES
from ..auth.scim.connections import MANAGE, ConnectionInfo, list_connections
from ..auth.scim.model import MAPPING_KEYS
from ..domain.directory import access
from ..domain.directory.access import MappingInfo, list_mappings
from ..domain.wording import storable
from ..errors import Invalid
from . import ids
from .context import Context
from .errors import Saying
from .mutation import Done, Mutation
from .roots import context_of
from .services import group_reading, group_work

TOKEN, MAPPING = "DirectoryToken", "DirectoryMapping"
USER_ERRORS = {
    "MAPPING_EXISTS": Saying("已有相同的映射。", "There is such a mapping already."),
    "TOO_MANY_CONNECTIONS": Saying("连接过多，请先吊销一个。", "There are too many connections; revoke one first."),
    "TOO_MANY_MAPPINGS": Saying("映射过多。", "There are too many mappings."),
}
_MOST_DAYS = 730


@strawberry.type(
    name="DirectoryToken",
    description="A bearer token with which a directory provisions the group's people by SCIM 2.0; never shown again 目录令牌.",
)
class DirectoryTokenType:
    """What is known of a directory's connection: all but its token."""

    id: strawberry.ID = strawberry.field(description="Opaque id of the token.")
    label: str = strawberry.field(description="What it is for 用途.")
    created_at: datetime = strawberry.field(description="When it was made 创建时间.")
    expires_at: datetime = strawberry.field(description="When it ends 到期时间.")
    revoked_at: datetime | None = strawberry.field(description="When it was revoked 吊销时间.")
    last_used_at: datetime | None = strawberry.field(description="When it was last used, to some minutes 最近使用.")


@strawberry.type(
    name="DirectoryMapping", description="What the people of a group of the directory may do in Forecourt 目录组映射."
)
class DirectoryMappingType:
    """A mapping."""

    id: strawberry.ID = strawberry.field(description="Opaque id of the mapping.")
    by: str = strawberry.field(description="DISPLAY_NAME or EXTERNAL_ID: what of the directory's group is named 依据.")
    value: str = strawberry.field(description="The name or external id of the directory's group 目录组.")
    role: str = strawberry.field(description="Code of the role 角色.")
    store: strawberry.ID | None = strawberry.field(description="Id of the store; null: see region 门店.")
    region: str | None = strawberry.field(
        description="Region whose stores are meant; null: the store, or the group 区域."
    )
    created_at: datetime = strawberry.field(description="When it was made 创建时间.")


def _token(context: Context, info: ConnectionInfo) -> DirectoryTokenType:
    names = ("label", "created_at", "expires_at", "revoked_at", "last_used_at")
    return DirectoryTokenType(
        id=strawberry.ID(context.id_of_group(TOKEN, info.id)), **{name: getattr(info, name) for name in names}
    )


def _mapping(context: Context, info: MappingInfo) -> DirectoryMappingType:
    names = ("by", "value", "role", "region", "created_at")
    return DirectoryMappingType(
        id=strawberry.ID(context.id_of_group(MAPPING, info.id)),
        store=strawberry.ID(ids.store_id(info.store_id)) if info.store_id else None,
        **{name: getattr(info, name) for name in names},
    )


@strawberry.type
class GroupDirectory:
    """Fields of Group."""

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="Tokens of directories, newest first, at most 100 目录令牌. Needs accounts:directory:manage."
    )
    async def directory_tokens(self, info: strawberry.Info) -> list[DirectoryTokenType]:
        context = context_of(info)
        context.actor.require(MANAGE, None)
        async with group_reading(context) as session:
            found = await list_connections(session, context.actor, limit=100)
        return [_token(context, item) for item in found]

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="What groups of directories map to, at most 1000 目录组映射. Needs accounts:directory:manage."
    )
    async def directory_mappings(self, info: strawberry.Info) -> list[DirectoryMappingType]:
        context = context_of(info)
        context.actor.require(MANAGE, None)
        async with group_reading(context) as session:
            found = await list_mappings(session, context.actor)
        return [_mapping(context, item) for item in found]


@strawberry.input(description="A token for a directory.")
class CreateDirectoryTokenInput:
    """Input of createDirectoryToken."""

    label: str = strawberry.field(description="What it is for, up to 100 characters 用途.")
    days: int = strawberry.field(default=365, description=f"How many days it is valid, 1 to {_MOST_DAYS} 有效天数.")


async def _create(context: Context, given: Any) -> Done:
    context.actor.require(MANAGE, None)
    if not 1 <= given.days <= _MOST_DAYS:
        raise Invalid(f"1 to {_MOST_DAYS} days", path=("days",))
    async with group_work(context) as work:
        issued = await access.create_connection(work, label=given.label, lifetime=timedelta(days=given.days))
    shown: Mapping[str, Any] = {
        "id": context.id_of_group(TOKEN, issued.id),
        "token": issued.clear,
        "expiresAt": issued.expires_at,
    }
    return Done(values=shown)


@strawberry.input(description="Which token to end.")
class RevokeDirectoryTokenInput:
    """Input of revokeDirectoryToken."""

    id: strawberry.ID = strawberry.field(description="Id of the token 目录令牌.")


async def _revoke(context: Context, given: Any) -> Done:
    context.actor.require(MANAGE, None)
    connection_id = context.resolve_of_group(given.id, TOKEN)
    async with group_work(context) as work:
        await access.revoke_connection(work, connection_id)
    return Done(values={"id": given.id})


@strawberry.input(description="What the people of a group of the directory may do: a role, at a store or in a region.")
class AddDirectoryMappingInput:
    """Input of addDirectoryMapping."""

    by: str = strawberry.field(default="DISPLAY_NAME", description=f"One of {', '.join(MAPPING_KEYS)} 依据.")
    value: str = strawberry.field(description="The name or external id of the directory's group 目录组.")
    role: str = strawberry.field(description=f"One of {', '.join(sorted(ROLES))} 角色.")
    store_id: strawberry.ID | None = strawberry.field(
        default=None, description="Id of the store; roles of HQ take none 门店."
    )
    region: str | None = strawberry.field(default=None, description="Or the region whose stores are meant 区域.")


async def _add(context: Context, given: Any) -> Done:
    context.actor.require(MANAGE, None)
    context.actor.require(MANAGE_ACCOUNTS, None)
    store = None if given.store_id is None else (await context.resolve(given.store_id, ids.STORE))[0]
    async with group_work(context) as work:
        mapping_id = await access.add_mapping(
            work,
            by=given.by,
            value=storable(given.value, "value"),
            role=given.role,
            store_id=store.id if store else None,
            region=given.region,
        )
    return Done(values={"id": context.id_of_group(MAPPING, mapping_id)})


@strawberry.input(description="Which mapping to remove.")
class RemoveDirectoryMappingInput:
    """Input of removeDirectoryMapping."""

    id: strawberry.ID = strawberry.field(description="Id of the mapping 映射.")


async def _remove(context: Context, given: Any) -> Done:
    context.actor.require(MANAGE, None)
    context.actor.require(MANAGE_ACCOUNTS, None)
    mapping_id = context.resolve_of_group(given.id, MAPPING)
    async with group_work(context) as work:
        await access.remove_mapping(work, mapping_id)
    return Done(values={"id": given.id})


MUTATIONS = (
    Mutation(
        name="createDirectoryToken",
        description="Connect a directory that provisions people by SCIM 2.0 连接目录. Needs accounts:directory:manage.",
        input=CreateDirectoryTokenInput,
        run=_create,
        values={
            "id": (strawberry.ID, "Opaque id of the token."),
            "token": (str, "The token for the directory, shown this once 令牌."),
            "expiresAt": (datetime, "When it ends 到期时间."),
        },
    ),
    Mutation(
        name="revokeDirectoryToken",
        description="End a directory's token; the people stay as they are 吊销目录令牌. Needs accounts:directory:manage.",
        input=RevokeDirectoryTokenInput,
        run=_revoke,
        values={"id": (strawberry.ID, "Opaque id of the token.")},
    ),
    Mutation(
        name="addDirectoryMapping",
        description="Give the people of a directory's group a role 映射目录组. Needs accounts:directory:manage and "
        "accounts:account:manage.",
        input=AddDirectoryMappingInput,
        run=_add,
        values={"id": (strawberry.ID, "Opaque id of the mapping.")},
    ),
    Mutation(
        name="removeDirectoryMapping",
        description="Take back what a mapping gave 删除映射. Needs accounts:directory:manage and accounts:account:manage.",
        input=RemoveDirectoryMappingInput,
        run=_remove,
        values={"id": (strawberry.ID, "Opaque id of the mapping.")},
    ),
)

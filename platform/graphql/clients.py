"""Programs of third parties 集成应用 in the API: which there are, what they may do, their secrets and keys."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from ..auth.identify import ACTORS
from ..auth.oauth.clients import MANAGE, READ, ClientInfo, find_client, list_clients
from ..auth.oauth.model import AUTH_METHODS, SECRET_BASIC
from ..auth.oauth.scopes import FOR_PROGRAMS
from ..domain.clients import actions
from ..domain.wording import storable, wording
from . import ids
from .context import Context
from .errors import Saying
from .mutation import Done, Mutation
from .pages import ListPage, check_first, cursor_of, key_behind, not_a_cursor
from .roots import context_of
from .services import afterwards, group_reading, group_work
from .types import PageInfo

CLIENT = "OAuthClient"
USER_ERRORS = {
    "WRONG_METHOD": Saying("该应用使用另一种验证方式。", "The client proves who it is in another way."),
}
_PAGE, _MOST = 50, 200
_LIST = "client"
_MANAGED = "Needs accounts:client:manage."


@strawberry.type(name="OAuthClientSecret", description="A secret of a client; the secret itself is never shown again.")
class ClientSecretType:
    """What is known of a secret."""

    created_at: datetime = strawberry.field(description="When it was made 创建时间.")
    expires_at: datetime | None = strawberry.field(description="When it ends or ended; null: for good 到期时间.")
    last_used_at: datetime | None = strawberry.field(description="When it was last used, to some minutes 最近使用.")


@strawberry.type(name="OAuthClient", description="A program of a third party that may call this API 集成应用.")
class ClientType:
    """A client as the people who manage clients see it."""

    id: strawberry.ID = strawberry.field(description="Opaque id of the client.")
    client_id: str = strawberry.field(description="Its name at the token endpoint 客户端标识.")
    name: str = strawberry.field(description="Name to show 名称.")
    auth_method: str = strawberry.field(description=f"{' or '.join(AUTH_METHODS)} 验证方式.")
    all_stores: bool = strawberry.field(description="It sees every store, and the group's own rows 全部门店.")
    stores: list[strawberry.ID] = strawberry.field(description="Ids of the stores it sees, when not all 门店.")
    scopes: list[str] = strawberry.field(description="Permissions it may ask for 权限范围.")
    state: str = strawberry.field(description="ACTIVE or DISABLED 状态.")
    version: int = strawberry.field(description="Number of its last change; give it back as expectedVersion 版本.")
    secrets: list[ClientSecretType] = strawberry.field(description="Its secrets, newest first 密钥.")
    keys: list[str] = strawberry.field(description="Names (kid) of its public keys, when they are kept here 公钥.")
    jwks_uri: str | None = strawberry.field(description="Where its public keys are fetched from 公钥地址.")
    created_at: datetime = strawberry.field(description="When it was made 创建时间.")
    created_by: str = strawberry.field(description="Key of the account that made it 创建人.")
    expires_at: datetime | None = strawberry.field(description="When it ends; null: for good 到期时间.")
    last_used_at: datetime | None = strawberry.field(description="When it last got a token, to some minutes 最近使用.")


@strawberry.type(name="OAuthClientEdge", description="A client in a list.")
class ClientEdge:
    """Relay's edge."""

    node: ClientType = strawberry.field(description="The client.")
    cursor: str = strawberry.field(description="Where it stands in the list.")


@strawberry.type(name="OAuthClientConnection", description="A page of clients.")
class ClientConnection:
    """Relay's connection."""

    edges: list[ClientEdge] = strawberry.field(description="The clients of the page.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")


def _client(context: Context, info: ClientInfo) -> ClientType:
    names = ("client_id", "name", "auth_method", "all_stores", "scopes", "state", "version", "jwks_uri")
    moments = ("created_at", "created_by", "expires_at", "last_used_at")
    return ClientType(
        id=strawberry.ID(context.id_of_group(CLIENT, info.id)),
        stores=[strawberry.ID(ids.store_id(store)) for store in info.stores],
        secrets=[
            ClientSecretType(created_at=one.created_at, expires_at=one.expires_at, last_used_at=one.last_used_at)
            for one in info.secrets
        ],
        keys=[str(jwk.get("kid", "")) for jwk in (info.jwks or {}).get("keys", [])],
        **{name: getattr(info, name) for name in names + moments},
    )


async def _one(context: Context, id_: UUID) -> ClientType:
    async with group_reading(context) as session:
        return _client(context, await find_client(session, context.actor, id_))


def _behind(cursor: str) -> UUID:
    try:
        return UUID(key_behind(_LIST, cursor))
    except ValueError as error:
        raise not_a_cursor() from error


@strawberry.type
class GroupClients:
    """Fields of Group."""

    @strawberry.field(description=f"Programs that may call this API, oldest first 集成应用. Needs {READ}.")  # type: ignore[untyped-decorator]
    async def clients(
        self,
        info: strawberry.Info,
        first: Annotated[int, strawberry.argument(description="This many, 1 to 200.")] = _PAGE,
        after: Annotated[str | None, strawberry.argument(description="Only clients behind this cursor.")] = None,
    ) -> ClientConnection:
        context = context_of(info)
        context.actor.require(READ, None)
        check_first(first, _MOST)
        behind = None if after is None else _behind(after)
        async with group_reading(context) as session:
            found = await list_clients(session, context.actor, after=behind, limit=first)
            further = await list_clients(session, context.actor, after=found[-1].id, limit=1) if found else []
        edges = [ClientEdge(node=_client(context, item), cursor=cursor_of(_LIST, str(item.id))) for item in found]
        page: Any = ListPage(edges, bool(further), after is not None)
        return ClientConnection(edges=edges, page_info=page)


# --- changing --------------------------------------------------------------------------------------------------------

_SCOPES = f"Permissions it may ask for, of {', '.join(sorted(FOR_PROGRAMS))} 权限范围."
_STORES = "Ids of the stores it sees; left out: every store, and the group's own rows 门店."
_JWKS = "Its public keys as a JSON Web Key Set (RFC 7517) 公钥."
_JWKS_URI = "Address from which its public keys are fetched, instead 公钥地址."


@strawberry.input(description="A new program, with what it may do and see.")
class CreateClientInput:
    """Input of createClient."""

    name: str = strawberry.field(description="Name to show, up to 100 characters 名称.")
    scopes: list[str] = strawberry.field(description=_SCOPES)
    store_ids: list[strawberry.ID] | None = strawberry.field(default=None, description=_STORES)
    auth_method: str = strawberry.field(
        default=SECRET_BASIC, description=f"How it proves who it is: {' or '.join(AUTH_METHODS)} 验证方式."
    )
    jwks: JSON | None = strawberry.field(default=None, description=_JWKS)
    jwks_uri: str | None = strawberry.field(default=None, description=_JWKS_URI)
    expires_at: datetime | None = strawberry.field(default=None, description="When it ends; without: never 到期时间.")


async def _create(context: Context, given: Any) -> Done:
    stores = await _stores(context, given.store_ids)
    async with group_work(context) as work:
        made = await actions.create_client(
            work,
            name=wording(given.name, path="name", most=100),
            scopes=given.scopes,
            stores=stores,
            auth_method=given.auth_method,
            jwks=storable(given.jwks, "jwks"),
            jwks_uri=given.jwks_uri,
            expires_at=given.expires_at,
        )
    secret = made.secret.clear if made.secret is not None else None
    return Done(values={"client": await _one(context, made.id), "secret": secret})


@strawberry.input(description="What a program may do and see from now on: all of it is said anew.")
class ChangeClientInput:
    """Input of changeClient."""

    id: strawberry.ID = strawberry.field(description="Id of the client 集成应用.")
    name: str = strawberry.field(description="Name to show, up to 100 characters 名称.")
    scopes: list[str] = strawberry.field(description=_SCOPES)
    store_ids: list[strawberry.ID] | None = strawberry.field(default=None, description=_STORES)
    expires_at: datetime | None = strawberry.field(default=None, description="When it ends; without: never 到期时间.")
    expected_version: int | None = strawberry.field(
        default=None, description="Version last read; another one is refused as STALE_VERSION."
    )


async def _change(context: Context, given: Any) -> Done:
    id_ = context.resolve_of_group(given.id, CLIENT)
    stores = await _stores(context, given.store_ids)
    async with group_work(context) as work:
        await actions.change_client(
            work,
            id_,
            name=wording(given.name, path="name", most=100),
            scopes=given.scopes,
            stores=stores,
            expires_at=given.expires_at,
            expected_version=given.expected_version,
        )
    return await _changed(context, id_)


@strawberry.input(description="A new secret for a program.")
class RotateClientSecretInput:
    """Input of rotateClientSecret."""

    id: strawberry.ID = strawberry.field(description="Id of the client 集成应用.")
    overlap_hours: int = strawberry.field(
        default=24, description="How many hours the old secret counts beside the new one, 0 to 720 过渡小时数."
    )


async def _rotate(context: Context, given: Any) -> Done:
    id_ = context.resolve_of_group(given.id, CLIENT)
    async with group_work(context) as work:
        made = await actions.rotate_secret(work, id_, overlap=timedelta(hours=given.overlap_hours))
    return Done(values={"client": await _one(context, id_), "secret": made.clear})


@strawberry.input(description="Other public keys for a program that signs.")
class SetClientKeysInput:
    """Input of setClientKeys."""

    id: strawberry.ID = strawberry.field(description="Id of the client 集成应用.")
    jwks: JSON | None = strawberry.field(default=None, description=_JWKS)
    jwks_uri: str | None = strawberry.field(default=None, description=_JWKS_URI)
    expected_version: int | None = strawberry.field(
        default=None, description="Version last read; another one is refused as STALE_VERSION."
    )


async def _keys(context: Context, given: Any) -> Done:
    id_ = context.resolve_of_group(given.id, CLIENT)
    async with group_work(context) as work:
        await actions.set_keys(
            work,
            id_,
            jwks=storable(given.jwks, "jwks"),
            jwks_uri=given.jwks_uri,
            expected_version=given.expected_version,
        )
    return await _changed(context, id_)


@strawberry.input(description="Which program.")
class ClientInput:
    """Input of disableClient, enableClient and revokeClientTokens."""

    id: strawberry.ID = strawberry.field(description="Id of the client 集成应用.")


async def _disable(context: Context, given: Any) -> Done:
    id_ = context.resolve_of_group(given.id, CLIENT)
    async with group_work(context) as work:
        await actions.disable_client(work, id_)
    return await _changed(context, id_)


async def _enable(context: Context, given: Any) -> Done:
    id_ = context.resolve_of_group(given.id, CLIENT)
    async with group_work(context) as work:
        await actions.enable_client(work, id_)
    return await _changed(context, id_)


async def _revoke(context: Context, given: Any) -> Done:
    id_ = context.resolve_of_group(given.id, CLIENT)
    async with group_work(context) as work:
        await actions.revoke_tokens(work, id_)
    return await _changed(context, id_)


async def _changed(context: Context, id_: UUID) -> Done:
    """After the commit: what this process kept of the client ends at once; other processes follow within seconds."""
    afterwards(context, partial(ACTORS.forget_client, id_))
    return Done(values={"client": await _one(context, id_)})


async def _stores(context: Context, given: list[str] | None) -> list[UUID] | None:
    if given is None:
        return None
    return [(await context.resolve(text, ids.STORE))[0].id for text in given]


_VALUES: Mapping[str, tuple[Any, str]] = {"client": (ClientType, "The client after the change 集成应用.")}
_WITH_SECRET = {**_VALUES, "secret": (str, "The secret, shown this once; null for a client that signs 密钥.")}
MUTATIONS = (
    Mutation(
        name="createClient",
        description=f"Register a program 登记集成应用. Needs {MANAGE}.",
        input=CreateClientInput,
        run=_create,
        values=_WITH_SECRET,
    ),
    Mutation(
        name="changeClient",
        description=f"Say anew what a program may do and see; it counts at once 更改权限. {_MANAGED}",
        input=ChangeClientInput,
        run=_change,
        values=_VALUES,
    ),
    Mutation(
        name="rotateClientSecret",
        description=f"Give a program a new secret beside its old one 更换密钥. {_MANAGED}",
        input=RotateClientSecretInput,
        run=_rotate,
        values=_WITH_SECRET,
    ),
    Mutation(
        name="setClientKeys",
        description=f"Give a program that signs other public keys 更换公钥. {_MANAGED}",
        input=SetClientKeysInput,
        run=_keys,
        values=_VALUES,
    ),
    Mutation(
        name="disableClient",
        description=f"End a program's tokens, and give it none 停用集成应用. {_MANAGED}",
        input=ClientInput,
        run=_disable,
        values=_VALUES,
    ),
    Mutation(
        name="enableClient",
        description=f"Let a program ask for tokens again 启用集成应用. {_MANAGED}",
        input=ClientInput,
        run=_enable,
        values=_VALUES,
    ),
    Mutation(
        name="revokeClientTokens",
        description=f"End every token of a program; it may ask for new ones 吊销令牌. {_MANAGED}",
        input=ClientInput,
        run=_revoke,
        values=_VALUES,
    ),
)

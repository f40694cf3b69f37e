"""Clients of a group: create, change, give new secrets and keys, end. Called from the doors in a group session, which commits.

Every verb works inside the actor's own group and needs ``accounts:client:manage`` (or is the system). A client of another
group does not exist.
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ...clock import SYSTEM_CLOCK, Clock
from ...errors import Invalid, NotFound, Refused, StaleVersion
from ...tenancy.control import Store
from ...tenancy.ids import new_id
from ..actor import Actor
from .client_keys import chosen_address, chosen_keys
from .model import AUTH_METHODS, PRIVATE_KEY_JWT, SECRET_BASIC, OAuthClient, OAuthClientSecret, OAuthClientStore
from .scopes import chosen_scopes

MANAGE: Final = "accounts:client:manage"
READ: Final = "accounts:account:read"

#: What a scanner of source code can find: a client's name begins with one, its secret with the other.
CLIENT_PREFIX, SECRET_PREFIX = "fci_", "fcs_"
MOST_STORES: Final = 1000
#: How long an old secret may stay beside a new one.
LONGEST_OVERLAP: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A client's new secret. `clear` is shown once and kept nowhere."""

    id: UUID
    clear: str

    def __repr__(self) -> str:
        return f"NewSecret(id={self.id})"


@dataclass(frozen=True, slots=True)
class MadeClient:
    """A new client; without a secret when it signs with its own key."""

    id: UUID
    client_id: str
    secret: NewSecret | None


@dataclass(frozen=True, slots=True)
class SecretInfo:
    """What can be known of a secret later."""

    id: UUID
    client_id: UUID
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """A client as the people who manage clients see it."""

    id: UUID
    client_id: str
    name: str
    auth_method: str
    jwks: dict[str, Any] | None
    jwks_uri: str | None
    all_stores: bool
    scopes: list[str]
    state: str
    version: int
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None
    stores: tuple[UUID, ...] = ()
    secrets: tuple[SecretInfo, ...] = ()


def secret_hash(clear: str) -> bytes:
    """What is kept of a secret: 256 random bits need no slow hash."""
    return sha256(clear.encode()).digest()


async def create_client(
    session: AsyncSession,
    actor: Actor,
    *,
    name: str,
    scopes: list[str],
    stores: Collection[UUID] | None,
    auth_method: str = SECRET_BASIC,
    jwks: Any = None,
    jwks_uri: str | None = None,
    expires_at: datetime | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> MadeClient:
    """A new client; ``stores`` None: it sees every store of the group, and the group's own rows.

    Raises:
        Forbidden: the actor may not manage clients.
        Invalid: a value has the wrong form, or a scope is not for programs.
        NotFound: a store is not of the group.
    """
    actor.require(MANAGE, None)
    if auth_method not in AUTH_METHODS:
        raise Invalid(f"one of {', '.join(AUTH_METHODS)}", path=("authMethod",))
    now = clock.now()
    _check_end(expires_at, now)
    made = MadeClient(new_id(), CLIENT_PREFIX + secrets.token_hex(12), None)
    row = {
        "id": made.id,
        "group_id": actor.group_id,
        "client_id": made.client_id,
        "name": _shown(name),
        "auth_method": auth_method,
        "all_stores": stores is None,
        "scopes": chosen_scopes(scopes, of_group=stores is None),
        "created_at": now,
        "created_by": actor.key,
        "updated_at": now,
        "expires_at": expires_at,
    }
    await session.execute(insert(OAuthClient).values(row | _keys(auth_method, jwks, jwks_uri)))
    await _set_stores(session, actor, made.id, stores)
    if auth_method != SECRET_BASIC:
        return made
    return replace(made, secret=await _new_secret(session, actor, made.id, now))


async def change_client(
    session: AsyncSession,
    actor: Actor,
    id_: UUID,
    *,
    name: str,
    scopes: list[str],
    stores: Collection[UUID] | None,
    expires_at: datetime | None,
    expected_version: int | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> None:
    """Say anew what a client may do and see. It counts for tokens that were issued before, too.

    Raises:
        As `create_client`; NotFound: the group has no such client. StaleVersion: it has another version.
    """
    await _require(session, actor, id_, expected_version)
    now = clock.now()
    _check_end(expires_at, now)
    await _update(
        session,
        actor,
        id_,
        name=_shown(name),
        scopes=chosen_scopes(scopes, of_group=stores is None),
        all_stores=stores is None,
        expires_at=expires_at,
        updated_at=now,
    )
    await session.execute(
        delete(OAuthClientStore).where(OAuthClientStore.client_id == id_, OAuthClientStore.group_id == actor.group_id)
    )
    await _set_stores(session, actor, id_, stores)


async def rotate_secret(
    session: AsyncSession, actor: Actor, id_: UUID, *, overlap: timedelta, clock: Clock = SYSTEM_CLOCK
) -> NewSecret:
    """A new secret; the one before it counts for ``overlap`` more, and what is older ends now. At most two count at once.

    Raises:
        Forbidden, NotFound: as `change_client`.
        Invalid: the overlap is negative or longer than `LONGEST_OVERLAP`.
        Refused: WRONG_METHOD; this client signs with its own key.
    """
    found = await _require(session, actor, id_)
    if found != SECRET_BASIC:
        raise Refused("WRONG_METHOD", "this client signs with its own key")
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise Invalid(f"an old secret stays for at most {LONGEST_OVERLAP.days} days", path=("overlapHours",))
    now = clock.now()
    item = OAuthClientSecret
    counts = or_(item.expires_at.is_(None), item.expires_at > now)
    query = select(item.id).where(item.client_id == id_, item.group_id == actor.group_id, counts)
    live = list(await session.scalars(query.order_by(item.id.desc()).limit(100)))
    for number, secret_id in enumerate(live):
        until = now + overlap if number == 0 else now
        still = or_(item.expires_at.is_(None), item.expires_at > until)
        await session.execute(update(item).where(item.id == secret_id, still).values(expires_at=until))
    return await _new_secret(session, actor, id_, now)


async def set_keys(
    session: AsyncSession,
    actor: Actor,
    id_: UUID,
    *,
    jwks: Any,
    jwks_uri: str | None,
    expected_version: int | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> None:
    """Other public keys for a client that signs: here, or where they are fetched from.

    Raises:
        Forbidden, NotFound, StaleVersion: as `change_client`; Invalid: see `client_keys`.
        Refused: WRONG_METHOD; this client has a secret.
    """
    found = await _require(session, actor, id_, expected_version)
    if found != PRIVATE_KEY_JWT:
        raise Refused("WRONG_METHOD", "this client has a secret and no keys")
    await _update(session, actor, id_, updated_at=clock.now(), **_keys(found, jwks, jwks_uri))


async def disable_client(session: AsyncSession, actor: Actor, id_: UUID, *, clock: Clock = SYSTEM_CLOCK) -> None:
    """It gets no tokens any more, and those it has end. Twice is once.

    Raises:
        Forbidden, NotFound: as `change_client`.
    """
    await _require(session, actor, id_)
    ended = OAuthClient.generation + 1
    await _update(session, actor, id_, state="DISABLED", generation=ended, updated_at=clock.now())


async def enable_client(session: AsyncSession, actor: Actor, id_: UUID, *, clock: Clock = SYSTEM_CLOCK) -> None:
    """It may ask for tokens again. Those that ended stay ended.

    Raises:
        Forbidden, NotFound: as `change_client`.
    """
    await _require(session, actor, id_)
    await _update(session, actor, id_, state="ACTIVE", updated_at=clock.now())


async def revoke_tokens(session: AsyncSession, actor: Actor, id_: UUID, *, clock: Clock = SYSTEM_CLOCK) -> None:
    """Every token it has ends. It may ask for new ones.

    Raises:
        Forbidden, NotFound: as `change_client`.
    """
    await _require(session, actor, id_)
    await _update(session, actor, id_, generation=OAuthClient.generation + 1, updated_at=clock.now())


async def list_clients(
    session: AsyncSession, actor: Actor, *, after: UUID | None = None, limit: int = 50
) -> list[ClientInfo]:
    """The group's clients in the order they were made, those behind ``after``; at most 200.

    Raises:
        Forbidden: the actor may not read accounts.
    """
    actor.require(READ, None)
    query = select(OAuthClient).where(OAuthClient.group_id == actor.group_id).order_by(OAuthClient.id)
    if after is not None:
        query = query.where(OAuthClient.id > after)
    return await _infos(session, actor, list(await session.scalars(query.limit(max(1, min(limit, 200))))))


async def find_client(session: AsyncSession, actor: Actor, id_: UUID) -> ClientInfo:
    """One client of the group.

    Raises:
        Forbidden: the actor may not read accounts. NotFound: there is none.
    """
    actor.require(READ, None)
    query = select(OAuthClient).where(OAuthClient.id == id_, OAuthClient.group_id == actor.group_id)
    found = await _infos(session, actor, list(await session.scalars(query)))
    if not found:
        raise NotFound("no such client")
    return found[0]


async def client_named(session: AsyncSession, actor: Actor, client_id: str) -> UUID:
    """The client with this public name, for commands.

    Raises:
        Forbidden: as `find_client`. NotFound: the group has none.
    """
    actor.require(READ, None)
    query = select(OAuthClient.id).where(OAuthClient.client_id == client_id, OAuthClient.group_id == actor.group_id)
    found = (await session.execute(query)).scalar_one_or_none()
    if found is None:
        raise NotFound(f"no client {client_id!r}")
    return found


async def _infos(session: AsyncSession, actor: Actor, rows: list[OAuthClient]) -> list[ClientInfo]:
    ids = [row.id for row in rows]
    place, item = OAuthClientStore, OAuthClientSecret
    stores = await session.execute(
        select(place.client_id, place.store_id)
        .where(place.client_id.in_(ids), place.group_id == actor.group_id)
        .order_by(place.store_id)
        .limit(MOST_STORES * 200)
    )
    seen = [(row.client_id, row.store_id) for row in stores]
    query = select(item.id, item.client_id, item.created_at, item.expires_at, item.last_used_at)
    query = query.where(item.client_id.in_(ids), item.group_id == actor.group_id).order_by(item.id.desc()).limit(5000)
    kept = [SecretInfo(*row) for row in await session.execute(query)]
    return [
        ClientInfo(
            id=row.id,
            client_id=row.client_id,
            name=row.name,
            auth_method=row.auth_method,
            jwks=row.jwks,
            jwks_uri=row.jwks_uri,
            all_stores=row.all_stores,
            scopes=list(row.scopes),
            state=row.state,
            version=row.version,
            created_at=row.created_at,
            created_by=row.created_by,
            expires_at=row.expires_at,
            last_used_at=row.last_used_at,
            stores=tuple(store for client, store in seen if client == row.id),
            secrets=tuple(one for one in kept if one.client_id == row.id),
        )
        for row in rows
    ]


async def _require(session: AsyncSession, actor: Actor, id_: UUID, expected_version: int | None = None) -> str:
    """The method of a client the actor may manage; its row is locked, so that two changes are one after the other."""
    actor.require(MANAGE, None)
    query = select(OAuthClient.auth_method, OAuthClient.version)
    query = query.where(OAuthClient.id == id_, OAuthClient.group_id == actor.group_id)
    found = (await session.execute(query.with_for_update())).one_or_none()
    if found is None:
        raise NotFound("no such client")
    if expected_version is not None and found.version != expected_version:
        raise StaleVersion("somebody changed this client since you read it", version=found.version)
    method: str = found.auth_method
    return method


async def _update(session: AsyncSession, actor: Actor, id_: UUID, **values: Any) -> None:
    which = OAuthClient.id == id_, OAuthClient.group_id == actor.group_id
    await session.execute(update(OAuthClient).where(*which).values(values | {"version": OAuthClient.version + 1}))


async def _set_stores(session: AsyncSession, actor: Actor, id_: UUID, stores: Collection[UUID] | None) -> None:
    if stores is None:
        return
    wanted = sorted(set(stores))
    if not 1 <= len(wanted) <= MOST_STORES:
        raise Invalid(f"a client sees 1 to {MOST_STORES} stores, or all", path=("stores",))
    query = select(Store.id).where(
        Store.id.in_(wanted), Store.group_id == actor.group_id, Store.state.not_in(("DELETED", "FAILED"))
    )
    if len(list(await session.scalars(query))) < len(wanted):
        raise NotFound("no such store")
    rows = [{"client_id": id_, "store_id": store_id, "group_id": actor.group_id} for store_id in wanted]
    await session.execute(insert(OAuthClientStore), rows)


async def _new_secret(session: AsyncSession, actor: Actor, id_: UUID, now: datetime) -> NewSecret:
    made = NewSecret(new_id(), SECRET_PREFIX + secrets.token_urlsafe(32))
    await session.execute(
        insert(OAuthClientSecret).values(
            id=made.id, client_id=id_, group_id=actor.group_id, secret_hash=secret_hash(made.clear), created_at=now
        )
    )
    return made


def _keys(auth_method: str, jwks: Any, jwks_uri: str | None) -> dict[str, Any]:
    given = (jwks is not None) + (jwks_uri is not None)
    if auth_method == SECRET_BASIC and given:
        raise Invalid("a client with a secret has no keys", path=("jwks",))
    if auth_method == PRIVATE_KEY_JWT and given != 1:
        raise Invalid("give the keys, or the address they are fetched from", path=("jwks",))
    return {
        "jwks": None if jwks is None else chosen_keys(jwks),
        "jwks_uri": None if jwks_uri is None else chosen_address(jwks_uri),
    }


def _shown(name: str) -> str:
    shown = name.strip()
    if not shown or len(shown) > 100 or not shown.isprintable():
        raise Invalid("a client needs a name of at most 100 characters", path=("name",))
    return shown


def _check_end(expires_at: datetime | None, now: datetime) -> None:
    if expires_at is not None and expires_at <= now:
        raise Invalid("a client ends after now", path=("expiresAt",))

"""Programs of a group, as the doors manage them: the verbs of `auth.oauth.clients`, each with its audit row in the same transaction.

Secrets are never audited, only that there is a new one; of keys, their names.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from ...auth.oauth import clients
from ...auth.oauth.clients import MadeClient, NewSecret
from ..work import GroupWork

ENTITY = "OAuthClient"


async def create_client(
    work: GroupWork,
    *,
    name: str,
    scopes: list[str],
    stores: Collection[UUID] | None,
    auth_method: str,
    jwks: Any = None,
    jwks_uri: str | None = None,
    expires_at: datetime | None = None,
) -> MadeClient:
    """Register a program. Errors as `auth.oauth.clients.create_client`."""
    work.require(clients.MANAGE)
    made = await clients.create_client(
        work.session,
        work.actor,
        name=name,
        scopes=scopes,
        stores=stores,
        auth_method=auth_method,
        jwks=jwks,
        jwks_uri=jwks_uri,
        expires_at=expires_at,
        clock=work.platform.clock,
    )
    after = _rights(name, scopes, stores, expires_at) | {"client_id": made.client_id, "auth_method": auth_method}
    work.audit("clients.create", ENTITY, made.id, after=after | _named(jwks, jwks_uri))
    return made


async def change_client(
    work: GroupWork,
    id_: UUID,
    *,
    name: str,
    scopes: list[str],
    stores: Collection[UUID] | None,
    expires_at: datetime | None,
    expected_version: int | None = None,
) -> None:
    """Say anew what a program may do and see. Errors as `auth.oauth.clients.change_client`."""
    work.require(clients.MANAGE)
    found = await clients.find_client(work.session, work.actor, id_)
    await clients.change_client(
        work.session,
        work.actor,
        id_,
        name=name,
        scopes=scopes,
        stores=stores,
        expires_at=expires_at,
        expected_version=expected_version,
        clock=work.platform.clock,
    )
    held = None if found.all_stores else found.stores
    work.audit(
        "clients.change",
        ENTITY,
        id_,
        before=_rights(found.name, found.scopes, held, found.expires_at),
        after=_rights(name, scopes, stores, expires_at),
    )


async def rotate_secret(work: GroupWork, id_: UUID, *, overlap: timedelta) -> NewSecret:
    """Give a program a new secret beside its old one. Errors as `auth.oauth.clients.rotate_secret`."""
    work.require(clients.MANAGE)
    made = await clients.rotate_secret(work.session, work.actor, id_, overlap=overlap, clock=work.platform.clock)
    work.audit("clients.rotate_secret", ENTITY, id_, after={"secret": str(made.id), "overlap": str(overlap)})
    return made


async def set_keys(
    work: GroupWork, id_: UUID, *, jwks: Any, jwks_uri: str | None, expected_version: int | None = None
) -> None:
    """Give a program other public keys. Errors as `auth.oauth.clients.set_keys`."""
    work.require(clients.MANAGE)
    await clients.set_keys(
        work.session,
        work.actor,
        id_,
        jwks=jwks,
        jwks_uri=jwks_uri,
        expected_version=expected_version,
        clock=work.platform.clock,
    )
    work.audit("clients.set_keys", ENTITY, id_, after=_named(jwks, jwks_uri))


async def disable_client(work: GroupWork, id_: UUID) -> None:
    """End a program's tokens, and give it none. Errors as `auth.oauth.clients.disable_client`."""
    work.require(clients.MANAGE)
    await clients.disable_client(work.session, work.actor, id_, clock=work.platform.clock)
    work.audit("clients.disable", ENTITY, id_, after={"state": "DISABLED"})


async def enable_client(work: GroupWork, id_: UUID) -> None:
    """Let a program ask for tokens again. Errors as `auth.oauth.clients.enable_client`."""
    work.require(clients.MANAGE)
    await clients.enable_client(work.session, work.actor, id_, clock=work.platform.clock)
    work.audit("clients.enable", ENTITY, id_, after={"state": "ACTIVE"})


async def revoke_tokens(work: GroupWork, id_: UUID) -> None:
    """End every token that a program has. Errors as `auth.oauth.clients.revoke_tokens`."""
    work.require(clients.MANAGE)
    await clients.revoke_tokens(work.session, work.actor, id_, clock=work.platform.clock)
    work.audit("clients.revoke_tokens", ENTITY, id_)


def _rights(
    name: str, scopes: Collection[str], stores: Collection[UUID] | None, expires_at: datetime | None
) -> dict[str, Any]:
    return {
        "name": name.strip(),
        "scopes": sorted(set(scopes)),
        "stores": "all" if stores is None else sorted(str(store) for store in set(stores)),
        "expires_at": expires_at.isoformat() if expires_at else None,
    }


def _named(jwks: Any, jwks_uri: str | None) -> dict[str, Any]:
    """Keys that were accepted, by their names."""
    if jwks_uri is not None:
        return {"jwks_uri": jwks_uri}
    return {} if jwks is None else {"keys": [jwk.get("kid") for jwk in jwks["keys"]]}

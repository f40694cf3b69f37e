"""From an access token to an `Actor`: what the token says, narrowed to what its client may do and see now."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from ...errors import Unauthenticated
from ...tenancy.control import Store
from ..actor import Actor, Membership
from .access import AccessClaims, Issuer, jti_hash, key_name, verify
from .keys import KeyRing
from .model import OAuthClient, OAuthClientStore, OAuthRevokedToken
from .scopes import FOR_PROGRAMS

#: The role of a program's membership: it names its permissions itself.
ROLE = "CLIENT"


@dataclass(frozen=True, slots=True)
class Programs:
    """Recognises programs by their access tokens; one per process."""

    issuer: Issuer
    ring: KeyRing

    async def claims(self, session: AsyncSession, text: str, now: datetime) -> AccessClaims:
        """What a token says, when we made it and it is valid now; whether it was revoked is not asked.

        Raises:
            Unauthenticated.
        """
        key = await self.ring.public(session, key_name(text), now)
        return verify(text, key, self.issuer, now=now)

    async def identify(self, session: AsyncSession, text: str, now: datetime) -> tuple[Actor, datetime]:
        """The program, and until when the token is valid, in a control session.

        Raises:
            Unauthenticated: the token or its client is not valid; never says which.
        """
        claims = await self.claims(session, text, now)
        return await actor_of(session, claims, now), claims.expires_at


async def still_valid(session: AsyncSession, claims: AccessClaims, now: datetime) -> bool:
    """Is the client what it was when the token was issued, and was the token not revoked?"""
    return (await _client(session, claims, now)) is not None


async def actor_of(session: AsyncSession, claims: AccessClaims, now: datetime) -> Actor:
    """The program of a token: what its client may do and see now, and no more than the token was issued for.

    Raises:
        Unauthenticated: the token was revoked, or the client is disabled, has ended or is gone.
    """
    client = await _client(session, claims, now)
    if client is None:
        raise Unauthenticated("this token is not valid")
    held = frozenset(client.scopes) & FOR_PROGRAMS
    stores: list[UUID | None] = [None] if client.all_stores else await _stores(session, client)
    return Actor(
        key=f"client:{client.client_id}",
        name=client.name,
        group_id=client.group_id,
        memberships=tuple(Membership(ROLE, store_id, permissions=held) for store_id in stores),
        limit=held & claims.scopes,
        client_id=client.id,
    )


async def _client(session: AsyncSession, claims: AccessClaims, now: datetime) -> OAuthClient | None:
    revoked = exists().where(OAuthRevokedToken.jti_hash == jti_hash(claims.jti))
    query = select(OAuthClient).where(
        OAuthClient.client_id == claims.client_id,
        OAuthClient.group_id == claims.group_id,
        OAuthClient.generation == claims.generation,
        OAuthClient.state == "ACTIVE",
        or_(OAuthClient.expires_at.is_(None), OAuthClient.expires_at > now),
        ~revoked,
    )
    return (await session.scalars(query)).one_or_none()


async def _stores(session: AsyncSession, client: OAuthClient) -> list[UUID | None]:
    place = OAuthClientStore
    query = (
        select(place.store_id)
        .join(Store, Store.id == place.store_id)
        .where(place.client_id == client.id, place.group_id == client.group_id, Store.group_id == client.group_id)
        .order_by(place.store_id)
        .limit(1000)
    )
    return list(await session.scalars(query))

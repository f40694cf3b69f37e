"""What may be used once: the ids of logout tokens, the states of sign-ins. Kept as hashes until they could not be used anyway."""

from datetime import datetime
from hashlib import sha256
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from .model import SeenTokenId


async def use_once(session: AsyncSession, issuer_key: UUID, value: str, *, until: datetime, now: datetime) -> bool:
    """Use a value of this maker up; False when it was used before. ``until``: when it is not valid any more by itself.

    A control session. What has expired is forgotten on the way.
    """
    await session.execute(delete(SeenTokenId).where(SeenTokenId.expires_at <= now))
    row = {"issuer_key": issuer_key, "jti_hash": sha256(value.encode()).digest(), "expires_at": until}
    made = await session.execute(
        insert(SeenTokenId).values(row).on_conflict_do_nothing().returning(SeenTokenId.jti_hash)
    )
    return made.first() is not None

"""The installation's keys that sign access tokens: made, published, used, retired. Called in control sessions.

A key is published as NEXT before it signs, so that nobody meets a token whose key they have not fetched, and stays published
after it signed the last time until that token has ended. The private part leaves the database sealed, and is deleted with
the retirement.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from joserfc.jwk import ECKey
from sqlalchemy import delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ...clock import SYSTEM_CLOCK, Clock
from ...errors import Fault, Refused
from ...tenancy.ids import new_id
from ...tenancy.sealing import Sealer
from .model import OAuthSigningKey

#: What `work.Platform.sealer` is asked for: signing keys are the installation's and no group's.
NO_GROUP: Final = UUID(int=0)
PURPOSE: Final = "oauth signing key"

#: No token is valid for longer, so a retired key is published for so long and a margin.
LONGEST_TOKEN: Final = timedelta(hours=1)
MARGIN: Final = timedelta(minutes=10)
#: A key is published for at least so long before it signs; the key set may be cached for `CACHED`.
PUBLISHED_BEFORE: Final = timedelta(minutes=15)
CACHED: Final = timedelta(minutes=5)
#: How long a key signs before the daily job puts the next one in its place.
PERIOD: Final = timedelta(days=30)
#: For how long a process trusts what it read of the public keys.
TTL: Final = timedelta(seconds=5)
#: A token that names an unknown key makes a process look again, but not more often than this.
LOOK_AGAIN: Final = timedelta(seconds=1)

_MOST_KEYS: Final = 100


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The key that signs now."""

    kid: str
    key: ECKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """What an operator sees of a key."""

    kid: str
    state: str
    created_at: datetime
    active_from: datetime | None
    published_until: datetime | None


class KeyRing:
    """The published keys as one process knows them, and the private one it signs with."""

    def __init__(self, seal: Sealer | None = None, *, ttl: timedelta = TTL) -> None:
        self._seal = seal
        self._ttl = ttl
        self._public: Mapping[str, ECKey] = {}
        self._since: datetime | None = None
        self._private: SigningKey | None = None

    async def public(self, session: AsyncSession, kid: str, now: datetime) -> ECKey | None:
        """The published key of this name; None when there is none."""
        age = None if self._since is None else now - self._since
        if age is None or not timedelta(0) <= age < self._ttl or (kid not in self._public and age >= LOOK_AGAIN):
            published = await published_keys(session, now)
            self._public = {str(jwk["kid"]): ECKey.import_key(jwk) for jwk in published}
            self._since = now
        return self._public.get(kid)

    async def signing(self, session: AsyncSession, *, clock: Clock = SYSTEM_CLOCK) -> SigningKey:
        """The key that signs now; in a new installation the first one is made.

        Raises:
            Fault: the ring cannot unseal, or the key was sealed with another secret.
        """
        kid = await _active(session)
        if kid is None:
            await make_first_keys(session, self._sealer, clock=clock)
            kid = await _active(session)
        if self._private is None or self._private.kid != kid:
            query = select(OAuthSigningKey.id, OAuthSigningKey.kid, OAuthSigningKey.private_enc).where(
                OAuthSigningKey.state == "ACTIVE"
            )
            row = (await session.execute(query)).one()
            private = self._sealer.unseal(row.private_enc, bound_to=row.id.bytes)
            self._private = SigningKey(row.kid, ECKey.import_key(private))
        return self._private

    @property
    def _sealer(self) -> Sealer:
        if self._seal is None:
            raise Fault("this process does not sign tokens")
        return self._seal


async def _active(session: AsyncSession) -> str | None:
    query = select(OAuthSigningKey.kid).where(OAuthSigningKey.state == "ACTIVE")
    return (await session.execute(query)).scalar_one_or_none()


async def published_keys(session: AsyncSession, now: datetime) -> list[dict[str, Any]]:
    """The public keys for the key set (RFC 7517 §5), newest first."""
    live = or_(OAuthSigningKey.published_until.is_(None), OAuthSigningKey.published_until > now)
    query = select(OAuthSigningKey.public_jwk).where(live).order_by(OAuthSigningKey.id.desc()).limit(_MOST_KEYS)
    return list(await session.scalars(query))


async def list_keys(session: AsyncSession) -> list[KeyInfo]:
    """Every key there is, newest first."""
    key = OAuthSigningKey
    query = select(key.kid, key.state, key.created_at, key.active_from, key.published_until)
    return [KeyInfo(*row) for row in await session.execute(query.order_by(key.id.desc()).limit(_MOST_KEYS))]


async def make_first_keys(session: AsyncSession, seal: Sealer, *, clock: Clock = SYSTEM_CLOCK) -> None:
    """The keys of a new installation: one that signs, and the next. Of several processes at once, one makes them."""
    await _make(session, seal, "ACTIVE", clock.now())
    await _make(session, seal, "NEXT", clock.now())


async def rotate_keys(
    session: AsyncSession,
    seal: Sealer,
    *,
    at_once: bool = False,
    distrust: bool = False,
    clock: Clock = SYSTEM_CLOCK,
) -> None:
    """The next key signs from now on, and one more is made and published.

    ``at_once`` does not wait until the next key was published for `PUBLISHED_BEFORE`. ``distrust`` is for a key that
    somebody else may have: it is withdrawn together with every token it signed, and so is the next one, which lay beside it.

    Raises:
        Refused: TOO_SOON.
    """
    now = clock.now()
    rows = {row.state: row for row in await _locked(session)}
    if distrust:
        await session.execute(delete(OAuthSigningKey))
        await make_first_keys(session, seal, clock=clock)
        return
    if "ACTIVE" not in rows or "NEXT" not in rows:
        await make_first_keys(session, seal, clock=clock)
        return
    if not at_once and rows["NEXT"].created_at > now - PUBLISHED_BEFORE:
        raise Refused("TOO_SOON", "the next key was not published for long enough", after=str(PUBLISHED_BEFORE))
    until = now + LONGEST_TOKEN + MARGIN
    retired = {"state": "RETIRED", "private_enc": None, "published_until": until}
    for row, values in ((rows["ACTIVE"], retired), (rows["NEXT"], {"state": "ACTIVE", "active_from": now})):
        await session.execute(update(OAuthSigningKey).where(OAuthSigningKey.id == row.id).values(values))
    await _make(session, seal, "NEXT", now)


async def tend_keys(session: AsyncSession, seal: Sealer, *, clock: Clock = SYSTEM_CLOCK) -> None:
    """What the daily job does: rotate a key that signed for `PERIOD`, forget keys that nobody needs any more."""
    now = clock.now()
    await session.execute(delete(OAuthSigningKey).where(OAuthSigningKey.published_until <= now))
    rows = {row.state: row for row in await _locked(session)}
    active, following = rows.get("ACTIVE"), rows.get("NEXT")
    if active is None or following is None:
        await make_first_keys(session, seal, clock=clock)
        return
    old = active.active_from is not None and active.active_from <= now - PERIOD
    if old and following.created_at <= now - PUBLISHED_BEFORE:
        await rotate_keys(session, seal, clock=clock)


async def _locked(session: AsyncSession) -> list[OAuthSigningKey]:
    """The two keys that are not retired, held until the transaction ends: two rotations at once become one after the other."""
    query = select(OAuthSigningKey).where(OAuthSigningKey.state != "RETIRED").order_by(OAuthSigningKey.id)
    found = await session.scalars(query.with_for_update().execution_options(populate_existing=True))
    return list(found)


async def _make(session: AsyncSession, seal: Sealer, state: str, now: datetime) -> None:
    key_id = new_id()
    key = ECKey.generate_key("P-256", private=True)
    # The thumbprint (RFC 7638) names a key by what it is.
    named = {"kid": key.thumbprint(), "use": "sig", "alg": "ES256"}
    made = insert(OAuthSigningKey).values(
        id=key_id,
        kid=named["kid"],
        public_jwk={**key.as_dict(private=False), **named},
        private_enc=seal.seal(key.as_pem(private=True), bound_to=key_id.bytes),
        state=state,
        created_at=now,
        active_from=now if state == "ACTIVE" else None,
    )
    await session.execute(made.on_conflict_do_nothing())

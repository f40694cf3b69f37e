"""The endpoints of the authorization server without HTTP: load, let the core answer, write down what was used up.

Like `sign_in`, this opens its own short transactions: none is held while keys are fetched or signatures are made.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from joserfc.jwk import KeySet
from sqlalchemy import delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ...clock import SYSTEM_CLOCK, Clock
from ...errors import ForecourtError, Unauthenticated
from ...telemetry import logger
from ..identify import ACTORS, ActorCache
from ..oidc.model import SeenTokenId
from ..sign_in import Sessions
from ..tokens import token_hash
from .access import LEEWAY, AccessClaims, Issuer, jti_hash
from .assertions import AssertionClaims
from .client_keys import ALGORITHMS, key_set
from .core import INTROSPECT, REVOKE, TOKEN, Facts, Form, KnownClient, Outcome, answer, claimed_client, refusal
from .keys import CACHED, KeyRing, published_keys
from .model import (
    AUTH_METHODS,
    PRIVATE_KEY_JWT,
    OAuthClient,
    OAuthClientSecret,
    OAuthRevokedToken,
)
from .programs import Programs, still_valid
from .scopes import FOR_PROGRAMS

#: `last_used_at` is written at most once in this time: never a write per request.
USE_INTERVAL: Final = timedelta(minutes=5)
#: Signatures at once in one process; more wait.
AT_ONCE: Final = 4
#: After a failure to fetch keys, their address is left alone for so long.
FAILURE_KEPT: Final = timedelta(seconds=30)
_MOST_SECRETS: Final = 10

#: Fetches the JSON at an address that a group named, guarded; raises a `ForecourtError`.
FetchKeys = Callable[[str], Awaitable[Any]]

_log = logger("forecourt.oauth")


class AuthorizationService:
    """OAuth 2 for programs: tokens (RFC 6749 §4.4), revocation (RFC 7009), introspection (RFC 7662), metadata (RFC 8414)."""

    def __init__(
        self,
        sessions: Sessions,
        *,
        issuer: Issuer,
        ring: KeyRing,
        fetch_keys: FetchKeys | None = None,
        clock: Clock = SYSTEM_CLOCK,
        actors: ActorCache = ACTORS,
    ) -> None:
        self.issuer = issuer
        self.programs = Programs(issuer, ring)
        self._sessions, self._clock, self._actors = sessions, clock, actors
        self._fetched = FetchedKeys(fetch_keys) if fetch_keys is not None else None
        self._room = asyncio.Semaphore(AT_ONCE)

    async def token(self, form: Form) -> Outcome:
        """POST /oauth/token."""
        return await self._run(TOKEN, form)

    async def revoke(self, form: Form) -> Outcome:
        """POST /oauth/revoke: the client's own token ends, here at once and elsewhere within five seconds."""
        outcome = await self._run(REVOKE, form)
        if outcome.revoked is not None:
            async with self._sessions() as session:
                gone = outcome.revoked
                row = {"jti_hash": jti_hash(gone.jti), "expires_at": gone.expires_at}
                await session.execute(insert(OAuthRevokedToken).values(row).on_conflict_do_nothing())
            self._actors.forget(token_hash(form.one("token") or ""))
        return outcome

    async def introspect(self, form: Form) -> Outcome:
        """POST /oauth/introspect: what the client's own token is worth now."""
        return await self._run(INTROSPECT, form)

    async def key_set(self) -> dict[str, Any]:
        """GET /oauth/jwks: the public keys, with the next one before it is used (RFC 7517)."""
        async with self._sessions() as session:
            await self.programs.ring.signing(session, clock=self._clock)
            return {"keys": await published_keys(session, self._clock.now())}

    def metadata(self) -> dict[str, Any]:
        """GET /.well-known/oauth-authorization-server (RFC 8414 §2)."""
        methods, url = list(AUTH_METHODS), self.issuer.url
        made: dict[str, Any] = {"issuer": url, "jwks_uri": f"{url}/oauth/jwks"}
        for name, path in (("token", "token"), ("revocation", "revoke"), ("introspection", "introspect")):
            made[f"{name}_endpoint"] = f"{url}/oauth/{path}"
            made[f"{name}_endpoint_auth_methods_supported"] = methods
            made[f"{name}_endpoint_auth_signing_alg_values_supported"] = list(ALGORITHMS)
        return made | {
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": ["none"],
            "scopes_supported": sorted(FOR_PROGRAMS),
        }

    async def _run(self, endpoint: str, form: Form) -> Outcome:
        now = self._clock.now()
        async with self._sessions() as session:
            loaded = await _load(session, form, now)
            client = loaded.client
            presented = None
            if endpoint == TOKEN:
                signing = await self.programs.ring.signing(session, clock=self._clock) if client else None
            else:
                signing, presented = None, await self._presented(session, form, client, now)
        if client is not None and loaded.keys_at is not None:
            client = replace(client, keys=await self._fetch(loaded.keys_at))
        facts = Facts(self.issuer, now, client, signing, presented)
        async with self._room:
            outcome = await asyncio.to_thread(answer, endpoint, form, facts)
        if outcome.client is None:
            if outcome.unproven:
                _log.warning("a client did not prove who it is", client=str(client.id) if client else None)
            return outcome
        if outcome.assertion is None and (endpoint != TOKEN or loaded.noted):
            return outcome
        return await self._use_up(outcome, outcome.client, now, note=endpoint == TOKEN and outcome.status == 200)

    async def _presented(
        self, session: AsyncSession, form: Form, client: KnownClient | None, now: datetime
    ) -> AccessClaims | None:
        """The token to revoke or introspect, when it is valid now and of the client that asks."""
        try:
            claims = await self.programs.claims(session, form.one("token") or "", now)
        except Unauthenticated:
            return None
        if client is None or claims.client_id != client.client_id or not await still_valid(session, claims, now):
            return None
        return claims

    async def _fetch(self, address: str) -> KeySet | None:
        return None if self._fetched is None else await self._fetched.get(address, self._clock.now())

    async def _use_up(self, outcome: Outcome, client: KnownClient, now: datetime, *, note: bool) -> Outcome:
        """Write down what proved the client; an assertion that was used before proves nothing, whatever it came to."""
        async with self._sessions() as session:
            if outcome.assertion is not None and not await _first_use(session, client.id, outcome.assertion):
                return refusal("invalid_client", "This assertion was used before: sign a new one.", status=401)
            if not note:
                return outcome
            stale = or_(OAuthClient.last_used_at.is_(None), OAuthClient.last_used_at <= now - USE_INTERVAL)
            await session.execute(
                update(OAuthClient).where(OAuthClient.id == client.id, stale).values(last_used_at=now)
            )
            if outcome.secret_id is not None:
                item = OAuthClientSecret
                stale = or_(item.last_used_at.is_(None), item.last_used_at <= now - USE_INTERVAL)
                await session.execute(update(item).where(item.id == outcome.secret_id, stale).values(last_used_at=now))
        return outcome


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The client that a request names; `keys_at` when its keys must be fetched, `noted` when its use was written lately."""

    client: KnownClient | None = None
    keys_at: str | None = None
    noted: bool = False


async def _load(session: AsyncSession, form: Form, now: datetime) -> _Loaded:
    named = claimed_client(form)
    if named is None or not named.isprintable() or len(named) > 200:
        return _Loaded()
    query = select(OAuthClient).where(
        OAuthClient.client_id == named,
        OAuthClient.state == "ACTIVE",
        or_(OAuthClient.expires_at.is_(None), OAuthClient.expires_at > now),
    )
    row = (await session.scalars(query)).one_or_none()
    if row is None:
        return _Loaded()
    lately = now - USE_INTERVAL
    noted = row.last_used_at is not None and row.last_used_at > lately
    secrets: tuple[tuple[UUID, bytes], ...] = ()
    keys: KeySet | None = None
    if row.auth_method == PRIVATE_KEY_JWT:
        keys = key_set(row.jwks)
    else:
        item = OAuthClientSecret
        counts = or_(item.expires_at.is_(None), item.expires_at > now)
        found = select(item.id, item.secret_hash, item.last_used_at).where(item.client_id == row.id, counts)
        latest = (await session.execute(found.order_by(item.id.desc()).limit(_MOST_SECRETS))).all()
        secrets = tuple((one.id, one.secret_hash) for one in latest)
        # While two secrets count, it is worth knowing which of them is in use.
        noted = noted and all(one.last_used_at is not None and one.last_used_at > lately for one in latest)
    scopes = frozenset(row.scopes) & FOR_PROGRAMS
    known = KnownClient(
        row.id, row.group_id, row.client_id, row.auth_method, scopes, row.generation, secrets=secrets, keys=keys
    )
    return _Loaded(known, row.jwks_uri, noted)


async def _first_use(session: AsyncSession, client_id: UUID, assertion: AssertionClaims) -> bool:
    """Remember an assertion until it has expired. In the database, because another process may be shown it next."""
    row = insert(SeenTokenId).values(
        issuer_key=client_id,
        jti_hash=sha256(assertion.jti.encode(errors="surrogatepass")).digest(),
        expires_at=assertion.expires_at + LEEWAY,
    )
    made = await session.execute(row.on_conflict_do_nothing().returning(SeenTokenId.issuer_key))
    return made.scalar_one_or_none() is not None


async def forget_ended(session: AsyncSession, *, clock: Clock = SYSTEM_CLOCK) -> None:
    """Delete what was remembered of tokens and assertions that have ended by themselves. For the daily job."""
    now = clock.now()
    await session.execute(delete(OAuthRevokedToken).where(OAuthRevokedToken.expires_at <= now))
    await session.execute(delete(SeenTokenId).where(SeenTokenId.expires_at <= now))


class FetchedKeys:
    """Key sets of clients that publish them, kept for as long as ours may be cached. The least recent are forgotten.

    A failure is kept too, for a short time: nobody makes us ask an address again and again by naming a client.
    """

    def __init__(self, fetch: FetchKeys, *, size: int = 1000, ttl: timedelta = CACHED) -> None:
        self._fetch, self._size, self._ttl = fetch, size, ttl
        self._kept: dict[str, tuple[KeySet | None, datetime]] = {}
        self._asking: dict[str, asyncio.Task[KeySet | None]] = {}

    async def get(self, address: str, now: datetime) -> KeySet | None:
        """The keys at an address; None when there are none, or they cannot be fetched now. Asked once at a time."""
        found, until = self._kept.get(address, (None, now))
        if now < until <= now + self._ttl:
            return found
        if address not in self._asking:
            self._asking[address] = asyncio.create_task(self._ask(address, now))
            self._asking[address].add_done_callback(lambda _: self._asking.pop(address, None))
        return await asyncio.shield(self._asking[address])

    async def _ask(self, address: str, now: datetime) -> KeySet | None:
        found: KeySet | None = None
        try:
            found = key_set(await self._fetch(address))
        except ForecourtError as error:
            _log.warning("a client's keys cannot be fetched", reason=error.code)
        self._kept.pop(address, None)
        self._kept[address] = (found, now + (self._ttl if found is not None else FAILURE_KEPT))
        while len(self._kept) > self._size:
            del self._kept[next(iter(self._kept))]
        return found

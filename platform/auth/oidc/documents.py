"""A provider's discovery document and keys, fetched through the guarded client and kept for a while."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Generic, Protocol, TypeVar

from joserfc.jwk import KeySet

from ...clock import Clock
from ...errors import Refused, Unavailable
from .config import ProviderConfig
from .id_tokens import import_keys
from .metadata import Metadata, discovery_url, read_metadata
from .refusals import SignInRefused

#: Documents are fetched anew after this time.
TTL: Final = timedelta(minutes=10)
#: While the provider does not answer, what was fetched last is used at most until it is this old: a key that the provider
#: withdrew meanwhile counts no longer than that.
STALE: Final = timedelta(hours=1)
#: After a failure the provider is left alone for this time.
PAUSE: Final = timedelta(seconds=10)
#: An unknown key makes us ask for the keys again, but not more often: anybody may invent key ids.
KEYS_INTERVAL: Final = timedelta(seconds=30)

T = TypeVar("T")


class Fetches(Protocol):
    """The part of `outgoing.Outgoing` that is needed here."""

    allow_loopback: bool

    async def get_json(self, url: str) -> Any:
        """What the address answers, as JSON."""


@dataclass(slots=True)
class _Kept(Generic[T]):
    value: T
    at: datetime


class _Document(Generic[T]):
    """One thing that is fetched, kept for `ttl`, and used beyond it only while it cannot be had anew."""

    def __init__(self, clock: Clock, ttl: timedelta, stale: timedelta) -> None:
        self._clock, self._ttl, self._stale = clock, ttl, stale
        self._kept: _Kept[T] | None = None
        self._failed: _Kept[SignInRefused] | None = None
        self._lock = asyncio.Lock()

    async def get(self, fetch: Callable[[], Awaitable[T]], *, older_than: timedelta | None = None) -> T:
        """The thing; fetched when what is kept is older than `older_than` (default: the time to live)."""
        async with self._lock:
            now = self._clock.now()
            age = None if self._kept is None else now - self._kept.at
            if self._kept is not None and age is not None and age < (self._ttl if older_than is None else older_than):
                return self._kept.value
            if self._failed is not None and now - self._failed.at < PAUSE:
                return self._otherwise(self._failed.value, now)
            try:
                value = await fetch()
            except SignInRefused as error:
                self._failed = _Kept(error, now)
                return self._otherwise(error, now)
            self._kept, self._failed = _Kept(value, now), None
            return value

    def _otherwise(self, error: SignInRefused, now: datetime) -> T:
        # Only silence is bridged. A document that says something else than it should is believed, and refused.
        if error.kind == "unreachable" and self._kept is not None and now - self._kept.at < self._stale:
            return self._kept.value
        raise SignInRefused(error.code, error.message) from error


class Documents:
    """Metadata and keys of one provider's configuration."""

    def __init__(
        self, config: ProviderConfig, outgoing: Fetches, clock: Clock, *, ttl: timedelta = TTL, stale: timedelta = STALE
    ) -> None:
        self._config, self._outgoing = config, outgoing
        self._metadata: _Document[Metadata] = _Document(clock, ttl, stale)
        self._keys: _Document[KeySet] = _Document(clock, ttl, stale)

    async def metadata(self) -> Metadata:
        """The checked discovery document.

        Raises:
            SignInRefused: METADATA_… or PROVIDER_UNREACHABLE.
        """
        return await self._metadata.get(self._fetch_metadata)

    async def keys(self, *, anew: bool = False) -> KeySet:
        """The provider's keys; with ``anew`` those of the last `KEYS_INTERVAL`.

        Raises:
            SignInRefused: KEYS_FORM or PROVIDER_UNREACHABLE.
        """
        metadata = await self.metadata()

        async def fetch() -> KeySet:
            return import_keys(await fetched(self._outgoing.get_json(metadata.jwks_uri)))

        return await self._keys.get(fetch, older_than=KEYS_INTERVAL if anew else None)

    async def _fetch_metadata(self) -> Metadata:
        config = self._config
        return read_metadata(
            await fetched(self._outgoing.get_json(discovery_url(config.issuer))),
            issuer=config.issuer,
            has_secret=config.client_secret is not None,
            allow_loopback=self._outgoing.allow_loopback,
        )


async def fetched(asked: Awaitable[T]) -> T:
    """What was asked for; that it could not be had, as a refusal of the sign-in."""
    try:
        return await asked
    except (Refused, Unavailable) as error:
        raise SignInRefused("PROVIDER_UNREACHABLE", "the provider does not answer, or must not be asked") from error

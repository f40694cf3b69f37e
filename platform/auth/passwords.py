"""Passwords: what is accepted, and argon2id (RFC 9106) away from the event loop with bounded concurrency."""

import asyncio
import threading
import unicodedata
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Final, TypeVar

import argon2

from ..errors import Refused, Throttled
from .password_list import LISTED
from .password_rules import LONGEST, SHORTEST, weakness

T = TypeVar("T")

#: Each hash takes 64 MiB and a core for tens of milliseconds: this many at once, this many may wait.
WORKERS: Final = 2
WAITING: Final = 64


class Passwords:
    """Hashes and verifies. One instance per process is enough: `PASSWORDS`."""

    def __init__(
        self, hasher: argon2.PasswordHasher | None = None, *, workers: int = WORKERS, waiting: int = WAITING
    ) -> None:
        self._hasher = hasher or argon2.PasswordHasher.from_parameters(argon2.profiles.RFC_9106_LOW_MEMORY)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="argon2")
        self._room = threading.BoundedSemaphore(workers + waiting)

    async def hash(self, password: str) -> str:
        """The encoded hash to keep. Raises Throttled when too many are waiting."""
        return await self._run(lambda: self._hasher.hash(_normal(password)))

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Is it this password? Without a hash the work is done all the same, so that the time tells nothing.

        Raises:
            Throttled: too many are waiting.
        """
        return await self._run(lambda: self._matches(password, password_hash))

    def outdated(self, password_hash: str) -> bool:
        """Was it made with weaker parameters than today's?"""
        return self._hasher.check_needs_rehash(password_hash)

    def _matches(self, password: str, password_hash: str | None) -> bool:
        # A longer one cannot be right, and hashing megabytes would be a gift to an attacker.
        fits = len(password) <= LONGEST
        nobody = self._nobody  # made by whoever is first, so that the first unknown name takes no longer than others
        try:
            right = self._hasher.verify(password_hash or nobody, _normal(password) if fits else "")
        except argon2.exceptions.VerificationError:
            return False
        return right and fits and password_hash is not None

    @cached_property
    def _nobody(self) -> str:
        return self._hasher.hash("the password of an account that does not exist")

    async def _run(self, work: Callable[[], T]) -> T:
        if not self._room.acquire(blocking=False):
            raise Throttled("too many sign-ins at once", retry_after=1.0)
        future = self._threads.submit(work)
        # The callback also fires for a request that was cancelled while it waited.
        future.add_done_callback(lambda _: self._room.release())
        return await asyncio.wrap_future(future)


def check_new(password: str, *, name: str, words: Iterable[str] = ()) -> None:
    """Is the password good enough for the account `name`? ``words`` are further ones that others would try first.

    It must not stand on the operator's list either (`password_list`).

    Raises:
        Refused: WEAK_PASSWORD.
    """
    match weakness(password, (name, *words)):
        case "LENGTH":
            raise Refused("WEAK_PASSWORD", f"a password has {SHORTEST} to {LONGEST} characters", path=("password",))
        case str():
            raise Refused("WEAK_PASSWORD", "this password is too easy to guess", path=("password",))
    if password in LISTED:
        raise Refused("WEAK_PASSWORD", "this password is known to others", path=("password",))


def _normal(password: str) -> str:
    # The same characters typed on another keyboard (full-width digits, composed accents) are the same password.
    return unicodedata.normalize("NFKC", password)


#: The hasher of this process.
PASSWORDS = Passwords()

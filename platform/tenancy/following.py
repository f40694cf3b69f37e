"""How a store's writers and the followers of its change feed find each other: a channel, and a watch beside it."""

import hashlib
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID


class Whereabouts(NamedTuple):
    """The channel on which "look" is said, and the watch that makes writers say it."""

    channel: str
    watch: int


@lru_cache(maxsize=10_000)
def feed_of(store: UUID) -> Whereabouts:
    """Where a store's followers listen. Nobody outside of the store's group knows its id, so nobody hears when it is busy."""
    return _whereabouts("feed", store)


@lru_cache(maxsize=2_000)
def closes_of(group: UUID) -> Whereabouts:
    """The same for the month closes of a group."""
    return _whereabouts("close", group)


def _whereabouts(kind: str, of: UUID) -> Whereabouts:
    digest = hashlib.sha256(f"{kind}/{of.hex}".encode()).digest()
    return Whereabouts(f"forecourt_{kind}_{of.hex}", int.from_bytes(digest[:4], signed=True))

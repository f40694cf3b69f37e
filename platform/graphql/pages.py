"""Lists of the group, page by page: from control rows, so no store is opened for them. Their cursors and bounds."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import Invalid
from ..tenancy.reader.shape import DEFAULT_PAGE
from .context import StoreInfo

_STORES = "store"
#: Each store of a page may be a part of its own, with a round trip of its own.
MOST_STORES = 100


@dataclass
class ListPage:
    """What `PageInfo` tells of a list that is read forward only."""

    edges: Sequence[Any]
    has_next: bool
    has_previous: bool


def check_first(first: int, most: int) -> None:
    """Raises Invalid for a page of no rows, or of too many."""
    if not 1 <= first <= most:
        raise Invalid(f"a page has 1 to {most} rows", path=("first",), limit=most)


def cursor_of(mark: str, key: str) -> str:
    """The cursor of the row with this key, in the list that `mark` names."""
    return base64.urlsafe_b64encode(f"{mark}:{key}".encode()).decode()


def key_behind(mark: str, cursor: str) -> str:
    """The key in a cursor of the list that `mark` names.

    Raises:
        Invalid: it is a cursor of another list, or none at all.
    """
    try:
        found, _, key = base64.b64decode(cursor, altchars=b"-_", validate=True).decode().partition(":")
    except ValueError as error:
        raise not_a_cursor() from error
    if found != mark:
        raise not_a_cursor()
    return key


def not_a_cursor() -> Invalid:
    """The error for a cursor that this list never gave."""
    return Invalid("not a cursor of this list", path=("after",))


@dataclass
class StoreEdge:
    """A store in the group's list; its part is read when the edge's node is resolved, side by side with the others."""

    cursor: str
    info: StoreInfo


@dataclass
class StorePage:
    """A page of the group's stores."""

    edges: list[StoreEdge]
    total: int
    has_next: bool
    has_previous: bool


def page_of_stores(
    stores: Sequence[StoreInfo],
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> StorePage:
    """A page of these stores, which come by code.

    Raises:
        Invalid: both directions, a size out of range, or a cursor of another list.
    """
    size = last if last is not None else DEFAULT_PAGE if first is None else first
    if first is not None and last is not None:
        raise Invalid("first and last exclude one another", path=("last",))
    if not 0 <= size <= MOST_STORES:
        raise Invalid(f"a page has 0 to {MOST_STORES} rows", path=("first",), limit=MOST_STORES)
    low, high = (None if text is None else key_behind(_STORES, text) for text in (after, before))
    inside = [s for s in stores if (low is None or s.code > low) and (high is None or s.code < high)]
    kept = inside[max(len(inside) - size, 0) :] if last is not None else inside[:size]
    more = len(inside) > size
    edges = [StoreEdge(cursor_of(_STORES, store.code), store) for store in kept]
    forward = last is None
    return StorePage(
        edges, len(stores), high is not None or (more and forward), low is not None or (more and not forward)
    )

"""The group's list of stores, page by page: from control rows, so no store is opened for it."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import Invalid
from ..tenancy.reader.shape import DEFAULT_PAGE, MAX_PAGE
from .context import StoreInfo


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
    if not 0 <= size <= MAX_PAGE:
        raise Invalid(f"a page has 0 to {MAX_PAGE} rows", path=("first",), limit=MAX_PAGE)
    low, high = (None if text is None else _code(text) for text in (after, before))
    inside = [s for s in stores if (low is None or s.code > low) and (high is None or s.code < high)]
    kept = inside[max(len(inside) - size, 0) :] if last is not None else inside[:size]
    more = len(inside) > size
    edges = [StoreEdge(_cursor(store.code), store) for store in kept]
    forward = last is None
    return StorePage(
        edges, len(stores), high is not None or (more and forward), low is not None or (more and not forward)
    )


def _cursor(code: str) -> str:
    return base64.urlsafe_b64encode(f"store:{code}".encode()).decode()


def _code(cursor: str) -> str:
    try:
        mark, _, code = base64.b64decode(cursor, altchars=b"-_", validate=True).decode().partition(":")
    except ValueError as error:
        raise Invalid("not a cursor of this list", path=("after",)) from error
    if mark != "store":
        raise Invalid("not a cursor of this list", path=("after",))
    return code

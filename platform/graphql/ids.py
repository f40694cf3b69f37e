"""Global ids: type, store and row in one opaque text.

The form is `<type and store>.<row>`: what an answer's rows share comes first, so that writing a row's id is one concatenation
with what PostgreSQL sends.

Reading an id never proves anything: whoever uses one checks its store against the actor's stores, and the row rules of the
store decide about the row. Malformed, foreign and unknown ids end in the same answer.
"""

import base64
import binascii
import re
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

STORE = "Store"
_LONGEST = 200


class GlobalId(NamedTuple):
    """A row of a store, by the name of its type. The id of a store itself has the type `Store` and the store twice.

    What belongs to the group itself (accounts, schemes) has the group's id where others have the store's.
    """

    type: str
    store: UUID
    row: UUID

    def __str__(self) -> str:
        return f"{prefix(self.type, self.store)}{self.row}"


@lru_cache(maxsize=20_000)
def prefix(type_: str, store: UUID) -> str:
    """What the ids of all rows of a type and store begin with; the row's UUID follows."""
    return base64.urlsafe_b64encode(store.bytes + type_.encode()).decode().rstrip("=") + "."


def store_id(store: UUID) -> str:
    """The global id of a store."""
    return str(GlobalId(STORE, store, store))


def parse(text: str) -> GlobalId | None:
    """What an id names, or None when it is malformed. Only the one spelling that `str()` makes is read."""
    head, _, tail = text.partition(".")
    if len(head) > _LONGEST or not _ROW.fullmatch(tail):
        return None
    begin = _begin(head)
    return None if begin is None else GlobalId(begin[0], begin[1], UUID(int=int(tail.replace("-", ""), 16)))


#: A UUID as `str()` writes it.
_ROW = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def store_of(text: str) -> UUID | None:
    """The store, or the group, of what an id names; None when it cannot be one. The row is not looked at."""
    head = text.partition(".")[0]
    begin = _begin(head) if len(head) <= _LONGEST else None
    return begin[1] if begin is not None else None


@lru_cache(maxsize=20_000)
def _begin(head: str) -> tuple[str, UUID] | None:
    """Type and store of what an id begins with."""
    try:
        packed = base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))
        type_, store = packed[16:].decode("ascii"), UUID(bytes=packed[:16])
    except (ValueError, binascii.Error):
        return None
    return (type_, store) if type_ and prefix(type_, store) == f"{head}." else None

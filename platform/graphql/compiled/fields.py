"""Fields made in Python, in compiled answers: what they get of a row, how they are written, and where one failed.

A completion asks a cell for each such field of a row. A cell that fails leaves a `Place` in the answer; only then is the
answer walked once more, to put null there (or in place of the row, where the field is never null) and to say the error
at its path, as graphql-core does.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from graphql import FieldNode

from ...tenancy.reader.compile_sql import Read
from ...tenancy.reader.entity import Asker, Batched, Computed, Field, Key, Kind, Need
from ...tenancy.reader.made import Failure, batched_values, computed_value
from ..scalars import write_decimal, write_moment
from .plan import HandOver

Rows = Sequence[Sequence[tuple[Any, ...]]]
#: Below a completed answer: response keys and places in lists.
Path = tuple[str | int, ...]
#: An error, the nodes it is about, and its path below the answer.
Fault = tuple[Exception, Sequence[FieldNode], Path]


@dataclass(slots=True)
class Made:
    """What the cells of one completion share: who asks, what was loaded by statement and field, and whether one failed."""

    asker: Asker
    loaded: Mapping[tuple[int, str], Mapping[Key, Any]] = field(default_factory=dict)
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Stands in an answer where a field failed."""

    failure: Failure
    nodes: Sequence[FieldNode]
    nullable: bool


# --- values in and out -----------------------------------------------------------------------------------------------


def _moment(value: Any) -> datetime:
    return (value if isinstance(value, datetime) else datetime.fromisoformat(value)).astimezone(UTC)


def _day(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)


def _id(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)


#: From what a connection gives (text for most kinds) to what a function is promised.
_READ: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.DATE: _day,
    Kind.DECIMAL: Decimal,
    Kind.JSON: json.loads,
    Kind.MOMENT: _moment,
    Kind.UUID: _id,
}
#: From a checked value of a field to its form in the answer.
_WRITE: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.DATE: date.isoformat,
    Kind.DECIMAL: write_decimal,
    Kind.MOMENT: write_moment,
    Kind.UUID: str,
}


def _reader(needs: Sequence[Need]) -> Callable[[Sequence[Any]], Key]:
    """Reads the values of columns as a function is promised them.

    A value outside its kind is left to the interpreter, like everywhere.
    """
    reads = [_READ.get(need.kind) for need in needs]

    def read(raw: Sequence[Any]) -> Key:
        try:
            return tuple(
                value if value is None or one is None else one(value) for one, value in zip(reads, raw, strict=True)
            )
        except (ValueError, OverflowError) as error:
            raise HandOver("a value outside its kind") from error

    return read


def cell(item: Field, statement: int, nodes: Sequence[FieldNode]) -> Callable[..., Any]:
    """What a completion calls for a field of a row: with its `Made`, then the values of the columns as they came."""
    write = _WRITE.get(item.kind)

    def shown(made: Made, value: Any) -> Any:
        if isinstance(value, Failure):
            made.failed = True
            return Place(value, nodes, item.nullable)
        return value if value is None or write is None else write(value)

    how = item.made
    if isinstance(how, Computed):
        read, function = _reader(how.needs), how
        return lambda made, *raw: shown(made, computed_value(item, function, read(raw), made.asker))
    key = statement, item.name
    return lambda made, *raw: shown(made, made.loaded[key][raw])


# --- loading ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Loading:
    """A batched field of one level."""

    read: Read
    item: Field
    how: Batched

    @property
    def key(self) -> tuple[int, str]:
        """Under which its values stand."""
        assert self.read.rows is not None  # noqa: S101  (a field of a row was asked)
        return self.read.rows, self.item.name

    async def values(self, rows: Rows, asker: Asker) -> dict[Key, Any]:
        """The values of all rows that the answer shows, by the columns as they came."""
        read = _reader(self.how.needs)
        places = [self.read.locals[need.column] for need in self.how.needs]
        raw = dict.fromkeys(tuple(row[place] for place in places) for row in _on_page(self.read, rows[self.key[0]]))
        keys = {one: read(one) for one in raw}
        found = await batched_values(self.item, self.how, list(dict.fromkeys(keys.values())), asker)
        return {one: found[key] for one, key in keys.items()}


def loadings(reads: Iterable[Read]) -> Iterator[Loading]:
    """The batched fields of all levels."""
    for read in reads:
        if read.rows is not None:
            for item in read.made.values():
                if isinstance(item.made, Batched):
                    yield Loading(read, item, item.made)
        yield from loadings(read.children.values())


def makes_any(reads: Iterable[Read]) -> bool:
    """Is any field of any level made in Python?"""
    return any(read.made or makes_any(read.children.values()) for read in reads)


def made_of(complete: Callable[..., Any], rows: Rows, store: Any, made: Made | None) -> Any:
    """What a completion makes of a store's rows; `made` is for fields made in Python.

    Raises:
        HandOver: a value that its field cannot show; graphql-core says so at its path.
    """
    try:
        return complete(rows, store.id, store, made)
    except KeyError as error:
        raise HandOver("a word outside its vocabulary") from error


async def completed(
    complete: Callable[..., Any], wanted: Sequence[Loading], rows: Rows, store: Any, asker: Asker
) -> tuple[Any, list[Fault]]:
    """What a completion makes of a store's rows, after everything was loaded side by side; and the fields that failed.

    Raises:
        HandOver: a value that its field cannot show; graphql-core says so at its path.
    """
    made = Made(asker)
    if wanted:
        found = await asyncio.gather(*(one.values(rows, asker) for one in wanted))
        made.loaded = {one.key: values for one, values in zip(wanted, found, strict=True)}
    answer = made_of(complete, rows, store, made)
    faults: list[Fault] = []
    if made.failed:
        _settle(answer, (), faults)
    return answer, faults


def _on_page(read: Read, rows: Sequence[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """The rows without those that only tell that more follow."""
    if read.size is None or read.relation is None:
        yield from rows if read.size is None else rows[: read.size]
        return
    seen, parent = 0, object()
    for row in rows:
        seen = seen + 1 if row[0] == parent else 1
        parent = row[0]
        if seen <= read.size:
            yield row


# --- faults ----------------------------------------------------------------------------------------------------------


def _settle(found: Any, path: Path, faults: list[Fault]) -> Any:
    """What stands in the answer in place of `found`. A field that is never null ends its row: nothing more of it is said."""
    if isinstance(found, list):
        for place, item in enumerate(found):
            found[place] = _settle(item, (*path, place), faults)
    elif isinstance(found, dict):
        for key, item in found.items():
            if isinstance(item, Place):
                faults.append((item.failure.error, item.nodes, (*path, key)))
                if not item.nullable:
                    return None
                found[key] = None
            elif isinstance(item, dict | list):
                found[key] = _settle(item, (*path, key), faults)
    return found

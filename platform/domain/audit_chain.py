"""The chain of the audit: how a row is signed, and how a whole chain is checked. Pure; no database, clock or settings.

Rows of one store (or of one group's control rows) are numbered without gaps in the order of their commits. Each carries
the hash of the row before it and its own: HMAC-SHA-256 (RFC 2104) over its canonical encoding, under a key of the group
that derives from the master secret and is in no database. So whoever has the database alone, its owner included, can
destroy rows but can neither change, add, drop nor reorder them unseen. docs/audit.md says what that proves and what not.

Canonical encoding, format 1: netstrings (``<bytes>:<UTF-8>,``; ``-`` for null) of, in this order, the words
``forecourt audit 1``, the kind of chain (``store``, ``group``), the id of the chain, the number, the version of the key,
the hash of the row before in hexadecimal (64 zeros for the first), and `FIELDS`. Ids are lower-case UUIDs, the time is
whole microseconds since 1970 in UTC, JSON is canonical (`canonical_json`), so that a trip through ``jsonb`` changes nothing.
"""

import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, DecimalException
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any, Final
from uuid import UUID

FORMAT: Final = 1
#: What the first row of a chain carries as the hash of the row before it.
GENESIS: Final = bytes(32)
#: The signed columns beside the chain's own, in the order of the encoding.
FIELDS: Final = (
    "id",
    "at",
    "actor",
    "actor_name",
    "action",
    "entity",
    "entity_id",
    "reason",
    "before",
    "after",
    "request_id",
    "session_id",
)
#: How many faults of one chain are kept; the others are counted.
MOST_FAULTS: Final = 100

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

#: The key of a version of the master secret, for one group.
Keys = Callable[[int], bytes | None]


@dataclass(frozen=True, slots=True)
class Chain:
    """One chain: ``store`` or ``group``, and the id of that store or group."""

    kind: str
    id: UUID


@dataclass(frozen=True, slots=True)
class Entry:
    """A row as the database tells it: chain columns, and `FIELDS` as text (None: null)."""

    chain: UUID | None
    seq: int | None
    format: int | None
    key_version: int | None
    prev_hash: bytes | None
    hash: bytes | None
    fields: tuple[str | None, ...]


# --- signing ---------------------------------------------------------------------------------------------------------


def canonical_json(text: str) -> str:
    """JSON in the one form that all equal values share: keys sorted and once, no spaces, numbers as digits and exponent.

    Raises:
        ValueError, RecursionError: it is not JSON, or nested too deep.
    """
    try:
        return _canonical(json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=_refuse))
    except DecimalException as error:
        raise ValueError("a number cannot be read") from error


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _canonical(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(key)}:{_canonical(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_canonical, value)) + "]"
    if isinstance(value, str):
        return _quoted(value)
    return _number(value) if isinstance(value, Decimal) else json.dumps(value)


def _canonical_of(value: Any) -> str:
    """`canonical_json` of what ``json.dumps`` makes of a value, without the way through text where nothing is lost on it."""
    kind = type(value)
    if kind is str:
        return _quoted(value)
    if kind is dict and all(type(key) is str for key in value):
        return "{" + ",".join([f"{_quoted(key)}:{_canonical_of(value[key])}" for key in sorted(value)]) + "}"
    if kind is list:
        return "[" + ",".join(map(_canonical_of, value)) + "]"
    if value is None or kind is bool:
        return json.dumps(value)
    return _number(Decimal(value)) if kind is int else canonical_json(json.dumps(value))


def _number(value: Decimal) -> str:
    # Not Decimal.normalize: it rounds to the precision of the context.
    sign, digits, exponent = value.as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    bare = text.rstrip("0")
    if not bare or not isinstance(exponent, int):
        return "0"
    return f"{'-' if sign else ''}{bare}e{exponent + len(text) - len(bare)}"


def microseconds(moment: datetime) -> str:
    """Whole microseconds since 1970 in UTC, which is what ``timestamptz`` keeps."""
    return str((moment - _EPOCH) // _MICROSECOND)


def field_texts(row: Mapping[str, Any]) -> tuple[str | None, ...]:
    """`FIELDS` of a row that is about to be written, as the database will tell them."""
    return tuple(_text(row[name]) for name in FIELDS)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return microseconds(value)
    return json.dumps(value) if isinstance(value, dict) else str(value)


def signature(key: bytes, chain: Chain, entry: Entry) -> bytes:
    """The hash that an entry must carry.

    Raises:
        ValueError, RecursionError: its JSON cannot be read.
    """
    texts = list(entry.fields)
    for place in _JSON:
        text = texts[place]
        texts[place] = None if text is None else canonical_json(text)
    own = (entry.chain, entry.seq, entry.key_version)
    return _signed(key, chain, own, entry.prev_hash or b"", texts)


def _signed(
    key: bytes, chain: Chain, own: tuple[UUID | None, int | None, int | None], prev: bytes, texts: Sequence[str | None]
) -> bytes:
    """`own`: id of the chain in the row, number, version of the key. `texts`: `FIELDS` with their JSON canonical."""
    head = (f"forecourt audit {FORMAT}", chain.kind, *map(str, own), prev.hex())
    return hmac.digest(key, b"".join(map(_netstring, (*head, *texts))), "sha256")


_JSON = (FIELDS.index("before"), FIELDS.index("after"))


def _netstring(text: str | None) -> bytes:
    if text is None:
        return b"-"
    data = text.encode("utf-8", "surrogatepass")
    return b"%d:%b," % (len(data), data)


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs new rows of one chain with the newest version of the group's key."""

    chain: Chain
    key_version: int
    key: bytes = field(repr=False)

    def sign(self, rows: Sequence[Mapping[str, Any]], seq: int, prev: bytes) -> tuple[list[dict[str, Any]], int, bytes]:
        """The rows with their chain columns, behind the head ``(seq, prev)``; and the new head."""
        signed = []
        for row in rows:
            seq += 1
            texts = [_canonical_of(row[name]) if isinstance(row[name], dict) else _text(row[name]) for name in FIELDS]
            found = _signed(self.key, self.chain, (self.chain.id, seq, self.key_version), prev, texts)
            own = {"chain": self.chain.id, "seq": seq, "format": FORMAT, "key_version": self.key_version}
            signed.append({**row, **own, "prev_hash": prev, "hash": found})
            prev = found
        return signed, seq, prev


# --- checking --------------------------------------------------------------------------------------------------------

#: What can be wrong, by the word that reports use.
FAULTS: Final[Mapping[str, str]] = {
    "CHANGED": "the row is not what was signed",
    "REMOVED": "rows are missing",
    "INSERTED": "the row was not written by the product",
    "DUPLICATED": "the number occurs more than once",
    "UNLINKED": "the row does not follow the one before it",
    "FOREIGN": "the row belongs to another chain",
    "UNKNOWN_KEY": "the master secret of its version is not configured",
    "OLD_KEY": "the row is signed with an older key than the row before it",
    "UNKNOWN_FORMAT": "the row has a format that this program does not know",
    "NO_HEAD": "the head of the chain is missing",
    "ANCHOR": "the chain is not the one that was anchored",
    "ANCHOR_REMOVED": "anchors are missing or were changed",
}


@dataclass(frozen=True, slots=True)
class ChainFault:
    """One thing that is wrong, with the number of the first row it concerns."""

    kind: str
    seq: int
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind} at {self.seq}: {FAULTS[self.kind]}" + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True, slots=True)
class Anchor:
    """The head a chain had at a moment, kept where whoever writes the chain cannot change it."""

    seq: int
    hash: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class Restored:
    """A store was filled from an export: up to ``seq`` its rows are those of the chain ``origin``."""

    origin: UUID
    seq: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Verified:
    """What a check found. ``first`` and ``last`` are the numbers of the checked rows (0: none)."""

    chain: Chain
    rows: int
    first: int
    last: int
    head: bytes
    anchors: int
    faults: tuple[ChainFault, ...]
    fault_count: int

    @property
    def ok(self) -> bool:
        return self.fault_count == 0

    @property
    def first_bad(self) -> int | None:
        """The lowest number that is concerned."""
        return min((fault.seq for fault in self.faults), default=None)


class Verifier:
    """Checks the rows of one chain in the order of their numbers, in memory that does not grow with them.

    ``start`` is the number to begin at, ``before`` the hash of the row before it, which is trusted as it stands. Rows up to
    a restoration may bear the chain they were restored from; anchors from before it that lie beyond it were undone by it.
    """

    def __init__(
        self,
        chain: Chain,
        keys: Keys,
        *,
        anchors: Sequence[Anchor] = (),
        restored: Sequence[Restored] = (),
        start: int = 1,
        before: bytes | None = None,
    ) -> None:
        self._chain, self._keys, self._restored = chain, keys, restored
        self.start = self._expected = start
        self._prev = GENESIS if start == 1 else before
        self._rows = self._last = self._fault_count = self._key_version = 0
        self._faults: list[ChainFault] = []
        self._lowest: ChainFault | None = None
        valid = [one for one in anchors if one.seq >= start and not self._undone(one)]
        self._anchors = len(valid)
        if self._prev is None:
            self.fault("REMOVED", start - 1)
        self._beyond: dict[int, list[Anchor]] = {}
        for anchor in valid:
            self._beyond.setdefault(anchor.seq, []).append(anchor)

    def _undone(self, anchor: Anchor) -> bool:
        return any(one.at >= anchor.at and one.seq < anchor.seq for one in self._restored)

    def fault(self, kind: str, seq: int, detail: str = "") -> None:
        """Note something wrong."""
        found = ChainFault(kind, seq, detail)
        self._fault_count += 1
        if len(self._faults) < MOST_FAULTS:
            self._faults.append(found)
        if self._lowest is None or seq < self._lowest.seq:
            self._lowest = found

    def feed(self, entry: Entry) -> None:
        """The next row."""
        self._rows += 1
        seq = entry.seq
        if seq is None or seq < self.start:
            self.fault("INSERTED", seq or 0, "its number is none of the chain's")
            return
        if seq < self._expected:
            self.fault("DUPLICATED", seq)
        else:
            if seq > self._expected:
                self.fault("REMOVED", self._expected, f"{self._expected} to {seq - 1}")
            elif self._prev is not None and entry.prev_hash != self._prev:
                self.fault("UNLINKED", seq)
            self._prev, self._last, self._expected = entry.hash or b"", seq, seq + 1
            for anchor in self._beyond.pop(seq, ()):
                if anchor.hash != entry.hash:
                    self.fault("ANCHOR", seq, f"anchored at {anchor.at.isoformat()}")
        self._check_row(entry, seq)

    def _check_row(self, entry: Entry, seq: int) -> None:
        if entry.format != FORMAT:
            self.fault("UNKNOWN_FORMAT", seq)
            return
        if entry.chain != self._chain.id and not any(
            one.origin == entry.chain and seq <= one.seq for one in self._restored
        ):
            self.fault("FOREIGN", seq, str(entry.chain))
        version = entry.key_version or 0
        if version < self._key_version:
            self.fault("OLD_KEY", seq)
        key = self._keys(version)
        if key is None:
            self.fault("UNKNOWN_KEY", seq, f"version {version}")
            return
        self._key_version = max(self._key_version, version)
        try:
            right = hmac.compare_digest(signature(key, self._chain, entry), entry.hash or b"")
        except (ValueError, RecursionError):
            right = False
        if not right:
            self.fault("CHANGED", seq)

    def finish(self, head: tuple[int, bytes] | None) -> Verified:
        """The outcome, once the rows are at their end; ``head`` is what the chain's head says."""
        last, prev = max(self._last, self.start - 1), self._prev
        if head is None:
            if self._last:
                self.fault("NO_HEAD", last)
        elif head[0] > last:
            self.fault("REMOVED", last + 1, f"{last + 1} to {head[0]}, the end of the chain")
        elif head[0] < last:
            self.fault("INSERTED", head[0] + 1, "behind the head of the chain")
        elif prev is not None and head[1] != prev:
            self.fault("CHANGED", last, "its hash is not the head's")
        for seq in sorted(self._beyond):
            if seq > last:
                self.fault("REMOVED", last + 1, f"{last + 1} to {seq}, which was anchored")
        faults = list(self._faults)
        if self._lowest is not None and self._lowest not in faults:
            faults.append(self._lowest)
        faults.sort(key=lambda fault: fault.seq)
        return Verified(
            self._chain,
            self._rows,
            self.start if self._rows else 0,
            self._last,
            self._prev or GENESIS,
            self._anchors,
            tuple(faults),
            self._fault_count,
        )

"""A chain that was tampered with anywhere, in any way, is found; one that was not is never accused. Without a server."""

import hashlib
import hmac
import json
import random
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecourt.domain.audit_chain import (
    FIELDS,
    FORMAT,
    GENESIS,
    Anchor,
    Chain,
    Entry,
    Restored,
    Signer,
    Verified,
    Verifier,
    canonical_json,
    field_texts,
    signature,
)

STORE = UUID("0192f5a0-0000-7000-8000-000000000001")
CHAIN = Chain("store", STORE)
KEYS = {1: b"1" * 32, 2: b"2" * 32}
AT = datetime(2026, 9, 7, 2, 0, 0, 123456, tzinfo=UTC)


def rows(count: int) -> list[dict[str, Any]]:
    return [
        {
            "id": UUID(int=number),
            "at": AT + timedelta(seconds=number),
            "actor": "account:1",
            "actor_name": "王芳",
            "action": "care.close_task",
            "entity": "FollowUpTask",
            "entity_id": UUID(int=1000 + number),
            "reason": None,
            "before": {"state": "OPEN"},
            "after": {"state": "DONE", "points": 1.50, "n": number},
            "request_id": "r-1",
            "session_id": None,
        }
        for number in range(1, count + 1)
    ]


def signed(
    count: int, *, version: int = 1, head: tuple[int, bytes] = (0, GENESIS), chain: Chain = CHAIN
) -> list[Entry]:
    made, _, _ = Signer(chain, version, KEYS[version]).sign(rows(count), *head)
    return [entry(row) for row in made]


def entry(row: dict[str, Any]) -> Entry:
    own = {name: row[name] for name in ("chain", "seq", "format", "key_version", "prev_hash", "hash")}
    return Entry(**own, fields=field_texts(row))


def check(entries: list[Entry], head: tuple[int, bytes] | None, **options: Any) -> Verified:
    verifier = Verifier(CHAIN, KEYS.get, **options)
    for one in entries:
        verifier.feed(one)
    return verifier.finish(head)


def head_of(entries: list[Entry]) -> tuple[int, bytes]:
    last = entries[-1]
    return last.seq or 0, last.hash or b""


def kinds(found: Verified) -> set[str]:
    return {fault.kind for fault in found.faults}


def test_a_whole_chain_is_found_whole() -> None:
    chain = signed(20)
    found = check(chain, head_of(chain))
    assert found.ok and (found.rows, found.first, found.last, found.first_bad) == (20, 1, 20, None)
    assert check([], None).ok


def test_the_encoding_is_what_the_documentation_says() -> None:
    """Written out once by hand: changing the encoding would break every chain there is."""
    row = rows(1)[0]
    one = Entry(STORE, 1, FORMAT, 1, GENESIS, None, field_texts(row))
    words = [
        "forecourt audit 1",
        "store",
        str(STORE),
        "1",
        "1",
        "00" * 32,
        "00000000-0000-0000-0000-000000000001",
        "1788746401123456",
        "account:1",
        "王芳",
        "care.close_task",
        "FollowUpTask",
        "00000000-0000-0000-0000-0000000003e9",
        None,
        '{"state":"OPEN"}',
        '{"n":1e0,"points":15e-1,"state":"DONE"}',
        "r-1",
        None,
    ]
    message = b"".join(
        b"-" if word is None else str(len(word.encode())).encode() + b":" + word.encode() + b"," for word in words
    )
    assert signature(KEYS[1], CHAIN, one) == hmac.new(KEYS[1], message, hashlib.sha256).digest()


# --- JSON ------------------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text() | st.integers(), JSON, max_size=4))
def test_what_is_signed_is_what_the_database_will_tell(value: dict[Any, Any]) -> None:
    """The signer knows the value, whoever checks knows its text."""
    row = rows(1)[0] | {"before": None, "after": value}
    if len(json.loads(json.dumps(value))) != len(value):  # 1 and "1"
        return
    [made], _, _ = Signer(CHAIN, 1, KEYS[1]).sign([row], 0, GENESIS)
    assert made["hash"] == signature(KEYS[1], CHAIN, replace(entry(made), hash=None))


@given(JSON)
def test_canonical_json_is_a_fixed_point_and_keeps_the_value(value: Any) -> None:
    """Dumped, spelled otherwise, and its own canonical form: all are one."""
    text = json.dumps(value)
    once = canonical_json(text)
    assert canonical_json(once) == once
    assert canonical_json(json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)) == once


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "1.0"),
        ("1e22", "10000000000000000000000"),
        ("-0.0", "0"),
        ("0.10", "1e-1"),
        ("5e-324", "0." + "0" * 323 + "5"),
        ("123456789012345678901234567890.5", "1234567890123456789012345678905e-1"),
        ('{"b": 1, "a": 2}', '{"a":2,"b":1}'),
        ('"\\u738b"', '"王"'),
        ('{"a": 1, "a": 2}', '{"a": 2}'),
    ],
)
def test_equal_values_have_one_form(one: str, other: str) -> None:
    assert canonical_json(one) == canonical_json(other)


@given(st.decimals(allow_nan=False, allow_infinity=False), st.decimals(allow_nan=False, allow_infinity=False))
def test_different_numbers_have_different_forms(one: Decimal, other: Decimal) -> None:
    assert (canonical_json(str(one)) == canonical_json(str(other))) is (one == other)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "{", "[" * 200_000])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises((ValueError, RecursionError)):
        canonical_json(text)


# --- tampering -------------------------------------------------------------------------------------------------------


def _change(pick: random.Random, chain: list[Entry]) -> list[Entry]:
    """One field of one row."""
    at, name = pick.randrange(len(chain)), pick.randrange(len(FIELDS))
    fields = list(chain[at].fields)
    other = {"before": '{"state": "X"}', "after": "{}", "at": "1"}.get(FIELDS[name], "other")
    fields[name] = None if fields[name] is not None and pick.random() < 0.5 else other
    return [*chain[:at], replace(chain[at], fields=tuple(fields)), *chain[at + 1 :]]


def _chain_column(pick: random.Random, chain: list[Entry]) -> list[Entry]:
    """One of the chain's own columns."""
    at = pick.randrange(len(chain))
    columns: list[tuple[str, Any]] = [
        ("hash", pick.randbytes(32)),
        ("hash", None),
        ("prev_hash", pick.randbytes(32)),
        ("prev_hash", None),
        ("chain", UUID(int=9)),
        ("chain", None),
        ("key_version", 2),
        ("key_version", 9),
        ("key_version", None),
        ("format", 2),
        ("format", None),
        ("seq", None),
        ("seq", -1),
    ]
    name, value = pick.choice(columns)
    return [*chain[:at], replace(chain[at], **{name: value}), *chain[at + 1 :]]


def _remove(pick: random.Random, chain: list[Entry]) -> list[Entry]:
    """Rows anywhere, the tail too."""
    at = pick.randrange(len(chain))
    return chain[:at] + chain[at + pick.randint(1, len(chain) - at) :]


def _renumber(pick: random.Random, chain: list[Entry]) -> list[Entry]:
    """Remove a row and close the gap."""
    at = pick.randrange(len(chain))
    return chain[:at] + [replace(one, seq=(one.seq or 0) - 1) for one in chain[at + 1 :]]


def _insert(pick: random.Random, chain: list[Entry]) -> list[Entry]:
    """A row made up by somebody without the key, those behind it moved on."""
    at = pick.randrange(len(chain) + 1)
    like = chain[min(at, len(chain) - 1)]
    prev = chain[at - 1].hash if at else GENESIS
    made = replace(like, seq=at + 1, prev_hash=prev, hash=pick.randbytes(32))
    return [*chain[:at], made, *(replace(one, seq=(one.seq or 0) + 1) for one in chain[at:])]


def _swap(pick: random.Random, chain: list[Entry]) -> list[Entry]:
    """Two rows in each other's place."""
    one, other = sorted(pick.sample(range(len(chain)), 2))
    swapped = list(chain)
    swapped[one] = replace(chain[other], seq=chain[one].seq)
    swapped[other] = replace(chain[one], seq=chain[other].seq)
    return swapped


def _duplicate(pick: random.Random, chain: list[Entry]) -> list[Entry]:
    """A row twice, under the same number or the next."""
    at = pick.randrange(len(chain))
    if pick.random() < 0.5:
        return [*chain[: at + 1], chain[at], *chain[at + 1 :]]
    return [*chain, replace(chain[at], seq=len(chain) + 1, prev_hash=chain[-1].hash)]


def _resign(pick: random.Random, chain: list[Entry]) -> list[Entry]:
    """The whole rest rewritten consistently, with a key that is not the group's."""
    at = pick.randrange(len(chain))
    prev = chain[at - 1].hash if at else GENESIS
    made, key = list(chain[:at]), pick.randbytes(32)
    for one in chain[at:]:
        fields = (*one.fields[:7], "rewritten", *one.fields[8:])
        draft = replace(one, prev_hash=prev, fields=fields)
        prev = signature(key, CHAIN, draft)
        made.append(replace(draft, hash=prev))
    return made


TAMPERINGS: tuple[Callable[[random.Random, list[Entry]], list[Entry]], ...] = (
    _change,
    _chain_column,
    _remove,
    _renumber,
    _insert,
    _swap,
    _duplicate,
    _resign,
)


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda one: one.__name__)
@settings(max_examples=150)
@given(st.integers(2, 30), st.randoms(use_true_random=False))
def test_random_tampering_of_a_random_chain_is_found(
    tamper: Callable[[random.Random, list[Entry]], list[Entry]], count: int, pick: random.Random
) -> None:
    """Property: whatever is done to the rows, the head as it was tells; and the first bad number is not before it."""
    chain = signed(count)
    done = tamper(pick, chain)
    found = check(sorted(done, key=lambda one: -(10**9) if one.seq is None else one.seq), head_of(chain))
    assert done != chain
    assert not found.ok
    same = next(
        (number for number, (a, b) in enumerate(zip(done, chain, strict=False)) if a != b), min(len(done), count)
    )
    # A row without a number of the chain is told as it is, and so is the place it left.
    assert found.first_bad is not None and (found.first_bad >= same or found.first_bad <= 0)


@given(st.integers(2, 30), st.randoms(use_true_random=False))
def test_a_tail_removed_with_its_head_is_found_by_an_anchor(count: int, pick: random.Random) -> None:
    chain = signed(count)
    cut = chain[: pick.randrange(1, count)]
    anchor = Anchor(*head_of(chain), AT)
    assert check(cut, head_of(cut)).ok, "nothing inside the store tells"
    found = check(cut, head_of(cut), anchors=[anchor])
    assert (found.first_bad, kinds(found)) == (len(cut) + 1, {"REMOVED"})


def test_a_chain_rewritten_with_the_true_key_is_found_by_an_anchor() -> None:
    """Somebody with the master secret and the database: only what was kept elsewhere tells."""
    chain = signed(10)
    other = signed(4) + [replace(one) for one in signed(6, head=head_of(signed(4)))]
    assert head_of(other) != head_of(chain) and check(other, head_of(other)).ok
    found = check(other, head_of(other), anchors=[Anchor(*head_of(chain), AT)])
    assert kinds(found) == {"ANCHOR"} and found.first_bad == 10


# --- keys, restorations, beginnings ----------------------------------------------------------------------------------


def test_a_rotated_key_signs_on_and_an_older_one_may_not_follow() -> None:
    old = signed(3)
    new = signed(3, version=2, head=head_of(old))
    assert check(old + new, head_of(new)).ok
    forged = signed(2, version=1, head=head_of(new))
    found = check(old + new + forged, head_of(forged))
    assert kinds(found) == {"OLD_KEY"} and found.first_bad == 7


def test_a_key_that_is_not_configured_is_told() -> None:
    chain = signed(3, version=2)
    verifier = Verifier(CHAIN, {1: KEYS[1]}.get)
    for one in chain:
        verifier.feed(one)
    assert kinds(verifier.finish(head_of(chain))) == {"UNKNOWN_KEY"}


def test_another_stores_chain_counts_only_where_a_restoration_brought_it() -> None:
    other = Chain("store", UUID(int=7))
    old = signed(5, chain=other)
    new = signed(2, head=head_of(old))
    assert check(old + new, head_of(new), restored=[Restored(other.id, 5, AT)]).ok
    assert kinds(check(old + new, head_of(new))) == {"FOREIGN"}
    assert check(old + new, head_of(new), restored=[Restored(other.id, 3, AT)]).first_bad == 4


def test_a_restoration_undoes_the_anchors_before_it_and_none_after() -> None:
    chain = signed(5)
    back = [Restored(STORE, 5, AT)]
    assert check(chain, head_of(chain), anchors=[Anchor(9, b"x" * 32, AT - timedelta(days=1))], restored=back).ok
    later = Anchor(9, b"x" * 32, AT + timedelta(days=1))
    assert kinds(check(chain, head_of(chain), anchors=[later], restored=back)) == {"REMOVED"}


def test_a_check_may_begin_in_the_middle() -> None:
    chain = signed(10)
    assert check(chain[6:], head_of(chain), start=7, before=chain[5].hash).ok
    assert check(chain[6:], head_of(chain), start=7, before=b"x" * 32).first_bad == 7
    assert check(chain[6:], head_of(chain), start=7, before=None).first_bad == 6
    assert check([], head_of(chain), start=11, before=chain[9].hash).ok


def test_a_missing_head_and_rows_behind_it_are_told() -> None:
    chain = signed(4)
    assert kinds(check(chain, None)) == {"NO_HEAD"}
    assert kinds(check(chain, head_of(chain[:3]))) == {"INSERTED"}
    assert kinds(check(chain, (4, b"x" * 32))) == {"CHANGED"}
    assert kinds(check([], (4, b"x" * 32))) == {"REMOVED"}


def test_memory_does_not_grow_with_the_chain_nor_with_its_faults() -> None:
    def endless(count: int) -> Iterator[Entry]:
        like = signed(1)[0]
        for number in range(1, count + 1):
            yield replace(like, seq=number)  # every row but the first is wrong

    peaks = []
    for count in (2_000, 20_000):
        verifier = Verifier(CHAIN, KEYS.get)
        tracemalloc.start()
        for one in endless(count):
            verifier.feed(one)
        found = verifier.finish((count, b""))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert found.rows == count and len(found.faults) <= 101 and found.fault_count > count
    assert peaks[1] < peaks[0] * 1.5

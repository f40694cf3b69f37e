"""Checking a chain from its first row to its last, with the anchors and restorations that the group's rows tell of."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from ...errors import Unavailable
from ...tenancy.session import READABLE, ResolvedGroup, ResolvedStore, group_session, store_session, stores_of
from ..audit_chain import FIELDS, Anchor, Chain, Entry, Restored, Verified, Verifier, signature
from ..feed import AuditEvent, GroupAuditEvent
from ..work import Platform
from . import reads

#: The event by which the group's chain vouches for a store that was filled from an export.
RESTORE = "tenancy.restore_store"
#: The event by which it vouches for a round of anchors.
ANCHOR = "audit.anchor"
_ACTION, _ENTITY_ID, _AFTER, _AT = (FIELDS.index(name) for name in ("action", "entity_id", "after", "at"))


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain of the group: a store's, or the group's own where `store_id` is None."""

    store_id: UUID | None
    seq: int
    hash: bytes


async def heads(platform: Platform, group: ResolvedGroup) -> tuple[list[Head], list[ResolvedStore]]:
    """The ends of all chains of a group, and the stores that could not be asked now."""
    found, silent = [], []
    async with group_session(platform.engines, group, read_only=True) as session:
        stores = await stores_of(session, group.id)
        head = await reads.group_head(session, group.id)
    if head is not None:
        found.append(Head(None, *head))
    for store in stores:
        if store.state not in READABLE:
            continue
        try:
            async with store_session(platform.engines, store, read_only=True) as session:
                head = await reads.store_head(session)
        except Unavailable:
            silent.append(store)
            continue
        if head is not None:
            found.append(Head(store.id, *head))
    return found, silent


async def verify_store(
    platform: Platform,
    group: ResolvedGroup,
    store: ResolvedStore,
    *,
    since: datetime | None = None,
    outside: Sequence[Anchor] = (),
) -> Verified:
    """Check the chain of one store in one snapshot; ``outside`` are anchors that were kept elsewhere."""
    keys = _keys(platform, group.id)
    chain = Chain("store", store.id)
    # Anchors first: the snapshot of the store is younger then, so its chain may not be shorter than they are.
    async with group_session(platform.engines, group, read_only=True) as session:
        anchors = await reads.anchors_of(session, group.id, store.id)
        restored = await _restorations(session, group.id, store.id, keys)
    async with store_session(platform.engines, store, read_only=True) as session:
        head = await reads.store_head(session)
        verifier = await _verifier(
            session, AuditEvent, chain, keys, [*anchors, *outside], restored, since, head[0] if head else 0
        )
        async for entry in reads.entries(session, AuditEvent, start=verifier.start):
            verifier.feed(entry)
        return verifier.finish(head)


async def verify_group(
    platform: Platform, group: ResolvedGroup, *, since: datetime | None = None, outside: Sequence[Anchor] = ()
) -> Verified:
    """Check the chain of the group's own events, and that the anchors it vouches for are all there."""
    keys = _keys(platform, group.id)
    chain = Chain("group", group.id)
    async with group_session(platform.engines, group, read_only=True) as session:
        head = await reads.group_head(session, group.id)
        anchors = await reads.anchors_of(session, group.id, None)
        verifier = await _verifier(
            session, GroupAuditEvent, chain, keys, [*anchors, *outside], (), since, head[0] if head else 0
        )
        rounds: dict[UUID, tuple[int, str]] = {}
        async for entry in reads.entries(session, GroupAuditEvent, start=verifier.start):
            verifier.feed(entry)
            if entry.fields[_ACTION] == ANCHOR and entry.seq is not None:
                _note(rounds, entry)
        if since is None:
            async for run_id, digest in reads.anchor_digests(session, group.id):
                seq, expected = rounds.pop(run_id, (0, ""))
                if digest != expected:
                    verifier.fault("ANCHOR_REMOVED", seq, f"round {run_id}")
            for run_id, (seq, _) in rounds.items():
                verifier.fault("ANCHOR_REMOVED", seq, f"round {run_id}")
        return verifier.finish(head)


async def _verifier(
    session: AsyncSession,
    table: reads.Table,
    chain: Chain,
    keys: Callable[[int], bytes | None],
    anchors: Sequence[Anchor],
    restored: Sequence[Restored],
    since: datetime | None,
    head: int,
) -> Verifier:
    if since is None:
        return Verifier(chain, keys, anchors=anchors, restored=restored)
    start = max(1, await reads.first_since(session, table, since) or head + 1)
    before = await reads.hash_at(session, table, start - 1) if start > 1 else None
    return Verifier(chain, keys, anchors=anchors, restored=restored, start=start, before=before)


def _keys(platform: Platform, group_id: UUID) -> Callable[[int], bytes | None]:
    known: dict[int, bytes | None] = {}

    def key(version: int) -> bytes | None:
        if version not in known:
            known[version] = platform.audit_key(group_id, version)
        return known[version]

    return key


def _note(rounds: dict[UUID, tuple[int, str]], entry: Entry) -> None:
    try:
        rounds[UUID(entry.fields[_ENTITY_ID] or "")] = (
            entry.seq or 0,
            str(json.loads(entry.fields[_AFTER] or "")["digest"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return  # a row like this was not written by us: its hash says so


async def _restorations(
    session: AsyncSession, group_id: UUID, store_id: UUID, keys: Callable[[int], bytes | None]
) -> list[Restored]:
    """What the group's chain says of restorations into a store; only rows whose signature holds count."""
    query = reads.entries_query(GroupAuditEvent).where(
        GroupAuditEvent.action == RESTORE, GroupAuditEvent.entity_id == store_id
    )
    found = []
    for row in await session.execute(query.limit(1000)):
        entry = reads.entry_of(row)
        key = keys(entry.key_version or 0)
        try:
            if key is None or signature(key, Chain("group", group_id), entry) != entry.hash:
                continue
            at = datetime.fromtimestamp(int(entry.fields[_AT] or "0") / 1e6, tz=UTC)
            after = json.loads(entry.fields[_AFTER] or "{}")
            found += [Restored(UUID(origin), int(seq), at) for origin, seq in after["chains"].items()]
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            continue
    return found

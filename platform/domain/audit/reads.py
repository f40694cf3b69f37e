"""Reading chains as the database tells them, in a session of their store or group. Nothing here trusts a row."""

import hashlib
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Text, cast, extract, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from ..audit_chain import FIELDS, Anchor, Entry
from ..audit_log import HEAD
from ..feed import AuditAnchor, AuditEvent, AuditHead, AuditVerification, GroupAuditEvent, GroupAuditHead

#: Rows held in memory while a chain is read.
WINDOW = 2000
#: Chains of one group that a list shows at most.
MOST_CHAINS = 5001

Table = type[AuditEvent] | type[GroupAuditEvent]


def entries_query(table: Table, *, start: int | None = None) -> Select[*tuple[Any, ...]]:
    """Every row from number ``start`` on, in the order of the numbers. Values as text: no tampered one breaks the reading."""
    chain = table.chain if table is AuditEvent else table.group_id  # type: ignore[union-attr]  # the one or the other
    texts = []
    for name in FIELDS:
        column = getattr(table, name)
        value = func.trunc(extract("epoch", column) * 1_000_000) if name == "at" else column
        texts.append(cast(value, Text).label(f"text_{name}"))
    query = select(chain, table.seq, table.format, table.key_version, table.prev_hash, table.hash, *texts)
    if start is not None and start > 1:
        query = query.where(table.seq >= start)
    return query.order_by(table.seq.asc().nulls_first(), table.id)


def entry_of(row: Sequence[Any]) -> Entry:
    """A row of `entries_query`."""
    chain, seq, format_, key_version, prev, hash_, *texts = row
    return Entry(chain, seq, format_, key_version, prev, hash_, tuple(texts))


async def entries(session: AsyncSession, table: Table, *, start: int | None = None) -> AsyncIterator[Entry]:
    """The rows of the session's chain, `WINDOW` at a time."""
    result = await session.stream(entries_query(table, start=start), execution_options={"yield_per": WINDOW})
    async for part in result.partitions():
        for row in part:
            yield entry_of(row)


async def store_head(session: AsyncSession) -> tuple[int, bytes] | None:
    """Number and hash at the end of the store's chain; None before its first event."""
    row = (await session.execute(select(AuditHead.seq, AuditHead.hash).where(AuditHead.id == HEAD))).first()
    return None if row is None else (row.seq, row.hash)


async def group_head(session: AsyncSession, group_id: UUID) -> tuple[int, bytes] | None:
    """The same of the group's chain."""
    mine = GroupAuditHead.group_id == group_id
    row = (await session.execute(select(GroupAuditHead.seq, GroupAuditHead.hash).where(mine))).first()
    return None if row is None else (row.seq, row.hash)


async def first_since(session: AsyncSession, table: Table, since: datetime) -> int | None:
    """The lowest number of a row that happened at ``since`` or later; None when there is none."""
    found: int | None = await session.scalar(select(func.min(table.seq)).where(table.at >= since))
    return found


async def hash_at(session: AsyncSession, table: Table, seq: int) -> bytes | None:
    """The hash of a row; None when it is not there."""
    return (await session.scalars(select(table.hash).where(table.seq == seq).limit(1))).first()


async def origins(session: AsyncSession) -> dict[UUID, int]:
    """Which stores' chains the rows of this store belong to, and up to which number."""
    query = select(AuditEvent.chain, func.max(AuditEvent.seq)).group_by(AuditEvent.chain)
    return {row[0]: row[1] for row in await session.execute(query)}


# --- in a session of the group ---------------------------------------------------------------------------------------


async def anchors_of(session: AsyncSession, group_id: UUID, store_id: UUID | None) -> list[Anchor]:
    """The anchors of one chain (None: the group's), one a day, oldest first."""
    query = (
        select(AuditAnchor.seq, AuditAnchor.hash, AuditAnchor.at)
        .where(AuditAnchor.group_id == group_id, AuditAnchor.store_id.is_not_distinct_from(store_id))
        .order_by(AuditAnchor.at)
    )
    return [Anchor(*row) for row in await session.execute(query)]


@dataclass(frozen=True, slots=True)
class AnchorRow:
    """An anchor with its chain: a store's, or the group's where `store_id` is None."""

    store_id: UUID | None
    seq: int
    hash: bytes
    at: datetime


async def newest_anchors(session: AsyncSession, group_id: UUID) -> list[AnchorRow]:
    """The last anchor of every chain of the group."""
    query = (
        select(AuditAnchor.store_id, AuditAnchor.seq, AuditAnchor.hash, AuditAnchor.at)
        .where(AuditAnchor.group_id == group_id)
        .ext(distinct_on(AuditAnchor.store_id))
        .order_by(AuditAnchor.store_id, AuditAnchor.at.desc())
        .limit(MOST_CHAINS)
    )
    return [AnchorRow(*row) for row in await session.execute(query)]


def anchor_digest(rows: Iterable[tuple[UUID | None, int, bytes]]) -> str:
    """What the group's chain says of one round of anchors: SHA-256 over a line per chain, sorted."""
    lines = sorted(f"{store_id or 'group'} {seq} {hash_.hex()}\n" for store_id, seq, hash_ in rows)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


async def anchor_digests(session: AsyncSession, group_id: UUID) -> AsyncIterator[tuple[UUID, str]]:
    """Every round of anchors that is there, with its digest."""
    query = (
        select(AuditAnchor.run_id, AuditAnchor.store_id, AuditAnchor.seq, AuditAnchor.hash)
        .where(AuditAnchor.group_id == group_id)
        .order_by(AuditAnchor.run_id)
    )
    result = await session.stream(query, execution_options={"yield_per": WINDOW})
    run: UUID | None = None
    rows: list[tuple[UUID | None, int, bytes]] = []
    async for part in result.partitions():
        for run_id, store_id, seq, hash_ in part:
            if run is not None and run_id != run:
                yield run, anchor_digest(rows)
                rows = []
            run = run_id
            rows.append((store_id, seq, hash_))
    if run is not None:
        yield run, anchor_digest(rows)


async def last_verifications(session: AsyncSession, group_id: UUID) -> list[AuditVerification]:
    """The last check of every chain of the group."""
    query = (
        select(AuditVerification)
        .where(AuditVerification.group_id == group_id)
        .ext(distinct_on(AuditVerification.store_id))
        .order_by(AuditVerification.store_id, AuditVerification.at.desc())
        .limit(MOST_CHAINS)
    )
    return list(await session.scalars(query))


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events of a group; what is None does not matter."""

    actor: str | None = None
    action: str | None = None
    entity: str | None = None
    entity_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


async def group_events(
    session: AsyncSession, group_id: UUID, wanted: EventFilter, *, before: int | None, limit: int
) -> list[GroupAuditEvent]:
    """The group's events, newest first, below the number ``before``."""
    row = GroupAuditEvent
    query = select(row).where(row.group_id == group_id).order_by(row.seq.desc()).limit(limit)
    for column, value in (
        (row.actor, wanted.actor),
        (row.action, wanted.action),
        (row.entity, wanted.entity),
        (row.entity_id, wanted.entity_id),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.since is not None:
        query = query.where(row.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(row.at < wanted.until)
    if before is not None:
        query = query.where(row.seq < before)
    return list(await session.scalars(query))

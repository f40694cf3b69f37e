"""Reading closes and comparisons, in a session of the group."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, true
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from .model import BenchmarkRun, BenchmarkShare, BenchmarkStore, MonthClose, StoreClose, StoreStat

#: Stores that one comparison lists at most.
MOST_STORES = 5000


@dataclass(frozen=True, slots=True)
class CloseProgress:
    """How far a close is."""

    stores: int
    finished: int
    failed: int
    done: bool


async def close_progress(session: AsyncSession, close_id: UUID) -> CloseProgress:
    """Stores of a close, how many have ended, how many of these without figures, and whether it was compared."""
    ended = StoreClose.state.in_(("DONE", "FAILED", "MISSING"))
    query = select(
        func.count(), func.count().filter(ended), func.count().filter(StoreClose.state.in_(("FAILED", "MISSING")))
    ).where(StoreClose.close_id == close_id)
    stores, finished, failed = (await session.execute(query)).one()
    state = await session.scalar(select(MonthClose.state).where(MonthClose.id == close_id))
    return CloseProgress(stores, finished, failed, state == "DONE")


async def published_reports(session: AsyncSession, group_id: UUID, month: str) -> list[dict[str, Any]]:
    """The published comparisons of a month, by the order in which they were made."""
    query = (
        select(BenchmarkRun.report)
        .where(BenchmarkRun.group_id == group_id, BenchmarkRun.month == month, BenchmarkRun.state == "PUBLISHED")
        .order_by(BenchmarkRun.id)
    )
    return list(await session.scalars(query))


@dataclass(frozen=True, slots=True)
class Comparison:
    """The published comparison of a month by one KPI: the run, its lines, and whether a store's figures may still change."""

    run: BenchmarkRun
    lines: Sequence[BenchmarkStore]
    provisional: bool


async def comparison(session: AsyncSession, group_id: UUID, month: str, kpi: str) -> Comparison | None:
    """The published comparison, lines by store; None when the month was not compared by this KPI."""
    query = select(BenchmarkRun).where(
        BenchmarkRun.group_id == group_id,
        BenchmarkRun.month == month,
        BenchmarkRun.kpi == kpi,
        BenchmarkRun.state == "PUBLISHED",
    )
    run = (await session.scalars(query)).one_or_none()
    if run is None:
        return None
    lines = select(BenchmarkStore).where(BenchmarkStore.run_id == run.id).limit(MOST_STORES)
    provisional = select(StoreStat.id).where(
        StoreStat.group_id == group_id, StoreStat.month == month, StoreStat.kpi == kpi, StoreStat.provisional
    )
    found = (await session.scalars(lines)).all()
    return Comparison(run, found, (await session.scalars(provisional.limit(1))).first() is not None)


@dataclass(frozen=True, slots=True)
class Close:
    """One close of a month, where each store stands in it, and whether a published figure may still change."""

    close: MonthClose
    stores: Sequence[StoreClose]
    provisional: bool


async def newest_closes(
    session: AsyncSession, group_id: UUID, *, limit: int = 24, month: str | None = None
) -> list[Close]:
    """The newest close of each month, or of one, newest month first, at most 60."""
    newest = (
        select(MonthClose)
        .where(MonthClose.group_id == group_id, true() if month is None else MonthClose.month == month)
        .ext(distinct_on(MonthClose.month))
        .order_by(MonthClose.month.desc(), MonthClose.number.desc())
        .limit(max(1, min(limit, 60)))
    )
    closes = (await session.scalars(newest)).all()
    rows = await session.scalars(select(StoreClose).where(StoreClose.close_id.in_([close.id for close in closes])))
    by_close: dict[UUID, list[StoreClose]] = {}
    for row in rows:
        by_close.setdefault(row.close_id, []).append(row)
    open_months = set(
        await session.scalars(
            select(StoreStat.month)
            .where(StoreStat.group_id == group_id, StoreStat.provisional)
            .where(StoreStat.month.in_([close.month for close in closes]))
            .distinct()
        )
    )
    return [Close(close, by_close.get(close.id, []), close.month in open_months) for close in closes]


async def share(session: AsyncSession, store_id: UUID, month: str, kpi: str) -> dict[str, Any] | None:
    """What a store may see of a comparison (a store's session); None when there is none."""
    query = select(BenchmarkShare.view).where(
        BenchmarkShare.store_id == store_id, BenchmarkShare.month == month, BenchmarkShare.kpi == kpi
    )
    return (await session.scalars(query)).first()

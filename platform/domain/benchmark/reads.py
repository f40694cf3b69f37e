"""Reading closes and comparisons, in a session of the group."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from .model import BenchmarkRun, MonthClose, StoreClose


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

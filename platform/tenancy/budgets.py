"""Leaky buckets that all processes share: what was spent lately, and how much of the rest a process may spend by itself.

A process leases slices and spends them without asking again, so that a request costs no write. What it does not need it gives
back; what is lost with it leaks away like everything else that was spent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, Float, delete, extract, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from .base import ControlTable
from .engines import Engines
from .security import REGISTRY, Grants
from .session import control_session

#: A bucket that nobody has drawn from for so long is empty, and forgotten.
FORGOTTEN: Final = timedelta(days=2)
#: Buckets that are forgotten at once, so that it never takes long.
_MOST_FORGOTTEN: Final = 1_000


class RateBucket(ControlTable):
    """A leaky bucket: `used` at `at` leaks at `restore_rate` a second and never exceeds `capacity`. `granted` is what the last
    lease got."""

    __tablename__ = "rate_bucket"

    key: Mapped[str] = mapped_column(primary_key=True)
    group_id: Mapped[UUID] = mapped_column(index=True)
    capacity: Mapped[float] = mapped_column(Float())
    restore_rate: Mapped[float] = mapped_column(Float())
    used: Mapped[float] = mapped_column(Float())
    granted: Mapped[float] = mapped_column(Float())
    at: Mapped[datetime]


REGISTRY.declare(Grants("rate_bucket", control=("select", "insert", "update", "delete")))


@dataclass(frozen=True, slots=True)
class Rate:
    """How much a bucket holds, and how much of it leaks a second; both above zero."""

    capacity: float
    restore: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """A slice of a bucket of a group; negative: it is given back."""

    key: str
    group_id: UUID
    rate: Rate
    amount: float


@dataclass(frozen=True, slots=True)
class Granted:
    """What was got of a bucket, less than wanted where there was no more, and how much is left in it."""

    amount: float
    left: float


async def lease(engines: Engines, wanted: Sequence[Wanted]) -> dict[str, Granted]:
    """Slices of buckets by key, in one statement; every key once.

    Raises:
        Unavailable: the database cannot answer now.
    """
    # In one order everywhere: whoever waits for a row holds none that comes later.
    rows = [
        {
            "key": one.key,
            "group_id": one.group_id,
            "capacity": one.rate.capacity,
            "restore_rate": one.rate.restore,
            "used": max(0.0, min(one.amount, one.rate.capacity)),
            "granted": min(one.amount, one.rate.capacity),
            "at": func.clock_timestamp(),
        }
        for one in sorted(wanted, key=lambda one: one.key)
    ]
    new = insert(RateBucket).values(rows)
    elapsed = func.greatest(0.0, extract("epoch", func.clock_timestamp() - RateBucket.at))
    level: ColumnElement[float] = func.greatest(0.0, RateBucket.used - new.excluded.restore_rate * elapsed)
    granted = func.least(new.excluded.granted, func.greatest(0.0, new.excluded.capacity - level))
    statement = new.on_conflict_do_update(
        index_elements=["key"],
        set_={
            "capacity": new.excluded.capacity,
            "restore_rate": new.excluded.restore_rate,
            "used": func.greatest(0.0, level + granted),
            "granted": granted,
            "at": func.clock_timestamp(),
        },
    ).returning(RateBucket.key, RateBucket.granted, RateBucket.capacity - RateBucket.used)
    async with control_session(engines) as session:
        found = await session.execute(statement)
        return {key: Granted(amount, left) for key, amount, left in found}


async def forget(engines: Engines) -> int:
    """Delete buckets that nobody has drawn from for `FORGOTTEN`; how many."""
    old = select(RateBucket.key).where(RateBucket.at < func.now() - FORGOTTEN).limit(_MOST_FORGOTTEN)
    async with control_session(engines) as session:
        found = await session.execute(delete(RateBucket).where(RateBucket.key.in_(old)).returning(RateBucket.key))
        return len(found.all())


__all__ = ["FORGOTTEN", "Granted", "Rate", "RateBucket", "Wanted", "forget", "lease"]

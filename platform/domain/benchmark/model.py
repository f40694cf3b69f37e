"""Tables of the benchmark (control schema): the month's close of a group, what stores published, what came out.

Aggregates only: counts and statistics of stores, never a person.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Double, ForeignKey, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ...tenancy.base import ControlTable, Id
from ...tenancy.columns import month_check, words
from ...tenancy.security import REGISTRY, Grants


class MonthClose(ControlTable):
    """The close 月结 of one month of a group: from the request to the published benchmark. One row per try (`number`)."""

    __tablename__ = "month_close"
    __table_args__ = (
        UniqueConstraint("group_id", "month", "number"),
        words("state", "RUNNING", "DONE"),
        month_check(),
    )

    id: Mapped[Id]
    group_id: Mapped[UUID] = mapped_column(ForeignKey("control.dealer_group.id"))
    month: Mapped[str]
    number: Mapped[int]
    state: Mapped[str]
    requested_by: Mapped[str]
    started_at: Mapped[datetime]
    deadline: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class StoreClose(ControlTable):
    """Where one store stands in a group's close. `reason` says why a store is missing; missing is never zero."""

    __tablename__ = "store_close"
    __table_args__ = (
        UniqueConstraint("close_id", "store_id"),
        words("state", "WAITING", "RUNNING", "DONE", "FAILED", "MISSING"),
    )

    id: Mapped[Id]
    group_id: Mapped[UUID] = mapped_column(ForeignKey("control.dealer_group.id"))
    close_id: Mapped[UUID] = mapped_column(ForeignKey("control.month_close.id"))
    store_id: Mapped[UUID] = mapped_column(ForeignKey("control.store.id"))
    state: Mapped[str]
    reason: Mapped[str | None]
    run_id: Mapped[UUID | None]
    finished_at: Mapped[datetime | None]


class StoreStat(ControlTable):
    """What a store publishes of a month and KPI: counts, and the KPI's decimal value; the newest run replaces older ones."""

    __tablename__ = "store_stat"
    __table_args__ = (UniqueConstraint("store_id", "month", "kpi"), month_check())

    id: Mapped[Id]
    group_id: Mapped[UUID] = mapped_column(ForeignKey("control.dealer_group.id"))
    store_id: Mapped[UUID] = mapped_column(ForeignKey("control.store.id"))
    month: Mapped[str]
    kpi: Mapped[str]
    x: Mapped[int | None]
    n: Mapped[int]
    run_id: Mapped[UUID]
    run_number: Mapped[int]
    provisional: Mapped[bool]
    published_at: Mapped[datetime]


class BenchmarkRun(ControlTable):
    """One comparison 对标 of a group's stores by one KPI of a month; `report` is the full result (docs/interchange.md section 9)."""

    __tablename__ = "benchmark_run"
    __table_args__ = (
        UniqueConstraint("group_id", "month", "kpi", "number"),
        words("state", "PUBLISHED", "SUPERSEDED"),
        month_check(),
    )

    id: Mapped[Id]
    group_id: Mapped[UUID] = mapped_column(ForeignKey("control.dealer_group.id"))
    close_id: Mapped[UUID] = mapped_column(ForeignKey("control.month_close.id"))
    month: Mapped[str]
    kpi: Mapped[str]
    number: Mapped[int]
    state: Mapped[str]
    computed: Mapped[bool]
    x: Mapped[int]
    n: Mapped[int]
    pooled: Mapped[float | None] = mapped_column(Double)
    m: Mapped[float | None] = mapped_column(Double)
    theta: Mapped[float | None] = mapped_column(Double)
    tau: Mapped[float | None] = mapped_column(Double)
    phi: Mapped[float | None] = mapped_column(Double)
    report: Mapped[dict[str, Any]]
    published_at: Mapped[datetime]


class BenchmarkStore(ControlTable):
    """One store's line of a benchmark. A suppressed cell keeps only `n`; `missing` holds the reason of a store without data."""

    __tablename__ = "benchmark_store"
    __table_args__ = (UniqueConstraint("run_id", "store_id"),)

    id: Mapped[Id]
    group_id: Mapped[UUID] = mapped_column(ForeignKey("control.dealer_group.id"))
    run_id: Mapped[UUID] = mapped_column(ForeignKey("control.benchmark_run.id"))
    store_id: Mapped[UUID] = mapped_column(ForeignKey("control.store.id"))
    missing: Mapped[str | None]
    n: Mapped[int | None]
    x: Mapped[int | None]
    value: Mapped[float | None] = mapped_column(Double)
    lo: Mapped[float | None] = mapped_column(Double)
    hi: Mapped[float | None] = mapped_column(Double)
    eb: Mapped[float | None] = mapped_column(Double)
    verdict: Mapped[str | None]
    lo998: Mapped[float | None] = mapped_column(Double)
    lo95: Mapped[float | None] = mapped_column(Double)
    hi95: Mapped[float | None] = mapped_column(Double)
    hi998: Mapped[float | None] = mapped_column(Double)
    suppressed: Mapped[bool] = mapped_column(server_default=text("false"))
    rankable: Mapped[bool] = mapped_column(server_default=text("false"))
    rank: Mapped[int | None]
    rank_lo: Mapped[int | None]
    rank_hi: Mapped[int | None]
    gap: Mapped[float | None] = mapped_column(Double)


class BenchmarkShare(ControlTable):
    """What one store may see of a benchmark: itself by name, the others as an anonymous distribution."""

    __tablename__ = "benchmark_share"
    __table_args__ = (UniqueConstraint("run_id", "store_id"),)

    id: Mapped[Id]
    group_id: Mapped[UUID] = mapped_column(ForeignKey("control.dealer_group.id"))
    run_id: Mapped[UUID] = mapped_column(ForeignKey("control.benchmark_run.id"))
    store_id: Mapped[UUID] = mapped_column(ForeignKey("control.store.id"))
    month: Mapped[str]
    kpi: Mapped[str]
    view: Mapped[dict[str, Any]]


REGISTRY.declare(
    Grants("month_close", group=("select", "insert", "update")),
    Grants("store_close", group=("select", "insert", "update")),
    Grants("store_stat", group=("select", "insert", "update")),
    Grants("benchmark_run", group=("select", "insert", "update")),
    Grants("benchmark_store", group=("select", "insert")),
    # a store reads its own share and nothing else of the comparison
    Grants("benchmark_share", tenant=("select",), group=("select", "insert", "delete"), store_column="store_id"),
)

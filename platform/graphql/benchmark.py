"""Comparing stores in the API: the group's months and benchmarks, and what one store may see of them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

import strawberry

from ..domain.benchmark import actions, reads
from ..domain.benchmark.model import BenchmarkStore
from ..errors import Forbidden
from . import ids
from .context import Context, StoreInfo
from .mutation import Done, Mutation
from .roots import context_of
from .scalars import YearMonth
from .services import group_reading, group_work, services
from .types import StorePart

Month = Annotated[YearMonth, strawberry.argument(description="The month 月份.")]
Kpi = Annotated[str, strawberry.argument(description="Code of the KPI: S01, S02 or S03_SERVICE 指标代码.")]


@strawberry.type(name="StoreReference", description="A store by name, without its rows 门店.")
class StoreReference:
    """Which store a line of the group is about."""

    id: strawberry.ID = strawberry.field(description="Opaque id of the store.")
    code: str = strawberry.field(description="Code 门店代码.")
    name: str = strawberry.field(description="Name 门店名称.")


@strawberry.type(name="BenchmarkLine", description="One store in a comparison 对标结果. Rates are numbers from 0 to 1.")
class BenchmarkLine:
    """A store's statistics; a suppressed cell keeps n only."""

    store: StoreReference = strawberry.field(description="The store 门店.")
    missing: str | None = strawberry.field(description="Why it has no figures, such as NO_EXPORT 缺失原因.")
    n: int | None = strawberry.field(description="Customers counted 样本量.")
    x: int | None = strawberry.field(description="Of these, successes 达成数.")
    value: float | None = strawberry.field(description="x / n; null when suppressed 数值.")
    lo: float | None = strawberry.field(description="Lower end of the 95 % interval (Wilson) 区间下限.")
    hi: float | None = strawberry.field(description="Upper end of the 95 % interval (Wilson) 区间上限.")
    eb: float | None = strawberry.field(description="Value shrunk towards the group (beta-binomial) 收缩值.")
    verdict: str | None = strawberry.field(description="LOW3, LOW2, IN, HIGH2 or HIGH3 in the funnel 判定.")
    lo998: float | None = strawberry.field(description="Lower 99.8 % limit of the funnel 漏斗下限.")
    lo95: float | None = strawberry.field(description="Lower 95 % limit of the funnel.")
    hi95: float | None = strawberry.field(description="Upper 95 % limit of the funnel.")
    hi998: float | None = strawberry.field(description="Upper 99.8 % limit of the funnel 漏斗上限.")
    suppressed: bool = strawberry.field(description="Fewer than 10 customers: only n is shown 样本过少.")
    rankable: bool = strawberry.field(description="At least 30 customers: it is ranked 可排名.")
    rank: int | None = strawberry.field(description="Rank, 1 the best 名次.")
    rank_lo: int | None = strawberry.field(description="Best rank of the 95 % interval 名次区间.")
    rank_hi: int | None = strawberry.field(description="Worst rank of the 95 % interval.")
    gap: float | None = strawberry.field(description="To the best practice (P90 of the shrunk values) 与标杆差距.")


@strawberry.type(name="Benchmark", description="A comparison of the group's stores by one KPI of a month 门店对标.")
class BenchmarkType:
    """The published comparison."""

    month: YearMonth = strawberry.field(description="The month 月份.")
    kpi: str = strawberry.field(description="Code of the KPI 指标代码.")
    number: int = strawberry.field(description="1 for the first comparison of the month, then 2, 3, … 版本.")
    computed: bool = strawberry.field(description="False when fewer than five stores have data 是否计算.")
    provisional: bool = strawberry.field(description="A store's month is not frozen: figures may change 暂定.")
    x: int = strawberry.field(description="Successes of all stores 达成总数.")
    n: int = strawberry.field(description="Customers of all stores 样本总量.")
    pooled: float | None = strawberry.field(description="x / n of all stores 集团均值.")
    tau: float | None = strawberry.field(description="Spread of the true values between stores 一致性 (τ).")
    phi: float | None = strawberry.field(description="Over-dispersion; changes no verdict 过离散 (φ).")
    published_at: datetime = strawberry.field(description="When it was published 发布时间.")
    stores: list[BenchmarkLine] = strawberry.field(description="Stores by code, missing ones too 门店.")


@strawberry.type(name="StoreClose", description="Where a store stands in the close of a month 门店月结.")
class StoreCloseType:
    """One store's part of a close."""

    store: StoreReference = strawberry.field(description="The store 门店.")
    state: str = strawberry.field(description="WAITING, RUNNING, DONE, FAILED or MISSING 状态.")
    reason: str | None = strawberry.field(description="Why it failed or is missing 原因.")
    finished_at: datetime | None = strawberry.field(description="When it ended 完成时间.")


@strawberry.type(name="MonthClose", description="The close of a month of the group 月结.")
class MonthCloseType:
    """The newest close of a month."""

    month: YearMonth = strawberry.field(description="The month 月份.")
    number: int = strawberry.field(description="1 for the first close of the month, then 2, 3, … 次数.")
    state: str = strawberry.field(description="RUNNING or DONE 状态.")
    provisional: bool = strawberry.field(description="A store's month is not frozen: figures may change 暂定.")
    started_at: datetime = strawberry.field(description="When it began 开始时间.")
    deadline: datetime = strawberry.field(description="When waiting for stores ends 截止时间.")
    finished_at: datetime | None = strawberry.field(description="When it was compared 完成时间.")
    stores: list[StoreCloseType] = strawberry.field(description="Stores by code 门店.")


@strawberry.type(name="BenchmarkStanding", description="A store's own place in a comparison 本店位置.")
class BenchmarkStanding:
    """What a store sees of itself."""

    n: int = strawberry.field(description="Customers counted 样本量.")
    value: float | None = strawberry.field(description="Own value; null when suppressed 数值.")
    lo: float | None = strawberry.field(description="Lower end of the 95 % interval 区间下限.")
    hi: float | None = strawberry.field(description="Upper end of the 95 % interval 区间上限.")
    eb: float | None = strawberry.field(description="Value shrunk towards the group 收缩值.")
    verdict: str | None = strawberry.field(description="Verdict in the funnel 判定.")
    rank: int | None = strawberry.field(description="Rank, 1 the best 名次.")
    rank_lo: int | None = strawberry.field(description="Best rank of the 95 % interval 名次区间.")
    rank_hi: int | None = strawberry.field(description="Worst rank of the 95 % interval.")
    of: int | None = strawberry.field(description="How many stores are ranked 参与排名门店数.")
    gap: float | None = strawberry.field(description="To the best practice 与标杆差距.")


@strawberry.type(
    name="BenchmarkShare", description="What a store sees of a comparison: itself, and others without names 对标公示."
)
class BenchmarkShareType:
    """A store's anonymised view."""

    computed: bool = strawberry.field(description="Whether anything of the group may be shown 是否公布.")
    stores_with_data: int = strawberry.field(description="How many stores have data 有数据门店数.")
    missing: int = strawberry.field(description="How many stores are missing 缺失门店数.")
    distribution: list[float] = strawberry.field(description="Values of other stores, ascending, no names 分布.")
    withheld: int = strawberry.field(description="Other stores that are not in the distribution 未公布门店数.")
    pooled: float | None = strawberry.field(description="The group's value 集团均值.")
    own: BenchmarkStanding | None = strawberry.field(description="The store itself; null when it is missing 本店.")


def _reference(store: StoreInfo) -> StoreReference:
    return StoreReference(id=strawberry.ID(ids.store_id(store.id)), code=store.code, name=store.name)


_FIGURES = (
    *("missing", "n", "x", "value", "lo", "hi", "eb", "verdict", "lo998", "lo95", "hi95", "hi998"),
    *("suppressed", "rankable", "rank", "rank_lo", "rank_hi", "gap"),
)


def _lines(lines: Iterable[BenchmarkStore], stores: dict[Any, StoreInfo]) -> list[BenchmarkLine]:
    found = [
        BenchmarkLine(store=_reference(stores[row.store_id]), **{name: getattr(row, name) for name in _FIGURES})
        for row in lines
        if row.store_id in stores
    ]
    return sorted(found, key=lambda line: line.store.code)


async def _stores(context: Context) -> dict[Any, StoreInfo]:
    return (await context.stores()).by_id


@strawberry.type
class GroupBenchmarks:
    """Fields of Group."""

    @strawberry.field(description="The published comparison of a month by a KPI; null when there is none 门店对标.")  # type: ignore[untyped-decorator]
    async def benchmark(self, info: strawberry.Info, month: Month, kpi: Kpi) -> BenchmarkType | None:
        context = context_of(info)
        context.actor.require("benchmark:result:read", None)
        known = services(context)
        async with group_reading(context) as session:
            found = await reads.comparison(session, known.group.id, month, kpi)
        if found is None:
            return None
        names = ("month", "kpi", "number", "computed", "x", "n", "pooled", "tau", "phi", "published_at")
        plain = {name: getattr(found.run, name) for name in names}
        return BenchmarkType(**plain, provisional=found.provisional, stores=_lines(found.lines, await _stores(context)))

    @strawberry.field(description="The newest close of each month, newest first, at most 24 月结.")  # type: ignore[untyped-decorator]
    async def months(self, info: strawberry.Info) -> list[MonthCloseType]:
        return await closes(context_of(info))


async def closes(context: Context, month: str | None = None) -> list[MonthCloseType]:
    """The newest close of each month, or of one, as the actor may see it.

    Raises:
        Forbidden: they may see none.
    """
    if not any(context.actor.can(name, None) for name in ("benchmark:result:read", "evaluation:month:close")):
        raise Forbidden("this needs the permission benchmark:result:read")
    known = services(context)
    async with group_reading(context) as session:
        found = await reads.newest_closes(session, known.group.id, month=month)
    stores = await _stores(context)
    return [_close(one, stores) for one in found]


def _close(found: reads.Close, stores: dict[Any, StoreInfo]) -> MonthCloseType:
    names = ("month", "number", "state", "started_at", "deadline", "finished_at")
    parts = [
        StoreCloseType(
            store=_reference(stores[row.store_id]), state=row.state, reason=row.reason, finished_at=row.finished_at
        )
        for row in found.stores
        if row.store_id in stores
    ]
    parts.sort(key=lambda part: part.store.code)
    return MonthCloseType(
        **{name: getattr(found.close, name) for name in names}, provisional=found.provisional, stores=parts
    )


@strawberry.type
class StoreBenchmarks:
    """Fields of Store."""

    @strawberry.field(description="What this store may see of a comparison; null when there is none 对标公示.")  # type: ignore[untyped-decorator]
    async def benchmark_share(
        self, root: strawberry.Parent[Any], info: strawberry.Info, month: Month, kpi: Kpi
    ) -> BenchmarkShareType | None:
        context = context_of(info)
        part: StorePart = root
        store = part.info
        if not context.actor.can("benchmark:result:read", None):
            context.actor.require("benchmark:share:read", store.id)
        async with context.open_store(store) as session:
            view = await reads.share(session, store.id, month, kpi)
        if view is None:
            return None
        own = view["own"] and BenchmarkStanding(**view["own"])
        return BenchmarkShareType(**{**view, "own": own})


# --- closing a month -------------------------------------------------------------------------------------------------


@strawberry.input(description="Which month to close.")
class CloseMonthInput:
    """Input of closeMonth."""

    month: YearMonth = strawberry.field(description="The month 月份.")


async def _close_month(context: Context, given: Any) -> Done:
    async with group_work(context) as work:
        close_id = (await actions.start_close(work, given.month)).id
    known = services(context)
    async with group_reading(context) as session:
        closes = await reads.newest_closes(session, known.group.id, limit=60)
    stores = await _stores(context)
    shown = next((_close(found, stores) for found in closes if found.close.id == close_id), None)
    return Done(values={"monthClose": shown})


CLOSE_MONTH = Mutation(
    name="closeMonth",
    description="Close a month: every store evaluates itself, then stores are compared 月结. Needs evaluation:month:close.",
    input=CloseMonthInput,
    run=_close_month,
    values={"monthClose": (MonthCloseType, "The close as it began; ask again for its progress.")},
)
MUTATIONS = (CLOSE_MONTH,)

"""HQ's month page: the stores of the group compared by one KPI, honestly (benchmark sections 1 to 4, 7 and 10)."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final

from starlette.responses import Response

from ..domain.benchmark.actions import BENCHMARK_KPIS
from ..errors import NotFound
from . import charts
from .door import month_of
from .figures import lower_is_better
from .visit import Visit, see_other

_ENDED: Final = frozenset({"DONE", "FAILED", "MISSING"})


def kpi_of(visit: Visit) -> str:
    """The KPI in the query, the first one when none is given.

    Raises:
        NotFound: stores are not compared by it.
    """
    kpi = visit.request.query_params.get("kpi") or BENCHMARK_KPIS[0]
    if kpi not in BENCHMARK_KPIS:
        raise NotFound("no such comparison")
    return kpi


async def choose_month(visit: Visit) -> Response:
    """The month picker's target without script: `/months?month=2026-09&kpi=S01`."""
    wanted = visit.request.query_params
    return see_other(f"/months/{wanted.get('month', '')}", kpi=wanted.get("kpi"))


async def show_month(visit: Visit) -> Response:
    """A month of the group by one KPI."""
    month, kpi = month_of(visit), kpi_of(visit)
    data = await visit.ask("group_month", month=month, kpi=kpi)
    group = data["group"]
    months: Sequence[Mapping[str, Any]] = group["months"]
    benchmark: Mapping[str, Any] | None = group["benchmark"]
    rows = [row for row in benchmark["stores"] if not row["missing"]] if benchmark else []
    pooled = benchmark["pooled"] if benchmark else None
    scale = charts.bar_scale(rows)
    ranked = sum(1 for row in rows if row["rank"] is not None)
    plots: list[charts.Funnel | None] = []
    if pooled is not None:
        plots = [charts.funnel(rows, pooled, width=wide, height=high) for wide, high in ((1120, 440), (340, 340))]
    return visit.page(
        "month.html",
        zone=group["timeZone"],
        group=group,
        month=month,
        months=_known_months(months, month),
        kpi=kpi,
        kpis=BENCHMARK_KPIS,
        close=close_of(months, month),
        benchmark=benchmark,
        rows=[(row, charts.interval_bar(row, pooled, scale), standing(row, ranked)) for row in _by_value(rows, kpi)],
        missing=[row for row in benchmark["stores"] if row["missing"]] if benchmark else [],
        ranked=ranked,
        scale=scale,
        plots=[plot for plot in plots if plot],
        lower=lower_is_better(kpi),
    )


async def show_progress(visit: Visit) -> Response:
    """Only the progress of a close, for a page that asks again while it runs."""
    month = month_of(visit)
    data = await visit.ask("close_progress")
    return visit.page("parts/progress.html", close=close_of(data["group"]["months"], month), month=month)


async def follow_progress(visit: Visit) -> Response:
    """The same as it happens, as an event stream that ends with the close: each event `part` is the progress anew."""
    month = month_of(visit)

    async def parts() -> AsyncGenerator[tuple[str, str], None]:
        async with aclosing(visit.follow("close_live", month=month)) as found:
            async for data in found:
                close = data["monthClose"]["monthClose"]
                if close is None:
                    break
                yield "part", visit.text("parts/progress.html", close=close_of([close], month), month=month)
                if close["state"] != "RUNNING":
                    break
        yield "end", ""

    return await visit.stream(parts())


def close_of(months: Sequence[Mapping[str, Any]], month: str) -> dict[str, Any] | None:
    """Where the close of a month stands: its row, stores that ended, and all stores; None when it was never closed."""
    found = next((item for item in months if item["month"] == month), None)
    if found is None:
        return None
    ended = [item for item in found["stores"] if item["state"] in _ENDED]
    return {**found, "ended": len(ended), "all": len(found["stores"])}


def standing(row: Mapping[str, Any], ranked: int) -> str | None:
    """What the rank's interval supports: ``FIRST_QUARTER``, ``LAST_QUARTER``, ``OPEN`` (it does not tell), None: no rank.

    A place at the top or the bottom is said only where the whole 95 % interval lies in that quarter.
    """
    if row["rank"] is None or row["rankLo"] is None or row["rankHi"] is None:
        return None
    if row["rankHi"] * 4 <= ranked:
        return "FIRST_QUARTER"
    if (row["rankLo"] - 1) * 4 >= ranked * 3:
        return "LAST_QUARTER"
    return "OPEN"


def _by_value(rows: Sequence[Mapping[str, Any]], kpi: str) -> list[Mapping[str, Any]]:
    """Best shrunk value first; cells that may not be shown stand last."""
    sign = 1 if lower_is_better(kpi) else -1

    def key(row: Mapping[str, Any]) -> tuple[bool, float, str]:
        value = row["eb"] if row["eb"] is not None else row["value"]
        return (value is None, sign * (value or 0.0), row["store"]["code"])

    return sorted(rows, key=key)


def _known_months(months: Sequence[Mapping[str, Any]], month: str) -> list[str]:
    return sorted({item["month"] for item in months} | {month}, reverse=True)

"""A store's month for its management: figures with what lies behind them, approval, publication, appeals."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from starlette.responses import Response

from ..domain.benchmark.actions import BENCHMARK_KPIS
from ..domain.evaluation.kpi_catalogue import KPIS
from ..errors import NotFound
from . import charts
from .door import month_of
from .figures import lower_is_better
from .months import kpi_of
from .visit import Visit, see_other

#: KPIs by what they speak of, as the page groups them.
KPI_GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "satisfaction": ("DELIVERED", "S01", "S01_PLATED", "S02", "S03", "S07", "S02_SERVICE", "S03_SERVICE"),
    "follow_up": ("F01A", "F01B", "F02", "F03", "F04"),
    "complaints": ("C01", "C02", "C03", "C04", "C04_SERVICE"),
    "after_sales": ("A01", "A02", "A05", "A06", "A07", "A09", "A12", "A12_ATTAINMENT", "A13"),
}


def nodes(connection: Mapping[str, Any] | None) -> list[Any]:
    """The rows of a connection that could be read; none when the whole list could not."""
    return [edge["node"] for edge in (connection or {}).get("edges", ()) if edge["node"] is not None]


def code_of(visit: Visit) -> str:
    """The store's code in the address."""
    return str(visit.request.path_params["code"])


def path_of(code: str, month: str) -> str:
    """The address of a store's month."""
    return f"/stores/{quote(code, safe='')}/months/{month}"


async def choose_month(visit: Visit) -> Response:
    """The month picker's target without script."""
    wanted = visit.request.query_params
    return see_other(path_of(code_of(visit), wanted.get("month", "")), kpi=wanted.get("kpi"))


async def show_month(visit: Visit) -> Response:
    """A store's month."""
    month, kpi, code = month_of(visit), kpi_of(visit), code_of(visit)
    data = await visit.ask("store_month", code=code, month=month, kpi=kpi)
    store = data["store"]
    if store is None:
        raise NotFound("no such store")
    run = next(iter(nodes(store["evaluationRuns"])), None)
    share = store["benchmarkShare"]
    values = {item["kpi"]: item for item in nodes(run["kpiValues"])} if run else {}
    return visit.page(
        "store_month.html",
        zone=store["timeZone"],
        store=store,
        month=month,
        months=sorted({item["month"] for item in nodes(store["months"])} | {month}, reverse=True),
        kpi=kpi,
        kpis=BENCHMARK_KPIS,
        run=run,
        groups={name: [values[code] for code in codes if code in values] for name, codes in KPI_GROUPS.items()},
        departments=[_department(card) for card in nodes(run["departmentCards"])] if run else [],
        schemes=_by_scheme(nodes(run["scorecards"]), nodes(run["ledgerEntries"])) if run else [],
        appeals=nodes(store["appeals"]),
        share=share,
        strip=charts.strip(share) if share and share["computed"] else None,
        lower=lower_is_better(kpi),
        base=path_of(store["code"], month),
        may_approve=visit.may("evaluation:run:approve", store["code"]),
        may_publish=visit.may("evaluation:run:publish", store["code"]),
        may_decide=visit.may("evaluation:appeal:decide", store["code"]),
        done=visit.request.query_params.get("done"),
        refused=visit.request.query_params.get("refused"),
    )


def _department(card: Mapping[str, Any]) -> dict[str, Any]:
    categories: dict[str, dict[str, Any]] = {}
    for item in nodes(card["items"]):
        found = categories.setdefault(
            item["category"],
            {"category": item["category"], "weight": item["weight"], "score": item["categoryScore"], "items": []},
        )
        found["items"].append(item)
    return {"scheme": card["scheme"], "total": card["total"], "categories": list(categories.values())}


def _by_scheme(cards: Sequence[Mapping[str, Any]], entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Cards and ledger by scheme; people with figures first, the best total on top."""
    schemes: dict[str, dict[str, Any]] = {}
    for kind, rows in (("cards", cards), ("entries", entries)):
        for row in rows:
            schemes.setdefault(row["scheme"], {"scheme": row["scheme"], "cards": [], "entries": []})[kind].append(row)
    for scheme in schemes.values():
        scheme["cards"].sort(
            key=lambda card: (card["total"] is None, -float(card["total"] or 0), card["employee"]["employeeNo"])
        )
        scheme["entries_count"] = len(scheme["entries"])
        scheme["points"] = sum(float(entry["points"]) for entry in scheme["entries"])
    return sorted(schemes.values(), key=lambda item: str(item["scheme"]))


async def explain(visit: Visit) -> Response:
    """The records behind one KPI."""
    month, code = month_of(visit), code_of(visit)
    kpi = str(visit.request.path_params["kpi"])
    if kpi not in KPIS:
        raise NotFound("no such KPI")
    after = visit.request.query_params.get("after")
    data = await visit.ask("kpi_explained", code=code, month=month, kpi=kpi, after=after)
    store = data["store"]
    run = next(iter(nodes(store["evaluationRuns"])), None) if store else None
    if run is None:
        raise NotFound("no figures")
    return visit.page(
        "kpi.html",
        zone=store["timeZone"],
        store=store,
        month=month,
        kpi=kpi,
        run=run,
        value=next(iter(nodes(run["kpiValues"])), None),
        records=fold(nodes(run["kpiRecords"])),
        page=run["kpiRecords"]["pageInfo"] if run["kpiRecords"] else None,
        total=run["kpiRecords"]["totalCount"] if run["kpiRecords"] else 0,
        base=path_of(store["code"], month),
        after=after,
    )


def fold(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row per record: counted below the line, above it, or both; with what proves it."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for record in records:
        row = rows.setdefault(
            (record["recordKind"], record["recordKey"]),
            {"kind": record["recordKind"], "key": record["recordKey"], "parts": {}, "proof": None},
        )
        row["parts"][record["part"]] = record["amount"]
        if record["proofKey"]:
            row["proof"] = (record["proofKind"], record["proofKey"])
    return list(rows.values())


# --- what a manager decides ------------------------------------------------------------------------------------------


async def approve(visit: Visit) -> Response:
    """Approve the proposed results."""
    return await _act(visit, "approve_run", "approveRun", "approved")


async def publish(visit: Visit) -> Response:
    """Publish approved results to staff."""
    return await _act(visit, "publish_run", "publishRun", "published")


async def decide(visit: Visit) -> Response:
    """Decide an appeal."""
    fields = await visit.form()
    more = {"uphold": fields.get("verdict") == "uphold", "reason": fields.get("reason", "")[:2000]}
    return await _act(visit, "decide_appeal", "decideAppeal", "decided", more)


async def _act(visit: Visit, document: str, field: str, done: str, more: Mapping[str, Any] | None = None) -> Response:
    fields = await visit.form()
    given = {"id": fields.get("id", ""), "expectedVersion": _version(fields.get("version", "")), **(more or {})}
    data = await visit.ask(document, input=given)
    errors = data[field]["userErrors"]
    back = path_of(code_of(visit), month_of(visit))
    return see_other(back, refused=str(errors[0]["code"])) if errors else see_other(back, done=done)


def _version(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None

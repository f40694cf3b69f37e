"""A store's month as the JSON of the expected file (docs/interchange.md section 10): the one place that rounds."""

from collections.abc import Mapping
from datetime import UTC, datetime
from fractions import Fraction

from .kpi_catalogue import KPIS
from .measure_rules import KpiValue, Statistic, fixed, measured, plain
from .results import AftersalesCard, ItemScore, LedgerEntry, SchemeMonth, Scorecard, StoreMonth

DISPLAY_PLACES = 6
TOTAL_PLACES = 2


def utc_text(moment: datetime) -> str:
    """``2026-11-21T16:00:00Z``; a fraction of a second is kept where there is one."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def shown(value: Fraction | None, places: int = DISPLAY_PLACES) -> str | None:
    """A figure as a decimal text, rounded half up."""
    return None if value is None else fixed(value, places)


def kpi_json(value: KpiValue) -> dict[str, object]:
    """A KPI with n and value, and x and d where the catalogue shows them."""
    kpi = KPIS[value.code]
    sums: dict[str, object] = {}
    for name, amount in (("x", value.x), ("d", value.d)):
        if name in kpi.shows and amount is not None:
            sums[name] = plain(amount) if kpi.shown_places is None else fixed(amount, kpi.shown_places)
    if kpi.statistic is Statistic.COUNT:
        return {"value": shown(value.value), "n": value.n}
    if kpi.shown_places is None:
        return {**sums, "n": value.n, "value": shown(value.value)}
    return {"n": value.n, **sums, "value": shown(value.value)}


def _item_json(item: ItemScore) -> dict[str, object]:
    return {
        "kpi": item.kpi.code,
        "n": item.kpi.n,
        "value": shown(item.kpi.value),
        "missing": item.missing,
        "score": shown(item.score),
    }


def _store_card_json(card: AftersalesCard) -> dict[str, object]:
    return {
        "scheme": card.code,
        "categories": [
            {
                "category": category.code,
                "weight": plain(category.weight),
                "score": shown(category.score),
                "items": [_item_json(item) for item in category.items],
            }
            for category in card.categories
        ],
        "total": shown(card.total, TOTAL_PLACES),
    }


def _whole(amount: Fraction | None) -> int | str:
    return plain(amount or 0)


def scorecard_json(card: Scorecard) -> dict[str, object]:
    """A person's card."""
    return {
        "employee_no": card.who.employee_no,
        "role": card.who.role,
        "team_code": card.who.team_code,
        "supervisor_no": card.who.supervisor_no,
        "status": card.who.status,
        "n": card.s01.n,
        "x": _whole(card.s01.x),
        "s01": shown(card.s01.value),
        "responses": card.s02.n,
        "s02": shown(card.s02.value),
        "s01_pass": card.s01_pass,
        "ledger_points": plain(card.ledger_points),
        "total": shown(card.total, TOTAL_PLACES),
        "verdict": card.verdict.value,
    }


def entry_json(entry: LedgerEntry) -> dict[str, object]:
    """A ledger entry."""
    return {
        "rule": entry.rule,
        "employee_no": entry.employee_no,
        "points": plain(entry.points),
        "evidence": entry.evidence.key,
        "occurred_at": utc_text(entry.occurred_at),
        "period": str(entry.period),
        "cause": entry.cause.value,
        "parent": None if entry.parent is None else list(entry.parent),
    }


def _scheme_json(scheme: SchemeMonth) -> dict[str, object]:
    return {
        "participants": scheme.participants,
        "scorecards": [scorecard_json(card) for card in scheme.scorecards],
        "ledger": [entry_json(entry) for entry in scheme.ledger],
    }


def _teams_json(result: StoreMonth) -> Mapping[str, object]:
    return {team: kpi_json(measured(evidence)) for team, evidence in result.teams.items()}


def store_report(result: StoreMonth) -> dict[str, object]:
    """The object that stands under ``stores[CODE]``. ``aftersales`` is the first store scheme's card, or ``None``."""
    return {
        "time_zone": result.store.time_zone,
        "frozen_at": utc_text(result.frozen_at),
        "kpis": {code: kpi_json(value) for code, value in result.values.items()},
        "t1_verdicts": dict(result.t1_verdicts),
        "teams": _teams_json(result),
        "aftersales": _store_card_json(result.aftersales[0]) if result.aftersales else None,
        "schemes": {scheme.code: _scheme_json(scheme) for scheme in result.schemes},
    }

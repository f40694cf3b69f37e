"""A person's own month: every number with the records it was made of, the own ledger, and the appeal."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from ..errors import NotFound
from .door import month_of
from .stores import fold, nodes
from .visit import Visit, see_other


async def choose_month(visit: Visit) -> Response:
    """The month picker's target without script."""
    return see_other(f"/me/{visit.request.query_params.get('month', '')}")


async def show_month(visit: Visit) -> Response:
    """The visitor's own month, at every store where they work."""
    month, people = month_of(visit), visit.people()
    if not people:
        raise NotFound("no employee")
    data = await visit.ask("own_month", people=people, month=month)
    known = [person for person in data["nodes"] if person]
    months = {card["run"]["month"] for person in known for card in nodes(person["months"]) if card["run"]}
    return visit.page(
        "me.html",
        month=month,
        months=sorted(months | {month}, reverse=True),
        people=[_person(person) for person in known],
        done=visit.request.query_params.get("done"),
        refused=visit.request.query_params.get("refused"),
    )


def _person(person: Mapping[str, Any]) -> dict[str, Any]:
    """Cards of the newest run only, each with its ledger and its records by KPI."""
    cards = nodes(person["scorecards"])
    newest = max((card["run"]["number"] for card in cards if card["run"]), default=None)
    entries = [
        entry
        for entry in nodes(person["ledgerEntries"])
        if entry["run"] is None or newest is None or entry["run"]["number"] == newest
    ]
    shown = [
        {**card, "explained": _explained(nodes(card["records"])), "entries": _of_scheme(entries, card["scheme"])}
        for card in sorted(cards, key=lambda card: str(card["scheme"]))
        if card["run"] and card["run"]["number"] == newest
    ]
    return {"name": person["name"], "no": person["employeeNo"], "cards": shown}


def _explained(records: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    by_kpi: dict[str, list[Mapping[str, Any]]] = {}
    for record in records:
        by_kpi.setdefault(str(record["kpi"]), []).append(record)
    return {kpi: fold(rows) for kpi, rows in sorted(by_kpi.items(), key=lambda item: (item[0][0] != "S", item[0]))}


def _of_scheme(entries: Sequence[Mapping[str, Any]], scheme: str) -> list[dict[str, Any]]:
    found = []
    for entry in entries:
        if entry["scheme"] != scheme:
            continue
        appeals = nodes(entry["appeals"])
        open_to_appeal = (
            entry["state"] == "POSTED"
            and bool(entry["run"])
            and entry["run"]["state"] == "PUBLISHED"
            and all(appeal["state"] == "DENIED" for appeal in appeals)
        )
        found.append({**entry, "appeals": appeals, "open_to_appeal": open_to_appeal})
    return found


async def appeal(visit: Visit) -> Response:
    """File an appeal against an own entry."""
    fields, month = await visit.form(), month_of(visit)
    data = await visit.ask(
        "file_appeal", input={"entryId": fields.get("entry", ""), "text": fields.get("text", "")[:2000]}
    )
    errors = data["fileAppeal"]["userErrors"]
    if errors:
        return see_other(f"/me/{month}", refused=str(errors[0]["code"]))
    return see_other(f"/me/{month}", done="appealed")

"""Rows of a month in the shape of the API, for the desk without a database."""

from collections.abc import Mapping, Sequence
from typing import Any

MONTH = "2026-09"
PEOPLE = (
    *("王建国", "李秀英", "张伟", "刘芳", "陈静", "杨洋", "赵磊", "黄丽"),
    *("周涛", "吴敏", "徐强", "孙燕", "马超", "朱琳", "胡军", "郭鹏"),
)


def edges(rows: Sequence[Any], **more: Any) -> dict[str, Any]:
    """A connection with these rows."""
    page = {"hasNextPage": False, "endCursor": None}
    return {"edges": [{"node": row} for row in rows], "totalCount": len(rows), "pageInfo": page, **more}


def worker(no: str) -> dict[str, Any]:
    """A person as the API shows them."""
    name = PEOPLE[int(no[1:]) % len(PEOPLE)]
    return {"employeeNo": no, "name": name, "nameSort": name}


def card_row(card: Mapping[str, Any], scheme: str) -> dict[str, Any]:
    """A scorecard as the API shows it."""
    return {
        "scheme": scheme,
        "role": card["role"],
        "teamCode": card["team_code"],
        "n": card["n"],
        "x": card["x"],
        "s01": card["s01"],
        "responses": card["responses"],
        "s02": card["s02"],
        "passMark": "80.000000",
        "ledgerPoints": str(card["ledger_points"]),
        "total": card["total"],
        "verdict": card["verdict"],
        "employee": worker(card["employee_no"]),
    }


def entry_row(entry: Mapping[str, Any], scheme: str, state: str, place: int) -> dict[str, Any]:
    """A ledger entry as the API shows it."""
    return {
        "id": f"entry-{scheme}-{place}",
        "period": MONTH,
        "scheme": scheme,
        "rule": entry["rule"],
        "points": f"{entry['points']}.000000",
        "evidenceKind": "COMPLAINT" if entry["evidence"].startswith("CP") else "SALES_ORDER",
        "evidenceKey": entry["evidence"],
        "occurredAt": entry["occurred_at"],
        "cause": entry["cause"],
        "state": state,
        "reason": None,
        "employee": worker(entry["employee_no"]),
    }


def figures_of(month: Mapping[str, Any], state: str) -> dict[str, Any]:
    """The lists of a run."""
    values = [{"kpi": kpi, "x": None, "d": None, **value} for kpi, value in month["kpis"].items()]
    items = [
        {
            "category": category["category"],
            "weight": category["weight"],
            "categoryScore": category["score"],
            **{name: item[name] for name in ("kpi", "n", "value", "missing", "score")},
        }
        for category in month["aftersales"]["categories"]
        for item in category["items"]
    ]
    department = {
        "scheme": month["aftersales"]["scheme"],
        "total": month["aftersales"]["total"],
        "items": edges(items),
    }
    schemes = month["schemes"].items()
    return {
        "kpiValues": edges(values),
        "departmentCards": edges([department]),
        "scorecards": edges([card_row(card, code) for code, found in schemes for card in found["scorecards"]]),
        "ledgerEntries": edges(
            [entry_row(entry, code, state, i) for code, found in schemes for i, entry in enumerate(found["ledger"])]
        ),
    }


def record_rows(kpi: str, x: int, n: int) -> list[dict[str, Any]]:
    """The records behind a KPI."""
    kind, proof = ("SALES_ORDER", "CALL") if kpi.startswith("F") else ("SALES_ORDER", "SURVEY")
    found = []
    for place in range(n):
        base: dict[str, Any] = {
            "kpi": kpi,
            "recordKind": kind,
            "recordKey": f"SO-2609-{place + 1:05}",
            "amount": "1.000000",
        }
        proven = {"proofKind": proof, "proofKey": f"{proof[0]}{place + 31:06}"}
        if place < x:
            found.append({**base, "part": "NUMERATOR", **proven})
        found.append({**base, "part": "DENOMINATOR", "proofKind": None, "proofKey": None})
    return found

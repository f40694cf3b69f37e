"""A desk without a database: accounts, sessions, and answers in the shape of the API, made from the month that was handed over."""

import asyncio
import json
import re
import secrets
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from forecourt.auth.actor import Actor, Membership
from forecourt.auth.web_sessions import OpenedSession, SignInBy, VerifiedSession
from forecourt.domain.benchmark.rules import Benchmark, Missing, StoreCount, benchmark, published
from forecourt.errors import Throttled, Unauthenticated
from forecourt.web.desk import Onward
from tests.web.fake_rows import MONTH, card_row, edges, entry_row, figures_of, record_rows, worker

SPACE = UUID("018f0000-0000-7000-8000-000000000000")
GROUP = uuid5(SPACE, "group")
EXPECTED = Path(__file__).parent.parent / "data" / "harmony" / "expected-2026-09.json"
NAMES = {
    "HX01": "江州云驰汽车4S店",
    "HX02": "临川云驰汽车4S店",
    "HX03": "望海云驰汽车4S店",
    "HX04": "青岩云驰汽车4S店",
    "HX05": "松溪云驰汽车4S店",
    "HX06": "沙洲云驰汽车4S店",
    "HX07": "北屏云驰汽车4S店",
    "HX08": "云岭云驰汽车4S店",
    "HX09": "龙渡云驰汽车4S店",
}
PASSWORD = "correct horse battery"


@cache
def expected() -> dict[str, Any]:
    """The month as the interchange format's example states it."""
    found: dict[str, Any] = json.loads(EXPECTED.read_text(encoding="utf-8"))
    return found


def store_id(code: str) -> UUID:
    """A stable id for a store's code."""
    return uuid5(SPACE, code)


def employee_id(no: str) -> UUID:
    """A stable id for a personnel number."""
    return uuid5(SPACE, f"employee {no}")


def account(name: str, *memberships: Membership, language: str = "zh-CN") -> Actor:
    """An actor with a name."""
    return Actor(f"account:{uuid5(SPACE, name)}", name, GROUP, uuid5(SPACE, name), memberships, language=language)


def accounts() -> dict[str, Actor]:
    """One sign-in per kind of visitor."""
    return {
        "hq": account("沈知行", Membership("HQ_ANALYST", None)),
        "gm": account("李秀英", Membership("STORE_GM", store_id("HX01"), employee_id("E001"))),
        "seller": account("杨洋", Membership("SALES_CONSULTANT", store_id("HX01"), employee_id("E005"))),
        "auditor": account("何清", Membership("GROUP_ADMIN", None), language="en"),
    }


@cache
def compared(kpi: str) -> Benchmark:
    """The group's benchmark of a KPI, by the real rules."""
    counts = [
        StoreCount(code, int(store["kpis"][kpi]["x"]), store["kpis"][kpi]["n"])
        for code, store in expected()["stores"].items()
        if "kpis" in store
    ]
    return benchmark(kpi, MONTH, "HARMONY", counts, [Missing("HX09", "NO_EXPORT")])


def group_benchmark(kpi: str) -> dict[str, Any]:
    """`Group.benchmark`."""
    result = compared(kpi)
    assert result.totals is not None
    rows: list[dict[str, Any]] = []
    for stat in result.stores:
        limits, interval, rank = stat.limits, stat.interval, stat.rank
        rows.append(
            {
                "store": {"code": stat.store, "name": NAMES[stat.store]},
                "missing": None,
                "n": stat.n,
                "x": stat.x,
                "value": stat.value,
                "lo": interval.lo if interval else None,
                "hi": interval.hi if interval else None,
                "eb": stat.eb,
                "verdict": stat.verdict.value if stat.verdict else None,
                "suppressed": stat.suppressed,
                "rankable": stat.rankable,
                "rank": rank.rank if rank else None,
                "rankLo": rank.lo if rank else None,
                "rankHi": rank.hi if rank else None,
                "gap": stat.gap,
                **{name: getattr(limits, name) if limits else None for name in ("lo998", "lo95", "hi95", "hi998")},
            }
        )
    blank = dict.fromkeys(rows[0], None) | {"suppressed": False, "rankable": False}
    for gone in result.missing:
        rows.append({**blank, "store": {"code": gone.store, "name": NAMES[gone.store]}, "missing": gone.reason})
    totals = result.totals
    return {
        "computed": True,
        "x": totals.x,
        "n": totals.n,
        "pooled": totals.pooled,
        "tau": totals.model.tau,
        "phi": totals.phi,
        "publishedAt": "2026-11-22T01:05:00Z",
        "stores": rows,
    }


def store_share(code: str, kpi: str) -> dict[str, Any]:
    """`Store.benchmarkShare`."""
    view = published(compared(kpi), code)
    own = view.own
    return {
        "computed": view.computed,
        "storesWithData": view.stores_with_data,
        "distribution": list(view.distribution),
        "pooled": view.pooled,
        "withheld": view.withheld,
        "own": own
        and {
            "n": own.n,
            "value": own.value,
            "lo": own.interval.lo if own.interval else None,
            "hi": own.interval.hi if own.interval else None,
            "eb": own.eb,
            "verdict": own.verdict.value if own.verdict else None,
            "rank": own.rank.rank if own.rank else None,
            "rankLo": own.rank.lo if own.rank else None,
            "rankHi": own.rank.hi if own.rank else None,
            "of": own.rank.of if own.rank else None,
            "gap": own.gap,
        },
    }


class FakeDesk:
    """A `WebDesk` that keeps its sessions in memory and answers documents from `expected()`."""

    def __init__(self) -> None:
        self.accounts = accounts()
        self.sessions: dict[str, tuple[Actor, VerifiedSession]] = {}
        self.failures = 0
        self.onward: Onward | None = None
        #: month states; tests change these
        self.close_state = "DONE"
        self.provisional = False
        self.run_state = "REVIEW"
        self.refuse: str | None = None
        self.fail_with: str | None = None
        self.gaps: list[str] = []
        self.asked: list[tuple[str, Mapping[str, Any], str]] = []

    async def sign_in(self, *, name: str, password: str, by: SignInBy) -> OpenedSession:
        """See `WebDesk`."""
        if self.failures >= 5:
            raise Throttled("too many failed sign-ins", retry_after=240)
        if name not in self.accounts or password != PASSWORD:
            self.failures += 1
            raise Unauthenticated("name or password is wrong")
        actor, cookie = self.accounts[name], secrets.token_urlsafe(32)
        session = VerifiedSession(uuid5(SPACE, cookie), actor.account_id or SPACE, GROUP, secrets.token_hex(32))
        self.sessions[cookie] = (actor, session)
        return OpenedSession(session.id, cookie, datetime.now(UTC) + timedelta(hours=12))

    async def sign_out(self, cookie: str) -> None:
        """See `WebDesk`."""
        self.sessions.pop(cookie, None)

    async def leave(self, cookie: str, *, language: str) -> Onward | None:
        """See `WebDesk`."""
        await self.sign_out(cookie)
        return self.onward

    async def identify(self, cookie: str) -> tuple[Actor, VerifiedSession]:
        """See `WebDesk`."""
        if cookie not in self.sessions:
            raise Unauthenticated("sign in again")
        return self.sessions[cookie]

    def global_id(self, kind: str, store_id: UUID, row_id: UUID) -> str:
        """See `WebDesk`."""
        return f"{kind}:{store_id}:{row_id}"

    async def execute(
        self, name: str, document: str, variables: Mapping[str, Any], actor: Actor, *, language: str
    ) -> Mapping[str, Any]:
        """See `WebDesk`."""
        name = re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()
        self.asked.append((name, variables, actor.name))
        if self.fail_with == "crash":
            raise RuntimeError("planted")
        if self.fail_with is not None:
            error = {"message": "no", "path": ["store"], "extensions": {"code": self.fail_with}}
            return {"data": None, "errors": [error]}
        if name in MUTATIONS:
            return {"data": {MUTATIONS[name]: {"userErrors": self._refusal()}}}
        data = {"viewer": _viewer(actor)} | getattr(self, f"_{name}")(variables, actor)
        errors = [{"message": "no", "path": ["store", gap], "extensions": {"code": "FORBIDDEN"}} for gap in self.gaps]
        for gap in self.gaps:
            data["store"][gap] = None
        return {"data": data, "errors": errors} if errors else {"data": data}

    async def follow(
        self, name: str, document: str, variables: Mapping[str, Any], cookie: str, *, language: str
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        """See `WebDesk`: looks every few milliseconds."""
        shown: Any = None
        while True:
            await self.identify(cookie)
            close = next((one for one in self._months() if one["month"] == variables["month"]), None)
            if shown is None or close != shown:
                shown = close
                yield {"data": {"monthClose": {"monthClose": close}}}
            await asyncio.sleep(0.02)

    def _refusal(self) -> list[dict[str, Any]]:
        return [{"code": self.refuse, "message": "no", "path": []}] if self.refuse else []

    def _places(self, variables: Mapping[str, Any], actor: Actor) -> dict[str, Any]:
        return {"group": {"timeZone": "Asia/Shanghai"}}

    def _view_as(self, variables: Mapping[str, Any], actor: Actor) -> dict[str, Any]:
        stores = [{"id": f"Store:{code}", "code": code, "name": name} for code, name in NAMES.items()]
        return {"group": {"stores": edges(stores)}}

    def _standing(self, variables: Mapping[str, Any], actor: Actor) -> dict[str, Any]:
        delegation = {
            "id": "delegation-1",
            "role": "STORE_GM",
            "delegate": "张伟 <b>",
            "validFrom": "2026-11-22T01:00:00Z",
            "validTo": "2026-11-30T01:00:00Z",
            "reason": "年假",
        }
        return {"delegations": [delegation]}

    def _colleagues(self, variables: Mapping[str, Any], actor: Actor) -> dict[str, Any]:
        return {"colleagues": [{"id": "account-2", "name": "张伟"}]}

    def _months(self) -> list[dict[str, Any]]:
        running = self.close_state == "RUNNING"
        stores = [
            {
                "store": {"code": code, "name": name},
                "state": "MISSING" if code == "HX09" else "RUNNING" if running and code > "HX05" else "DONE",
                "reason": "NO_EXPORT" if code == "HX09" else None,
            }
            for code, name in NAMES.items()
        ]
        return [
            {
                "month": month,
                "state": self.close_state if month == MONTH else "DONE",
                "startedAt": "2026-11-22T01:00:00Z",
                "finishedAt": None if running else "2026-11-22T01:05:00Z",
                "stores": stores,
            }
            for month in (MONTH, "2026-08")
        ]

    def _home(self, variables: Mapping[str, Any], actor: Actor) -> dict[str, Any]:
        card = {"run": {"month": MONTH}}
        found: dict[str, Any] = {"nodes": [{"scorecards": edges([card])} for _ in variables["people"]]}
        if variables["hq"]:
            found["group"] = {"months": [{"month": MONTH}, {"month": "2026-08"}]}
        if variables["atStore"]:
            found["store"] = {"evaluationRuns": edges([{"month": MONTH}])}
        return found

    def _group_month(self, variables: Mapping[str, Any], actor: Actor) -> dict[str, Any]:
        shown = variables["month"] == MONTH and self.close_state == "DONE"
        return {
            "group": {
                "name": "和谐汽车集团",
                "timeZone": "Asia/Shanghai",
                "months": self._months(),
                "benchmark": group_benchmark(variables["kpi"]) | {"provisional": self.provisional} if shown else None,
            }
        }

    def _close_progress(self, variables: Mapping[str, Any], actor: Actor) -> dict[str, Any]:
        return {"group": {"months": self._months()}}

    def _run(self) -> dict[str, Any]:
        return {
            "id": "run-1",
            "version": 3,
            "number": 1,
            "month": MONTH,
            "state": self.run_state,
            "provisional": self.provisional,
            "asOf": "2026-11-22T01:02:00Z",
            "frozenAt": "2026-11-21T16:00:00Z",
            "approvedAt": None if self.run_state == "REVIEW" else "2026-11-22T02:00:00Z",
            "publishedAt": "2026-11-22T03:00:00Z" if self.run_state == "PUBLISHED" else None,
        }

    def _store_month(self, variables: Mapping[str, Any], actor: Actor) -> dict[str, Any]:
        code, kpi = variables["code"], variables["kpi"]
        if code not in NAMES:
            return {"store": None}
        month = expected()["stores"].get(code)
        runs = [self._run() | figures_of(month, self._entry_state())] if month and variables["month"] == MONTH else []
        appeals = [
            {
                "id": "appeal-1",
                "version": 1,
                "text": "客户出国，约定十月一日回访，通话记录已在系统中。<script>alert(1)</script>",
                "filedAt": "2026-11-22T03:30:00Z",
                "employee": worker("E007"),
                "entry": entry_row(month["schemes"]["SALES-2H"]["ledger"][0], "SALES-2H", "POSTED", 0)
                if month
                else None,
            }
        ]
        return {
            "store": {
                "id": f"Store:{code}",
                "code": code,
                "name": NAMES[code],
                "timeZone": "Asia/Shanghai",
                "asOf": "2026-11-22T04:00:00Z",
                "months": edges([{"month": MONTH}, {"month": "2026-08"}]),
                "evaluationRuns": edges(runs),
                "appeals": edges(appeals if self.run_state == "PUBLISHED" else []),
                "benchmarkShare": store_share(code, kpi) if runs else None,
            }
        }

    def _entry_state(self) -> str:
        return "PROPOSED" if self.run_state == "REVIEW" else "POSTED"

    def _kpi_explained(self, variables: Mapping[str, Any], actor: Actor) -> dict[str, Any]:
        code, kpi = variables["code"], variables["kpi"]
        value = expected()["stores"][code]["kpis"][kpi]
        run = self._run() | {
            "kpiValues": edges([{"kpi": kpi, "d": None, "x": None, **value}]),
            "kpiRecords": edges(
                record_rows(kpi, int(value.get("x") or 0), value["n"])[:100],
                pageInfo={"hasNextPage": True, "endCursor": "c100"},
            ),
        }
        return {
            "store": {
                "code": code,
                "name": NAMES[code],
                "timeZone": "Asia/Shanghai",
                "evaluationRuns": edges([run]),
            }
        }

    def _own_month(self, variables: Mapping[str, Any], actor: Actor) -> dict[str, Any]:
        schemes = expected()["stores"]["HX01"]["schemes"]
        run = self._run()
        cards = []
        for scheme, found in schemes.items():
            card = next(card for card in found["scorecards"] if card["employee_no"] == "E005")
            records = record_rows("S01", card["x"], card["n"]) + record_rows("F01", 3, card["n"])
            cards.append(card_row(card, scheme) | {"run": run, "records": edges(records), "s01Pass": card["s01_pass"]})
        ledger = [
            entry_row(entry, scheme, self._entry_state(), place)
            for scheme, found in schemes.items()
            for place, entry in enumerate(found["ledger"])
            if entry["employee_no"] == "E005"
        ]
        appeal = {
            "state": "SUBMITTED",
            "text": "客户出国。",
            "filedAt": "2026-11-22T03:30:00Z",
            "decidedAt": None,
            "decision": None,
        }
        for place, entry in enumerate(ledger):
            entry |= {"run": run, "appeals": edges([appeal] if place == 1 else [])}
        shown = variables["month"] == MONTH
        person = {
            "id": variables["people"][0],
            **worker("E005"),
            "months": edges([{"run": {"month": MONTH}}]),
            "scorecards": edges(cards if shown else []),
            "ledgerEntries": edges(ledger if shown else []),
        }
        return {"nodes": [person]}


MUTATIONS = {
    "approve_run": "approveRun",
    "publish_run": "publishRun",
    "file_appeal": "fileAppeal",
    "decide_appeal": "decideAppeal",
    "start_view_as": "startViewAs",
    "end_view_as": "endViewAs",
    "delegate_role": "delegateRole",
    "end_delegation": "endDelegation",
}


def _viewer(actor: Actor) -> dict[str, Any]:
    codes = {store_id(code): code for code in NAMES}
    held = [
        {
            "id": f"membership-{place}",
            "role": item.role,
            "storeCode": codes.get(item.store_id or SPACE),
            "region": item.region,
            "delegatedBy": item.delegator or None,
            "validTo": item.valid_to.isoformat() if item.valid_to else None,
        }
        for place, item in enumerate(actor.memberships)
    ]
    return {"name": actor.name, "memberships": held}

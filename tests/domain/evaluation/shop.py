"""A small store for tests of the month's rules: September 2026 in Shanghai, and short ways to write its facts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from forecourt.domain.evaluation.calendar_rules import Month
from forecourt.domain.evaluation.facts import (
    Call,
    Complaint,
    Employee,
    MonthFacts,
    Position,
    RepairOrder,
    SalesOrder,
    StoreInfo,
    SurveyRow,
)
from forecourt.domain.evaluation.month_rules import close_store_month
from forecourt.domain.evaluation.results import LedgerEntry, Scorecard, StoreMonth
from forecourt.domain.evaluation.scheme_specs import Scheme
from forecourt.domain.evaluation.seed_schemes import SEED_SCHEMES
from forecourt.domain.evaluation.settings_rules import DEFAULT_SETTINGS, MonthSettings

ZONE = ZoneInfo("Asia/Shanghai")
SEPTEMBER = Month(2026, 9)
STORE = StoreInfo("S1", "Asia/Shanghai")
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def at(text: str) -> datetime:
    """``"09-05 10:00"`` (or with seconds) of 2026 on the store's clock."""
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=ZONE).astimezone(UTC)


NOON = at("09-10 12:00")
FROZEN = at("11-22 00:00")
LATER = at("12-01 00:00")


def person(
    number: str, hired: str = "2020-01-01", confirmed: str | None = "2020-04-01", left: str | None = None
) -> Employee:
    return Employee(
        number,
        date.fromisoformat(hired),
        None if confirmed is None else date.fromisoformat(confirmed),
        None if left is None else date.fromisoformat(left),
    )


def position(number: str, role: str = "SALES_CONSULTANT", team: str = "T1", **more: Any) -> Position:
    """``supervisor``, ``start`` and ``end`` are optional."""
    start, end = more.pop("start", "2020-01-01"), more.pop("end", None)
    return Position(
        number,
        role,
        team,
        date.fromisoformat(start),
        None if end is None else date.fromisoformat(end),
        more.pop("supervisor", None),
    )


PEOPLE = tuple(person(number) for number in ("A", "B", "C", "SUP", "MGR"))
POSITIONS = (
    position("A", supervisor="SUP"),
    position("B", supervisor="SUP"),
    position("C", team="T2", supervisor="MGR"),
    position("SUP", "SALES_SUPERVISOR", supervisor="MGR"),
    position("MGR", "SALES_MANAGER", "M"),
)


def sale(number: str, delivered: datetime | None = NOON, by: str = "A", **more: Any) -> SalesOrder:
    """A delivered order, invoiced and plated at the delivery, with a complete form unless said otherwise."""
    return SalesOrder(
        number,
        by,
        delivered,
        more.pop("invoiced_at", delivered),
        more.pop("plated_at", delivered),
        more.pop("cancelled_at", None),
        more.pop("form_complete", True),
    )


def answer(
    number: str, order: str, overall: int | None = 5, submitted: datetime | None = None, **more: Any
) -> SurveyRow:
    """A T1 answer of 1 October by the customer alone; ``template="T2"`` makes it one to a repair order."""
    template = more.pop("template", "T1")
    row = SurveyRow(
        number,
        template,
        order_no=order if template != "T2" else None,
        ro_no=order if template == "T2" else None,
        mode="WECHAT",
        submitted_at=submitted or at("10-01 09:00"),
        q_overall=overall,
    )
    return replace(row, **more)


def call(number: str, order: str, started: datetime, **more: Any) -> Call:
    """A connected delivery call; ``kind="RECOVERY"`` takes ``order`` as the survey's number."""
    kind = more.pop("kind", "DELIVERY_CALL")
    recovery = kind == "RECOVERY"
    row = Call(
        number,
        kind,
        more.pop("by", "A"),
        started,
        more.pop("connected", True),
        more.pop("result", "OK"),
        None if recovery else order,
        order if recovery else None,
    )
    assert not more
    return row


def complaint(number: str, received: datetime = NOON, *accused: str, **more: Any) -> Complaint:
    """A closed sales complaint, ruled VALID a day later, acknowledged after an hour, confirmed after a day."""
    row = Complaint(
        number,
        "COMPLAINT",
        "SALES",
        received,
        "CLOSED",
        "VALID",
        received + timedelta(days=1),
        received + HOUR,
        received + timedelta(days=1),
        accused,
    )
    return replace(row, **more)


def repair(number: str, handed_over: datetime | None = NOON, **more: Any) -> RepairOrder:
    """A repair opened a day before its hand-over."""
    opened = more.pop("opened_at", (handed_over or NOON) - timedelta(days=1))
    return RepairOrder(
        number, more.pop("advisor_no", "ADV"), more.pop("type", "REPAIR"), opened, handed_over_at=handed_over, **more
    )


def facts(**collections: Sequence[Any]) -> MonthFacts:
    """The store's people and whatever is given."""
    given = {"employees": PEOPLE, "positions": POSITIONS, **collections}
    return MonthFacts(STORE, **{name: tuple(rows) for name, rows in given.items()})


def close(
    month: Month = SEPTEMBER,
    settings: MonthSettings = DEFAULT_SETTINGS,
    schemes: Sequence[Scheme] = SEED_SCHEMES,
    as_of: datetime = LATER,
    **collections: Sequence[Any],
) -> StoreMonth:
    """Close a month of these facts."""
    return close_store_month(facts(**collections), month, settings, schemes, as_of=as_of)


def x_n(result: StoreMonth, code: str) -> tuple[int | None, int]:
    """Numerator and n of a KPI."""
    value = result.values[code]
    return (None if value.x is None else int(value.x)), value.n


def ledger(result: StoreMonth, scheme: str = "SALES-2H") -> list[LedgerEntry]:
    """The ledger of a scheme."""
    return list(next(found for found in result.schemes if found.code == scheme).ledger)


def keys(result: StoreMonth, scheme: str = "SALES-2H") -> list[tuple[str, str, str]]:
    """(rule, evidence, employee) of the ledger."""
    return [(entry.rule, entry.evidence.key, entry.employee_no) for entry in ledger(result, scheme)]


def cards(result: StoreMonth, scheme: str = "SALES-2H") -> dict[str, Scorecard]:
    """The cards of a scheme by employee number."""
    return {card.who.employee_no: card for found in result.schemes if found.code == scheme for card in found.scorecards}


def seen(*parts: object) -> tuple[object, ...]:
    """Values side by side, to compare exact fractions with plain numbers in one line."""
    return parts

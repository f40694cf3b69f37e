"""What a month close gives: figures, ledger, cards, and for each the records it was counted from. All values exact."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from .calendar_rules import Month
from .facts import StoreInfo
from .measure_rules import KpiEvidence, KpiValue, Reference, measured


class Cause(StrEnum):
    """Why a ledger entry stands against a person: for their own act, or jointly (连带责任)."""

    DIRECT = "DIRECT"
    JOINT = "JOINT"


class EntryKey(NamedTuple):
    """What makes a ledger entry unique: no double punishment."""

    rule: str
    evidence: str
    employee_no: str


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """Points taken from a person (扣分), with the record that shows why.

    ``parent`` is the entry that led to a JOINT one. ``reverses`` is set on the opposite entry that takes one back.
    """

    rule: str
    employee_no: str
    points: Decimal
    evidence: Reference
    occurred_at: datetime
    period: Month
    cause: Cause = Cause.DIRECT
    parent: EntryKey | None = None
    reverses: EntryKey | None = None

    @property
    def key(self) -> EntryKey:
        return EntryKey(self.rule, self.evidence.key, self.employee_no)


class CardVerdict(StrEnum):
    """What a card says. NO_DATA: nothing to judge by."""

    PASS = "PASS"  # noqa: S105  a verdict, no password
    FAIL = "FAIL"
    NO_DATA = "NO_DATA"


@dataclass(frozen=True, slots=True)
class ItemScore:
    """A KPI on a card: its value, whether it was missing (null, or too few cases), its points and weight."""

    kpi: KpiValue
    weight: Decimal
    missing: bool
    score: Fraction | None


@dataclass(frozen=True, slots=True)
class Participant:
    """Somebody who takes part in a scheme, as they were on their reference day."""

    employee_no: str
    role: str
    team_code: str
    supervisor_no: str | None
    status: str


@dataclass(frozen=True, slots=True)
class Scorecard:
    """The card of a person (个人成绩单) in a sales scheme.

    ``s01`` is over the scheme's base, ``s02`` over its answers; ``score`` is what the items come to, ``total`` the
    score with the ledger's points, within 0 and 100. ``evidence`` holds S01, S02 and every item's records.
    """

    who: Participant
    s01: KpiValue
    s02: KpiValue
    s01_pass: bool | None
    items: tuple[ItemScore, ...]
    score: Fraction | None
    ledger_points: Decimal
    total: Fraction | None
    verdict: CardVerdict
    evidence: Mapping[str, KpiEvidence]


@dataclass(frozen=True, slots=True)
class SchemeMonth:
    """A sales scheme's month: cards by employee number, ledger by rule, evidence and employee."""

    code: str
    version: int
    scorecards: tuple[Scorecard, ...]
    ledger: tuple[LedgerEntry, ...]

    @property
    def participants(self) -> int:
        return len(self.scorecards)


@dataclass(frozen=True, slots=True)
class CategoryScore:
    """A category of a store card; ``score`` is ``None`` when all its KPIs are missing, and its weight then goes to the
    others."""

    code: str
    weight: Decimal
    score: Fraction | None
    items: tuple[ItemScore, ...]


@dataclass(frozen=True, slots=True)
class AftersalesCard:
    """The card of a store (售后考核) in a store scheme."""

    code: str
    version: int
    categories: tuple[CategoryScore, ...]
    total: Fraction | None


@dataclass(frozen=True, slots=True)
class StoreMonth:
    """The close of one store's month.

    ``provisional``: computed before the freeze from what was known so far. ``kpis`` and ``teams`` are evidence by KPI
    code and by team code (S01); their values are measured from it.
    """

    store: StoreInfo
    month: Month
    frozen_at: datetime
    as_of: datetime
    provisional: bool
    kpis: Mapping[str, KpiEvidence]
    values: Mapping[str, KpiValue]
    t1_verdicts: Mapping[str, int]
    teams: Mapping[str, KpiEvidence]
    aftersales: tuple[AftersalesCard, ...]
    schemes: tuple[SchemeMonth, ...]


def explain_kpi(result: StoreMonth, code: str) -> KpiEvidence:
    """The records a store's KPI was counted from. ``KeyError`` for a code that is not in the catalogue."""
    return result.kpis[code]


def explain_team(result: StoreMonth, team_code: str) -> KpiEvidence:
    """The records a team's S01 was counted from."""
    return result.teams[team_code]


def explain_category(result: StoreMonth, category: CategoryScore) -> tuple[KpiEvidence, ...]:
    """The records behind a category of a store card, KPI by KPI."""
    return tuple(result.kpis[item.kpi.code] for item in category.items)


def explain_scorecard(scheme: SchemeMonth, employee_no: str) -> tuple[tuple[KpiEvidence, ...], tuple[LedgerEntry, ...]]:
    """The records behind a person's card, and the ledger entries in its total. ``KeyError`` without a card."""
    card = next((card for card in scheme.scorecards if card.who.employee_no == employee_no), None)
    if card is None:
        raise KeyError(employee_no)
    return tuple(card.evidence.values()), tuple(item for item in scheme.ledger if item.employee_no == employee_no)


def values_of(evidence: Mapping[str, KpiEvidence]) -> dict[str, KpiValue]:
    """Measure each."""
    return {key: measured(item) for key, item in evidence.items()}

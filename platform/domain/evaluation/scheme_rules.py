"""Scoring: who takes part, sales cards, store cards (docs/interchange.md section 8). Rounds nothing."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

from .calendar_rules import last_day_of, status_on
from .fact_index import FactIndex
from .facts import Position, SalesOrder
from .kpi_rules import (
    SATISFIED,
    TOP_BOX,
    among_answers,
    answers_of,
    base_orders,
    call_rate,
    forms,
    top_box,
)
from .ledger_rules import ledger_of, points_by_person
from .measure_rules import KpiEvidence, KpiValue, measured
from .results import (
    AftersalesCard,
    CardVerdict,
    CategoryScore,
    ItemScore,
    Participant,
    SchemeMonth,
    Scorecard,
)
from .scheme_specs import Item, SalesScheme, StoreScheme
from .settings_rules import MonthSettings


def participants_of(index: FactIndex, scheme: SalesScheme) -> tuple[Participant, ...]:
    """Everyone who holds one of the scheme's roles on a day of M while employed, by employee number.

    The reference day is the last such day; role, team, superior and status are those of that day, and an excluded
    (role, status) on that day does not take part.
    """
    found = []
    for employee_no, person in sorted(index.employees.items()):
        last: tuple[date, Position] | None = None
        for position in index.positions.get(employee_no, ()):
            if position.role in scheme.roles:
                day = last_day_of(position, person, index.period.month)
                if day is not None and (last is None or day > last[0]):
                    last = (day, position)
        if last is None:
            continue
        day, position = last
        status = status_on(person, day)
        if (position.role, status) not in scheme.excluded:
            found.append(Participant(employee_no, position.role, position.team_code, position.supervisor_no, status))
    return tuple(found)


def weighted(parts: Iterable[tuple[Decimal, Fraction | None]]) -> Fraction | None:
    """Σ w·s / Σ w over the parts that have a score (REDISTRIBUTE); ``None`` when none has."""
    total, weights = Fraction(0), Fraction(0)
    for weight, score in parts:
        if score is not None:
            total += Fraction(weight) * score
            weights += Fraction(weight)
    return total / weights if weights else None


def scored(item: Item, value: KpiValue) -> ItemScore:
    """The points of a KPI; missing when it is null or has fewer cases than the item asks for."""
    missing = value.value is None or value.n < item.min_n
    score = None if missing or value.value is None else item.scorer.points(value.value)
    return ItemScore(value, item.weight, missing, score)


def store_card(scheme: StoreScheme, values: Mapping[str, KpiValue]) -> AftersalesCard:
    """The card of a store out of its KPI values."""
    categories = []
    for category in scheme.categories:
        items = tuple(scored(item, values[item.kpi]) for item in category.items)
        score = weighted((item.weight, item.score) for item in items)
        categories.append(CategoryScore(category.code, category.weight, score, items))
    total = weighted((category.weight, category.score) for category in categories)
    return AftersalesCard(scheme.code, scheme.version, tuple(categories), total)


def final_total(score: Fraction | None, points: Decimal) -> Fraction | None:
    """The score with the ledger's points, not below 0 and not above 100; nothing stays nothing."""
    if score is None:
        return None
    return min(Fraction(100), max(Fraction(0), score + Fraction(points)))


def verdict_on(total: Fraction | None, pass_mark: Decimal) -> CardVerdict:
    """PASS from the pass mark on, by the unrounded total."""
    if total is None:
        return CardVerdict.NO_DATA
    return CardVerdict.PASS if total >= Fraction(pass_mark) else CardVerdict.FAIL


def _personal(
    index: FactIndex, scheme: SalesScheme, base: Sequence[SalesOrder], delivered: Sequence[SalesOrder]
) -> dict[str, KpiEvidence]:
    """The KPIs of a sales card over a person's own orders, those the scheme scores and always S01 and S02."""
    answers = answers_of(index, base)
    evidence = {"S01": top_box(index, base), "S02": among_answers(answers, TOP_BOX, "S02")}
    asked = {item.kpi for item in scheme.items}
    if "S03" in asked:
        evidence["S03"] = among_answers(answers, SATISFIED, "S03")
    if "F01" in asked:
        evidence["F01"] = call_rate(index, delivered, scheme.call_window, "F01")
    if "F03" in asked:
        evidence["F03"] = forms(delivered)
    return evidence


def _card(scheme: SalesScheme, who: Participant, evidence: Mapping[str, KpiEvidence], points: Decimal) -> Scorecard:
    values = {code: measured(item) for code, item in evidence.items()}
    items = tuple(scored(item, values[item.kpi]) for item in scheme.items)
    score = weighted((item.weight, item.score) for item in items)
    total = final_total(score, points)
    s01 = values["S01"]
    return Scorecard(
        who=who,
        s01=s01,
        s02=values["S02"],
        s01_pass=None if s01.value is None else s01.value >= Fraction(scheme.pass_mark),
        items=items,
        score=score,
        ledger_points=points,
        total=total,
        verdict=verdict_on(total, scheme.pass_mark),
        evidence=evidence,
    )


def _by_consultant(orders: Iterable[SalesOrder]) -> Mapping[str, list[SalesOrder]]:
    own: dict[str, list[SalesOrder]] = defaultdict(list)
    for order in orders:
        own[order.consultant_no].append(order)
    return own


def sales_month(index: FactIndex, scheme: SalesScheme, settings: MonthSettings, as_of: datetime) -> SchemeMonth:
    """Cards and ledger of a sales scheme, with the store's settings applied to it."""
    applied = settings.applied_to(scheme)
    people = participants_of(index, applied)
    ledger = ledger_of(index, applied, settings, {person.employee_no for person in people}, as_of)
    points = points_by_person(ledger)
    base, delivered = _by_consultant(base_orders(index, applied.base)), _by_consultant(index.delivered)
    cards = []
    for person in people:
        number = person.employee_no
        evidence = _personal(index, applied, base.get(number, []), delivered.get(number, []))
        cards.append(_card(applied, person, evidence, points.get(number, Decimal(0))))
    return SchemeMonth(scheme.code, scheme.version, tuple(cards), ledger)

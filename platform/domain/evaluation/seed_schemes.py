"""The schemes the product ships, as specifications (docs/interchange.md section 8; requirements 1-13, 21, 22, 28, 29).

They are data like any other scheme: a group may take them as they are, change a copy, or write its own.
"""

from decimal import Decimal

from ..care.rules import AFTER_1_TO_2H, WITHIN_24H
from .kpi_catalogue import Base
from .scheme_specs import (
    DEDUCTION_RULES,
    SALES_ROLES,
    Category,
    Deduction,
    Item,
    SalesScheme,
    Scheme,
    Scorer,
    StoreScheme,
)

_VERY_SATISFIED = (Item("S01", Decimal(100), Scorer.linear(0, 100)),)

SALES_24H = SalesScheme(
    code="SALES-24H",
    version=1,
    roles=SALES_ROLES,
    base=Base.INVOICED_DELIVERED,
    call_window=WITHIN_24H,
    items=_VERY_SATISFIED,
    pass_mark=Decimal(80),
)
"""Everybody, over the invoiced, a call within 24 hours, no deductions."""

SALES_2H = SalesScheme(
    code="SALES-2H",
    version=1,
    roles=SALES_ROLES,
    excluded=(("SALES_ASSISTANT", "PROBATION"),),
    base=Base.PLATED_DELIVERED,
    call_window=AFTER_1_TO_2H,
    items=_VERY_SATISFIED,
    pass_mark=Decimal(80),
    deductions=tuple(Deduction(rule, enabled=True) for rule in DEDUCTION_RULES),
)
"""Without assistants on probation, over the plated, a call after 1 to 2 hours, a point for each omission."""


def _half(kpi: str, scorer: Scorer, min_n: int = 1) -> Item:
    return Item(kpi, Decimal(50), scorer, min_n)


AFTERSALES = StoreScheme(
    code="AFTERSALES-20/25/15/20/20",
    version=1,
    categories=(
        Category(
            "SATISFACTION",
            Decimal(20),
            (_half("S03_SERVICE", Scorer.linear(60, 90), min_n=10), _half("C04_SERVICE", Scorer.linear(60, 95))),
        ),
        Category(
            "REPAIR_EFFICIENCY",
            Decimal(25),
            (_half("A01", Scorer.linear(72, 24)), _half("A02", Scorer.linear(8, 2))),
        ),
        Category(
            "PARTS",
            Decimal(15),
            (_half("A05", Scorer.linear(70, 95)), _half("A06", Scorer.linear(5, 1))),
        ),
        Category(
            "SERVICE_EFFICIENCY",
            Decimal(20),
            (_half("A07", Scorer.band(50, 75, 95, 115)), _half("A09", Scorer.linear(30, 10))),
        ),
        Category(
            "REVENUE",
            Decimal(20),
            (_half("A12_ATTAINMENT", Scorer.linear(60, 100)), _half("A13", Scorer.linear(10, 35))),
        ),
    ),
)
"""The after-sales card (售后KPI考核细则): five categories of two KPIs."""

SEED_SCHEMES: tuple[Scheme, ...] = (SALES_24H, SALES_2H, AFTERSALES)

"""The close of one store's month: facts in, figures out (docs/interchange.md Part B)."""

from collections.abc import Sequence
from datetime import datetime

from ...errors import Invalid
from .calendar_rules import Month
from .fact_index import index_facts
from .facts import MonthFacts
from .known_rules import known_at
from .kpi_rules import store_kpis, t1_verdict_counts, team_kpis
from .results import StoreMonth, values_of
from .scheme_rules import sales_month, store_card
from .scheme_specs import SalesScheme, Scheme, StoreScheme
from .seed_schemes import SEED_SCHEMES
from .settings_rules import DEFAULT_SETTINGS, MonthSettings


def close_store_month(
    facts: MonthFacts,
    month: Month,
    settings: MonthSettings = DEFAULT_SETTINGS,
    schemes: Sequence[Scheme] = SEED_SCHEMES,
    *,
    as_of: datetime,
) -> StoreMonth:
    """Close the month: KPIs, teams, store cards, personal cards and ledgers, each with its evidence.

    Before F(M) the result is ``provisional`` and made of what had happened by ``as_of``; from F(M) on the same facts
    give the same result whatever ``as_of`` is. ``Invalid`` when facts do not fit together, a moment is not aware, or
    two schemes have the same code.
    """
    if as_of.tzinfo is None:
        raise Invalid("as_of has no time zone", path=("as_of",))
    if len({scheme.code for scheme in schemes}) != len(schemes):
        raise Invalid("two schemes have the same code", path=("schemes",))
    frozen_at = settings.freeze.of(month, facts.store.zone)
    provisional = as_of < frozen_at
    index = index_facts(known_at(facts, as_of) if provisional else facts, month, settings.freeze)
    kpis = store_kpis(index, settings)
    values = values_of(kpis)
    return StoreMonth(
        store=facts.store,
        month=month,
        frozen_at=frozen_at,
        as_of=as_of,
        provisional=provisional,
        kpis=kpis,
        values=values,
        t1_verdicts=t1_verdict_counts(index),
        teams=team_kpis(index),
        aftersales=tuple(store_card(scheme, values) for scheme in schemes if isinstance(scheme, StoreScheme)),
        schemes=tuple(
            sales_month(index, scheme, settings, as_of) for scheme in schemes if isinstance(scheme, SalesScheme)
        ),
    )

"""The invented group's September 2026 comes out as its expected file says, to the last digit."""

import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest

from forecourt.domain.evaluation.calendar_rules import Month
from forecourt.domain.evaluation.kpi_catalogue import KPIS
from forecourt.domain.evaluation.measure_rules import Statistic, measured
from forecourt.domain.evaluation.month_rules import close_store_month
from forecourt.domain.evaluation.report_rules import store_report
from forecourt.domain.evaluation.results import (
    StoreMonth,
    explain_category,
    explain_kpi,
    explain_scorecard,
    explain_team,
)
from tests.domain.evaluation.harmony_loader import FOLDER, bounded, load_harmony

SEPTEMBER = Month(2026, 9)
STORES = [f"HX0{number}" for number in range(1, 9)]


@cache
def expected() -> Any:
    return json.loads((FOLDER / "expected-2026-09.json").read_text(encoding="utf-8"))


@cache
def close(code: str) -> StoreMonth:
    facts = load_harmony(code, expected()["imports"][code])
    return close_store_month(facts, SEPTEMBER, as_of=datetime(2026, 11, 22, tzinfo=UTC))


@pytest.mark.parametrize("code", STORES)
def test_the_report_of_a_store_equals_the_expected_file(code: str) -> None:
    report = store_report(close(code))
    assert report == expected()["stores"][code]
    assert json.dumps(report) == json.dumps(expected()["stores"][code])  # the sequence of the keys too
    assert not close(code).provisional


@pytest.mark.parametrize("code", STORES)
def test_rows_in_another_sequence_give_the_same_report(code: str) -> None:
    facts = load_harmony(code, expected()["imports"][code])
    collections = {field.name: getattr(facts, field.name)[::-1] for field in fields(facts) if field.name != "store"}
    backwards = close_store_month(replace(facts, **collections), SEPTEMBER, as_of=close(code).as_of)
    assert store_report(backwards) == store_report(close(code))


@pytest.mark.parametrize("code", STORES)
def test_a_loader_bounded_to_the_month_as_the_docstring_says_gives_the_same_report(code: str) -> None:
    facts = load_harmony(code, expected()["imports"][code])
    small = bounded(facts, SEPTEMBER)
    assert len(small.labour_lines) < len(facts.labour_lines) / 2
    assert len(small.surveys) < len(facts.surveys)
    assert store_report(close_store_month(small, SEPTEMBER, as_of=close(code).as_of)) == store_report(close(code))


@pytest.mark.parametrize("month", ["2026-07", "2026-08", "2026-10"])
@pytest.mark.parametrize("as_of", [datetime(2026, 9, 16, 5, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC)])
def test_a_bounded_loader_is_enough_for_other_months_and_provisional_closes(month: str, as_of: datetime) -> None:
    facts, of = load_harmony("HX08", expected()["imports"]["HX08"]), Month.parse(month)
    whole = close_store_month(facts, of, as_of=as_of)
    assert store_report(close_store_month(bounded(facts, of), of, as_of=as_of)) == store_report(whole)
    assert whole.provisional is (month == "2026-10" or as_of.month == 9)


@pytest.mark.parametrize("code", STORES)
def test_every_value_can_be_counted_again_from_its_evidence(code: str) -> None:
    result = close(code)
    for kpi, evidence in result.kpis.items():
        assert explain_kpi(result, kpi) is evidence
        value = result.values[kpi]
        assert value == measured(evidence)
        if KPIS[kpi].shows == "x" and evidence.statistic is Statistic.PERCENT:
            assert value.x == len(evidence.numerator)
            assert value.n == len(evidence.denominator)
        keys = [counted.record for counted in evidence.numerator]
        assert len(set(keys)) == len(keys)


def test_a_card_and_a_category_are_explained_down_to_their_records() -> None:
    result = close("HX01")
    scheme = next(scheme for scheme in result.schemes if scheme.code == "SALES-2H")
    evidence, ledger = explain_scorecard(scheme, "E003")
    assert [item.code for item in evidence] == ["S01", "S02"]
    assert [(entry.rule, entry.evidence.kind, entry.evidence.key) for entry in ledger] == [
        ("D-CMP-J", "COMPLAINT", "CP00011")
    ]
    with pytest.raises(KeyError):
        explain_scorecard(scheme, "NOBODY")
    card = result.aftersales[0]
    efficiency = explain_category(result, card.categories[1])
    assert [item.code for item in efficiency] == ["A01", "A02"]
    assert all(counted.proof is not None for counted in efficiency[1].numerator)
    assert explain_team(result, "S1").n == 24


@pytest.mark.parametrize("code", STORES)
def test_the_loader_reads_exactly_the_accepted_rows(code: str) -> None:
    facts = load_harmony(code, expected()["imports"][code])
    accepted = expected()["imports"][code]["accepted"]
    for name in ("employees", "positions", "sales_orders", "repair_orders", "labour_lines", "part_lines"):
        assert len(getattr(facts, name)) == accepted[f"{name}.csv"], name
    for name in ("attendance", "complaints", "surveys", "calls", "targets"):
        assert len(getattr(facts, name)) == accepted[f"{name}.csv"], name

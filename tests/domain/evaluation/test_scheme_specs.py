"""Schemes as data: read strictly, written back the same, refused where they make no sense."""

import json
from typing import Any

import pytest

from forecourt.domain.evaluation.scheme_specs import Scorer, parse_scheme
from forecourt.domain.evaluation.seed_schemes import AFTERSALES, SALES_2H, SALES_24H, SEED_SCHEMES
from forecourt.errors import Invalid


@pytest.mark.parametrize("scheme", SEED_SCHEMES, ids=lambda scheme: scheme.code)
def test_a_seed_scheme_survives_json(scheme: Any) -> None:
    assert parse_scheme(json.loads(json.dumps(scheme.to_json()))) == scheme


def test_the_seed_says_what_the_sources_say() -> None:
    assert SALES_24H.to_json() == {
        "kind": "SALES",
        "code": "SALES-24H",
        "version": 1,
        "participants": {
            "roles": ["SALES_CONSULTANT", "SALES_ASSISTANT", "SALES_SUPERVISOR", "SALES_MANAGER"],
            "excluded": [],
        },
        "base": "INVOICED_DELIVERED",
        "call_window": {"min": "0h", "max": "24h"},
        "items": [
            {"kpi": "S01", "weight": "100", "scorer": {"kind": "LINEAR", "floor": "0", "target": "100"}, "min_n": 1}
        ],
        "pass_mark": "80",
        "deductions": [],
    }
    assert [category.weight for category in AFTERSALES.categories] == [20, 25, 15, 20, 20]
    assert SALES_2H.points_of("D-Q") == -1
    assert SALES_24H.points_of("D-Q") is None


def changed(scheme: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """The scheme's JSON with one value changed; ``...`` takes it out."""
    data = json.loads(json.dumps(scheme.to_json()))
    at = data
    for key in path[:-1]:
        at = at[key]
    if value is ...:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return data


CATEGORY, ITEM = ("categories", 0), ("categories", 0, "items", 0)


@pytest.mark.parametrize(
    ("scheme", "path", "value"),
    [
        (SALES_2H, ("kind",), "OTHER"),
        (SALES_2H, ("kind",), ...),
        (SALES_2H, ("base",), "EVERYBODY"),
        (SALES_2H, ("base",), ...),
        (SALES_2H, ("surprise",), 1),
        (SALES_2H, ("version",), 0),
        (SALES_2H, ("version",), True),
        (SALES_2H, ("code",), " "),
        (SALES_2H, ("pass_mark",), "101"),
        (SALES_2H, ("pass_mark",), 80.0),
        (SALES_2H, ("pass_mark",), "NaN"),
        (SALES_2H, ("call_window", "min"), "3h"),
        (SALES_2H, ("call_window", "max"), "two hours"),
        (SALES_2H, ("participants", "roles"), []),
        (SALES_2H, ("participants", "roles", 0), "BOSS"),
        (SALES_2H, ("participants", "excluded", 0, "status"), "TIRED"),
        (SALES_2H, ("items", 0, "weight"), "99.999999"),
        (SALES_2H, ("items", 0, "kpi"), "A01"),
        (SALES_2H, ("items", 0, "scorer", "kind"), "GUESS"),
        (SALES_2H, ("items", 0, "scorer", "target"), "0"),
        (SALES_2H, ("items", 0, "scorer", "floor"), "200"),
        (SALES_2H, ("deductions", 0, "rule"), "D-MOOD"),
        (SALES_2H, ("deductions", 0, "points"), "1"),
        (SALES_2H, ("deductions", 0, "enabled"), "yes"),
        (SALES_2H, ("deductions", 2, "enabled"), False),
        (SALES_2H, ("deductions", 1, "rule"), "D-Q"),
        (SALES_2H, ("deductions",), {}),
        (AFTERSALES, ("missing",), "ZERO"),
        (AFTERSALES, ("categories",), []),
        (AFTERSALES, (*CATEGORY, "weight"), "20.000001"),
        (AFTERSALES, (*CATEGORY, "weight"), "-20"),
        (AFTERSALES, (*CATEGORY, "code"), "PARTS"),
        (AFTERSALES, (*CATEGORY, "items"), []),
        (AFTERSALES, (*ITEM, "kpi"), "X99"),
        (AFTERSALES, (*ITEM, "kpi"), "C04_SERVICE"),
        (AFTERSALES, (*ITEM, "kpi"), "A01"),
        (AFTERSALES, (*ITEM, "min_n"), 0),
        (AFTERSALES, (*ITEM, "scorer"), {"kind": "BAND", "floor": "1", "target": "3", "full_to": "2", "zero_at": "4"}),
        (AFTERSALES, ("categories",), [{}] * 101),
    ],
)
def test_a_scheme_that_makes_no_sense_is_refused_with_its_place(
    scheme: Any, path: tuple[str | int, ...], value: Any
) -> None:
    with pytest.raises(Invalid) as caught:
        parse_scheme(changed(scheme, path, value))
    assert caught.value.message


@pytest.mark.parametrize("data", [None, [], "SALES", {}, {"kind": ["SALES"]}])
def test_what_is_no_scheme_is_refused(data: Any) -> None:
    with pytest.raises(Invalid):
        parse_scheme(data)


def test_a_scorer_needs_a_segment() -> None:
    with pytest.raises(Invalid):
        Scorer(())

"""Claims become roles: what the rules say and nothing else, whatever the claims look like."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecourt.auth.oidc.mapping import (
    MOST_EMPLOYED,
    MOST_GIVEN,
    MOST_RULES,
    MOST_VALUES,
    Given,
    claim_at,
    employee_numbers,
    given_roles,
    named_claim,
    parse_claim_names,
    parse_rules,
    roles_of,
)
from forecourt.auth.roles import EITHER_ROLES, GROUP_ROLES, MAPPED_ROLES
from forecourt.errors import Invalid

STORES = ("BJ01", "SH02", "GZ03")
EXACT = {"claim": "groups", "equals": "sales-bj01", "role": "SALES_CONSULTANT", "store": "BJ01"}
PATTERN = {"claim": "groups", "matches": "fc-{store}-service-advisor", "role": "SERVICE_ADVISOR"}
WHOLE = {"claim": "groups", "equals": "hq-quality", "role": "HQ_QUALITY"}
BY_CLAIM = {"claim": "title", "equals": "Service Advisor", "role": "SERVICE_ADVISOR", "store_claim": "dealers"}


def roles(rules: list[Any], claims: dict[str, Any]) -> set[tuple[str, str]]:
    return {(one.role, one.store) for one in given_roles(parse_rules(rules), claims, STORES)}


@pytest.mark.parametrize(
    ("rule", "claims", "gives"),
    [
        (EXACT, {"groups": ["x", "sales-bj01"]}, {("SALES_CONSULTANT", "BJ01")}),
        (EXACT, {"groups": "sales-bj01"}, {("SALES_CONSULTANT", "BJ01")}),
        (EXACT, {"groups": ["SALES-BJ01", "sales-bj01 ", "sales-bj"]}, set()),
        (EXACT | {"store": "XX99"}, {"groups": "sales-bj01"}, set()),
        (PATTERN, {"groups": ["fc-SH02-service-advisor"]}, {("SERVICE_ADVISOR", "SH02")}),
        (PATTERN, {"groups": ["fc-sh02-service-advisor"]}, {("SERVICE_ADVISOR", "SH02")}),
        (PATTERN, {"groups": ["fc--service-advisor", "fc-XX99-service-advisor", "fc-SH02-service-advisor2"]}, set()),
        (PATTERN, {"groups": ["fc-service-advisor"]}, set()),
        (WHOLE, {"groups": ["hq-quality"]}, {("HQ_QUALITY", "")}),
        (BY_CLAIM, {"title": "Service Advisor", "dealers": ["BJ01", "gz03", "XX"]},
         {("SERVICE_ADVISOR", "BJ01"), ("SERVICE_ADVISOR", "GZ03")}),
        (BY_CLAIM, {"title": "Service Advisor"}, set()),
        (BY_CLAIM, {"title": "Technician", "dealers": "BJ01"}, set()),
        (EXACT | {"claim": "/realm_access/roles"}, {"realm_access": {"roles": ["sales-bj01"]}}, {("SALES_CONSULTANT", "BJ01")}),
        (EXACT | {"claim": "https://corp.example/roles"}, {"https://corp.example/roles": "sales-bj01"}, {("SALES_CONSULTANT", "BJ01")}),
    ],
)  # fmt: skip
def test_a_rule_gives_its_role_where_it_says(rule: Any, claims: Any, gives: set[tuple[str, str]]) -> None:
    assert roles([rule], claims) == gives


def test_an_employee_number_counts_where_it_cannot_be_somebody_elses() -> None:
    one, two = [Given("CS_AGENT", "BJ01")], [Given("CS_AGENT", "BJ01"), Given("CS_AGENT", "SH02")]
    assert employee_numbers("E005", one) == {"BJ01": "E005"}
    assert employee_numbers(5, one) == {"BJ01": "5"}
    assert employee_numbers("E005", two) == {}
    assert employee_numbers(["bj01/E005", "SH02/E9", "GZ03/E1"], two) == {"BJ01": "E005", "SH02": "E9"}
    assert employee_numbers(["E005", "E006"], one) == {}
    assert employee_numbers("E005", [Given("HQ_ANALYST")]) == {}
    odd: list[Any] = [None, True, {}, [], "", "/", "BJ01/", 1.5, ["a\0b"], 10**30]
    for claim in odd:
        assert employee_numbers(claim, one) == {}


def test_nobody_is_an_employee_of_too_many_stores() -> None:
    given = [Given("CS_AGENT", f"S{number}") for number in range(MOST_EMPLOYED + 1)]
    claim = [f"{one.store}/E1" for one in given]
    assert employee_numbers(claim, given) == {}
    assert len(employee_numbers(claim, given[1:])) == MOST_EMPLOYED


def test_two_codes_that_differ_in_case_alone_are_found_by_neither_pattern() -> None:
    rules = parse_rules([PATTERN, EXACT])
    claims = {"groups": ["fc-bj01-service-advisor", "sales-bj01"]}
    assert given_roles(rules, claims, ["BJ01", "bj01"]) == set()


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ("x", ("0",)),
        ({}, ("0", "role")),
        (EXACT | {"role": "EMPEROR"}, ("0", "role")),
        (EXACT | {"role": "CLIENT"}, ("0", "role")),
        (EXACT | {"role": ["STORE_GM"]}, ("0", "role")),
        (EXACT | {"role": "HQ_ANALYST"}, ("0", "role")),
        (WHOLE | {"role": "STORE_GM"}, ("0", "role")),
        (EXACT | {"matches": "{store}"}, ("0",)),
        ({"claim": "groups", "role": "STORE_GM", "store": "BJ01"}, ("0",)),
        (PATTERN | {"matches": "fc-advisor"}, ("0", "matches")),
        (PATTERN | {"matches": "{store}{store}"}, ("0", "matches")),
        (PATTERN | {"store": "BJ01"}, ("0",)),
        (EXACT | {"store_claim": "dealers"}, ("0",)),
        (EXACT | {"store": ""}, ("0", "store")),
        (EXACT | {"store": 1}, ("0", "store")),
        (EXACT | {"equals": " "}, ("0", "equals")),
        (EXACT | {"equals": "x" * 301}, ("0", "equals")),
        (EXACT | {"equals": "a\0"}, ("0", "equals")),
        (EXACT | {"claim": None}, ("0", "claim")),
        (EXACT | {"admin": True}, ("0", "admin")),
    ],
)  # fmt: skip
def test_rules_of_another_form_are_refused_where_they_are_wrong(rule: Any, path: tuple[str, ...]) -> None:
    with pytest.raises(Invalid) as refused:
        parse_rules([rule])
    assert refused.value.path == path


def test_rules_and_claim_names_are_bounded() -> None:
    assert len(parse_rules([EXACT] * MOST_RULES)) == MOST_RULES
    others: list[Any] = [[EXACT] * (MOST_RULES + 1), {}, None, "x"]
    for wrong in others:
        with pytest.raises(Invalid):
            parse_rules(wrong)
    assert parse_claim_names({"email": " upn "}) == {"email": "upn"}
    odd: list[Any] = [[], {"admin": "x"}, {"email": 1}, {"email": ""}, {"email": "x" * 301}]
    for names in odd:
        with pytest.raises(Invalid):
            parse_claim_names(names)


def test_what_is_too_much_gives_nothing() -> None:
    assert roles([EXACT], {"groups": ["sales-bj01", *["x"] * MOST_VALUES]}) == set()
    stores = [f"S{number}" for number in range(MOST_GIVEN + 1)]
    claims = {"title": "Service Advisor", "dealers": stores}
    assert given_roles(parse_rules([BY_CLAIM]), claims, stores) == set()
    assert len(given_roles(parse_rules([BY_CLAIM]), claims, stores[1:])) == MOST_GIVEN


def test_claims_are_found_by_name_or_pointer() -> None:
    claims = {"a": {"b/c": 1, "d~": 2}, "email": "x", "/odd": 3}
    assert [claim_at(claims, name) for name in ("/a/b~1c", "/a/d~0", "/odd", "/a/x", "/email/x", "a/b")] == [
        *(1, 2, 3),
        *(None, None, None),
    ]
    assert named_claim({}, claims, "email") == "x"
    assert named_claim({"email": "/odd"}, claims, "email") == 3
    assert named_claim({}, claims, "employee_no") is None


# --- whatever is said -------------------------------------------------------------------------------------------------

WORDS = st.sampled_from(
    ["sales-bj01", "fc-BJ01-x", "fc-SH02-x", "fc-XX-x", "hq", "admin", "BJ01", "SH02", "XX99", "", "管理员", "\0"]
)
CLAIMS = st.sampled_from(["groups", "title", "dealers", "/deep/roles"])
STORE_ROLES = sorted(MAPPED_ROLES - (GROUP_ROLES - EITHER_ROLES))


@st.composite
def any_rule(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["equals", "matches", "claim", "group"]))
    value = draw(WORDS.filter(lambda one: bool(one) and one.isprintable()))
    rule = {
        "claim": draw(CLAIMS),
        "role": draw(st.sampled_from(sorted(GROUP_ROLES & MAPPED_ROLES) if kind == "group" else STORE_ROLES)),
    }
    if kind == "matches":
        return rule | {"matches": "fc-{store}-x"}
    place = {"equals": {"store": draw(st.sampled_from(["BJ01", "XX99"]))}, "claim": {"store_claim": "dealers"}}
    return rule | {"equals": value} | place.get(kind, {})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=8) | CLAIMS, inner, max_size=6),
    max_leaves=25,
)
ANY_CLAIMS = st.dictionaries(CLAIMS | st.sampled_from(["deep", "roles"]) | st.text(max_size=8), JSON, max_size=8)
SOUND_CLAIMS = st.fixed_dictionaries(
    {"groups": st.lists(WORDS, max_size=6), "title": WORDS, "dealers": st.lists(WORDS, max_size=6)}
)


@settings(max_examples=300, deadline=None)
@given(rules=st.lists(any_rule(), max_size=8), claims=ANY_CLAIMS | SOUND_CLAIMS, salt=st.integers())
def test_whatever_is_claimed_only_rules_give_roles_at_stores_of_the_group_in_any_order(
    rules: list[dict[str, Any]], claims: dict[str, Any], salt: int
) -> None:
    parsed = parse_rules(rules)
    found = given_roles(parsed, claims, STORES)
    assert {one.role for one in found} <= roles_of(parsed)
    assert {one.store for one in found} <= {*STORES, ""}
    for one in found:
        assert one.role in (GROUP_ROLES if not one.store else STORE_ROLES)
    if "GROUP_ADMIN" not in {rule["role"] for rule in rules}:
        assert all(one.role != "GROUP_ADMIN" for one in found)
    mixed = random.Random(salt)
    shuffled = {
        name: mixed.sample(value, len(value)) if isinstance(value, list) else value for name, value in claims.items()
    }
    assert given_roles(mixed.sample(parsed, len(parsed)), shuffled, tuple(reversed(STORES))) == found
    numbers = employee_numbers(claims.get("title"), found)
    assert set(numbers) <= {one.store for one in found}


@settings(max_examples=200, deadline=None)
@given(rules=st.lists(any_rule(), max_size=8), claims=SOUND_CLAIMS, more=WORDS)
def test_more_values_of_a_claim_never_take_a_role_away_and_none_gives_none(
    rules: list[dict[str, Any]], claims: dict[str, Any], more: str
) -> None:
    parsed = parse_rules(rules)
    wider = claims | {"groups": [*claims["groups"], more]}
    assert given_roles(parsed, claims, STORES) <= given_roles(parsed, wider, STORES)
    assert given_roles(parsed, {}, STORES) == set()
    assert given_roles([], claims, STORES) == set()


@settings(max_examples=300, deadline=None)
@given(value=JSON)
def test_reading_rules_and_names_refuses_or_gives_and_never_breaks(value: Any) -> None:
    for read in (parse_rules, parse_claim_names):
        try:
            read(value)
        except Invalid:
            continue

"""Rules written one a line are the rules again."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecourt.auth.oidc.mapping import parse_rules
from forecourt.auth.oidc.rule_lines import from_lines, to_lines
from forecourt.errors import Invalid
from tests.auth.oidc.test_mapping import any_rule

TEXT = """
# sales
groups = sales-bj01 -> SALES_CONSULTANT @ BJ01
groups = fc-{store}-service-advisor -> SERVICE_ADVISOR @ {store}

title = Service Advisor -> SERVICE_ADVISOR @ claim dealer_codes
groups=hq-quality->HQ_QUALITY
groups = a = b -> HQ_ANALYST
"""


def test_a_text_is_read_line_by_line() -> None:
    assert from_lines(TEXT) == [
        {"claim": "groups", "equals": "sales-bj01", "role": "SALES_CONSULTANT", "store": "BJ01"},
        {"claim": "groups", "matches": "fc-{store}-service-advisor", "role": "SERVICE_ADVISOR"},
        {"claim": "title", "equals": "Service Advisor", "role": "SERVICE_ADVISOR", "store_claim": "dealer_codes"},
        {"claim": "groups", "equals": "hq-quality", "role": "HQ_QUALITY"},
        {"claim": "groups", "equals": "a = b", "role": "HQ_ANALYST"},
    ]


@pytest.mark.parametrize(
    "line", ["x", "groups = x", "groups -> HQ_ANALYST", "= x -> HQ_ANALYST", "groups = x ->", "->"]
)
def test_a_line_of_another_form_is_refused_with_its_number(line: str) -> None:
    with pytest.raises(Invalid) as refused:
        from_lines(f"groups = x -> HQ_ANALYST\n{line}")
    assert refused.value.data == {"line": 2}


@settings(max_examples=200, deadline=None)
@given(rules=st.lists(any_rule(), max_size=6))
def test_what_is_written_is_read_again(rules: list[dict[str, Any]]) -> None:
    assert parse_rules(from_lines(to_lines(rules))) == parse_rules(rules)

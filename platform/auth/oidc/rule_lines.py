"""Rules as a person writes them, one a line:

    groups = sales-bj01 -> SALES_CONSULTANT @ BJ01
    groups = fc-{store}-service-advisor -> SERVICE_ADVISOR @ {store}
    title = Service Advisor -> SERVICE_ADVISOR @ claim dealer_codes
    groups = hq-quality -> HQ_QUALITY

Empty lines and lines that begin with ``#`` are left out.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import Invalid

_STORE = "{store}"
_CLAIM = "claim "


def to_lines(rules: Sequence[Mapping[str, Any]]) -> str:
    """The rules as text."""
    return "\n".join(_line(rule) for rule in rules)


def from_lines(text: str) -> list[dict[str, str]]:
    """The rules of a text, in the form that `mapping.parse_rules` reads (and judges).

    Raises:
        Invalid: a line has another form; ``line`` says which, from 1.
    """
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.strip().startswith("#"):
            found.append(_read(line, number))
    return found


def _line(rule: Mapping[str, Any]) -> str:
    place = ""
    if "matches" in rule:
        place = f" @ {_STORE}"
    elif rule.get("store"):
        place = f" @ {rule['store']}"
    elif rule.get("store_claim"):
        place = f" @ {_CLAIM}{rule['store_claim']}"
    return f"{rule.get('claim', 'groups')} = {rule.get('matches', rule.get('equals'))} -> {rule['role']}{place}"


def _read(line: str, number: int) -> dict[str, str]:
    left, arrow, right = line.rpartition("->")
    claim, equals, value = (part.strip() for part in left.partition("="))
    role, _, place = (part.strip() for part in right.partition("@"))
    if not (arrow and equals and claim and value and role):
        raise Invalid("a line is: claim = value -> ROLE @ store", line=number)
    rule = {"claim": claim, "role": role}
    if place == _STORE:
        return {**rule, "matches": value}
    if place.startswith(_CLAIM):
        return {**rule, "equals": value, "store_claim": place.removeprefix(_CLAIM).strip()}
    return {**rule, "equals": value, "store": place} if place else {**rule, "equals": value}

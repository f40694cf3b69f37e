"""From what an identity provider says of a person (claims) to roles at stores: pure and total.

Rules are data of the provider's row, in the form that `parse_rules` reads:

    {"claim": "groups", "equals": "sales-bj01", "role": "SALES_CONSULTANT", "store": "BJ01"}
    {"claim": "groups", "equals": "hq-quality", "role": "HQ_QUALITY"}
    {"claim": "groups", "matches": "fc-{store}-service-advisor", "role": "SERVICE_ADVISOR"}
    {"claim": "title", "equals": "Service Advisor", "role": "SERVICE_ADVISOR", "store_claim": "dealer_codes"}

A rule with ``store`` gives its role there; with ``matches`` at the store whose code stands in the value; with ``store_claim`` at
each store that this claim names; with none of them for the whole group. A claim is named as the provider names it; one that
lies deeper by a JSON pointer (RFC 6901): ``/realm_access/roles``.

Whatever is malformed (a claim of another form, too many values, a store that is none of the group's) gives nothing. What a
person gets depends on the set of values and of rules alone, never on their order.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ...errors import Invalid
from ..roles import MAPPED_ROLES, goes_with

MOST_RULES: Final = 200
#: A claim with more values than this gives nothing: a part of it would depend on the order.
MOST_VALUES: Final = 2000
#: A value longer than this is no name of a group or role.
MOST_CHARACTERS: Final = 300
#: Somebody to whom the rules would give more than this gets nothing of them: the rules are wrong.
MOST_GIVEN: Final = 500
#: Somebody who is an employee of more stores than this is none.
MOST_EMPLOYED: Final = 50

#: What a provider can be asked for beside the roles, with the claim's usual name (OpenID Connect Core 1.0, section 5.1).
CLAIMS: Final[Mapping[str, str | None]] = {
    "email": "email",
    "email_verified": "email_verified",
    "employee_no": None,
    "language": "locale",
    "name": "name",
    "roles": "groups",
}

_CODE: Final = "{store}"
_KEYS: Final = frozenset({"claim", "equals", "matches", "role", "store", "store_claim"})
_STORE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,49}")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. With ``capture`` the value is ``prefix`` + a store's code + ``suffix``, else it is ``prefix``."""

    claim: str
    prefix: str
    suffix: str
    capture: bool
    role: str
    store: str | None = None
    store_claim: str | None = None


@dataclass(frozen=True, slots=True, order=True)
class Given:
    """A role that the claims give: at the store with this code, or (empty) for the group."""

    role: str
    store: str = ""


def parse_rules(value: object) -> tuple[Rule, ...]:
    """The rules of a provider.

    Raises:
        Invalid: they have another form; ``path`` says which rule (from 0) and which part.
    """
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise Invalid("rules are a list")
    if len(value) > MOST_RULES:
        raise Invalid(f"at most {MOST_RULES} rules", limit=MOST_RULES)
    return tuple(_rule(item, str(number)) for number, item in enumerate(value))


def parse_claim_names(value: object) -> dict[str, str]:
    """Which claim says what; what is left out has its usual name (`CLAIMS`).

    Raises:
        Invalid: another form.
    """
    if not isinstance(value, Mapping):
        raise Invalid("claim names are an object")
    unknown = sorted(str(key) for key in value.keys() - CLAIMS.keys())
    if unknown:
        raise Invalid(f"claims are named for {', '.join(CLAIMS)}", path=(unknown[0][:50],))
    return {key: _name(name, str(key)) for key, name in sorted(value.items()) if name is not None}


def named_claim(names: Mapping[str, Any], claims: Mapping[str, Any], what: str) -> object:
    """The claim that says ``what`` (`CLAIMS`); None when there is none."""
    name = names.get(what, CLAIMS.get(what))
    return claim_at(claims, name) if isinstance(name, str) else None


def claim_at(claims: Mapping[str, Any], name: str) -> object:
    """The claim of this name, or at this JSON pointer; None when there is none."""
    if name in claims:
        return claims[name]
    if not name.startswith("/"):
        return None
    found: object = claims
    for step in name[1:].split("/"):
        key = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, Mapping) or key not in found:
            return None
        found = found[key]
    return found


def given_roles(rules: Iterable[Rule], claims: Mapping[str, Any], stores: Collection[str]) -> frozenset[Given]:
    """What the rules give to a person with these claims; ``stores`` are the codes of the group's stores."""
    codes = _spellings(stores)
    found: set[Given] = set()
    for rule in rules:
        for value in texts(claim_at(claims, rule.claim)):
            found |= _given(rule, value, claims, codes)
    sound = {one for one in found if _goes(one.role, one.store)}
    return frozenset(sound) if len(sound) <= MOST_GIVEN else frozenset()


def texts(claim: object) -> frozenset[str]:
    """The texts of a claim that is one, or a list of them; none of anything else, or of too many."""
    values = [claim] if isinstance(claim, str) else claim
    if not isinstance(values, list | tuple) or len(values) > MOST_VALUES:
        return frozenset()
    return frozenset(one for one in values if isinstance(one, str) and 0 < len(one) <= MOST_CHARACTERS)


def employee_numbers(claim: object, given: Iterable[Given]) -> Mapping[str, str]:
    """Code of a store → the person's employee number there, from the claim that says it.

    A number counts at the store of the person's roles when that is one store. Numbers are each store's own: with roles at
    several, a number must name its store, as ``BJ01/E005``. What is ambiguous counts nowhere.
    """
    stores = {one.store for one in given if one.store}
    values = {str(claim)} if isinstance(claim, int) and not isinstance(claim, bool) and abs(claim) < 10**20 else None
    spelled, found = _spellings(stores), dict[str, set[str]]()
    for value in values or texts(claim):
        code, slash, number = value.strip().rpartition("/")
        at = spelled.get(code.casefold()) if slash else next(iter(stores)) if len(stores) == 1 else None
        if at is not None and number and len(number) <= 100 and number.isprintable():
            found.setdefault(at, set()).add(number)
    clear = {store: next(iter(numbers)) for store, numbers in sorted(found.items()) if len(numbers) == 1}
    return clear if len(clear) <= MOST_EMPLOYED else {}


def roles_of(rules: Iterable[Rule]) -> frozenset[str]:
    """Every role that the rules can give."""
    return frozenset(rule.role for rule in rules)


def stores_of(rules: Iterable[Rule]) -> frozenset[str]:
    """Codes of the stores that the rules name."""
    return frozenset(rule.store for rule in rules if rule.store is not None)


def _given(rule: Rule, value: str, claims: Mapping[str, Any], codes: Mapping[str, str]) -> set[Given]:
    if not rule.capture:
        if value != rule.prefix:
            return set()
        if rule.store is not None:
            return {Given(rule.role, rule.store)} if rule.store in codes.values() else set()
        if rule.store_claim is None:
            return {Given(rule.role)}
        named = (codes.get(code.casefold()) for code in texts(claim_at(claims, rule.store_claim)))
        return {Given(rule.role, code) for code in named if code is not None}
    if len(value) <= len(rule.prefix) + len(rule.suffix):
        return set()
    if not (value.startswith(rule.prefix) and value.endswith(rule.suffix)):
        return set()
    code = codes.get(value[len(rule.prefix) : len(value) - len(rule.suffix)].casefold())
    return set() if code is None else {Given(rule.role, code)}


def _goes(role: str, store: str) -> bool:
    """Does the role go with a store, or with the group? As `accounts.add_membership` has it."""
    return role in MAPPED_ROLES and goes_with(role, store=bool(store), region=False)


def _spellings(stores: Collection[str]) -> dict[str, str]:
    """Code without case → code; two codes that differ in nothing else are found by neither."""
    found: dict[str, list[str]] = {}
    for code in stores:
        found.setdefault(code.casefold(), []).append(code)
    return {folded: same[0] for folded, same in found.items() if len(same) == 1}


def _rule(item: object, at: str) -> Rule:
    if not isinstance(item, Mapping):
        raise Invalid("a rule is an object", path=(at,))
    unknown = sorted(str(key) for key in item.keys() - _KEYS)
    if unknown:
        raise Invalid(f"a rule has {', '.join(sorted(_KEYS))}", path=(at, unknown[0][:50]))
    claim, role = _name(item.get("claim", CLAIMS["roles"]), at, "claim"), item.get("role")
    if not isinstance(role, str) or role not in MAPPED_ROLES:
        raise Invalid("no such role, or one that no provider may give", path=(at, "role"))
    if ("equals" in item) == ("matches" in item):
        raise Invalid("a rule has either `equals` or `matches`", path=(at,))
    capture = "matches" in item
    value = _name(item["matches" if capture else "equals"], at, "matches" if capture else "equals")
    if capture and value.count(_CODE) != 1:
        raise Invalid("a pattern holds {store} once, where the store's code stands", path=(at, "matches"))
    prefix, _, suffix = value.partition(_CODE) if capture else (value, "", "")
    store, store_claim = item.get("store"), item.get("store_claim")
    if capture + (store is not None) + (store_claim is not None) > 1:
        raise Invalid("a rule finds its store in one way", path=(at,))
    if store is not None and not (isinstance(store, str) and _STORE.fullmatch(store)):
        raise Invalid("not a store's code", path=(at, "store"))
    if store_claim is not None:
        store_claim = _name(store_claim, at, "store_claim")
    of_store = capture or store is not None or store_claim is not None
    if not _goes(role, "x" if of_store else ""):
        wrong = "this role is of the whole group" if of_store else "this role needs a store"
        raise Invalid(wrong, path=(at, "role"))
    return Rule(claim, prefix, suffix, capture, role, store, store_claim)


def _name(value: object, *path: str) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > MOST_CHARACTERS or not value.isprintable():
        raise Invalid(f"a text of 1 to {MOST_CHARACTERS} characters", path=path)
    return value.strip()

"""Who the claims say somebody is: name, address, language; and the sign-in name of a new account. Pure and total."""

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from .mapping import named_claim
from .settings_rules import domain_of

_MOST_NAME = 200
_MOST_LOCAL = 40
#: What providers say for a verified address: a JSON true, or (Microsoft, Amazon) a text or number.
_TRUE = ("true", "True", "1", 1)


@dataclass(frozen=True, slots=True)
class Person:
    """What can be used of the claims; None: nothing usable was said.

    `email` is the address as it was said. It is `email_sure` when the provider verified it **and** the operator confirmed that
    this provider speaks for its domain; only then is it a reason to believe who somebody is.
    """

    name: str | None
    email: str | None
    email_sure: bool
    language: str | None


def person_of(names: Mapping[str, Any], claims: Mapping[str, Any], domains: Collection[str]) -> Person:
    """The person of the claims. ``domains`` are the provider's confirmed e-mail domains."""
    address = named_claim(names, claims, "email")
    domain = domain_of(address)
    email = str(address).strip() if domain is not None else None
    verified = named_claim(names, claims, "email_verified")
    sure = email is not None and domain in domains and isinstance(verified, bool | str | int) and verified in _TRUE
    return Person(
        _words(named_claim(names, claims, "name")), email, sure, _language(named_claim(names, claims, "language"))
    )


def sign_in_name(email: str | None, group_code: str, mark: str) -> str:
    """A sign-in name for somebody who never types it: the address' local part to read it by, ``mark`` to make it new.

    The mark is always there: whether another group has the name is neither asked nor shown.
    """
    local = _plain((email or "").partition("@")[0])[:_MOST_LOCAL].strip("._-") or "user"
    return f"{local}.{mark}@{_plain(group_code)[:30].strip('._-') or 'group'}"


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text).lower()
    return re.sub(r"[^a-z0-9._-]", "", folded)


def _words(claim: object) -> str | None:
    if not isinstance(claim, str):
        return None
    kept = " ".join(claim.split())
    odd = any(unicodedata.category(one) in ("Cc", "Cs", "Cf", "Co", "Cn") for one in kept)
    return kept if 0 < len(kept) <= _MOST_NAME and not odd else None


def _language(claim: object) -> str | None:
    tag = claim.lower() if isinstance(claim, str) else ""
    return "zh-CN" if tag.startswith("zh") else "en" if tag.startswith("en") else None

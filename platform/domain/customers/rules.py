"""What a contact value and a consent must be, and how many reveals a day are usual. Pure."""

import re
from collections.abc import Mapping

from ...errors import Invalid

#: Setting: so many reveals of contact data by one person at one store and local day are usual; beyond, a warning is audited
#: (domain section 2, rule c).
REVEAL_WARNING = "privacy.reveal.warn_after"
KEYS = frozenset({REVEAL_WARNING})
USUAL_REVEALS = 30
_MOST_REVEALS = 1000

KINDS = ("PHONE", "EMAIL", "WECHAT")
PURPOSES = ("SURVEY", "MARKETING", "CONTACT")
DECISIONS = ("GIVEN", "WITHDRAWN")
CHANNELS = ("PAPER", "PHONE", "SMS", "EMAIL", "WECHAT", "WEB", "FACE_TO_FACE")

_PHONE = re.compile(r"\+?[0-9][0-9 ()\-]{5,24}", re.ASCII)
_EMAIL = re.compile(r"[^@\s,;<>]{1,64}@[^@\s,;<>]{1,189}")
_WECHAT = re.compile(r"[A-Za-z][A-Za-z0-9_-]{5,19}", re.ASCII)
_FORMS = {"PHONE": _PHONE, "EMAIL": _EMAIL, "WECHAT": _WECHAT}


def contact_value(kind: str, value: str) -> str:
    """The value as it is kept.

    Raises:
        Invalid: no such kind, or the value has not the form of one.
    """
    if kind not in KINDS:
        raise Invalid(f"one of {', '.join(KINDS)}", path=("kind",))
    kept = value.strip()
    if not _FORMS[kind].fullmatch(kept) or not kept.isprintable():
        raise Invalid("this has not the form of such a contact", path=("value",))
    return kept


def check_consent(purpose: str, decision: str, channel: str) -> None:
    """The words of a consent.

    Raises:
        Invalid: one that is not known.
    """
    for path, word, known in (
        ("purpose", purpose, PURPOSES),
        ("decision", decision, DECISIONS),
        ("channel", channel, CHANNELS),
    ):
        if word not in known:
            raise Invalid(f"one of {', '.join(known)}", path=(path,))


def flag_of(purpose: str, decision: str) -> tuple[str, bool]:
    """The customer's flag that a consent sets, and to what. A withdrawn CONTACT is `do_not_contact`."""
    given = decision == "GIVEN"
    flags = {"SURVEY": ("consent_survey", given), "MARKETING": ("consent_marketing", given)}
    return flags.get(purpose, ("do_not_contact", not given))


def usual_reveals(found: Mapping[str, object]) -> int:
    """How many reveals a day are usual, from resolved settings.

    Raises:
        Invalid: it is no whole number from 1 to 1000.
    """
    value = found.get(REVEAL_WARNING, USUAL_REVEALS)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST_REVEALS:
        raise Invalid(f"{REVEAL_WARNING}: a whole number from 1 to {_MOST_REVEALS}", path=(REVEAL_WARNING,))
    return value


def is_unusual(reveals_today: int, usual: int = USUAL_REVEALS) -> bool:
    """Is this reveal, the last one counted, the first beyond the usual number?"""
    return reveals_today == usual + 1

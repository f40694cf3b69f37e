"""Which new passwords are too easy to guess. Pure.

Length counts, character classes do not (NIST SP 800-63B). What an attacker's rules would try first is taken out: words of
the context (the person's, the group's and the product's names), the words that lists of leaked passwords are full of,
keyboard rows, counting, repetition. What is left must still be long enough to be a secret.

This is no list of leaked passwords: the product ships none, and reads the operator's (`password_list`).
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

SHORTEST: Final = 12
LONGEST: Final = 256
#: So many characters must remain once everything foreseeable is taken out, and so many different ones.
REMAINING: Final = 6
DIFFERENT: Final = 5

#: Words of the product and the trade that must not carry a password (ASVS 5.0, 6.1.2), beside the context's own.
CONTEXT: Final = (
    *(
        "admin",
        "administrator",
        "aftersales",
        "autohaus",
        "cardealer",
        "dealer",
        "dealership",
        "forecourt",
        "headquarters",
    ),
    *("integrator", "manager", "root", "sales", "service", "showroom", "store", "system", "workshop", "4sstore"),
)
#: What people put into passwords everywhere.
COMMON: Final = (
    *(
        "abc",
        "access",
        "august",
        "autumn",
        "baseball",
        "basketball",
        "beijing",
        "changeme",
        "charlie",
        "china",
        "computer",
    ),
    *(
        "december",
        "default",
        "dragon",
        "football",
        "freedom",
        "friday",
        "hello",
        "iloveyou",
        "internet",
        "january",
        "jesus",
    ),
    *(
        "july",
        "june",
        "letmein",
        "login",
        "london",
        "love",
        "march",
        "master",
        "michael",
        "monday",
        "monkey",
        "november",
    ),
    *("october", "office", "passw", "password", "passwort", "princess", "qazwsx", "samsung", "secret", "september"),
    *("shadow", "shanghai", "spring", "summer", "sunday", "sunshine", "superman", "temp", "test", "trustno", "user"),
    *("wang", "welcome", "whatever", "winter", "woaini", "zhang", "zaq12wsx", "1qaz2wsx"),
)
_ROWS: Final = (
    *("qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop", "1234567890", "abcdefghijklmnopqrstuvwxyz"),
    *("1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm", "qaz", "wsx", "edc", "rfv", "tgb", "yhn"),
)
_DISGUISES: Final = str.maketrans(
    {"@": "a", "4": "a", "3": "e", "1": "i", "!": "i", "0": "o", "$": "s", "5": "s", "7": "t"}
)
_YEAR: Final = re.compile(r"(19|20)\d\d")
_REPEATED: Final = re.compile(r"(.{1,6}?)\1{2,}")


def weakness(password: str, words: Iterable[str] = ()) -> str | None:
    """Why a password is refused: LENGTH, CONTEXT, or COMMON; None when it is not.

    ``words`` are the context's own: sign-in name, name to show, mail address, code and name of the group.
    """
    normal = unicodedata.normalize("NFKC", password)
    if not SHORTEST <= len(normal) <= LONGEST or len(password) > LONGEST:
        return "LENGTH"
    plain = normal.casefold()
    own = sorted(set(_pieces(words)), key=len, reverse=True)
    if not _enough(_without(plain, own)):
        return "CONTEXT"
    for form in (plain, plain.translate(_DISGUISES)):
        left = _without(form, (*own, *COMMON))
        if not _enough(_without_patterns(left)):
            return "COMMON"
    return None


def _pieces(words: Iterable[str]) -> Iterable[str]:
    yield from CONTEXT
    for word in words:
        whole = unicodedata.normalize("NFKC", word).casefold()
        yield from (piece for piece in (whole, *re.split(r"[\W_]+", whole)) if len(piece) >= 3)
        # Names in Chinese are shorter.
        yield from (piece for piece in re.split(r"[\W_]+", whole) if len(piece) == 2 and not piece.isascii())


def _without(text: str, words: Iterable[str]) -> str:
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, "")
    return text


def _without_patterns(text: str) -> str:
    text = _YEAR.sub("", text)
    for row in _ROWS:
        for line in (row, row[::-1]):
            for length in range(len(line), 2, -1):
                for start in range(len(line) - length + 1):
                    text = text.replace(line[start : start + length], "")
    return _REPEATED.sub(r"\1", text)


def _enough(text: str) -> bool:
    return len(text) >= REMAINING and len(set(text)) >= DIFFERENT

"""What people type, before it is kept: a text or a JSON value that the database can hold, of a bounded size."""

import json
import re
from typing import Any, Final

from ..errors import Invalid, Refused

_MOST_JSON = 200_000
#: Lone surrogates, and with NUL what no text of PostgreSQL has.
_LONE: Final = re.compile("[\ud800-\udfff]")
_ODD: Final = re.compile("[\0\ud800-\udfff]")


def wording(text: str, *, path: str, most: int, empty: str | None = None) -> str:
    """The text without surrounding space.

    `empty` is the code of the refusal when nothing is left; without it the text may be empty.

    Raises:
        Refused: with `empty`'s code. Invalid: too long, or characters that no text has (NUL, lone surrogates).
    """
    kept = text.strip()
    if not kept and empty is not None:
        raise Refused(empty, "a text is needed here", path=(path,))
    if len(kept) > most:
        raise Invalid(f"at most {most} characters", path=(path,), limit=most)
    if _ODD.search(kept):
        raise Invalid("a character that no text has", path=(path,))
    return kept


def reason(text: str) -> str:
    """Why somebody did it, up to 500 characters.

    Raises:
        Refused: REASON_NEEDED. Invalid: as `wording`.
    """
    return wording(text, path="reason", most=500, empty="REASON_NEEDED")


def storable(value: Any, *path: str) -> Any:
    """A JSON value that PostgreSQL can keep.

    Raises:
        Invalid: it is too large or too deep, or a text in it has characters that no text has.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        raise Invalid("not a JSON value that can be kept", path=path) from error
    if len(text) > _MOST_JSON:
        raise Invalid("too large", path=path, limit=_MOST_JSON)
    # json.dumps writes NUL as an escape; lone surrogates stay as they are
    if "\\u0000" in text or _LONE.search(text):
        raise Invalid("a character that no text has", path=path)
    return value

"""Sort keys for names and titles. Servers order text by bytes (C), so the alphabet is made here.

Chinese is ordered by pinyin 拼音, syllable by syllable with the tone after the letters; Latin letters fall in between, without
accents and case. Equal readings are told apart by the characters themselves, so the order is total.
"""

import unicodedata
from typing import Final

#: Characters read otherwise in a surname than elsewhere. Two-character surnames first.
_SURNAMES: Final[dict[str, tuple[str, ...]]] = {
    "万俟": ("mo4", "qi2"),
    "尉迟": ("yu4", "chi2"),
    "单于": ("chan2", "yu2"),
    "长孙": ("zhang3", "sun1"),
    "仇": ("qiu2",),
    "任": ("ren2",),
    "单": ("shan4",),
    "区": ("ou1",),
    "华": ("hua4",),
    "召": ("shao4",),
    "曾": ("zeng1",),
    "朴": ("piao2",),
    "查": ("zha1",),
    "盖": ("ge3",),
    "种": ("chong2",),
    "秘": ("bi4",),
    "繁": ("po2",),
    "缪": ("miao4",),
    "翟": ("zhai2",),
    "解": ("xie4",),
    "乐": ("yue4",),
    "员": ("yun4",),
    "逄": ("pang2",),
}


def sort_key(text: str) -> str:
    """Key of a title or place: ``上海 4S`` → ``shang4 hai3 4s`` and, behind a separator, the text itself."""
    clean = _clean(text)
    return _with_tie(_read(clean), clean)


def name_sort_key(name: str) -> str:
    """Key of a person's name, whose surname may have a reading of its own: ``单雄信`` is shan4, not dan1."""
    clean = _clean(name)
    for length in (2, 1):
        surname = _SURNAMES.get(clean[:length])
        if surname is not None and len(clean[:length]) == length:
            return _with_tie([*surname, *_read(clean[length:])], clean)
    return _with_tie(_read(clean), clean)


def _clean(text: str) -> str:
    # PostgreSQL's text cannot hold NUL.
    return " ".join(unicodedata.normalize("NFKC", text).replace("\0", " ").split())


def _read(text: str) -> list[str]:
    # Here, not above: the dictionary takes a fifth of a second to load, and most processes never sort a name.
    from pypinyin import Style, lazy_pinyin

    syllables = lazy_pinyin(text, style=Style.TONE3, neutral_tone_with_five=True)
    return [word for part in syllables for word in _plain(part).split()]


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).casefold()


def _with_tie(parts: list[str], text: str) -> str:
    # U+0001 is below the space between syllables: 张 stands before 张伟 whatever the characters are.
    return " ".join(parts) + "\x01" + text

"""Words for people in Simplified Chinese and English, from the catalogues in `locale/`; which of the two a reader wants."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from io import BytesIO
from types import MappingProxyType
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

#: Language tag → folder of its catalogue. The first is the default.
LANGUAGES: Final[Mapping[str, str]] = MappingProxyType({"zh-CN": "zh_Hans_CN", "en": "en"})
DEFAULT: Final = "zh-CN"
COOKIE: Final = "forecourt-language"


def load_catalogue(language: str) -> Catalog:
    """The catalogue of a language, as it stands in the file."""
    path = files("forecourt.web") / "locale" / LANGUAGES[language] / "LC_MESSAGES" / "web.po"
    return read_po(BytesIO(path.read_bytes()), locale=LANGUAGES[language], abort_invalid=True)


@cache
def translations(language: str) -> Translations:
    """The compiled catalogue; compiled at the first use, so that no binary file is committed."""
    compiled = BytesIO()
    write_mo(compiled, load_catalogue(language))
    compiled.seek(0)
    return Translations(compiled, domain="web")


def choose_language(*, cookie: str | None, own: str | None, accept: str | None) -> str:
    """The reader's choice, else the account's language, else what the browser asks for, else Chinese."""
    for wish in (cookie, own):
        if wish in LANGUAGES:
            return str(wish)
    for part in (accept or "").lower().split(",")[:20]:
        tag = part.split(";")[0].strip()
        if tag.startswith("zh"):
            return "zh-CN"
        if tag.startswith("en"):
            return "en"
    return DEFAULT

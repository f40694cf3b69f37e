"""Templates: one Jinja environment per language, everything escaped, unknown names refused."""

from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from .language import LANGUAGES, translations


@cache
def _environment(language: str) -> Environment:
    made = Environment(
        loader=PackageLoader("forecourt.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    words = translations(language)
    made.install_gettext_callables(words.ugettext, words.ungettext, newstyle=True)  # type: ignore[attr-defined]

    def word(family: str, code: object) -> str:
        """The word for a code of a family, such as `kpi.S01`; the code itself where there is none."""
        key = f"{family}.{code}"
        found = str(words.ugettext(key))
        return str(code) if found == key else found

    made.globals.update(word=word, static=static, language=language, languages=LANGUAGES)
    return made


@cache
def static(name: str) -> str:
    """The address of a static file; it changes with the content, so that browsers may keep it for ever."""
    content = (files("forecourt.web") / "static" / name).read_bytes()
    return f"/static/{name}?v={sha256(content).hexdigest()[:12]}"


def render(template: str, language: str, **values: Any) -> str:
    """The text of a template in a language."""
    return _environment(language).get_template(template).render(**values)

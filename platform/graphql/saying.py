"""Messages for people, in both languages."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Saying:
    """One message in both languages."""

    zh: str
    en: str

    def in_language(self, language: str) -> str:
        """The text for a caller's language; Chinese unless they ask for English."""
        return self.en if language.lower().startswith("en") else self.zh

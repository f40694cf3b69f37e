"""What a questionnaire is: typed questions, their logic, their words in two languages, and its life as versions.

Pure. A questionnaire is stored as JSON in `survey_template.body`; `from_json` refuses what it does not know, so a misspelt
rule never quietly becomes another rule. Every questionnaire states why it is asked (requirement 240) and no text may tell
people what to answer (C15, see `coaching_rules`).

MATRIX and RANK of the catalogue of kinds are left out: a matrix is several questions of one kind on a small screen, and
ranking without a script is a riddle.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ...errors import Invalid, WrongState
from .coaching_rules import coaching_in

LANGUAGES = ("zh-CN", "en")
MAX_QUESTIONS = 60
MAX_OPTIONS = 30
MAX_TEXT = 600

_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")
_CODE = re.compile(r"T[0-9]{1,3}")


class Kind(StrEnum):
    """Kinds of questions 题型 (domain section 3.7)."""

    CSAT5 = "CSAT5"  # 非常满意 5 … 非常不满意 1
    SCORE10 = "SCORE10"
    NPS11 = "NPS11"
    CES7 = "CES7"
    YESNO = "YESNO"
    SINGLE = "SINGLE"
    MULTI = "MULTI"
    NUMBER = "NUMBER"
    DATE = "DATE"
    TEXT = "TEXT"
    CONSENT = "CONSENT"


#: Kinds answered with a whole number: lowest and highest.
SCALES: Mapping[Kind, tuple[int, int]] = {
    Kind.CSAT5: (1, 5),
    Kind.SCORE10: (1, 10),
    Kind.NPS11: (0, 10),
    Kind.CES7: (1, 7),
}


class Attribution(StrEnum):
    """Whose work a question judges; only STORE and STAFF count for people (C18)."""

    STORE = "STORE"
    STAFF = "STAFF"
    PRODUCT = "PRODUCT"
    OEM = "OEM"


class Headline(StrEnum):
    """Answers that stand as columns of `response`, whatever the version asks besides."""

    OVERALL = "overall"
    CARE_CALL_72H = "care_call_72h"
    INFLUENCED = "influenced"
    RECOMMEND = "recommend"
    COMMENT = "comment"


_HEADLINE_KIND = {
    Headline.OVERALL: Kind.CSAT5,
    Headline.CARE_CALL_72H: Kind.YESNO,
    Headline.INFLUENCED: Kind.YESNO,
    Headline.RECOMMEND: Kind.NPS11,
    Headline.COMMENT: Kind.TEXT,
}

AUDIENCES = ("BUYER", "NON_BUYER", "SERVICE", "COMPLAINANT", "PERIODIC", "LOST")


@dataclass(frozen=True, slots=True)
class Words:
    """One text in both languages."""

    zh: str
    en: str

    def in_language(self, language: str) -> str:
        return self.en if language == "en" else self.zh


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of SINGLE or MULTI."""

    value: str
    text: Words


@dataclass(frozen=True, slots=True)
class Condition:
    """Ask only when the answer to an earlier question is one of these form values (``yes``, ``3``, an option)."""

    question: str
    any_of: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """One question. ``comparable_key`` joins it with the same question of other versions and templates."""

    key: str
    kind: Kind
    text: Words
    attributable_to: Attribution = Attribution.STORE
    dimension: str | None = None
    required: bool = True
    na_allowed: bool = False
    show_if: Condition | None = None
    comparable_key: str | None = None
    headline: Headline | None = None
    options: tuple[Option, ...] = ()
    random_order: bool = False
    hint: Words | None = None

    def values(self) -> frozenset[str]:
        """Form values that this question may have, where they can be listed; empty otherwise."""
        if self.kind in SCALES:
            low, high = SCALES[self.kind]
            return frozenset(str(value) for value in range(low, high + 1))
        if self.kind is Kind.YESNO:
            return frozenset({"yes", "no"})
        return frozenset(option.value for option in self.options)


@dataclass(frozen=True, slots=True)
class Questionnaire:
    """One version of a questionnaire 问卷.

    Attributes:
        purpose: why it is asked; shown to whoever answers (requirement 240).
        owner_role: who owns it at the store (C20).
        scored: False for what never counts, such as the form filled in at delivery.
    """

    code: str
    title: Words
    purpose: Words
    audience: str
    owner_role: str
    questions: tuple[Question, ...]
    scored: bool = True
    intro: Words | None = None
    _by_key: dict[str, Question] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._by_key.update((question.key, question) for question in self.questions)
        check(self)

    def question(self, key: str) -> Question:
        """A question by key. KeyError: there is none."""
        return self._by_key[key]

    def headline(self, wanted: Headline) -> Question | None:
        """The question behind a headline answer, if it is asked."""
        return next((question for question in self.questions if question.headline is wanted), None)

    def texts(self) -> Sequence[str]:
        """Every text somebody may read, for the linter."""
        words = [self.title, self.purpose, *([self.intro] if self.intro else [])]
        for question in self.questions:
            words += [question.text, *([question.hint] if question.hint else [])]
            words += [option.text for option in question.options]
        return [text for pair in words for text in (pair.zh, pair.en)]


# --- validity --------------------------------------------------------------------------------------------------------


def _refuse(message: str, *path: str) -> Invalid:
    return Invalid(message, path=path)


def check(questionnaire: Questionnaire) -> None:
    """Raises `Invalid` with the place for anything that is wrong with a questionnaire."""
    if not _CODE.fullmatch(questionnaire.code):
        raise _refuse("a code is T and a number", "code")
    if questionnaire.audience not in AUDIENCES:
        raise _refuse(f"not an audience: {questionnaire.audience}", "audience")
    if not 1 <= len(questionnaire.questions) <= MAX_QUESTIONS:
        raise _refuse(f"1 to {MAX_QUESTIONS} questions", "questions")
    if not questionnaire.purpose.zh.strip() or not questionnaire.purpose.en.strip():
        raise _refuse("say in both languages why this is asked", "purpose")
    for text in questionnaire.texts():
        if not 0 < len(text.strip()) <= MAX_TEXT:
            raise _refuse(f"every text is given in both languages, at most {MAX_TEXT} characters", "texts")
        phrase = coaching_in(text)
        if phrase is not None:
            raise Invalid(f"this tells people what to answer: {phrase}", path=("texts",), phrase=phrase)
    seen: dict[str, Question] = {}
    for question in questionnaire.questions:
        if question.key in seen:
            raise _refuse("two questions with one key", "questions", question.key)
        _check_question(question, seen)
        seen[question.key] = question
    heads = [question.headline for question in questionnaire.questions if question.headline]
    if len(heads) != len(set(heads)):
        raise _refuse("a headline answer has one question", "questions")
    if questionnaire.scored and Headline.OVERALL not in heads:
        raise _refuse("a scored questionnaire asks for the overall satisfaction", "questions")


def _check_question(question: Question, earlier: Mapping[str, Question]) -> None:
    at = ("questions", question.key)
    if not _KEY.fullmatch(question.key):
        raise _refuse("a key has small letters, digits and _, at most 40", *at)
    if question.headline and question.kind is not _HEADLINE_KIND[question.headline]:
        raise _refuse(f"{question.headline} is of kind {_HEADLINE_KIND[question.headline]}", *at)
    if question.kind in (Kind.SINGLE, Kind.MULTI):
        values = [option.value for option in question.options]
        if not 2 <= len(values) <= MAX_OPTIONS or len(values) != len(set(values)):
            raise _refuse(f"2 to {MAX_OPTIONS} different options", *at, "options")
        if any(not _KEY.fullmatch(value) or value == "na" for value in values):
            raise _refuse("a value has small letters, digits and _", *at, "options")
    elif question.options:
        raise _refuse("only SINGLE and MULTI have options", *at, "options")
    if question.show_if is not None:
        # Only earlier questions: the page is read downwards, and the logic cannot have a circle.
        asked = earlier.get(question.show_if.question)
        if asked is None:
            raise _refuse("a condition looks at an earlier question", *at, "show_if")
        if not question.show_if.any_of or not set(question.show_if.any_of) <= asked.values():
            raise _refuse("a condition names answers of that question", *at, "show_if")


# --- life of a version -----------------------------------------------------------------------------------------------

#: (state, verb) → state. A published version never changes again; it can only be retired.
TRANSITIONS: Mapping[tuple[str, str], str] = {
    ("DRAFT", "submit"): "IN_REVIEW",
    ("IN_REVIEW", "return"): "DRAFT",
    ("IN_REVIEW", "publish"): "PUBLISHED",
    ("PUBLISHED", "retire"): "RETIRED",
}


def next_state(state: str, verb: str) -> str:
    """The state after a verb.

    Raises:
        WrongState: there is no such transition.
    """
    try:
        return TRANSITIONS[state, verb]
    except KeyError:
        raise WrongState(f"a version in {state} cannot {verb}", state=state, verb=verb) from None


# --- JSON ------------------------------------------------------------------------------------------------------------


def to_json(questionnaire: Questionnaire) -> dict[str, Any]:
    """The questionnaire as stored; `from_json` gives an equal one back."""
    body: dict[str, Any] = {
        "code": questionnaire.code,
        "title": _words_json(questionnaire.title),
        "purpose": _words_json(questionnaire.purpose),
        "audience": questionnaire.audience,
        "owner_role": questionnaire.owner_role,
        "scored": questionnaire.scored,
        "questions": [_question_json(question) for question in questionnaire.questions],
    }
    if questionnaire.intro:
        body["intro"] = _words_json(questionnaire.intro)
    return body


def from_json(body: Mapping[str, Any]) -> Questionnaire:
    """Read a stored or handed-in questionnaire.

    Raises:
        Invalid: it is not one; the path says where.
    """
    found = _object(body, (), ("code", "title", "purpose", "audience", "owner_role", "questions"), ("scored", "intro"))
    if not isinstance(found["questions"], list):
        raise _refuse("a list", "questions")
    return Questionnaire(
        code=_text(found["code"], "code"),
        title=_words(found["title"], "title"),
        purpose=_words(found["purpose"], "purpose"),
        audience=_text(found["audience"], "audience"),
        owner_role=_text(found["owner_role"], "owner_role"),
        scored=_flag(found.get("scored", True), "scored"),
        intro=_words(found["intro"], "intro") if "intro" in found else None,
        questions=tuple(_question(item, str(at)) for at, item in enumerate(found["questions"])),
    )


def _words_json(words: Words) -> dict[str, str]:
    return {"zh-CN": words.zh, "en": words.en}


def _question_json(question: Question) -> dict[str, Any]:
    item: dict[str, Any] = {
        "key": question.key,
        "kind": str(question.kind),
        "text": _words_json(question.text),
        "attributable_to": str(question.attributable_to),
        "required": question.required,
        "na_allowed": question.na_allowed,
    }
    for name in ("dimension", "comparable_key"):
        if getattr(question, name) is not None:
            item[name] = getattr(question, name)
    if question.headline:
        item["headline"] = str(question.headline)
    if question.random_order:
        item["random_order"] = True
    if question.hint:
        item["hint"] = _words_json(question.hint)
    if question.show_if:
        item["show_if"] = {"question": question.show_if.question, "any_of": list(question.show_if.any_of)}
    if question.options:
        item["options"] = [{"value": option.value, "text": _words_json(option.text)} for option in question.options]
    return item


_OPTIONAL = (
    "attributable_to",
    "comparable_key",
    "dimension",
    "headline",
    "hint",
    "na_allowed",
    "options",
    "random_order",
    "required",
    "show_if",
)


def _question(value: object, at: str) -> Question:
    path = ("questions", at)
    found = _object(value, path, ("key", "kind", "text"), _OPTIONAL)
    condition = None
    if "show_if" in found:
        given = _object(found["show_if"], (*path, "show_if"), ("question", "any_of"))
        if not isinstance(given["any_of"], list):
            raise _refuse("a list", *path, "show_if", "any_of")
        condition = Condition(
            _text(given["question"], *path, "show_if"),
            tuple(_text(item, *path, "show_if", "any_of") for item in given["any_of"]),
        )
    options = found.get("options", [])
    if not isinstance(options, list):
        raise _refuse("a list", *path, "options")
    return Question(
        key=_text(found["key"], *path, "key"),
        kind=Kind(_word(found["kind"], Kind, *path, "kind")),
        text=_words(found["text"], *path, "text"),
        attributable_to=Attribution(
            _word(found.get("attributable_to", "STORE"), Attribution, *path, "attributable_to")
        ),
        dimension=_text(found["dimension"], *path, "dimension") if "dimension" in found else None,
        required=_flag(found.get("required", True), *path, "required"),
        na_allowed=_flag(found.get("na_allowed", False), *path, "na_allowed"),
        show_if=condition,
        comparable_key=_text(found["comparable_key"], *path, "comparable_key") if "comparable_key" in found else None,
        headline=Headline(_word(found["headline"], Headline, *path, "headline")) if "headline" in found else None,
        options=tuple(_option(item, *path, "options") for item in options),
        random_order=_flag(found.get("random_order", False), *path, "random_order"),
        hint=_words(found["hint"], *path, "hint") if "hint" in found else None,
    )


def _option(value: object, *path: str) -> Option:
    found = _object(value, path, ("value", "text"))
    return Option(_text(found["value"], *path, "value"), _words(found["text"], *path, "text"))


def _object(
    value: object, path: tuple[str, ...], required: Collection[str], optional: Collection[str] = ()
) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _refuse("an object", *path)
    for name in required:
        if name not in value:
            raise _refuse("is missing", *path, name)
    for name in value:
        if name not in required and name not in optional:
            raise _refuse("is not known here", *path, str(name))
    return value


def _text(value: object, *path: str) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_TEXT:
        raise _refuse("a text", *path)
    return value


def _word(value: object, known: type[StrEnum], *path: str) -> str:
    if value not in list(known):
        raise _refuse(f"one of {', '.join(known)}", *path)
    return str(value)


def _flag(value: object, *path: str) -> bool:
    if not isinstance(value, bool):
        raise _refuse("true or false", *path)
    return value


def _words(value: object, *path: str) -> Words:
    found = _object(value, path, LANGUAGES)
    return Words(_text(found["zh-CN"], *path, "zh-CN"), _text(found["en"], *path, "en"))

"""Reading what somebody answered: which questions were asked, which answers hold, what is missing.

Pure and total: any form gives answers and problems, never an exception. An answer is stored as ``{"value": …}`` (int, bool,
text, list of options) or ``{"na": true}``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from .templates import SCALES, Headline, Kind, Question, Questionnaire

MAX_COMMENT = 2000
NOT_APPLICABLE = "na"

Form = Mapping[str, Sequence[str]]
Answers = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Reading:
    """A form as understood: good answers to questions that were asked, and a code per question that has a problem.

    Codes: REQUIRED, NOT_AN_OPTION, NOT_A_NUMBER, NOT_A_DATE, TOO_LONG.
    """

    answers: Answers
    problems: dict[str, str]


@dataclass(frozen=True, slots=True)
class Headlines:
    """The answers that are columns of `response`."""

    overall: int | None = None
    care_call_72h: bool | None = None
    influenced: bool | None = None
    recommend: int | None = None
    comment: str | None = None


def read_form(questionnaire: Questionnaire, form: Form) -> Reading:
    """Read a submitted form. Unknown fields and answers to questions that were not asked are ignored."""
    answers: Answers = {}
    problems: dict[str, str] = {}
    for question in questionnaire.questions:
        if not is_asked(question, answers):
            continue
        # A lone surrogate cannot be stored, and PostgreSQL's text has no NUL.
        given = [_clean(value) for value in form.get(question.key, ())[:100]]
        given = [value for value in given if value]
        if not given:
            if question.required:
                problems[question.key] = "REQUIRED"
            continue
        if given == [NOT_APPLICABLE] and question.na_allowed:
            answers[question.key] = {"na": True}
            continue
        value, problem = _value(question, given)
        if problem:
            problems[question.key] = problem
        else:
            answers[question.key] = {"value": value}
    return Reading(answers, problems)


def is_asked(question: Question, answers: Answers) -> bool:
    """Is the question asked, given the answers before it?"""
    condition = question.show_if
    if condition is None:
        return True
    return not set(form_values(answers.get(condition.question))).isdisjoint(condition.any_of)


def form_values(answer: Mapping[str, Any] | None) -> list[str]:
    """A stored answer as the form's values, to fill the form again."""
    if answer is None:
        return []
    if answer.get("na"):
        return [NOT_APPLICABLE]
    value = answer.get("value")
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    if isinstance(value, list):
        return [str(item) for item in value]
    return [] if value is None else [str(value)]


def headlines(questionnaire: Questionnaire, answers: Answers) -> Headlines:
    """The headline answers; a question not asked, not answered or not applicable gives None."""

    def value(wanted: Headline) -> Any:
        question = questionnaire.headline(wanted)
        return answers.get(question.key, {}).get("value") if question else None

    return Headlines(
        overall=value(Headline.OVERALL),
        care_call_72h=value(Headline.CARE_CALL_72H),
        influenced=value(Headline.INFLUENCED),
        recommend=value(Headline.RECOMMEND),
        comment=value(Headline.COMMENT),
    )


def score_100(kind: Kind, value: int) -> Fraction | None:
    """A scale answer on 0 to 100 (domain section 3.7): CSAT5 (v-1)·25, SCORE10 (v-1)/9·100, NPS11 v·10; else None."""
    if kind not in SCALES:
        return None
    low, high = SCALES[kind]
    return Fraction(value - low, high - low) * 100


def _clean(value: str) -> str:
    return value.replace("\0", "").encode("utf-8", "ignore").decode().strip()


def _value(question: Question, given: list[str]) -> tuple[Any, str | None]:
    first = given[0]
    match question.kind:
        case Kind.MULTI:
            if not set(given) <= question.values():
                return None, "NOT_AN_OPTION"
            return [option.value for option in question.options if option.value in given], None
        case Kind.TEXT:
            return (first, None) if len(first) <= MAX_COMMENT else (None, "TOO_LONG")
        case Kind.NUMBER:
            return _number(first)
        case Kind.DATE:
            return _date(first)
        case Kind.CONSENT:
            return (True, None) if first == "yes" else (None, "NOT_AN_OPTION")
    if len(given) > 1 or first not in question.values():
        return None, "NOT_AN_OPTION"
    if question.kind in SCALES:
        return int(first), None
    return (first == "yes" if question.kind is Kind.YESNO else first), None


def _number(text: str) -> tuple[Any, str | None]:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None, "NOT_A_NUMBER"
    if not number.is_finite() or len(text) > 20 or abs(number) >= 10**12:
        return None, "NOT_A_NUMBER"
    return format(number, "f")[:40], None


def _date(text: str) -> tuple[Any, str | None]:
    try:
        return date.fromisoformat(text).isoformat(), None
    except ValueError:
        return None, "NOT_A_DATE"

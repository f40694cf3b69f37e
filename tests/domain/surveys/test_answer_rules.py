"""Reading forms: answers to what was asked, and a problem for each thing that is missing or wrong."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.domain.surveys.answer_rules import form_values, headlines, is_asked, read_form, score_100
from forecourt.domain.surveys.seed_templates import PURCHASE, SEEDS
from forecourt.domain.surveys.templates import Headline, Kind, Question, Questionnaire, Words

FULL = {
    "overall": ["5"],
    "pre_sales": ["4"],
    "process": ["na"],
    "consultant": ["5"],
    "charges": ["3"],
    "care_call_72h": ["yes"],
    "serviced": ["no"],
    "recommend": ["10"],
    "comment": ["停车位太少"],
    "influenced": ["no"],
}


def test_a_full_form_is_understood() -> None:
    reading = read_form(PURCHASE, FULL)
    assert reading.problems == {}
    assert reading.answers["process"] == {"na": True}
    head = headlines(PURCHASE, reading.answers)
    assert (head.overall, head.care_call_72h, head.influenced, head.recommend) == (5, True, False, 10)
    assert head.comment == "停车位太少"


def test_a_condition_decides_what_is_asked_and_hidden_answers_are_dropped() -> None:
    hidden = read_form(PURCHASE, FULL | {"repair_time": ["1"]})
    assert "repair_time" not in hidden.answers
    shown = read_form(PURCHASE, FULL | {"serviced": ["yes"], "repair_time": ["1"]})
    assert shown.answers["repair_time"] == {"value": 1}
    assert shown.problems == {"after_sales": "REQUIRED", "repair_staff": "REQUIRED", "repair_result": "REQUIRED"}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"overall": ["6"]}, {"overall": "NOT_AN_OPTION"}),
        ({"overall": ["na"]}, {"overall": "NOT_AN_OPTION"}),
        ({"overall": ["5", "4"]}, {"overall": "NOT_AN_OPTION"}),
        ({"overall": ["٥"]}, {"overall": "NOT_AN_OPTION"}),
        ({"overall": []}, {"overall": "REQUIRED"}),
        ({"recommend": ["-1"]}, {"recommend": "NOT_AN_OPTION"}),
        ({"comment": ["长" * 2001]}, {"comment": "TOO_LONG"}),
        ({"comment": []}, {}),
    ],
)
def test_a_wrong_answer_is_named(change: dict[str, list[str]], problem: dict[str, str]) -> None:
    assert read_form(PURCHASE, FULL | change).problems == problem


def _one(kind: Kind) -> Questionnaire:
    text = Words("问题", "question")
    return Questionnaire(
        "T9", text, text, "BUYER", "CS_MANAGER", (Question("q", kind, text, required=False),), scored=False
    )


@pytest.mark.parametrize(
    ("kind", "given_value", "stored"),
    [
        (Kind.NUMBER, "12.50", "12.50"),
        (Kind.NUMBER, "1e5", "100000"),
        (Kind.NUMBER, "NaN", None),
        (Kind.NUMBER, "1e999999", None),
        (Kind.DATE, "2026-02-28", "2026-02-28"),
        (Kind.DATE, "2026-02-30", None),
        (Kind.CONSENT, "yes", True),
        (Kind.CONSENT, "no", None),
        (Kind.CES7, "7", 7),
        (Kind.SCORE10, "0", None),
    ],
)
def test_every_kind_keeps_only_what_it_means(kind: Kind, given_value: str, stored: object) -> None:
    reading = read_form(_one(kind), {"q": [given_value]})
    assert reading.answers.get("q", {}).get("value") == stored
    assert bool(reading.problems) == (stored is None)


@given(st.sampled_from(SEEDS), st.dictionaries(st.text(max_size=12), st.lists(st.text(max_size=30), max_size=4)))
def test_any_form_gives_answers_only_to_questions_that_were_asked(
    seed: Questionnaire, noise: dict[str, list[str]]
) -> None:
    reading = read_form(seed, noise)
    for key in reading.answers:
        assert is_asked(seed.question(key), reading.answers)
    assert not set(reading.answers) & set(reading.problems)


@given(st.data())
def test_what_was_stored_fills_the_form_again(data: st.DataObject) -> None:
    form = {
        question.key: [data.draw(st.sampled_from([*sorted(question.values()), "na"]))]
        for question in PURCHASE.questions
        if question.values()
    }
    first = read_form(PURCHASE, form)
    again = read_form(PURCHASE, {key: form_values(answer) for key, answer in first.answers.items()})
    assert again.answers == first.answers


def test_scales_map_to_a_hundred() -> None:
    assert score_100(Kind.CSAT5, 4) == 75
    assert score_100(Kind.SCORE10, 2) == Fraction(100, 9)
    assert score_100(Kind.NPS11, 7) == 70
    assert score_100(Kind.YESNO, 1) is None
    assert PURCHASE.headline(Headline.RECOMMEND) is not None

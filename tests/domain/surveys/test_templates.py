"""Questionnaires: what is refused, what survives storage, and how a version lives."""

from copy import deepcopy
from typing import Any

import pytest

from forecourt.domain.surveys.coaching_rules import coaching_in
from forecourt.domain.surveys.seed_templates import DELIVERY_FORM, PURCHASE, SEEDS, SERVICE
from forecourt.domain.surveys.templates import Headline, Kind, Questionnaire, from_json, next_state, to_json
from forecourt.errors import Invalid, WrongState

ITEMS_57 = {
    "pre_sales",
    "process",
    "consultant",
    "after_sales",
    "repair_time",
    "repair_staff",
    "repair_result",
    "comment",
}


def body(**changes: Any) -> dict[str, Any]:
    """T1 as JSON with something changed."""
    return deepcopy(to_json(PURCHASE)) | changes


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.code)
def test_a_seed_survives_storage_and_speaks_both_languages(seed: Questionnaire) -> None:
    assert from_json(to_json(seed)) == seed
    assert all(text.strip() for text in seed.texts())
    assert not any(coaching_in(text) for text in seed.texts())


@pytest.mark.parametrize("seed", [PURCHASE, SERVICE], ids=["T1", "T2"])
def test_purchase_and_service_ask_the_eight_items_the_charges_and_influence(seed: Questionnaire) -> None:
    keys = {question.key for question in seed.questions}
    assert keys >= ITEMS_57 | {"charges", "influenced", "recommend"}
    overall = seed.headline(Headline.OVERALL)
    assert overall is not None and overall.kind is Kind.CSAT5 and overall.required


def test_the_purchase_survey_asks_for_the_care_call_and_the_delivery_form_is_never_scored() -> None:
    assert PURCHASE.headline(Headline.CARE_CALL_72H) is not None
    assert not DELIVERY_FORM.scored


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"purpose": {"zh-CN": " ", "en": "x"}}, ("purpose", "zh-CN")),
        ({"audience": "EVERYBODY"}, ("audience",)),
        ({"code": "purchase"}, ("code",)),
        ({"questions": []}, ("questions",)),
        ({"surprise": 1}, ("surprise",)),
        ({"title": {"zh-CN": "请您一定选择非常满意", "en": "Survey"}}, ("texts",)),
        ({"title": {"zh-CN": "调查", "en": "Please choose Very satisfied"}}, ("texts",)),
        ({"scored": "yes"}, ("scored",)),
    ],
)
def test_a_wrong_questionnaire_is_refused_with_its_place(change: dict[str, Any], path: tuple[str, ...]) -> None:
    with pytest.raises(Invalid) as error:
        from_json(body(**change))
    assert error.value.path == path


def test_a_purpose_cannot_be_left_out() -> None:
    given = body()
    del given["purpose"]
    with pytest.raises(Invalid) as error:
        from_json(given)
    assert error.value.path == ("purpose",)


@pytest.mark.parametrize(
    "change",
    [
        {"show_if": {"question": "influenced", "any_of": ["yes"]}},  # asked later: a circle could close
        {"show_if": {"question": "pre_sales", "any_of": ["yes"]}},  # itself
        {"show_if": {"question": "overall", "any_of": ["9"]}},  # no such answer
        {"show_if": {"question": "overall", "any_of": []}},
        {"key": "overall"},
        {"key": "Überall"},
        {"kind": "SINGLE"},
        {"options": [{"value": "a", "text": {"zh-CN": "甲", "en": "A"}}]},
        {"headline": "recommend"},
        {"attributable_to": "WEATHER"},
        {"required": 1},
    ],
)
def test_a_wrong_question_is_refused(change: dict[str, Any]) -> None:
    given = body()
    given["questions"][1] |= change
    with pytest.raises(Invalid):
        from_json(given)


def test_a_scored_questionnaire_needs_the_overall_question() -> None:
    given = body()
    given["questions"] = given["questions"][1:]
    with pytest.raises(Invalid):
        from_json(given)


def test_a_published_version_can_only_be_retired() -> None:
    assert next_state("DRAFT", "submit") == "IN_REVIEW"
    assert next_state("IN_REVIEW", "publish") == "PUBLISHED"
    assert next_state("PUBLISHED", "retire") == "RETIRED"
    for verb in ("submit", "return", "publish"):
        with pytest.raises(WrongState):
            next_state("PUBLISHED", verb)
    with pytest.raises(WrongState):
        next_state("DRAFT", "publish")


@pytest.mark.parametrize(
    "text",
    [
        "如果厂家打电话回访,请您说非常满意",
        "麻烦您帮忙打个 10 分",
        "请 务 必 填 写 【非 常 满 意】",
        "回访时说非常满意就好,谢谢",
        "千万不要选一般或者满意哦",
        "选择非常满意可领取礼品",
        "希望您给我们五星好评",
        "Please be sure to select VERY SATISFIED when they call",
        "Kindly rate us five stars",
        "Don't choose neutral, it counts against us",
        "Choose very satisfied and get a free car wash voucher",
    ],
)
def test_coaching_is_found(text: str) -> None:
    assert coaching_in(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "总体而言,您对这次购车和交车的体验满意吗?",
        "请选择:非常满意、满意、一般、不满意、非常不满意",
        "请按您的真实感受选择",
        "非常满意",
        "Overall, how satisfied are you?",
        "Very satisfied",
        "Please tell us what you really think, good or bad.",
        "是否有人要求或暗示您应该怎样回答这份问卷?",
    ],
)
def test_honest_words_are_left_alone(text: str) -> None:
    assert coaching_in(text) is None

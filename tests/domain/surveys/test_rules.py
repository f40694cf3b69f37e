"""The verdict on each response, boundary by boundary (interchange section 6)."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.domain.surveys.rules import Transaction, Verdict, answered_in_time, verdicts

DELIVERED = datetime(2026, 9, 10, 4, tzinfo=UTC)
FROZEN = datetime(2026, 11, 21, 16, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SALE = Transaction(DELIVERED, "E1", FROZEN)


@dataclass(frozen=True)
class Answer:
    survey_no: str = "Q1"
    template: str = "T1"
    mode: str | None = "WECHAT"
    interviewer_no: str | None = None
    submitted_at: datetime | None = DELIVERED + timedelta(days=30)
    expires_at: datetime | None = None
    integrity: str | None = None
    q_overall: int | None = 5
    sent_at: datetime | None = None
    bounced: bool | None = None


def judge(row: Answer, about: Transaction = SALE) -> Verdict | None:
    return verdicts([row], about).get(row.survey_no)


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (Answer(), Verdict.COUNTED),
        (Answer(integrity="OK"), Verdict.COUNTED),
        (Answer(submitted_at=None), None),
        (Answer(template="T8"), Verdict.ASSISTED),
        (Answer(mode="ASSISTED_AT_DELIVERY"), Verdict.ASSISTED),
        (Answer(mode="ASSISTED_AT_DELIVERY", integrity="VOID"), Verdict.ASSISTED),
        (Answer(integrity="VOID", q_overall=None), Verdict.VOID),
        (Answer(integrity="QUARANTINED"), Verdict.QUARANTINED),
        (Answer(q_overall=None), Verdict.NO_ANSWER),
        (Answer(mode="PHONE_INTERVIEW", interviewer_no="E1"), Verdict.SELF_INTERVIEW),
        (Answer(mode="FACE_TO_FACE", interviewer_no="E1"), Verdict.SELF_INTERVIEW),
        (Answer(mode="PHONE_INTERVIEW", interviewer_no="E2"), Verdict.COUNTED),
        (Answer(mode="PHONE_INTERVIEW"), Verdict.COUNTED),
        (Answer(mode="PAPER", interviewer_no="E1"), Verdict.COUNTED),
        (Answer(mode="FACE_TO_FACE", interviewer_no="E1", submitted_at=DELIVERED - SECOND), Verdict.SELF_INTERVIEW),
        (Answer(submitted_at=DELIVERED - SECOND), Verdict.BEFORE_TRANSACTION),
        (Answer(submitted_at=DELIVERED), Verdict.COUNTED),
        (Answer(expires_at=DELIVERED + timedelta(days=30)), Verdict.COUNTED),
        (Answer(expires_at=DELIVERED + timedelta(days=30) - SECOND), Verdict.LATE),
        (Answer(submitted_at=FROZEN - SECOND), Verdict.COUNTED),
        (Answer(submitted_at=FROZEN), Verdict.LATE),
        (Answer(submitted_at=FROZEN, expires_at=FROZEN + SECOND), Verdict.LATE),
    ],
)
def test_the_first_matching_verdict_holds(row: Answer, verdict: Verdict | None) -> None:
    assert judge(row) is verdict


def test_without_a_transaction_there_is_nothing_to_judge() -> None:
    nothing = Transaction(None, "E1")
    assert judge(Answer(), nothing) is Verdict.NO_TRANSACTION
    assert judge(Answer(mode="PHONE_INTERVIEW", interviewer_no="E1"), nothing) is Verdict.NO_TRANSACTION
    assert judge(Answer(q_overall=None), nothing) is Verdict.NO_ANSWER


def test_the_earliest_of_the_running_counts_and_then_the_lowest_number_in_byte_order() -> None:
    first, second = Answer("Q9"), Answer("Q10")
    assert verdicts([first, second], SALE) == {"Q9": Verdict.DUPLICATE, "Q10": Verdict.COUNTED}
    earlier = replace(first, submitted_at=DELIVERED + SECOND)
    assert verdicts([second, earlier], SALE) == {"Q9": Verdict.COUNTED, "Q10": Verdict.DUPLICATE}
    assert verdicts([Answer("a"), Answer("B")], SALE) == {"a": Verdict.DUPLICATE, "B": Verdict.COUNTED}


@pytest.mark.parametrize(
    "bad",
    [
        Answer("Q0", integrity="VOID"),
        Answer("Q0", integrity="QUARANTINED"),
        Answer("Q0", submitted_at=DELIVERED + SECOND, expires_at=DELIVERED),
        Answer("Q0", submitted_at=DELIVERED - SECOND),
        Answer("Q0", q_overall=None),
    ],
)
def test_an_answer_that_does_not_count_takes_nobodys_place(bad: Answer) -> None:
    assert verdicts([bad, Answer("Q1")], SALE)["Q1"] is Verdict.COUNTED


def test_templates_do_not_take_each_others_place() -> None:
    found = verdicts([Answer("Q1", "T1"), Answer("Q2", "T2")], SALE)
    assert set(found.values()) == {Verdict.COUNTED}


@given(
    st.lists(st.tuples(st.integers(0, 90), st.sampled_from(["T1", "T8"]), st.sampled_from([None, "VOID"])), max_size=8)
)
def test_at_most_one_counts_per_template_in_any_sequence(rows: list[tuple[int, str, str | None]]) -> None:
    answers = [
        Answer(f"Q{at}", template, submitted_at=DELIVERED + timedelta(days=days), integrity=integrity)
        for at, (days, template, integrity) in enumerate(rows)
    ]
    found = verdicts(answers, SALE)
    assert found == verdicts(answers[::-1], SALE)
    assert list(found.values()).count(Verdict.COUNTED) <= 1
    assert len(found) == len(answers)


@pytest.mark.parametrize(
    ("row", "in_time"),
    [
        (Answer(), True),
        (Answer(submitted_at=None), False),
        (Answer(expires_at=DELIVERED + timedelta(days=30)), True),
        (Answer(expires_at=DELIVERED + timedelta(days=30) - SECOND), False),
        (Answer(mode="ASSISTED_AT_DELIVERY"), False),
        (Answer(integrity="VOID"), False),
        (Answer(integrity="QUARANTINED"), True),
        (Answer(q_overall=None), True),
    ],
)
def test_who_did_answer_the_invitation(row: Answer, in_time: bool) -> None:
    assert answered_in_time(row) is in_time

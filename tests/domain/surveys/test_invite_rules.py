"""Sending, reminding, closing, and tokens."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.domain.surveys.invite_rules import Permission, closes_at, next_channel, refusal, reminder_due
from forecourt.domain.surveys.plan_rules import Suppression
from forecourt.domain.surveys.policy_rules import SurveyPolicy
from forecourt.domain.surveys.token_rules import make_token, survey_path, token_hash

POLICY = SurveyPolicy()
SENT = datetime(2026, 9, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("permission", "reason"),
    [
        (Permission(True, None), None),
        (Permission(True, False), None),
        (Permission(None, None), Suppression.NO_CONSENT),
        (Permission(False, None), Suppression.NO_CONSENT),
        (Permission(True, True), Suppression.DO_NOT_CONTACT),
        (Permission(True, None, withdrawn=True), Suppression.OPTED_OUT),
    ],
)
def test_only_who_agreed_is_asked(permission: Permission, reason: Suppression | None) -> None:
    assert refusal(permission, POLICY) is reason


def test_without_opt_in_silence_is_no_refusal_but_no_is() -> None:
    policy = SurveyPolicy(opt_in=False)
    assert refusal(Permission(None, None), policy) is None
    assert refusal(Permission(False, None), policy) is Suppression.NO_CONSENT


def test_the_next_channel_comes_after_the_one_that_bounced() -> None:
    order = ("SMS", "EMAIL")
    assert next_channel(order, {"SMS", "EMAIL"}, None) == "SMS"
    assert next_channel(order, {"EMAIL"}, None) == "EMAIL"
    assert next_channel(order, {"SMS", "EMAIL"}, "SMS") == "EMAIL"
    assert next_channel(order, {"SMS", "EMAIL"}, "EMAIL") is None
    assert next_channel(order, set(), None) is None


@given(
    st.sampled_from(["SCHEDULED", "SENT", "OPENED", "STARTED", "COMPLETED", "EXPIRED", "OPTED_OUT", "BOUNCED"]),
    st.integers(0, 4),
    st.integers(0, 24 * 20),
    st.none() | st.integers(0, 24 * 20),
)
def test_reminders_are_few_timely_and_leave_people_alone_who_started(
    state: str, reminders: int, hours: int, started: int | None
) -> None:
    now = SENT + timedelta(hours=hours)
    started_at = None if started is None else SENT + timedelta(hours=started)
    number = reminder_due(
        state=state,
        sent_at=SENT,
        expires_at=SENT + timedelta(days=14),
        started_at=started_at,
        reminders=reminders,
        now=now,
        policy=POLICY,
    )
    if number is not None:
        assert number == reminders + 1 <= 2
        assert state in ("SENT", "OPENED", "STARTED")
        assert now - SENT >= timedelta(days=(3, 7)[reminders])
        assert now - SENT < timedelta(days=14)
        assert started_at is None or now - started_at >= timedelta(hours=24)


def test_the_reminders_come_at_day_three_and_seven() -> None:
    def due(days: float, reminders: int) -> int | None:
        return reminder_due(
            state="SENT",
            sent_at=SENT,
            expires_at=SENT + timedelta(days=14),
            started_at=None,
            reminders=reminders,
            now=SENT + timedelta(days=days),
            policy=POLICY,
        )

    assert (due(2.9, 0), due(3, 0), due(3, 1), due(7, 1), due(8, 2)) == (None, 1, None, 2, None)


def test_a_late_answer_is_taken_for_two_more_days() -> None:
    assert closes_at(SENT, POLICY) == SENT + timedelta(hours=48)


@given(st.uuids(), st.binary(min_size=32, max_size=32))
def test_a_token_is_128_bits_and_only_its_hash_can_be_looked_up(invitation: UUID, secret: bytes) -> None:
    token = make_token(secret, invitation)
    assert len(token) == 22 and token == make_token(secret, invitation)
    hashed = token_hash(token)
    assert hashed is not None and len(hashed) == 32
    assert token != make_token(bytes(32), invitation) or secret == bytes(32)
    assert survey_path("abc", token) == f"/s/abc/{token}"


@given(st.text(max_size=40))
def test_what_is_no_token_is_not_looked_up(text: str) -> None:
    hashed = token_hash(text)
    assert hashed is None or len(text) == 22


def test_one_token_has_one_spelling() -> None:
    token = make_token(bytes(32), UUID(int=7))
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spelled = [token[:-1] + letter for letter in last if token_hash(token[:-1] + letter) == token_hash(token)]
    assert spelled == [token]
    assert token_hash("é" * 22) is None
    with pytest.raises(ValueError):
        make_token(b"short", UUID(int=7))

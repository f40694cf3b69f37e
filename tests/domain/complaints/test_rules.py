"""The two axes of a complaint, over every standing there is."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.domain.complaints.rules import (
    VERDICTS,
    Standing,
    check_acknowledge,
    check_close,
    check_filing,
    check_verdict,
    minutes_to_answer,
)
from forecourt.errors import Invalid, Refused, WrongState

STANDINGS = st.builds(
    Standing,
    record=st.sampled_from(("COMPLAINT", "ENQUIRY")),
    status=st.sampled_from(("OPEN", "CLOSED", "WITHDRAWN", "DUPLICATE")),
    validity=st.sampled_from(("UNDECIDED", *VERDICTS)),
    acknowledged=st.booleans(),
    confirmed=st.booleans(),
)
NOON = datetime(2026, 9, 1, 4, tzinfo=UTC)


@given(STANDINGS)
def test_it_is_acknowledged_once_and_while_open(now: Standing) -> None:
    if now.status == "OPEN" and not now.acknowledged:
        check_acknowledge(now)
    else:
        with pytest.raises(WrongState):
            check_acknowledge(now)


@given(STANDINGS, st.sampled_from(VERDICTS))
def test_validity_is_ruled_once_and_never_of_an_enquiry(now: Standing, verdict: str) -> None:
    if now.record == "COMPLAINT" and now.status in ("OPEN", "CLOSED") and now.validity == "UNDECIDED":
        check_verdict(now, verdict)
    else:
        with pytest.raises(WrongState):
            check_verdict(now, verdict)
    with pytest.raises(Invalid):
        check_verdict(now, "UNDECIDED")


@given(STANDINGS, st.booleans(), st.booleans())
def test_it_closes_confirmed_or_signed_and_never_unacknowledged(now: Standing, confirmed: bool, signed: bool) -> None:
    if now.status != "OPEN" or not now.acknowledged:
        with pytest.raises(WrongState):
            check_close(now, confirmed=confirmed, signed=signed)
    elif confirmed or signed or now.confirmed:
        check_close(now, confirmed=confirmed, signed=signed)
    else:
        with pytest.raises(Refused, match="customer") as refused:
            check_close(now, confirmed=confirmed, signed=signed)
        assert refused.value.code == "NOT_CONFIRMED"


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"record": "PRAISE"}, "record"),
        ({"area": "FINANCE"}, "area"),
        ({"severity": "P5"}, "severity"),
        ({"accused": 21}, "accused"),
        ({"record": "ENQUIRY", "accused": 1}, "accused"),
        ({"received_at": datetime(2026, 9, 1)}, "receivedAt"),  # noqa: DTZ001
    ],
)
def test_what_cannot_be_recorded(changed: dict[str, object], path: str) -> None:
    sound: dict[str, object] = {
        "record": "COMPLAINT",
        "area": "SALES",
        "severity": None,
        "accused": 0,
        "received_at": NOON,
    }
    check_filing(**sound)  # type: ignore[arg-type]
    with pytest.raises(Invalid) as error:
        check_filing(**sound | changed)  # type: ignore[arg-type]
    assert error.value.path == (path,)


@pytest.mark.parametrize(
    ("after", "minutes"), [(None, None), (0, 0), (59, 0), (60, 1), (1_799, 29), (1_800, 30), (-5, 0), (86_400, 1_440)]
)
def test_an_answer_takes_the_whole_minutes_since_the_receipt(after: int | None, minutes: int | None) -> None:
    answered = None if after is None else NOON + timedelta(seconds=after)
    assert minutes_to_answer(NOON, answered) == minutes

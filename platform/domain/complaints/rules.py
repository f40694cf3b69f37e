"""What may happen to a complaint 投诉, and when. Pure.

Two axes (domain section 3.8): where it stands (OPEN → CLOSED | WITHDRAWN | DUPLICATE), and whether it is justified
(validity 有效性: UNDECIDED → VALID | PARTLY | INVALID). A ruling stands: what it costs is a matter of the month's evaluation
and its appeals, not of ruling again.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ...errors import Invalid, Refused, WrongState

RECORDS = ("COMPLAINT", "ENQUIRY")
AREAS = ("SALES", "SERVICE")
SEVERITIES = ("P1", "P2", "P3", "P4")
VERDICTS = ("VALID", "PARTLY", "INVALID")
MOST_ACCUSED = 20


@dataclass(frozen=True, slots=True)
class Standing:
    """What decides about the next step of a complaint."""

    record: str
    status: str
    validity: str
    acknowledged: bool
    confirmed: bool


def check_acknowledge(now: Standing) -> None:
    """A first answer to the customer is noted once.

    Raises:
        WrongState: it is not open, or was acknowledged already.
    """
    if now.status != "OPEN" or now.acknowledged:
        raise WrongState("only an open complaint is acknowledged, once", status=now.status)


def check_verdict(now: Standing, verdict: str) -> None:
    """Validity is ruled once, of complaints and not of enquiries 咨询; also after the close.

    Raises:
        Invalid: no such verdict. WrongState: ruled already, an enquiry, withdrawn or a duplicate.
    """
    if verdict not in VERDICTS:
        raise Invalid(f"a verdict is one of {', '.join(VERDICTS)}", path=("verdict",))
    if now.record != "COMPLAINT" or now.status not in ("OPEN", "CLOSED") or now.validity != "UNDECIDED":
        raise WrongState("this is not open to a ruling", status=now.status, validity=now.validity)


def check_close(now: Standing, *, confirmed: bool, signed: bool) -> None:
    """A complaint is closed after it was acknowledged, when the customer confirmed the solution or a manager signs.

    Raises:
        WrongState: not open, or never acknowledged. Refused: NOT_CONFIRMED.
    """
    if now.status != "OPEN" or not now.acknowledged:
        raise WrongState("only an open complaint that was acknowledged is closed", status=now.status)
    if not (confirmed or now.confirmed or signed):
        raise Refused("NOT_CONFIRMED", "the customer has not confirmed the solution, so a manager has to sign")


def check_filing(*, record: str, area: str, severity: str | None, accused: int, received_at: datetime) -> None:
    """What a new record must be.

    Raises:
        Invalid: a word that is not known, too many people, a moment without offset, or an enquiry that accuses.
    """
    for path, word, known in (("record", record, RECORDS), ("area", area, AREAS)):
        if word not in known:
            raise Invalid(f"one of {', '.join(known)}", path=(path,))
    if severity is not None and severity not in SEVERITIES:
        raise Invalid(f"one of {', '.join(SEVERITIES)}", path=("severity",))
    if accused > MOST_ACCUSED:
        raise Invalid(f"at most {MOST_ACCUSED} people", path=("accused",))
    if record == "ENQUIRY" and accused:
        raise Invalid("an enquiry accuses nobody", path=("accused",))
    if received_at.tzinfo is None:
        raise Invalid("a moment needs an offset", path=("receivedAt",))


def minutes_to_answer(received_at: datetime, acknowledged_at: datetime | None) -> int | None:
    """Whole minutes from receipt to the first answer 响应时长, begun ones not counted (requirement 81); None: not answered.

    An answer noted with a moment before the receipt took no time.
    """
    return None if acknowledged_at is None else max((acknowledged_at - received_at) // timedelta(minutes=1), 0)

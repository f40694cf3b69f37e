"""Which answers count: the verdict on each survey response (docs/interchange.md section 6).

Pure: a response and a transaction are anything with these attributes, so that the month close and the survey desk
judge with the same lines.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Verdict(StrEnum):
    """What becomes of a submitted response (答卷判定); the first that matches holds, in this order."""

    ASSISTED = "ASSISTED"
    VOID = "VOID"
    QUARANTINED = "QUARANTINED"
    NO_ANSWER = "NO_ANSWER"
    NO_TRANSACTION = "NO_TRANSACTION"
    SELF_INTERVIEW = "SELF_INTERVIEW"
    BEFORE_TRANSACTION = "BEFORE_TRANSACTION"
    LATE = "LATE"
    DUPLICATE = "DUPLICATE"
    COUNTED = "COUNTED"


ASSISTED_MODE = "ASSISTED_AT_DELIVERY"
DELIVERY_FORM = "T8"
INTERVIEW_MODES = frozenset({"PHONE_INTERVIEW", "FACE_TO_FACE"})


class Response(Protocol):
    """A row of surveys.csv, as far as the verdict needs it. Moments are aware and in UTC."""

    @property
    def survey_no(self) -> str: ...
    @property
    def template(self) -> str: ...
    @property
    def mode(self) -> str | None: ...
    @property
    def interviewer_no(self) -> str | None: ...
    @property
    def submitted_at(self) -> datetime | None: ...
    @property
    def expires_at(self) -> datetime | None: ...
    @property
    def integrity(self) -> str | None: ...
    @property
    def q_overall(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Transaction:
    """What the responses are about.

    ``happened_at`` is the delivery or hand-over, ``None`` when it has not happened or the order is cancelled;
    ``judged_no`` the consultant or advisor; ``frozen_at`` F of the month of the event (needed when it happened).
    """

    happened_at: datetime | None
    judged_no: str
    frozen_at: datetime | None = None


def _alone(response: Response, submitted_at: datetime, about: Transaction) -> Verdict | None:
    """The verdict that needs no other response; ``None`` when the response is in the running."""
    if response.template == DELIVERY_FORM or response.mode == ASSISTED_MODE:
        return Verdict.ASSISTED
    if response.integrity in ("VOID", "QUARANTINED"):
        return Verdict(response.integrity)
    if response.q_overall is None:
        return Verdict.NO_ANSWER
    if about.happened_at is None:
        return Verdict.NO_TRANSACTION
    if response.mode in INTERVIEW_MODES and response.interviewer_no == about.judged_no:
        return Verdict.SELF_INTERVIEW
    if submitted_at < about.happened_at:
        return Verdict.BEFORE_TRANSACTION
    expired = response.expires_at is not None and submitted_at > response.expires_at
    if expired or (about.frozen_at is not None and submitted_at >= about.frozen_at):
        return Verdict.LATE
    return None


def verdicts(responses: Iterable[Response], about: Transaction) -> dict[str, Verdict]:
    """Judge all responses to one transaction: survey number → verdict, for the rows that were submitted.

    Give every row of the transaction: of those in the running, the earliest per template (then the lowest number, in
    byte order) is COUNTED and the others are DUPLICATE. A late, quarantined or void answer never takes the place of a
    later good one.
    """
    judged: dict[str, Verdict] = {}
    running: list[tuple[datetime, bytes, Response]] = []
    for response in responses:
        if response.submitted_at is None:
            continue
        verdict = _alone(response, response.submitted_at, about)
        if verdict is None:
            running.append((response.submitted_at, response.survey_no.encode(), response))
        else:
            judged[response.survey_no] = verdict
    taken: set[str] = set()
    for _, _, response in sorted(running, key=lambda entry: entry[:2]):
        judged[response.survey_no] = Verdict.DUPLICATE if response.template in taken else Verdict.COUNTED
        taken.add(response.template)
    return judged


class Invitation(Response, Protocol):
    """A row of surveys.csv as an invitation."""

    @property
    def sent_at(self) -> datetime | None: ...
    @property
    def bounced(self) -> bool | None: ...


def answered_in_time(row: Invitation) -> bool:
    """Whether an invitation was answered by the customer in time (S07): a quarantined answer did answer."""
    if row.submitted_at is None or row.mode == ASSISTED_MODE or row.integrity == "VOID":
        return False
    return row.expires_at is None or row.submitted_at <= row.expires_at

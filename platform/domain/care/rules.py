"""Follow-up calls in time: the delivery call (交车后回访) and the recovery call (不满意客户回访).

Pure (docs/interchange.md section 7, F01A, F01B, F04; section 8.2, D-CALL; requirements 11-13 and 18-20). A call is
anything with these attributes; moments are aware and in UTC. Every function returns the call that proves the answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from ...errors import Invalid


class CallFact(Protocol):
    """A row of calls.csv, as far as the rules need it."""

    @property
    def call_no(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def caller_no(self) -> str: ...
    @property
    def started_at(self) -> datetime: ...
    @property
    def connected(self) -> bool: ...
    @property
    def result(self) -> str | None: ...


AnyCall = TypeVar("AnyCall", bound=CallFact)

EXCUSES = frozenset({"REFUSED", "INVALID_NUMBER"})


@dataclass(frozen=True, slots=True)
class CallWindow:
    """From when to when after the delivery a call is on time; both ends included."""

    opens: timedelta
    closes: timedelta

    def __post_init__(self) -> None:
        if not timedelta(0) <= self.opens <= self.closes:
            raise Invalid("a call window opens at or after the delivery, and closes no earlier than it opens")

    def has(self, delivered_at: datetime, started_at: datetime) -> bool:
        return delivered_at + self.opens <= started_at <= delivered_at + self.closes


WITHIN_24H = CallWindow(timedelta(0), timedelta(hours=24))
"""F01A (requirement 11): any time in the first 24 hours."""

AFTER_1_TO_2H = CallWindow(timedelta(hours=1), timedelta(hours=2))
"""F01B (requirement 12): in the second hour; a call after 40 minutes is not on time."""


def _first(calls: Iterable[AnyCall]) -> AnyCall | None:
    """The earliest call, so that the same facts in any order give the same proof."""
    return min(calls, key=lambda call: (call.started_at, call.call_no), default=None)


def delivery_call_in(window: CallWindow, delivered_at: datetime, calls: Iterable[AnyCall]) -> AnyCall | None:
    """The connected DELIVERY_CALL inside the window, by anybody."""
    return _first(
        call
        for call in calls
        if call.kind == "DELIVERY_CALL" and call.connected and window.has(delivered_at, call.started_at)
    )


def excuse_for(window: CallWindow, delivered_at: datetime, calls: Iterable[AnyCall]) -> AnyCall | None:
    """The DELIVERY_CALL by which the customer refused or the number was invalid, from the delivery to the window's end.

    It excuses the person (no D-CALL), it does not turn the miss of the rate into a hit.
    """
    reach = CallWindow(timedelta(0), window.closes)
    return _first(
        call
        for call in calls
        if call.kind == "DELIVERY_CALL" and call.result in EXCUSES and reach.has(delivered_at, call.started_at)
    )


def recovery_in_time(
    submitted_at: datetime, due_at: datetime, judged_no: str, calls: Iterable[AnyCall]
) -> AnyCall | None:
    """The connected RECOVERY call for one response, from the answer to the due time inclusive, by somebody else than
    the person the answer judges."""
    return _first(
        call
        for call in calls
        if call.kind == "RECOVERY"
        and call.connected
        and call.caller_no != judged_no
        and submitted_at <= call.started_at <= due_at
    )

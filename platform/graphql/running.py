"""Requests on their way: a body is waited for so long, an operation may take so long, and none goes on when whoever asked has left.

To end one is to cancel its task, which stops its statement in the database as well (`tenancy.lanes`, psycopg). One timer serves
all: nearly every request has ended before the second look, so neither a timer nor a task is spent on it.
"""

import asyncio
from dataclasses import dataclass, field
from enum import Enum
from math import inf
from time import monotonic
from typing import Any, Final

from starlette.types import Receive

#: Seconds between two looks at what is on its way.
LOOK: Final = 0.1


class Ended(Enum):
    """Why a request was ended."""

    SLOW = "its body did not come in time"
    LATE = "its operation took too long"
    LEFT = "whoever asked has left"


class OnItsWay:
    """One request: since when it does what it does now, and how long that may take."""

    __slots__ = ("ended", "listening", "receive", "runs", "seconds", "since", "task")

    def __init__(self, task: "asyncio.Task[Any]", receive: Receive, since: float, seconds: float) -> None:
        self.task, self.receive, self.since, self.seconds = task, receive, since, seconds
        #: its body is here: the only thing that can still come is that the other side leaves
        self.runs = False
        self.ended: Ended | None = None
        self.listening: asyncio.Task[None] | None = None

    def goes_on(self) -> None:
        """Another piece of the body is waited for."""
        self.since = monotonic()

    def waits(self, seconds: float) -> None:
        """A body is waited for, for so long."""
        self.since, self.seconds = monotonic(), seconds

    def stays(self) -> None:
        """It may take as long as it likes: an event stream looks after itself."""
        self.seconds = inf

    def starts(self, seconds: float) -> None:
        """The operation begins, and may take so long."""
        self.since, self.seconds, self.runs = monotonic(), seconds, True

    def end(self, why: Ended) -> None:
        """End it, once."""
        if self.ended is None:
            self.ended = why
            self.task.cancel()

    def why(self) -> Ended | None:
        """Why its task was cancelled, where that was here and nobody else did as well (as in `asyncio.timeout`)."""
        return None if self.ended is None or self.task.uncancel() else self.ended

    async def listen(self) -> None:
        """End it when the other side leaves."""
        while (await self.receive())["type"] != "http.disconnect":
            pass
        self.end(Ended.LEFT)


@dataclass(eq=False)
class Running:
    """The requests of a door. `patience`: seconds that a body, or its next piece, may take to come."""

    patience: float
    _ones: dict[OnItsWay, None] = field(default_factory=dict)
    _looks_in: asyncio.AbstractEventLoop | None = None

    def begin(self, receive: Receive) -> OnItsWay:
        """The request of this task, whose body is waited for."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  (a coroutine runs in a task)
        one = OnItsWay(task, receive, monotonic(), self.patience)
        self._ones[one] = None
        if self._looks_in is None or self._looks_in is not task.get_loop():
            self._looks_in = loop = task.get_loop()
            loop.call_later(LOOK, self._look, loop)
        return one

    def finish(self, one: OnItsWay) -> None:
        """It has ended."""
        del self._ones[one]
        if one.listening is not None:
            one.listening.cancel()

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._looks_in is not loop:
            return
        now = monotonic()
        for one in self._ones:
            if now - one.since > one.seconds:
                one.end(Ended.LATE if one.runs else Ended.SLOW)
            elif one.runs and one.listening is None and now - one.since > LOOK:
                one.listening = loop.create_task(one.listen())
        if self._ones:
            loop.call_later(LOOK, self._look, loop)
        else:
            self._looks_in = None

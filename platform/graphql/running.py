"""Operations on their way: each has a deadline, and none goes on when whoever asked has left.

To end one is to cancel its task, which stops its statement in the database as well (`tenancy.lanes`, psycopg).
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Receive

T = TypeVar("T")

#: Seconds between two looks at what is on its way. Nearly every operation has ended before the second one, so that neither
#: a timer nor a task is spent on it.
LOOK: Final = 0.1


class _Ended(Enum):
    LATE = "late"
    LEFT = "left"


@dataclass(eq=False, slots=True)
class _One:
    since: float
    receive: Receive
    ended: _Ended | None = None
    listening: "asyncio.Task[None] | None" = None


class Running:
    """The operations of a door, each of which may take so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        #: the oldest first
        self._ones: dict[asyncio.Task[Any], _One] = {}
        self._looks_in: asyncio.AbstractEventLoop | None = None

    async def run(self, awaited: Awaitable[T], receive: Receive) -> T:
        """What is awaited. `receive` says nothing any more but that the other side has left.

        Raises:
            TimeoutError: it took too long.
            ClientDisconnect: nobody waits for it any more.
        """
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101  (a coroutine runs in a task)
        one = self._ones[task] = _One(loop.time(), receive)
        if self._looks_in is not loop:
            self._looks_in = loop
            loop.call_later(LOOK, self._look, loop)
        try:
            return await awaited
        except asyncio.CancelledError:
            # As in `asyncio.timeout`: somebody else may have cancelled it as well.
            if one.ended is None or task.uncancel():
                raise
            if one.ended is _Ended.LEFT:
                raise ClientDisconnect from None
            raise TimeoutError from None
        finally:
            del self._ones[task]
            if one.listening is not None:
                one.listening.cancel()

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._looks_in is not loop:
            return
        now = loop.time()
        for task, one in self._ones.items():
            if now - one.since < LOOK:
                break
            if now - one.since > self.seconds:
                self._end(task, one, _Ended.LATE)
            elif one.listening is None:
                one.listening = loop.create_task(self._listen(task, one))
        if self._ones:
            loop.call_later(LOOK, self._look, loop)
        else:
            self._looks_in = None

    async def _listen(self, task: "asyncio.Task[Any]", one: _One) -> None:
        while (await one.receive())["type"] != "http.disconnect":
            pass
        self._end(task, one, _Ended.LEFT)

    def _end(self, task: "asyncio.Task[Any]", one: _One, why: _Ended) -> None:
        if one.ended is None and task in self._ones:
            one.ended = why
            task.cancel()

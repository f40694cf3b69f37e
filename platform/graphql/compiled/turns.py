"""Heavy work in turns: one piece at a time, callers one after the other, and ready requests in between.

To read a new document and to plan it takes milliseconds during which a process answers nobody. A client that sends a new document
each time thus waits for itself: its next one is read when everybody else who waits has had a turn.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from ...errors import Throttled

#: Pieces of work that may wait: of one caller, and in all.
MOST_OF_ONE: Final = 50
MOST: Final = 1_000


@dataclass(eq=False)
class Turns:
    """Who waits, by caller. A process has one event loop; where another takes its place, nobody waits any more."""

    _waiting: "OrderedDict[str, deque[asyncio.Future[None]]]" = field(default_factory=OrderedDict)
    _count: int = 0
    _taken: bool = False
    _loop: asyncio.AbstractEventLoop | None = None

    @asynccontextmanager
    async def turn(self, caller: str) -> AsyncIterator[None]:
        """Wait for a turn; the next begins when the block has ended and the event loop has been round once.

        Raises:
            Throttled: too many wait already.
        """
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._taken, self._count = loop, False, 0
            self._waiting.clear()
        if self._taken:
            await self._wait(caller)
        self._taken = True
        try:
            yield
        finally:
            loop.call_soon(self._next)

    async def _wait(self, caller: str) -> None:
        mine = self._waiting.setdefault(caller, deque())
        if len(mine) >= MOST_OF_ONE or self._count >= MOST:
            if not mine:
                del self._waiting[caller]
            raise Throttled("too many new documents wait to be read", retry_after=1.0)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        mine.append(turn)
        self._count += 1
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._next()
            raise

    def _next(self) -> None:
        """The turn goes to the caller whose last one is longest ago."""
        self._taken = False
        while self._waiting and not self._taken:
            caller, mine = self._waiting.popitem(last=False)
            while mine and not self._taken:
                turn = mine.popleft()
                self._count -= 1
                if not turn.done():
                    self._taken = True
                    turn.set_result(None)
            if mine:
                self._waiting[caller] = mine

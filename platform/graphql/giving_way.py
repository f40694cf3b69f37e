"""Large reads give way to small ones: a page of a store does not wait for a report over all of them.

While somebody asks for little, the parts of what asks for much are read one after the other, and as long as one takes, so long
nothing of them is read. While nobody does, they go side by side as fast as they can.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

#: Points of cost above which an operation asks for much.
MUCH: Final = 1_000
#: Seconds for which somebody who asked for little is taken to be there still.
THERE: Final = 0.1
#: The longest pause, as a multiple of what was read, and in seconds.
_PAUSE: Final = 1.0
_LONGEST: Final = 0.05


@dataclass(eq=False)
class GivingWay:
    """Who goes first in a process. Belongs to one event loop."""

    now: Callable[[], float] = time.monotonic
    _little_at: float = -1.0
    _next_at: float = 0.0
    _one: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))

    def little(self) -> None:
        """Somebody asks for little."""
        self._little_at = self.now()

    @asynccontextmanager
    async def part(self) -> AsyncIterator[None]:
        """A part of what asks for much is read in the block."""
        if self.now() - self._little_at > THERE:
            yield
            return
        async with self._one:
            pause = self._next_at - self.now()
            if pause > 0:
                await asyncio.sleep(pause)
            began = self.now()
            try:
                yield
            finally:
                ended = self.now()
                self._next_at = ended + min((ended - began) * _PAUSE, _LONGEST)

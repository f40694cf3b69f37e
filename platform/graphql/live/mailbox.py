"""What waits to be sent to one event stream."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Final

#: Events that wait at most: who has more waits, and so, in the end, does whoever reads the feed for them.
MOST: Final = 16


@dataclass(eq=False)
class Mailbox:
    """Takes events from several, gives them to one, in their order. Belongs to one event loop."""

    _events: deque[bytes] = field(default_factory=deque)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _room: asyncio.Event = field(default_factory=asyncio.Event)
    ended: bool = False

    async def put(self, event: bytes) -> None:
        """Add an event, when there is room."""
        while len(self._events) >= MOST and not self.ended:
            self._room.clear()
            await self._room.wait()
        if not self.ended:
            self._events.append(event)
            self._changed.set()

    def end(self, *last: bytes) -> None:
        """Nothing comes after these."""
        if not self.ended:
            self._events.extend(last)
            self.ended = True
            self._changed.set()
            self._room.set()

    async def get(self) -> bytes | None:
        """The next event; None: it was the last."""
        while not self._events:
            if self.ended:
                return None
            self._changed.clear()
            await self._changed.wait()
        self._room.set()
        return self._events.popleft()

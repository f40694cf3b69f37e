"""How long somebody may take to send a body."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

T = TypeVar("T")


class Patience:
    """Waits for something, but for no longer than some seconds.

    One timer serves all who wait: nearly everybody is there at once, and a timer for each would cost more than reading what they sent.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        #: since when a task waits, the longest first
        self._since: dict[asyncio.Task[Any], float] = {}
        self._late: set[asyncio.Task[Any]] = set()
        #: the event loop with a timer of ours
        self._looks_in: asyncio.AbstractEventLoop | None = None

    async def wait_for(self, awaited: Awaitable[T]) -> T:
        """What is awaited.

        Raises:
            TimeoutError: it took too long.
        """
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101  (a coroutine runs in a task)
        self._since[task] = loop.time()
        if self._looks_in is not loop:
            self._looks_in = loop
            loop.call_later(self.seconds, self._look, loop)
        try:
            return await awaited
        except asyncio.CancelledError:
            # As in `asyncio.timeout`: somebody else may have cancelled it as well.
            if task in self._late and not task.uncancel():
                raise TimeoutError from None
            raise
        finally:
            del self._since[task]
            self._late.discard(task)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._looks_in is not loop:
            return
        now = loop.time()
        for task, since in self._since.items():
            if since + self.seconds > now:
                loop.call_at(since + self.seconds, self._look, loop)
                return
            if task not in self._late:
                self._late.add(task)
                task.cancel()
        self._looks_in = None

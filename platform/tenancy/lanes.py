"""Reads in one round trip: a group's reader login over a few connections, shared out among its stores' requests.

Everything sent before one Sync is one implicit transaction: the role that its first statement takes ends with it, also
after an error, and the login's defaults (repeatable read, read only) give all its statements one snapshot.

Statements stay prepared by store and text, on the connection (`lane`) that sent them. So every store has a home, the lane
that has its statements: whoever asks waits there a moment before another lane will do, which then is the store's home.
"""

import asyncio
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .lane import Lane, Results, Row, Statement, rows_of

#: Seconds after which a connection is replaced, so that a changed role setting reaches every one.
RECYCLE = 1800.0
#: Seconds after which somebody who waits for their store's home takes any lane. Longer than most answers take, so that a
#: busy process does not prepare every statement on every connection; short enough that a slow one holds up nobody for long.
PATIENCE = 0.02


@dataclass(eq=False, slots=True)
class _Turn:
    """Somebody who waits for a lane."""

    role: str
    hurried_at: float
    lane: "asyncio.Future[Lane | None]"


@dataclass(eq=False)
class Lanes:
    """Up to `size` connections of one login, opened when they are needed. Belongs to one event loop."""

    parameters: Mapping[str, Any]
    size: int
    timeout: float
    _lanes: list[Lane] = field(default_factory=list)
    #: connections that are being opened
    _opening: int = 0
    _homes: dict[str, Lane] = field(default_factory=dict)
    _waiting: "deque[_Turn]" = field(default_factory=deque)
    _looking: asyncio.TimerHandle | None = None
    #: answers that nobody waits for any more
    _left: "set[asyncio.Task[None]]" = field(default_factory=set)
    _closed: bool = False

    @property
    def open(self) -> int:
        """Connections that are open or being opened."""
        return len(self._lanes) + self._opening

    @property
    def busy(self) -> int:
        """Connections that answer something now."""
        return sum(lane.busy for lane in self._lanes) + self._opening

    async def run(self, role: str, statements: Sequence[Statement]) -> list[list[Row]]:
        """The rows of every statement, read as `role` in one round trip and one snapshot.

        Raises:
            TimeoutError: every connection stayed busy for `timeout` seconds.
            psycopg.Error: what the server said; nothing of the role is left on the connection.
        """
        lane = self._at_once(role) or await self._in_turn(role)
        sent: asyncio.Future[Results] | None = None
        try:
            sent = lane.send(role, statements)
            results = await sent
        except asyncio.CancelledError:
            if sent is not None:
                self._leave(lane)
            raise
        except BaseException:
            self._give_back(lane)
            raise
        self._give_back(lane)
        return rows_of(results)

    async def aclose(self) -> None:
        """Close what is idle now, and what is busy when it comes back."""
        self._closed = True
        for lane in [lane for lane in self._lanes if not lane.busy]:
            self._drop(lane)
        if self._left:
            await asyncio.wait(self._left)

    # -- taking

    def _at_once(self, role: str) -> Lane | None:
        """The store's home when it is idle; for a store without one the idle lane that is home to fewest."""
        home = self._homes.get(role)
        if home is None:
            idle = [lane for lane in self._lanes if not lane.busy]
            home = min(idle, key=lambda lane: lane.homes) if idle else None
        return None if home is None or home.busy else self._taken(home, role)

    def _taken(self, lane: Lane, role: str) -> Lane | None:
        """The lane, busy and the store's home from now on; None when it has had its time."""
        if lane.broken or time.monotonic() - lane.since > RECYCLE:
            self._drop(lane)
            return None
        lane.busy = True
        self._settle(lane, role)
        return lane

    def _settle(self, lane: Lane, role: str) -> None:
        before = self._homes.get(role)
        if before is not lane:
            if before is not None:
                before.homes -= 1
            lane.homes += 1
            self._homes[role] = lane

    async def _in_turn(self, role: str) -> Lane:
        """A lane as soon as there is one: a new one while there may be more and all are busy.

        Raises:
            TimeoutError: none was free in time.
        """
        deadline = time.monotonic() + self.timeout
        while True:
            if self.open < self.size and self.busy == self.open:
                return await self._connect(role)
            turn = _Turn(role, time.monotonic() + PATIENCE, asyncio.get_running_loop().create_future())
            self._waiting.append(turn)
            self._look_later()
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    lane = await turn.lane
            except BaseException:
                if turn.lane.done() and not turn.lane.cancelled():
                    given = turn.lane.result()
                    if given is not None:  # it was our turn just now: somebody else's, then
                        self._give_back(given)
                else:
                    turn.lane.cancel()
                raise
            if lane is not None:
                return lane
            # a lane is gone, so another may be opened

    async def _connect(self, role: str) -> Lane:
        self._opening += 1
        try:
            lane = await Lane.connect(self.parameters)
        except BaseException:
            self._opening -= 1
            self._wake_one()
            raise
        self._opening -= 1
        self._lanes.append(lane)
        self._settle(lane, role)
        return lane

    # -- giving back

    def _give_back(self, lane: Lane) -> None:
        """Hand the lane to whoever waits for it, else to whoever has waited too long, else keep it idle."""
        if self._closed or lane.broken:
            self._drop(lane)
            return
        lane.busy = False
        self._serve(lane)

    def _serve(self, lane: Lane) -> None:
        now = time.monotonic()
        for turn in self._waiting:
            if turn.lane.done():
                continue
            if self._homes.get(turn.role) in (lane, None) or turn.hurried_at <= now:
                taken = self._taken(lane, turn.role)
                turn.lane.set_result(taken)
                break
        while self._waiting and self._waiting[0].lane.done():
            self._waiting.popleft()

    def _look_later(self) -> None:
        if self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(PATIENCE, self._look)

    def _look(self) -> None:
        """Idle lanes for those who lost patience."""
        self._looking = None
        for lane in [lane for lane in self._lanes if not lane.busy]:
            self._serve(lane)
        if any(not turn.lane.done() for turn in self._waiting):
            self._look_later()

    def _leave(self, lane: Lane) -> None:
        """Nobody waits for this answer any more: the statement is stopped, and the lane comes back when it has ended."""

        async def ended() -> None:
            await lane.cancel()
            await lane.over()
            self._give_back(lane)

        task = asyncio.ensure_future(ended())
        self._left.add(task)
        task.add_done_callback(self._left.discard)

    def _drop(self, lane: Lane) -> None:
        lane.close()
        self._lanes.remove(lane)
        for role in [role for role, home in self._homes.items() if home is lane]:
            del self._homes[role]
        self._wake_one()

    def _wake_one(self) -> None:
        """There is room for a new lane."""
        for turn in self._waiting:
            if not turn.lane.done():
                turn.lane.set_result(None)
                return


__all__ = ["Lanes", "Row", "Statement"]

"""Reads in one round trip: a group's reader login over a few connections, shared out among its stores' requests.

Everything sent before one Sync is one implicit transaction: the role that its first statement takes ends with it, also
after an error, and the login's defaults (repeatable read, read only) give all its statements one snapshot.

Statements stay prepared by store and text, on the connection (`lane`) that sent them. So every store has a home, the lane
that has its statements, and its requests go there, one behind the other while they are answered quickly. Whoever finds the
home at a slow request, or full, waits a moment before another lane will do, which then is the store's home; and whoever was
sent behind a request that turned out slow is sent again over an idle lane. Reads change nothing, so whichever answer comes
first is the answer.
"""

import asyncio
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg

from .lane import Interrupted, Lane, Results, Row, Statement, rows_of

#: Seconds after which a connection is replaced, so that a changed role setting reaches every one.
RECYCLE: Final = 1800.0
#: Seconds after which somebody who waits for their store's home takes any lane, and after which a request counts as slow.
#: Longer than most answers take, so that a busy process does not prepare every statement on every connection; short enough
#: that a slow one holds up nobody for long.
PATIENCE: Final = 0.02
#: Requests on their way over one lane.
DEPTH: Final = 8
#: How often a request is asked again because it was stopped in another's place.
_TRIES: Final = 5


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
    #: statements that are being stopped because nobody waits for them any more
    _stopping: "set[asyncio.Task[None]]" = field(default_factory=set)
    _closed: bool = False

    @property
    def open(self) -> int:
        """Connections that are open or being opened."""
        return len(self._lanes) + self._opening

    @property
    def busy(self) -> int:
        """Connections that answer something now, or are being opened."""
        return sum(not _idle(lane) for lane in self._lanes) + self._opening

    async def run(self, role: str, statements: Sequence[Statement]) -> list[list[Row]]:
        """The rows of every statement, read as `role` in one round trip and one snapshot.

        Raises:
            TimeoutError: every connection stayed busy for `timeout` seconds.
            psycopg.Error: what the server said; nothing of the role is left on the connection.
        """
        for _ in range(_TRIES):
            lane = self._at_once(role) or await self._in_turn(role)
            answer = lane.send(role, statements)
            if len(lane.sent) > 1:
                self._look_later()
            try:
                return rows_of(await answer)
            except Interrupted:
                continue
            except asyncio.CancelledError:
                for one in self._lanes:
                    if one.sent and one.sent[0].answer is answer:
                        self._stop(one)
                raise
        raise TimeoutError

    async def aclose(self) -> None:
        """Close what is idle now, and what is busy when it has answered."""
        self._closed = True
        for lane in list(self._lanes):
            self._retire(lane)
        if self._stopping:
            await asyncio.wait(self._stopping)

    # -- taking

    def _at_once(self, role: str) -> Lane | None:
        """The store's home; for a store without one the idle lane that is home to fewest. None: not now."""
        home = self._homes.get(role)
        if home is not None:
            return home if self._takes(home) else None
        idle = [lane for lane in list(self._lanes) if not lane.sent and self._takes(lane)]
        return self._settled(min(idle, key=_homes_of), role) if idle else None

    def _takes(self, lane: Lane) -> bool:
        """May another request be sent over it? One that has had its time is closed when it is idle."""
        now = time.monotonic()
        if now - lane.since > RECYCLE:
            self._retire(lane)
            return False
        if lane.broken or lane.stopping is not None:
            return False
        return not lane.sent or (len(lane.sent) < DEPTH and now - lane.turn_at < PATIENCE)

    def _settled(self, lane: Lane, role: str) -> Lane:
        """The lane, the store's home from now on."""
        before = self._homes.get(role)
        if before is not lane:
            if before is not None:
                before.homes -= 1
            lane.homes += 1
            self._homes[role] = lane
        return lane

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
                given = turn.lane.result() if turn.lane.done() and not turn.lane.cancelled() else None
                turn.lane.cancel()
                if given is not None:  # it was our turn just now: somebody else's, then
                    self._serve(given)
                raise
            if lane is not None and lane.stopping is None and not lane.broken:
                return lane
            # there is room for another lane, or this one was lost on the way to us

    async def _connect(self, role: str) -> Lane:
        self._opening += 1
        try:
            lane = await Lane.connect(self.parameters)
        except BaseException:
            self._opening -= 1
            self._wake_one()
            raise
        self._opening -= 1
        lane.ended = self._ended
        self._lanes.append(lane)
        return self._settled(lane, role)

    # -- giving back

    def _ended(self, lane: Lane) -> None:
        """A request of the lane has ended: the next is answered, or the lane goes to whoever waits."""
        if lane.broken:
            self._drop(lane)
            return
        if not lane.sent:
            if self._closed or time.monotonic() - lane.since > RECYCLE:
                self._retire(lane)
                return
        elif lane.sent[0].answer.done():  # given up while it waited, or answered by another lane
            self._stop(lane)
        if self._waiting:
            self._serve(lane)

    def _serve(self, lane: Lane) -> None:
        """Give the lane to those whose home it is, and, where it is idle, to who has waited too long."""
        now = time.monotonic()
        for turn in self._waiting:
            if not self._takes(lane):
                break
            if turn.lane.done():
                continue
            at_home = self._homes.get(turn.role) in (lane, None)
            if at_home or (not lane.sent and turn.hurried_at <= now):
                turn.lane.set_result(self._settled(lane, turn.role))
                if not at_home:
                    break
        while self._waiting and self._waiting[0].lane.done():
            self._waiting.popleft()

    def _look_later(self) -> None:
        if self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(PATIENCE, self._look)

    def _look(self) -> None:
        """Idle lanes for those who lost patience, and for those who were sent behind a slow request."""
        self._looking = None
        now = time.monotonic()
        for lane in list(self._lanes):
            if _idle(lane):
                self._serve(lane)
            elif len(lane.sent) > 1 and now - lane.turn_at > PATIENCE:
                self._send_again(lane, now)
        if any(not turn.lane.done() for turn in self._waiting) or any(len(lane.sent) > 1 for lane in self._lanes):
            self._look_later()

    def _send_again(self, slow: Lane, now: float) -> None:
        """What stands behind a slow request, over idle lanes; who waited as long as anybody may is told so."""
        for sent in list(slow.sent)[1:]:
            if sent.answer.done():
                continue
            if now - sent.at > self.timeout:
                sent.answer.set_exception(TimeoutError())
                continue
            idle = next((lane for lane in self._lanes if _idle(lane)), None)
            if idle is not None and not sent.again:
                sent.again = True
                with suppress(psycopg.Error):  # lost: it is answered where it was sent first
                    self._settled(idle, sent.role).send(sent.role, sent.statements, sent.answer)

    def _stop(self, lane: Lane) -> None:
        """Nobody waits for what the lane answers now."""
        if lane.stopping is not None:
            return

        lane.stopping = lane.sent[0]

        async def stopped() -> None:
            await lane.stop()
            if not lane.broken:
                self._ended(lane)

        task = asyncio.ensure_future(stopped())
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)

    def _retire(self, lane: Lane) -> None:
        """Close the lane, unless it answers something: then when it has."""
        if _idle(lane):
            self._drop(lane)

    def _drop(self, lane: Lane) -> None:
        if lane not in self._lanes:
            return
        self._lanes.remove(lane)
        lane.close()
        for role in [role for role, home in self._homes.items() if home is lane]:
            del self._homes[role]
        self._wake_one()

    def _wake_one(self) -> None:
        """There is room for a new lane."""
        for turn in self._waiting:
            if not turn.lane.done():
                turn.lane.set_result(None)
                return


def _idle(lane: Lane) -> bool:
    return not lane.sent and lane.stopping is None and not lane.broken


def _homes_of(lane: Lane) -> int:
    return lane.homes


__all__ = ["Lanes", "Results", "Row", "Statement"]

"""Sockets and event streams that are open in this process: how many a caller may have, and their end with the caller's rights.

An idle subscription asks for nothing, so whether its caller's token is still good is looked at here: at once when rights were
taken from anybody, when the token expires, and from time to time.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from starlette.requests import Request

from ...errors import ForecourtError, Throttled, Unauthenticated
from ...telemetry import LIVE_CONNECTIONS
from ..context import Context

#: Open at once: in the process, and of one caller.
MOST, MOST_OF_CALLER = 10_000, 100
#: Seconds between looks at a token, while they are few.
LOOK_SECONDS: Final = 5.0
#: Looks a second, however many tokens there are: each is a query or two.
_LOOKS: Final = 10
#: Seconds over which the looks are spread when rights were taken.
_SPREAD: Final = 1.0
_TICK: Final = 0.25


@dataclass(eq=False)
class Caller:
    """Whoever opened a socket or stream. `ended` is called once, when their token is no longer good."""

    request: Request
    key: str
    token: str
    ended: Callable[[], None]
    due: float


@dataclass(eq=False)
class Callers:
    """All of them. `make_context` signs in; `rights` is a number that is another one after rights were taken; `lasts` tells how
    many seconds a request's token lasts, where that is known. Belongs to one event loop."""

    make_context: Callable[[Request], Awaitable[Context]]
    rights: Callable[[], int] = lambda: 0
    lasts: Callable[[Request], float | None] = lambda _: None
    most: int = MOST
    most_of_caller: int = MOST_OF_CALLER
    _open: set[Caller] = field(default_factory=set)
    #: what one token opened is looked at together
    _by_token: dict[str, set[Caller]] = field(default_factory=dict)
    _counted: Counter[str] = field(default_factory=Counter)
    _looking: "asyncio.Task[None] | None" = None

    def __len__(self) -> int:
        return len(self._open)

    async def enter(self, request: Request, ended: Callable[[], None]) -> Caller:
        """Somebody opens one; to be given to `leave` at its end.

        Raises:
            Unauthenticated: no token, or one that is not valid.
            Throttled: they have too many, or the process has.
        """
        context = await self.make_context(request)
        key = context.actor.key
        if len(self._open) >= self.most or self._counted[key] >= self.most_of_caller:
            raise Throttled("too many connections", retry_after=10.0)
        caller = Caller(request, key, request.headers.get("authorization", ""), ended, 0.0)
        self._open.add(caller)
        self._by_token.setdefault(caller.token, set()).add(caller)
        self._schedule(caller)
        self._counted[key] += 1
        LIVE_CONNECTIONS.inc()
        if self._looking is None or self._looking.done():
            self._looking = asyncio.ensure_future(self._look_for_ever())
        return caller

    def leave(self, caller: Caller) -> None:
        """They closed it."""
        if caller not in self._open:
            return
        self._open.discard(caller)
        same = self._by_token[caller.token]
        same.discard(caller)
        if not same:
            del self._by_token[caller.token]
        self._counted[caller.key] -= 1
        if not self._counted[caller.key]:
            del self._counted[caller.key]
        LIVE_CONNECTIONS.dec()
        if not self._open and self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def context(self, caller: Caller) -> Context:
        """Their context as they are now.

        Raises:
            Unauthenticated: the token is not valid any more, or somebody else's.
        """
        context = await self.make_context(caller.request)
        if context.actor.key != caller.key:
            raise Unauthenticated("this connection was opened by somebody else")
        return context

    async def _look_for_ever(self) -> None:
        rights = self.rights()
        while True:
            await asyncio.sleep(_TICK)
            now = time.monotonic()
            if self.rights() != rights:
                rights = self.rights()
                for same in self._by_token.values():
                    soon = now + random.uniform(0, _SPREAD)  # noqa: S311  (no secret)
                    for caller in same:
                        caller.due = min(caller.due, soon)
            for same in list(self._by_token.values()):
                due = next((one for one in same if one.due <= now), None)
                if due is not None:
                    await self._look(due, same)

    async def _look(self, caller: Caller, same: set[Caller]) -> None:
        """Is the caller's token still good? What else it opened shares their lot."""
        try:
            await self.context(caller)
        except Unauthenticated:
            for one in list(same):
                one.due = float("inf")
                one.ended()
        except ForecourtError:  # not to be known now: later, then
            for one in same:
                one.due = time.monotonic() + LOOK_SECONDS
        else:
            for one in same:
                self._schedule(one)

    def _schedule(self, caller: Caller) -> None:
        now = time.monotonic()
        caller.due = now + max(LOOK_SECONDS, len(self._by_token) / _LOOKS)
        lasts = self.lasts(caller.request)
        if lasts is not None:
            caller.due = min(caller.due, now + max(lasts, 0) + _TICK)

    async def aclose(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking
            self._looking = None

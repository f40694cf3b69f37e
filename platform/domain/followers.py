"""Who follows changes in this process: one reader per store looks, and gives everybody who follows it what it found.

A reader looks when a writer said so and, because that may be missed, from time to time. Nothing is ever given from memory:
what is passed on was read from the store's feed, whichever process wrote it.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from ..errors import ForecourtError, Refused, Unavailable
from ..telemetry import logger
from ..tenancy.following import Whereabouts, feed_of
from ..tenancy.notices import Listener
from ..tenancy.session import ResolvedStore
from .changes import Change, Position, changes_after, find_edges

#: Seconds between looks where writers are heard, and where they are not (behind a transaction pooler, say).
HEARD, UNHEARD = 5.0, 1.0
#: Seconds until the next look when something is committed that must wait for an older transaction: the first, and at most.
_HELD, _HELD_LONG = 0.01, 1.0
#: Seconds after a look that found something: writers that follow one another closely are read together.
_GAP: Final = 0.02
#: Events of one look.
_BATCH: Final = 500
#: Events that wait for one follower in memory at most; whoever has more waiting reads the feed again from where they are.
MOST_WAITING: Final = 1_000
#: Answers of events that a process makes at the same time.
AT_ONCE: Final = 8

OpenStore = Callable[[ResolvedStore], AbstractAsyncContextManager[AsyncSession]]
log = logger("forecourt.followers")


class Behind(Exception):
    """More happened than waits for anybody in memory: read the feed from where you are, and go on then."""


@dataclass(eq=False)
class Follower:
    """Somebody who follows a store: what lies behind `start`, in its order, each once."""

    start: Position
    epoch: UUID
    _waiting: deque[Change] = field(default_factory=deque)
    _there: asyncio.Event = field(default_factory=asyncio.Event)
    _behind: bool = False
    _end: Exception | None = None

    async def next(self) -> Change:
        """The next event, as soon as there is one.

        Raises:
            Behind: too many were waiting. What comes from now on waits again.
            Refused: ``CURSOR_EXPIRED``: the store's rows were replaced. NotFound: the store is gone.
        """
        while not self._waiting:
            if self._end is not None:
                raise self._end
            if self._behind:
                self._behind = False
                raise Behind
            self._there.clear()
            await self._there.wait()
        return self._waiting.popleft()

    def give(self, changes: Sequence[Change]) -> None:
        """Events that were read. Whoever has too many waiting gets none until they know it."""
        if self._end is None and not self._behind:
            self._waiting.extend(changes)
            if len(self._waiting) > MOST_WAITING:
                self._waiting.clear()
                self._behind = True
            self._there.set()

    def end(self, error: Exception) -> None:
        """Nothing comes any more."""
        if self._end is None:
            self._end = error
            self._there.set()


@dataclass(eq=False)
class _Reader:
    """Reads one store's feed for as long as somebody follows it."""

    store: ResolvedStore
    open: OpenStore
    listener: Listener | None
    followers: set[Follower] = field(default_factory=set)
    #: those who wait for the first look
    coming: int = 0
    position: Position | None = None
    epoch: UUID | None = None
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    failed: Exception | None = None
    task: "asyncio.Task[None] | None" = None

    def begin(self) -> None:
        if self.listener is not None:
            channel, watch = feed_of(self.store.id)
            self.listener.add(channel, self.wake.set, watch=watch)
        self.task = asyncio.ensure_future(self._run())

    async def stop(self) -> None:
        if self.listener is not None:
            self.listener.remove(feed_of(self.store.id).channel)
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait([self.task])

    def fail(self, error: Exception) -> None:
        """No more looks: whoever follows, or was about to, is told why."""
        self.failed = error
        for follower in self.followers:
            follower.end(error)
        self.ready.set()

    async def _run(self) -> None:
        try:
            await self._look_for_ever()
        except ForecourtError as error:
            self.fail(error)
        except Exception as error:  # nobody awaits this task: what should not happen is said here
            log.exception("a feed could not be read", store=str(self.store.id))
            self.fail(error)

    async def _look_for_ever(self) -> None:
        held = _HELD
        while True:
            self.wake.clear()
            try:
                found, held_back = await self._look()
            except Unavailable:
                if self.position is None:
                    raise
                await self._wait(UNHEARD)
                continue
            if found:
                for follower in self.followers:
                    follower.give(found)
                self.position = found[-1].at_position
            self.ready.set()
            if len(found) == _BATCH:
                continue
            if found:
                await asyncio.sleep(_GAP)
            if held_back:
                await asyncio.sleep(held)
                held = min(2 * held, _HELD_LONG)
            else:
                held = _HELD
                heard = self.listener is not None and self.listener.hears(feed_of(self.store.id).channel)
                await self._wait(HEARD if heard else UNHEARD)

    async def _look(self) -> tuple[Sequence[Change], bool]:
        """What lies behind the position; the first time nothing but where the feed ends."""
        async with self.open(self.store) as session:
            edges = await find_edges(session)
            if self.position is None or self.epoch is None:
                self.position, self.epoch = edges.end, edges.epoch
            elif edges.epoch != self.epoch or self.position < edges.begin:
                raise Refused("CURSOR_EXPIRED", "the store's rows were replaced by an older copy", path=("after",))
            found = await changes_after(session, self.position, limit=_BATCH) if edges.end > self.position else []
        return found, edges.held_back

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.wake.wait()


@dataclass(eq=False)
class Feeds:
    """The feeds that are followed in this process. Belongs to one event loop."""

    open: OpenStore
    listener: Listener | None = None
    _readers: dict[UUID, _Reader] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._readers)

    @asynccontextmanager
    async def follow(self, store: ResolvedStore) -> AsyncIterator[Follower]:
        """Follow a store from now on.

        Raises:
            Unavailable, NotFound: the store cannot be read now, or is gone.
        """
        reader = self._readers.get(store.id)
        if reader is None or reader.failed is not None:
            if reader is not None:
                await self._let_go(reader)
            reader = self._readers.get(store.id) or self._made(store)
        reader.coming += 1
        try:
            await reader.ready.wait()
        finally:
            reader.coming -= 1
            if not reader.ready.is_set() or reader.failed is not None:
                await self._let_go_unused(reader)
        if reader.failed is not None or reader.position is None or reader.epoch is None:
            raise reader.failed or Unavailable("the feed cannot be read now")
        follower = Follower(reader.position, reader.epoch)
        reader.followers.add(follower)
        try:
            yield follower
        finally:
            reader.followers.discard(follower)
            await self._let_go_unused(reader)

    async def aclose(self) -> None:
        """Let everybody go who follows now."""
        for reader in list(self._readers.values()):
            reader.fail(Unavailable("the process ends"))
            await self._let_go(reader)

    def _made(self, store: ResolvedStore) -> _Reader:
        reader = self._readers[store.id] = _Reader(store, self.open, self.listener)
        reader.begin()
        return reader

    async def _let_go_unused(self, reader: _Reader) -> None:
        if not reader.followers and not reader.coming:
            await self._let_go(reader)

    async def _let_go(self, reader: _Reader) -> None:
        if self._readers.get(reader.store.id) is reader:
            del self._readers[reader.store.id]
            await reader.stop()


@dataclass(eq=False)
class Bell:
    """Tells somebody that they should look."""

    bells: "Bells"
    where: Whereabouts
    ringing: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self) -> None:
        """Until it rings, or until it is time to look anyway.

        Raises:
            Unavailable: the process ends.
        """
        listener = self.bells.listener
        heard = listener is not None and listener.hears(self.where.channel)
        with suppress(TimeoutError):
            async with asyncio.timeout(HEARD if heard else UNHEARD):
                await self.ringing.wait()
        self.ringing.clear()
        if self.bells.closed:
            raise Unavailable("the process ends")


@dataclass(eq=False)
class Bells:
    """For what has no feed of its own: whoever hears that something may have changed looks for themself."""

    listener: Listener | None = None
    closed: bool = False
    _hearing: dict[str, set[Bell]] = field(default_factory=dict)

    def close(self) -> None:
        """Let everybody go who hears something."""
        self.closed = True
        for bells in self._hearing.values():
            _ring(bells)

    @contextmanager
    def hear(self, where: Whereabouts) -> Iterator[Bell]:
        """A bell that rings when writers say so."""
        bell, all_ = Bell(self, where), self._hearing.setdefault(where.channel, set())
        if not all_ and self.listener is not None:
            self.listener.add(where.channel, lambda: _ring(all_), watch=where.watch)
        all_.add(bell)
        try:
            yield bell
        finally:
            all_.discard(bell)
            if not all_ and self._hearing.get(where.channel) is all_:
                del self._hearing[where.channel]
                if self.listener is not None:
                    self.listener.remove(where.channel)


def _ring(bells: set[Bell]) -> None:
    for bell in bells:
        bell.ringing.set()


@dataclass(frozen=True)
class Hub:
    """What a process follows, for all its doors."""

    feeds: Feeds
    bells: Bells
    #: answers of events that are made at the same time: an event with hundreds of followers leaves room for ordinary requests
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def aclose(self) -> None:
        """The process ends: whoever follows something is let go."""
        self.bells.close()
        await self.feeds.aclose()


def made_hub(open_store: OpenStore, listener: Listener | None) -> Hub:
    """A process's hub. Without a listener it looks from time to time."""
    return Hub(Feeds(open_store, listener), Bells(listener))

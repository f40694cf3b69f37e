"""A connection: slow clients are cut off, and the head of an answer goes out together with its body.

uvicorn waits for a request's head, and for somebody to take an answer, as long as it takes. Bodies have their own patience
(`graphql.http`). A look every few seconds at all connections costs requests nothing.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Seconds for the head of a request, from the first byte or from the connection; and for an answer that is not taken.
PATIENCE: Final = 30.0
#: Bytes of a request's head.
MOST_HEAD: Final = 65_536
LOOK: Final = 5.0
#: How the head of an answer begins (100 Continue is none), for how long it is kept, and below how many bytes a body is copied behind it.
_HEAD: Final = b"HTTP/1.1 2", b"HTTP/1.1 3", b"HTTP/1.1 4", b"HTTP/1.1 5"
_KEPT_FOR: Final = 0.01
_JOINED: Final = 65_536

_TOO_SLOW: Final = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class Joined:
    """A transport that keeps the head of an answer for its body, which nearly always comes at once: uvicorn writes one after the
    other, and each time the system is called and the client woken up. Everything else is the transport's own.

    A sweep in `_KEPT_FOR` seconds writes heads whose body has not come. To ask for the end of the turn instead (`call_soon`) would
    cost each turn of the event loop another one, which is dearer than what is saved.
    """

    __slots__ = ("__dict__", "_kept", "_sweep", "transport")

    def __init__(self, transport: asyncio.Transport, sweep: "Sweep") -> None:
        self.transport, self._sweep = transport, sweep
        self._kept: bytes | None = None

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.transport, name)
        setattr(self, name, found)
        return found

    def write(self, data: bytes) -> None:
        """Keep the head of an answer; write what follows with it."""
        kept = self._kept
        if kept is not None:
            self._kept = None
            self._sweep.kept.discard(self)
            if len(data) < _JOINED:
                data = kept + data
            else:
                self.transport.write(kept)
        elif data.startswith(_HEAD):
            self._kept = data
            self._sweep.keep(self)
            return
        self.transport.write(data)

    def flush(self) -> None:
        """Write what was kept."""
        kept = self._kept
        if kept is not None:
            self._kept = None
            self._sweep.kept.discard(self)
            if not self.transport.is_closing():  # the other side may have left meanwhile
                self.transport.write(kept)

    def close(self) -> None:
        """Close it, after what was kept."""
        self.flush()
        self.transport.close()


@dataclass(eq=False, slots=True)
class Sweep:
    """The connections of an event loop that keep something; one timer serves them all."""

    loop: asyncio.AbstractEventLoop
    kept: set[Joined] = field(default_factory=set)
    timer: asyncio.TimerHandle | None = None

    def keep(self, one: Joined) -> None:
        """This one keeps something now."""
        self.kept.add(one)
        if self.timer is None:
            self.timer = self.loop.call_later(_KEPT_FOR, self._look, frozenset())

    def _look(self, before: frozenset[Joined]) -> None:
        self.timer = None
        for one in before & self.kept:
            one.flush()
        if self.kept:
            self.timer = self.loop.call_later(_KEPT_FOR, self._look, frozenset(self.kept))


class BoundedConnection(HttpToolsProtocol):
    """uvicorn's connection, bounded in the size and the time of a head, and in the time that an answer may wait."""

    patience, look = PATIENCE, LOOK

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: the request whose head comes in several pieces, and the bytes of it
        self.long_head: Any = None
        self.head_size = 0
        #: since when a head is awaited, and an answer is not taken
        self.waits_since: float | None = None
        self.stuck_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Also begins to look, where nobody looks yet."""
        state: Any = self.server_state
        sweep = getattr(state, "sweep", None)
        if sweep is None:
            sweep = state.sweep = Sweep(self.loop)
        joined: Any = Joined(transport, sweep)
        super().connection_made(joined)
        self.waits_since = self.loop.time()
        if not getattr(state, "looked_at", False):
            state.looked_at = True
            self.loop.call_later(self.look, _look, self)

    @property
    def in_head(self) -> bool:
        """A head has begun and has not ended: only then uvicorn knows its method."""
        return self.scope is not None and "method" not in self.scope

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.in_head:
            if self.long_head is not self.scope:
                self.long_head, self.head_size, self.waits_since = self.scope, 0, self.loop.time()
            self.head_size += len(data)
            if self.head_size > MOST_HEAD and not self.transport.is_closing():
                self.transport.write(_TOO_LARGE)
                self.transport.close()

    def handle_websocket_upgrade(self) -> None:
        """A socket writes messages, each of which is whole."""
        joined: Any = self.transport
        joined.flush()
        self.transport = joined.transport
        super().handle_websocket_upgrade()

    def end_if_slow(self, now: float) -> None:
        """Close it when it is awaited, or waits, for too long."""
        if self.transport.is_closing():
            return
        answering = self.cycle is not None and not self.cycle.response_complete
        if not self.in_head and (answering or self.timeout_keep_alive_task is not None):
            self.waits_since = None
        elif self.waits_since is None:
            self.waits_since = now
        elif now - self.waits_since > self.patience:
            if not answering:
                self.transport.write(_TOO_SLOW)
            self.transport.close()
        if not self.flow.write_paused:
            self.stuck_since = None
        elif self.stuck_since is None:
            self.stuck_since = now
        elif now - self.stuck_since > self.patience:
            self.transport.abort()


def _look(first: BoundedConnection) -> None:
    """Look at all connections of the server that the first one belongs to."""
    state: Any = first.server_state
    now = first.loop.time()
    for one in list(state.connections):
        if isinstance(one, BoundedConnection):
            one.end_if_slow(now)
    state.looked_at = bool(state.connections)
    if state.looked_at:
        first.loop.call_later(first.look, _look, first)

"""Connections of slow clients: whoever sends a request's head, or takes an answer, without an end is cut off.

uvicorn waits for both as long as it takes. Bodies have their own patience (`graphql.http`). A look every few seconds at all
connections costs requests nothing.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Seconds for the head of a request, from the first byte or from the connection; and for an answer that is not taken.
PATIENCE: Final = 30.0
#: Bytes of a request's head.
MOST_HEAD: Final = 65_536
LOOK: Final = 5.0

_TOO_SLOW: Final = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class BoundedConnection(HttpToolsProtocol):
    """uvicorn's connection, bounded in the size and the time of a head, and in the time that an answer may wait."""

    patience, look = PATIENCE, LOOK

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: a head has begun and has not ended; its bytes, where it comes in several pieces
        self.in_head, self.head_size = False, 0
        #: since when a head is awaited, and an answer is not taken
        self.waits_since: float | None = None
        self.stuck_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Also begins to look, where nobody looks yet."""
        super().connection_made(transport)
        self.waits_since = self.loop.time()
        state: Any = self.server_state
        if not getattr(state, "looked_at", False):
            state.looked_at = True
            self.loop.call_later(self.look, _look, self)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.in_head, self.head_size, self.waits_since = True, 0, self.loop.time()

    def on_headers_complete(self) -> None:
        self.in_head, self.waits_since = False, None
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.in_head:
            self.head_size += len(data)
            if self.head_size > MOST_HEAD and not self.transport.is_closing():
                self.transport.write(_TOO_LARGE)
                self.transport.close()

    def end_if_slow(self, now: float) -> None:
        """Close it when it is awaited, or waits, for too long."""
        if self.transport.is_closing():
            return
        answering = self.cycle is not None and not self.cycle.response_complete
        if self.in_head or not (answering or self.timeout_keep_alive_task is not None):
            self.waits_since = now if self.waits_since is None else self.waits_since
            if now - self.waits_since > self.patience:
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

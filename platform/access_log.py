"""The access log: one line for each request that went well, written without a logger's chain of processors."""

import asyncio
import json
import logging
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, TextIO

import structlog
from opentelemetry.trace import SpanContext


class AccessLog:
    """The line of every request that went well, in the form in which `configure_logs` has every line.

    It is the one line that is written thousands of times a second, and all its values are words and numbers of ours: so it is put
    together here, without the chain of processors, and there is nothing to take out of it. Lines of requests that end in the
    same turn of the event loop are written together.
    """

    def __init__(self) -> None:
        #: what `configure_logs` made for lines of JSON
        self.handler: logging.StreamHandler[TextIO] | None = None
        self._lines: list[str] = []
        #: the event loop that is to write them
        self._due_in: asyncio.AbstractEventLoop | None = None

    def write(self, method: str, route: str, status: int, ms: float, request_id: str, span: SpanContext) -> None:
        if not _ACCESS_LOGGER.isEnabledFor(logging.INFO):
            return
        if self.handler is None or self.handler not in logging.root.handlers:
            structlog.stdlib.get_logger(_ACCESS_LOGGER.name).info(
                "request", method=method, route=route, status=status, ms=ms
            )
            return
        traced = f'"trace_id": "{span.trace_id:032x}", "span_id": "{span.span_id:016x}", ' if span.is_valid else ""
        now = datetime.now(UTC).isoformat(timespec="microseconds")[:-6]
        loop = asyncio.get_running_loop()
        if self._due_in is not loop:
            self._due_in = loop
            loop.call_soon(self.flush)
        self._lines.append(
            f'{{"method": "{method}", "route": {_quoted(route)}, "status": {status}, "ms": {ms}, "event": "request", '
            f'"request_id": "{request_id}", "level": "info", "logger": "{_ACCESS_LOGGER.name}", {traced}"timestamp": "{now}Z"}}\n'
        )

    def flush(self) -> None:
        """Write what waits for the end of the turn."""
        lines, self._lines, self._due_in = self._lines, [], None
        if self.handler is not None:
            self.handler.stream.write("".join(lines))


_ACCESS_LOGGER = logging.getLogger("forecourt.access")
#: That of this process.
ACCESS: Final = AccessLog()


@lru_cache(maxsize=500)
def _quoted(route: str) -> str:
    return json.dumps(route)

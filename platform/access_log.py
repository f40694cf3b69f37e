"""The access log: one line for each request that went well, written without a logger's chain of processors."""

import asyncio
import json
import logging
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, TextIO

import structlog
from opentelemetry.trace import SpanContext

#: Seconds that a line may wait.
WRITTEN: Final = 0.05


class AccessLog:
    """The line of every request that went well, in the form in which `configure_logs` has every line.

    It is the one line that is written thousands of times a second, and all its values are words and numbers of ours: so it is put
    together here, without the chain of processors, and there is nothing to take out of it. Lines are written together, each
    within `WRITTEN` seconds: a turn of the event loop for each would cost more than the line.
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
        seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
        loop = asyncio.get_running_loop()
        if self._due_in is not loop:
            self._due_in = loop
            loop.call_later(WRITTEN, self.flush)
        stamp = f"{_second(seconds)}.{nanoseconds // 1000:06}Z"
        self._lines.append(
            f'{{"method": "{method}", "route": {_quoted(route)}, "status": {status}, "ms": {ms}, "event": "request", '
            f'"request_id": "{request_id}", "level": "info", "logger": "{_ACCESS_LOGGER.name}", {traced}"timestamp": "{stamp}"}}\n'
        )

    def flush(self) -> None:
        """Write what waits. Where it cannot be written, the handler says so as for any other line: no request fails for its log."""
        lines, self._lines, self._due_in = self._lines, [], None
        if self.handler is None or not lines:
            return
        try:
            self.handler.stream.write("".join(lines))
        except Exception:
            self.handler.handleError(
                logging.makeLogRecord({"name": _ACCESS_LOGGER.name, "msg": f"{len(lines)} requests"})
            )


_ACCESS_LOGGER = logging.getLogger("forecourt.access")
#: That of this process.
ACCESS: Final = AccessLog()


@lru_cache(maxsize=2)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:-6]


@lru_cache(maxsize=500)
def _quoted(route: str) -> str:
    return json.dumps(route)

"""GraphQL over Server-Sent Events (that of npm `graphql-sse`), in both modes: docs/api/live.md.

Distinct connections: a POST or GET that accepts `text/event-stream` is answered as one. Single connection: PUT reserves a stream,
GET opens it, POST runs operations whose answers come there, DELETE ends one. A reservation lives in the process that gave it.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs

from graphql import GraphQLError
from starlette.requests import Request
from starlette.types import Receive, Send

from ...domain.followers import Hub
from ...errors import Throttled, Unauthenticated
from ...telemetry import LASTING
from ..compiled.document import NoDocument
from ..context import Context
from ..encode import encoded
from ..errors import Saying, formatted
from ..malformed import Malformed
from ..measure import TooLarge
from ..operation import Operation
from ..schema import ApiSchema
from .callers import Caller, Callers
from .fields import Live
from .mailbox import Mailbox
from .stream import NoAnswer, answers

logger = logging.getLogger("forecourt.graphql.live")

EVENT_STREAM: Final = b"text/event-stream"
TOKEN: Final = b"x-graphql-event-stream-token"
#: Seconds between comments that keep a quiet stream open, and to open a reserved stream in.
KEEP_SECONDS, RESERVED_SECONDS = 12.0, 30.0
#: Operations that run on one stream at once, and characters of an operation's id.
MOST_OPERATIONS, MOST_ID = 100, 100
#: Seconds for which somebody may take nothing of what is sent to them.
SLOW_SECONDS = 15.0
#: The operation of a stream that has no other.
_ONLY: Final = ""

NO_STREAM = Saying(
    "没有此事件流：请先用 PUT 预留，后续请求须到达同一进程。",
    "There is no such event stream here: reserve one by PUT, and let what follows reach the same process.",
)
OPEN_ALREADY = Saying(
    "此事件流已打开，只能有一个连接。", "This event stream is open already; only one connection may be."
)
NO_ID = Saying(
    f"请给出 operationId，1 至 {MOST_ID} 个字符。",
    f"Give an operationId (in extensions, to end it in the query string), a text of 1 to {MOST_ID} characters.",
)
ID_TAKEN = Saying("此编号的操作仍在运行。", "An operation with this id is running.")
PLAIN_TOKEN = Saying("预留的回答是 text/plain。", "A reservation is answered as text/plain.")

_HEADERS: Final = ((b"cache-control", b"no-store"), (b"vary", b"accept, accept-language"))
_STREAMED: Final = (
    *_HEADERS,
    (b"content-type", b"text/event-stream; charset=utf-8"),
    # proxies that collect answers would hold an event back
    (b"x-accel-buffering", b"no"),
)


@dataclass(eq=False)
class Stream:
    """One event stream: whose it is, what runs on it, what waits to be sent."""

    caller: Caller
    mailbox: Mailbox = field(default_factory=Mailbox)
    opened: bool = False
    #: those that run, by id; a stream of its own for one operation knows it as `_ONLY`
    operations: "dict[str, asyncio.Task[None]]" = field(default_factory=dict)
    tasks: "set[asyncio.Task[None]]" = field(default_factory=set)

    def begin(self, id_: str, work: Coroutine[Any, Any, None]) -> None:
        """Run an operation."""
        task = asyncio.ensure_future(work)
        self.operations[id_] = task
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def stop(self, id_: str) -> None:
        """End an operation, if it runs; the stream tells nothing of it."""
        task = self.operations.pop(id_, None)
        if task is not None:
            task.cancel()

    def over(self, id_: str) -> bool:
        """The running operation has ended; False: it was stopped, and its id may be another's."""
        if self.operations.get(id_) is not asyncio.current_task():
            return False
        del self.operations[id_]
        return True

    def end(self, *last: bytes) -> None:
        """Close the stream after these events, whatever it does now."""
        self.mailbox.end(*last)
        running = asyncio.current_task()
        for task in self.tasks:
            if task is not running:
                task.cancel()


@dataclass(eq=False)
class Streams:
    """Event streams at `/graphql`. `hub` and `callers` are asked for when needed: they exist while the process runs."""

    schema: ApiSchema
    callers: Callable[[], Callers]
    hub: Callable[[], Hub]
    #: seconds that an operation which is answered once may take
    deadline: float | None = None
    keep_seconds: float = KEEP_SECONDS
    reserved_seconds: float = RESERVED_SECONDS
    slow_seconds: float = SLOW_SECONDS
    #: by reservation token
    _reserved: dict[str, Stream] = field(default_factory=dict)
    _open: set[Stream] = field(default_factory=set)

    @staticmethod
    def takes(method: str, headers: Mapping[bytes, bytes]) -> bool:
        """Is a request about an event stream? Everything else is plain GraphQL over HTTP."""
        return method in ("PUT", "DELETE") or TOKEN in headers or _accepts(headers)

    async def answer(
        self,
        request: Request,
        receive: Receive,
        send: Send,
        headers: Mapping[bytes, bytes],
        read: Callable[[], Awaitable[Operation]],
    ) -> None:
        """Answer such a request; `read` reads the operation in it.

        Raises:
            Malformed: it is none. ForecourtError: the caller may not, or not now.
        """
        method, query = request.scope["method"], parse_qs(request.scope["query_string"].decode("latin-1"))
        token = headers[TOKEN].decode("latin-1") if TOKEN in headers else query.get("token", [None])[0]
        if method == "PUT":
            await self._reserve(request, send, headers)
        elif _accepts(headers) and token is None:
            await self._distinct(request, receive, send, await read())
        elif _accepts(headers):
            stream = await self._stream(request, token)
            if stream.opened:
                raise Malformed(409, "token", OPEN_ALREADY)
            await self._serve(stream, request, receive, send)
        elif method == "DELETE":
            stream, [id_] = await self._stream(request, token), query.get("operationId", [""])
            if not id_:
                raise Malformed(400, "operationId", NO_ID)
            stream.stop(id_)
            await _plain(send, 200)
        else:
            await self._run_there(await self._stream(request, token), send, await read())

    def close(self) -> None:
        """The process ends: close every stream, so that their clients come back elsewhere."""
        for stream in (*self._reserved.values(), *self._open):
            stream.end()

    # -- a stream for one operation

    async def _distinct(self, request: Request, receive: Receive, send: Send, operation: Operation) -> None:
        caller = await self._enter(request)
        stream = Stream(caller)
        caller.ended = lambda: stream.end(*_refused(Unauthenticated(), caller, None))
        stream.begin(_ONLY, self._run(stream, _ONLY, operation))
        await self._serve(stream, request, receive, send)

    # -- a stream for many

    async def _reserve(self, request: Request, send: Send, headers: Mapping[bytes, bytes]) -> None:
        wanted = headers.get(b"accept", b"*/*").split(b";", 1)[0].strip()
        if wanted not in (b"*/*", b"text/plain", b"text/*", b""):
            raise Malformed(406, "accept", PLAIN_TOKEN)
        caller = await self._enter(request)
        token, stream = secrets.token_urlsafe(24), Stream(caller)
        self._reserved[token] = stream

        def ended() -> None:
            last = [event for id_ in stream.operations for event in _refused(Unauthenticated(), caller, id_)]
            stream.end(*last)

        caller.ended = ended
        asyncio.get_running_loop().call_later(self.reserved_seconds, self._unless_opened, token)
        await _plain(send, 201, token.encode())

    def _unless_opened(self, token: str) -> None:
        stream = self._reserved.get(token)
        if stream is not None and not stream.opened:
            self._forget(stream)

    async def _stream(self, request: Request, token: str | None) -> Stream:
        """The caller's stream with this token.

        Raises:
            Malformed: 404, there is none here, or it is somebody else's.
        """
        context = await self.callers().make_context(request)
        stream = None if token is None else self._reserved.get(token)
        if stream is None or stream.caller.key != context.actor.key or stream.mailbox.ended:
            raise Malformed(404, "token", NO_STREAM)
        return stream

    async def _run_there(self, stream: Stream, send: Send, operation: Operation) -> None:
        id_ = operation.id
        if id_ is None or not 0 < len(id_) <= MOST_ID:
            raise Malformed(400, "extensions", NO_ID)
        if id_ in stream.operations:
            raise Malformed(409, "extensions", ID_TAKEN)
        if len(stream.operations) >= MOST_OPERATIONS:
            raise Throttled(f"at most {MOST_OPERATIONS} operations run on a stream at once", retry_after=1.0)
        context = await self.callers().context(stream.caller)
        try:
            document = await self.schema.compiled.read(context, operation.query, operation.variables)
            wrong = document.errors if isinstance(document, NoDocument) and document.says_all(operation.name) else ()
        except TooLarge as error:
            wrong = (error,)
        if wrong:
            said = [_formatted(error, context) for error in wrong]
            await _plain(send, 400, encoded({"errors": said}), b"application/json; charset=utf-8")
            return
        stream.begin(id_, self._run(stream, id_, operation))
        await _plain(send, 202)

    # -- both

    async def _enter(self, request: Request) -> Caller:
        return await self.callers().enter(request, lambda: None)

    async def _serve(self, stream: Stream, request: Request, receive: Receive, send: Send) -> None:
        """Send what comes, until the stream ends or the client leaves."""
        stream.opened = True
        request.scope.setdefault("state", {})[LASTING] = True
        self._open.add(stream)
        leaving = asyncio.ensure_future(_left(receive, stream))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": list(_STREAMED)})
            # says at once that it is open: some clients wait for the first byte
            await send({"type": "http.response.body", "body": b":\n\n", "more_body": True})
            while True:
                event: bytes | None = b":\n\n"
                with suppress(TimeoutError):
                    async with asyncio.timeout(self.keep_seconds):
                        event = await stream.mailbox.get()
                if event is None:
                    break
                async with asyncio.timeout(self.slow_seconds):
                    await send({"type": "http.response.body", "body": event, "more_body": True})
            async with asyncio.timeout(self.slow_seconds):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except (TimeoutError, OSError):
            return  # the other side takes nothing, or has left: it comes back, and goes on from its cursor
        finally:
            leaving.cancel()
            self._forget(stream)
            await asyncio.gather(leaving, *stream.tasks, return_exceptions=True)

    def _forget(self, stream: Stream) -> None:
        stream.end()
        for task in stream.tasks:
            task.cancel()
        stream.operations.clear()
        self._open.discard(stream)
        for token in [token for token, one in self._reserved.items() if one is stream]:
            del self._reserved[token]
        self.callers().leave(stream.caller)

    async def _run(self, stream: Stream, id_: str, operation: Operation) -> None:
        """Run an operation to its end, and tell the stream."""
        named = id_ or None
        try:
            renew = self._renewing(stream.caller)
            told = answers(self.schema, await renew(), operation, deadline=self.deadline)
            async with aclosing(told) as found:
                async for one in found:
                    await stream.mailbox.put(_next(one, named))
            await self._finish(stream, id_, _complete(named))
        except NoAnswer as refusal:
            body = encoded({"errors": list(refusal.errors)})
            await self._finish(stream, id_, _next(body, named), _complete(named))
        except Unauthenticated:
            stream.caller.ended()
        except Exception as error:
            if not isinstance(error, Throttled):
                logger.exception("an operation of an event stream failed")
            await self._finish(stream, id_, *_refused(error, stream.caller, named))

    async def _finish(self, stream: Stream, id_: str, *events: bytes) -> None:
        if not stream.over(id_):
            return
        for event in events:
            await stream.mailbox.put(event)
        if id_ == _ONLY:
            stream.end()

    def _renewing(self, caller: Caller) -> Callable[[], Awaitable[Context]]:
        async def renew() -> Context:
            context = await self.callers().context(caller)
            context.live = Live(self.hub(), renew)
            return context

        return renew


def _accepts(headers: Mapping[bytes, bytes]) -> bool:
    """Is an event stream what the client accepts first?"""
    return headers.get(b"accept", b"").split(b",", 1)[0].split(b";", 1)[0].strip().lower() == EVENT_STREAM


async def _left(receive: Receive, stream: Stream) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.end()


async def _plain(send: Send, status: int, body: bytes = b"", kind: bytes = b"text/plain; charset=utf-8") -> None:
    headers = [*_HEADERS, (b"content-type", kind), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _next(answer: bytes, id_: str | None) -> bytes:
    """JSON has no line ends but within texts, where they are written as \\n: so it is one line of an event."""
    data = answer if id_ is None else b'{"id":%s,"payload":%s}' % (encoded(id_), answer)
    return b"event: next\ndata: %s\n\n" % data


def _complete(id_: str | None) -> bytes:
    return b"event: complete\ndata:%s\n\n" % (b"" if id_ is None else b" " + encoded({"id": id_}))


def _refused(error: Exception, caller: Caller, id_: str | None) -> tuple[bytes, bytes]:
    language = caller.request.headers.get("accept-language", "")
    said = formatted(GraphQLError("", original_error=error), language=language, request_id="")
    return _next(encoded({"errors": [said]}), id_), _complete(id_)


def _formatted(error: GraphQLError, context: Context) -> dict[str, Any]:
    return formatted(error, language=context.language, request_id=context.request_id)

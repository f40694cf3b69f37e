"""GraphQL over WebSocket: the sub-protocol `graphql-transport-ws` (that of npm `graphql-ws`).

Own code instead of strawberry's handler, which makes one context for a whole socket; here one is made for every operation and
every event, and a socket ends with its caller's rights (docs/decisions/0030-live.md). The contract: docs/api/live.md.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from ...domain.followers import Hub
from ...errors import Throttled, Unauthenticated, Unavailable
from ..context import Context
from ..encode import encoded
from ..errors import CATALOGUE, Saying
from ..malformed import Malformed
from ..operation import Operation, from_message, read_json
from ..schema import ApiSchema
from .callers import Caller, Callers
from .fields import Live
from .stream import NoAnswer, answers

logger = logging.getLogger("forecourt.graphql.live")

PROTOCOL: Final = "graphql-transport-ws"
#: Bytes of a message, characters of an operation's id, operations that run on one socket at once.
MOST_BYTES, MOST_ID, MOST_OPERATIONS = 1_000_000, 100, 100
#: Seconds to send `connection_init` in, and for a close frame to go out.
INIT_SECONDS, CLOSE_SECONDS = 10.0, 5.0
#: Seconds for which somebody may take nothing of what is sent to them.
SLOW_SECONDS = 15.0
#: Bytes of a close frame's reason.
_MOST_REASON: Final = 123
#: Names of `connection_init`'s payload that mean what headers of the same name mean.
_AS_HEADERS: Final = {
    "accept-language": b"accept-language",
    "authorization": b"authorization",
    "forecourt-view-as": b"forecourt-view-as",
}


class Close(NamedTuple):
    """Why a socket is closed: a code, and a reason, of which 123 bytes go out."""

    code: int
    reason: str


#: The protocol's codes.
FORBIDDEN = Close(4403, "Forbidden")
UNAUTHORIZED = Close(4401, "Unauthorized")
NO_PROTOCOL = Close(4406, "Subprotocol not acceptable")
INIT_TIMEOUT = Close(4408, "Connection initialisation timeout")
TOO_MANY_INITS = Close(4429, "Too many initialisation requests")
#: Ours. Clients try again after both.
SLOW = Close(4413, "Too slow: go on from the last cursor")
TOO_MANY = Close(4430, "Too many sockets: close one, or try again later")
FAILED = Close(1011, "Internal error")
UNAVAILABLE = Close(1013, "Not available at the moment")


def too_many_operations(limit: int) -> Saying:
    """Why one more is refused on a socket."""
    return Saying(f"一个连接上最多同时运行 {limit} 个操作。", f"At most {limit} operations run on a socket at once.")


class Closing(Exception):
    """The socket is to be closed."""

    def __init__(self, close: Close) -> None:
        super().__init__(close.reason)
        self.close = close


class _Gone(Exception):
    """The other side has closed it."""


def bad(reason: str) -> Closing:
    """A message that is none."""
    return Closing(Close(4400, reason))


@dataclass(eq=False)
class Sockets:
    """The ASGI application for WebSockets at `/graphql`. `hub` is asked for when it is needed: it exists while the process runs."""

    schema: ApiSchema
    callers: Callable[[], Callers]
    hub: Callable[[], Hub]
    #: seconds that an operation which is answered once may take
    deadline: float | None = None
    init_seconds: float = INIT_SECONDS
    slow_seconds: float = SLOW_SECONDS
    most_operations: int = MOST_OPERATIONS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _Socket(self, scope, receive, send).serve()


@dataclass(eq=False)
class _Socket:
    """One socket."""

    to: Sockets
    scope: Scope
    receive: Receive
    send: Send
    caller: Caller | None = None
    #: those that run, by the ids that the other side gave them
    operations: "dict[str, asyncio.Task[None]]" = field(default_factory=dict)
    tasks: "set[asyncio.Task[None]]" = field(default_factory=set)
    #: why the socket is to be closed, said by whoever finds out first
    closing: "asyncio.Future[Close | None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    async def serve(self) -> None:
        if (await self.receive())["type"] != "websocket.connect":
            return
        if PROTOCOL not in self.scope["subprotocols"]:
            await self.send({"type": "websocket.accept"})
            await self._close(NO_PROTOCOL)
            return
        await self.send({"type": "websocket.accept", "subprotocol": PROTOCOL})
        self._begin(self._read())
        try:
            close = await self.closing
            self._cancel()
            if close is not None:
                await self._close(close)
        finally:
            self._cancel()
            if self.caller is not None:
                self.to.callers().leave(self.caller)
            await asyncio.gather(*self.tasks, return_exceptions=True)

    def _begin(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    def _cancel(self) -> None:
        self.operations.clear()
        for task in self.tasks:
            task.cancel()

    def end(self, close: Close | None) -> None:
        """Close the socket, whatever it does now; None: the other side did."""
        if not self.closing.done():
            self.closing.set_result(close)

    async def _close(self, close: Close) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                reason = close.reason.encode()[:_MOST_REASON].decode(errors="ignore")
                await self.send({"type": "websocket.close", "code": close.code, "reason": reason})
        except (TimeoutError, OSError):
            return  # the other side takes nothing: the server lets it go

    async def _tell(self, **message: Any) -> None:
        await self._write(encoded(message))

    async def _write(self, text: bytes) -> None:
        try:
            async with asyncio.timeout(self.to.slow_seconds):
                await self.send({"type": "websocket.send", "text": text.decode()})
        except TimeoutError as error:
            raise Closing(SLOW) from error
        except OSError as error:  # starlette's and uvicorn's way of saying that the socket is closed
            raise _Gone from error

    # -- what comes

    async def _read(self) -> None:
        """Take messages until the socket is closed."""
        try:
            await self._take()
        except Closing as error:
            self.end(error.close)
        except _Gone:
            self.end(None)
        except Exception:
            logger.exception("a socket failed")
            self.end(FAILED)

    async def _take(self) -> None:
        """Raises Closing, or _Gone, at its end."""
        try:
            async with asyncio.timeout(self.to.init_seconds):
                await self._open(await self._message())
        except TimeoutError as error:
            raise Closing(INIT_TIMEOUT) from error
        while True:
            message = await self._message()
            match message["type"]:
                case "ping":
                    await self._tell(type="pong", **_payload(message))
                case "pong":
                    pass
                case "subscribe":
                    await self._subscribe(message)
                case "complete":
                    task = self.operations.pop(_id(message), None)
                    if task is not None:
                        task.cancel()
                case "connection_init":
                    raise Closing(TOO_MANY_INITS)
                case _:
                    raise bad("Unknown type of message")

    async def _message(self) -> dict[str, Any]:
        received = await self.receive()
        if received["type"] == "websocket.disconnect":
            raise _Gone
        text = received.get("text")
        if text is None:
            raise bad("A message must be text")
        if len(text) > MOST_BYTES:
            raise Closing(Close(1009, f"A message has at most {MOST_BYTES} bytes"))
        try:
            message = read_json(text.encode(), "message")
        except (Malformed, UnicodeEncodeError) as error:
            raise bad("A message must be JSON") from error
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise bad("A message must be an object with a type")
        return message

    async def _open(self, message: dict[str, Any]) -> None:
        """The first messages, up to `connection_ack`."""
        while message["type"] != "connection_init":
            if message["type"] == "ping":
                await self._tell(type="pong", **_payload(message))
            elif message["type"] == "subscribe":
                raise Closing(UNAUTHORIZED)
            elif message["type"] not in ("pong", "complete"):
                raise bad("Unknown type of message")
            message = await self._message()
        request = self._request(_payload(message).get("payload") or {})
        try:
            self.caller = await self.to.callers().enter(request, lambda: self.end(FORBIDDEN))
        except Unauthenticated as error:
            raise Closing(FORBIDDEN) from error
        except Throttled as error:
            raise Closing(TOO_MANY) from error
        except Unavailable as error:
            raise Closing(UNAVAILABLE) from error
        await self._tell(type="connection_ack")

    def _request(self, parameters: dict[str, Any]) -> Request:
        """The handshake as a request, with what `connection_init` says in the place of headers."""
        said: dict[bytes, bytes] = {}
        for name, value in parameters.items():
            header = _AS_HEADERS.get(name.lower())
            if header is not None and isinstance(value, str):
                said[header] = value.encode("latin-1", errors="replace")
        headers = [(name, value) for name, value in self.scope["headers"] if name not in said]
        return Request({**self.scope, "type": "http", "method": "POST", "headers": [*headers, *said.items()]})

    # -- operations

    async def _subscribe(self, message: dict[str, Any]) -> None:
        id_ = _id(message)
        if id_ in self.operations:
            raise Closing(Close(4409, f"Subscriber for {id_} already exists"))
        try:
            operation = from_message(message.get("payload"))
        except Malformed as error:
            raise bad(f"{error.part}: {error.in_language('en')}"[:120]) from error
        if len(self.operations) >= self.to.most_operations:
            await self._refuse(id_, [self._error("THROTTLED", too_many_operations(self.to.most_operations))])
            return
        self.operations[id_] = self._begin(self._run(id_, operation))

    async def _run(self, id_: str, operation: Operation) -> None:
        """Run an operation to its end. Its task is no longer among those that run before its end is told."""
        task = asyncio.current_task()
        assert self.caller is not None  # noqa: S101  (there are no operations before)
        renew = self._renewing(self.caller)
        before = b'{"id":%s,"type":"next","payload":' % orjson.dumps(id_)
        try:
            async with aclosing(self._answers(await renew(), operation)) as found:
                async for answer in found:
                    await self._write(b"%s%s}" % (before, answer))
            if self._over(id_, task):
                await self._tell(id=id_, type="complete")
        except NoAnswer as refusal:
            if self._over(id_, task):
                await self._refuse(id_, list(refusal.errors))
        except Unauthenticated:
            self.end(FORBIDDEN)
        except Closing as closing:
            self.end(closing.close)
        except _Gone:
            self.end(None)
        except Unavailable:
            if self._over(id_, task):
                await self._refuse(id_, [self._error("UNAVAILABLE", CATALOGUE["UNAVAILABLE"])])
        except Exception:
            logger.exception("an operation of a socket failed")
            self.end(FAILED)

    def _renewing(self, caller: Caller) -> Callable[[], Awaitable[Context]]:
        async def renew() -> Context:
            context = await self.to.callers().context(caller)
            context.live = Live(self.to.hub(), renew)
            return context

        return renew

    def _answers(self, context: Context, operation: Operation) -> AsyncGenerator[bytes, None]:
        return answers(self.to.schema, context, operation, deadline=self.to.deadline)

    def _error(self, code: str, saying: Saying) -> dict[str, Any]:
        language = "" if self.caller is None else self.caller.request.headers.get("accept-language", "")
        return {"message": saying.in_language(language), "extensions": {"code": code}}

    def _over(self, id_: str, task: "asyncio.Task[Any] | None") -> bool:
        """The operation has ended; False: the client ended it before, and may have begun another with the same id."""
        if self.operations.get(id_) is not task:
            return False
        del self.operations[id_]
        return True

    async def _refuse(self, id_: str, errors: list[dict[str, Any]]) -> None:
        await self._tell(id=id_, type="error", payload=errors)


def _payload(message: dict[str, Any]) -> dict[str, Any]:
    """The payload that a message may have, as part of another one."""
    given = message.get("payload")
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise bad("A payload must be an object")
    return {"payload": given}


def _id(message: dict[str, Any]) -> str:
    found = message.get("id")
    if not isinstance(found, str) or not 0 < len(found) <= MOST_ID:
        raise bad(f"An id is a text of 1 to {MOST_ID} characters")
    return found

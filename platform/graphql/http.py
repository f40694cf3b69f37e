"""GraphQL over HTTP: POST with JSON, GET for queries, and multipart uploads where a deployment allows them.

Whatever cannot be understood is answered with a 4xx and a JSON body in GraphQL's error form. A context is made for every
operation, after the body was read, so nobody holds a context while they send slowly. The contract: docs/api/http.md.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

from graphql import GraphQLError
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Scope, Send

from ..errors import Throttled
from . import malformed
from .context import Context
from .encode import encoded
from .errors import KeyRefused, code_of, formatted
from .idempotency import HEADER, repeat_of
from .live.events import Streams
from .malformed import Malformed
from .media import JSON_TYPE, RESPONSE_TYPE, accepted, sent_as
from .operation import Operation, from_body, from_form, from_query
from .run import Asked, MutationNotAllowed, run_encoded
from .running import Ended, OnItsWay, Running
from .schema import ApiSchema

_STATUS = {
    "UNAUTHENTICATED": 401,
    "FORBIDDEN": 403,
    "VIEW_ONLY": 403,
    "NOT_FOUND": 404,
    "CONFLICT": 409,
    "THROTTLED": 429,
}
_STATUS |= {"INTERNAL": 500, "TIMEOUT": 504, "UNAVAILABLE": 503}

#: Of every answer: it depends on what the caller accepts, and holds what only they may see.
_ALWAYS = ((b"vary", b"accept, accept-language"), (b"cache-control", b"no-store"))
_REPLAYED = ((b"idempotency-replayed", b"true"),)
_HEADERS = {media: (*_ALWAYS, (b"content-type", media)) for media in (JSON_TYPE, RESPONSE_TYPE)}


class Answer(NamedTuple):
    """What is sent back."""

    status: int
    media: bytes
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()

    async def __call__(self, send: Send) -> None:
        headers = [*_HEADERS[self.media], (b"content-length", b"%d" % len(self.body)), *self.headers]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


class Endpoint:
    """The ASGI application at `/graphql`. `make_context` signs the caller in and may raise any `ForecourtError`. `explain`
    lets requests ask by the extension `explain` how they are answered. `patience` is how
    many seconds a JSON body may take to come, and each next piece of an upload; `deadline` how many an
    operation may take. `streams` answers what is about event streams."""

    def __init__(
        self,
        schema: ApiSchema,
        make_context: Callable[[Request], Awaitable[Context]],
        *,
        get: bool = True,
        uploads: bool = False,
        explain: bool = False,
        most_bytes: int = 1_000_000,
        most_upload_bytes: int = 2_000_000_000,
        patience: float = 30.0,
        deadline: float = 20.0,
        streams: Streams | None = None,
    ) -> None:
        self.schema, self.make_context = schema, make_context
        self.get, self.uploads, self.explain = get, uploads, explain
        self.most_bytes, self.most_upload_bytes = most_bytes, most_upload_bytes
        self.running, self.deadline = Running(patience), deadline
        self.streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        if len(headers) < len(scope["headers"]):
            headers = _joined(scope["headers"])
        one = self.running.begin(receive)
        request = Request(scope, partial(_piece, one))
        media, operation = JSON_TYPE, None
        try:
            if self.streams is not None and self.streams.takes(scope["method"], headers):
                one.stays()
                read = partial(self._streamed, one, request, receive, headers)
                await self.streams.answer(request, receive, send, headers, read)
                return
            media = accepted(headers.get(b"accept", b""))
            operation = await self._operation(request, receive, headers)
            one.starts(self.deadline)
            answer = await self._answer(request, operation, media)
        except Malformed as error:
            answer = _malformed(error, media, headers)
        except asyncio.CancelledError:
            match one.why():
                case Ended.SLOW:
                    answer = _malformed(_slow(), media, headers)
                case Ended.LATE:
                    answer = _refused(TimeoutError(), media, headers, request)
                case Ended.LEFT:
                    return
                case None:
                    raise
        except ClientDisconnect:
            return
        except Exception as error:  # the door's last line
            answer = _refused(error, media, headers, request)
        finally:
            self.running.finish(one)
            if operation is not None and operation.form is not None:
                await operation.form.close()
        await answer(send)

    async def _answer(self, request: Request, operation: Operation, media: bytes) -> Answer:
        repeat = await repeat_of(operation)
        context = await self.make_context(request)
        context.repeat = repeat
        query, variables, name, writes = operation[:4]
        asked = Asked(query, variables, name, writes, self.explain and operation.explain)
        try:
            answer, ran = await run_encoded(self.schema, context, asked)
        except MutationNotAllowed as error:
            raise Malformed(405, "method", malformed.MUTATION, {"allow": "POST"}) from error
        more = _REPLAYED if repeat is not None and repeat.replayed else ()
        return Answer(200 if ran or media is JSON_TYPE else 400, media, answer, more)

    async def _streamed(
        self, one: OnItsWay, request: Request, receive: Receive, headers: Mapping[bytes, bytes]
    ) -> Operation:
        """An operation whose answers go to an event stream: it brings no files."""
        sent_as(headers.get(b"content-type", b"") if request.scope["method"] == "POST" else JSON_TYPE, uploads=False)
        one.waits(self.running.patience)
        operation = await self._operation(request, receive, headers)
        one.stays()
        return operation

    async def _operation(self, request: Request, receive: Receive, headers: Mapping[bytes, bytes]) -> Operation:
        operation = await self._read(request, receive, headers)
        key = headers.get(HEADER)
        return operation if key is None else operation._replace(key=key.decode("latin-1"))

    async def _read(self, request: Request, receive: Receive, headers: Mapping[bytes, bytes]) -> Operation:
        method = request.scope["method"]
        if method == "GET" and self.get:
            query_string = request.scope["query_string"]
            if len(query_string) > self.most_bytes:
                raise Malformed(414, "query string", malformed.too_long(self.most_bytes))
            return from_query(query_string)
        if method != "POST":
            allowed = "GET, POST" if self.get else "POST"
            raise Malformed(405, "method", malformed.methods(allowed), {"allow": allowed})
        kind = sent_as(headers.get(b"content-type", b""), uploads=self.uploads)
        if headers.get(b"content-encoding", b"identity") != b"identity":
            raise Malformed(415, "content-encoding", malformed.ENCODED, {"accept-encoding": "identity"})
        if kind is not JSON_TYPE:
            return await self._upload(request, headers)
        return from_body(await self._body(receive))

    async def _body(self, receive: Receive) -> bytes:
        """The whole body; most come in one piece.

        Raises:
            ClientDisconnect: the caller left.
        """
        pieces, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            piece, more = message.get("body", b""), message.get("more_body", False)
            size += len(piece)
            if size > self.most_bytes:
                raise Malformed(413, "body", malformed.too_long(self.most_bytes))
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def _upload(self, request: Request, headers: Mapping[bytes, bytes]) -> Operation:
        """The operation of a form. Its caller is known before gigabytes are taken from them."""
        length = headers.get(b"content-length")
        if length is None:
            raise Malformed(411, "content-length", malformed.LENGTH)
        if not length.isdigit() or int(length) > self.most_upload_bytes:
            raise Malformed(413, "content-length", malformed.too_long(self.most_upload_bytes))
        await self.make_context(request)
        return await from_form(request.headers, request.stream(), self.most_bytes)


async def _piece(one: OnItsWay) -> Message:
    """The next piece of an upload, which may take its time again."""
    one.goes_on()
    return await one.receive()


def _slow() -> Malformed:
    return Malformed(408, "body", malformed.SLOW, {"connection": "close"})


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """The headers of a request that has some more than once: these mean a list (RFC 9110 §5.3)."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        found[name] = found[name] + b", " + value if name in found else value
    return found


def _challenge(authorization: bytes) -> str:
    """RFC 6750 §3: why a token was refused is not said, and nothing to whom sent none."""
    scheme = authorization.partition(b" ")[0]
    return 'Bearer realm="forecourt"' + (', error="invalid_token"' if scheme.lower() == b"bearer" else "")


def _malformed(error: Malformed, media: bytes, headers: Mapping[bytes, bytes]) -> Answer:
    message = error.in_language(_language(headers))
    extensions = {"code": "BAD_USER_INPUT", "part": error.part}
    return _failed(error.status, media, {"message": message, "extensions": extensions}, error.headers)


def _refused(error: Exception, media: bytes, headers: Mapping[bytes, bytes], request: Request) -> Answer:
    """Who may not ask, or not now; and what should not happen, which is logged."""
    code, more = code_of(error), {}
    if code == "UNAUTHENTICATED":
        more["www-authenticate"] = _challenge(headers.get(b"authorization", b""))
    if isinstance(error, Throttled):
        more["retry-after"] = str(int(error.retry_after) + 1)
    status = _STATUS.get(code, 400)
    if isinstance(error, KeyRefused):
        status, more = error.status, dict(error.headers)
    request_id = request.scope.get("state", {}).get("request_id", "")
    said = formatted(GraphQLError("", original_error=error), language=_language(headers), request_id=request_id)
    return _failed(status, media, said, more)


def _language(headers: Mapping[bytes, bytes]) -> str:
    return headers.get(b"accept-language", b"").decode("latin-1")


def _failed(status: int, media: bytes, error: Mapping[str, Any], headers: Mapping[str, str]) -> Answer:
    more = tuple((name.encode(), value.encode()) for name, value in headers.items())
    return Answer(status, media, encoded({"errors": [error]}), more)

"""GraphQL over HTTP: POST with JSON, GET for queries, and multipart uploads where a deployment allows them.

Whatever cannot be understood is answered with a 4xx and a JSON body in GraphQL's error form. A context is made for every
operation, after the body was read, so nobody holds a context while they send slowly.
"""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from ..errors import ForecourtError, Throttled
from .context import Context
from .encode import encoded
from .errors import CATALOGUE, code_of
from .schema import ApiSchema, run_encoded

JSON_TYPE = b"application/json"
RESPONSE_TYPE = b"application/graphql-response+json"
_STATUS = {"UNAUTHENTICATED": 401, "FORBIDDEN": 403, "NOT_FOUND": 404, "THROTTLED": 429, "TIMEOUT": 504}
_STATUS |= {"UNAVAILABLE": 503, "INTERNAL": 500}


class Malformed(Exception):
    """A request that is no GraphQL request: the status and what is wrong with it."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers


class Operation(NamedTuple):
    """One operation as it came over HTTP."""

    query: str
    variables: dict[str, Any]
    name: str | None = None
    writes: bool = True
    #: the client asks how it is answered
    explain: bool = False


class Answer(NamedTuple):
    """What is sent back."""

    status: int
    media: bytes
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()

    async def __call__(self, send: Send) -> None:
        length = b"%d" % len(self.body)
        headers = [*self.headers, (b"content-type", self.media), (b"content-length", length)]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


#: The answer depends on what the caller accepts; caches have to know.
_VARIES = ((b"vary", b"accept"),)


class Endpoint:
    """The ASGI application at `/graphql`. `make_context` signs the caller in and may raise any `ForecourtError`. `explain`
    lets requests ask by the extension `explain` how they are answered."""

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
    ) -> None:
        self.schema, self.make_context = schema, make_context
        self.get, self.uploads, self.explain = get, uploads, explain
        self.most_bytes, self.most_upload_bytes = most_bytes, most_upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            answer = await self._answer(request, dict(scope["headers"]))
        except Malformed as error:
            answer = _failed(error.status, "BAD_USER_INPUT", str(error), error.headers)
        except ClientDisconnect:
            return
        finally:
            await request.close()
        await answer(send)

    async def _answer(self, request: Request, headers: Mapping[bytes, bytes]) -> Answer:
        accept = headers.get(b"accept", b"")
        media = _accepted(accept) if len(accept) < _LONG_HEADER else _accepted.__wrapped__(accept)
        operation = await self._operation(request, headers)
        try:
            context = await self.make_context(request)
        except ForecourtError as error:
            code = code_of(error)
            more = {"retry-after": str(int(error.retry_after) + 1)} if isinstance(error, Throttled) else {}
            if code == "UNAUTHENTICATED":
                more["www-authenticate"] = _challenge(headers.get(b"authorization", b""))
            language = headers.get(b"accept-language", b"").decode("latin-1")
            return _failed(_STATUS.get(code, 400), code, CATALOGUE[code].in_language(language), more)
        answer, ran = await run_encoded(
            self.schema,
            context,
            operation.query,
            operation.variables,
            operation.name,
            writes=operation.writes,
            explained=self.explain and operation.explain,
        )
        return Answer(400 if media == RESPONSE_TYPE and not ran else 200, media, answer, _VARIES)

    async def _operation(self, request: Request, headers: Mapping[bytes, bytes]) -> Operation:
        allowed = "GET, POST" if self.get else "POST"
        if request.method == "GET" and self.get:
            return _from_query(request.query_params)
        if request.method != "POST":
            raise Malformed(405, f"Use {allowed}.", allow=allowed)
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if kind == JSON_TYPE:
            return _from_body(_json(await self._body(request)))
        if kind == b"multipart/form-data" and self.uploads:
            return await self._from_form(request)
        raise Malformed(415, f"Send {JSON_TYPE.decode()}.")

    async def _body(self, request: Request) -> bytes:
        """The whole body; most come in one piece.

        Raises:
            ClientDisconnect: the caller left.
        """
        pieces, size, more = [], 0, True
        while more:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            piece, more = message.get("body", b""), message.get("more_body", False)
            size += len(piece)
            if size > self.most_bytes:
                raise Malformed(413, f"At most {self.most_bytes} bytes.")
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def _from_form(self, request: Request) -> Operation:
        """GraphQL multipart: `operations`, `map`, then the files."""
        length = request.headers.get("content-length", "")
        if not length.isdigit() or int(length) > self.most_upload_bytes:
            raise Malformed(413, f"At most {self.most_upload_bytes} bytes, with a content-length.")
        try:
            form = await request.form(max_files=100, max_fields=10, max_part_size=self.most_bytes)
        except (MultiPartException, ValueError) as error:
            raise Malformed(400, "The multipart body cannot be read.") from error
        except Exception as error:
            if type(error).__name__ != "HTTPException":
                raise
            raise Malformed(400, "The multipart body cannot be read.") from error
        operations, places = (_json(_text(form.get(name), name)) for name in ("operations", "map"))
        if not isinstance(places, dict):
            raise Malformed(400, "map must be an object.")
        operation = _from_body(operations)
        for name, paths in places.items():
            file = form.get(name)
            if not isinstance(file, UploadFile) or not isinstance(paths, list):
                raise Malformed(400, "map names a file that was not sent.")
            for path in paths:
                _place(operation.variables, path, file)
        return operation


def _challenge(authorization: bytes) -> str:
    """RFC 6750 §3: why a token was refused is not said, and nothing to whom sent none."""
    scheme = authorization.partition(b" ")[0]
    return 'Bearer realm="forecourt"' + (', error="invalid_token"' if scheme.lower() == b"bearer" else "")


#: Bytes from which on what a header means is not remembered.
_LONG_HEADER = 500


@lru_cache(maxsize=500)
def _accepted(header: bytes) -> bytes:
    """The media type of the answer.

    Raises:
        Malformed: 406, neither type is accepted.
    """
    wanted = [part.partition(b";")[0].strip().lower() for part in header.split(b",")]
    if RESPONSE_TYPE in wanted:
        return RESPONSE_TYPE
    if header.strip() and not {JSON_TYPE, b"*/*", b"application/*"} & set(wanted):
        raise Malformed(406, f"Accept {RESPONSE_TYPE.decode()} or {JSON_TYPE.decode()}.")
    return JSON_TYPE


def _from_body(body: Any) -> Operation:
    if not isinstance(body, dict):
        raise Malformed(400, "The body must be one JSON object.")
    return _checked(body.get("query"), body.get("variables"), body.get("operationName"), body.get("extensions"))


def _from_query(params: Mapping[str, str]) -> Operation:
    variables, extensions = (
        _json(params[key].encode()) if key in params else None for key in ("variables", "extensions")
    )
    found = _checked(params.get("query"), variables, params.get("operationName") or None, extensions)
    return found._replace(writes=False)


def _checked(query: Any, variables: Any, name: Any, extensions: Any) -> Operation:
    if not isinstance(query, str) or not query:
        raise Malformed(400, "query must be a text.")
    if variables is not None and not isinstance(variables, dict):
        raise Malformed(400, "variables must be an object.")
    if name is not None and not isinstance(name, str):
        raise Malformed(400, "operationName must be a text.")
    if extensions is not None and not isinstance(extensions, dict):
        raise Malformed(400, "extensions must be an object.")
    return Operation(query, variables or {}, name, explain=extensions is not None and extensions.get("explain") is True)


#: orjson makes floats of whole numbers beyond 64 bits.
_LONG_NUMBER = re.compile(rb"[0-9]{16}")


def _json(text: bytes) -> Any:
    if not _LONG_NUMBER.search(text):
        with suppress(orjson.JSONDecodeError):  # it refuses half surrogate pairs and 1e400, which JSON allows
            return orjson.loads(text)
    try:
        return json.loads(text.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Malformed(400, "This is not JSON.") from error


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _text(value: Any, name: str) -> bytes:
    if not isinstance(value, str):
        raise Malformed(400, f"{name} is missing.")
    return value.encode()


def _place(variables: dict[str, Any], path: Any, file: UploadFile) -> None:
    """Put a file where `path` (such as variables.input.file) holds null."""
    keys = path.split(".") if isinstance(path, str) else []
    holder: Any = variables
    for key in keys[1:-1]:
        holder = _inside(holder, key)
    if len(keys) < 2 or keys[0] != "variables" or _inside(holder, keys[-1]) is not None:
        raise Malformed(400, "map names a place that is not there.")
    holder[int(keys[-1]) if isinstance(holder, list) else keys[-1]] = file


def _inside(holder: Any, key: str) -> Any:
    try:
        return holder[int(key)] if isinstance(holder, list) else dict(holder)[key]
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise Malformed(400, "map names a place that is not there.") from error


def _failed(status: int, code: str, message: str, headers: Mapping[str, str]) -> Answer:
    body = {"errors": [{"message": message, "extensions": {"code": code}}]}
    more = tuple((name.encode(), value.encode()) for name, value in headers.items())
    return Answer(status, JSON_TYPE, encoded(body), more)

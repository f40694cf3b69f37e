"""From the parts of a request to the one operation that it asks for."""

import json
import math
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import orjson
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from . import malformed
from .malformed import Malformed


class Operation(NamedTuple):
    """One operation as it came over HTTP."""

    query: str
    variables: dict[str, Any]
    name: str | None = None
    writes: bool = True
    #: the client asks how it is answered
    explain: bool = False
    #: has the files, which are open until it has run
    form: FormData | None = None
    #: what the client calls it on an event stream
    id: str | None = None
    #: its idempotency key
    key: str | None = None


def from_body(body: bytes) -> Operation:
    """The operation of a JSON body. Of names that are there twice in an object, the last one counts.

    Raises:
        Malformed: 400, it is none.
    """
    return _from_parts("body", read_json(body, "body"))


def from_message(payload: Any) -> Operation:
    """The operation of a message's payload, as JSON was read.

    Raises:
        Malformed: it is none.
    """
    return _from_parts("payload", payload)


def from_query(query_string: bytes) -> Operation:
    """The operation of the query string of a GET; it may not write.

    Raises:
        Malformed: 400, it is none.
    """
    try:
        pairs = parse_qsl(query_string.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_PAIRS)
    except UnicodeDecodeError as error:
        raise Malformed(400, "query string", malformed.not_utf8(error.start)) from error
    except ValueError as error:
        raise Malformed(400, "query string", malformed.TOO_MANY) from error
    given: dict[str, str] = {}
    for name, value in pairs:
        if name in given and name in _PARTS:
            raise Malformed(400, name, malformed.TWICE)
        given[name] = value
    parts: dict[str, Any] = {"query": given.get("query"), "operationName": given.get("operationName") or None}
    for name in ("variables", "extensions"):
        if name in given:
            parts[name] = read_json(given[name].encode(), name)
    return _from_parts("query string", parts)._replace(writes=False)


async def from_form(headers: Headers, stream: AsyncGenerator[bytes, None], most_bytes: int) -> Operation:
    """The operation of a form: `operations`, `map`, then the files (GraphQL multipart request specification). Files may be as
    long as they are, each other part has at most `most_bytes`.

    Raises:
        Malformed: 400, it is none.
    """
    try:
        form = await _Parts(headers, stream, max_files=100, max_fields=10, max_part_size=most_bytes).parse()
    except (MultiPartException, ValueError) as error:
        raise Malformed(400, "body", malformed.FORM) from error
    try:
        return _of_form(form)
    except Malformed:
        await form.close()
        raise


#: Parts of a request that may be there once.
_PARTS = frozenset({"extensions", "operationName", "query", "variables"})
_MOST_PAIRS = 100


def _from_parts(whole: str, parts: Any) -> Operation:
    """`whole` is the part of the request that has them."""
    if isinstance(parts, list):
        raise Malformed(400, whole, malformed.BATCH)
    if not isinstance(parts, dict):
        raise Malformed(400, whole, malformed.expected(dict, parts))
    query, variables, name, extensions = map(parts.get, ("query", "variables", "operationName", "extensions"))
    if variables is not None and not isinstance(variables, dict):
        raise Malformed(400, "variables", malformed.expected(dict, variables))
    if name is not None and not isinstance(name, str):
        raise Malformed(400, "operationName", malformed.expected(str, name))
    if extensions is not None and not isinstance(extensions, dict):
        raise Malformed(400, "extensions", malformed.expected(dict, extensions))
    if query is None or query == "":
        stored = extensions is not None and "persistedQuery" in extensions
        raise Malformed(400, "query", malformed.PERSISTED if stored else malformed.QUERY)
    if not isinstance(query, str):
        raise Malformed(400, "query", malformed.expected(str, query))
    if "\\u" in query and _NO_LITERAL.search(query):
        raise Malformed(400, "query", malformed.NO_TEXT)
    if not extensions:
        return Operation(query, variables or {}, name)
    id_, key = extensions.get("operationId"), extensions.get("idempotencyKey")
    if key is not None and not isinstance(key, str):
        raise Malformed(400, "extensions.idempotencyKey", malformed.expected(str, key))
    return Operation(
        query,
        variables or {},
        name,
        explain=extensions.get("explain") is True,
        id=id_ if isinstance(id_, str) else None,
        key=key,
    )


# --- JSON ------------------------------------------------------------------------------------------------------------

#: orjson makes floats of whole numbers beyond 64 bits.
_LONG_NUMBER = re.compile(rb"[0-9]{16}")
#: PostgreSQL stores neither, and half a surrogate pair is no character at all.
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
#: The same within a document, where halves are refused by the lexer.
_NO_LITERAL = re.compile(r"\\u(?:0000|\{0+\})")


def read_json(text: bytes, part: str) -> Any:
    """A JSON text.

    Raises:
        Malformed: 400, this part of the request is none, or has what no database can store.
    """
    if not _LONG_NUMBER.search(text):
        try:
            found = orjson.loads(text)
        except orjson.JSONDecodeError:  # it refuses half surrogate pairs, and does not say where the text is wrong
            pass
        else:
            if b"\\u0000" in text:
                _check_texts(found, part)
            return found
    try:
        found = json.loads(text.decode(), parse_constant=_finite, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise Malformed(400, part, malformed.not_json(error.lineno, error.colno)) from error
    except UnicodeDecodeError as error:
        raise Malformed(400, part, malformed.not_utf8(error.start)) from error
    except RecursionError as error:
        raise Malformed(400, part, malformed.TOO_DEEP) from error
    except ValueError as error:
        raise Malformed(400, part, malformed.NUMBER) from error
    _check_texts(found, part)
    return found


def _check_texts(found: Any, part: str) -> None:
    waiting = [found]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str) and _NO_TEXT.search(one):
            raise Malformed(400, part, malformed.NO_TEXT)
        if isinstance(one, dict):
            waiting += [*one, *one.values()]
        elif isinstance(one, list):
            waiting += one


def _finite(text: str) -> float:
    """PostgreSQL, JSON and GraphQL know no other numbers."""
    found = float(text)
    if not math.isfinite(found):
        raise ValueError(text)
    return found


# --- files -----------------------------------------------------------------------------------------------------------


class _Parts(MultiPartParser):
    """Refuses a body that ends before its last boundary; starlette would leave out its last part, with the file open."""

    _whole = False

    def on_end(self) -> None:
        self._whole = True

    async def parse(self) -> FormData:
        form = await super().parse()
        if not self._whole:
            for file in self._files_to_close_on_error:
                file.close()
            raise MultiPartException("it ends too early")
        return form


def _of_form(form: FormData) -> Operation:
    operations, places = (read_json(_text(form.get(name), name), name) for name in ("operations", "map"))
    if not isinstance(places, dict):
        raise Malformed(400, "map", malformed.expected(dict, places))
    operation = _from_parts("operations", operations)
    for name, paths in places.items():
        file = form.get(name)
        if not isinstance(file, UploadFile):
            raise Malformed(400, "map", malformed.FILE_MISSING)
        if not isinstance(paths, list):
            raise Malformed(400, "map", malformed.expected(list, paths))
        for path in paths:
            _place(operation.variables, path, file)
    return operation._replace(form=form)


def _text(value: Any, name: str) -> bytes:
    if value is None:
        raise Malformed(400, name, malformed.MISSING)
    if not isinstance(value, str):
        raise Malformed(400, name, malformed.expected(str, value))
    return value.encode()


def _place(variables: dict[str, Any], path: Any, file: UploadFile) -> None:
    """Put a file where `path` (such as variables.input.file) holds null."""
    keys: Sequence[str] = path.split(".") if isinstance(path, str) else []
    holder: Any = variables
    for key in keys[1:-1]:
        holder = _inside(holder, key)
    if len(keys) < 2 or keys[0] != "variables" or _inside(holder, keys[-1]) is not None:
        raise Malformed(400, "map", malformed.NO_PLACE)
    holder[int(keys[-1]) if isinstance(holder, list) else keys[-1]] = file


def _inside(holder: Any, key: str) -> Any:
    if isinstance(holder, Mapping) and key in holder:
        return holder[key]
    if isinstance(holder, list) and key.isdecimal() and len(key) < 5 and int(key) < len(holder):
        return holder[int(key)]
    raise Malformed(400, "map", malformed.NO_PLACE)

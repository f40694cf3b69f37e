"""From the parts of a request to the one operation that it asks for."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import orjson
from starlette.datastructures import FormData, UploadFile

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


def from_body(body: bytes) -> Operation:
    """The operation of a JSON body. Of names that are there twice in an object, the last one counts.

    Raises:
        Malformed: 400, it is none.
    """
    return _from_parts("body", read_json(body, "body"))


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


def from_form(form: FormData) -> Operation:
    """The operation of a form: `operations`, `map`, then the files (GraphQL multipart request specification).

    Raises:
        Malformed: 400, it is none.
    """
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
    return operation


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
    return Operation(query, variables or {}, name, explain=extensions is not None and extensions.get("explain") is True)


# --- JSON ------------------------------------------------------------------------------------------------------------

#: orjson makes floats of whole numbers beyond 64 bits.
_LONG_NUMBER = re.compile(rb"[0-9]{16}")


def read_json(text: bytes, part: str) -> Any:
    """A JSON text.

    Raises:
        Malformed: 400, this part of the request is none.
    """
    if not _LONG_NUMBER.search(text):
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:  # it refuses half surrogate pairs, which JSON allows, and does not say where
            pass
    try:
        return json.loads(text.decode(), parse_constant=_finite, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise Malformed(400, part, malformed.not_json(error.lineno, error.colno)) from error
    except UnicodeDecodeError as error:
        raise Malformed(400, part, malformed.not_utf8(error.start)) from error
    except RecursionError as error:
        raise Malformed(400, part, malformed.TOO_DEEP) from error
    except ValueError as error:
        raise Malformed(400, part, malformed.NUMBER) from error


def _finite(text: str) -> float:
    """PostgreSQL, JSON and GraphQL know no other numbers."""
    found = float(text)
    if not math.isfinite(found):
        raise ValueError(text)
    return found


# --- files -----------------------------------------------------------------------------------------------------------


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

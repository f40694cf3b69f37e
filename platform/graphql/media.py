"""The media types of GraphQL over HTTP: what a body is sent as, and which type an answer has."""

from collections.abc import Iterator
from functools import lru_cache

from .malformed import ACCEPT, BODY_OR_FORM, BODY_TYPE, Malformed

JSON_TYPE = b"application/json; charset=utf-8"
RESPONSE_TYPE = b"application/graphql-response+json; charset=utf-8"
FORM_TYPE = b"multipart/form-data"

_JSON, _RESPONSE = b"application/json", b"application/graphql-response+json"
#: From the most to the least specific: the first of them that is named decides about a type.
_JSON_RANGES = (_JSON, b"application/*", b"*/*")
_RESPONSE_RANGES = (_RESPONSE, b"application/*", b"*/*")
_UTF8 = (b"utf-8", b"utf8")

#: Bytes from which on what a header means is not remembered.
_LONG_HEADER = 500


def accepted(header: bytes) -> bytes:
    """`JSON_TYPE` or `RESPONSE_TYPE`, by the header Accept (RFC 9110 §12.5.1). JSON when nothing is said or anything will do.

    Raises:
        Malformed: 406, neither is accepted.
    """
    return _accepted(header) if len(header) < _LONG_HEADER else _accepted.__wrapped__(header)


def sent_as(header: bytes, *, uploads: bool) -> bytes:
    """`JSON_TYPE` or, with `uploads`, `FORM_TYPE`, by the header Content-Type.

    Raises:
        Malformed: 415, it is another type or not in UTF-8.
    """
    kind = _sent_as(header) if len(header) < _LONG_HEADER else _sent_as.__wrapped__(header)
    if kind is None or (kind == FORM_TYPE and not uploads):
        raise Malformed(415, "content-type", BODY_OR_FORM if uploads else BODY_TYPE, {"accept": _JSON.decode()})
    return kind


@lru_cache(maxsize=500)
def _accepted(header: bytes) -> bytes:
    if not header.strip(b" \t,"):
        return JSON_TYPE
    wanted: dict[bytes, float] = {}
    for kind, quality in _ranges(header):
        wanted[kind] = max(quality, wanted.get(kind, 0.0))
    json, response = (
        next((wanted[one] for one in ranges if one in wanted), 0.0) for ranges in (_JSON_RANGES, _RESPONSE_RANGES)
    )
    if not json and not response:
        raise Malformed(406, "accept", ACCEPT)
    # Who names both alike knows the newer one; who takes anything may not.
    return RESPONSE_TYPE if response > json or (response == json and _RESPONSE in wanted) else JSON_TYPE


def _ranges(header: bytes) -> Iterator[tuple[bytes, float]]:
    """Media ranges with their qualities; none that are in another encoding or that cannot be read."""
    for part in header.lower().split(b","):
        kind, *parameters = (piece.strip() for piece in part.split(b";"))
        given = dict(_parameter(one) for one in parameters)
        try:
            quality = float(given.get(b"q", b"1"))
        except ValueError:
            continue
        if 0 <= quality <= 1 and given.get(b"charset", b"utf-8") in _UTF8:
            yield kind, quality


@lru_cache(maxsize=500)
def _sent_as(header: bytes) -> bytes | None:
    kind, *parameters = (piece.strip() for piece in header.lower().split(b";"))
    if kind == FORM_TYPE:
        return FORM_TYPE
    charset = dict(_parameter(one) for one in parameters).get(b"charset", b"utf-8")
    return JSON_TYPE if kind == _JSON and charset in _UTF8 else None


def _parameter(text: bytes) -> tuple[bytes, bytes]:
    name, _, value = text.partition(b"=")
    return name.strip(), value.strip().strip(b'"')

"""Bytes to a server and back, and what every answer promises whatever was sent."""

import json
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from forecourt.graphql.errors import CATALOGUE
from forecourt.graphql.media import JSON_TYPE, RESPONSE_TYPE

#: Seconds after which somebody who was to be answered has been forgotten. Nothing here depends on less.
FORGOTTEN = 60.0
#: What httptools cannot read is no HTTP: uvicorn says so and hangs up.
NO_HTTP = b"Invalid HTTP request received."

_INSIDE = re.compile(
    r"Traceback|File \"|\.py\b|site-packages|/home/|/usr/|0x[0-9a-f]{8,}|<class|<function|<[A-Z]\w+ instance|\bobject at\b"
    r"|\b[A-Z][a-z]\w*(?<!\bUser)(?:Error|Exception|Warning)\b|psycopg|sqlalchemy|strawberry|starlette|uvicorn|pydantic|asyncio"
    r"|\bselect\b[^{}]*\bfrom\b|\binsert into\b|\bset_config\b|\btenant_placeholder\b|\b[sgr]_[0-9a-f]{32}\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Answer:
    """One answer of HTTP/1.1."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


def asked(
    body: bytes = b"", *, token: str | None, method: str = "POST", target: str = "/graphql", **headers: str | None
) -> bytes:
    """A request. `headers` with _ for -; None leaves one out."""
    given: dict[str, str | None] = {"host": "localhost", "content_length": str(len(body))}
    if token is not None:
        given["authorization"] = f"Bearer {token}"
    if method == "POST":
        given["content_type"] = "application/json"
    lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in (given | headers).items() if value is not None]
    return f"{method} {target} HTTP/1.1\r\n{''.join(lines)}\r\n".encode("latin-1") + body


def exchange(port: int, request: bytes, *, whole: bool = True) -> Answer | None:
    """Send a request and read the answer; None when the server hangs up without one.

    Who sends less than a whole request then hangs up their half, so that nobody waits for the rest.

    Raises:
        TimeoutError: nobody answers and nobody hangs up.
    """
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=FORGOTTEN) as connection:
        try:
            connection.sendall(request)
            if not whole:
                connection.shutdown(socket.SHUT_WR)
            while (answer := _read(got, head_only=request.startswith(b"HEAD "))) is None:
                piece = connection.recv(1 << 16)
                if not piece:
                    return None
                got += piece
        except ConnectionError:  # it answered or hung up before it had read everything
            return _read(got, head_only=False)
    return answer


def _read(got: bytes, *, head_only: bool) -> Answer | None:
    head, ended, body = got.partition(b"\r\n\r\n")
    if not ended:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    status = int(first.split(" ")[1])
    if status < 200:
        return _read(body, head_only=head_only)
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":  # an event stream: whole at its last chunk
        return Answer(status, headers, body) if body.endswith(b"0\r\n\r\n") else None
    length = 0 if head_only else int(headers["content-length"])
    return Answer(status, headers, body[:length]) if len(body) >= length else None


def broken(answer: Answer, *, here: bool = True) -> str | None:
    """Which promise an answer breaks; None when it keeps them. `here`: it is the endpoint's, and has a body."""
    text = answer.body.decode()
    if answer.status >= 500:
        return f"status {answer.status}"
    if (found := _INSIDE.search(text)) is not None:
        return f"it shows the inside: {found.group()}"
    if answer.body == NO_HTTP:
        return (
            None if answer.status == 400 and answer.headers.get("connection") == "close" else "no HTTP, and not closed"
        )
    if not here or answer.headers.get("content-type", "").startswith("text/event-stream"):
        return None
    if answer.headers.get("content-type") not in (JSON_TYPE.decode(), RESPONSE_TYPE.decode()):
        return "another media type"
    return _broken_form(answer)


def _broken_form(answer: Answer) -> str | None:
    try:
        found = answer.json
    except ValueError:
        return "no JSON"
    if not isinstance(found, dict) or not found or found.keys() - {"data", "errors", "extensions"}:
        return "not the form of an answer"
    if answer.status != 200 and "data" in found:
        return "data, though it is refused"
    if "errors" not in found:
        return None
    if not isinstance(found["errors"], list) or not found["errors"]:
        return "no list of errors"
    for error in found["errors"]:
        code = error.get("extensions", {}).get("code")
        if not error.get("message") or not isinstance(error["message"], str) or code not in CATALOGUE:
            return f"not the form of an error: {error}"
        if code == "INTERNAL":
            return "something went wrong inside"
    return None

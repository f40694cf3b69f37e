"""Slow clients over a socket: half a head, no head, an answer that nobody takes; and who is merely patient stays."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
import uvicorn

from forecourt.connections import MOST_HEAD, BoundedConnection, Joined, Sweep

HEAD = b"GET / HTTP/1.1\r\nhost: localhost\r\n"
#: Seconds after which somebody has been forgotten.
FORGOTTEN = 30.0


class Quick(BoundedConnection):
    """The same with less patience."""

    patience, look = 0.6, 0.1


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers much, or late, or little, or has a head and no body yet."""
    if scope["path"] == "/late":
        await asyncio.sleep(2)
    body = b"x" * (50_000_000 if scope["path"] == "/much" else 2)
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if scope["path"] == "/head-first":
        await asyncio.sleep(1)
    for start in range(0, len(body), 100_000):
        piece = body[start : start + 100_000]
        await send({"type": "http.response.body", "body": piece, "more_body": start + len(piece) < len(body)})


@contextmanager
def served() -> Iterator[tuple[int, uvicorn.Server]]:
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, http=Quick, lifespan="off", access_log=False, log_config=None
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.02)
        yield server.servers[0].sockets[0].getsockname()[1], server
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with served() as (found, _):
        yield found


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=FORGOTTEN) as made:
        yield made


def rest_of(connection: socket.socket) -> bytes:
    """All that comes until the server hangs up."""
    got = b""
    try:
        while piece := connection.recv(1 << 16):
            got += piece
    except ConnectionError:
        pass
    return got


@pytest.mark.parametrize("sent", [b"", b"G", HEAD, HEAD + b"a: " + b"b" * 1_000, b"\r\n"])
def test_a_head_that_does_not_end(port: int, sent: bytes) -> None:
    with connected(port) as connection:
        connection.sendall(sent)
        assert rest_of(connection).startswith(b"HTTP/1.1 408 ")


def test_a_head_that_comes_byte_by_byte_for_ever(port: int) -> None:
    with connected(port) as connection:
        began = time.monotonic()
        with pytest.raises(ConnectionError):
            for _ in range(3_000):
                connection.sendall(b"a")
                time.sleep(0.01)
        assert time.monotonic() - began < FORGOTTEN


def test_the_second_head_of_a_connection(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(HEAD + b"\r\n")
        assert connection.recv(1 << 16).endswith(b"xx")
        connection.sendall(HEAD)
        assert rest_of(connection).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("line", [b"a: b\r\n", b"b" * 10_000])
def test_a_head_without_an_end_is_too_large(port: int, line: bytes) -> None:
    sent = 0
    with connected(port) as connection, pytest.raises(ConnectionError):
        connection.sendall(HEAD)
        while sent < 100 * MOST_HEAD:
            connection.sendall(line)
            sent += len(line)
    assert sent < 100 * MOST_HEAD


def test_an_answer_that_nobody_takes() -> None:
    with served() as (port, server), connected(port) as connection:
        connection.sendall(HEAD.replace(b" / ", b" /much ") + b"\r\n")
        ends = time.monotonic() + FORGOTTEN
        while not server.server_state.tasks:
            time.sleep(0.01)
        while server.server_state.connections:
            assert time.monotonic() < ends
            time.sleep(0.05)
        assert len(rest_of(connection)) < 50_000_000


def test_who_waits_for_a_late_answer_is_not_slow(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(HEAD.replace(b" / ", b" /late ") + b"\r\n")
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200 ")


class Written:
    """A transport that notes what is written to it."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.pieces.append(data)

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        self.pieces.append(b"closed")


@pytest.mark.parametrize(
    ("written", "pieces"),
    [
        ([b"HTTP/1.1 200 OK\r\n\r\n", b"body"], [b"HTTP/1.1 200 OK\r\n\r\nbody"]),
        ([b"HTTP/1.1 200 OK\r\n\r\n", b"", b"more"], [b"HTTP/1.1 200 OK\r\n\r\n", b"more"]),
        ([b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 70_000], [b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 70_000]),
        ([b"HTTP/1.1 200 OK\r\n\r\n"], [b"HTTP/1.1 200 OK\r\n\r\n"]),
        (
            [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 204 \r\n\r\n"],
            [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 204 \r\n\r\n"],
        ),
        ([b"body"], [b"body"]),
    ],
)
def test_a_head_goes_out_with_its_body(written: list[bytes], pieces: list[bytes]) -> None:
    async def run() -> list[bytes]:
        found = Written()
        joined = Joined(cast("asyncio.Transport", found), Sweep(asyncio.get_running_loop()))
        for piece in written:
            joined.write(piece)
        joined.close()
        await asyncio.sleep(0.05)
        return found.pieces

    assert asyncio.run(run()) == [*pieces, b"closed"]


def test_a_head_does_not_wait_for_its_body(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(HEAD.replace(b" / ", b" /head-first ") + b"\r\n")
        assert connection.recv(1 << 16).endswith(b"\r\n\r\n")
        assert connection.recv(1 << 16) == b"xx"


def test_the_head_of_an_answer_without_a_body(port: int) -> None:
    with connected(port) as connection:
        began = time.monotonic()
        connection.sendall(HEAD.replace(b"GET", b"HEAD") + b"\r\n")
        assert connection.recv(1 << 16).endswith(b"content-length: 2\r\n\r\n")
        assert time.monotonic() - began < 5


def test_who_keeps_asking_stays(port: int) -> None:
    with connected(port) as connection:
        for _ in range(8):
            connection.sendall(HEAD + b"\r\n")
            assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
            time.sleep(0.2)

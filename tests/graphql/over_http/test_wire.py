"""Malformed requests byte by byte: what the endpoint says to each, over a socket; and what no endpoint hears of."""

import json
import socket
from typing import Any

import pytest

from tests.graphql.over_http.conftest import Served
from tests.graphql.over_http.wire import FORGOTTEN, Answer, asked, broken, exchange

ASK = b'{"query": "{ viewer { name } }"}'
WANG = {"viewer": {"name": "Wang Fang"}}


def sent(served: Served, body: bytes = ASK, *, whole: bool = True, **given: Any) -> Answer | None:
    """The answer to a request of somebody who reads English."""
    return exchange(served.port, asked(body, token=served.token, **({"accept_language": "en"} | given)), whole=whole)


def chunks(*pieces: bytes) -> bytes:
    """A body in chunks."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"null", 400),
        (b'"x"', 400),
        (b"[]", 400),
        (b"\xff\xfe{\x00}\x00", 400),
        (b"\xef\xbb\xbf" + ASK, 400),
        (b"[" * 20_000 + b"]" * 20_000, 400),
        (b'{"query": "{a}", "variables": ' + b'{"a":' * 20_000 + b"1" + b"}" * 20_001, 400),
        (b'{"query": "{ viewer { name } } # \\ud800"}', 400),
        (b'{"query": "{ viewer { name } }", "operationName": "\\u0000"}', 400),
        (b'{"query": "{ viewer { name } }", "variables": {"a": ' + b"9" * 5_000 + b"}}", 400),
        (b'{"query": "{ viewer { name } }", "variables": {"a": 1e999}}', 400),
        (b" " * 1_000_001, 413),
    ],
)
def test_bodies_that_are_no_request(served: Served, body: bytes, status: int) -> None:
    answer = sent(served, body)
    assert answer is not None and broken(answer) is None and served.faults == []
    assert (answer.status, list(answer.json)) == (status, ["errors"])


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("{store(code: " + "[" * 1_900, "nested too deeply"),
        ("{a" * 600 + "}" * 600, "nested too deeply"),
        ('{ store(code: "' + "x" * 50_000 + '") { name } }', "at most 50000"),
        ("{" + "\n" * 400_000 + " ".join(f"a{number}" for number in range(150)) + "}", "at most 50000"),
        ("{" + " a" * 2_001 + "}", "at most 2000"),
        ("query a { viewer { name } } query b { viewer { name } }", "Must provide operation name"),
        ('subscription { storeChanges(storeId: "x") { change { event } } }', "is followed over a WebSocket"),
        ("subscription { changes }", "Cannot query field 'changes' on type 'Subscription'."),
        ("fragment a on Query { viewer { name } }", "Must provide an operation"),
        ("   ", "Unexpected <EOF>"),
        (
            'mutation { importExport(input: {storeId: "x", exportedAt: "2026-09-01T00:00:00Z", files: [1]}) { __typename } }',
            "Expected a file",
        ),
    ],
)
def test_documents_that_are_none(served: Served, document: str, says: str) -> None:
    body = json.dumps({"query": document}).encode()
    answer = sent(served, body, accept="application/graphql-response+json")
    assert answer is not None and broken(answer) is None and served.faults == []
    assert (answer.status, list(answer.json)) == (400, ["errors"])
    assert says in answer.json["errors"][0]["message"]


def test_a_file_that_is_none_is_refused_in_a_variable_too(served: Served) -> None:
    given = {"storeId": served.store_id("a1"), "exportedAt": "2026-09-01T00:00:00Z", "files": ["x"]}
    query = "mutation($input: ImportExportInput!) { importExport(input: $input) { userErrors { code } } }"
    answer = sent(served, json.dumps({"query": query, "variables": {"input": given}}).encode())
    assert answer is not None and broken(answer) is None
    assert "Expected a file, sent in a multipart request." in answer.json["errors"][0]["message"]


def test_of_names_that_are_there_twice_the_last_counts(served: Served) -> None:
    answer = sent(served, b'{"query": "{ nope }", "query": "{ viewer { name } }"}')
    assert answer is not None and answer.json["data"] == WANG


def test_bodies_in_chunks(served: Served) -> None:
    def by_chunks(body: bytes) -> Answer | None:
        return sent(served, body, content_length=None, transfer_encoding="chunked")

    answer = by_chunks(chunks(ASK[:7], ASK[7:8], ASK[8:]))
    assert answer is not None and answer.json["data"] == WANG
    answer = by_chunks(chunks(b"null"))
    assert answer is not None and answer.status == 400 and broken(answer) is None
    answer = by_chunks(b"zz\r\n" + ASK)
    assert answer is not None and answer.status == 400 and answer.headers["connection"] == "close"


@pytest.mark.parametrize("length", ["-1", "abc", "1e3", "0x20", "9" * 30, "5, 6"])
def test_lengths_that_are_none_are_no_http(served: Served, length: str) -> None:
    answer = sent(served, content_length=length)
    assert answer is not None and (answer.status, answer.headers["connection"]) == (400, "close")


def test_a_length_and_chunks_together_are_no_http(served: Served) -> None:
    """RFC 9112 §6.3: so one server reads another request than the next one."""
    answer = sent(served, chunks(ASK), transfer_encoding="chunked")
    assert answer is not None and (answer.status, answer.headers["connection"]) == (400, "close")


def test_what_comes_after_a_body_that_is_too_short_for_its_length(served: Served) -> None:
    """The rest of it is the next request, which is none."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=FORGOTTEN) as connection:
        connection.sendall(asked(ASK, token=served.token, content_length=str(len(ASK) - 1)))
        got = b""
        while piece := connection.recv(1 << 16):
            got += piece
    assert b" 400 " in got and b"Wang" not in got


def test_who_hangs_up_within_the_body_gets_no_answer(served: Served) -> None:
    assert sent(served, content_length="5000", whole=False) is None
    assert served.faults == []


def test_an_answer_before_the_whole_body_came_leaves_the_connection_usable(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=FORGOTTEN) as connection:
        connection.sendall(asked(ASK, token=served.token, content_type="text/plain"))
        connection.sendall(asked(ASK, token=served.token))
        got = b""
        while b"Wang" not in got:
            piece = connection.recv(1 << 16)
            assert piece, got
            got += piece
    assert got.startswith(b"HTTP/1.1 415 ")


def test_a_request_without_a_type_or_with_an_upgrade(served: Served) -> None:
    answer = sent(served, content_type=None)
    assert answer is not None and answer.status == 415 and broken(answer) is None
    answer = sent(served, connection="upgrade", upgrade="h2c")
    assert answer is not None and answer.status < 500 and broken(answer) is None

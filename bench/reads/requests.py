"""Calls as HTTP: what each way is sent, and one request at a time for the comparison of answers."""

import http.client
import json
import uuid
from dataclasses import dataclass

from bench.reads.queries import NEW_ID, NEW_ID_2, NEW_ID_3, NEW_NUMBER, Call, Case
from bench.reads.world import World


@dataclass(frozen=True)
class Request:
    """One POST. A body may hold marks for keys that each sending makes anew."""

    path: str
    headers: dict[str, str]
    body: str

    def filled(self) -> str:
        """The body with new keys."""
        body = self.body
        for mark in (NEW_ID, NEW_ID_2, NEW_ID_3):
            body = body.replace(mark, str(uuid.uuid4()))
        return body.replace(NEW_NUMBER, str(uuid.uuid4().int >> 66))


def request_of(way: str, case: Case, call: Call, world: World) -> Request:
    """What a way is sent for a call."""
    headers = {"content-type": "application/json", "authorization": f"Bearer {world.token}"}
    if way in ("f", "fl"):
        return Request(f"/{way}/{case.name.partition('/')[0]}", headers, _text(call.variables))
    if way == "e":
        plain = {"query": case.plain, "variables": call.plain}
        return Request("/graphql", {**headers, "x-store": call.store.schema}, _text(plain))
    return Request("/graphql", headers, _text({"query": case.document, "variables": call.variables}))


def answers(way: str, case: Case) -> bool:
    """Can this way answer the query at all?"""
    return way != "e" or case.plain is not None


@dataclass(frozen=True)
class Answer:
    """Status, body, and how many bytes came over the wire, about."""

    status: int
    body: bytes
    size: int


def ask(port: int, request: Request) -> Answer:
    """Send one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", request.path, request.filled().encode(), request.headers)
        response = connection.getresponse()
        body = response.read()
        head = sum(len(name) + len(value) + 4 for name, value in response.getheaders()) + 19
        return Answer(response.status, body, head + len(body))
    finally:
        connection.close()


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

"""What an attack costs the server before it is refused: milliseconds of CPU from the whole body to the whole answer.

    python -m bench.attacks [--times 5]

Each body is sent to the endpoint in this process, a different text each time, so that nothing is remembered of it; the time
is the median of the process's CPU. Whoever asks is known already and no store is ever opened: nothing of an attack runs.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from forecourt.auth.actor import Actor, Membership
from forecourt.domain.entities import ENTITIES
from forecourt.graphql.api import api_schema
from forecourt.graphql.context import Context
from forecourt.graphql.http import Endpoint
from forecourt.graphql.stores import Stores
from forecourt.tenancy.session import ResolvedGroup

#: Milliseconds of CPU that an attack may cost.
MOST = 20.0


def each(count: int, text: str) -> str:
    """The text so many times, with its number for #."""
    return " ".join(text.replace("#", str(number)) for number in range(count))


def doubling(levels: int) -> str:
    """Fragments that grow to two to the power of `levels` fields."""
    return f"{{ ...F0 }} {_doubled(levels)} fragment F{levels} on Query {{ viewer {{ name }} }}"


def _doubled(levels: int) -> str:
    return " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(levels))


def nested(depth: int, *, leaf: str = "id") -> str:
    """Lists in lists in lists."""
    inner = leaf
    for number in range(depth):
        name = ("customers", "vehicles")[number % 2] if number == 0 else ("vehicles", "repairOrders")[number % 2]
        inner = f"{name}(first: 1000) {{ edges {{ node {{ {inner} }} }} }}"
    return f'{{ store(code: "a1") {{ customers(first: 1000) {{ edges {{ node {{ {inner} }} }} }} }} }}'


def deep(levels: int) -> Any:
    """An input in an input in an input."""
    found: Any = {}
    for _ in range(levels):
        found = {"not": found}
    return found


WHERE = 'query($w: CustomerWhere) { store(code: "a1") { customers(where: $w) { totalCount } } }'

ATTACKS: dict[str, Callable[[], tuple[str, Any]]] = {
    "fragments that double, 20 levels": lambda: (doubling(20), {}),
    "fragments that double, 90 levels": lambda: (doubling(90), {}),
    "fragments that double, 2,000 levels": lambda: (doubling(2_000), {}),
    "fragments in a circle": lambda: ("{ ...A } fragment A on Query { ...B ...B } fragment B on Query { ...A ...A }", {}),
    "1,000 aliases": lambda: ("{" + each(1_000, "a#: viewer { name }") + "}", {}),
    "20,000 aliases": lambda: ("{" + each(20_000, "a#: x") + "}", {}),
    "100 aliases of what costs much": lambda: (
        "{" + each(100, 'a#: store(code: "a1") { customers(first: 1000) { edges { node { id } } } }') + "}", {}),
    "the same field 3,000 times": lambda: ("{ viewer { " + "name " * 2_990 + "} }", {}),
    "1,000 directives": lambda: ("{ viewer { name " + "@include(if: true) " * 1_000 + "} }", {}),
    "1,000 unknown directives": lambda: ("{ viewer { name " + each(1_000, "@a#") + "} }", {}),
    "1,400 unknown fields": lambda: ("{" + each(1_400, "nothing#") + "}", {}),
    "90 unknown fields with arguments": lambda: ("{" + each(90, 'no#(a: {b: [1, 2, "x"]}) { z }') + "}", {}),
    "100 fragments that overlap": lambda: (
        "{ viewer { " + each(100, "...F#") + "} }" + each(100, "fragment F# on Viewer { name key }"), {}),
    "300 fragments that overlap": lambda: (
        "{ viewer { " + each(300, "...F#") + "} }" + each(300, "fragment F# on Viewer { name }"), {}),
    "500 operations": lambda: (each(500, "query q# { viewer { name } }"), {}),
    "500 variables that are not used": lambda: (f"query({each(490, '$v#: Int')}) {{ viewer {{ name }} }}", {}),
    "fields 4,000 below one another": lambda: ("{a" * 4_000 + "}" * 4_000, {}),
    "an argument 4,000 deep": lambda: ("{ store(code: " + "[" * 4_000 + "]" * 4_000 + ") { code } }", {}),
    "an argument 30 deep": lambda: ("{ store(code: " + "[" * 30 + "]" * 30 + ") { code } }", {}),
    "a variable 19 deep, refused as text": lambda: (WHERE, {"w": deep(19) | {"nothing": 1}}),
    "a variable 300 deep": lambda: (WHERE, {"w": deep(300)}),
    "a variable of 300,000 values": lambda: (WHERE, {"w": {"and": [{}] * 300_000}}),
    "a variable of 19,000 values": lambda: (WHERE, {"w": {"and": [{"name": 1}] * 19_000}}),
    "huge pages": lambda: (nested(4), {}),
    "introspection in circles": lambda: (
        "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }", {}),
    "a comment of 900,000 letters": lambda: ("{ viewer { name } } #" + "x" * 900_000, {}),
    "a text of 99,000 letters, not ended": lambda: ('{ store(code: """' + "x" * 99_000, {}),
    "90,000 quotation marks": lambda: ("{ store(code: " + '"' * 90_001 + ") { code } }", {}),
    "99,000 lines": lambda: ("{" + "\n" * 99_000 + each(150, "nothing#") + "}", {}),
}  # fmt: skip


def endpoint() -> Endpoint:
    """The endpoint, and somebody of a group without stores."""
    group = ResolvedGroup(uuid4(), "a", "A", "Asia/Shanghai", "CNY")
    actor = Actor("account:1", "Wang", group.id, memberships=(Membership("HQ_DIRECTOR", None),), language="en")

    async def make_context(_: Any) -> Context:
        async def never(*_: Any, **__: Any) -> Any:
            raise AssertionError("an attack reached a store")

        context = Context(actor, group, ENTITIES, never, never, language="en", read_compiled=never)  # type: ignore[arg-type]
        context.sees(Stores(actor, []))
        return context

    return Endpoint(api_schema(), make_context)


async def refused(door: Endpoint, body: bytes) -> tuple[int, Any]:
    """Send it; status and answer."""
    sent: list[Any] = []
    pieces = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        return pieces.pop() if pieces else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json"), (b"accept", b"application/graphql-response+json")]
    scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": headers}
    await door(scope, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"])


def _why(answer: Any) -> str:
    if "errors" not in answer:
        return "it is none: it was answered"
    error = answer["errors"][0]
    return f"{error['extensions'].get('limit', {}).get('of', '')} {error['message'][:60]}"


def main() -> None:
    """Measure and print."""
    times = argparse.ArgumentParser(description=__doc__)
    times.add_argument("--times", type=int, default=5)
    given = times.parse_args()
    door, worst = endpoint(), 0.0
    with asyncio.Runner() as runner:
        runner.run(refused(door, json.dumps({"query": "{ viewer { name } group { code } }"}).encode()))
        for name, make in ATTACKS.items():
            spent, why = [], ""
            for number in range(given.times):
                query, variables = make()
                text = query + f"\n# {number}" if len(query) < 99_900 else query
                body = json.dumps({"query": text, "variables": variables}).encode()
                began = time.process_time()
                status, answer = runner.run(refused(door, body))
                spent.append((time.process_time() - began) * 1_000)
                assert status < 500, (name, status, answer)
                why = f"{status} {_why(answer)}"
            typical = statistics.median(spent)
            worst = max(worst, typical)
            print(f"{typical:8.2f} ms  {name}: {why}", flush=True)
    print(f"the dearest {worst:.2f} ms; the most that is meant: {MOST:.0f} ms")


if __name__ == "__main__":
    main()

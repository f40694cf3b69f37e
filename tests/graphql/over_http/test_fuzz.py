"""Whatever comes over the wire: an answer in GraphQL's form or a closed connection, no 5xx, and nothing of the inside."""

import os

import pytest

from tests.graphql.over_http.conftest import Served
from tests.graphql.over_http.fuzzing import Maker, Request
from tests.graphql.over_http.wire import broken, exchange

SEED = int(os.environ.get("FORECOURT_FUZZ_SEED", "20260915"))


@pytest.mark.parametrize("count", [400, pytest.param(12_000, marks=pytest.mark.proof)])
def test_random_requests_break_no_promise(served: Served, count: int) -> None:
    seed = SEED + count
    maker = Maker(served, seed)
    for number in range(count):
        request = maker.one()
        wrong = _wrong(served, request)
        told = f"request {number} of seed {seed}: {wrong}\n{request.sent[:4_000]!r}\n" + "\n".join(served.faults)
        assert wrong is None and not served.faults, told


def _wrong(served: Served, request: Request) -> str | None:
    try:
        answer = exchange(served.port, request.sent, whole=request.whole)
    except TimeoutError:
        return "nobody answers"
    if answer is None:
        return "no answer" if request.whole else None
    found = broken(answer, here=request.here)
    return f"{found}\n{answer}" if found is not None else None

"""Both engines give the same answer to random queries: data, errors and order. What has to be covered: see `checking`."""

import os

from tests.graphql.compiled.checking import read_queries
from tests.graphql.compiled.conftest import Both

SEED = int(os.environ.get("FORECOURT_FUZZ_SEED", "20260915"))


def test_random_queries_have_the_same_answer_in_both_engines(whole: Both) -> None:
    read_queries(whole, SEED, 2_000)

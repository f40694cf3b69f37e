"""The long version of `test_fuzz`, in shards by seed; the other half stands in a file of its own, so that two workers share it."""

import pytest

from tests.graphql.compiled.checking import read_queries
from tests.graphql.compiled.conftest import Both
from tests.graphql.compiled.test_fuzz import SEED

pytestmark = pytest.mark.proof


@pytest.mark.parametrize("shard", range(1, 6))
def test_ten_thousand_random_queries_have_the_same_answer_in_both_engines(whole: Both, shard: int) -> None:
    read_queries(whole, SEED + shard, 10_000)

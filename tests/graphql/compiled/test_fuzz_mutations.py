"""The same of random mutations; in a file of its own, so that another worker runs it."""

from tests.graphql.compiled.checking import run_mutations
from tests.graphql.compiled.conftest import Both
from tests.graphql.compiled.test_fuzz import SEED


def test_random_mutations_have_the_same_answer_in_both_engines(whole: Both) -> None:
    run_mutations(whole, SEED, 1_000)

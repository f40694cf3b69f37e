"""The stores that the reader's tests look at."""

from collections.abc import Iterator

import pytest

from tests.stores import Stores, scratch_stores


@pytest.fixture(scope="session")
def stores() -> Iterator[Stores]:
    with scratch_stores() as made:
        yield made

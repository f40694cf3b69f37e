"""A desk in store a1, for the features that change things."""

from collections.abc import AsyncIterator, Iterator

import pytest

from forecourt.tenancy.engines import Engines
from tests.conftest import World
from tests.domain.desk import Desk, make_desk


@pytest.fixture
def empty_store(world: World) -> Iterator[None]:
    """Store a1 without rows, before and after."""
    world.truncate("a1")
    yield
    world.truncate("a1")


@pytest.fixture
async def desk(world: World, engines: Engines, empty_store: None) -> AsyncIterator[Desk]:
    """See `desk.Desk`."""
    yield await make_desk(engines, world.groups["a"], world.stores["a1"])

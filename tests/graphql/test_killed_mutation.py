"""Whoever is killed between the commit and the answer is answered at the next try; killed before, nothing was written."""

import pytest

from forecourt.tenancy.provision import owner_connection
from tests.conftest import World
from tests.domain.test_killed_unit import running, said, until, until_gone
from tests.graphql.keyed import FILE, answered, replayed
from tests.graphql.killed_mutation import KEY, asked
from tests.graphql.live import LiveApi

pytestmark = pytest.mark.anyio


#: The process that is killed.
MODULE = "tests.graphql.killed_mutation"


@pytest.fixture
def emptied(world: World) -> World:
    world.truncate("a1")
    with owner_connection(world.server) as connection:
        connection.execute("truncate control.idempotency_key")
    return world


def left(world: World) -> list[int]:
    """Complaints, kept answers, keys."""
    schema = world.stores["a1"].schema
    query = f"""select (select count(*) from {schema}.complaint), (select count(*) from {schema}.kept_answer),
                       (select count(*) from control.idempotency_key)"""
    with owner_connection(world.server) as connection:
        return list(connection.execute(query.encode()).fetchone() or ())


async def tried_again(live: LiveApi) -> dict[str, object]:
    context, given = asked(live.platform, live.world.groups["a"], live.store("a1").id)
    return await answered(live.schema, context, FILE, given, KEY)


async def test_killed_after_the_commit_the_next_try_is_told(emptied: World, live_api: LiveApi) -> None:
    with running(emptied, "sent", MODULE) as process:
        assert said(process) == "held"
        until(emptied, f"select count(*) from {emptied.stores['a1'].schema}.kept_answer", lambda n: n == 1)
    until_gone(emptied)
    assert left(emptied) == [1, 1, 1]
    for _ in range(2):
        answer = await tried_again(live_api)
        assert replayed(answer) == ["fileComplaint"] and left(emptied) == [1, 1, 1]


async def test_killed_before_the_commit_the_next_try_does_it(emptied: World, live_api: LiveApi) -> None:
    with running(emptied, "before", MODULE) as process:
        assert said(process) == "held"
        assert left(emptied) == [0, 0, 0]
    until_gone(emptied)
    assert replayed(await tried_again(live_api)) == [] and left(emptied) == [1, 1, 1]
    assert replayed(await tried_again(live_api)) == ["fileComplaint"] and left(emptied) == [1, 1, 1]

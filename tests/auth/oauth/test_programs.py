"""Which stores exist for a program: those that are listed, or all of the group; whatever its token was narrowed to."""

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from forecourt.auth.actor import Actor
from forecourt.auth.oauth.access import AccessClaims
from forecourt.auth.oauth.clients import change_client, create_client
from forecourt.auth.oauth.programs import actor_of
from forecourt.auth.resolve import resolve_store, visible_stores
from forecourt.errors import Forbidden, NotFound, Unauthenticated
from tests.auth.world import World

pytestmark = pytest.mark.anyio

SCOPES = ["sales:order:read", "customers:customer:read"]


async def program(
    world: World, *stores: str, scopes: Collection[str] = SCOPES, by_hand: str | None = None, group: UUID | None = None
) -> Actor:
    """A program of the north with a token for ``scopes``; ``by_hand`` is a store written into its list behind our back."""
    now = world.clock.now()
    async with world.sessions() as session:
        listed = [world.stores[name] for name in stores] or None
        made = await create_client(session, world.system(), name="P", scopes=SCOPES, stores=listed, clock=world.clock)
        if by_hand is not None:
            row = {"client": made.id, "store": world.stores[by_hand], "group": world.north}
            await session.execute(text("insert into control.oauth_client_store values (:client, :store, :group)"), row)
    claims = AccessClaims(
        "j", made.client_id, group or world.north, 1, frozenset(scopes), now, now + timedelta(hours=1)
    )
    async with world.sessions() as session:
        return await actor_of(session, claims, now)


async def seen(world: World, actor: Actor) -> list[str]:
    async with world.sessions() as session:
        return [store.name for store in await visible_stores(session, actor)]


@pytest.mark.parametrize("scopes", [SCOPES, SCOPES[:1], []])
async def test_stores_of_a_program(world: World, scopes: list[str]) -> None:
    some, every = await program(world, "N1", scopes=scopes), await program(world, scopes=scopes)
    assert await seen(world, some) == ["N1"]
    assert await seen(world, every) == ["N1", "N2"]
    async with world.sessions() as session:
        assert (await resolve_store(session, some, "HX01")).name == "N1"
        assert (await resolve_store(session, every, world.stores["N2"])).name == "N2"
        for actor, hidden in ((some, "N2"), (some, "S1"), (every, "S1")):
            with pytest.raises(NotFound):
                await resolve_store(session, actor, world.stores[hidden])
        assert not some.sees_store(world.stores["N2"]) and every.sees_store(world.stores["N2"])


async def test_what_a_program_may_there(world: World) -> None:
    some, narrow = await program(world, "N1"), await program(world, "N1", scopes=SCOPES[:1])
    here, there = world.stores["N1"], world.stores["N2"]
    assert some.can(SCOPES[0], here) and some.can(SCOPES[1], here) and not some.can(SCOPES[0], None)
    assert narrow.can(SCOPES[0], here) and not narrow.can(SCOPES[1], here)
    with pytest.raises(Forbidden):
        narrow.require(SCOPES[1], here)
    with pytest.raises(NotFound):
        some.require(SCOPES[0], there)
    wide = await program(world, scopes=[*SCOPES, "accounts:account:manage", "tenancy:group:read"])
    assert not wide.can("accounts:account:manage", None) and not wide.can("tenancy:group:read", None)
    assert (some.account_id, some.employees_at(here)) == (None, frozenset())


async def test_a_store_of_another_group_counts_for_nothing_even_in_the_list(world: World) -> None:
    actor = await program(world, "N1", by_hand="S1")
    assert await seen(world, actor) == ["N1"]
    assert not actor.sees_store(world.stores["S1"])
    with pytest.raises(NotFound):
        await program(world, "S1")
    with pytest.raises(Unauthenticated):
        await program(world, "N1", group=world.south)


async def test_a_store_that_is_gone(world: World) -> None:
    actor = await program(world, "N1", "N2")
    async with world.sessions() as session:
        await session.execute(text("update control.store set state = 'DELETED' where name = 'N1'"))
    assert await seen(world, actor) == ["N2"]


async def test_changing_stores_replaces_the_list(world: World) -> None:
    async with world.sessions() as session:
        made = await create_client(
            session, world.system(), name="P", scopes=SCOPES, stores=[world.stores["N1"]], clock=world.clock
        )
        for stores, count in (([world.stores["N2"], world.stores["N1"]], 2), (None, 0), ([world.stores["N2"]], 1)):
            await change_client(
                session,
                world.system(),
                made.id,
                name="P",
                scopes=SCOPES,
                stores=stores,
                expires_at=None,
                clock=world.clock,
            )
            found = await session.execute(text("select count(*) from control.oauth_client_store"))
            assert found.scalar_one() == count
        with pytest.raises(NotFound):
            await change_client(
                session, world.system(world.south), made.id, name="P", scopes=SCOPES, stores=None, expires_at=None
            )

"""A store that is not the actor's does not exist; with no membership there is no store."""

import pytest
from sqlalchemy import update

from forecourt.auth.actor import Actor, Membership
from forecourt.auth.identify import actor_for_account
from forecourt.auth.model import AccountMembership
from forecourt.auth.resolve import resolve_store, visible_stores
from forecourt.errors import NotFound
from forecourt.tenancy.control import STORE_STATES, Store
from forecourt.tenancy.ids import new_id
from tests.auth.world import World

pytestmark = pytest.mark.anyio


async def seen(world: World, actor: Actor) -> list[str]:
    async with world.sessions() as session:
        return [store.name for store in await visible_stores(session, actor)]


async def actor_of(world: World, *roles: tuple[str, str | None]) -> Actor:
    account = await world.account(f"a{new_id().hex}", *roles)
    async with world.sessions() as session:
        return await actor_for_account(session, account, clock=world.clock)


async def test_everybody_sees_their_own_stores_only(world: World) -> None:
    assert await seen(world, await actor_of(world)) == []
    assert await seen(world, await actor_of(world, ("SALES_CONSULTANT", "N1"))) == ["N1"]
    assert await seen(world, await actor_of(world, ("CS_AGENT", "N2"), ("CS_AGENT", "N1"))) == ["N1", "N2"]
    assert await seen(world, await actor_of(world, ("HQ_ANALYST", None))) == ["N1", "N2"]
    assert await seen(world, world.system(world.south)) == ["S1", "S2"]


async def test_a_store_is_found_by_id_or_by_code_within_the_group(world: World) -> None:
    actor = await actor_of(world, ("SALES_CONSULTANT", "N1"))
    async with world.sessions() as session:
        by_id = await resolve_store(session, actor, world.stores["N1"])
        assert by_id == await resolve_store(session, actor, "HX01")
        assert (by_id.group_id, by_id.state) == (world.north, "ACTIVE")
        for other in (world.stores["N2"], world.stores["S1"], "HX02", "hx01", "", str(world.stores["N2"]), new_id()):
            with pytest.raises(NotFound):
                await resolve_store(session, actor, other)


async def test_a_forged_membership_of_another_groups_store_opens_nothing(world: World) -> None:
    forged = Actor("account:x", "X", world.north, memberships=(Membership("STORE_GM", world.stores["S1"]),))
    async with world.sessions() as session:
        with pytest.raises(NotFound):
            await resolve_store(session, forged, world.stores["S1"])
    assert await seen(world, forged) == []


@pytest.mark.parametrize(
    ("role", "store"), [("SALES_CONSULTANT", None), ("EMPEROR", "N1"), ("GROUP_ADMIN", "N1"), ("STORE_GM", "S1")]
)
async def test_rows_that_no_verb_would_write_give_no_right(world: World, role: str, store: str | None) -> None:
    account = await world.account("li", ("STORE_GM", "N1"))
    async with world.sessions() as session:
        await session.execute(
            update(AccountMembership).values(role=role, store_id=world.stores[store] if store else None)
        )
        actor = await actor_for_account(session, account, clock=world.clock)
    assert actor.memberships == ()
    assert await seen(world, actor) == []


@pytest.mark.parametrize("state", STORE_STATES)
async def test_stores_exist_from_made_to_deleted(world: World, state: str) -> None:
    async with world.sessions() as session:
        await session.execute(update(Store).where(Store.id == world.stores["N1"]).values(state=state))
    visible = state in ("ACTIVE", "SUSPENDED", "CLOSING", "ARCHIVED")
    for actor in (await actor_of(world, ("HQ_ANALYST", None)), Actor.for_system("job", world.north)):
        assert ("N1" in await seen(world, actor)) == visible

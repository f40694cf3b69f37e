"""A token is shown once, kept as a hash, and ends when it should."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from forecourt.auth.actor import Actor
from forecourt.auth.identify import TTL, ActorCache, actor_for_account, identify
from forecourt.auth.tokens import IssuedToken, issue_token, list_tokens, revoke_token, verify_token
from forecourt.errors import Forbidden, Invalid, NotFound, Unauthenticated
from tests.auth.world import World

pytestmark = pytest.mark.anyio


async def issued(world: World, name: str = "li", **options: timedelta) -> tuple[Actor, IssuedToken]:
    account = await world.account(name, ("STORE_GM", "N1"), ("STORE_GM", "N2"))
    async with world.sessions() as session:
        token = await issue_token(session, world.system(), account, label="laptop", clock=world.clock, **options)
        return await actor_for_account(session, account, clock=world.clock), token


async def test_a_token_identifies_its_account(world: World) -> None:
    actor, token = await issued(world)
    async with world.sessions() as session:
        found = await identify(session, f"bearer  {token.clear}", clock=world.clock, cache=ActorCache())
    assert found == actor
    assert found.key == f"account:{found.account_id}"
    assert found.store_ids() == {world.stores["N1"], world.stores["N2"]}


async def test_the_clear_token_is_kept_nowhere(world: World) -> None:
    _, token = await issued(world)
    assert re.fullmatch(r"fct_[A-Za-z0-9_-]{43}", token.clear)
    assert token.clear not in repr(token)
    secret = token.clear.removeprefix("fct_")
    assert await world.count(f"select count(*) from control.access_token t where t::text like '%{secret}%'") == 0


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic abc", "fct_" + "a" * 43, "Bearer x", "Bearer fct_" + "a" * 43]
)
async def test_other_headers_identify_nobody(world: World, header: str | None) -> None:
    async with world.sessions() as session:
        with pytest.raises(Unauthenticated):
            await identify(session, header, clock=world.clock, cache=ActorCache())


async def test_a_token_ends_on_the_second_although_it_is_cached(world: World) -> None:
    _, token = await issued(world, lifetime=timedelta(seconds=2))
    cache = ActorCache()
    async with world.sessions() as session:
        await identify(session, f"Bearer {token.clear}", clock=world.clock, cache=cache)
        world.later(seconds=1)
        await identify(session, f"Bearer {token.clear}", clock=world.clock, cache=cache)
        world.later(seconds=1)
        with pytest.raises(Unauthenticated):
            await identify(session, f"Bearer {token.clear}", clock=world.clock, cache=cache)


async def test_a_revoked_token_ends_within_five_seconds_everywhere(world: World) -> None:
    actor, token = await issued(world)
    cache = ActorCache()
    assert timedelta(seconds=5) >= TTL
    async with world.sessions() as session:
        await identify(session, f"Bearer {token.clear}", clock=world.clock, cache=cache)
        await revoke_token(session, actor, token.id, clock=world.clock)
        await revoke_token(session, actor, token.id, clock=world.clock)
    world.later(seconds=5)
    async with world.sessions() as session:
        with pytest.raises(Unauthenticated):
            await identify(session, f"Bearer {token.clear}", clock=world.clock, cache=cache)


async def test_a_cached_token_asks_no_database(world: World) -> None:
    _, token = await issued(world)
    cache = ActorCache()
    async with world.sessions() as session:
        first = await identify(session, f"Bearer {token.clear}", clock=world.clock, cache=cache)
    await world.account("other")
    async with world.sessions() as session:
        await session.close()
        assert await identify(session, f"Bearer {token.clear}", clock=world.clock, cache=cache) is first
        assert not session.in_transaction()


async def test_the_cache_is_bounded_and_forgets_the_least_used(world: World) -> None:
    actor, now = world.system(), world.clock.now()
    cache = ActorCache(size=2)
    for key in (b"a", b"b"):
        cache.put(key, actor, looked_up_at=now, expires_at=now + timedelta(days=1))
    assert cache.get(b"a", now) is actor
    cache.put(b"c", actor, looked_up_at=now, expires_at=now + timedelta(days=1))
    assert [cache.get(key, now) is actor for key in (b"a", b"b", b"c")] == [True, False, True]
    assert cache.get(b"a", now - timedelta(seconds=1)) is None
    assert len(cache) == 2
    cache.clear()
    assert len(cache) == 0


async def test_an_actor_that_is_looked_up_again_and_found_the_same_is_the_same_object(world: World) -> None:
    """What others remember of it, by its identity, stays true."""
    now = world.clock.now()
    cache = ActorCache()
    until = now + timedelta(days=1)
    first, equal = world.system(), world.system()
    assert first == equal and first is not equal
    cache.put(b"a", first, looked_up_at=now, expires_at=until)
    later = now + TTL
    assert cache.get(b"a", later) is None
    cache.put(b"a", equal, looked_up_at=later, expires_at=until)
    assert cache.get(b"a", later) is first
    cache.put(b"a", replace(equal, language="fr"), looked_up_at=later, expires_at=until)
    found = cache.get(b"a", later)
    assert found is not first and found is not None and found.language == "fr"


async def test_use_is_written_at_most_once_in_a_while(world: World) -> None:
    actor, token = await issued(world)
    assert actor.account_id is not None
    seen = []
    for minutes in (0, 1, 5):
        world.later(minutes=minutes)
        async with world.sessions() as session:
            await verify_token(session, token.clear, clock=world.clock)
            seen.append((await list_tokens(session, actor, actor.account_id))[0].last_used_at)
    assert seen[0] == seen[1]
    assert seen[2] == world.clock.now()


async def test_tokens_of_others_need_the_permission(world: World) -> None:
    actor, token = await issued(world)
    stranger, _ = await issued(world, "wang")
    assert actor.account_id is not None
    async with world.sessions() as session:
        with pytest.raises(Forbidden):
            await issue_token(session, stranger, actor.account_id, label="x")
        with pytest.raises(Forbidden):
            await list_tokens(session, stranger, actor.account_id)
        with pytest.raises(NotFound):
            await revoke_token(session, stranger, token.id)
        with pytest.raises(NotFound):
            await revoke_token(session, world.system(world.south), token.id)
        with pytest.raises(NotFound):
            await issue_token(session, world.system(world.south), actor.account_id, label="x")
        await issue_token(session, actor, actor.account_id, label="x")


@pytest.mark.parametrize(("label", "days"), [(" ", 1), ("x" * 101, 1), ("x", 0), ("x", -1), ("x", 367)])
async def test_labels_and_lifetimes_are_bounded(world: World, label: str, days: int) -> None:
    account = await world.account("li")
    async with world.sessions() as session:
        with pytest.raises(Invalid):
            await issue_token(session, world.system(), account, label=label, lifetime=timedelta(days=days))


def test_what_was_being_looked_up_while_everything_was_forgotten_is_not_kept(world: World) -> None:
    cache, actor, now = ActorCache(), world.system(), world.clock.now()
    before = cache.generation
    cache.clear()
    cache.put(b"a", actor, looked_up_at=now, expires_at=now + timedelta(days=1), generation=before)
    assert cache.get(b"a", now) is None
    cache.put(b"a", actor, looked_up_at=now, expires_at=now + timedelta(days=1), generation=cache.generation)
    assert cache.get(b"a", now) == actor

"""A token is shown once, kept as a hash, and ends when it should."""

import asyncio
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from forecourt.auth.actor import Actor
from forecourt.auth.identify import TTL, ActorCache, Bearers, actor_for_account, identify
from forecourt.auth.tokens import IssuedToken, issue_token, list_tokens, revoke_token, token_hash, verify_token
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


class Desk:
    """Look-ups of one token that are counted, and can be held up."""

    def __init__(self, world: World) -> None:
        self.world, self.cache, self.asked = world, ActorCache(), 0
        self.begun, self.open = asyncio.Event(), asyncio.Event()
        self.open.set()

    async def look_up(self, authorization: str | None) -> Actor:
        self.asked += 1
        self.begun.set()
        async with self.world.sessions() as session:
            found = await identify(session, authorization, clock=self.world.clock, cache=self.cache, anew=True)
        await self.open.wait()
        return found

    def bearers(self) -> Bearers:
        return Bearers(self.look_up, self.world.clock, self.cache)


async def test_of_many_requests_at_once_one_asks_the_database(world: World) -> None:
    actor, token = await issued(world)
    desk = Desk(world)
    bearers, header = desk.bearers(), f"Bearer {token.clear}"
    desk.open.clear()
    gone = asyncio.ensure_future(bearers.identify(header))
    await asyncio.sleep(0)
    waiting = [asyncio.ensure_future(bearers.identify(header)) for _ in range(20)]
    await asyncio.sleep(0)
    gone.cancel()  # whoever asked first gives up
    desk.open.set()
    assert {one.key for one in await asyncio.gather(*waiting)} == {actor.key}
    assert desk.asked == 1
    assert bearers.at_once(header) == actor
    assert (await bearers.identify(f"bearer {token.clear}")).key == actor.key and desk.asked == 1
    await bearers.aclose()


async def test_an_actor_is_looked_up_again_before_anybody_has_to_wait(world: World) -> None:
    _, token = await issued(world)
    desk = Desk(world)
    bearers, header = desk.bearers(), f"Bearer {token.clear}"
    first = await bearers.identify(header)
    world.later(seconds=4)
    assert [bearers.at_once(header) for _ in range(5)] == [first] * 5
    assert bearers.running == 1
    await bearers.settled()
    assert desk.asked == 2
    world.later(seconds=4.5)
    assert bearers.at_once(header) is first
    await bearers.aclose()
    assert bearers.running == 0


async def test_what_ended_during_a_look_up_is_no_answer_for_who_comes_later(world: World) -> None:
    actor, token = await issued(world)
    desk = Desk(world)
    bearers, header = desk.bearers(), f"Bearer {token.clear}"
    desk.open.clear()
    early = asyncio.ensure_future(bearers.identify(header))
    await desk.begun.wait()
    async with world.sessions() as session:
        await revoke_token(session, actor, token.id, clock=world.clock)
    desk.cache.forget(token_hash(token.clear))
    late = asyncio.ensure_future(bearers.identify(header))
    await asyncio.sleep(0)
    desk.open.set()
    with pytest.raises(Unauthenticated):
        await late
    await asyncio.gather(early, return_exceptions=True)
    assert desk.asked == 2 and bearers.at_once(header) is None


async def test_a_token_that_is_not_valid_is_refused_to_all_who_wait(world: World) -> None:
    desk = Desk(world)
    bearers = desk.bearers()
    answers = await asyncio.gather(
        *(bearers.identify("Bearer fct_" + "a" * 43) for _ in range(3)), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [Unauthenticated] * 3 and desk.asked == 1
    for header in (None, "Basic abc"):
        with pytest.raises(Unauthenticated):
            await bearers.identify(header)
    assert desk.asked == 1

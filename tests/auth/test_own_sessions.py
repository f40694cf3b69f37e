"""Sessions are listed to their person, ended one by one or all others, and by who may end anybody's."""

from dataclasses import replace

import pytest

from forecourt.auth.identify import actor_for_account
from forecourt.auth.own_sessions import end_other_sessions, end_session, end_sessions_of, list_sessions
from forecourt.auth.web_sessions import (
    FRESH,
    IDLE,
    KEPT,
    MOST_SESSIONS,
    SignInBy,
    forget_sessions,
    open_session,
    rotate_session,
    verify_session,
)
from forecourt.errors import Forbidden, NotFound, Unauthenticated
from tests.auth.world import World

pytestmark = pytest.mark.anyio


async def test_open_sessions_are_listed_with_where_they_came_from(world: World) -> None:
    account = await world.account("li")
    async with world.sessions() as session:
        await open_session(session, account, clock=world.clock)
        world.later(seconds=IDLE.total_seconds() - 10)
        by = SignInBy(address="203.0.113.7", user_agent="Mozilla/5.0 (iPhone) Safari/605")
        mine = await open_session(session, account, by=by, clock=world.clock)
        actor = replace(await actor_for_account(session, account, clock=world.clock), session_id=mine.id)
        newest, oldest = await list_sessions(session, actor, account, clock=world.clock)
        assert (newest.id, newest.current, newest.address) == (mine.id, True, "203.0.113.7")
        assert not oldest.current and oldest.address is None
        world.later(seconds=10)
        assert [item.id for item in await list_sessions(session, actor, account, clock=world.clock)] == [mine.id]


async def test_others_sessions_are_seen_and_ended_with_the_permission_only(world: World) -> None:
    account = await world.account("li")
    reader = await world.account("audit", ("INTERNAL_AUDIT", None))
    admin = await world.account("admin", ("GROUP_ADMIN", None))
    foreign = await world.account("foreign", ("GROUP_ADMIN", None), group=world.south)
    async with world.sessions() as session:
        opened = [await open_session(session, account, clock=world.clock) for _ in range(3)]
        see, do, stranger = [
            await actor_for_account(session, one, clock=world.clock) for one in (reader, admin, foreign)
        ]
        assert len(await list_sessions(session, see, account, clock=world.clock)) == 3
        for actor in (see, stranger):
            with pytest.raises(NotFound):
                await end_session(session, actor, opened[0].id, clock=world.clock)
        with pytest.raises(Forbidden):
            await end_sessions_of(session, see, account, clock=world.clock)
        with pytest.raises(NotFound):
            await end_sessions_of(session, stranger, account, clock=world.clock)
        assert await end_session(session, do, opened[0].id, clock=world.clock) == account
        assert await end_session(session, do, opened[0].id, clock=world.clock) == account
        assert await end_sessions_of(session, do, account, clock=world.clock) == 2
        for one in opened:
            with pytest.raises(Unauthenticated):
                await verify_session(session, one.cookie, clock=world.clock)


async def test_all_others_end_and_a_token_ends_all(world: World) -> None:
    account, other = await world.account("li"), await world.account("wang")
    async with world.sessions() as session:
        opened = [await open_session(session, account, clock=world.clock) for _ in range(3)]
        theirs = await open_session(session, other, clock=world.clock)
        by_token = await actor_for_account(session, account, clock=world.clock)
        actor = replace(by_token, session_id=opened[1].id)
        assert await end_other_sessions(session, actor, clock=world.clock) == 2
        await verify_session(session, opened[1].cookie, clock=world.clock)
        assert await end_other_sessions(session, by_token, clock=world.clock) == 1
        await verify_session(session, theirs.cookie, clock=world.clock)
        with pytest.raises(NotFound):
            await end_other_sessions(session, world.system(), clock=world.clock)


async def test_one_session_too_many_ends_the_one_seen_least_recently(world: World) -> None:
    account = await world.account("li")
    async with world.sessions() as session:
        opened = []
        for _ in range(MOST_SESSIONS + 1):
            opened.append(await open_session(session, account, clock=world.clock))
            world.later(seconds=1)
        with pytest.raises(Unauthenticated):
            await verify_session(session, opened[0].cookie, clock=world.clock)
        for one in opened[1:]:
            await verify_session(session, one.cookie, clock=world.clock)


async def test_a_proof_grows_old_and_is_renewed(world: World) -> None:
    account = await world.account("li")
    async with world.sessions() as session:
        opened = await open_session(session, account, clock=world.clock)
        world.later(seconds=FRESH.total_seconds())
        verified = await verify_session(session, opened.cookie, clock=world.clock)
        assert not verified.is_fresh(world.clock.now())
        rotated = await rotate_session(session, opened.cookie, clock=world.clock)
        assert not (await verify_session(session, rotated.cookie, clock=world.clock)).is_fresh(world.clock.now())
        proved = await rotate_session(
            session, rotated.cookie, proved=True, method="PASSWORD_AND_CODE", clock=world.clock
        )
        verified = await verify_session(session, proved.cookie, clock=world.clock)
        assert verified.is_fresh(world.clock.now()) and verified.method == "PASSWORD_AND_CODE"


async def test_what_is_over_is_forgotten_after_a_while(world: World) -> None:
    account = await world.account("li")
    async with world.sessions() as session:
        await open_session(session, account, clock=world.clock)
        world.later(days=KEPT.days)
        assert await forget_sessions(session, clock=world.clock) == 0
        world.later(hours=1, seconds=1)
        kept = await open_session(session, account, clock=world.clock)
        assert await forget_sessions(session, clock=world.clock) == 1
        await verify_session(session, kept.cookie, clock=world.clock)

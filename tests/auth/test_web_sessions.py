"""A web session ends when idle, when old, when revoked; its cookie is worth nothing in the database."""

import pytest

from forecourt.auth.accounts import end_access
from forecourt.auth.identify import identify_session
from forecourt.auth.web_sessions import (
    ABSOLUTE,
    COOKIE,
    IDLE,
    open_session,
    revoke_session,
    rotate_session,
    verify_session,
)
from forecourt.errors import Unauthenticated
from forecourt.tenancy.ids import new_id
from tests.auth.world import World

pytestmark = pytest.mark.anyio


async def test_a_session_identifies_its_account(world: World) -> None:
    account = await world.account("li", ("STORE_GM", "N1"))
    async with world.sessions() as session:
        opened = await open_session(session, account, clock=world.clock)
        actor, verified = await identify_session(session, opened.cookie, clock=world.clock)
    assert actor.account_id == verified.account_id == account
    assert verified.id == opened.id
    assert actor.store_ids() == {world.stores["N1"]}
    assert COOKIE.startswith("__Host-")


async def test_neither_cookie_nor_form_token_is_printed_or_kept(world: World) -> None:
    account = await world.account("li")
    async with world.sessions() as session:
        opened = await open_session(session, account, clock=world.clock)
        verified = await verify_session(session, opened.cookie, clock=world.clock)
    assert opened.cookie not in repr(opened)
    assert verified.csrf_token not in repr(verified)
    for secret in (opened.cookie, verified.csrf_token):
        assert await world.count(f"select count(*) from control.web_session s where s::text like '%{secret}%'") == 0


async def test_being_seen_puts_off_the_idle_end_but_not_the_absolute_one(world: World) -> None:
    account = await world.account("li")
    async with world.sessions() as session:
        opened = await open_session(session, account, clock=world.clock)
        start = world.clock.now()
        while world.clock.now() + IDLE * 0.9 < start + ABSOLUTE:
            world.later(seconds=IDLE.total_seconds() * 0.9)
            await verify_session(session, opened.cookie, clock=world.clock)
        world.clock.at = start + ABSOLUTE
        with pytest.raises(Unauthenticated):
            await verify_session(session, opened.cookie, clock=world.clock)


async def test_an_idle_session_ends(world: World) -> None:
    account = await world.account("li")
    async with world.sessions() as session:
        opened = await open_session(session, account, clock=world.clock)
        world.later(seconds=IDLE.total_seconds())
        with pytest.raises(Unauthenticated):
            await verify_session(session, opened.cookie, clock=world.clock)


async def test_rotation_ends_the_old_cookie_and_the_old_form_token(world: World) -> None:
    account = await world.account("li")
    async with world.sessions() as session:
        opened = await open_session(session, account, clock=world.clock)
        before = await verify_session(session, opened.cookie, clock=world.clock)
        rotated = await rotate_session(session, opened.cookie, clock=world.clock)
        after = await verify_session(session, rotated.cookie, clock=world.clock)
        assert (after.id, rotated.expires_at) == (before.id, opened.expires_at)
        assert after.csrf_matches(after.csrf_token)
        assert not after.csrf_matches(before.csrf_token)
        assert not after.csrf_matches("数")
        for use in (verify_session, rotate_session):
            with pytest.raises(Unauthenticated):
                await use(session, opened.cookie, clock=world.clock)


async def test_signing_out_ends_one_session_or_all(world: World) -> None:
    account = await world.account("li")
    async with world.sessions() as session:
        first, second, third = [await open_session(session, account, clock=world.clock) for _ in range(3)]
        await revoke_session(session, first.cookie, clock=world.clock)
        await revoke_session(session, "unknown", clock=world.clock)
        with pytest.raises(Unauthenticated):
            await verify_session(session, first.cookie, clock=world.clock)
        await verify_session(session, second.cookie, clock=world.clock)
        await end_access(session, world.system(), account, clock=world.clock)
        for opened in (second, third):
            with pytest.raises(Unauthenticated):
                await verify_session(session, opened.cookie, clock=world.clock)


@pytest.mark.parametrize("cookie", ["", "x", "x" * 100_000, "数据"])
async def test_other_cookies_identify_nobody(world: World, cookie: str) -> None:
    async with world.sessions() as session:
        with pytest.raises(Unauthenticated):
            await verify_session(session, cookie, clock=world.clock)


async def test_an_unknown_account_gets_no_session(world: World) -> None:
    async with world.sessions() as session:
        with pytest.raises(Unauthenticated):
            await open_session(session, new_id(), clock=world.clock)

"""The history of sign-ins: of accounts that exist, bounded, read by its person and by who manages accounts."""

from datetime import timedelta

import pytest

from forecourt.auth.accounts import disable_account
from forecourt.auth.history import (
    KEPT,
    MOST_FAILURES,
    forget_sign_ins,
    list_sign_ins,
    record_failure,
    record_sign_in,
)
from forecourt.auth.identify import actor_for_account
from forecourt.auth.throttle import WINDOW
from forecourt.auth.web_sessions import SignInBy
from forecourt.errors import Forbidden
from forecourt.tenancy.ids import new_id
from tests.auth.world import World

pytestmark = pytest.mark.anyio

BROWSER = SignInBy(address="203.0.113.7", user_agent="Mozilla/5.0 \0" + "x" * 1000)


async def test_its_person_sees_every_attempt_newest_first(world: World) -> None:
    account = await world.account("li")
    async with world.sessions() as session:
        await record_failure(session, name="li", outcome="WRONG_PASSWORD", by=BROWSER, clock=world.clock)
        world.later(seconds=5)
        provider = SignInBy(method="PROVIDER", provider_id=new_id())
        await record_sign_in(session, account, outcome="SUCCEEDED", by=provider, clock=world.clock)
        actor = await actor_for_account(session, account, clock=world.clock)
        newest, oldest = await list_sign_ins(session, actor, account)
    assert (newest.method, newest.outcome, newest.provider_id) == ("PROVIDER", "SUCCEEDED", provider.provider_id)
    assert (oldest.outcome, oldest.address) == ("WRONG_PASSWORD", "203.0.113.7")
    assert oldest.user_agent is not None and len(oldest.user_agent) <= 300 and "\0" not in oldest.user_agent
    assert newest.at - oldest.at == timedelta(seconds=5)


async def test_an_unknown_name_leaves_nothing_and_a_disabled_account_is_said_to_be_refused(world: World) -> None:
    account = await world.account("li")
    async with world.sessions() as session:
        await disable_account(session, world.system(), account)
        await record_failure(session, name="my password", outcome="WRONG_PASSWORD", clock=world.clock)
        await record_sign_in(session, new_id(), outcome="SUCCEEDED", clock=world.clock)
        await record_failure(session, name="li", outcome="WRONG_PASSWORD", clock=world.clock)
        found = await list_sign_ins(session, world.system(), account)
    assert [item.outcome for item in found] == ["REFUSED"]
    assert await world.count("select count(*) from control.sign_in_event") == 1


async def test_others_need_the_permission_and_other_groups_see_nothing(world: World) -> None:
    account = await world.account("li")
    await world.account("wang")
    admin = await world.account("admin", ("GROUP_ADMIN", None))
    stranger = await world.account("stranger", ("GROUP_ADMIN", None), group=world.south)
    other = await world.account("zhao")
    async with world.sessions() as session:
        await record_sign_in(session, account, outcome="SUCCEEDED", clock=world.clock)
        seen = [await actor_for_account(session, one, clock=world.clock) for one in (admin, stranger, other)]
        assert len(await list_sign_ins(session, seen[0], account)) == 1
        assert await list_sign_ins(session, seen[1], account) == []
        with pytest.raises(Forbidden):
            await list_sign_ins(session, seen[2], account)


async def test_an_attack_does_not_fill_the_table_nor_hide_a_success(world: World) -> None:
    account = await world.account("li")
    async with world.sessions() as session:
        for _ in range(MOST_FAILURES + 20):
            await record_failure(session, name="li", outcome="THROTTLED", clock=world.clock)
        await record_sign_in(session, account, outcome="SUCCEEDED", clock=world.clock)
    assert await world.count("select count(*) from control.sign_in_event") == MOST_FAILURES + 1
    world.later(seconds=WINDOW.total_seconds() + 1)
    async with world.sessions() as session:
        await record_failure(session, name="li", outcome="WRONG_PASSWORD", clock=world.clock)
    assert await world.count("select count(*) from control.sign_in_event") == MOST_FAILURES + 2


async def test_old_rows_go_in_bounded_steps(world: World) -> None:
    account = await world.account("li")
    async with world.sessions() as session:
        for _ in range(3):
            await record_sign_in(session, account, outcome="SUCCEEDED", clock=world.clock)
    world.later(days=KEPT.days + 1)
    async with world.sessions() as session:
        await record_sign_in(session, account, outcome="SUCCEEDED", clock=world.clock)
        assert await forget_sign_ins(session, clock=world.clock, limit=2) == 2
        assert await forget_sign_ins(session, clock=world.clock) == 1
        assert await forget_sign_ins(session, clock=world.clock) == 0

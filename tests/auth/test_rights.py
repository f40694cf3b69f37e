"""What takes rights away counts at the commit, although the actor of a token was kept."""

import pytest

from forecourt.auth.account_reads import list_memberships
from forecourt.auth.accounts import disable_account, end_membership, set_password
from forecourt.auth.identify import identify
from forecourt.auth.rights import after_commit
from forecourt.auth.tokens import issue_token
from forecourt.errors import Unauthenticated
from tests.auth.world import CHEAP, World

pytestmark = pytest.mark.anyio


async def kept_token(world: World) -> str:
    """A token whose actor this process keeps."""
    account = await world.account("mei", ("STORE_GM", "N1"), password="correct horse battery")
    async with world.sessions() as session:
        token = await issue_token(session, world.system(), account, label="x", clock=world.clock)
    async with world.sessions() as session:
        assert (await identify(session, f"Bearer {token.clear}", clock=world.clock)).store_ids()
    return token.clear


@pytest.mark.parametrize("verb", ["disable", "password"])
async def test_a_kept_token_ends_with_the_commit(world: World, verb: str) -> None:
    token = await kept_token(world)
    async with world.sessions() as session:
        actor = await identify(session, f"Bearer {token}", clock=world.clock)
        assert actor.account_id is not None
        if verb == "disable":
            await disable_account(session, world.system(), actor.account_id, clock=world.clock)
        else:
            new = "another horse battery"
            await set_password(
                session, world.system(), actor.account_id, password=new, clock=world.clock, passwords=CHEAP
            )
    after_commit(session)
    async with world.sessions() as session:
        with pytest.raises(Unauthenticated):
            await identify(session, f"Bearer {token}", clock=world.clock)


async def test_a_role_that_was_taken_is_gone_with_the_commit(world: World) -> None:
    token = await kept_token(world)
    async with world.sessions() as session:
        actor = await identify(session, f"Bearer {token}", clock=world.clock)
        assert actor.account_id is not None
        [held] = await list_memberships(session, world.system(), actor.account_id)
        world.later(seconds=1)
        await end_membership(session, world.system(), held.id, clock=world.clock)
    after_commit(session)
    async with world.sessions() as session:
        assert not (await identify(session, f"Bearer {token}", clock=world.clock)).store_ids()

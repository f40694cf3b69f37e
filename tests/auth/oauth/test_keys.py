"""The keys of the installation: published before they sign and until the last token has ended; the private part goes first."""

import asyncio

import pytest
from joserfc.jwk import ECKey

from forecourt.auth.oauth.keys import (
    NO_GROUP,
    PERIOD,
    PUBLISHED_BEFORE,
    PURPOSE,
    KeyInfo,
    KeyRing,
    list_keys,
    make_first_keys,
    published_keys,
    rotate_keys,
    tend_keys,
)
from forecourt.errors import Fault, Refused
from forecourt.tenancy.sealing import Sealer
from tests.auth.world import World

pytestmark = pytest.mark.anyio

SEAL = Sealer(lambda version: b"m" * 32, 1, NO_GROUP, PURPOSE)


async def keys(world: World) -> dict[str, list[KeyInfo]]:
    async with world.sessions() as session:
        found = await list_keys(session)
    return {state: [key for key in found if key.state == state] for state in ("NEXT", "ACTIVE", "RETIRED")}


async def published(world: World) -> set[str]:
    async with world.sessions() as session:
        return {jwk["kid"] for jwk in await published_keys(session, world.clock.now())}


async def test_a_new_installation_makes_its_keys_once(world: World) -> None:
    async def first() -> str:
        async with world.sessions() as session:
            return (await KeyRing(SEAL).signing(session, clock=world.clock)).kid

    kids = await asyncio.gather(*(first() for _ in range(5)))
    assert len(set(kids)) == 1
    found = await keys(world)
    assert [len(found[state]) for state in found] == [1, 1, 0]
    assert await published(world) == {found["ACTIVE"][0].kid, found["NEXT"][0].kid}


async def test_rotation(world: World) -> None:
    async with world.sessions() as session:
        await make_first_keys(session, SEAL, clock=world.clock)
    before = await keys(world)
    async with world.sessions() as session:
        with pytest.raises(Refused, match="long enough"):
            await rotate_keys(session, SEAL, clock=world.clock)
    assert await keys(world) == before
    world.later(seconds=PUBLISHED_BEFORE.total_seconds())
    async with world.sessions() as session:
        await rotate_keys(session, SEAL, clock=world.clock)
    after = await keys(world)
    assert after["ACTIVE"][0].kid == before["NEXT"][0].kid
    assert after["RETIRED"][0].kid == before["ACTIVE"][0].kid
    assert after["NEXT"][0].kid not in {key.kid for found in before.values() for key in found}
    assert (
        await world.count(
            "select count(*) from control.oauth_signing_key where state = 'RETIRED' and private_enc is null"
        )
        == 1
    )
    assert len(await published(world)) == 3
    # The last token of the old key may live an hour.
    world.later(minutes=60)
    assert after["RETIRED"][0].kid in await published(world)
    world.later(minutes=10)
    assert after["RETIRED"][0].kid not in await published(world)


async def test_what_the_daily_job_does(world: World) -> None:
    async with world.sessions() as session:
        await tend_keys(session, SEAL, clock=world.clock)
    first = await keys(world)
    world.later(seconds=PERIOD.total_seconds() - 1)
    async with world.sessions() as session:
        await tend_keys(session, SEAL, clock=world.clock)
    assert await keys(world) == first
    world.later(seconds=1)
    for _ in range(2):  # twice is once
        async with world.sessions() as session:
            await tend_keys(session, SEAL, clock=world.clock)
    second = await keys(world)
    assert second["ACTIVE"][0].kid == first["NEXT"][0].kid and len(second["RETIRED"]) == 1
    world.later(days=1)
    async with world.sessions() as session:
        await tend_keys(session, SEAL, clock=world.clock)
    assert (await keys(world))["RETIRED"] == []


async def test_two_rotations_at_once_rotate_once(world: World) -> None:
    async with world.sessions() as session:
        await make_first_keys(session, SEAL, clock=world.clock)
    world.later(hours=1)

    async def rotate() -> str:
        try:
            async with world.sessions() as session:
                await rotate_keys(session, SEAL, clock=world.clock)
        except Refused as error:
            return error.code
        return "ROTATED"

    outcomes = await asyncio.gather(rotate(), rotate())
    found = await keys(world)
    assert "ROTATED" in outcomes
    assert len(found["ACTIVE"]) == len(found["NEXT"]) == 1 and len(found["RETIRED"]) == 1


async def test_a_key_that_somebody_else_may_have(world: World) -> None:
    async with world.sessions() as session:
        await make_first_keys(session, SEAL, clock=world.clock)
    before = await published(world)
    async with world.sessions() as session:
        await rotate_keys(session, SEAL, distrust=True, clock=world.clock)
    assert not before & await published(world) and len(await published(world)) == 2


async def test_a_ring_looks_again_for_a_key_it_does_not_know(world: World) -> None:
    ring = KeyRing(SEAL)
    async with world.sessions() as session:
        assert await ring.public(session, "k", world.clock.now()) is None
        active = await ring.signing(session, clock=world.clock)
    async with world.sessions() as session:
        assert await ring.public(session, active.kid, world.clock.now()) is None  # looked a moment ago
        world.later(seconds=1)
        assert await ring.public(session, active.kid, world.clock.now()) is not None
        await rotate_keys(session, SEAL, distrust=True, clock=world.clock)
        world.later(seconds=4)
        assert await ring.public(session, active.kid, world.clock.now()) is not None
        world.later(seconds=1)
        assert await ring.public(session, active.kid, world.clock.now()) is None


async def test_private_keys_are_sealed(world: World) -> None:
    async with world.sessions() as session:
        active = await KeyRing(SEAL).signing(session, clock=world.clock)
    assert "key=" not in repr(active)
    clear = "position('PRIVATE' in encode(private_enc, 'escape')) > 0"
    assert await world.count(f"select count(*) from control.oauth_signing_key where {clear}") == 0
    assert await world.count("select count(*) from control.oauth_signing_key where public_jwk -> 'd' is not null") == 0
    other = Sealer(lambda version: b"n" * 32, 1, NO_GROUP, PURPOSE)
    async with world.sessions() as session:
        with pytest.raises(Fault):
            await KeyRing(other).signing(session, clock=world.clock)
        with pytest.raises(Fault):
            await KeyRing(None).signing(session, clock=world.clock)
        for jwk in await published_keys(session, world.clock.now()):
            assert ECKey.import_key(jwk).curve_name == "P-256" and jwk["kid"] == ECKey.import_key(jwk).thumbprint()

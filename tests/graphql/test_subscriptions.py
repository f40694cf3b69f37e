"""Subscriptions as every role: what comes is what `changes` shows, and rights are those of the moment of each event."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from forecourt.auth.actor import Actor
from forecourt.auth.roles import ROLES, goes_with
from forecourt.domain import followers
from forecourt.domain.followers import Hub, made_hub
from forecourt.errors import Unauthenticated
from forecourt.graphql.context import Context
from forecourt.graphql.live import stream
from forecourt.graphql.live.fields import Live
from forecourt.graphql.live.stream import NoAnswer, answers
from forecourt.graphql.operation import Operation
from forecourt.tenancy.ids import new_id
from forecourt.tenancy.session import store_session
from tests.conftest import World
from tests.domain.desk import Desk, make_desk
from tests.graphql.live import LiveApi
from tests.graphql.rows import told_rows
from tests.graphql.test_changes import read

pytestmark = pytest.mark.anyio

FOLLOW = """subscription($id: ID!, $after: String, $entities: [String!]) {
  storeChanges(storeId: $id, after: $after, entities: $entities) {
    change { event entity nodeId at actorKind cursor node { __typename id } } } }"""


@pytest.fixture
async def desk(live_api: LiveApi, world: World) -> Desk:
    world.truncate("a1")
    return await make_desk(live_api.platform.engines, world.groups["a"], world.stores["a1"])


@pytest.fixture
async def told(live_api: LiveApi, desk: Desk) -> dict[str, UUID]:
    return await told_rows(desk)


@pytest.fixture
async def hub(live_api: LiveApi, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hub]:
    """What a process follows, where nobody can listen: it looks often."""
    monkeypatch.setattr(followers, "UNHEARD", 0.02)
    made = made_hub(partial(store_session, live_api.platform.engines, read_only=True), None)
    yield made
    assert len(made.feeds) == 0, "nobody follows, nobody reads"
    await made.aclose()


class Asker:
    """Somebody whose rights may change while they follow."""

    def __init__(self, api: LiveApi, hub: Hub, actor: Actor) -> None:
        self.api, self.hub, self.actor = api, hub, actor
        self.signed_in = True

    async def renew(self) -> Context:
        if not self.signed_in:
            raise Unauthenticated("revoked")
        context = self.api.context(self.actor)
        context.live = Live(self.hub, self.renew)
        return context

    @asynccontextmanager
    async def follow(self, query: str = FOLLOW, **variables: Any) -> AsyncIterator[Any]:
        """Gives the next answer when it is called."""
        operation = Operation(query, variables)
        async with aclosing(answers(self.api.schema, await self.renew(), operation)) as found:

            async def following() -> Any:
                return json.loads(await asyncio.wait_for(anext(found), 10))

            yield following


def change(answer: Any) -> Any:
    assert "errors" not in answer, answer
    return answer["data"]["storeChanges"]["change"]


@pytest.mark.parametrize("role", sorted(ROLES))
async def test_what_comes_is_what_the_feed_shows(
    live_api: LiveApi, desk: Desk, told: dict[str, UUID], hub: Hub, role: str
) -> None:
    start = (await read(live_api, live_api.actor(("STORE_GM", "a1")), first=1))["edges"][0]["cursor"]
    for at in [at for at in ("a1", "@a1", None) if goes_with(role, store=at == "a1", region=at == "@a1")]:
        actor = live_api.actor((role, at), employee=desk.people["consultant"])
        shown = [edge["node"] for edge in (await read(live_api, actor, after=start))["edges"]]
        asker = Asker(live_api, hub, actor)
        async with asker.follow(id=live_api.store_id("a1"), after=start) as following:
            waiting = asyncio.ensure_future(following())
            came: list[Any] = []
            while len(came) < len(shown):
                found = change(await waiting)
                came.append({name: found[name] for name in shown[0]})
                waiting = asyncio.ensure_future(following())
            assert came == shown
            done, _ = await asyncio.wait([waiting], timeout=0.1)
            assert not done
            waiting.cancel()
            await asyncio.wait([waiting])


async def test_rights_are_those_of_each_event(live_api: LiveApi, desk: Desk, told: dict[str, UUID], hub: Hub) -> None:
    asker = Asker(live_api, hub, live_api.actor(("CS_AGENT", "a1")))
    latest = (await read(live_api, asker.actor))["latestCursor"]
    async with asker.follow(id=live_api.store_id("a1"), after=latest) as following:
        roles = (
            "CS_AGENT",
            "TECHNICIAN",
            "CS_AGENT",
        )  # a technician is of the store, but complaints are none of theirs
        waiting = asyncio.ensure_future(following())
        for place, role in enumerate(roles):
            asker.actor = replace(asker.actor, memberships=live_api.actor((role, "a1")).memberships)
            async with desk.work() as work:
                work.emit(f"Number{place}", "Complaint", told["Complaint"])
            if role == "TECHNICIAN":
                done, _ = await asyncio.wait([waiting], timeout=0.3)
                assert not done
            else:
                assert change(await waiting)["event"] == f"Number{place}"
                waiting = asyncio.ensure_future(following())
        asker.signed_in = False
        async with desk.work() as work:
            work.emit("Last", "Complaint", told["Complaint"])
        with pytest.raises(Unauthenticated):
            await waiting


async def test_a_store_that_is_no_longer_theirs_ends_it(
    live_api: LiveApi, desk: Desk, told: dict[str, UUID], hub: Hub
) -> None:
    asker = Asker(live_api, hub, live_api.actor(("CS_AGENT", "a1"), ("CS_AGENT", "a2")))
    latest = (await read(live_api, asker.actor))["latestCursor"]
    async with asker.follow(id=live_api.store_id("a1"), after=latest) as following:
        asker.actor = replace(asker.actor, memberships=asker.actor.memberships[1:])
        async with desk.work() as work:
            work.emit("X", "Complaint", told["Complaint"])
        with pytest.raises(NoAnswer) as ended:
            await following()
    assert ended.value.errors[0]["extensions"]["code"] == "NOT_FOUND"


async def test_whoever_falls_behind_reads_on_from_the_feed(
    live_api: LiveApi, desk: Desk, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than waits for anybody in memory: nothing is lost or doubled, and who is quicker is not held up."""
    monkeypatch.setattr(followers, "MOST_WAITING", 20)
    asker = Asker(live_api, hub, live_api.actor(("CS_AGENT", "a1")))
    where = {"id": live_api.store_id("a1")}
    async with asker.follow(**where) as slow, asker.follow(**where) as quick:
        waiting = [asyncio.ensure_future(slow()), asyncio.ensure_future(quick())]
        await asyncio.sleep(0.3)
        rows = [new_id() for _ in range(90)]
        for place in range(0, 90, 30):
            async with desk.work() as work:
                for row in rows[place : place + 30]:
                    work.emit("Next", "Complaint", row)
            answers_ = [await waiting[1], *[await quick() for _ in range(29)]]
            waiting[1] = asyncio.ensure_future(quick())
            assert [change(one)["nodeId"] for one in answers_] == [
                live_api.id("Complaint", row) for row in rows[place : place + 30]
            ]
        answers_ = [await waiting[0], *[await slow() for _ in rows[1:]]]
        assert [change(one)["nodeId"] for one in answers_] == [live_api.id("Complaint", row) for row in rows]
        waiting[1].cancel()
        await asyncio.wait(waiting)


async def test_one_reader_serves_all_followers_of_a_store(live_api: LiveApi, desk: Desk, hub: Hub) -> None:
    asker = Asker(live_api, hub, live_api.actor(("CS_AGENT", "a1")))
    where = {"id": live_api.store_id("a1")}
    async with asker.follow(**where) as one, asker.follow(**where) as other:
        waiting = [asyncio.ensure_future(one()), asyncio.ensure_future(other())]
        await asyncio.sleep(0.2)
        assert len(hub.feeds) == 1
        async with desk.work() as work:
            work.emit("X", "Complaint", new_id())
        assert [change(answer)["event"] for answer in await asyncio.gather(*waiting)] == ["X", "X"]


async def test_answers_of_one_event_are_made_a_few_at_a_time(
    live_api: LiveApi, desk: Desk, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    making, most, made = 0, 0, stream._answer

    async def counted(*given: Any) -> dict[str, Any]:
        nonlocal making, most
        making += 1
        most = max(most, making)
        await asyncio.sleep(0.01)
        try:
            return await made(*given)
        finally:
            making -= 1

    monkeypatch.setattr(stream, "_answer", counted)
    asker = Asker(live_api, hub, live_api.actor(("CS_AGENT", "a1")))
    async with AsyncExitStack() as stack:
        where = {"id": live_api.store_id("a1")}
        every = [await stack.enter_async_context(asker.follow(**where)) for _ in range(3 * followers.AT_ONCE)]
        waiting = [asyncio.ensure_future(one()) for one in every]
        await asyncio.sleep(0.3)
        async with desk.work() as work:
            work.emit("X", "Complaint", new_id())
        assert {change(answer)["event"] for answer in await asyncio.gather(*waiting)} == {"X"}
    assert most == followers.AT_ONCE


async def test_the_process_lets_its_followers_go_when_it_ends(live_api: LiveApi, desk: Desk, hub: Hub) -> None:
    asker = Asker(live_api, hub, live_api.actor(("CS_AGENT", "a1"), ("HQ_ANALYST", None)))
    month = 'subscription { monthClose(month: "2019-01") { monthClose { state } } }'
    async with asker.follow(id=live_api.store_id("a1")) as one, asker.follow(month) as other:
        assert (await other())["data"] == {"monthClose": {"monthClose": None}}
        waiting = [asyncio.ensure_future(one()), asyncio.ensure_future(other())]
        await asyncio.sleep(0.1)
        await hub.aclose()
        for task in waiting:
            with pytest.raises(NoAnswer) as ended:
                await task
            assert ended.value.errors[0]["extensions"]["code"] == "UNAVAILABLE"

"""From a delivery to the customer's answer and the task it makes: through the queue's rows, the jobs, a file and the page."""

import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest
from sqlalchemy import update
from starlette.applications import Starlette

from forecourt.auth.actor import Actor
from forecourt.domain import events
from forecourt.domain.care.model import FollowUpTask
from forecourt.domain.surveys import sending
from forecourt.domain.surveys.messages import OutgoingMessage, Receipt
from forecourt.domain.surveys.model import Invitation, Response
from forecourt.domain.work import open_group_work
from forecourt.errors import Unavailable
from forecourt.jobs import care, context, rounds, surveys
from forecourt.jobs.broker import PostgresBroker
from forecourt.jobs.channels import FileChannel
from forecourt.jobs.context import JobContext
from forecourt.jobs.middleware import RunningJob
from forecourt.tenancy.provision import owner_connection
from forecourt.web.survey import SurveyPages
from forecourt.web.survey_desk import PlatformDesk
from tests.conftest import World
from tests.domain.desk import START, Desk, make_desk
from tests.domain.surveys.test_answer_rules import FULL

pytestmark = pytest.mark.anyio

Actors = dict[str, Callable[..., Awaitable[None]]]


@pytest.fixture
async def desk(world: World, engines: Any) -> Any:
    """Store a1, empty but for its people, and an empty queue."""
    world.truncate("a1", "a2")
    with owner_connection(world.server) as connection:
        connection.execute("delete from control.job")
    yield await make_desk(engines, world.groups["a"], world.stores["a1"])
    world.truncate("a1", "a2")
    with owner_connection(world.server) as connection:
        connection.execute("delete from control.job")


def declared(monkeypatch: pytest.MonkeyPatch, desk: Desk, channels: Mapping[str, Any]) -> Actors:
    """The actors' functions by name, as a worker would have them."""
    found: Actors = {}

    def declare(_: object, name: str, function: Callable[..., Awaitable[None]], **options: object) -> None:
        found[name] = function

    for module in (care, rounds, surveys):
        monkeypatch.setattr(module, "declare", declare)
    jobs = JobContext(desk.platform)
    broker = cast(PostgresBroker, None)
    care.register(broker, jobs)
    rounds.register(broker, jobs)
    surveys.register(broker, jobs, channels)
    return found


class Pump:
    """Does what stands in the queue until nothing is left, each job twice: what a crash before the end would cause."""

    def __init__(self, world: World, actors: Actors, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[str] = []
        self._server, self._actors, self._patch = world.server, actors, monkeypatch

    async def run(self, *, times: int = 2) -> list[str]:
        for _ in range(50):
            with owner_connection(self._server) as connection:
                rows = connection.execute(
                    "delete from control.job returning id, actor, group_id, store_id, args"
                ).fetchall()
            if not rows:
                done, self.done = self.done, []
                return done
            for row in rows:
                await self._do(row, times)
        raise AssertionError("the queue never empties")

    async def _do(self, row: Any, times: int) -> None:
        id_, actor, group_id, store_id, args = row
        running = RunningJob(id_, actor, group_id, store_id, 0)
        self._patch.setattr(context, "running_job", lambda: running)
        tenant = {"group_id": str(group_id)} | ({"store_id": str(store_id)} if store_id else {})
        for _ in range(times):
            await self._actors[actor](**tenant, **args)
        self.done.append(actor)


def only_message(folder: Path) -> str:
    """The text of the one message in a folder of the file driver."""
    [written] = list(folder.iterdir())
    return str(json.loads(written.read_text(encoding="utf-8"))["text"])


def test_every_subscribed_job_of_surveys_and_care_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    found = declared(monkeypatch, cast(Desk, type("D", (), {"platform": None})()), {})
    wanted = {job for jobs in events.SUBSCRIPTIONS.values() for job in jobs if job.split(".")[0] in ("care", "surveys")}
    assert wanted | set(rounds.STORE_ROUND) | {rounds.ROUND, sending.DELIVER} <= set(found)


async def test_a_delivery_ends_in_an_answer_and_a_task(
    desk: Desk, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pump = Pump(world, declared(monkeypatch, desk, {"SMS": FileChannel(tmp_path)}), monkeypatch)
    order = await desk.order(await desk.customer(phone="13912345678"))
    async with desk.work() as work:
        work.emit(events.VEHICLE_DELIVERED, "SalesOrder", order)
    assert sorted(await pump.run()) == ["care.plan_delivery_call", "surveys.plan_purchase_survey"]

    desk.pass_time(days=45)
    desk.clock.at = desk.clock.at.replace(hour=2)
    # the purchase survey is planned at most 38 days after; ask when it is due
    async with desk.work() as work:
        await work.session.execute(update(Invitation).values(planned_for=desk.clock.at))
    done = await _round(desk, pump)
    assert done.count("surveys.deliver") == 1 and done.count("surveys.send_due") == 2  # two stores of the group
    text = only_message(tmp_path)
    link = next(word for word in text.split() if "/s/" in word).partition("：")[2]

    pages = Starlette(routes=list(SurveyPages(PlatformDesk(lambda: desk.platform)).routes()))
    path = "/s/" + link.partition("/s/")[2]
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(pages), base_url="http://test") as client:
        assert (await client.get(path)).status_code == 200
        assert (await client.post(path, data={"overall": "2"})).status_code == 422
        answers = {key: value[0] for key, value in FULL.items()} | {"overall": "2"}
        assert (await client.post(path, data=answers)).status_code == 303
        assert "谢谢您" in (await client.get(path)).text
        for store in (world.stores["a2"].public_id, world.stores["b1"].public_id, "nobody"):
            assert (await client.get(f"/s/{store}/{path.rpartition('/')[2]}")).status_code == 404
        assert (await client.post(f"{path}/stop")).status_code == 200
    assert await pump.run() == ["care.plan_recovery"]
    [response] = await desk.all(Response)
    [task] = await desk.all(FollowUpTask, kind="RECOVERY")
    assert (task.cause_id, task.assignee_id) == (response.id, desk.people["supervisor"])


async def test_a_message_is_repeated_with_its_id_until_there_is_a_receipt(
    desk: Desk, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Shaky:
        """Takes the message, but the first time nobody learns of it."""

        def __init__(self) -> None:
            self.seen: list[OutgoingMessage] = []

        async def send(self, message: OutgoingMessage) -> Receipt:
            self.seen.append(message)
            if len(self.seen) == 1:
                raise Unavailable("the line broke")
            return Receipt(True)

    channel = Shaky()
    actors = declared(monkeypatch, desk, {"SMS": channel})
    pump = Pump(world, actors, monkeypatch)
    visit = await desk.visit(await desk.customer(), handed_over_at=START)
    async with desk.work() as work:
        work.emit(events.VEHICLE_HANDED_OVER, "RepairOrder", visit)
    await pump.run()
    desk.pass_time(hours=5)
    with pytest.raises(Unavailable):
        await _round(desk, pump, times=1)
    await pump.run(times=1)
    [invitation] = await desk.all(Invitation)
    again: dict[str, Any] = {"group_id": str(desk.group.id), "store_id": str(desk.store.id)}
    for _ in range(2):
        await actors["surveys.deliver"](**again, invitation_id=str(invitation.id), round=0)
    assert len(channel.seen) == 2 and len({message.id for message in channel.seen}) == 1
    assert channel.seen[0] == channel.seen[1]
    [invitation] = await desk.all(Invitation)
    assert (invitation.state, invitation.attempts) == ("SENT", 2)


def test_each_group_has_one_schedule_for_its_rounds(world: World) -> None:
    schedule = rounds.schedule_of(world.groups["a"])
    assert (schedule.actor, schedule.group_id) == (rounds.ROUND, world.groups["a"].id)


async def _round(desk: Desk, pump: Pump, *, times: int = 2) -> list[str]:
    """One round of the group, as its schedule would start it."""
    async with open_group_work(desk.platform, desk.group, Actor.for_system("test", desk.group.id)) as work:
        work.enqueue(rounds.ROUND)
    return await pump.run(times=times)

"""A mutation under an idempotency key runs once, whoever repeats it, wherever it broke; by either engine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from forecourt.auth.actor import Actor
from forecourt.domain.work import Platform, open_work
from forecourt.errors import Unavailable
from forecourt.graphql import idempotency
from forecourt.graphql.errors import KeyInUse, KeyRefused, KeyReused, RightsChanged
from forecourt.jobs import idempotency as cleaning
from forecourt.jobs.context import JobContext
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.ids import new_id
from forecourt.tenancy.provision import owner_connection
from forecourt.tenancy.writer import Writer
from tests.conftest import World
from tests.domain.desk import Desk, make_desk
from tests.graphql.keyed import FILE, KEY, complaint, keyed, replayed
from tests.graphql.live import LiveApi

pytestmark = pytest.mark.anyio

SEVERAL = """mutation($one: FileComplaintInput!, $two: FileComplaintInput!) {
    one: fileComplaint(input: $one) { complaint { id } userErrors { code } }
    two: fileComplaint(input: $two) { complaint { id } userErrors { code } } }"""
CLOSE = """mutation($id: ID!) { closeComplaint(input: {id: $id, remedy: "保养", customerConfirmed: true}) {
    complaint { status } userErrors { code message path } } }"""


@pytest.fixture
async def desk(live: LiveApi, world: World) -> Desk:
    world.truncate()
    forget_group_rows(world)
    return await make_desk(live.platform.engines, world.groups["a"], world.stores["a1"])


def forget_group_rows(world: World) -> None:
    with owner_connection(world.server) as connection:
        connection.execute("truncate control.idempotency_key, control.kept_answer")


@pytest.fixture
def agent(live: LiveApi) -> Actor:
    return live.actor(("CS_AGENT", "a1"), ("CS_MANAGER", "a1"), ("CS_AGENT", "a2"))


def counted(world: World, code: str = "a1") -> list[int]:
    """Complaints, events of the feed, events of the audit, kept answers of a store."""
    schema = world.stores[code].schema
    counts = [
        f"(select count(*) from {schema}.{name})"
        for name in ("complaint", "change_event", "audit_event", "kept_answer")
    ]
    with owner_connection(world.server) as connection:
        return list(connection.execute(f"select {', '.join(counts)}".encode()).fetchone() or ())


async def test_a_repetition_answers_the_same_and_changes_nothing(
    live: LiveApi, world: World, desk: Desk, agent: Actor
) -> None:
    before, given = counted(world), {"input": complaint(live)}
    first = await keyed(live, agent, FILE, given)
    assert first["data"]["fileComplaint"]["complaint"]["text"] == "交车迟了" and replayed(first) == []
    assert counted(world) == [one + 1 for one in before]
    async with desk.work() as work:  # an answer is what was, not what is
        work.audit("test", "Test")
    for language in ("en", "zh-CN"):
        again = await keyed(live, agent, FILE, given, language=language)
        assert again["data"] == first["data"] and "errors" not in again
        assert replayed(again) == ["fileComplaint"]
    assert counted(world) == [before[0] + 1, before[1] + 1, before[2] + 2, before[3] + 1]


async def test_the_other_engine_replays_it_too(live: LiveApi, engines: Engines, desk: Desk, agent: Actor) -> None:
    given = {"input": complaint(live)}
    first = await keyed(live, agent, FILE, given)
    other = "interpreted" if live.platform.settings.reader == "compiled" else "compiled"
    pools = Engines(engines.server, engines.settings.model_copy(update={"reader": other}))
    live.platform = Platform(pools, live.clock)
    try:
        assert (await keyed(live, agent, FILE, given))["data"] == first["data"]
    finally:
        await pools.aclose()


async def test_another_request_under_the_key_is_refused_wherever_it_goes(
    live: LiveApi, world: World, desk: Desk, agent: Actor
) -> None:
    await keyed(live, agent, FILE, {"input": complaint(live)})
    before = counted(world), counted(world, "a2")
    for query, given in (
        (FILE, {"input": complaint(live, text="另一件")}),
        (FILE, {"input": complaint(live, "a2")}),
        (FILE.replace("version", "status"), {"input": complaint(live)}),
        ('mutation { setOwnLanguage(input: {language: "en"}) { language } }', {}),
    ):
        with pytest.raises(KeyReused):
            await keyed(live, agent, query, given)
    assert (counted(world), counted(world, "a2")) == before


async def test_two_at_once_are_one(live: LiveApi, world: World, desk: Desk, agent: Actor) -> None:
    """The first waits for a table; whoever comes meanwhile is refused at once, also with another request or store."""
    before, given = counted(world), {"input": complaint(live)}
    with owner_connection(world.server) as holder, holder.transaction():
        holder.execute(f"lock table {world.stores['a1'].schema}.complaint in share mode".encode())
        first = asyncio.create_task(keyed(live, agent, FILE, given))
        while not holder.execute("select 1 from pg_locks where locktype = 'advisory' and granted").fetchall():
            await asyncio.sleep(0.01)
            assert not first.done()
        for other in (given, {"input": complaint(live, "a2")}):
            with pytest.raises(KeyInUse):
                await keyed(live, agent, FILE, other)
    answer = await first
    assert counted(world) == [one + 1 for one in before]
    assert replayed(await keyed(live, agent, FILE, given)) == ["fileComplaint"]
    assert answer["data"]["fileComplaint"]["userErrors"] == []


async def test_many_at_once_are_one(live: LiveApi, world: World, desk: Desk, agent: Actor) -> None:
    before, given = counted(world), {"input": complaint(live)}
    found = await asyncio.gather(*(keyed(live, agent, FILE, given) for _ in range(8)), return_exceptions=True)
    said = [one for one in found if isinstance(one, dict)]
    assert said and all(isinstance(one, dict | KeyInUse) for one in found)
    assert len({one["data"]["fileComplaint"]["complaint"]["id"] for one in said}) == 1
    assert counted(world) == [one + 1 for one in before]


async def test_a_repetition_runs_the_fields_that_did_not(
    live: LiveApi, world: World, desk: Desk, agent: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second store cannot answer at first."""
    given = {"one": complaint(live), "two": complaint(live, "a2")}

    @asynccontextmanager
    async def away(platform: Any, store: Any, *args: Any, **more: Any) -> AsyncIterator[Any]:
        if store.code == "a2":
            raise Unavailable("away")
        async with open_work(platform, store, *args, **more) as work:
            yield work

    monkeypatch.setattr("forecourt.graphql.services.open_work", away)
    first = await keyed(live, agent, SEVERAL, given)
    assert first["data"]["two"] is None and first["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
    monkeypatch.undo()
    second = await keyed(live, agent, SEVERAL, given)
    assert replayed(second) == ["one"] and "errors" not in second
    assert second["data"]["one"] == first["data"]["one"]
    third = await keyed(live, agent, SEVERAL, given)
    assert replayed(third) == ["one", "two"] and third["data"] == second["data"]
    assert (counted(world)[0], counted(world, "a2")[0]) == (1, 1)


async def test_callers_do_not_share_keys(live: LiveApi, world: World, desk: Desk, agent: Actor) -> None:
    """Another of the group, and somebody of another group whose key is called the same."""
    await keyed(live, agent, FILE, {"input": complaint(live)})
    other = live.actor(("CS_AGENT", "a1"))
    assert replayed(await keyed(live, other, FILE, {"input": complaint(live, text="另一件")})) == []
    namesake = live.actor(("CS_AGENT", "b1"), group="b", key=agent.key)
    assert replayed(await keyed(live, namesake, FILE, {"input": complaint(live, "b1")})) == []
    assert (counted(world)[0], counted(world, "b1")[0]) == (2, 1)


async def test_a_refusal_is_replayed_and_nothing_else_was_written(
    live: LiveApi, world: World, desk: Desk, agent: Actor
) -> None:
    filed = await live.mutate(agent, "fileComplaint", complaint(live), "complaint { id }")
    id_ = filed["complaint"]["id"]
    before = counted(world)
    first = await keyed(live, agent, CLOSE, {"id": id_})
    [refusal] = first["data"]["closeComplaint"]["userErrors"]
    assert counted(world) == [*before[:3], before[3] + 1]
    ruled = {"id": id_, "verdict": "VALID", "reason": "录音为证"}
    assert await live.refused(agent, "acknowledgeComplaint", {"id": id_}) == []
    assert await live.refused(agent, "ruleComplaintValidity", ruled) == []
    again = await keyed(live, agent, CLOSE, {"id": id_}, language="zh-CN")
    assert again["data"] == first["data"] and replayed(again) == ["closeComplaint"]
    assert again["data"]["closeComplaint"]["userErrors"] == [refusal]
    anew = await keyed(live, agent, CLOSE, {"id": id_}, "another-key")
    assert anew["data"]["closeComplaint"] == {"complaint": {"status": "CLOSED"}, "userErrors": []}


async def test_what_was_refused_before_a_store_was_opened_is_judged_anew(
    live: LiveApi, world: World, desk: Desk, agent: Actor
) -> None:
    query = 'mutation { issueToken(input: {label: "x", days: 999}) { token userErrors { code } } }'
    for _ in range(2):
        found = await keyed(live, agent, query, {})
        assert found["data"]["issueToken"] == {"token": None, "userErrors": [{"code": "INVALID"}]}
        assert replayed(found) == []
    assert replayed(await keyed(live, agent, FILE, {"input": complaint(live)})) == []


async def test_faults_are_not_remembered(
    live: LiveApi, world: World, desk: Desk, agent: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store may not write the feed: nothing is there, also no key, and the request may even be another."""
    store, before = live.store("a1").schema, counted(world)
    with owner_connection(world.server) as owner:
        owner.execute(f"revoke insert on {store}.change_event from {store}".encode())
        try:
            answer = await keyed(live, agent, FILE, {"input": complaint(live)})
        finally:
            owner.execute(f"grant insert on {store}.change_event to {store}".encode())
        assert answer["data"] == {"fileComplaint": None}
        assert answer["errors"][0]["extensions"]["code"] == "INTERNAL"
        assert owner.execute("select count(*) from control.idempotency_key").fetchall() == [(0,)]
    assert counted(world) == before
    answer = await keyed(live, agent, FILE, {"input": complaint(live, text="另一件")})
    assert answer["data"]["fileComplaint"]["userErrors"] == [] and replayed(answer) == []


async def test_a_secret_that_is_shown_once_is_replayed_and_stored_sealed(
    live: LiveApi, world: World, desk: Desk
) -> None:
    admin = live.actor(("GROUP_ADMIN", None))
    made = (
        "mutation($i: CreateClientInput!) { createClient(input: $i) { secret client { id name } userErrors { code } } }"
    )
    name = f"DMS {new_id().hex}"
    given = {"i": {"name": name, "scopes": ["sales:order:read"]}}
    first = await keyed(live, admin, made, given)
    secret = first["data"]["createClient"]["secret"]
    assert secret and (await keyed(live, admin, made, given))["data"] == first["data"]
    with owner_connection(world.server) as connection:
        [(answer,)] = connection.execute("select answer from control.kept_answer").fetchall()
        made_once = connection.execute("select count(*) from control.oauth_client where name = %s", (name,))
        assert made_once.fetchall() == [(1,)]
    assert secret.encode() not in answer and name.encode() not in answer


async def test_whose_rights_changed_is_not_shown_the_answer_again(
    live: LiveApi, world: World, desk: Desk, agent: Actor
) -> None:
    given = {"input": complaint(live)}
    await keyed(live, agent, FILE, given)
    before = counted(world)
    [*_, last] = agent.memberships
    for less in (replace(agent, memberships=agent.memberships[:1]), replace(agent, limit=frozenset())):
        with pytest.raises(RightsChanged):
            await keyed(live, less, FILE, given)
    assert last.store_id is not None and counted(world) == before
    assert replayed(await keyed(live, agent, FILE, given)) == ["fileComplaint"]


async def test_an_answer_too_long_to_be_kept_is_refused_before_the_commit(
    live: LiveApi, world: World, desk: Desk, agent: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "MOST_ANSWER", 50)
    before = counted(world)
    answer = await keyed(live, agent, FILE, {"input": complaint(live)})
    assert answer["data"] == {"fileComplaint": None}
    assert answer["errors"][0]["extensions"]["code"] == "COST_LIMIT" and counted(world) == before


async def test_a_key_counts_for_a_day_and_is_cleaned_away(
    live: LiveApi, world: World, desk: Desk, agent: Actor
) -> None:
    given, admin = {"input": complaint(live)}, live.actor(("INTERNAL_AUDIT", None))
    verify = 'mutation { verifyAudit(input: {reason: "x"}) { requested } }'
    first = await keyed(live, agent, FILE, given)
    assert "errors" not in await keyed(live, admin, verify, {})
    context = JobContext(live.platform)
    jobs = declared(context)
    group, store = str(world.groups["a"].id), str(world.stores["a1"].id)

    async def cleaned() -> list[int]:
        for _ in range(2):
            await jobs[cleaning.FORGET]()
            await jobs[cleaning.OF_STORE](group_id=group, store_id=store)
        with owner_connection(world.server) as connection:
            query = f"""select (select count(*) from control.idempotency_key), (select count(*) from control.kept_answer),
                               (select count(*) from {world.stores["a1"].schema}.kept_answer)"""
            return list(connection.execute(query.encode()).fetchone() or ())

    live.clock.at += timedelta(hours=23, minutes=59)
    assert (await keyed(live, agent, FILE, given))["data"] == first["data"]
    assert await cleaned() == [2, 1, 1]
    live.clock.at += timedelta(minutes=1)
    anew = await keyed(live, agent, FILE, {"input": complaint(live, text="另一件")})
    assert replayed(anew) == [] and anew["data"]["fileComplaint"]["complaint"]["text"] == "另一件"
    assert await cleaned() == [1, 0, 1]
    live.clock.at += timedelta(days=1)
    assert await cleaned() == [0, 0, 0]


def declared(context: JobContext) -> dict[str, Any]:
    """The jobs' functions by name, as the worker would run them."""
    found: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cleaning, "declare", lambda _broker, name, function, **_more: found.update({name: function}))
        patch.setattr("forecourt.jobs.context.running_job", lambda: _Job)
        cleaning.register(None, context)  # type: ignore[arg-type]
    return {name: _as_job(function) for name, function in found.items()}


class _Job:
    actor = "idempotency"


def _as_job(function: Any) -> Any:
    async def run(**args: Any) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("forecourt.jobs.context.running_job", lambda: _Job)
            await function(**args)

    return run


async def test_a_key_costs_one_message_and_none_costs_none(
    live: LiveApi, desk: Desk, agent: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, store, send = {"input": complaint(live)}, live.store("a1").schema, Writer.send
    sent: list[list[str]] = []

    async def noted(self: Writer, role: str, statements: Any) -> Any:
        if role == store:
            sent.append([one.text for one in statements])
        return await send(self, role, statements)

    async def messages(key: str | None) -> int:
        sent.clear()
        if key is None:
            await live.run(agent, FILE, given)
            assert not any("kept_answer" in text or "idempotency" in text for one in sent for text in one)
        else:
            await keyed(live, agent, FILE, given, key)
        return len(sent)

    await live.run(agent, FILE, given)  # begins the store's chain
    monkeypatch.setattr(Writer, "send", noted)
    assert await messages("k-1") <= await messages(None) + 1
    assert await messages("k-1") == 1  # what is known; its rollback is nobody's


async def test_a_query_under_a_key_is_a_query(live: LiveApi, world: World, desk: Desk, agent: Actor) -> None:
    query = "query($code: String!) { store(code: $code) { code } }"
    for code in ("a1", "a2"):
        answer = await keyed(live, agent, query, {"code": code})
        assert answer == {"data": {"store": {"code": code}}}
    with owner_connection(world.server) as connection:
        assert connection.execute("select count(*) from control.idempotency_key").fetchall() == [(0,)]


async def test_nothing_follows_a_key_that_was_refused(live: LiveApi, world: World, desk: Desk, agent: Actor) -> None:
    """A request whose second field meets the key of another says so, and runs no third one."""
    query = """mutation($id: ID!, $two: FileComplaintInput!) {
        none: acknowledgeComplaint(input: {id: $id}) { userErrors { code } }
        two: fileComplaint(input: $two) { userErrors { code } } }"""
    await keyed(live, agent, FILE, {"input": complaint(live)})
    before = counted(world)
    with pytest.raises(KeyRefused):
        await keyed(live, agent, query, {"id": "nonsense", "two": complaint(live)}, KEY)
    assert counted(world) == before

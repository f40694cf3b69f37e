"""What a mutation promises beside its answer: one transaction, one pipeline on the writer's connection, all or nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import select

import forecourt.tenancy.session as session_module
from forecourt.app import operation_context
from forecourt.domain.complaints.model import Complaint
from forecourt.domain.feed import AuditEvent, ChangeEvent
from forecourt.graphql import ids
from forecourt.graphql.run import run
from forecourt.graphql.services import store_work
from forecourt.graphql.unit import Unit
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.lanes import Lanes
from forecourt.tenancy.session import ResolvedStore
from forecourt.tenancy.writer import Writer
from tests.conftest import World
from tests.domain.desk import Desk, make_desk
from tests.graphql.live import LiveApi
from tests.graphql.rows import store_rows

pytestmark = pytest.mark.anyio

FILE = """mutation($input: FileComplaintInput!) { fileComplaint(input: $input) {
            complaint { id status version text accused { edges { node { name } } } } userErrors { code } } }"""
TAKE = """mutation($id: ID!) { acknowledgeComplaint(input: {id: $id}) { complaint { version } userErrors { code } } }"""


@pytest.fixture
async def desk(live: LiveApi, world: World) -> Desk:
    world.truncate("a1")
    return await make_desk(live.platform.engines, world.groups["a"], world.stores["a1"])


@pytest.fixture
async def rows(desk: Desk) -> dict[str, UUID]:
    return await store_rows(desk)


def filed(live: LiveApi, rows: dict[str, UUID], desk: Desk) -> dict[str, Any]:
    return {
        "storeId": live.store_id("a1"),
        "record": "COMPLAINT",
        "area": "SALES",
        "kind": "DELIVERY",
        "receivedAt": "2026-09-07T01:00:00Z",
        "orderId": live.id("SalesOrder", rows["SalesOrder"]),
        "accusedIds": [live.id("Employee", desk.people["consultant"])],
        "text": "交车迟了",
    }


async def count(desk: Desk) -> list[int]:
    """Complaints, events of the feed, events of the audit."""
    async with desk.work() as work:
        return [
            len((await work.session.scalars(select(kind.id))).all()) for kind in (Complaint, ChangeEvent, AuditEvent)
        ]


def sent_jobs(world: World) -> int:
    with psycopg.connect(world.server.conninfo("forecourt_owner")) as connection:
        [found] = connection.execute("select count(*) from control.job").fetchone() or (0,)
    return int(found)


async def test_the_row_its_event_its_audit_and_its_job_are_there(
    live: LiveApi, world: World, desk: Desk, rows: dict[str, UUID]
) -> None:
    agent = live.actor(("CS_AGENT", "a1"))
    before, jobs = await count(desk), sent_jobs(world)
    answer = await live.data(agent, FILE, {"input": filed(live, rows, desk)})
    shown = answer["fileComplaint"]["complaint"]
    assert (shown["status"], shown["version"], shown["text"]) == ("OPEN", 1, "交车迟了")
    assert shown["accused"] == {"edges": [{"node": {"name": "consultant"}}]}
    found = ids.parse(shown["id"])
    assert found is not None
    assert (await desk.get(Complaint, found.row)).text == "交车迟了"
    assert await count(desk) == [one + 1 for one in before]
    consultant = live.actor(("SALES_CONSULTANT", "a1"), employee=desk.people["consultant"])
    call = {"kind": "DELIVERY_CALL", "startedAt": "2026-09-07T01:00:00Z", "connected": True, "result": "OK"}
    order = {"orderId": live.id("SalesOrder", rows["SalesOrder"])}
    assert (await live.mutate(consultant, "logCall", call | order, "call { id }"))["userErrors"] == []
    assert sent_jobs(world) == jobs + 1


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """Transactions by login's kind, statements read on a writer's connection, and what readers' connections answered."""
    found: dict[str, list[Any]] = {"transactions": [], "pipelines": [], "lanes": []}
    begin, read_in, lanes = session_module._transaction, session_module.read_in, Lanes.run

    @asynccontextmanager
    async def counted(engines: Engines, engine: Any, *, role: str | None, **more: Any) -> AsyncIterator[Any]:
        found["transactions"].append((str(engine.url.username)[:2], role))
        async with begin(engines, engine, role=role, **more) as session:
            yield session

    async def piped(session: Any, store: Any, statements: Any) -> Any:
        found["pipelines"].append(len(statements))
        return await read_in(session, store, statements)

    async def asked(self: Lanes, role: str, statements: Any) -> Any:
        found["lanes"].append(role)
        return await lanes(self, role, statements)

    monkeypatch.setattr(session_module, "_transaction", counted)
    monkeypatch.setattr("forecourt.graphql.compiled.mutate.read_in", piped)
    monkeypatch.setattr(Lanes, "run", asked)
    return found


async def test_all_happens_in_one_transaction_of_the_store(
    live: LiveApi, desk: Desk, rows: dict[str, UUID], trips: dict[str, list[Any]]
) -> None:
    agent = live.actor(("CS_AGENT", "a1"))
    given = filed(live, rows, desk)
    for _ in range(2):
        for calls in trips.values():
            calls.clear()
        await live.data(agent, FILE, {"input": given})
        store = live.store("a1").schema
        assert [one for one in trips["transactions"] if one[1] == store] == [("g_", store)]
        assert trips["lanes"] == []
        # the complaint, who is accused, and who they are: one pipeline
        compiled = live.platform.settings.reader == "compiled"
        assert trips["pipelines"] == ([2] if compiled else [])


async def test_a_mutation_is_three_messages_to_the_database(
    live: LiveApi, desk: Desk, rows: dict[str, UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it asks first comes with BEGIN; what it writes, shows and announces comes together; the audit with COMMIT."""
    if live.platform.settings.reader != "compiled":
        return
    agent, send = live.actor(("CS_AGENT", "a1")), Writer.send
    given = filed(live, rows, desk) | {
        "orderId": None,
        "accusedIds": [],
        "customerId": live.id("Customer", rows["Customer"]),
    }
    store = live.store("a1").schema
    sent: list[list[str]] = []

    async def counted(self: Writer, role: str, statements: Any) -> Any:
        if role == store:
            sent.append([one.text.split()[0].lower() for one in statements])
        return await send(self, role, statements)

    document = FILE.replace("accused { edges { node { name } } }", "")
    await live.data(agent, document, {"input": given})  # begins the store's chain
    monkeypatch.setattr(Writer, "send", counted)
    await live.data(agent, document, {"input": given})
    assert sent == [
        ["begin", "select", "select", "select"],
        ["insert", "select", "insert", "select"],
        ["with", "commit"],
    ]


async def test_a_payload_shows_what_its_mutation_did_and_not_what_came_after(
    live: LiveApi, desk: Desk, rows: dict[str, UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second writer changes the row as soon as the first has committed, before the first one's answer is made."""
    agent = live.actor(("CS_AGENT", "a1"))
    plain = session_module.store_session
    late: list[str] = []

    @asynccontextmanager
    async def followed(*args: Any, **more: Any) -> AsyncIterator[Any]:
        async with plain(*args, **more) as session:
            yield session
        if not late:
            late.append("now")
            async with desk.work() as work:
                (await work.session.get_one(Complaint, rows["Complaint"])).version = 77

    monkeypatch.setattr("forecourt.domain.work.store_session", followed)
    answer = await live.data(agent, TAKE, {"id": live.id("Complaint", rows["Complaint"])})
    assert answer["acknowledgeComplaint"] == {"complaint": {"version": 2}, "userErrors": []}
    monkeypatch.undo()
    assert (await desk.get(Complaint, rows["Complaint"])).version == 77


async def test_a_payload_that_cannot_be_read_leaves_nothing_written(
    live: LiveApi, world: World, desk: Desk, rows: dict[str, UUID]
) -> None:
    """The store may no longer read who is accused: the row, its event, its audit are not there."""
    agent, store = live.actor(("CS_AGENT", "a1")), live.store("a1").schema
    before = await count(desk)
    with psycopg.connect(world.server.conninfo("forecourt_owner"), autocommit=True) as owner:
        owner.execute(f"revoke select on {store}.complaint_accused from {store}".encode())
        try:
            answer = await live.run(agent, FILE, {"input": filed(live, rows, desk)})
        finally:
            owner.execute(f"grant select on {store}.complaint_accused to {store}".encode())
    assert answer["data"] == {"fileComplaint": None}
    [error] = answer["errors"]
    assert (error["path"], error["extensions"]) == (["fileComplaint"], {"code": "INTERNAL", "requestId": "r-1"})
    assert await count(desk) == before
    assert "errors" not in await live.run(agent, FILE, {"input": filed(live, rows, desk)})


async def test_a_request_by_get_changes_nothing(live: LiveApi, desk: Desk, rows: dict[str, UUID]) -> None:
    agent, before = live.actor(("CS_AGENT", "a1")), await count(desk)
    context = operation_context(live.platform, agent, live.world.groups["a"], language="en", request_id="r-1")
    answer = await run(live.schema, context, FILE, {"input": filed(live, rows, desk)}, writes=False)
    assert answer == {
        "errors": [
            {"message": "This operation cannot be run this way.", "extensions": {"code": "BAD_USER_INPUT"}},
        ]
    }
    assert await count(desk) == before


async def test_a_unit_that_follows_another_commits_it_first(live: LiveApi, desk: Desk, rows: dict[str, UUID]) -> None:
    """What the second refuses does not take the first back, as it was when each committed at its own end."""
    agent = live.actor(("CS_AGENT", "a1"))
    context = live.context(agent)
    seen = []
    with pytest.raises(ZeroDivisionError):
        async with Unit() as unit:
            context.unit = unit
            async with store_work(context, live.store("a1")) as work:
                (await work.session.get_one(Complaint, rows["Complaint"])).version = 5
            assert unit.work is work
            async with store_work(context, live.store("a1")) as work:
                seen.append((await work.session.get_one(Complaint, rows["Complaint"])).version)
                (await work.session.get_one(Complaint, rows["Complaint"])).version = 6
                raise ZeroDivisionError
    assert (seen, unit.work) == ([5], None)
    assert (await desk.get(Complaint, rows["Complaint"])).version == 5


async def test_a_store_that_was_suspended_since_it_was_resolved_refuses_the_write(
    live: LiveApi, world: World, desk: Desk, rows: dict[str, UUID]
) -> None:
    """The list of stores may be some seconds old; the transaction's own look is not."""
    agent, store = live.actor(("CS_AGENT", "a1")), live.store("a1")
    before = await count(desk)
    context = live.context(agent)

    async def remembered() -> list[ResolvedStore]:
        return [store]

    context.list_stores = remembered
    assert store.state == "ACTIVE"
    with psycopg.connect(world.server.conninfo("forecourt_owner"), autocommit=True) as owner:
        owner.execute("update control.store set state = 'SUSPENDED' where id = %s", (store.id,))
        try:
            answer = await run(live.schema, context, FILE, {"input": filed(live, rows, desk)})
        finally:
            owner.execute("update control.store set state = 'ACTIVE' where id = %s", (store.id,))
    assert answer["data"]["fileComplaint"] == {"complaint": None, "userErrors": [{"code": "WRONG_STATE"}]}
    assert await count(desk) == before

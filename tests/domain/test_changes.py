"""The change feed: gap-free behind one cursor, no more than a viewer may know, and cut off where it is too old."""

import asyncio
import base64
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from forecourt.domain import changes, events
from forecourt.domain.changes import (
    BEGINNING,
    ActorKind,
    ChangePage,
    Position,
    changes_after,
    find_edges,
    page_of_changes,
    read_cursor,
    trim_feed,
    write_cursor,
)
from forecourt.domain.entities import ENTITIES
from forecourt.domain.feed import ChangeEvent
from forecourt.domain.work import open_work
from forecourt.errors import Invalid, Refused
from forecourt.tenancy.ids import new_id
from forecourt.tenancy.provision import owner_connection, resume_store, suspend_store
from forecourt.tenancy.reader.entity import Viewer
from forecourt.tenancy.session import store_session
from forecourt.tenancy.transfer import export_store, restore_store
from tests.domain.desk import START, Desk

pytestmark = pytest.mark.anyio

#: Sees whatever there is.
ALL = Viewer({grant.permission: 4 for entity in ENTITIES for grant in entity.grants}, frozenset(), START.date())
NOBODY = Viewer({}, frozenset(), START.date())


async def tell(desk: Desk, *rows: UUID, entity: str = "Complaint") -> None:
    """One unit of work with an event for each row."""
    async with desk.work() as work:
        for row in rows:
            work.emit(events.COMPLAINT_RECEIVED, entity, row)


async def page(desk: Desk, after: str | None = None, first: int = 500, viewer: Viewer = ALL) -> ChangePage:
    async with store_session(desk.platform.engines, desk.store, read_only=True) as session:
        return await page_of_changes(session, ENTITIES, viewer, store=desk.store.id, after=after, first=first)


def cursor(desk: Desk, found: ChangePage) -> str:
    return write_cursor(desk.store.id, found.edges.epoch, found.upto)


def rows_of(found: ChangePage) -> Sequence[UUID]:
    return [change.entity_id for change in found.changes]


async def test_events_come_in_the_order_of_the_cursor_whatever_the_size_of_pages(desk: Desk) -> None:
    for size in (3, 1, 4, 1, 5):
        await tell(desk, *(new_id() for _ in range(size)))
    whole = await page(desk)
    assert len(whole.changes) >= 14 and not whole.more
    for first in (1, 2, 5, 13):
        walked: list[UUID] = []
        after, more = None, True
        while more:
            found = await page(desk, after, first)
            walked += rows_of(found)
            after, more = cursor(desk, found), found.more
        assert walked == rows_of(whole)
        assert rows_of(await page(desk, after)) == []


async def test_nothing_appears_behind_a_cursor_later(desk: Desk) -> None:
    """Who began to write first and commits last is waited for; then both are there, in their order."""
    begun, go = asyncio.Event(), asyncio.Event()
    slow, quick = new_id(), new_id()

    async def write_slowly() -> None:
        async with desk.work() as work:
            work.session.add(
                ChangeEvent(
                    id=new_id(), at=START, event="X", entity="Complaint", entity_id=slow, actor="system:x", data={}
                )
            )
            await work.session.flush()  # its transaction has its number now
            begun.set()
            await go.wait()

    start = cursor(desk, await page(desk))
    writing = asyncio.ensure_future(write_slowly())
    await begun.wait()
    await tell(desk, quick)
    held = await page(desk, start)
    assert rows_of(held) == [] and held.edges.held_back and cursor(desk, held) == start
    go.set()
    await writing
    free = await page(desk, start)
    assert rows_of(free) == [slow, quick] and not free.edges.held_back


async def test_many_writers_and_a_reader_who_never_misses_nor_repeats(desk: Desk) -> None:
    written: list[UUID] = []

    async def write(number: int) -> None:
        for _ in range(10):
            rows = [new_id() for _ in range(1 + number % 3)]
            await tell(desk, *rows)
            written.extend(rows)
            await asyncio.sleep(0.001 * number)

    after = cursor(desk, await page(desk))
    read: list[UUID] = []
    writers = asyncio.gather(*(write(number) for number in range(4)))
    while not writers.done() or len(read) < len(written):
        found = await page(desk, after, first=7)
        read += rows_of(found)
        after = cursor(desk, found)
        assert len(read) <= 90
    await writers
    assert sorted(read) == sorted(written) and len(set(read)) == len(read)


async def test_an_event_is_not_shown_to_whom_its_row_is_not(desk: Desk) -> None:
    await tell(desk, new_id(), new_id())
    assert rows_of(await page(desk, viewer=NOBODY)) == []
    passed = await page(desk, viewer=NOBODY)
    assert passed.upto == (await page(desk)).upto and not passed.more


async def test_a_page_of_what_may_not_be_known_is_passed_over_in_steps(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "SCANNED", 5)
    hidden, row = [new_id() for _ in range(12)], new_id()
    start = cursor(desk, await page(desk))
    await tell(desk, *hidden, entity="Nothing")
    await tell(desk, row)
    steps = []
    more, after = True, start
    while more:
        found = await page(desk, after)
        steps.append(len(found.changes))
        after, more = cursor(desk, found), found.more
    assert steps == [0, 0, 1]


async def test_who_did_it_is_told_by_kind_alone(desk: Desk) -> None:
    start = cursor(desk, await page(desk))
    for key in ("account:1", "client:fci_1", "scim:1", "respondent", "system:care.tick"):
        async with desk.work() as work:
            object.__setattr__(work, "actor", type(work.actor)(key, "x", work.actor.group_id, system=True))
            work.emit("X", "Complaint", new_id())
    kinds = [change.actor for change in (await page(desk, start)).changes]
    assert kinds == [
        ActorKind.PERSON,
        ActorKind.PROGRAM,
        ActorKind.PROGRAM,
        ActorKind.CUSTOMER,
        ActorKind.SYSTEM,
    ]


async def test_rubbish_and_cursors_of_others_are_refused(desk: Desk) -> None:
    edges = (await page(desk)).edges
    good = write_cursor(desk.store.id, edges.epoch, edges.end)
    assert read_cursor(good, desk.store.id, edges) == edges.end
    other = write_cursor(uuid4(), edges.epoch, edges.end)
    wrong_version = base64.urlsafe_b64encode(b"\x02" + base64.urlsafe_b64decode(good + "=" * (-len(good) % 4))[1:])
    for text in (
        "",
        "x",
        "客",
        good[:-2],
        good + "AA",
        good + "\n",
        wrong_version.decode().rstrip("="),
        "A" * 5_000,
        other,
    ):
        with pytest.raises(Invalid) as caught:
            read_cursor(text, desk.store.id, edges)
        assert caught.value.path == ("after",)
    assert "another store" in str(caught.value)
    ahead = write_cursor(desk.store.id, edges.epoch, Position(edges.xmin, new_id()))
    with pytest.raises(Refused) as expired:
        read_cursor(ahead, desk.store.id, edges)
    assert expired.value.code == "CURSOR_EXPIRED"


async def test_what_is_too_old_is_cut_off_and_a_cursor_from_before_is_told(desk: Desk) -> None:
    keep = timedelta(days=30)
    await tell(desk, new_id())
    old = cursor(desk, await page(desk))
    await tell(desk, new_id(), new_id())
    last_old = cursor(desk, await page(desk))
    desk.pass_time(days=31)
    fresh = new_id()
    await tell(desk, fresh)
    async with desk.work() as work:
        assert await trim_feed(work, keep=keep) >= 3
    async with desk.work() as work:
        assert await trim_feed(work, keep=keep) == 0
    # whoever had read up to the cut has missed nothing
    assert rows_of(await page(desk, last_old)) == [fresh]
    assert rows_of(await page(desk)) == [fresh]
    with pytest.raises(Refused) as expired:
        await page(desk, old)
    assert expired.value.code == "CURSOR_EXPIRED" and "latestCursor" in expired.value.message
    desk.pass_time(days=31)
    async with desk.work() as work:
        assert await trim_feed(work, keep=keep) == 1
    empty = await page(desk)
    assert rows_of(empty) == [] and empty.edges.end == empty.edges.begin
    follower = new_id()
    await tell(desk, follower)
    assert rows_of(await page(desk, cursor(desk, empty))) == [follower]


async def test_a_feed_that_was_never_cut_begins_before_everything(desk: Desk) -> None:
    async with store_session(desk.platform.engines, desk.store, read_only=True) as session:
        edges = await find_edges(session)
        behind = await changes_after(session, BEGINNING, limit=3)
    assert edges.begin == BEGINNING and len(behind) <= 3


async def test_a_restored_store_tells_cursors_from_before_and_begins_again(
    desk: Desk, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows = [new_id(), new_id()]
    await tell(desk, *rows)
    before = cursor(desk, await page(desk))
    folder = tmp_path_factory.mktemp("export")
    server = desk.platform.engines.server
    with owner_connection(server) as connection:
        export_store(connection, desk.store.id, folder / "x")
        await tell(desk, new_id())
        suspend_store(connection, desk.store.id)
        restore_store(connection, folder / "x", group_id=desk.store.group_id, into=desk.store.id)
        resume_store(connection, desk.store.id)
    with pytest.raises(Refused) as expired:
        await page(desk, before)
    assert expired.value.code == "CURSOR_EXPIRED"
    again = await page(desk)
    assert rows_of(again)[-2:] == rows
    async with open_work(desk.platform, desk.store, desk.system) as work:
        work.emit("X", "Complaint", rows[0])
    assert rows_of(await page(desk, cursor(desk, again))) == [rows[0]]

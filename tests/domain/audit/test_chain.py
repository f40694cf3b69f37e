"""Chains in the database: written by units of work at once, tampered with by a superuser, restored, archived."""

import asyncio
import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from forecourt.domain.audit import actions, reads
from forecourt.domain.audit.verify import RESTORE, heads
from forecourt.domain.audit_chain import Anchor, Verified
from forecourt.domain.work import open_group_work, open_work
from forecourt.errors import Unavailable
from forecourt.tenancy.provision import (
    archive_store,
    close_store,
    delete_store,
    owner_connection,
    resume_store,
    suspend_store,
)
from forecourt.tenancy.session import store_session
from forecourt.tenancy.transfer import export_store, restore_store
from tests.conftest import resolved
from tests.domain.audit.scene import Scene

pytestmark = pytest.mark.anyio


def kinds(found: Verified) -> set[str]:
    return {fault.kind for fault in found.faults}


async def ten(scene: Scene) -> None:
    """Ten events in the store, by four units of work."""
    for actions_ in (("a",), ("b", "c", "d"), ("e",), ("f", "g", "h", "i", "j")):
        await scene.act(*actions_)
        scene.clock.at += timedelta(hours=1)


async def test_units_of_work_write_one_chain(scene: Scene) -> None:
    await ten(scene)
    found = await scene.check()
    assert found.ok and (found.rows, found.first, found.last) == (10, 1, 10)
    assert scene.tamper("select action from {s}.audit_event order by seq") == [(one,) for one in "abcdefghij"]


async def test_the_groups_chain_is_its_own(scene: Scene) -> None:
    await scene.act("a", "b")
    await scene.act_in_group("x", "y", "z")
    assert (await scene.check()).rows == 2
    found = await scene.check_group()
    assert found.ok and found.rows == 3


async def test_an_empty_chain_is_whole(scene: Scene) -> None:
    assert (await scene.check()).ok and (await scene.check_group()).ok


async def test_a_unit_of_work_that_fails_leaves_neither_event_nor_gap(scene: Scene) -> None:
    await scene.act("a")
    with pytest.raises(RuntimeError):
        async with open_work(scene.platform, scene.store, scene.system) as work:
            work.audit("b", "Thing")
            raise RuntimeError
    await scene.act("c")
    assert scene.tamper("select seq, action from {s}.audit_event order by seq") == [(1, "a"), (2, "c")]
    assert (await scene.check()).ok


async def test_many_events_of_one_unit_of_work(scene: Scene) -> None:
    await scene.act(*("a" for _ in range(5_000)))
    found = await scene.check()
    assert found.ok and found.rows == 5_000


async def test_writers_at_once_neither_lose_each_other_nor_dead_lock(scene: Scene) -> None:
    """Several events each, and jobs whose keys meet in opposite orders: what a lock taken too early would dead-lock on."""
    pick = random.Random(7)

    async def write(number: int) -> None:
        for _ in range(5):
            try:
                async with open_work(scene.platform, scene.store, scene.system) as work:
                    keys = [f"k{key}" for key in pick.sample(range(4), 3)]
                    for key in keys:
                        work.enqueue("care.tick", dedupe_key=key)
                    for key in keys:
                        work.audit(key, "Thing", after={"by": number})
            except Unavailable as error:  # a pool of few connections, not a dead lock
                assert error.data["reason"] == "busy"

    await asyncio.gather(*(write(number) for number in range(12)), *(scene.act_in_group("g") for _ in range(12)))
    scene.tamper("delete from control.job")
    found = await scene.check()
    assert found.ok and found.rows >= 3 * 12
    assert (await scene.check_group()).ok
    order = scene.tamper("select seq from {s}.audit_event order by xmin::text::bigint, seq")
    assert len({seq for (seq,) in order}) == found.rows


PLANTED = (
    ("a value", "update {s}.audit_event set reason = 'other' where seq = 4", 4, {"CHANGED"}),
    ("a null", "update {s}.audit_event set before = null where seq = 4", 4, {"CHANGED"}),
    ("a number in JSON", "update {s}.audit_event set after = '{\"n\": 7}' where seq = 4", 4, {"CHANGED"}),
    ("a microsecond", "update {s}.audit_event set at = at + interval '1 microsecond' where seq = 4", 4, {"CHANGED"}),
    ("an endless time", "update {s}.audit_event set at = 'infinity' where seq = 4", 4, {"CHANGED"}),
    ("who", "update {s}.audit_event set actor = 'account:2', actor_name = 'x' where seq = 1", 1, {"CHANGED"}),
    ("the id", "update {s}.audit_event set id = gen_random_uuid() where seq = 10", 10, {"CHANGED"}),
    ("the hash", "update {s}.audit_event set hash = sha256(hash) where seq = 4", 4, {"CHANGED", "UNLINKED"}),
    ("the link", "update {s}.audit_event set prev_hash = sha256(hash) where seq = 4", 4, {"CHANGED", "UNLINKED"}),
    ("the first row", "delete from {s}.audit_event where seq = 1", 1, {"REMOVED"}),
    ("the middle", "delete from {s}.audit_event where seq in (4, 5)", 4, {"REMOVED"}),
    ("the tail", "delete from {s}.audit_event where seq > 8", 9, {"REMOVED"}),
    ("everything", "delete from {s}.audit_event", 1, {"REMOVED"}),
    (
        "the middle, renumbered",
        "delete from {s}.audit_event where seq = 4; "
        "update {s}.audit_event set seq = -seq where seq > 4; update {s}.audit_event set seq = -seq - 1 where seq < 0",
        4,
        {"CHANGED", "UNLINKED", "REMOVED"},
    ),
    (
        "an insertion",
        "update {s}.audit_event set seq = -seq where seq > 4; update {s}.audit_event set seq = 1 - seq where seq < 0; "
        "insert into {s}.audit_event select gen_random_uuid(), at, actor, actor_name, 'made.up', entity, entity_id, reason, "
        "before, after, request_id, session_id, chain, 5, format, key_version, hash, sha256(hash) "
        "from {s}.audit_event where seq = 4",
        5,
        {"CHANGED", "UNLINKED", "INSERTED"},
    ),
    (
        "a row behind the end",
        "insert into {s}.audit_event select gen_random_uuid(), at, actor, actor_name, 'made.up', entity, entity_id, reason, "
        "before, after, request_id, session_id, chain, 11, format, key_version, hash, sha256(hash) "
        "from {s}.audit_event where seq = 10",
        11,
        {"CHANGED", "INSERTED"},
    ),
    (
        "two rows in each other's place",
        "update {s}.audit_event set seq = 99 where seq = 4; update {s}.audit_event set seq = 4 where seq = 7; "
        "update {s}.audit_event set seq = 7 where seq = 99",
        4,
        {"CHANGED", "UNLINKED"},
    ),
    (
        "a row twice",
        "drop index {s}.ix_audit_event_seq; alter table {s}.audit_event drop constraint pk_audit_event; "
        "insert into {s}.audit_event select * from {s}.audit_event where seq = 4",
        4,
        {"DUPLICATED"},
    ),
    (
        "a row without a number",
        "alter table {s}.audit_event alter seq drop not null; update {s}.audit_event set seq = null where seq = 4",
        0,
        {"INSERTED", "REMOVED"},
    ),
    ("the head", "delete from {s}.audit_head", 10, {"NO_HEAD"}),
    ("the head's number", "update {s}.audit_head set seq = 9", 10, {"INSERTED"}),
    ("the head's hash", "update {s}.audit_head set hash = sha256(hash)", 10, {"CHANGED"}),
)
#: `select` lists them in the order in which the model declares them, not the one the table has.
COLUMNS = """id, at, actor, actor_name, action, entity, entity_id, reason, before, after, request_id, session_id,
             chain, seq, format, key_version, prev_hash, hash"""
MEND = (
    "drop index if exists {s}.ix_audit_event_seq",
    "alter table {s}.audit_event drop constraint if exists pk_audit_event",
    "truncate {s}.audit_event",
    "alter table {s}.audit_event alter seq set not null",
    "alter table {s}.audit_event add constraint pk_audit_event primary key (id)",
    "create unique index ix_audit_event_seq on {s}.audit_event (seq)",
)


@pytest.mark.parametrize(("what", "statements", "first", "expected"), PLANTED, ids=[case[0] for case in PLANTED])
async def test_what_a_superuser_does_is_found(
    scene: Scene, what: str, statements: str, first: int, expected: set[str]
) -> None:
    await ten(scene)
    try:
        scene.tamper(
            *statements.replace(
                "insert into {s}.audit_event select gen", f"insert into {{s}}.audit_event ({COLUMNS}) select gen"
            ).split("; ")
        )
        found = await scene.check()
    finally:
        scene.tamper(*MEND)
    assert (found.first_bad, kinds(found)) == (first, expected)


async def test_tampering_with_the_groups_chain_is_found(scene: Scene) -> None:
    await scene.act_in_group("a", "b", "c")
    scene.tamper("update control.audit_event set reason = 'x' where group_id = '{g}' and seq = 2")
    found = await scene.check_group()
    assert (found.first_bad, kinds(found)) == (2, {"CHANGED"})


async def test_a_row_of_another_store_is_told(scene: Scene) -> None:
    """Whole and rightly signed, but of store a2: a superuser copied the chain."""
    await scene.act("a", "b", store=scene.world.stores["a2"])
    other = scene.world.stores["a2"].schema
    scene.tamper(f"insert into {{s}}.audit_event select * from {other}.audit_event")
    scene.tamper(f"insert into {{s}}.audit_head select * from {other}.audit_head")
    found = await scene.check()
    assert (found.first_bad, kinds(found)) == (1, {"FOREIGN"})


async def test_since_checks_the_end_only(scene: Scene) -> None:
    await ten(scene)
    scene.tamper("update {s}.audit_event set reason = 'x' where seq = 1")
    late = scene.clock.at - timedelta(hours=1)
    found = await scene.check(since=late)
    assert found.ok and (found.first, found.rows) == (6, 5)
    assert (await scene.check(since=scene.clock.at)).rows == 0
    assert (await scene.check()).first_bad == 1
    scene.tamper("delete from {s}.audit_event where seq = 5")
    assert (await scene.check(since=late)).first_bad == 5


# --- anchors ---------------------------------------------------------------------------------------------------------


async def anchored(scene: Scene) -> None:
    found, silent = await heads(scene.platform, scene.group)
    assert silent == []
    async with open_group_work(scene.platform, scene.group, scene.system) as work:
        await actions.anchor(work, found)


async def cut(scene: Scene, last: int) -> None:
    """Somebody who owns the database takes the end away, and the head with it."""
    scene.tamper(
        f"delete from {{s}}.audit_event where seq > {last}",
        f"update {{s}}.audit_head set (seq, hash) = (select seq, hash from {{s}}.audit_event where seq = {last})",
    )


async def test_an_anchor_finds_a_tail_removed_with_its_head(scene: Scene) -> None:
    await ten(scene)
    await anchored(scene)
    assert (await scene.check()).anchors == 1
    await cut(scene, 7)
    found = await scene.check()
    assert (found.first_bad, kinds(found)) == (8, {"REMOVED"})


async def test_an_anchor_kept_outside_finds_it_after_the_anchors_are_gone(scene: Scene) -> None:
    await ten(scene)
    [head], _ = await heads(scene.platform, scene.group)
    await cut(scene, 7)
    assert (await scene.check()).ok, "from inside nothing can tell"
    kept = Anchor(head.seq, head.hash, scene.clock.at)
    assert (await scene.check(outside=[kept])).first_bad == 8


@pytest.mark.parametrize(
    "statement",
    [
        "delete from control.audit_anchor where store_id is not null",
        "delete from control.audit_anchor",
        "update control.audit_anchor set seq = 3",
        "update control.audit_anchor set hash = sha256(hash)",
        "insert into control.audit_anchor select gen_random_uuid(), group_id, store_id, run_id, seq, hash, at from control.audit_anchor",
        "update control.audit_anchor set run_id = gen_random_uuid()",
    ],
)
async def test_the_groups_chain_tells_when_anchors_are_touched(scene: Scene, statement: str) -> None:
    await ten(scene)
    await anchored(scene)
    assert (await scene.check_group()).ok
    scene.tamper(
        statement.replace(
            "insert into control.audit_anchor select",
            "insert into control.audit_anchor (id, group_id, store_id, run_id, seq, hash, at) select",
        )
    )
    assert "ANCHOR_REMOVED" in kinds(await scene.check_group())


async def test_what_a_check_found_is_kept_and_a_broken_chain_is_an_event(scene: Scene) -> None:
    await ten(scene)
    scene.tamper("update {s}.audit_event set reason = 'x' where seq = 4")
    found = await scene.check()
    async with open_group_work(scene.platform, scene.group, scene.system) as work:
        await actions.record_verification(work, found)
        await actions.record_verification(work, await scene.check_group())
    async with open_group_work(scene.platform, scene.group, scene.system) as work:
        kept = {row.store_id: row for row in await reads.last_verifications(work.session, scene.group.id)}
    broken, whole = kept[scene.store.id], kept[None]
    assert (broken.first_bad, broken.fault_count) == (4, 1) and broken.faults[0]["kind"] == "CHANGED"
    assert (whole.first_bad, whole.fault_count, whole.faults) == (None, 0, [])
    events = scene.tamper("select action, entity_id from control.audit_event where group_id = '{g}'")
    assert events == [("audit.broken", scene.store.id)]


# --- restored and archived stores ------------------------------------------------------------------------------------


async def vouch(scene: Scene, store_id: object) -> None:
    """What the command says in the group's audit after a restoration."""
    with owner_connection(scene.world.server) as connection:
        store = resolved(connection, store_id)  # type: ignore[arg-type]
    async with store_session(scene.platform.engines, store, read_only=True) as session:
        chains = {str(origin): seq for origin, seq in (await reads.origins(session)).items()}
    async with open_group_work(scene.platform, scene.group, scene.system) as work:
        work.audit(RESTORE, "Store", store.id, after={"chains": chains})


async def test_a_store_restored_into_itself_verifies_and_goes_on(scene: Scene, tmp_path: Path) -> None:
    await ten(scene)
    with owner_connection(scene.world.server) as connection:
        export_store(connection, scene.store.id, tmp_path / "out")
        await scene.act("later", "lost")
        await anchored(scene)
        suspend_store(connection, scene.store.id)
        try:
            restore_store(connection, tmp_path / "out", group_id=scene.group.id, into=scene.store.id)
        finally:
            resume_store(connection, scene.store.id)
    assert (await scene.check()).first_bad == 11, "an undone history is told until the group's chain vouches for it"
    scene.clock.at += timedelta(minutes=1)
    await vouch(scene, scene.store.id)
    await scene.act("again")
    found = await scene.check()
    assert found.ok and found.rows == 11
    assert (await scene.check_group()).ok


async def test_a_store_restored_beside_the_old_one_verifies_with_the_old_rows(scene: Scene, tmp_path: Path) -> None:
    await ten(scene)
    with owner_connection(scene.world.server) as connection:
        export_store(connection, scene.store.id, tmp_path / "out.tar")
        copy = restore_store(connection, tmp_path / "out.tar", group_id=scene.group.id, code="copy")
        store = resolved(connection, copy)
        try:
            found = await _of(scene, store)
            assert (found.first_bad, kinds(found)) == (1, {"FOREIGN"})
            await vouch(scene, copy)
            await scene.act("more", store=store)
            found = await _of(scene, store)
            assert found.ok and found.rows == 11
            scene.tamper(f"delete from {store.schema}.audit_event where seq = 3")
            assert (await _of(scene, store)).first_bad == 3
            scene.tamper(
                "update control.audit_event set after = '{\"chains\": {}}' where action = 'tenancy.restore_store'"
            )
            assert "FOREIGN" in kinds(await _of(scene, store)), "a forged word of the group's chain does not count"
            close_store(connection, copy)
            archive_store(connection, copy)
            assert (await _of(scene, resolved(connection, copy))).rows == 10
        finally:
            connection.execute("update control.store set state = 'ARCHIVED' where id = %s", (copy,))
            delete_store(connection, copy)
            connection.execute("update control.store set code = id::text where id = %s", (copy,))


async def _of(scene: Scene, store: object) -> Verified:
    return await replace(scene, store=store).check()  # type: ignore[arg-type]

"""The database itself lets nobody who works in it change or remove an event: tried as every role there is."""

import psycopg
import pytest
from psycopg import sql

from forecourt.tenancy.names import CONTROL, GROUP_ROLE, group_login, group_reader, store_role
from forecourt.tenancy.provision import (
    NewStore,
    archive_store,
    close_store,
    create_store,
    delete_store,
    owner_connection,
)
from tests.domain.audit.scene import Scene

pytestmark = pytest.mark.anyio

IN_STORE = (
    "update {s}.audit_event set reason = 'x'",
    "update {s}.audit_event set hash = hash",
    "delete from {s}.audit_event",
    "truncate {s}.audit_event",
    "drop table {s}.audit_event",
    "alter table {s}.audit_event disable trigger all",
    "create rule r as on insert to {s}.audit_event do instead nothing",
    "update {s}.change_event set event = 'x'",
    "truncate {s}.change_event",
    "delete from {s}.audit_head",
    "update {s}.audit_head set id = id",
    "truncate {s}.audit_head",
)
IN_GROUP = (
    *(
        statement.format(table=table)
        for table in ("audit_event", "audit_anchor", "audit_verification")
        for statement in (
            "update control.{table} set at = at",
            "update control.{table} set id = id",
            "delete from control.{table}",
            "truncate control.{table}",
            "drop table control.{table}",
        )
    ),
    "delete from control.audit_head",
    "truncate control.audit_head",
    "update control.audit_head set group_id = group_id",
)
OUT_OF_REACH = tuple(
    statement.format(table=table)
    for table in ("audit_event", "audit_head", "audit_anchor", "audit_verification")
    for statement in ("select * from control.{table}", "delete from control.{table}")
)


def refused(scene: Scene, login: str, role: str | None, statement: str) -> None:
    server = scene.world.server
    with psycopg.connect(server.conninfo(login), autocommit=False) as connection:
        connection.execute("set transaction read write")
        if role is not None:
            connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.replace("{s}", scene.store.schema).encode())
        connection.rollback()


@pytest.mark.parametrize("statement", IN_STORE)
async def test_a_stores_role_adds_and_reads_only(scene: Scene, statement: str) -> None:
    await scene.act("a")
    for login in (group_login(scene.group.id), group_reader(scene.group.id)):
        refused(scene, login, store_role(scene.store.id), statement)
        refused(scene, login, None, statement)
        refused(scene, login, GROUP_ROLE, statement)
    assert (await scene.check()).rows == 1


@pytest.mark.parametrize("statement", IN_GROUP)
async def test_a_groups_logins_add_and_read_only(scene: Scene, statement: str) -> None:
    await scene.act_in_group("a")
    for login in (group_login(scene.group.id), group_reader(scene.group.id)):
        refused(scene, login, GROUP_ROLE, statement)
        refused(scene, login, None, statement)
    refused(scene, CONTROL, None, statement)
    assert (await scene.check_group()).rows == 1


@pytest.mark.parametrize("statement", OUT_OF_REACH)
async def test_a_store_neither_reads_nor_writes_the_groups_audit_and_anchors(scene: Scene, statement: str) -> None:
    refused(scene, group_login(scene.group.id), store_role(scene.store.id), statement)
    refused(scene, CONTROL, None, statement)


async def test_an_archived_store_takes_no_event_at_all(scene: Scene) -> None:
    with owner_connection(scene.world.server) as connection:
        store = create_store(connection, scene.group.id, NewStore("archive-me", "Store", "HX", "UTC"))
        try:
            close_store(connection, store)
            archive_store(connection, store)
            rights = connection.execute(
                """select c.relname, p.privilege from pg_class c join pg_namespace n on n.oid = c.relnamespace,
                          unnest(array['insert', 'update', 'delete']) as p(privilege)
                   where n.nspname = %(role)s and c.relkind = 'r'
                     and (has_table_privilege(%(role)s, c.oid, p.privilege)
                          or p.privilege <> 'delete' and has_any_column_privilege(%(role)s, c.oid, p.privilege))""",
                {"role": store_role(store)},
            ).fetchall()
            assert rights == []
        finally:
            delete_store(connection, store)
            connection.execute("update control.store set code = id::text where id = %s", (store,))

"""Every control table is guarded, and the start-up check sees each thing that hardening forbids."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from forecourt.errors import Misconfigured
from forecourt.tenancy.base import ControlTable
from forecourt.tenancy.bootstrap import bootstrap, require_hardening
from forecourt.tenancy.names import CONTROL, group_login
from forecourt.tenancy.security import REGISTRY, Grants, Problem, Registry, check_hardening
from migrations.make_base import import_models
from tests.conftest import World


@contextmanager
def administrator(world: World) -> Iterator[psycopg.Connection[Any]]:
    """A superuser in our database; everything is rolled back."""
    with psycopg.connect(world.server.administrator or "", dbname=world.server.address.dbname) as connection:
        yield connection
        connection.rollback()


SOFTENED = (
    ("grant execute on function pg_catalog.set_config(text, text, boolean) to public", "function set_config"),
    ("grant execute on function query_to_xml(text, boolean, boolean, text) to public", "function query_to_xml"),
    ("grant execute on function ts_stat(text) to public", "function ts_stat"),
    ("grant execute on function lo_get(oid) to public", "function lo_get"),
    ("grant execute on function loread(integer, integer) to public", "function loread"),
    ("grant usage on language plpgsql to public", "language plpgsql"),
    ("grant usage on language sql to public", "language sql"),
    ("grant temporary on database forecourt to public", "temporary tables"),
    ("grant update on pg_catalog.pg_settings to public", "update of pg_settings"),
    ("grant usage on schema public to public", "schema public"),
    ("grant create on schema public to public", "schema public"),
    ("grant usage on schema control to public", "schema control"),
    ("alter role forecourt_control bypassrls", "role forecourt_control"),
    ("alter role forecourt_control superuser", "role forecourt_control"),
)


@pytest.mark.parametrize(("soften", "thing"), SOFTENED)
def test_each_missing_revoke_is_seen(world: World, soften: str, thing: str) -> None:
    with administrator(world) as connection:
        connection.execute(soften.encode())
        found = [problem.thing for problem in check_hardening(connection)]
    assert [one for one in found if one.startswith(thing)], found


def test_every_function_of_the_families_is_seen_when_it_is_open(world: World) -> None:
    with administrator(world) as connection:
        connection.execute(
            """do $$ declare f regprocedure; begin
                 for f in select oid::regprocedure from pg_proc where pronamespace = 'pg_catalog'::regnamespace
                   and proname ~ '^(set_config|.*_to_xml.*|ts_stat|ts_rewrite|lo_.*|loread|lowrite)$'
                 loop execute format('grant execute on function %s to public', f); end loop; end $$"""
        )
        found = [problem.thing for problem in check_hardening(connection)]
    for name in ("cursor_to_xml(", "table_to_xml_and_xmlschema(", "database_to_xml(", "lo_import(text)", "lo_creat("):
        assert any(name in one for one in found), (name, found)
    assert len(found) >= 40


@pytest.mark.parametrize("login", ["control", "group"])
def test_the_check_needs_no_rights(world: World, login: str) -> None:
    name = CONTROL if login == "control" else group_login(world.groups["a"].id)
    with psycopg.connect(world.server.conninfo(name)) as connection:
        assert check_hardening(connection) == []


def test_bootstrap_repairs_what_was_softened(world: World) -> None:
    with psycopg.connect(world.server.administrator or "", dbname="forecourt", autocommit=True) as connection:
        connection.execute("grant execute on function pg_catalog.set_config(text, text, boolean) to public")
        assert check_hardening(connection)
    assert bootstrap(world.server) == []


def test_a_soft_server_is_refused_unless_the_operator_accepts_it(caplog: pytest.LogCaptureFixture) -> None:
    found = [Problem(f"thing {number}", "lost") for number in range(7)]
    with pytest.raises(Misconfigured, match=r"thing 0: lost.*and 2 more.*forecourt db bootstrap"):
        require_hardening(found, "full")
    require_hardening(found, "reduced")
    assert "reduced hardening: thing 0: lost" in caplog.text
    require_hardening([], "full")


def test_every_control_table_has_declared_rights_and_row_security(world: World) -> None:
    import_models()
    declared = {table.name for table in ControlTable.metadata.tables.values()}
    assert declared == REGISTRY.tables()
    with administrator(world) as connection:
        rows = connection.execute(
            """select c.relname, c.relrowsecurity, exists (select from pg_policy p where p.polrelid = c.oid)
               from pg_class c where c.relnamespace = 'control'::regnamespace and c.relkind in ('r', 'p')"""
        ).fetchall()
    assert {row[0] for row in rows} == declared
    assert [row for row in rows if not row[1] or not row[2]] == []


def test_no_role_of_ours_can_take_another_groups_role(world: World) -> None:
    """Memberships in the catalog: a group's logins reach their stores and the two shared roles, nothing else."""
    with administrator(world) as connection:
        for letter, group in world.groups.items():
            for prefix in "gr":
                reached = connection.execute(
                    """with recursive reach(oid) as (
                         select oid from pg_roles where rolname = %s
                         union select m.roleid from pg_auth_members m join reach on m.member = reach.oid)
                       select rolname from pg_roles join reach using (oid) where rolname <> %s""",
                    (f"{prefix}_{group.id.hex}", f"{prefix}_{group.id.hex}"),
                ).fetchall()
                mine = {store.schema for store in world.stores_of(letter)}
                others = {store.schema for store in world.stores.values()} - mine
                names = {name for (name,) in reached}
                assert mine | {"forecourt_group", "forecourt_tenant"} <= names and not names & others
                assert not {name for name in names if name.startswith(("g_", "r_", "forecourt_owner"))}
        control = connection.execute(
            "select count(*) from pg_auth_members where member = 'forecourt_control'::regrole"
        ).fetchone()
        assert control == (0,)


def test_grants_refuse_what_is_not_an_identifier_or_a_privilege() -> None:
    for wrong in (
        {"table": "a; drop table b"},
        {"table": "a", "group": ("all",)},
        {"table": "a", "group": ("select (a); drop",)},
        {"table": "a", "tenant": ("select",), "group_column": None},
        {"table": "a", "store_column": "x y"},
    ):
        with pytest.raises(ValueError):
            Grants(**wrong)


def test_a_table_is_declared_once() -> None:
    registry = Registry()
    registry.declare(Grants("a"), Grants("b", control=("select",)))
    registry.declare(Grants("a"))  # the same again: a module imported under two names
    registry.declare_sql(["alter table control.c enable row level security"], tables=["c", "d"])
    assert registry.tables() == {"a", "b", "c", "d"}
    assert "alter table control.c enable row level security" in registry.sql()
    for again in (Grants("a", control=("select",)), Grants("c")):
        with pytest.raises(ValueError):
            registry.declare(again)
    with pytest.raises(ValueError):
        registry.declare_sql([], tables=["b"])

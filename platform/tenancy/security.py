"""Who may touch which row of the control schema, and what the server must forbid to everybody.

Two NOLOGIN roles carry the grants, so that access lists do not grow with groups and stores
(docs/decisions/0002-roles.md):

    forecourt_tenant   inherited by every s_<store>: published rows of the session's group, jobs of its own store
    forecourt_group    taken with SET LOCAL ROLE by a group's logins: the group's rows; r_ logins may read only

Rows of a group are recognised by ``session_user`` (the login, which SET ROLE does not change), rows of one store by
``current_user``. The owner of the tables is not subject to the policies. Each module that declares control tables
declares their `Grants` beside them; a test asserts that no control table is without.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import Connection

from .names import CONTROL, GROUP_ROLE, OWNER, TENANT_ROLE
from .raw import query

#: Id of the group whose login this session is (g_ or r_), else null. In a sub-select: evaluated once per statement.
READING_GROUP = "(select case when session_user ~ '^[gr]_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end)"
#: The same for the login that may write (g_ only).
WRITING_GROUP = "(select case when session_user ~ '^g_[0-9a-f]{32}$' then substr(session_user::text, 3)::uuid end)"
#: Id of the store whose role is taken, else null.
CURRENT_STORE = "(select case when current_user ~ '^s_[0-9a-f]{32}$' then substr(current_user::text, 3)::uuid end)"

_PRIVILEGE = re.compile(r"(select|insert|update|delete)( \([a-z0-9_]+(, [a-z0-9_]+)*\))?")
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Grants:
    """What each kind of role may do with one control table. A privilege is ``"select"`` or ``"select (id, code)"``.

    ``group_column`` holds the owning group's id. With ``shared_rows`` rows where it is null are readable by every group
    (built-in schemes and templates). With a ``store_column`` a store sees rows where it is null or its own, and writes
    only its own. Without a ``group_column`` neither stores nor groups may see anything.
    """

    table: str
    tenant: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    control: tuple[str, ...] = ()
    group_column: str | None = "group_id"
    store_column: str | None = None
    shared_rows: bool = False

    def __post_init__(self) -> None:
        for name in (self.table, self.group_column, self.store_column):
            if name is not None and not _IDENTIFIER.fullmatch(name):
                raise ValueError(f"not an identifier: {name!r}")
        for privilege in (*self.tenant, *self.group, *self.control):
            if not _PRIVILEGE.fullmatch(privilege):
                raise ValueError(f"not a privilege: {privilege!r}")
        if self.group_column is None and (self.tenant or self.group):
            raise ValueError(f"{self.table}: rows that belong to no group are for {CONTROL} only")

    def sql(self) -> tuple[str, ...]:
        """Statements that set exactly these rights; running them again changes nothing."""
        table = f"control.{self.table}"
        statements = [
            f"alter table {table} enable row level security",
            f"revoke all on {table} from public, {TENANT_ROLE}, {GROUP_ROLE}, {CONTROL}",
        ]
        holders = ((TENANT_ROLE, self.tenant), (GROUP_ROLE, self.group), (CONTROL, self.control))
        for role, privileges in holders:
            statements += [f"grant {privilege} on {table} to {role}" for privilege in privileges]
        for role, privileges in holders:
            for verb in dict.fromkeys(privilege.split(" ")[0] for privilege in privileges):
                policy = f"{verb}_by_{role.removeprefix('forecourt_')}"
                statements.append(f"drop policy if exists {policy} on {table}")
                statements.append(f"create policy {policy} on {table} for {verb} to {role} {self._rows(role, verb)}")
        return tuple(statements)

    def _rows(self, role: str, verb: str) -> str:
        if role == CONTROL:
            condition = "true"
        elif verb == "select":
            condition = f"{self.group_column} = {READING_GROUP}"
            if self.shared_rows:
                condition = f"({self.group_column} is null or {condition})"
            if role == TENANT_ROLE and self.store_column:
                condition += f" and ({self.store_column} is null or {self.store_column} = {CURRENT_STORE})"
        else:
            condition = f"{self.group_column} = {WRITING_GROUP}"
            if role == TENANT_ROLE and self.store_column:
                condition += f" and {self.store_column} = {CURRENT_STORE}"
        return {
            "select": f"using ({condition})",
            "delete": f"using ({condition})",
            "insert": f"with check ({condition})",
            "update": f"using ({condition}) with check ({condition})",
        }[verb]


class Registry:
    """What every module declared. One instance, `REGISTRY`, is filled by importing the modules."""

    def __init__(self) -> None:
        self.grants: dict[str, Grants] = {}
        self.scripts: dict[str, tuple[str, ...]] = {}

    def declare(self, *grants: Grants) -> None:
        """Add tables. Raises ValueError for a table declared twice."""
        for one in grants:
            if self.grants.setdefault(one.table, one) != one or one.table in self.scripts:
                raise ValueError(f"control.{one.table} has two declarations of grants")

    def declare_sql(self, statements: Iterable[str], *, tables: Iterable[str]) -> None:
        """Add tables whose rights are written out by hand; the first table carries the statements."""
        names = tuple(tables)
        for number, table in enumerate(names):
            if table in self.grants or table in self.scripts:
                raise ValueError(f"control.{table} has two declarations of grants")
            self.scripts[table] = tuple(statements) if number == 0 else ()

    def tables(self) -> frozenset[str]:
        """Every table somebody declared rights for."""
        return frozenset(self.grants) | frozenset(self.scripts)

    def sql(self) -> tuple[str, ...]:
        """All statements, in an order that does not depend on the order of imports."""
        statements = [f"grant usage on schema control to {TENANT_ROLE}, {GROUP_ROLE}, {CONTROL}"]
        for table in sorted(self.tables()):
            statements += self.grants[table].sql() if table in self.grants else self.scripts[table]
        return tuple(statements)


REGISTRY = Registry()
REGISTRY.declare(
    Grants(
        "dealer_group",
        tenant=("select",),
        group=("select", "update (second_factor)"),
        control=("select",),
        group_column="id",
    ),
    Grants(
        "store",
        tenant=(
            "select (id, group_id, code, name, brand, region, grade, city_tier, opened_on, time_zone, status, state, public_id)",
        ),
        group=("select", "update (name, brand, region, grade, city_tier, opened_on, time_zone, status, updated_at)"),
        control=("select",),
    ),
    Grants(
        "config_setting",
        tenant=("select",),
        group=("select", "insert", "update", "delete"),
        store_column="store_id",
    ),
    Grants("schema_revision", control=("select",), group_column=None),
)

# --- what the server must forbid to everybody -------------------------------------------------------------------------

#: Functions of pg_catalog that PUBLIC must not execute: they change settings, run SQL given as text, or hold data
#: that no schema guards (large objects).
FORBIDDEN_FUNCTIONS = (
    r"^(set_config|(query|cursor|table|schema|database)_to_xml.*|ts_stat|ts_rewrite"
    r"|lo_.*|loread|lowrite|pg_logical_emit_message)$"
)
FORBIDDEN_LANGUAGES = ("plpgsql", "sql")
#: Extensions that reach other databases or files; none of ours needs one.
FORBIDDEN_EXTENSIONS = ("dblink", "postgres_fdw", "file_fdw", "adminpack", "plpython3u", "plperlu", "pltclu")


@dataclass(frozen=True)
class Problem:
    """One thing the server allows and should not. ``lost`` says what an attacker gains."""

    thing: str
    lost: str

    def __str__(self) -> str:
        return f"{self.thing}: {self.lost}"


_CHECKS: tuple[tuple[LiteralString, str], ...] = (
    (
        """select 'function ' || oid::regprocedure::text from pg_proc
           where pronamespace = 'pg_catalog'::regnamespace and proname ~ %(functions)s
             and has_function_privilege('public', oid, 'execute')""",
        "a statement can change its own role or run other statements",
    ),
    (
        """select 'language ' || lanname from pg_language
           where lanname = any(%(languages)s) and has_language_privilege('public', oid, 'usage')""",
        "a DO block or a function can run several statements",
    ),
    (
        """select 'temporary tables' where has_database_privilege('public', current_database(), 'temp')""",
        "functions and tables can be made in pg_temp",
    ),
    (
        """select 'update of pg_settings' where has_table_privilege('public', 'pg_catalog.pg_settings', 'update')""",
        "a statement can change its own role",
    ),
    (
        """select 'schema public' where to_regnamespace('public') is not null
             and (has_schema_privilege('public', 'public', 'create')
                  or has_schema_privilege('public', 'public', 'usage'))""",
        "everybody can share objects there",
    ),
    (
        """select 'schema ' || nspname from pg_namespace
           where (nspname = 'control' or nspname ~ '^s_[0-9a-f]{32}$')
             and (has_schema_privilege('public', oid, 'usage') or has_schema_privilege('public', oid, 'create'))""",
        "everybody can enter it",
    ),
    (
        """select 'role ' || rolname from pg_roles
           where (rolname = any(%(roles)s) or rolname ~ '^[sgr]_[0-9a-f]{32}$') and (rolsuper or rolbypassrls)""",
        "it is above grants and row-level security",
    ),
    (
        """select 'role ' || rolname from pg_roles
           where rolname = session_user and session_user <> %(owner)s
             and (rolcreaterole or rolcreatedb or rolreplication)""",
        "this process logs in with more rights than it needs",
    ),
    (
        """select 'extension ' || extname from pg_extension where extname = any(%(extensions)s)""",
        "SQL can leave this database",
    ),
    (
        """select 'text order ' || datcollate from pg_database
           where datname = current_database() and datcollate not in ('C', 'POSIX', 'C.UTF-8', 'C.utf8')""",
        "lists are ordered otherwise than on other servers",
    ),
)


def check_parameters() -> dict[str, Any]:
    """Parameters of `check_statement`."""
    return {
        "functions": FORBIDDEN_FUNCTIONS,
        "languages": list(FORBIDDEN_LANGUAGES),
        "extensions": list(FORBIDDEN_EXTENSIONS),
        "roles": [OWNER, CONTROL, GROUP_ROLE, TENANT_ROLE],
        "owner": OWNER,
    }


def check_statement() -> str:
    """One statement whose rows are (thing, number of the check); psycopg's named parameters."""
    return " union all ".join(
        f"select thing, {number} from ({check}) as found(thing)"  # noqa: S608  (texts of this module)
        for number, (check, _) in enumerate(_CHECKS)
    )


def problems(rows: Iterable[Any]) -> list[Problem]:
    """Rows of `check_statement` as problems, in a stable order."""
    return sorted((Problem(str(thing), _CHECKS[number][1]) for thing, number in rows), key=str)


def check_hardening(connection: Connection[Any]) -> list[Problem]:
    """What the server allows and should not, as seen by any login; empty when bootstrap did its work.

    A REVOKE by a role that is not superuser succeeds with a mere warning, so nothing but looking tells.
    """
    return problems(query(connection, check_statement(), check_parameters()))

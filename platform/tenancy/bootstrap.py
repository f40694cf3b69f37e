"""`forecourt db bootstrap`: roles, database and hardening, once per server, as its administrator. Safe to run again."""

import logging
from dataclasses import replace
from typing import Any

import psycopg
from psycopg import Connection, sql
from psycopg.conninfo import make_conninfo

from ..errors import Misconfigured, Unavailable
from .names import CONTROL, GROUP_ROLE, OWNER, TENANT_ROLE
from .raw import run_script
from .security import FORBIDDEN_FUNCTIONS, FORBIDDEN_LANGUAGES, Problem, check_hardening
from .server import Secrets, Server, check_version

_log = logging.getLogger(__name__)

_LOGIN_SETTINGS = {"search_path": "", "statement_timeout": "60s", "idle_in_transaction_session_timeout": "60s"}


def bootstrap(server: Server) -> list[Problem]:
    """Make what is missing and forbid what should be forbidden. Returns what could not be forbidden.

    Without a superuser (managed PostgreSQL) the roles are made all the same and the list names what is lost; the
    product then starts only with `FORECOURT_HARDENING=reduced`.

    Raises:
        Misconfigured: no administrator is known, or the server's version is not supported.
        Unavailable: the server cannot be reached.
    """
    if server.administrator is None:
        raise Misconfigured("bootstrap needs an administrator: put user and password into FORECOURT_DATABASE_URL once")
    with _connect(_maintenance(server)) as connection:
        check_version(connection.info.server_version)
        # Two bootstraps at once would collide in the shared catalogs.
        connection.execute("select pg_advisory_lock(hashtext('forecourt bootstrap'))")
        _roles(connection, server.secrets)
        _database(connection, server.address.dbname)
    with _connect(make_conninfo(server.administrator, dbname=server.address.dbname)) as connection:
        superuser = connection.execute("select rolsuper from pg_roles where rolname = current_user").fetchone() == (
            True,
        )
        if superuser:
            with connection.transaction():
                _harden(connection)
        else:
            _log.warning("not a superuser: the server cannot be hardened")
    with _connect(server.conninfo(OWNER)) as connection:
        return check_hardening(connection)


def set_password(connection: Connection[Any], login: str, password: str) -> None:
    """Change a login's password. Only its SCRAM verifier travels, so no log can hold the password."""
    verifier = connection.pgconn.encrypt_password(password.encode(), login.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(login), sql.Literal(verifier)))


def require_hardening(found: list[Problem], hardening: str) -> None:
    """Start-up check of every process: refuse a soft server unless the operator accepted it.

    Raises:
        Misconfigured: there are problems and `FORECOURT_HARDENING` is ``full``.
    """
    if not found:
        return
    lost = "; ".join(str(problem) for problem in found[:5]) + (f"; and {len(found) - 5} more" if len(found) > 5 else "")
    if hardening == "full":
        raise Misconfigured(
            f"the server is not hardened ({lost}). "
            "Run `forecourt db bootstrap` as superuser, or set FORECOURT_HARDENING=reduced"
        )
    _log.warning("reduced hardening: %s", lost)


def _connect(conninfo: str) -> Connection[Any]:
    try:
        return psycopg.connect(conninfo, autocommit=True, connect_timeout=10)
    except psycopg.OperationalError as error:
        raise Unavailable(f"PostgreSQL cannot be reached: {error}") from error


def _maintenance(server: Server) -> str:
    """Where to stand while the database may not exist yet: our own server's `postgres`, else as the URL says."""
    assert server.administrator is not None  # noqa: S101  (bootstrap looked)
    if server.own is not None:
        return server.administrator
    try:
        psycopg.connect(server.administrator, connect_timeout=10).close()
    except psycopg.OperationalError:
        return make_conninfo(server.administrator, dbname="postgres")
    return server.administrator


def _roles(connection: Connection[Any], secrets: Secrets) -> None:
    present = {name for (name,) in connection.execute("select rolname from pg_roles where rolname ~ '^forecourt_'")}
    wanted = {OWNER: "login createrole", CONTROL: "login", TENANT_ROLE: "nologin", GROUP_ROLE: "nologin"}
    script = [f"create role {name} {options}" for name, options in wanted.items() if name not in present]
    script += [f"grant {role} to {OWNER} with admin option" for role in (TENANT_ROLE, GROUP_ROLE)]
    for login in (OWNER, CONTROL):
        script += [f"alter role {login} set {name} = '{value}'" for name, value in _LOGIN_SETTINGS.items()]
    # Migrations and exports of a large store take longer than a request may.
    script += [f"alter role {OWNER} set statement_timeout = 0"]
    with connection.transaction():
        run_script(connection, "; ".join(script))
        set_password(connection, OWNER, secrets.password(OWNER))
        set_password(connection, CONTROL, secrets.password(CONTROL))


def _database(connection: Connection[Any], name: str) -> None:
    if connection.execute("select from pg_database where datname = %s", (name,)).fetchone() is not None:
        connection.execute(
            sql.SQL("grant create, connect, temporary on database {} to {}").format(
                sql.Identifier(name), sql.Identifier(OWNER)
            )
        )
        return
    # Text order is C everywhere; the builtin provider of 17 and later also knows upper and lower case beyond ASCII.
    locale = (
        "locale_provider builtin builtin_locale 'C.UTF-8' locale 'C'"
        if connection.info.server_version >= 170_000
        else "locale_provider libc locale 'C'"
    )
    # Whoever is not superuser must be a member of the owner-to-be.
    if connection.execute("select rolsuper from pg_roles where rolname = current_user").fetchone() != (True,):
        connection.execute(sql.SQL("grant {} to current_user").format(sql.Identifier(OWNER)))
    statement = sql.SQL("create database {} owner {} template template0 encoding 'UTF8' ").format(
        sql.Identifier(name), sql.Identifier(OWNER)
    )
    run_script(connection, statement.as_string(connection) + locale)


def _harden(connection: Connection[Any]) -> None:
    """The REVOKEs of architecture section 2, and the grants back."""
    functions = [
        name
        for (name,) in connection.execute(
            """select format('%%I(%%s)', proname, pg_get_function_identity_arguments(oid)) from pg_proc
               where pronamespace = 'pg_catalog'::regnamespace and proname ~ %s order by 1""",
            (FORBIDDEN_FUNCTIONS,),
        )
    ]
    database = sql.Identifier(connection.info.dbname).as_string(connection)
    languages = ", ".join(FORBIDDEN_LANGUAGES)
    script = [f"revoke execute on function pg_catalog.{name} from public" for name in functions]
    script += [
        f"revoke usage on language {languages} from public",
        f"revoke temporary on database {database} from public",
        "revoke update on pg_catalog.pg_settings from public",
        "revoke all on schema public from public",
        # The owner hands set_config on to group logins, so that provisioning needs no superuser.
        f"grant execute on function pg_catalog.set_config(text, text, boolean) to {OWNER} with grant option",
        f"grant usage on language {languages} to {OWNER}",
    ]
    run_script(connection, "; ".join(script))


def with_administrator(server: Server, conninfo: str) -> Server:
    """The same server with another administrator, for one bootstrap."""
    return replace(server, administrator=conninfo)

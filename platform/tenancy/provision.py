"""Groups and stores come into being, change state and go: the owner's work, from the command line only.

States of a store: PROVISIONING → ACTIVE ⇄ SUSPENDED → CLOSING → ARCHIVED (read only) → DELETED;
PROVISIONING → FAILED → PROVISIONING. A store that was never active (FAILED) may be deleted at once.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psycopg
from psycopg import Connection

from ..errors import Invalid, NotFound, Refused, Unavailable, WrongState
from .bootstrap import set_password
from .ids import new_id
from .names import GROUP_ROLE, OWNER, TENANT_ROLE, checked, group_login, group_reader, store_role, store_schema
from .raw import run_script
from .render import Head, for_store
from .server import Secrets, Server

TRANSITIONS: dict[str, frozenset[str]] = {
    "PROVISIONING": frozenset({"ACTIVE", "FAILED"}),
    "FAILED": frozenset({"PROVISIONING", "DELETED"}),
    "ACTIVE": frozenset({"SUSPENDED", "CLOSING"}),
    "SUSPENDED": frozenset({"ACTIVE", "CLOSING"}),
    "CLOSING": frozenset({"ARCHIVED"}),
    "ARCHIVED": frozenset({"DELETED"}),
    "DELETED": frozenset(),
}

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # no l, o, 0, 1: a public id is read aloud


@dataclass(frozen=True)
class NewStore:
    """What a store is told by: its code is unique within its group."""

    code: str
    name: str
    brand: str
    time_zone: str
    region: str | None = None
    grade: str | None = None
    city_tier: int | None = None
    opened_on: date | None = None


@contextmanager
def owner_connection(server: Server) -> Iterator[Connection[Any]]:
    """A connection as the owner, in autocommit.

    Raises:
        Misconfigured: this process was not given the owner's password.
        Unavailable: the server cannot be reached.
    """
    try:
        connection = psycopg.connect(server.conninfo(OWNER), autocommit=True, connect_timeout=10)
    except psycopg.OperationalError as error:
        raise Unavailable(f"PostgreSQL cannot be reached (was `forecourt db bootstrap` run?): {error}") from error
    with connection:
        yield connection


def create_group(
    connection: Connection[Any], keys: Secrets, *, code: str, name: str, currency: str = "CNY", time_zone: str
) -> UUID:
    """A group's row and its two logins, in one transaction. Returns the group's id.

    Raises:
        Invalid: code, currency or time zone cannot be used.
        Refused: ``DUPLICATE``: the code is taken.
    """
    _check(code, time_zone)
    if not _CURRENCY.fullmatch(currency):
        raise Invalid("currency is an ISO 4217 code", path=("currency",))
    group_id = new_id()
    with _unique("code"), connection.transaction():
        connection.execute(
            """insert into control.dealer_group (id, code, name, currency, time_zone, key_version)
               values (%s, %s, %s, %s, %s, %s)""",
            (group_id, code, name, currency, time_zone, keys.version),
        )
        writer, reader = checked(group_login(group_id)), checked(group_reader(group_id))
        script = []
        for login in (writer, reader):
            script += [
                f"create role {login} login noinherit",
                f"alter role {login} set search_path = ''",
                f"alter role {login} set statement_timeout = '60s'",
                f"alter role {login} set idle_in_transaction_session_timeout = '60s'",
                f"grant {GROUP_ROLE} to {login}",
                f"grant execute on function pg_catalog.set_config(text, text, boolean) to {login}",
            ]
        script += [
            f"alter role {reader} set default_transaction_isolation = 'repeatable read'",
            f"alter role {reader} set default_transaction_read_only = on",
        ]
        run_script(connection, "; ".join(script))
        for login in (writer, reader):
            set_password(connection, login, keys.password(login))
    return group_id


def create_store(connection: Connection[Any], group_id: UUID, new: NewStore, *, head: Head | None = None) -> UUID:
    """A store's row, then its schema and role. Returns its id; the store is ACTIVE.

    Raises:
        Invalid: code or time zone cannot be used.
        NotFound: no such group.
        Refused: ``DUPLICATE``: the group has a store with this code.
        Unavailable: the schema could not be made; the row says FAILED, and `provision_store` tries again.
    """
    _check(new.code, new.time_zone)
    store_id = new_id()
    public_id = "".join(secrets.choice(_ALPHABET) for _ in range(16))
    with _unique("code"):
        try:
            connection.execute(
                """insert into control.store
                     (id, group_id, code, name, brand, region, grade, city_tier, opened_on, time_zone, public_id)
                   values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
                (
                    store_id,
                    group_id,
                    new.code,
                    new.name,
                    new.brand,
                    new.region,
                    new.grade,
                    new.city_tier,
                    new.opened_on,
                    new.time_zone,
                    public_id,
                ),
            )
        except psycopg.errors.ForeignKeyViolation as error:
            raise NotFound("group", id=str(group_id)) from error
        except psycopg.errors.CheckViolation as error:
            raise Invalid(str(error.diag.constraint_name)) from error
    provision_store(connection, store_id, head=head)
    return store_id


def provision_store(connection: Connection[Any], store_id: UUID, *, head: Head | None = None) -> None:
    """Make the schema and role of a store whose row is PROVISIONING or FAILED, all in one transaction.

    Raises:
        NotFound: no such store.
        WrongState: it has its schema already.
        Unavailable: the script failed; the store is FAILED and its row keeps the reason.
    """
    head = head or Head.load()
    group_id, state = store_state(connection, store_id)
    if state == "FAILED":
        transition(connection, store_id, "PROVISIONING")
    elif state != "PROVISIONING":
        raise WrongState("this store has its schema already", store=str(store_id), state=state)
    try:
        with connection.transaction():
            run_script(connection, role_script(group_id, store_id) + for_store(head.sql, store_schema(store_id)))
            done = connection.execute(
                """update control.store set state = 'ACTIVE', revision = %s, failure = null, updated_at = now()
                   where id = %s and state = 'PROVISIONING'""",
                (head.revision, store_id),
            )
            if done.rowcount != 1:
                raise WrongState("somebody else provisions this store", store=str(store_id))
    except psycopg.Error as error:
        connection.execute(
            """update control.store set state = 'FAILED', failure = %s, updated_at = now()
               where id = %s and state = 'PROVISIONING'""",
            (str(error)[:500], store_id),
        )
        raise Unavailable(f"the store could not be made: {error}", store=str(store_id)) from error


def role_script(group_id: UUID, store_id: UUID) -> str:
    """A store's role: it owns nothing, inherits what all stores may see, and its group's two logins may take it."""
    role = checked(store_role(store_id))
    writer, reader = checked(group_login(group_id)), checked(group_reader(group_id))
    return f"create role {role} nologin; grant {TENANT_ROLE} to {role}; grant {role} to {writer}, {reader};\n"


def transition(connection: Connection[Any], store_id: UUID, to: str) -> None:
    """Change a store's state, and nothing else.

    Raises:
        NotFound: no such store.
        WrongState: there is no such transition from where it is.
    """
    allowed = [state for state, targets in TRANSITIONS.items() if to in targets]
    done = connection.execute(
        "update control.store set state = %s, updated_at = now() where id = %s and state = any(%s)",
        (to, store_id, allowed),
    )
    if done.rowcount != 1:
        _, state = store_state(connection, store_id)
        raise WrongState(f"a store cannot go from {state} to {to}", store=str(store_id), state=state)


def suspend_store(connection: Connection[Any], store_id: UUID) -> None:
    """Stop all writing for a while; reading goes on. Raises NotFound or WrongState."""
    transition(connection, store_id, "SUSPENDED")


def resume_store(connection: Connection[Any], store_id: UUID) -> None:
    """End a suspension. Raises NotFound or WrongState."""
    transition(connection, store_id, "ACTIVE")


def close_store(connection: Connection[Any], store_id: UUID) -> None:
    """Begin the end: no more writing; exports can be made. Raises NotFound or WrongState."""
    transition(connection, store_id, "CLOSING")


def archive_store(connection: Connection[Any], store_id: UUID) -> None:
    """Keep the data, read only: the store's role loses the right to write. Raises NotFound or WrongState."""
    with connection.transaction():
        transition(connection, store_id, "ARCHIVED")
        schema = checked(store_schema(store_id))
        tables = store_tables(connection, store_id)
        if tables:
            names = ", ".join(f'{schema}."{table}"' for table in tables)
            run_script(connection, f"revoke insert, update, delete on {names} from {schema}")


def delete_store(connection: Connection[Any], store_id: UUID) -> None:
    """Drop an archived (or failed) store's schema and role for good; the row stays, DELETED, so its id is never used
    again.

    One store per transaction, because a DROP locks every table and index of the schema.

    Raises:
        NotFound: no such store.
        WrongState: it is not ARCHIVED or FAILED.
    """
    name = checked(store_schema(store_id))
    with connection.transaction():
        transition(connection, store_id, "DELETED")
        run_script(connection, f"drop schema if exists {name} cascade; drop role if exists {name}")


def store_state(connection: Connection[Any], store_id: UUID) -> tuple[UUID, str]:
    """Group and state of a store. Raises NotFound."""
    row = connection.execute("select group_id, state from control.store where id = %s", (store_id,)).fetchone()
    if row is None:
        raise NotFound("store", id=str(store_id))
    return row[0], row[1]


def store_tables(connection: Connection[Any], store_id: UUID) -> list[str]:
    """Tables of a store's schema, by name."""
    rows = connection.execute(
        """select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
           where n.nspname = %s and c.relkind = 'r' order by c.relname""",
        (store_schema(store_id),),
    )
    return [name for (name,) in rows]


def rotate_logins(connection: Connection[Any], keys: Secrets) -> int:
    """Give every group login the password of the newest master secret. Returns how many.

    `bootstrap` does the same for forecourt_control, whom the owner may not change. Open connections live on;
    processes are restarted with the new secrets afterwards.
    """
    rows = connection.execute(
        "select rolname from pg_roles where rolname ~ '^[gr]_[0-9a-f]{32}$' order by 1"
    ).fetchall()
    for (login,) in rows:
        with connection.transaction():
            set_password(connection, login, keys.password(login))
    return len(rows)


def _check(code: str, time_zone: str) -> None:
    if not _CODE.fullmatch(code):
        raise Invalid("a code has 1 to 32 letters, digits, - or _", path=("code",))
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Invalid(f"no time zone {time_zone!r}", path=("time_zone",)) from error


@contextmanager
def _unique(column: str) -> Iterator[None]:
    try:
        yield
    except psycopg.errors.UniqueViolation as error:
        raise Refused("DUPLICATE", f"this {column} is taken", path=(column,)) from error

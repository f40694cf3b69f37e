"""A scratch database with the queue's tables, roles and policies, two groups and two stores each."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from sqlalchemy import create_engine
from sqlalchemy.engine import URL

from forecourt.tenancy.base import ControlTable
from forecourt.tenancy.names import CONTROL, GROUP_ROLE, TENANT_ROLE, group_login, store_role
from forecourt.tenancy.queue_tables import SECURITY_SQL, DeadJobRow, JobRow, ScheduleRow, WorkerRow
from tests.cluster import plain_server

TABLES = [model.__table__ for model in (JobRow, DeadJobRow, ScheduleRow, WorkerRow)]

#: What the actors of the proofs write to: the inbox row and the effect go together.
WITNESS = """
create table witness_inbox (job_id uuid primary key);
create table witness_effect (number int not null);
create table witness_run (number int not null, pid int not null, at timestamptz not null default clock_timestamp());
create table kill_after (number int primary key);
"""


@dataclass(frozen=True)
class Tenants:
    """Two groups, two stores each."""

    groups: tuple[UUID, UUID]
    stores: tuple[tuple[UUID, UUID], tuple[UUID, UUID]]

    @property
    def group(self) -> UUID:
        return self.groups[0]

    @property
    def store(self) -> UUID:
        return self.stores[0][0]


TENANTS = Tenants((uuid4(), uuid4()), ((uuid4(), uuid4()), (uuid4(), uuid4())))


@dataclass(frozen=True)
class QueueDatabase:
    """The scratch database, seen by its different users."""

    admin: str

    @property
    def control(self) -> str:
        """How the workers connect."""
        return make_conninfo(self.admin, user=CONTROL)

    def as_group(self, group_id: UUID) -> str:
        """How the units of work of a group connect."""
        return make_conninfo(self.admin, user=group_login(group_id))

    def sql(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run one statement as superuser."""
        with psycopg.connect(self.admin, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def one(self, statement: str, *parameters: Any) -> Any:
        """The only value of a statement."""
        return self.sql(statement, *parameters)[0][0]

    def clear(self) -> None:
        """Empty every table."""
        self.sql(
            "truncate control.job, control.dead_job, control.schedule, control.worker,"
            " witness_inbox, witness_effect, witness_run, kill_after"
        )


@contextmanager
def scratch_database(server: str) -> Iterator[QueueDatabase]:
    """Create the database; drop it and the roles of its tenants afterwards."""
    name = f"forecourt_queue_{uuid4().hex[:12]}"
    made: list[str] = []
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create database {name} template template0".encode())
    try:
        with psycopg.connect(server, autocommit=True) as connection:
            for role in (f"{CONTROL} login", f"{TENANT_ROLE} nologin", f"{GROUP_ROLE} nologin"):
                _create_shared_role(connection, role)
            _create_tenant_roles(connection, made)
        database = QueueDatabase(make_conninfo(server, dbname=name))
        _create_tables(database)
        yield database
    finally:
        # Not the connection from before: the proofs restart the server.
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"drop database {name} with (force)".encode())
            for role in made:
                connection.execute(f"drop role {role}".encode())


def _create_shared_role(connection: psycopg.Connection[Any], role: str) -> None:
    # Roles belong to the whole server: another test run may have made it, or be making it now.
    try:
        connection.execute(f"create role {role}".encode())
    except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
        return


def _create_tenant_roles(connection: psycopg.Connection[Any], made: list[str]) -> None:
    for group_id, stores in zip(TENANTS.groups, TENANTS.stores, strict=True):
        login = group_login(group_id)
        connection.execute(f"create role {login} login noinherit in role {GROUP_ROLE}".encode())
        made.append(login)
        for store_id in stores:
            role = store_role(store_id)
            connection.execute(f"create role {role} nologin inherit in role {TENANT_ROLE}".encode())
            made.insert(0, role)
            connection.execute(f"grant {role} to {login}".encode())


def _create_tables(database: QueueDatabase) -> None:
    database.sql("create schema control")
    database.sql(f"grant usage on schema control to {CONTROL}, {TENANT_ROLE}, {GROUP_ROLE}")
    parts = psycopg.conninfo.conninfo_to_dict(database.admin)
    url = URL.create(
        "postgresql+psycopg",
        username=str(parts["user"]),
        host=str(parts["host"]),
        port=int(str(parts.get("port", 5432))),
        database=str(parts["dbname"]),
    )
    engine = create_engine(url)
    ControlTable.metadata.create_all(engine, tables=TABLES)  # type: ignore[arg-type]  # mypy sees FromClause
    engine.dispose()
    for statement in SECURITY_SQL:
        database.sql(statement)
    database.sql(WITNESS)


@pytest.fixture(scope="session")
def queue_dsn() -> Iterator[str]:
    """Conninfo of a superuser in a database with the queue's tables, roles and policies."""
    with scratch_database(plain_server()) as database:
        yield database.admin


@pytest.fixture
def queue_db(queue_dsn: str) -> QueueDatabase:
    """The same, emptied."""
    database = QueueDatabase(queue_dsn)
    database.clear()
    return database

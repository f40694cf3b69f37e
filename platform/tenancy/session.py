"""The one place that opens a transaction: of a store, of a group's control rows, or before the group is known.

Whoever calls passes a resolved store or group; `auth/` resolves them from the actor's memberships. Nothing here reads a
header, a default or a global, so without a resolved tenant there is no transaction (fails closed).

    async with store_session(engines, store) as session:      # SET LOCAL ROLE s_<store>; one commit at the end
        session.add(Employee(...))
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import Select, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from ..errors import NotFound, Unavailable
from .control import DealerGroup, Store
from .engines import Engines
from .lane import Row, Statement
from .names import GROUP_ROLE, store_role, store_schema
from .transaction import Transaction, require_active, transaction_of

#: States in which a store's data may be read; only ACTIVE may be written.
READABLE = frozenset({"ACTIVE", "SUSPENDED", "CLOSING", "ARCHIVED"})

_TRANSIENT = (
    psycopg.errors.LockNotAvailable,
    psycopg.errors.QueryCanceled,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    psycopg.errors.ConnectionException,
    psycopg.errors.AdminShutdown,
    psycopg.errors.CrashShutdown,
    psycopg.errors.CannotConnectNow,
    psycopg.errors.TooManyConnections,
    psycopg.errors.IdleInTransactionSessionTimeout,
    psycopg.errors.OutOfMemory,
    psycopg.errors.DiskFull,
)


@dataclass(frozen=True)
class ResolvedGroup:
    """A dealer group that the caller was found to belong to."""

    id: UUID
    code: str
    name: str
    time_zone: str
    currency: str
    key_version: int = 1


@dataclass(frozen=True)
class ResolvedStore:
    """A store that the caller was found to belong to, with what decides how its data are read and shown."""

    id: UUID
    group_id: UUID
    code: str
    name: str
    time_zone: str
    currency: str
    state: str
    revision: str
    public_id: str
    brand: str
    region: str | None = None
    grade: str | None = None
    city_tier: int | None = None
    status: str = "ACTIVE"
    key_version: int = 1

    @property
    def schema(self) -> str:
        return store_schema(self.id)


@asynccontextmanager
async def store_session(
    engines: Engines, store: ResolvedStore, *, read_only: bool = False
) -> AsyncIterator[AsyncSession]:
    """One transaction in one store's schema, as that store's role. Commits at the end, rolls back on any error.

    ``read_only`` uses the group's reader login: one snapshot for all statements, writes refused by the server.

    A writing transaction begins with a look at the store's state, so what `store` says of it may be some seconds old.

    Raises:
        WrongState: the store is not active and the transaction is not ``read_only``; with the first statement, where it
            was active when it was resolved. NotFound: the store is deleted.
        Unavailable: the store is not ready, or the database cannot answer now.
    """
    _require_readable(store)
    if not read_only:
        require_active(store.id, store.state)
    engine = engines.store(store.group_id, store.schema, read_only=read_only)
    writes = None if read_only else store.id
    role = store_role(store.id)
    async with _transaction(engines, engine, role=role, schema=role, writes=writes) as session:
        yield session


async def store_pipeline(engines: Engines, store: ResolvedStore, statements: Sequence[Statement]) -> list[list[Row]]:
    """The rows of statements over one store's schema, as that store's role, in one snapshot and one round trip.

    Raises:
        NotFound: the store is deleted.
        Unavailable: the store is not ready, or the database cannot answer now.
    """
    _require_readable(store)
    try:
        return await engines.lanes(store.group_id).run(store_role(store.id), statements)
    except TimeoutError as error:
        raise Unavailable("all connections are busy", reason="busy") from error
    except psycopg.Error as error:
        translated = _unavailable(error)
        if translated is None:
            raise
        raise translated from error
    finally:
        if engines.crowded:
            await engines.trim()


async def read_in(session: AsyncSession, store: ResolvedStore, statements: Sequence[Statement]) -> list[list[Row]]:
    """The rows of statements over one store, read in its open transaction: on its connection and in one round trip.

    What the transaction changed and flushed is seen. An error leaves it to be rolled back.
    """
    if session.info["schema"] != store.schema:
        raise ValueError("this transaction is another store's")
    return await transaction_of(session).send(statements)


async def send_in(session: AsyncSession, statements: Sequence[Statement]) -> list[list[Row]]:
    """The rows of statements sent on an open transaction's connection in one round trip.

    Each sees what is committed when it begins. An error leaves the transaction to be rolled back, and later ones did not run.
    """
    return await transaction_of(session).send(statements) if statements else []


def send_first(session: AsyncSession, statements: Sequence[Statement]) -> None:
    """Statements that travel with the next message, whatever it is, before all others of it."""
    transaction_of(session).waiting += statements


def follow(session: AsyncSession, statements: Sequence[Statement]) -> None:
    """Statements that travel with the next message, behind all others of it. Their rows are for `followed`."""
    transaction_of(session).following += statements


async def followed(session: AsyncSession) -> list[list[Row]]:
    """The rows of the statements that were to follow a message; they are sent now, if there was none."""
    transaction = transaction_of(session)
    if transaction.following:
        await transaction.start()
    return transaction.followed


def at_commit(session: AsyncSession, statements: Sequence[Statement]) -> None:
    """Statements that travel with the COMMIT, as the last of the transaction. Whatever the session holds is flushed before."""
    session.info["last"] = list(statements)


async def send_last(session: AsyncSession, *, commit: bool = True) -> None:
    """Send what waits for the commit, if anything, and the COMMIT with it."""
    transaction, last = transaction_of(session), session.info.pop("last", ())
    if last or transaction.waiting or (commit and transaction.open):
        await transaction.send(last, commit=commit)


def _require_readable(store: ResolvedStore) -> None:
    if store.state == "DELETED":
        raise NotFound("store", id=str(store.id))
    if store.state not in READABLE:
        raise Unavailable("this store is not ready", store=str(store.id), state=store.state)


@asynccontextmanager
async def group_session(
    engines: Engines, group: ResolvedGroup, *, read_only: bool = False
) -> AsyncIterator[AsyncSession]:
    """One transaction over a group's rows in the control schema. Commits at the end, rolls back on any error.

    Raises:
        Unavailable: the database cannot answer now.
    """
    engine = engines.reader(group.id) if read_only else engines.group(group.id)
    async with _transaction(engines, engine, role=GROUP_ROLE) as session:
        yield session


@asynccontextmanager
async def control_session(engines: Engines) -> AsyncIterator[AsyncSession]:
    """One transaction before the group is known: no right to any store. Commits at the end, rolls back on any error.

    Raises:
        Unavailable: the database cannot answer now.
    """
    async with _transaction(engines, engines.control(), role=None) as session:
        yield session


@asynccontextmanager
async def _transaction(
    engines: Engines, engine: AsyncEngine, *, role: str | None, schema: str = "", writes: UUID | None = None
) -> AsyncIterator[AsyncSession]:
    """`schema`: of the store that it is in. `writes`: the store that must be active for it to begin."""
    transaction = Transaction(engine, role, schema, writes)
    try:
        async with transaction as session:
            yield session
            await session.flush()
            await send_last(session)
    except (DBAPIError, PoolTimeout, psycopg.Error) as error:
        translated = _unavailable(error)
        if translated is None:
            raise
        raise translated from error
    finally:
        if engines.crowded:
            await engines.trim()


def _unavailable(error: Exception) -> Exception | None:
    """The error as something the caller may try again, or None when it is a fault of ours."""
    cause: BaseException | None = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, PoolTimeout):
        return Unavailable("all connections are busy", reason="busy")
    if isinstance(cause, _TRANSIENT):
        return Unavailable("the database cannot answer now", reason=type(cause).__name__)
    if isinstance(cause, psycopg.errors.InvalidParameterValue | psycopg.errors.UndefinedObject) and "role" in str(
        cause
    ):
        return NotFound("store")  # its role is gone: deleted between resolving and opening
    if isinstance(cause, psycopg.OperationalError) and cause.sqlstate is None:
        return Unavailable("the database cannot be reached", reason="connection")
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return Unavailable("the connection was lost", reason="connection")
    return None


# --- resolving -------------------------------------------------------------------------------------------------------


async def resolve_group(session: AsyncSession, group_id: UUID) -> ResolvedGroup:
    """A group by id, in a control or group session.

    Raises:
        NotFound: there is none, or this session may not see it.
    """
    row = await session.get(DealerGroup, group_id)
    if row is None:
        raise NotFound("group", id=str(group_id))
    return ResolvedGroup(row.id, row.code, row.name, row.time_zone, row.currency, row.key_version)


async def find_group(session: AsyncSession, code: str) -> ResolvedGroup | None:
    """A group by its code, in a control session; None when there is none."""
    row = (await session.scalars(select(DealerGroup).where(DealerGroup.code == code))).one_or_none()
    if row is None:
        return None
    return ResolvedGroup(row.id, row.code, row.name, row.time_zone, row.currency, row.key_version)


async def all_groups(session: AsyncSession) -> list[ResolvedGroup]:
    """Every group by its code, in a control session: for the operator's commands."""
    rows = await session.scalars(select(DealerGroup).order_by(DealerGroup.code))
    return [ResolvedGroup(row.id, row.code, row.name, row.time_zone, row.currency, row.key_version) for row in rows]


async def resolve_store(session: AsyncSession, group_id: UUID, store_id: UUID) -> ResolvedStore:
    """A store by id within its group, in a control or group session.

    Raises:
        NotFound: there is none in this group, or it is deleted.
    """
    return await _one(session, stores_query().where(Store.id == store_id, Store.group_id == group_id), id=str(store_id))


async def resolve_public(session: AsyncSession, public_id: str) -> ResolvedStore:
    """A store by the public id that stands in survey addresses.

    Raises:
        NotFound: there is none, or it is deleted.
    """
    return await _one(session, stores_query().where(Store.public_id == public_id), public_id=public_id)


async def stores_of(session: AsyncSession, group_id: UUID) -> list[ResolvedStore]:
    """A group's stores that are not deleted, by code."""
    rows = await session.execute(stores_query().where(Store.group_id == group_id).order_by(Store.code))
    return [ResolvedStore(*row) for row in rows]


def stores_query() -> Select[*tuple[Any, ...]]:
    return (
        select(
            Store.id,
            Store.group_id,
            Store.code,
            Store.name,
            Store.time_zone,
            DealerGroup.currency,
            Store.state,
            Store.revision,
            Store.public_id,
            Store.brand,
            Store.region,
            Store.grade,
            Store.city_tier,
            Store.status,
            DealerGroup.key_version,
        )
        .join(DealerGroup, DealerGroup.id == Store.group_id)
        .where(Store.state != "DELETED")
    )


async def _one(session: AsyncSession, query: Select[*tuple[Any, ...]], **data: str) -> ResolvedStore:
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise NotFound("store", **data)
    return ResolvedStore(*row)

"""One transaction on one connection: its first message brings BEGIN, role and the look at the store's state with it, its last the COMMIT.

Statements of our own go out together (`writer`). SQLAlchemy's session works in the same transaction, and its part of it is
made when somebody uses it: most of what a unit of work sends never passes through it.
"""

from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from types import TracebackType
from typing import Any, cast
from uuid import UUID

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session, SessionTransaction
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.util import await_only, greenlet_spawn

from ..errors import NotFound, WrongState
from .lane import SENT_WELL, TAKE_ROLE, Row, Statement, rows_of
from .writer import Writer

_KEY = "transaction"
_BEGIN, _COMMIT, _ROLLBACK = Statement("begin"), Statement("commit"), Statement("rollback")
_STATE = "select state from control.store where id = $1"


def require_active(store_id: UUID, state: str) -> None:
    """Only an active store is written.

    Raises:
        WrongState: it is in another state.
    """
    if state != "ACTIVE":
        raise WrongState("this store is read only", store=str(store_id), state=state)


def transaction_of(session: AsyncSession) -> "Transaction":
    """The transaction that a session works in."""
    return cast(Transaction, session.info[_KEY])


class Transaction:
    """As a context manager it gives its session, and rolls back what was not committed at its end. Used by one task at a time.

    `role`: taken with the first message, None for the login's own. `schema`: of the store that it is in. `writes`: the store
    that must be active for it to begin.
    """

    __slots__ = (
        "_engine", "_held", "_opening", "_over", "_schema", "_writer", "_writes", "followed", "following", "session",
        "waiting",
    )  # fmt: skip

    def __init__(self, engine: AsyncEngine, role: str | None, schema: str, writes: UUID | None) -> None:
        self._engine: Engine = engine.sync_engine
        self._schema, self._writes = schema, writes
        self._opening = _opening(role, writes)
        self._held: PoolProxiedConnection | None = None
        self._writer: Writer | None = None
        self._over = False
        #: statements that travel with the next message, before all others of it, and behind them
        self.waiting: list[Statement] = []
        self.following: list[Statement] = []
        #: the rows of those that travelled behind
        self.followed: list[list[Row]] = []
        info = {"schema": schema, "writes": writes, _KEY: self}
        self.session: AsyncSession = LazySession(sync_session_class=RoleSession, expire_on_commit=False, info=info)

    @property
    def open(self) -> bool:
        """Has it begun, and not ended yet?"""
        return self._writer is not None and not self._over

    async def send(self, statements: Sequence[Statement], *, commit: bool = False) -> list[list[Row]]:
        """The rows of statements, sent in one message with whatever waits for one, and with the COMMIT.

        Raises:
            WrongState, NotFound: the store that it writes is not active, or is gone.
            psycopg.Error: what the server said. The transaction is to be rolled back.
        """
        if commit and self._opening and self._writes is not None:
            await self.start()  # whether the store may be written is known before anything is committed
        writer = self._writer
        if writer is None:
            writer = await greenlet_spawn(self._take)
        opening, self._opening = self._opening, ()
        if self._over or bool(opening) != self._idle:
            raise psycopg.errors.InvalidTransactionState("the transaction has ended, or is somebody else's")
        before, behind = [*opening, *self.waiting], self.following
        self.waiting, self.following = [], []
        calls = [*before, *statements, *behind]
        results = await writer.send(self._schema, [*calls, _COMMIT] if commit else calls)
        if opening and self._writes is not None and results[2].status in SENT_WELL:
            self._look(rows_of(results[2:3])[0])
        for result in results:
            if result.status not in SENT_WELL:
                raise psycopg.errors.error_from_result(result)
        if commit:
            if results[-1].command_status != b"COMMIT":
                raise psycopg.errors.InFailedSqlTransaction("an error was passed over, so nothing was committed")
            self._over = True
        rows = rows_of(results[len(before) : len(calls)])
        if behind:
            self.followed = rows[len(statements) :]
        return rows[: len(statements)]

    async def start(self) -> None:
        """Begin, if that was not done yet, and send what waits."""
        if self._opening or self.waiting or self.following:
            await self.send(())

    def connection(self) -> Connection:
        """SQLAlchemy's connection in this transaction. To be called where SQLAlchemy waits (in its greenlet)."""
        if self._over:
            raise psycopg.errors.InvalidTransactionState("the transaction has ended")
        if self._held is None:
            self._take()
        assert self._held is not None  # noqa: S101  (taken just now)
        return Connection(self._engine, connection=self._held)

    async def rollback(self) -> None:
        """Take back what was done, and end."""
        self._over = True
        self.waiting = []
        writer = self._writer
        if writer is not None and not self._idle:
            await writer.send("", [_ROLLBACK])

    async def __aenter__(self) -> AsyncSession:
        return self.session

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sync = self.session.sync_session
        del self.session  # it knows this transaction: nothing is left for the garbage collector
        try:
            with suppress(psycopg.Error):  # the connection is of no use, which is seen below
                await self.rollback()
        finally:
            held, self._held = self._held, None
            if held is not None and held.is_valid and not self._idle:
                held.invalidate()
            if sync.in_transaction():
                await greenlet_spawn(sync.close)  # nothing is left to be said to the server
            elif sync.new:
                sync.close()
            if held is not None:
                held.close()

    @property
    def _idle(self) -> bool:
        return self._writer is None or self._writer.status == TransactionStatus.IDLE

    def _look(self, rows: Sequence[Row]) -> None:
        assert self._writes is not None  # noqa: S101  (only then was it asked)
        if not rows:
            raise NotFound("store", id=str(self._writes))
        require_active(self._writes, rows[0][0])

    def _take(self) -> Writer:
        self._held = self._engine.raw_connection()
        self._writer = Writer(cast("psycopg.AsyncConnection[Any]", self._held.driver_connection))
        return self._writer


@lru_cache(maxsize=4096)
def _opening(role: str | None, writes: UUID | None) -> tuple[Statement, ...]:
    """What a transaction begins with; a store's role may see its store's state."""
    if role is None:
        return (_BEGIN,)
    take = Statement(TAKE_ROLE, [role])
    return (_BEGIN, take) if writes is None else (_BEGIN, take, Statement(_STATE, [writes]))


class LazySession(AsyncSession):
    """A session that does nothing about nothing."""

    async def flush(self, objects: Sequence[Any] | None = None) -> None:
        if self.new or self.dirty or self.deleted:
            await super().flush(objects)

    async def rollback(self) -> None:
        await super().rollback()
        await transaction_of(self).rollback()


class RoleSession(Session):
    """A session that works in a `Transaction`."""

    def get_bind(self, *_: Any, **__: Any) -> Connection:
        transaction = cast(Transaction, self.info[_KEY])
        if transaction.waiting:
            await_only(transaction.start())
        known = self.info.get("connection")
        if known is None:
            known = self.info["connection"] = transaction.connection()
        return cast(Connection, known)


@event.listens_for(RoleSession, "after_begin")
def _begin(session: Session, _transaction: SessionTransaction, _connection: Connection) -> None:
    await_only(cast(Transaction, session.info[_KEY]).start())

"""Answers of mutations that came with an idempotency key, kept for a day so that a repetition changes nothing.

`control.idempotency_key`   which request a caller sent under which key: hashes, no data. Stores and groups write it.
`<store>.kept_answer`       what a mutation of a store answered, sealed. It stands where its effect is.
`control.kept_answer`       the same for what a mutation of the group's own rows answered.

Both rows are written by the transaction of the effect, so they are there if and only if it is. `claim` comes first in that
transaction: it takes a lock that nobody waits for, and looks what is known. The lock ends with the transaction, so a
transaction pooler may stand in between. Ids are hashes that the door makes (`graphql/idempotency.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from .base import RIGHTS, ControlTable, StoreTable
from .lane import SCHEMA, Statement
from .security import REGISTRY, Grants
from .session import send_first, send_in

#: What one turn of the cleaning removes at most.
MOST_FORGOTTEN: Final = 2_000


class IdempotencyKey(ControlTable):
    """A key that a caller used; `request` is the hash of what they sent with it."""

    __tablename__ = "idempotency_key"
    __table_args__ = (Index("ix_idempotency_key_expires_at", "expires_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    group_id: Mapped[UUID]
    request: Mapped[bytes]
    expires_at: Mapped[datetime]


class KeptAnswer(StoreTable):
    """What one field of a request answered, sealed with the group's key."""

    __tablename__ = "kept_answer"
    __table_args__ = (
        Index("ix_kept_answer_expires_at", "expires_at"),
        {"info": {RIGHTS: ("select", "insert", "delete")}},
    )

    answer: Mapped[bytes]
    expires_at: Mapped[datetime]


class GroupKeptAnswer(ControlTable):
    """The same of the group's own rows."""

    __tablename__ = "kept_answer"
    __table_args__ = (Index("ix_group_kept_answer_expires_at", "expires_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    group_id: Mapped[UUID]
    answer: Mapped[bytes]
    expires_at: Mapped[datetime]


_WRITES = ("select", "insert", "update (request, expires_at)")
_CLEANS = ("select (id, expires_at)", "delete")
REGISTRY.declare(
    Grants("idempotency_key", tenant=_WRITES, group=_WRITES, control=_CLEANS),
    Grants("kept_answer", group=("select", "insert", "delete"), control=_CLEANS),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One field of a request under a key: `key` and `field` are ids made of hashes, `request` the hash of the whole request."""

    key: UUID
    field: UUID
    group_id: UUID
    request: bytes
    now: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """What `claim` found. `held`: nobody else uses the key. `same`: it was used for no other request. `answer`: the sealed
    answer of the field, if it has one. `expires_at`: until when the key counts."""

    held: bool
    same: bool
    answer: bytes | None
    expires_at: datetime


#: One evaluation of the lock, so that whoever did not get it waits for no row either.
_CLAIM = """
    with lock as materialized (select pg_try_advisory_xact_lock($1::bigint) as held), added as (
        insert into control.idempotency_key as known (id, group_id, request, expires_at)
        select $2::uuid, $3::uuid, $4::bytea, $5::timestamptz from lock where held
        on conflict (id) do update set request = excluded.request, expires_at = excluded.expires_at
        where known.expires_at <= $6::timestamptz returning 1
    )
    select held from lock"""
_KNOWN = "select request, expires_at from control.idempotency_key where id = $1 and expires_at > $2"
_OF_STORE = f"{SCHEMA}.kept_answer"
_OF_GROUP = "control.kept_answer"
_OVER = "delete from {table} where id = $1 and expires_at <= $2"
_ANSWER = "select answer from {table} where id = $1"
_ADD_OF_STORE = f"insert into {_OF_STORE} (id, answer, expires_at) values ($1, $2, $3)"  # noqa: S608  (a table of ours)
_ADD_OF_GROUP = f"insert into {_OF_GROUP} (id, answer, expires_at, group_id) values ($1, $2, $3, $4)"  # noqa: S608
_FORGET = """
    with over as (select id from {table} where expires_at <= $1 order by expires_at limit $2::int),
        gone as (delete from {table} where id in (select id from over) returning 1)
    select count(*)::int from gone"""


async def claim(session: AsyncSession, asked: Asked, *, of_group: bool) -> Found:
    """Use a key in this transaction, as its first message."""
    table, place = _OF_GROUP if of_group else _OF_STORE, asked.field
    rows = await send_in(
        session,
        [
            Statement(
                _CLAIM,
                (_number(asked.key), asked.key, asked.group_id, asked.request, asked.expires_at, asked.now),
            ),
            Statement(_KNOWN, (asked.key, asked.now)),
            Statement(_OVER.format(table=table), (place, asked.now)),
            Statement(_ANSWER.format(table=table), (place,)),
        ],
    )
    [(held,)], known, _, answers = rows
    if not held or not known:
        return Found(held, same=True, answer=None, expires_at=asked.expires_at)
    [(request, expires_at)] = known
    return Found(held, request == asked.request, answers[0][0] if answers else None, expires_at)


def keep(session: AsyncSession, asked: Asked, answer: bytes, *, of_group: bool) -> None:
    """Keep a sealed answer, with the next message of the transaction that claimed it."""
    values = asked.field, answer, asked.expires_at
    send_first(
        session, [Statement(_ADD_OF_GROUP, (*values, asked.group_id)) if of_group else Statement(_ADD_OF_STORE, values)]
    )


def _number(id_: UUID) -> int:
    """The lock of a key: 64 bits of its hash."""
    return int.from_bytes(id_.bytes[:8], "big", signed=True)


async def forget_of_store(session: AsyncSession, now: datetime) -> int:
    """Remove a store's answers that are over, at most `MOST_FORGOTTEN`; how many they were."""
    return await _forget(session, [_OF_STORE], now)


async def forget_of_control(session: AsyncSession, now: datetime) -> int:
    """The same for keys and answers in the control schema, in a control session; how many of the kind that had most."""
    return await _forget(session, ["control.idempotency_key", _OF_GROUP], now)


async def _forget(session: AsyncSession, tables: Sequence[str], now: datetime) -> int:
    texts = [Statement(_FORGET.format(table=table), (now, MOST_FORGOTTEN)) for table in tables]
    counts: list[int] = [count for [(count,)] in await send_in(session, texts)]
    return max(counts)


__all__ = [
    "MOST_FORGOTTEN",
    "Asked",
    "Found",
    "GroupKeptAnswer",
    "IdempotencyKey",
    "KeptAnswer",
    "claim",
    "forget_of_control",
    "forget_of_store",
    "keep",
]

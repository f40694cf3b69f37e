"""Writing the audit: the one place that appends to a chain, at the end of a unit of work.

The head of the chain is locked first and until the commit, so that rows are numbered in the order of their commits. It is
the last lock that a unit of work takes: its holder waits for nobody but the disk, so writers of one store queue for no
longer than a commit, and no two of them can wait for each other. `bench/audit.py` measures both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Insert, Select, Table, bindparam, insert, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncSession

from .audit_chain import GENESIS, Signer
from .feed import AuditEvent, AuditHead, GroupAuditEvent, GroupAuditHead

#: The id of the only head in a store.
HEAD: Final = UUID(int=1)


def _table(model: Any) -> Table:
    table: Table = model.__table__
    return table


_EVENTS, _HEADS = _table(AuditEvent), _table(AuditHead)
_GROUP_EVENTS, _GROUP_HEADS = _table(GroupAuditEvent), _table(GroupAuditHead)


async def append_to_store(session: AsyncSession, signer: Signer, rows: Sequence[dict[str, Any]]) -> None:
    """Append to the chain of the store whose transaction this is. Nothing but the commit may follow."""
    if rows:
        await _append(session, signer, rows, _EVENTS, _HEADS, {"id": HEAD})


async def append_to_group(session: AsyncSession, signer: Signer, rows: Sequence[dict[str, Any]]) -> None:
    """The same for the group whose transaction this is."""
    if rows:
        await _append(session, signer, rows, _GROUP_EVENTS, _GROUP_HEADS, {"group_id": signer.chain.id})


async def _append(
    session: AsyncSession,
    signer: Signer,
    rows: Sequence[dict[str, Any]],
    events: Table,
    heads: Table,
    key: dict[str, UUID],
) -> None:
    [value] = key.values()
    made = _statements(events, heads, *key)
    found = (await session.execute(made.lock, {"whose": value})).first()
    if found is None:  # the chain's first event; of two at once, one waits here and both go on with one head
        await session.execute(pg_insert(heads).values(**key, seq=0, hash=GENESIS).on_conflict_do_nothing())
        found = (await session.execute(made.lock, {"whose": value})).one()
    signed, seq, last = signer.sign(rows, found.seq, found.hash)
    if "chain" not in events.c:
        for row in signed:
            row["group_id"] = row.pop("chain")
    if len(signed) > 1:
        await session.execute(insert(events), signed[:-1])
    new = {f"new_{name}": one for name, one in signed[-1].items()}
    await session.execute(made.append, {**new, "whose": value, "head_seq": seq, "head_hash": last})


@dataclass(frozen=True, eq=False)
class _Statements:
    """What appends to a kind of chain."""

    #: the head of the chain `whose`, locked until the commit
    lock: Select[tuple[int, bytes]]
    #: the last event and the new head in one statement: one wait less while the chain is locked
    append: Insert


@cache
def _statements(events: Table, heads: Table, name: str) -> _Statements:
    """Made once: building them anew for every unit of work cost as much as sending them."""
    mine = heads.c[name] == bindparam("whose", type_=heads.c[name].type)
    lock = select(heads.c.seq, heads.c.hash).where(mine).with_for_update()
    moved = update(heads).where(mine).values(seq=bindparam("head_seq"), hash=bindparam("head_hash")).cte("moved")
    values = {column.name: bindparam(f"new_{column.name}", type_=column.type) for column in events.c}
    return _Statements(lock, insert(events).values(values).add_cte(moved))

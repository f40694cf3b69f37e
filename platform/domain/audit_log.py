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

from sqlalchemy import Table, bindparam, insert, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncSession

from ..tenancy.fixed import Fixed, of_row
from ..tenancy.lanes import Row, Statement
from ..tenancy.session import at_commit, send_in
from .audit_chain import GENESIS, Signer
from .feed import AuditEvent, AuditHead, GroupAuditEvent, GroupAuditHead

#: The id of the only head in a store.
HEAD: Final = UUID(int=1)
#: Rows sent one by one; more of them go in SQLAlchemy's batches.
_MOST_SINGLE: Final = 20


def _table(model: Any) -> Table:
    table: Table = model.__table__
    return table


_EVENTS, _HEADS = _table(AuditEvent), _table(AuditHead)
_GROUP_EVENTS, _GROUP_HEADS = _table(GroupAuditEvent), _table(GroupAuditHead)


def lock_of_store() -> Statement:
    """Locks the chain of a store until the commit, and gives its head for `append_to_store`. The last but one message's end."""
    return _log(_EVENTS, _HEADS, "id").lock.given(whose=HEAD)


async def append_to_store(
    session: AsyncSession,
    signer: Signer,
    rows: Sequence[dict[str, Any]],
    first: Sequence[Statement] = (),
    *,
    head: Sequence[Row] | None = None,
) -> None:
    """Append to the chain of the store whose transaction this is. Nothing but the commit may follow.

    `first` are the unit's last statements beside these. They travel with the one that locks the chain, or with the commit.
    `head`: what `lock_of_store` found, when it was sent already, with the `first`.
    """
    await _append(session, signer, rows, first, _log(_EVENTS, _HEADS, "id"), HEAD, head)


async def append_to_group(
    session: AsyncSession, signer: Signer, rows: Sequence[dict[str, Any]], first: Sequence[Statement] = ()
) -> None:
    """The same for the group whose transaction this is."""
    await _append(session, signer, rows, first, _log(_GROUP_EVENTS, _GROUP_HEADS, "group_id"), signer.chain.id, None)


async def _append(
    session: AsyncSession,
    signer: Signer,
    rows: Sequence[dict[str, Any]],
    first: Sequence[Statement],
    log: "_Log",
    whose: UUID,
    head: Sequence[Row] | None,
) -> None:
    if not rows:
        at_commit(session, first)
        return
    lock = log.lock.given(whose=whose)
    found = (await send_in(session, [*first, lock]))[-1] if head is None else head
    if not found:  # the chain's first event; of two at once, one waits here and both go on with one head
        found = (await send_in(session, [log.begin.given(whose=whose, head_seq=0, head_hash=GENESIS), lock]))[-1]
    [(head_seq, head_hash)] = found
    signed, seq, last = signer.sign(rows, head_seq, head_hash)
    if log.of_group:
        for row in signed:
            row["group_id"] = row.pop("chain")
    if len(signed) > _MOST_SINGLE:
        await session.execute(insert(log.events), signed[:-1])
        signed = signed[-1:]
    single = [log.event.row(row) for row in signed[:-1]]
    # with the COMMIT in one message: nobody waits for longer than the server needs for it
    at_commit(session, [*single, log.append.row(signed[-1], whose=whose, head_seq=seq, head_hash=last)])


@dataclass(frozen=True, eq=False)
class _Log:
    """A kind of chain, and what appends to one."""

    events: Table
    of_group: bool
    #: the head of the chain `whose`, locked until the commit
    lock: Fixed
    #: the head of a chain that has none
    begin: Fixed
    #: an event
    event: Fixed
    #: the last event and the new head
    append: Fixed


@cache
def _log(events: Table, heads: Table, name: str) -> _Log:
    whose = bindparam("whose", type_=heads.c[name].type)
    mine = heads.c[name] == whose
    head = {
        "seq": bindparam("head_seq", type_=heads.c.seq.type),
        "hash": bindparam("head_hash", type_=heads.c.hash.type),
    }
    moved = update(heads).where(mine).values(head).cte("moved")
    event = insert(events).values(of_row(events))
    return _Log(
        events,
        "chain" not in events.c,
        lock=Fixed(select(heads.c.seq, heads.c.hash).where(mine).with_for_update()),
        begin=Fixed(pg_insert(heads).values({name: whose, **head}).on_conflict_do_nothing()),
        event=Fixed(event),
        append=Fixed(event.add_cte(moved)),
    )

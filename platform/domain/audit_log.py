"""Writing the audit: the one place that appends to a chain, at the end of a unit of work.

The head of the chain is locked first and until the commit, so that rows are numbered in the order of their commits. It is
the last lock that a unit of work takes: its holder waits for nobody but the disk, so writers of one store queue for no
longer than a commit, and no two of them can wait for each other.
"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncSession

from .audit_chain import GENESIS, Signer
from .feed import AuditEvent, AuditHead, GroupAuditEvent, GroupAuditHead

#: The id of the only head in a store.
HEAD: Final = UUID(int=1)


async def append_to_store(session: AsyncSession, signer: Signer, rows: Sequence[dict[str, Any]]) -> None:
    """Append to the chain of the store whose transaction this is. Nothing but the commit may follow."""
    if not rows:
        return
    head = select(AuditHead.seq, AuditHead.hash).where(AuditHead.id == HEAD).with_for_update()
    found = (await session.execute(head)).first()
    if found is None:  # the store's first event; of two at once, one waits here and both go on with one head
        begin = pg_insert(AuditHead).values(id=HEAD, seq=0, hash=GENESIS).on_conflict_do_nothing()
        await session.execute(begin)
        found = (await session.execute(head)).one()
    signed, seq, last = signer.sign(rows, found.seq, found.hash)
    await session.execute(insert(AuditEvent), signed)
    await session.execute(update(AuditHead).where(AuditHead.id == HEAD).values(seq=seq, hash=last))


async def append_to_group(session: AsyncSession, signer: Signer, rows: Sequence[dict[str, Any]]) -> None:
    """The same for the group whose transaction this is."""
    if not rows:
        return
    group_id = signer.chain.id
    mine = GroupAuditHead.group_id == group_id
    head = select(GroupAuditHead.seq, GroupAuditHead.hash).where(mine).with_for_update()
    found = (await session.execute(head)).first()
    if found is None:
        begin = pg_insert(GroupAuditHead).values(group_id=group_id, seq=0, hash=GENESIS).on_conflict_do_nothing()
        await session.execute(begin)
        found = (await session.execute(head)).one()
    signed, seq, last = signer.sign(rows, found.seq, found.hash)
    for row in signed:
        row["group_id"] = row.pop("chain")
    await session.execute(insert(GroupAuditEvent), signed)
    await session.execute(update(GroupAuditHead).where(mine).values(seq=seq, hash=last))

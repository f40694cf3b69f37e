"""Memberships that mappings give and take, for many people in one statement each; `auth.accounts` does the same one by one.

Whoever calls has checked roles and places (`mapping_rules.check_place`), and that accounts and stores are the group's.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, insert, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncSession

from ...tenancy.ids import new_id
from ..model import AccountMembership
from ..rights import rights_taken
from .mapping_rules import Held
from .model import ScimMembership

#: Account, role and store, and who the person is there.
Given = tuple[UUID, Held, UUID | None]


async def give(session: AsyncSession, group_id: UUID, wanted: Sequence[Given], now: datetime) -> dict[UUID, Given]:
    """Memberships from now on; those that are open already are left out. By their new ids."""
    if not wanted:
        return {}
    rows = {new_id(): one for one in wanted}
    values = [
        {
            "id": id_,
            "account_id": account,
            "group_id": group_id,
            "store_id": store,
            "role": role,
            "employee_id": employee,
            "valid_from": now,
        }
        for id_, (account, (role, store), employee) in rows.items()
    ]
    made = await session.execute(
        pg_insert(AccountMembership).values(values).on_conflict_do_nothing().returning(AccountMembership.id)
    )
    given = {id_: rows[id_] for id_ in made.scalars()}
    if given:
        await session.execute(insert(ScimMembership), [{"membership_id": id_, "group_id": group_id} for id_ in given])
    return given


async def take(session: AsyncSession, group_id: UUID, membership_ids: Collection[UUID], now: datetime) -> None:
    """End memberships now. One that has not begun ends where it would have begun."""
    if not membership_ids:
        return
    item = AccountMembership
    await session.execute(
        update(item)
        .where(item.id.in_(sorted(membership_ids)), item.group_id == group_id)
        .values(valid_to=func.greatest(item.valid_from, now))
        .execution_options(synchronize_session=False)
    )
    await rights_taken(session)

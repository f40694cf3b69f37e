"""Configuration of requirements A14: a value per key, of the group or one store, valid for a period.

The most specific value valid on a day wins, unless a group's value is locked: then no store may differ.
"""

from collections.abc import Collection
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from ..tenancy.control import ConfigSetting


async def resolved_settings(
    session: AsyncSession, store_id: UUID, day: date, keys: Collection[str]
) -> dict[str, object]:
    """Values of `keys` for a store on a day; a key that nobody set is left out, so its default holds.

    Two values of one level valid on the same day: the one that began later wins, then the one written later.
    """
    query = (
        select(ConfigSetting)
        .where(
            ConfigSetting.key.in_(sorted(keys)),
            ConfigSetting.valid_from <= day,
            or_(ConfigSetting.valid_to.is_(None), ConfigSetting.valid_to > day),
            or_(ConfigSetting.store_id.is_(None), ConfigSetting.store_id == store_id),
        )
        .order_by(ConfigSetting.valid_from, ConfigSetting.created_at, ConfigSetting.id)
    )
    return choose(list(await session.scalars(query)))


def choose(rows: Collection[ConfigSetting]) -> dict[str, Any]:
    """The winning value of each key, from valid rows ordered oldest first."""
    of_group = {row.key: row for row in rows if row.store_id is None}
    of_store = {row.key: row for row in rows if row.store_id is not None}
    locked = {key: row for key, row in of_group.items() if row.locked}
    return {key: row.value["value"] for key, row in (of_group | of_store | locked).items()}

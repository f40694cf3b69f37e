"""Reading a group's configuration as it was written, beside `configuration`, which resolves it for a store and day."""

from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from ...tenancy.control import ConfigSetting

#: Values of one group; all are checked together when one is written.
MOST = 2000


async def settings_of(
    session: AsyncSession, group_id: UUID, store_id: UUID | None, *, limit: int = 500
) -> list[ConfigSetting]:
    """Values of the group, and with a store those of that store too: by key, newest first. Rows of `ConfigSetting`."""
    level: ColumnElement[bool] = ConfigSetting.store_id.is_(None)
    if store_id is not None:
        level = or_(level, ConfigSetting.store_id == store_id)
    query = (
        select(ConfigSetting)
        .where(ConfigSetting.group_id == group_id, level)
        .order_by(
            ConfigSetting.key, ConfigSetting.valid_from.desc(), ConfigSetting.created_at.desc(), ConfigSetting.id.desc()
        )
        .limit(max(1, min(limit, MOST)))
    )
    return list(await session.scalars(query))


async def all_settings(session: AsyncSession, group_id: UUID) -> list[ConfigSetting]:
    """Everything a group wrote, in the order in which it wins: later rows over earlier ones."""
    query = (
        select(ConfigSetting)
        .where(ConfigSetting.group_id == group_id)
        .order_by(ConfigSetting.valid_from, ConfigSetting.created_at, ConfigSetting.id)
        .limit(MOST + 1)
    )
    return list(await session.scalars(query))

"""The daily round of the change feeds: what is older than is kept is cut off, store by store."""

from datetime import time, timedelta

from ..domain.changes import trim_feed
from ..tenancy.schedule import Schedule
from ..tenancy.schedule_rules import Daily
from ..tenancy.session import ResolvedGroup
from .broker import PostgresBroker
from .context import JobContext, declare

DAILY = "changes.daily"
TRIM = "changes.trim"
#: At night, local time of the group.
AT = time(4, 10)


def register(broker: PostgresBroker, context: JobContext) -> None:
    """Declare the actors."""

    async def daily(*, group_id: str, due: str | None = None) -> None:
        await context.in_every_store(group_id, TRIM)

    async def trim(*, group_id: str, store_id: str) -> None:
        """In steps, each a transaction of its own: done again it finds nothing left to cut."""
        keep, cut = timedelta(days=context.platform.settings.feed_days), True
        while cut:
            async with context.store_step(group_id, store_id) as work:
                cut = await trim_feed(work, keep=keep) > 0

    declare(broker, DAILY, daily)
    declare(broker, TRIM, trim, store=True)


def schedule_of(group: ResolvedGroup) -> Schedule:
    """The schedule that the composition puts for each group."""
    return Schedule(name=DAILY, actor=DAILY, rule=Daily(AT), group_id=group.id, time_zone=group.time_zone)

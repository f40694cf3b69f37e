"""The hourly round of a group: one job per active store and kind of work. One schedule per group starts it."""

from ..tenancy.schedule import Schedule
from ..tenancy.schedule_rules import Every
from ..tenancy.session import ResolvedGroup
from .broker import PostgresBroker
from .context import JobContext, declare

#: What every store does each round, in this order.
STORE_ROUND = ("care.tick", "surveys.send_due", "surveys.remind_due", "surveys.expire_due")
ROUND = "rounds.stores"
#: A quarter of an hour, so that what is due within hours is not an hour late.
MINUTES = 15


def register(broker: PostgresBroker, context: JobContext) -> None:
    """Declare the actor."""

    async def stores(*, group_id: str, due: str | None = None) -> None:
        await context.in_every_store(group_id, *STORE_ROUND)

    declare(broker, ROUND, stores)


def schedule_of(group: ResolvedGroup) -> Schedule:
    """The schedule that the composition puts for each group (`tenancy.schedule.put_schedule`)."""
    return Schedule(name=ROUND, actor=ROUND, rule=Every(MINUTES), group_id=group.id, time_zone=group.time_zone)

"""The cleaning of kept answers of mutations: those whose key counts no longer, a bounded number in each transaction."""

from datetime import time

from ..domain.work import Platform
from ..tenancy.idempotency import MOST_FORGOTTEN, forget_of_control, forget_of_store
from ..tenancy.schedule import Schedule, put_schedule
from ..tenancy.schedule_rules import Daily
from ..tenancy.session import ResolvedGroup, control_session
from .broker import PostgresBroker
from .context import JobContext, declare

FORGET, OF_STORES, OF_STORE = "idempotency.forget", "idempotency.forget_of_stores", "idempotency.forget_of_store"
#: Transactions of one job; what is left is for the next day.
_MOST_TURNS = 500


def register(broker: PostgresBroker, context: JobContext) -> None:
    """Declare the actors. Each bears repetition: what is gone is gone."""

    async def forget(*, due: str | None = None) -> None:
        await _forget_of_control(context.platform)

    async def of_stores(*, group_id: str, due: str | None = None) -> None:
        await context.in_every_store(group_id, OF_STORE)

    async def of_store(*, group_id: str, store_id: str) -> None:
        for _ in range(_MOST_TURNS):
            async with context.store_step(group_id, store_id) as work:
                if await forget_of_store(work.session, work.now) < MOST_FORGOTTEN:
                    return

    declare(broker, FORGET, forget, platform=True)
    declare(broker, OF_STORES, of_stores)
    declare(broker, OF_STORE, of_store, store=True)


async def _forget_of_control(platform: Platform) -> None:
    for _ in range(_MOST_TURNS):
        async with control_session(platform.engines) as session:
            if await forget_of_control(session, platform.clock.now()) < MOST_FORGOTTEN:
                return


def schedule_of(group: ResolvedGroup) -> Schedule:
    """The schedule that the composition puts for each group."""
    rule = Daily(time(3, 50))
    return Schedule(name=OF_STORES, actor=OF_STORES, rule=rule, group_id=group.id, time_zone=group.time_zone)


async def put_round(platform: Platform) -> None:
    """Put the schedule of what belongs to no store, which is the installation's; saying it again changes nothing."""
    schedule = Schedule(name=FORGET, actor=FORGET, rule=Daily(time(3, 40)), group_id=None)
    async with control_session(platform.engines) as session:
        await put_schedule(session, schedule, now=platform.clock.now())

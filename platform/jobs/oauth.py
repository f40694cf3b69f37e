"""The daily round of the installation: signing keys are rotated, and what has ended is forgotten."""

from datetime import time

from ..auth.oauth.keys import NO_GROUP, PURPOSE, tend_keys
from ..auth.oauth.service import forget_ended
from ..domain.work import Platform
from ..tenancy.budgets import forget
from ..tenancy.schedule import Schedule, put_schedule
from ..tenancy.schedule_rules import Daily
from ..tenancy.session import control_session
from .broker import PostgresBroker
from .context import JobContext, declare

TEND = "oauth.tend"


def register(broker: PostgresBroker, context: JobContext) -> None:
    """Declare the actor."""

    async def tend(*, due: str | None = None) -> None:
        platform = context.platform
        async with control_session(platform.engines) as session:
            # Twice is once: a key that was rotated just now is not rotated again.
            await tend_keys(session, platform.sealer(NO_GROUP, PURPOSE), clock=platform.clock)
            await forget_ended(session, clock=platform.clock)
        await forget(platform.engines)

    declare(broker, TEND, tend, platform=True)


async def put_round(platform: Platform) -> None:
    """Put the schedule, which belongs to the installation; saying it again changes nothing."""
    schedule = Schedule(name=TEND, actor=TEND, rule=Daily(time(3, 17)), group_id=None)
    async with control_session(platform.engines) as session:
        await put_schedule(session, schedule, now=platform.clock.now())

"""Jobs of care: tasks from events, calls matched to tasks, the clock."""

from uuid import UUID

from ..domain.care import actions
from ..domain.surveys import reads as surveys
from .broker import PostgresBroker
from .context import JobContext, declare


def register(broker: PostgresBroker, context: JobContext) -> None:
    """Declare the actors of this feature."""

    async def plan_delivery_call(*, group_id: str, store_id: str, entity_id: str) -> None:
        async with context.store_work(group_id, store_id) as work:
            if work is not None:
                await actions.plan_delivery_call(work, UUID(entity_id))

    async def plan_service_follow_up(*, group_id: str, store_id: str, entity_id: str) -> None:
        async with context.store_work(group_id, store_id) as work:
            if work is not None:
                await actions.plan_service_follow_up(work, UUID(entity_id))

    async def plan_recovery(*, group_id: str, store_id: str, entity_id: str) -> None:
        """Care stands below surveys, so the door fetches the answer that care acts upon."""
        async with context.store_work(group_id, store_id) as work:
            if work is not None:
                await actions.plan_recovery(work, await surveys.answer_facts(work.session, UUID(entity_id)))

    async def match_call(*, group_id: str, store_id: str, entity_id: str) -> None:
        async with context.store_work(group_id, store_id) as work:
            if work is not None:
                await actions.match_call(work, UUID(entity_id))

    async def tick(*, group_id: str, store_id: str) -> None:
        async with context.store_work(group_id, store_id) as work:
            if work is not None:
                await actions.tick(work)

    declare(broker, "care.plan_delivery_call", plan_delivery_call, store=True)
    declare(broker, "care.plan_service_follow_up", plan_service_follow_up, store=True)
    declare(broker, "care.plan_recovery", plan_recovery, store=True)
    declare(broker, "care.match_call", match_call, store=True)
    declare(broker, "care.tick", tick, store=True)

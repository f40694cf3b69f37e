"""Jobs of surveys: planning from events, the hourly rounds, and delivering one message."""

from collections.abc import Mapping
from uuid import UUID

from ..domain.surveys import actions
from ..domain.surveys.messages import Channel
from .broker import PostgresBroker
from .channels import make_channels
from .context import JobContext, declare


def register(broker: PostgresBroker, context: JobContext, channels: Mapping[str, Channel] | None = None) -> None:
    """Declare the actors of this feature. `channels`: what carries messages, by name; by default what the settings say."""
    carriers = make_channels(context.platform.settings) if channels is None else channels

    async def plan_purchase_survey(*, group_id: str, store_id: str, entity_id: str) -> None:
        async with context.store_work(group_id, store_id) as work:
            if work is not None:
                await actions.plan_purchase_survey(work, UUID(entity_id))

    async def plan_service_survey(*, group_id: str, store_id: str, entity_id: str) -> None:
        async with context.store_work(group_id, store_id) as work:
            if work is not None:
                await actions.plan_service_survey(work, UUID(entity_id))

    async def plan_incident_survey(*, group_id: str, store_id: str, entity_id: str) -> None:
        async with context.store_work(group_id, store_id) as work:
            if work is not None:
                await actions.plan_incident_survey(work, UUID(entity_id))

    async def send_due(*, group_id: str, store_id: str) -> None:
        async with context.store_work(group_id, store_id) as work:
            if work is not None:
                await actions.send_due(work)

    async def remind_due(*, group_id: str, store_id: str) -> None:
        async with context.store_work(group_id, store_id) as work:
            if work is not None:
                await actions.remind_due(work)

    async def expire_due(*, group_id: str, store_id: str) -> None:
        async with context.store_work(group_id, store_id) as work:
            if work is not None:
                await actions.expire_due(work)

    async def deliver(*, group_id: str, store_id: str, invitation_id: str, round: int) -> None:  # noqa: A002
        """Two transactions around one effect: no inbox row, each step bears repetition by the invitation's own state."""
        async with context.store_step(group_id, store_id) as work:
            message = await actions.prepare_message(work, UUID(invitation_id), round_=round)
        if message is None:
            return
        receipt = await carriers[message.channel].send(message)
        async with context.store_step(group_id, store_id) as work:
            await actions.record_receipt(
                work, UUID(invitation_id), round_=round, channel=message.channel, delivered=receipt.delivered
            )

    declare(broker, "surveys.plan_purchase_survey", plan_purchase_survey, store=True)
    declare(broker, "surveys.plan_service_survey", plan_service_survey, store=True)
    declare(broker, "surveys.plan_incident_survey", plan_incident_survey, store=True)
    declare(broker, "surveys.send_due", send_due, store=True)
    declare(broker, "surveys.remind_due", remind_due, store=True)
    declare(broker, "surveys.expire_due", expire_due, store=True)
    declare(broker, "surveys.deliver", deliver, store=True)

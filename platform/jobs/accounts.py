"""Jobs of accounts: sending one letter, and the daily forgetting."""

from collections.abc import Mapping
from datetime import time
from uuid import UUID

from ..auth.upkeep import forget_ended
from ..domain.accounts import actions
from ..domain.surveys.messages import Channel, OutgoingMessage
from ..tenancy.schedule import Schedule
from ..tenancy.schedule_rules import Daily
from ..tenancy.session import ResolvedGroup, control_session
from .broker import PostgresBroker
from .channels import make_channels
from .context import JobContext, declare

FORGET = "accounts.forget"


def register(broker: PostgresBroker, context: JobContext, channels: Mapping[str, Channel] | None = None) -> None:
    """Declare the actors of this feature. `channels`: as `surveys.register`."""
    carriers = make_channels(context.platform.settings) if channels is None else channels

    async def send_letter(*, group_id: str, letter_id: str) -> None:
        """Two transactions around one effect: no inbox row, sending again sends the same letter under the same id."""
        async with context.group_step(group_id) as work:
            letter = await actions.prepare_letter(work, UUID(letter_id))
        if letter is None:
            return
        message = OutgoingMessage(
            letter.id, "EMAIL", letter.address, letter.subject, letter.text, letter.language, letter.sender
        )
        await carriers["EMAIL"].send(message)
        async with context.group_step(group_id) as work:
            await actions.letter_sent(work, UUID(letter_id))

    async def forget(*, group_id: str, due: str | None = None) -> None:
        """Deleting again deletes nothing. What belongs to no group is forgotten with the first group of the day."""
        async with context.group_step(group_id) as work:
            await actions.forget_old(work)
        async with control_session(context.platform.engines) as session:
            await forget_ended(session, clock=context.platform.clock)

    declare(broker, "accounts.send_letter", send_letter)
    declare(broker, FORGET, forget)


def schedule_of(group: ResolvedGroup) -> Schedule:
    """The schedule that the composition puts for each group."""
    return Schedule(name=FORGET, actor=FORGET, rule=Daily(time(3, 40)), group_id=group.id, time_zone=group.time_zone)

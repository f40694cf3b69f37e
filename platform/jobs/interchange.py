"""Jobs of imports."""

from uuid import UUID

from ..domain.interchange import actions
from .broker import PostgresBroker
from .context import JobContext, declare


def register(broker: PostgresBroker, context: JobContext) -> None:
    """Declare the actors of this feature."""

    async def import_batch(*, group_id: str, store_id: str, batch_id: str) -> None:
        async with context.store_work(group_id, store_id) as work:
            if work is not None:
                await actions.import_batch(work, UUID(batch_id))

    declare(broker, "interchange.import_batch", import_batch, store=True, time_limit=6 * 3_600_000)

"""Jobs of the month: each store evaluates itself and publishes its aggregates; then the group compares."""

from uuid import UUID

from ..domain.benchmark import actions as benchmark
from ..domain.evaluation import actions as evaluation
from ..domain.evaluation import reads as evaluation_reads
from ..domain.interchange import reads as interchange_reads
from .broker import PostgresBroker
from .context import JobContext, declare


def register(broker: PostgresBroker, context: JobContext) -> None:
    """Declare the actors of this feature."""

    async def close_store(*, group_id: str, store_id: str, month: str, close_id: str) -> None:
        """Evaluate one store, then publish: two transactions, both repeatable, because no SQL crosses schemas."""
        try:
            figures = await _evaluate(context, group_id, store_id, month)
        except Exception as error:
            await _finish(context, group_id, store_id, close_id, state="FAILED", reason=type(error).__name__)
            raise
        if isinstance(figures, str):
            await _finish(context, group_id, store_id, close_id, state="MISSING", reason=figures)
            return
        async with context.group_step(group_id) as work:
            await benchmark.publish_figures(
                work,
                UUID(close_id),
                UUID(store_id),
                month=month,
                run_id=figures.run_id,
                run_number=figures.number,
                provisional=figures.provisional,
                figures=[benchmark.Figure(kpi, x, n) for kpi, x, n in figures.counts],
            )

    async def refresh_month(*, group_id: str, store_id: str, month: str) -> None:
        async with context.store_work(group_id, store_id) as work:
            if work is not None:
                await evaluation.evaluate_month(work, month)

    async def compare(*, group_id: str, close_id: str) -> None:
        async with context.group_work(group_id) as work:
            if work is not None:
                await benchmark.compare(work, UUID(close_id))

    async def deadline(*, group_id: str, close_id: str) -> None:
        async with context.group_work(group_id) as work:
            if work is not None:
                await benchmark.end_waiting(work, UUID(close_id))

    declare(broker, "evaluation.close_store", close_store, store=True)
    declare(broker, "evaluation.refresh_month", refresh_month, store=True)
    declare(broker, "benchmark.compare", compare)
    declare(broker, "benchmark.deadline", deadline)


async def _evaluate(
    context: JobContext, group_id: str, store_id: str, month: str
) -> evaluation_reads.PublishedFigures | str:
    """The store's figures, or the reason why it has none."""
    async with context.store_step(group_id, store_id) as work:
        missing = await interchange_reads.missing_reason(work.session)
        if missing is not None:
            return missing
        run = await evaluation.evaluate_month(work, month)
        await work.session.flush()
        return await evaluation_reads.published_figures(work.session, run)


async def _finish(context: JobContext, group_id: str, store_id: str, close_id: str, *, state: str, reason: str) -> None:
    async with context.group_step(group_id) as work:
        await benchmark.finish_store(work, UUID(close_id), UUID(store_id), state=state, reason=reason)

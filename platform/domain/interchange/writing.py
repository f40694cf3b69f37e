"""Writing staged rows into a store: the one way in, for a whole export (`actions`) and for single records (`upsert`)."""

from collections.abc import Awaitable, Callable, Collection
from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from ..evaluation.reads import provisional_months
from ..work import Work
from . import live, merge
from .merge_map import MERGES


async def lock_writing(work: Work) -> None:
    """One at a time in a store: two that write the same rows would wait for one another in a circle."""
    await work.session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"import/{work.store.id}"))))


async def write_rows(
    work: Work,
    batch_id: UUID,
    files: Collection[str],
    live_since: date | None,
    also: Callable[[merge.Stamp], Awaitable[int]] | None = None,
) -> dict[str, merge.Counts]:
    """Merge the staged rows of these files, with what hangs on them, and announce it; what was done, per file.

    Args:
        live_since: facts from this local day on are treated as news: their events wake the planning jobs.
        also: changes more when the rows are merged, and says how many it changed.
    """
    session, stamp = work.session, merge.Stamp(now=work.now, actor=work.actor.key)
    zone = ZoneInfo(work.store.time_zone)
    news = await live.find_news(session, batch_id, zone, live_since) if live_since else []
    counts: dict[str, merge.Counts] = {}
    for step in MERGES:
        if step.file in files:
            found = await merge.merge_file(session, step, batch_id, **stamp)
            counts.setdefault(step.file, found)  # the second table of a file has no rows of its own
    more = 0 if also is None else await also(stamp)
    if "customers.csv" in files:
        await merge.sync_phones(session, batch_id, **stamp)
    if "complaints.csv" in files:
        await merge.sync_accused(session, batch_id)
    if "surveys.csv" in files:
        await merge.finish_surveys(session, batch_id)
    for entity, event, ids in [(one.entity, one.event, await live.ids_of(session, one)) for one in news]:
        for entity_id in ids:
            work.emit(event, entity, entity_id)
    if more or any(count.created or count.updated for count in counts.values()):
        for month in await provisional_months(session):
            work.enqueue("evaluation.refresh_month", month=month, dedupe_key=f"refresh/{month}")
    return counts

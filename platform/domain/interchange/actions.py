"""Importing: receive a store's files, check them as one batch, merge them in one transaction.

The bytes are kept in the store's own schema until they are merged, so any worker can finish what another began, and
personal data are never anywhere else. A batch that fails half-way leaves nothing but the batch itself.
"""

import asyncio
import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy import delete, func, select, update

from ...errors import Invalid, NotFound, WrongState
from ...tenancy.bulk import allow_long_statements
from ...tenancy.control import Store
from ...tenancy.ids import new_id
from .. import events
from ..work import GroupWork, Work
from . import merge
from .batch import BatchReport, MergeCounts, Opener, check_store
from .folder import open_store
from .format import STORE_FILES
from .group_files import GroupCheck, StoreRow
from .model import GroupImport, ImportBatch, ImportChunk, ImportRow
from .staging import Staging
from .text import read_records
from .writing import lock_writing, write_rows

CHUNK_BYTES = 1 << 20
ON_ROW_ERROR = ("SKIP", "ABORT")


async def receive_batch(
    work: Work,
    open_file: Opener,
    *,
    exported_at: datetime,
    on_row_error: str = "SKIP",
    live_since: date | None = None,
) -> UUID:
    """Keep the fourteen files of a store's folder and ask a worker to import them. Returns the batch's id.

    A file that is missing is not kept, so the check will refuse the batch for it.

    Args:
        exported_at: moment of the export (group.csv); nothing recorded may lie after it.
        on_row_error: SKIP leaves bad rows out, ABORT refuses the batch for any.
        live_since: facts from this local day on are treated as news: calls and invitations are planned for them.

    Raises:
        Invalid: `on_row_error` is neither.
    """
    work.require("interchange:export:import")
    if on_row_error not in ON_ROW_ERROR:
        raise Invalid("on_row_error is SKIP or ABORT", path=("onRowError",))
    batch = ImportBatch(
        id=new_id(),
        state="RECEIVED",
        exported_at=exported_at,
        on_row_error=on_row_error,
        live_since=live_since,
        created_by=work.actor.key,
        updated_by=work.actor.key,
    )
    work.session.add(batch)
    await work.session.flush()
    for spec in STORE_FILES:
        chunks = open_file(spec.name)
        if chunks is not None:
            await _keep(work, batch.id, spec.name, chunks)
    work.audit("interchange.receive", "ImportBatch", batch.id, after={"exported_at": exported_at.isoformat()})
    work.enqueue("interchange.import_batch", batch_id=str(batch.id))
    return batch.id


async def _keep(work: Work, batch_id: UUID, file: str, chunks: Iterable[bytes]) -> None:
    number, buffer = 0, bytearray()
    for chunk in chunks:
        buffer += chunk
        while len(buffer) >= CHUNK_BYTES:
            await _keep_chunk(work, batch_id, file, number, bytes(buffer[:CHUNK_BYTES]))
            del buffer[:CHUNK_BYTES]
            number += 1
    await _keep_chunk(work, batch_id, file, number, bytes(buffer))


async def _keep_chunk(work: Work, batch_id: UUID, file: str, number: int, content: bytes) -> None:
    chunk = ImportChunk(id=new_id(), batch_id=batch_id, file=file, number=number, content=content)
    work.session.add(chunk)
    await work.session.flush()
    work.session.expunge(chunk)


async def import_batch(work: Work, batch_id: UUID) -> BatchReport:
    """Check a received batch and merge its good rows: all in this transaction.

    A batch that is done already is left alone and its stored counts are returned, so the job may run twice.

    Raises:
        NotFound: there is no such batch.
    """
    work.require("interchange:export:import")
    await allow_long_statements(work.session)
    await lock_writing(work)
    batch = await work.session.get(ImportBatch, batch_id, with_for_update=True)
    if batch is None:
        raise NotFound("no such batch")
    if batch.state not in ("RECEIVED", "FAILED"):
        return _stored(batch)
    staging = Staging(work, batch_id, exported_at=batch.exported_at)
    with tempfile.TemporaryDirectory(prefix="forecourt-import-") as folder:
        await _unpack(work, batch_id, Path(folder) / "store")
        open_file = open_store(Path(folder), "store")
        assert open_file is not None  # noqa: S101  (just made)
        report = await check_store(
            open_file,
            exported_at=batch.exported_at,
            lookup=staging,
            sink=staging,
            on_row_error="ABORT" if batch.on_row_error == "ABORT" else "SKIP",
        )
        merged: dict[str, MergeCounts] = {}
        if report.result == "ACCEPTED":
            named, kept = await asyncio.to_thread(_positions, open_file)
            merged = await _merge(work, batch, report, named=named, kept=kept)
    batch.state = "MERGED" if report.result == "ACCEPTED" else "REFUSED"
    batch.refusal = report.refusal.as_dict() if report.refusal else None
    batch.counts = {"accepted": dict(report.accepted), "refused": dict(report.refused)}
    batch.counts["merged"] = {file: asdict(counts) for file, counts in merged.items()}
    batch.finished_at = batch.updated_at = work.now
    batch.updated_by = work.actor.key
    batch.version += 1
    await work.session.execute(delete(ImportRow).where(ImportRow.batch_id == batch_id))
    await work.session.execute(delete(ImportChunk).where(ImportChunk.batch_id == batch_id))
    work.audit("interchange.import", "ImportBatch", batch_id, after={"result": report.result})
    work.emit(events.IMPORT_MERGED, "ImportBatch", batch_id, result=report.result)
    return report


def _stored(batch: ImportBatch) -> BatchReport:
    return BatchReport("ACCEPTED" if batch.state == "MERGED" else "REFUSED", accepted=batch.counts.get("accepted", {}))


async def _unpack(work: Work, batch_id: UUID, folder: Path) -> None:
    """Write the kept bytes as files, a chunk at a time."""
    await asyncio.to_thread(folder.mkdir)
    query = (
        select(ImportChunk.file, ImportChunk.content)
        .where(ImportChunk.batch_id == batch_id)
        .order_by(ImportChunk.file, ImportChunk.number)
        .execution_options(yield_per=4)
    )
    async for file, content in await work.session.stream(query):
        await asyncio.to_thread(_append, folder / file, content)


def _append(path: Path, content: bytes) -> None:
    with path.open("ab") as stream:
        stream.write(content)


def _positions(open_file: Opener) -> tuple[set[str], set[tuple[str, str]]]:
    """Who positions.csv names, and the keys of all its rows, also of refused ones: those keep what is stored."""
    chunks = open_file("positions.csv")
    assert chunks is not None  # noqa: S101  (the check found the file)
    records = read_records(chunks)
    header = next(records)[1]
    person, start = header.index("employee_no"), header.index("valid_from")
    keys = {(cells[person], cells[start]) for _, cells in records if len(cells) == len(header)}
    return {number for number, _ in keys}, keys


async def _merge(
    work: Work, batch: ImportBatch, report: BatchReport, *, named: set[str], kept: set[tuple[str, str]]
) -> dict[str, MergeCounts]:
    async def other_periods(stamp: merge.Stamp) -> int:
        return await merge.drop_other_periods(work.session, batch.id, named=named, kept=kept, **stamp)

    files = [spec.name for spec in STORE_FILES]
    written = await write_rows(work, batch.id, files, batch.live_since, other_periods)
    return {
        file: MergeCounts(found.created, found.updated, found.unchanged, report.refused.get(file, 0))
        for file, found in written.items()
    }


# --- the group's own files -------------------------------------------------------------------------------------------


async def record_group_import(work: GroupWork, check: GroupCheck, batches: dict[str, UUID | None]) -> UUID:
    """Keep what group.csv and stores.csv said, and update the stores' descriptions.

    Raises:
        WrongState: the group's files were refused.

    Args:
        batches: store code → its batch, or None when the store has no folder (NO_EXPORT).
    """
    work.require("interchange:export:import")
    if check.group is None:
        raise WrongState("the group's files were refused")
    for row in check.stores:
        await _describe(work, row, check.group.time_zone)
    record = GroupImport(
        id=new_id(),
        group_id=work.group.id,
        exported_at=check.group.exported_at,
        covers_from=f"{check.group.covers_from:%Y-%m}",
        covers_to=f"{check.group.covers_to:%Y-%m}",
        group_errors=[finding.as_dict() for finding in check.errors],
        stores={code: str(batch) if batch else None for code, batch in batches.items()},
        created_at=work.now,
        created_by=work.actor.key,
    )
    work.session.add(record)
    work.audit("interchange.group_import", "GroupImport", record.id)
    return record.id


async def _describe(work: GroupWork, row: StoreRow, group_zone: str) -> None:
    await work.session.execute(
        update(Store)
        .where(Store.group_id == work.group.id, Store.code == row.store_code)
        .values(
            name=row.store_name,
            brand=row.brand,
            region=row.region,
            grade=row.grade,
            city_tier=row.city_tier,
            opened_on=row.opened_on,
            time_zone=row.time_zone or group_zone,
            status=row.status,
            updated_at=func.now(),
        )
    )

"""Checking group.csv and stores.csv, before any store (docs/interchange.md sections 1, 3 and 4)."""

import asyncio
from dataclasses import dataclass
from datetime import date, datetime

from .batch import MemoryStage, Opener, Tally, check_file, file_fault, open_rows
from .checks import AcceptedRow, FileFault, Known, PeriodBook, judge, named, read_chunk
from .findings import Finding
from .format import GROUP, STORES, FileSpec


@dataclass(frozen=True, slots=True)
class GroupRow:
    """The row of group.csv. Months are their first days; ``exported_at`` is in UTC."""

    format_version: str
    group_code: str
    group_name: str
    currency: str
    time_zone: str
    exported_at: datetime
    covers_from: date
    covers_to: date


@dataclass(frozen=True, slots=True)
class StoreRow:
    """A row of stores.csv. ``time_zone`` None = the group's."""

    store_code: str
    store_name: str
    brand: str
    region: str | None
    grade: str | None
    city_tier: int | None
    opened_on: date | None
    time_zone: str | None
    status: str


@dataclass(frozen=True)
class GroupCheck:
    """What the group's two files say. ``group`` None: the whole import stops, for the reasons in ``errors``."""

    group: GroupRow | None
    stores: tuple[StoreRow, ...]
    """In file order; a refused row is left out."""
    errors: tuple[Finding, ...]
    """``group_errors`` of an expected file."""
    warnings: tuple[Finding, ...]


async def check_group(open_file: Opener) -> GroupCheck:
    """Check both files. A fault in group.csv, or a file fault in stores.csv, stops the import.

    group.csv must have exactly one row: none, or one more with another key, is a ROW_COUNT (a code of our own).
    """
    tally = Tally()
    group: GroupRow | None = None
    stage = MemoryStage()
    try:
        await _look_through(GROUP, open_file)
        group = _read_group(open_file, tally)
        if group is not None:
            await _look_through(STORES, open_file)
            await check_file(STORES, open_file, tally, exported_at=group.exported_at, lookup=stage, sink=stage)
    except FileFault as fault:
        return GroupCheck(None, (), (*tally.errors, fault.finding), tuple(tally.warnings))
    stores = tuple(StoreRow(**named(STORES, row)) for row in stage.rows.get(STORES.name, ()))
    return GroupCheck(group, stores, tuple(tally.errors), tuple(tally.warnings))


async def _look_through(spec: FileSpec, open_file: Opener) -> None:
    fault = await asyncio.to_thread(file_fault, spec, open_file)
    if fault is not None:
        raise FileFault(fault)


def _read_group(open_file: Opener, tally: Tally) -> GroupRow | None:
    """The one good row of group.csv, if nothing is wrong with it."""
    layout, records = open_rows(GROUP, open_file)
    tally.count(GROUP, [], layout.warnings)
    # More rows than one are wrong anyway: those of one chunk are enough to say so.
    chunk = read_chunk(layout, records)
    rows: list[AcceptedRow] = []
    findings: list[Finding] = []
    if chunk is not None:
        judged = judge(chunk, Known((), {}), exported_at=None, periods=PeriodBook())
        rows, findings = judged.rows, judged.findings
    findings += [Finding(GROUP.name, row.line, "", "ROW_COUNT") for row in rows[1:]]
    if not rows and not findings:
        findings = [Finding(GROUP.name, 1, "", "ROW_COUNT")]
    findings.sort(key=lambda finding: finding.line)
    tally.count(GROUP, rows[:1], findings)
    return None if findings else GroupRow(**named(GROUP, rows[0]))

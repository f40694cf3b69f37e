"""Checking one store's folder as one batch (docs/interchange.md section 3): every file as a whole, then every row.

The driver knows no database. It asks a ``Lookup`` which keys exist and hands accepted rows and findings to a ``Sink``;
``MemoryStage`` is both, for tests and small uses. Rows are handed over before it is certain that the batch is accepted,
so a sink stages them and merges only when the report says ACCEPTED.

A stage in a database, in outline::

    class Staging:                                   # Lookup and Sink over one transaction
        async def taken(self, file, keys): ...       # select ... from staged_<file> where key in keys
        async def present(self, file, codes): ...    # the same, union the store's own table
        async def accept(self, file, rows): ...      # copy into staged_<file>
        async def report(self, findings): ...        # copy into import_findings

    report = await check_store(folder, exported_at=group.exported_at, lookup=staging, sink=staging)
    if report.result == "ACCEPTED":
        merged = await merge(staging)                # created, updated, unchanged per file
        report = replace(report, merged=merged)
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from .checks import (
    CHUNK_ROWS,
    AcceptedRow,
    FileFault,
    Key,
    Known,
    Layout,
    PeriodBook,
    judge,
    key_of,
    lay_out,
    read_chunk,
)
from .findings import Finding
from .format import FILES, STORE_FILES, FileSpec
from .text import Record, TextFault, read_records

Opener = Callable[[str], Iterable[bytes] | None]
"""Opens a file of the folder by name as chunks of bytes, from its beginning each time; None when it is not there."""
OnRowError = Literal["SKIP", "ABORT"]
"""The setting ``import.on_row_error``."""
Result = Literal["ACCEPTED", "REFUSED", "NO_EXPORT"]
KEPT_FINDINGS = 100_000
"""Errors, and warnings, that a report holds itself; the sink gets all."""


class Lookup(Protocol):
    """What the driver asks. Called with at most a chunk's keys at a time; more than was asked for may be answered."""

    async def taken(self, file: str, keys: Collection[Key]) -> Collection[Key]:
        """Those of ``keys`` that a row of ``file`` accepted earlier in this batch has (stored rows do not count)."""

    async def present(self, file: str, codes: Collection[str]) -> Collection[str]:
        """Those of ``codes`` that a row of ``file`` accepted in this batch, or imported by the store before, has."""


class Sink(Protocol):
    """Where the driver puts what it found. The look-ups that follow must see the rows."""

    async def accept(self, file: str, rows: Sequence[AcceptedRow]) -> None:
        """Stage rows of ``file``, in file order."""

    async def report(self, findings: Sequence[Finding]) -> None:
        """Keep findings, in the order of the report."""


@dataclass(frozen=True, slots=True)
class MergeCounts:
    """What writing the accepted rows of one file did, and how many rows were refused."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0


@dataclass(frozen=True)
class BatchReport:
    """What became of one store's folder."""

    result: Result
    refusal: Finding | None = None
    """Why the batch was refused: the file fault, or under ABORT the first row fault."""
    errors: tuple[Finding, ...] = ()
    """Row faults, at most the first ``KEPT_FINDINGS``; ``error_count`` says how many there are."""
    warnings: tuple[Finding, ...] = ()
    accepted: Mapping[str, int] = field(default_factory=dict)
    """Rows found good, per file; empty unless ACCEPTED."""
    refused: Mapping[str, int] = field(default_factory=dict)
    """Rows refused, per file."""
    error_count: int = 0
    warning_count: int = 0
    merged: Mapping[str, MergeCounts] | None = None
    """Filled in by whoever writes the rows."""

    def as_dict(self) -> dict[str, object]:
        """The batch under ``imports`` of an expected file (section 10)."""
        return {
            "result": self.result,
            "refusal": self.refusal.as_dict() if self.refusal else None,
            "errors": [finding.as_dict() for finding in self.errors],
            "warnings": [finding.as_dict() for finding in self.warnings],
            "accepted": dict(self.accepted),
        }


NO_EXPORT = BatchReport("NO_EXPORT")
"""A store in stores.csv without a folder."""


async def check_store(
    open_file: Opener,
    *,
    exported_at: datetime,
    lookup: Lookup,
    sink: Sink,
    on_row_error: OnRowError = "SKIP",
    chunk_rows: int = CHUNK_ROWS,
) -> BatchReport:
    """Check the fourteen files of a store's folder; rows and findings go to ``sink`` on the way."""
    tally = Tally()
    for spec in STORE_FILES:
        # Reading gigabytes once over must not hold up whatever else shares this thread's loop.
        fault = await asyncio.to_thread(file_fault, spec, open_file)
        if fault is not None:
            return await _refused(fault, sink)
    for spec in STORE_FILES:
        try:
            await check_file(
                spec, open_file, tally, exported_at=exported_at, lookup=lookup, sink=sink, chunk_rows=chunk_rows
            )
        except FileFault as fault:  # the file has changed since it was looked through
            return await _refused(fault.finding, sink)
    return tally.report(on_row_error)


def file_fault(spec: FileSpec, open_file: Opener) -> Finding | None:
    """Read a file to its end and say its first file fault, in the sequence of section 3."""
    try:
        records = _open(spec, open_file, only_header=True)
        header = next(records, (1, []))[1]
        # The faults of the text come before those of the header, wherever they stand.
        next(records, None)
        lay_out(spec, header)
    except FileFault as fault:
        return fault.finding
    return None


def open_rows(spec: FileSpec, open_file: Opener) -> tuple[Layout, Iterator[Record]]:
    """The layout of a file and its records behind the header. Raises ``FileFault``, also while the records are read."""
    records = _open(spec, open_file)
    return lay_out(spec, next(records, (1, []))[1]), records


async def check_file(
    spec: FileSpec,
    open_file: Opener,
    tally: "Tally",
    *,
    exported_at: datetime | None,
    lookup: Lookup,
    sink: Sink,
    chunk_rows: int = CHUNK_ROWS,
) -> None:
    """Check the rows of one file. Raises ``FileFault``."""
    layout, records = open_rows(spec, open_file)
    tally.count(spec, [], layout.warnings)
    if layout.warnings:
        await sink.report(layout.warnings)
    periods = PeriodBook()
    while (chunk := read_chunk(layout, records, chunk_rows)) is not None:
        known = Known(
            taken=await lookup.taken(spec.name, chunk.keys) if chunk.keys else (),
            present={file: await lookup.present(file, codes) for file, codes in chunk.references.items() if codes},
        )
        judged = judge(chunk, known, exported_at=exported_at, periods=periods)
        tally.count(spec, judged.rows, judged.findings)
        if judged.rows:
            await sink.accept(spec.name, judged.rows)
        if judged.findings:
            await sink.report(judged.findings)


def _open(spec: FileSpec, open_file: Opener, *, only_header: bool = False) -> Iterator[Record]:
    chunks = open_file(spec.name)
    if chunks is None:
        raise FileFault(Finding(spec.name, 0, "", "MISSING_FILE"))
    return _told(spec, read_records(chunks, only_first=only_header))


def _told(spec: FileSpec, records: Iterator[Record]) -> Iterator[Record]:
    """Records whose text faults name their file."""
    try:
        yield from records
    except TextFault as fault:
        raise FileFault(Finding(spec.name, fault.line, "", fault.code)) from None


async def _refused(fault: Finding, sink: Sink) -> BatchReport:
    await sink.report([fault])
    return BatchReport("REFUSED", fault)


class Tally:
    """Counts and the first findings of a batch."""

    def __init__(self) -> None:
        self.accepted: dict[str, int] = {}
        self.refused: dict[str, int] = {}
        self.errors: list[Finding] = []
        self.warnings: list[Finding] = []
        self.error_count = 0
        self.warning_count = 0

    def count(self, spec: FileSpec, rows: Sequence[AcceptedRow], findings: Sequence[Finding]) -> None:
        errors = [finding for finding in findings if finding.severity != "WARNING"]
        warnings = [finding for finding in findings if finding.severity == "WARNING"]
        self.accepted[spec.name] = self.accepted.get(spec.name, 0) + len(rows)
        self.refused[spec.name] = self.refused.get(spec.name, 0) + len({finding.line for finding in errors})
        self.errors += errors[: KEPT_FINDINGS - len(self.errors)]
        self.warnings += warnings[: KEPT_FINDINGS - len(self.warnings)]
        self.error_count += len(errors)
        self.warning_count += len(warnings)

    def report(self, on_row_error: OnRowError) -> BatchReport:
        aborted = on_row_error == "ABORT" and self.error_count > 0
        return BatchReport(
            "REFUSED" if aborted else "ACCEPTED",
            self.errors[0] if aborted else None,
            tuple(self.errors),
            tuple(self.warnings),
            {} if aborted else self.accepted,
            self.refused,
            self.error_count,
            self.warning_count,
        )


class MemoryStage:
    """A ``Lookup`` and ``Sink`` that keeps everything in memory.

    ``stored`` are the keys of earlier imports, per file.
    """

    def __init__(self, stored: Mapping[str, Collection[str]] | None = None) -> None:
        self.stored = {file: frozenset(codes) for file, codes in (stored or {}).items()}
        self.rows: dict[str, list[AcceptedRow]] = {}
        self.findings: list[Finding] = []
        self._keys: dict[str, set[Key]] = {}

    async def taken(self, file: str, keys: Collection[Key]) -> Collection[Key]:
        return self._keys.get(file, set()).intersection(keys)

    async def present(self, file: str, codes: Collection[str]) -> Collection[str]:
        staged, stored = self._keys.get(file, set()), self.stored.get(file, frozenset())
        return {code for code in codes if code in stored or (code,) in staged}

    async def accept(self, file: str, rows: Sequence[AcceptedRow]) -> None:
        self.rows.setdefault(file, []).extend(rows)
        self._keys.setdefault(file, set()).update(key_of(FILES[file], row.values) for row in rows)

    async def report(self, findings: Sequence[Finding]) -> None:
        self.findings += findings

"""Single records of other systems, by the keys and rules of the exchange format (docs/interchange.md, sections 2 to 4).

What a dealer-management system sends all day. A record is a whole row of one of the format's files: it is checked as a row
of an export is, staged, and merged by the same statements, so that the same record twice changes nothing, and a record and
an export may follow each other in any order. What a record leaves out is unknown, as an empty cell is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal
from uuid import UUID

from sqlalchemy import delete, insert

from ...errors import AllRefused, Invalid, Refused
from ...tenancy.ids import new_id
from ..work import Work
from .checks import AcceptedRow, Known, PeriodBook, judge, key_of, lay_out, read_chunk
from .findings import Finding
from .format import FILES
from .merge import stored
from .merge_map import MERGES
from .model import ImportBatch, ImportRow
from .staging import Staging, key_text
from .text import SPACES
from .writing import lock_writing, write_rows

MOST_RECORDS: Final = 100
PERMISSION: Final = "interchange:record:write"
#: The files whose rows may come one by one. Not among them: teams, employees and positions (a person's whole history comes
#: at once), complaints and surveys (people judge by them, and record them by actions of their own), targets (decided here).
OFFERED: Final = (
    "customers.csv",
    "vehicles.csv",
    "sales_orders.csv",
    "repair_orders.csv",
    "labour_lines.csv",
    "part_lines.csv",
    "attendance.csv",
    "calls.csv",
)
Outcome = Literal["CREATED", "UPDATED", "UNCHANGED", "REFUSED"]


@dataclass(slots=True)
class Result:
    """What became of one record: its row, unless it was refused, and what was found in it."""

    outcome: Outcome = "REFUSED"
    id: UUID | None = None
    faults: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)


async def upsert(
    work: Work,
    file: str,
    records: Sequence[Mapping[str, str]],
    *,
    all_or_nothing: bool = False,
    live_since: date | None = None,
) -> list[Result]:
    """Write records of one file of the format; what became of each, in their order.

    Args:
        records: 1 to 100 of them; column of the format → cell, as an export writes it. A column left out is an empty cell.
        all_or_nothing: write nothing when one is refused; without, the good ones are written.
        live_since: facts from this local day on are treated as news: calls and surveys are planned for them.

    Raises:
        Invalid: no records, or too many. AllRefused: records were refused, and `all_or_nothing`; it says which and why.
    """
    work.require(PERMISSION)
    if not 1 <= len(records) <= MOST_RECORDS:
        raise Invalid(f"1 to {MOST_RECORDS} records", path=("items",))
    spec = FILES[file]
    await lock_writing(work)
    batch = await _batch(work)
    staging = Staging(work, batch, exported_at=work.now)
    names = [one.name for one in spec.columns]
    rows = ((place, [record.get(name, "").strip(SPACES) for name in names]) for place, record in enumerate(records))
    chunk = read_chunk(lay_out(spec, names), iter(rows), MOST_RECORDS)
    assert chunk is not None  # noqa: S101  (there is a record)
    wanted = chunk.references.items()
    known = Known(taken=(), present={one: await staging.present(one, codes) for one, codes in wanted if codes})
    judged = judge(chunk, known, exported_at=work.now, periods=PeriodBook())
    results = [Result() for _ in records]
    for finding in judged.findings:
        kept = results[finding.line].warnings if finding.severity == "WARNING" else results[finding.line].faults
        kept.append(finding)
    faults = [finding for result in results for finding in result.faults]
    if faults and all_or_nothing:
        raise AllRefused([_refused(finding) for finding in faults])
    if judged.rows:
        await _write(work, staging, batch, file, judged.rows, results, live_since)
    await work.session.execute(delete(ImportRow).where(ImportRow.batch_id == batch))
    await work.session.execute(delete(ImportBatch).where(ImportBatch.id == batch))
    return results


def camel(name: str) -> str:
    """A column as the API names it."""
    first, *more = name.split("_")
    return first + "".join(map(str.capitalize, more))


def path_of(finding: Finding) -> tuple[str, ...]:
    """Where a finding lies in the input; a record's place is its line."""
    return ("items", str(finding.line), *([camel(finding.column)] if finding.column else []))


def _refused(finding: Finding) -> Refused:
    return Refused(finding.code, path=path_of(finding))


async def _batch(work: Work) -> UUID:
    """A batch for as long as this transaction: staged rows belong to one."""
    id_ = new_id()
    plain = {"created_by": work.actor.key, "updated_by": work.actor.key}
    values = {"id": id_, "state": "CHECKED", "exported_at": work.now, "on_row_error": "SKIP", **plain}
    await work.session.execute(insert(ImportBatch).values(values))
    return id_


async def _write(
    work: Work,
    staging: Staging,
    batch: UUID,
    file: str,
    rows: Sequence[AcceptedRow],
    results: Sequence[Result],
    live_since: date | None,
) -> None:
    spec, step = FILES[file], next(one for one in MERGES if one.file == file)
    await staging.accept(file, rows)
    before = await stored(work.session, step, batch)
    await write_rows(work, batch, (file,), live_since)
    after = await stored(work.session, step, batch)
    for row in rows:
        key = key_text(key_of(spec, row.values))
        result = results[row.line]
        result.id, written = after[key]
        result.outcome = "CREATED" if key not in before else "UPDATED" if written else "UNCHANGED"
        if result.outcome != "UNCHANGED":
            work.audit(
                "interchange.upsert",
                step.table.__name__,
                result.id,
                after={"outcome": result.outcome, "batch": str(batch)},
            )

"""Reading imports."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from .format import FILES
from .model import GroupImport, ImportBatch, ImportFinding


async def missing_reason(session: AsyncSession) -> str | None:
    """Why a store has no data to evaluate: NO_EXPORT (never imported) or REFUSED; None when a batch was accepted."""
    merged = select(ImportBatch.id).where(ImportBatch.state == "MERGED").limit(1)
    if (await session.scalars(merged)).first() is not None:
        return None
    newest = select(ImportBatch.state).order_by(ImportBatch.created_at.desc(), ImportBatch.id.desc()).limit(1)
    return "REFUSED" if (await session.scalars(newest)).first() == "REFUSED" else "NO_EXPORT"


async def batch_state(session: AsyncSession, batch_id: UUID) -> str | None:
    """State of a batch, None when there is none."""
    return await session.scalar(select(ImportBatch.state).where(ImportBatch.id == batch_id))


async def batch_report(session: AsyncSession, batch_id: UUID) -> dict[str, Any]:
    """A batch as it stands under `imports` of a report (docs/interchange.md section 10)."""
    batch = await session.get_one(ImportBatch, batch_id)
    files = {name: place for place, name in enumerate(FILES)}
    findings = (
        await session.scalars(
            select(ImportFinding).where(ImportFinding.batch_id == batch_id).order_by(ImportFinding.number)
        )
    ).all()

    def listed(severity: str) -> list[dict[str, Any]]:
        rows = [row for row in findings if row.severity == severity]
        rows.sort(key=lambda row: (files[row.file], row.line))
        return [{"file": row.file, "line": row.line, "column": row.column, "code": row.code} for row in rows]

    accepted = batch.state == "MERGED"
    # A file fault refuses the batch before any row is looked at: it is the refusal, not one error among others.
    whole_file = batch.refusal is not None and not batch.counts.get("refused")
    return {
        "result": "ACCEPTED" if accepted else "REFUSED",
        "refusal": batch.refusal,
        "errors": [] if whole_file else listed("ERROR"),
        "warnings": [] if whole_file else listed("WARNING"),
        "accepted": batch.counts.get("accepted", {}) if accepted else {},
    }


async def batch_counts(session: AsyncSession, batch_id: UUID) -> dict[str, Any]:
    """Per file of a batch, how many rows were created, updated, unchanged and refused; empty when it was refused."""
    batch = await session.get_one(ImportBatch, batch_id)
    counts: dict[str, Any] = batch.counts.get("merged", {})
    return counts


async def newest_group_import(session: AsyncSession, group_id: UUID) -> GroupImport | None:
    """The group's newest import, None before the first."""
    query = select(GroupImport).where(GroupImport.group_id == group_id).order_by(GroupImport.id.desc()).limit(1)
    return (await session.scalars(query)).first()

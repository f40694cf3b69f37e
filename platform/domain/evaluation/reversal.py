"""Taking ledger entries back after an upheld appeal: by opposite entries, with the cards rescored."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import aliased

from ...tenancy.ids import new_id
from ..work import Work
from .model import Appeal, EvaluationRun
from .model import LedgerEntry as EntryRow
from .model import Scorecard as CardRow
from .report_rules import TOTAL_PLACES, shown
from .scheme_rules import final_total, verdict_on


def stamp(work: Work, row: Any, **values: Any) -> None:
    """Change a row, with its version and who did it."""
    for name, value in values.items():
        setattr(row, name, value)
    row.version += 1
    row.updated_at, row.updated_by = work.now, work.actor.key


async def uphold(work: Work, run: EvaluationRun, entry: EntryRow, *, reason: str) -> None:
    """Take back an entry in its run, and the same entry in runs that restated the month since."""
    await _reverse(work, entry, reason=reason)
    later = select(EvaluationRun.id).where(
        EvaluationRun.month == run.month,
        EvaluationRun.number > run.number,
        EvaluationRun.state.in_(("APPROVED", "PUBLISHED")),
    )
    twins = select(EntryRow).where(
        EntryRow.run_id.in_(later), *(getattr(EntryRow, name) == getattr(entry, name) for name in _SAME)
    )
    for twin in await work.session.scalars(twins.where(EntryRow.cause != "REVERSAL").with_for_update()):
        await _reverse(work, twin, reason=reason)


async def repeat_reversals(work: Work, run: EvaluationRun) -> None:
    """Take back what appeals against earlier runs of the month took back: a restatement does not punish again."""
    earlier, appealed = aliased(EvaluationRun), aliased(EntryRow)
    query = (
        select(EntryRow, Appeal.id)
        .join(appealed, and_(*(getattr(appealed, name) == getattr(EntryRow, name) for name in _SAME)))
        .join(Appeal, and_(Appeal.entry_id == appealed.id, Appeal.state == "UPHELD"))
        .join(earlier, and_(earlier.id == appealed.run_id, earlier.month == run.month))
        .where(EntryRow.run_id == run.id, EntryRow.cause != "REVERSAL", appealed.run_id != run.id)
        .order_by(EntryRow.id, Appeal.id)
    )
    for entry, appeal_id in (await work.session.execute(query)).all():
        await _reverse(work, entry, reason=f"appeal {appeal_id}")


async def _reverse(work: Work, entry: EntryRow, *, reason: str) -> None:
    """Take back an entry and its joint children by opposite entries; what was written stays.

    An entry that was taken back already, with the one that led to it, is left alone.
    """
    children = await work.session.scalars(
        select(EntryRow).where(EntryRow.parent_id == entry.id, EntryRow.state == "POSTED").with_for_update()
    )
    for one in [row for row in (entry, *children) if row.state == "POSTED"]:
        stamp(work, one, state="REVERSED", reason=reason)
        opposite = {
            **{name: getattr(one, name) for name in _COPIED},
            "id": new_id(),
            "points": -one.points,
            "cause": "REVERSAL",
            "reverses_id": one.id,
            "state": "POSTED",
            "reason": reason,
            "created_by": work.actor.key,
            "updated_by": work.actor.key,
        }
        work.session.add(EntryRow(**opposite))
        await _rescore(work, one)


#: What makes two entries of different runs the same.
_SAME = ("scheme", "rule", "evidence_key", "employee_id")
_COPIED = (
    "run_id",
    "scheme",
    "rule",
    "employee_id",
    "evidence_kind",
    "evidence_id",
    "evidence_key",
    "occurred_at",
    "period",
    "parent_id",
)


async def _rescore(work: Work, entry: EntryRow) -> None:
    """Give a card the total that its posted entries now make; the exact score was kept, so nothing is rounded twice."""
    query = select(CardRow).where(
        CardRow.run_id == entry.run_id, CardRow.scheme == entry.scheme, CardRow.employee_id == entry.employee_id
    )
    card = (await work.session.scalars(query.with_for_update())).one()
    points = card.ledger_points - entry.points
    total = final_total(None if card.score is None else Fraction(card.score), points)
    verdict = verdict_on(total, card.pass_mark)
    stamp(work, card, ledger_points=points, total=shown_decimal(total), verdict=verdict.value)


def shown_decimal(total: Fraction | None) -> Decimal | None:
    """A total as it is stored: two decimals, rounded half up."""
    text = shown(total, TOTAL_PLACES)
    return None if text is None else Decimal(text)

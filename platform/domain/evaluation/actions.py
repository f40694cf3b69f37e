"""Evaluating a month of a store: calculate, approve, publish, appeal. No penalty stands without a person's approval."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from ...errors import Forbidden, NotFound, Refused, StaleVersion, WrongState
from ...tenancy.ids import new_id
from .. import events
from ..configuration import resolved_settings
from ..work import Work
from . import facts, reversal
from .calendar_rules import Month, Period
from .keeping import Keeper, evidence_of
from .model import Appeal, EvaluationRun
from .model import LedgerEntry as EntryRow
from .model import Scheme as SchemeRow
from .model import Scorecard as CardRow
from .month_rules import close_store_month
from .reads import load_month_facts
from .report_rules import store_report
from .reversal import stamp
from .scheme_specs import Scheme, parse_scheme
from .settings_rules import KEYS, MonthSettings


async def evaluate_month(work: Work, month: str) -> EvaluationRun:
    """Calculate a month from the facts as they stand, and keep it as a run in REVIEW.

    The same facts, settings and schemes give the same bytes, so a second call finds its run and changes nothing. Late
    data give a new run with the next number (a restatement); a run that nobody has published yet is then superseded.
    Before the freeze the run is provisional.

    Raises:
        Invalid: the month, a setting or a scheme cannot be read; the error says which.
    """
    work.require("evaluation:month:close")
    when = Month.parse(month)
    # One calculation at a time for a store and month; the other one then finds this one's run.
    await work.session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"{work.store.id}/{month}"))))
    settings = MonthSettings.from_dict(await resolved_settings(work.session, work.store.id, when.first_day, KEYS))
    schemes = await active_schemes(work)
    store = facts.StoreInfo(work.store.code, work.store.time_zone, work.store.id)
    period = Period.of(when, store.zone, settings.freeze)
    longest = max((rule.within for rule in settings.recovery), default=None)
    window = {} if longest is None else {"recovery_window": longest}
    month_facts = await load_month_facts(work.session, store, period, **window)
    result = close_store_month(month_facts, when, settings, schemes, as_of=work.now)
    report = store_report(result)
    result_hash = _hash(report, result.provisional, list(evidence_of(result)))
    newest = await _newest(work, month)
    if newest is not None and newest.result_hash == result_hash:
        return newest
    inputs = _hash([scheme.to_json() for scheme in schemes], repr(settings), repr(month_facts))
    run = EvaluationRun(
        id=new_id(),
        month=month,
        number=newest.number + 1 if newest else 1,
        state="REVIEW",
        provisional=result.provisional,
        as_of=work.now,
        frozen_at=result.frozen_at,
        inputs_hash=inputs,
        result_hash=result_hash,
        report=report,
        restates_id=newest.id if newest else None,
        created_by=work.actor.key,
        updated_by=work.actor.key,
    )
    work.session.add(run)
    await _supersede(work, month, run, states=("REVIEW", "APPROVED"))
    await work.session.flush()
    await Keeper(work, run, result, month_facts.employees, schemes).keep()
    work.audit("evaluation.calculate", "EvaluationRun", run.id, after={"month": month, "number": run.number})
    work.emit(events.EVALUATION_CALCULATED, "EvaluationRun", run.id, month=month, number=run.number)
    return run


def _hash(*parts: Any) -> bytes:
    """SHA-256 of canonical JSON: keys sorted, no spaces."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).digest()


async def active_schemes(work: Work) -> Sequence[Scheme]:
    """The group's active schemes, by the order in which they were written."""
    query = select(SchemeRow.body).where(SchemeRow.state == "ACTIVE").order_by(SchemeRow.id)
    return [parse_scheme(body) for body in await work.session.scalars(query)]


async def _newest(work: Work, month: str) -> EvaluationRun | None:
    query = select(EvaluationRun).where(EvaluationRun.month == month).order_by(EvaluationRun.number.desc()).limit(1)
    return (await work.session.scalars(query)).first()


async def _supersede(work: Work, month: str, run: EvaluationRun, *, states: Sequence[str]) -> None:
    await work.session.execute(
        update(EvaluationRun)
        .where(EvaluationRun.month == month, EvaluationRun.id != run.id, EvaluationRun.state.in_(states))
        .values(state="SUPERSEDED", version=EvaluationRun.version + 1, updated_at=work.now, updated_by=work.actor.key)
    )


# --- a person decides ------------------------------------------------------------------------------------------------


async def _run_for_update(work: Work, run_id: UUID, expected_version: int | None) -> EvaluationRun:
    run = await work.session.get(EvaluationRun, run_id, with_for_update=True)
    if run is None:
        raise NotFound("no such run")
    if expected_version is not None and run.version != expected_version:
        raise StaleVersion("somebody changed this run since you read it", version=run.version)
    return run


async def approve_run(work: Work, run_id: UUID, *, expected_version: int | None = None) -> EvaluationRun:
    """Approve the proposed results of a month: its ledger entries are posted.

    The approver is a person, not the system, and none of the people judged by the run (segregation of duties).

    Raises:
        NotFound, StaleVersion; WrongState: not in REVIEW; Refused: PROVISIONAL before the freeze, OWN_RESULT.
    """
    work.require("evaluation:run:approve")
    if work.actor.system:
        raise Forbidden("a person approves penalties, never the system")
    run = await _run_for_update(work, run_id, expected_version)
    if run.state != "REVIEW":
        raise WrongState("only a run in review can be approved", state=run.state)
    if run.provisional:
        raise Refused(
            "PROVISIONAL", "this month is not frozen yet; its figures can still change", frozen_at=run.frozen_at
        )
    await _require_unjudged(work, run_id)
    stamp(work, run, state="APPROVED", approved_by=work.actor.key, approved_at=work.now)
    await work.session.execute(
        update(EntryRow)
        .where(EntryRow.run_id == run_id, EntryRow.state == "PROPOSED")
        .values(state="POSTED", version=EntryRow.version + 1, updated_at=work.now, updated_by=work.actor.key)
    )
    await work.session.flush()
    await reversal.repeat_reversals(work, run)
    work.audit("evaluation.approve", "EvaluationRun", run.id, before={"state": "REVIEW"}, after={"state": "APPROVED"})
    work.emit(events.EVALUATION_APPROVED, "EvaluationRun", run.id, month=run.month)
    return run


async def _require_unjudged(work: Work, run_id: UUID) -> None:
    """Neither the actor nor anybody they stand in for is judged by the run (domain section 2, rule a)."""
    people = work.actor.employees_at(work.store.id)
    judged = select(CardRow.id).where(CardRow.run_id == run_id, CardRow.employee_id.in_(people))
    if (await work.session.scalars(judged.limit(1))).first() is not None:
        raise Refused("OWN_RESULT", "you are judged by this run, so somebody else must do this")


async def publish_run(work: Work, run_id: UUID, *, expected_version: int | None = None) -> EvaluationRun:
    """Publish an approved run to the staff it judges; an earlier published run of the month is superseded.

    Raises:
        NotFound, StaleVersion; WrongState: not APPROVED; Refused: OWN_RESULT.
    """
    work.require("evaluation:run:publish")
    run = await _run_for_update(work, run_id, expected_version)
    if run.state != "APPROVED":
        raise WrongState("only an approved run can be published", state=run.state)
    await _require_unjudged(work, run_id)
    stamp(work, run, state="PUBLISHED", published_by=work.actor.key, published_at=work.now)
    await _supersede(work, run.month, run, states=("PUBLISHED",))
    work.audit(
        "evaluation.publish", "EvaluationRun", run.id, before={"state": "APPROVED"}, after={"state": "PUBLISHED"}
    )
    work.emit(events.EVALUATION_PUBLISHED, "EvaluationRun", run.id, month=run.month)
    return run


# --- appeals ---------------------------------------------------------------------------------------------------------


async def file_appeal(work: Work, entry_id: UUID, *, text: str) -> Appeal:
    """Appeal against a ledger entry of one's own; one open appeal per entry.

    Raises:
        NotFound: no such entry of this person; WrongState: it is not posted, or its run not published;
        Refused: EMPTY_TEXT, ALREADY_APPEALED.
    """
    work.require("evaluation:appeal:file")
    mine = work.actor.oneself_at(work.store.id)
    query = (
        select(EntryRow, EvaluationRun.state)
        .join(EvaluationRun, EvaluationRun.id == EntryRow.run_id)
        .where(EntryRow.id == entry_id, EntryRow.employee_id.in_(mine))
        .with_for_update(of=EntryRow)
    )
    found = (await work.session.execute(query)).first()
    if found is None:
        raise NotFound("no such entry")
    entry, run_state = found
    if entry.state != "POSTED" or entry.cause == "REVERSAL" or run_state != "PUBLISHED":
        raise WrongState("only a published entry can be appealed", state=entry.state)
    if not text.strip():
        raise Refused("EMPTY_TEXT", "say why the entry is wrong", path=("text",))
    values = {
        "id": new_id(),
        "entry_id": entry.id,
        "employee_id": entry.employee_id,
        "filed_by": work.actor.key,
        "filed_at": work.now,
        "text": text.strip()[:2000],
        "state": "SUBMITTED",
        "created_by": work.actor.key,
        "updated_by": work.actor.key,
    }
    made = await work.session.scalars(pg_insert(Appeal).values(values).on_conflict_do_nothing().returning(Appeal))
    appeal = made.first()
    if appeal is None:
        raise Refused("ALREADY_APPEALED", "this entry has an appeal already")
    work.audit("evaluation.appeal", "Appeal", appeal.id, after={"entry": str(entry.id)})
    work.emit(events.APPEAL_FILED, "Appeal", appeal.id)
    return appeal


async def decide_appeal(
    work: Work, appeal_id: UUID, *, uphold: bool, reason: str, expected_version: int | None = None
) -> Appeal:
    """Decide an appeal. Upheld: the entry and the joint entries it led to are reversed, and the cards rescored.

    Decided by another person than the one who filed it, the one judged, and the one who approved the run.

    Raises:
        NotFound, StaleVersion; WrongState: decided already; Refused: SAME_PERSON, EMPTY_TEXT.
    """
    work.require("evaluation:appeal:decide")
    appeal = await work.session.get(Appeal, appeal_id, with_for_update=True)
    if appeal is None:
        raise NotFound("no such appeal")
    if expected_version is not None and appeal.version != expected_version:
        raise StaleVersion("somebody changed this appeal since you read it", version=appeal.version)
    if appeal.state != "SUBMITTED":
        raise WrongState("this appeal is decided", state=appeal.state)
    entry = await work.session.get_one(EntryRow, appeal.entry_id, with_for_update=True)
    run = await work.session.get_one(EvaluationRun, entry.run_id)
    mine = work.actor.employees_at(work.store.id)
    if work.actor.is_any_of(appeal.filed_by, run.approved_by) or entry.employee_id in mine:
        raise Refused("SAME_PERSON", "an appeal is decided by somebody who had no part in the entry")
    if not reason.strip():
        raise Refused("EMPTY_TEXT", "give the reason of the decision", path=("reason",))
    state = "UPHELD" if uphold else "DENIED"
    stamp(work, appeal, state=state, decided_by=work.actor.key, decided_at=work.now, decision=reason.strip()[:2000])
    if uphold:
        await reversal.uphold(work, run, entry, reason=f"appeal {appeal.id}")
    work.audit("evaluation.decide_appeal", "Appeal", appeal.id, reason=reason.strip()[:200], after={"state": state})
    work.emit(events.APPEAL_DECIDED, "Appeal", appeal.id, state=state)
    return appeal

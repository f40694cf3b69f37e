"""Follow-up: tasks made by events, calls logged, tasks closed with evidence, and the clock over what is open."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert

from ...auth.roles import Scope
from ...errors import Forbidden, Invalid, NotFound, Refused, WrongState
from ...tenancy.ids import new_id
from ...tenancy.reader.entity import Reach, Viewer
from .. import events
from ..configuration import resolved_settings
from ..people.model import Employee, Position
from ..people.reach import among
from ..rows import require_seen, require_version
from ..sales.model import SalesOrder
from ..wording import wording
from ..work import Work
from ..workshop.model import RepairOrder
from .entity import CALL
from .model import CALL_KINDS, CALL_RESULTS, Call, FollowUpTask
from .reads import Judged, attempts_for, judged_by, tasks_about
from .task_rules import (
    CLOSED_BY_CALL,
    ESCALATION_ROLE,
    KEYS,
    OPEN_STATES,
    AnswerFacts,
    Attempt,
    CarePolicy,
    Wanted,
    attempts_of,
    care_call,
    care_call_verdict,
    clock_state,
    delivery_call,
    done_state,
    evidence,
    objection,
    policy_from,
    recovery,
    service_follow_up,
    unreachable,
)

BATCH = 500


async def plan_delivery_call(work: Work, order_id: UUID) -> None:
    """After a delivery: the delivery call (C1) and the care call within 72 hours, both the consultant's."""
    _only_system(work)
    order = await work.session.get(SalesOrder, order_id)
    if order is None:
        raise NotFound("sales order", id=str(order_id))
    if order.delivered_at is None or order.cancelled_at is not None:
        return
    policy = await _policy(work)
    for wanted in (delivery_call(order.delivered_at, policy, _zone(work)), care_call(order.delivered_at, policy)):
        task = FollowUpTask(cause_id=order.id, order_id=order.id, customer_id=order.customer_id)
        await _plan(work, wanted, task, order.consultant_id)


async def plan_service_follow_up(work: Work, repair_order_id: UUID) -> None:
    """After a hand-over: customer service calls."""
    _only_system(work)
    visit = await work.session.get(RepairOrder, repair_order_id)
    if visit is None:
        raise NotFound("repair order", id=str(repair_order_id))
    if visit.handed_over_at is None or visit.cancelled_at is not None or visit.type == "INTERNAL":
        return
    task = FollowUpTask(cause_id=visit.id, repair_order_id=visit.id, customer_id=visit.customer_id)
    await _plan(work, service_follow_up(visit.handed_over_at, await _policy(work)), task, None)


async def plan_recovery(work: Work, facts: AnswerFacts) -> None:
    """After an answer: recovery by its class (C4), and the customer's word on the care call.

    The score stays what the customer said: recovery never overwrites an answer.
    """
    _only_system(work)
    for wanted in recovery(facts, await _policy(work)):
        assignee = await _in_charge(work, wanted.role, facts)
        if assignee is not None and assignee == facts.judged_id:
            wanted, assignee = Wanted(wanted.kind, ESCALATION_ROLE, wanted.not_before, wanted.due_at), None
        task = FollowUpTask(
            cause_id=facts.response_id,
            order_id=facts.order_id,
            repair_order_id=facts.repair_order_id,
            invitation_id=facts.invitation_id,
            customer_id=facts.customer_id,
        )
        await _plan(work, wanted, task, assignee)
    counts = facts.template != "T8" and facts.mode != "ASSISTED_AT_DELIVERY"
    if counts and facts.order_id is not None and facts.q_care_call_72h is not None:
        await _hear_customer(work, facts.order_id, facts.q_care_call_72h)


async def log_call(
    work: Work,
    *,
    kind: str,
    started_at: datetime,
    connected: bool,
    order_id: UUID | None = None,
    repair_order_id: UUID | None = None,
    invitation_id: UUID | None = None,
    result: str | None = None,
    duration_s: int | None = None,
) -> UUID:
    """Record a call by the actor; the tasks it serves are found by a job. Returns the call's id.

    Raises:
        NotFound: no such order or response here, or not the actor's own.
        Refused: NOT_AN_EMPLOYEE; OWN_WORK (a recovery call about one's own work).
        Invalid: unknown kind or result, a call from the future, or nothing it is about.
    """
    work.require("care:call:log")
    mine, oneself = work.actor.employees_at(work.store.id), work.actor.oneself_at(work.store.id)
    if not oneself:
        raise Refused("NOT_AN_EMPLOYEE", "a call is made by a member of staff of this store")
    _check_call(kind, result, duration_s, connected)
    if started_at.tzinfo is None or started_at > work.now:
        raise Invalid("a call is logged after it was made", path=("startedAt",))
    about = {"DELIVERY_CALL": order_id, "CARE_CALL": order_id, "SERVICE_FOLLOWUP": repair_order_id}
    if about.get(kind, invitation_id) is None:
        raise Invalid("say what the call is about", path=("kind",))
    judged = await judged_by(work.session, order_id, repair_order_id, invitation_id)
    if judged is None or not await _sees_subject(work, judged):
        raise NotFound("what the call is about")
    if kind == "RECOVERY" and judged.person_id in mine:
        raise Refused("OWN_WORK", "somebody else calls after an answer about one's own work")
    call_id = new_id()
    work.session.add(
        Call(
            id=call_id,
            call_no=f"L-{call_id.hex}",
            kind=kind,
            order_id=order_id if kind in ("DELIVERY_CALL", "CARE_CALL") else judged.order_id,
            repair_order_id=repair_order_id if kind == "SERVICE_FOLLOWUP" else judged.repair_order_id,
            invitation_id=invitation_id if kind == "RECOVERY" else None,
            caller_id=min(oneself),
            started_at=started_at,
            duration_s=duration_s,
            connected=connected,
            result=result,
            created_by=work.actor.key,
            updated_by=work.actor.key,
        )
    )
    work.audit("care.log_call", "Call", call_id, after={"kind": kind, "connected": connected, "result": result})
    work.emit(events.CALL_LOGGED, "Call", call_id, kind=kind)
    return call_id


async def match_call(work: Work, call_id: UUID) -> None:
    """Close, or count an attempt on, the tasks that a call serves. Recomputed from the calls, so twice is once."""
    _only_system(work)
    call = await work.session.get(Call, call_id)
    if call is None:
        raise NotFound("call", id=str(call_id))
    for task in await tasks_about(work.session, call):
        judged = await judged_by(work.session, task.order_id, task.repair_order_id, task.invitation_id)
        judged_id = judged.person_id if judged else None
        calls = await attempts_for(work.session, task)
        tried = attempts_of(task.kind, calls, judged_id)
        task.attempts = len(tried)
        proof = evidence(task.kind, calls, task.not_before, judged_id) if task.kind in CLOSED_BY_CALL else None
        if proof is not None:
            _close(work, task, done_state(proof.started_at, task.due_at), proof.call_id, _outcome(task, proof), proof)
        elif unreachable(tried, _zone(work)):
            last = max(tried, key=lambda one: one.started_at)
            _close(work, task, "UNREACHABLE", last.call_id, "UNREACHABLE", last)
        else:
            _touch(work, task)


async def close_task(
    work: Work, task_id: UUID, *, call_id: UUID, outcome: str, expected_version: int | None = None
) -> None:
    """Close a task by hand, with a logged call as evidence: a home visit that was agreed on, above all.

    Raises:
        NotFound: no such task or call, or not one the actor sees. StaleVersion.
        WrongState: it is closed.
        Refused: OWN_WORK (by the person the answer judges); EVIDENCE with why the call proves nothing.
    """
    scope = work.require("care:task:close")
    task = await work.session.get(FollowUpTask, task_id, with_for_update=True)
    mine = work.actor.employees_at(work.store.id)
    if task is None:
        raise NotFound("task", id=str(task_id))
    judged = await judged_by(work.session, task.order_id, task.repair_order_id, task.invitation_id)
    judged_id = judged.person_id if judged else None
    if not await _reaches(work, (task.assignee_id, judged_id), scope):
        raise NotFound("task", id=str(task_id))
    require_version(task, expected_version)
    if task.kind in ("RECOVERY", "HOME_VISIT") and judged_id in mine:
        raise Refused("OWN_WORK", "nobody closes the recovery of their own work")
    if task.closed_at is not None or task.state not in OPEN_STATES:
        raise WrongState("this task is closed", state=task.state)
    said = wording(outcome, path="outcome", most=200)
    if not said:
        raise Invalid("say what came of it", path=("outcome",))
    await require_seen(work, CALL, call_id)
    call = next((one for one in await attempts_for(work.session, task) if one.call_id == call_id), None)
    reason = "NOT_ABOUT_THIS" if call is None else objection(task.kind, call, task.not_before, judged_id)
    if call is None or reason is not None:
        raise Refused("EVIDENCE", "this call does not prove it", reason=reason)
    _close(work, task, done_state(call.started_at, task.due_at), call.call_id, said, call)


async def tick(work: Work) -> int:
    """Open tasks whose time has come and mark overdue ones; returns how many changed."""
    _only_system(work)
    query = (
        select(FollowUpTask)
        .where(
            FollowUpTask.closed_at.is_(None),
            or_(
                (FollowUpTask.state == "PLANNED") & (FollowUpTask.not_before <= work.now),
                FollowUpTask.state.in_(("PLANNED", "OPEN")) & (FollowUpTask.due_at < work.now),
            ),
        )
        .order_by(FollowUpTask.due_at, FollowUpTask.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    rows = list(await work.session.scalars(query))
    for task in rows:
        task.state = clock_state(task.state, task.not_before, task.due_at, work.now)
        _touch(work, task)
        if task.state == "OVERDUE":
            work.emit(events.CARE_TASK_OVERDUE, "FollowUpTask", task.id, kind=task.kind)
    if rows:
        work.audit("care.tick", "FollowUpTask", after={"changed": len(rows)})
    return len(rows)


def _only_system(work: Work) -> None:
    if not work.actor.system:
        raise Forbidden("only the product itself does this")


def _zone(work: Work) -> ZoneInfo:
    return ZoneInfo(work.store.time_zone)


async def _policy(work: Work) -> CarePolicy:
    day = work.now.astimezone(_zone(work)).date()
    return policy_from(await resolved_settings(work.session, work.store.id, day, KEYS))


async def _plan(work: Work, wanted: Wanted, about: FollowUpTask, assignee_id: UUID | None) -> None:
    task_id = new_id()
    statement = (
        insert(FollowUpTask)
        .values(
            id=task_id,
            kind=wanted.kind,
            cause_id=about.cause_id,
            order_id=about.order_id,
            repair_order_id=about.repair_order_id,
            invitation_id=about.invitation_id,
            customer_id=about.customer_id,
            assignee_id=assignee_id,
            assignee_role=wanted.role,
            not_before=wanted.not_before,
            due_at=wanted.due_at,
            state=clock_state("PLANNED", wanted.not_before, wanted.due_at, work.now),
            created_by=work.actor.key,
            updated_by=work.actor.key,
        )
        .on_conflict_do_nothing()
        .returning(FollowUpTask.id)
    )
    if (await work.session.execute(statement)).first() is None:
        return  # the event was told before
    work.emit(events.CARE_TASK_PLANNED, "FollowUpTask", task_id, kind=wanted.kind)
    work.audit("care.plan_task", "FollowUpTask", task_id, after={"kind": wanted.kind, "role": wanted.role})


async def _in_charge(work: Work, role: str, facts: AnswerFacts) -> UUID | None:
    """Who holds the role for the judged person on the local day of the answer: their supervisor, or the role's holder."""
    day = facts.submitted_at.astimezone(_zone(work)).date()
    current = (Position.valid_from <= day) & or_(Position.valid_to.is_(None), Position.valid_to > day)
    if role.endswith("_SUPERVISOR") and facts.judged_id is not None:
        own = select(Position.supervisor_id).where(Position.employee_id == facts.judged_id, current)
        return (await work.session.scalars(own.order_by(Position.valid_from.desc()).limit(1))).first()
    holders = (
        select(Position.employee_id)
        .join(Employee, Employee.id == Position.employee_id)
        .where(Position.role == role, current, or_(Employee.left_on.is_(None), Employee.left_on > day))
        .order_by(Employee.employee_no)
        .limit(1)
    )
    return (await work.session.scalars(holders)).first()


async def _hear_customer(work: Work, order_id: UUID, answered: bool) -> None:
    query = select(FollowUpTask).where(FollowUpTask.kind == "CARE_CALL_72H", FollowUpTask.cause_id == order_id)
    for task in await work.session.scalars(query.with_for_update()):
        verdict = care_call_verdict(answered, None)
        _close(work, task, "DONE_ON_TIME" if answered else "OVERDUE", task.evidence_call_id, verdict or "", None)


async def _sees_subject(work: Work, judged: Judged) -> bool:
    """May the actor see the order or visit? An incident without either is for those who see the whole store."""
    permission = "workshop:order:read" if judged.repair_order_id is not None else "sales:order:read"
    scope = work.actor.scope(permission, work.store.id)
    if scope is None:
        return False
    return await _reaches(work, [judged.person_id], scope)


async def _reaches(work: Work, people: Iterable[UUID | None], scope: Scope) -> bool:
    """Does a scope reach rows about one of these people? By the rule that decides which rows are seen."""
    if scope >= Scope.STORE:
        return True
    day = work.now.astimezone(_zone(work)).date()
    viewer = Viewer({}, work.actor.employees_at(work.store.id), day)
    person = Employee.__table__.c.id
    wanted = sorted(one for one in people if one is not None)
    found = select(person).where(person.in_(wanted), among(viewer, Reach(scope), person)).limit(1)
    return (await work.session.scalars(found)).first() is not None


def _check_call(kind: str, result: str | None, duration_s: int | None, connected: bool) -> None:
    if kind not in CALL_KINDS or (result is not None and result not in CALL_RESULTS):
        raise Invalid("not a kind or result of a call", path=("kind",))
    if duration_s is not None and not 0 <= duration_s <= 86_400:
        raise Invalid("a duration in seconds, at most a day", path=("durationS",))
    if connected and result in ("NO_ANSWER", "INVALID_NUMBER"):
        raise Invalid("nobody answered, or somebody did", path=("result",))


def _outcome(task: FollowUpTask, proof: Attempt) -> str:
    if task.kind == "CARE_CALL_72H":
        return care_call_verdict(None, proof.started_at <= task.due_at) or ""
    return proof.result or "OK"


def _close(
    work: Work, task: FollowUpTask, state: str, call_id: UUID | None, outcome: str, proof: Attempt | None
) -> None:
    before = task.state
    task.state, task.evidence_call_id, task.outcome = state, call_id, outcome
    task.closed_at = work.now
    _touch(work, task)
    after = {"state": state, "outcome": outcome, "by": str(proof.caller_id) if proof else None}
    work.audit("care.close_task", "FollowUpTask", task.id, before={"state": before}, after=after)
    work.emit(events.CARE_TASK_CLOSED, "FollowUpTask", task.id, kind=task.kind, state=state)


def _touch(work: Work, task: FollowUpTask) -> None:
    task.version += 1
    task.updated_at, task.updated_by = work.now, work.actor.key

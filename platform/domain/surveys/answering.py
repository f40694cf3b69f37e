"""Answering: the customer's page, the form at delivery, the telephone interview, and opting out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from ...auth.roles import Scope
from ...errors import Invalid, NotFound, Refused, WrongState
from ...tenancy.ids import new_id
from .. import events
from ..customers.model import ConsentEvent, Customer
from ..sales.model import SalesOrder
from ..work import Work
from .answer_rules import Answers, Form, headlines, read_form
from .invite_rules import ANSWERABLE, INTERVIEWABLE, WAITING, closes_at
from .model import Answer, Draft, Invitation, Response
from .planning import lock_contact, touch
from .reads import asked_in, event_of, policy_of, published
from .templates import Headline, Questionnaire
from .token_rules import token_hash

#: A draft nobody touched for this long becomes the response, if it has the headline answer.
PARTIAL_AFTER = timedelta(hours=24)
OPT_OUT_TEXT = "survey-opt-out-1"
OPEN, DONE, EXPIRED, CLOSED, PROBLEMS = "OPEN", "DONE", "EXPIRED", "CLOSED", "PROBLEMS"


@dataclass(frozen=True, slots=True)
class Sheet:
    """What the page shows to the holder of a token.

    `status`: OPEN (to be filled in), PROBLEMS (sent, but something is missing), DONE (answered), EXPIRED, or CLOSED
    (opted out or withdrawn). The questionnaire is there while it may be filled in.
    """

    status: str
    template: str
    questionnaire: Questionnaire | None = None
    answers: Answers = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)


async def open_survey(work: Work, token: str) -> Sheet:
    """Look at an invitation by its token; the first look is noted.

    Raises:
        NotFound: no such token in this store.
    """
    invitation = await _by_token(work, token)
    status = await _status(work, invitation)
    if status != OPEN:
        return Sheet(status, invitation.template)
    if invitation.state in ("SCHEDULED", "SENT"):
        invitation.state = "OPENED"
        invitation.opened_at = work.now
        touch(work, invitation)
    draft = await _draft(work, invitation.id)
    return Sheet(OPEN, invitation.template, await _asked(work, invitation), draft.answers if draft else {})


async def submit_survey(work: Work, token: str, form: Form, *, language: str) -> Sheet:
    """Take the answers. Of two submissions at the same moment one wins, the other finds DONE.

    What cannot be submitted is kept as a draft, with the problems. Answers after the expiry, within the grace, are
    stored; the rules of the month call them LATE.

    Raises:
        NotFound: no such token in this store.
    """
    invitation = await _by_token(work, token)  # the row stays locked until the commit
    status = await _status(work, invitation)
    if status != OPEN:
        return Sheet(status, invitation.template)
    questionnaire = await _asked(work, invitation)
    reading = read_form(questionnaire, form)
    if reading.problems:
        invitation.state = "STARTED"
        invitation.started_at = work.now
        touch(work, invitation)
        await _keep_draft(work, invitation.id, reading.answers, language)
        return Sheet(PROBLEMS, invitation.template, questionnaire, reading.answers, reading.problems)
    mode = invitation.channel if invitation.channel in ("SMS", "WECHAT") else "SELF_ONLINE"
    await _answered(work, invitation, questionnaire, reading.answers, mode=mode, at=work.now, language=language)
    return Sheet(DONE, invitation.template)


async def opt_out(work: Work, token: str, *, language: str) -> None:
    """Withdraw the consent to be surveyed, by the link itself: as easy as answering, at any time (PIPL 15).

    Everything still open for this customer ends. Asking twice changes nothing.

    Raises:
        NotFound: no such token in this store.
    """
    found = await _by_token(work, token, lock=False)
    if found.customer_id is None:
        raise NotFound("invitation")
    await lock_contact(work, found.contact_hash)
    customer = await work.session.get(Customer, found.customer_id, with_for_update=True)
    if customer is None:
        raise NotFound("customer", id=str(found.customer_id))
    query = (
        select(Invitation)
        .where(Invitation.customer_id == customer.id, Invitation.state.in_(sorted(ANSWERABLE | WAITING)))
        .order_by(Invitation.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    rows = list(await work.session.scalars(query))
    if customer.consent_survey is False and not rows:
        return
    for row in rows:
        row.state = "OPTED_OUT"
        touch(work, row)
    before, customer.consent_survey = customer.consent_survey, False
    customer.version += 1
    customer.updated_at, customer.updated_by = work.now, work.actor.key
    work.session.add(
        ConsentEvent(
            id=new_id(),
            customer_id=customer.id,
            purpose="SURVEY",
            decision="WITHDRAWN",
            text_version=f"{OPT_OUT_TEXT}/{language}",
            channel="WEB",
            evidence=f"invitation {found.survey_no}",
            at=work.now,
        )
    )
    work.audit(
        "surveys.opt_out", "Customer", customer.id, before={"consent_survey": before}, after={"consent_survey": False}
    )
    work.emit(events.SURVEYS_OPTED_OUT, "Customer", customer.id, invitations=len(rows))


async def record_delivery_form(work: Work, order_id: UUID, answers: Mapping[str, Sequence[str]]) -> UUID:
    """Record the form 交车确认表 filled in with the customer at delivery (requirements 9 and 10).

    It is kept as T8 with mode ASSISTED_AT_DELIVERY and never counts as a score; it makes `form_complete` true when
    everything required is answered. Returns the id of the response.

    Raises:
        NotFound: no such order, or not the actor's own.
        Refused: NOT_DELIVERED; FORM_EXISTS.
    """
    scope = work.require("surveys:form:record")
    order = await work.session.get(SalesOrder, order_id, with_for_update=True)
    mine = work.actor.employees_at(work.store.id)
    if order is None or (scope is Scope.OWN and order.consultant_id not in mine):
        raise NotFound("sales order", id=str(order_id))
    if order.delivered_at is None or order.cancelled_at is not None:
        raise Refused("NOT_DELIVERED", "there is no delivery to record")
    found = await published(work.session, "T8")
    if found is None:
        raise Refused("NO_TEMPLATE", "the group has no delivery form")
    reading = read_form(found.questionnaire, answers)
    if wrong := {key: code for key, code in reading.problems.items() if code != "REQUIRED"}:
        raise Invalid("some answers are not understood", path=("answers",), problems=wrong)
    invitation_id = new_id()
    inserted = await work.session.execute(
        insert(Invitation)
        .values(
            id=invitation_id,
            survey_no=f"L-{invitation_id.hex}",
            template="T8",
            template_id=found.id,
            order_id=order.id,
            customer_id=order.customer_id,
            origin="LIVE",
            state="STARTED",
            channel="PAPER",
            created_by=work.actor.key,
            updated_by=work.actor.key,
        )
        .on_conflict_do_nothing()
        .returning(Invitation.id)
    )
    if inserted.first() is None:
        raise Refused("FORM_EXISTS", "the form of this delivery is recorded already")
    order.form_complete = not reading.problems
    order.version += 1
    order.updated_at, order.updated_by = work.now, work.actor.key
    invitation = await work.session.get_one(Invitation, invitation_id)
    response_id = await _answered(
        work,
        invitation,
        found.questionnaire,
        reading.answers,
        mode="ASSISTED_AT_DELIVERY",
        at=work.now,
        helper=min(work.actor.oneself_at(work.store.id), default=None),
    )
    work.emit(events.DELIVERY_FORM_RECORDED, "SalesOrder", order.id, complete=order.form_complete)
    return response_id


async def record_interview(
    work: Work, invitation_id: UUID, answers: Mapping[str, Sequence[str]], *, language: str = "zh-CN"
) -> UUID:
    """Record a telephone interview by the person who asked. Returns the id of the response.

    Raises:
        NotFound: no such invitation here.
        Refused: NOT_AN_EMPLOYEE; SELF_INTERVIEW (nobody asks about their own work, C20); NOT_ASKED (an objection).
        WrongState: already answered, expired, or suppressed.
        Invalid: answers are missing or not understood.
    """
    work.require("surveys:interview:record")
    query = select(Invitation).where(Invitation.id == invitation_id).with_for_update()
    invitation = (await work.session.scalars(query)).first()
    if invitation is None or invitation.template == "T8":
        raise NotFound("invitation", id=str(invitation_id))
    mine, oneself = work.actor.employees_at(work.store.id), work.actor.oneself_at(work.store.id)
    if not oneself:
        raise Refused("NOT_AN_EMPLOYEE", "an interviewer is a member of staff of this store")
    event = await event_of(work.session, invitation)
    if event is not None and event.judged_id in mine:
        raise Refused("SELF_INTERVIEW", "nobody asks customers about their own work")
    if invitation.state not in INTERVIEWABLE:
        raise WrongState("this invitation takes no more answers", state=invitation.state)
    customer = await work.session.get(Customer, invitation.customer_id) if invitation.customer_id else None
    if customer is not None and (customer.do_not_contact or customer.consent_survey is False):
        raise Refused("NOT_ASKED", "this customer does not want to be asked")
    questionnaire = await _asked(work, invitation)
    reading = read_form(questionnaire, answers)
    if reading.problems:
        raise Invalid("answers are missing or not understood", path=("answers",), problems=reading.problems)
    if invitation.sent_at is None:
        policy = await policy_of(work)
        invitation.channel, invitation.sent_at = "PHONE", work.now
        invitation.expires_at = work.now + policy.expires_after(invitation.template)
    # asked and answered by telephone: no message bounced that mattered
    invitation.bounced = False
    return await _answered(
        work,
        invitation,
        questionnaire,
        reading.answers,
        mode="PHONE_INTERVIEW",
        at=work.now,
        language=language,
        helper=min(oneself),
    )


async def keep_drafts(work: Work) -> int:
    """Turn drafts nobody touched for a day into responses, where the headline is answered; returns how many.

    The moment of the answer is now, but not later than the expiry, since it was given before.
    """
    query = (
        select(Draft, Invitation)
        .join(Invitation, Invitation.id == Draft.invitation_id)
        .where(Draft.saved_at <= work.now - PARTIAL_AFTER, Invitation.state.in_(sorted(WAITING)))
        .order_by(Draft.saved_at)
        .limit(200)
        .with_for_update(of=Invitation, skip_locked=True)
    )
    kept = 0
    for draft, invitation in (await work.session.execute(query)).all():
        questionnaire = await _asked(work, invitation)
        if headlines(questionnaire, draft.answers).overall is None:
            continue
        at = work.now
        if invitation.expires_at is not None and draft.saved_at <= invitation.expires_at:
            at = min(at, invitation.expires_at)
        await _answered(
            work, invitation, questionnaire, draft.answers, mode="SELF_ONLINE", at=at, language=draft.language
        )
        kept += 1
    return kept


async def _by_token(work: Work, token: str, *, lock: bool = True) -> Invitation:
    hashed = token_hash(token)
    if hashed is None:
        raise NotFound("invitation")
    query = select(Invitation).where(Invitation.token_hash == hashed)
    invitation = (await work.session.scalars(query.with_for_update() if lock else query)).first()
    if invitation is None:
        raise NotFound("invitation")
    return invitation


async def _status(work: Work, invitation: Invitation) -> str:
    if invitation.state == "COMPLETED":
        return DONE
    if invitation.state not in ANSWERABLE:
        return EXPIRED if invitation.state == "EXPIRED" else CLOSED
    if invitation.expires_at is not None:
        policy = await policy_of(work)
        if work.now > closes_at(invitation.expires_at, policy):
            return EXPIRED
    return OPEN


async def _asked(work: Work, invitation: Invitation) -> Questionnaire:
    questionnaire = await asked_in(work.session, invitation)
    if questionnaire is None:
        raise NotFound("questionnaire", template=invitation.template)
    return questionnaire


async def _draft(work: Work, invitation_id: UUID) -> Draft | None:
    return (await work.session.scalars(select(Draft).where(Draft.invitation_id == invitation_id))).first()


async def _keep_draft(work: Work, invitation_id: UUID, answers: Answers, language: str) -> None:
    values = {"answers": answers, "language": language, "saved_at": work.now}
    statement = insert(Draft).values(id=new_id(), invitation_id=invitation_id, **values)
    await work.session.execute(statement.on_conflict_do_update(index_elements=["invitation_id"], set_=values))


async def _answered(
    work: Work,
    invitation: Invitation,
    questionnaire: Questionnaire,
    answers: Answers,
    *,
    mode: str,
    at: datetime,
    language: str | None = None,
    helper: UUID | None = None,
) -> UUID:
    """Store a response with its answers, end the invitation, announce it."""
    head = headlines(questionnaire, answers)
    response = Response(
        id=new_id(),
        invitation_id=invitation.id,
        mode=mode,
        interviewer_id=helper,
        submitted_at=at,
        integrity="OK",
        q_overall=head.overall,
        q_care_call_72h=head.care_call_72h,
        q_influenced=head.influenced,
        q_recommend=head.recommend,
        q_comment=head.comment,
        language=language,
        created_by=work.actor.key,
        updated_by=work.actor.key,
    )
    invitation.state = "COMPLETED"
    invitation.started_at = invitation.started_at or work.now
    touch(work, invitation)
    work.session.add(response)
    await work.session.flush()
    comment = questionnaire.headline(Headline.COMMENT)
    work.session.add_all(
        Answer(id=new_id(), response_id=response.id, question=key, value=value)
        for key, value in answers.items()
        if comment is None or key != comment.key  # free text stands once, in its column
    )
    await work.session.execute(delete(Draft).where(Draft.invitation_id == invitation.id))
    await work.session.flush()
    work.audit("surveys.answer", "Response", response.id, after={"mode": mode, "template": invitation.template})
    work.emit(events.RESPONSE_SUBMITTED, "Response", response.id, template=invitation.template, mode=mode)
    return response.id

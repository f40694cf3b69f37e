"""Segregation of duties, rule by rule (domain section 2): who must not do what, also while standing in for somebody.

(a) whoever is evaluated is neither evaluator nor interviewer, neither judge of validity nor editor of the evidence;
(b) whoever writes a scheme or questionnaire does not approve it; (c) many reveals of contact data in a day raise a warning;
(d) headquarters see no figure with fewer customers behind it than could hide one.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from forecourt.auth.actor import Actor, Membership
from forecourt.auth.masks import LEAST_CELL
from forecourt.auth.roles import GROUP_ROLES, REGION_ROLES, ROLES
from forecourt.domain.benchmark.rules import MIN_N
from forecourt.domain.care.actions import close_task, log_call
from forecourt.domain.care.model import Call, FollowUpTask
from forecourt.domain.complaints.actions import acknowledge_complaint, close_complaint, rule_validity
from forecourt.domain.complaints.model import Complaint, ComplaintAccused
from forecourt.domain.customers.actions import change_contact, record_consent, reveal_contact
from forecourt.domain.customers.model import ContactPoint
from forecourt.domain.evaluation.actions import approve_run, decide_appeal, file_appeal, publish_run
from forecourt.domain.evaluation.model import Appeal, EvaluationRun, Scorecard
from forecourt.domain.evaluation.schemes import approve_scheme, write_scheme
from forecourt.domain.evaluation.seed_schemes import SEED_SCHEMES
from forecourt.domain.feed import AuditEvent
from forecourt.domain.settings.actions import set_setting
from forecourt.domain.surveys.answering import record_interview
from forecourt.domain.surveys.publishing import draft_template, move_template
from forecourt.domain.surveys.ruling import clear_response, quarantine_response
from forecourt.domain.surveys.seed_templates import SEEDS
from forecourt.domain.surveys.templates import to_json
from forecourt.domain.work import GroupWork, Work, open_group_work
from forecourt.errors import Forbidden, NotFound, Refused
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.ids import new_id
from forecourt.tenancy.provision import owner_connection
from tests.conftest import World
from tests.domain.desk import START, Desk, make_desk
from tests.graphql.rows import store_rows

pytestmark = pytest.mark.anyio

Step = Callable[[Work], Awaitable[Any]]


class Case:
    """A store whose consultant has a delivery, an answer, a complaint and a ledger entry."""

    def __init__(self, desk: Desk, rows: dict[str, UUID]) -> None:
        self.desk, self.rows = desk, rows

    def member(self, role: str, who: str | None, *, covers: str | None = None) -> Membership:
        """A role at the store; with `covers` on loan from somebody on holiday."""
        people = self.desk.people
        if covers is not None:
            lent_by = self.account(covers)
            return Membership(
                role, self.desk.store.id, people[covers], delegated_by=lent_by, delegator=f"name of {covers}"
            )
        return Membership(role, self.desk.store.id, people[who] if who else None)

    def account(self, who: str) -> UUID:
        """The account of a person: the same whenever it is asked for."""
        return UUID(int=self.desk.people[who].int ^ 1)

    def actor(self, who: str, *held: Membership) -> Actor:
        """A person with these memberships."""
        account = self.account(who)
        return Actor(f"account:{account}", who, self.desk.store.group_id, account_id=account, memberships=held)

    async def refused(self, actor: Actor, step: Step) -> str:
        """The code with which a step is refused."""
        with pytest.raises(Refused) as caught:
            async with self.desk.work(actor) as work:
                await step(work)
        return caught.value.code

    async def done(self, actor: Actor, step: Step) -> None:
        async with self.desk.work(actor) as work:
            await step(work)


@pytest.fixture
async def case(world: World, engines: Engines) -> Case:
    world.truncate("a1")
    desk = await make_desk(engines, world.groups["a"], world.stores["a1"])
    rows = await store_rows(desk)
    async with desk.work() as work:
        complaint = await work.session.get_one(Complaint, rows["Complaint"])
        complaint.order_id = rows["SalesOrder"]
        work.session.add(
            ComplaintAccused(id=new_id(), complaint_id=rows["Complaint"], employee_id=desk.people["consultant"])
        )
        work.session.add(
            Scorecard(
                id=new_id(),
                run_id=rows["EvaluationRun"],
                scheme="SALES-2H",
                employee_id=desk.people["consultant"],
                role="SALES_CONSULTANT",
                employment="CONFIRMED",
                n=1,
                x=0,
                responses=1,
                pass_mark=80,
                ledger_points=0,
                verdict="FAIL",
            )
        )
    return Case(desk, rows)


def judging(case: Case) -> dict[str, tuple[str, Step, str]]:
    """Every action that judges or touches evidence about the consultant: its role, the call, the code of the refusal."""
    rows = case.rows

    async def interview(work: Work) -> None:
        await record_interview(work, rows["Invitation"], {})

    async def recovery_call(work: Work) -> None:
        await log_call(work, kind="RECOVERY", started_at=START, connected=True, invitation_id=rows["Invitation"])

    async def consent(work: Work) -> None:
        await record_consent(
            work,
            rows["Customer"],
            purpose="SURVEY",
            decision="WITHDRAWN",
            text_version="1",
            channel="PHONE",
            evidence="x",
        )

    async def contact(work: Work) -> None:
        await change_contact(work, rows["Customer"], kind="PHONE", value="13900001111", reason="x")

    return {
        "approves the run": ("STORE_GM", lambda work: approve_run(work, rows["EvaluationRun"]), "OWN_RESULT"),
        "publishes the run": ("STORE_GM", lambda work: publish_run(work, rows["EvaluationRun"]), "OWN_RESULT"),
        "decides the appeal": (
            "STORE_GM",
            lambda work: decide_appeal(work, rows["Appeal"], uphold=True, reason="x"),
            "SAME_PERSON",
        ),
        "interviews the customer": ("CS_AGENT", interview, "SELF_INTERVIEW"),
        "calls to win the customer back": ("CS_AGENT", recovery_call, "OWN_WORK"),
        "rules whether the complaint is valid": (
            "CS_MANAGER",
            lambda work: rule_validity(work, rows["Complaint"], verdict="INVALID", reason="x"),
            "OWN_WORK",
        ),
        "notes the first answer to the complaint": (
            "CS_AGENT",
            lambda work: acknowledge_complaint(work, rows["Complaint"]),
            "OWN_WORK",
        ),
        "sets the response aside": (
            "CS_MANAGER",
            lambda work: quarantine_response(work, rows["Response"], reason="x"),
            "OWN_WORK",
        ),
        "changes how the customer is reached": ("CS_AGENT", contact, "OWN_WORK"),
        "records the customer's consent": ("CS_AGENT", consent, "OWN_WORK"),
    }


async def ready(case: Case, name: str) -> None:
    """What the action needs to get as far as the rule."""
    states = {"approves the run": "REVIEW", "publishes the run": "APPROVED"}
    if name in states:
        async with case.desk.work() as work:
            run = await work.session.get_one(EvaluationRun, case.rows["EvaluationRun"])
            run.state = states[name]


async def test_a_the_evaluated_person_does_none_of_it(case: Case) -> None:
    """In a small store one person has two roles: the role allows it, the rule does not."""
    for name, (role, step, code) in judging(case).items():
        await ready(case, name)
        both = case.actor("consultant", case.member("SALES_CONSULTANT", "consultant"), case.member(role, "consultant"))
        assert await case.refused(both, step) == code, name


async def test_a_nobody_does_it_while_standing_in_for_the_evaluated_person(case: Case) -> None:
    for name, (role, step, code) in judging(case).items():
        await ready(case, name)
        lent = case.member("SALES_CONSULTANT", None, covers="consultant")
        stand_in = case.actor("second", case.member(role, "second"), lent)
        assert await case.refused(stand_in, step) == code, name


async def test_a_the_evaluated_person_does_not_do_it_with_a_borrowed_role(case: Case) -> None:
    for name, (role, step, code) in judging(case).items():
        await ready(case, name)
        borrowed = case.member(role, None, covers="agent")
        borrower = case.actor("consultant", case.member("SALES_CONSULTANT", "consultant"), borrowed)
        assert await case.refused(borrower, step) == code, name


async def test_a_somebody_else_is_not_stopped_by_the_rule(case: Case) -> None:
    """Else the cases above would prove nothing."""
    stopped = {"OWN_RESULT", "OWN_WORK", "SAME_PERSON", "SELF_INTERVIEW"}
    for name, (role, step, _) in judging(case).items():
        await ready(case, name)
        try:
            # whoever approved the run decides no appeal against it
            who = "cs_manager" if name == "decides the appeal" else "second"
            await case.done(case.actor(who, case.member(role, who)), step)
        except Refused as error:
            assert error.code not in stopped, name


async def test_a_the_recovery_of_an_answer_is_not_closed_by_whom_it_judges(case: Case) -> None:
    async with case.desk.work() as work:
        task = await work.session.get_one(FollowUpTask, case.rows["FollowUpTask"])
        task.kind = "RECOVERY"
    actor = case.actor("consultant", case.member("SALES_CONSULTANT", "consultant"))
    step = lambda work: close_task(work, case.rows["FollowUpTask"], call_id=case.rows["Call"], outcome="x")  # noqa: E731
    assert await case.refused(actor, step) == "OWN_WORK"


async def test_a_the_close_of_a_complaint_is_not_by_whom_it_names(case: Case) -> None:
    agent = case.actor("agent", case.member("CS_AGENT", "agent"))
    await case.done(agent, lambda work: acknowledge_complaint(work, case.rows["Complaint"]))
    manager = case.member("CS_MANAGER", "cs_manager")
    ruler = case.actor("cs_manager", manager)
    await case.done(ruler, lambda work: rule_validity(work, case.rows["Complaint"], verdict="VALID", reason="x"))
    close = lambda work: close_complaint(work, case.rows["Complaint"], remedy="x", customer_confirmed=True)  # noqa: E731
    named = case.actor("consultant", case.member("CS_AGENT", "consultant"))
    assert await case.refused(named, close) == "OWN_WORK"
    leader = case.actor("supervisor", case.member("CS_AGENT", "supervisor"))
    assert await case.refused(leader, close) == "OWN_WORK"
    await case.done(agent, close)


async def test_a_a_stand_in_shares_what_the_delegator_decided_and_not_their_appeals(case: Case) -> None:
    """The delegator approved the run: neither they nor whoever stands in for them decides appeals against it."""
    async with case.desk.work() as work:
        run = await work.session.get_one(EvaluationRun, case.rows["EvaluationRun"])
        run.approved_by = f"account:{case.account('manager')}"
    decide = lambda work: decide_appeal(work, case.rows["Appeal"], uphold=False, reason="x")  # noqa: E731
    lent = case.member("STORE_GM", None, covers="manager")
    assert await case.refused(case.actor("second", lent), decide) == "SAME_PERSON"
    stand_in = case.actor("second", case.member("SALES_CONSULTANT", None, covers="consultant"))
    with pytest.raises(Forbidden):  # what concerns the delegator's own person is not lent
        await case.done(stand_in, lambda work: file_appeal(work, case.rows["LedgerEntry"], text="x"))
    with pytest.raises(NotFound):
        both = case.actor("second", case.member("SALES_CONSULTANT", "second"), *stand_in.memberships)
        await case.done(both, lambda work: file_appeal(work, case.rows["LedgerEntry"], text="x"))
    await case.done(case.actor("second", case.member("CS_MANAGER", "second")), decide)
    assert (await case.desk.get(Appeal, case.rows["Appeal"])).state == "DENIED"


async def test_a_a_call_is_logged_as_made_by_who_made_it_and_audited_with_both_names(case: Case) -> None:
    stand_in = case.actor(
        "second", case.member("HR", "second"), case.member("SALES_CONSULTANT", None, covers="consultant")
    )
    step = lambda work: log_call(  # noqa: E731
        work, kind="CARE_CALL", started_at=START, connected=True, order_id=case.rows["SalesOrder"]
    )
    await case.done(stand_in, step)
    call = (await case.desk.all(Call))[-1]
    assert call.caller_id == case.desk.people["second"]
    audit = (await case.desk.all(AuditEvent, action="care.log_call"))[-1]
    assert (audit.actor, audit.actor_name) == (stand_in.key, "second for name of consultant")
    own = replace(stand_in, memberships=(case.member("CS_AGENT", "second"), *stand_in.memberships))
    await case.done(own, step)
    assert (await case.desk.all(AuditEvent, action="care.log_call"))[-1].actor_name == "second"


# --- (b) -------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def head(case: Case, *held: Membership, account: UUID) -> AsyncIterator[GroupWork]:
    actor = Actor(f"account:{account}", "hq", case.desk.group.id, account_id=account, memberships=held)
    async with open_group_work(case.desk.platform, case.desk.group, actor) as work:
        yield work


async def test_b_the_author_of_a_scheme_does_not_approve_it_nor_who_stands_in_for_them(case: Case) -> None:
    author, other = new_id(), new_id()
    writes, approves = Membership("HQ_QUALITY", None), Membership("HQ_DIRECTOR", None)
    async with head(case, writes, account=author) as work:
        scheme = await write_scheme(work, {**SEED_SCHEMES[0].to_json(), "code": "SEGREGATION"})
    lent = Membership("HQ_QUALITY", None, delegated_by=author, delegator="author")
    borrowed = Membership("HQ_DIRECTOR", None, delegated_by=other, delegator="director")
    for account, held in ((author, (approves,)), (author, (borrowed,)), (new_id(), (approves, lent))):
        with pytest.raises(Refused) as refused:
            async with head(case, *held, account=account) as work:
                await approve_scheme(work, scheme)
        assert refused.value.code == "SAME_PERSON"
    async with head(case, approves, account=other) as work:
        await approve_scheme(work, scheme)


async def test_b_the_author_of_a_questionnaire_does_not_publish_it_nor_who_stands_in_for_them(case: Case) -> None:
    author = new_id()
    writes, publishes = Membership("HQ_QUALITY", None), Membership("HQ_DIRECTOR", None)
    async with head(case, writes, account=author) as work:
        template = await draft_template(work, to_json(SEEDS[0]))
        await move_template(work, template, "submit")
    lent = Membership("HQ_QUALITY", None, delegated_by=author, delegator="author")
    for account, held in ((author, (publishes,)), (new_id(), (publishes, lent))):
        with pytest.raises(Refused) as refused:
            async with head(case, *held, account=account) as work:
                await move_template(work, template, "publish")
        assert refused.value.code == "SAME_PERSON"
    async with head(case, publishes, account=new_id()) as work:
        await move_template(work, template, "publish")


async def test_b_what_one_person_doubts_another_rules_on(case: Case) -> None:
    manager = case.actor("cs_manager", case.member("CS_MANAGER", "cs_manager"))
    await case.done(manager, lambda work: quarantine_response(work, case.rows["Response"], reason="x"))
    clear = lambda work: clear_response(work, case.rows["Response"], reason="x")  # noqa: E731
    assert await case.refused(manager, clear) == "SAME_PERSON"
    stand_in = case.actor("agent", case.member("CS_MANAGER", None, covers="cs_manager"))
    assert await case.refused(stand_in, clear) == "SAME_PERSON"
    await case.done(case.actor("manager", case.member("STORE_GM", "manager")), clear)


# --- (c) -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def settings_as_before(world: World) -> Iterator[None]:
    yield
    with owner_connection(world.server) as connection:
        connection.execute("delete from control.config_setting where key = 'privacy.reveal.warn_after'")


@pytest.mark.usefixtures("settings_as_before")
async def test_c_reveals_beyond_the_setting_warn_once_a_day(case: Case) -> None:
    async with open_group_work(case.desk.platform, case.desk.group, case.desk.system) as work:
        today = START.date() - timedelta(days=1)
        await set_setting(work, key="privacy.reveal.warn_after", value=3, valid_from=today, store_id=case.desk.store.id)
    [point] = await case.desk.all(ContactPoint, customer_id=case.rows["Customer"])
    agent = case.actor("agent", case.member("CS_AGENT", "agent"))
    for reveals in range(1, 6):
        await case.done(agent, lambda work: reveal_contact(work, point.id, reason="x"))
        warnings = await case.desk.all(AuditEvent, action="customers.reveal_warning")
        assert len(warnings) == (1 if reveals > 3 else 0), reveals
    assert (warnings[0].actor, warnings[0].after) == (agent.key, {"usual": 3, "today": 4})


def test_c_the_general_manager_and_the_dpo_read_the_warnings() -> None:
    assert ROLES["STORE_GM"]["audit:event:read"].name == "STORE"
    assert ROLES["DPO"]["audit:event:read"].name == "GROUP"


# --- (d) -------------------------------------------------------------------------------------------------------------


def test_d_who_reads_other_stores_reads_no_small_figure() -> None:
    """The masks of `KpiValue` are tried in tests/graphql/test_field_table.py, the comparison's in tests/domain/benchmark."""
    assert LEAST_CELL == MIN_N
    for role in (GROUP_ROLES | REGION_ROLES) - {"INTERNAL_AUDIT"}:
        assert "evaluation:kpi:read" not in ROLES[role]
    assert ROLES["INTERNAL_AUDIT"]["evaluation:kpi:read"].name == "STORE"

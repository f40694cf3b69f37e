"""One row of every kind that a mutation can name, in a store and its group."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from forecourt.auth.actor import Actor
from forecourt.auth.oidc.providers import group_domains, group_providers
from forecourt.auth.scim.model import ScimConnection
from forecourt.auth.web_sessions import open_session
from forecourt.domain.accounts import actions as accounts
from forecourt.domain.accounts import providers, temporary
from forecourt.domain.care.model import Call, FollowUpTask
from forecourt.domain.clients import actions as clients
from forecourt.domain.complaints.model import Complaint
from forecourt.domain.customers.model import ContactPoint
from forecourt.domain.directory import access
from forecourt.domain.evaluation.model import Appeal, EvaluationRun, LedgerEntry, Scheme
from forecourt.domain.evaluation.schemes import install_seed_schemes
from forecourt.domain.surveys.model import Invitation, Response
from forecourt.domain.surveys.publishing import draft_template, install_seed_templates
from forecourt.domain.surveys.seed_templates import SEEDS
from forecourt.domain.surveys.templates import to_json
from forecourt.domain.work import GroupWork, Platform, open_group_work
from forecourt.tenancy.ids import new_id
from forecourt.tenancy.session import ResolvedGroup, control_session
from tests.domain.desk import START, Desk


async def store_rows(desk: Desk) -> dict[str, UUID]:
    """Rows of an empty store by the name of their type; they are about one delivery of the consultant."""
    customer = await desk.customer()
    order = await desk.order(customer)
    rows = {
        "Customer": customer,
        "SalesOrder": order,
        "RepairOrder": await desk.visit(customer),
        "Employee": desk.people["second"],
        "ContactPoint": (await desk.all(ContactPoint, customer_id=customer))[0].id,
    }
    for name in (
        "Invitation",
        "Response",
        "FollowUpTask",
        "Call",
        "Complaint",
        "EvaluationRun",
        "LedgerEntry",
        "Appeal",
    ):
        rows[name] = new_id()
    consultant = desk.people["consultant"]
    digest = b"\0" * 32
    for row in (
        Invitation(
            id=rows["Invitation"],
            survey_no="L-1",
            template="T1",
            order_id=order,
            customer_id=customer,
            origin="LIVE",
            state="SENT",
            channel="SMS",
            sent_at=START,
        ),
        Response(id=rows["Response"], invitation_id=rows["Invitation"], mode="SMS", submitted_at=START, q_overall=2),
        FollowUpTask(
            id=rows["FollowUpTask"],
            kind="DELIVERY_CALL",
            cause_id=order,
            order_id=order,
            customer_id=customer,
            assignee_id=consultant,
            assignee_role="SALES_CONSULTANT",
            not_before=START,
            due_at=START + timedelta(days=1),
            state="OPEN",
        ),
        Call(
            id=rows["Call"],
            call_no="L-1",
            kind="CARE_CALL",
            order_id=order,
            caller_id=consultant,
            started_at=START,
            connected=True,
        ),
        Complaint(
            id=rows["Complaint"],
            complaint_no="L-1",
            record="COMPLAINT",
            area="SALES",
            kind="SERVICE",
            customer_id=customer,
            received_at=START,
            validity="UNDECIDED",
            status="OPEN",
        ),
        EvaluationRun(
            id=rows["EvaluationRun"],
            month="2026-08",
            number=1,
            state="PUBLISHED",
            provisional=False,
            as_of=START,
            frozen_at=START,
            inputs_hash=digest,
            result_hash=digest,
            report={},
        ),
        LedgerEntry(
            id=rows["LedgerEntry"],
            run_id=rows["EvaluationRun"],
            scheme="SALES-2H",
            rule="D-CALL",
            employee_id=consultant,
            points=-1,
            evidence_kind="SalesOrder",
            evidence_id=order,
            evidence_key="SO1",
            occurred_at=START,
            period="2026-08",
            cause="DIRECT",
            state="POSTED",
        ),
        Appeal(
            id=rows["Appeal"],
            entry_id=rows["LedgerEntry"],
            employee_id=consultant,
            filed_by="account:consultant",
            filed_at=START,
            text="打过电话",
            state="SUBMITTED",
        ),
    ):
        await desk.add(row)
    return rows


async def group_rows(platform: Platform, group: ResolvedGroup) -> dict[str, UUID]:
    """Things of a group by the name of their type: an account with a role and a token, a scheme, a questionnaire."""
    system = Actor.for_system("test", group.id)
    async with open_group_work(platform, group, system) as work:
        await install_seed_schemes(work)
        account = await accounts.create_account(work, name=f"n{new_id().hex}", display_name="李雷")
        membership = await accounts.add_membership(work, account, role="HQ_ANALYST")
        stand_in = await accounts.create_account(work, name=f"n{new_id().hex}", display_name="张伟")
        until = work.now + timedelta(days=1)
        delegation = await temporary.delegate_role(work, membership, stand_in, valid_to=until, reason="年假")
        token = await accounts.issue_token(work, account, label="test", lifetime=timedelta(days=1))
        client = await clients.create_client(
            work, name="测试", scopes=["sales:order:read"], stores=None, auth_method="client_secret_basic"
        )
        connection = await _connection(work)
        mapping = await access.add_mapping(work, by="DISPLAY_NAME", value=f"m{new_id().hex}", role="HQ_ANALYST")
        scheme = select(Scheme.id).where(Scheme.group_id == group.id).limit(1)
        provider, domain = await _provider(work)
        await install_seed_templates(work)  # else the draft would stand where the shipped version belongs
        template = await draft_template(work, to_json(SEEDS[0]))
        named = (await work.session.scalars(scheme)).one()
    async with control_session(platform.engines) as session:
        opened = await open_session(session, account, clock=platform.clock)
    return {
        "Account": account,
        "AccountMembership": membership,
        "AccessToken": token.id,
        "Delegation": delegation,
        "EmailDomain": domain,
        "IdentityProvider": provider,
        "OAuthClient": client.id,
        "DirectoryToken": connection,
        "DirectoryMapping": mapping,
        "Scheme": named,
        "SurveyTemplate": template,
        "WebSession": opened.id,
    }


async def _connection(work: GroupWork) -> UUID:
    """A directory's connection that is valid now: the one that is there, because a group has a bounded number of them."""
    valid = select(ScimConnection.id).where(
        ScimConnection.group_id == work.group.id,
        ScimConnection.revoked_at.is_(None),
        ScimConnection.expires_at > work.now,
    )
    known = (await work.session.scalars(valid.limit(1))).first()
    return known or (await access.create_connection(work, label="test", lifetime=timedelta(days=1))).id


async def _provider(work: GroupWork) -> tuple[UUID, UUID]:
    """A draft of a provider with a domain: the one that is there, because a group has a bounded number of them."""
    known = [one for one in await group_providers(work.session, work.group.id) if one.code == "rows"]
    if known:
        provider = known[0].id
    else:
        provider = await providers.add_provider(
            work, code="rows", name="Corp", issuer="https://login.invalid", client="x"
        )
    domains = await group_domains(work.session, work.group.id, provider)
    domain = domains[0].id if domains else await providers.add_domain(work, provider, domain="rows.example")
    return provider, domain


async def told_rows(desk: Desk) -> dict[str, UUID]:
    """`store_rows`, with an event about each."""
    rows = await store_rows(desk)
    async with desk.work() as work:
        for entity, row in rows.items():
            work.emit("Imported", entity, row, customer=str(new_id()))
    return rows

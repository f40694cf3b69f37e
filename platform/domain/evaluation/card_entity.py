"""What can be read of a month's results about persons: cards, ledger, appeals; and the departments' cards.

Who sees a result before a person has published it is decided in docs/decisions/0010-unpublished-results.md.
"""

from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, Select, and_, or_, select

from ...tenancy.reader.common import recorded
from ...tenancy.reader.entity import Grant, Kind, Reach, Viewer, Words, entity, many, one, value
from ..people.entity import EMPLOYMENT, ROLE
from ..people.reach import among
from .entity import KPI_READ, record_fields, shown_to_staff
from .model import Appeal, DepartmentCard, DepartmentCardItem, EvaluationRun, KpiRecord, LedgerEntry, Scorecard

VERDICT = Words(
    "ScorecardVerdict",
    "What a card says 考核结论.",
    {"PASS": "Target reached 达标.", "FAIL": "Target missed 未达标.", "NO_DATA": "Nothing to judge 无数据."},
)
CAUSE = Words(
    "LedgerCause",
    "Why an entry exists 扣分原因.",
    {
        "DIRECT": "The person's own act 直接责任.",
        "JOINT": "Joint liability of the supervisor 连带责任.",
        "REVERSAL": "It takes another entry back 冲销.",
    },
)
ENTRY_STATE = Words(
    "LedgerState",
    "Where an entry stands 台账状态.",
    {
        "PROPOSED": "Proposed, costs nothing yet 待审批.",
        "POSTED": "Approved by a person 已入账.",
        "REVERSED": "Taken back by a reversal 已冲销.",
        "REJECTED": "Not approved 已驳回.",
    },
)
APPEAL_STATE = Words(
    "AppealState",
    "Where an appeal stands 申诉状态.",
    {
        "SUBMITTED": "To be decided 待裁定.",
        "UPHELD": "The appeal was right 申诉成立.",
        "DENIED": "It was not 申诉驳回.",
    },
)


def _shown_runs() -> Select[UUID]:
    return select(EvaluationRun.id).where(shown_to_staff(EvaluationRun.__table__))


def _person_within(viewer: Viewer, reach: Reach, row: FromClause) -> ColumnElement[bool]:
    """People within reach, but for those whose holiday the viewer covers: a stand-in does not read their results."""
    people = among(viewer, reach, row.c.employee_id)
    return and_(people, row.c.employee_id.not_in(sorted(viewer.covered))) if viewer.covered else people


def _card_within(viewer: Viewer, reach: Reach, row: FromClause) -> ColumnElement[bool]:
    return and_(_person_within(viewer, reach, row), row.c.run_id.in_(_shown_runs()))


def _entry_within(viewer: Viewer, reach: Reach, row: FromClause) -> ColumnElement[bool]:
    """Own entries of shown runs, proposals too; those of others only when they were published and are no proposals."""
    own = and_(_person_within(viewer, Reach.OWN, row), row.c.run_id.in_(_shown_runs()))
    if reach is Reach.OWN:
        return own
    published = select(EvaluationRun.id).where(EvaluationRun.published_at.is_not(None))
    others = and_(
        _person_within(viewer, reach, row),
        row.c.run_id.in_(published),
        row.c.state.not_in(("PROPOSED", "REJECTED")),
    )
    return or_(own, others)


SCORECARD = entity(
    Scorecard,
    "A person's card 考核评分卡 of one scheme and run.",
    plural="scorecards",
    grants=(Grant("evaluation:scorecard:read", _card_within),),
    fields=(
        value("scheme", Scorecard.scheme, "Code of the scheme, such as SALES-24H 考核方案."),
        value("role", Scorecard.role, "The person's role in the month 岗位.", words=ROLE),
        value("teamCode", Scorecard.team_code, "Code of the person's team in the month 小组."),
        value("employment", Scorecard.employment, "Employment in the month 在职状态.", words=EMPLOYMENT),
        value("n", Scorecard.n, "Vehicles delivered in the month 交车台数."),
        value("x", Scorecard.x, "Of these, customers who are very satisfied 非常满意数."),
        value("s01", Scorecard.s01, "Very-satisfied rate of all delivered, percent 非常满意度."),
        value("s01Pass", Scorecard.s01_pass, "The rate reaches the target 达标."),
        value("responses", Scorecard.responses, "Valid responses 有效答卷."),
        value("s02", Scorecard.s02, "Very-satisfied rate of respondents, percent 答卷非常满意度."),
        value("passMark", Scorecard.pass_mark, "Points from which the card passes 达标线."),
        value("ledgerPoints", Scorecard.ledger_points, "Points of the deductions ledger, zero or negative 扣分."),
        value("total", Scorecard.total, "Total points 总分."),
        value("verdict", Scorecard.verdict, "What the card says 考核结论.", words=VERDICT),
        *recorded(Scorecard),
    ),
    relations=(
        one("run", "EvaluationRun", "run_id", "The run 月度考核."),
        one("employee", "Employee", "employee_id", "The person 员工."),
        one("supervisor", "Employee", "supervisor_id", "The supervisor in the month 主管."),
        one("team", "Team", "team_code", "The team in the month 小组.", remote="team_code"),
        many(
            "ledgerEntries",
            "LedgerEntry",
            "employee_id",
            "The person's ledger, of all months 扣分台账.",
            local="employee_id",
        ),
        many("records", "ScorecardRecord", "card_id", "The records behind its figures 评分明细."),
    ),
)


def _record_within(viewer: Viewer, reach: Reach, row: FromClause) -> ColumnElement[bool]:
    card = Scorecard.__table__.alias()
    return row.c.card_id.in_(select(card.c.id).where(_card_within(viewer, reach, card)))


SCORECARD_RECORD = entity(
    KpiRecord,
    "One record that a figure on a person's card counted 评分明细: the explanation of the card.",
    plural="scorecardRecords",
    name="ScorecardRecord",
    grants=(Grant("evaluation:scorecard:read", _record_within),),
    only=lambda row: row.c.card_id.is_not(None),
    fields=record_fields(),
    relations=(one("scorecard", "Scorecard", "card_id", "The card 考核评分卡."),),
)

DEPARTMENT_CARD = entity(
    DepartmentCard,
    "A department's card 部门评分卡 of one run.",
    plural="departmentCards",
    grants=(Grant(KPI_READ),),
    fields=(
        value("scheme", DepartmentCard.scheme, "Code of the scheme, such as AFTERSALES-20/25/15/20/20 考核方案."),
        value("total", DepartmentCard.total, "Total points; null: nothing to judge 总分."),
    ),
    relations=(
        one("run", "EvaluationRun", "run_id", "The run 月度考核."),
        many("items", "DepartmentCardItem", "card_id", "Its KPIs 评分项."),
    ),
)

DEPARTMENT_CARD_ITEM = entity(
    DepartmentCardItem,
    "One KPI of a department's card with its category 评分项.",
    plural="departmentCardItems",
    grants=(Grant(KPI_READ),),
    fields=(
        value("position", DepartmentCardItem.position, "Place on the card 序号."),
        value("category", DepartmentCardItem.category, "Category 类别."),
        value("weight", DepartmentCardItem.weight, "Weight of the category in the total, percent 权重."),
        value("categoryScore", DepartmentCardItem.category_score, "Score of the category, 0 to 100 类别得分."),
        value("kpi", DepartmentCardItem.kpi, "Code of the KPI 指标代码."),
        value("n", DepartmentCardItem.n, "Number of records counted 样本量."),
        value("value", DepartmentCardItem.value, "Value of the KPI 指标值."),
        value("missing", DepartmentCardItem.missing, "Nothing to judge; its weight goes to the others 缺失."),
        value("score", DepartmentCardItem.score, "Score, 0 to 100 得分."),
    ),
    relations=(one("card", "DepartmentCard", "card_id", "The card 部门评分卡."),),
)

LEDGER_ENTRY = entity(
    LedgerEntry,
    "An entry of the deductions ledger 扣分台账; a reversal is an opposite entry.",
    plural="ledgerEntries",
    grants=(Grant("evaluation:ledger:read", _entry_within),),
    fields=(
        value("scheme", LedgerEntry.scheme, "Code of the scheme 考核方案."),
        value("rule", LedgerEntry.rule, "Code of the rule, such as D-CALL 扣分规则."),
        value("points", LedgerEntry.points, "Points, negative when they are taken 分值."),
        value("evidenceKind", LedgerEntry.evidence_kind, "Kind of the evidence 凭证类型."),
        value("evidenceKey", LedgerEntry.evidence_key, "Natural key of the evidence 凭证编号."),
        value("occurredAt", LedgerEntry.occurred_at, "When it happened 发生时间."),
        value("period", LedgerEntry.period, "The month it counts in 所属月份.", kind=Kind.MONTH),
        value("cause", LedgerEntry.cause, "Why it exists 扣分原因.", words=CAUSE),
        value("state", LedgerEntry.state, "Where it stands 台账状态.", words=ENTRY_STATE),
        value("reason", LedgerEntry.reason, "Reason given by a person 说明."),
        *recorded(LedgerEntry),
    ),
    relations=(
        one("run", "EvaluationRun", "run_id", "The run 月度考核."),
        one("employee", "Employee", "employee_id", "The person 员工."),
        one("parent", "LedgerEntry", "parent_id", "The entry that this one follows by joint liability 主条目."),
        many("joint", "LedgerEntry", "parent_id", "Entries of joint liability 连带条目."),
        one("reverses", "LedgerEntry", "reverses_id", "The entry that this one takes back 被冲销条目."),
        one("reversedBy", "LedgerEntry", "id", "The entry that takes this one back 冲销条目.", remote="reverses_id"),
        many("appeals", "Appeal", "entry_id", "Appeals against it 申诉."),
    ),
)

APPEAL = entity(
    Appeal,
    "An appeal 申诉 against a ledger entry.",
    plural="appeals",
    grants=(Grant("evaluation:appeal:read", _person_within),),
    fields=(
        value("filedBy", Appeal.filed_by, "Who filed it: key of an account 申诉人."),
        value("filedAt", Appeal.filed_at, "When it was filed 申诉时间."),
        value("text", Appeal.text, "Reasons of the appeal 申诉理由."),
        value("state", Appeal.state, "Where it stands 申诉状态.", words=APPEAL_STATE),
        value("decidedBy", Appeal.decided_by, "Who decided it: key of an account 裁定人."),
        value("decidedAt", Appeal.decided_at, "When it was decided 裁定时间."),
        value("decision", Appeal.decision, "Reasons of the decision 裁定说明."),
        *recorded(Appeal),
    ),
    relations=(
        one("entry", "LedgerEntry", "entry_id", "The entry 扣分条目."),
        one("employee", "Employee", "employee_id", "The person 员工."),
    ),
)

ENTITIES = (SCORECARD, SCORECARD_RECORD, DEPARTMENT_CARD, DEPARTMENT_CARD_ITEM, LEDGER_ENTRY, APPEAL)

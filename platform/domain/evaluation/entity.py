"""What can be read of evaluation in a store: targets, runs and KPIs. Cards, ledger and appeals stand in `card_entity.py`."""

from sqlalchemy import ColumnElement, FromClause, or_

from ...tenancy.reader.common import recorded
from ...tenancy.reader.entity import Field, Grant, Kind, Reach, Viewer, Words, entity, many, one, value
from ..masking import mask
from .model import EvaluationRun, KpiRecord, KpiValue, Target

KPI_READ = "evaluation:kpi:read"
#: Of other stores than one's own: whole stores only, and nothing where too few customers are behind it. A team, or a
#: record, could be subtracted from the whole.
FIGURE_READ = "evaluation:figure:read"

METRIC = Words(
    "TargetMetric",
    "What a target is set for 目标项.",
    {"SERVICE_REVENUE": "Net service revenue 售后收入.", "DELIVERIES": "Vehicles delivered 交车量."},
)
RUN_STATE = Words(
    "EvaluationRunState",
    "Where a run stands 考核状态.",
    {
        "REVIEW": "Calculated, waits for a person 待审核.",
        "APPROVED": "Approved by a person 已审批.",
        "PUBLISHED": "Published to staff 已发布.",
        "SUPERSEDED": "Replaced by a newer run 已被替代.",
    },
)


PART = Words(
    "KpiRecordPart",
    "Where a record counts 计入位置.",
    {
        "NUMERATOR": "In the numerator 分子.",
        "DENOMINATOR": "In the denominator 分母.",
        "CASE": "Among the cases that n counts 样本.",
    },
)


def shown_to_staff(run: FromClause) -> ColumnElement[bool]:
    """Runs whose figures staff may see: published ones, and provisional ones (domain section 3.7)."""
    return or_(run.c.published_at.is_not(None), run.c.provisional)


def _shown(viewer: Viewer, reach: Reach, row: FromClause) -> ColumnElement[bool]:
    return shown_to_staff(row)


def _whole_store(row: FromClause) -> ColumnElement[bool]:
    return row.c.team_code.is_(None)


TARGET = entity(
    Target,
    "A monthly target 月度目标 of the store.",
    plural="targets",
    grants=(Grant(KPI_READ), Grant(FIGURE_READ)),
    fields=(
        value("month", Target.month, "The month 月份.", kind=Kind.MONTH),
        value("metric", Target.metric, "What it is set for 目标项.", words=METRIC),
        value("value", Target.value, "Net money in the group's currency, or a count 目标值."),
        *recorded(Target),
    ),
)

EVALUATION_RUN = entity(
    EvaluationRun,
    "One calculation of a month 月度考核. A restated month is a new run with the next number.",
    plural="evaluationRuns",
    grants=(
        Grant("evaluation:run:read"),
        Grant(KPI_READ),
        Grant(FIGURE_READ),
        Grant("evaluation:scorecard:read", _shown),
    ),
    fields=(
        value("month", EvaluationRun.month, "The month 月份.", kind=Kind.MONTH),
        value("number", EvaluationRun.number, "1 for the first calculation of the month, then 2, 3, … 版本."),
        value("state", EvaluationRun.state, "Where it stands 考核状态.", words=RUN_STATE),
        value("provisional", EvaluationRun.provisional, "Calculated before the month was frozen 暂定."),
        value("asOf", EvaluationRun.as_of, "Facts known until then were counted 数据截止."),
        value("frozenAt", EvaluationRun.frozen_at, "When the month is frozen 冻结时间."),
        value("inputsHash", EvaluationRun.inputs_hash, "SHA-256 of the inputs, hexadecimal.", kind=Kind.DIGEST),
        value("resultHash", EvaluationRun.result_hash, "SHA-256 of the result, hexadecimal.", kind=Kind.DIGEST),
        value("approvedBy", EvaluationRun.approved_by, "Who approved it: key of an account 审批人."),
        value("approvedAt", EvaluationRun.approved_at, "When it was approved 审批时间."),
        value("publishedBy", EvaluationRun.published_by, "Who published it: key of an account 发布人."),
        value("publishedAt", EvaluationRun.published_at, "When it was published to staff 发布时间."),
        *recorded(EvaluationRun),
    ),
    relations=(
        one("restates", "EvaluationRun", "restates_id", "The run this one replaces 被重述的考核."),
        many("restatedBy", "EvaluationRun", "restates_id", "Runs that replaced this one 重述."),
        many("kpiValues", "KpiValue", "run_id", "KPI values 指标值."),
        many("kpiRecords", "KpiRecord", "run_id", "Records behind the KPI values 指标明细."),
        many("scorecards", "Scorecard", "run_id", "Cards of persons 考核评分卡."),
        many("departmentCards", "DepartmentCard", "run_id", "Cards of departments 部门评分卡."),
        many("ledgerEntries", "LedgerEntry", "run_id", "Entries of the deductions ledger 扣分台账."),
    ),
)

KPI_VALUE = entity(
    KpiValue,
    "A KPI 指标 of a run, of the store or one team.",
    plural="kpiValues",
    grants=(Grant(KPI_READ), Grant(FIGURE_READ, only=_whole_store)),
    fields=(
        value("kpi", KpiValue.kpi, "Code of the KPI, such as S01 指标代码."),
        value("teamCode", KpiValue.team_code, "Code of the team; null: of the whole store 小组."),
        value("x", KpiValue.x, "Numerator 分子.", **mask("KpiValue.x", KpiValue.n)),
        value("n", KpiValue.n, "Number of records counted 样本量."),
        value("d", KpiValue.d, "Denominator, where it is not n 分母.", **mask("KpiValue.d", KpiValue.n)),
        value(
            "value",
            KpiValue.value,
            "The value; null: no denominator, never zero; or too few customers for who may not see them 指标值.",
            **mask("KpiValue.value", KpiValue.n),
        ),
    ),
    relations=(
        one("run", "EvaluationRun", "run_id", "The run 月度考核."),
        one("team", "Team", "team_code", "The team; null: of the whole store 小组.", remote="team_code"),
    ),
)


def record_fields() -> tuple[Field, ...]:
    """Fields of a record that a figure counted."""
    return (
        value("kpi", KpiRecord.kpi, "Code of the KPI 指标代码."),
        value("part", KpiRecord.part, "Where the record counts 计入位置.", words=PART),
        value("recordKind", KpiRecord.record_kind, "Kind of the record 记录类型."),
        value("recordKey", KpiRecord.record_key, "Natural key of the record, such as an order number 记录编号."),
        value("amount", KpiRecord.amount, "What it adds: 1, hours, seconds or money 数值."),
        value("proofKind", KpiRecord.proof_kind, "Kind of the record that proves it 佐证类型."),
        value("proofKey", KpiRecord.proof_key, "Natural key of the record that proves it 佐证编号."),
    )


KPI_RECORD = entity(
    KpiRecord,
    "One record that a KPI of the store counted 指标明细: the explanation of every figure.",
    plural="kpiRecords",
    grants=(Grant(KPI_READ),),
    only=lambda row: row.c.card_id.is_(None),
    fields=record_fields(),
    relations=(one("run", "EvaluationRun", "run_id", "The run 月度考核."),),
)

ENTITIES = (TARGET, EVALUATION_RUN, KPI_VALUE, KPI_RECORD)

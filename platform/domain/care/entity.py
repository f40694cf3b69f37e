"""What can be read of care: calls and follow-up tasks."""

from sqlalchemy import ColumnElement, FromClause, or_

from ...tenancy.reader.common import recorded
from ...tenancy.reader.entity import Grant, Kind, Reach, Viewer, When, Words, computed, entity, many, one, value
from ..people.reach import about, among, transaction_about
from .model import Call, FollowUpTask
from .task_rules import is_overdue

CALL_KIND = Words(
    "CallKind",
    "Why a call was made 回访类型.",
    {
        "DELIVERY_CALL": "Call after the delivery 交车回访.",
        "CARE_CALL": "Care call within 72 hours 72小时关怀电话.",
        "RECOVERY": "Call to win back a dissatisfied customer 不满意客户补救.",
        "SERVICE_FOLLOWUP": "Call after a service visit 售后回访.",
    },
)
CALL_RESULT = Words(
    "CallResult",
    "How a call ended 通话结果.",
    {
        "OK": "Spoke with the customer 成功.",
        "NO_ANSWER": "Nobody answered 无人接听.",
        "REFUSED": "The customer refused 拒访.",
        "INVALID_NUMBER": "The number is not valid 空号.",
        "SOLVED": "The customer says it is solved 已解决.",
        "NOT_SOLVED": "The customer says it is not solved 未解决.",
    },
)
TASK_KIND = Words(
    "FollowUpKind",
    "What is to be done 任务类型.",
    {
        "DELIVERY_CALL": "Call after the delivery 交车回访.",
        "CARE_CALL_72H": "Care call within 72 hours 72小时关怀电话.",
        "RECOVERY": "Win back a dissatisfied customer 不满意客户补救.",
        "HOME_VISIT": "Visit at home 上门拜访.",
        "SERVICE_FOLLOWUP": "Call after a service visit 售后回访.",
    },
)
TASK_STATE = Words(
    "FollowUpState",
    "Where a follow-up task stands 任务状态.",
    {
        "PLANNED": "Not due to begin yet 已计划.",
        "OPEN": "To be done 待处理.",
        "OVERDUE": "Not done in time 逾期.",
        "DONE_ON_TIME": "Done in time 按时完成.",
        "DONE_LATE": "Done late 逾期完成.",
        "UNREACHABLE": "The customer could not be reached 无法联系.",
        "CANCELLED": "No longer needed 已取消.",
    },
)


def _task_within(viewer: Viewer, reach: Reach, row: FromClause) -> ColumnElement[bool]:
    """Own tasks. Leads also see tasks about the transactions of their people; the people themselves do not: a recovery task
    would tell a consultant how their customer answered before results are published (domain section 2)."""
    mine = among(viewer, reach, row.c.assignee_id)
    return mine if reach is Reach.OWN else or_(mine, transaction_about(viewer, reach, row))


CALL = entity(
    Call,
    "A call 回访电话 that somebody made to a customer.",
    plural="calls",
    grants=(Grant("care:call:read", about("caller_id")),),
    fields=(
        value("callNo", Call.call_no, "Number of the call 通话编号."),
        value("kind", Call.kind, "Why it was made 回访类型.", words=CALL_KIND),
        value("startedAt", Call.started_at, "When it began 开始时间."),
        value("durationSeconds", Call.duration_s, "How long it lasted, in seconds 时长."),
        value("connected", Call.connected, "Somebody answered 接通."),
        value("result", Call.result, "How it ended 通话结果.", words=CALL_RESULT),
        *recorded(Call),
    ),
    relations=(
        one("order", "SalesOrder", "order_id", "The sales order it was about 销售订单."),
        one("repairOrder", "RepairOrder", "repair_order_id", "The repair order it was about 维修工单."),
        one("invitation", "Invitation", "invitation_id", "The survey it was about 调查邀请."),
        one("caller", "Employee", "caller_id", "Who called 回访人."),
        many("evidenceFor", "FollowUpTask", "evidence_call_id", "Tasks this call closed 作为凭证的任务."),
    ),
)

FOLLOW_UP_TASK = entity(
    FollowUpTask,
    "Something to do for a customer by a time 回访任务, closed with evidence.",
    plural="followUpTasks",
    grants=(Grant("care:task:read", _task_within),),
    fields=(
        value("kind", FollowUpTask.kind, "What is to be done 任务类型.", words=TASK_KIND),
        value("assigneeRole", FollowUpTask.assignee_role, "Role that does it while nobody is named 负责岗位."),
        value("notBefore", FollowUpTask.not_before, "Not to be done earlier 最早时间."),
        value("dueAt", FollowUpTask.due_at, "To be done by 截止时间."),
        value("state", FollowUpTask.state, "Where it stands 任务状态.", words=TASK_STATE),
        computed(
            "overdue",
            Kind.BOOL,
            (FollowUpTask.state, FollowUpTask.due_at),
            "Still to be done although its time has passed, as of the moment of the read 是否逾期.",
            is_overdue,
            when=When.NOW,
            nullable=False,
        ),
        value("attempts", FollowUpTask.attempts, "Attempts so far 尝试次数."),
        value("outcome", FollowUpTask.outcome, "What came of it 结果."),
        value("closedAt", FollowUpTask.closed_at, "When it was closed 关闭时间."),
        *recorded(FollowUpTask),
    ),
    relations=(
        one("order", "SalesOrder", "order_id", "The sales order 销售订单."),
        one("repairOrder", "RepairOrder", "repair_order_id", "The repair order 维修工单."),
        one("invitation", "Invitation", "invitation_id", "The survey that caused it 调查邀请."),
        one("customer", "Customer", "customer_id", "The customer 客户."),
        one("assignee", "Employee", "assignee_id", "Who does it 负责人."),
        one("evidenceCall", "Call", "evidence_call_id", "The call that closed it 凭证通话."),
    ),
)

ENTITIES = (CALL, FOLLOW_UP_TASK)

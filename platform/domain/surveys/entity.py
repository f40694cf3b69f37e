"""What can be read of surveys in a store: invitations, responses, answers. Tokens and contact hashes can never be read."""

from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, Select, select

from ...tenancy.reader.common import recorded
from ...tenancy.reader.entity import Grant, Kind, Reach, Viewer, Words, batched, entity, many, one, value
from ..people.reach import transaction_about
from .model import Answer, Invitation, Response
from .titles import titles_of

CHANNEL = Words(
    "SurveyChannel",
    "How a customer is asked 调查渠道.",
    {
        "SMS": "Text message 短信.",
        "WECHAT": "WeChat 微信.",
        "EMAIL": "E-mail 电子邮件.",
        "PHONE": "Telephone 电话.",
        "PAPER": "Paper 纸质.",
    },
)
MODE = Words(
    "SurveyMode",
    "How a response was given 作答方式.",
    {
        "SELF_ONLINE": "By the customer, online 自助在线.",
        "SMS": "By text message 短信.",
        "WECHAT": "In WeChat 微信.",
        "PHONE_INTERVIEW": "In a telephone interview 电话访问.",
        "PAPER": "On paper 纸质.",
        "FACE_TO_FACE": "Face to face 面访.",
        "ASSISTED_AT_DELIVERY": "With help at delivery, never scored 交车时协助填写.",
    },
)
STATE = Words(
    "InvitationState",
    "Where an invitation stands 邀请状态.",
    {
        "SCHEDULED": "To be sent 待发送.",
        "SUPPRESSED": "Not to be sent, for a recorded reason 已抑制.",
        "SENT": "Sent 已发送.",
        "OPENED": "Opened 已打开.",
        "STARTED": "Started 已开始.",
        "COMPLETED": "Completed 已完成.",
        "EXPIRED": "Expired 已过期.",
        "BOUNCED": "Could not be delivered 退回.",
        "OPTED_OUT": "The customer does not want surveys 退订.",
        "CANCELLED": "Cancelled 已取消.",
    },
)
ORIGIN = Words(
    "InvitationOrigin",
    "Where an invitation comes from 来源.",
    {"IMPORT": "An export 导入.", "LIVE": "Forecourt 系统发起."},
)
INTEGRITY = Words(
    "ResponseIntegrity",
    "Whether a response counts 有效性.",
    {"OK": "It counts 有效.", "QUARANTINED": "Held back until ruled 待核查.", "VOID": "It does not count 作废."},
)


def _invitations(viewer: Viewer, reach: Reach) -> Select[UUID]:
    invitation = Invitation.__table__
    return select(invitation.c.id).where(transaction_about(viewer, reach, invitation))


def _of_invitation(viewer: Viewer, reach: Reach, row: FromClause) -> ColumnElement[bool]:
    return row.c.invitation_id.in_(_invitations(viewer, reach))


def _of_response(viewer: Viewer, reach: Reach, row: FromClause) -> ColumnElement[bool]:
    response = Response.__table__
    within = select(response.c.id).where(response.c.invitation_id.in_(_invitations(viewer, reach)))
    return row.c.response_id.in_(within)


INVITATION = entity(
    Invitation,
    "An invitation to a survey 调查邀请, or a form filled in at delivery (template T8, never scored).",
    plural="invitations",
    grants=(Grant("surveys:invitation:read", transaction_about),),
    fields=(
        value("surveyNo", Invitation.survey_no, "Number of the survey 调查编号."),
        value("template", Invitation.template, "Code of the questionnaire, such as T1 问卷."),
        batched(
            "templateTitle",
            Kind.TEXT,
            (Invitation.template, Invitation.template_id),
            "Title of the questionnaire in the viewer's language; null: no version of it is known 问卷名称.",
            titles_of,
        ),
        value("origin", Invitation.origin, "Imported or sent by Forecourt 来源.", words=ORIGIN),
        value("state", Invitation.state, "Where it stands 邀请状态.", words=STATE),
        value("channel", Invitation.channel, "How the customer is asked 调查渠道.", words=CHANNEL),
        value("plannedFor", Invitation.planned_for, "When it is to be sent 计划发送."),
        value("sentAt", Invitation.sent_at, "When it was sent 发送时间."),
        value("bounced", Invitation.bounced, "It could not be delivered 退回."),
        value("expiresAt", Invitation.expires_at, "Until when it can be answered 截止."),
        value("openedAt", Invitation.opened_at, "When it was opened 打开时间."),
        value("startedAt", Invitation.started_at, "When the customer began 开始时间."),
        value("reminders", Invitation.reminders, "Reminders sent 提醒次数."),
        value("attempts", Invitation.attempts, "Attempts to send 尝试次数."),
        value("suppressedReason", Invitation.suppressed_reason, "Why it was not sent 抑制原因."),
        *recorded(Invitation),
    ),
    relations=(
        one("order", "SalesOrder", "order_id", "The sales order it asks about 销售订单."),
        one("repairOrder", "RepairOrder", "repair_order_id", "The repair order it asks about 维修工单."),
        one("complaint", "Complaint", "complaint_id", "The complaint it asks about 投诉."),
        one("customer", "Customer", "customer_id", "Who is asked 客户."),
        one("response", "Response", "id", "The response 答卷.", remote="invitation_id"),
        many("calls", "Call", "invitation_id", "Calls because of it 回访电话."),
        many("followUpTasks", "FollowUpTask", "invitation_id", "Follow-up tasks because of it 回访任务."),
    ),
)

RESPONSE = entity(
    Response,
    "The answer to one invitation 答卷.",
    plural="responses",
    grants=(Grant("surveys:response:read", _of_invitation),),
    fields=(
        value("mode", Response.mode, "How it was given 作答方式.", words=MODE),
        value("submittedAt", Response.submitted_at, "When it was given 提交时间."),
        value("integrity", Response.integrity, "Whether it counts 有效性.", words=INTEGRITY),
        value("overall", Response.q_overall, "Overall satisfaction, 5 = very satisfied 总体满意度 (非常满意)."),
        value("careCall72h", Response.q_care_call_72h, "Was called within 72 hours 72小时内接到关怀电话."),
        value("influenced", Response.q_influenced, "Somebody influenced the answers 是否被诱导."),
        value("recommend", Response.q_recommend, "Would recommend, 0 to 10 推荐意愿."),
        value("comment", Response.q_comment, "Comment in the customer's words 意见."),
        value("language", Response.language, "Language of the questionnaire 语言."),
        *recorded(Response),
    ),
    relations=(
        one("invitation", "Invitation", "invitation_id", "The invitation 调查邀请."),
        one("interviewer", "Employee", "interviewer_id", "Who asked, in an interview 访问员."),
        many("answers", "Answer", "response_id", "All answers 全部作答."),
    ),
)

ANSWER = entity(
    Answer,
    "One answer to one question 作答.",
    plural="answers",
    grants=(Grant("surveys:response:read", _of_response),),
    fields=(
        value("question", Answer.question, "Key of the question 题目."),
        value("value", Answer.value, "The answer as given 作答内容."),
    ),
    relations=(one("response", "Response", "response_id", "The response it is part of 答卷."),),
)

ENTITIES = (INVITATION, RESPONSE, ANSWER)

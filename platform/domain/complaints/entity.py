"""What can be read of complaints."""

from sqlalchemy import ColumnElement, FromClause, or_, select

from ...tenancy.reader.common import recorded
from ...tenancy.reader.entity import Grant, Kind, Reach, Through, Viewer, Words, computed, entity, many, one, value
from ..people.reach import among, transaction_about
from .model import Complaint, ComplaintAccused
from .rules import minutes_to_answer

READ = "complaints:complaint:read"

RECORD = Words(
    "ComplaintRecord",
    "Complaint or enquiry 记录类型.",
    {"COMPLAINT": "A complaint 投诉.", "ENQUIRY": "An enquiry 咨询."},
)
AREA = Words("ComplaintArea", "Side of the business 业务.", {"SALES": "Sales 销售.", "SERVICE": "Service 售后."})
KIND = Words(
    "ComplaintKind",
    "What the complaint is about 投诉类别.",
    {
        "PRODUCT": "The product 产品质量.",
        "SERVICE": "The service 服务.",
        "COMMUNICATION": "Communication 沟通.",
        "PRICE": "The price 价格.",
        "CONTRACT": "The contract 合同.",
        "PARTS": "Parts 配件.",
        "DELIVERY": "The delivery 交付.",
        "SAFETY": "Safety 安全.",
        "PRIVACY": "Personal data 隐私.",
        "OTHER": "Something else 其他.",
    },
)
SEVERITY = Words(
    "ComplaintSeverity",
    "How grave it is 严重程度.",
    {"P1": "Gravest: answer in 30 minutes 特急.", "P2": "Grave 紧急.", "P3": "Medium 一般.", "P4": "Light 轻微."},
)
VALIDITY = Words(
    "ComplaintValidity",
    "Whether the complaint is justified 有效性; a person rules it.",
    {
        "UNDECIDED": "Not ruled yet 未判定.",
        "VALID": "Justified: costs points 有效.",
        "PARTLY": "Partly justified 部分有效.",
        "INVALID": "Not justified 无效.",
    },
)
STATUS = Words(
    "ComplaintStatus",
    "Where the complaint stands 状态.",
    {
        "OPEN": "Open 处理中.",
        "CLOSED": "Closed 已关闭.",
        "WITHDRAWN": "Withdrawn 已撤回.",
        "DUPLICATE": "Duplicate 重复.",
    },
)


def _within(viewer: Viewer, reach: Reach, row: FromClause) -> ColumnElement[bool]:
    accused = ComplaintAccused.__table__
    within = select(accused.c.complaint_id).where(among(viewer, reach, accused.c.employee_id))
    return or_(row.c.id.in_(within), transaction_about(viewer, reach, row))


COMPLAINT = entity(
    Complaint,
    "A complaint 投诉 or enquiry 咨询.",
    plural="complaints",
    grants=(Grant(READ, _within),),
    fields=(
        value("complaintNo", Complaint.complaint_no, "Number of the complaint 投诉编号."),
        value("record", Complaint.record, "Complaint or enquiry 记录类型.", words=RECORD),
        value("area", Complaint.area, "Side of the business 业务.", words=AREA),
        value("kind", Complaint.kind, "What it is about 投诉类别.", words=KIND),
        value("severity", Complaint.severity, "How grave it is 严重程度.", words=SEVERITY),
        value("receivedAt", Complaint.received_at, "When it was received 受理时间."),
        value("acknowledgedAt", Complaint.acknowledged_at, "When the customer got a first answer 首次响应."),
        computed(
            "minutesToAnswer",
            Kind.INT,
            (Complaint.received_at, Complaint.acknowledged_at),
            "Whole minutes until the first answer; null: not answered yet 响应时长.",
            minutes_to_answer,
        ),
        value("validity", Complaint.validity, "Whether it is justified 有效性.", words=VALIDITY),
        value("validityDecidedAt", Complaint.validity_decided_at, "When that was ruled 判定时间."),
        value("validityDecidedBy", Complaint.validity_decided_by, "Who ruled it: key of an account 判定人."),
        value("confirmedAt", Complaint.confirmed_at, "When the customer confirmed the solution 客户确认."),
        value("status", Complaint.status, "Where it stands 状态.", words=STATUS),
        value("text", Complaint.text, "What the customer said 内容."),
        *recorded(Complaint),
    ),
    relations=(
        one("customer", "Customer", "customer_id", "The customer 客户."),
        one("order", "SalesOrder", "order_id", "The sales order it is about 销售订单."),
        one("repairOrder", "RepairOrder", "repair_order_id", "The repair order it is about 维修工单."),
        many(
            "accused",
            "Employee",
            "id",
            "The employees it names 被投诉人.",
            through=Through("complaint_accused", near="complaint_id", far="employee_id"),
        ),
        many("invitations", "Invitation", "complaint_id", "Surveys sent because of it 调查邀请."),
    ),
)

ENTITIES = (COMPLAINT,)

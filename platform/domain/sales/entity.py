"""What can be read of sales: the orders."""

from ...tenancy.reader.common import recorded
from ...tenancy.reader.entity import Grant, entity, many, one, value
from ..people.reach import about
from .model import SalesOrder

READ = "sales:order:read"

SALES_ORDER = entity(
    SalesOrder,
    "A sales order 销售订单 with its delivery 交车.",
    plural="salesOrders",
    grants=(Grant(READ, about("consultant_id")),),
    fields=(
        value("orderNo", SalesOrder.order_no, "Number of the order 订单号."),
        value("signedAt", SalesOrder.signed_at, "When the contract was signed 签约."),
        value("invoicedAt", SalesOrder.invoiced_at, "When it was invoiced 开票."),
        value("deliveredAt", SalesOrder.delivered_at, "When the vehicle was delivered 交车."),
        value("platedAt", SalesOrder.plated_at, "When the vehicle was registered 上牌."),
        value("cancelledAt", SalesOrder.cancelled_at, "When it was cancelled 退订; a cancelled order counts nowhere."),
        value("formComplete", SalesOrder.form_complete, "The form filled in at delivery is complete 交车问卷完整."),
        value("deliverySigned", SalesOrder.delivery_signed, "The customer signed the delivery 交车签字."),
        value("netAmount", SalesOrder.net_amount, "Net amount in the group's currency 净额."),
        *recorded(SalesOrder),
    ),
    relations=(
        one("customer", "Customer", "customer_id", "The buyer 客户."),
        one("vehicle", "Vehicle", "vehicle_id", "The vehicle sold 车辆."),
        one("consultant", "Employee", "consultant_id", "The consultant 销售顾问."),
        many("calls", "Call", "order_id", "Calls about this order 回访电话."),
        many("followUpTasks", "FollowUpTask", "order_id", "Follow-up tasks of this order 回访任务."),
        many("invitations", "Invitation", "order_id", "Invitations to surveys about this order 调查邀请."),
        many("complaints", "Complaint", "order_id", "Complaints about this order 投诉."),
    ),
)

ENTITIES = (SALES_ORDER,)

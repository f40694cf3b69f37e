"""What can be read of the workshop: repair orders, labour, parts, attendance."""

from sqlalchemy import ColumnElement, FromClause

from ...tenancy.reader.common import recorded
from ...tenancy.reader.entity import Grant, Kind, Reach, Viewer, Words, computed, entity, many, one, value
from ..masking import mask
from ..people.reach import about, repair_orders_about
from .model import Attendance, LabourLine, PartLine, RepairOrder
from .rules import repair_hours

READ = "workshop:order:read"

REPAIR_TYPE = Words(
    "RepairType",
    "Why the vehicle came 维修类型.",
    {
        "MAINTENANCE": "Maintenance 保养.",
        "REPAIR": "Repair 维修.",
        "WARRANTY": "Warranty 保修.",
        "BODY": "Body and paint 钣喷.",
        "RECALL": "Recall 召回.",
        "INTERNAL": "Internal work 内部作业.",
    },
)
QC = Words("QualityCheck", "Result of the quality check 质检.", {"PASSED": "Passed 合格.", "FAILED": "Failed 不合格."})


def _order_within(viewer: Viewer, reach: Reach, row: FromClause) -> ColumnElement[bool]:
    return row.c.id.in_(repair_orders_about(viewer, reach))


def _part_within(viewer: Viewer, reach: Reach, row: FromClause) -> ColumnElement[bool]:
    return row.c.repair_order_id.in_(repair_orders_about(viewer, reach))


REPAIR_ORDER = entity(
    RepairOrder,
    "A repair order 维修工单.",
    plural="repairOrders",
    grants=(Grant(READ, _order_within),),
    fields=(
        value("roNo", RepairOrder.ro_no, "Number of the repair order 工单号."),
        value("type", RepairOrder.type, "Why the vehicle came 维修类型.", words=REPAIR_TYPE),
        value("booked", RepairOrder.booked, "Came by appointment 预约."),
        value("arrivedAt", RepairOrder.arrived_at, "When the customer arrived 到店."),
        value("openedAt", RepairOrder.opened_at, "When the order was opened 开单."),
        value("promisedAt", RepairOrder.promised_at, "When hand-over was first promised 承诺交车时间."),
        value("doneAt", RepairOrder.done_at, "When the work was done 完工."),
        value("qc", RepairOrder.qc, "Result of the quality check 质检.", words=QC),
        value("qcAt", RepairOrder.qc_at, "When the quality check was made 质检时间."),
        value("customerSigned", RepairOrder.customer_signed, "The customer signed 客户签字."),
        value("invoicedAt", RepairOrder.invoiced_at, "When it was invoiced 结算."),
        value("handedOverAt", RepairOrder.handed_over_at, "When the vehicle was handed over 交车."),
        computed(
            "repairHours",
            Kind.DECIMAL,
            (RepairOrder.opened_at, RepairOrder.handed_over_at),
            "Hours from the opening to the hand-over; null: the vehicle is still here 维修周期.",
            repair_hours,
        ),
        value("cancelledAt", RepairOrder.cancelled_at, "When it was cancelled 作废."),
        *recorded(RepairOrder),
    ),
    relations=(
        one("customer", "Customer", "customer_id", "The customer 客户."),
        one("vehicle", "Vehicle", "vehicle_id", "The vehicle 车辆."),
        one("advisor", "Employee", "advisor_id", "The service advisor 服务顾问."),
        one("reworkOf", "RepairOrder", "rework_of_id", "The order whose work this one repeats 返修原单."),
        many("reworks", "RepairOrder", "rework_of_id", "Orders that repeat work of this one 返修单."),
        many("labourLines", "LabourLine", "repair_order_id", "Labour 工时."),
        many("partLines", "PartLine", "repair_order_id", "Parts 配件."),
        many("calls", "Call", "repair_order_id", "Calls about this order 回访电话."),
        many("followUpTasks", "FollowUpTask", "repair_order_id", "Follow-up tasks of this order 回访任务."),
        many("invitations", "Invitation", "repair_order_id", "Invitations to surveys about this order 调查邀请."),
        many("complaints", "Complaint", "repair_order_id", "Complaints about this order 投诉."),
    ),
)

LABOUR_LINE = entity(
    LabourLine,
    "Labour 工时 of a repair order on one local day.",
    plural="labourLines",
    grants=(Grant(READ, about("technician_id")),),
    fields=(
        value("lineNo", LabourLine.line_no, "Number of the line in its repair order."),
        value("workDate", LabourLine.work_date, "Local day of the work."),
        value("hoursWorked", LabourLine.hours_worked, "Hours worked 实际工时."),
        value("hoursSold", LabourLine.hours_sold, "Hours sold 销售工时."),
        value("amount", LabourLine.amount, "Net amount in the group's currency 工时费."),
        value(
            "cost",
            LabourLine.cost,
            "Direct cost 成本; null for those who may not read KPIs.",
            **mask("LabourLine.cost"),
        ),
        *recorded(LabourLine),
    ),
    relations=(
        one("repairOrder", "RepairOrder", "repair_order_id", "The repair order 维修工单."),
        one("technician", "Employee", "technician_id", "The technician 维修技师."),
    ),
)

PART_LINE = entity(
    PartLine,
    "A part 配件 requested for a repair order.",
    plural="partLines",
    grants=(Grant(READ, _part_within),),
    fields=(
        value("lineNo", PartLine.line_no, "Number of the line in its repair order."),
        value("partNo", PartLine.part_no, "Part number 配件号."),
        value("quantity", PartLine.quantity, "Quantity 数量."),
        value("neededAt", PartLine.needed_at, "When it was needed 需求时间."),
        value("issuedAt", PartLine.issued_at, "When it was issued 出库; null: not yet."),
        value("defective", PartLine.defective, "It was defective 次品."),
        value("amount", PartLine.amount, "Net amount in the group's currency 金额."),
        value(
            "cost", PartLine.cost, "Direct cost 成本; null for those who may not read KPIs.", **mask("PartLine.cost")
        ),
        *recorded(PartLine),
    ),
    relations=(one("repairOrder", "RepairOrder", "repair_order_id", "The repair order 维修工单."),),
)

ATTENDANCE = entity(
    Attendance,
    "Hours attended 出勤 by one person on one local day.",
    plural="attendance",
    grants=(Grant(READ, about("employee_id")),),
    fields=(
        value("workDate", Attendance.work_date, "Local day."),
        value("hours", Attendance.hours, "Hours attended 出勤工时."),
        *recorded(Attendance),
    ),
    relations=(one("employee", "Employee", "employee_id", "The person 员工."),),
)

ENTITIES = (REPAIR_ORDER, LABOUR_LINE, PART_LINE, ATTENDANCE)

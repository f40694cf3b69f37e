"""What can be read of people: teams, employees, positions."""

from ...tenancy.reader.common import recorded
from ...tenancy.reader.entity import Grant, Through, Words, entity, many, one, value
from ..masking import mask
from .model import Employee, Position, Team
from .reach import about

READ = "people:employee:read"

DEPARTMENT = Words(
    "Department",
    "A department of a store 部门.",
    {
        "SALES": "Sales 销售部.",
        "SERVICE": "After-sales service 售后服务部.",
        "CUSTOMER_SERVICE": "Customer service, DCRC 客服部.",
        "MANAGEMENT": "Management 管理层.",
    },
)
EMPLOYMENT = Words(
    "Employment",
    "Where a person stands in their employment 在职状态.",
    {"PROBATION": "On probation 未转正.", "CONFIRMED": "Confirmed 已转正.", "LEFT": "Left 已离职."},
)
ROLE = Words(
    "PositionRole",
    "What a person does at the store 岗位.",
    {
        "SALES_CONSULTANT": "Sales consultant 销售顾问.",
        "SALES_ASSISTANT": "Sales assistant 销售助理.",
        "SALES_SUPERVISOR": "Sales supervisor 销售主管.",
        "SALES_MANAGER": "Sales manager 销售经理.",
        "SERVICE_ADVISOR": "Service advisor 服务顾问.",
        "TECHNICIAN": "Technician 维修技师.",
        "WORKSHOP_CONTROLLER": "Workshop controller 车间主管.",
        "PARTS_CLERK": "Parts clerk 配件员.",
        "SERVICE_MANAGER": "Service manager 售后经理.",
        "CS_AGENT": "Customer service agent 客服专员.",
        "CS_MANAGER": "Customer service manager 客服经理.",
        "STORE_GM": "General manager of the store 店长.",
    },
)

ACCUSED = Through("complaint_accused", near="employee_id", far="complaint_id")

TEAM = entity(
    Team,
    "A team 小组 inside one department.",
    plural="teams",
    grants=(Grant(READ),),
    fields=(
        value("teamCode", Team.team_code, "The store's own code of the team."),
        value("teamName", Team.team_name, "Name of the team."),
        value("department", Team.department, "Department the team belongs to 部门.", words=DEPARTMENT),
        *recorded(Team),
    ),
    relations=(many("positions", "Position", "team_id", "Positions in this team, past and present 任职."),),
)

EMPLOYEE = entity(
    Employee,
    "A member of staff 员工.",
    plural="employees",
    grants=(Grant(READ, about("id")),),
    fields=(
        value("employeeNo", Employee.employee_no, "Personnel number 工号."),
        value("name", Employee.name, "Name 姓名."),
        value("nameSort", Employee.name_sort, "Key that sorts names by their pinyin 拼音."),
        value(
            "phoneMasked",
            Employee.phone_masked,
            "Phone number with its middle digits hidden, such as 138****8000; null without people:contact:read.",
            **mask("Employee.phoneMasked"),
        ),
        value("status", Employee.status, "Employment as the source last said; the dates decide.", words=EMPLOYMENT),
        value("hiredOn", Employee.hired_on, "First day of employment 入职日期."),
        value("confirmedOn", Employee.confirmed_on, "Day of confirmation after probation 转正日期."),
        value("leftOn", Employee.left_on, "First day no longer employed 离职日期."),
        *recorded(Employee),
    ),
    relations=(
        many("positions", "Position", "employee_id", "Position history 任职经历."),
        many("ledPositions", "Position", "supervisor_id", "Positions whose supervisor this person is 下属任职."),
        many("salesOrders", "SalesOrder", "consultant_id", "Sales orders of this consultant 销售订单."),
        many("repairOrders", "RepairOrder", "advisor_id", "Repair orders of this service advisor 维修工单."),
        many("labourLines", "LabourLine", "technician_id", "Labour of this technician 工时."),
        many("attendance", "Attendance", "employee_id", "Hours attended, by day 出勤."),
        many("calls", "Call", "caller_id", "Calls this person made 回访电话."),
        many("followUpTasks", "FollowUpTask", "assignee_id", "Follow-up tasks assigned to this person 回访任务."),
        many("scorecards", "Scorecard", "employee_id", "Cards of this person 考核评分卡."),
        many(
            "ledgerEntries", "LedgerEntry", "employee_id", "Entries of this person in the deductions ledger 扣分台账."
        ),
        many("appeals", "Appeal", "employee_id", "Appeals of this person 申诉."),
        many("complaintsAgainst", "Complaint", "id", "Complaints that name this person 被投诉记录.", through=ACCUSED),
    ),
)

POSITION = entity(
    Position,
    "One period of a person's position history 任职.",
    plural="positions",
    grants=(Grant(READ, about("employee_id")),),
    fields=(
        value("role", Position.role, "What the person does in this period 岗位.", words=ROLE),
        value("validFrom", Position.valid_from, "First day of the period."),
        value("validTo", Position.valid_to, "First day no longer in the period; null while it lasts."),
        *recorded(Position),
    ),
    relations=(
        one("employee", "Employee", "employee_id", "The person 员工."),
        one("team", "Team", "team_id", "The team 小组."),
        one("supervisor", "Employee", "supervisor_id", "The supervisor in this period 主管."),
    ),
)

ENTITIES = (TEAM, EMPLOYEE, POSITION)

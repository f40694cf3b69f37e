"""What can be read of customers: the customers, their contact points (masked), their vehicles."""

from sqlalchemy import ColumnElement, FromClause, or_

from ...tenancy.reader.common import recorded
from ...tenancy.reader.entity import Grant, Reach, RowRule, Viewer, Words, entity, many, one, value
from ..people.reach import orders_about, repair_orders_about
from .model import ContactPoint, Customer, Vehicle

READ = "customers:customer:read"

CUSTOMER_TYPE = Words(
    "CustomerType", "Kind of customer 客户类型.", {"PERSON": "A person 个人.", "ORG": "An organisation 单位."}
)
CONTACT_KIND = Words(
    "ContactKind",
    "Kind of contact point 联系方式.",
    {"PHONE": "Telephone 电话.", "EMAIL": "E-mail 电子邮件.", "WECHAT": "WeChat 微信."},
)
POWERTRAIN = Words(
    "Powertrain",
    "What drives the vehicle 动力类型.",
    {
        "ICE": "Combustion engine 燃油.",
        "HEV": "Hybrid 油电混动.",
        "PHEV": "Plug-in hybrid 插电混动.",
        "BEV": "Battery electric 纯电动.",
    },
)


def _served(column: str) -> RowRule:
    """Rows whose column names a customer of an order or repair order within reach."""

    def rule(viewer: Viewer, reach: Reach, row: FromClause) -> ColumnElement[bool]:
        return or_(
            row.c[column].in_(orders_about(viewer, reach, "customer_id")),
            row.c[column].in_(repair_orders_about(viewer, reach, "customer_id")),
        )

    return rule


def _sold(viewer: Viewer, reach: Reach, row: FromClause) -> ColumnElement[bool]:
    return row.c.id.in_(orders_about(viewer, reach, "vehicle_id"))


def _repaired(viewer: Viewer, reach: Reach, row: FromClause) -> ColumnElement[bool]:
    return row.c.id.in_(repair_orders_about(viewer, reach, "vehicle_id"))


CUSTOMER = entity(
    Customer,
    "A customer 客户: a person or an organisation.",
    plural="customers",
    grants=(Grant(READ, _served("id")),),
    fields=(
        value("customerNo", Customer.customer_no, "The store's number of the customer 客户编号."),
        value("type", Customer.type, "Person or organisation 客户类型.", words=CUSTOMER_TYPE),
        value("name", Customer.name, "Name 姓名."),
        value("nameSort", Customer.name_sort, "Key that sorts names by their pinyin 拼音."),
        value("consentSurvey", Customer.consent_survey, "Agreed to surveys 同意调查; null means never asked."),
        value("consentMarketing", Customer.consent_marketing, "Agreed to marketing 同意营销; null means never asked."),
        value("doNotContact", Customer.do_not_contact, "Asked not to be contacted 勿扰; null means never asked."),
        *recorded(Customer),
    ),
    relations=(
        many("contactPoints", "ContactPoint", "customer_id", "Phone numbers and addresses, masked 联系方式."),
        many("vehicles", "Vehicle", "customer_id", "Vehicles of the customer 车辆."),
        many("salesOrders", "SalesOrder", "customer_id", "Sales orders 销售订单."),
        many("repairOrders", "RepairOrder", "customer_id", "Repair orders 维修工单."),
        many("complaints", "Complaint", "customer_id", "Complaints and enquiries 投诉与咨询."),
        many("followUpTasks", "FollowUpTask", "customer_id", "Follow-up tasks 回访任务."),
        many("invitations", "Invitation", "customer_id", "Invitations to surveys 调查邀请."),
    ),
)

CONTACT_POINT = entity(
    ContactPoint,
    "A phone number or address of a customer 联系方式, masked; revealing the full value is a mutation and is audited.",
    plural="contactPoints",
    grants=(Grant(READ, _served("customer_id")),),
    fields=(
        value("kind", ContactPoint.kind, "Telephone, e-mail or WeChat 联系方式类型.", words=CONTACT_KIND),
        value("value", ContactPoint.value_masked, "The masked value, such as 138****8000."),
        value("isPrimary", ContactPoint.is_primary, "The one to use first 首选."),
        value("source", ContactPoint.source, "Where it came from 来源."),
        *recorded(ContactPoint),
    ),
    relations=(one("customer", "Customer", "customer_id", "The customer 客户."),),
)

VEHICLE = entity(
    Vehicle,
    "A vehicle 车辆.",
    plural="vehicles",
    grants=(Grant("sales:order:read", _sold), Grant("workshop:order:read", _repaired)),
    fields=(
        value("vin", Vehicle.vin, "Vehicle identification number 车架号."),
        value("vinCheckOk", Vehicle.vin_check_ok, "The VIN's check digit is right; some imported vehicles fail it."),
        value("plate", Vehicle.plate, "Licence plate 车牌号."),
        value("brand", Vehicle.brand, "Brand 品牌."),
        value("model", Vehicle.model, "Model 车型."),
        value("modelYear", Vehicle.model_year, "Model year 年款."),
        value("powertrain", Vehicle.powertrain, "What drives it 动力类型.", words=POWERTRAIN),
        *recorded(Vehicle),
    ),
    relations=(
        one("customer", "Customer", "customer_id", "The present owner 车主."),
        many("salesOrders", "SalesOrder", "vehicle_id", "Sales orders of the vehicle 销售订单."),
        many("repairOrders", "RepairOrder", "vehicle_id", "Repair orders of the vehicle 维修工单."),
    ),
)

ENTITIES = (CUSTOMER, CONTACT_POINT, VEHICLE)

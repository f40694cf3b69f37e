"""What can be read of the feed: the audit and the changes of a store."""

from ..tenancy.reader.entity import Grant, Kind, entity, value
from .feed import AuditEvent, ChangeEvent

READ = "audit:event:read"

AUDIT_EVENT = entity(
    AuditEvent,
    "Who did what to which row, when and why 审计记录; append-only, values masked; newest first.",
    plural="auditEvents",
    grants=(Grant(READ),),
    order=(("seq", True),),
    fields=(
        value("seq", AuditEvent.seq, "Number in the store's chain: no gaps, in the order of the commits 序号."),
        value("at", AuditEvent.at, "When 时间."),
        value("actor", AuditEvent.actor, "Who: key of an account or a job 操作者."),
        value("actorName", AuditEvent.actor_name, "Name of the actor then 操作者姓名."),
        value("action", AuditEvent.action, "What was done 操作."),
        value("entity", AuditEvent.entity, "Kind of the row 对象类型."),
        value("entityId", AuditEvent.entity_id, "The row's id in the store 对象编号."),
        value("reason", AuditEvent.reason, "Reason given 原因."),
        value("before", AuditEvent.before, "Values before, masked 变更前."),
        value("after", AuditEvent.after, "Values after, masked 变更后."),
        value("requestId", AuditEvent.request_id, "The request it was part of 请求编号."),
        value("hash", AuditEvent.hash, "Signature of the row and of the one before it 校验值.", kind=Kind.DIGEST),
    ),
)

CHANGE_EVENT = entity(
    ChangeEvent,
    "One change of one row 变更事件: ids and codes only, no data of the row.",
    plural="changeEvents",
    grants=(Grant(READ),),
    fields=(
        value("at", ChangeEvent.at, "When 时间."),
        value("event", ChangeEvent.event, "What happened, such as VehicleDelivered 事件."),
        value("entity", ChangeEvent.entity, "Kind of the row 对象类型."),
        value("entityId", ChangeEvent.entity_id, "The row's id in the store 对象编号."),
        value("actor", ChangeEvent.actor, "Who: key of an account or a job 操作者."),
        value("data", ChangeEvent.data, "Further ids and codes 附加信息."),
    ),
)

ENTITIES = (AUDIT_EVENT, CHANGE_EVENT)

"""Mutations of complaints 投诉: file, acknowledge, rule, close."""

from datetime import datetime
from typing import Any

import strawberry

from ..domain.complaints import actions
from . import ids
from .context import Context
from .errors import Saying
from .mutation import Done, Mutation
from .services import named, named_row, store_work

USER_ERRORS = {
    "NOT_CONFIRMED": Saying(
        "客户尚未确认，须由经理签字关闭。", "The customer has not confirmed; a manager has to sign the close."
    ),
}
_VERSION = "Version last read; another one is refused as STALE_VERSION."


@strawberry.input(description="A complaint or enquiry as it came.")
class FileComplaintInput:
    """Input of fileComplaint."""

    store_id: strawberry.ID = strawberry.field(description="Id of the store 门店.")
    record: str = strawberry.field(description="COMPLAINT 投诉 or ENQUIRY 咨询.")
    area: str = strawberry.field(description="SALES 销售 or SERVICE 售后.")
    kind: str = strawberry.field(description="What it is about: a word of ComplaintKind 投诉类别.")
    severity: str | None = strawberry.field(default=None, description="P1 (gravest) to P4 严重程度.")
    received_at: datetime = strawberry.field(description="When it came 受理时间.")
    customer_id: strawberry.ID | None = strawberry.field(default=None, description="Id of the customer 客户.")
    order_id: strawberry.ID | None = strawberry.field(default=None, description="Id of the sales order 销售订单.")
    repair_order_id: strawberry.ID | None = strawberry.field(default=None, description="Id of the repair order 工单.")
    accused_ids: list[strawberry.ID] = strawberry.field(
        default_factory=list, description="Ids of the employees it names, at most 20 被投诉人."
    )
    text: str = strawberry.field(description="What the customer said, up to 5,000 characters 内容.")


async def _file(context: Context, given: Any) -> Done:
    store, _ = await context.resolve(given.store_id, ids.STORE)
    customer_id = named(store, given.customer_id, "Customer")
    order_id = named(store, given.order_id, "SalesOrder")
    repair_order_id = named(store, given.repair_order_id, "RepairOrder")
    accused = [named_row(store, text, "Employee") for text in given.accused_ids[:100]]
    async with store_work(context, store) as work:
        complaint_id = await actions.file_complaint(
            work,
            record=given.record,
            area=given.area,
            kind=given.kind,
            severity=given.severity,
            received_at=given.received_at,
            customer_id=customer_id,
            order_id=order_id,
            repair_order_id=repair_order_id,
            accused=accused,
            text=given.text,
        )
    return Done(store, {"complaint": complaint_id})


@strawberry.input(description="Which complaint, as the caller last read it.")
class AcknowledgeComplaintInput:
    """Input of acknowledgeComplaint."""

    id: strawberry.ID = strawberry.field(description="Id of the complaint 投诉.")
    expected_version: int | None = strawberry.field(default=None, description=_VERSION)


async def _acknowledge(context: Context, given: Any) -> Done:
    store, complaint_id = await context.resolve(given.id, "Complaint")
    async with store_work(context, store) as work:
        await actions.acknowledge_complaint(work, complaint_id, expected_version=given.expected_version)
    return Done(store, {"complaint": complaint_id})


@strawberry.input(description="Whether a complaint is justified, and why.")
class RuleComplaintValidityInput:
    """Input of ruleComplaintValidity."""

    id: strawberry.ID = strawberry.field(description="Id of the complaint 投诉.")
    verdict: str = strawberry.field(description="VALID 有效, PARTLY 部分有效 or INVALID 无效.")
    reason: str = strawberry.field(description="Why, up to 500 characters; it is audited 判定理由.")
    expected_version: int | None = strawberry.field(default=None, description=_VERSION)


async def _rule(context: Context, given: Any) -> Done:
    store, complaint_id = await context.resolve(given.id, "Complaint")
    async with store_work(context, store) as work:
        await actions.rule_validity(
            work,
            complaint_id,
            verdict=given.verdict,
            reason=given.reason,
            expected_version=given.expected_version,
        )
    return Done(store, {"complaint": complaint_id})


@strawberry.input(description="How a complaint was solved.")
class CloseComplaintInput:
    """Input of closeComplaint."""

    id: strawberry.ID = strawberry.field(description="Id of the complaint 投诉.")
    remedy: str = strawberry.field(description="What was done, up to 500 characters; it is audited 处理结果.")
    customer_confirmed: bool = strawberry.field(
        description="The customer says it is solved; without, a manager signs 客户确认."
    )
    expected_version: int | None = strawberry.field(default=None, description=_VERSION)


async def _close(context: Context, given: Any) -> Done:
    store, complaint_id = await context.resolve(given.id, "Complaint")
    async with store_work(context, store) as work:
        await actions.close_complaint(
            work,
            complaint_id,
            remedy=given.remedy,
            customer_confirmed=given.customer_confirmed,
            expected_version=given.expected_version,
        )
    return Done(store, {"complaint": complaint_id})


_SHOWS = {"complaint": "Complaint"}
MUTATIONS = (
    Mutation(
        name="fileComplaint",
        description="Record a complaint or enquiry 登记投诉. Needs complaints:complaint:file.",
        input=FileComplaintInput,
        run=_file,
        shows=_SHOWS,
    ),
    Mutation(
        name="acknowledgeComplaint",
        description="Note that the customer got a first answer 首次响应. Needs complaints:complaint:acknowledge.",
        input=AcknowledgeComplaintInput,
        run=_acknowledge,
        shows=_SHOWS,
    ),
    Mutation(
        name="ruleComplaintValidity",
        description="Rule whether a complaint is justified 有效性判定. Needs complaints:validity:rule.",
        input=RuleComplaintValidityInput,
        run=_rule,
        shows=_SHOWS,
    ),
    Mutation(
        name="closeComplaint",
        description="Close a complaint 关闭投诉. Needs complaints:complaint:close; unconfirmed, complaints:complaint:sign.",
        input=CloseComplaintInput,
        run=_close,
        shows=_SHOWS,
    ),
)

"""Mutations of follow-up 回访: log a call, close a task."""

from datetime import datetime
from typing import Any

import strawberry

from ..domain.care import actions
from ..errors import Invalid
from .context import Context
from .errors import Saying
from .mutation import Done, Mutation
from .services import named, named_row, store_work

USER_ERRORS = {
    "EVIDENCE": Saying("该通话不能作为凭证。", "This call does not prove it."),
}


@strawberry.input(description="A call that the viewer made, and what it was about.")
class LogCallInput:
    """Input of logCall."""

    kind: str = strawberry.field(description="DELIVERY_CALL, CARE_CALL, RECOVERY or SERVICE_FOLLOWUP 回访类型.")
    started_at: datetime = strawberry.field(description="When it began 开始时间.")
    connected: bool = strawberry.field(description="Somebody answered 是否接通.")
    order_id: strawberry.ID | None = strawberry.field(
        default=None, description="Id of the sales order of a delivery or care call 销售订单."
    )
    repair_order_id: strawberry.ID | None = strawberry.field(
        default=None, description="Id of the repair order of a service follow-up 维修工单."
    )
    invitation_id: strawberry.ID | None = strawberry.field(
        default=None, description="Id of the invitation whose answer a recovery call is about 调查邀请."
    )
    result: str | None = strawberry.field(
        default=None, description="OK, NO_ANSWER, REFUSED, INVALID_NUMBER, SOLVED or NOT_SOLVED 结果."
    )
    duration_s: int | None = strawberry.field(default=None, description="Seconds, at most a day 通话时长.")


async def _log(context: Context, given: Any) -> Done:
    about = [text for text in (given.order_id, given.repair_order_id, given.invitation_id) if text is not None]
    if len(about) != 1:
        raise Invalid("a call is about one order, one repair order or one invitation", path=("kind",))
    store, _ = await context.resolve(about[0], "SalesOrder", "RepairOrder", "Invitation")
    order_id = named(store, given.order_id, "SalesOrder")
    repair_order_id = named(store, given.repair_order_id, "RepairOrder")
    invitation_id = named(store, given.invitation_id, "Invitation")
    async with store_work(context, store) as work:
        call_id = await actions.log_call(
            work,
            kind=given.kind,
            started_at=given.started_at,
            connected=given.connected,
            order_id=order_id,
            repair_order_id=repair_order_id,
            invitation_id=invitation_id,
            result=given.result,
            duration_s=given.duration_s,
        )
    return Done(store, {"call": call_id})


@strawberry.input(description="Which task is done, and the call that proves it.")
class CloseFollowUpTaskInput:
    """Input of closeFollowUpTask."""

    id: strawberry.ID = strawberry.field(description="Id of the follow-up task 回访任务.")
    call_id: strawberry.ID = strawberry.field(description="Id of the logged call that is the evidence 凭证通话.")
    outcome: str = strawberry.field(description="What came of it, up to 200 characters 结果.")
    expected_version: int | None = strawberry.field(
        default=None, description="Version last read; another one is refused as STALE_VERSION."
    )


async def _close(context: Context, given: Any) -> Done:
    store, task_id = await context.resolve(given.id, "FollowUpTask")
    call_id = named_row(store, given.call_id, "Call")
    async with store_work(context, store) as work:
        await actions.close_task(
            work, task_id, call_id=call_id, outcome=given.outcome, expected_version=given.expected_version
        )
    return Done(store, {"followUpTask": task_id})


MUTATIONS = (
    Mutation(
        name="logCall",
        description="Record a call; it closes the tasks it proves 登记通话. Needs care:call:log.",
        input=LogCallInput,
        run=_log,
        shows={"call": "Call"},
    ),
    Mutation(
        name="closeFollowUpTask",
        description="Close a follow-up task with a call as evidence 关闭回访任务. Needs care:task:close.",
        input=CloseFollowUpTaskInput,
        run=_close,
        shows={"followUpTask": "FollowUpTask"},
    ),
)

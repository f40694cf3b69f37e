"""Mutations of the monthly evaluation: approve, publish, appeal, decide."""

from typing import Any

import strawberry

from ..domain.evaluation import actions
from .context import Context
from .errors import Saying
from .mutation import Done, Mutation
from .services import store_work

USER_ERRORS = {
    "ALREADY_APPEALED": Saying("该条目已有申诉。", "This entry has an appeal already."),
    "OWN_RESULT": Saying(
        "您本人在考核范围内，须由他人审批。", "You are judged by this run, so somebody else must approve it."
    ),
    "PROVISIONAL": Saying(
        "本月尚未冻结，数据仍可能变化。", "This month is not frozen yet; its figures can still change."
    ),
}


@strawberry.input(description="Which run to approve, as the caller last read it.")
class ApproveRunInput:
    """Input of approveRun."""

    id: strawberry.ID = strawberry.field(description="Id of the evaluation run 月度考核.")
    expected_version: int | None = strawberry.field(
        default=None, description="Version last read; another one is refused as STALE_VERSION."
    )


@strawberry.input(description="Which approved run to publish, as the caller last read it.")
class PublishRunInput(ApproveRunInput):
    """Input of publishRun."""


async def _approve(context: Context, given: Any) -> Done:
    store, run_id = await context.resolve(given.id, "EvaluationRun")
    async with store_work(context, store) as work:
        await actions.approve_run(work, run_id, expected_version=given.expected_version)
    return Done(store, {"evaluationRun": run_id})


async def _publish(context: Context, given: Any) -> Done:
    store, run_id = await context.resolve(given.id, "EvaluationRun")
    async with store_work(context, store) as work:
        await actions.publish_run(work, run_id, expected_version=given.expected_version)
    return Done(store, {"evaluationRun": run_id})


@strawberry.input(description="Against which entry, and why.")
class FileAppealInput:
    """Input of fileAppeal."""

    entry_id: strawberry.ID = strawberry.field(description="Id of the ledger entry 扣分条目.")
    text: str = strawberry.field(description="Why the entry is wrong, up to 2,000 characters 申诉理由.")


async def _file(context: Context, given: Any) -> Done:
    store, entry_id = await context.resolve(given.entry_id, "LedgerEntry")
    async with store_work(context, store) as work:
        appeal = await actions.file_appeal(work, entry_id, text=given.text)
    return Done(store, {"appeal": appeal.id})


@strawberry.input(description="The decision of an appeal.")
class DecideAppealInput:
    """Input of decideAppeal."""

    id: strawberry.ID = strawberry.field(description="Id of the appeal 申诉.")
    uphold: bool = strawberry.field(description="True: the appeal is right, and the entry is reversed 是否成立.")
    reason: str = strawberry.field(description="Reason of the decision, up to 2,000 characters 裁定说明.")
    expected_version: int | None = strawberry.field(
        default=None, description="Version last read; another one is refused as STALE_VERSION."
    )


async def _decide(context: Context, given: Any) -> Done:
    store, appeal_id = await context.resolve(given.id, "Appeal")
    async with store_work(context, store) as work:
        await actions.decide_appeal(
            work, appeal_id, uphold=given.uphold, reason=given.reason, expected_version=given.expected_version
        )
    return Done(store, {"appeal": appeal_id})


MUTATIONS = (
    Mutation(
        name="approveRun",
        description="Approve the proposed results of a month; its ledger is posted 审批考核. Needs evaluation:run:approve.",
        input=ApproveRunInput,
        run=_approve,
        shows={"evaluationRun": "EvaluationRun"},
    ),
    Mutation(
        name="publishRun",
        description="Publish approved results to staff 发布考核. Needs evaluation:run:publish.",
        input=PublishRunInput,
        run=_publish,
        shows={"evaluationRun": "EvaluationRun"},
    ),
    Mutation(
        name="fileAppeal",
        description="Appeal against a ledger entry of one's own 提出申诉. Needs evaluation:appeal:file.",
        input=FileAppealInput,
        run=_file,
        shows={"appeal": "Appeal"},
    ),
    Mutation(
        name="decideAppeal",
        description="Decide an appeal; an upheld one reverses the entry 裁定申诉. Needs evaluation:appeal:decide.",
        input=DecideAppealInput,
        run=_decide,
        shows={"appeal": "Appeal"},
    ),
)

"""Mutations of surveys 调查 in a store: doubtful responses, delivery forms, telephone interviews."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import strawberry

from ..domain.surveys import actions
from ..errors import Invalid
from .context import Context
from .errors import Saying
from .mutation import Done, Mutation
from .services import store_work

USER_ERRORS = {
    "FORM_EXISTS": Saying("该交车的确认表已登记。", "The form of this delivery is recorded already."),
    "NOT_ASKED": Saying("客户不愿接受调查。", "This customer does not want to be asked."),
    "NOT_DELIVERED": Saying("该订单尚未交车。", "There is no delivery to record."),
    "NO_TEMPLATE": Saying("集团没有已发布的问卷。", "The group has no such questionnaire."),
    "SECOND_PERSON_NEEDED": Saying(
        "须先由一人确认存疑，再由另一人作废。", "A person has to take the doubt over before another voids it."
    ),
    "SELF_INTERVIEW": Saying("不得访问本人服务的客户。", "Nobody asks customers about their own work."),
}
_MOST_ANSWERS, _MOST_VALUES, _LONGEST = 100, 50, 5000


@strawberry.input(description="Which response, and why.")
class RuleResponseInput:
    """Input of quarantineResponse, clearResponse and voidResponse."""

    id: strawberry.ID = strawberry.field(description="Id of the response 答卷.")
    reason: str = strawberry.field(description="Why, up to 500 characters; it is audited 理由.")
    expected_version: int | None = strawberry.field(
        default=None, description="Version last read; another one is refused as STALE_VERSION."
    )


def _ruling(verb: Callable[..., Awaitable[None]]) -> Callable[[Context, Any], Awaitable[Done]]:
    async def run(context: Context, given: Any) -> Done:
        store, response_id = await context.resolve(given.id, "Response")
        async with store_work(context, store) as work:
            await verb(work, response_id, reason=given.reason, expected_version=given.expected_version)
        return Done(store, {"response": response_id})

    return run


@strawberry.input(description="What was answered to one question.")
class AnswerInput:
    """One answer of a form."""

    question: str = strawberry.field(description="Key of the question 题目.")
    values: list[str] = strawberry.field(description="The value, or the chosen options; as on the survey page 答案.")


def _answers(given: Sequence[Any]) -> dict[str, list[str]]:
    """Answers by question.

    Raises:
        Invalid: too many, too long, or a question twice.
    """
    found = {item.question: list(item.values) for item in given[:_MOST_ANSWERS]}
    if len(found) != len(given):
        raise Invalid(f"at most {_MOST_ANSWERS} answers, each question once", path=("answers",))
    if any(len(values) > _MOST_VALUES or any(len(one) > _LONGEST for one in values) for values in found.values()):
        raise Invalid("an answer is too long", path=("answers",), limit=_LONGEST)
    return found


@strawberry.input(description="The form filled in with the customer at delivery.")
class RecordDeliveryFormInput:
    """Input of recordDeliveryForm."""

    order_id: strawberry.ID = strawberry.field(description="Id of the delivered sales order 销售订单.")
    answers: list[AnswerInput] = strawberry.field(description="At most 100 answers 答案.")


async def _form(context: Context, given: Any) -> Done:
    store, order_id = await context.resolve(given.order_id, "SalesOrder")
    async with store_work(context, store) as work:
        work.require("surveys:form:record")
        response_id = await actions.record_delivery_form(work, order_id, _answers(given.answers))
    return Done(store, {"response": response_id, "salesOrder": order_id})


@strawberry.input(description="The answers of a telephone interview.")
class RecordInterviewInput:
    """Input of recordInterview."""

    invitation_id: strawberry.ID = strawberry.field(description="Id of the invitation 调查邀请.")
    answers: list[AnswerInput] = strawberry.field(description="At most 100 answers 答案.")
    language: str = strawberry.field(default="zh-CN", description="Language of the interview, zh-CN or en 语言.")


async def _interview(context: Context, given: Any) -> Done:
    store, invitation_id = await context.resolve(given.invitation_id, "Invitation")
    async with store_work(context, store) as work:
        work.require("surveys:interview:record")
        if given.language not in ("zh-CN", "en"):
            raise Invalid("zh-CN or en", path=("language",))
        answers = _answers(given.answers)
        response_id = await actions.record_interview(work, invitation_id, answers, language=given.language)
    return Done(store, {"response": response_id, "invitation": invitation_id})


_SHOWS = {"response": "Response"}
MUTATIONS = (
    Mutation(
        name="quarantineResponse",
        description="Set a doubtful response aside until somebody else rules 搁置答卷. Needs surveys:response:rule.",
        input=RuleResponseInput,
        run=_ruling(actions.quarantine_response),
        shows=_SHOWS,
    ),
    Mutation(
        name="clearResponse",
        description="Let a response that was set aside count again 恢复答卷. Needs surveys:response:rule.",
        input=RuleResponseInput,
        run=_ruling(actions.clear_response),
        shows=_SHOWS,
    ),
    Mutation(
        name="voidResponse",
        description="Rule that a response counts for nothing, for good 作废答卷. Needs surveys:response:rule.",
        input=RuleResponseInput,
        run=_ruling(actions.void_response),
        shows=_SHOWS,
    ),
    Mutation(
        name="recordDeliveryForm",
        description="Record the form of a delivery; it never counts as a score 登记交车确认表. Needs surveys:form:record.",
        input=RecordDeliveryFormInput,
        run=_form,
        shows={"response": "Response", "salesOrder": "SalesOrder"},
    ),
    Mutation(
        name="recordInterview",
        description="Record the answers of a telephone interview 登记电话访问. Needs surveys:interview:record.",
        input=RecordInterviewInput,
        run=_interview,
        shows={"response": "Response", "invitation": "Invitation"},
    ),
)

"""A worked example of a mutation: what a door writes, with the action injected."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import strawberry

from forecourt.errors import Invalid, WrongState
from forecourt.graphql.context import Context
from forecourt.graphql.mutation import Done, Mutation


@dataclass
class Touched:
    """The injected action's notes."""

    tasks: list[UUID] = field(default_factory=list)


@strawberry.input(description="Which task to close, and how.")
class CloseFollowUpTaskInput:
    """Input of closeFollowUpTask."""

    task: strawberry.ID = strawberry.field(description="Id of the task.")
    outcome: str = strawberry.field(description="What came of it.")


async def _close(context: Context, given: Any) -> Done:
    store, task = await context.resolve(given.task, "FollowUpTask")
    context.actor.require("care:task:close", store.id)
    if not given.outcome:
        raise Invalid("an outcome is needed", path=("outcome",))
    if given.outcome == "again":
        raise WrongState("closed already")
    if given.outcome == "fault":
        raise ZeroDivisionError("secret detail")
    context.extra.tasks.append(task)
    return Done(store, {"followUpTask": task})


CLOSE_TASK = Mutation(
    name="closeFollowUpTask",
    description="Close a follow-up task with evidence 关闭回访任务.",
    input=CloseFollowUpTaskInput,
    run=_close,
    shows={"followUpTask": "FollowUpTask"},
)

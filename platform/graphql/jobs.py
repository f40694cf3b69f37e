"""Jobs that failed for good, for headquarters: listed and put back."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry

from ..errors import NotFound
from ..tenancy import queue
from . import ids
from .context import Context
from .mutation import Done, Mutation
from .roots import context_of
from .services import group_reading, group_work, services

DEAD_JOB = "DeadJob"


@strawberry.type(name="DeadJob", description="A background job that was given up 失败任务.")
class DeadJobType:
    """One dead letter. Its arguments are ids, never personal data."""

    id: strawberry.ID = strawberry.field(description="Opaque id of the job; what replayDeadJobs takes.")
    actor: str = strawberry.field(description="Name of the job 任务名称.")
    store: strawberry.ID | None = strawberry.field(description="Id of the store it was for; null: the group's 门店.")
    attempts: int = strawberry.field(description="How often it was tried 尝试次数.")
    error: str = strawberry.field(description="Why it failed, without data 失败原因.")
    created_at: datetime = strawberry.field(description="When it was asked for 创建时间.")
    died_at: datetime = strawberry.field(description="When it was given up 失败时间.")
    replayed_at: datetime | None = strawberry.field(description="When it was put back 重试时间.")


@strawberry.type
class GroupJobs:
    """Fields of Group."""

    @strawberry.field(description="Jobs that failed for good, newest first 失败任务. Needs jobs:dead:read.")  # type: ignore[untyped-decorator]
    async def dead_jobs(
        self,
        info: strawberry.Info,
        first: Annotated[int, strawberry.argument(description="At most this many, up to 200.")] = 50,
    ) -> list[DeadJobType]:
        context = context_of(info)
        context.actor.require("jobs:dead:read", None)
        known = services(context)
        async with group_reading(context) as session:
            found = await queue.list_dead(session, group_id=known.group.id, limit=first)
        return [
            DeadJobType(
                id=strawberry.ID(context.id_of_group(DEAD_JOB, job.id)),
                actor=job.actor,
                store=strawberry.ID(ids.store_id(job.store_id)) if job.store_id else None,
                attempts=job.attempts,
                error=job.error,
                created_at=job.created_at,
                died_at=job.died_at,
                replayed_at=job.replayed_at,
            )
            for job in found
        ]


@strawberry.input(description="Which dead jobs to put back.")
class ReplayDeadJobsInput:
    """Input of replayDeadJobs."""

    ids: list[strawberry.ID] | None = strawberry.field(
        default=None,
        description="Ids of dead jobs, at most 200, those that are none count nothing; without: all of the group, at most 1,000.",
    )


def _dead_job(context: Context, text: str) -> UUID | None:
    try:
        return context.resolve_of_group(text, DEAD_JOB)
    except NotFound:
        return None


async def _replay(context: Context, given: Any) -> Done:
    if given.ids is not None and len(given.ids) > queue.MAX_PAGE:
        raise NotFound("too many ids")
    wanted = None if given.ids is None else [row for text in given.ids if (row := _dead_job(context, text)) is not None]
    async with group_work(context) as work:
        work.require("jobs:dead:replay")
        count = await queue.replay_dead(work.session, group_id=work.group.id, ids=wanted)
        work.audit("jobs.replay", "DeadJob", after={"count": count})
    return Done(values={"count": count})


MUTATIONS = (
    Mutation(
        name="replayDeadJobs",
        description="Put jobs that failed for good back into the queue 重试失败任务. Needs jobs:dead:replay.",
        input=ReplayDeadJobsInput,
        run=_replay,
        values={"count": (int, "How many were put back.")},
    ),
)

"""Questionnaires 问卷 of the group in the API: listed, written by one person, published by another."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from ..domain.surveys import actions
from ..domain.surveys.model import SurveyTemplate
from ..domain.surveys.reads import templates_of
from ..domain.wording import storable
from .context import Context
from .errors import Saying
from .mutation import Done, Mutation
from .roots import context_of
from .services import group_reading, group_work, inside, require_anywhere, services

TYPE = "SurveyTemplate"
USER_ERRORS = {
    "CODE": Saying("问卷版本的代码不可更改。", "A version keeps its code."),
    "IMMUTABLE": Saying("已不是草稿，请新写一个版本。", "It is no draft any more; write a new version."),
}


@strawberry.type(name="SurveyTemplate", description="One version of a questionnaire of the group 问卷版本.")
class SurveyTemplateType:
    """A version; once published it never changes."""

    id: strawberry.ID = strawberry.field(description="Opaque id of the version.")
    code: str = strawberry.field(description="Code of the questionnaire, such as T1 问卷代码.")
    number: int = strawberry.field(description="1 for the first version of the code, then 2, 3, … 版本.")
    state: str = strawberry.field(description="DRAFT, IN_REVIEW, PUBLISHED or RETIRED 状态.")
    version: int = strawberry.field(description="Number of its last change; give it back as expectedVersion.")
    purpose: str = strawberry.field(description="Why it is asked, in Chinese 目的.")
    body: JSON = strawberry.field(
        description="The questionnaire: title, purpose, audience, owner_role, questions 内容."
    )
    created_at: datetime = strawberry.field(description="When it was written 编写时间.")
    created_by: str = strawberry.field(description="Key of the account that wrote it 编写人.")
    approved_by: str | None = strawberry.field(description="Key of the account that published it 发布人.")
    published_at: datetime | None = strawberry.field(description="When it was published 发布时间.")


def _shown(context: Context, row: SurveyTemplate) -> SurveyTemplateType:
    names = (
        "code",
        "number",
        "state",
        "version",
        "purpose",
        "body",
        "created_at",
        "created_by",
        "approved_by",
        "published_at",
    )
    plain = {name: getattr(row, name) for name in names}
    return SurveyTemplateType(id=strawberry.ID(context.id_of_group(TYPE, row.id)), **plain)


async def _templates(context: Context) -> list[SurveyTemplate]:
    known = services(context)
    async with group_reading(context) as session:
        return await templates_of(session, known.group.id)


async def _one(context: Context, template_id: UUID) -> SurveyTemplateType | None:
    found = next((row for row in await _templates(context) if row.id == template_id), None)
    return None if found is None else _shown(context, found)


@strawberry.type
class GroupTemplates:
    """Fields of Group."""

    @strawberry.field(description="Questionnaires by code, newest first, at most 200; drafts for HQ only 问卷.")  # type: ignore[untyped-decorator]
    async def survey_templates(self, info: strawberry.Info) -> list[SurveyTemplateType]:
        context = context_of(info)
        whole = require_anywhere(context, "surveys:template:read")
        rows = await _templates(context)
        return [_shown(context, row) for row in rows if whole or row.state in ("PUBLISHED", "RETIRED")]


_BODY = (
    "The questionnaire: code, title, purpose, audience, owner_role, questions, each with its words in both languages."
)


@strawberry.input(description="A new version of a questionnaire.")
class DraftSurveyTemplateInput:
    """Input of draftSurveyTemplate."""

    body: JSON = strawberry.field(description=_BODY)


async def _draft(context: Context, given: Any) -> Done:
    async with group_work(context) as work:
        work.require("surveys:template:write")
        with inside("body"):
            template_id = await actions.draft_template(work, storable(given.body))
    return Done(values={"surveyTemplate": await _one(context, template_id)})


@strawberry.input(description="Other questions for a draft.")
class ChangeSurveyTemplateInput:
    """Input of changeSurveyTemplate."""

    id: strawberry.ID = strawberry.field(description="Id of the version 问卷版本.")
    body: JSON = strawberry.field(description=_BODY)
    expected_version: int | None = strawberry.field(
        default=None, description="Version last read; another one is refused as STALE_VERSION."
    )


async def _change(context: Context, given: Any) -> Done:
    template_id = context.resolve_of_group(given.id, TYPE)
    async with group_work(context) as work:
        work.require("surveys:template:write")
        with inside("body"):
            body, version = storable(given.body), given.expected_version
            await actions.change_draft(work, template_id, body, expected_version=version)
    return Done(values={"surveyTemplate": await _one(context, template_id)})


@strawberry.input(description="Which version.")
class MoveSurveyTemplateInput:
    """Input of submit-, return-, publish- and retireSurveyTemplate."""

    id: strawberry.ID = strawberry.field(description="Id of the version 问卷版本.")
    expected_version: int | None = strawberry.field(
        default=None, description="Version last read; another one is refused as STALE_VERSION."
    )


def _moving(verb: str) -> Callable[[Context, Any], Awaitable[Done]]:
    async def run(context: Context, given: Any) -> Done:
        template_id = context.resolve_of_group(given.id, TYPE)
        async with group_work(context) as work:
            with inside("body"):
                await actions.move_template(work, template_id, verb, expected_version=given.expected_version)
        return Done(values={"surveyTemplate": await _one(context, template_id)})

    return run


_VALUES = {"surveyTemplate": (SurveyTemplateType, "The version after the change 问卷版本.")}
_MOVES = {
    "submit": "Hand a draft in for review 提交问卷. Needs surveys:template:write.",
    "return": "Give a version back to its author 退回问卷. Needs surveys:template:publish.",
    "publish": "Publish a version; the one before it is retired 发布问卷. Needs surveys:template:publish.",
    "retire": "Stop asking a published version 停用问卷. Needs surveys:template:publish.",
}
MUTATIONS = (
    Mutation(
        name="draftSurveyTemplate",
        description="Write a new version of a questionnaire 编写问卷. Needs surveys:template:write.",
        input=DraftSurveyTemplateInput,
        run=_draft,
        values=_VALUES,
    ),
    Mutation(
        name="changeSurveyTemplate",
        description="Replace the questions of a draft 修改问卷草稿. Needs surveys:template:write.",
        input=ChangeSurveyTemplateInput,
        run=_change,
        values=_VALUES,
    ),
    *(
        Mutation(
            name=f"{verb}SurveyTemplate",
            description=text,
            input=MoveSurveyTemplateInput,
            run=_moving(verb),
            values=_VALUES,
        )
        for verb, text in _MOVES.items()
    ),
)

"""The group's rules in the API: configuration 配置 and evaluation schemes 考核方案."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from ..domain.evaluation.model import Scheme
from ..domain.evaluation.schemes import approve_scheme, schemes_of, write_scheme
from ..domain.settings import actions
from ..domain.settings.reads import settings_of
from ..domain.settings.rules import KEYS
from ..tenancy.control import ConfigSetting
from . import ids
from .context import Context
from .errors import Saying
from .mutation import Done, Mutation
from .roots import context_of
from .services import group_reading, group_work, inside, require_anywhere, services

SETTING, SCHEME = "Setting", "Scheme"
USER_ERRORS = {
    "LOCKED": Saying("集团已锁定该配置，门店不得更改。", "The group does not let its stores differ here."),
    "TOO_MANY": Saying("集团的配置过多。", "The group has too many settings."),
}


@strawberry.type(name="Setting", description="A value of a key, of the group or one store, for a period 配置.")
class SettingType:
    """A value as it was written; of several valid ones a store's wins over the group's, the later over the earlier."""

    id: strawberry.ID = strawberry.field(description="Opaque id of the value.")
    key: str = strawberry.field(description="Key, such as vs_rate.denominator 配置项.")
    value: JSON = strawberry.field(description="The value; its form depends on the key 值.")
    store: strawberry.ID | None = strawberry.field(description="Id of the store; null: of the group 门店.")
    locked: bool = strawberry.field(description="No store may differ 锁定.")
    valid_from: date = strawberry.field(description="First local day 生效日期.")
    valid_to: date | None = strawberry.field(
        description="First day on which it no longer holds; null: for good 失效日期."
    )
    created_at: datetime = strawberry.field(description="When it was written 编写时间.")
    created_by: str = strawberry.field(description="Key of the account that wrote it 编写人.")


def _setting(context: Context, row: ConfigSetting) -> SettingType:
    names = ("key", "locked", "valid_from", "valid_to", "created_at", "created_by")
    return SettingType(
        id=strawberry.ID(context.id_of_group(SETTING, row.id)),
        value=row.value["value"],
        store=strawberry.ID(ids.store_id(row.store_id)) if row.store_id else None,
        **{name: getattr(row, name) for name in names},
    )


@strawberry.type(name="Scheme", description="One version of an evaluation scheme of the group 考核方案.")
class SchemeType:
    """A version; once active it never changes."""

    id: strawberry.ID = strawberry.field(description="Opaque id of the version.")
    code: str = strawberry.field(description="Code of the scheme, such as SALES-2H 方案代码.")
    number: int = strawberry.field(description="1 for the first version of the code, then 2, 3, … 版本.")
    state: str = strawberry.field(description="DRAFT, ACTIVE or SUPERSEDED 状态.")
    body: JSON = strawberry.field(description="The scheme: participants, items with weights, deductions 内容.")
    created_at: datetime = strawberry.field(description="When it was written 编写时间.")
    created_by: str = strawberry.field(description="Key of the account that wrote it 编写人.")
    approved_by: str | None = strawberry.field(description="Key of the account that approved it 审批人.")


def _scheme(context: Context, row: Scheme) -> SchemeType:
    names = ("code", "number", "state", "body", "created_at", "created_by", "approved_by")
    plain = {name: getattr(row, name) for name in names}
    return SchemeType(id=strawberry.ID(context.id_of_group(SCHEME, row.id)), **plain)


async def _schemes(context: Context) -> list[Scheme]:
    known = services(context)
    async with group_reading(context) as session:
        return await schemes_of(session, known.group.id)


async def _one_scheme(context: Context, scheme_id: UUID) -> SchemeType | None:
    found = next((row for row in await _schemes(context) if row.id == scheme_id), None)
    return None if found is None else _scheme(context, found)


async def _settings(context: Context, store_id: UUID | None) -> list[ConfigSetting]:
    known = services(context)
    async with group_reading(context) as session:
        return await settings_of(session, known.group.id, store_id)


@strawberry.type
class GroupSettings:
    """Fields of Group."""

    @strawberry.field(description="Configuration as written, by key, newest first, at most 500 配置.")  # type: ignore[untyped-decorator]
    async def settings(
        self,
        info: strawberry.Info,
        store_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="Id of a store: its own values too; without: the group's only."),
        ] = None,
    ) -> list[SettingType]:
        context = context_of(info)
        at = None if store_id is None else (await context.resolve(store_id, ids.STORE))[0].id
        context.actor.require("tenancy:setting:read", at)
        return [_setting(context, row) for row in await _settings(context, at)]

    @strawberry.field(description="Evaluation schemes by code, newest first, at most 200; drafts for HQ only 考核方案.")  # type: ignore[untyped-decorator]
    async def schemes(self, info: strawberry.Info) -> list[SchemeType]:
        context = context_of(info)
        whole = require_anywhere(context, "evaluation:scheme:read")
        return [_scheme(context, row) for row in await _schemes(context) if whole or row.state != "DRAFT"]


@strawberry.input(description="A value of a setting from a day on.")
class SetSettingInput:
    """Input of setSetting."""

    key: str = strawberry.field(description=f"One of {', '.join(KEYS)} 配置项.")
    value: JSON = strawberry.field(description="The value, in the form that the key needs 值.")
    store_id: strawberry.ID | None = strawberry.field(
        default=None, description="Id of the store; without: for the group 门店."
    )
    valid_from: date = strawberry.field(description="First local day 生效日期.")
    valid_to: date | None = strawberry.field(
        default=None, description="First day on which it no longer holds; without: for good 失效日期."
    )
    locked: bool = strawberry.field(default=False, description="No store may differ; values of the group only 锁定.")


async def _set(context: Context, given: Any) -> Done:
    store_id = None if given.store_id is None else (await context.resolve(given.store_id, ids.STORE))[0].id
    async with group_work(context) as work:
        setting_id = await actions.set_setting(
            work,
            key=given.key,
            value=given.value,
            valid_from=given.valid_from,
            valid_to=given.valid_to,
            store_id=store_id,
            locked=given.locked,
        )
    found = next((row for row in await _settings(context, store_id) if row.id == setting_id), None)
    return Done(values={"setting": None if found is None else _setting(context, found)})


@strawberry.input(description="A new version of a scheme.")
class WriteSchemeInput:
    """Input of writeScheme."""

    body: JSON = strawberry.field(
        description="The scheme, in the form of `Scheme.body`; its version is set by us 内容."
    )


async def _write(context: Context, given: Any) -> Done:
    async with group_work(context) as work:
        with inside("body"):
            scheme_id = await write_scheme(work, given.body)
    return Done(values={"scheme": await _one_scheme(context, scheme_id)})


@strawberry.input(description="Which draft to approve.")
class ApproveSchemeInput:
    """Input of approveScheme."""

    id: strawberry.ID = strawberry.field(description="Id of the version 考核方案.")


async def _approve(context: Context, given: Any) -> Done:
    scheme_id = context.resolve_of_group(given.id, SCHEME)
    async with group_work(context) as work:
        await approve_scheme(work, scheme_id)
    return Done(values={"scheme": await _one_scheme(context, scheme_id)})


_SCHEME_VALUES = {"scheme": (SchemeType, "The version after the change 考核方案.")}
MUTATIONS = (
    Mutation(
        name="setSetting",
        description="Set a value for the group or a store from a day on 变更配置. Needs tenancy:setting:write.",
        input=SetSettingInput,
        run=_set,
        values={"setting": (SettingType, "The value as it was written 配置.")},
    ),
    Mutation(
        name="writeScheme",
        description="Write a new version of a scheme for somebody else to approve 编写方案. Needs evaluation:scheme:write.",
        input=WriteSchemeInput,
        run=_write,
        values=_SCHEME_VALUES,
    ),
    Mutation(
        name="approveScheme",
        description="Make a draft the active version 审批方案. Needs evaluation:scheme:approve.",
        input=ApproveSchemeInput,
        run=_approve,
        values=_SCHEME_VALUES,
    ),
)

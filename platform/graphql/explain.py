"""Why can I not see this? 为什么看不到: the role table, scopes, masks and limits of somebody, in words and in codes."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Annotated, Any
from uuid import UUID

import strawberry

from ..auth.access import Operation, operation
from ..auth.access import operations as access_table
from ..auth.account_reads import find_info
from ..auth.actor import Actor
from ..auth.identify import actor_for_account
from ..auth.masks import MASKS
from ..auth.roles import PERMISSIONS, Scope
from ..domain.accounts.explaining import Explanation, explain
from ..domain.reading import viewer_of
from ..errors import Invalid
from ..tenancy.reader.run import Reader
from ..tenancy.reader.shape import Shape
from . import ids
from .accounts import ACCOUNT
from .context import Context, StoreInfo
from .errors import Saying
from .roots import context_of
from .services import group_reading

#: What each reason means, in words.
REASONS: Mapping[str, Saying] = {
    "DISABLED": Saying("该账号已停用。", "The account is disabled."),
    "EVERYBODY": Saying("所有登录用户均可。", "Everybody who is signed in may do this."),
    "GRANTED": Saying("角色包含此权限。", "A role includes the permission."),
    "LIMIT": Saying("角色包含此权限，但所用令牌不含。", "A role includes it, but the token in use is limited to less."),
    "MASK": Saying("记录可见，但此字段对其隐藏。", "The row is shown, but this field is hidden."),
    "NO_ROLE": Saying("所持角色均不含此权限。", "None of the roles held includes the permission."),
    "ROW": Saying(
        "只限范围内的记录；范围外的记录对其不存在。", "Only rows within the scope; others do not exist for this person."
    ),
    "ROW_SHOWN": Saying("此记录在其范围内。", "This row is within the scope."),
    "SEGREGATION": Saying(
        "仍可能因职责分离被拒：不得处理与本人或被代理人有关的事项。",
        "A rule may still refuse: nobody handles what is about themselves, or about whom they stand in for.",
    ),
    "STORE": Saying("所持角色包含此权限，但不在此处生效。", "A role includes the permission, but not at this place."),
    "VIEW_ONLY": Saying(
        "正在以角色查看：不能更改，也不能超出本人权限。",
        "Looking as a role: nothing is changed, and nothing goes beyond one's own rights.",
    ),
}
_SCOPES: Mapping[Scope, Saying] = {
    Scope.OWN: Saying("本人", "own"),
    Scope.TEAM: Saying("小组", "team"),
    Scope.DEPARTMENT: Saying("部门", "department"),
    Scope.STORE: Saying("门店", "store"),
    Scope.REGION: Saying("区域", "region"),
    Scope.GROUP: Saying("集团", "group"),
}


@strawberry.input(description="What is asked about: a permission, a field of a type (or the type), or a mutation.")
class ExplainAccessInput:
    """Input of explainAccess."""

    permission: str | None = strawberry.field(default=None, description="Such as sales:order:read 权限.")
    type: str | None = strawberry.field(default=None, description="Name of a type, such as Customer 类型.")
    field: str | None = strawberry.field(default=None, description="Name of a field of the type 字段.")
    mutation: str | None = strawberry.field(default=None, description="Name of a mutation, such as approveRun 操作.")
    store_id: strawberry.ID | None = strawberry.field(
        default=None, description="At which store; without: of the group 门店."
    )
    node_id: strawberry.ID | None = strawberry.field(
        default=None, description="About which row; its store is meant then 记录."
    )
    account_id: strawberry.ID | None = strawberry.field(
        default=None, description="About whom, with accounts:account:read; without: the viewer 账号."
    )


@strawberry.type(name="AccessReason", description="One reason of an answer.")
class AccessReasonType:
    """A code with its words."""

    code: str = strawberry.field(description=f"One of {', '.join(sorted(REASONS))}.")
    text: str = strawberry.field(description="In the viewer's language.")


@strawberry.type(name="AccessGrant", description="A role that gives the right, and how far.")
class AccessGrantType:
    """A membership of the person."""

    role: str = strawberry.field(description="Code of the role 角色.")
    store_code: str | None = strawberry.field(description="Code of the store, where the viewer sees it 门店代码.")
    region: str | None = strawberry.field(description="The region 区域.")
    scope: str = strawberry.field(description="OWN, TEAM, DEPARTMENT, STORE, REGION or GROUP 范围.")
    delegated_by: str | None = strawberry.field(description="Name of whose holiday it covers 代理谁.")


@strawberry.type(name="AccessRole", description="A role that would give the right.")
class AccessRoleType:
    """A role of the table."""

    role: str = strawberry.field(description="Code of the role 角色.")
    scope: str = strawberry.field(description="How far it would reach 范围.")


@strawberry.type(name="AccessExplanation", description="Why somebody may or may not 权限说明.")
class AccessExplanationType:
    """The answer of explainAccess."""

    allowed: bool = strawberry.field(description="They may.")
    text: str = strawberry.field(description="In plain words 说明.")
    permissions: list[str] = strawberry.field(description="What it needs; one is enough. Empty: nothing 所需权限.")
    reasons: list[AccessReasonType] = strawberry.field(description="Why, the most important first 原因.")
    granted_by: list[AccessGrantType] = strawberry.field(description="The person's roles that give it 来源.")
    roles_that_would: list[AccessRoleType] = strawberry.field(
        description="Roles that would give it; empty when allowed 可授予的角色."
    )


@strawberry.type
class QueryAccess:
    """Fields of Query."""

    @strawberry.field(
        description="Why the viewer (or with accounts:account:read somebody else) may or may not do or see something 权限说明. "
        "Says nothing of rows and stores that the viewer cannot see."
    )  # type: ignore[untyped-decorator]
    async def explain_access(
        self,
        info: strawberry.Info,
        input: Annotated[ExplainAccessInput, strawberry.argument(description="What is asked about.")],  # noqa: A002
    ) -> AccessExplanationType | None:
        return await _explain(context_of(info), input)


async def _explain(context: Context, given: ExplainAccessInput) -> AccessExplanationType:
    store, row, type_ = await _place(context, given)
    needs, masked_by = _needs(given, type_)
    subject, active = await _subject(context, given.account_id)
    found = explain(subject, needs.needs, store.id if store else None, masked_by=masked_by, mutation=given.mutation)
    if not active:
        found = replace(found, allowed=False, reasons=("DISABLED",))
    elif row is not None and found.allowed and store is not None and type_ in context.entities:
        found = await _of_row(context, subject, store, type_, row, found)
    return _shown(context, found, {item.id: item.code for item in (await context.stores()).ordered})


async def _place(context: Context, given: ExplainAccessInput) -> tuple[StoreInfo | None, UUID | None, str]:
    """The store and row that are meant, and the type that is asked about.

    Raises:
        NotFound: a store that does not exist for the asker, whichever way it is named.
    """
    type_ = given.type or ""
    if given.node_id is not None:
        known = ids.parse(given.node_id)
        types = (*(entity.name for entity in context.entities), ids.STORE)
        store, row = await context.resolve(given.node_id, *types)
        named = known.type if known else ""
        if given.store_id is not None and (await context.resolve(given.store_id, ids.STORE))[0].id != store.id:
            raise Invalid("the row is of another store", path=("storeId",))
        if type_ and type_ != named:
            raise Invalid("the row is of another type", path=("type",))
        return store, row, named
    if given.store_id is not None:
        return (await context.resolve(given.store_id, ids.STORE))[0], None, type_
    return None, None, type_


def _needs(given: ExplainAccessInput, type_: str) -> tuple[Operation, str | None]:
    """What is asked needs, and the permission that shows a masked field."""
    asked = [name for name in ("permission", "mutation") if getattr(given, name) is not None]
    if given.type is not None or (type_ and not asked):
        asked.append("type")
    if len(asked) != 1:
        raise Invalid("ask about a permission, a type, or a mutation", path=("permission",))
    if given.permission is not None:
        if given.permission not in PERMISSIONS:
            raise Invalid("no such permission", path=("permission",))
        return Operation(given.permission, "store", (given.permission,), {}), None
    if given.mutation is not None:
        found = access_table().get(f"Mutation.{given.mutation}")
        if found is None:
            raise Invalid("no such mutation", path=("mutation",))
        return found, None
    mask = MASKS.get(f"{type_}.{given.field}")
    found = access_table().get(type_) if mask else operation(type_, given.field)
    if found is None:
        raise Invalid("no such type or field", path=("type",))
    return found, mask.permission if mask else None


async def _subject(context: Context, account_id: str | None) -> tuple[Actor, bool]:
    """Who is asked about, and whether the account is active.

    Raises:
        Forbidden: others, without the right. NotFound: no such account in the group.
    """
    if account_id is None:
        return context.actor, True
    account = context.resolve_of_group(account_id, ACCOUNT)
    if account == context.actor.account_id:
        return context.actor, True
    async with group_reading(context) as session:
        info = await find_info(session, context.actor, account)
        if info.state != "ACTIVE":
            return Actor(f"account:{account}", info.display_name, context.group.id, account), False
        return await actor_for_account(session, account, clock=context.clock), True


async def _of_row(
    context: Context, subject: Actor, store: StoreInfo, type_: str, row: UUID, found: Explanation
) -> Explanation:
    """Whether the row is within the scope: said only of a row that the asker sees themself."""
    today = context.today(store)
    if not await _sees(context, context.actor, store, type_, row, today):
        outside = found if "ROW" in found.reasons else replace(found, reasons=(*found.reasons, "ROW"))
        return replace(outside, allowed=False) if subject is context.actor else outside
    if subject is context.actor or await _sees(context, subject, store, type_, row, today):
        return replace(found, reasons=(*(one for one in found.reasons if one != "ROW"), "ROW_SHOWN"))
    return replace(found, allowed=False)


async def _sees(context: Context, actor: Actor, store: StoreInfo, type_: str, row: UUID, today: date) -> bool:
    permissions = {grant.permission for grant in context.entities[type_].grants}
    async with context.open_store(store) as session:
        reader = Reader(session, context.entities, viewer_of(actor, store.id, today, permissions))
        return await reader.node(Shape(type_), row) is not None


def _shown(context: Context, found: Explanation, codes: Mapping[Any, str]) -> AccessExplanationType:
    def says(saying: Saying) -> str:
        return saying.in_language(context.language)

    reasons = [AccessReasonType(code=code, text=says(REASONS[code])) for code in found.reasons]
    verdict = says(Saying("允许。", "Allowed.") if found.allowed else Saying("不允许。", "Not allowed."))
    parts = [verdict, *(reason.text for reason in reasons)]
    if found.given:
        roles = ", ".join(f"{one.membership.role} ({says(_SCOPES[one.scope])})" for one in found.given)
        parts.append(says(Saying("来自：", "By: ")) + roles + ".")
    if found.roles:
        roles = ", ".join(f"{role} ({says(_SCOPES[scope])})" for role, scope in found.roles)
        parts.append(says(Saying("具备此权限的角色：", "Roles that have it: ")) + roles + ".")
    grants = [
        AccessGrantType(
            role=one.membership.role,
            store_code=codes.get(one.membership.store_id),
            region=one.membership.region,
            scope=one.scope.name,
            delegated_by=one.membership.delegator or None,
        )
        for one in found.given
    ]
    return AccessExplanationType(
        allowed=found.allowed,
        text=" ".join(parts),
        permissions=list(found.permissions),
        reasons=reasons,
        granted_by=grants,
        roles_that_would=[AccessRoleType(role=role, scope=scope.name) for role, scope in found.roles],
    )

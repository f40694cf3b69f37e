"""Standing in 代理 and looking as a role 以角色查看 in the API: rights for a while."""

from datetime import datetime
from typing import Annotated, Any

import strawberry

from ..auth.delegations import colleagues, delegations_by
from ..auth.view_as import MINUTES
from ..domain.accounts import temporary
from ..domain.people.reads import employee_id_of
from ..domain.wording import wording
from ..errors import Invalid, Refused
from . import ids
from .accounts import ACCOUNT, MEMBERSHIP
from .context import Context
from .errors import Saying
from .mutation import Done, Mutation
from .roots import ViewingType, context_of
from .services import group_reading, group_work

DELEGATION = "Delegation"
USER_ERRORS = {
    "CHAIN": Saying("代理所得的角色不能再转授。", "A role held for somebody else is not passed on."),
    "UNDELEGABLE": Saying("该角色不能代理。", "This role is not passed on."),
}


@strawberry.type(name="Delegation", description="Somebody stands in for a role, for a while 代理.")
class DelegationType:
    """A delegation as its delegator sees it."""

    id: strawberry.ID = strawberry.field(description="Opaque id of the delegation.")
    role: str = strawberry.field(description="Code of the role 角色.")
    store: strawberry.ID | None = strawberry.field(description="Id of the store; null: of a region or the group 门店.")
    delegate: str = strawberry.field(description="Name of who stands in 代理人.")
    valid_from: datetime = strawberry.field(description="Since when 开始时间.")
    valid_to: datetime = strawberry.field(description="Until when 结束时间.")
    reason: str = strawberry.field(description="Why 原因.")


@strawberry.type(name="Colleague", description="Somebody who could stand in 可代理的同事.")
class ColleagueType:
    """A colleague by name."""

    id: strawberry.ID = strawberry.field(description="Opaque id of the account.")
    name: str = strawberry.field(description="Name 姓名.")


@strawberry.type
class QueryStanding:
    """Fields of Query."""

    @strawberry.field(description="Who stands in, now or soon, for the viewer's own roles 我的代理.")  # type: ignore[untyped-decorator]
    async def delegations(self, info: strawberry.Info) -> list[DelegationType]:
        context = context_of(info)
        return [] if context.actor.account_id is None or context.actor.viewing else await _delegations(context)

    @strawberry.field(description="Who could stand in for one of the viewer's own roles, at most 500 可代理的同事.")  # type: ignore[untyped-decorator]
    async def colleagues(
        self,
        info: strawberry.Info,
        membership_id: Annotated[strawberry.ID, strawberry.argument(description="Id of the membership 任职.")],
    ) -> list[ColleagueType] | None:
        context = context_of(info)
        membership = context.resolve_of_group(membership_id, MEMBERSHIP)
        async with group_reading(context) as session:
            found = await colleagues(session, context.actor, membership, clock=context.clock)
        return [
            ColleagueType(id=strawberry.ID(context.id_of_group(ACCOUNT, one.id)), name=one.display_name)
            for one in found
        ]


async def _delegations(context: Context) -> list[DelegationType]:
    async with group_reading(context) as session:
        found = await delegations_by(session, context.actor, clock=context.clock)
    return [
        DelegationType(
            id=strawberry.ID(context.id_of_group(DELEGATION, item.id)),
            role=item.role,
            store=strawberry.ID(ids.store_id(item.store_id)) if item.store_id else None,
            delegate=name,
            valid_from=item.valid_from,
            valid_to=item.valid_to,
            reason=item.reason or "",
        )
        for item, name in found
        if item.valid_to is not None
    ]


@strawberry.input(description="Who stands in for a role, from when to when, and why.")
class DelegateRoleInput:
    """Input of delegateRole."""

    membership_id: strawberry.ID = strawberry.field(description="Id of the membership that is covered 被代理的任职.")
    account_id: strawberry.ID = strawberry.field(description="Id of the account that stands in 代理人.")
    valid_from: datetime | None = strawberry.field(
        default=None, description="From when; without: from now on 开始时间."
    )
    valid_to: datetime = strawberry.field(description="Until when, up to 60 days later 结束时间.")
    reason: str = strawberry.field(description="Why, such as a holiday 原因.")


async def _delegate(context: Context, given: Any) -> Done:
    membership = context.resolve_of_group(given.membership_id, MEMBERSHIP)
    delegate = context.resolve_of_group(given.account_id, ACCOUNT)
    async with group_work(context) as work:
        made = await temporary.delegate_role(
            work,
            membership,
            delegate,
            valid_from=given.valid_from,
            valid_to=given.valid_to,
            reason=given.reason,
        )
    return Done(values={"id": context.id_of_group(DELEGATION, made)})


@strawberry.input(description="Which delegation to end.")
class EndDelegationInput:
    """Input of endDelegation."""

    id: strawberry.ID = strawberry.field(description="Id of the delegation 代理.")


async def _end_delegation(context: Context, given: Any) -> Done:
    delegation = context.resolve_of_group(given.id, DELEGATION)
    async with group_work(context) as work:
        await temporary.end_delegation(work, delegation)
    return Done(values={"id": given.id})


@strawberry.input(description="As which role to look at the product, where, and why.")
class StartViewAsInput:
    """Input of startViewAs."""

    role: str = strawberry.field(description="Code of the role 角色.")
    store_id: strawberry.ID | None = strawberry.field(default=None, description="Id of the store, for its roles 门店.")
    region: str | None = strawberry.field(default=None, description="The region, for its roles 区域.")
    employee_no: str | None = strawberry.field(
        default=None, description="Employee number there: as whose own rows to look 工号."
    )
    minutes: int = strawberry.field(default=MINUTES, description=f"How long, 1 to {MINUTES} minutes 分钟.")
    reason: str = strawberry.field(description="Why 原因.")


async def _start_view(context: Context, given: Any) -> Done:
    store = None if given.store_id is None else (await context.resolve(given.store_id, ids.STORE))[0]
    permission = "accounts:view:start"
    if not context.actor.can(permission, None):
        context.actor.require(permission, store.id if store else None)
    employee_id = None
    if given.employee_no is not None:
        if store is None:
            raise Invalid("an employee belongs to a store", path=("storeId",))
        number = wording(given.employee_no, path="employeeNo", most=100)
        async with context.open_store(store) as session:
            employee_id = await employee_id_of(session, number)
        if employee_id is None:
            raise Refused("NO_EMPLOYEE", "no such employee", path=("employeeNo",))
    async with group_work(context) as work:
        started = await temporary.start_view(
            work,
            role=given.role,
            store_id=store.id if store else None,
            region=None if given.region is None else wording(given.region, path="region", most=100),
            employee_id=employee_id,
            reason=given.reason,
            minutes=given.minutes,
        )
    shown = ViewingType(
        id=strawberry.ID(str(started.id)),
        role=started.role,
        store_code=store.code if store else None,
        region=started.region,
        until=started.expires_at,
    )
    return Done(values={"viewing": shown})


@strawberry.input(description="End the look that is going on.")
class EndViewAsInput:
    """Input of endViewAs."""

    note: str | None = strawberry.field(default=None, description="What was found out, for the audit 备注.")


async def _end_view(context: Context, given: Any) -> Done:
    async with group_work(context, viewing=True) as work:
        await temporary.end_view(work, note=given.note)
    return Done(values={"ended": True})


MUTATIONS = (
    Mutation(
        name="delegateRole",
        description="Let a colleague stand in for a role: for one's own, or with accounts:account:manage 设置代理.",
        input=DelegateRoleInput,
        run=_delegate,
        values={"id": (strawberry.ID, "Opaque id of the delegation.")},
    ),
    Mutation(
        name="endDelegation",
        description="End a delegation now: of one's own role, or with accounts:account:manage 结束代理.",
        input=EndDelegationInput,
        run=_end_delegation,
        values={"id": (strawberry.ID, "Opaque id of the delegation.")},
    ),
    Mutation(
        name="startViewAs",
        description="Look at the product as a role, read only and never further than one's own rights 以角色查看. "
        "Needs accounts:view:start.",
        input=StartViewAsInput,
        run=_start_view,
        values={"viewing": (ViewingType, "The look that began.")},
    ),
    Mutation(
        name="endViewAs",
        description="Look as oneself again 结束以角色查看.",
        input=EndViewAsInput,
        run=_end_view,
        values={"ended": (bool, "It has ended.")},
        viewing=True,
    ),
)

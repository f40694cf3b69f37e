"""The group's own audit 集团审计 in the API, and what the checks of all its chains found. Stores' events are entities."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry

from ..domain.audit import actions, reads
from ..domain.feed import AuditVerification, GroupAuditEvent
from . import ids
from .context import Context
from .mutation import Done, Mutation
from .pages import ListPage, check_first, cursor_of, key_behind, not_a_cursor
from .roots import context_of
from .services import group_reading, group_work, services
from .types import PageInfo

READ = "audit:event:read"
EVENT = "GroupAuditEvent"
_PAGE, _MOST = 50, 200
_LIST = "audit"


@strawberry.type(
    name="GroupAuditEvent", description="Who did what to the group's own rows, or to a store as a whole 集团审计记录."
)
class GroupAuditEventType:
    """An event of the group's chain; values are masked as they were written."""

    id: strawberry.ID = strawberry.field(description="Opaque id of the event.")
    seq: int = strawberry.field(description="Number in the group's chain: no gaps, in the order of the commits 序号.")
    at: datetime = strawberry.field(description="When 时间.")
    actor: str = strawberry.field(description="Who: key of an account, a program or a job 操作者.")
    actor_name: str = strawberry.field(description="Name of the actor then 操作者姓名.")
    action: str = strawberry.field(description="What was done, such as accounts.create 操作.")
    entity: str = strawberry.field(description="Kind of the row 对象类型.")
    entity_id: UUID | None = strawberry.field(description="The row's id 对象编号.")
    reason: str | None = strawberry.field(description="Reason given 原因.")
    before: strawberry.scalars.JSON | None = strawberry.field(description="Values before, masked 变更前.")
    after: strawberry.scalars.JSON | None = strawberry.field(description="Values after, masked 变更后.")
    request_id: str | None = strawberry.field(description="The request it was part of 请求编号.")
    hash: str = strawberry.field(description="Signature of the row and of the one before it, hexadecimal 校验值.")


@strawberry.type(name="GroupAuditEventEdge", description="An event in a list.")
class GroupAuditEventEdge:
    """Relay's edge."""

    node: GroupAuditEventType = strawberry.field(description="The event.")
    cursor: str = strawberry.field(description="Where it stands in the list.")


@strawberry.type(name="GroupAuditEventConnection", description="A page of the group's events.")
class GroupAuditEventConnection:
    """Relay's connection."""

    edges: list[GroupAuditEventEdge] = strawberry.field(description="The events of the page.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")


@strawberry.input(description="Which events of the group; all that is given must hold.")
class GroupAuditEventFilter:
    """Filter of auditEvents."""

    actor: str | None = strawberry.field(default=None, description="By this actor 操作者.")
    action: str | None = strawberry.field(default=None, description="This was done 操作.")
    entity: str | None = strawberry.field(default=None, description="To this kind of row 对象类型.")
    entity_id: UUID | None = strawberry.field(default=None, description="To this row 对象编号.")
    since: datetime | None = strawberry.field(default=None, description="At this moment or later 起始时间.")
    until: datetime | None = strawberry.field(default=None, description="Before this moment 截止时间.")


@strawberry.type(name="AuditFault", description="Something that is wrong with a chain 审计链异常.")
class AuditFaultType:
    """One fault."""

    kind: str = strawberry.field(description="CHANGED, REMOVED, INSERTED, DUPLICATED, UNLINKED and others 类型.")
    seq: int = strawberry.field(description="Number of the first row it concerns 序号.")
    detail: str = strawberry.field(description="Details 说明.")


@strawberry.type(name="AuditVerification", description="What the last check of an audit chain found 审计链校验.")
class AuditVerificationType:
    """The last check of a chain: a store's, or the group's own."""

    store: strawberry.ID | None = strawberry.field(description="Id of the store; null: the group's own chain 门店.")
    at: datetime = strawberry.field(description="When it was checked 校验时间.")
    ok: bool = strawberry.field(description="Nothing is wrong 是否完整.")
    rows: int = strawberry.field(description="How many events were checked 记录数.")
    last_seq: int = strawberry.field(description="Number of the last event 末位序号.")
    first_bad: int | None = strawberry.field(description="Lowest number that is wrong 首个异常序号.")
    fault_count: int = strawberry.field(description="How many faults 异常数.")
    faults: list[AuditFaultType] = strawberry.field(description="The first of them, at most 101 异常.")


def _seq(cursor: str) -> int:
    number = key_behind(_LIST, cursor)
    if not (number.isascii() and number.isdecimal()) or len(number) > 18:
        raise not_a_cursor()
    return int(number)


def _event(context: Context, row: GroupAuditEvent) -> GroupAuditEventType:
    names = ("seq", "at", "actor", "actor_name", "action", "entity", "entity_id", "reason", "request_id")
    return GroupAuditEventType(
        id=strawberry.ID(context.id_of_group(EVENT, row.id)),
        before=row.before,  # type: ignore[arg-type]  # a scalar to strawberry, a dict to us
        after=row.after,  # type: ignore[arg-type]
        hash=row.hash.hex(),
        **{name: getattr(row, name) for name in names},
    )


def _verification(row: AuditVerification) -> AuditVerificationType:
    return AuditVerificationType(
        store=strawberry.ID(ids.store_id(row.store_id)) if row.store_id else None,
        ok=row.fault_count == 0,
        faults=[AuditFaultType(kind=one["kind"], seq=one["seq"], detail=one["detail"]) for one in row.faults],
        **{name: getattr(row, name) for name in ("at", "rows", "last_seq", "first_bad", "fault_count")},
    )


@strawberry.type
class GroupAudit:
    """Fields of Group."""

    @strawberry.field(description="The group's own audit, newest first 集团审计. Needs audit:event:read of the group.")  # type: ignore[untyped-decorator]
    async def audit_events(
        self,
        info: strawberry.Info,
        where: Annotated[GroupAuditEventFilter | None, strawberry.argument(description="Which events.")] = None,
        first: Annotated[int, strawberry.argument(description="This many, 1 to 200.")] = _PAGE,
        after: Annotated[str | None, strawberry.argument(description="Only events behind this cursor.")] = None,
    ) -> GroupAuditEventConnection:
        context = context_of(info)
        context.actor.require(READ, None)
        check_first(first, _MOST)
        before = None if after is None else _seq(after)
        names = ("actor", "action", "entity", "entity_id", "since", "until")
        wanted = reads.EventFilter(**{name: getattr(where, name) for name in names} if where else {})
        known = services(context)
        async with group_reading(context) as session:
            found = await reads.group_events(session, known.group.id, wanted, before=before, limit=first + 1)
        edges = [
            GroupAuditEventEdge(node=_event(context, row), cursor=cursor_of(_LIST, str(row.seq)))
            for row in found[:first]
        ]
        page: Any = ListPage(edges, len(found) > first, after is not None)
        return GroupAuditEventConnection(edges=edges, page_info=page)

    @strawberry.field(
        description="The last check of every chain that the viewer may read: the group's own and the stores' 审计链校验."
        " Needs audit:event:read of the group."
    )  # type: ignore[untyped-decorator]
    async def audit_verifications(self, info: strawberry.Info) -> list[AuditVerificationType]:
        context = context_of(info)
        context.actor.require(READ, None)
        known = services(context)
        async with group_reading(context) as session:
            found = await reads.last_verifications(session, known.group.id)
        return [_verification(row) for row in found]


@strawberry.input(description="Why every chain of the group is to be checked now.")
class VerifyAuditInput:
    """Input of verifyAudit."""

    reason: str = strawberry.field(description="Why, up to 500 characters; it stands in the audit 原因.")


async def _verify(context: Context, given: Any) -> Done:
    async with group_work(context) as work:
        await actions.request_verification(work, reason=given.reason)
    return Done(values={"requested": True})


MUTATIONS = (
    Mutation(
        name="verifyAudit",
        description="Check and anchor every audit chain of the group now; auditVerifications tells what was found 校验审计链."
        " Needs audit:chain:verify.",
        input=VerifyAuditInput,
        run=_verify,
        values={"requested": (bool, "The checks stand in the queue.")},
    ),
)

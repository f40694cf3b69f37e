"""Standing in for somebody on holiday 代理: a membership that covers another one, for a while and with a reason.

The stand-in gets the delegator's role where the delegator has it, and counts as the delegator wherever somebody must not
judge their own work. What a stand-in holds cannot be passed on. It ends by itself, at the latest with what it covers.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Select, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ..clock import SYSTEM_CLOCK, Clock
from ..errors import Invalid, NotFound, Refused
from ..tenancy.ids import new_id
from .account_reads import MembershipInfo, membership_infos
from .accounts import MANAGE
from .actor import Actor
from .model import DELEGATION_DAYS, Account, AccountMembership
from .roles import UNDELEGABLE_ROLES

#: Colleagues that one list shows at most.
_MOST = 500


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody who could stand in."""

    id: UUID
    display_name: str


@dataclass(frozen=True, slots=True)
class Delegation:
    """A delegation that was made: of whose role, to whom."""

    id: UUID
    delegator: UUID
    delegate: UUID
    role: str
    store_id: UUID | None


async def delegate_role(
    session: AsyncSession,
    actor: Actor,
    membership_id: UUID,
    delegate_id: UUID,
    *,
    valid_from: datetime | None,
    valid_to: datetime,
    reason: str,
    clock: Clock = SYSTEM_CLOCK,
) -> Delegation:
    """Let a colleague cover a membership: one's own, or with accounts:account:manage anybody's; never to oneself.

    Without that permission the stand-in must have a role at the same place already: nobody opens a store to outsiders.

    Raises:
        NotFound: no such membership of the actor's (of the group's, for administrators), or no such colleague.
        Invalid: the period is empty, begins in the past, is longer than 60 days or than the membership.
        Refused: OWN_ACCOUNT; CHAIN, it is a delegation itself; UNDELEGABLE, this role is not passed on; MEMBERSHIP_EXISTS.
    """
    now = clock.now()
    covered = await _covered(session, actor, membership_id, now)
    if covered.delegated_from is not None:
        raise Refused("CHAIN", "a role held for somebody else is not passed on", path=("membershipId",))
    if covered.role in UNDELEGABLE_ROLES:
        raise Refused("UNDELEGABLE", "this role is not passed on", path=("membershipId",))
    if delegate_id in (covered.account_id, actor.account_id):
        raise Refused("OWN_ACCOUNT", "somebody else has to stand in", path=("accountId",))
    await _require_colleague(session, actor, covered, delegate_id, now)
    start = now if valid_from is None else valid_from
    if start < now:
        raise Invalid("a delegation begins now or later", path=("from",))
    if not start < valid_to <= start + timedelta(days=DELEGATION_DAYS):
        raise Invalid(f"a delegation lasts up to {DELEGATION_DAYS} days", path=("to",))
    if covered.valid_to is not None and valid_to > covered.valid_to:
        raise Invalid("a delegation ends no later than the role", path=("to",))
    # one at a time for a role: of two that would overlap, the second finds the first
    await session.execute(select(AccountMembership.id).where(AccountMembership.id == covered.id).with_for_update())
    overlapping = select(AccountMembership.id).where(
        AccountMembership.delegated_from == covered.id,
        AccountMembership.account_id == delegate_id,
        AccountMembership.valid_from < valid_to,
        AccountMembership.valid_to > start,
    )
    if (await session.execute(overlapping.limit(1))).first() is not None:
        raise Refused("MEMBERSHIP_EXISTS", "the account stands in there already", path=("accountId",))
    made = Delegation(new_id(), covered.account_id, delegate_id, covered.role, covered.store_id)
    await session.execute(
        insert(AccountMembership).values(
            id=made.id,
            account_id=delegate_id,
            group_id=actor.group_id,
            store_id=covered.store_id,
            region=covered.region,
            role=covered.role,
            employee_id=None,
            valid_from=start,
            valid_to=valid_to,
            delegated_from=covered.id,
            reason=reason,
        )
    )
    return made


async def end_delegation(
    session: AsyncSession, actor: Actor, delegation_id: UUID, *, clock: Clock = SYSTEM_CLOCK
) -> Delegation:
    """End a delegation now: by its delegator, or with accounts:account:manage. Twice is once.

    Raises:
        NotFound: no such delegation of the actor's (of the group's, for administrators).
    """
    item, source = AccountMembership, AccountMembership.__table__.alias()
    query = (
        select(item.id, item.account_id, item.role, item.store_id, item.valid_from, item.valid_to, source.c.account_id)
        .join(source, source.c.id == item.delegated_from)
        .where(item.id == delegation_id, item.group_id == actor.group_id)
    )
    row = (await session.execute(query)).one_or_none()
    if row is None or not (row[6] == actor.account_id or actor.can(MANAGE, None)):
        raise NotFound("no such delegation")
    # One that has not begun ends where it would have begun: it was never valid.
    end = max(clock.now(), row.valid_from)
    if row.valid_to > end:
        await session.execute(
            update(item).where(item.id == delegation_id, item.group_id == actor.group_id).values(valid_to=end)
        )
    return Delegation(row.id, row[6], row.account_id, row.role, row.store_id)


async def delegations_by(
    session: AsyncSession, actor: Actor, *, clock: Clock = SYSTEM_CLOCK
) -> list[tuple[MembershipInfo, str]]:
    """Delegations of the actor's own roles that are valid or still to come, each with the stand-in's name; oldest first."""
    mine = select(AccountMembership.id).where(
        AccountMembership.account_id == actor.account_id, AccountMembership.group_id == actor.group_id
    )
    query = membership_infos(actor.group_id).where(
        AccountMembership.delegated_from.in_(mine), AccountMembership.valid_to > clock.now()
    )
    found = [MembershipInfo(*row) for row in await session.execute(query.limit(_MOST))]
    names = select(Account.id, Account.display_name).where(
        Account.id.in_(sorted({item.account_id for item in found})), Account.group_id == actor.group_id
    )
    called = {row.id: row.display_name for row in await session.execute(names.limit(_MOST))}
    return [(item, called[item.account_id]) for item in found]


async def colleagues(
    session: AsyncSession, actor: Actor, membership_id: UUID, *, clock: Clock = SYSTEM_CLOCK
) -> list[Colleague]:
    """Who could cover a membership of the actor's own: active accounts with a role at the same place now, by name.

    Raises:
        NotFound: the actor has no such membership.
    """
    now = clock.now()
    covered = await _covered(session, actor, membership_id, now)
    query = (
        select(Account.id, Account.display_name)
        .where(
            Account.id.in_(_at_place(covered, now)),
            Account.group_id == actor.group_id,
            Account.state == "ACTIVE",
            Account.id.not_in([covered.account_id, actor.account_id]),
        )
        .order_by(Account.display_name, Account.id)
        .limit(_MOST)
    )
    return [Colleague(*row) for row in await session.execute(query)]


async def _covered(session: AsyncSession, actor: Actor, membership_id: UUID, now: datetime) -> AccountMembership:
    item = AccountMembership
    query = select(item).where(
        item.id == membership_id,
        item.group_id == actor.group_id,
        or_(item.valid_to.is_(None), item.valid_to > now),
    )
    found = (await session.scalars(query)).one_or_none()
    if found is None or not (found.account_id == actor.account_id or actor.can(MANAGE, None)):
        raise NotFound("no such membership")
    return found


async def _require_colleague(
    session: AsyncSession, actor: Actor, covered: AccountMembership, delegate_id: UUID, now: datetime
) -> None:
    query = select(Account.id).where(
        Account.id == delegate_id, Account.group_id == actor.group_id, Account.state == "ACTIVE"
    )
    if not actor.can(MANAGE, None):
        query = query.where(Account.id.in_(_at_place(covered, now)))
    if (await session.execute(query)).first() is None:
        raise NotFound("no such account")


def _at_place(covered: AccountMembership, now: datetime) -> Select[UUID]:
    item = AccountMembership
    return select(item.account_id).where(
        item.group_id == covered.group_id,
        item.store_id.is_not_distinct_from(covered.store_id),
        item.region.is_not_distinct_from(covered.region),
        item.valid_from <= now,
        or_(item.valid_to.is_(None), item.valid_to > now),
        item.delegated_from.is_(None),
    )

"""Looking at the product as a role 以角色查看: read only, for half an hour at most, and never further than one's own rights.

A look belongs to the web session in which it began; one that began with a bearer token is named in a header by its id. It
is found again with every request, so what ends (by a button, by time, with the administrator's own right) ends at once.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from ..clock import SYSTEM_CLOCK, Clock
from ..errors import Forbidden, Invalid, NotFound, Unauthenticated
from ..tenancy.base import ControlTable, Id
from ..tenancy.control import Store
from ..tenancy.ids import new_id
from ..tenancy.security import REGISTRY, Grants
from .actor import Actor, Membership
from .identify import stores_of_regions
from .model import of_account
from .roles import GROUP_ROLES, ROLES, UNDELEGABLE_ROLES, goes_with

START: Final = "accounts:view:start"
#: The longest look, in minutes.
MINUTES: Final = 30
#: Names the look of a request that comes with a bearer token.
HEADER: Final = "forecourt-view-as"


class ViewAs(ControlTable):
    """A look: who, as which role, where, why, from when to when. `session_id` null: it came with a bearer token."""

    __tablename__ = "view_as"
    __table_args__ = (
        of_account(),
        CheckConstraint(
            f"expires_at > started_at and expires_at <= started_at + interval '{MINUTES} minutes'", name="period"
        ),
        CheckConstraint("store_id is null or region is null", name="place"),
        Index("uq_view_as_open", "session_id", unique=True, postgresql_where=text("ended_at is null")),
    )

    id: Mapped[Id]
    account_id: Mapped[UUID] = mapped_column(index=True)
    group_id: Mapped[UUID] = mapped_column(index=True)
    session_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("control.web_session.id", ondelete="CASCADE")  # what happened stands in the audit
    )
    role: Mapped[str]
    store_id: Mapped[UUID | None] = mapped_column(ForeignKey("control.store.id"))
    region: Mapped[str | None]
    employee_id: Mapped[UUID | None]
    reason: Mapped[str]
    started_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


REGISTRY.declare(
    Grants("view_as", group=("select", "insert", "update (ended_at)"), control=("select",)),
)


async def start_view(
    session: AsyncSession,
    actor: Actor,
    *,
    role: str,
    store_id: UUID | None = None,
    region: str | None = None,
    employee_id: UUID | None = None,
    reason: str,
    minutes: int = MINUTES,
    clock: Clock = SYSTEM_CLOCK,
) -> ViewAs:
    """Begin to look as a role at a store, in a region or of the group; an earlier look of the same session ends.

    Raises:
        NotFound: no such store or region for the actor.
        Forbidden: the actor may not look there (administrators may everywhere, a store's manager in the store).
        Invalid: no such role, one that nobody looks as, not one of this place, or not 1 to 30 minutes.
    """
    if store_id is not None and not actor.sees_store(store_id):
        raise NotFound("no such store")
    if not actor.can(START, None):
        actor.require(START, store_id)
    if role not in ROLES or role in UNDELEGABLE_ROLES:
        raise Invalid("no role that one can look as", path=("role",))
    if not goes_with(role, store=store_id is not None, region=region is not None):
        raise Invalid("this role is not one of this place", path=("role",))
    if not actor.can(START, None) and role in GROUP_ROLES:
        raise Forbidden("only the group's administrator looks as this role", permission=START)
    if employee_id is not None and store_id is None:
        raise Invalid("an employee belongs to a store", path=("employeeNo",))
    if not 1 <= minutes <= MINUTES:
        raise Invalid(f"1 to {MINUTES} minutes", path=("minutes",))
    if region is not None:
        known = select(Store.id).where(Store.group_id == actor.group_id, Store.region == region).limit(1)
        if (await session.execute(known)).first() is None:
            raise NotFound("no such region")
    now = clock.now()
    if actor.session_id is not None:
        await session.execute(
            update(ViewAs).where(ViewAs.session_id == actor.session_id, ViewAs.ended_at.is_(None)).values(ended_at=now)
        )
    started = ViewAs(
        id=new_id(),
        account_id=actor.account_id,
        group_id=actor.group_id,
        session_id=actor.session_id,
        role=role,
        store_id=store_id,
        region=region,
        employee_id=employee_id,
        reason=reason,
        started_at=now,
        expires_at=now + timedelta(minutes=minutes),
    )
    session.add(started)
    await session.flush()
    return started


async def end_view(session: AsyncSession, actor: Actor, *, clock: Clock = SYSTEM_CLOCK) -> UUID:
    """End the look that the actor is in; its id.

    Raises:
        NotFound: there is none.
    """
    if actor.viewing is None:
        raise NotFound("nobody looks as a role")
    await session.execute(
        update(ViewAs)
        .where(ViewAs.id == actor.viewing.id, ViewAs.group_id == actor.group_id, ViewAs.ended_at.is_(None))
        .values(ended_at=clock.now())
    )
    return actor.viewing.id


async def looking(
    session: AsyncSession, actor: Actor, named: str | None = None, *, clock: Clock = SYSTEM_CLOCK
) -> Actor:
    """The actor as they look now: as the role of an open look of their web session, or of the one they name, else themself.

    Raises:
        Unauthenticated: they name one that is not open or not theirs: better nothing than more than was meant.
    """
    if actor.session_id is None and named is None:
        return actor
    query = select(ViewAs).where(
        ViewAs.account_id == actor.account_id,
        ViewAs.group_id == actor.group_id,
        ViewAs.ended_at.is_(None),
        ViewAs.expires_at > clock.now(),
    )
    if actor.session_id is not None:
        query = query.where(ViewAs.session_id == actor.session_id)
    else:
        query = query.where(ViewAs.id == _uuid(named or ""), ViewAs.session_id.is_(None))
    found = (await session.scalars(query)).one_or_none()
    if found is None or not (actor.can(START, None) or (found.store_id and actor.can(START, found.store_id))):
        if named is not None:
            raise Unauthenticated("this look has ended")
        return actor
    stores = await stores_of_regions(session, actor.group_id, {found.region} if found.region else set())
    membership = Membership(
        role=found.role,
        store_id=found.store_id,
        employee_id=found.employee_id,
        region=found.region,
        region_stores=stores.get(found.region or "", frozenset()),
    )
    return actor.looking_as(membership, found.id, found.expires_at)


def _uuid(text_: str) -> UUID:
    try:
        return UUID(text_)
    except ValueError as error:
        raise Unauthenticated("this is no look") from error

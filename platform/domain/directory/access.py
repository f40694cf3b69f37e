"""Connections of directories, the mapping of their groups to roles, and what follows from both for the people."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from collections.abc import Mapping as MappingType
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from ...auth import accounts
from ...auth.actor import Actor
from ...auth.model import AccountMembership
from ...auth.scim import connections, memberships
from ...auth.scim.connections import MANAGE, IssuedConnection
from ...auth.scim.mapping_rules import Entry, Held, Mapping, Place, check_place, matches, wanted
from ...auth.scim.model import MAPPING_KEYS, ScimGroup, ScimMapping, ScimMember, ScimMembership, ScimUser
from ...errors import Invalid, NotFound, Refused, Unavailable
from ...tenancy.control import Store
from ...tenancy.ids import new_id
from ...tenancy.session import ResolvedStore, store_session, stores_of
from ..people.reads import employee_ids_of
from ..wording import wording
from ..work import GroupWork

MOST_MAPPINGS = 1000
#: People whose roles are worked out in one go.
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class MappingInfo:
    """A mapping as people see it."""

    id: UUID
    by: str
    value: str
    role: str
    store_id: UUID | None
    region: str | None
    created_at: datetime


async def create_connection(work: GroupWork, *, label: str, lifetime: timedelta) -> IssuedConnection:
    """A bearer token for a directory, shown once. Errors as `auth.scim.connections.issue_connection`."""
    work.require(MANAGE)
    kept = wording(label, path="label", most=100)
    issued = await connections.issue_connection(
        work.session, work.actor, label=kept, lifetime=lifetime, clock=work.platform.clock
    )
    after = {"label": kept, "expires_at": issued.expires_at.isoformat()}
    work.audit("directory.create_connection", "ScimConnection", issued.id, after=after)
    return issued


async def revoke_connection(work: GroupWork, connection_id: UUID) -> None:
    """End a connection's token. Errors as `auth.scim.connections.revoke_connection`."""
    work.require(MANAGE)
    await connections.revoke_connection(work.session, work.actor, connection_id, clock=work.platform.clock)
    work.audit("directory.revoke_connection", "ScimConnection", connection_id)


async def list_mappings(session: AsyncSession, actor: Actor, *, limit: int = MOST_MAPPINGS) -> list[MappingInfo]:
    """The group's mappings in the order they were made; at most `MOST_MAPPINGS`.

    Raises:
        Forbidden: the actor may not manage directories.
    """
    actor.require(MANAGE, None)
    item = ScimMapping
    query = (
        select(item.id, item.by, item.value, item.role, item.store_id, item.region, item.created_at)
        .where(item.group_id == actor.group_id)
        .order_by(item.id)
        .limit(max(1, min(limit, MOST_MAPPINGS)))
    )
    return [MappingInfo(*row) for row in await session.execute(query)]


async def add_mapping(
    work: GroupWork, *, by: str, value: str, role: str, store_id: UUID | None = None, region: str | None = None
) -> UUID:
    """Let the people of a directory group have a role; those who are in it get it now.

    Raises:
        Forbidden: the actor may not manage directories and accounts, which giving roles is.
        Invalid: a value has the wrong form, or the role does not go with the place. NotFound: no such store.
        Refused: OWN_ACCOUNT (the actor is in that directory group), MAPPING_EXISTS, TOO_MANY_MAPPINGS.
    """
    work.require(MANAGE)
    work.require(accounts.MANAGE)
    if by not in MAPPING_KEYS:
        raise Invalid(f"one of {', '.join(MAPPING_KEYS)}", path=("by",))
    kept = wording(value, path="value", most=300)
    if not kept:
        raise Invalid("the group's name or external id is needed", path=("value",))
    area = None if region is None else wording(region, path="region", most=100)
    check_place(role, store_id, area)
    await _check_store(work, store_id)
    count = select(func.count(ScimMapping.id)).where(ScimMapping.group_id == work.group.id)
    if (await work.session.execute(count)).scalar_one() >= MOST_MAPPINGS:
        raise Refused("TOO_MANY_MAPPINGS", f"a group has at most {MOST_MAPPINGS} mappings")
    mapping = Mapping(by, kept, role, store_id, area, work.actor.account_id)
    touched = await _people_of(work, mapping)
    if work.actor.account_id in touched:
        raise Refused("OWN_ACCOUNT", "somebody else has to do this")
    same = select(ScimMapping.id).where(
        ScimMapping.group_id == work.group.id,
        ScimMapping.by == by,
        ScimMapping.value == kept,
        ScimMapping.role == role,
        ScimMapping.store_id.is_not_distinct_from(store_id),
        ScimMapping.region.is_not_distinct_from(area),
    )
    if (await work.session.execute(same)).first() is not None:
        raise Refused("MAPPING_EXISTS", "there is such a mapping already")
    mapping_id = new_id()
    values = {"by": by, "value": kept, "role": role, "store_id": store_id, "region": area}
    made = {"created_at": work.now, "created_by": work.actor.account_id}
    await work.session.execute(insert(ScimMapping).values(id=mapping_id, group_id=work.group.id, **values, **made))
    after = values | {"store_id": str(store_id) if store_id else None}
    work.audit("directory.add_mapping", "ScimMapping", mapping_id, after=after)
    await apply_mappings(work, touched)
    return mapping_id


async def remove_mapping(work: GroupWork, mapping_id: UUID) -> None:
    """The people of the directory group lose what this mapping gave, unless another one gives it too.

    Raises:
        Forbidden. NotFound: the group has no such mapping.
    """
    work.require(MANAGE)
    work.require(accounts.MANAGE)
    row = await work.session.get(ScimMapping, mapping_id)
    if row is None or row.group_id != work.group.id:
        raise NotFound("no such mapping")
    touched = await _people_of(work, Mapping(row.by, row.value, row.role, row.store_id, row.region))
    before = {"by": row.by, "value": row.value, "role": row.role}
    await work.session.execute(
        delete(ScimMapping).where(ScimMapping.id == mapping_id, ScimMapping.group_id == work.group.id)
    )
    work.audit("directory.remove_mapping", "ScimMapping", mapping_id, before=before)
    await apply_mappings(work, touched)


async def apply_all(work: GroupWork) -> int:
    """Apply the mappings to everybody in the directory: after stores or regions changed. Returns how many people.

    Raises:
        Forbidden: the actor may not manage directories and accounts.
    """
    work.require(MANAGE)
    work.require(accounts.MANAGE)
    query = select(ScimMember.account_id).where(ScimMember.group_id == work.group.id).distinct()
    people = (await work.session.scalars(query)).all()
    await apply_mappings(work, people)
    return len(people)


async def apply_mappings(work: GroupWork, account_ids: Collection[UUID]) -> None:
    """Bring the memberships that mappings give to what the directory's groups say now; others are not touched."""
    people = sorted(account_ids)
    if not people:
        return
    mappings = await _mappings(work)
    stores = [one for one in await stores_of(work.session, work.group.id) if one.state != "FAILED"]
    for start in range(0, len(people), _AT_ONCE):
        await _apply(work, people[start : start + _AT_ONCE], mappings, stores)


async def _apply(
    work: GroupWork, people: Sequence[UUID], mappings: Sequence[Mapping], stores: Sequence[ResolvedStore]
) -> None:
    entries = await _entries(work, people)
    places = [Place(one.id, one.region) for one in stores]
    targets = {account_id: wanted(account_id, entries[account_id], mappings, places) for account_id in people}
    employees = await _employees(work, targets, stores)
    present = await _present(work, people)
    lost: dict[UUID, tuple[UUID, Held]] = {}
    kept: set[tuple[UUID, Held]] = set()
    for membership_id, account_id, place, employee_id, by_mapping in present:
        moved = (account_id, place[1]) in employees and employees[account_id, place[1]] != employee_id
        if by_mapping and (place not in targets[account_id] or moved):
            lost[membership_id] = (account_id, place)
        else:
            kept.add((account_id, place))
    gained = [
        (account_id, place, employees.get((account_id, place[1])))
        for account_id in people
        for place in sorted(targets[account_id], key=str)
        if (account_id, place) not in kept
    ]
    await memberships.take(work.session, work.group.id, lost, work.now)
    for membership_id, one in lost.items():
        work.audit("accounts.end_membership", "Membership", membership_id, before=_audited(*one))
    for start in range(0, len(gained), _AT_ONCE):
        made = await memberships.give(work.session, work.group.id, gained[start : start + _AT_ONCE], work.now)
        for membership_id, new in made.items():
            work.audit("accounts.add_membership", "Membership", membership_id, after=_audited(*new))


async def _entries(work: GroupWork, people: Sequence[UUID]) -> MappingType[UUID, list[Entry]]:
    entries: dict[UUID, list[Entry]] = defaultdict(list)
    inside = (
        select(ScimMember.account_id, ScimGroup.display_name, ScimGroup.external_id, ScimMember.added_by)
        .join(ScimGroup, ScimGroup.id == ScimMember.scim_group_id)
        .where(ScimMember.account_id.in_(people), ScimMember.group_id == work.group.id)
    )
    for account_id, display_name, external_id, added_by in await work.session.execute(inside):
        entries[account_id].append(Entry(display_name, external_id, added_by))
    return entries


async def _present(work: GroupWork, people: Sequence[UUID]) -> list[tuple[UUID, UUID, Held, UUID | None, bool]]:
    """Open memberships: id, account, role and store, employee, and whether a mapping gave it."""
    item = AccountMembership
    query = (
        select(item.id, item.account_id, item.role, item.store_id, item.employee_id, ScimMembership.membership_id)
        .outerjoin(ScimMembership, ScimMembership.membership_id == item.id)
        .where(item.account_id.in_(people), item.group_id == work.group.id, item.valid_to.is_(None))
    )
    return [
        (row.id, row.account_id, (row.role, row.store_id), row.employee_id, row.membership_id is not None)
        for row in await work.session.execute(query)
    ]


async def _employees(
    work: GroupWork, targets: MappingType[UUID, set[Held]], stores: Sequence[ResolvedStore]
) -> dict[tuple[UUID, UUID | None], UUID | None]:
    """Who each person is at the stores of their roles, by the employee number that the directory gives.

    None: the store has no such employee. A store that cannot be read now is left out: what is, stays.
    """
    query = select(ScimUser.account_id, ScimUser.employee_no).where(
        ScimUser.account_id.in_(sorted(targets)), ScimUser.group_id == work.group.id
    )
    numbers = {row.account_id: row.employee_no for row in await work.session.execute(query)}
    found: dict[tuple[UUID, UUID | None], UUID | None] = {}
    for store in stores:
        here = [account_id for account_id, held in targets.items() if any(place == store.id for _, place in held)]
        asked = {number for account_id in here if (number := numbers.get(account_id)) is not None}
        known: dict[str, UUID] = {}
        if asked:
            try:
                async with store_session(work.platform.engines, store, read_only=True) as session:
                    known = await employee_ids_of(session, asked)
            except Unavailable:
                continue
        found |= {(account_id, store.id): known.get(numbers.get(account_id) or "") for account_id in here}
    return found


def _audited(account_id: UUID, place: Held, employee_id: UUID | None = None) -> dict[str, str | None]:
    role, store_id = place
    given = {"account": str(account_id), "role": role, "store": str(store_id) if store_id else None, "by": "directory"}
    return given | ({"employee": str(employee_id)} if employee_id else {})


async def _mappings(work: GroupWork) -> list[Mapping]:
    item = ScimMapping
    query = (
        select(item.by, item.value, item.role, item.store_id, item.region, item.created_by)
        .where(item.group_id == work.group.id)
        .order_by(item.id)
        .limit(MOST_MAPPINGS)
    )
    return [Mapping(*row) for row in await work.session.execute(query)]


async def _people_of(work: GroupWork, mapping: Mapping) -> set[UUID]:
    """Everybody in a directory group that the mapping names."""
    query = (
        select(ScimMember.account_id, ScimGroup.display_name, ScimGroup.external_id)
        .join(ScimGroup, ScimGroup.id == ScimMember.scim_group_id)
        .where(ScimMember.group_id == work.group.id)
    )
    rows = (await work.session.execute(query)).all()
    return {row.account_id for row in rows if matches(mapping, Entry(row.display_name, row.external_id))}


async def _check_store(work: GroupWork, store_id: UUID | None) -> None:
    if store_id is None:
        return
    query = select(Store.id).where(
        Store.id == store_id, Store.group_id == work.group.id, Store.state.not_in(("DELETED", "FAILED"))
    )
    if (await work.session.execute(query)).scalar_one_or_none() is None:
        raise NotFound("no such store")

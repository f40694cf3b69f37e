"""Groups of a directory and who is in them. Every change applies the mappings to the people it touches."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, delete, false, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ...auth import accounts
from ...auth.model import Account
from ...auth.scim.model import ScimGroup, ScimMember, ScimUser
from ...errors import Invalid, NotFound, Refused, StaleVersion
from ...tenancy.ids import new_id
from ..wording import wording
from ..work import GroupWork
from .access import apply_mappings

#: Larger groups take seconds of a process's time; a group per store or job is what a mapping needs.
MOST_MEMBERS = 5_000
#: Members of all groups in one answer.
MOST_LISTED = 20_000


@dataclass(frozen=True, slots=True)
class GroupGiven:
    """What a directory says of a group: its people are accounts it manages."""

    display_name: str
    external_id: str | None
    members: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class DirectoryGroup:
    """A group of the directory; `members` are (account, sign-in name), empty when they were not asked for."""

    id: UUID
    display_name: str
    external_id: str | None
    version: int
    created_at: datetime
    updated_at: datetime
    members: tuple[tuple[UUID, str], ...] = ()


async def find_directory_group(
    session: AsyncSession, group_id: UUID, id_: UUID, *, members: bool = True
) -> DirectoryGroup:
    """One group of the directory.

    Raises:
        NotFound: there is none.
    """
    _, found = await find_groups(session, group_id, only=(ScimGroup.id == id_,), limit=1, members=members)
    if not found:
        raise NotFound("no such group")
    return found[0]


async def find_groups(
    session: AsyncSession,
    group_id: UUID,
    *,
    only: Sequence[ColumnElement[bool]] = (),
    offset: int = 0,
    limit: int = 100,
    members: bool = True,
) -> tuple[int, list[DirectoryGroup]]:
    """How many groups match, and those from `offset` on in the order they came; at most 2000.

    Raises:
        Refused: TOO_MANY members in all of them.
    """
    own = (ScimGroup.group_id == group_id, *only)
    total = (await session.execute(select(func.count(ScimGroup.id)).where(*own))).scalar_one()
    query = (
        select(ScimGroup)
        .where(*own)
        .order_by(ScimGroup.id)
        .offset(offset)
        .limit(min(limit, 2000))
        .execution_options(populate_existing=True)
    )
    rows = (await session.scalars(query)).all() if limit else []
    inside: dict[UUID, list[tuple[UUID, str]]] = {row.id: [] for row in rows}
    if members and rows:
        listed = (
            select(ScimMember.scim_group_id, ScimMember.account_id, Account.name)
            .join(Account, Account.id == ScimMember.account_id)
            .where(ScimMember.scim_group_id.in_(sorted(inside)), ScimMember.group_id == group_id)
            .order_by(ScimMember.account_id)
            .limit(MOST_LISTED + 1)
        )
        entries = (await session.execute(listed)).all()
        if len(entries) > MOST_LISTED:
            raise Refused("TOO_MANY", "too many members; leave them out, or ask for fewer groups at once")
        for id_, account_id, name in entries:
            inside[id_].append((account_id, name))
    return total, [
        DirectoryGroup(
            row.id,
            row.display_name,
            row.external_id,
            row.version,
            row.created_at,
            row.updated_at,
            tuple(inside[row.id]),
        )
        for row in rows
    ]


def group_name_is(text: str) -> tuple[ColumnElement[bool], ...]:
    """The condition `displayName eq`; names are compared without regard to case."""
    return (func.lower(ScimGroup.display_name) == text.lower(),) if "\0" not in text else (false(),)


def group_external_id_is(text: str) -> tuple[ColumnElement[bool], ...]:
    """The condition `externalId eq`."""
    return (ScimGroup.external_id == text,) if "\0" not in text else (false(),)


async def create_group(work: GroupWork, given: GroupGiven, *, added_by: UUID | None) -> DirectoryGroup:
    """A group of the directory with its people; `added_by` made the connection.

    Raises:
        Invalid: a value has the wrong form, or a member is nobody whom this directory manages.
    """
    work.require(accounts.MANAGE)
    id_ = new_id()
    name, external = _words(given)
    await work.session.execute(
        insert(ScimGroup).values(
            id=id_,
            group_id=work.group.id,
            display_name=name,
            external_id=external,
            version=1,
            created_at=work.now,
            updated_at=work.now,
        )
    )
    await _add(work, id_, given.members, added_by)
    work.audit("directory.create_group", "ScimGroup", id_, after={"name": name, "members": len(given.members)})
    await apply_mappings(work, given.members)
    return await find_directory_group(work.session, work.group.id, id_)


async def change_group(
    work: GroupWork, id_: UUID, given: GroupGiven, *, expected_version: int, added_by: UUID | None
) -> DirectoryGroup:
    """The group is now what `given` says; who came and who went gains and loses what it maps to.

    Raises:
        NotFound, StaleVersion, Invalid.
    """
    work.require(accounts.MANAGE)
    before = await _own(work, id_, expected_version)
    name, external = _words(given)
    present = {account_id for account_id, _ in before.members}
    gone, come = present - given.members, given.members - present
    own = ScimGroup.id == id_, ScimGroup.group_id == work.group.id
    values = {"display_name": name, "external_id": external, "version": expected_version + 1, "updated_at": work.now}
    await work.session.execute(update(ScimGroup).where(*own).values(**values))
    if gone:
        await work.session.execute(
            delete(ScimMember).where(ScimMember.scim_group_id == id_, ScimMember.account_id.in_(sorted(gone)))
        )
    await _add(work, id_, come, added_by)
    work.audit(
        "directory.change_group",
        "ScimGroup",
        id_,
        before={"name": before.display_name},
        after={"name": name, "joined": _ids(come), "left": _ids(gone)},
    )
    renamed = (name, external) != (before.display_name, before.external_id)
    await apply_mappings(work, gone | come | (given.members if renamed else frozenset()))
    return await find_directory_group(work.session, work.group.id, id_)


async def remove_group(work: GroupWork, id_: UUID, *, expected_version: int) -> None:
    """The group is gone, and with it what it gave.

    Raises:
        NotFound, StaleVersion.
    """
    work.require(accounts.MANAGE)
    before = await _own(work, id_, expected_version)
    await work.session.execute(
        delete(ScimMember).where(ScimMember.scim_group_id == id_, ScimMember.group_id == work.group.id)
    )
    await work.session.execute(delete(ScimGroup).where(ScimGroup.id == id_, ScimGroup.group_id == work.group.id))
    work.audit("directory.remove_group", "ScimGroup", id_, before={"name": before.display_name})
    await apply_mappings(work, {account_id for account_id, _ in before.members})


async def _own(work: GroupWork, id_: UUID, expected_version: int) -> DirectoryGroup:
    found = await find_directory_group(work.session, work.group.id, id_)
    if found.version != expected_version:
        raise StaleVersion("somebody changed the group meanwhile")
    return found


async def _add(work: GroupWork, id_: UUID, members: Collection[UUID], added_by: UUID | None) -> None:
    if not members:
        return
    if len(members) > MOST_MEMBERS:
        raise Invalid(f"a group has at most {MOST_MEMBERS} members", path=("members",), limit=MOST_MEMBERS)
    query = select(ScimUser.account_id).where(
        ScimUser.account_id.in_(sorted(members)), ScimUser.group_id == work.group.id
    )
    known = set((await work.session.scalars(query)).all())
    if known != set(members):
        raise Invalid("a member is no user of this directory", path=("members",))
    rows = [
        {"scim_group_id": id_, "account_id": account_id, "group_id": work.group.id, "added_by": added_by}
        for account_id in sorted(members)
    ]
    await work.session.execute(insert(ScimMember), rows)


def _words(given: GroupGiven) -> tuple[str, str | None]:
    name = wording(given.display_name, path="displayName", most=300, empty="INVALID")
    return name, None if given.external_id is None else wording(given.external_id, path="externalId", most=300)


def _ids(accounts_: Collection[UUID]) -> list[str]:
    """The first of them for the audit; the memberships that follow are audited one by one."""
    return [str(account_id) for account_id in sorted(accounts_)[:100]]

"""People that a directory provisions by SCIM 2.0: joiners get an account, leavers lose it at once, in one audited transaction each.

The directory manages the accounts it made and no others: a sign-in name that exists already, here or in another group, is taken.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from ...auth import accounts
from ...auth.model import LANGUAGES, Account
from ...auth.oidc.model import ExternalIdentity
from ...auth.scim.model import ScimGroup, ScimMember, ScimUser
from ...errors import Invalid, NotFound, Refused, StaleVersion
from ..wording import storable, wording
from ..work import GroupWork
from .access import apply_mappings

#: As many people as one search looks through when the filter is none that the database answers.
MOST_SCANNED = 2000


@dataclass(frozen=True, slots=True)
class PersonGiven:
    """What a directory says of a person. `attributes` is kept as it is; the rest goes to the account.

    `active` None: the directory does not say, which counts as active.
    """

    name: str
    display_name: str
    email: str | None = None
    language: str | None = None
    external_id: str | None = None
    employee_no: str | None = None
    active: bool | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DirectoryPerson:
    """A person as the directory sees it. `active` is whether the account may sign in, None when the directory never said."""

    id: UUID
    name: str
    external_id: str | None
    employee_no: str | None
    active: bool | None
    attributes: Mapping[str, Any]
    version: int
    created_at: datetime
    updated_at: datetime
    groups: tuple[tuple[UUID, str], ...] = ()


async def lock_directory(work: GroupWork) -> None:
    """One change of a group's directory at a time: two that touch one person must not each act on half of what is so."""
    await work.session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"directory/{work.group.id}"))))


async def find_person(session: AsyncSession, group_id: UUID, account_id: UUID) -> DirectoryPerson:
    """One person of the directory.

    Raises:
        NotFound: the group's directory has no such person.
    """
    _, found = await find_people(session, group_id, only=(Account.id == account_id,), limit=1)
    if not found:
        raise NotFound("no such user")
    return found[0]


async def find_people(
    session: AsyncSession,
    group_id: UUID,
    *,
    only: Sequence[ColumnElement[bool]] = (),
    offset: int = 0,
    limit: int = 100,
) -> tuple[int, list[DirectoryPerson]]:
    """How many people match, and those from `offset` on in the order they came; at most `MOST_SCANNED`."""
    joined = (Account.id == ScimUser.account_id, Account.group_id == group_id, ScimUser.group_id == group_id)
    total = (
        await session.execute(select(func.count()).select_from(ScimUser, Account).where(*joined, *only))
    ).scalar_one()
    query = (
        select(ScimUser, Account.name, Account.state)
        .where(*joined, *only)
        .order_by(ScimUser.account_id)
        .offset(offset)
        .limit(min(limit, MOST_SCANNED))
        .execution_options(populate_existing=True)
    )
    rows = (await session.execute(query)).all() if limit else []
    groups = await _groups_of(session, group_id, [row.ScimUser.account_id for row in rows])
    return total, [_person(row.ScimUser, row.name, row.state, groups) for row in rows]


def name_is(text: str) -> tuple[ColumnElement[bool], ...]:
    """The condition `userName eq`. A text that no account can have for a name matches none."""
    try:
        return (Account.name == accounts.account_name(text),)
    except Invalid:
        return (Account.id.is_(None),)


def external_id_is(text: str) -> tuple[ColumnElement[bool], ...]:
    """The condition `externalId eq`."""
    return (ScimUser.external_id == text,) if "\0" not in text else (Account.id.is_(None),)


async def create_person(work: GroupWork, given: PersonGiven) -> DirectoryPerson:
    """A joiner 入职: a new account without password. What it may do follows from the directory's groups.

    Raises:
        Refused: NAME_TAKEN. Invalid: a value has the wrong form.
    """
    work.require(accounts.MANAGE)
    account_id = await accounts.create_account(
        work.session,
        work.actor,
        name=given.name,
        display_name=_shown(given),
        email=given.email,
        language=_language(given) or "zh-CN",
        clock=work.platform.clock,
    )
    values = _kept(given)
    await work.session.execute(
        insert(ScimUser).values(
            account_id=account_id, group_id=work.group.id, version=1, created_at=work.now, updated_at=work.now, **values
        )
    )
    work.audit("directory.create_user", "Account", account_id, after=_audited(given))
    if given.active is False:
        await _leave(work, account_id)
    return await find_person(work.session, work.group.id, account_id)


async def change_person(
    work: GroupWork, account_id: UUID, given: PersonGiven, *, expected_version: int, by: UUID | None = None
) -> DirectoryPerson:
    """A mover 调岗, a leaver 离职 (`active` false) or one who comes back: the person is now what `given` says.

    An account that was disabled here, not by the directory, stays disabled: only who disabled it enables it. Through a
    connection of one's own (`by`) nobody becomes another employee.

    Raises:
        NotFound, StaleVersion, Invalid. Refused: NAME_TAKEN.
    """
    work.require(accounts.MANAGE)
    before, number = await _own(work, account_id, expected_version)
    if by == account_id:
        given = replace(given, employee_no=number)
    name = accounts.account_name(given.name)
    values: dict[str, Any] = {"name": name, "display_name": _shown(given), "email": accounts.email_address(given.email)}
    if (language := _language(given)) is not None:
        values["language"] = language
    try:
        async with work.session.begin_nested():
            statement = update(Account).where(Account.id == account_id, Account.group_id == work.group.id)
            await work.session.execute(statement.values(**values))
    except IntegrityError as error:
        raise Refused("NAME_TAKEN", "this user name is taken", path=("userName",)) from error
    statement = update(ScimUser).where(ScimUser.account_id == account_id, ScimUser.group_id == work.group.id)
    await work.session.execute(statement.values(version=expected_version + 1, updated_at=work.now, **_kept(given)))
    work.audit("directory.change_user", "Account", account_id, before={"active": before}, after=_audited(given))
    if given.active is False and before is not False:
        await _leave(work, account_id)
    elif given.active is not False and before is False:
        await accounts.enable_account(work.session, work.actor, account_id)
        work.audit("accounts.enable", "Account", account_id, after={"state": "ACTIVE"})
    if given.employee_no != number:
        await apply_mappings(work, [account_id])
    return await find_person(work.session, work.group.id, account_id)


async def remove_person(work: GroupWork, account_id: UUID, *, expected_version: int) -> None:
    """The directory deletes a person: the account is disabled for good and loses its name, its roles and its identity at providers.

    The account's row stays for the audit. Whoever is given the same name later is somebody else, with another account.

    Raises:
        NotFound, StaleVersion.
    """
    work.require(accounts.MANAGE)
    await _own(work, account_id, expected_version)
    group_id = work.group.id
    await work.session.execute(
        delete(ScimMember).where(ScimMember.account_id == account_id, ScimMember.group_id == group_id)
    )
    await apply_mappings(work, [account_id])
    await work.session.execute(delete(ScimUser).where(ScimUser.account_id == account_id, ScimUser.group_id == group_id))
    await work.session.execute(
        delete(ExternalIdentity).where(ExternalIdentity.account_id == account_id, ExternalIdentity.group_id == group_id)
    )
    await _leave(work, account_id)
    statement = update(Account).where(Account.id == account_id, Account.group_id == group_id)
    await work.session.execute(statement.values(name=f"removed-{account_id.hex}"))
    work.audit("directory.remove_user", "Account", account_id)


async def _leave(work: GroupWork, account_id: UUID) -> None:
    await accounts.disable_account(work.session, work.actor, account_id, clock=work.platform.clock)
    work.audit("accounts.disable", "Account", account_id, after={"state": "DISABLED"})


async def _own(work: GroupWork, account_id: UUID, expected_version: int) -> tuple[bool | None, str | None]:
    """The directory's word on `active`, and the employee number, before the change."""
    query = select(ScimUser.version, ScimUser.active, ScimUser.employee_no).where(
        ScimUser.account_id == account_id, ScimUser.group_id == work.group.id
    )
    row = (await work.session.execute(query)).one_or_none()
    if row is None:
        raise NotFound("no such user")
    if row.version != expected_version:
        raise StaleVersion("somebody changed the user meanwhile")
    return row.active, row.employee_no


def _kept(given: PersonGiven) -> dict[str, Any]:
    external = None if given.external_id is None else wording(given.external_id, path="externalId", most=300)
    kept = storable(dict(given.attributes), "attributes")
    number = None if given.employee_no is None else wording(given.employee_no, path="employeeNumber", most=100)
    return {"external_id": external, "employee_no": number or None, "attributes": kept, "active": given.active}


def _shown(given: PersonGiven) -> str:
    return wording(given.display_name, path="displayName", most=200)


def _language(given: PersonGiven) -> str | None:
    """Ours for a language tag such as ``en-GB`` or ``zh-Hans``; None when it is neither."""
    asked = (given.language or "").lower()
    return next((known for known in LANGUAGES if asked[:2] == known[:2]), None)


def _audited(given: PersonGiven) -> dict[str, Any]:
    return {"name": accounts.account_name(given.name), "external_id": given.external_id, "active": given.active}


def _person(
    row: ScimUser, name: str, state: str, groups: Mapping[UUID, tuple[tuple[UUID, str], ...]]
) -> DirectoryPerson:
    return DirectoryPerson(
        id=row.account_id,
        name=name,
        external_id=row.external_id,
        employee_no=row.employee_no,
        active=None if row.active is None else row.active and state == "ACTIVE",
        attributes=row.attributes,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        groups=groups.get(row.account_id, ()),
    )


async def _groups_of(
    session: AsyncSession, group_id: UUID, account_ids: Iterable[UUID]
) -> dict[UUID, tuple[tuple[UUID, str], ...]]:
    query = (
        select(ScimMember.account_id, ScimGroup.id, ScimGroup.display_name)
        .join(ScimGroup, ScimGroup.id == ScimMember.scim_group_id)
        .where(ScimMember.account_id.in_(sorted(account_ids)), ScimMember.group_id == group_id)
        .order_by(ScimGroup.id)
    )
    found: dict[UUID, tuple[tuple[UUID, str], ...]] = {}
    for account_id, id_, display_name in await session.execute(query):
        found[account_id] = (*found.get(account_id, ()), (id_, display_name))
    return found

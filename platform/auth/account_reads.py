"""Accounts and memberships of a group as the people who manage accounts see them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from ..errors import NotFound
from .actor import Actor
from .model import Account, AccountMembership


@dataclass(frozen=True, slots=True)
class AccountInfo:
    """An account as the people who manage accounts see it."""

    id: UUID
    name: str
    display_name: str
    email: str | None
    state: str
    language: str
    created_at: datetime
    last_sign_in_at: datetime | None


@dataclass(frozen=True, slots=True)
class MembershipInfo:
    """A membership as the people who manage accounts see it."""

    id: UUID
    account_id: UUID
    store_id: UUID | None
    role: str
    employee_id: UUID | None
    valid_from: datetime
    valid_to: datetime | None
    #: the identity provider that gives it; None: an administrator did
    provider_id: UUID | None = None
    region: str | None = None
    #: why, where a reason had to be given
    reason: str | None = None
    #: of a delegation: the account whose holiday is covered, and its name
    delegated_by: UUID | None = None
    delegator: str | None = None


async def list_accounts(session: AsyncSession, actor: Actor, *, after: str = "", limit: int = 50) -> list[AccountInfo]:
    """The group's accounts by name, those after the name `after`; at most 200.

    Raises:
        Forbidden: the actor may not read accounts.
    """
    actor.require("accounts:account:read", None)
    query = (
        _infos()
        .where(Account.group_id == actor.group_id, Account.name > after)
        .order_by(Account.name)
        .limit(max(1, min(limit, 200)))
    )
    return [AccountInfo(*row) for row in await session.execute(query)]


async def list_memberships(
    session: AsyncSession, actor: Actor, account_id: UUID, *, limit: int = 200
) -> list[MembershipInfo]:
    """Every membership an account has or had, oldest first; at most 500.

    Raises:
        Forbidden: the actor may not read accounts.
    """
    actor.require("accounts:account:read", None)
    return await memberships_of(session, actor, [account_id], limit=min(limit, 500))


async def memberships_of(
    session: AsyncSession, actor: Actor, account_ids: Collection[UUID], *, limit: int = 5000
) -> list[MembershipInfo]:
    """Every membership that these accounts have or had, oldest first; `list_memberships` for a page of accounts.

    Raises:
        Forbidden: the actor may not read accounts.
    """
    actor.require("accounts:account:read", None)
    query = membership_infos(actor.group_id).where(AccountMembership.account_id.in_(sorted(account_ids)))
    return [MembershipInfo(*row) for row in await session.execute(query.limit(max(1, min(limit, 5000))))]


def membership_infos(group_id: UUID) -> Select[*tuple[Any, ...]]:
    """The columns of `MembershipInfo`, oldest first."""
    item, source, delegator = AccountMembership, aliased(AccountMembership), aliased(Account)
    return (
        select(
            item.id,
            item.account_id,
            item.store_id,
            item.role,
            item.employee_id,
            item.valid_from,
            item.valid_to,
            item.provider_id,
            item.region,
            item.reason,
            delegator.id.label("delegated_by"),
            delegator.display_name,
        )
        .outerjoin(source, source.id == item.delegated_from)
        .outerjoin(delegator, delegator.id == source.account_id)
        .where(item.group_id == group_id)
        .order_by(item.valid_from, item.id)
    )


async def find_info(session: AsyncSession, actor: Actor, account_id: UUID) -> AccountInfo:
    """One account of the group.

    Raises:
        Forbidden: the actor may not read accounts. NotFound: there is none.
    """
    actor.require("accounts:account:read", None)
    return await find_own_group(session, actor, account_id)


async def find_own_group(session: AsyncSession, actor: Actor, account_id: UUID) -> AccountInfo:
    """One account of the actor's group, for verbs that have checked the right to know it.

    Raises:
        NotFound: there is none.
    """
    query = _infos().where(Account.group_id == actor.group_id, Account.id == account_id)
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise NotFound("no such account")
    return AccountInfo(*row)


def _infos() -> Select[*tuple[Any, ...]]:
    return select(
        Account.id,
        Account.name,
        Account.display_name,
        Account.email,
        Account.state,
        Account.language,
        Account.created_at,
        Account.last_sign_in_at,
    )

"""Who a provider's people are here: rows of `ExternalIdentity`, the accounts behind them, and the roles a provider gives.

Everything runs in a group session: another group's accounts do not exist.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ...tenancy.ids import new_id
from ..model import Account, AccountMembership
from .model import ExternalIdentity, IdentityProvider


@dataclass(frozen=True, slots=True)
class Candidate:
    """An account of the group with a newcomer's address."""

    id: UUID
    active: bool
    has_password: bool
    #: known to a provider that is not disabled
    known_elsewhere: bool


#: Role, store (none: of the group), and the employee the person is there.
What = tuple[str, UUID | None, UUID | None]


@dataclass(frozen=True, slots=True)
class Held:
    """An open membership that a provider gives."""

    id: UUID
    role: str
    store_id: UUID | None
    employee_id: UUID | None

    @property
    def what(self) -> What:
        return self.role, self.store_id, self.employee_id


async def recognise(session: AsyncSession, provider_id: UUID, subject: str, *, now: datetime) -> UUID | None:
    """The account of a provider's subject. Its sign-ins wait for one another until the transaction ends."""
    seen = (
        update(ExternalIdentity)
        .where(ExternalIdentity.provider_id == provider_id, ExternalIdentity.subject == subject)
        .values(last_seen_at=func.greatest(now, ExternalIdentity.last_seen_at))
        .returning(ExternalIdentity.account_id)
    )
    return (await session.execute(seen)).scalar_one_or_none()


async def candidates(session: AsyncSession, group_id: UUID, email: str) -> list[Candidate]:
    """Accounts of the group with this address, at most 10."""
    elsewhere = (
        select(ExternalIdentity.id)
        .join(IdentityProvider, IdentityProvider.id == ExternalIdentity.provider_id)
        .where(ExternalIdentity.account_id == Account.id, IdentityProvider.state != "DISABLED")
        .exists()
    )
    query = (
        select(Account.id, Account.state == "ACTIVE", Account.has_password, elsewhere)
        .where(Account.group_id == group_id, func.lower(Account.email) == email.lower())
        .order_by(Account.id)
        .limit(10)
    )
    return [Candidate(*row) for row in await session.execute(query)]


async def insert_account(session: AsyncSession, **values: Any) -> bool:
    """A new account; False when its sign-in name is taken."""
    made = insert(Account).values(values).on_conflict_do_nothing().returning(Account.id)
    return (await session.execute(made)).scalar_one_or_none() is not None


async def insert_identity(
    session: AsyncSession, *, group_id: UUID, provider_id: UUID, account_id: UUID, subject: str, now: datetime
) -> None:
    """Remember who a subject is."""
    await session.execute(
        insert(ExternalIdentity).values(
            id=new_id(),
            group_id=group_id,
            provider_id=provider_id,
            account_id=account_id,
            subject=subject,
            created_at=now,
            last_seen_at=now,
        )
    )


async def welcome(session: AsyncSession, group_id: UUID, account_id: UUID, *, now: datetime, **values: Any) -> bool:
    """Note a sign-in, and what the provider says of the person now; False when the account is disabled."""
    noted = (
        update(Account)
        .where(Account.id == account_id, Account.group_id == group_id, Account.state == "ACTIVE")
        .values(values | {"last_sign_in_at": now})
        .returning(Account.id)
    )
    return (await session.execute(noted)).scalar_one_or_none() is not None


async def held(session: AsyncSession, account_id: UUID, provider_id: UUID) -> list[Held]:
    """The open memberships that a provider gives to an account, at most 2,000."""
    row = AccountMembership
    query = (
        select(row.id, row.role, row.store_id, row.employee_id)
        .where(row.account_id == account_id, row.provider_id == provider_id, row.valid_to.is_(None))
        .order_by(row.id)
        .limit(2000)
    )
    return [Held(*found) for found in await session.execute(query)]


async def end(session: AsyncSession, memberships: Iterable[Held], *, now: datetime) -> None:
    """End memberships from now on."""
    row = AccountMembership
    ids = [one.id for one in memberships]
    if ids:
        await session.execute(
            update(row)
            .where(row.id.in_(ids), row.valid_to.is_(None))
            .values(valid_to=func.greatest(now, row.valid_from))
        )


async def give(
    session: AsyncSession,
    *,
    group_id: UUID,
    account_id: UUID,
    provider_id: UUID,
    memberships: Iterable[What],
    now: datetime,
) -> None:
    """Give roles (role, store, employee) from now on."""
    rows = [
        {
            "id": new_id(),
            "group_id": group_id,
            "account_id": account_id,
            "provider_id": provider_id,
            "role": role,
            "store_id": store_id,
            "employee_id": employee_id,
            "valid_from": now,
        }
        for role, store_id, employee_id in memberships
    ]
    if rows:
        await session.execute(insert(AccountMembership).values(rows).on_conflict_do_nothing())

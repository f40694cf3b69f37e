"""Finding an account before anybody is signed in, for the operator's commands."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ..errors import NotFound
from .accounts import account_name
from .model import Account


@dataclass(frozen=True, slots=True)
class FoundAccount:
    """Where an account is."""

    id: UUID
    group_id: UUID


async def find_account(session: AsyncSession, name: str) -> FoundAccount:
    """The active account of a sign-in name, in a control session.

    Raises:
        NotFound: there is none.
    """
    query = select(Account.id, Account.group_id).where(Account.name == account_name(name), Account.state == "ACTIVE")
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise NotFound(f"no active account {name!r}")
    return FoundAccount(*row)

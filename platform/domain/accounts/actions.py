"""Accounts of a group, as the doors use them: the verbs of `auth`, each with its audit row in the same transaction.

Passwords and tokens are never audited, only that they were given. Nobody gives a role to themselves: whoever manages
accounts could otherwise approve what they wrote.
"""

from datetime import datetime, timedelta
from uuid import UUID

from ...auth import accounts, tokens
from ...auth.model import AccountMembership
from ...auth.tokens import IssuedToken
from ...errors import NotFound, Refused
from ..wording import wording
from ..work import GroupWork


async def create_account(
    work: GroupWork, *, name: str, display_name: str, email: str | None = None, language: str = "zh-CN"
) -> UUID:
    """A new account without password or role. Errors as `auth.accounts.create_account`."""
    work.require(accounts.MANAGE)
    shown = wording(display_name, path="displayName", most=200)
    address = None if email is None else wording(email, path="email", most=254)
    account_id = await accounts.create_account(
        work.session,
        work.actor,
        name=name,
        display_name=shown,
        email=address,
        language=language,
        clock=work.platform.clock,
    )
    work.audit("accounts.create", "Account", account_id, after={"name": accounts.account_name(name)})
    return account_id


async def add_membership(
    work: GroupWork,
    account_id: UUID,
    *,
    role: str,
    store_id: UUID | None = None,
    region: str | None = None,
    employee_id: UUID | None = None,
    valid_from: datetime | None = None,
    valid_to: datetime | None = None,
) -> UUID:
    """Give an account a role. Errors as `auth.accounts.add_membership`; Refused: OWN_ACCOUNT."""
    work.require(accounts.MANAGE)
    _not_own(work, account_id)
    membership_id = await accounts.add_membership(
        work.session,
        work.actor,
        account_id,
        role=role,
        store_id=store_id,
        region=region,
        employee_id=employee_id,
        valid_from=valid_from,
        valid_to=valid_to,
        clock=work.platform.clock,
    )
    after = {
        "account": str(account_id),
        "role": role,
        "store": str(store_id) if store_id else None,
        "region": region,
        "employee": str(employee_id) if employee_id else None,
        "valid_to": valid_to.isoformat() if valid_to else None,
    }
    work.audit("accounts.add_membership", "Membership", membership_id, after=after)
    return membership_id


async def end_membership(work: GroupWork, membership_id: UUID) -> UUID:
    """Take a role away from now on. Returns the account's id.

    Raises:
        NotFound: the group has no such membership.
    """
    work.require(accounts.MANAGE)
    found = await work.session.get(AccountMembership, membership_id)
    if found is None or found.group_id != work.group.id:
        raise NotFound("no such membership")
    before = {"account": str(found.account_id), "role": found.role}
    await accounts.end_membership(work.session, work.actor, membership_id, clock=work.platform.clock)
    work.audit("accounts.end_membership", "Membership", membership_id, before=before)
    return found.account_id


async def disable_account(work: GroupWork, account_id: UUID) -> None:
    """Nobody signs in with it any more; its tokens and sessions end. Errors as `auth.accounts.disable_account`."""
    work.require(accounts.MANAGE)
    await accounts.disable_account(work.session, work.actor, account_id, clock=work.platform.clock)
    work.audit("accounts.disable", "Account", account_id, after={"state": "DISABLED"})


async def enable_account(work: GroupWork, account_id: UUID) -> None:
    """It may sign in again. Errors as `auth.accounts.enable_account`."""
    work.require(accounts.MANAGE)
    await accounts.enable_account(work.session, work.actor, account_id)
    work.audit("accounts.enable", "Account", account_id, after={"state": "ACTIVE"})


async def set_password(work: GroupWork, account_id: UUID, *, password: str) -> None:
    """Give an account a password; its sessions end. Errors as `auth.accounts.set_password`; Refused: OWN_ACCOUNT.

    One's own password is changed where the old one is asked for.
    """
    work.require(accounts.MANAGE)
    _not_own(work, account_id)
    await accounts.set_password(work.session, work.actor, account_id, password=password, clock=work.platform.clock)
    work.audit("accounts.set_password", "Account", account_id)


async def issue_token(work: GroupWork, account_id: UUID, *, label: str, lifetime: timedelta) -> IssuedToken:
    """A new bearer token: for oneself, or with accounts:account:manage. Errors as `auth.tokens.issue_token`."""
    kept = wording(label, path="label", most=100)
    issued = await tokens.issue_token(
        work.session, work.actor, account_id, label=kept, lifetime=lifetime, clock=work.platform.clock
    )
    after = {"account": str(account_id), "label": kept, "expires_at": issued.expires_at.isoformat()}
    work.audit("accounts.issue_token", "AccessToken", issued.id, after=after)
    return issued


async def revoke_token(work: GroupWork, token_id: UUID) -> None:
    """End a token: one's own, or any with accounts:account:manage. Errors as `auth.tokens.revoke_token`."""
    await tokens.revoke_token(work.session, work.actor, token_id, clock=work.platform.clock)
    work.audit("accounts.revoke_token", "AccessToken", token_id)


def _not_own(work: GroupWork, account_id: UUID) -> None:
    if account_id == work.actor.account_id:
        raise Refused("OWN_ACCOUNT", "somebody else has to do this")

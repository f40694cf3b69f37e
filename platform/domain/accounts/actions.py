"""Accounts of a group, as the doors use them: the verbs of `auth`, each with its audit row in the same transaction.

Passwords and tokens are never audited, only that they were given. Nobody gives a role to themselves: whoever manages
accounts could otherwise approve what they wrote. What a person does to their own account stands in `own.py`, how letters are
written in `letters.py`.
"""

from datetime import datetime, timedelta
from uuid import UUID

from ...auth import accounts, own_sessions, second_factor, tokens
from ...auth.model import AccountMembership
from ...auth.rights import rights_taken
from ...auth.tokens import IssuedToken
from ...errors import NotFound, Refused
from ..wording import wording
from ..work import GroupWork
from .letters import (
    forget_old,
    letter_sent,
    notify,
    prepare_letter,
    send_password_link,
    send_reset,
    warn_of_guessed_codes,
)
from .own import (
    begin_second_factor,
    change_language,
    change_password,
    confirm_second_factor,
    end_other_sessions,
    end_session,
    remove_own_second_factor,
    renew_recovery_codes,
    set_password_by_link,
)

__all__ = [
    "add_membership",
    "begin_second_factor",
    "change_language",
    "change_password",
    "confirm_second_factor",
    "create_account",
    "disable_account",
    "enable_account",
    "end_membership",
    "end_other_sessions",
    "end_session",
    "end_sessions_of",
    "forget_old",
    "issue_token",
    "letter_sent",
    "notify",
    "prepare_letter",
    "remove_own_second_factor",
    "remove_second_factor",
    "renew_recovery_codes",
    "require_second_factor",
    "revoke_token",
    "send_password_link",
    "send_reset",
    "set_password",
    "set_password_by_link",
    "warn_of_guessed_codes",
]


async def create_account(
    work: GroupWork,
    *,
    name: str,
    display_name: str,
    email: str | None = None,
    language: str = "zh-CN",
    invite: bool = False,
) -> UUID:
    """A new account without password or role; with ``invite`` its person is sent a link to choose a password.

    Errors as `auth.accounts.create_account`; Refused: NO_EMAIL, when there is no address to invite.
    """
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
    if invite:
        await send_password_link(work, account_id)
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
    """Give an account a password; its sessions and tokens end, and its person is told by mail.

    Errors as `auth.accounts.set_password`; Refused: OWN_ACCOUNT. One's own password is changed where the old one is asked for.
    """
    work.require(accounts.MANAGE)
    _not_own(work, account_id)
    await accounts.set_password(work.session, work.actor, account_id, password=password, clock=work.platform.clock)
    work.audit("accounts.set_password", "Account", account_id)
    await notify(work, account_id, "PASSWORD_CHANGED")


async def end_sessions_of(work: GroupWork, account_id: UUID) -> int:
    """Sign somebody out everywhere; how many sessions that were. Errors as `auth.own_sessions.end_sessions_of`."""
    work.require(own_sessions.END)
    count = await own_sessions.end_sessions_of(work.session, work.actor, account_id, clock=work.platform.clock)
    work.audit("accounts.end_sessions", "Account", account_id, after={"count": count})
    return count


async def remove_second_factor(work: GroupWork, account_id: UUID, *, reason: str) -> None:
    """Take away somebody else's second factor, because they lost it; their sessions end and they are told by mail.

    Whoever does this has made sure who is asking, as carefully as when the account was made (ASVS 5.0, 6.4.4).

    Raises:
        NotFound: the group has no such account. Refused: OWN_ACCOUNT, REASON_NEEDED, NO_SECOND_FACTOR.
    """
    work.require(accounts.MANAGE)
    await accounts.require_account(work.session, work.actor, account_id)
    _not_own(work, account_id)
    why = wording(reason, path="reason", most=500, empty="REASON_NEEDED")
    if not await second_factor.remove_factor(work.session, account_id):
        raise Refused("NO_SECOND_FACTOR", "this account has no second factor")
    await accounts.end_access(work.session, work.actor, account_id, clock=work.platform.clock)
    work.audit("accounts.remove_second_factor", "Account", account_id, reason=why)
    await notify(work, account_id, "FACTOR_REMOVED")


async def require_second_factor(work: GroupWork, *, required: bool) -> None:
    """Whether people of the group who sign in with a password must have a second factor too. Counts from the next sign-in."""
    work.require(accounts.MANAGE)
    before, after = ("OPTIONAL" if required else "REQUIRED"), ("REQUIRED" if required else "OPTIONAL")
    if await accounts.set_policy(work.session, work.actor, second_factor=after):
        work.audit(
            "accounts.second_factor_policy",
            "DealerGroup",
            work.group.id,
            before={"second_factor": before},
            after={"second_factor": after},
        )


async def remove_password(work: GroupWork, account_id: UUID) -> None:
    """Let an account sign in by the group's identity provider only. Errors as `auth.accounts.remove_password`; OWN_ACCOUNT."""
    work.require(accounts.MANAGE)
    _not_own(work, account_id)
    await accounts.remove_password(work.session, work.actor, account_id, clock=work.platform.clock)
    work.audit("accounts.remove_password", "Account", account_id)


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
    await rights_taken(work.session)
    work.audit("accounts.revoke_token", "AccessToken", token_id)


def _not_own(work: GroupWork, account_id: UUID) -> None:
    if account_id == work.actor.account_id:
        raise Refused("OWN_ACCOUNT", "somebody else has to do this")

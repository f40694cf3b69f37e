"""Accounts of a group: create, disable, give and take memberships. Called from the doors in a group session, which commits.

Every verb works inside the actor's own group and needs ``accounts:account:manage`` (or is the system). An account of another
group does not exist.
"""

import re
import unicodedata
from datetime import datetime
from uuid import UUID

from sqlalchemy import Update, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ..clock import SYSTEM_CLOCK, Clock
from ..errors import Invalid, NotFound, Refused
from ..tenancy.control import DealerGroup, Store
from ..tenancy.ids import new_id
from .actor import Actor
from .local_model import AccountLetter, SignInStep
from .model import LANGUAGES, AccessToken, Account, AccountMembership, WebSession
from .passwords import PASSWORDS, Passwords, check_new
from .rights import rights_taken
from .roles import BREAK_GLASS_ROLES, GROUP_ROLES, REGION_ROLES, ROLES, goes_with

MANAGE = "accounts:account:manage"

_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{1,99}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def account_name(text: str) -> str:
    """The name in its one form: NFKC, lower-case, ASCII only (letters that look alike must not make two accounts).

    Raises:
        Invalid: it has another form.
    """
    name = unicodedata.normalize("NFKC", text).strip().lower()
    if not _NAME.fullmatch(name):
        raise Invalid("a sign-in name has 2 to 100 letters a-z, digits and . _ @ + -", path=("name",))
    return name


def email_address(text: str | None) -> str | None:
    """An e-mail address that may be kept, or None.

    Raises:
        Invalid: it is none.
    """
    if text is not None and (len(text) > 254 or not _EMAIL.fullmatch(text)):
        raise Invalid("this is no e-mail address", path=("email",))
    return text


async def create_account(
    session: AsyncSession,
    actor: Actor,
    *,
    name: str,
    display_name: str,
    email: str | None = None,
    language: str = "zh-CN",
    clock: Clock = SYSTEM_CLOCK,
) -> UUID:
    """A new account without password or membership: it may do nothing yet.

    Raises:
        Forbidden: the actor may not manage accounts.
        Invalid: a value has the wrong form.
        Refused: NAME_TAKEN, in this group or another (names are unique in the installation).
    """
    actor.require(MANAGE, None)
    name = account_name(name)
    shown = display_name.strip()
    if not shown or len(shown) > 200:
        raise Invalid("an account needs a name to show, of at most 200 characters", path=("displayName",))
    email = email_address(email)
    if language not in LANGUAGES:
        raise Invalid(f"languages are {', '.join(LANGUAGES)}", path=("language",))
    account_id = new_id()
    made = await session.execute(
        insert(Account)
        .values(
            id=account_id,
            group_id=actor.group_id,
            name=name,
            display_name=shown,
            email=email,
            language=language,
            created_at=clock.now(),
        )
        .on_conflict_do_nothing()
        .returning(Account.id)
    )
    if made.scalar_one_or_none() is None:
        raise Refused("NAME_TAKEN", "this sign-in name is taken", path=("name",))
    return account_id


async def set_password(
    session: AsyncSession,
    actor: Actor,
    account_id: UUID,
    *,
    password: str,
    end_tokens: bool = True,
    clock: Clock = SYSTEM_CLOCK,
    passwords: Passwords = PASSWORDS,
) -> None:
    """Give an account a password and end what `replace_password` ends. For one's own see `sign_in.new_password`.

    Raises:
        Forbidden, NotFound: as `disable_account`.
        Refused: WEAK_PASSWORD.
    """
    actor.require(MANAGE, None)
    name = await _name_of(session, actor, account_id)
    check_new(password, name=name)
    encoded = await passwords.hash(password)
    await replace_password(session, actor, account_id, encoded=encoded, end_tokens=end_tokens, clock=clock)


async def replace_password(
    session: AsyncSession,
    actor: Actor,
    account_id: UUID,
    *,
    encoded: str | None,
    end_tokens: bool,
    keep_session: UUID | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> None:
    """Keep the hash of a password that was checked before (None: no password); the caller has checked the right to do so.

    Web sessions end, but for ``keep_session``, and with them half-finished sign-ins, links that set a password and, with
    ``end_tokens``, bearer tokens.
    """
    now = clock.now()
    await session.execute(_account(actor, account_id).values(password_hash=encoded))
    await _end_sessions(session, actor, account_id, now, keep=keep_session)
    await end_steps_and_links(session, actor, account_id, now)
    if end_tokens:
        await _end_tokens(session, actor, account_id, now)


async def end_access(session: AsyncSession, actor: Actor, account_id: UUID, *, clock: Clock = SYSTEM_CLOCK) -> None:
    """End an account's web sessions and half-finished sign-ins; the caller has checked the right to do so."""
    now = clock.now()
    await _end_sessions(session, actor, account_id, now)
    await end_steps_and_links(session, actor, account_id, now)


async def require_account(session: AsyncSession, actor: Actor, account_id: UUID) -> None:
    """The account exists in the actor's group.

    Raises:
        NotFound: it does not.
    """
    await _name_of(session, actor, account_id)


async def set_policy(session: AsyncSession, actor: Actor, *, second_factor: str) -> bool:
    """Whether local accounts of the group need a second factor, OPTIONAL or REQUIRED. False: it was so already.

    Raises:
        Forbidden: the actor may not manage accounts.
    """
    actor.require(MANAGE, None)
    changed = (
        update(DealerGroup)
        .where(DealerGroup.id == actor.group_id, DealerGroup.second_factor != second_factor)
        .values(second_factor=second_factor)
        .returning(DealerGroup.id)
    )
    return (await session.execute(changed)).scalar_one_or_none() is not None


async def set_language(session: AsyncSession, actor: Actor, account_id: UUID, language: str) -> None:
    """The language of an account; the caller has checked the right to do so.

    Raises:
        Invalid: another language.
    """
    if language not in LANGUAGES:
        raise Invalid(f"languages are {', '.join(LANGUAGES)}", path=("language",))
    await session.execute(_account(actor, account_id).values(language=language))


async def end_steps_and_links(session: AsyncSession, actor: Actor, account_id: UUID, now: datetime) -> None:
    """End the half-finished sign-ins of an account, and the links that would set its password."""
    await session.execute(
        delete(SignInStep).where(SignInStep.account_id == account_id, SignInStep.group_id == actor.group_id)
    )
    await session.execute(
        update(AccountLetter)
        .where(
            AccountLetter.account_id == account_id,
            AccountLetter.group_id == actor.group_id,
            AccountLetter.expires_at.is_not(None),
            AccountLetter.ended_at.is_(None),
        )
        .values(ended_at=now)
    )


async def remove_password(
    session: AsyncSession, actor: Actor, account_id: UUID, *, clock: Clock = SYSTEM_CLOCK
) -> None:
    """Nobody signs in with the password any more; what `replace_password` ends does, but for bearer tokens.

    An identity provider can then find the account by its address.

    Raises:
        Forbidden, NotFound: as `disable_account`.
    """
    actor.require(MANAGE, None)
    await _name_of(session, actor, account_id)
    await replace_password(session, actor, account_id, encoded=None, end_tokens=False, clock=clock)


async def add_membership(
    session: AsyncSession,
    actor: Actor,
    account_id: UUID,
    *,
    role: str,
    store_id: UUID | None = None,
    region: str | None = None,
    employee_id: UUID | None = None,
    valid_from: datetime | None = None,
    valid_to: datetime | None = None,
    reason: str | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> UUID:
    """Give an account a role: at a store of the group, in the stores of a region, or (HQ roles) for the group.

    Raises:
        Forbidden: the actor may not manage accounts.
        NotFound: no such account, store or region in the group.
        Invalid: no such role, the role does not go with the place, or the period is empty.
        Refused: MEMBERSHIP_EXISTS; BREAK_GLASS, nobody gives this role by hand.
    """
    actor.require(MANAGE, None)
    await _name_of(session, actor, account_id)
    _check_role(role, store_id, region, employee_id)
    if role in BREAK_GLASS_ROLES and (reason is None or not actor.system):
        raise Refused("BREAK_GLASS", "this role comes by break-glass only", path=("role",))
    start = valid_from or clock.now()
    if valid_to is not None and valid_to <= start:
        raise Invalid("a membership ends after it begins", path=("validTo",))
    if store_id is not None:
        query = select(Store.id).where(
            Store.id == store_id, Store.group_id == actor.group_id, Store.state.not_in(("DELETED", "FAILED"))
        )
        if (await session.execute(query)).scalar_one_or_none() is None:
            raise NotFound("no such store")
    if region is not None:
        query = select(Store.id).where(Store.group_id == actor.group_id, Store.region == region).limit(1)
        if (await session.execute(query)).first() is None:
            raise NotFound("no such region")
    membership_id = new_id()
    made = await session.execute(
        insert(AccountMembership)
        .values(
            id=membership_id,
            account_id=account_id,
            group_id=actor.group_id,
            store_id=store_id,
            region=region,
            role=role,
            employee_id=employee_id,
            valid_from=start,
            valid_to=valid_to,
            reason=reason,
        )
        .on_conflict_do_nothing()
        .returning(AccountMembership.id)
    )
    if made.scalar_one_or_none() is None:
        raise Refused("MEMBERSHIP_EXISTS", "the account has this role there already")
    return membership_id


def _check_role(role: str, store_id: UUID | None, region: str | None, employee_id: UUID | None) -> None:
    if role not in ROLES:
        raise Invalid("no such role", path=("role",))
    if not goes_with(role, store=store_id is not None, region=region is not None):
        place = "a region" if role in REGION_ROLES else "the whole group" if role in GROUP_ROLES else "a store"
        raise Invalid(f"this role is of {place}", path=("region" if role in REGION_ROLES else "storeId",))
    if employee_id is not None and store_id is None:
        raise Invalid("an employee belongs to a store", path=("employeeId",))


async def end_membership(
    session: AsyncSession, actor: Actor, membership_id: UUID, *, clock: Clock = SYSTEM_CLOCK
) -> None:
    """Take a role away, from now on. Its row stays: it says who could do what, and when. Twice is once.

    Raises:
        Forbidden: the actor may not manage accounts.
        NotFound: the group has no such membership.
    """
    actor.require(MANAGE, None)
    query = select(AccountMembership.valid_from, AccountMembership.valid_to).where(
        AccountMembership.id == membership_id, AccountMembership.group_id == actor.group_id
    )
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise NotFound("no such membership")
    # One that has not begun ends where it would have begun: it was never valid.
    end = max(clock.now(), row.valid_from)
    if row.valid_to is None or row.valid_to > end:
        await session.execute(
            update(AccountMembership)
            .where(AccountMembership.id == membership_id, AccountMembership.group_id == actor.group_id)
            .values(valid_to=end)
        )
        await rights_taken(session)


async def disable_account(
    session: AsyncSession, actor: Actor, account_id: UUID, *, clock: Clock = SYSTEM_CLOCK
) -> None:
    """Nobody signs in with this account any more; its tokens and web sessions end now. Memberships stay as they are.

    Raises:
        Forbidden: the actor may not manage accounts.
        NotFound: the group has no such account.
        Refused: OWN_ACCOUNT; somebody else must do it, or the last administrator could lock the group out.
    """
    actor.require(MANAGE, None)
    await _name_of(session, actor, account_id)
    if account_id == actor.account_id:
        raise Refused("OWN_ACCOUNT", "nobody disables their own account")
    now = clock.now()
    await session.execute(_account(actor, account_id).values(state="DISABLED"))
    await _end_tokens(session, actor, account_id, now)
    await end_steps_and_links(session, actor, account_id, now)
    await _end_sessions(session, actor, account_id, now)


async def enable_account(session: AsyncSession, actor: Actor, account_id: UUID) -> None:
    """The account may sign in again. Tokens and sessions that ended stay ended.

    Raises:
        Forbidden, NotFound: as `disable_account`.
    """
    actor.require(MANAGE, None)
    await _name_of(session, actor, account_id)
    await session.execute(_account(actor, account_id).values(state="ACTIVE"))


async def _name_of(session: AsyncSession, actor: Actor, account_id: UUID) -> str:
    query = select(Account.name).where(Account.id == account_id, Account.group_id == actor.group_id)
    name = (await session.execute(query)).scalar_one_or_none()
    if name is None:
        raise NotFound("no such account")
    return name


def _account(actor: Actor, account_id: UUID) -> Update:
    return update(Account).where(Account.id == account_id, Account.group_id == actor.group_id)


async def _end_sessions(
    session: AsyncSession, actor: Actor, account_id: UUID, now: datetime, *, keep: UUID | None = None
) -> None:
    which = [
        WebSession.account_id == account_id,
        WebSession.group_id == actor.group_id,
        WebSession.revoked_at.is_(None),
    ]
    if keep is not None:
        which.append(WebSession.id != keep)
    await session.execute(update(WebSession).where(*which).values(revoked_at=now))


async def _end_tokens(session: AsyncSession, actor: Actor, account_id: UUID, now: datetime) -> None:
    await session.execute(
        update(AccessToken)
        .where(
            AccessToken.account_id == account_id,
            AccessToken.group_id == actor.group_id,
            AccessToken.revoked_at.is_(None),
        )
        .values(revoked_at=now)
    )
    await rights_taken(session)

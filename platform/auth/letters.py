"""Letters to the person of an account: links that set a password, and notices that something changed. Rows and tokens only.

A link's token is a keyed hash of the letter's id under a secret of the installation: 256 bits that cannot be told from
random ones without that secret. The row holds its SHA-256, the job holds the row's id, and sending again sends the same
link. A link works once, not long, and not after another change of the password.
"""

import base64
import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ..clock import SYSTEM_CLOCK, Clock
from ..errors import NotFound
from ..tenancy.control import DealerGroup
from ..tenancy.ids import new_id
from .actor import Actor
from .local_model import LINKS, AccountLetter
from .model import Account

RESET_LIFETIME: Final = timedelta(minutes=30)
INVITATION_LIFETIME: Final = timedelta(hours=72)
#: Letters that anybody may cause are sent so often to one account; then nothing is, and nobody is told.
MOST_RESETS: Final = 3
RESET_WINDOW: Final = timedelta(hours=1)
#: Rows are kept so long.
KEPT: Final = timedelta(days=90)

_FORM: Final = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class LetterRow:
    """A letter and its person, as whoever writes it needs them."""

    id: UUID
    kind: str
    account_id: UUID
    created_at: datetime
    expires_at: datetime | None
    ended_at: datetime | None
    sent_at: datetime | None
    name: str
    display_name: str
    email: str | None
    language: str
    state: str


@dataclass(frozen=True, slots=True)
class Link:
    """A link that may set a password now."""

    letter_id: UUID
    kind: str
    account_id: UUID
    group_id: UUID
    name: str
    language: str


def link_token(key: bytes, letter_id: UUID) -> str:
    """The token of a letter, 43 characters of base64url. ``key``: at least 32 bytes of the installation."""
    if len(key) < 32:
        raise ValueError("the key of links has at least 32 bytes")
    digest = hmac.digest(key, b"account link\0" + letter_id.bytes, "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def link_hash(token: str) -> bytes:
    """What is kept of a token."""
    return sha256(token.encode()).digest()


async def write_letter(
    session: AsyncSession, actor: Actor, account_id: UUID, kind: str, *, key: bytes, clock: Clock = SYSTEM_CLOCK
) -> UUID:
    """Keep that a letter is to be sent; its id. In a group session, by whoever has checked that it may be."""
    letter_id, now = new_id(), clock.now()
    lifetime = {"RESET": RESET_LIFETIME, "INVITATION": INVITATION_LIFETIME}.get(kind)
    await session.execute(
        insert(AccountLetter).values(
            id=letter_id,
            account_id=account_id,
            group_id=actor.group_id,
            kind=kind,
            token_hash=link_hash(link_token(key, letter_id)) if kind in LINKS else None,
            created_at=now,
            expires_at=now + lifetime if lifetime is not None else None,
        )
    )
    return letter_id


async def may_write(
    session: AsyncSession, account_id: UUID, *kinds: str, within: timedelta = RESET_WINDOW, clock: Clock = SYSTEM_CLOCK
) -> bool:
    """Were fewer than `MOST_RESETS` letters of these kinds written to the account of late?"""
    recent = select(func.count()).where(
        AccountLetter.account_id == account_id,
        AccountLetter.kind.in_(kinds),
        AccountLetter.created_at > clock.now() - within,
    )
    return int((await session.execute(recent)).scalar_one()) < MOST_RESETS


async def letter(session: AsyncSession, actor: Actor, letter_id: UUID) -> LetterRow:
    """A letter of the actor's group.

    Raises:
        NotFound: there is none.
    """
    item, person = AccountLetter, Account
    query = (
        select(
            item.id,
            item.kind,
            item.account_id,
            item.created_at,
            item.expires_at,
            item.ended_at,
            item.sent_at,
            person.name,
            person.display_name,
            person.email,
            person.language,
            person.state,
        )
        .join(person, person.id == item.account_id)
        .where(item.id == letter_id, item.group_id == actor.group_id)
    )
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise NotFound("no such letter")
    return LetterRow(*tuple(row))


async def mark_sent(session: AsyncSession, actor: Actor, letter_id: UUID, *, clock: Clock = SYSTEM_CLOCK) -> None:
    """The channel took it. Twice is once."""
    sent = update(AccountLetter).where(
        AccountLetter.id == letter_id, AccountLetter.group_id == actor.group_id, AccountLetter.sent_at.is_(None)
    )
    await session.execute(sent.values(sent_at=clock.now()))


async def find_link(session: AsyncSession, token: str, *, clock: Clock = SYSTEM_CLOCK) -> Link:
    """The link of a token, before anybody is signed in (a control session).

    Raises:
        NotFound: unknown, used, too old, overtaken, or of a disabled account; never says which.
    """
    if not _FORM.fullmatch(token):
        raise NotFound("no such link")
    query = (
        select(
            AccountLetter.id,
            AccountLetter.kind,
            AccountLetter.account_id,
            AccountLetter.group_id,
            Account.name,
            Account.language,
        )
        .join(Account, Account.id == AccountLetter.account_id)
        .where(
            AccountLetter.token_hash == link_hash(token),
            AccountLetter.ended_at.is_(None),
            AccountLetter.expires_at > clock.now(),
            Account.state == "ACTIVE",
        )
    )
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise NotFound("no such link")
    return Link(*row)


async def use_link(session: AsyncSession, actor: Actor, letter_id: UUID, *, clock: Clock = SYSTEM_CLOCK) -> None:
    """Use a link up, under its row's lock: of two at once, one wins. In a group session.

    Raises:
        NotFound: it was used, or is too old, or was overtaken.
    """
    now = clock.now()
    used = (
        update(AccountLetter)
        .where(
            AccountLetter.id == letter_id,
            AccountLetter.group_id == actor.group_id,
            AccountLetter.ended_at.is_(None),
            AccountLetter.expires_at > now,
        )
        .values(ended_at=now)
        .returning(AccountLetter.id)
    )
    if (await session.execute(used)).scalar_one_or_none() is None:
        raise NotFound("no such link")


@dataclass(frozen=True, slots=True)
class Forgetful:
    """An account whose person says they forgot its password."""

    account_id: UUID
    group_id: UUID
    has_password: bool


async def forgetful(session: AsyncSession, typed: str, *, limit: int = 5) -> list[Forgetful]:
    """The active accounts with a mail address that a sign-in name or mail address means (a control session).

    Several accounts may share an address; each gets its own letter.
    """
    wanted = typed.strip().lower()[:254].replace("\0", "")
    query = (
        select(Account.id, Account.group_id, Account.password_hash.is_not(None))
        .join(DealerGroup, DealerGroup.id == Account.group_id)
        .where(
            or_(Account.name == wanted, func.lower(Account.email) == wanted),
            Account.state == "ACTIVE",
            Account.email.is_not(None),
        )
        .order_by(Account.name)
        .limit(max(1, min(limit, 5)))
    )
    return [Forgetful(*row) for row in await session.execute(query)]


async def forget_letters(session: AsyncSession, *, clock: Clock = SYSTEM_CLOCK, limit: int = 10_000) -> int:
    """Delete letters older than `KEPT`, at most ``limit``; how many went. For a daily job, in a group session."""
    old = (
        select(AccountLetter.id)
        .where(AccountLetter.created_at < clock.now() - KEPT)
        .order_by(AccountLetter.created_at)
        .limit(limit)
    )
    gone = await session.execute(delete(AccountLetter).where(AccountLetter.id.in_(old)).returning(AccountLetter.id))
    return len(gone.all())

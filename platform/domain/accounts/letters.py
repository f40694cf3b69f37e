"""Letters to the person of an account: asked for here, with the change they tell of; written when the job sends them.

The job's arguments are ids. The link with its clear token exists in the memory of the sending worker only: it is derived from
the letter's id (`auth/letters.py`).
"""

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from ...auth import account_reads, accounts, letters
from ...auth.history import forget_sign_ins
from ...auth.letters import LetterRow, link_token
from ...auth.local_model import LINKS
from ...errors import Refused, WrongState
from ..work import GroupWork
from .letter_words import letter_text

SEND = "accounts.send_letter"
#: A notice that could not be sent for so long is not sent any more.
STALE = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter ready to be sent. Address and text (with its link) are kept out of logs and tracebacks.

    `id` is the same at every attempt.
    """

    id: str
    address: str = field(repr=False)
    subject: str
    text: str = field(repr=False)
    language: str
    sender: str


async def notify(work: GroupWork, account_id: UUID, kind: str) -> None:
    """Tell the person of an account that something changed, if there is an address. Part of the verb that changes it."""
    info = await account_reads.find_own_group(work.session, work.actor, account_id)
    if info.email is not None:
        await _write(work, account_id, kind)


async def warn_of_guessed_codes(work: GroupWork, account_id: UUID) -> None:
    """Tell somebody that others know their password; not more than a few times a day."""
    day = timedelta(days=1)
    if await letters.may_write(work.session, account_id, "CODES_GUESSED", within=day, clock=work.platform.clock):
        await notify(work, account_id, "CODES_GUESSED")


async def send_reset(work: GroupWork, account_id: UUID, *, has_password: bool) -> None:
    """Send a link to somebody who says they forgot their password; a bounded number of times, and silently no more.

    An account without a password gets told to use the company's sign-in instead. Only for accounts found by
    `auth.letters.forgetful`, by the product itself: nobody is signed in.
    """
    if not await letters.may_write(work.session, account_id, "RESET", "PROVIDER_ONLY", clock=work.platform.clock):
        return
    await _write(work, account_id, "RESET" if has_password else "PROVIDER_ONLY")
    work.audit("accounts.ask_for_reset", "Account", account_id)


async def send_password_link(work: GroupWork, account_id: UUID) -> None:
    """Send somebody a link to choose a password: an administrator starts it, and never learns the password (ASVS 6.4.6).

    Raises:
        Forbidden: the actor may not manage accounts. NotFound: the group has no such account.
        Refused: NO_EMAIL; WrongState: the account is disabled.
    """
    work.require(accounts.MANAGE)
    info = await account_reads.find_own_group(work.session, work.actor, account_id)
    if info.email is None:
        raise Refused("NO_EMAIL", "this account has no mail address")
    if info.state != "ACTIVE":
        raise WrongState("this account is disabled")
    letter_id = await _write(work, account_id, "INVITATION" if info.last_sign_in_at is None else "RESET")
    work.audit("accounts.send_password_link", "Account", account_id, after={"letter": str(letter_id)})


async def prepare_letter(work: GroupWork, letter_id: UUID) -> Letter | None:
    """The letter as it goes out; None when it was sent, ended, or lost its point meanwhile."""
    row = await letters.letter(work.session, work.actor, letter_id)
    if row.sent_at is not None or row.ended_at is not None or row.email is None or row.state != "ACTIVE":
        return None
    if (row.expires_at or row.created_at + STALE) <= work.now:
        return None
    link = _link(work, row) if row.kind in LINKS else None
    subject, text = letter_text(
        row.kind,
        language=row.language,
        person=row.display_name,
        sign_in_name=row.name,
        group=work.group.name,
        address=work.platform.settings.public_url.rstrip("/"),
        link=link,
        at=row.created_at,
        time_zone=work.group.time_zone,
    )
    return Letter(f"account-{row.id}", row.email, subject, text, row.language, work.group.name)


async def letter_sent(work: GroupWork, letter_id: UUID) -> None:
    """Write down that a letter went out."""
    await letters.mark_sent(work.session, work.actor, letter_id, clock=work.platform.clock)


async def forget_old(work: GroupWork) -> None:
    """Delete the group's history of sign-ins and letters that are older than they are kept."""
    clock = work.platform.clock
    await forget_sign_ins(work.session, clock=clock)
    await letters.forget_letters(work.session, clock=clock)


async def _write(work: GroupWork, account_id: UUID, kind: str) -> UUID:
    key = _key(work)
    letter_id = await letters.write_letter(
        work.session, work.actor, account_id, kind, key=key, clock=work.platform.clock
    )
    work.enqueue(SEND, letter_id=str(letter_id))
    return letter_id


def _link(work: GroupWork, row: LetterRow) -> str:
    return f"{work.platform.settings.public_url.rstrip('/')}/password/{link_token(_key(work), row.id)}"


def _key(work: GroupWork) -> bytes:
    # Of the first master secret, so that links outlive a rotation.
    secrets = work.platform.secrets
    return secrets.derive(f"account link/{work.group.id}", version=min(secrets.master))

"""What a person does to their own account, and with a link that was sent to them. Each is audited, and told by mail.

Passwords and codes were looked at before (`auth/sign_in.py`, `auth/steps.py`): attempts are counted in transactions of their
own, so that a refusal cannot undo the count.
"""

from uuid import UUID

from ...auth import accounts, letters, own_sessions, second_factor
from ...auth.second_factor import PendingFactor
from ...errors import NotFound, Refused
from ..work import GroupWork
from .letters import notify


async def change_language(work: GroupWork, language: str) -> None:
    """The language of one's own messages and letters. Raises Invalid for another than zh-CN and en."""
    account_id = _own(work)
    await accounts.set_language(work.session, work.actor, account_id, language)
    work.audit("accounts.change_language", "Account", account_id, after={"language": language})


async def change_password(work: GroupWork, *, encoded: str, end_tokens: bool) -> None:
    """Keep one's own new password (`auth.sign_in.new_password` made the hash); other sessions end, with ``end_tokens`` tokens too."""
    account_id = _own(work)
    await accounts.replace_password(
        work.session,
        work.actor,
        account_id,
        encoded=encoded,
        end_tokens=end_tokens,
        keep_session=work.actor.session_id,
        clock=work.platform.clock,
    )
    work.audit("accounts.change_password", "Account", account_id, after={"tokens_ended": end_tokens})
    await notify(work, account_id, "PASSWORD_CHANGED")


async def set_password_by_link(work: GroupWork, letter_id: UUID, *, encoded: str) -> None:
    """Keep the password that was chosen with a link. The link is used up; sessions, tokens and other links end.

    The account's second factor stays: a mailbox is no way around it (ASVS 5.0, 6.4.3).

    Raises:
        NotFound: the link was used, is too old, or was overtaken.
    """
    clock = work.platform.clock
    await letters.use_link(work.session, work.actor, letter_id, clock=clock)
    row = await letters.letter(work.session, work.actor, letter_id)
    await accounts.replace_password(
        work.session, work.actor, row.account_id, encoded=encoded, end_tokens=True, clock=clock
    )
    work.audit("accounts.password_by_link", "Account", row.account_id, after={"letter": str(letter_id)})
    await notify(work, row.account_id, "PASSWORD_CHANGED")


async def begin_second_factor(work: GroupWork, account_id: UUID) -> None:
    """A new seed for one's own account, or for who is made to set one up while signing in."""
    sealer = work.platform.sealer(work.group.id, second_factor.PURPOSE)
    await second_factor.begin_factor(work.session, work.actor, account_id, sealer=sealer, clock=work.platform.clock)


async def confirm_second_factor(
    work: GroupWork, account_id: UUID, pending: PendingFactor, *, code: str, replaces: bool = True
) -> list[str]:
    """The device counts from now on; recovery codes, shown this once. Other sessions end: they had one factor only.

    Errors as `auth.second_factor.confirm_factor`.
    """
    clock = work.platform.clock
    codes = await second_factor.confirm_factor(
        work.session, work.actor, account_id, pending, code=code, replaces=replaces, clock=clock
    )
    if work.actor.account_id == account_id:
        await own_sessions.end_other_sessions(work.session, work.actor, clock=clock)
    work.audit("accounts.add_second_factor", "Account", account_id)
    await notify(work, account_id, "FACTOR_ADDED")
    return codes


async def remove_own_second_factor(work: GroupWork) -> None:
    """Sign in with the password alone from now on; other sessions end.

    Raises:
        Refused: NO_SECOND_FACTOR, or SECOND_FACTOR_REQUIRED by the group.
    """
    account_id = _own(work)
    info = await second_factor.factor_info(work.session, work.actor, account_id)
    if info.required:
        raise Refused("SECOND_FACTOR_REQUIRED", "the group wants a second factor")
    if not await second_factor.remove_factor(work.session, account_id):
        raise Refused("NO_SECOND_FACTOR", "this account has no second factor")
    await own_sessions.end_other_sessions(work.session, work.actor, clock=work.platform.clock)
    work.audit("accounts.remove_second_factor", "Account", account_id)
    await notify(work, account_id, "FACTOR_REMOVED")


async def renew_recovery_codes(work: GroupWork) -> list[str]:
    """New recovery codes instead of the old ones, shown this once. Refused: NO_SECOND_FACTOR."""
    account_id = _own(work)
    if not await second_factor.has_factor(work.session, account_id):
        raise Refused("NO_SECOND_FACTOR", "this account has no second factor")
    codes = await second_factor.make_recovery_codes(work.session, work.actor, account_id, clock=work.platform.clock)
    work.audit("accounts.renew_recovery_codes", "Account", account_id)
    await notify(work, account_id, "RECOVERY_CODES_MADE")
    return codes


async def end_session(work: GroupWork, session_id: UUID) -> None:
    """End a web session: one's own, or with accounts:session:end. Errors as `auth.own_sessions.end_session`."""
    owner = await own_sessions.end_session(work.session, work.actor, session_id, clock=work.platform.clock)
    work.audit("accounts.end_session", "WebSession", session_id, after={"account": str(owner)})


async def end_other_sessions(work: GroupWork) -> int:
    """End every web session of one's own but the one this comes with; how many."""
    count = await own_sessions.end_other_sessions(work.session, work.actor, clock=work.platform.clock)
    work.audit("accounts.end_sessions", "Account", work.actor.account_id, after={"count": count})
    return count


def _own(work: GroupWork) -> UUID:
    if work.actor.account_id is None:
        raise NotFound("the actor has no account")
    return work.actor.account_id

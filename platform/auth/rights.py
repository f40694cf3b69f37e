"""That rights were taken away, told to whoever keeps actors: this process at the commit, the others by a notice.

Actors of bearer tokens are kept for `identify.TTL`. A leaver need not wait for that: a transaction that takes rights away says so, and
every process that serves requests forgets the actors it keeps as soon as it hears. Where notices cannot be heard (a transaction
pooler, a lost connection) the time of `identify.TTL` is what remains.
"""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from ..tenancy import notices
from .identify import ACTORS

CHANNEL: Final = "forecourt_rights"
_SAID: Final = "rights taken"


async def rights_taken(session: AsyncSession) -> None:
    """Somebody may do less once this transaction commits."""
    session.info[_SAID] = True
    await notices.say(session, CHANNEL)


def after_commit(session: AsyncSession) -> None:
    """Called after a commit: if rights were taken, this process keeps no actor from before."""
    if session.info.pop(_SAID, False):
        ACTORS.clear()


def watch(listener: notices.Listener) -> None:
    """Forget the kept actors whenever another process took rights away, for as long as the listener hears."""
    listener.add(CHANNEL, ACTORS.clear)

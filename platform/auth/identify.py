"""From a request to an `Actor`: the account behind a bearer token or a web session with its valid memberships, or the
program behind an access token with its stores and scopes.

Verified tokens are kept in the process for at most `TTL`, so what is revoked, disabled or taken away is gone everywhere
within five seconds, and a token never outlives its expiry. `rights` tells it sooner: at the commit in the process that took it,
by a notice in the others.
"""

from collections import OrderedDict
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from ..clock import SYSTEM_CLOCK, Clock
from ..errors import Unauthenticated
from ..tenancy.control import Store
from .actor import Actor, Membership
from .model import Account, AccountMembership
from .oauth import access
from .oauth.programs import Programs
from .roles import EITHER_ROLES, GROUP_ROLES, ROLES
from .tokens import has_form, token_hash, verify_token
from .web_sessions import VerifiedSession, verify_session

TTL: Final = timedelta(seconds=5)

#: More memberships than a person can have; a list is always bounded.
_MOST_MEMBERSHIPS: Final = 2000


class ActorCache:
    """Actors by token hash, least recently used first out. Not shared between processes.

    What this process ends is forgotten at once (`forget`, `forget_client`); `generation` counts that, so that a look-up
    which began before is not kept after it.
    """

    def __init__(self, size: int = 10_000, ttl: timedelta = TTL) -> None:
        self._size = size
        self._ttl = ttl
        self._kept: OrderedDict[bytes, tuple[Actor, datetime, datetime]] = OrderedDict()
        #: counts how often something was forgotten
        self.generation = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: bytes, now: datetime) -> Actor | None:
        """The actor, while it is fresh. A clock that was put back makes it stale too."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        actor, since, until = kept
        if not since <= now < until:
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return actor

    def put(
        self, key: bytes, actor: Actor, *, looked_up_at: datetime, expires_at: datetime, generation: int | None = None
    ) -> None:
        """Keep it from the moment *before* the look-up, so that a revocation during it is not missed for longer.

        ``generation`` is that of the same moment: when something was forgotten since, this is not kept.
        """
        if generation not in (None, self.generation):
            return
        self._kept[key] = (actor, looked_up_at, min(expires_at, looked_up_at + self._ttl))
        self._kept.move_to_end(key)
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)

    def forget(self, key: bytes) -> None:
        """Forget one token."""
        self.generation += 1
        self._kept.pop(key, None)

    def forget_client(self, client_id: UUID) -> None:
        """Forget every token of a program."""
        self.generation += 1
        for key in [key for key, (actor, _, _) in self._kept.items() if actor.client_id == client_id]:
            del self._kept[key]

    def clear(self) -> None:
        """Forget everything, and what is being looked up now."""
        self.generation += 1
        self._kept.clear()


#: The cache of this process.
ACTORS = ActorCache()


async def identify(
    session: AsyncSession,
    authorization: str | None,
    *,
    clock: Clock = SYSTEM_CLOCK,
    cache: ActorCache = ACTORS,
    programs: Programs | None = None,
) -> Actor:
    """Who sends the header ``Authorization: Bearer``, with ``fct_…`` or, where ``programs`` are let in, an access token.

    ``session`` is a control session; a cached token leaves it unused.

    Raises:
        Unauthenticated: no header, another scheme, or a token that is not valid.
    """
    clear = _bearer(authorization)
    key = token_hash(clear)
    now, generation = clock.now(), cache.generation
    cached = cache.get(key, now)
    if cached is not None:
        return cached
    if programs is not None and access.has_form(clear):
        actor, expires_at = await programs.identify(session, clear, now)
    else:
        verified = await verify_token(session, clear, clock=clock)
        actor, expires_at = await actor_for_account(session, verified.account_id, clock=clock), verified.expires_at
    cache.put(key, actor, looked_up_at=now, expires_at=expires_at, generation=generation)
    return actor


async def identify_session(
    session: AsyncSession, cookie: str, *, clock: Clock = SYSTEM_CLOCK
) -> tuple[Actor, VerifiedSession]:
    """Who sends this session cookie, and the session (its form token). Never cached: signing out ends it at once.

    Raises:
        Unauthenticated: the session is not valid.
    """
    verified = await verify_session(session, cookie, clock=clock)
    actor = await actor_for_account(session, verified.account_id, clock=clock)
    return replace(actor, session_id=verified.id), verified


async def actor_for_account(session: AsyncSession, account_id: UUID, *, clock: Clock = SYSTEM_CLOCK) -> Actor:
    """The actor an account is now, with the memberships that are valid now.

    Raises:
        Unauthenticated: the account is gone or disabled.
    """
    now = clock.now()
    valid = and_(
        AccountMembership.account_id == Account.id,
        AccountMembership.group_id == Account.group_id,
        AccountMembership.valid_from <= now,
        or_(AccountMembership.valid_to.is_(None), AccountMembership.valid_to > now),
    )
    query = (
        select(
            Account.group_id,
            Account.display_name,
            Account.language,
            AccountMembership.role,
            AccountMembership.store_id,
            AccountMembership.employee_id,
            Store.group_id.label("store_group_id"),
        )
        .outerjoin(AccountMembership, valid)
        .outerjoin(Store, Store.id == AccountMembership.store_id)
        .where(Account.id == account_id, Account.state == "ACTIVE")
        .order_by(AccountMembership.id)
        .limit(_MOST_MEMBERSHIPS)
    )
    rows = (await session.execute(query)).all()
    if not rows:
        raise Unauthenticated("this account is not active")
    first = rows[0]
    held = tuple(
        Membership(role=row.role, store_id=row.store_id, employee_id=row.employee_id)
        for row in rows
        if row.role is not None
        and _counts(row.role, row.store_id)
        and (row.store_id is None or row.store_group_id == first.group_id)
    )
    return Actor(
        key=f"account:{account_id}",
        name=first.display_name,
        group_id=first.group_id,
        account_id=account_id,
        memberships=held,
        language=first.language,
    )


def _counts(role: str, store_id: UUID | None) -> bool:
    """Fail closed on rows no verb of ours would write: a role unknown to this version, or one that does not go with the store.

    A store's role without a store would see the whole group.
    """
    if store_id is None:
        return role in GROUP_ROLES
    return role in ROLES and (role not in GROUP_ROLES or role in EITHER_ROLES)


def _bearer(authorization: str | None) -> str:
    scheme, _, clear = (authorization or "").partition(" ")
    clear = clear.strip()
    if scheme.lower() != "bearer" or not (has_form(clear) or access.has_form(clear)):
        raise Unauthenticated("send a header 'Authorization: Bearer' with a token")
    return clear

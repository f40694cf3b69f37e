"""From a request to an `Actor`: the account behind a bearer token or a web session with its valid memberships, or the
program behind an access token with its stores and scopes.

Verified tokens are kept in the process for at most `TTL`, so what is revoked, disabled or taken away is gone everywhere
within five seconds, and a token never outlives its expiry. `rights` tells it sooner: at the commit in the process that took it,
by a notice in the others.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from ..clock import SYSTEM_CLOCK, Clock
from ..errors import Unauthenticated
from ..tenancy.control import Store
from .actor import Actor, Membership
from .model import Account, AccountMembership
from .oauth import access
from .oauth.programs import Programs
from .resolve import VISIBLE_STATES
from .roles import goes_with
from .tokens import has_form, token_hash, verify_token
from .web_sessions import VerifiedSession, verify_session

TTL: Final = timedelta(seconds=5)
#: Age from which on a kept actor is looked up again beside the requests that still use it, so that none waits for it.
AHEAD: Final = timedelta(seconds=4)

#: More memberships than a person can have; a list is always bounded.
_MOST_MEMBERSHIPS: Final = 2000
_MOST_STORES: Final = 5000


class ActorCache:
    """Actors by token hash, least recently used first out. Not shared between processes.

    What this process ends is forgotten at once (`forget`, `forget_client`); `generation` counts that, so that a look-up
    which began before is not kept after it.
    """

    def __init__(self, size: int = 10_000, ttl: timedelta = TTL) -> None:
        self._size = size
        self._ttl = ttl
        self._kept: OrderedDict[bytes, tuple[Actor, datetime, datetime, datetime]] = OrderedDict()
        #: counts how often something was forgotten
        self.generation = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: bytes, now: datetime) -> Actor | None:
        """The actor, while it is fresh."""
        kept = self.fresh(key, now)
        return None if kept is None else kept[0]

    def fresh(self, key: bytes, now: datetime) -> tuple[Actor, datetime] | None:
        """The actor, and the moment of its look-up. A clock that was put back makes it stale too. What is stale is kept to
        be compared with."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        actor, since, until, _ = kept
        if not since <= now < until:
            return None
        self._kept.move_to_end(key)
        return actor, since

    def expires(self, key: bytes) -> datetime | None:
        """When a token that was looked up before expires; None: nothing is kept of it."""
        kept = self._kept.get(key)
        return None if kept is None else kept[3]

    def put(
        self, key: bytes, actor: Actor, *, looked_up_at: datetime, expires_at: datetime, generation: int | None = None
    ) -> None:
        """Keep it from the moment *before* the look-up, so that a revocation during it is not missed for longer.

        ``generation`` is that of the same moment: when something was forgotten since, this is not kept.
        """
        if generation not in (None, self.generation):
            return
        known = self._kept.get(key)
        if known is not None and known[0] == actor:
            actor = known[0]  # the same object, so that what others remember of it stays true
        self._kept[key] = (actor, looked_up_at, min(expires_at, looked_up_at + self._ttl), expires_at)
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
        for key in [key for key, (actor, *_) in self._kept.items() if actor.client_id == client_id]:
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
    anew: bool = False,
) -> Actor:
    """Who sends the header ``Authorization: Bearer``, with ``fct_…`` or, where ``programs`` are let in, an access token.

    ``session`` is a control session; a cached token leaves it unused, unless it is to be looked up ``anew``.

    Raises:
        Unauthenticated: no header, another scheme, or a token that is not valid.
    """
    clear = _bearer(authorization)
    key = token_hash(clear)
    now, generation = clock.now(), cache.generation
    cached = None if anew else cache.get(key, now)
    if cached is not None:
        return cached
    if programs is not None and access.has_form(clear):
        actor, expires_at = await programs.identify(session, clear, now)
    else:
        verified = await verify_token(session, clear, clock=clock)
        actor, expires_at = await actor_for_account(session, verified.account_id, clock=clock), verified.expires_at
    cache.put(key, actor, looked_up_at=now, expires_at=expires_at, generation=generation)
    return actor


@dataclass(eq=False)
class Bearers:
    """Who sends a token, for the requests of one process: of many that come at once, one asks the database.

    ``look_up`` is `identify` with ``anew`` in a control session of its own. Belongs to one event loop.
    """

    look_up: Callable[[str | None], Awaitable[Actor]]
    clock: Clock = SYSTEM_CLOCK
    cache: ActorCache = ACTORS
    #: look-ups that run now, by token hash and generation: what was forgotten meanwhile is no answer for who came later
    _running: "dict[tuple[bytes, int], asyncio.Task[Actor]]" = field(default_factory=dict)

    def at_once(self, authorization: str | None) -> Actor | None:
        """The actor of a token that was verified within `TTL`; None for every other header."""
        if authorization is None or not authorization.startswith("Bearer "):
            return None
        return self._kept(token_hash(authorization[7:]), authorization)

    def _kept(self, key: bytes, authorization: str | None) -> Actor | None:
        now = self.clock.now()
        kept = self.cache.fresh(key, now)
        if kept is None:
            return None
        actor, since = kept
        if now - since >= AHEAD:
            self._begin(key, authorization)
        return actor

    def lasts(self, authorization: str | None) -> float | None:
        """How many seconds a header's token lasts from now, where that is known."""
        if authorization is None:
            return None
        expires = self.cache.expires(token_hash(authorization.partition(" ")[2].strip()))
        return None if expires is None else (expires - self.clock.now()).total_seconds()

    async def identify(self, authorization: str | None) -> Actor:
        """The actor, remembered or looked up now.

        Raises:
            Unauthenticated: no header, another scheme, or a token that is not valid.
        """
        key = token_hash(_bearer(authorization))
        actor = self._kept(key, authorization)
        if actor is not None:
            return actor
        # whoever waits may give up; the others still wait for the same
        return await asyncio.shield(self._begin(key, authorization))

    @property
    def running(self) -> int:
        """Look-ups that run now."""
        return len(self._running)

    async def settled(self) -> None:
        """Wait until nothing is being looked up."""
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def aclose(self) -> None:
        """Give up what is being looked up."""
        for task in self._running.values():
            task.cancel()
        await self.settled()

    def _begin(self, key: bytes, authorization: str | None) -> "asyncio.Task[Actor]":
        place = key, self.cache.generation
        running = self._running.get(place)
        if running is None:
            running = self._running[place] = asyncio.ensure_future(self._looked_up(authorization))
            running.add_done_callback(lambda task: self._ended(place, task))
        return running

    async def _looked_up(self, authorization: str | None) -> Actor:
        return await self.look_up(authorization)

    def _ended(self, place: tuple[bytes, int], task: "asyncio.Task[Actor]") -> None:
        self._running.pop(place, None)
        if not task.cancelled():
            task.exception()  # a failure ahead of time is nobody's: the next request asks for itself


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
    held, source, delegator = AccountMembership, aliased(AccountMembership), aliased(Account)
    query = (
        select(
            Account.group_id,
            Account.display_name,
            Account.language,
            held.id,
            held.role,
            held.store_id,
            held.region,
            held.employee_id,
            held.valid_to,
            held.delegated_from,
            source.employee_id.label("covered_id"),
            delegator.id.label("delegator_id"),
            delegator.display_name.label("delegator"),
            Store.group_id.label("store_group_id"),
        )
        .outerjoin(held, and_(held.account_id == Account.id, held.group_id == Account.group_id, _valid(held, now)))
        .outerjoin(Store, Store.id == held.store_id)
        # A delegation counts only while what it covers does: the delegator's own membership, of an active account.
        .outerjoin(source, and_(source.id == held.delegated_from, *_covers(source, held), _valid(source, now)))
        .outerjoin(delegator, and_(delegator.id == source.account_id, delegator.state == "ACTIVE"))
        .where(Account.id == account_id, Account.state == "ACTIVE")
        .order_by(held.id)
        .limit(_MOST_MEMBERSHIPS)
    )
    rows = (await session.execute(query)).all()
    if not rows:
        raise Unauthenticated("this account is not active")
    first = rows[0]
    counting = [
        row
        for row in rows
        if row.role is not None
        and goes_with(row.role, store=row.store_id is not None, region=row.region is not None)
        and (row.store_id is None or row.store_group_id == first.group_id)
        and (row.delegated_from is None or row.delegator_id is not None)
    ]
    regions = await stores_of_regions(session, first.group_id, {row.region for row in counting if row.region})
    return Actor(
        key=f"account:{account_id}",
        name=first.display_name,
        group_id=first.group_id,
        account_id=account_id,
        memberships=tuple(_membership(row, regions) for row in counting),
        language=first.language,
    )


def _valid(held: Any, now: datetime) -> ColumnElement[bool]:
    return and_(held.valid_from <= now, or_(held.valid_to.is_(None), held.valid_to > now))


def _covers(source: Any, held: Any) -> tuple[ColumnElement[bool], ...]:
    """A delegation gives what its source is, and its source is nobody's delegation; no row can say otherwise."""
    same = (getattr(source, name).is_not_distinct_from(getattr(held, name)) for name in ("role", "store_id", "region"))
    return (source.group_id == held.group_id, source.delegated_from.is_(None), *same)


def _membership(row: Any, regions: Mapping[str, frozenset[UUID]]) -> Membership:
    return Membership(
        role=row.role,
        store_id=row.store_id,
        employee_id=row.employee_id if row.delegated_from is None else row.covered_id,
        region=row.region,
        region_stores=regions.get(row.region, frozenset()),
        delegated_by=row.delegator_id,
        delegator=row.delegator or "",
        id=row.id,
        valid_to=row.valid_to,
    )


async def stores_of_regions(
    session: AsyncSession, group_id: UUID, regions: Collection[str]
) -> dict[str, frozenset[UUID]]:
    """The group's stores by region, as they stand now."""
    if not regions:
        return {}
    query = (
        select(Store.region, Store.id)
        .where(Store.group_id == group_id, Store.region.in_(sorted(regions)), Store.state.in_(VISIBLE_STATES))
        .limit(_MOST_STORES)
    )
    found: dict[str, set[UUID]] = {}
    for region, store_id in await session.execute(query):
        if region is not None:
            found.setdefault(region, set()).add(store_id)
    return {region: frozenset(stores) for region, stores in found.items()}


def _bearer(authorization: str | None) -> str:
    scheme, _, clear = (authorization or "").partition(" ")
    clear = clear.strip()
    if scheme.lower() != "bearer" or not (has_form(clear) or access.has_form(clear)):
        raise Unauthenticated("send a header 'Authorization: Bearer' with a token")
    return clear

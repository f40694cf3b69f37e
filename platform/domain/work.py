"""A unit of work: one actor, one store (or the group), one transaction, one commit.

Actions receive a `Work` and never commit. What an action changes, audits, announces and asks the queue to do stands or
falls together: the audit row, the change-feed row and the jobs are written by the same transaction. The audit comes last,
because its chain is locked from there to the commit and whoever holds it must wait for nobody (`audit_log`).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Table, insert, select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncSession

from ..auth import rights
from ..auth.actor import Actor
from ..auth.roles import Scope
from ..clock import SYSTEM_CLOCK, Clock
from ..errors import ViewOnly
from ..outgoing import Outgoing
from ..settings import Settings
from ..tenancy.base import StoreTable
from ..tenancy.crypto import ContactCipher
from ..tenancy.engines import Engines
from ..tenancy.fixed import Fixed, insertion, of_row
from ..tenancy.following import closes_of, feed_of
from ..tenancy.ids import new_id
from ..tenancy.lanes import Statement
from ..tenancy.notices import said_if_watched
from ..tenancy.queue import Job, additions
from ..tenancy.sealing import Sealer
from ..tenancy.server import Secrets
from ..tenancy.session import (
    ResolvedGroup,
    ResolvedStore,
    follow,
    followed,
    group_session,
    send_first,
    store_session,
)
from .audit_chain import Chain, Signer
from .audit_log import append_to_group, append_to_store, lock_of_store
from .events import SUBSCRIPTIONS
from .feed import ChangeEvent, GroupInbox, Inbox

#: Changes announced one by one; more of them go in SQLAlchemy's batches.
_MOST_SINGLE = 20
#: Groups whose audit keys a process remembers; a key is derived again in some microseconds.
_MOST_KEYS = 1_000


@dataclass(frozen=True, slots=True)
class Platform:
    """What every unit of work needs from the process: connections, secrets, settings, the clock, requests to others."""

    engines: Engines
    clock: Clock = SYSTEM_CLOCK
    outgoing: Outgoing = field(default_factory=Outgoing)
    #: keys of audit chains that were derived already, by group and version of the master secret
    _audit_keys: dict[tuple[UUID, int], bytes] = field(default_factory=dict, repr=False, compare=False)

    @property
    def settings(self) -> Settings:
        """The settings of this process."""
        return self.engines.settings

    @property
    def secrets(self) -> Secrets:
        """What passwords and keys derive from."""
        return self.engines.server.secrets

    def cipher(self, group_id: UUID, key_version: int) -> ContactCipher:
        """A group's key for contact data. It derives from the first master secret: rotating logins leaves data readable."""
        return ContactCipher(
            self.secrets.derive("contact data", version=min(self.secrets.master)), group_id, key_version
        )

    def sealer(self, group_id: UUID, purpose: str) -> Sealer:
        """A group's key for secrets that must be read back, such as ``identity provider``."""
        return Sealer(
            lambda version: self.secrets.derive("sealed", version=version), self.secrets.version, group_id, purpose
        )

    def audit_key(self, group_id: UUID, version: int) -> bytes | None:
        """A group's key for its audit chains; None when the master secret of that version is not configured."""
        if version not in self.secrets.master:
            return None
        return self.secrets.derive(f"audit chain/{group_id.hex}", version=version)

    def audit_signer(self, group_id: UUID, chain: Chain) -> Signer:
        """What signs new rows of one of the group's chains."""
        version = self.secrets.version
        key = self._audit_keys.get((group_id, version))
        if key is None:
            if len(self._audit_keys) >= _MOST_KEYS:
                self._audit_keys.clear()
            key = self.secrets.derive(f"audit chain/{group_id.hex}", version=version)
            self._audit_keys[group_id, version] = key
        return Signer(chain, version, key)


@dataclass(slots=True)
class _Unit:
    """What `Work` and `GroupWork` share: a session, an actor, one moment, and what happens at the commit."""

    session: AsyncSession
    actor: Actor
    platform: Platform
    now: datetime
    request_id: str | None = None
    jobs: list[Job] = field(default_factory=list)
    #: for whom the actor stands in with what they did here, by name
    covered: set[str] = field(default_factory=set)
    _events: list[dict[str, Any]] = field(default_factory=list)
    _audits: list[dict[str, Any]] = field(default_factory=list)
    #: what comes last is on its way
    _ends: bool = False

    def audit(
        self,
        action: str,
        entity: str,
        entity_id: UUID | None = None,
        *,
        reason: str | None = None,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
    ) -> None:
        """Record who did what, in this transaction: of a stand-in both names, "X for Y". Values must be masked already."""
        self._require_open()
        names = [self.actor.name, *([f"for {', '.join(sorted(self.covered))}"] if self.covered else [])]
        self._audits.append(
            {
                "id": new_id(),
                "at": self.now,
                "actor": self.actor.key,
                "actor_name": " ".join(names),
                "action": action,
                "entity": entity,
                "entity_id": entity_id,
                "reason": reason,
                "before": before,
                "after": after,
                "request_id": self.request_id,
                "session_id": self.actor.session_id,
            }
        )

    def _require_open(self) -> None:
        if self._ends:
            raise RuntimeError("this unit of work has ended")

    def _require(self, permission: str, store_id: UUID | None) -> Scope:
        scope = self.actor.require(permission, store_id)
        self.covered.update(self.actor.acting_for(permission, store_id))
        return scope


@dataclass(slots=True)
class Work(_Unit):
    """A unit of work in one store."""

    store: ResolvedStore = field(kw_only=True)

    @property
    def cipher(self) -> ContactCipher:
        """The key for contact data of this store's group."""
        return self.platform.cipher(self.store.group_id, self.store.key_version)

    def require(self, permission: str) -> Scope:
        """The scope in which the actor holds the permission here; NotFound or Forbidden otherwise."""
        return self._require(permission, self.store.id)

    def emit(self, event: str, entity: str, entity_id: UUID, **data: Any) -> None:
        """Add to the store's change feed and wake the jobs that follow. `data` holds ids and codes, never personal data."""
        self._require_open()
        self._events.append(
            {
                "id": new_id(),
                "at": self.now,
                "event": event,
                "entity": entity,
                "entity_id": entity_id,
                "actor": self.actor.key,
                "data": data,
            }
        )
        for follower in SUBSCRIPTIONS.get(event, ()):
            self.enqueue(follower, entity_id=str(entity_id))

    def enqueue(
        self, actor: str, /, *, run_at: datetime | None = None, dedupe_key: str | None = None, **args: Any
    ) -> None:
        """Ask for a job of this store; it exists only if this unit of work commits."""
        self._require_open()
        self.jobs.append(
            Job(
                actor=actor,
                group_id=self.store.group_id,
                store_id=self.store.id,
                args=args,
                run_at=run_at,
                dedupe_key=dedupe_key,
            )
        )

    def insert(self, kind: type[StoreTable], /, **values: Any) -> None:
        """A new row, by columns, written before whatever this unit sends next: a message less than with `session.add`.

        It is not an object of the session; an error of a constraint comes with that next message.
        """
        self._require_open()
        table = kind.__table__
        assert isinstance(table, Table)  # noqa: S101  (a model of one table)
        send_first(self.session, [insertion(table, tuple(values)).row(values)])

    def end(self) -> None:
        """Nothing more is changed, and the session is flushed: what comes last but one travels with the next message.

        Whoever calls this has little to do between that message and the commit, because the chain of the audit is locked.
        """
        if self._audits and len(self._events) <= _MOST_SINGLE:
            self._ends = True
            follow(self.session, [*self._last(), lock_of_store()])

    def _last(self) -> list[Statement]:
        """Events and jobs. The first event tells those who follow the feed, if there are any, in its own statement."""
        if not self._events:
            return additions(self.jobs)
        first, *others = self._events
        told = _told_event().row(first, **feed_of(self.store.id)._asdict())
        return [told, *map(_change_event().row, others), *additions(self.jobs)]

    async def _append(self) -> None:
        """Everything that is written last, up to the commit."""
        signer = self.platform.audit_signer(self.store.group_id, Chain("store", self.store.id))
        if self._ends:
            await append_to_store(self.session, signer, self._audits, head=(await followed(self.session))[-1])
            return
        if len(self._events) > _MOST_SINGLE:
            await self.session.execute(insert(ChangeEvent), self._events)
            self._events.clear()
            send_first(self.session, [_told().given(**feed_of(self.store.id)._asdict())])
        await append_to_store(self.session, signer, self._audits, self._last())

    async def first_time(self, message_id: UUID, actor: str) -> bool:
        """Mark a job as done in this transaction; False when an earlier delivery already did it."""
        statement = pg_insert(Inbox).values(id=message_id, actor=actor, at=self.now).on_conflict_do_nothing()
        return bool((await self.session.execute(statement.returning(Inbox.id))).first())


@dataclass(slots=True)
class GroupWork(_Unit):
    """A unit of work on the group's control rows (schemes, closes, benchmark, accounts)."""

    group: ResolvedGroup = field(kw_only=True)

    def require(self, permission: str) -> Scope:
        """The scope in which the actor holds the permission for the group; Forbidden otherwise."""
        return self._require(permission, None)

    def enqueue(
        self,
        actor: str,
        /,
        *,
        store_id: UUID | None = None,
        run_at: datetime | None = None,
        dedupe_key: str | None = None,
        **args: Any,
    ) -> None:
        """Ask for a job of the group, or of one of its stores; it exists only if this unit of work commits."""
        self.jobs.append(
            Job(
                actor=actor,
                group_id=self.group.id,
                store_id=store_id,
                args=args,
                run_at=run_at,
                dedupe_key=dedupe_key,
            )
        )

    def tell_of_closes(self) -> None:
        """Tell those who follow the group's month closes, if there are any, that one moved on; with what is sent next."""
        send_first(self.session, [_told().given(**closes_of(self.group.id)._asdict())])

    async def first_time(self, message_id: UUID, actor: str) -> bool:
        """Mark a job as done in this transaction; False when an earlier delivery already did it."""
        statement = pg_insert(GroupInbox).values(id=message_id, group_id=self.group.id, actor=actor, at=self.now)
        found = await self.session.execute(statement.on_conflict_do_nothing().returning(GroupInbox.id))
        return bool(found.first())


@asynccontextmanager
async def open_work(
    platform: Platform, store: ResolvedStore, actor: Actor, *, request_id: str | None = None
) -> AsyncIterator[Work]:
    """Open one store's transaction for an actor; commit at the end, roll back on any error.

    Raises:
        ViewOnly: the actor looks as a role.
        Unavailable: the store is not active, or its database cannot answer.
    """
    _require_own_view(actor)
    async with store_session(platform.engines, store) as session:
        work = Work(session, actor, platform, platform.clock.now(), request_id, store=store)
        yield work
        await session.flush()
        await work._append()


@asynccontextmanager
async def open_group_work(
    platform: Platform, group: ResolvedGroup, actor: Actor, *, request_id: str | None = None, viewing: bool = False
) -> AsyncIterator[GroupWork]:
    """Open a transaction on the group's control rows; commit at the end, roll back on any error.

    Raises:
        ViewOnly: the actor looks as a role, and this is not (`viewing`) the end of the look.
    """
    if not viewing:
        _require_own_view(actor)
    async with group_session(platform.engines, group) as session:
        work = GroupWork(session, actor, platform, platform.clock.now(), request_id, group=group)
        yield work
        await session.flush()
        signer = platform.audit_signer(group.id, Chain("group", group.id))
        await append_to_group(session, signer, work._audits, additions(work.jobs))
    rights.after_commit(session)


@cache
def _change_event() -> Fixed:
    table = ChangeEvent.__table__
    assert isinstance(table, Table)  # noqa: S101  (a model of one table)
    return Fixed(insert(table).values(of_row(table, "xid")))


@cache
def _told_event() -> Fixed:
    table = ChangeEvent.__table__
    assert isinstance(table, Table)  # noqa: S101  (a model of one table)
    return Fixed(insert(table).values(of_row(table, "xid")).returning(said_if_watched()))


@cache
def _told() -> Fixed:
    return Fixed(select(said_if_watched()))


def _require_own_view(actor: Actor) -> None:
    """The doors refuse it first; whatever comes from elsewhere ends here."""
    if actor.viewing is not None:
        raise ViewOnly("nothing is changed while looking as a role")

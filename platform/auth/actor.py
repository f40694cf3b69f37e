"""Who asks. Everything that depends on the asker goes through an `Actor`; there is no ambient user."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Self
from uuid import UUID

from ..errors import Forbidden, NotFound
from .roles import PERMISSIONS, PERSONAL_RIGHTS, READING, ROLES, Scope


@dataclass(frozen=True, slots=True)
class Membership:
    """A role at one store, in the stores of a region, or of the group; `employee_id` is the person at the store.

    A program's membership (role CLIENT) names its permissions itself, each for the whole store or group. `region_stores`
    are the stores whose region it was when the actor was made. Of a delegation, `delegated_by` is the account whose holiday
    is covered, `delegator` its name, and `employee_id` the employee that the delegator is.
    """

    role: str
    store_id: UUID | None
    employee_id: UUID | None = None
    permissions: frozenset[str] | None = None
    region: str | None = None
    region_stores: frozenset[UUID] = frozenset()
    delegated_by: UUID | None = None
    delegator: str = ""
    id: UUID | None = None
    valid_to: datetime | None = None

    @property
    def rights(self) -> Mapping[str, Scope]:
        """Permission → scope. A delegation leaves out what concerns the delegator's own person."""
        if self.permissions is not None:
            scope = Scope.GROUP if self.of_group else Scope.STORE
            return dict.fromkeys(self.permissions, scope)
        held = ROLES[self.role]
        if self.delegated_by is None:
            return held
        return {name: at for name, at in held.items() if not (at is Scope.OWN and name in PERSONAL_RIGHTS)}

    @property
    def of_group(self) -> bool:
        """Is it of the whole group?"""
        return self.store_id is None and self.region is None

    def stands_in(self, store_id: UUID) -> bool:
        """Does it name this store, or a region the store is in?"""
        return self.store_id == store_id or store_id in self.region_stores

    def scope(self, permission: str, store_id: UUID | None) -> Scope | None:
        """The scope in which it gives a permission at a store (None: of the group); None when not at all.

        What is held for the group or a region reaches into its stores; what is held per store does not.
        """
        held = self.rights.get(permission)
        if held is None:
            return None
        if store_id is None:
            return held if self.of_group else None
        if self.store_id is not None:
            return min(held, Scope.STORE) if self.store_id == store_id else None
        wide = Scope.GROUP if self.of_group else Scope.REGION
        reaches = held >= wide and (self.of_group or store_id in self.region_stores)
        return Scope.STORE if reaches else None


@dataclass(frozen=True, slots=True)
class Viewing:
    """That somebody looks at the product as a role: which look it is, until when, and who really looks."""

    id: UUID
    until: datetime
    viewer: "Actor"


@dataclass(frozen=True, slots=True)
class Actor:
    """An authenticated person, machine or the system itself, inside one group.

    `key` is a stable id for audit and change feed (`account:<uuid>`, `client:<id>` or `system:<job>`). `limit` narrows
    what the memberships give, whatever they are: to what a token was issued for, or to reading.
    """

    key: str
    name: str
    group_id: UUID
    account_id: UUID | None = None
    memberships: tuple[Membership, ...] = field(default=())
    system: bool = False
    language: str = "zh-CN"
    limit: frozenset[str] | None = None
    #: the web session it came with, and the program it is
    session_id: UUID | None = None
    client_id: UUID | None = None
    #: looking as a role: the memberships above are the role's, and nothing may be changed
    viewing: Viewing | None = None
    #: memberships that count at a place, found once: people may have hundreds, and each check asks
    _counting: dict[UUID | None, tuple[Membership, ...]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    @classmethod
    def for_system(cls, job: str, group_id: UUID) -> Self:
        """The product itself, running a job: every permission, named in the audit."""
        return cls(key=f"system:{job}", name=job, group_id=group_id, system=True)

    def memberships_at(self, store_id: UUID | None) -> Iterable[Membership]:
        """Memberships that count at a store (its own, its region's), or of the group when None."""
        if store_id is None:
            return self._counting_at(None)
        return (item for item in self._counting_at(store_id) if not item.of_group)

    def _counting_at(self, store_id: UUID | None) -> tuple[Membership, ...]:
        """Memberships that can give something at a place: the group's everywhere, others where they stand."""
        found = self._counting.get(store_id)
        if found is None:
            found = tuple(
                item
                for item in self.memberships
                if item.of_group or (store_id is not None and item.stands_in(store_id))
            )
            if len(self._counting) >= 5_000:  # a caller may ask for stores that are none of theirs
                self._counting.clear()
            self._counting[store_id] = found
        return found

    def scope(self, permission: str, store_id: UUID | None) -> Scope | None:
        """The widest scope in which the actor holds `permission` at a store (None: of the group); None when not at all.

        Whoever looks as a role has no more than the role and no more than themself.
        """
        if permission not in PERMISSIONS:
            raise KeyError(permission)
        if self.limit is not None and permission not in self.limit:
            return None
        if self.system:
            return Scope.GROUP if store_id is None else Scope.STORE
        held = _widest(self._counting_at(store_id), permission, store_id)
        if self.viewing is None or held is None:
            return held
        real = self.viewing.viewer.scope(permission, store_id)
        return None if real is None else min(held, real)

    def scopes_at(self, store_id: UUID, permissions: Iterable[str]) -> dict[str, Scope]:
        """The widest scope of each of these permissions that is held at a store (`scope`, for many at once)."""
        found = {name: self.scope(name, store_id) for name in permissions}
        return {name: scope for name, scope in found.items() if scope is not None}

    def can(self, permission: str, store_id: UUID | None) -> bool:
        """Does the actor hold the permission there, in any scope?"""
        return self.scope(permission, store_id) is not None

    def require(self, permission: str, store_id: UUID | None) -> Scope:
        """The scope, or an error.

        Raises:
            NotFound: the store is none of the actor's (it does not exist for them).
            Forbidden: it is, but they may not do this there.
        """
        scope = self.scope(permission, store_id)
        if scope is not None:
            return scope
        if store_id is not None and not self.sees_store(store_id):
            raise NotFound("no such store")
        raise Forbidden(f"this needs the permission {permission}", permission=permission)

    def sees_store(self, store_id: UUID) -> bool:
        """Does the store exist for this actor: by a membership there, or because all of the group's do?"""
        seen = any(self.memberships_at(store_id)) or self._sees_group()
        return seen and (self.viewing is None or self.viewing.viewer.sees_store(store_id))

    def seen_stores(self) -> frozenset[UUID] | None:
        """The stores that exist for this actor (`sees_store`); None: all of the group's."""
        seen = None if self._sees_group() else self.store_ids()
        if self.viewing is None:
            return seen
        real = self.viewing.viewer.seen_stores()
        return seen if real is None else real if seen is None else seen & real

    def sees_every_store(self) -> bool:
        """Do all stores of the group exist for this actor: the product itself, HQ, or a program of the whole group?"""
        return self._sees_group() and (self.viewing is None or self.viewing.viewer.sees_every_store())

    def _sees_group(self) -> bool:
        if self.system or any(item.permissions is not None for item in self.memberships_at(None)):
            return True
        allowed = self.limit is None or "tenancy:group:read" in self.limit
        return allowed and _widest(self._counting_at(None), "tenancy:group:read", None) is not None

    def employees_at(self, store_id: UUID) -> frozenset[UUID]:
        """The employees this actor is at a store (own rows), with those whose holiday they cover there.

        Whoever must not judge their own work must not judge that of the person whose role they borrowed either.
        """
        return frozenset(item.employee_id for item in self.memberships_at(store_id) if item.employee_id is not None)

    def oneself_at(self, store_id: UUID) -> frozenset[UUID]:
        """The employees this actor is in person: who made a call, who appeals."""
        held = (item for item in self.memberships_at(store_id) if item.delegated_by is None)
        return frozenset(item.employee_id for item in held if item.employee_id is not None)

    def is_any_of(self, *keys: str | None) -> bool:
        """Is this one of these actors (`key`), or does it stand in for one of them?"""
        mine = {self.key} | {f"account:{item.delegated_by}" for item in self.memberships if item.delegated_by}
        return not mine.isdisjoint(keys)

    def acting_for(self, permission: str, store_id: UUID | None) -> tuple[str, ...]:
        """Names of those for whom the actor uses a permission: empty when their own roles give as much."""
        counting = self._counting_at(store_id)
        own = _widest((item for item in counting if item.delegated_by is None), permission, store_id)
        lent = [item for item in counting if item.delegated_by is not None]
        most = _widest(lent, permission, store_id)
        if most is None or (own is not None and own >= most):
            return ()
        return tuple(sorted({item.delegator for item in lent if item.scope(permission, store_id) == most}))

    def store_ids(self) -> frozenset[UUID]:
        """Stores of the memberships and their regions; HQ sees more through the group's control rows."""
        own = {item.store_id for item in self.memberships if item.store_id is not None}
        return frozenset(own.union(*(item.region_stores for item in self.memberships)))

    def rights_digest(self) -> bytes:
        """A hash, 32 bytes, of everything that decides what the actor may do: another one means that their rights changed."""
        held = sorted(
            repr(
                (
                    one.role,
                    one.store_id,
                    one.region,
                    one.employee_id,
                    one.delegated_by,
                    *map(_in_order, (one.permissions, one.region_stores)),
                )
            )
            for one in self.memberships
        )
        return sha256(repr((self.system, _in_order(self.limit), held)).encode()).digest()

    def looking_as(self, membership: Membership, id_: UUID, until: datetime) -> "Actor":
        """The actor as somebody who has this one membership would see the product: reading only, never further than now."""
        return replace(
            self,
            memberships=(membership,),
            limit=READING if self.limit is None else READING & self.limit,
            viewing=Viewing(id_, until, self),
        )


def _in_order(names: Iterable[object] | None) -> list[str] | None:
    return None if names is None else sorted(map(str, names))


def _widest(held: Iterable[Membership], permission: str, store_id: UUID | None) -> Scope | None:
    found = (item.scope(permission, store_id) for item in held)
    return max((scope for scope in found if scope is not None), default=None)

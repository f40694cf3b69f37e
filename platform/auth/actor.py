"""Who asks. Everything that depends on the asker goes through an `Actor`; there is no ambient user."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self
from uuid import UUID

from ..errors import Forbidden, NotFound
from .roles import PERMISSIONS, ROLES, Scope


@dataclass(frozen=True, slots=True)
class Membership:
    """A role at one store, or of the group when `store_id` is None; `employee_id` is the person there.

    A program's membership (role CLIENT) names its permissions itself, each for the whole store or group.
    """

    role: str
    store_id: UUID | None
    employee_id: UUID | None = None
    permissions: frozenset[str] | None = None

    @property
    def rights(self) -> Mapping[str, Scope]:
        """Permission → scope."""
        if self.permissions is None:
            return ROLES[self.role]
        scope = Scope.GROUP if self.store_id is None else Scope.STORE
        return dict.fromkeys(self.permissions, scope)


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

    @classmethod
    def for_system(cls, job: str, group_id: UUID) -> Self:
        """The product itself, running a job: every permission, named in the audit."""
        return cls(key=f"system:{job}", name=job, group_id=group_id, system=True)

    def memberships_at(self, store_id: UUID | None) -> Iterable[Membership]:
        """Memberships that count at a store (its own), or of the group when None."""
        return (item for item in self.memberships if item.store_id == store_id)

    def scope(self, permission: str, store_id: UUID | None) -> Scope | None:
        """The widest scope in which the actor holds `permission` at a store (None: of the group); None when not at all."""
        if permission not in PERMISSIONS:
            raise KeyError(permission)
        if self.limit is not None and permission not in self.limit:
            return None
        if self.system:
            return Scope.GROUP if store_id is None else Scope.STORE
        held = [item.rights[permission] for item in self.memberships_at(store_id) if permission in item.rights]
        if store_id is not None:
            # What HQ holds for the group reaches into every store of it; what it holds per store does not.
            group_wide = (item.rights.get(permission) for item in self.memberships_at(None))
            held += [Scope.STORE for scope in group_wide if scope == Scope.GROUP]
        return max(held, default=None)

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
        return any(self.memberships_at(store_id)) or self.sees_every_store()

    def sees_every_store(self) -> bool:
        """Do all stores of the group exist for this actor: the product itself, HQ, or a program of the whole group?"""
        of_group = any(item.permissions is not None for item in self.memberships_at(None))
        return self.system or of_group or self.can("tenancy:group:read", None)

    def employees_at(self, store_id: UUID) -> frozenset[UUID]:
        """The employees this actor is at a store (own rows)."""
        return frozenset(item.employee_id for item in self.memberships_at(store_id) if item.employee_id is not None)

    def store_ids(self) -> frozenset[UUID]:
        """Stores of the memberships; HQ sees more through the group's control rows."""
        return frozenset(item.store_id for item in self.memberships if item.store_id is not None)

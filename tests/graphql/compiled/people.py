"""Who asks in the differential fuzz: every role alone and beside others, programs, stand-ins, looks as a role."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from forecourt.auth.actor import Actor, Membership
from forecourt.auth.roles import EITHER_ROLES, GROUP_ROLES, PERMISSIONS, REGION_ROLES, ROLES
from forecourt.tenancy.ids import new_id
from tests.graphql.compiled.conftest import NOW, Both
from tests.graphql.operations import GROUP, GROUP_FIELDS, MUTATIONS, STORE_FIELDS, Needs

#: What people are beside their role.
KINDS = ("one role", "several roles", "a stand-in", "looking as a role", "a narrowed token", "no account")
PROGRAMS = ("a program of a store", "a program of the group")
LABELS = [*(f"role:{role}" for role in ROLES), *(f"asker:{kind}" for kind in (*KINDS, *PROGRAMS))]
#: Whose requests for rows are handed over: one way answers them twice, so they are drawn less often.
_INTERPRETED = ("a stand-in", "looking as a role")
#: Fields of a person's own account.
_OF_ACCOUNT = frozenset({"account", "secondFactor", "sessions", "signIns", "tokens"})
_TABLES: Mapping[str, Mapping[str, Needs]] = {"Group": GROUP_FIELDS, "Store": STORE_FIELDS, "Mutation": MUTATIONS}
_CODES = ("a1", "a2")


@dataclass(frozen=True)
class Asker:
    """Somebody; `who` is their kind, under which refusals are remembered."""

    actor: Actor
    who: str
    labels: tuple[str, ...]


@dataclass
class People:
    """Draws askers of group a. `accounts` are accounts of the group with a membership each."""

    both: Both
    chance: random.Random
    counts: Counter[str]
    accounts: list[tuple[UUID, UUID]]

    def draw(self, code: str | None = None) -> Asker:
        """Somebody, at this store if at one; what was rare is drawn more often."""
        role = self._rare([f"role:{role}" for role in ROLES]).removeprefix("role:")
        kind = self._rare([f"asker:{kind}" for kind in (*KINDS, *PROGRAMS)]).removeprefix("asker:")
        if kind in _INTERPRETED and self.chance.random() < 0.7:
            kind = "one role"
        if kind in PROGRAMS:
            return self.program(kind, code)
        return self.person(role, kind, code)

    def able(self, labels: Sequence[str], code: str | None = None) -> Asker:
        """Somebody who may ask for these fields, mostly; at this store if at one."""
        asker = self.draw(code)
        for _ in range(3):
            if self.chance.random() < 0.05 or all(may(asker.actor, label) for label in labels):
                return asker
            asker = self.draw(code)
        for role in sorted(ROLES, key=lambda role: (self.counts[f"role:{role}"], self.chance.random())):
            found = self.person(role, "one role", code)
            if all(may(found.actor, label) for label in labels):
                return found
        return asker

    def _rare(self, labels: list[str]) -> str:
        pool = sorted(labels, key=lambda label: (self.counts[label], self.chance.random()))
        return pool[0] if self.chance.random() < 0.3 else self.chance.choice(pool)

    def seen(self, asker: Asker) -> list[str]:
        """Codes of the stores that exist for somebody."""
        ids = asker.actor.seen_stores()
        return [code for code in _CODES if ids is None or self.both.world.stores[code].id in ids]

    def person(self, role: str, kind: str, code: str | None = None) -> Asker:
        """Somebody with a role, at this store if at one."""
        account, membership = self.chance.choice(self.accounts)
        first = replace(self._member(role, code), id=membership)
        actor = Actor(
            f"account:{account}",
            "王芳",
            self.both.world.groups["a"].id,
            account_id=account,
            memberships=(first,),
            language="en",
        )
        labels = (f"role:{role}", f"asker:{kind}")
        if kind == "several roles":
            actor = replace(
                actor, memberships=(first, self._member(self.chance.choice(sorted(set(ROLES) - GROUP_ROLES))))
            )
        elif kind == "a stand-in":
            lent = replace(first, delegated_by=self.accounts[0][0], delegator="张伟", valid_to=NOW)
            own = self._member(self.chance.choice(("SALES_CONSULTANT", "STORE_GM", "SERVICE_ADVISOR")))
            actor = replace(actor, memberships=(lent, own) if self.chance.random() < 0.6 else (lent,))
        elif kind == "looking as a role":
            real = self._member(self.chance.choice(("STORE_GM", "CS_MANAGER", "GROUP_ADMIN", role)))
            actor = replace(actor, memberships=(real,)).looking_as(replace(first, id=None), new_id(), NOW)
        elif kind == "a narrowed token":
            names = sorted(PERMISSIONS)
            actor = replace(actor, limit=frozenset(self.chance.sample(names, len(names) // 2)))
        elif kind == "no account":
            actor = replace(actor, account_id=None)
        return Asker(actor, f"{role} {kind}", labels)

    def program(self, kind: str, code: str | None = None) -> Asker:
        """A program with some scopes, of one store or of the group."""
        names = sorted(PERMISSIONS)
        scopes = frozenset(self.chance.sample(names, self.chance.choice((3, len(names) // 2))))
        at = code or self.chance.choice(_CODES)
        store = None if kind == "a program of the group" else self.both.world.stores[at].id
        actor = Actor(
            "client:fci_1",
            "Program",
            self.both.world.groups["a"].id,
            memberships=(Membership("CLIENT", store, permissions=scopes),),
            language="en",
            client_id=self.accounts[0][0],
        )
        return Asker(actor, kind, (f"asker:{kind}",))

    def _member(self, role: str, code: str | None = None) -> Membership:
        if role in REGION_ROLES:
            stores = frozenset(store.id for store in self.both.world.stores_of("a"))
            return Membership(role, None, region="R", region_stores=stores)
        if role in GROUP_ROLES and not (role in EITHER_ROLES and self.chance.random() < 0.5):
            return Membership(role, None)
        code = code or self.chance.choice(_CODES)
        people = self.both.rows[code]["employee"]
        return Membership(role, self.both.world.stores[code].id, people[self.chance.randrange(4)]["id"])


def may(actor: Actor, label: str) -> bool:
    """Is the field open to the actor somewhere? By the table of operations; what it does not know is open."""
    type_, _, name = label.partition(".")
    if type_ == "Viewer" and name in _OF_ACCOUNT:
        return actor.account_id is not None
    needs = _TABLES.get(type_, {}).get(name)
    if needs is None or not needs.permissions:
        return not (type_ == "Group" and name in _OF_ACCOUNT) or actor.account_id is not None
    stores = frozenset() if needs.place == GROUP else actor.store_ids()
    return any(actor.can(permission, store) for permission in needs.permissions for store in (None, *stores))

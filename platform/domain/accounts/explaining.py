"""Why somebody may or may not do or see something: what the role table, the scopes, masks and limits say of them.

Nothing here looks for a row: what is said of a row that nobody showed to the asker is the same whether it exists or not.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from ...auth.actor import Actor, Membership
from ...auth.roles import PERMISSIONS, ROLES, Scope

#: Mutations that a rule may refuse to whoever has the right: domain section 2, rules (a) and (b).
SEGREGATED: Final = frozenset(
    {
        "acknowledgeComplaint",
        "approveRun",
        "approveScheme",
        "changeContact",
        "clearResponse",
        "closeComplaint",
        "closeFollowUpTask",
        "decideAppeal",
        "logCall",
        "publishRun",
        "publishSurveyTemplate",
        "quarantineResponse",
        "recordConsent",
        "recordInterview",
        "ruleComplaintValidity",
        "voidResponse",
    }
)


@dataclass(frozen=True, slots=True)
class Given:
    """A membership that gives the right, in this scope."""

    membership: Membership
    scope: Scope


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer. Reasons: GRANTED, EVERYBODY, NO_ROLE, STORE, LIMIT, VIEW_ONLY, ROW, ROW_SHOWN, MASK, SEGREGATION, DISABLED."""

    allowed: bool
    reasons: tuple[str, ...]
    permissions: tuple[str, ...] = ()
    given: tuple[Given, ...] = ()
    roles: tuple[tuple[str, Scope], ...] = ()


def explain(
    subject: Actor,
    needs: Collection[str],
    store_id: UUID | None,
    *,
    masked_by: str | None = None,
    mutation: str | None = None,
) -> Explanation:
    """Whether `subject` holds one of `needs` at a store (None: for the group), by which membership, or why not.

    `masked_by` is the permission that a masked field needs beside; `mutation` the name of one.
    """
    if not needs:
        viewing = mutation is not None and subject.viewing is not None
        return Explanation(not viewing, ("VIEW_ONLY",) if viewing else ("EVERYBODY",))
    given = tuple(_given(subject, needs, store_id))
    held = [name for name in needs if subject.can(name, store_id)]
    reasons: list[str] = []
    if held:
        reasons.append("GRANTED")
        if all(one.scope < Scope.STORE for one in given) and store_id is not None:
            reasons.append("ROW")
        if mutation in SEGREGATED:
            reasons.append("SEGREGATION")
    elif given:
        reasons.append("VIEW_ONLY" if subject.viewing is not None else "LIMIT")
    elif any(_elsewhere(subject, needs)):
        reasons.append("STORE")
    else:
        reasons.append("NO_ROLE")
    allowed = bool(held)
    if mutation is not None and subject.viewing is not None:
        allowed, reasons = False, ["VIEW_ONLY"]
    wanted = tuple(needs)
    if held and masked_by is not None and not subject.can(masked_by, store_id):
        allowed, reasons, wanted = False, [*reasons, "MASK"], (masked_by,)
    roles = () if allowed else tuple(_roles(wanted))
    return Explanation(allowed, tuple(reasons), wanted, given, roles)


def _given(subject: Actor, needs: Iterable[str], store_id: UUID | None) -> Iterable[Given]:
    for membership in subject.memberships:
        scopes = [membership.scope(name, store_id) for name in needs]
        widest = max((scope for scope in scopes if scope is not None), default=None)
        if widest is not None:
            yield Given(membership, widest)


def _elsewhere(subject: Actor, needs: Iterable[str]) -> Iterable[bool]:
    """Does a membership of another place give it?"""
    return (name in item.rights for item in subject.memberships for name in needs)


def _roles(needs: Iterable[str]) -> Iterable[tuple[str, Scope]]:
    wanted = [name for name in needs if name in PERMISSIONS]
    for role, held in ROLES.items():
        scopes = [held[name] for name in wanted if name in held]
        if scopes:
            yield role, max(scopes)

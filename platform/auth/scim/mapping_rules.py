"""From the groups of a directory to roles: pure, so that every case can be written down as a test.

A group that maps to nothing gives nothing. Nobody gains by their own hand: a mapping gives nothing to the person who made it, and
an entry in a group gives nothing to the person who made the connection it came through.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from ...errors import Invalid
from ..roles import EITHER_ROLES, GROUP_ROLES, MAPPED_ROLES


@dataclass(frozen=True, slots=True)
class Mapping:
    """People of the groups with this name or external id get the role at the store, in the region's stores, or of the group."""

    by: str
    value: str
    role: str
    store_id: UUID | None = None
    region: str | None = None
    created_by: UUID | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A person's place in a directory group."""

    display_name: str
    external_id: str | None
    added_by: UUID | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A store of the group and its region."""

    id: UUID
    region: str | None


#: A role at a store, or of the group when the store is None.
Held = tuple[str, UUID | None]


def wanted(
    account_id: UUID, entries: Iterable[Entry], mappings: Iterable[Mapping], stores: Iterable[Place]
) -> set[Held]:
    """What a person holds by the directory.

    Args:
        entries: the directory groups the person is in.
        stores: of the dealer group, those that are not deleted. A mapping to a store that is gone gives nothing.
    """
    places = tuple(stores)
    known = {place.id for place in places}
    counted = [entry for entry in entries if entry.added_by != account_id]
    held: set[Held] = set()
    for mapping in mappings:
        if mapping.created_by == account_id or not any(matches(mapping, entry) for entry in counted):
            continue
        if mapping.region is not None:
            held |= {(mapping.role, place.id) for place in places if place.region == mapping.region}
        elif mapping.store_id is None or mapping.store_id in known:
            held.add((mapping.role, mapping.store_id))
    return held


def matches(mapping: Mapping, entry: Entry) -> bool:
    """Names of groups are compared without regard to case, as SCIM does (RFC 7643 section 2.2); external ids exactly."""
    if mapping.by == "EXTERNAL_ID":
        return entry.external_id is not None and mapping.value == entry.external_id
    return mapping.value.casefold() == entry.display_name.casefold()


def check_place(role: str, store_id: UUID | None, region: str | None) -> None:
    """Does the role go with the place?

    Raises:
        Invalid: no such role, two places, or a role that needs another kind of place.
    """
    if role not in MAPPED_ROLES:
        raise Invalid("no such role, or one that no directory may give", path=("role",))
    if store_id is not None and region is not None:
        raise Invalid("a store or a region, not both", path=("region",))
    of_group = store_id is None and region is None
    if of_group and role not in GROUP_ROLES:
        raise Invalid("this role needs a store or a region", path=("storeId",))
    if not of_group and role in GROUP_ROLES - EITHER_ROLES:
        raise Invalid("this role is of the whole group", path=("storeId",))

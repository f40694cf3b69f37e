"""From directory groups to roles, case by case."""

from uuid import UUID

import pytest

from forecourt.auth.roles import EITHER_ROLES, GROUP_ROLES, MAPPED_ROLES, ROLES
from forecourt.auth.scim.mapping_rules import Entry, Mapping, Place, check_place, wanted
from forecourt.errors import Invalid

ME, OTHER = UUID(int=1), UUID(int=2)
NORTH_1, NORTH_2, SOUTH = (Place(UUID(int=10 + n), region) for n, region in enumerate(("north", "north", None)))
STORES = (NORTH_1, NORTH_2, SOUTH)
SALES = Entry("Sales", "g-1")


def test_a_group_that_maps_to_nothing_gives_nothing() -> None:
    mapping = Mapping("DISPLAY_NAME", "Service", "STORE_GM", NORTH_1.id)
    assert wanted(ME, [SALES], [mapping], STORES) == set()
    assert wanted(ME, [SALES], [], STORES) == set()
    assert wanted(ME, [], [mapping], STORES) == set()


def test_names_are_compared_without_case_and_external_ids_exactly() -> None:
    held = {("STORE_GM", NORTH_1.id)}
    assert wanted(ME, [SALES], [Mapping("DISPLAY_NAME", "sALES", "STORE_GM", NORTH_1.id)], STORES) == held
    assert wanted(ME, [SALES], [Mapping("EXTERNAL_ID", "g-1", "STORE_GM", NORTH_1.id)], STORES) == held
    assert wanted(ME, [SALES], [Mapping("EXTERNAL_ID", "G-1", "STORE_GM", NORTH_1.id)], STORES) == set()
    assert wanted(ME, [Entry("g-1", None)], [Mapping("EXTERNAL_ID", "g-1", "STORE_GM", NORTH_1.id)], STORES) == set()


def test_a_region_is_its_stores_and_a_store_that_is_gone_gives_nothing() -> None:
    north = Mapping("DISPLAY_NAME", "Sales", "STORE_GM", region="north")
    assert wanted(ME, [SALES], [north], STORES) == {("STORE_GM", NORTH_1.id), ("STORE_GM", NORTH_2.id)}
    gone = Mapping("DISPLAY_NAME", "Sales", "STORE_GM", UUID(int=99))
    assert wanted(ME, [SALES], [gone], STORES) == set()
    of_group = Mapping("DISPLAY_NAME", "Sales", "HQ_ANALYST")
    assert wanted(ME, [SALES], [of_group], STORES) == {("HQ_ANALYST", None)}


def test_nobody_gains_by_their_own_hand() -> None:
    own_mapping = Mapping("DISPLAY_NAME", "Sales", "STORE_GM", NORTH_1.id, created_by=ME)
    mapping = Mapping("DISPLAY_NAME", "Sales", "STORE_GM", NORTH_1.id, created_by=OTHER)
    own_entry = Entry("Sales", None, added_by=ME)
    assert wanted(ME, [SALES], [own_mapping], STORES) == set()
    assert wanted(ME, [own_entry], [mapping], STORES) == set()
    assert wanted(OTHER, [SALES], [own_mapping], STORES) == {("STORE_GM", NORTH_1.id)}
    assert wanted(OTHER, [own_entry], [own_mapping], STORES) == {("STORE_GM", NORTH_1.id)}


@pytest.mark.parametrize("role", sorted(ROLES))
def test_every_role_goes_with_its_kind_of_place_only(role: str) -> None:
    for store, region in ((None, None), (NORTH_1.id, None), (None, "north")):
        of_group = store is None and region is None
        allowed = role in GROUP_ROLES if of_group else role not in GROUP_ROLES - EITHER_ROLES
        if allowed and role in MAPPED_ROLES:
            check_place(role, store, region)
        else:
            with pytest.raises(Invalid):
                check_place(role, store, region)


def test_a_mapping_has_one_place_and_a_known_role() -> None:
    with pytest.raises(Invalid):
        check_place("STORE_GM", NORTH_1.id, "north")
    with pytest.raises(Invalid):
        check_place("EMPEROR", None, None)

"""Directory groups become roles through mappings: movers move, strangers to the mapping get nothing, nobody promotes themselves."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from starlette.testclient import TestClient

from forecourt.auth import accounts
from forecourt.auth.actor import Actor
from forecourt.domain.directory.access import add_mapping, apply_all, list_mappings, remove_mapping
from forecourt.domain.people.model import Employee
from forecourt.domain.work import GroupWork
from forecourt.errors import Forbidden, Invalid, NotFound, Refused
from forecourt.tenancy.ids import new_id
from forecourt.tenancy.session import store_session
from tests.conftest import World
from tests.web.scim.conftest import STAFF, Directory, connect


def map_to(
    directory: Directory,
    value: str,
    role: str,
    store: str | None = None,
    *,
    by: Actor | None = None,
    region: str | None = None,
) -> UUID:
    """A mapping by display name, made by the system or `by`."""
    store_id = directory.world.stores[store].id if store else None

    async def add(work: GroupWork) -> UUID:
        return await add_mapping(work, by="DISPLAY_NAME", value=value, role=role, store_id=store_id, region=region)

    return directory.work(add, by)


def test_a_mover_changes_roles_with_groups(directory: Directory) -> None:
    map_to(directory, "Sales a1", "SALES_CONSULTANT", "a1")
    map_to(directory, "Managers a2", "STORE_GM", "a2")
    map_to(directory, "Managers a2", "HQ_ANALYST")
    person = directory.create()
    sales = directory.create_group("sales A1", person)
    managers = directory.create_group("Managers a2")
    assert directory.roles(person) == {("SALES_CONSULTANT", "a1")}
    add = {"op": "add", "path": "members", "value": [{"value": person["id"]}]}
    assert directory.patch(f"/Groups/{managers['id']}", add).status_code in (200, 204)
    remove = {"op": "remove", "path": f'members[value eq "{person["id"]}"]'}
    assert directory.patch(f"/Groups/{sales['id']}", remove).status_code in (200, 204)
    assert directory.roles(person) == {("STORE_GM", "a2"), ("HQ_ANALYST", None)}
    entra = {"op": "Remove", "path": "members", "value": [{"value": person["id"]}]}
    assert directory.patch(f"/Groups/{managers['id']}", entra).status_code in (200, 204)
    assert directory.roles(person) == set()
    audited = directory.rows("select action from control.audit_event where after->>'account' = %s", person["id"])
    assert audited.count(("accounts.add_membership",)) == 3


def test_renaming_and_removing_a_group_takes_what_it_gave(directory: Directory) -> None:
    map_to(directory, "Managers", "STORE_GM", "a1")
    person = directory.create()
    group = directory.create_group("Managers", person)
    path = f"/Groups/{group['id']}"
    directory.patch(path, {"op": "replace", "path": "displayName", "value": "Former managers"})
    assert directory.roles(person) == set()
    directory.patch(path, {"op": "replace", "path": "displayName", "value": "Managers"})
    assert directory.roles(person) == {("STORE_GM", "a1")}
    assert directory.ask("GET", f"/Users/{person['id']}").json()["groups"][0]["display"] == "Managers"
    assert directory.ask("DELETE", path).status_code == 204
    assert directory.roles(person) == set()


def test_roles_that_people_gave_are_not_taken_by_the_directory(directory: Directory) -> None:
    person = directory.create()
    store = directory.world.stores["a1"].id

    async def by_hand(work: GroupWork) -> UUID:
        account_id = UUID(person["id"])
        return await accounts.add_membership(work.session, work.actor, account_id, role="STORE_GM", store_id=store)

    directory.work(by_hand)
    map_to(directory, "Managers", "STORE_GM", "a1")
    group = directory.create_group("Managers", person)
    directory.ask("DELETE", f"/Groups/{group['id']}")
    assert directory.roles(person) == {("STORE_GM", "a1")}


def test_a_mapping_reaches_the_people_who_are_there_and_its_end_takes_it_back(directory: Directory) -> None:
    people = [directory.create() for _ in range(3)]
    directory.create_group("HQ", *people)
    mapping = map_to(directory, "HQ", "HQ_DIRECTOR")
    second = map_to(directory, "hq", "HQ_DIRECTOR")
    assert all(directory.roles(person) == {("HQ_DIRECTOR", None)} for person in people)
    directory.work(lambda work: remove_mapping(work, mapping))
    assert all(directory.roles(person) == {("HQ_DIRECTOR", None)} for person in people)
    directory.work(lambda work: remove_mapping(work, second))
    assert all(directory.roles(person) == set() for person in people)


def test_a_region_is_worked_out_again_when_stores_change(directory: Directory) -> None:
    person = directory.create()
    directory.create_group("North", person)
    map_to(directory, "North", "STORE_GM", region="north-of-test")
    assert directory.roles(person) == set()
    directory.rows("update control.store set region = 'north-of-test' where code = 'a2' and group_id = %s returning 1",
                   directory.world.groups["a"].id)  # fmt: skip
    try:
        assert directory.work(apply_all) == 1
        assert directory.roles(person) == {("STORE_GM", "a2")}
    finally:
        directory.rows("update control.store set region = null where region = 'north-of-test' returning 1")


def test_nobody_promotes_themselves(directory: Directory, client: TestClient, world: World) -> None:
    person = directory.create()
    directory.create_group("Admins", person)
    own = directory.admin(UUID(person["id"]))
    with pytest.raises(Refused) as refused:
        map_to(directory, "Admins", "GROUP_ADMIN", by=own)
    assert refused.value.code == "OWN_ACCOUNT"
    # A mapping made before one is in the group, and an entry made through a connection of one's own, give nothing either.
    map_to(directory, "Later", "STORE_GM", "a1", by=own)
    directory.create_group("Later", person)
    map_to(directory, "Others", "STORE_GM", "a2")
    mine = connect(client, world, "a", by=own)
    mine.create_group("Others", person)
    assert directory.roles(person) == set()
    colleague = directory.create()
    mine.create_group("Others", colleague)
    assert mine.roles(colleague) == {("STORE_GM", "a2")}


def test_group_admin_comes_from_a_mapping_only(directory: Directory) -> None:
    person = directory.create()
    directory.create_group("GROUP_ADMIN", person)
    assert directory.roles(person) == set()
    map_to(directory, "GROUP_ADMIN", "GROUP_ADMIN", by=directory.admin())
    assert directory.roles(person) == {("GROUP_ADMIN", None)}


def test_what_is_no_mapping_is_refused(directory: Directory, other: Directory) -> None:
    for role, store in (("STORE_GM", None), ("HQ_DIRECTOR", "a1"), ("EMPEROR", None)):
        with pytest.raises(Invalid):
            map_to(directory, "x", role, store)
    with pytest.raises(NotFound):
        map_to(directory, "x", "STORE_GM", "b1")
    map_to(directory, "x", "STORE_GM", "a1")
    with pytest.raises(Refused) as refused:
        map_to(directory, "x", "STORE_GM", "a1")
    assert refused.value.code == "MAPPING_EXISTS"
    [info] = directory.work(lambda work: list_mappings(work.session, work.actor))
    with pytest.raises(NotFound):
        other.work(lambda work: remove_mapping(work, info.id))
    clerk = Actor(f"account:{new_id()}", "x", directory.world.groups["a"].id, account_id=new_id())
    with pytest.raises(Forbidden):
        map_to(directory, "y", "STORE_GM", "a1", by=clerk)


def test_members_may_be_left_out_and_found(directory: Directory) -> None:
    people = [directory.create() for _ in range(3)]
    group = directory.create_group("Three", *people, externalId="g-3")
    short = directory.ask("GET", f"/Groups/{group['id']}?excludedAttributes=members").json()
    assert "members" not in short
    assert len(directory.ask("GET", f"/Groups/{group['id']}").json()["members"]) == 3
    for text in ('displayName eq "three"', 'externalId eq "g-3"', f'members.value eq "{people[1]["id"]}"'):
        found = directory.ask("GET", f"/Groups?filter={text}").json()
        assert [one["id"] for one in found["Resources"]] == [group["id"]], text


@pytest.mark.parametrize("member", [{"value": "nobody"}, {"value": ""}, {}, {"value": "x", "type": "Group"}])
def test_a_member_that_is_no_user_is_refused(directory: Directory, member: dict[str, str]) -> None:
    answer = directory.ask("POST", "/Groups", {"schemas": [], "displayName": "g", "members": [member]})
    assert answer.status_code == 400


def employee(directory: Directory, code: str, number: str) -> UUID:
    """An employee in a store of the group."""
    id_, store = new_id(), directory.world.stores[code]

    async def add(work: GroupWork) -> None:
        async with store_session(work.platform.engines, store) as session:
            session.add(
                Employee(
                    id=id_,
                    employee_no=number,
                    name="李雷",
                    name_sort="li lei",
                    status="CONFIRMED",
                    hired_on=date(2020, 1, 1),
                )
            )

    directory.work(add)
    return id_


def employees_of(directory: Directory, person: dict[str, str]) -> set[tuple[str, UUID | None]]:
    """Store and employee of a person's open memberships."""
    return set(
        directory.rows(
            """select s.code, m.employee_id from control.membership m join control.store s on s.id = m.store_id
               where m.account_id = %s and m.valid_to is null""",
            person["id"],
        )
    )


def test_the_employee_number_says_whose_own_rows_a_person_sees(
    directory: Directory, client: TestClient, world: World
) -> None:
    number, later = new_id().hex, new_id().hex
    here = employee(directory, "a1", number)
    map_to(directory, "Sales", "SALES_CONSULTANT", "a1")
    map_to(directory, "Sales", "SALES_CONSULTANT", "a2")
    staff: dict[str, Any] = {STAFF: {"employeeNumber": number}}
    person = directory.create(**staff)
    assert person[STAFF] == {"employeeNumber": number}
    directory.create_group("Sales", person)
    assert employees_of(directory, person) == {("a1", here), ("a2", None)}
    change = {"op": "replace", "path": f"{STAFF}:employeeNumber", "value": later}
    assert directory.patch(f"/Users/{person['id']}", change).status_code in (200, 204)
    assert employees_of(directory, person) == {("a1", None), ("a2", None)}
    there = employee(directory, "a2", later)
    directory.work(apply_all)
    assert employees_of(directory, person) == {("a1", None), ("a2", there)}
    # Through a connection of one's own nobody becomes another employee.
    mine = connect(client, world, "a", by=directory.admin(UUID(person["id"])))
    mine.patch(f"/Users/{person['id']}", change | {"value": number})
    assert employees_of(directory, person) == {("a1", None), ("a2", there)}
    world.truncate("a1", "a2")

"""What can be read off the role table: it is whole, and nobody holds two powers that must be apart."""

from pathlib import Path

import pytest

from forecourt.auth.role_docs import TITLES, render
from forecourt.auth.roles import GROUP_ROLES, PERMISSIONS, ROLES, Scope

#: Roles whose work the seed schemes judge; whoever is judged neither judges nor touches the evidence (domain section 2).
EVALUATED = frozenset(
    {
        "CS_AGENT",
        "PARTS_CLERK",
        "SALES_ASSISTANT",
        "SALES_CONSULTANT",
        "SALES_MANAGER",
        "SALES_SUPERVISOR",
        "SERVICE_ADVISOR",
        "SERVICE_MANAGER",
        "TECHNICIAN",
        "WORKSHOP_CONTROLLER",
    }
)
JUDGING = (
    "complaints:complaint:sign",
    "complaints:validity:rule",
    "evaluation:appeal:decide",
    "evaluation:run:approve",
    "evaluation:run:publish",
    "evaluation:scheme:approve",
    "evaluation:scheme:write",
    "interchange:export:import",
    "surveys:response:rule",
    "tenancy:setting:write",
)
#: One hand proposes, another approves.
APART = (
    ("evaluation:scheme:write", "evaluation:scheme:approve"),
    ("evaluation:scheme:write", "evaluation:run:approve"),
    ("evaluation:month:close", "evaluation:run:approve"),
    ("complaints:validity:rule", "evaluation:run:approve"),
    ("accounts:account:manage", "evaluation:scheme:approve"),
    ("accounts:account:manage", "evaluation:run:approve"),
    ("tenancy:setting:write", "evaluation:run:approve"),
)
#: What shows single customers or employees: for HQ only through a membership of the store.
PERSONAL = (
    "care:",
    "customers:",
    "people:",
    "sales:",
    "surveys:response",
    "surveys:invitation",
    "workshop:",
    "complaints:",
)


def holders(permission: str) -> set[str]:
    return {role for role, held in ROLES.items() if permission in held}


def test_permissions_are_alphabetised_and_have_the_form() -> None:
    assert list(PERMISSIONS) == sorted(PERMISSIONS)
    for name, meaning in PERMISSIONS.items():
        parts = name.split(":")
        assert len(parts) == 3
        assert all(part.isidentifier() for part in parts)
        assert meaning


@pytest.mark.parametrize("role", sorted(ROLES))
def test_every_permission_of_a_role_exists(role: str) -> None:
    assert set(ROLES[role]) <= set(PERMISSIONS)
    assert ROLES[role]


def test_every_permission_has_a_holder() -> None:
    assert [name for name in PERMISSIONS if not holders(name)] == []


@pytest.mark.parametrize("permission", JUDGING)
def test_nobody_who_is_evaluated_judges(permission: str) -> None:
    assert permission in PERMISSIONS
    assert not holders(permission) & EVALUATED


@pytest.mark.parametrize(("one", "other"), APART)
def test_no_role_holds_both(one: str, other: str) -> None:
    assert holders(one)
    assert holders(other)
    assert not holders(one) & holders(other)


def test_contact_data_are_revealed_and_written_by_customer_service_and_the_manager_only() -> None:
    allowed = {"CS_AGENT", "CS_MANAGER", "STORE_GM"}
    assert holders("customers:contact:reveal") <= allowed
    assert holders("customers:contact:write") <= allowed
    assert holders("customers:consent:record") <= allowed  # else staff could opt an angry customer out


def test_technicians_and_parts_see_no_customer() -> None:
    assert not {"TECHNICIAN", "PARTS_CLERK"} & holders("customers:customer:read")


def test_consultants_read_no_single_response() -> None:
    assert not {"SALES_CONSULTANT", "SALES_ASSISTANT"} & holders("surveys:response:read")


@pytest.mark.parametrize("role", sorted(GROUP_ROLES))
def test_nothing_personal_is_held_for_the_whole_group(role: str) -> None:
    wide = {name for name, scope in ROLES[role].items() if scope == Scope.GROUP}
    assert [name for name in wide if name.startswith(PERSONAL)] == []


def test_the_administrator_of_accounts_reads_no_business_data() -> None:
    assert {name.split(":")[0] for name in ROLES["GROUP_ADMIN"]} == {"accounts", "jobs", "tenancy"}


def test_only_group_roles_hold_something_for_the_group() -> None:
    assert {role for role, held in ROLES.items() if Scope.GROUP in held.values()} == GROUP_ROLES


def test_the_page_of_roles_is_fresh() -> None:
    page = Path(__file__).parents[2] / "docs" / "roles.md"
    assert page.read_text(encoding="utf-8") == render()


def test_every_role_has_a_title() -> None:
    assert set(TITLES) == set(ROLES)

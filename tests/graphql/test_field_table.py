"""Every role at every field of every type: rows and values exactly as the table `access.csv` says.

The rows are those of the scratch stores, kept in Python beside the database: what the API shows of a row is compared with
the row itself, and null is right only where the table says that the role does not see the field.
"""

from collections.abc import Mapping
from typing import Any

import pytest
from graphql import GraphQLInterfaceType, GraphQLObjectType, get_named_type, is_leaf_type

from forecourt.auth.access import operations
from forecourt.auth.actor import Actor, Membership
from forecourt.auth.masks import MASKS
from forecourt.auth.roles import ROLES, goes_with
from forecourt.domain.entities import ENTITIES
from forecourt.graphql.api import api_schema
from forecourt.graphql.ids import GlobalId
from forecourt.tenancy.reader.entity import Batched, Computed, Kind
from tests.graphql.conftest import NOW, Api
from tests.graphql.live import codes
from tests.graphql.test_documents import plain
from tests.stores import Row, ScratchStore
from tests.tenancy.reader.reference import ONLY

#: Types of a figure or thing that is reached only through a field of the tables, which decides who sees it whole.
PARTS = {
    *("AccessExplanation", "AccessGrant", "AccessReason", "AccessRole", "AccessToken", "Account", "AccountMembership"),
    *("Benchmark", "BenchmarkLine", "BenchmarkShare", "BenchmarkStanding", "Colleague", "DeadJob", "Delegation"),
    *("Membership", "MonthClose", "PageInfo", "Permission", "Scheme", "Setting", "StoreClose", "StoreReference"),
    *("SurveyTemplate", "UpsertResult", "UserError", "Viewing"),
    *("AuditFault", "AuditVerification", "GroupAuditEvent", "OAuthClient", "OAuthClientSecret"),
    *("Device", "OwnAccount", "SecondFactor", "SignIn", "WebSession"),
    *("Change", "CostPreview", "FieldCost", "RateBucket", "RateLimit"),
    *("DirectoryMapping", "DirectoryToken", "EmailDomain", "IdentityProvider", "ProviderFinding", "ProviderSettings"),
}
ROOTS = {"Group", "Mutation", "Query", "Store", "Subscription", "Viewer"}
PLACES = ("store", "region", "group")
#: Lists in one document; more would cost more than a document may.
PER_DOCUMENT = 11


def test_every_type_of_the_schema_has_its_place_in_the_table() -> None:
    """A new type must be rows of a store, a root, or a part of one of them: then somebody has thought of who sees it."""
    types = api_schema()._schema.type_map.values()
    found = {one.name for one in types if isinstance(one, GraphQLObjectType) and not one.name.startswith("__")}
    frames = {name for name in found if name.endswith(("Connection", "Edge", "Payload"))}
    assert found - frames == ROOTS | PARTS | {entity.name for entity in ENTITIES}
    interfaces = {one.name for one in types if isinstance(one, GraphQLInterfaceType)}
    assert interfaces == {"Node"}


def test_the_fields_that_need_more_than_their_row_are_those_of_the_table() -> None:
    declared = {f"{entity.name}.{item.name}": item for entity in ENTITIES for item in entity.fields if item.permission}
    assert set(declared) == set(MASKS)
    for name, item in declared.items():
        mask = MASKS[name]
        assert (item.permission, item.masked) == (mask.permission, None), name
        assert item.least == (None if mask.of is None else (mask.of, mask.least)), name
        assert operations()[name].needs == (mask.permission,), name
    for entity in ENTITIES:
        assert operations()[entity.name].needs == tuple(dict.fromkeys(grant.permission for grant in entity.grants))


def actor_at(api: Api, role: str, place: str) -> Actor:
    """Somebody with one role at store N1, in a region of which it is, or of the group; at the store its first employee."""
    store = api.store("N1")
    if place == "store":
        return api.actor((role, "N1"))
    if place == "region":
        held = Membership(role, None, region="EAST", region_stores=frozenset({store.id}))
        return Actor("account:1", "王芳", store.group_id, memberships=(held,))
    return api.actor((role, None))


def cell(role: str, place: str, name: str) -> str:
    """How far the table lets a role reach at store N1, from where it is held; empty: not at all."""
    found = operations()[name].cells[role]
    reaching = {"store": "OTDSRG", "region": "RG", "group": "G"}[place]
    return found if found and found in reaching else ""


def leaves(name: str) -> list[str]:
    """The fields of a type that hold values of the row: what is loaded from elsewhere, a scratch store does not have."""
    found = api_schema()._schema.type_map[name]
    assert isinstance(found, GraphQLObjectType)
    left = {"id"} | {item.name for item in ENTITIES[name].fields if isinstance(item.made, Batched)}
    return [key for key, field in found.fields.items() if is_leaf_type(get_named_type(field.type)) and key not in left]


ASKERS = [
    (role, place)
    for role in sorted(ROLES)
    for place in PLACES
    if goes_with(role, store=place == "store", region=place == "region")
]


@pytest.mark.parametrize(("role", "place"), ASKERS)
def test_every_field(api: Api, role: str, place: str) -> None:
    check(api, role, place, 3)


@pytest.mark.proof
@pytest.mark.parametrize(("role", "place"), ASKERS)
def test_every_field_of_every_row(api: Api, role: str, place: str) -> None:
    check(api, role, place, 100)


def check(api: Api, role: str, place: str, first: int) -> None:
    """Ask for every type's rows with all their fields, as somebody with the role."""
    actor, store = actor_at(api, role, place), api.store("N1")
    lists = [
        f"{entity.plural}(first: {first}) {{ totalCount edges {{ node {{ id {' '.join(leaves(entity.name))} }} }} }}"
        for entity in ENTITIES
    ]
    found: dict[str, Any] = {}
    for start in range(0, len(lists), PER_DOCUMENT):
        answer = api.run(actor, f'{{ store(code: "N1") {{ {" ".join(lists[start : start + PER_DOCUMENT])} }} }}')
        refused = codes(answer)
        assert set(refused.values()) <= {"FORBIDDEN", "NOT_FOUND"}, answer["errors"]
        found |= answer["data"]["store"] or {}
    for entity in ENTITIES:
        reach = cell(role, place, entity.name)
        if not reach:
            assert found.get(entity.plural) is None, entity.name
            continue
        shown = found[entity.plural]
        rows = {str(GlobalId(entity.name, store.id, row["id"])): row for row in rows_of(store, entity.name)}
        if reach in "SRG":
            assert shown["totalCount"] == len(whole(entity.name, role, place, rows)), entity.name
        for edge in shown["edges"]:
            row = rows[edge["node"]["id"]]
            for name in leaves(entity.name):
                assert edge["node"][name] == wanted(entity.name, name, role, place, row), (entity.name, name)


def rows_of(store: ScratchStore, name: str) -> list[Row]:
    only = ONLY.get(name)
    return [row for row in store.rows[ENTITIES[name].table.name] if only is None or only(row)]


def whole(name: str, role: str, place: str, rows: Mapping[str, Row]) -> list[Row]:
    """All rows; of KPI values those of the whole store, for who reads aggregates alone."""
    aggregates = name == "KpiValue" and not cell(role, place, "KpiValue.value")
    return [row for row in rows.values() if not aggregates or row["team_code"] is None]


def wanted(type_: str, name: str, role: str, place: str, row: Row) -> Any:
    """The value of a field, or null where the table hides it from the role."""
    item = ENTITIES[type_].field_by_name[name]
    if isinstance(item.made, Computed):
        now = () if item.made.when is None else (NOW,)
        return plain(item.made.function(*(row[need.column] for need in item.made.needs), *now))
    value = row[item.column]
    mask = MASKS.get(f"{type_}.{name}")
    if mask is not None and not cell(role, place, f"{type_}.{name}"):
        value = value if mask.of is not None and row[mask.of] >= mask.least else None
    return value.hex() if item.kind is Kind.DIGEST and value is not None else plain(value)

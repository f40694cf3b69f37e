"""The optimistic lock, mutation by mutation: who may overwrite another's change says which version they read."""

from uuid import UUID

import pytest

from forecourt.domain.surveys.seed_templates import SEEDS
from forecourt.domain.surveys.templates import to_json
from tests.conftest import World
from tests.domain.desk import Desk, make_desk
from tests.graphql.live import LiveApi
from tests.graphql.operations import MUTATIONS, Samples
from tests.graphql.rows import group_rows, store_rows

pytestmark = pytest.mark.anyio

_ADDS = "it adds a row of its own, and overwrites none"
_ENDS = "it ends something: twice is once, and nothing that somebody wrote is lost"
_ONCE = "a row has one such moment; the second is refused as WRONG_STATE or by a code of its own"
_FIXED = "what it decides on is never changed, only followed by another version"
_SWITCH = "it says one value whole, whatever it was before"
_SOURCE = "the other system is the master of its record: the last one it sends counts"
_SECRET = "what it replaces can be read by nobody, so nobody decided on having read it"
#: Why the others have no `expectedVersion`.
NONE = {
    "addDirectoryMapping": _ADDS,
    "addEmailDomain": _ADDS,
    "addMembership": _ADDS,
    "approveScheme": _FIXED,
    "closeMonth": _ADDS,
    "createAccount": _ADDS,
    "createClient": _ADDS,
    "createDirectoryToken": _ADDS,
    "createIdentityProvider": _ADDS,
    "delegateRole": _ADDS,
    "disableAccount": _ENDS,
    "disableClient": _ENDS,
    "disableIdentityProvider": _ENDS,
    "draftSurveyTemplate": _ADDS,
    "enableAccount": _SWITCH,
    "enableClient": _SWITCH,
    "endDelegation": _ENDS,
    "endMembership": _ENDS,
    "endOtherSessions": _ENDS,
    "endSession": _ENDS,
    "endSessionsOf": _ENDS,
    "endViewAs": _ENDS,
    "fileAppeal": _ADDS,
    "fileComplaint": _ADDS,
    "importExport": _SOURCE,
    "issueToken": _ADDS,
    "logCall": _ADDS,
    "recordDeliveryForm": _ONCE,
    "recordInterview": _ONCE,
    "removeDirectoryMapping": _ENDS,
    "removeEmailDomain": _ENDS,
    "removePassword": _ENDS,
    "removeSecondFactor": _ENDS,
    "replayDeadJobs": _ENDS,
    "requireSecondFactor": _SWITCH,
    "revealContact": "it changes nothing",
    "revokeClientTokens": _ENDS,
    "revokeDirectoryToken": _ENDS,
    "revokeToken": _ENDS,
    "rotateClientSecret": _SECRET,
    "sendPasswordLink": _ADDS,
    "setIdentityProviderSecret": _SECRET,
    "setOwnLanguage": _SWITCH,
    "setPassword": _SECRET,
    "setSetting": _ADDS,
    "startViewAs": _ADDS,
    "testIdentityProvider": "it changes nothing",
    "upsertAttendance": _SOURCE,
    "upsertCalls": _SOURCE,
    "upsertCustomers": _SOURCE,
    "upsertLabourLines": _SOURCE,
    "upsertPartLines": _SOURCE,
    "upsertRepairOrders": _SOURCE,
    "upsertSalesOrders": _SOURCE,
    "upsertVehicles": _SOURCE,
    "verifyAudit": _ADDS,
    "writeScheme": _ADDS,
}


def locked(live: LiveApi) -> set[str]:
    """Mutations whose input has `expectedVersion`."""
    root = live.schema._schema.mutation_type
    assert root is not None
    return {name for name, field in root.fields.items() if "expectedVersion" in field.args["input"].type.of_type.fields}


@pytest.fixture
async def desk(live_api: LiveApi, world: World) -> Desk:
    world.truncate("a1")
    return await make_desk(live_api.platform.engines, world.groups["a"], world.stores["a1"])


async def test_every_mutation_has_the_lock_or_a_reason(live_api: LiveApi) -> None:
    assert locked(live_api) | NONE.keys() == MUTATIONS.keys()
    assert not locked(live_api) & NONE.keys()
    assert all(NONE.values())


async def test_another_version_is_refused(live_api: LiveApi, world: World, desk: Desk) -> None:
    rows: dict[str, UUID] = await store_rows(desk)
    rows |= await group_rows(live_api.platform, world.groups["a"])
    samples = Samples(live_api.store("a1").id, world.groups["a"].id, rows)
    employee = desk.people["consultant"]
    everybody = live_api.actor(
        *((role, "a1") for role in ("CS_AGENT", "CS_MANAGER", "SALES_CONSULTANT", "STORE_GM")),
        *((role, None) for role in ("GROUP_ADMIN", "HQ_DIRECTOR", "HQ_QUALITY")),
        employee=employee,
    )
    for name in sorted(locked(live_api)):
        given = {**MUTATIONS[name].inputs(samples)[0], "expectedVersion": 99}
        if name == "changeSurveyTemplate":
            given["body"] = to_json(SEEDS[0])
        payload = await live_api.mutate(everybody, name, given)
        assert payload["userErrors"] == [{"code": "STALE_VERSION", "path": ["input", "expectedVersion"]}], name


async def test_the_version_is_shown_and_counts_up(live_api: LiveApi, world: World, desk: Desk) -> None:
    """Of a questionnaire and of a program, which are no entities with versions of the reader."""
    admin = live_api.actor(("GROUP_ADMIN", None), ("HQ_QUALITY", None))
    rows = await group_rows(live_api.platform, world.groups["a"])
    template = {"id": live_api.group_id("SurveyTemplate", rows["SurveyTemplate"])}
    seen = []
    for version in (1, 2, 2):
        given = {**template, "body": to_json(SEEDS[0]), "expectedVersion": version}
        payload = await live_api.mutate(admin, "changeSurveyTemplate", given, "surveyTemplate { version }")
        seen.append(payload["surveyTemplate"] or payload["userErrors"][0]["code"])
    assert seen == [{"version": 2}, {"version": 3}, "STALE_VERSION"]
    assert await live_api.refused(admin, "submitSurveyTemplate", {**template, "expectedVersion": 2}) == [
        "STALE_VERSION"
    ]
    assert await live_api.refused(admin, "submitSurveyTemplate", {**template, "expectedVersion": 3}) == []
    client = {"id": live_api.group_id("OAuthClient", rows["OAuthClient"]), "name": "x", "scopes": ["sales:order:read"]}
    first = await live_api.mutate(admin, "changeClient", {**client, "expectedVersion": 1}, "client { version name }")
    assert first["client"] == {"version": 2, "name": "x"}
    again = {**client, "name": "y", "expectedVersion": 1}
    assert await live_api.refused(admin, "changeClient", again) == ["STALE_VERSION"]

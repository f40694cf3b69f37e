"""Directories in the API: connections and mappings, by administrators of the group."""

import pytest

from forecourt.auth.scim.connections import MOST
from forecourt.tenancy.ids import new_id
from tests.graphql.live import LiveApi, codes

pytestmark = pytest.mark.anyio

TOKENS = "{ group { directoryTokens { id label revokedAt lastUsedAt } } }"
MAPPINGS = "{ group { directoryMappings { id by value role store region } } }"


async def test_a_connections_token_is_shown_once(live_api: LiveApi) -> None:
    admin, label = live_api.actor(("GROUP_ADMIN", None)), new_id().hex
    made = await live_api.mutate(admin, "createDirectoryToken", {"label": label, "days": 30}, "id token expiresAt")
    assert made["token"].startswith("fcd_")
    listed = await live_api.data(admin, TOKENS)
    assert made["token"] not in str(listed)
    [found] = [one for one in listed["group"]["directoryTokens"] if one["label"] == label]
    assert found == {"id": made["id"], "label": label, "revokedAt": None, "lastUsedAt": None}
    await live_api.mutate(admin, "revokeDirectoryToken", {"id": made["id"]}, "id")
    await live_api.mutate(admin, "revokeDirectoryToken", {"id": made["id"]}, "id")
    [found] = [
        one for one in (await live_api.data(admin, TOKENS))["group"]["directoryTokens"] if one["id"] == made["id"]
    ]
    assert found["revokedAt"] is not None
    for wrong in ({"label": " "}, {"label": "x", "days": 0}, {"label": "x", "days": 731}):
        assert await live_api.refused(admin, "createDirectoryToken", wrong) == ["INVALID"]


async def test_a_group_has_a_bounded_number_of_connections(live_api: LiveApi) -> None:
    admin, made = live_api.actor(("GROUP_ADMIN", None), group="b"), []
    for _ in range(MOST + 1):
        payload = await live_api.mutate(admin, "createDirectoryToken", {"label": "x"}, "id")
        if payload["userErrors"]:
            break
        made.append(payload["id"])
    assert payload["userErrors"][0]["code"] == "TOO_MANY_CONNECTIONS"
    for one in made:
        await live_api.mutate(admin, "revokeDirectoryToken", {"id": one}, "id")


async def test_mappings_are_added_listed_and_removed(live_api: LiveApi) -> None:
    admin, name = live_api.actor(("GROUP_ADMIN", None)), new_id().hex
    given = {"value": name, "role": "STORE_GM", "storeId": live_api.store_id("a1")}
    made = await live_api.mutate(admin, "addDirectoryMapping", given, "id")
    assert await live_api.refused(admin, "addDirectoryMapping", given) == ["MAPPING_EXISTS"]
    assert await live_api.refused(admin, "addDirectoryMapping", given | {"by": "NOTHING"}) == ["INVALID"]
    assert await live_api.refused(admin, "addDirectoryMapping", given | {"region": "north"}) == ["INVALID"]
    listed = (await live_api.data(admin, MAPPINGS))["group"]["directoryMappings"]
    [found] = [one for one in listed if one["value"] == name]
    place = {"store": live_api.store_id("a1"), "region": None}
    assert found == {"id": made["id"], "by": "DISPLAY_NAME", "value": name, "role": "STORE_GM", **place}
    stranger = live_api.actor(("GROUP_ADMIN", None), group="b")
    document = "mutation($input: RemoveDirectoryMappingInput!) { removeDirectoryMapping(input: $input) { id } }"
    answer = await live_api.run(stranger, document, {"input": {"id": made["id"]}})
    assert codes(answer) == {("removeDirectoryMapping",): "NOT_FOUND"}
    await live_api.mutate(admin, "removeDirectoryMapping", {"id": made["id"]}, "id")
    listed = (await live_api.data(admin, MAPPINGS))["group"]["directoryMappings"]
    assert name not in str(listed)

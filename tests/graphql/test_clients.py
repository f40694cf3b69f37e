"""Programs managed through the schema: secrets shown once, changes that count at once, and what the audit keeps."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey
from sqlalchemy import select

from forecourt.auth.actor import Actor
from forecourt.auth.oauth.model import OAuthClientSecret
from forecourt.domain.feed import GroupAuditEvent
from forecourt.graphql import ids
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.ids import new_id
from tests.conftest import World
from tests.graphql.live import LiveApi, codes
from tests.programs import Programs, encoded, new_key, open_programs, public

pytestmark = pytest.mark.anyio

FIELDS = """{
    id clientId name authMethod allStores stores scopes state secrets { createdAt expiresAt lastUsedAt } keys jwksUri
    createdBy expiresAt lastUsedAt
}"""
ONLY_CLIENT = f"client {FIELDS}"
SHOWS = f"{ONLY_CLIENT} secret"


@pytest.fixture
def admin(live_api: LiveApi) -> Actor:
    return live_api.actor(("GROUP_ADMIN", None), key="account:admin")


@pytest.fixture
async def programs(world: World, engines: Engines) -> AsyncIterator[Programs]:
    async with open_programs(world, engines) as opened:
        yield opened


def wanted(live: LiveApi, **given: Any) -> dict[str, Any]:
    return {"name": "DMS", "scopes": ["sales:order:read"], "storeIds": [live.store_id("a1")], **given}


async def all_clients(live_api: LiveApi, actor: Actor) -> list[dict[str, Any]]:
    """Every client of the group, page by page: other tests make some, too."""
    found: list[dict[str, Any]] = []
    page: dict[str, Any] = {"hasNextPage": True, "endCursor": None}
    shown = f"pageInfo {{ hasNextPage endCursor }} edges {{ node {FIELDS} }}"
    document = f"query($after: String) {{ group {{ clients(first: 100, after: $after) {{ {shown} }} }} }}"
    while page["hasNextPage"]:
        answer = (await live_api.data(actor, document, {"after": page["endCursor"]}))["group"]["clients"]
        found += [edge["node"] for edge in answer["edges"]]
        page = answer["pageInfo"]
    return found


async def test_a_client_from_its_birth_to_its_end(live_api: LiveApi, admin: Actor, programs: Programs) -> None:
    live_api.clock.at = programs.clock.at
    payload = await live_api.mutate(admin, "createClient", wanted(live_api), SHOWS)
    client, secret = payload["client"], payload["secret"]
    assert client["clientId"].startswith("fci_") and secret.startswith("fcs_") and len(secret) == 47
    assert client["stores"] == [live_api.store_id("a1")] and client["allStores"] is False
    assert (client["state"], client["authMethod"], client["createdBy"]) == (
        "ACTIVE",
        "client_secret_basic",
        "account:admin",
    )
    assert len(client["secrets"]) == 1 and client["secrets"][0]["lastUsedAt"] is None and client["lastUsedAt"] is None
    grant = {"grant_type": "client_credentials"}

    async def token(with_secret: str) -> Any:
        answer = await programs.http.post("/oauth/token", data=grant, auth=(client["clientId"], with_secret))
        return answer.json().get("access_token")

    first = await token(secret)
    assert (await programs.graphql(first)).status_code == 200
    listed = await all_clients(live_api, admin)
    assert secret not in json.dumps(listed)
    [node] = [one for one in listed if one["id"] == client["id"]]
    assert node["lastUsedAt"] and node["secrets"][0]["lastUsedAt"]

    one = {"id": client["id"]}
    rotated = await live_api.mutate(admin, "rotateClientSecret", one | {"overlapHours": 1}, SHOWS)
    assert rotated["secret"] not in (None, secret) and len(rotated["client"]["secrets"]) == 2
    assert await token(secret) and await token(rotated["secret"])

    # At once, not in five seconds: this process remembered the token a moment ago.
    assert (await programs.graphql(first)).status_code == 200
    await live_api.mutate(admin, "revokeClientTokens", one, ONLY_CLIENT)
    assert (await programs.graphql(first)).status_code == 401
    second = await token(rotated["secret"])
    assert (await programs.graphql(second)).status_code == 200
    narrower = wanted(live_api, scopes=["audit:event:read"], name="DMS 2") | one
    changed = (await live_api.mutate(admin, "changeClient", narrower, ONLY_CLIENT))["client"]
    assert (changed["name"], changed["scopes"]) == ("DMS 2", ["audit:event:read"])
    orders = await programs.graphql(second, '{ store(code: "a1") { salesOrders { totalCount } } }')
    assert codes(orders.json()) == {("store", "salesOrders"): "FORBIDDEN"}
    disabled = (await live_api.mutate(admin, "disableClient", one, ONLY_CLIENT))["client"]
    assert disabled["state"] == "DISABLED"
    assert (await programs.graphql(second)).status_code == 401 and await token(rotated["secret"]) is None
    enabled = (await live_api.mutate(admin, "enableClient", one, ONLY_CLIENT))["client"]
    assert enabled["state"] == "ACTIVE" and await token(rotated["secret"])


async def test_what_the_audit_keeps(live_api: LiveApi, admin: Actor, programs: Programs) -> None:
    payload = await live_api.mutate(admin, "createClient", wanted(live_api), SHOWS)
    client, secrets = payload["client"], [payload["secret"]]
    one = {"id": client["id"]}
    secrets.append((await live_api.mutate(admin, "rotateClientSecret", one, SHOWS))["secret"])
    await live_api.mutate(admin, "changeClient", wanted(live_api, storeIds=None) | one)
    for name in ("revokeClientTokens", "disableClient", "enableClient"):
        await live_api.mutate(admin, name, one)
    row = ids.parse(client["id"])
    assert row is not None
    async with programs.work() as work:
        query = select(GroupAuditEvent).where(GroupAuditEvent.entity_id == row.row).order_by(GroupAuditEvent.id)
        events = list(await work.session.scalars(query))
        kept_secrets = select(OAuthClientSecret.id).where(OAuthClientSecret.client_id == row.row)
        assert len(list(await work.session.scalars(kept_secrets))) == 2
    assert [event.action for event in events] == [
        "clients.create",
        "clients.rotate_secret",
        "clients.change",
        "clients.revoke_tokens",
        "clients.disable",
        "clients.enable",
    ]
    assert {event.actor for event in events} == {"account:admin"}
    store = str(live_api.store("a1").id)
    assert events[2].before is not None and events[2].before["stores"] == [store]
    assert events[2].after is not None and events[2].after["stores"] == "all"
    kept = json.dumps([[event.before, event.after] for event in events])
    assert not any(secret in kept for secret in secrets)


async def test_a_client_that_signs(live_api: LiveApi, admin: Actor, programs: Programs) -> None:
    key, other = new_key("one"), new_key("two")
    live_api.clock.at = programs.clock.at
    signs = wanted(live_api, authMethod="private_key_jwt", jwks=public(key))
    payload = await live_api.mutate(admin, "createClient", signs, SHOWS)
    assert payload["secret"] is None and payload["client"]["keys"] == ["one"] and payload["client"]["secrets"] == []
    one = {"id": payload["client"]["id"]}
    assert await live_api.refused(admin, "rotateClientSecret", one) == ["WRONG_METHOD"]
    changed = await live_api.mutate(admin, "setClientKeys", one | {"jwks": public(key, other)}, ONLY_CLIENT)
    assert changed["client"]["keys"] == ["one", "two"]
    address = "https://dms.example/jwks.json"
    changed = await live_api.mutate(admin, "setClientKeys", one | {"jwksUri": address}, ONLY_CLIENT)
    assert (changed["client"]["keys"], changed["client"]["jwksUri"]) == ([], address)
    plain = (await live_api.mutate(admin, "createClient", wanted(live_api), SHOWS))["client"]
    assert await live_api.refused(admin, "setClientKeys", {"id": plain["id"], "jwks": public(key)}) == ["WRONG_METHOD"]


async def test_keys_that_are_refused(live_api: LiveApi, admin: Actor) -> None:
    good = public(new_key())["keys"][0]
    weak, huge = ({"kty": "RSA", "e": "AQAB", "n": encoded(b"\xff" * size)} for size in (128, 1024))
    sets: list[Any] = [
        None,
        [],
        "x",
        {},
        {"keys": []},
        {"keys": [good] * 2},
        {"keys": [{**good, "kid": str(number)} for number in range(11)]},
        {"keys": [new_key().as_dict(private=True)]},
        {"keys": [OctKey.generate_key(256).as_dict(private=True)]},
        {"keys": [weak]},
        {"keys": [huge]},
        {"keys": [ECKey.generate_key("secp256k1", private=False).as_dict(private=False)]},
        {"keys": [good | {"use": "enc"}]},
        {"keys": [good | {"alg": "none"}]},
        {"keys": [good | {"alg": ["ES256"]}]},
        {"keys": [good | {"x": "AAAA"}]},
        {"keys": [good | {"kid": 5}]},
        {"keys": [{"kty": "RSA"}]},
        {"keys": ["x"]},
        {"keys": [good | {"padding": "x" * 30_000}]},
    ]
    for jwks in sets:
        given = wanted(live_api, authMethod="private_key_jwt", jwks=jwks)
        assert await live_api.refused(admin, "createClient", given) == ["INVALID"], jwks


async def test_what_else_is_refused(live_api: LiveApi, admin: Actor) -> None:
    key = public(new_key())
    past = (live_api.clock.at - timedelta(days=1)).isoformat()
    wrong: list[dict[str, Any]] = [
        {"name": " "},
        {"name": "x" * 101},
        {"name": "a\nb"},
        {"scopes": []},
        {"scopes": ["no:such:scope"]},
        {"scopes": ["evaluation:run:approve"]},
        {"storeIds": []},
        {"authMethod": "client_secret_post"},
        {"authMethod": "private_key_jwt"},
        {"authMethod": "private_key_jwt", "jwks": key, "jwksUri": "https://x.example/"},
        {"jwks": key},
        {"authMethod": "private_key_jwt", "jwksUri": "ftp://x.example/"},
        {"authMethod": "private_key_jwt", "jwksUri": "https://u:p@x.example/"},
        {"authMethod": "private_key_jwt", "jwksUri": "https://["},
        {"expiresAt": past},
    ]
    for given in wrong:
        assert await live_api.refused(admin, "createClient", wanted(live_api, **given)) == ["INVALID"], given
    made = (await live_api.mutate(admin, "createClient", wanted(live_api), SHOWS))["client"]
    for hours in (-1, 721, 2_000_000_000):
        assert await live_api.refused(admin, "rotateClientSecret", {"id": made["id"], "overlapHours": hours}) == [
            "INVALID"
        ]


async def test_pages_of_clients(live_api: LiveApi, admin: Actor) -> None:
    for number in range(3):
        await live_api.mutate(admin, "createClient", wanted(live_api, name=f"P{number}"))
    page_info = "pageInfo { hasNextPage hasPreviousPage endCursor }"
    document = f"query($after: String) {{ group {{ clients(first: 2, after: $after) {{ {page_info} edges {{ node {{ id }} }} }} }} }}"
    seen: list[str] = []
    after = None
    while True:
        page = (await live_api.data(admin, document, {"after": after}))["group"]["clients"]
        seen += [edge["node"]["id"] for edge in page["edges"]]
        assert page["pageInfo"]["hasPreviousPage"] is (after is not None)
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert len(seen) == len(set(seen)) >= 3
    for cursor in ("x", "Y2xpZW50Og==", "YWNjb3VudDp4", "é"):
        answer = await live_api.run(admin, document, {"after": cursor})
        assert codes(answer) == {("group", "clients"): "BAD_USER_INPUT"}
    stranger = live_api.actor(("GROUP_ADMIN", None), group="b")
    others = (await live_api.data(stranger, document, {"after": None}))["group"]["clients"]
    assert not {edge["node"]["id"] for edge in others["edges"]} & set(seen)
    for name in ("disableClient", "enableClient", "revokeClientTokens", "rotateClientSecret", "setClientKeys"):
        asked = f"mutation($input: {live_api.input_of(name)}!) {{ {name}(input: $input) {{ userErrors {{ code }} }} }}"
        foreign, random = seen[0], live_api.group_id("OAuthClient", new_id(), "b")
        answers = [await live_api.run(stranger, asked, {"input": {"id": one}}) for one in (foreign, random)]
        assert answers[0] == answers[1] and codes(answers[0]) == {(name,): "NOT_FOUND"}

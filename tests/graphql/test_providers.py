"""Identity providers through the API: written by one, activated by another, tested in words, the secret never told."""

from collections.abc import Iterator
from typing import Any

import pytest

from forecourt.auth.oidc.config import ProviderIdentity
from forecourt.domain.accounts.arrival import sign_in_from
from tests.conftest import World
from tests.domain.accounts.conftest import clear
from tests.domain.accounts.office import Office
from tests.graphql.live import LiveApi

pytestmark = pytest.mark.anyio

NEW = {
    "code": "corp",
    "name": "Corp",
    "issuer": "https://login.invalid/x",
    "clientId": "forecourt",
    "clientSecret": "s3cret-api",
    "claimNames": {"email": "upn"},
    "roleRules": [{"claim": "groups", "equals": "hq", "role": "HQ_ANALYST"}],
    "createsAccounts": True,
}
SHOWN = """id code issuer hasSecret state version waits writtenByViewer redirectUri
  active { name roleRules } newest { name scopes claimNames roleRules createsAccounts } emailDomains { id domain confirmedAt }"""


@pytest.fixture(autouse=True)
def no_providers(world: World) -> Iterator[None]:
    clear(world)
    yield
    clear(world)


@pytest.fixture
def api(live_api: LiveApi) -> LiveApi:
    return live_api


async def make(api: LiveApi, actor: Any, **values: Any) -> dict[str, Any]:
    payload = await api.mutate(actor, "createIdentityProvider", NEW | values, f"identityProvider {{ {SHOWN} }}")
    assert payload["userErrors"] == []
    found: dict[str, Any] = payload["identityProvider"]
    return found


async def test_one_writes_and_another_activates(api: LiveApi) -> None:
    anna, bert = (api.actor(("GROUP_ADMIN", None), key=f"account:{name}") for name in ("anna", "bert"))
    made = await make(api, anna)
    assert (made["state"], made["waits"], made["writtenByViewer"], made["active"]) == ("DRAFT", True, True, None)
    assert made["newest"]["claimNames"] == {"email": "upn"} and made["hasSecret"] is True
    assert made["redirectUri"].endswith("/sso/callback/SECRET-A/corp")
    this = {"id": made["id"], "expectedVersion": 1}
    assert await api.refused(anna, "activateIdentityProvider", this) == ["SAME_PERSON"]
    assert await api.refused(bert, "activateIdentityProvider", this) == []
    assert await api.refused(bert, "activateIdentityProvider", this) == ["STALE_VERSION"]
    change = {"id": made["id"], "expectedVersion": 2, "roleRules": [], "name": "New"}
    assert await api.refused(anna, "updateIdentityProvider", change) == []
    document = f"{{ group {{ identityProviders {{ {SHOWN} }} }} }}"
    [shown] = (await api.data(bert, document))["group"]["identityProviders"]
    assert (shown["state"], shown["waits"], shown["writtenByViewer"], shown["version"]) == ("ACTIVE", True, False, 3)
    assert (shown["active"]["name"], shown["newest"]["name"], shown["newest"]["roleRules"]) == ("Corp", "New", [])
    change = {"id": made["id"], "expectedVersion": 3, "issuer": "https://evil.example"}
    assert await api.refused(anna, "updateIdentityProvider", change) == ["PROVIDER_FIXED"]
    assert await api.refused(anna, "disableIdentityProvider", {"id": made["id"]}) == []
    assert "s3cret" not in str(shown) + str(made)


async def test_what_is_wrong_is_said_where_it_stands(api: LiveApi) -> None:
    anna = api.actor(("GROUP_ADMIN", None))
    for values, path in (
        ({"issuer": "http://login.example.com"}, ["input", "issuer"]),
        ({"roleRules": [{"role": "X"}]}, ["input", "roleRules", "0", "role"]),
        ({"roleRules": "x"}, ["input", "roleRules"]),
        ({"roleRules": {"a": "\0"}}, ["input", "roleRules"]),
        ({"claimNames": {"admin": "x"}}, ["input", "claimNames", "admin"]),
        ({"claimNames": [1]}, ["input", "claimNames"]),
        ({"clientSecret": "\n"}, ["input", "clientSecret"]),
    ):
        payload = await api.mutate(anna, "createIdentityProvider", NEW | values)
        assert payload["userErrors"] == [{"code": "INVALID", "path": path}], values
    await make(api, anna)
    assert await api.refused(anna, "createIdentityProvider", NEW) == ["CODE_TAKEN"]


async def test_the_test_speaks_the_viewers_language_and_domains_wait_for_the_operator(api: LiveApi) -> None:
    anna = api.actor(("GROUP_ADMIN", None))
    made = await make(api, anna)
    domain = {"providerId": made["id"], "domain": "Corp.Example"}
    shown = await api.mutate(
        anna, "addEmailDomain", domain, "identityProvider { emailDomains { id domain confirmedAt } }"
    )
    [found] = shown["identityProvider"]["emailDomains"]
    assert (found["domain"], found["confirmedAt"]) == ("corp.example", None)
    assert await api.refused(anna, "addEmailDomain", domain) == ["DOMAIN_EXISTS"]
    document = (
        "mutation($input: IdentityProviderInput!) { testIdentityProvider(input: $input) "
        "{ findings { code severity message } userErrors { code } } }"
    )
    for language, word in (("en", "cannot be read"), ("zh-CN", "无法读取")):
        answer = await api.run(anna, document, {"input": {"id": made["id"]}}, language=language)
        findings = answer["data"]["testIdentityProvider"]["findings"]
        codes = {one["code"] for one in findings}
        assert {"DISCOVERY_UNREACHABLE", "DOMAIN_UNCONFIRMED"} <= codes
        assert findings[0]["severity"] == "ERROR" and word in findings[0]["message"]
    assert await api.refused(anna, "removeEmailDomain", {"id": found["id"]}) == []


async def test_a_membership_says_that_a_provider_gives_it(api: LiveApi, world: World) -> None:
    office = Office(world, api.platform, api.clock, world.groups["a"])
    provider = await office.provider(creates_accounts=True)
    config = await office.config(provider)
    identity = ProviderIdentity(config.id, config.issuer, "s", None, {"groups": "hq"}, "t")
    account = await sign_in_from(api.platform, office.group, config, identity)
    document = "mutation($input: AccountInput!) { removePassword(input: $input) { account { memberships { role byProvider } } } }"
    answer = await api.data(
        api.actor(("GROUP_ADMIN", None)), document, {"input": {"id": api.group_id("Account", account)}}
    )
    assert answer["removePassword"]["account"]["memberships"] == [{"role": "HQ_ANALYST", "byProvider": True}]

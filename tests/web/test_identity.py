"""The administrators' pages of identity providers, over the real application and database."""

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from forecourt.clock import SYSTEM_CLOCK, SetClock
from tests.conftest import World
from tests.domain.accounts.conftest import clear
from tests.web.identity_site import IdentitySite, make_site, token

HOME, ONE = "/settings/identity", "/settings/identity/corp"
FORM = {
    "code": "corp",
    "name": "云驰集团",
    "issuer": "http://127.0.0.1:9/x",
    "clientId": "forecourt",
    "clientSecret": "s3cret-one",
    "scopes": "openid email",
    "claim-roles": "/realm_access/roles",
    "claim-employee_no": "no",
    "roleRules": "groups = fc-{store}-advisor -> SERVICE_ADVISOR @ {store}\n",
    "createsAccounts": "yes",
}


@pytest.fixture(scope="module")
def site(world: World) -> Iterator[IdentitySite]:
    made = make_site(world)
    with TestClient(made.app):
        yield made


@pytest.fixture(autouse=True)
def no_providers(world: World) -> Iterator[None]:
    clear(world)
    yield
    clear(world)


def send(client: TestClient, path: str, **fields: str) -> Any:
    """Post a form of that page, as a browser does."""
    return client.post(path, data={"csrf": token(client.get(path).text), **fields})


def version(client: TestClient) -> str:
    found = re.search(r'name="version" value="(\d+)"', client.get(ONE).text)
    assert found is not None
    return found.group(1)


def test_one_connects_a_provider_and_another_activates_it(site: IdentitySite) -> None:
    anna, bert = site.client("anna"), site.client("bert")
    made = send(anna, HOME, **FORM)
    assert (made.status_code, made.headers["location"]) == (303, f"{ONE}?done=provider-made")
    page = html.unescape(anna.get(made.headers["location"]).text)
    assert "groups = fc-{store}-advisor -> SERVICE_ADVISOR @ {store}" in page
    assert "http://127.0.0.1:8000/sso/callback/SECRET-A/corp" in page
    assert "s3cret" not in page and 'value="/realm_access/roles"' in page and 'value="activate"' not in page
    refused = send(anna, ONE, do="activate", version=version(anna))
    assert refused.status_code == 422 and "two people are needed" in refused.text
    assert send(bert, ONE, do="activate", version=version(bert)).headers["location"] == f"{ONE}?done=provider-activate"
    assert "Sign in with 云驰集团" in site.client().get("/sign-in/SECRET-A").text


def test_a_change_waits_and_says_so(site: IdentitySite) -> None:
    anna, bert = site.client("anna"), site.client("bert")
    send(anna, HOME, **FORM)
    send(bert, ONE, do="activate", version=version(bert))
    rule = "groups = boss -> GROUP_ADMIN"
    kept = send(anna, ONE, do="save", version=version(anna), **FORM | {"roleRules": rule})
    assert kept.headers["location"] == f"{ONE}?done=provider-save"
    page = html.unescape(bert.get(ONE).text)
    assert "A change waits." in page and rule in page and "A rule makes people group administrators" in page
    assert "groups = fc-{store}-advisor" in page  # what is active now
    assert "Change waits" in anna.get(HOME).text and 'value="activate"' in page
    stale = send(bert, ONE, do="activate", version="1")
    assert stale.status_code == 422 and "Somebody changed this meanwhile" in stale.text


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"roleRules": "\ngroups = x"}, "line 2"),
        ({"roleRules": "groups = x -> HQ_ANALYST\ngroups = y -> EMPEROR"}, "line 2"),
        ({"issuer": "http://login.example.com"}, "An address that begins with https://"),
        ({"scopes": "email"}, "openid is needed"),
        ({"claim-email": "a\0b"}, "Names of claims"),
        ({"code": "Corp!"}, "Code"),
        ({"name": " "}, "Name on the sign-in page"),
    ],
)
def test_what_is_wrong_is_said_where_it_is_and_what_was_typed_stays(
    site: IdentitySite, fields: dict[str, str], says: str
) -> None:
    answer = send(site.client("anna"), HOME, **FORM | fields)
    assert answer.status_code == 422
    page = html.unescape(answer.text)
    note = page[page.index('id="problem"') : page.index("</div>", page.index('id="problem"'))]
    assert says in note
    assert "fc-{store}" in page or "roleRules" in fields
    assert "s3cret" not in page  # a secret is typed again


def test_the_test_button_says_what_is_wrong_in_the_readers_language(site: IdentitySite) -> None:
    anna = site.client("anna")
    send(anna, HOME, **FORM)
    english = html.unescape(send(anna, ONE, do="test").text)
    assert "http://127.0.0.1:9/x/.well-known/openid-configuration cannot be read" in english
    anna.cookies.set("forecourt-language", "zh-CN", domain="testserver.local", path="/")
    assert "无法读取 http://127.0.0.1:9/x/.well-known" in html.unescape(send(anna, ONE, do="test").text)


def test_secret_domain_and_disabling(site: IdentitySite) -> None:
    anna, bert = site.client("anna"), site.client("bert")
    send(anna, HOME, **FORM)
    assert send(anna, ONE, do="secret", clientSecret="s3cret-two").headers["location"].endswith("provider-secret")
    assert send(anna, ONE, do="add-domain", domain="corp.example").status_code == 303
    assert send(anna, ONE, do="add-domain", domain="corp.example").status_code == 422
    page = anna.get(ONE).text
    assert "not confirmed yet" in page
    domain = re.search(r'name="domainId" value="([^"]+)"', page)
    assert domain is not None
    assert send(anna, ONE, do="remove-domain", domainId=domain.group(1)).status_code == 303
    send(bert, ONE, do="activate", version=version(bert))
    assert send(anna, ONE, do="disable").headers["location"].endswith("provider-disable")
    assert "Sign in with" not in site.client().get("/sign-in/SECRET-A").text


def test_who_may_only_read_sees_no_form_and_others_see_nothing(site: IdentitySite) -> None:
    send(site.client("anna"), HOME, **FORM)
    auditor = site.client("audra", "INTERNAL_AUDIT")
    page = auditor.get(ONE).text
    assert "corp" in page and 'value="save"' not in page and 'name="clientSecret"' not in page
    form = {"csrf": token(page), "do": "disable"}
    assert auditor.post(ONE, data=form).status_code == 403
    assert site.client("hans", "HQ_DIRECTOR").get(HOME).status_code == 403
    assert site.client("anna").get(f"{HOME}/nothing").status_code == 404
    assert site.client().get(HOME).headers["location"].startswith("/sign-in")


def test_a_change_wants_a_fresh_proof_of_who_it_is(site: IdentitySite) -> None:
    long_ago = SetClock(SYSTEM_CLOCK.now() - timedelta(minutes=30))
    anna = site.client("anna", clock=long_ago)
    answer = send(anna, HOME, **FORM)
    assert (answer.status_code, answer.headers["location"]) == (303, "/account/prove?next=%2Fsettings%2Fidentity")
    assert ONE not in anna.get(HOME).text


def test_a_form_of_another_session_changes_nothing(site: IdentitySite) -> None:
    anna, bert = site.client("anna"), site.client("bert")
    stolen = token(anna.get(HOME).text)
    assert bert.post(HOME, data=FORM | {"csrf": stolen}).status_code == 403

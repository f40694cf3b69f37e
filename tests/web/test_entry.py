"""The ways to a sign-in: a work address leads to its company, a group's page shows its providers, and nothing else is told."""

import re
from collections.abc import Iterator
from uuid import UUID

import pytest
from starlette.testclient import TestClient

from forecourt.domain.accounts import providers
from tests.conftest import World
from tests.domain.accounts.conftest import clear
from tests.domain.accounts.office import Office
from tests.web.identity_site import IdentitySite, make_site

DOMAIN = "corp.example"


@pytest.fixture(scope="module")
def site(world: World) -> Iterator[IdentitySite]:
    made = make_site(world)
    with TestClient(made.app):
        clear(world)
        yield made
        clear(world)


@pytest.fixture(scope="module")
def provider(site: IdentitySite) -> UUID:
    """An active provider of group a, with a confirmed domain."""

    async def make(office: Office) -> UUID:
        return await office.provider(code="corp", domain=DOMAIN)

    return site.rows(make)


def ask(site: IdentitySite, email: str, back: str = "/") -> tuple[int, str]:
    answer = site.client().post("/sign-in/company", data={"email": email, "next": back})
    return answer.status_code, answer.text


def test_a_work_address_leads_to_the_companys_sign_in(site: IdentitySite, provider: UUID) -> None:
    status, page = ask(site, "Li.Lei@CORP.example", "/me/2026-09")
    assert status == 200
    assert "0; url=/sign-in/sso/SECRET-A/corp?next=%2Fme%2F2026-09" in page
    assert "li.lei" not in page.lower()


def test_any_other_address_shows_the_form_whether_somebody_has_it_or_not(site: IdentitySite, provider: UUID) -> None:
    async def account(office: Office) -> UUID:
        return await office.account(email="known@elsewhere.example", password=True)

    site.rows(account)
    pages = set()
    for email in ("known@elsewhere.example", "nobody@elsewhere.example", "not an address", "x@" + "y" * 300):
        status, page = ask(site, email)
        assert status == 200 and "No company sign-in is known for this address" in page
        pages.add(re.sub(r'value="[^"]*"', "", page))
    assert len(pages) == 1


def test_a_redirect_leads_to_this_host_only(site: IdentitySite, provider: UUID) -> None:
    for back in ("https://evil.example", "//evil.example", "/\\evil.example"):
        assert "evil" not in ask(site, f"li@{DOMAIN}", back)[1]
        page = site.client().get("/sign-in/SECRET-A", params={"next": back}).text
        assert 'href="/sign-in/sso/SECRET-A/corp"' in page


def test_a_groups_page_shows_its_providers_and_others_the_plain_form(site: IdentitySite, provider: UUID) -> None:
    page = site.client().get("/sign-in/SECRET-A?next=/months/2026-09").text
    assert 'href="/sign-in/sso/SECRET-A/corp?next=%2Fmonths%2F2026-09"' in page
    assert 'name="password"' in page
    plain = site.client().get("/sign-in").text
    for code in ("SECRET-B", "NO-SUCH", "x" * 300, "%00", "客户"):
        answer = site.client().get(f"/sign-in/{code}")
        assert answer.status_code == 200
        assert _form(answer.text) == _form(plain)


def _form(page: str) -> str:
    """The page without the address that the language form comes back to."""
    return re.sub(r'name="next" value="[^"]*"', "", page)


def test_a_domain_that_is_not_confirmed_leads_nowhere(site: IdentitySite, world: World) -> None:
    async def make(office: Office) -> UUID:
        made = await office.provider(code="waits")
        async with office.work(office.admin()) as work:
            await providers.add_domain(work, made, domain="waits.example")
        return made

    made = site.rows(make)
    assert "No company sign-in is known" in ask(site, "li@waits.example")[1]
    site.confirm(made, "waits.example")
    assert "/sign-in/sso/SECRET-A/waits" in ask(site, "li@waits.example")[1]


def test_whoever_tries_many_addresses_has_to_wait(site: IdentitySite, provider: UUID) -> None:
    answers = {site.client().post("/sign-in/company", data={"email": "a@b.example"}).status_code for _ in range(90)}
    assert answers == {200, 429}

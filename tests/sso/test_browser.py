"""Signing in with the certified provider in a real browser: the policy of our pages, cookies across sites, logout, both languages."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from forecourt.auth.web_sessions import COOKIE
from forecourt.web.sso import TRANSACTION_COOKIE
from tests.conftest import World
from tests.needs import NEEDS
from tests.sso.conftest import Installation, installed
from tests.sso.providers import CERTIFIED, node_problem
from tests.web.test_browser import FLAGS, violations

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def installation(world: World) -> Iterator[Installation]:
    """With the certified provider, which keeps sessions of its own."""
    if (problem := node_problem()) is not None:
        pytest.skip(f"NOT TESTED in a browser: {problem}")
    with installed(world, CERTIFIED) as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's chromium."""
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=NEEDS["browser"][0], args=FLAGS)
        yield made
        made.close()


@pytest.fixture(params=["zh-CN", "en"])
def context(browser: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    """A browser profile of somebody who reads one of the two languages."""
    made = browser.new_context(locale=request.param, viewport={"width": 1280, "height": 800})
    yield made
    made.close()


def picture(page: Page, name: str) -> None:
    """Keep a picture in the folder that FORECOURT_PICTURES names, if it names one."""
    folder = os.environ.get("FORECOURT_PICTURES")
    if folder:
        language = page.locator("html").get_attribute("lang")
        page.screenshot(path=Path(folder) / f"{name}-{language}.png")


def sign_in(page: Page, installation: Installation, who: str = "lilei", code: str = "corp") -> list[str]:
    """Through the question, the provider's pages, and back; what the browser complained about on our pages."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if installation.url in page.url else None)
    page.goto(installation.start(code=code, next="/account"))
    assert violations(page) == []
    picture(page, "ask")
    page.click("button.primary")
    page.wait_for_url(f"{installation.provider.issuer}/**")
    if page.locator("input[name=login]").count():
        page.fill("input[name=login]", who)
        page.fill("input[name=password]", "x")
        page.click("button.login-submit")
    page.locator("input[name=prompt][value=consent]").wait_for(state="attached")
    page.click("button.login-submit")
    page.wait_for_url(f"{installation.url}/**")
    return [text for text in complaints if "403" not in text and "400" not in text]


def test_somebody_signs_in_and_out_everywhere(context: BrowserContext, installation: Installation) -> None:
    page = context.new_page()
    complaints = sign_in(page, installation)
    page.wait_for_url("**/account")
    assert page.locator("text=李雷").first.is_visible()
    ours = {item["name"]: item for item in context.cookies(installation.url)}
    session = ours[COOKIE]
    assert session["secure"] and session["httpOnly"] and session["sameSite"] == "Lax"
    assert TRANSACTION_COOKIE not in ours
    page.click("form[action='/sign-out'] button")
    page.wait_for_url(f"{installation.provider.issuer}/**")
    page.click("button[value=yes]")
    page.wait_for_url("**/sso/signed-out**")
    both = {"zh-CN": "已在本系统和集团登录系统中退出。", "en": "Here and at the sign-in of your group."}
    assert page.locator(f"text={both[str(page.locator('html').get_attribute('lang'))]}").is_visible()
    assert violations(page) == []
    picture(page, "signed-out")
    assert COOKIE not in {item["name"] for item in context.cookies(installation.url)}
    page.goto(f"{installation.url}/account")
    assert "/sign-in" in page.url
    assert complaints == []


def test_signing_out_at_the_provider_ends_the_session_here(context: BrowserContext, installation: Installation) -> None:
    page, other = context.new_page(), context.new_page()
    sign_in(page, installation)
    page.wait_for_url("**/account")
    other.goto(f"{installation.provider.issuer}/session/end")
    other.click("button[value=yes]")
    other.wait_for_load_state()
    page.reload()
    assert "/sign-in?next=" in page.url


def test_who_has_no_account_reads_why(context: BrowserContext, installation: Installation) -> None:
    page = context.new_page()
    sign_in(page, installation, "stranger", code="strict")
    words = {"zh-CN": "您在这里还没有账号", "en": "You have no account here yet"}
    assert page.locator("h1").inner_text() == words[str(page.locator("html").get_attribute("lang"))]
    assert page.locator("code").first.inner_text() == "SSO-NO_ACCOUNT"
    assert violations(page) == []
    picture(page, "no-account")
    page.click("a.button")
    page.wait_for_url(f"{installation.provider.issuer}/**")
    assert page.locator("input[name=login]").is_visible()  # asked anew


def test_a_page_of_another_site_signs_nobody_in(context: BrowserContext, installation: Installation) -> None:
    """A link, a form and an image elsewhere: the first asks, the others do nothing."""
    page = context.new_page()
    start = installation.start()

    def serve(body: str) -> None:
        context.route("http://evil.test/*", lambda route: route.fulfill(body=body, content_type="text/html"))
        page.goto("http://evil.test/")

    serve(f"<a href='{start}'>x</a>")
    page.click("a")
    page.locator("form[action^='/sign-in/sso/']").wait_for()
    serve(f"<form method=post action='{start}'><button>x</button></form>")
    page.click("button")
    page.wait_for_url(f"{installation.url}/**")
    assert page.locator("form[action^='/sign-in/sso/']").count() == 0
    names = {item["name"] for item in context.cookies(installation.url)}
    assert not names & {COOKIE, TRANSACTION_COOKIE}


def test_new_keys_of_the_provider_are_found(
    browser: Browser, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys are looked at again at most every half minute; here at once, so as not to wait."""
    monkeypatch.setattr("forecourt.auth.oidc.documents.KEYS_INTERVAL", timedelta(0))
    for change in (False, True):
        if change:
            installation.provider.change_keys()
        context = browser.new_context(locale="en")
        page = context.new_page()
        sign_in(page, installation)
        page.wait_for_url("**/account")
        context.close()

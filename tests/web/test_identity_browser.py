"""Company sign-in in a real browser: an administrator connects a provider we did not write, and people find the way to it."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from forecourt.app import build_app
from forecourt.auth.web_sessions import COOKIE
from forecourt.web.language import COOKIE as LANGUAGE
from tests.conftest import World
from tests.domain.accounts.conftest import clear
from tests.needs import NEEDS
from tests.web.identity_site import IdentitySite
from tests.web.test_browser import AXE, FLAGS

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:authlib.jose"),
]

DOMAIN = "browser.example"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=NEEDS["browser"][0], args=FLAGS)
        yield made
        made.close()


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """A running provider that we did not write."""
    from oidc_provider_mock import run_server_in_thread  # type: ignore[import-untyped]  # it has no types

    with run_server_in_thread() as server:
        yield f"http://127.0.0.1:{server.server_port}"


class Town:
    """The site on a loopback port."""

    def __init__(self, site: IdentitySite, url: str) -> None:
        self.site, self.url = site, url

    def enter(self, browser: Browser, who: str, language: str = "en", **options: Any) -> tuple[BrowserContext, Page]:
        """A browser in which somebody has just signed in."""
        context = browser.new_context(locale="en", reduced_motion="reduce", **options)
        host: Any = {"domain": "127.0.0.1", "path": "/", "secure": True, "httpOnly": True, "sameSite": "Lax"}
        cookies: list[Any] = [{"name": LANGUAGE, "value": language, **host}]
        if who:
            cookies.append({"name": COOKIE, "value": self.site.cookie(who), **host})
        context.add_cookies(cookies)
        return context, context.new_page()


@pytest.fixture(scope="module")
def town(world: World) -> Iterator[Town]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    settings = world.database.settings.model_copy(update={"outgoing_loopback": True, "public_url": url})
    app = build_app(world.server, settings)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    clear(world)
    thread.start()
    for _ in range(400):
        if server.started:
            break
        time.sleep(0.05)
    yield Town(IdentitySite(world, app), url)
    server.should_exit = True
    thread.join(10)
    clear(world)


def violations(page: Page) -> list[Any]:
    """What axe finds wrong; injected by the debugger, because the page's policy allows no script of ours."""
    page.evaluate("document.querySelectorAll('details').forEach(item => { item.open = true })")
    session = page.context.new_cdp_session(page)
    session.send("Runtime.evaluate", {"expression": AXE})
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [(item["id"], [node["target"] for node in item["nodes"]][:3]) for item in found]


def test_an_administrator_connects_a_provider_and_people_find_it(
    browser: Browser, town: Town, issuer: str, tmp_path: Path
) -> None:
    complaints: list[str] = []
    context, page = town.enter(browser, "anna")
    page.on("console", lambda message: complaints.append(message.text) if "422" not in message.text else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{town.url}/settings/identity")
    assert violations(page) == []
    for name, value in {
        "code": "corp",
        "issuer": f"{issuer}/",
        "clientId": "forecourt",
        "clientSecret": "s3cret-browser",
        "name": "云驰集团",
        "roleRules": "groups = fc-{store}-advisor -> SERVICE_ADVISOR @ {store}",
    }.items():
        page.fill(f"[name={name}]", value)
    page.check("[name=createsAccounts]")
    page.click("text=Make a draft")
    page.wait_for_url("**/settings/identity/corp*")
    page.click("button[value=test]")
    assert page.locator(f"text=The issuer differs by a slash at its end alone: write {issuer}.").is_visible()
    assert violations(page) == []
    page.goto(f"{town.url}/settings/identity/corp")
    page.fill("#f-issuer", issuer)
    page.click("button[value=save]")
    page.wait_for_url("**done=provider-save")
    page.click("button[value=test]")
    assert page.locator("text=The provider knows the client id, and accepts the secret.").is_visible()
    assert page.locator(".severity-error").count() == 0
    page.screenshot(path=tmp_path / "findings.png", full_page=True)
    page.goto(f"{town.url}/settings/identity/corp")
    page.fill("#f-domain", DOMAIN)
    page.click("button[value=add-domain]")
    page.wait_for_url("**done=provider-add-domain")
    assert page.locator("button[value=activate]").count() == 0
    context.close()

    for scheme, width, language in (("light", 1280, "zh-CN"), ("dark", 390, "en")):
        context, page = town.enter(
            browser, "bert", language, color_scheme=scheme, viewport={"width": width, "height": 900}
        )
        page.on("console", lambda message: complaints.append(message.text))
        for path in ("/settings/identity", "/settings/identity/corp"):
            page.goto(town.url + path)
            assert violations(page) == [], (path, scheme)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (path, scheme)
            page.screenshot(path=tmp_path / f"{scheme}{path.replace('/', '-')}.png", full_page=True)
        if page.locator("button[value=activate]").count():
            page.click("button[value=activate]")
            page.wait_for_url("**done=provider-activate")
        context.close()

    provider = town.site.rows(lambda office: office.only())
    town.site.confirm(provider, DOMAIN)
    context, page = town.enter(browser, "")
    ours = complaints.append  # the provider's own page may complain about itself
    page.on("console", lambda one: ours(one.text) if one.location["url"].startswith(town.url) else None)
    page.goto(f"{town.url}/sign-in/SECRET-A")
    assert violations(page) == []
    assert page.locator("text=Sign in with 云驰集团").is_visible()
    page.screenshot(path=tmp_path / "sign-in-group.png")
    page.goto(f"{town.url}/sign-in")
    assert violations(page) == []
    page.screenshot(path=tmp_path / "sign-in.png")
    page.fill("#email", f"li.lei@{DOMAIN}")
    page.click("text=To your company's sign-in")
    page.wait_for_url(f"{issuer}/**", timeout=15_000)
    page.fill("input[name=sub]", "li.lei")
    page.click("button:has-text('Authorize')")
    page.wait_for_url(f"{town.url}/**", timeout=15_000)
    assert any(cookie["name"] == COOKIE for cookie in context.cookies())
    context.close()
    assert complaints == []


def test_the_way_works_without_script(browser: Browser, town: Town) -> None:
    context, page = town.enter(browser, "", java_script_enabled=False)
    page.goto(f"{town.url}/sign-in")
    page.fill("#email", "somebody@unknown.example")
    page.click("text=To your company's sign-in")
    assert page.locator("text=No company sign-in is known for this address.").is_visible()
    assert page.locator("#name").input_value() == "somebody@unknown.example"
    context.close()

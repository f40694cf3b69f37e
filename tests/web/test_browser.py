"""The pages in a real browser: signing in over plain http on loopback, the strict policy, axe, narrow screens, no script."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from forecourt.auth.web_sessions import COOKIE
from tests.needs import NEEDS
from tests.web.conftest import Served
from tests.web.fake import PASSWORD
from tests.web.fake_rows import MONTH

pytestmark = pytest.mark.browser

CHROMIUM = NEEDS["browser"][0]
AXE = (Path(__file__).parent / "axe.min.js").read_text(encoding="utf-8")
GROUP, STORE, OWN = f"/months/{MONTH}", f"/stores/HX01/months/{MONTH}", f"/me/{MONTH}"
PAGES = {
    "hq": [GROUP, f"{GROUP}?kpi=S03_SERVICE", "/months/2026-01", "/no-such-page"],
    "gm": [STORE, f"{STORE}/kpis/S01"],
    "seller": [OWN],
}
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's chromium."""
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield made
        made.close()


def enter(context: BrowserContext, served: Served, who: str, language: str) -> Page:
    """A page on which somebody has signed in and chosen a language, by hand."""
    page = context.new_page()
    page.goto(f"{served.url}/sign-in")
    page.fill("#name", who)
    page.fill("#password", PASSWORD)
    page.click("button.primary")
    page.wait_for_url("**/2026-09*")
    if page.locator("html").get_attribute("lang") != language:
        page.click("form[action='/language'] button")
    assert page.locator("html").get_attribute("lang") == language
    return page


def violations(page: Page) -> list[Any]:
    """What axe finds wrong; injected by the debugger, because the page's policy allows no script of ours."""
    session = page.context.new_cdp_session(page)
    session.send("Runtime.evaluate", {"expression": AXE})
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [(item["id"], [node["target"] for node in item["nodes"]][:3]) for item in found]


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("who", PAGES)
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_pages_are_accessible_and_fit(
    browser: Browser, served: Served, who: str, language: str, width: int, scheme: Any
) -> None:
    served.desk.run_state = "PUBLISHED"
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, locale="en", reduced_motion="reduce"
    )
    complaints: list[str] = []
    page = enter(context, served, who, language)
    page.on("console", lambda message: complaints.append(message.text) if "404" not in message.text else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    for path in PAGES[who]:
        page.goto(served.url + path)
        page.evaluate("document.querySelectorAll('details').forEach(item => { item.open = true })")
        assert violations(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    context.close()
    assert complaints == []


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_the_sign_in_page_is_accessible_also_with_a_problem(browser: Browser, served: Served, language: str) -> None:
    context = browser.new_context(locale=language)
    page = context.new_page()
    page.goto(f"{served.url}/sign-in")
    assert page.locator("html").get_attribute("lang") == language
    assert violations(page) == []
    page.fill("#name", "gm")
    page.fill("#password", "wrong")
    page.click("button.primary")
    assert page.locator("[role=alert]").is_visible()
    assert violations(page) == []
    served.desk.failures = 0
    context.close()


def test_chromium_keeps_the_host_cookie_on_loopback_without_tls(browser: Browser, served: Served) -> None:
    context = browser.new_context(locale="en")
    enter(context, served, "hq", "zh-CN")
    cookie = next(item for item in context.cookies() if item["name"] == COOKIE)
    assert cookie["secure"] and cookie["httpOnly"] and cookie["path"] == "/" and cookie["sameSite"] == "Lax"
    context.close()


def test_everything_works_without_script(browser: Browser, served: Served) -> None:
    served.desk.run_state = "REVIEW"
    context = browser.new_context(java_script_enabled=False, locale="en")
    page = enter(context, served, "gm", "en")
    page.click("button.primary")
    assert page.locator(".note.good").is_visible()
    page.select_option("select[name=kpi]", "S02")
    page.click(".picker button")
    assert "kpi=S02" in page.url
    page.click("form[action='/sign-out'] button")
    assert page.locator("text=You are signed out.").is_visible()
    context.close()


def test_the_progress_of_a_close_is_shown_as_it_happens(browser: Browser, served: Served) -> None:
    """By the event stream: nobody asks for it, and nothing breaks the page's policy."""
    served.desk.close_state = "RUNNING"
    context = browser.new_context(locale="en")
    page = enter(context, served, "hq", "en")
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    assert page.locator("#progress progress").get_attribute("value") == "6"
    page.wait_for_timeout(3_500)  # the page would have asked by now
    assert "close_progress" not in [name for name, _, _ in served.desk.asked]
    served.desk.close_state = "DONE"
    page.wait_for_selector("text=The close is finished.", timeout=2_000)
    page.click("text=Show the result")
    assert page.locator("svg.funnel.wide").is_visible()
    assert said == []
    context.close()


def test_the_progress_of_a_close_refreshes_itself_without_an_event_stream(browser: Browser, served: Served) -> None:
    served.desk.close_state = "RUNNING"
    context = browser.new_context(locale="en")
    context.route("**/live", lambda route: route.abort())
    page = enter(context, served, "hq", "en")
    assert page.locator("#progress progress").get_attribute("value") == "6"
    served.desk.close_state = "DONE"
    page.wait_for_selector("text=The close is finished.", timeout=10_000)
    assert "close_progress" in [name for name, _, _ in served.desk.asked]
    context.close()


def test_the_stream_of_a_page_ends_with_its_session(browser: Browser, served: Served) -> None:
    served.desk.close_state = "RUNNING"
    context = browser.new_context(locale="en")
    page = enter(context, served, "hq", "en")
    with page.expect_response("**/live") as answered:
        page.reload()
    assert answered.value.headers["content-type"].startswith("text/event-stream")
    served.desk.sessions.clear()
    with page.expect_response("**/live", timeout=15_000) as again:
        pass
    assert again.value.status == 303
    context.close()
    served.desk.close_state = "DONE"


def test_a_form_on_another_site_changes_nothing(browser: Browser, served: Served) -> None:
    context = browser.new_context(locale="en")
    enter(context, served, "hq", "en")
    before = dict(served.desk.sessions)
    page = context.new_page()
    # the same server under another name is another site to the browser
    page.goto(served.url.replace("127.0.0.1", "localhost") + "/sign-in")
    page.route("**/forged", lambda route: route.fulfill(content_type="text/html", body=FORGED % served.url))
    page.goto(served.url.replace("127.0.0.1", "localhost") + "/forged")
    page.click("button")
    assert page.locator("h1").inner_text() == "You may not do this"
    assert served.desk.sessions == before
    context.close()


FORGED = "<form method=post action='%s/sign-out'><button>win a car</button></form>"


def test_the_skip_link_is_the_first_stop_of_the_keyboard(browser: Browser, served: Served) -> None:
    context = browser.new_context(locale="en")
    page = enter(context, served, "hq", "en")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    context.close()

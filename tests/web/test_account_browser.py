"""The account pages in a real browser over the real application: nothing against the policy, axe clean, on narrow screens."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from forecourt.web import account_desk
from tests.conftest import World
from tests.needs import NEEDS
from tests.web.site import PASSWORD, Site, cheap_passwords, code_of, link_in, served_site
from tests.web.test_browser import FLAGS, violations

pytestmark = pytest.mark.browser

NEW = "seven loud geese paint"
#: Set it to a folder to look at the pages.
SHOTS = os.environ.get("FORECOURT_TEST_SHOTS")
SCREENS = [(1280, "light", "en"), (390, "dark", "zh-CN")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=NEEDS["browser"][0], args=FLAGS)
        yield made
        made.close()


class Look:
    """A browser window that is checked at every page."""

    def __init__(self, browser: Browser, url: str, width: int, scheme: Any, language: str) -> None:
        self.url, self.width, self.language = url, width, language
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, locale=language, reduced_motion="reduce"
        )
        self.complaints: list[str] = []
        self.page: Page = self.context.new_page()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _console(self, message: Any) -> None:
        # Chromium reports every answer of 4xx as an error of the page.
        if "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def go(self, path: str) -> None:
        self.page.goto(self.url + path)

    def fine(self, name: str) -> None:
        """The present page is accessible, fits, and broke no rule of the policy."""
        assert violations(self.page) == [], name
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        assert self.complaints == [], name
        assert self.page.locator("html").get_attribute("lang") == self.language
        if SHOTS:
            self.page.screenshot(path=f"{SHOTS}/{name}-{self.width}.png", full_page=True)

    def submit(self) -> None:
        self.page.click("main form.stack button.primary")

    def fill(self, **values: str) -> None:
        for name, value in values.items():
            self.page.fill(f"#{name}", value)


@pytest.mark.parametrize(("width", "scheme", "language"), SCREENS)
def test_from_a_forgotten_password_to_a_second_factor_and_out_again(
    browser: Browser,
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    width: int,
    scheme: str,
    language: str,
) -> None:
    monkeypatch.setattr(account_desk, "FORGOT_SECONDS", 0.2)
    with cheap_passwords():
        site = Site(world, tmp_path)
        site.sql("delete from control.sign_in_attempt")
        name, _ = site.account(language=language)
        with served_site(site) as url:
            look = Look(browser, url, width, scheme, language)
            page = look.page

            look.go("/sign-in")
            look.fine("sign-in")
            page.click("a[href='/forgot']")
            look.fine("forgot")
            look.fill(name=name)
            look.submit()
            page.wait_for_selector(".note.good")
            look.fine("forgot-sent")
            [letter] = site.letters(1)
            look.go(link_in(letter))
            look.fine("choose")
            look.fill(password="password1234", again="password1234")
            look.submit()
            expect(page.locator("[role=alert]")).to_be_visible()
            look.fine("choose-weak")
            look.fill(password=NEW, again=NEW)
            look.submit()
            page.wait_for_url("**/sign-in?done=password")
            look.fine("sign-in-after")
            look.go(link_in(letter))
            look.fine("link-over")

            look.go("/sign-in?next=/account")
            look.fill(name=name, password=NEW)
            look.submit()
            page.wait_for_url("**/account")
            look.fine("account")
            page.click("form[action='/account/second-factor/begin'] button")
            page.wait_for_url("**/account/second-factor")
            assert page.locator(".qr svg").bounding_box()["width"] > 150  # type: ignore[index]
            look.fine("factor")
            seed = page.inner_text("#key").replace(" ", "")
            look.fill(code="000000")
            look.submit()
            expect(page.locator("[role=alert]")).to_be_visible()
            look.fine("factor-wrong")
            look.fill(code=code_of(seed))
            look.submit()
            page.wait_for_selector(".codes")
            look.fine("codes")
            codes = page.locator(".codes code").all_inner_texts()
            assert len(set(codes)) == 10
            page.click("main a.button")
            page.wait_for_url("**/account")
            look.fine("account-with-factor")

            page.click("form[action='/sign-out'] button")
            page.wait_for_url("**/sign-in?done=signed-out")
            look.fill(name=name, password=NEW)
            look.submit()
            page.wait_for_url("**/sign-in/code**")
            look.fine("code")
            look.fill(code="000000")
            look.submit()
            expect(page.locator("[role=alert]")).to_be_visible()
            look.fine("code-wrong")
            look.fill(code=code_of(seed, 1))
            look.submit()
            page.wait_for_url(lambda found: "/sign-in" not in found)

            site.sql("update control.web_session set proved_at = proved_at - interval '11 minutes'")
            look.go("/account")
            page.click("a[href='/account/password']")
            page.wait_for_url("**/account/prove**")
            look.fine("prove")
            look.fill(password=NEW, code=codes[0])
            look.submit()
            page.wait_for_url("**/account/password")
            look.fine("password")
            look.fill(current=NEW, password=PASSWORD, again=PASSWORD)
            look.submit()
            page.wait_for_url("**/account?done=password")
            look.fine("account-after-password")
            page.click("form[action='/account/second-factor/remove'] button")
            page.wait_for_url("**/account?done=factor-removed")
            look.fine("account-after-removal")
            other = "en" if language == "zh-CN" else "zh-CN"
            page.click(f"form[action='/account/language'] button[value='{other}']")
            page.wait_for_url("**/account?done=language")
            assert page.locator("html").get_attribute("lang") == other
            look.context.close()
        assert len(site.letters()) == 5


def test_everything_works_without_script_and_a_policy_asks_for_a_device(
    browser: Browser, world: World, tmp_path: Path
) -> None:
    with cheap_passwords():
        site = Site(world, tmp_path)
        site.sql("delete from control.sign_in_attempt")
        name, _ = site.account()
        site.require_second_factor(True)
        try:
            with served_site(site) as url:
                context = browser.new_context(java_script_enabled=False, locale="en")
                page = context.new_page()
                page.goto(f"{url}/sign-in?next=/account")
                page.fill("#name", name)
                page.fill("#password", PASSWORD)
                page.click("main button.primary")
                page.wait_for_url("**/sign-in/enrol**")
                page.fill("#code", code_of(page.inner_text("#key").replace(" ", "")))
                page.click("main button.primary")
                page.click("text=I have kept them: go on")
                assert "Password and code" in page.inner_text("main")
                context.close()
        finally:
            site.require_second_factor(False)

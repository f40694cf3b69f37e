"""The real application over the test server, with administrators of group a whose sessions are already open."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from starlette.applications import Starlette
from starlette.testclient import TestClient

from forecourt.app import build_app
from forecourt.auth.oidc.providers import confirm_domain
from forecourt.auth.web_sessions import COOKIE, open_session
from forecourt.clock import SYSTEM_CLOCK, Clock, SetClock
from forecourt.domain.work import Platform
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.session import control_session
from forecourt.web.language import COOKIE as LANGUAGE
from tests.conftest import World
from tests.domain.accounts.office import Office

T = TypeVar("T")
HEADERS = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html", "Accept-Language": "en"}


@dataclass
class IdentitySite:
    """The site. Tests of browsers have no event loop of their own, so what touches rows runs in one made for it."""

    world: World
    app: Starlette
    people: dict[str, UUID] = field(default_factory=dict)

    def rows(self, what: Callable[[Office], Awaitable[T]]) -> T:
        """Do something to the rows of group a."""

        async def run() -> T:
            engines = Engines(self.world.server, self.world.database.settings)
            now = SYSTEM_CLOCK.now()
            try:
                platform = Platform(engines, SYSTEM_CLOCK)
                return await what(Office(self.world, platform, SetClock(now), self.world.groups["a"]))
            finally:
                await engines.aclose()

        # In a thread of its own: who drives a browser has a loop running in theirs.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(lambda: asyncio.run(run())).result()

    def cookie(self, name: str, role: str = "GROUP_ADMIN", *, clock: Clock = SYSTEM_CLOCK) -> str:
        """The cookie of somebody who has just signed in."""
        if name not in self.people:
            self.people[name] = self.rows(lambda office: office.account((role, None)))
        account = self.people[name]

        async def session(office: Office) -> str:
            async with control_session(office.platform.engines) as session:
                return (await open_session(session, account, clock=clock)).cookie

        return self.rows(session)

    def client(self, name: str | None = None, role: str = "GROUP_ADMIN", *, clock: Clock = SYSTEM_CLOCK) -> TestClient:
        """A browser, signed in as somebody."""
        made = TestClient(self.app, base_url="https://testserver", headers=HEADERS, follow_redirects=False)
        made.cookies.set(LANGUAGE, "en", domain="testserver.local", path="/")
        if name is not None:
            made.cookies.set(COOKIE, self.cookie(name, role, clock=clock), domain="testserver.local", path="/")
        return made

    def confirm(self, provider_id: UUID, domain: str) -> None:
        """What the operator does."""

        async def confirmed(office: Office) -> None:
            async with control_session(office.platform.engines) as session:
                assert await confirm_domain(session, provider_id, domain, now=SYSTEM_CLOCK.now())

        self.rows(confirmed)


def make_site(world: World) -> IdentitySite:
    """The application as it is served, with loopback allowed for providers."""
    settings = world.database.settings.model_copy(update={"outgoing_loopback": True})
    return IdentitySite(world, build_app(world.server, settings))


def token(text: str) -> str:
    """The form token of a page."""
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', text)
    assert found is not None
    return found.group(1)

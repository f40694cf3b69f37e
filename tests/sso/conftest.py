"""The whole application on a loopback port, two groups, and an identity provider that somebody else wrote."""

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import pytest
import uvicorn

from forecourt.app import build_app
from forecourt.auth.actor import Actor, Membership
from forecourt.auth.oidc.config import SIGNED_OUT_PATH, backchannel_path, callback_path, start_path
from forecourt.domain.accounts import providers
from forecourt.domain.work import Platform, open_group_work
from forecourt.settings import Settings
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.ids import new_id
from tests.conftest import World
from tests.needs import NOTE
from tests.sso.person import Person
from tests.sso.providers import CERTIFIED, MOCK, RunningProvider, free_port, node_problem, running

SECRET = "s3cret+/ %:-and-long-enough-for-anybody"


def people(issuer: str) -> dict[str, dict[str, object]]:
    """Who the provider knows. Addresses are its own: who has an account from another provider gets no second one."""
    domain = f"corp-{issuer.rpartition(':')[2]}.example"
    return {
        "lilei": {
            "email": f"lilei@{domain}",
            "email_verified": True,
            "name": "李雷",
            "groups": ["hq"],
            "employee_no": "E001",
        },
        "stranger": {"email": f"x@{domain}", "email_verified": True, "name": '<b onclick="x">', "groups": []},
        "newcomer": {"email": f"new@{domain}", "email_verified": True, "name": "Zoé", "groups": []},
    }


RULES = ({"claim": "groups", "equals": "hq", "role": "GROUP_ADMIN"},)
CODES = {"corp": True, "strict": False}  # whether an account is made for who has none


@dataclass
class Installation:
    """Forecourt at `url`, and the provider that its groups a and b use."""

    world: World
    settings: Settings
    url: str
    provider: RunningProvider
    ids: dict[tuple[str, str], UUID]

    def group(self, letter: str = "a") -> str:
        """A group's code."""
        return self.world.groups[letter].code

    def code(self, code: str = "corp") -> str:
        """The code of a group's provider."""
        return full_code(code, self.provider.issuer)

    def start(self, *, letter: str = "a", code: str = "corp", **query: str) -> str:
        """Where a sign-in begins."""
        more = "&".join(f"{name}={value}" for name, value in query.items())
        return self.url + start_path(self.group(letter), self.code(code)) + (f"?{more}" if more else "")

    def sign_in(self, person: Person, who: str = "lilei", *, code: str = "corp", **query: str) -> None:
        """By a click on one of our pages, and what the provider asks."""
        person.open(self.start(code=code, **query), site="same-origin")
        self.answer(person, who)

    def answer(self, person: Person, who: str = "lilei") -> None:
        """Answer the provider's questions until it sends the browser back."""
        for _ in range(3):
            if not person.url.startswith(self.provider.issuer):
                return
            names = {name for form in person.forms()[:1] for name in form.fields}
            values = {
                name: value for name, value in {"login": who, "password": "x", "sub": who}.items() if name in names
            }
            person.submit("", **values)
        assert not person.url.startswith(self.provider.issuer), person.page.text


def full_code(code: str, issuer: str) -> str:
    """Several runs' providers stand side by side in one database."""
    return f"{code}-{issuer.rpartition(':')[2]}"


def client_of(url: str, group: str, code: str) -> dict[str, object]:
    """How the provider knows a group's row."""
    return {
        "client_id": f"forecourt-{group}-{code}",
        "client_secret": SECRET,
        "redirect_uris": [url + callback_path(group, code)],
        "post_logout_redirect_uris": [url + SIGNED_OUT_PATH],
        "backchannel_logout_uri": url + backchannel_path(group, code),
        "backchannel_logout_session_required": True,
        "token_endpoint_auth_method": "client_secret_basic",
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "scope": "openid email profile work",
    }


@contextmanager
def served(world: World, settings: Settings, port: int) -> Iterator[None]:
    """The application on a port."""
    app = build_app(world.server, settings)
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", ws="none", log_config=None)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _ in range(200):
        if server.started:
            break
        time.sleep(0.05)
    assert server.started
    yield
    server.should_exit = True
    thread.join(10)


async def connect(world: World, settings: Settings, issuer: str) -> dict[tuple[str, str], UUID]:
    """Rows for both groups, written by one administrator and activated by another."""
    engines = Engines(world.server, settings)
    platform = Platform(engines)
    made: dict[tuple[str, str], UUID] = {}
    for letter, group in world.groups.items():

        def admin(name: str, group_id: UUID = group.id) -> Actor:
            members = (Membership("GROUP_ADMIN", None),)
            return Actor(f"account:{name}", name, group_id, account_id=new_id(), memberships=members)

        for code, creates in CODES.items():
            async with open_group_work(platform, group, admin("anna")) as work:
                made[letter, code] = await providers.add_provider(
                    work,
                    code=full_code(code, issuer),
                    name=f"Corp <{code}> {letter}",
                    issuer=issuer,
                    client=f"forecourt-{group.code}-{full_code(code, issuer)}",
                    secret=SECRET,
                    scopes=("openid", "email", "profile", "work"),
                    role_rules=RULES,
                    creates_accounts=creates,
                )
            async with open_group_work(platform, group, admin("bert")) as work:
                await providers.activate_provider(work, made[letter, code], version=1)
    await engines.aclose()
    return made


@contextmanager
def installed(world: World, kind: str) -> Iterator[Installation]:
    """The application, and a provider of a kind that knows both groups."""
    port, provider_port = free_port(), free_port()
    url, issuer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{provider_port}"
    settings = world.database.settings.model_copy(update={"public_url": url, "outgoing_loopback": True})
    clients = [client_of(url, group.code, full_code(code, issuer)) for group in world.groups.values() for code in CODES]
    with ThreadPoolExecutor(1) as pool:  # whoever drives a browser has a loop of their own already
        ids = pool.submit(lambda: asyncio.run(connect(world, settings, issuer))).result()
    with running(kind, provider_port, clients, people(issuer)) as provider, served(world, settings, port):
        yield Installation(world, settings, url, provider, ids)


@pytest.fixture(scope="module", params=[CERTIFIED, MOCK])
def installation(request: pytest.FixtureRequest, world: World) -> Iterator[Installation]:
    """With each of the two providers. Without node, the certified one is left out, loudly."""
    if request.param == CERTIFIED and (problem := node_problem()) is not None:
        pytest.skip(f"NOT TESTED with the certified provider: {problem}")
    with installed(world, request.param) as made:
        yield made


@pytest.fixture(autouse=True)
def _told(request: pytest.FixtureRequest) -> None:
    """The end of the run says with which provider the tests signed in."""
    if "installation" in request.fixturenames:
        provider = request.getfixturevalue("installation").provider
        request.node.user_properties.append((NOTE, f"signed in with {provider.kind} {provider.release}"))

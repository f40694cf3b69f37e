"""The real application over the real database, for pages that take secrets: accounts, letters in a folder, the clock."""

import asyncio
import json
import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast
from unittest.mock import patch
from uuid import UUID

import argon2
import pyotp
import uvicorn
from starlette.applications import Starlette
from starlette.testclient import TestClient

from forecourt.app import build_app
from forecourt.auth.actor import Actor
from forecourt.auth.passwords import PASSWORDS
from forecourt.composition import without_owner
from forecourt.domain.accounts import actions
from forecourt.domain.work import Platform, open_group_work
from forecourt.jobs import accounts, context
from forecourt.jobs.broker import PostgresBroker
from forecourt.jobs.channels import FileChannel
from forecourt.jobs.context import JobContext
from forecourt.jobs.middleware import RunningJob
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.ids import new_id
from forecourt.tenancy.provision import owner_connection
from tests.conftest import World

T = TypeVar("T")
PASSWORD = "four quiet horses swim"
HEADERS = {
    "Sec-Fetch-Site": "same-origin",
    "Accept": "text/html",
    "Accept-Language": "en",
    "User-Agent": "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0",
}


class Site:
    """Group a of the world, as its people see it."""

    def __init__(self, world: World, mail: Path) -> None:
        self.world, self.mail, self.group = world, mail, world.groups["a"]
        # Other tests of the run leave letters of theirs in the queue, some of which are forgotten already.
        self.sql("delete from control.job where actor = 'accounts.send_letter'")

    def app(self) -> Starlette:
        """A process of its own: its connections belong to one event loop."""
        return build_app(without_owner(self.world.server), self.world.database.settings)

    def run(self, work: Callable[[Platform], Awaitable[T]]) -> T:
        """Something on a platform of its own."""

        async def inside() -> T:
            engines = Engines(self.world.server, self.world.database.settings)
            try:
                return await work(Platform(engines))
            finally:
                await engines.aclose()

        # In a thread of its own: playwright has a loop running in this one.
        with ThreadPoolExecutor(1) as threads:
            return threads.submit(lambda: asyncio.run(inside())).result()

    def account(
        self, *, password: str | None = PASSWORD, email: bool = True, role: str = "GROUP_ADMIN", language: str = "en"
    ) -> tuple[str, UUID]:
        """Sign-in name and id of a new account."""
        name = f"p{new_id().hex[-12:]}"

        async def make(platform: Platform) -> UUID:
            async with open_group_work(platform, self.group, Actor.for_system("test", self.group.id)) as work:
                address = f"{name}@example.com" if email else None
                made = await actions.create_account(
                    work, name=name, display_name="Wang Fang", email=address, language=language
                )
                await actions.add_membership(work, made, role=role)
                if password is not None:
                    await actions.set_password(work, made, password=password)
                return made

        made = self.run(make)
        self.letters()
        return name, made

    def letters(self, least: int = 0) -> list[dict[str, str]]:
        """Send what waits, each twice as after a crash, and give the letters that arrived.

        ``least``: wait for so many, because a letter of reset is written beside the answer.
        """
        waiting, until = "select count(*) from control.job where actor = 'accounts.send_letter'", time.monotonic() + 20
        while self.sql(waiting)[0][0] < least:
            assert time.monotonic() < until, "the letter was not written"
            time.sleep(0.05)
        rows = self.sql(
            "delete from control.job where actor = 'accounts.send_letter' returning id, actor, group_id, args"
        )

        async def send(platform: Platform) -> None:
            found: dict[str, Callable[..., Awaitable[None]]] = {}

            def declare(_: object, name: str, function: Callable[..., Awaitable[None]], **options: object) -> None:
                found[name] = function

            with patch.object(accounts, "declare", declare):
                channels = {"EMAIL": FileChannel(self.mail)}
                accounts.register(cast(PostgresBroker, None), JobContext(platform), channels)
            for id_, actor, group_id, args in rows:
                assert set(args) == {"letter_id"}
                running = RunningJob(id_, actor, group_id, None, 0)
                with patch.object(context, "running_job", lambda running=running: running):
                    for _ in range(2):
                        await found[actor](group_id=str(group_id), **args)

        self.run(send)
        arrived = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(self.mail.glob("*.json"))]
        for path in self.mail.glob("*.json"):
            path.unlink()
        return arrived

    def sql(self, statement: str, *values: Any) -> list[Any]:
        """Rows, as the owner sees them."""
        with owner_connection(self.world.server) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def require_second_factor(self, required: bool) -> None:
        """The group's policy."""

        async def change(platform: Platform) -> None:
            async with open_group_work(platform, self.group, Actor.for_system("test", self.group.id)) as work:
                await actions.require_second_factor(work, required=required)

        self.run(change)


@contextmanager
def cheap_passwords() -> Iterator[None]:
    """The real algorithm with the least cost: tests prove behaviour, not strength."""
    cheap = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    PASSWORDS.__dict__.pop("_nobody", None)
    with patch.object(PASSWORDS, "_hasher", cheap):
        yield
    PASSWORDS.__dict__.pop("_nobody", None)


def link_in(letter: dict[str, str]) -> str:
    """The path of the link in a letter."""
    [path] = re.findall(r"http\S+(/password/[A-Za-z0-9_-]{43})", letter["text"])
    return str(path)


@contextmanager
def browser_of(site: Site, address: str = "203.0.113.7", **headers: str) -> Iterator[TestClient]:
    """A browser at an address, not signed in."""
    with TestClient(
        site.app(),
        base_url="https://testserver",
        headers=HEADERS | headers,
        follow_redirects=False,
        client=(address, 50000),
    ) as client:
        yield client


@contextmanager
def served_site(site: Site) -> Iterator[str]:
    """The address of the site on a loopback port."""
    server = uvicorn.Server(uvicorn.Config(site.app(), host="127.0.0.1", port=0, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


def csrf(text: str) -> str:
    """The form token of a page."""
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', text)
    assert found is not None, text
    return found.group(1)


def key_in(text: str) -> str:
    """The key of a page that sets a device up."""
    found = re.search(r'id="key">([A-Z2-7 ]+)<', text)
    assert found is not None, text
    return found.group(1).replace(" ", "")


def code_of(seed: str, ahead: int = 0) -> str:
    """The code of now, or of a later step."""
    return pyotp.TOTP(seed).at(int(time.time()), counter_offset=ahead)

"""The whole application on a loopback port, and somebody who may call it."""

import asyncio
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette

from forecourt.app import build_app
from forecourt.auth.actor import Actor
from forecourt.connections import BoundedConnection
from forecourt.domain.accounts import actions
from forecourt.domain.work import Platform, open_group_work
from forecourt.graphql import ids
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.ids import new_id
from tests.conftest import World


class Faults(logging.Handler):
    """Keeps what a process logs as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(logging.Formatter().format(record))


@dataclass(frozen=True)
class Served:
    """An API that listens on a port of this machine, and a token of somebody who reads much and writes little."""

    world: World
    port: int
    token: str
    faults: list[str] = field(repr=False)
    app: Starlette = field(repr=False)

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://127.0.0.1:{self.port}/graphql"

    def store_id(self, code: str) -> str:
        """The global id of a store."""
        return ids.store_id(self.world.stores[code].id)

    def row_id(self, type_: str, code: str = "a1") -> str:
        """A global id of a row that does not exist."""
        return str(ids.GlobalId(type_, self.world.stores[code].id, new_id()))


def token_of(world: World, *roles: tuple[str, str | None]) -> str:
    """A bearer token of somebody of group a with (role, store or None) memberships."""

    async def issue() -> str:
        engines, group = Engines(world.server, world.database.settings), world.groups["a"]
        try:
            async with open_group_work(Platform(engines), group, Actor.for_system("test", group.id)) as work:
                name = f"p{new_id().hex[-12:]}"
                made = await actions.create_account(work, name=name, display_name="Wang Fang", language="en")
                for role, code in roles:
                    store = None if code is None else world.stores[code].id
                    await actions.add_membership(work, made, role=role, store_id=store)
                issued = await actions.issue_token(work, made, label="test", lifetime=timedelta(days=1))
                return issued.clear
        finally:
            await engines.aclose()

    return asyncio.run(issue())


@contextmanager
def serving(world: World, **settings: Any) -> Iterator[Served]:
    """The application as `app.serve` serves it, with some settings of its own."""
    app = build_app(world.server, world.database.settings.model_copy(update=settings))
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host="127.0.0.1",
            port=0,
            access_log=False,
            log_config=None,
            server_header=False,
            http=BoundedConnection,
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    faults = Faults()
    logging.root.addHandler(faults)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.02)
        token = token_of(world, ("CS_AGENT", "a1"), ("HQ_ANALYST", None))
        yield Served(world, server.servers[0].sockets[0].getsockname()[1], token, faults.texts, app)
    finally:
        server.should_exit = True
        thread.join(20)
        logging.root.removeHandler(faults)


@pytest.fixture(scope="module")
def served(world: World) -> Iterator[Served]:
    """See `Served`."""
    with serving(world) as made:
        yield made

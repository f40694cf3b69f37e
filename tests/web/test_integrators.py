"""docs/integrators.md as an integrator follows it: every example is run, with curl and Python, over a socket."""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from forecourt.app import build_app
from forecourt.auth.actor import Actor
from forecourt.auth.oauth.clients import MadeClient
from forecourt.auth.oauth.model import PRIVATE_KEY_JWT, SECRET_BASIC
from forecourt.domain.clients import actions
from forecourt.domain.work import Platform, open_group_work
from forecourt.tenancy.engines import Engines
from tests.conftest import World
from tests.programs import new_key, public

PAGE = (Path(__file__).resolve().parents[2] / "docs/integrators.md").read_text()
SCOPES = ["sales:order:read", "tenancy:group:read"]


@pytest.fixture
def address(world: World) -> Iterator[str]:
    """The application on a loopback port."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        settings = world.database.settings.model_copy(update={"public_url": url})
        app = build_app(world.server, settings)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        for _ in range(400):
            if server.started:
                break
            time.sleep(0.05)
        yield url
        server.should_exit = True
        thread.join(20)


def examples(language: str) -> str:
    """The examples of the page in one language, one after the other."""
    return "\n".join(re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL))


def registered(world: World, **given: Any) -> MadeClient:
    async def register() -> MadeClient:
        engines = Engines(world.server, world.database.settings)
        group = world.groups["a"]
        try:
            async with open_group_work(Platform(engines), group, Actor.for_system("test", group.id)) as work:
                stores = [world.stores["a1"].id]
                method = PRIVATE_KEY_JWT if given else SECRET_BASIC
                return await actions.create_client(
                    work, name="DMS", scopes=SCOPES, stores=stores, auth_method=method, **given
                )
        finally:
            await engines.aclose()

    return asyncio.run(register())


def run(*command: str, **environment: str) -> str:
    kept = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(command, env=kept | environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_of_the_shell(world: World, address: str) -> None:
    made = registered(world)
    assert made.secret is not None
    script = f"set -eu\n{examples('sh')}"
    out = run("bash", "-c", script, FORECOURT=address, CLIENT_ID=made.client_id, CLIENT_SECRET=made.secret.clear)
    decoder, answers, rest = json.JSONDecoder(), [], out.lstrip()
    while rest:
        found, end = decoder.raw_decode(rest)
        answers.append(found)
        rest = rest[end:].lstrip()
    metadata, called, narrowed, active, revoked, ended = answers
    assert metadata["issuer"] == address and metadata["token_endpoint"] == f"{address}/oauth/token"
    assert called["data"]["viewer"] == {"name": "DMS", "key": f"client:{made.client_id}"}
    assert [edge["node"]["code"] for edge in called["data"]["group"]["stores"]["edges"]] == ["a1"]
    assert (narrowed["scope"], narrowed["expires_in"]) == ("sales:order:read", 1800)
    assert active["active"] is True and active["scope"] == " ".join(SCOPES)
    assert (revoked, ended) == ({}, {"active": False})


def test_the_example_that_signs(world: World, address: str, tmp_path: Path) -> None:
    key = new_key("laptop")
    made = registered(world, jwks=public(key))
    pem = tmp_path / "key.pem"
    pem.write_bytes(key.as_pem(private=True))
    given = {"FORECOURT": address, "SIGNING_CLIENT_ID": made.client_id, "PRIVATE_KEY": str(pem), "KEY_NAME": "laptop"}
    assert run(sys.executable, "-c", examples("python"), **given).split() == ["Bearer", *SCOPES]

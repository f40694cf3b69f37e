"""examples/client as its readers use it: compiled by relay-compiler and GraphQL Code Generator, type-checked, and run
against the server over HTTP."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from forecourt.tenancy.engines import Engines
from forecourt.tenancy.provision import owner_connection
from tests import npm
from tests.conftest import World
from tests.domain.desk import make_desk
from tests.graphql.over_http.conftest import Served, serving, token_of

SOURCE = Path(__file__).resolve().parents[3] / "examples" / "client"
CONFIGURED = ("babel.config.json", "codegen.json", "relay.config.json", "tsconfig.json")

pytestmark = pytest.mark.proof


def built() -> Path:
    """The client, compiled in a folder of its own: what a compiler writes there is not the project's."""
    missing = npm.problem(SOURCE, CONFIGURED)
    if missing is not None:
        pytest.skip(f"NOT TESTED with a client in TypeScript: {missing}")
    folder = npm.BUILD / SOURCE.name
    for made in ("src", "dist"):
        shutil.rmtree(folder / made, ignore_errors=True)
    shutil.copytree(SOURCE / "src", folder / "src", ignore=shutil.ignore_patterns("__generated__"))
    done = subprocess.run(["npm", "run", "build"], cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def town(world: World) -> Iterator[Served]:
    """Store a1 has five customers."""
    world.truncate("a1")

    async def fill() -> None:
        engines = Engines(world.server, world.database.settings)
        try:
            desk = await make_desk(engines, world.groups["a"], world.stores["a1"])
            for _ in range(5):
                await desk.customer()
        finally:
            await engines.aclose()

    asyncio.run(fill())
    with serving(world, statement_timeout_ms=3_000) as made:
        yield made
    world.truncate("a1")


@contextmanager
def locked(world: World, code: str) -> Iterator[None]:
    """Somebody holds a table of the store, as a migration does: whoever reads it waits until they may wait no longer."""
    with owner_connection(world.server) as connection, connection.transaction():
        connection.execute(f"lock table {world.stores[code].schema}.evaluation_run in access exclusive mode".encode())
        yield


def run(folder: Path, served: Served) -> Any:
    """What the client prints."""
    token = token_of(served.world, ("CS_AGENT", "a1"), ("HQ_ANALYST", None))
    known = {"FORECOURT": f"http://127.0.0.1:{served.port}", "TOKEN": token, "STORE": "a1", "PATH": os.environ["PATH"]}
    done = subprocess.run(
        ["node", "dist/main.js"], cwd=folder, env=known, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_client_does_what_its_page_says(town: Served) -> None:
    folder = built()
    with locked(town.world, "a2"):
        found = run(folder, town)
    customers = found["listed"]["customers"]
    assert found["listed"]["storeId"] == town.store_id("a1") and found["listed"]["pages"] == 3
    assert len({one["id"] for one in customers}) == len({one["customerNo"] for one in customers}) == 5
    assert found["again"] == {"__typename": "Customer", **customers[0]}
    assert found["filed"]["complaint"]["status"] == "OPEN" and found["filed"]["refusals"] == []
    assert found["refused"] == {"complaint": None, "refusals": [{"code": "INVALID", "path": ["input", "severity"]}]}
    assert found["stale"] == {"status": None, "refusals": ["STALE_VERSION"]}
    assert found["acknowledged"]["status"] is not None and found["acknowledged"]["refusals"] == []
    assert [(one["code"], one["evaluationRuns"]) for one in found["stores"]["stores"]] == [("a1", {"totalCount": 0})]
    assert found["stores"]["failed"] == [{"at": "group.stores.edges.1.node", "code": "UNAVAILABLE"}]
    assert found["nobody"] == {"status": 401, "code": "UNAUTHENTICATED"}
    assert found["unknown"] == {"status": 400, "code": "BAD_USER_INPUT"}
    assert town.faults == []

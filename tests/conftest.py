"""What every database test stands on: one throw-away server per run, with two groups of two stores each."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from forecourt.settings import Settings
from forecourt.tenancy import embedded
from forecourt.tenancy.bootstrap import bootstrap
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.migrate import migrate
from forecourt.tenancy.names import store_schema
from forecourt.tenancy.provision import NewStore, create_group, create_store, owner_connection, store_tables
from forecourt.tenancy.server import Server, open_server
from forecourt.tenancy.session import ResolvedGroup, ResolvedStore
from tests.cluster import AT_THE_END
from tests.needs import pytest_runtest_setup, pytest_terminal_summary

__all__ = ["pytest_runtest_setup", "pytest_terminal_summary"]


def pytest_sessionfinish() -> None:
    """End what all tests of this process shared."""
    AT_THE_END.close()


@dataclass(frozen=True)
class Database:
    """A running server after bootstrap and the control migrations, with the settings that lead to it."""

    server: Server
    settings: Settings


@dataclass(frozen=True)
class World:
    """Two groups, A and B, of two stores each: a1 a2, b1 b2. Names carry the word SECRET, so that a leak shows."""

    database: Database
    groups: dict[str, ResolvedGroup]
    stores: dict[str, ResolvedStore]

    @property
    def server(self) -> Server:
        return self.database.server

    def stores_of(self, group: str) -> list[ResolvedStore]:
        """The stores of group ``"a"`` or ``"b"``."""
        return [store for code, store in self.stores.items() if code.startswith(group)]

    def truncate(self, *codes: str) -> None:
        """Empty every table of the named stores (all of them when none is named)."""
        with owner_connection(self.server) as connection:
            for code in codes or tuple(self.stores):
                store_id = self.stores[code].id
                tables = [f'{store_schema(store_id)}."{table}"' for table in store_tables(connection, store_id)]
                if tables:
                    connection.execute(f"truncate {', '.join(tables)}".encode())


def make_database(home: Path, *, binaries: Path | None = None) -> Database:
    """Start a throw-away server in ``home``, bootstrap it and migrate its control schema."""
    settings = Settings(home=home)
    server = open_server(settings, throwaway=True, binaries=binaries)
    assert bootstrap(server) == []
    migrate(server)
    return Database(server, settings)


def make_world(database: Database) -> World:
    """Two groups of two stores each, at the newest revision."""
    groups: dict[str, ResolvedGroup] = {}
    stores: dict[str, ResolvedStore] = {}
    with owner_connection(database.server) as connection:
        for letter in "ab":
            name = f"SECRET-{letter.upper()}"
            group_id = create_group(
                connection, database.server.secrets, code=name, name=name, time_zone="Asia/Shanghai"
            )
            groups[letter] = ResolvedGroup(group_id, name, name, "Asia/Shanghai", "CNY")
            for number in "12":
                code = letter + number
                new = NewStore(code, f"SECRET-{code}", "HX", "Asia/Shanghai", grade="A", city_tier=1)
                stores[code] = resolved(connection, create_store(connection, group_id, new))
    return World(database, groups, stores)


def resolved(connection: psycopg.Connection[tuple[object, ...]], store_id: UUID) -> ResolvedStore:
    """A store as the sessions want it."""
    row = connection.execute(
        """select s.id, s.group_id, s.code, s.name, s.time_zone, g.currency, s.state, s.revision, s.public_id, s.brand,
                  s.region, s.grade, s.city_tier
           from control.store s join control.dealer_group g on g.id = s.group_id where s.id = %s""",
        (store_id,),
    ).fetchone()
    assert row is not None
    return ResolvedStore(*row)  # type: ignore[arg-type]  # columns in the order of the fields


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """A folder for one server, removed with the server at the end."""
    folder = Path(tempfile.mkdtemp(prefix="fc-test-"))
    folder.chmod(0o755)  # so that the unprivileged user the server runs as can enter
    yield folder
    embedded.destroy(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def database(home: Path) -> Database:
    """The run's server."""
    return make_database(home)


@pytest.fixture(scope="session")
def world(database: Database) -> World:
    """Two groups of two stores each, shared by the run: what a test commits stays until `World.truncate`."""
    return make_world(database)


@pytest.fixture
def anyio_backend() -> str:
    """Async tests (``pytest.mark.anyio``) run on asyncio."""
    return "asyncio"


@pytest.fixture
async def engines(database: Database) -> AsyncIterator[Engines]:
    """Connection pools of one test."""
    pools = Engines(database.server, database.settings)
    yield pools
    await pools.aclose()


from tests.jobs.database import queue_db, queue_dsn  # noqa: E402  (they build on what stands above)
from tests.shop import harmony  # noqa: E402

__all__ = ["anyio_backend", "database", "engines", "harmony", "home", "queue_db", "queue_dsn", "world"]

"""The tenancy tests run on the embedded server, and in `make proof` on Debian's PostgreSQL 15 as well."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from forecourt.tenancy import embedded
from forecourt.tenancy.provision import owner_connection
from tests.conftest import Database, World, make_database, make_world

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")


@pytest.fixture(
    scope="session",
    params=["embedded", pytest.param("debian15", marks=[pytest.mark.proof, pytest.mark.debian_pg])],
)
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A server of its own per kind."""
    binaries = DEBIAN_15 if request.param == "debian15" else None
    folder = Path(tempfile.mkdtemp(prefix="fc-test-"))
    folder.chmod(0o755)
    try:
        yield make_database(folder, binaries=binaries)
    finally:
        embedded.destroy(folder)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def world(database: Database) -> World:
    """Two groups of two stores, each store with a table `probe` and a sequence, and a secret in every place."""
    made = make_world(database)
    with owner_connection(made.server) as connection:
        for code, store in made.stores.items():
            connection.execute(
                f"""create table {store.schema}.probe (id int primary key, body text not null);
                    grant select, insert, update, delete on {store.schema}.probe to {store.schema};
                    create sequence {store.schema}.probe_seq;
                    insert into {store.schema}.probe values (1, 'SECRET-{code}'), (2, 'SECRET-{code}');
                    analyze {store.schema}.probe""".encode()
            )
            connection.execute(
                """insert into control.config_setting (id, group_id, store_id, key, value, valid_from, created_by)
                   values (gen_random_uuid(), %s, %s, 'secret', to_jsonb(%s::text), '2026-01-01', 'test')""",
                (store.group_id, store.id, f"SECRET-{code}"),
            )
    return made

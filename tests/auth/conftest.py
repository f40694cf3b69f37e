"""A scratch database with the control schema, emptied for every test."""

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine

import forecourt.domain.tables
from forecourt.tenancy.base import ControlTable
from tests.auth.world import World
from tests.cluster import plain_server

assert forecourt.domain.tables.MODULES  # all tables belong to the metadata below, whatever else a run imports


@pytest.fixture(scope="session")
def control_database() -> Iterator[str]:
    """Address of a database with the control tables, for SQLAlchemy."""
    name = f"auth_{uuid4().hex[:12]}"
    with psycopg.connect(plain_server(), autocommit=True) as server:
        server.execute(
            f"create database {name} template template0 encoding 'UTF8' lc_collate 'C' lc_ctype 'C'".encode()
        )
        url = f"postgresql+psycopg://postgres@127.0.0.1:{server.info.port}/{name}"
        engine = create_engine(url, poolclass=NullPool)
        with engine.begin() as connection:
            connection.execute(text("create schema control"))
            ControlTable.metadata.create_all(connection)
        yield url
        server.execute(f"drop database {name} with (force)".encode())


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def world(control_database: str, anyio_backend: str) -> AsyncIterator[World]:
    """Two groups with two stores each."""
    engine = create_async_engine(control_database, pool_size=5)
    made = World(engine)
    await made.build()
    yield made
    await engine.dispose()

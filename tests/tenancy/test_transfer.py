"""Export, restore and delete of one store: nothing lost, nothing changed unseen, never into another group."""

import hashlib
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from forecourt.errors import Invalid, NotFound, WrongState
from forecourt.tenancy.names import group_login, store_schema
from forecourt.tenancy.provision import (
    NewStore,
    archive_store,
    close_store,
    create_store,
    delete_store,
    owner_connection,
    suspend_store,
)
from forecourt.tenancy.transfer import Manifest, export_store, restore_store
from tests.conftest import World
from tests.tenancy.catalog import catalog
from tests.tenancy.sample import head

AWKWARD = "a\tb\\c\nd\r\n'\"é 张伟 \\N \\. 100%"


class Case:
    """A store of the sample schema with rows that refer to one another in a circle."""

    def __init__(self, world: World, connection: psycopg.Connection[Any]) -> None:
        self.world, self.connection = world, connection
        self.group = world.groups["a"].id
        self.made: list[UUID] = []
        self.store = self.add("export-me")
        schema = store_schema(self.store)
        connection.execute(f"insert into {schema}.team values (1, null, 'T1')".encode())
        for number in range(1, 301):
            connection.execute(
                f"insert into {schema}.person values (%s, 1, %s)".encode(), (number, f"{AWKWARD} {number}")
            )
        connection.execute(f"update {schema}.team set leader_id = 7".encode())

    def add(self, code: str) -> UUID:
        store = create_store(
            self.connection, self.group, NewStore(code, "Store 店", "HX", "UTC", grade="B"), head=head()
        )
        self.made.append(store)
        return store

    def rows(self, store: UUID) -> list[Any]:
        schema = store_schema(store)
        return [
            self.connection.execute(f"select * from {schema}.{table} order by id".encode()).fetchall()
            for table in ("person", "team")
        ]


@pytest.fixture
def case(world: World) -> Iterator[Case]:
    with owner_connection(world.server) as connection:
        made = Case(world, connection)
        yield made
        connection.rollback()
        left = connection.execute(
            "select id, state from control.store where group_id = %s and name = 'Store 店'", (made.group,)
        ).fetchall()
        for store, state in left:
            if state in ("ACTIVE", "SUSPENDED"):
                close_store(connection, store)
            if state not in ("ARCHIVED", "FAILED", "DELETED"):
                archive_store(connection, store)
            if state != "DELETED":
                delete_store(connection, store)
            connection.execute("update control.store set code = id::text where id = %s", (store,))


@pytest.mark.parametrize("name", ["folder", "file.tar"])
def test_what_is_exported_can_be_restored_as_a_new_store(case: Case, tmp_path: Path, name: str) -> None:
    manifest, digest = export_store(case.connection, case.store, tmp_path / name)
    assert {entry.name: entry.rows for entry in manifest.tables} == {"person": 300, "team": 1}
    assert manifest.revision == "0001" and manifest.store["code"] == "export-me" and len(digest) == 64
    restored = restore_store(case.connection, tmp_path / name, group_id=case.group, code="restored", head=head())
    assert case.rows(restored) == case.rows(case.store)
    before, after = (catalog(case.connection, store_schema(store)) for store in (case.store, restored))
    assert before == after
    with psycopg.connect(case.world.server.conninfo(group_login(case.group))) as connection:
        connection.execute(f"set local role {store_schema(restored)}".encode())
        seen = connection.execute(f"select count(*) from {store_schema(restored)}.person".encode()).fetchone()
    assert seen == (300,)


def test_a_store_is_put_back_to_what_it_was(case: Case, tmp_path: Path) -> None:
    before = case.rows(case.store)
    export_store(case.connection, case.store, tmp_path / "x")
    case.connection.execute(f"delete from {store_schema(case.store)}.person where id > 10".encode())
    arguments: dict[str, Any] = {"group_id": case.group, "into": case.store, "head": head()}
    with pytest.raises(WrongState):
        restore_store(case.connection, tmp_path / "x", **arguments)
    suspend_store(case.connection, case.store)
    assert restore_store(case.connection, tmp_path / "x", **arguments) == case.store
    assert case.rows(case.store) == before


def test_an_export_is_one_moment(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that another transaction adds while the export runs is in no table of it."""
    with psycopg.connect(case.world.server.administrator or "", dbname="forecourt", autocommit=True) as writer:
        original = case.connection.execute

        def meddling(statement: Any, *arguments: Any, **options: Any) -> Any:
            result = original(statement, *arguments, **options)
            if "relkind = 'r'" in str(statement):  # the list of tables is read: the snapshot is taken
                writer.execute(f"insert into {store_schema(case.store)}.person values (999, 1, 'late')".encode())
            return result

        with monkeypatch.context() as patch:
            patch.setattr(case.connection, "execute", meddling)
            manifest, _ = export_store(case.connection, case.store, tmp_path / "x")
    assert {entry.name: entry.rows for entry in manifest.tables}["person"] == 300
    assert len(case.rows(case.store)[0]) == 301


def stores(case: Case) -> list[Any]:
    return case.connection.execute(
        "select s.id, s.state, to_regnamespace('s_' || replace(s.id::text, '-', '')) from control.store s order by 1"
    ).fetchall()


def test_a_changed_file_is_refused_before_anything_is_touched(case: Case, tmp_path: Path) -> None:
    folder = tmp_path / "x"
    manifest, _ = export_store(case.connection, case.store, folder)
    before = stores(case)

    def refused(message: str) -> None:
        with pytest.raises(Invalid, match=message):
            restore_store(case.connection, folder, group_id=case.group, code="again", head=head())
        assert stores(case) == before

    person = folder / "tables" / "person.copy"
    good = person.read_bytes()
    person.write_bytes(good.replace(b"100%", b"200%", 1))
    refused("person was changed")
    person.write_bytes(good)

    extra = folder / "tables" / "other.copy"
    extra.touch()
    refused("other.copy")
    extra.unlink()

    text = (folder / "manifest.json").read_text()
    for wrong, message in (
        (text.replace('"rows": 300', '"rows": 299'), "300 rows"),
        (text.replace('"revision": "0001"', '"revision": "0000"'), "revision"),
        (text.replace('"format": 1', '"format": 2'), "format 2"),
        ("{", "not an export"),
    ):
        assert wrong != text
        (folder / "manifest.json").write_text(wrong)
        refused(message)
    (folder / "manifest.json").write_text(text)
    assert Manifest.read(folder) == manifest


def test_rows_that_break_a_rule_are_refused_whole(case: Case, tmp_path: Path) -> None:
    """An export whose hashes were made to fit, with a team leader who does not exist."""
    folder = tmp_path / "x"
    export_store(case.connection, case.store, folder)
    before = stores(case)
    team = folder / "tables" / "team.copy"
    manifest = json.loads((folder / "manifest.json").read_text())
    columns = next(entry["columns"] for entry in manifest["tables"] if entry["name"] == "team")
    team.write_text("\t".join({"id": "1", "leader_id": "12345", "name": "T1"}[name] for name in columns) + "\n")
    for entry in manifest["tables"]:
        if entry["name"] == "team":
            entry["sha256"] = hashlib.sha256(team.read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(Invalid, match="leader_id"):
        restore_store(case.connection, folder, group_id=case.group, code="again", head=head())
    assert stores(case) == before


def test_an_export_never_enters_another_group(case: Case, tmp_path: Path) -> None:
    export_store(case.connection, case.store, tmp_path / "x")
    with pytest.raises(NotFound):
        restore_store(case.connection, tmp_path / "x", group_id=case.world.groups["b"].id, code="x", head=head())
    other = case.add("other")
    suspend_store(case.connection, other)
    with pytest.raises(Invalid):
        restore_store(case.connection, tmp_path / "x", group_id=case.group, into=other, head=head())


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "tables/../../evil", "tables/..", "link"])
def test_an_archive_with_odd_entries_is_refused(case: Case, tmp_path: Path, name: str) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        entry = tarfile.TarInfo(name)
        if name == "link":
            entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(entry)
    with pytest.raises(Invalid, match="unexpected entry"):
        restore_store(case.connection, tmp_path / "x.tar", group_id=case.group, code="x", head=head())


def test_nothing_is_overwritten(case: Case, tmp_path: Path) -> None:
    (tmp_path / "x.tar").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    for target in ("x.tar", "full"):
        with pytest.raises(Invalid):
            export_store(case.connection, case.store, tmp_path / target)

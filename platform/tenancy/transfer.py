"""Export one store into a folder or tar, and restore it into the same group.

An export is one snapshot (REPEATABLE READ) of every table by COPY, with a manifest: revision, rows and SHA-256 per
table.

    manifest.json           what is here, and what it was taken from
    tables/<table>.copy     PostgreSQL's text format of COPY, UTF-8

The manifest's own SHA-256 is printed by the command and stands in the audit; it is what proves that nothing was
changed.
"""

import hashlib
import io
import json
import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg import Connection, sql

from ..errors import Invalid, NotFound, WrongState
from .names import checked, store_schema
from .provision import NewStore, create_store, role_script, store_state, store_tables
from .raw import query, run_script
from .render import Head, for_store

FORMAT = 1
EXPORTABLE = frozenset({"ACTIVE", "SUSPENDED", "CLOSING", "ARCHIVED"})
_CHUNK = 1 << 20
_ENTRY = re.compile(r"manifest\.json|tables/[a-z][a-z0-9_]*\.copy")


@dataclass(frozen=True)
class TableEntry:
    """One table in a manifest: its columns in the order of the file, and what the file must be."""

    name: str
    columns: list[str]
    rows: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What an export holds. ``store`` are the facts of the control row."""

    format: int
    store_id: str
    group_id: str
    revision: str
    taken_at: str
    store: dict[str, Any]
    tables: list[TableEntry]

    def to_bytes(self) -> bytes:
        return json.dumps(asdict(self), ensure_ascii=False, indent=1, sort_keys=True).encode()

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Raises Invalid when the manifest is missing or not of this format."""
        try:
            data = json.loads((folder / "manifest.json").read_bytes())
            tables = [TableEntry(**entry) for entry in data.pop("tables")]
            manifest = cls(**data, tables=tables)
            UUID(manifest.store_id), UUID(manifest.group_id)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise Invalid(f"this is not an export of a store: {error}") from error
        if manifest.format != FORMAT:
            raise Invalid(f"format {manifest.format} of an export is not known to this program")
        return manifest


def export_store(connection: Connection[Any], store_id: UUID, target: Path) -> tuple[Manifest, str]:
    """Write one store into ``target``: a folder, or a tar when the name ends in ``.tar``. Returns the manifest and
    its SHA-256.

    Raises:
        NotFound: no such store.
        WrongState: it has no schema.
        Invalid: ``target`` exists and is not an empty folder.
    """
    if target.suffix == ".tar":
        if target.exists():
            raise Invalid(f"{target} exists already")
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".export-") as folder:
            manifest, digest = export_store(connection, store_id, Path(folder, "export"))
            draft = Path(folder, "export.tar")
            with tarfile.open(draft, "w") as archive:
                for path in sorted(Path(folder, "export").rglob("*")):
                    archive.add(path, arcname=path.relative_to(Path(folder, "export")), recursive=False)
            draft.rename(target)
        return manifest, digest
    if target.exists() and any(target.iterdir()):
        raise Invalid(f"{target} is not empty")
    (target / "tables").mkdir(parents=True, exist_ok=True)
    manifest = _export(connection, store_id, target)
    data = manifest.to_bytes()
    (target / "manifest.json").write_bytes(data)  # last: a folder without it is no export
    return manifest, hashlib.sha256(data).hexdigest()


def restore_store(
    connection: Connection[Any],
    source: Path,
    *,
    group_id: UUID,
    into: UUID | None = None,
    code: str | None = None,
    head: Head | None = None,
) -> UUID:
    """Restore an export into a new store (``code``), or back into the store it was taken from (``into``), whole or
    not at all.

    ``into`` must be the exported store itself, and SUSPENDED or CLOSING: nobody writes while its data are replaced.
    Returns the store's id; a store restored into keeps its state, a new one is ACTIVE.

    Raises:
        Invalid: a file is not what the manifest says, or the export is of another revision than this program's.
        NotFound: the store or group does not exist, or the export belongs to another group.
        WrongState: the store may be written to.
    """
    head = head or Head.load()
    with _opened(source) as folder:
        manifest = Manifest.read(folder)
        if UUID(manifest.group_id) != group_id:
            raise NotFound("group", id=manifest.group_id)
        if manifest.revision != head.revision:
            raise Invalid(f"the export has revision {manifest.revision!r}, this program has {head.revision!r}")
        _verify(folder, manifest)
        if into is not None:
            _replace(connection, folder, manifest, into, head)
            return into
        return _add(connection, folder, manifest, code, head)


# --- writing ---------------------------------------------------------------------------------------------------------


def _export(connection: Connection[Any], store_id: UUID, target: Path) -> Manifest:
    schema = checked(store_schema(store_id))
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read, read only")
        group_id, state = store_state(connection, store_id)
        if state not in EXPORTABLE:
            raise WrongState("this store has no data to export", store=str(store_id), state=state)
        statement = f"select {_FACTS}, revision from control.store where id = %(id)s"  # noqa: S608  (constant columns)
        facts = query(connection, statement, {"id": store_id})[0]
        entries = [_copy_out(connection, schema, name, target) for name in store_tables(connection, store_id)]
    pairs = zip(_FACTS.split(", "), facts[:-1], strict=True)
    store = {name: str(value) if isinstance(value, date) else value for name, value in pairs}
    taken = datetime.now(UTC).isoformat(timespec="seconds")
    return Manifest(FORMAT, str(store_id), str(group_id), facts[-1], taken, store, entries)


_FACTS = "code, name, brand, time_zone, region, grade, city_tier, opened_on"


def _copy_out(connection: Connection[Any], schema: str, table: str, target: Path) -> TableEntry:
    columns = _columns(connection, schema, table)
    digest, rows = hashlib.sha256(), 0
    with (
        (target / "tables" / f"{table}.copy").open("wb") as file,
        connection.cursor() as cursor,
        cursor.copy(_copy_statement("copy {} ({}) to stdout", schema, table, columns)) as copy,
    ):
        for block in copy:
            digest.update(block)
            file.write(block)
            rows += bytes(block).count(b"\n")  # a line end inside a value is written as \n, so lines are rows
    return TableEntry(table, columns, rows, digest.hexdigest())


# --- reading ---------------------------------------------------------------------------------------------------------


def _verify(folder: Path, manifest: Manifest) -> None:
    """Every file is the one the manifest names, and there is no other. Before anything is touched."""
    known = {f"{entry.name}.copy" for entry in manifest.tables}
    found = {path.name for path in (folder / "tables").iterdir()} if (folder / "tables").is_dir() else set()
    if known != found:
        raise Invalid(f"files do not match the manifest: {', '.join(sorted(known ^ found))}")
    for entry in manifest.tables:
        digest = hashlib.sha256()
        with (folder / "tables" / f"{entry.name}.copy").open("rb") as file:
            while block := file.read(_CHUNK):
                digest.update(block)
        if digest.hexdigest() != entry.sha256:
            raise Invalid(f"table {entry.name} was changed after the export")


def _add(connection: Connection[Any], folder: Path, manifest: Manifest, code: str | None, head: Head) -> UUID:
    """A new store of the same group, in one transaction with its data."""
    facts = dict(manifest.store)
    new = NewStore(**{**facts, "code": code or facts["code"]})
    with connection.transaction():
        store_id = create_store(connection, UUID(manifest.group_id), new, head=head)
        _copy_in(connection, folder, manifest, store_id)
    return store_id


def _replace(connection: Connection[Any], folder: Path, manifest: Manifest, store_id: UUID, head: Head) -> None:
    if UUID(manifest.store_id) != store_id:
        raise Invalid("an export goes back into the store it was taken from, or into a new one")
    schema = checked(store_schema(store_id))
    with connection.transaction():
        group_id, state = store_state(connection, store_id)
        if group_id != UUID(manifest.group_id):
            raise NotFound("store", id=str(store_id))
        if state not in ("SUSPENDED", "CLOSING"):
            raise WrongState("suspend the store before its data are replaced", store=str(store_id), state=state)
        # The row is locked until the end, so the state cannot change meanwhile.
        connection.execute(
            "update control.store set revision = %s, updated_at = now() where id = %s", (manifest.revision, store_id)
        )
        run_script(connection, f"drop schema {schema} cascade; drop role {schema}")
        run_script(connection, role_script(group_id, store_id) + for_store(head.sql, schema))
        _copy_in(connection, folder, manifest, store_id)


def _copy_in(connection: Connection[Any], folder: Path, manifest: Manifest, store_id: UUID) -> None:
    """Fill the empty tables; foreign keys are taken off first and put back, which checks every row."""
    schema = checked(store_schema(store_id))
    tables = set(store_tables(connection, store_id))
    if tables != {entry.name for entry in manifest.tables}:
        raise Invalid("the export has other tables than this program")
    keys = query(
        connection,
        """select format('%%I', c.relname), format('%%I', k.conname), pg_get_constraintdef(k.oid)
           from pg_constraint k join pg_class c on c.oid = k.conrelid
           where k.connamespace = %(schema)s::regnamespace and k.contype = 'f' order by 1, 2""",
        {"schema": schema},
    )
    if keys:
        drop = [f"alter table {schema}.{table} drop constraint {key}" for table, key, _ in keys]
        run_script(connection, "; ".join(drop))
    for entry in manifest.tables:
        if set(entry.columns) != set(_columns(connection, schema, entry.name)):
            raise Invalid(f"table {entry.name} of the export has other columns than this program")
        _fill(connection, folder, schema, entry)
    if keys:
        put_back = [f"alter table {schema}.{table} add constraint {key} {text}" for table, key, text in keys]
        try:
            run_script(connection, "; ".join(put_back))
        except psycopg.errors.IntegrityError as error:
            raise Invalid(f"rows refer to rows that are missing: {error}") from error
    if "change_event" in tables:
        run_script(connection, _FEED_ANEW.replace("{schema}", schema))


#: The numbers of transactions in the copy say nothing here, and cursors from before lead nowhere (domain/feed.py).
_FEED_ANEW = """
update {schema}.change_event set xid = pg_current_xact_id();
insert into {schema}.feed_state (id, epoch, event_id)
values ('00000000-0000-0000-0000-000000000001', gen_random_uuid(), '00000000-0000-0000-0000-000000000000')
on conflict (id) do update set epoch = excluded.epoch, xid = '0', event_id = excluded.event_id
"""


def _fill(connection: Connection[Any], folder: Path, schema: str, entry: TableEntry) -> None:
    statement = _copy_statement("copy {} ({}) from stdin", schema, entry.name, entry.columns)
    try:
        with (folder / "tables" / f"{entry.name}.copy").open("rb") as file, connection.cursor() as cursor:
            with cursor.copy(statement) as copy:
                while block := file.read(_CHUNK):
                    copy.write(block)
            rows = cursor.rowcount
    except (psycopg.errors.DataError, psycopg.errors.IntegrityError) as error:
        raise Invalid(f"table {entry.name} cannot be read: {error}") from error
    if rows != entry.rows:
        raise Invalid(f"table {entry.name} has {rows} rows, the manifest says {entry.rows}")


def _copy_statement(template: Any, schema: str, table: str, columns: list[str]) -> sql.Composed:
    names = sql.SQL(", ").join(sql.Identifier(column) for column in columns)
    return sql.SQL(template).format(sql.Identifier(schema, table), names)


def _columns(connection: Connection[Any], schema: str, table: str) -> list[str]:
    rows = connection.execute(
        """select a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid
           join pg_namespace n on n.oid = c.relnamespace
           where n.nspname = %s and c.relname = %s and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
           order by a.attname""",
        (schema, table),
    )
    return [name for (name,) in rows]


@contextmanager
def _opened(source: Path) -> Iterator[Path]:
    """A folder as it is, a tar unpacked beside nothing else. Only plain files with the expected names are taken out."""
    if source.is_dir():
        yield source
        return
    with tempfile.TemporaryDirectory(prefix="forecourt-restore-") as folder:
        try:
            with tarfile.open(source) as archive:
                Path(folder, "tables").mkdir()
                for member in archive:
                    if member.isdir() and member.name == "tables":
                        continue
                    if not member.isfile() or not _ENTRY.fullmatch(member.name):
                        raise Invalid(f"unexpected entry in the archive: {member.name}")
                    with Path(folder, member.name).open("wb") as file:
                        shutil.copyfileobj(archive.extractfile(member) or io.BytesIO(), file)
        except (OSError, tarfile.TarError) as error:
            raise Invalid(f"{source} cannot be opened: {error}") from error
        yield Path(folder)

"""Schema scripts as text: rendered once, applied to every store with the placeholder replaced by its checked name.

In the text of a store's steps the word ``tenant`` stands for both the store's schema and its role, which bear one name.
`migrations/tenant/head.sql` is the whole of a store's schema at the newest revision: what provisioning runs. Tests
prove that it equals both what the metadata declare and what the steps from the base add up to.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import MetaData, Table, create_mock_engine
from sqlalchemy.schema import AddConstraint, CreateIndex, CreateTable, ForeignKeyConstraint, sort_tables_and_constraints

from ..errors import Misconfigured
from .base import RIGHTS
from .names import TENANT_PLACEHOLDER, checked

BASE = ""  # revision of what has no step yet

# What a scan of SQL must step over: strings, quoted names, comments, dollar quotes.
_TOKEN = re.compile(
    r"""(?P<skip>'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)"""
    rf"""|(?<![\w.$]){TENANT_PLACEHOLDER}(?![\w$])""",
    re.DOTALL,
)


@dataclass(frozen=True)
class Step:
    """One revision as SQL text, with the placeholder."""

    revision: str
    previous: str
    sql: str


class Tree:
    """A chain of revisions, from base to head, rendered on construction. Branches are refused.

    Raises:
        Misconfigured: the folder is missing or its revisions are not one chain.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / "versions").is_dir():
            raise Misconfigured(f"no migrations in {folder}")
        # Here, not above: alembic takes as long to load as the rest of a command, and most commands migrate nothing.
        from alembic.config import Config
        from alembic.script import ScriptDirectory

        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        directory = ScriptDirectory.from_config(config)
        if len(directory.get_heads()) > 1:
            raise Misconfigured(f"the migrations in {folder} have several heads: {', '.join(directory.get_heads())}")
        scripts = reversed(list(directory.walk_revisions())) if directory.get_heads() else ()
        steps = []
        for script in scripts:
            with _offline() as text:
                script.module.upgrade()
            steps.append(Step(script.revision, str(script.down_revision or BASE), text.getvalue()))
        self.steps: tuple[Step, ...] = tuple(steps)

    @property
    def head(self) -> str:
        """The newest revision; `BASE` when there is none."""
        return self.steps[-1].revision if self.steps else BASE

    def after(self, revision: str) -> tuple[Step, ...]:
        """The steps that lead from ``revision`` to the head.

        Raises:
            Misconfigured: this code does not know the revision: the database is newer.
        """
        known = [BASE, *(step.revision for step in self.steps)]
        if revision not in known:
            raise Misconfigured(f"revision {revision!r} is newer than this program (head {self.head!r})")
        return self.steps[known.index(revision) :]


@dataclass(frozen=True)
class Head:
    """The whole of a store's schema at one revision, with the placeholder."""

    revision: str
    sql: str

    def to_text(self) -> str:
        """As the tracked file has it."""
        return f"-- revision: {self.revision}\n{self.sql}"

    @classmethod
    def load(cls, path: Path | None = None) -> "Head":
        """From `migrations/tenant/head.sql`.

        Raises:
            Misconfigured: the file is missing or does not name its revision.
        """
        path = path or migrations() / "tenant" / "head.sql"
        first, _, rest = path.read_text(encoding="utf-8").partition("\n") if path.exists() else ("", "", "")
        if not first.startswith("-- revision: "):
            raise Misconfigured(f"{path} does not name a revision; `make base-migration` writes it")
        return cls(first.removeprefix("-- revision: ").strip(), rest)


def newest(tree: str) -> str:
    """The head of ``control`` or ``tenant``, told by its file's name: revision 0007 stands in 0007_<what>.py."""
    names = sorted(path.name for path in (migrations() / tree / "versions").glob("[0-9]*_*.py"))
    return names[-1].partition("_")[0] if names else BASE


def migrations() -> Path:
    """The folder of the trees, in an installed package or in the project."""
    here = Path(__file__).resolve().parents
    for folder in (here[1] / "migrations", here[2] / "migrations"):
        if (folder / "tenant").is_dir():
            return folder
    raise Misconfigured("the migrations are not installed with this program")


def control_tree() -> Tree:
    """Steps of the control schema."""
    return Tree(migrations() / "control")


def tenant_tree() -> Tree:
    """Steps of every store's schema."""
    return Tree(migrations() / "tenant")


def for_store(sql: str, schema: str) -> str:
    """``sql`` with the placeholder replaced by a store's schema and role. Strings and comments stay as they are.

    Raises:
        ValueError: ``schema`` does not have the pattern of derived names.
    """
    name = checked(schema)
    return _TOKEN.sub(lambda found: found["skip"] or name, sql)


def store_script(metadata: MetaData) -> str:
    """A store's schema as the metadata declare it: schema, tables, indexes, and the rights of its role per table."""
    lines = [
        f"create schema {TENANT_PLACEHOLDER};",
        f"grant usage on schema {TENANT_PLACEHOLDER} to {TENANT_PLACEHOLDER};",
        *_tables(metadata),
    ]
    for table in metadata.sorted_tables:
        rights = ", ".join(table.info.get(RIGHTS, ("select", "insert", "update", "delete")))
        lines.append(f"grant {rights} on {TENANT_PLACEHOLDER}.{table.name} to {TENANT_PLACEHOLDER};")
    return "\n".join(lines) + "\n"


def control_script(metadata: MetaData, security: tuple[str, ...]) -> str:
    """The control schema as the metadata declare it, with row-level security and rights."""
    rights = [statement.rstrip("; \n") + ";" for statement in security]
    return "\n".join(["create schema control;", *_tables(metadata), *rights]) + "\n"


def _tables(metadata: MetaData) -> Iterator[str]:
    """CREATE TABLE, CREATE INDEX and late foreign keys, in an order that is the same in every process."""
    # Paramstyle "named": psycopg's own would double every percent sign.
    dialect = create_mock_engine("postgresql+psycopg://", lambda *_, **__: None, paramstyle="named").dialect
    late: list[ForeignKeyConstraint] = []
    tables = sorted(metadata.tables.values(), key=lambda table: table.key)
    for table, constraints in sort_tables_and_constraints(tables):  # type: ignore[no-untyped-call]  # SQLAlchemy has no types here
        if table is None:
            late = sorted(constraints, key=lambda constraint: str(constraint.name))
            continue
        assert isinstance(table, Table)  # noqa: S101  (metadata hold tables)
        yield _tidy(CreateTable(table, include_foreign_key_constraints=constraints).compile(dialect=dialect).string)
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            yield _tidy(CreateIndex(index).compile(dialect=dialect).string)
    for constraint in late:
        yield _tidy(AddConstraint(constraint).compile(dialect=dialect).string)


def _tidy(statement: str) -> str:
    lines = (line.rstrip().replace("\t", "    ") for line in statement.strip().splitlines())
    return "\n".join(line for line in lines if line) + ";"


@contextmanager
def _offline() -> Iterator[io.StringIO]:
    """Run Alembic operations into text instead of a database."""
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    text = io.StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql",
        dialect_opts={"paramstyle": "named"},
        opts={"as_sql": True, "literal_binds": True, "output_buffer": text, "transactional_ddl": False},
    )
    with Operations.context(context):
        yield text

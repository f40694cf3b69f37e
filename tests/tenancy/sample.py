"""A small schema and its migrations, so that the machinery is tested apart from the product's own tables."""

from pathlib import Path

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, MetaData, Table, Text

from forecourt.tenancy.base import NAMING
from forecourt.tenancy.render import Head, Tree, store_script

STEP = '''"""A step."""

from alembic import op
{imports}

revision = "{revision}"
down_revision = {previous!r}


def upgrade() -> None:
    {body}
'''


def metadata(*, note: bool = False, slow: bool = False) -> MetaData:
    """Two tables that need each other, a percent sign, the word tenant in a text; with what later steps add."""
    made = MetaData(schema="tenant", naming_convention=NAMING)
    extra = ([Column("note", Text)] if note else []) + ([Column("rank", Integer)] if slow else [])
    Table(
        "person",
        made,
        Column("id", Integer, primary_key=True),
        Column("team_id", Integer, ForeignKey("tenant.team.id", use_alter=True)),
        Column("name", Text, server_default="the tenant of :this 100% store", nullable=False),
        *extra,
    )
    Table(
        "team",
        made,
        Column("id", Integer, primary_key=True),
        Column("leader_id", Integer, ForeignKey("tenant.person.id")),
        Column("name", Text, CheckConstraint("name like 'T%'", name="name"), nullable=False),
    )
    Index("ix_person_name", made.tables["tenant.person"].c.name)
    return made


def tree(folder: Path, *steps: str, base: MetaData | None = None) -> Tree:
    """A tree of migrations in ``folder``: the base, then one revision per body in ``steps``."""
    versions = folder / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    (folder / "env.py").write_text('"""Not used."""\n')
    script = store_script(base or metadata())
    body = f"op.execute(text({script!r}.replace(':', r'\\:')))"
    bodies = [("0001", None, body), *((f"{n:04}", f"{n - 1:04}", step) for n, step in enumerate(steps, start=2))]
    for revision, previous, one in bodies:
        text = STEP.format(
            imports="import sqlalchemy as sa\nfrom sqlalchemy import text",
            revision=revision,
            previous=previous,
            body=one,
        )
        (versions / f"{revision}_step.py").write_text(text)
    return Tree(folder)


def head(*, revision: str = "0001", note: bool = False, slow: bool = False) -> Head:
    """The sample's whole schema."""
    return Head(revision, store_script(metadata(note=note, slow=slow)))


ADD_NOTE = "op.add_column('person', sa.Column('note', sa.Text()), schema='tenant')"
ADD_RANK = "op.execute('select pg_sleep(0.05); alter table tenant.person add column rank integer')"
BROKEN = "op.execute('alter table tenant.nowhere add column x integer')"

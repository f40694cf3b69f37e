"""Write both 0001_base revisions and tenant/head.sql from what the code declares (`make base-migration`).

Only until the first release: afterwards a change of the schema is a new step, and `--head` rewrites head.sql alone.
`--check` writes nothing and fails when head.sql is not what the metadata declare.
"""

import argparse
import importlib
import pkgutil
import sys
from pathlib import Path

from forecourt.tenancy.base import ControlTable, StoreTable
from forecourt.tenancy.render import Head, control_script, store_script, tenant_tree
from forecourt.tenancy.security import REGISTRY

HERE = Path(__file__).resolve().parent

TEMPLATE = r'''"""{title} Generated from the metadata by migrations/make_base.py."""

from alembic import op
from sqlalchemy import text

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute(text(SCHEMA.replace(":", r"\:")))  # a colon in SQL is no parameter


SCHEMA = r"""
{sql}"""
'''


def import_models() -> None:
    """Import every module that may declare tables: all of tenancy and auth, and domain/tables.py."""
    for floor in ("forecourt.tenancy", "forecourt.auth"):
        package = importlib.import_module(floor)
        for found in pkgutil.walk_packages(package.__path__, f"{floor}."):
            importlib.import_module(found.name)
    importlib.import_module("forecourt.domain.tables")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--head", action="store_true", help="rewrite tenant/head.sql only")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when head.sql is stale")
    chosen = parser.parse_args()
    import_models()
    store = store_script(StoreTable.metadata)
    if not (chosen.head or chosen.check):
        control = control_script(ControlTable.metadata, REGISTRY.sql())
        for tree, title, sql in (
            ("control", "The control schema.", control),
            ("tenant", "Every store's schema.", store),
        ):
            text = TEMPLATE.format(title=title, sql=sql)
            (HERE / tree / "versions" / "0001_base.py").write_text(text, encoding="utf-8")
    head, path = Head(tenant_tree().head, store).to_text(), HERE / "tenant" / "head.sql"
    if not chosen.check:
        path.write_text(head, encoding="utf-8")
    elif path.read_text(encoding="utf-8") != head:
        print("migrations/tenant/head.sql is not what the tables declare: run make head-script", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

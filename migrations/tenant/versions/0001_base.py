"""Every store's schema. Generated from the metadata by migrations/make_base.py."""

from alembic import op
from sqlalchemy import text

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute(text(SCHEMA.replace(":", r"\:")))  # a colon in SQL is no parameter


SCHEMA = r"""
create schema tenant;
grant usage on schema tenant to tenant;
"""

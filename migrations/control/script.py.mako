"""${message}"""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    # A new table needs its rights in the same step; a store's tables stand in schema "tenant" and are used by role tenant:
    # op.execute("grant select, insert, update, delete on tenant.<table> to tenant")
    ${upgrades if upgrades else "raise NotImplementedError"}

"""Alembic's entry point, for `upgrade --sql` only: a step is looked at here and applied by `forecourt db migrate`."""

from alembic import context

if not context.is_offline_mode():
    raise SystemExit("apply migrations with `forecourt db migrate`; here only --sql works")
context.configure(dialect_name="postgresql", literal_binds=True, dialect_opts={"paramstyle": "named"})
context.run_migrations()

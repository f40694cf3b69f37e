"""What the catalog says about one schema, with its name taken out: two schemas are the same when these are equal."""

from typing import Any

from psycopg import Connection

_QUERIES = (
    """select 'column', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
              pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated, a.attcollation::regcollation::text
       from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
       left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
       where c.relnamespace = %(schema)s::regnamespace and c.relkind in ('r', 'p', 'v', 'm')""",
    """select 'constraint', c.relname, k.conname, k.contype, pg_get_constraintdef(k.oid), k.convalidated
       from pg_constraint k join pg_class c on c.oid = k.conrelid where k.connamespace = %(schema)s::regnamespace""",
    "select 'index', indexname, indexdef from pg_indexes where schemaname = %(schema)s",
    """select 'relation', c.relname, c.relkind, c.relrowsecurity, c.relowner::regrole::text, c.relacl::text[]
       from pg_class c where c.relnamespace = %(schema)s::regnamespace and c.relkind <> 'i'""",
    """select 'policy', tablename, policyname, roles::text, cmd, qual, with_check
       from pg_policies where schemaname = %(schema)s""",
    "select 'schema', nspowner::regrole::text, nspacl::text[] from pg_namespace where nspname = %(schema)s",
    "select 'trigger', tgname from pg_trigger t join pg_class c on c.oid = t.tgrelid "
    "where c.relnamespace = %(schema)s::regnamespace and not tgisinternal",
    "select 'function', proname from pg_proc where pronamespace = %(schema)s::regnamespace",
)


def catalog(connection: Connection[Any], schema: str) -> list[str]:
    """One line per fact, sorted."""
    facts: list[str] = []
    for query in _QUERIES:
        for row in connection.execute(query.encode(), {"schema": schema}):
            facts.append(str(row).replace(schema, "tenant"))
    return sorted(facts)

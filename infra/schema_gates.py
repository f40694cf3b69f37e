"""The gates of the schema, in their order. Run by `make lint`, after `infra.fresh` has seen that `schema.graphql` is what the code makes.

1. descriptions, names, Relay's specifications, mutations, deprecations (`schema_rules`)
2. nothing that the last release promises breaks (`schema_changes`)
3. every stored document is valid (`stored_documents`)
4. the same by programs of others, where node is there (`npm_gates`); `make proof` insists on them
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime

from graphql import build_schema, validate_schema

from infra import npm_gates, schema_changes, schema_rules, stored_documents
from infra.house_rules import ROOT, tracked


def problems() -> Iterator[str]:
    """One line per finding of the gates that need nothing but Python."""
    schema = build_schema(schema_changes.SCHEMA.read_text(encoding="utf-8"))
    yield from (f"schema.graphql: {error.message}" for error in validate_schema(schema))
    yield from (f"schema.graphql: {line}" for line in schema_rules.problems(schema))
    yield from schema_changes.problems(datetime.now(UTC).date())
    yield from stored_documents.problems(schema, stored_documents.of_files(ROOT, tracked()))


def main() -> int:
    """Print what is found."""
    found = list(problems())
    missing = npm_gates.missing()
    if missing is None:
        found += npm_gates.problems()
    else:
        print(f"graphql-eslint and graphql-inspector were left out: {missing}", file=sys.stderr)
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

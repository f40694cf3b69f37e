"""The schema and its documents as graphql-eslint reads them, and what graphql-inspector says of changes since the last release.

Both come from npm by the lock file in ``schema_programs/`` and are installed once, under ``build/``.
"""

import json
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from graphql import print_schema

from infra import schema_changes
from infra.house_rules import ROOT
from tests import npm

SOURCE = Path(__file__).parent / "schema_programs"


def missing() -> str | None:
    """Why the programs cannot run here; None when they can. Installs them at the first call."""
    return npm.problem(SOURCE, ("check.mjs",))


def problems(root: Path = ROOT) -> Iterator[str]:
    """One line per finding.

    Raises:
        RuntimeError: the programs themselves fail.
    """
    baseline = schema_changes.read_baseline(schema_changes.RELEASED.read_text(encoding="utf-8"))
    listed = schema_changes.listed_changes(schema_changes.PAGE.read_text(encoding="utf-8"))
    rest = schema_changes.without_what_may_go(baseline.text, datetime.now(UTC).date())
    with tempfile.NamedTemporaryFile("w", suffix=".graphql", encoding="utf-8") as old:
        old.write(print_schema(rest))
        old.flush()
        found = checked(root, Path(old.name))
    for one in found["linted"]:
        yield f"{Path(one['file']).relative_to(root)}:{one['line']}: {one['message']} ({one['rule']})"
    yield from broken(found["breaking"], [] if baseline.released else listed)


def checked(root: Path, old: Path) -> Any:
    """What the programs find in a folder with a `schema.graphql`, and between an older schema and it."""
    command = ["node", "check.mjs", str(root), str(old)]
    done = subprocess.run(
        command, cwd=npm.BUILD / SOURCE.name, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def broken(changes: Sequence[Any], listed: Sequence[str]) -> Iterator[str]:
    """One line per breaking change whose place is not listed; graphql-inspector writes `Type.field.argument`."""
    allowed = {at.replace("(", ".").replace(":)", "") for at in listed}
    for change in changes:
        if change["path"] not in allowed:
            yield f"{change['message']} (graphql-inspector: breaking)"

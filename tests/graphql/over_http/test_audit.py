"""GraphQL over HTTP as somebody else reads it: every audit of npm graphql-http passes."""

import json
import subprocess
from pathlib import Path

import pytest

from tests import npm
from tests.graphql.over_http.conftest import Served
from tests.needs import NOTE

SOURCE = Path(__file__).parent / "audit"
#: Of graphql-http 1.23: a release with others is looked at before it is trusted.
AUDITS = 61


def test_every_audit_of_graphql_http(served: Served, request: pytest.FixtureRequest) -> None:
    missing = npm.problem(SOURCE, ("audit.mjs",))
    if missing is not None:
        pytest.skip(f"NOT TESTED with the audits of graphql-http: {missing}")
    command = ["node", "audit.mjs", served.url, served.token]
    done = subprocess.run(
        command, cwd=npm.BUILD / SOURCE.name, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert [result for result in results if result["status"] != "ok"] == []
    assert len({result["id"] for result in results}) == len(results) == AUDITS
    release = json.loads((SOURCE / "package.json").read_text())["dependencies"]["graphql-http"]
    request.node.user_properties.append((NOTE, f"graphql-http {release}: {len(results)} of {AUDITS} audits passed"))

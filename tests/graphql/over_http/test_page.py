"""docs/api/http.md as the author of a client follows it: every example is run with curl, and answers as the page says."""

import io
import json
import os
import re
import subprocess
import zipfile
from inspect import signature
from pathlib import Path

from forecourt.graphql.errors import CATALOGUE
from forecourt.graphql.http import Endpoint
from forecourt.graphql.limits import MOST_DEPTH, MOST_LETTERS, MOST_TOKENS
from forecourt.tenancy.provision import owner_connection
from tests.graphql.over_http.conftest import Served, token_of

PAGE = (Path(__file__).resolve().parents[3] / "docs/api/http.md").read_text()
#: (the commands, the form of what they answer, what they answer)
EXAMPLES = re.findall(r"```sh\n(.*?)```\n\n```(json|text)\n(.*?)```", PAGE, re.DOTALL)


def test_every_example(served: Served, tmp_path: Path) -> None:
    assert len(EXAMPLES) == PAGE.count("```sh") == 7
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("HX01/employees.csv", "a,b\n")
    (tmp_path / "export.zip").write_bytes(archive.getvalue())
    known = {"FORECOURT": f"http://127.0.0.1:{served.port}", "STORE": served.store_id("a2")}
    known |= {"TOKEN": token_of(served.world, ("STORE_GM", "a2")), "PATH": os.environ["PATH"]}
    try:
        for commands, form, answer in EXAMPLES:
            command = ["bash", "-c", f"set -eu\n{commands}"]
            done = subprocess.run(
                command, cwd=tmp_path, env=known, capture_output=True, text=True, timeout=60, check=False
            )
            assert done.returncode == 0, done.stderr
            if form == "json":
                assert json.loads(done.stdout) == json.loads(answer), commands
            else:
                assert done.stdout == answer, commands
        with owner_connection(served.world.server) as connection:
            schema = served.world.stores["a2"].schema
            kept = connection.execute(f"select file, content from {schema}.import_chunk".encode()).fetchall()
        assert kept == [("employees.csv", b"a,b\n")]
    finally:
        forget_the_import(served)


def forget_the_import(served: Served) -> None:
    """No worker of another test is to find it."""
    store = served.world.stores["a2"]
    with owner_connection(served.world.server) as connection:
        connection.execute("delete from control.job where store_id = %s", (store.id,))
    served.world.truncate("a2")


def test_the_limits_and_codes_are_those_of_the_code() -> None:
    given = signature(Endpoint).parameters
    for name, most in {
        "a body of JSON": given["most_bytes"].default,
        "an upload": given["most_upload_bytes"].default,
        "a document": MOST_LETTERS,
        "JSON body, or the next piece": int(given["patience"].default),
    }.items():
        assert re.search(rf"\| [^|]*{name}[^|]* \| {most:,} ", PAGE), name
    assert f"{MOST_TOKENS:,} tokens, {MOST_DEPTH} fields" in PAGE
    [table] = re.findall(r"\| `code` \|.*?\n\n", PAGE, re.DOTALL)
    assert set(re.findall(r"`([A-Z_]+)`", table)) == set(CATALOGUE)

"""docs/api/ as the author of a client follows it: every example is run with curl, and answers as its page says."""

import io
import json
import os
import re
import subprocess
import zipfile
from inspect import signature
from pathlib import Path
from typing import Any

from forecourt.domain.interchange.upsert import MOST_RECORDS, OFFERED, PERMISSION, camel
from forecourt.graphql import idempotency
from forecourt.graphql.budget import rates_of
from forecourt.graphql.errors import CATALOGUE
from forecourt.graphql.http import Endpoint
from forecourt.graphql.measure import LIMITS
from forecourt.settings import Settings
from forecourt.tenancy.provision import owner_connection
from tests.graphql.over_http.conftest import Served, token_of

DOCS = Path(__file__).resolve().parents[3] / "docs/api"
PAGE, MORE = ((DOCS / name).read_text() for name in ("http.md", "limits.md"))


def examples(page: str) -> list[tuple[str, str, str]]:
    """(the commands, the form of what they answer, what they answer)"""
    return re.findall(r"```sh\n(.*?)```\n\n```(json|text)\n(.*?)```", page, re.DOTALL)


def said(answer: str, expected: Any) -> Any:
    """A JSON answer; of what it cost only what the page shows, where "…" stands for anything."""
    found = json.loads(answer)
    if "cost" not in expected.get("extensions", {}):
        found.get("extensions", {}).pop("cost", None)
    if not found.get("extensions"):
        found.pop("extensions", None)
    return shown(found, expected)


def shown(found: Any, expected: Any) -> Any:
    if expected == "…":
        return expected
    if isinstance(found, dict) and isinstance(expected, dict):
        return {name: shown(value, expected.get(name)) for name, value in found.items()}
    return found


def follow(served: Served, folder: Path, page: str) -> None:
    """Run a page's examples, one after the other."""
    known = {"FORECOURT": f"http://127.0.0.1:{served.port}", "STORE": served.store_id("a2")}
    known |= {"TOKEN": token_of(served.world, ("STORE_GM", "a2"), ("CS_AGENT", "a2")), "PATH": os.environ["PATH"]}
    for commands, form, answer in examples(page):
        command = ["bash", "-c", f"set -eu\n{commands}"]
        done = subprocess.run(command, cwd=folder, env=known, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        if form == "json":
            expected = json.loads(answer)
            assert said(done.stdout, expected) == expected, commands
        else:
            assert done.stdout == answer, commands


def test_every_example_of_limits(served: Served, tmp_path: Path) -> None:
    assert len(examples(MORE)) == MORE.count("```sh") == 2
    follow(served, tmp_path, MORE)


def test_every_example_of_writes(served: Served, tmp_path: Path) -> None:
    page = (DOCS / "writes.md").read_text()
    assert len(examples(page)) == page.count("```sh") == 6
    served.world.truncate("a2")
    try:
        follow(served, tmp_path, page)
    finally:
        forget_the_import(served)


def test_the_numbers_of_writes_are_those_of_the_code() -> None:
    page = (DOCS / "writes.md").read_text()
    assert f"1 to {idempotency.MOST_LETTERS} of letters" in page and f"up to {MOST_RECORDS} records" in page
    assert f"At most {idempotency.MOST_ANSWER:,} bytes" in page
    assert f"| {idempotency.KEPT.total_seconds() / 3600:.0f} hours from its first use" in page
    offered = [camel(f"upsert_{file.removesuffix('.csv')}") for file in OFFERED]
    assert all(f"`{name}`" in page for name in offered) and PERMISSION in page


def test_every_example(served: Served, tmp_path: Path) -> None:
    assert len(examples(PAGE)) == PAGE.count("```sh") == 7
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("HX01/employees.csv", "a,b\n")
    (tmp_path / "export.zip").write_bytes(archive.getvalue())
    try:
        follow(served, tmp_path, PAGE)
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


def number(text: str) -> int:
    return int(text.replace(",", ""))


def test_the_limits_and_codes_are_those_of_the_code() -> None:
    given = signature(Endpoint).parameters
    for name, most in {
        "a body of JSON": given["most_bytes"].default,
        "an upload": given["most_upload_bytes"].default,
        "a document": LIMITS["CHARACTERS"].most,
        "JSON body, or the next piece": int(given["patience"].default),
    }.items():
        assert re.search(rf"\| [^|]*{name}[^|]* \| {most:,} ", PAGE), name
    tokens, depth = LIMITS["TOKENS"].most, LIMITS["DEPTH"].most
    assert f"{tokens:,} tokens, {depth} fields" in PAGE
    rows = re.findall(r"\| `([A-Z_]+)` \| [^|]* \| ([0-9,]+) \|\n", MORE)
    assert {of: number(most) for of, most in rows} == {of: limit.most for of, limit in LIMITS.items()}
    rows = re.findall(r"\| `[A-Z_]+` \| [^|]* \| ([0-9,]+) \| ([0-9,]+) \|\n", MORE)
    assert [(number(one), number(two)) for one, two in rows] == [
        (rate.capacity, rate.restore) for rate in rates_of(Settings())
    ]
    [table] = re.findall(r"\| `code` \|.*?\n\n", PAGE, re.DOTALL)
    assert set(re.findall(r"`([A-Z_]+)`", table)) == set(CATALOGUE)

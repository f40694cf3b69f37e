"""docs/api/live.md as an integrator follows it: every example is run, and answers as the page says."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from graphql import parse, validate

from forecourt.domain import events
from forecourt.domain.changes import MOST
from forecourt.domain.followers import MOST_WAITING
from forecourt.graphql import changes
from forecourt.graphql.api import api_schema
from forecourt.graphql.live import callers, socket
from forecourt.graphql.live import events as streams
from forecourt.settings import Settings
from tests import npm
from tests.live.conftest import CLIENTS, Live, without_cost

PAGE = (Path(__file__).resolve().parents[2] / "docs/api/live.md").read_text()
#: What an answer says of its own cost, which no example shows.
_COST = re.compile(r',"extensions":\{"cost":\{.*?\}\}\}')
EXAMPLES = re.findall(r"```(sh|js)\n(.*?)```\n\n```(json|text)\n(.*?)```", PAGE, re.DOTALL)


def test_every_example(live: Live) -> None:
    assert len(EXAMPLES) == PAGE.count("```sh") + PAGE.count("```js\n") == 4
    token = live.writers.token(("CS_AGENT", "a1")).clear
    known = {
        "FORECOURT": f"http://127.0.0.1:{live.port}",
        "TOKEN": token,
        "STORE": live.store_id("a1"),
        "CURSOR": live.latest(token),
        "PATH": os.environ["PATH"],
    }
    live.writers.complain()
    for language, text, form, answer in EXAMPLES:
        if language == "js":
            assert run_script(text, known, lines=answer.count("\n")) == answer
            continue
        command = ["bash", "-c", f"set -eu\n{text}"]
        done = subprocess.run(command, env=known, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        if form == "json":
            assert without_cost(json.loads(done.stdout)) == json.loads(answer), text
        else:
            assert _COST.sub("", done.stdout) == answer, text


def run_script(text: str, known: dict[str, str], lines: int) -> str:
    """The first lines that a script prints; it would go on for ever."""
    with subprocess.Popen(
        ["node", "--input-type=module", "--eval", text],
        cwd=npm.BUILD / CLIENTS.name,
        env=known,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            return "".join(process.stdout.readline() for _ in range(lines))
        finally:
            process.kill()


def test_the_subscription_on_the_page_is_valid() -> None:
    [document] = re.findall(r"```graphql\n(.*?)```", PAGE, re.DOTALL)
    assert validate(api_schema()._schema, parse(document)) == []


def test_the_page_names_every_event() -> None:
    [table] = re.findall(r"\| Event \| Type of the row \|\n\|---\|---\|\n(.*?)\n\n", PAGE, re.DOTALL)
    named: dict[str, str] = {}
    for line in table.splitlines():
        codes, kind = line.strip("| ").split(" | ")
        named |= dict.fromkeys(re.findall(r"`(\w+)`", codes), kind.strip("`"))
    known = {value for name, value in vars(events).items() if name.isupper() and isinstance(value, str)}
    assert set(named) == known | {"Imported", "Corrected"}
    emitted = emitted_events()
    assert {event: kind for event, kind in named.items() if event in emitted} == emitted


def emitted_events() -> dict[str, str]:
    """Event → type of its row, as the verbs say it."""
    found: dict[str, str] = {}
    domain = Path(__file__).resolve().parents[2] / "platform" / "domain"
    for path in domain.rglob("*.py"):
        for name, kind in re.findall(r"work\.emit\(\s*events\.(\w+),\s*\"(\w+)\"", path.read_text()):
            found[getattr(events, name)] = kind
    assert len(found) > 20
    return found


def test_the_limits_and_codes_are_those_of_the_code() -> None:
    said: dict[str, int] = {
        "changes on a page": MOST,
        "types in": changes._MOST_NAMES,
        "a message on a socket": socket.MOST_BYTES,
        "operations on one socket or stream": socket.MOST_OPERATIONS,
        "sockets and streams of one caller": callers.MOST_OF_CALLER,
        "sockets and streams in a process": callers.MOST,
        "events that wait in memory": MOST_WAITING,
    }
    for name, most in said.items():
        assert re.search(rf"\| {name}[^|]* \| {most:,}( |$)", PAGE, re.MULTILINE), name
    assert streams.MOST_OPERATIONS == socket.MOST_OPERATIONS
    closes: list[Any] = [one for one in vars(socket).values() if isinstance(one, socket.Close)]
    [table] = re.findall(r"\| Code \| Meaning .*?\n\n", PAGE, re.DOTALL)
    named = {int(code) for code in re.findall(r"\b([14]\d{3})\b", table.replace("1,000", ""))}
    assert named == {close.code for close in closes} | {4400, 4409, 1009, 1012}
    assert f"**How long**: {Settings.model_fields['feed_days'].default} days" in PAGE
    assert (
        PAGE.count(f"nothing for {socket.SLOW_SECONDS:.0f} seconds") == 2
        and streams.SLOW_SECONDS == socket.SLOW_SECONDS
    )
    assert f"within {socket.INIT_SECONDS:.0f} seconds" in PAGE
    assert f"opens it within {streams.RESERVED_SECONDS:.0f} seconds" in PAGE

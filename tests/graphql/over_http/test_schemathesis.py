"""Every operation of the schema with random documents that somebody else's program makes of it (schemathesis): whatever it
asks, answers keep their promises and nothing fails inside."""

import base64
import fcntl
import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests import npm
from tests.graphql.over_http.conftest import Served
from tests.graphql.over_http.wire import Answer, broken
from tests.needs import NOTE

ROOT = Path(__file__).resolve().parents[3]
SOURCE = Path(__file__).parent / "schemathesis"
FOLDER = npm.BUILD / "schemathesis"
SEED = 20260915
#: Documents of each operation, and as many wrong ones. Most of the schema stands behind few queries.
QUERIES, MUTATIONS = 60, 10

pytestmark = pytest.mark.proof


def python() -> Path:
    """The interpreter of an environment of its own: what schemathesis needs, neither the product nor its tests need."""
    lock, stamp = SOURCE / "requirements.lock", FOLDER / ".stamp"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != lock.read_text():
            system = shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin")
            if system is None:
                pytest.skip("NOT TESTED with schemathesis: needs the system's python3 and pip")
            command = [system, "infra/install.py", str(FOLDER), str(lock)]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
            if done.returncode != 0:
                pytest.skip(f"NOT TESTED with schemathesis: {done.stderr.strip()[-300:]}")
            stamp.write_text(lock.read_text())
    return FOLDER / "bin" / "python"


def attacked(served: Served) -> list[dict[str, Any]]:
    """What was sent and answered."""
    stores = [served.store_id(code) for code in ("a1", "a2", "b1")]
    rows = [served.row_id(kind) for kind in ("Customer", "Complaint", "FollowUpTask", "Employee", "SalesOrder")]
    asked = {
        "url": served.url,
        "headers": {"Authorization": f"Bearer {served.token}", "Accept": "application/graphql-response+json"},
        "schema": str(ROOT / "schema.graphql"),
        "queries": QUERIES,
        "mutations": MUTATIONS,
        "seed": SEED,
        "ids": [*stores, *rows, "x"],
        "words": ["a1", "a2", "S01", "zh-CN", "SALES", "COMPLAINT", "2026-09"],
    }
    done = subprocess.run(
        [str(python()), str(SOURCE / "attack.py")],
        input=json.dumps(asked),
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=1_200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4_000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_random_documents_of_every_operation(served: Served, request: pytest.FixtureRequest) -> None:
    seen: Counter[str] = Counter()
    for one in attacked(served):
        answer = Answer(one["status"], one["headers"], base64.b64decode(one["body"]))
        assert broken(answer) is None, f"{broken(answer)}\n{one['document']}\n{answer.body.decode()[:2_000]}"
        seen["answers"] += 1
        seen["with data"] += "data" in answer.json
    assert served.faults == []
    assert seen["with data"] > seen["answers"] / 10
    release = (SOURCE / "requirements.in").read_text().strip().replace("==", " ")
    request.node.user_properties.append((NOTE, f"{release}: {seen['answers']} documents, no finding"))

"""Identity providers that others wrote, started on this machine: npm oidc-provider (certified), else PyPI oidc-provider-mock."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx2

from tests import npm

SOURCE = Path(__file__).parent.parent / "provider"
FOLDER = npm.BUILD / SOURCE.name
CERTIFIED, MOCK = "oidc-provider", "oidc-provider-mock"


@dataclass
class RunningProvider:
    """A provider that answers at `issuer`."""

    kind: str
    release: str
    issuer: str
    process: "subprocess.Popen[bytes]" = field(repr=False)

    def change_keys(self) -> None:
        """From now on it signs with a new key, and shows only that."""
        assert self.kind == CERTIFIED
        httpx2.get(f"{self.issuer}/test/new-key", trust_env=False).raise_for_status()


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def node_problem() -> str | None:
    """Why the certified provider cannot run here; None when it can. Installs it from the lock file at the first call."""
    return npm.problem(SOURCE, ("provider.mjs",))


@contextmanager
def running(
    kind: str, port: int, clients: list[dict[str, Any]], accounts: Mapping[str, Any]
) -> Iterator[RunningProvider]:
    """Start a provider that knows these clients and people; it ends with the block."""
    issuer = f"http://127.0.0.1:{port}"
    environment = os.environ | {"AUTHLIB_INSECURE_TRANSPORT": "1", "PYTHONWARNINGS": "ignore"}
    if kind == CERTIFIED:
        known = json.dumps({"port": port, "clients": clients, "accounts": accounts})
        command = ["node", str(FOLDER / "provider.mjs"), known]
        release = json.loads((SOURCE / "package.json").read_text())["dependencies"][CERTIFIED]
    else:
        people = [f"--user-claims={json.dumps({'sub': name} | claims)}" for name, claims in accounts.items()]
        command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), *people]
        release = version(MOCK)
    told = None if kind == CERTIFIED else subprocess.DEVNULL  # the other one tells every request
    process = subprocess.Popen(command, env=environment, cwd=SOURCE, stdout=subprocess.DEVNULL, stderr=told)
    try:
        _wait(process, f"{issuer}/.well-known/openid-configuration")
        yield RunningProvider(kind, release, issuer, process)
    finally:
        process.terminate()
        process.wait(10)


def _wait(process: "subprocess.Popen[bytes]", url: str) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise RuntimeError(f"the provider ended with code {process.returncode}")
        try:
            if httpx2.get(url, trust_env=False, timeout=5).status_code == 200:
                return
        except httpx2.HTTPError:
            pass
        time.sleep(0.1)
    raise RuntimeError("the provider does not answer")

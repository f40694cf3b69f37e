"""Programs of others from npm, installed from a lock file without an address."""

import fcntl
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

#: Where they are installed; git ignores it, and `make clean` takes it away.
BUILD = Path(__file__).parent.parent / "build"


@cache
def problem(source: Path, programs: Sequence[str]) -> str | None:
    """Why what stands in a folder cannot run here; None when it can. Installs it at the first call, in `BUILD` under the
    folder's name. `programs` are the folder's own files beside package.json, package-lock.json and .npmrc."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return "needs node and npm: apt install nodejs npm"
    folder = BUILD / source.name
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in ("package.json", "package-lock.json", ".npmrc", *programs):
            shutil.copyfile(source / name, folder / name)
        stamp, wanted = folder / "node_modules" / ".stamp", (source / "package-lock.json").read_text()
        if stamp.exists() and stamp.read_text() == wanted:
            return None
        done = subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=folder,
            capture_output=True,
            timeout=300,
            check=False,
        )
        if done.returncode != 0:
            return "npm ci did not succeed"
        stamp.write_text(wanted)
    return None

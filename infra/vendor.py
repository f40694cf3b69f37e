"""Copies the third-party files that the pages carry out of their npm packages, and records them in docs/third-party.md.

``python infra/vendor.py`` fetches the pinned versions with ``npm pack`` (whatever registry npm is set up for) and writes
the files; ``--check`` only compares what is in the tree with the record.
"""

import hashlib
import re
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "docs" / "third-party.md"


@dataclass(frozen=True)
class Vendored:
    """One file of an npm package, and where it stands here."""

    package: str
    version: str
    licence: str
    inside: str
    target: str
    purpose: str


FILES = (
    Vendored(
        package="htmx.org",
        version="4.0.1",
        licence="0BSD",
        inside="package/dist/htmx.min.js",
        target="platform/web/static/htmx.min.js",
        purpose="asks for the progress of a running close; every page works without it",
    ),
    Vendored(
        package="axe-core",
        version="4.14.1",
        licence="MPL-2.0",
        inside="package/axe.min.js",
        target="tests/web/axe.min.js",
        purpose="accessibility check of the browser tests; not part of the product",
    ),
)

HEAD = """# Third-party files

Files in this repository that others wrote, copied unchanged by `python infra/vendor.py` from the npm packages named here.
A test compares them with this record. Python packages are not copied: `requirements.lock` names and hashes them.

| File | Package | Version | Licence | SHA-256 | For |
|---|---|---|---|---|---|
"""


def digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def fetch(file: Vendored) -> None:
    """Get a package and copy its file."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", "--ignore-scripts", f"{file.package}@{file.version}"]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        archive = next(Path(folder).glob("*.tgz"))
        with tarfile.open(archive) as package:
            content = package.extractfile(file.inside)
            if content is None:
                raise SystemExit(f"{file.package} has no file {file.inside}")
            (ROOT / file.target).write_bytes(content.read())


def record() -> str:
    """The page that records the files as they stand."""
    rows = (
        f"| `{file.target}` | {file.package} | {file.version} | {file.licence} | `{digest(ROOT / file.target)}` | {file.purpose} |"
        for file in FILES
    )
    return HEAD + "\n".join(rows) + "\n"


def differences() -> list[str]:
    """Files that are missing or not as recorded."""
    text = RECORD.read_text(encoding="utf-8")
    known = dict(re.findall(r"^\| `([^`]+)` \|.*`([0-9a-f]{64})` \|", text, re.MULTILINE))
    return [
        file.target
        for file in FILES
        if not (ROOT / file.target).is_file() or known.get(file.target) != digest(ROOT / file.target)
    ]


def main() -> int:
    """Fetch and record, or check."""
    if sys.argv[1:] == ["--check"]:
        for name in differences():
            print(f"{name}: not as docs/third-party.md records it", file=sys.stderr)
        return 1 if differences() else 0
    for file in FILES:
        fetch(file)
    RECORD.write_text(record(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

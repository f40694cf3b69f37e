"""Whether the lock files are what `requirements/*.in` ask for, told without a network.

`make lock` resolves and then runs ``locks.py --write``, which puts the sha256 of the requirements into the first line of
each lock file. `make lint` runs ``locks.py``: it fails when somebody changed a ``.in`` file and did not lock again, when
a requirement is not pinned with hashes, and when the two lock files disagree (tests would run on other versions than
the product).
"""

import hashlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = {
    "requirements.lock": ("runtime.in",),
    "requirements-dev.lock": ("runtime.in", "dev.in"),
}
PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==(\S+)(?: ; ([^\\]+?))?(?: \\)?$")
NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")


def normal(name: str) -> str:
    """A package's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def asked(text: str) -> list[str]:
    """The names a ``.in`` file asks for."""
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    return [normal(found[0]) for line in lines if line and (found := NAME.match(line))]


def stamp(root: Path, lock: str) -> str:
    """The first line a lock file must have. Comments and order of the sources do not count."""
    lines = [
        line
        for source in SOURCES[lock]
        for raw in (root / "requirements" / source).read_text(encoding="utf-8").splitlines()
        if (line := raw.split("#")[0].strip())
    ]
    digest = hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
    return f"# requirements sha256:{digest}"


def pins(text: str) -> tuple[dict[tuple[str, str], str], list[str]]:
    """Versions by (name, marker), and the lines that are not a pin with hashes."""
    found: dict[tuple[str, str], str] = {}
    wrong: list[str] = []
    blocks = re.split(r"\n(?=[^\s#])", "\n" + text)
    for block in blocks:
        lines = [line for line in block.splitlines() if line.strip() and not line.startswith("#")]
        if not lines:
            continue
        pin = PINNED.match(lines[0])
        if pin is None or not all(re.match(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$", line) for line in lines[1:]):
            wrong.append(lines[0])
        elif len(lines) < 2:
            wrong.append(f"{lines[0]} (no hash)")
        else:
            found[normal(pin[1]), (pin[3] or "").strip()] = pin[2]
    return found, wrong


def problems(root: Path = ROOT) -> Iterator[str]:
    """One line per fault."""
    locked: dict[str, dict[tuple[str, str], str]] = {}
    for lock, sources in SOURCES.items():
        text = (root / lock).read_text(encoding="utf-8")
        if text.split("\n", 1)[0] != stamp(root, lock):
            yield f"{lock}: requirements/*.in changed since it was made: run make lock"
        locked[lock], wrong = pins(text)
        yield from (f"{lock}: not pinned with hashes: {line}" for line in wrong)
        names = {name for name, _ in locked[lock]}
        for source in sources:
            for name in asked((root / "requirements" / source).read_text(encoding="utf-8")):
                if name not in names:
                    yield f"{lock}: {name} of {source} is missing: run make lock"
    runtime, everything = locked["requirements.lock"], locked["requirements-dev.lock"]
    for key, version in runtime.items():
        if everything.get(key) != version:
            yield f"requirements-dev.lock: has {everything.get(key)} of {key[0]}, requirements.lock {version}"


def write(root: Path = ROOT) -> None:
    """Put the stamp into both lock files."""
    for lock in SOURCES:
        path = root / lock
        lines = [
            line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("# requirements")
        ]
        path.write_text("\n".join([stamp(root, lock), *lines]) + "\n", encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Check, or with ``--write`` stamp."""
    if arguments == ["--write"]:
        write()
    found = list(problems())
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

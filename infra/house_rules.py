"""House rules that a command can see. Run by `make lint`; each rule says its reason."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: Written so that this file does not contain what it forbids.
REGISTRIES = re.compile(
    "|".join((r"py" + r"pi\.org", r"python" + r"hosted", r"registry\.np" + r"mjs", r"deb\.deb" + r"ian"))
)


def tracked() -> list[Path]:
    """Every tracked text file."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout  # noqa: S607
    return [ROOT / name for name in names.decode().split("\0") if name]


def problems() -> Iterator[str]:
    """One line per broken rule."""
    if (ROOT / "platform" / "__init__.py").exists():
        yield "platform/__init__.py exists: it shadows the standard library's platform module"
    for path in tracked():
        if path.is_symlink() or not path.is_file():
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        name = path.relative_to(ROOT)
        if REGISTRIES.search(text):
            yield f"{name}: names the host of a package registry"
        if path.suffix == ".py":
            yield from _python(name, text)
        if path.suffix == ".lock" and "://" in text:
            yield f"{name}: a lock file holds no address"


def _python(name: Path, text: str) -> Iterator[str]:
    lines = text.count("\n")
    if lines > 500 and name.parts[0] in ("platform", "tests"):
        yield f"{name}: {lines} lines; is there a natural seam? (500 at most)"
    if name.name == "__init__.py" and not re.fullmatch(r'\s*""".*?"""\s*', text, re.DOTALL):
        yield f"{name}: an __init__.py is only a docstring"


def main() -> int:
    """Print the problems; 1 when there are any."""
    found = sorted(problems())
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

"""House rules that a command can see. Run by `make lint`; each rule says its reason."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent

MOST_LINES = 500
#: Folders whose files have a natural seam before that. Revisions of the database grow by rule, not by hand.
SHORT = ("platform", "tests", "infra", "bench", "requirements")


def _any(*parts: str) -> re.Pattern[str]:
    """One pattern of several. They are written in pieces, so that this file does not contain what it forbids."""
    return re.compile("|".join(parts))


#: A build must not depend on where somebody happened to download from: mirrors and proxies are the machine's business.
REGISTRIES = _any(
    r"py" + r"pi\.org", r"python" + r"hosted\.org", r"registry\.np" + r"mjs", r"registry\.yarn" + r"pkg",
    r"npm" + r"mirror\.com", r"deb\.deb" + r"ian", r"snapshot\.deb" + r"ian", r"security\.deb" + r"ian",
    r"--index" + r"-url\b", r"--extra-index" + r"-url\b", r"--find" + r"-links\b",
)  # fmt: skip
#: A customer's clone has no such folder.
MACHINE = _any(
    r"(?<![\w.])/wo" + r"rk/[\w.]", r"\.\./sha" + r"red\b", r"(?<![\w.])/ro" + r"ot/\.", r"(?<![\w.])/Us" + r"ers/\w",
    r"(?<![\w.])/tmp/[a-z]+/b" + r"in/", r"/opt/py" + r"pi", r"/opt/whe" + r"els",
)  # fmt: skip
#: What is not finished is not committed; what is not tested is not hidden.
UNFINISHED = _any(r"\bTO" + r"DO\b", r"\bFIX" + r"ME\b", r"\bXX" + r"X\b", r"mark\.xf" + r"ail", r"mark\.sk" + r"ip\b")
#: Addresses named by tenants are asked by one guarded client; what does not pass through it is not guarded.
CLIENTS = (
    "aiohttp",
    "http.client",
    "httpcore",
    "httpcore2",
    "httpx",
    "httpx2",
    "requests",
    "urllib.request",
    "urllib3",
)
CLIENTS_IN = {
    "platform/outgoing.py",  # the guarded client
    "platform/cli/server.py",  # asks the server that it has just started whether it is ready
}


def tracked(root: Path = ROOT) -> list[Path]:
    """Every tracked file."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True).stdout
    return [root / name for name in names.decode().split("\0") if name]


def problems(root: Path = ROOT, files: Iterable[Path] | None = None) -> Iterator[str]:
    """One line per broken rule."""
    present = [path for path in (tracked(root) if files is None else files) if path.is_symlink() or path.is_file()]
    yield from names(PurePosixPath(path.relative_to(root)) for path in present)
    for path in present:
        name = PurePosixPath(path.relative_to(root))
        if path.is_symlink():
            if str(name) != ".links/forecourt":
                yield f"{name}: a symbolic link; the only one is .links/forecourt"
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        yield from content(name, text)


def names(files: Iterable[PurePosixPath]) -> Iterator[str]:
    """Rules about which files there are."""
    python = [name for name in files if name.suffix == ".py" and name.parts[0] == "platform"]
    if PurePosixPath("platform/__init__.py") in python:
        yield "platform/__init__.py: it shadows the standard library's platform module for whoever starts in the root"
    folders = {parent for name in python for parent in name.parents} - {PurePosixPath("."), PurePosixPath("platform")}
    for folder in sorted(folders):
        if folder / "__init__.py" not in python:
            yield f"{folder}: a package without __init__.py; its docstring says what the folder is for"


def content(name: PurePosixPath, text: str) -> Iterator[str]:
    """Rules about one file."""
    for number, line in enumerate(text.split("\n"), 1):
        if REGISTRIES.search(line):
            yield f"{name}:{number}: names a package registry"
        if name.parts[:2] == ("tests", "data"):
            continue
        if MACHINE.search(line):
            yield f"{name}:{number}: names a folder of one machine"
        if UNFINISHED.search(line) and name.suffix in (".py", ".sql", ".html", ".toml"):
            yield f"{name}:{number}: unfinished; finish it or leave it out"
    if name.suffix == ".py":
        yield from _python(name, text)
    if name.suffix == ".lock" and "://" in text:
        yield f"{name}: a lock file holds no address"


def _python(name: PurePosixPath, text: str) -> Iterator[str]:
    lines = text.count("\n")
    if lines > MOST_LINES and name.parts[0] in SHORT:
        yield f"{name}: {lines} lines; is there a natural seam? ({MOST_LINES} at most)"
    if name.parts[0] == "platform" and str(name) not in CLIENTS_IN:
        for line, module in _imports(text):
            if any(module == client or module.startswith(f"{client}.") for client in CLIENTS):
                yield f"{name}:{line}: imports {module}; requests go out through platform/outgoing.py alone"
    if name.name == "__init__.py" and not _only_docstring(text):
        yield f"{name}: an __init__.py is only a docstring, so that importing a package costs and hides nothing"


def _imports(text: str) -> Iterator[tuple[int, str]]:
    """Every module imported, anywhere in a file; of ``from a import b`` also ``a.b``, which may be a module."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def _only_docstring(text: str) -> bool:
    body = ast.parse(text).body
    return len(body) == 1 and ast.get_docstring(ast.parse(text)) is not None


def main() -> int:
    """Print the problems; 1 when there are any."""
    found = sorted(set(problems()))
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
